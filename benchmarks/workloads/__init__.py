"""All workloads. A new one is a file of its own and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.workloads.ask import Ask, AskBusy, AskFromActor, AskWithTimeout, OutstandingAsks
from benchmarks.workloads.await_ask import AwaitAsk, AwaitBetweenActors, AwaitCoroutine
from benchmarks.workloads.bank_transaction import BankTransaction
from benchmarks.workloads.big import Big
from benchmarks.workloads.bounded_buffer import BoundedBuffer
from benchmarks.workloads.bounded_tell import BoundedTell
from benchmarks.workloads.calls import AttributeRead, Defer, ProxiedCall, ProxyMaking
from benchmarks.workloads.chameneos import Chameneos
from benchmarks.workloads.counting import Counting
from benchmarks.workloads.fibonacci import FibonacciTree
from benchmarks.workloads.fork_join_create import ForkJoinCreate
from benchmarks.workloads.fork_join_throughput import ForkJoinThroughput
from benchmarks.workloads.import_time import ImportTime
from benchmarks.workloads.latency import CrowdedLatency, Latency, StarvedLoop, StarvedThread
from benchmarks.workloads.logistic_map import LogisticMap
from benchmarks.workloads.many_actors import ManyActors
from benchmarks.workloads.many_messages import ManyMessages
from benchmarks.workloads.many_senders import ManySenders
from benchmarks.workloads.message_size import MessageSize
from benchmarks.workloads.philosophers import Philosophers
from benchmarks.workloads.ping_pong import PingPong
from benchmarks.workloads.route import Route, RouteKeys
from benchmarks.workloads.simulated import Simulated
from benchmarks.workloads.sleepers import Sleepers
from benchmarks.workloads.start import Million, Start, StartAndTell, StopAll
from benchmarks.workloads.start_stop import IdleMemory, StartStop
from benchmarks.workloads.tell import Tell
from benchmarks.workloads.thread_ring import ThreadRing
from benchmarks.workloads.timers import Timers
from benchmarks.workloads.trapezoid import Trapezoid
from benchmarks.workloads.two_cores import TwoCores

if TYPE_CHECKING:
    from benchmarks.workload import Workload

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        # what users feel
        Tell(),
        BoundedTell(),
        Ask(),
        AskFromActor(),
        AskWithTimeout(),
        AskBusy(),
        ProxiedCall(),
        Defer(),
        AttributeRead(),
        OutstandingAsks(),
        ProxyMaking(),
        Start(),
        StartAndTell(),
        StartStop(),
        Latency(),
        CrowdedLatency(),
        StarvedThread(),
        StarvedLoop(),
        Sleepers(),
        TwoCores(),
        IdleMemory(),
        Million(),
        StopAll(),
        ImportTime(),
        AwaitAsk(),
        AwaitCoroutine(),
        AwaitBetweenActors(),
        # Savina
        PingPong(),
        Counting(),
        ForkJoinThroughput(),
        ForkJoinCreate(),
        ThreadRing(),
        Chameneos(),
        Big(),
        BoundedBuffer(),
        BankTransaction(),
        Philosophers(),
        LogisticMap(),
        FibonacciTree(),
        Trapezoid(),
        # curves
        ManyActors(),
        ManySenders(),
        MessageSize(),
        # extras
        Timers(),
        ManyMessages(),
        Route("round-robin"),
        Route("round-robin", "from-actor"),
        Route("round-robin", "by-proxy"),
        Route("round-robin", "pool"),
        Route("random"),
        Route("smallest-inbox"),
        Route("smallest-inbox", "pool"),
        Route("consistent-hashing"),
        Route("consistent-hashing", "pool"),
        RouteKeys(),
        Simulated("tells", "three actors, nine tells and an ask"),
        Simulated("asks", "three actors and asks that block, nested in each other"),
    )
}

"""One run: the same choices make the same run, and what is wrong is found."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import programs
from tests.simulation.same import digest
from tests.tiers import repetitions

import pykka
from pykka import simulation
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def kinds(result: simulation.Result) -> list[str]:
    return [finding.kind for finding in result.findings]


def first_that(
    found: Callable[[simulation.Result], object], main: Callable[..., Any], **said: Any
) -> simulation.Result:
    for seed in range(300):
        result = simulation.run(main, seed=seed, **said)
        if found(result):
            return result
    msg = f"no run of {main} is like that"
    raise AssertionError(msg)


# --- the same again -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", programs.ACCUSED)
def test_the_same_seed_makes_the_same_run_and_so_does_its_replay(name: str) -> None:
    main = programs.ACCUSED[name]
    for seed in range(repetitions(38)):
        once, twice = simulation.run(main, seed=seed), simulation.run(main, seed=seed)
        assert once.trace == twice.trace
        assert [str(each) for each in once.findings] == [str(each) for each in twice.findings]
        again = simulation.run(main, replay=once.replay)
        assert again.trace == once.trace
        assert again.behaviour == once.behaviour


def test_each_process_makes_the_same_runs() -> None:
    seeds = repetitions(5)
    for hash_seed in ("1", "2")[: repetitions(1)]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.same", str(seeds)],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == digest(seeds)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lost_update", "exception in the program"),
        ("crossing_asks", "deadlock"),
        ("timer_and_reply", "unhandled exception"),
        ("restart_loses_state", "exception in the program"),
    ],
)
def test_each_mistake_shows_in_some_orders_and_not_in_others(name: str, kind: str) -> None:
    main = programs.ACCUSED[name]
    first_that(lambda result: kind in kinds(result), main)
    first_that(lambda result: kind not in kinds(result), main)


def test_a_program_without_a_mistake_is_not_accused() -> None:
    assert simulation.explore(programs.no_deadlock, runs=repetitions(200)).failure is None


@pytest.mark.exhaustive
@pytest.mark.usefixtures("untraced")
def test_a_program_without_a_mistake_is_not_accused_ever() -> None:
    assert simulation.explore(programs.no_deadlock, runs=10_000).failure is None


def test_a_message_may_be_overtaken_unless_that_is_switched_off() -> None:
    assert simulation.explore(programs.overtaking, runs=300).failure is not None
    assert simulation.explore(programs.overtaking, runs=300, preemption=0.0).failure is None


# --- time ---------------------------------------------------------------------------------------


def test_a_day_passes_at_once() -> None:
    class Sleeper(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> float:
            time.sleep(86_400)
            return time.monotonic()

    result = simulation.run(lambda: Sleeper.start().ask("sleep"))
    assert result.findings == []
    assert result.value == result.now == 86_400
    assert result.steps < 20


def test_a_timeout_is_over_to_the_second() -> None:
    class Never(pykka.PooledActor):
        def on_receive(self, message: Any) -> None:
            time.sleep(1_000)

    def main() -> float:
        with pytest.raises(pykka.Timeout):
            Never.start().ask("?", timeout=5)
        return time.monotonic()

    assert simulation.run(main, haste=0.0).value == 5


def test_timers_ring_in_order_and_repeat() -> None:
    class Notes(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.notes: list[tuple[float, str]] = []

        def on_receive(self, message: str) -> list[tuple[float, str]]:
            self.notes.append((time.monotonic(), message))
            return self.notes

    def main(sim: simulation.Simulation) -> Any:
        notes = Notes.start()
        notes.tell_after(2, "two")
        notes.tell_every(1.5, "again")
        sim.advance(4)
        return notes.ask("end")

    assert simulation.run(main, haste=0.0, allow={"dead letters"}).value == [
        (1.5, "again"),
        (2, "two"),
        (3.0, "again"),
        (4, "end"),
    ]


# --- what is found ------------------------------------------------------------------------------


class Stashing(pykka.PooledActor):
    stash_capacity = 10

    def on_receive(self, message: Any) -> None:
        self.stash()


class Failing(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        raise ValueError(message)


def leaves_a_message_in_the_stash() -> None:
    Stashing.start().tell("for later")


def waits_for_ever() -> None:
    pykka.ThreadingFuture[None]().get()


def an_actor_waits_for_ever() -> None:
    class Waits(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            pykka.ThreadingFuture[None]().get()

    Waits.start().tell("wait")


def fails() -> None:
    Failing.start().tell("boom")


def swallows_a_deadlock() -> None:
    class Asks(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            if message == "go":
                with pytest.raises(pykka.DeadlockError):
                    self.actor_ref.ask("me")

    Asks.start().ask("go")


def loses_a_message() -> None:
    ref = Slow.start()
    ref.tell("first")
    ref.tell("second")
    ref.stop(block=False)
    ref.kill()


class Slow(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        time.sleep(1)


def goes_on_for_ever() -> None:
    class PingPong(pykka.PooledActor):
        other: Any = None

        def on_receive(self, message: Any) -> None:
            self.actor_ref.tell(message)

    PingPong.start().tell("ping")


@pytest.mark.parametrize(
    ("main", "kind", "words"),
    [
        (leaves_a_message_in_the_stash, "left in the stash", "Stashing-0: 1 messages"),
        (waits_for_ever, "hang", "main waits for ever, at File"),
        (an_actor_waits_for_ever, "hang", "Waits-0 waits for ever, at File"),
        (fails, "unhandled exception", "Failing-0: ValueError('boom')"),
        (swallows_a_deadlock, "deadlock", "waits for"),
        (loses_a_message, "dead letter", "never handles 'second'"),
        (goes_on_for_ever, "livelock", "after 1000 steps"),
    ],
)
def test_it_is_found(main: Callable[..., Any], kind: str, words: str) -> None:
    def is_found(result: simulation.Result) -> bool:
        return any(each.kind == kind and words in each.text for each in result.findings)

    first_that(is_found, main, max_steps=1000)


def test_what_is_allowed_is_no_finding() -> None:
    assert simulation.run(fails, allow=[ValueError]).findings == []
    assert kinds(simulation.run(fails, allow=[KeyError])) == ["unhandled exception"]
    assert simulation.run(fails, allow=["unhandled exceptions"]).findings == []
    assert simulation.run(swallows_a_deadlock, allow=["deadlocks"]).findings == []


def test_a_failing_check_says_what_and_how_to_make_the_run_again() -> None:
    result = simulation.run(fails)
    with pytest.raises(simulation.SimulationFailedError, match="ValueError") as caught:
        result.check()
    assert f"replay={result.replay!r}" in str(caught.value)
    assert "Failing-0 handles 'boom'" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_default_system_of_a_run_goes_on_after_its_shutdown() -> None:
    def main() -> None:
        system = pykka.ActorSystem.default()
        first = Failing.start()
        system.shutdown(10)
        assert not first.is_alive()
        assert Failing.start().system is system

    simulation.run(main).check()


# --- what may be used ---------------------------------------------------------------------------


class Limited(pykka.ThreadingActor):
    default_inbox = pykka.inboxes.Bounded(1)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def on_receive(self, message: int) -> list[int]:
        time.sleep(1)
        self.seen.append(message)
        return self.seen


def fills_a_bounded_inbox() -> None:
    limited = Limited.start()
    for number in range(5):
        limited.tell(number)
    assert limited.ask(5) == [0, 1, 2, 3, 4, 5]


def uses_threads_locks_and_queues() -> None:
    import queue  # noqa: PLC0415 (as a program would that is loaded late)

    lock, there, results = threading.Lock(), threading.Event(), queue.Queue[str]()
    taken: list[str] = []

    def work(name: str) -> None:
        there.wait()
        with lock:
            before = len(taken)
            time.sleep(1)
            taken.append(name)
            assert len(taken) == before + 1
        results.put(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    assert all(thread.is_alive() for thread in threads)
    there.set()
    assert sorted(results.get() for _ in threads) == ["a", "b", "c"]
    for thread in threads:
        thread.join()
    assert not any(thread.is_alive() for thread in threads)
    assert time.monotonic() >= 3


def watches_and_stops() -> None:
    class Watcher(pykka.PooledActor):
        child: Any = None

        def __init__(self) -> None:
            super().__init__()
            self.ended: list[Any] = []

        def on_start(self) -> None:
            self.child = self.start_child(Slow)
            self.watch(self.child)

        def on_receive(self, message: Any) -> list[Any]:
            if isinstance(message, pykka.Terminated):
                self.ended.append(message.reason)
            return self.ended

    watcher = Watcher.start()
    child = watcher.proxy().child.get()
    child.stop()
    assert [type(reason) for reason in watcher.ask("who?")] == [pykka.Stopped]
    watcher.stop()
    assert not watcher.is_alive()


def asks_a_router() -> None:
    from pykka import routing  # noqa: PLC0415

    router = routing.RoundRobin([Node.start() for _ in range(2)])
    assert [router.ask("?") for _ in range(4)] == [1, 1, 2, 2]


class Node(pykka.PooledActor):
    count = 0

    def on_receive(self, message: Any) -> int:
        self.count += 1
        return self.count


def tries_again() -> None:
    from pykka.resilience import Retry  # noqa: PLC0415

    class Flaky(pykka.ThreadingActor):
        asked = 0

        def on_receive(self, message: Any) -> str:
            self.asked += 1
            if self.asked < 3:
                raise OSError
            return "at last"

    assert Retry(Flaky.start(), attempts=5, retry_on=OSError).ask("?") == "at last"


def takes_the_first_that_comes() -> None:
    quick, slow = Slow.start(), Limited.start()
    futures = [slow.ask(1, block=False), quick.ask(1, block=False)]
    assert len(list(pykka.as_completed(futures))) == 2


def is_idle() -> None:
    class Idle(pykka.ThreadingActor):
        def on_start(self) -> None:
            self.set_idle_timeout(5)

        def on_idle(self) -> None:
            self.stop()

    reason = Idle.start().when_terminated().get()
    assert isinstance(reason, pykka.Stopped)
    assert time.monotonic() >= 5


def draws_lots() -> None:
    import random  # noqa: PLC0415

    assert 0 <= random.random() < 1
    assert "urn:uuid:" in Node.start().actor_urn


def supervises() -> None:
    boss = Supervisor.start([ChildSpec("node", Node)])
    node = boss.proxy().get_child("node").get()
    assert node.ask("?") == 1
    boss.stop()


def ends_a_system() -> None:
    with pykka.ActorSystem("inner", shutdown_timeout=None) as system:
        node = system.start(Node)
        assert node.ask("?") == 1
    assert not node.is_alive()


def shares_two_threads() -> None:
    dispatcher = pykka.Dispatcher(max_threads=2)
    busy: list[str] = []

    class Worker(pykka.PooledActor):
        def on_receive(self, message: str) -> None:
            busy.append(message)
            assert len(busy) <= 2
            time.sleep(1)
            busy.remove(message)

    workers = [Worker.options(dispatcher=dispatcher).start() for _ in range(4)]
    pykka.get_all(
        [worker.ask(name, block=False) for worker, name in zip(workers, "abcd", strict=True)]
    )
    assert time.monotonic() >= 2


USES = [
    fills_a_bounded_inbox,
    uses_threads_locks_and_queues,
    watches_and_stops,
    asks_a_router,
    tries_again,
    takes_the_first_that_comes,
    is_idle,
    draws_lots,
    supervises,
    ends_a_system,
    shares_two_threads,
]


@pytest.mark.parametrize("teardown", [False, True])
@pytest.mark.parametrize("main", USES)
def test_it_is_simulated(main: Callable[[], None], teardown: bool) -> None:
    found = simulation.explore(main, runs=repetitions(15), teardown=teardown)
    found.check()


# --- pools with a bound -------------------------------------------------------------------------


def asks_along_a_line(length: int, *, caller_runs: bool, threads: int = 2) -> Any:
    dispatcher = pykka.Dispatcher(max_threads=threads)

    class Link(pykka.PooledActor):
        next: Any = None

        def follow(self, ref: Any) -> None:
            self.next = ref

        def call(self) -> int:
            return 1 if self.next is None else int(self.next.proxy().call().get()) + 1

    Link.caller_runs = caller_runs
    links = [Link.options(dispatcher=dispatcher).start() for _ in range(length)]
    for one, other in pairwise(links):
        one.proxy().follow(other).get()
    return links[0].proxy().call().get()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pool_whose_threads_all_wait_says_so(threads: int) -> None:
    """As in the real world; and not that it hangs."""

    def main() -> None:
        with pytest.raises(pykka.PoolExhaustedError, match=f"maximum of {threads} threads"):
            asks_along_a_line(threads + 2, caller_runs=False, threads=threads)
        assert asks_along_a_line(threads, caller_runs=False, threads=threads) == threads

    main()
    simulation.explore(main, runs=repetitions(40)).check()
    pykka.ActorRegistry.stop_all()


def test_an_actor_that_waits_for_another_of_its_pool_runs_it() -> None:
    def main() -> None:
        assert asks_along_a_line(5, caller_runs=True) == 5

    main()
    simulation.explore(main, runs=repetitions(40)).check()
    pykka.ActorRegistry.stop_all()


def test_who_is_outside_of_an_exhausted_pool_is_told_as_well() -> None:
    def main() -> None:
        dispatcher = pykka.Dispatcher(max_threads=1)

        class Inside(pykka.PooledActor):
            caller_runs = False

            def on_receive(self, message: Any) -> Any:
                return message.ask(self.actor_ref)

        class Outside(pykka.ThreadingActor):
            def on_receive(self, message: Any) -> Any:
                return other.ask("?")

        options = Inside.options(dispatcher=dispatcher)
        inside, other, outside = options.start(), options.start(), Outside.start()
        with pytest.raises(pykka.PoolExhaustedError):
            inside.ask(outside)

    main()
    simulation.explore(main, runs=repetitions(40)).check()
    pykka.ActorRegistry.stop_all()


# --- faults and invariants ----------------------------------------------------------------------


def test_an_actor_can_be_crashed_and_its_supervisor_restarts_it() -> None:
    def main(sim: simulation.Simulation) -> Any:
        boss = Supervisor.start([ChildSpec("node", Node)])
        node = boss.proxy().get_child("node").get()
        assert node.ask("?") == 1
        sim.crash(node)
        sim.settle()
        return node.ask("?")

    result = simulation.run(main)
    assert result.findings == []
    assert result.value == 1


def test_an_actor_can_be_made_slow() -> None:
    def main(sim: simulation.Simulation) -> float:
        node = Node.start()
        sim.slow(node, 2.5)
        node.ask("?")
        return sim.now

    assert simulation.run(main).value == 2.5


def test_faults_need_an_actor_of_the_run() -> None:
    def main(sim: Any) -> None:
        with pytest.raises(TypeError, match="the ref of an actor of this run"):
            sim.crash("node")

    simulation.run(main).check()


def test_what_always_holds_is_looked_at_after_each_step() -> None:
    looks: list[int] = []

    def main(sim: simulation.Simulation) -> None:
        account = programs.Account.start()
        actor = account._cell.actor
        sim.always(lambda: looks.append(1))
        sim.always(lambda: actor.balance >= 0)  # type: ignore[union-attr]
        account.proxy().write(-1).get()
        account.proxy().write(1).get()

    result = simulation.run(main)
    assert kinds(result) == ["invariant"]
    assert len(looks) > 3


def test_what_raises_in_an_invariant_is_told_and_it_may_not_wait() -> None:
    def main(sim: simulation.Simulation) -> None:
        node = Node.start()
        sim.always(lambda: node.ask("?"))
        node.ask("?")

    result = simulation.run(main)
    assert kinds(result) == ["invariant"]
    assert "stand still" in result.findings[0].text


# --- what cannot be simulated -------------------------------------------------------------------


def test_a_runtime_of_ones_own_is_refused() -> None:
    class OwnLoop(pykka.ThreadingActor):
        def _actor_loop(self) -> None:
            super()._actor_loop()

    result = simulation.run(OwnLoop.start)
    assert kinds(result) == ["exception in the program"]
    assert isinstance(result.findings[0].error, simulation.NotSimulatedError)
    assert "OwnLoop" in result.findings[0].text


def test_there_is_no_run_inside_of_a_run() -> None:
    result = simulation.run(lambda: simulation.run(programs.tells))
    assert "inside of a run" in result.findings[0].text


def test_a_read_from_a_socket_is_given_up_where_it_cannot_be_interrupted() -> None:
    class Receives(pykka.ThreadingActor):
        def on_receive(self, message: socket.socket) -> bytes:
            return message.recv(1)

    one, other = socket.socketpair()
    with one, other:
        result = simulation.run(lambda: Receives.start().ask(one), patience=0.2, carrier="thread")
        other.send(b"!")  # so that its thread ends
    assert kinds(result) == ["real wait"]
    assert "Receives-0" in result.findings[0].text
    assert "in on_receive" in result.findings[0].text
    assert not result.has_come_back


def test_a_real_wait_is_given_up_and_named() -> None:
    lock = threading.Lock()
    lock.acquire()

    class Waits(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            lock.acquire()

    result = simulation.run(lambda: Waits.start().ask("wait"), patience=0.2, carrier="thread")
    lock.release()
    assert kinds(result) == ["real wait"]
    assert "Waits-0" in result.findings[0].text
    assert "test_runs.py" in result.findings[0].text
    assert not result.has_come_back


# --- what is left -------------------------------------------------------------------------------


def test_nothing_is_left_of_many_runs() -> None:
    before = {thread.ident for thread in threading.enumerate()}
    state = pykka.ActorRegistry.get_all()
    for main in (programs.crossing_asks, programs.asks, waits_for_ever):
        simulation.explore(main, runs=50)
    for thread in threading.enumerate():
        if thread.ident not in before and thread.name == "pykka-simulation":
            thread.join(20)
            assert not thread.is_alive()
    assert pykka.ActorRegistry.get_all() == state


def test_what_a_run_leaves_behind_is_dead() -> None:
    refs: list[pykka.ActorRef[Any]] = []

    def main() -> None:
        refs.append(Node.start())
        refs.append(Slow.start())
        refs[1].ask("wait", block=False)

    simulation.run(main)
    for ref in refs:
        assert not ref.is_alive()
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("too late")


def test_the_standard_library_is_as_before() -> None:
    before = time.sleep, threading.Lock, threading.Thread.start, pykka.crash_hook
    simulation.run(programs.tells)
    assert (time.sleep, threading.Lock, threading.Thread.start, pykka.crash_hook) == before


def test_other_threads_are_in_the_real_world() -> None:
    real_lock = type(threading.Lock())
    seen: list[Any] = []
    go, done = threading.Lock(), threading.Lock()
    go.acquire()
    done.acquire()

    def make_a_lock() -> None:
        go.acquire()
        seen.append(type(threading.Lock()))
        done.release()

    def main() -> None:
        seen.append(type(threading.Lock()))
        go.release()
        done.acquire()

    other = threading.Thread(target=make_a_lock)
    other.start()
    simulation.run(main).check()
    other.join()
    assert seen[0] is not real_lock
    assert seen[1] is real_lock


# --- typed messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", [pykka.ThreadingActor, pykka.PooledActor, pykka.AsyncioActor])
def test_actors_that_accept_some_messages_only_are_simulated(runtime: Any) -> None:
    class Adds(pykka.Accepts[int], runtime):  # type: ignore[misc]
        total = 0

        @pykka.handles(int)
        def add(self, number: int) -> int:
            self.total += number
            return self.total

    def main() -> None:
        ref = Adds.start()
        ref.tell(1)
        assert ref.ask(2) == 3
        with pytest.raises(TypeError, match="does not accept"):
            ref.tell("three")

    simulation.explore(main, runs=10).check()

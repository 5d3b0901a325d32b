"""Routers: refs that pass each message on to one of several actors, or to all of them.

A router is a ref, and stands for its *routees*: it has `tell`, `ask`, `proxy` and `stop` like any
other ref. It is no actor. Routing happens in the sender's thread, and a message lies in no inbox
but a routee's, so it arrives as soon as if it had been sent there.

| Router | who gets a message |
|---|---|
| `RoundRobin` | one routee after the other, in turn |
| `Random` | one that is drawn by lot |
| `SmallestInbox` | the one with the least to do |
| `ConsistentHashing` | the one that its key belongs to |
| `Broadcast` | all; an answer is the list of their answers |
| `ScatterGather` | all; the first answer counts |
| `TailChopping` | one, and after a while another, until there is an answer |

The routees are given by the maker of the router, and may come and go while it is in use. One that
is found to be dead is dropped, and the message goes to another one. Or the router is a *pool*,
which starts its routees itself, supervises them, and can be resized while it is in use:
`RoundRobin.pool(Worker, 8)`, and so for each kind.

The patterns and their names are those of Akka.

Examples:
    >>> import pykka
    >>> from pykka import routing
    >>> class Worker(pykka.PooledActor):
    ...     def __init__(self, name):
    ...         super().__init__()
    ...         self.name = name
    ...     def on_receive(self, message):
    ...         return f"{self.name} does {message}"
    >>> router = routing.RoundRobin([Worker.start("A"), Worker.start("B")])
    >>> [router.ask(task) for task in ("this", "that", "more")]
    ['A does this', 'B does that', 'A does more']
    >>> router.stop()
    True
"""

from pykka.routing._kinds._broadcast import Broadcast
from pykka.routing._kinds._consistent_hashing import ConsistentHashing
from pykka.routing._kinds._random import Random
from pykka.routing._kinds._round_robin import RoundRobin
from pykka.routing._kinds._scatter_gather import ScatterGather
from pykka.routing._kinds._smallest_inbox import SmallestInbox
from pykka.routing._kinds._tail_chopping import TailChopping
from pykka.routing._router import RouterRef

__all__ = [
    "Broadcast",
    "ConsistentHashing",
    "Random",
    "RoundRobin",
    "RouterRef",
    "ScatterGather",
    "SmallestInbox",
    "TailChopping",
]

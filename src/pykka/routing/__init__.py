"""Routers: refs that pass each message on to one of several actors, or to all of them.

A router is a ref that stands for its *routees*: it has `tell`, `ask`, `proxy` and `stop` like any
other ref. It is not an actor. Routing happens on the sender's thread, and a message is in no inbox
but a routee's, so it arrives as soon as if it had been sent to the routee.

| Router | Who gets a message |
|---|---|
| `RoundRobin` | one routee after the other, in turn |
| `Random` | one chosen at random |
| `SmallestInbox` | the one with the least to do |
| `ConsistentHashing` | the one that the message's key belongs to |
| `Broadcast` | all; an answer is the list of their answers |
| `ScatterGather` | all; the first answer counts |
| `TailChopping` | one, and after a pause another one, until there is an answer |

You pass the routees to the router, and may add and remove some while it is in use. A routee that
turns out to be dead is dropped, and the message goes to another one. A *pool* is a router that
starts its routees itself, supervises them, and can be resized while it is in use:
`RoundRobin.pool(Worker, 8)`, and likewise for each kind of router.

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

from pykka._util.signatures import show_plainly as _show_plainly
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

_show_plainly(__all__, globals())

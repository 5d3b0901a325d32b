"""What an actor that is about to be made has to know, and its constructor is not told.

`start()` passes all its arguments to the constructor of the actor's class, so nothing of ours can
be among them. What we have to say lies in the thread's state while the actor is made.

Who takes it
    Problem: a constructor may make and start other actors, of the same class too, and may do so
    before it calls ours. None of them is the one that is meant.

    Invariant: a record is taken by one actor, which is the one that the thread that has laid it
    down is about to get.

    - If a class is started, the record is tied to the new object *before* any constructor runs
      (`make`). An actor that a constructor makes is another object, so the record is not for it.
    - If a function makes the actor (a child specification may hold one), or a metaclass with a
      `__call__()` of its own does, we never see the bare object. Then the record is for the first
      actor that calls our constructor and is not made on behalf of another one, whose constructor
      is still on the stack above (`make_by`).

    A thread that lays a record down restores what lay there before, however the making ends. So
    records may be nested, and a thread that was lent for the start of another actor in the middle
    of a constructor goes on with its own.

*Given up:* a record for the first actor of the class (a constructor that starts another one of the
class first, as a tree does with its branches, gave its name and its parent away).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from pykka._util.checks import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from pykka._cell.cell import Cell
    from pykka._cell.extension import Supervision
    from pykka._util.thread_state import Current, ThreadState

    ActorState: TypeAlias = ThreadState[Cell, "SpawnOptions"]
    """What is kept for a thread, to all that know what is said of an actor before it is made."""

    current: Current[Cell, SpawnOptions]
else:
    from pykka._util.thread_state import current as current  # noqa: PLC0414 (for those above)


class SpawnOptions:
    """What an actor of a class is to be like.

    Args:
        actor_class: The class of the actor.
        name: Its name, or None.
        inbox: The specification of its inbox; None for that of the class.
        dispatcher: What gives it its threads; None for that of the class.
        loop: The event loop for it and its children; None if nothing is said.
        system: The system it belongs to; None for that of the actor that starts it.
        parent: The actor that it ends with, or None.
        shutdown: The seconds that the parent lets it have for its end; None for all it takes.
        supervision: Who decides what becomes of it when it fails, or None.
        cell: The cell it takes over, if it is a further instance of an actor.
    """

    __slots__ = (
        "actor",
        "actor_class",
        "cell",
        "dispatcher",
        "inbox",
        "is_for_the_first",
        "loop",
        "name",
        "parent",
        "shutdown",
        "supervision",
        "system",
    )

    def __init__(
        self,
        actor_class: type[Any],
        *,
        name: str | None = None,
        inbox: Any = None,
        dispatcher: Any = None,
        loop: Any = None,
        system: Any = None,
        parent: Cell | None = None,
        shutdown: float | None = None,
        supervision: Supervision | None = None,
        cell: Cell | None = None,
    ) -> None:
        self.actor_class = actor_class
        self.name = name
        self.inbox = inbox
        self.dispatcher = dispatcher
        self.loop = loop
        self.system = system
        self.parent = parent
        self.shutdown = shutdown
        self.supervision = supervision
        self.cell = cell
        self.actor: Any = None
        """The object that the record is tied to, if it is tied to one."""
        self.is_for_the_first = False
        """Whether, as long as it is tied to none, the first actor that is made takes it."""

    def is_for(self, actor: object) -> bool:
        """Tell whether it is this actor that is meant."""
        if self.actor is not None:
            return self.actor is actor
        return (
            self.is_for_the_first
            and issubclass(type(actor), self.actor_class)
            and not _is_made_for_another(actor)
        )


def make(
    state: ActorState, actor_class: type[Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Make an actor of a class, which takes the record that lies in the thread's state, if any.

    That is, if the record is tied to no object yet, and is for actors of that class.
    """
    spawn_options = state.spawn_options
    if (
        spawn_options is None
        or spawn_options.actor is not None
        or not issubclass(actor_class, spawn_options.actor_class)
        or (spawn_options.is_for_the_first and _is_made_for_another(None))
    ):
        return actor_class(*args, **kwargs)
    if type(actor_class).__call__ is not type.__call__:
        return make_by(spawn_options, actor_class, args, kwargs)
    # What type.__call__() does, with one step between its two.
    actor: Any = actor_class.__new__(actor_class, *args, **kwargs)
    if isinstance(actor, actor_class):
        spawn_options.actor = actor
        actor.__init__(*args, **kwargs)
    return actor


def make_by(
    spawn_options: SpawnOptions,
    maker: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Have something make an actor, which takes a record that lies in the thread's state."""
    spawn_options.is_for_the_first = True
    return maker(*args, **kwargs)


def _is_made_for_another(actor: Any) -> bool:
    """Tell whether the constructor of another actor is what makes this one, or starts it.

    That is one whose object is there and has no cell yet. It is looked for among the first
    arguments of the functions on the stack, up to `make_by`.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not make_by.__code__:
        code = frame.f_code
        if code.co_argcount:
            first: Any = frame.f_locals.get(code.co_varnames[0])
            if first is not actor and _is_half_made(first):
                return True
        frame = frame.f_back
    return False


def _is_half_made(thing: Any) -> bool:
    its_class: type[object] = type_of(thing)
    return hasattr(its_class, "_pykka_cell_class") and thing._pykka_cell is None

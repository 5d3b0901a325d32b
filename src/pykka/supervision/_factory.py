"""How the actor of a child is made, from a class or by a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._actor.actor import Actor, start_actor
from pykka._actor.options import ActorOptions
from pykka._cell import spawn_options
from pykka._cell.spawn_options import current
from pykka._util.checks import shorten

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._ref.ref import ActorRef
    from pykka.supervision._child_monitor import ChildMonitor
    from pykka.supervision._specs import ChildSpec


def is_class(actor: Any) -> bool:
    return isinstance(actor, ActorOptions) or (
        isinstance(actor, type) and issubclass(actor, Actor)
    )


def class_of(actor: Any) -> Any:
    """The class that a child is of; what it was given as, if that is a function."""
    given: Any = actor
    return given.actor_class if isinstance(actor, ActorOptions) else given


def _is_tied_by(cell: Cell, monitor: Any) -> bool:
    return cell.extension is not None and cell.extension.supervision is monitor


def make_child(spec: ChildSpec) -> Any:
    """Make an instance of a child's actor, of which something is said in the thread's state."""
    state, given = current.state, spec.actor
    said: Any = state.spawn_options
    actor: Any
    if is_class(given):
        actor = spawn_options.make(state, class_of(given), spec.args, spec.kwargs)
    else:
        actor = spawn_options.make_by(said, given, spec.args, spec.kwargs)  # type: ignore[arg-type]
    if not isinstance(actor, Actor):
        msg = (
            f"the function of the child specification {shorten(spec.id)} has to make an actor "
            f"that is not started, and returned {shorten(actor)}"
        )
        raise TypeError(msg)
    return actor


def start_made(
    parent: Cell, spec: ChildSpec, monitor: ChildMonitor, said: dict[str, Any]
) -> ActorRef[Any]:
    """Start what the function of a specification makes."""
    state = current.state
    before = state.spawn_options
    state.spawn_options = spawn_options.SpawnOptions(Actor, **said)
    try:
        actor = make_child(spec)
    except BaseException:
        # If it has made an actor and started it, that one is not to stay.
        for cell in parent.need_extension().children.copy():
            if _is_tied_by(cell, monitor):
                cell.kill()
        raise
    finally:
        state.spawn_options = before
    if not _is_tied_by(actor._pykka_cell, monitor):
        msg = (
            f"the function of the child specification {shorten(spec.id)} has returned an actor "
            "that it did not make just then, or not before any other actor; it has to make a new "
            "one each time, and that first"
        )
        raise RuntimeError(msg)
    return start_actor(actor)

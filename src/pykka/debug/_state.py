"""What an actor's attributes are, right now.

The question is a signal: the actor comes to it right after the message that it is handling,
whatever waits in its inbox, however full that is. So what it sees is no state in the middle of a
change.
"""

from __future__ import annotations

from contextlib import suppress
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._cell.spawn_options import current
from pykka._exceptions import Timeout
from pykka._futures.ask import make_ask
from pykka._futures.deadline import check_timeout
from pykka._ref.proxy import require_single
from pykka._util.checks import class_dict, in_seconds, mro_of, shorten
from pykka.messages import system_handler

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef


class _StateRequest(NamedTuple):
    """Ask an actor for its attributes."""


@system_handler(_StateRequest, counted=False)
def _on_state_request(cell: Cell, _envelope: Letter) -> object:
    return attributes_of(cell.require_instance())


_attribute_of: Any = object.__getattribute__


def attributes_of(actor: object) -> dict[str, Any]:
    """The attributes of an object, in its `__dict__` and in slots, without the library's own.

    No code of the object's runs. A slot that is empty is left out.
    """
    found: dict[str, Any] = {}
    for base in reversed(mro_of(type(actor))):
        for name, slot in class_dict(base).copy().items():
            if type(slot) is MemberDescriptorType:
                try:
                    found[name] = slot.__get__(actor)
                except AttributeError:
                    continue
    with suppress(AttributeError):  # all of its attributes are in slots
        found |= _attribute_of(actor, "__dict__")
    return {name: found[name] for name in found if not _is_the_librarys(name)}


def _is_the_librarys(name: str) -> bool:
    return name.startswith("_pykka") or name == "_actor_ref"


def ask_for_state(
    ref: ActorRef[Any], *, timeout: float | None, block: bool
) -> dict[str, Any] | Future[dict[str, Any]]:
    """Ask an actor for its attributes; one whose code asks looks at once."""
    require_single(ref, "debug.get_state()")
    cell = ref._cell
    if timeout is not None and block:
        check_timeout(timeout)
    future: Any = make_ask(_StateRequest(), cell)
    actor = cell.actor
    if actor is None:
        future.set_exception(cell.dead_error("not found"))
    elif current.state.cell is cell:
        future.set(attributes_of(actor))
    else:
        cell.signal(future)
    if not block:
        return future  # type: ignore[no-any-return]
    try:
        return future.get(timeout=timeout)  # type: ignore[no-any-return]
    except Timeout as error:
        handled = cell.handled_message
        doing = "it handles no message" if handled is None else f"it handles {shorten(handled)}"
        place = cell.find_place()
        where = "" if place is None else f", at {place}"
        msg = f"{cell} has not come to it in {in_seconds(timeout)}: {doing}{where}"
        raise Timeout(msg) from error
    finally:
        del future  # the exception's traceback holds this frame

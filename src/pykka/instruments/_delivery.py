"""What instruments are told of a message, and what they send along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._envelope import CallEnvelope, CarryingEnvelope
from pykka._futures.ask import CallAsk, is_ask, is_letter, message_of
from pykka._util.checks import type_of
from pykka.messages import KEYED, _handlers, is_privileged
from pykka.timers._timer import Tick

if TYPE_CHECKING:
    from typing import TypeAlias

    from pykka._ref.ref import ActorRef

    Carried: TypeAlias = tuple[tuple[Any, Any], ...]
    """What each instrument has sent along, with what the instrument was installed as."""

TELL = "tell"
ASK = "ask"
CALL = "call"
DEFER = "defer"
BY_TIMER = "tick"


class Delivery:
    """A message on its way to an actor, or being handled by it."""

    __slots__ = ("_letter", "_operation", "_ref")

    def __init__(self, ref: ActorRef[Any], operation: str, letter: Any) -> None:
        self._ref = ref
        self._operation = operation
        self._letter = letter

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor that gets it."""
        return self._ref

    @property
    def operation(self) -> str:
        """How it was sent: `"tell"`, `"ask"`, `"call"`, `"defer"`, or, by a timer, `"tick"`.

        What a proxy sends is a call, or a defer if no answer is wanted.
        """
        return self._operation

    @property
    def expects_answer(self) -> bool:
        """Whether the sender gets an answer."""
        return self._operation in _WITH_ANSWER

    @property
    def message(self) -> Any:
        """The message. For a call, it is a `ProxyCall` or another class of `pykka.messages`.

        It is `None` for a question that has been answered, because the message was released then.
        """
        message = message_of(self._letter)
        return message.message if type(message) is Tick else message

    @property
    def method(self) -> str | None:
        """The method or attribute that a call names; `None` if it names none."""
        if self._operation not in _CALLS:
            return None
        message = self.message
        path: Any = getattr(message, "attr_path", None)
        return None if path is None else ".".join(path)

    def __repr__(self) -> str:
        return f"<{self._operation} to {self._ref}>"


_CALLS = (CALL, DEFER)
_WITH_ANSWER = (ASK, CALL)


def operation_of(letter: Any) -> str | None:
    """How a letter, or a bare message, was sent; `None` if it is none of the program's."""
    kind = type_of(letter)
    if kind is CallAsk:
        return CALL
    if kind is CallEnvelope:
        return DEFER
    has_asker = is_letter(letter) and letter.reply_to is not None
    message = message_of(letter)
    if is_privileged(message):
        return BY_TIMER if type(message) in KEYED else None
    if _is_call(message):
        return CALL if has_asker else DEFER
    return ASK if has_asker else TELL


def _is_call(message: object) -> bool:
    """Tell whether a message, which may be anything, is what a proxy sends."""
    try:
        return type(message) in _handlers
    except Exception:  # its class has a metaclass whose instances cannot be hashed
        return False


def carrying(letter: Any, carried: Carried) -> Any:
    """A letter that carries something along; a question is changed, and stays what it is."""
    if is_ask(letter):
        letter._carried = carried
        return letter
    if is_letter(letter):
        return CarryingEnvelope(letter.message, letter.reply_to, carried)
    return CarryingEnvelope(letter, None, carried)


def carried_by(letter: Any) -> Carried:
    """What a letter carries along, or the timer of a tick does."""
    if is_ask(letter):
        found: Carried = letter._carried
        return found
    if type(letter) is CarryingEnvelope:
        return letter.carried
    if is_letter(letter) and type(letter.message) is Tick:
        return getattr(letter.message.timer, "carried", ())
    return ()


def unload(letter: Any) -> None:
    """Have a question, which has been handled, keep nothing alive that it has carried."""
    if is_ask(letter) and letter._carried:
        letter._carried = ()

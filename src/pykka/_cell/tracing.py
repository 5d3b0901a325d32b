"""Noting what an actor handles, and what comes of it, if the program wants to know.

Problem
    A message is handled in one of six places, each of which is as short as it can be. None of
    them may ask whether the actor is traced (guarantee G10).

What they all do is to set `Cell.handling`: to the letter at the beginning, and to `None` at the
end, when the asker has the answer. So the cell of an actor that is traced gets another class, in
which that name is a property. It notes what passes by, and puts it where it belongs. The cells of
all other actors have a plain slot there. A failure of what has no asker is noted where the actor
fails.

Invariants
    1. *Only the runner notes, begins to note, and leaves off.* To switch a trace on or off is a
       signal, which has its turn between two messages. Readers copy the list of a trace in one
       step.
    2. *Noting raises nothing of the user's*: what is shown of a message is its `repr()`, whatever
       that does, and a clock that raises says 0.
    3. *No message is kept alive.* What is kept of it is text.

Instruments are told of the same; see `MessageProbe`, and `pykka.instruments`.

A short cut that answers without `handle()` leaves the actor no time between the answer and giving
back the turn, on the main thread of all threads. So it is not taken while the actor is traced; see
`Cell.note_handling`.

Given up: an inbox that notes what is taken out of it, as counting does (what came of a message
would be known when the next one is taken, and how long it took would not); a wrapper around
`on_receive()` (calls through proxies do not pass there, and it is the user's name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pykka._cell.cell import Cell
from pykka._envelope import Envelope
from pykka._futures.ask import is_ask, is_letter
from pykka._util.checks import mro_of, shorten, type_of
from pykka._util.log import LONGEST, is_for_the_program, safe_str
from pykka.messages import (
    KEYED,
    FunctionCall,
    ProxyCall,
    ProxyGetAttr,
    ProxySetAttr,
    is_privileged,
    is_stop,
    system_handler,
)

if TYPE_CHECKING:
    from pykka._envelope import Letter

HANDLED = "handled"
ANSWERED = "answered"
FAILED = "failed"
SET_ASIDE = "set aside"
NOT_ANSWERED = "not answered"
IN_PROGRESS = "in progress"

OUTSIDE = "(outside of a message)"
"""Stands in the place of a message where a hook, or the inbox, has failed."""

_slot = vars(Cell)["handling"]
_handling_of = _slot.__get__
_put_down = _slot.__set__


class Noted:
    """What is noted of one message.

    Args:
        at: When the actor took it up, in seconds by the clock of its system.
        message: What it is, as text.
        ask: The question, if it is one. It is kept until it has been handled.
    """

    __slots__ = ("_ask", "at", "end", "failure", "message", "outcome")

    def __init__(self, at: float, message: str, ask: Any = None) -> None:
        self.at = at
        self.message = message
        self._ask = ask
        self.outcome: str | None = None
        """What will have come of it, if that is known before its end. Only the runner looks."""
        self.failure: str | None = None
        """The exception, as text, if it has no asker. Only the runner looks."""
        self.end: tuple[str, str | None, float] | None = None
        """What has come of it, the answer or the exception as text, and when; in one step, for
        any thread may look."""

    def conclude(self, outcome: str, result: str | None, at: float) -> None:
        """Note what has come of it. It is done once; only the runner does so."""
        self.end = outcome, result, at
        self._ask = None

    def look(self) -> tuple[str, str | None, float | None]:
        """What has come of it, as text, and when; any thread may look.

        The end of a message is noted when its asker may have the answer already. So who looks
        finds the answer in the question by then.
        """
        ask = self._ask  # in this order
        if self.end is not None:
            return self.end
        answer = None if ask is None else _answer_to(ask)
        return (IN_PROGRESS, None, None) if answer is None else (*answer, None)


class Log:
    """The last entries. The runner adds them, and any thread may look.

    Args:
        last: How many are kept.
    """

    __slots__ = ("_entries", "_last")

    def __init__(self, last: int) -> None:
        self._entries: list[Noted] = []
        self._last = last

    def add(self, entry: Noted) -> None:
        """Add one, and forget the oldest ones if there are too many."""
        self._entries.append(entry)
        if len(self._entries) >= 2 * self._last:  # not each time, so that it costs little
            del self._entries[: -self._last]

    def look(self) -> list[Noted]:
        """The last entries, the oldest first."""
        return self._entries[-self._last :]


class MessageProbe(Protocol):
    """What tells instruments of the messages of one actor; see `pykka.instruments`.

    Only the runner calls it, but for `note_timer`.
    """

    def note(self, before: Any, letter: Any) -> None:
        """Be told that a letter is taken up, or that the one before has been handled."""

    def note_left_out(self, why: str) -> None:
        """Be told that the message is not handled: set aside, cancelled, or expired."""

    def note_failure(self, error: BaseException) -> None:
        """Be told of what the message, or a hook, has raised."""

    def note_timer(self, timer: Any) -> None:
        """Be told that a timer of the actor is set; by the thread that sets it."""


class Tracing:
    """What is noted of one actor, and for whom. Only the runner changes it."""

    __slots__ = ("_entry", "logs", "probe")

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.probe: MessageProbe | None = None
        self._entry: Noted | None = None
        """What is noted of the message that is being handled."""

    @property
    def is_needed(self) -> bool:
        """Whether anything is noted."""
        return bool(self.logs) or self.probe is not None

    def note(self, cell: Cell, before: Any, letter: Any) -> None:
        """Note that a letter is taken up, or that the one before has been handled."""
        probe = self.probe
        if probe is not None:
            probe.note(before, letter)
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.conclude(*_outcome_of(entry, before), now(cell))
        if letter is None or not self.logs:
            return
        text = message_in_words(letter)
        if text is not None:
            self._entry = entry = Noted(now(cell), text, letter if is_ask(letter) else None)
            self._add(entry)

    def note_set_aside(self) -> None:
        """Note that the message that is being handled was set aside."""
        self.note_left_out(SET_ASIDE)

    def note_left_out(self, why: str) -> None:
        """Note that the message is not handled: set aside, cancelled, or expired."""
        if self._entry is not None:
            self._entry.outcome = why
        probe = self.probe
        if probe is not None:
            probe.note_left_out(why)

    def note_timer(self, timer: Any) -> None:
        """Note that a timer of the actor is set; the thread that sets it does so."""
        probe = self.probe
        if probe is not None:
            probe.note_timer(timer)

    def note_failure(self, cell: Cell, error: BaseException) -> None:
        """Note an exception of the message that is being handled; or of a hook, if none is."""
        probe = self.probe
        if probe is not None:
            probe.note_failure(error)
        if not self.logs:
            return
        text = shorten(error)
        if self._entry is not None:
            self._entry.failure = text
        elif _handling_of(cell) is None:
            entry = Noted(now(cell), OUTSIDE)
            entry.conclude(FAILED, text, entry.at)
            self._add(entry)

    def _add(self, entry: Noted) -> None:
        for log in self.logs:
            log.add(entry)


def now(cell: Cell) -> float:
    """What time it is; 0 if the clock, which may be the user's, does not say."""
    try:
        return cell.services.clock.now()
    except BaseException as error:
        if is_for_the_program(error):
            raise
        return 0.0


def _outcome_of(entry: Noted, letter: Any) -> tuple[str, str | None]:
    if entry.failure is not None:
        return FAILED, entry.failure
    if entry.outcome is not None:
        return entry.outcome, None
    if is_ask(letter):
        is_at_the_end = is_stop(letter.message)  # a stop is answered when the actor has ended
        return _answer_to(letter) or (HANDLED if is_at_the_end else NOT_ANSWERED, None)
    if is_letter(letter) and letter.reply_to is not None:
        return ANSWERED, None  # into a future of the user's own
    return HANDLED, None


def _answer_to(ask: Any) -> tuple[str, str | None] | None:
    """The answer to a question, as text; `None` if there is none yet."""
    outcome = ask._first_outcome()
    if outcome is None:
        return None
    value, raised = outcome
    return (ANSWERED, shorten(value)) if raised is None else (FAILED, shorten(raised[0]))


def message_in_words(letter: Any) -> str | None:
    """What a letter, or a bare message, says; `None` if it is about what the library itself does.

    A tick of a timer stands for its message.
    """
    message: Any = letter.message if is_letter(letter) else letter
    if is_stop(message):
        return "stop()"
    if is_privileged(message):
        if type(message) not in KEYED:
            return None
        message = message.message
    return _in_words(message)


def _in_words(message: Any) -> str:
    """A message as its sender would write it, not too long."""
    match _kind_of_call(message):
        case "call":
            text = f"{_path(message)}({_arguments(message.args, message.kwargs)})"
        case "function":
            name = getattr(message.function, "__qualname__", None) or message.function
            text = f"call({safe_str(name)}, {_arguments(message.args, message.kwargs)})"
        case "get":
            text = f"get .{_path(message)}"
        case "set":
            text = f"set .{_path(message)} = {shorten(message.value)}"
        case _:
            text = shorten(message)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _kind_of_call(message: Any) -> str | None:
    """Which of the messages of a proxy something is; `None` if it is none."""
    return next((_CALLS[base] for base in mro_of(type(message)) if base in _CALLS), None)


_CALLS: dict[type, str] = {
    ProxyCall: "call",
    FunctionCall: "function",
    ProxyGetAttr: "get",
    ProxySetAttr: "set",
}


def _path(message: Any) -> str:
    return ".".join(map(safe_str, message.attr_path))


def _arguments(args: Any, kwargs: Any) -> str:
    named = [f"{name}={shorten(value)}" for name, value in kwargs.items()]
    return ", ".join([*map(shorten, args), *named])


_traced_classes: dict[type[Cell], type[Cell]] = {}
"""For each class of cells, the one for actors that are traced; and for that one, the other."""


def _other_class(cls: type[Cell]) -> type[Cell]:
    """The class of a cell that is traced if it was not, and is not if it was."""
    other = _traced_classes.get(cls)
    if other is None:
        members = {"__slots__": (), "__module__": cls.__module__, "handling": _Handling()}
        fresh: type[Cell] = type_of(cls)(cls.__name__, (cls,), members)
        # If two threads come here at the same time, each cell goes back to the class it had.
        _traced_classes[fresh] = cls
        other = _traced_classes.setdefault(cls, fresh)
    return other


class _Handling:
    """What stands in the place of the slot `handling` while an actor is traced."""

    def __get__(self, cell: Any, owner: object = None) -> Any:
        return self if cell is None else _handling_of(cell)

    def __set__(self, cell: Any, letter: Any) -> None:
        before = _handling_of(cell)
        _put_down(cell, letter)
        tracing = cell.extension.tracing
        if tracing is not None:  # no more, if an abandoned actor leaves off
            tracing.note(cell, before, letter)


class _Switch(NamedTuple):
    """Begin to note into a log, or leave off."""

    log: Log
    is_on: bool


def switch(cell: Cell, log: Log, *, is_on: bool) -> None:
    """Have what an actor handles be noted in a log, from its next message on; or no more."""
    cell.signal(Envelope(_Switch(log, is_on)))


@system_handler(_Switch, counted=False)
def _on_switch(cell: Cell, envelope: Letter) -> object:
    log, is_on = envelope.message
    tracing = _tracing_of(cell)
    logs = [each for each in tracing.logs if each is not log]
    tracing.logs = [*logs, log] if is_on else logs
    _put_in_or_out(cell, tracing)
    return None


def set_probe(cell: Cell, probe: MessageProbe | None) -> None:
    """Have a probe be told of an actor's messages, or none any more.

    Only for the actor itself, between two messages, or before it begins to live.
    """
    tracing = _tracing_of(cell)
    tracing.probe = probe
    _put_in_or_out(cell, tracing)


def _tracing_of(cell: Cell) -> Tracing:
    tracing: Tracing | None = cell.need_extension().tracing
    return Tracing() if tracing is None else tracing


def _put_in_or_out(cell: Cell, tracing: Tracing) -> None:
    """Give the cell the class that it needs now."""
    extension = cell.need_extension()
    if tracing.is_needed and extension.tracing is None:
        extension.tracing = tracing
        cell.__class__ = _other_class(type(cell))
        cell.note_handling()
    elif not tracing.is_needed and extension.tracing is not None:
        cell.__class__ = _other_class(type(cell))
        extension.tracing = None
        cell.note_handling()

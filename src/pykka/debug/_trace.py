"""The last messages of one actor, as people read them; see `pykka._cell.tracing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pykka._cell.tracing import Log, now, switch
from pykka._ref.proxy import require_single
from pykka._util.checks import check_count

if TYPE_CHECKING:
    from pykka._ref.ref import ActorRef


@dataclass(frozen=True)
class TracedMessage:
    """A message that an actor has handled, or is handling, while it was traced."""

    message: str
    """The message, as `repr()` shows it, and calls as one writes them; 200 characters at most.

    What fails outside of a message, such as a hook, is noted as `"(outside of a message)"`.
    """

    outcome: str
    """What has come of it.

    `"answered"`, `"failed"`, or `"handled"` if no answer was wanted; `"not answered"` if the
    answer comes later; `"set aside"` by `stash()`; `"cancelled"`, of a timer or a question;
    `"expired"`, of a question; `"in progress"`.
    """

    detail: str | None
    """The answer, or the exception, as `repr()` shows it; `None` if there is neither."""

    at: float
    """When the actor took it up, in seconds by the clock of its system."""

    seconds: float | None
    """How long it took, with all that was awaited; `None` if it is in progress, or was answered
    just now."""

    def __str__(self) -> str:
        between = " with " if self.outcome == "failed" else " "
        detail = "" if self.detail is None else f"{between}{self.detail}"
        return f"{self.message}: {self.outcome}{detail}"


class Trace:
    """What `trace()` notes of an actor. As a `with` block, it is stopped at the end."""

    def __init__(self, ref: ActorRef[Any], last: int) -> None:
        require_single(ref, "debug.trace()")
        check_count("last", last)
        if ref._cell.actor is None:
            raise ref._cell.dead_error("not found")
        self._ref = ref
        self._log = Log(last)
        self._began = now(ref._cell)
        switch(ref._cell, self._log, is_on=True)

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor."""
        return self._ref

    @property
    def messages(self) -> tuple[TracedMessage, ...]:
        """The last messages, the oldest first."""
        found: list[TracedMessage] = []
        for entry in self._log.look():
            outcome, detail, end = entry.look()
            seconds = None if end is None else max(0.0, end - entry.at)
            found.append(TracedMessage(entry.message, outcome, detail, entry.at, seconds))
        return tuple(found)

    def stop(self) -> None:
        """Note no more messages. What was noted can still be read.

        A message that the actor is handling is noted to its end. To stop it twice does no harm.
        """
        switch(self._ref._cell, self._log, is_on=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        """The messages as text, each after the seconds since the trace has begun."""
        lines = [f"{self._ref._cell}, its last messages:"]
        for each in self.messages:
            took = "" if each.seconds is None else f" ({_in_short(each.seconds)})"
            lines.append(f"  {each.at - self._began:+.6f} s  {each}{took}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Trace of {self._ref._cell}>"


def _in_short(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"

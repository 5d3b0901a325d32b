"""To install an instrument in a system, and to take it out again.

Invariants
    1. *Late ones are seen.* An instrument is entered, and *then* all actors that are there
       are asked to look whether there is one; an actor that is not there yet is told of when it
       starts, before it can be found. To take one out is the same: it leaves first.
    2. *An actor changes itself.* Unless it does not live yet, it looks between two messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pykka._envelope import Envelope
from pykka._system.life_events import ActorEnded, ActorRestarted, ActorStarted
from pykka._system.system import require_system
from pykka._util.checks import shorten
from pykka.instruments._probe import METHODS, Installed, Panel, let_go, put_on, take_off
from pykka.messages import system_handler

if TYPE_CHECKING:
    from typing import Self

    from pykka._cell.cell import Cell
    from pykka._envelope import Letter
    from pykka._system.dead_letters import DeadLetter
    from pykka._system.system import ActorSystem
    from pykka.instruments._instrument import Instrument


REFUSAL = "an instrument is installed in a pykka.ActorSystem, not in {}"


class Installation:
    """An instrument in a system. In a `with` statement, it is removed at the end of the block."""

    def __init__(self, instrument: Instrument, system: ActorSystem | None) -> None:
        missing = [name for name in METHODS if not callable(getattr(instrument, name, None))]
        if isinstance(instrument, type) or missing:
            msg = (
                f"{shorten(instrument)} is no instrument; derive its class from "
                "pykka.instruments.Instrument, and give an instance"
            )
            raise TypeError(msg)
        self._system = require_system(system, REFUSAL)
        self._installed = Installed(instrument)
        self._panel: Panel = vars(self._system).setdefault("_instruments", Panel())
        try:
            self._install()
        except BaseException:
            self.remove()  # a signal handler raised, we do not know where
            raise

    @property
    def instrument(self) -> Instrument:
        """The instrument."""
        return self._installed.instrument

    @property
    def system(self) -> ActorSystem:
        """The system whose actors the instrument is told of."""
        return self._system

    def _install(self) -> None:
        system, events = self._system, self._system.events
        self._panel.enter(self._installed)
        events.subscribe(ActorStarted, self._started)
        events.subscribe(ActorRestarted, self._restarted)
        events.subscribe(ActorEnded, self._ended)
        system.dead_letters.subscribe(self._dead_letter)
        self._ask_all_to_look()

    def remove(self) -> None:
        """Remove the instrument, so that it is told of nothing more. Doing so twice does no harm.

        It is still told of the end of a message that is being handled. Actors go on counting
        their messages, as after `keep_statistics()`.
        """
        system, events = self._system, self._system.events
        was_there = self._panel.leave(self._installed)
        for subscriber in (self._started, self._restarted, self._ended):
            events.unsubscribe(subscriber)
        if was_there:
            system.dead_letters._subscribers.leave(self._dead_letter)
            self._ask_all_to_look()

    def _ask_all_to_look(self) -> None:
        for cell in self._system.everybody():
            if cell.actor is not None:
                cell.signal(Envelope(_Look(self._panel)))

    def _started(self, event: ActorStarted) -> None:
        cell = event.ref._cell
        if cell.actor is not None and self._panel.each:
            put_on(cell, self._panel)  # it does not live yet
        self._installed.tell("started", event.ref)

    def _restarted(self, event: ActorRestarted) -> None:
        self._installed.tell("restarted", event.ref, event.reason)

    def _ended(self, event: ActorEnded) -> None:
        let_go(event.ref._cell)
        self._installed.tell("ended", event.ref, event.reason)

    def _dead_letter(self, letter: DeadLetter) -> None:
        self._installed.tell("dead_letter", letter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<{type(self.instrument).__name__} in {self._system!r}>"


def install(instrument: Instrument, system: ActorSystem | None = None) -> Installation:
    """Let an instrument be told of the messages and the lives of all actors of a system.

    It is told of living actors from their next message on. While it is installed, all actors of
    the system count their messages, too; see `keep_statistics()`.

    A program without instruments runs exactly the code that it would run if there were no such
    thing. With one, a message takes a few microseconds longer, plus the instrument's own time, and
    an idle pooled actor is no longer run by its asker.

    Args:
        instrument: An instance of a class that is derived from `Instrument`.
        system: The system; `None` for the default one.

    Returns:
        The installation, which can be removed.

    Raises:
        TypeError: `instrument` is not an instrument, or `system` is not a system.
    """
    return Installation(instrument, system)


class _Look(NamedTuple):
    """Look whether there are instruments."""

    panel: Panel


@system_handler(_Look, counted=False)
def _on_look(cell: Cell, envelope: Letter) -> object:
    panel: Panel = envelope.message.panel
    if panel.each:
        put_on(cell, panel)
    else:
        take_off(cell)
    return None

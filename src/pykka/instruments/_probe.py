"""What tells the instruments of a system of the messages of one actor.

Problem
    An actor of a program without instruments must not pay for them (guarantee G10). So there is no
    call for them on the way of a message. A probe is put where statistics and traces are: what
    comes in passes by the meter in front of the inbox, which gets another class, `ProbedMeter`;
    what is taken up and has been handled passes by the cell's `handling`, which is a property in
    the class that the cell gets; see `pykka._cell.metering` and `pykka._cell.tracing`.

Invariants
    1. *Nothing comes out of an instrument* but what a signal handler raises; see `Installed.call`.
    2. *An instrument is not told of itself.* What it sends, and what runs on its thread meanwhile,
       passes by (guarantee G4), or a log handler that tells an actor would recurse for ever.
    3. *What begins ends.* For each message that `handling()` was called for, one of `handled()`,
       `failed()` and `passed_over()` is called, once, in the reverse order of the instruments. It
       is done on the same thread or task, and so in the same context of variables, unless the
       actor ends in the middle of the message.
    4. *The context of a message stays with it* until it has been handled: over the restart of the
       actor, if the message is set aside, and if another actor takes it over.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pykka._cell.metering import Meter, switch_on
from pykka._cell.tracing import SET_ASIDE, set_probe
from pykka._envelope import CarryingEnvelope, Envelope
from pykka._futures.ask import is_ask
from pykka._ref.ref import ref_at
from pykka._util.log import is_for_the_program, report_failure
from pykka._util.thread_state import current
from pykka.instruments._delivery import (
    BY_TIMER,
    Delivery,
    carried_by,
    carrying,
    operation_of,
    unload,
)
from pykka.instruments._instrument import Instrument
from pykka.timers._timer import Tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka.instruments._delivery import Carried
    from pykka.timers._timer import Timer

IN_THE_MIDDLE = "ended"

METHODS = [name for name in vars(Instrument) if not name.startswith("_")]
"""What an instrument is told by."""


class Installed:
    """An instrument that is installed.

    Args:
        instrument: The instrument.
    """

    __slots__ = ("_complained", "_hooks", "instrument")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._hooks: dict[str, Callable[..., Any] | None] = {
            name: None if _is_inherited(instrument, name) else getattr(instrument, name)
            for name in METHODS
        }
        """Its methods; `None` for one that does nothing."""
        self._complained: dict[str, None] = {}
        """The methods that have raised, and were logged for it."""

    def call(self, method: str, *args: object) -> Any:
        """Call a method of the instrument; `None` if it raises, which is logged once."""
        hook = self._hooks[method]
        if hook is None:
            return None
        try:
            return hook(*args)
        except BaseException as error:
            if is_for_the_program(error):
                raise
            if method not in self._complained:
                self._complained[method] = None
                text = "%s() of the instrument %s raised, which is logged once:"
                report_failure(text, method, type(self.instrument).__name__)
            return None

    def has_any(self, *methods: str) -> bool:
        """Tell whether one of some methods does anything."""
        return any(self._hooks[method] is not None for method in methods)

    def tell(self, method: str, *args: object) -> None:
        """Call a method, and have the instruments not be told of what it sends."""
        was_on = _busy.is_on
        try:
            _busy.is_on = True
            self.call(method, *args)
        finally:
            _busy.is_on = was_on


def _is_inherited(instrument: Instrument, method: str) -> bool:
    """Tell whether a method is that of the base class, which does nothing."""
    inherited = getattr(type(instrument), method, None) is getattr(Instrument, method)
    return inherited and method not in getattr(instrument, "__dict__", {})


class Panel:
    """The instruments of one system."""

    __slots__ = ("_entered", "each", "of_handling", "of_sends")

    def __init__(self) -> None:
        self._entered: dict[Installed, None] = {}
        self.each: tuple[Installed, ...] = ()
        """Those that are installed; replaced as a whole, as are the next two."""
        self.of_sends: tuple[Installed, ...] = ()
        """Those of them that are told of sends."""
        self.of_handling: tuple[Installed, ...] = ()
        """Those of them that are told of what is handled."""

    def enter(self, installed: Installed) -> None:
        """Have it told of what happens from now on."""
        self._entered[installed] = None
        self._settle()

    def leave(self, installed: Installed) -> bool:
        """Have it told of nothing any more; False if it was not there."""
        was_there = self._entered.pop(installed, self) is None
        self._settle()
        return was_there

    def _settle(self) -> None:
        """Note those that are entered. The one that does it last has seen all changes."""
        while True:
            each = tuple(self._entered.copy())
            self.each = each
            self.of_sends = tuple(one for one in each if one.has_any("sending", "sent"))
            self.of_handling = tuple(
                one for one in each if one.has_any("handling", "handled", "failed", "passed_over")
            )
            if tuple(self._entered.copy()) == each:
                return


class _Busy(threading.local):
    """Whether this thread is in an instrument."""

    is_on = False


_busy = _Busy()


class _Sending:
    """A message that is being sent."""

    __slots__ = ("_began", "_contexts", "_delivery", "carried")

    def __init__(self, delivery: Delivery, each: tuple[Installed, ...]) -> None:
        self._delivery = delivery
        try:
            _busy.is_on = True
            contexts = [(installed, installed.call("sending", delivery)) for installed in each]
        finally:
            _busy.is_on = False
        self._contexts = contexts
        self.carried: Carried = tuple(pair for pair in contexts if pair[1] is not None)
        self._began = current.state.world.monotonic()

    def end(self, error: BaseException | None) -> None:
        """Tell that it has been sent, or could not be."""
        seconds = current.state.world.monotonic() - self._began
        try:
            _busy.is_on = True
            for installed, context in reversed(self._contexts):
                installed.call("sent", self._delivery, context, seconds, error)
        finally:
            _busy.is_on = False


class _Handling:
    """A message that is being handled."""

    __slots__ = ("_began", "_delivery", "_open", "_states", "error", "why")

    def __init__(self, delivery: Delivery, each: tuple[Installed, ...], carried: Carried) -> None:
        self._delivery = delivery
        self._open = [None]
        """Who takes the token tells of the end: the runner, or the closer if it is abandoned."""
        self.error: BaseException | None = None
        self.why: str | None = None
        states: list[tuple[Installed, Any]] = []
        try:
            _busy.is_on = True
            for installed in each:
                context = None
                for owner, found in carried:
                    if owner is installed:
                        context = found
                states.append((installed, installed.call("handling", delivery, context)))
        finally:
            _busy.is_on = False
        self._states = states
        self._began = current.state.world.monotonic()

    def end(self) -> None:
        """Tell what has come of it, unless that was told."""
        try:
            del self._open[0]
        except IndexError:
            return
        seconds = current.state.world.monotonic() - self._began
        delivery, error, why = self._delivery, self.error, self.why
        try:
            _busy.is_on = True
            for installed, state in reversed(self._states):
                if why is not None:
                    installed.call("passed_over", delivery, state, why)
                elif error is not None:
                    installed.call("failed", delivery, state, seconds, error)
                else:
                    installed.call("handled", delivery, state, seconds)
        finally:
            _busy.is_on = False
            del error  # its traceback may lead here


class Probe:
    """Tells the instruments of a system of the messages of one actor.

    Args:
        cell: The actor.
        panel: The instruments.
    """

    __slots__ = ("_cell", "_handling", "panel")

    def __init__(self, cell: Cell, panel: Panel) -> None:
        self._cell = cell
        self._handling: _Handling | None = None
        self.panel = panel

    def note(self, before: Any, letter: Any) -> None:
        """Tell that a letter is taken up, or that the one before has been handled."""
        handling, self._handling = self._handling, None
        if handling is not None:
            if is_ask(before) and handling.error is None:
                outcome = before._first_outcome()
                if outcome is not None and outcome[1] is not None:
                    handling.error = outcome[1][0]
            if handling.why != SET_ASIDE:
                unload(before)
            handling.end()
        if letter is None:
            return
        each = self.panel.of_handling
        if each and not _busy.is_on:
            operation = operation_of(letter)
            if operation is not None:
                delivery = Delivery(ref_at(self._cell), operation, letter)
                self._handling = _Handling(delivery, each, carried_by(letter))

    def note_left_out(self, why: str) -> None:
        """Note why the message is not handled."""
        if self._handling is not None:
            self._handling.why = why

    def note_failure(self, error: BaseException) -> None:
        """Note what the message has raised; what hooks raise after it is another thing."""
        if self._handling is not None and self._handling.error is None:
            self._handling.error = error

    def note_timer(self, timer: Timer) -> None:
        """Tell that a timer is set, and have what is sent along go with each of its ticks."""
        each = self.panel.of_sends
        if each and not _busy.is_on:
            delivery = Delivery(ref_at(self._cell), BY_TIMER, Envelope(Tick(timer)))
            sending = _Sending(delivery, each)
            timer.carried = sending.carried
            sending.end(None)

    def begin_to_send(self, item: Any) -> tuple[Any, _Sending] | None:
        """Tell that something is about to be put into the inbox.

        Returns:
            What is to be put in in its place, and what is to be told of the end; `None` if no
            instrument has to know of it.
        """
        each = self.panel.of_sends
        if not each or _busy.is_on or type(item) is CarryingEnvelope:
            return None  # the latter if it comes from another actor
        if is_ask(item) and item._carried:
            return None
        operation = operation_of(item)
        if operation is None or operation is BY_TIMER:  # its timer has been told of
            return None
        sending = _Sending(Delivery(ref_at(self._cell), operation, item), each)
        return (carrying(item, sending.carried) if sending.carried else item), sending

    def end(self) -> None:
        """Tell that the actor has ended, perhaps in the middle of a message."""
        handling, self._handling = self._handling, None
        if handling is not None:
            handling.why = IN_THE_MIDDLE
            handling.end()


class ProbedMeter(Meter):
    """What a meter becomes while there are instruments."""

    __slots__ = ()

    # Between any two steps, the actor may give the meter the other class. So nothing here may need
    # to be what it was at the beginning.

    def put(self, put: Callable[[Any], object], item: Any) -> None:
        """Put something into a queue, and tell of that."""
        probe: Probe | None = self.probe
        begun = None if probe is None else probe.begin_to_send(item)
        if begun is None:
            Meter.put(self, put, item)
            return
        letter, sending = begun
        try:
            Meter.put(self, put, letter)
        except BaseException as error:
            sending.end(error)
            raise
        sending.end(None)

    def pass_in(self, item: Any) -> Any:
        """Do the same for what is put into a list, which does not fail."""
        probe: Probe | None = self.probe
        begun = None if probe is None else probe.begin_to_send(item)
        if begun is None:
            return Meter.pass_in(self, item)
        letter, sending = begun
        sending.end(None)
        return Meter.pass_in(self, letter)


def put_on(cell: Cell, panel: Panel) -> None:
    """Have the instruments told of an actor.

    Only for the actor itself, between two messages, or before it begins to live.
    """
    meter = switch_on(cell)
    if meter.probe is None:
        probe = Probe(cell, panel)
        meter.probe = probe
        meter.__class__ = ProbedMeter
        set_probe(cell, probe)


def take_off(cell: Cell) -> None:
    """Have no instrument told of an actor; only for the actor itself, between two messages."""
    extension = cell.extension
    meter: Meter | None = None if extension is None else extension.meter
    if meter is not None and meter.probe is not None:
        meter.__class__ = Meter
        meter.probe = None
        set_probe(cell, None)


def let_go(cell: Cell) -> None:
    """See to the probe of an actor that has ended; to do it twice does no harm.

    Its code may still be running, if it was abandoned.
    """
    extension = cell.extension
    meter: Meter | None = None if extension is None else extension.meter
    probe: Probe | None = None if meter is None else meter.probe
    if extension is not None and meter is not None and probe is not None:
        probe.end()
        meter.__class__ = Meter
        meter.probe = None  # the two know each other
        tracing: Any = extension.tracing
        if tracing is not None:
            tracing.probe = None

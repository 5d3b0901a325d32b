"""The clock rings, the actor handles and somebody cancels, in every order there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, explore, saw, step

from pykka._envelope import Envelope
from pykka._lifecycle.invoke import SetAside
from pykka._util.thread_state import current
from pykka.timers import _timer as _timers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Steps:
    """A list each of whose operations is a step."""

    def __init__(self, name: str, items: list[Any]) -> None:
        self.name = name
        self.items = items

    def append(self, item: Any) -> None:
        step((self.name, "append", str(item)))
        self.items.append(item)

    def __getitem__(self, index: Any) -> Any:
        step((self.name, "read"))
        found = self.items[index]
        saw((self.name, str(found)))
        return found

    def __delitem__(self, index: int) -> None:
        step((self.name, "delete"))
        try:
            del self.items[index]
        except IndexError:
            saw((self.name, "nothing to delete"))
            raise
        saw((self.name, "deleted"))


class Attribute:
    """An attribute; to read it and to write it are steps."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, _class: object = None) -> Any:
        step(("read", self.name))
        value = vars(owner)[self.name]
        saw((self.name, _shown(value)))
        return value

    def __set__(self, owner: Any, value: Any) -> None:
        step(("write", self.name, _shown(value)))
        vars(owner)[self.name] = value


def _shown(value: Any) -> Hashable:
    if isinstance(value, Envelope):
        value = value.message
    return f"tick {value.number}" if isinstance(value, Tick) else value


class Timer(_timers.Timer):
    """A timer whose shared attributes are steps."""

    is_cancelled: Any = Attribute()
    _log: Any = Attribute()
    _left_out: Any = Attribute()


class Tick(_timers.Tick):
    """A tick whose log is a list of steps."""

    def __init__(self, timer: Any) -> None:
        super().__init__(timer)
        ticks = timer._cell.ticks
        self.number = len(ticks)
        ticks.append(self)
        self.log: Any = Steps(f"log {self.number}", [])


class Clock:
    """A clock that always stands at 0."""

    def now(self) -> float:
        return 0.0

    def schedule(self, when: float, alarm: object) -> None:
        pass

    def forget(self, alarm: object) -> None:
        pass


class CellExtension:
    meter = tracing = None

    def __init__(self) -> None:
        self.timers: dict[Any, None] = {}


class Cell:
    """As much of an actor as a timer needs."""

    handling: Any = Attribute()

    def __init__(self, set_aside: int) -> None:
        self.clock = Clock()
        self.extension = CellExtension()
        self.inbox: list[Any] = []
        self.stash: list[Any] = []
        self.ticks: list[Tick] = []
        self.history: list[Any] = []
        self.told: list[int] = []
        self.timer: Any = None
        self.set_aside = set_aside
        self.handling = None

    policy = None
    services = property(lambda self: self)
    actor = property(lambda self: self)
    handled_message = property(lambda self: getattr(self.handling, "message", None))

    def require_instance(self) -> Any:
        return self.actor

    def need_extension(self) -> CellExtension:
        return self.extension

    def line_of_ticks(self) -> None:
        return None

    def tell_unbounded(self, tick: Any) -> None:
        step("send")
        self.inbox.append(Envelope(tick))

    def on_receive(self, message: object) -> None:
        if self.set_aside:
            self.set_aside -= 1
            raise SetAside
        self.history.append("begin")
        self.told.append(self.timer.missed)
        step("in the handler")
        self.history.append("end")

    def handle_next(self) -> None:
        """Do what an actor does with a tick."""
        lane = self.stash or self.inbox
        envelope = lane.pop(0)
        saw(_shown(envelope))
        self.handling = envelope
        try:
            _timers._on_tick(self, envelope)  # type: ignore[arg-type]
        except SetAside:
            tick = envelope.message.timer.set_aside()
            if tick is not None:
                self.stash.append(Envelope(tick))
        self.handling = None


def shadow(timer: Any) -> Any:
    """The values of a timer, without a step."""
    return vars(timer)


def scenario(  # noqa: C901 (its tasks are functions)
    interval: float | None, rings: int, set_aside: int, made: list[Any]
) -> Callable[[], Scenario]:
    """A clock that rings so often, an actor that handles what comes, and one who cancels."""

    def make() -> Scenario:
        cell = Cell(set_aside)
        timer: Any = Timer(cell, "message", 1, interval)  # type: ignore[arg-type]
        cell.timer = timer
        if interval is not None:
            timer._free = Steps("free", [None])
        cell.extension.timers[timer] = None
        made[:] = [cell, timer]
        done: list[str] = []

        def ring() -> None:
            for _ in range(rings):
                step("ring")
                timer.ring()
            step("the clock is done")
            done.append("clock")

        def handle() -> None:
            while True:
                step(
                    "take",
                    ready=lambda: bool(cell.stash or cell.inbox or "clock" in done),
                )
                if not (cell.stash or cell.inbox):
                    return
                cell.handle_next()

        def cancel() -> None:
            step("cancel")
            cell.history.append(("cancelled", timer.cancel()))

        def state() -> Hashable:
            values = shadow(timer)
            free = timer._free
            return (
                values["is_cancelled"],
                next((tick.number for tick in cell.ticks if tick.log is values["_log"]), None),
                values["_left_out"],
                timer._reported,
                timer._delivered,
                timer._missed,
                timer._is_done,
                len(free.items if isinstance(free, Steps) else free),
                tuple(tuple(tick.log.items) for tick in cell.ticks),
                tuple(map(_shown, cell.inbox)),
                tuple(map(_shown, cell.stash)),
                _shown(shadow(cell)["handling"]),
                tuple(cell.history),
                tuple(cell.told),
                cell.set_aside,
                tuple(done),
            )

        def check() -> None:
            check_history(cell.history, is_periodic=interval is not None)
            assert not cell.inbox

        return Scenario({"clock": ring, "actor": handle, "canceller": cancel}, state, check)

    return make


def check_history(history: list[Any], *, is_periodic: bool) -> None:
    [answer] = [entry for entry in history if isinstance(entry, tuple)]
    before, after = history[: history.index(answer)], history[history.index(answer) + 1 :]
    _cancelled, is_in_time = answer
    if is_in_time:
        assert "begin" not in after, f"it was delivered after that: {history}"
        assert before.count("begin") == before.count("end"), f"its handler was running: {history}"
    else:
        assert after.count("begin") <= 1, f"more than the one that had begun: {history}"
    if not is_periodic:
        assert history.count("begin") <= 1, f"it was delivered twice: {history}"
        if is_in_time:
            assert "begin" not in history


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_timers, "Tick", Tick)
    assert current.state.cell is None


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("interval", "rings", "preemptions"),
    [
        pytest.param(None, 1, None, id="once"),
        pytest.param(1000, 2, 3, id="twice"),
        pytest.param(1000, 3, 2, id="three times", marks=pytest.mark.exhaustive),
    ],
)
def test_cancelling_is_right_in_every_interleaving(
    interval: float | None, rings: int, preemptions: int | None
) -> None:
    report = explore(scenario(interval, rings, 0, []), preemptions=preemptions)
    assert report.complete >= 8


@pytest.mark.parametrize(
    ("interval", "rings"),
    [
        pytest.param(None, 1, id="once"),
        pytest.param(1000, 2, id="periodic", marks=pytest.mark.exhaustive),
    ],
)
def test_a_tick_that_is_set_aside_is_cancelled_in_every_interleaving(
    interval: float | None, rings: int
) -> None:
    def make() -> Scenario:
        made: list[Any] = []
        found = scenario(interval, rings, 1, made)()

        def check() -> None:
            cell, _timer = made
            [answer] = [entry for entry in cell.history if isinstance(entry, tuple)]
            after = cell.history[cell.history.index(answer) + 1 :]
            assert after.count("begin") <= (not answer[1])
            assert not cell.stash
            assert not cell.inbox

        return Scenario(found.tasks, found.state, check)

    report = explore(make, preemptions=2)
    assert report.complete >= 8


def test_every_tick_is_handled_or_counted_in_every_interleaving() -> None:
    def make() -> Scenario:
        made: list[Any] = []
        found = scenario(1000, 3, 1, made)()
        del found.tasks["canceller"]

        def check() -> None:
            cell, timer = made
            untold = shadow(timer)["_left_out"] - timer._reported
            assert timer._delivered == cell.history.count("begin")
            assert timer._delivered + sum(cell.told) + untold == 3
            assert len(timer._free.items) == 1, "the token came back"

        return Scenario(found.tasks, found.state, check)

    report = explore(make, preemptions=3)
    assert report.complete >= 8

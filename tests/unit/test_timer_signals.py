"""A signal handler may raise between any two steps of a timer (guarantee G11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import Alarm, Interrupted, inject
from tests.leaks import PATIENCE

import pykka
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("untraced")


class Recorder(pykka.ThreadingActor):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen = seen

    def on_receive(self, message: Any) -> Any:
        if message != "x":
            self.seen.append(message)
        return message


class World:
    """An actor, its clock, and what it has been told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.system = pykka.ActorSystem(clock=self.clock, shutdown_timeout=PATIENCE)
        self.seen: list[Any] = []
        self.ref = self.system.start(Recorder, self.seen)
        self.ref.ask("x")

    def tell(self, seconds: float) -> list[Any]:
        """What it is told when so much time passes."""
        self.clock.advance(seconds)
        self.ref.ask("x")
        told = self.seen.copy()
        self.seen.clear()
        return told


@pytest.fixture
def make_world() -> Iterator[Callable[[], World]]:
    worlds: list[World] = []

    def make() -> World:
        worlds.append(World())
        return worlds[-1]

    yield make
    for world in worlds:
        world.system.shutdown(PATIENCE)


def test_a_timer_that_is_interrupted_while_it_is_set_is_set_or_not(
    make_world: Callable[[], World],
) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        world = make_world()

        def check(interrupted: bool) -> None:
            timers = world.ref.timers()
            assert len(timers) == world.clock.pending <= 1
            assert world.tell(1) == ["tick"] * len(timers)
            assert interrupted or len(timers) == 1

        return lambda: world.ref.tell_every(1, "tick"), check

    assert inject(prepare) > 5


def test_a_timer_that_is_interrupted_while_it_is_cancelled_is_cancelled_or_not(
    make_world: Callable[[], World],
) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        world = make_world()
        timer = world.ref.tell_every(1, "tick")

        def check(interrupted: bool) -> None:
            is_active = timer.is_active
            assert world.tell(1) == ["tick"] * is_active
            assert timer.cancel() is True
            assert world.ref.timers() == []
            assert world.tell(5) == []

        return timer.cancel, check

    assert inject(prepare) > 3


@pytest.mark.parametrize("error", [Interrupted, Alarm])
def test_a_periodic_timer_goes_on_though_it_was_interrupted_while_it_rang(
    make_world: Callable[[], World], error: type[Interrupted]
) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        world = make_world()
        timer = world.ref.tell_every(1, "tick")
        world.clock._now = 1

        def check(interrupted: bool) -> None:
            world.tell(0)
            world.tell(1)
            assert world.tell(3)[-1:] == ["tick"]
            assert timer.is_active

        return timer.ring, check

    assert inject(prepare, error) > 5

"""How long one actor may take to end where nothing else is said; and former words for times."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.supervision import ChildSpec, Supervisor
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hangs(pykka.ThreadingActor):
    """Hangs in its handler until it is let go."""

    def on_receive(self, message: Any) -> Any:
        if message is not None:
            entered, let_go = message
            entered.set()
            let_go.wait(PATIENCE)


class Hold:
    """Holds actors up."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def hold(self, ref: Any) -> Any:
        entered = threading.Event()
        ref.tell((entered, self.let_go))
        assert entered.wait(PATIENCE)
        return ref


@pytest.fixture
def hold() -> Iterator[Hold]:
    hold = Hold()
    yield hold
    hold.let_go.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> Iterator[pykka.ActorSystem]:
    with pykka.ActorSystem(clock=clock, stop_timeout=2, shutdown_timeout=PATIENCE) as system:
        yield system


def reason(ref: Any) -> Any:
    return ref.when_terminated().get(timeout=PATIENCE)


def test_what_was_killed_and_hangs(
    system: pykka.ActorSystem, clock: ManualClock, hold: Hold
) -> None:
    ref, patient = hold.hold(system.start(Hangs)), hold.hold(system.start(Hangs))
    killed, other = ref.kill(block=False), patient.kill(abandon_after=3, block=False)
    clock.advance(1.9)
    assert not killed.done()
    clock.advance(0.1)
    assert killed.get(timeout=PATIENCE)
    assert isinstance(reason(ref), pykka.Abandoned)
    clock.advance(0.9)
    assert not other.done()
    clock.advance(0.1)
    assert other.get(timeout=PATIENCE)


def test_routees_that_were_killed(
    system: pykka.ActorSystem, clock: ManualClock, hold: Hold
) -> None:
    group = routing.RoundRobin([hold.hold(system.start(Hangs))])
    pool = routing.RoundRobin.pool(Hangs, 1, system=system)
    hold.hold(pool)
    routee, supervisor = pool.routees[0], pool.supervisor
    killed = [group.kill(block=False), pool.kill(block=False)]
    clock.advance(2)
    assert killed[0].get(timeout=PATIENCE)
    assert isinstance(reason(routee), pykka.Abandoned)
    assert killed[1].get(timeout=PATIENCE)
    assert reason(supervisor) == pykka.Killed()  # it has had more time than its routees


@pytest.mark.parametrize(("said", "seconds"), [({}, 2), ({"shutdown": 7}, 7)])
def test_a_child_that_its_supervisor_stops(
    system: pykka.ActorSystem, clock: ManualClock, hold: Hold, said: Any, seconds: float
) -> None:
    office = system.start(Supervisor, [ChildSpec("child", Hangs, **said)])
    child = hold.hold(office.child("child", Hangs))
    stopped = office.stop(block=False)
    wait_until(lambda: clock.pending > 0, "the child is asked to stop")
    clock.advance(seconds - 0.1)
    assert child._cell.closed is False
    clock.advance(0.1)  # it is killed
    clock.advance(0.3)
    assert not stopped.done()
    clock.advance(0.1)  # a fifth of two seconds for its last hook are over
    assert isinstance(reason(child), pykka.Abandoned)
    assert stopped.get(timeout=PATIENCE)


def test_a_child_whose_parent_was_abandoned(
    system: pykka.ActorSystem, clock: ManualClock, hold: Hold
) -> None:
    children: list[Any] = []

    class Parent(Hangs):
        def on_start(self) -> None:
            children.append(self.start_child(Hangs))

    parent = hold.hold(system.start(Parent))
    child = hold.hold(children[0])
    parent.kill(abandon_after=1, block=False)
    clock.advance(1)
    assert isinstance(reason(parent), pykka.Abandoned)
    clock.advance(2)
    assert not child.when_terminated().done()
    clock.advance(0.4)
    assert isinstance(reason(child), pykka.Abandoned)


def test_it_can_be_changed_while_actors_live(
    system: pykka.ActorSystem, clock: ManualClock, hold: Hold
) -> None:
    ref = hold.hold(system.start(Hangs))
    system.stop_timeout = 1
    killed = ref.kill(block=False)
    clock.advance(1)
    assert killed.get(timeout=PATIENCE)


def test_the_default_system_has_five_seconds() -> None:
    system = pykka.ActorSystem.default()
    assert system.stop_timeout == 5.0
    try:
        system.stop_timeout = 1
        assert pykka.ActorSystem.default().stop_timeout == 1
    finally:
        system.stop_timeout = 5.0


@pytest.mark.parametrize(
    ("bad", "error"),
    [(0, ValueError), (-1, ValueError), (math.inf, ValueError), (math.nan, ValueError)]
    + [(bad, TypeError) for bad in (None, "1", True)],
)
def test_what_is_no_such_time(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="stop_timeout"):
        pykka.ActorSystem(stop_timeout=bad)
    system = pykka.ActorSystem(stop_timeout=1)
    with pytest.raises(error, match="stop_timeout"):
        system.stop_timeout = bad
    assert system.stop_timeout == 1


# --- former words ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [routing.ScatterGather, routing.TailChopping])
def test_a_timeout_that_was_called_within(kind: Any, clock: ManualClock, hold: Hold) -> None:
    refs = [hold.hold(Hangs.start())]
    text = rf"{kind.__name__}\(within=...\) is called {kind.__name__}\(timeout=...\) now"
    with pytest.warns(DeprecationWarning, match=text) as caught:
        router = kind(refs, within=3, clock=clock)
    assert caught[0].filename == __file__
    answer = router.ask(None, block=False)
    clock.advance(3)
    assert isinstance(answer.exception(timeout=PATIENCE), pykka.Timeout)
    with pytest.warns(DeprecationWarning, match=text) as caught:
        pool = kind.pool(Hangs, 1, within=None)
    assert caught[0].filename == __file__
    pool.stop()
    with pytest.raises(ValueError, match="within must be at least 0"):
        kind(refs, within=-1)
    hold.let_go.set()
    refs[0].stop()

"""Every run of a small program: all behaviours are found, and hardly any run is made twice."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import programs

import pykka
from pykka import simulation
from pykka.simulation import _exhaustive

if TYPE_CHECKING:
    from collections.abc import Callable


def tolerant(main: Callable[[], object]) -> Callable[[], None]:
    """The same program, without what it claims at its end."""

    def program() -> None:
        with contextlib.suppress(AssertionError):
            main()

    return program


def test_two_tellers_have_six_behaviours() -> None:
    found = simulation.explore(tolerant(programs.lost_update), exhaustive=True, runs=60)
    found.check()
    assert found.is_finished
    assert found.behaviours == found.runs == 6
    assert "all behaviours seen" in found.report()


@pytest.mark.exhaustive
def test_three_tellers_have_66_behaviours() -> None:
    found = simulation.explore(tolerant(programs.three_tellers), exhaustive=True, runs=3000)
    found.check()
    assert found.behaviours == 66
    assert found.runs <= 1000


@pytest.mark.parametrize(
    ("main", "seeds"),
    [
        (programs.lost_update, 300),
        (programs.overtaking, 300),
        pytest.param(programs.lost_update, 5000, marks=pytest.mark.exhaustive),
        pytest.param(programs.overtaking, 5000, marks=pytest.mark.exhaustive),
        pytest.param(programs.three_tellers, 5000, marks=pytest.mark.exhaustive),
    ],
)
def test_chance_finds_the_same_behaviours(main: Callable[[], None], seeds: int) -> None:
    every = simulation.explore(tolerant(main), exhaustive=True, runs=5000)
    by_chance = simulation.explore(tolerant(main), runs=seeds)
    assert every.is_finished
    assert by_chance._behaviours == every._behaviours


@pytest.mark.parametrize("name", ["lost_update", "crossing_asks", "overtaking"])
def test_a_mistake_is_found_and_its_line_makes_it_again(name: str) -> None:
    main = getattr(programs, name)
    found = simulation.explore(main, exhaustive=True)
    assert found.failure is not None
    again = simulation.run(main, replay=found.failure.replay)
    assert [str(each) for each in again.findings] == [str(each) for each in found.failure.findings]


def test_a_program_without_a_mistake_is_not_accused() -> None:
    simulation.explore(programs.no_deadlock, exhaustive=True).check()


def test_steps_that_cannot_be_exchanged_are_tried_in_both_orders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If all could be exchanged, some behaviours would be missed."""
    monkeypatch.setattr(_exhaustive, "can_be_exchanged", lambda _one, _other: True)
    found = simulation.explore(tolerant(programs.lost_update), exhaustive=True)
    assert found.behaviours < 6


def test_who_comes_first_makes_a_difference_to_as_completed() -> None:
    first: set[int] = set()

    def main() -> None:
        refs = [programs.Node.start() for _ in range(2)]
        futures = [ref.ask(0, block=False) for ref in refs]
        first.add(futures.index(next(iter(pykka.as_completed(futures)))))

    simulation.explore(main, exhaustive=True).check()
    assert first == {0, 1}


def test_who_gets_a_lock_first_makes_a_difference() -> None:
    import threading  # noqa: PLC0415

    orders: set[str] = set()

    def main() -> None:
        lock, taken = threading.Lock(), [""]

        class Takes(pykka.ThreadingActor):
            def on_receive(self, message: str) -> None:
                with lock:
                    taken[0] += message

        pykka.get_all([Takes.start().ask(name, block=False) for name in "ab"])
        orders.add(taken[0])

    simulation.explore(main, exhaustive=True).check()
    assert orders == {"ab", "ba"}


def test_a_kill_and_a_message_come_in_both_orders() -> None:
    handled: set[bool] = set()

    def main() -> None:
        seen: list[Any] = []

        class Sees(pykka.PooledActor):
            def on_receive(self, message: Any) -> None:
                seen.append(message)

        ref = Sees.start()
        ref.tell("hello")
        ref.kill()
        handled.add(bool(seen))

    simulation.explore(main, exhaustive=True, allow={"dead letters"}).check()
    assert handled == {False, True}


def test_time_passes_when_nothing_else_can_happen() -> None:
    def main() -> None:
        ref = programs.Node.start()
        ref.tell_after(1, 0)
        time.sleep(5)
        assert ref.ask(0) == 2

    simulation.explore(main, exhaustive=True).check()


def test_one_that_is_not_finished_says_so_and_fails() -> None:
    found = simulation.explore(tolerant(programs.three_tellers), exhaustive=True, runs=20)
    assert not found.is_finished
    with pytest.raises(simulation.SimulationFailedError, match="not finished"):
        found.check()


@pytest.mark.parametrize("said", [{"seed": 3}, {"quiet": 3}, {"preemption": 0.1}, {"haste": 0.1}])
def test_nothing_is_left_to_chance(said: Any) -> None:
    with pytest.raises(ValueError, match="nothing to chance"):
        simulation.explore(programs.tells, exhaustive=True, **said)

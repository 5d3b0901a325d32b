"""Every run of a small program: all behaviours are found, and hardly any run is made twice."""

from __future__ import annotations

import contextlib
import random
import threading
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
    assert found.cut_short <= 6
    assert "all behaviours seen" in found.report()


def test_three_tellers_have_66_behaviours() -> None:
    found = simulation.explore(tolerant(programs.three_tellers), exhaustive=True, runs=1000)
    found.check()
    assert found.is_finished
    assert found.behaviours == 66
    assert found.runs + found.cut_short <= 100


@pytest.mark.usefixtures("untraced")
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


Task = tuple[tuple[str, int, Any], ...]
"""What an actor does with a message: whom it tells, or asks, to do what."""


class Doer(pykka.PooledActor):
    """Does what a message says."""

    others: list[Any]

    def on_receive(self, message: Task) -> None:
        for how, whom, what in message:
            if how == "ask":
                self.others[whom].ask(what)
            else:
                self.others[whom].tell(what)


class Locker(Doer):
    """Does it while it holds a lock that it shares."""

    lock: Any = None

    def on_receive(self, message: Task) -> None:
        with self.lock:
            super().on_receive(message)


def program_drawn(seed: int) -> Callable[[], None]:
    """A small program that follows from a seed. Actors ask those only that have higher numbers."""
    chance = random.Random(seed)

    def draw(me: int, depth: int) -> Task:
        task = []
        for _ in range(chance.choice((0, 1, 1, 2)) if depth else 0):
            how = chance.choice(("tell", "tell", "ask"))
            whom = chance.randrange(me + 1 if how == "ask" else 0, 4)
            if whom < 3:
                task.append((how, whom, draw(whom, depth - 1)))
        return tuple(task)

    tasks = [(chance.randrange(3), chance.random() < 0.3) for _ in range(3)]
    drawn = [(whom, waits, draw(whom, 2)) for whom, waits in tasks]
    kinds = [chance.choice((Doer, Doer, Doer, Locker)) for _ in range(3)]

    def program() -> None:
        refs = [kind.start() for kind in kinds]
        lock = threading.Lock()
        for ref in refs:
            actor: Any = ref._cell.actor
            actor.others, actor.lock = refs, lock
        for whom, waits, what in drawn:
            if waits:
                refs[whom].ask(what)
            else:
                refs[whom].tell(what)

    return program


def behaviours_of(program: Callable[[], None]) -> tuple[set[Any], int]:
    found = simulation.explore(
        program, exhaustive=True, runs=3000, allow={"deadlocks", "hangs", "unhandled exceptions"}
    )
    assert found.failure is None, found.report()
    return (found._behaviours if found.is_finished else set()), found.runs + found.cut_short


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("seed", [*range(15), *(
    pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(15, 300)
)])  # fmt: skip
def test_where_no_race_is_nothing_is_missed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are tried for a reason find as much as if each was tried everywhere."""
    program = program_drawn(seed)
    found, runs = behaviours_of(program)
    monkeypatch.setattr(
        _exhaustive.Walker, "_first_to_do", lambda _self, node: {name: [] for name in node.names}
    )
    every, runs_of_all = behaviours_of(program)
    if every:
        assert found == every
        assert runs <= runs_of_all


def test_who_comes_first_makes_a_difference_to_as_completed() -> None:
    first: set[int] = set()

    def main() -> None:
        refs = [programs.Node.start() for _ in range(2)]
        futures = [ref.ask(0, block=False) for ref in refs]
        first.add(futures.index(next(iter(pykka.as_completed(futures)))))

    simulation.explore(main, exhaustive=True).check()
    assert first == {0, 1}


def test_who_gets_a_lock_first_makes_a_difference() -> None:
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

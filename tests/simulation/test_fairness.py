"""Programs that do not come to rest by themselves: all strands go on in the end, and time passes.

In the run in which all is as usual, nothing is overtaken by chance; so what ends there does not
end by luck.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal

import pytest
from tests.simulation.same import describe

import pykka
from pykka import simulation
from pykka.simulation._engine import _choices

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL = "0"
"""The tape of the run in which all is as usual."""


class Restless(pykka.PooledActor):
    """Goes on and on, until it is told that it is enough."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0
        self.is_enough = False

    def on_receive(self, message: Any) -> Any:
        if message == "enough":
            self.is_enough = True
        elif message == "how often?":
            return self.times
        elif not self.is_enough:
            self.times += 1
            self.actor_ref.tell(message)
        return None


class Echo(pykka.ThreadingActor):
    """Answers with the message."""

    def on_receive(self, message: Any) -> Any:
        return message


class Notes(pykka.ThreadingActor):
    """Puts what it gets into a list."""

    def __init__(self, into: list[Any]) -> None:
        super().__init__()
        self.into = into

    def on_receive(self, message: Any) -> None:
        self.into.append(message)


def it_looks_again_and_again() -> None:
    seen: list[Any] = []
    Notes.start(seen).tell("something")
    while not seen:
        time.sleep(0)


def two_of_them_look_for_each_other() -> None:
    seen: list[Any] = []

    class Looks(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            seen.append(message)
            while len(seen) < 2:
                time.sleep(0)

    for name in ("one", "other"):
        Looks.start().tell(name)


def a_coroutine_looks_again_and_again() -> None:
    seen: list[Any] = []

    async def main() -> None:
        Notes.start(seen).tell("something")
        while not seen:  # noqa: ASYNC110
            await asyncio.sleep(0)

    asyncio.run(main())


def another_one_is_asked() -> None:
    restless = Restless.start()
    restless.tell("go on")
    assert Echo.start().ask("still there?") == "still there?"
    restless.tell("enough")


def it_is_looked_each_millisecond() -> None:
    restless = Restless.start()
    restless.tell("go on")
    while restless.ask("how often?") < 20:
        time.sleep(0.001)
    restless.tell("enough")


def it_is_looked_after_a_while() -> None:
    restless = Restless.start()
    restless.tell("go on")
    time.sleep(0.2)
    restless.tell("enough")


def it_sends_until_something_has_come() -> None:
    seen: list[Any] = []
    notes = Notes.start(seen)
    while not seen:
        notes.tell("something")


PROGRAMS = [
    it_looks_again_and_again,
    two_of_them_look_for_each_other,
    a_coroutine_looks_again_and_again,
    another_one_is_asked,
    it_is_looked_each_millisecond,
    it_is_looked_after_a_while,
    it_sends_until_something_has_come,
]


def run(main: Callable[[], Any], **said: Any) -> simulation.Result:
    return simulation.run(main, max_steps=50_000, patience=2, **said)


@pytest.mark.parametrize("main", PROGRAMS)
def test_the_usual_run_comes_to_an_end(main: Callable[[], None]) -> None:
    assert run(main, replay=USUAL).findings == []


@pytest.mark.parametrize("main", PROGRAMS)
def test_each_run_comes_to_an_end_and_is_made_again_by_its_tape(main: Callable[[], None]) -> None:
    for seed in range(8):
        result = run(main, seed=seed)
        assert result.findings == []
        assert describe(run(main, replay=result.replay)) == describe(result)


def test_a_sender_is_overtaken_in_the_end_whatever_is_said() -> None:
    """And the tape says so."""
    result = run(it_sends_until_something_has_come, preemption=0.0, haste=0.0)
    assert result.findings == []
    until = next(number for number, line in enumerate(result.trace) if line.choice)
    sent = [line for line in result.trace[:until] if "main sends" in line.text]
    assert len(sent) >= _choices.MOST_TURNS
    again = run(it_sends_until_something_has_come, replay=result.replay)
    assert describe(again) == describe(result)


@pytest.mark.parametrize("carrier", ["thread", None])
def test_who_looks_for_what_never_comes_is_found_and_unwound(
    carrier: Literal["thread"] | None,
) -> None:
    has_ended = False

    def main() -> None:
        nonlocal has_ended
        try:
            while True:
                time.sleep(0)
        finally:
            has_ended = True

    result = simulation.run(main, max_steps=1000, carrier=carrier)
    assert [each.kind for each in result.findings] == ["livelock"]
    assert has_ended


def test_no_more_time_passes_than_the_steps_have_taken() -> None:
    """A time-out of seconds is not over because there is much to do."""

    class Counts(pykka.PooledActor):
        def on_receive(self, left: int) -> None:
            if left:
                self.actor_ref.tell(left - 1)
            else:
                done.set("done")

    done: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    def main() -> None:
        nonlocal done
        done = pykka.ThreadingFuture()
        Counts.start().tell(3000)
        assert done.get(timeout=1) == "done"

    for seed in range(5):
        result = simulation.run(main, seed=seed, haste=0.0)
        assert result.findings == []
        assert result.now == 0


def test_what_is_due_at_the_same_moment_as_another_is_rung_as_well() -> None:
    def main() -> None:
        restless = Restless.start()
        restless.tell("go on")
        late = [Restless.start() for _ in range(3)]
        for each in late:
            each.tell_after(0.01, "enough")
        while not all(each.proxy().is_enough.get() for each in late):
            time.sleep(0.001)
        restless.tell("enough")

    for seed in range(5):
        assert run(main, seed=seed).findings == []


def test_who_lets_others_go_first_when_the_run_is_over_or_stands_still_does_not_wait() -> None:
    """In an invariant, nothing else may go on; and at the end, nothing else is there."""
    has_ended = False

    class Waits(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            nonlocal has_ended
            try:
                time.sleep(message)
            finally:
                has_ended = True
                time.sleep(0)

    def look() -> None:
        time.sleep(0)

    def main(sim: simulation.Simulation) -> None:
        sim.always(look)
        Waits.start().tell(1000)
        Echo.start().ask("?")
        raise LookupError

    (found,) = simulation.run(main).findings
    assert "LookupError" in found.text
    assert has_ended

"""What a simulated program may do besides sending: its inboxes, its alarms, its ends."""

from __future__ import annotations

import contextlib
import gc
import queue
import time
import weakref
from typing import Any

import pytest
from tests.simulation import programs

import pykka
from pykka import routing, simulation
from pykka._envelope import Envelope
from pykka.simulation._engine import _choices


class Busy(pykka.ThreadingActor):
    """Takes a second for each message, and notes what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> list[Any]:
        time.sleep(1)
        self.got.append(message)
        return self.got


# --- inboxes ------------------------------------------------------------------------------------


def test_what_a_program_takes_out_of_an_inbox_is_not_received() -> None:
    def main() -> Any:
        busy = Busy.start()
        for word in ("one", "two", "three"):
            busy.tell(word)
        time.sleep(0.5)
        taken = busy.actor_inbox.get_nowait().message
        assert busy.ask("four") == ["one", "three", "four"]
        return taken

    result = simulation.run(main, preemption=0.0, haste=0.0)
    assert result.findings == []
    assert result.value == "two"


def test_an_inbox_of_a_programs_own_is_simulated() -> None:
    class OwnInbox(Busy):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(1)

    def main() -> None:
        own = OwnInbox.start()
        own.tell_after(0.5, "tick")
        assert "?" in own.ask("?")

    simulation.explore(main, runs=20, allow={"dead letters"}).check()
    simulation.explore(lambda: OwnInbox.start().ask("?"), exhaustive=True).check()


def test_an_actor_in_a_loop_may_have_a_bounded_inbox() -> None:
    class Clerk(pykka.AsyncioActor):
        default_inbox = pykka.inboxes.Bounded(2)

        async def on_receive(self, message: Any) -> Any:
            return message

    def main() -> None:
        clerk = Clerk.start()
        assert [clerk.ask(word) for word in "abc"] == ["a", "b", "c"]

    simulation.explore(main, runs=10).check()


# --- choices ------------------------------------------------------------------------------------


def test_a_sender_that_is_never_overtaken_goes_on_however_often_it_sends() -> None:
    def main() -> None:
        first, other = programs.Node.start(), programs.Node.start()
        for _ in range(_choices.FAR + 10):
            first.tell(0)
            other.tell(0)

    result = simulation.run(main, preemption=0.0, haste=0.0)
    assert result.findings == []
    assert not any(line.choice for line in result.trace if "main" in line.text)


@pytest.mark.parametrize("chance", [0.0, 0.001, 0.05, 0.5, 1.0])
def test_what_is_drawn_ahead_is_as_probable_as_if_each_was_drawn(chance: float) -> None:
    """Counted over ten thousand choices; the bounds are four standard deviations."""
    unusual = passed = 0
    chooser = _choices.AtRandom(1, preemption=chance, haste=0.0)
    while passed < 10_000:
        passed += chooser.skip() + 1
        unusual += chooser.interrupt(3, may_pass=False) > 0
    bound = 4 * (passed * chance * (1 - chance)) ** 0.5 + passed * 2**-14
    assert abs(unusual - passed * chance) <= bound


def test_haste_counts_only_where_time_may_pass() -> None:
    chooser = _choices.AtRandom(1, preemption=0.0, haste=0.5)
    chosen = set()
    for number in range(100):
        chooser.skip()
        chosen.add((number % 2, chooser.interrupt(2, may_pass=bool(number % 2))))
    assert chosen == {(0, 0), (1, 2)}


# --- time ---------------------------------------------------------------------------------------


def test_who_does_not_wait_at_all_gets_nothing_and_lets_others_go_first() -> None:
    def main() -> None:
        answer = Busy.start().ask("?", block=False)
        with pytest.raises(pykka.Timeout):
            answer.get(timeout=0)
        time.sleep(0)
        assert answer.get() == ["?"]

    simulation.explore(main, runs=20).check()


def test_alarms_of_the_program_ring_in_their_order_and_may_take_their_time() -> None:
    rung: list[str] = []

    class Alarm:
        is_cancelled = False

        def __init__(self, word: str) -> None:
            self.word = word

        def ring(self) -> None:
            time.sleep(5)
            rung.append(self.word)

    def main(sim: simulation.Simulation) -> None:
        rung.clear()
        clock: Any = pykka.ActorSystem.default().clock
        for word in "abc":
            clock.schedule(clock.now() + 1, Alarm(word))
        sim.advance(30)
        assert rung == ["a", "b", "c"]

    simulation.explore(main, runs=20, haste=0.0).check()


def test_a_router_that_draws_lots_draws_the_same_again() -> None:
    def main() -> list[int]:
        router = routing.Random([programs.Node.start() for _ in range(3)])
        return [router.ask(0) for _ in range(10)]

    assert simulation.run(main, seed=3).value == simulation.run(main, seed=3).value


# --- the end ------------------------------------------------------------------------------------


def test_what_is_cleaned_up_at_the_end_of_a_run_does_not_wait() -> None:
    cleaned: list[str] = []

    class Cleans(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            try:
                pykka.ThreadingFuture[None]().get()
            finally:
                cleaned.append("begun")
                time.sleep(1)
                cleaned.append("ended")

    result = simulation.run(lambda: Cleans.start().tell("go"))
    assert [finding.kind for finding in result.findings] == ["hang"]
    assert cleaned == ["begun"]


def test_an_actor_that_is_slow_is_left_in_the_middle() -> None:
    def main(sim: simulation.Simulation) -> None:
        node = programs.Node.start()
        sim.slow(node, 1000)
        node.tell(0)
        time.sleep(1)
        raise ValueError

    result = simulation.run(main, haste=0.0)
    assert [finding.kind for finding in result.findings] == ["exception in the program"]


class Awaits(pykka.AsyncioActor):
    async def on_receive(self, message: Any) -> Any:
        return message


class Limited(Busy):
    default_inbox = pykka.inboxes.Bounded(3)


@pytest.mark.parametrize("actor_class", [Busy, Limited, Awaits])
def test_a_ref_is_dead_after_its_run_to_whatever_is_asked_of_it(actor_class: Any) -> None:
    refs: list[pykka.ActorRef[Any]] = []

    def main() -> None:
        refs.append(actor_class.start())
        refs[0].tell(0)

    simulation.run(main)
    assert refs[0].actor_inbox.empty()
    assert refs[0].kill() is False
    assert refs[0].stop() is False
    cell: Any = refs[0]._cell
    cell.signal(Envelope("too late"))
    cell.send(Envelope("too late"))
    cell.tell_unbounded("too late")
    with pytest.raises(pykka.ActorDeadError):
        refs[0].ask("too late")
    timer_clock: Any = refs[0].system.clock
    timer_clock.schedule(timer_clock.now() + 1, None)


def test_nothing_of_a_run_waits_for_the_garbage_collector() -> None:
    actors: list[weakref.ref[Any]] = []

    def main() -> None:
        refs = [programs.Node.start() for _ in range(3)]
        actors.extend(weakref.ref(ref) for ref in refs)
        for ref in refs:
            ref.tell(0)
        assert refs[0].ask(0) == 2

    gc.collect()
    gc.disable()
    try:
        found = simulation.explore(main, runs=10)
        assert found.failure is None
        assert [each() for each in actors] == [None] * len(actors)
    finally:
        gc.enable()


def test_what_is_sent_is_told_in_words() -> None:
    def main() -> None:
        proxy = programs.Account.start().proxy()
        proxy.balance = 7
        with contextlib.suppress(simulation.Crash):
            assert proxy.balance.get() == 7

    texts = [line.text for line in simulation.run(main).trace]
    assert any("balance = 7" in text for text in texts)

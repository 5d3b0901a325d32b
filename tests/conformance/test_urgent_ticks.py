"""A tick is free of the bound of an inbox, and has its turn in one with priorities."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.inboxes import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log, Runtime

    from pykka.timers import ManualClock


class Sorting(pykka.Actor):
    """Notes what it is told, once it may."""

    def __init__(self, begun: threading.Event, may_go_on: threading.Event) -> None:
        super().__init__()
        self.begun, self.may_go_on = begun, may_go_on
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "hold":
            self.begun.set()
            assert self.may_go_on.wait(PATIENCE)
        elif message == "what have you seen?":
            return self.seen
        else:
            self.seen.append(message)
        return None


def number_in(message: Any) -> int:
    return int("".join(filter(str.isdigit, str(message))) or 1_000)


class Held:
    """An actor that is busy until it is let go."""

    def __init__(self, ref: pykka.ActorRef[Any], may_go_on: threading.Event) -> None:
        self.ref = ref
        self.may_go_on = may_go_on

    def seen(self) -> list[Any]:
        self.may_go_on.set()
        found: list[Any] = self.ref.ask("what have you seen?", timeout=PATIENCE)
        return found


@pytest.fixture
def start(runtime: Runtime, system: pykka.ActorSystem) -> Iterator[Callable[[Priority], Held]]:
    events: list[threading.Event] = []

    def start(spec: Priority) -> Held:
        begun, may_go_on = threading.Event(), threading.Event()
        events.append(may_go_on)
        ref = system.start(runtime.run(Sorting).options(inbox=spec), begun, may_go_on)
        ref.tell("hold")
        assert begun.wait(PATIENCE)
        return Held(ref, may_go_on)

    yield start
    for event in events:
        event.set()


def test_a_tick_is_as_urgent_as_its_message(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    held = start(Priority(number_in))
    ref = held.ref
    ref.tell("1: told")
    ref.tell("3: told")
    ref.tell_after(1, "2: tick")
    ref.tell_after(1, "4: tick")
    ref.tell_every(1, "0: tick")
    clock.advance(1)
    ref.tell("2: told later")
    assert held.seen() == [
        "0: tick",
        "1: told",
        "2: tick",
        "2: told later",
        "3: told",
        "4: tick",
    ]


def test_equally_urgent_ones_are_handled_in_the_order_in_which_they_came(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    held = start(Priority(lambda _message: 0))
    for number in range(1, 4):
        held.ref.tell(f"told {number}")
        held.ref.tell_after(1, f"tick {number}")
        clock.advance(1)
    held.ref.tell("told last")
    assert held.seen() == [
        "told 1",
        "tick 1",
        "told 2",
        "tick 2",
        "told 3",
        "tick 3",
        "told last",
    ]


@pytest.mark.parametrize("when_full", ["block", "raise", "drop_newest", "drop_oldest"])
def test_a_tick_needs_no_room_takes_none_and_is_never_dropped(
    start: Callable[[Priority], Held], clock: ManualClock, when_full: Any
) -> None:
    held = start(Priority(number_in, capacity=2, when_full=when_full))
    ref = held.ref
    ref.tell("1: told")
    for number in (9, 5, 7, 0):
        ref.tell_after(1, f"{number}: tick")
    clock.advance(1)
    ref.tell("8: told")  # there is room for it
    told = ["1: told", "8: told"]
    if when_full == "raise":
        with pytest.raises(pykka.InboxFullError):
            ref.tell("6: told")
    elif when_full != "block":
        ref.tell("6: told")
        if when_full == "drop_oldest":  # of the least urgent, to which no tick belongs
            told = ["1: told", "6: told"]
    ticks = [f"{number}: tick" for number in (0, 5, 7, 9)]
    assert held.ref.actor_inbox.statistics().waiting == 6
    held.may_go_on.set()
    wait_until(lambda: ref.statistics().waiting == 0, "all is handled")
    assert held.seen() == sorted([*told, *ticks], key=number_in)


def test_one_that_is_less_urgent_than_all_but_the_ticks_is_the_one_that_is_dropped(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    held = start(Priority(number_in, capacity=1, when_full="drop_oldest"))
    held.ref.tell("1: told")
    held.ref.tell_after(1, "9: tick")
    clock.advance(1)
    held.ref.tell("5: told")
    statistics = held.ref.actor_inbox.statistics()
    assert (statistics.waiting, statistics.dropped) == (2, 1)
    held.may_go_on.set()
    wait_until(lambda: held.ref.statistics().waiting == 0, "all is handled")
    assert held.seen() == ["1: told", "9: tick"]


def test_a_tick_that_is_taken_makes_no_room(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    held = start(Priority(number_in, capacity=1))
    ref = held.ref
    ref.tell("5: told")
    ref.tell_after(1, "0: tick")
    clock.advance(1)
    blocked = threading.Thread(target=lambda: ref.tell("1: waits"))
    blocked.start()
    wait_until(lambda: ref.actor_inbox.statistics().blocked == 1, "it waits")
    held.may_go_on.set()
    blocked.join(PATIENCE)
    wait_until(lambda: ref.statistics().waiting == 0, "all is handled")
    assert held.seen() == ["0: tick", "5: told", "1: waits"]


def test_a_stop_comes_after_what_was_due_before_it(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    held = start(Priority(number_in))
    told = held.ref._cell.actor.seen
    held.ref.tell_after(1, "9: tick")
    clock.advance(1)
    stopped = held.ref.stop(block=False)
    held.may_go_on.set()
    assert stopped.get(timeout=PATIENCE)
    assert told == ["9: tick"]


def test_the_key_is_asked_for_once_by_whoever_sets_the_timer(
    start: Callable[[Priority], Held], clock: ManualClock
) -> None:
    askers: list[threading.Thread] = []

    def key(message: Any) -> int:
        askers.append(threading.current_thread())
        return number_in(message)

    held = start(Priority(key))
    askers.clear()
    held.ref.tell_every(1, "1: tick")
    for _ in range(3):
        clock.advance(1)
    assert askers == [threading.current_thread()]


def test_what_the_key_function_raises_goes_to_whoever_sets_the_timer(
    start: Callable[[Priority], Held],
) -> None:
    held = start(Priority(lambda message: {"hold": 0, "what have you seen?": 9}[message]))
    with pytest.raises(KeyError, match="unknown"):
        held.ref.tell_after(1, "unknown")
    assert held.ref.timers() == []


def test_a_tick_whose_key_cannot_be_compared_comes_first_and_that_is_logged(
    start: Callable[[Priority], Held], clock: ManualClock, log: Log
) -> None:
    held = start(Priority(lambda message: message[0] if message[0] in "0123456789" else 5))
    held.ref.tell("1: told")
    held.ref.tell_after(1, ":key is a number")
    clock.advance(1)
    held.may_go_on.set()
    wait_until(lambda: held.ref.statistics().waiting == 0, "all is handled")
    assert log.wait_for("ERROR", "cannot be compared")

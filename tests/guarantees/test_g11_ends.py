"""G11, for the ways to end an actor and to be told of it.

A signal handler raises at every place of the calls that end and watch actors. What was asked for
is done or not, wholly; everything still works; nobody waits for ever.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.guarantees.test_g11_signal_handlers import (
    ERRORS,
    RECORDERS,
    HookedRecorder,
    PooledRecorder,
    Recorder,
    Recording,
    assert_everything_works,
)
from tests.injection import Alarm, CtrlC, Interrupted, inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._cell.reasons import Abandoned, Killed, Stopped
from pykka._lifecycle.kill import abandon
from pykka.timers import ManualClock
from pykka.timers._clock import MonotonicClock

if TYPE_CHECKING:
    from collections.abc import Callable

Prepared = tuple["Callable[[], object]", "Callable[[bool], object]"]


class Watcher(pykka.PooledActor):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.got.put(message)
        return None


@pytest.mark.thinned
@ERRORS
@RECORDERS
@pytest.mark.parametrize("way", ["kill", "kill with a deadline", "kill without waiting"])
def test_a_kill_is_interrupted_everywhere(
    way: str, error: type[Interrupted], recorder: type[Recording]
) -> None:
    watcher = Watcher.start()
    got = watcher.proxy().got.get()

    def prepare() -> Prepared:
        ref = recorder.start()
        watcher.ask(lambda me: me.watch(ref))
        before = ref.when_terminated()
        functions: dict[str, Callable[[], object]] = {
            "kill": ref.kill,
            "kill with a deadline": lambda: ref.kill(abandon_after=100),
            "kill without waiting": lambda: ref.kill(block=False),
        }

        def check(interrupted: bool) -> None:
            del interrupted
            again = ref.kill(block=False)  # whatever has become of the first
            again.get(timeout=PATIENCE)
            assert before.get(timeout=PATIENCE) == Killed()
            assert got.get(timeout=PATIENCE) == pykka.Terminated(ref, Killed())
            wait_until(lambda: pykka.ActorRegistry.get_all() == [watcher], "it is forgotten")
            assert got.empty()

        return functions[way], check

    assert inject(prepare, error) >= 5
    assert_everything_works()


def test_what_strikes_while_a_killer_finds_the_actor_ended_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end comes between the killer's look for it and the note that it wants to be told."""
    begun, go_on = threading.Event(), threading.Event()
    schedule = MonotonicClock.schedule

    def schedule_late(clock: MonotonicClock, when: float, alarm: Any) -> None:
        go_on.set()
        ref.when_terminated().get(timeout=PATIENCE)
        schedule(clock, when, alarm)

    def strike(_clock: MonotonicClock, _alarm: object) -> None:
        raise Alarm

    def hang(_me: object) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    ref = Watcher.start()
    ref.tell(hang)
    assert begun.wait(PATIENCE)
    monkeypatch.setattr(MonotonicClock, "schedule", schedule_late)
    monkeypatch.setattr(MonotonicClock, "forget", strike)
    with pytest.raises(Alarm):
        ref.kill(abandon_after=PATIENCE)


@pytest.mark.thinned
@ERRORS
@pytest.mark.parametrize("when", ["living", "dead"])
def test_a_watch_is_interrupted_everywhere(when: str, error: type[Interrupted]) -> None:
    """The thread that asks runs the actor itself, so the handler strikes in the watch."""

    def prepare() -> Prepared:
        watcher = Watcher.start()
        got = watcher.ask(lambda me: me.got)
        ref = pykka.ThreadingActor.start()
        if when == "dead":
            ref.stop(timeout=PATIENCE)

        def check(interrupted: bool) -> None:
            del interrupted
            watcher.ask(lambda me: me.watch(ref), timeout=PATIENCE)
            ref.stop(timeout=PATIENCE)
            ref.when_terminated().get(timeout=PATIENCE)
            first = got.get(timeout=PATIENCE)
            assert first == pykka.Terminated(ref, Stopped())
            watcher.ask("the last", timeout=PATIENCE)
            rest = []
            while not got.empty():
                rest.append(got.get())
            # If the first watch had been told already, the second was one of its own.
            assert rest in (["the last"], [first, "the last"] if when == "dead" else None)
            assert watcher.stop(timeout=PATIENCE) is True

        return lambda: watcher.ask(lambda me: me.watch(ref)), check

    assert inject(prepare, error) >= 5
    assert_everything_works()


@ERRORS
def test_an_unwatch_is_interrupted_everywhere(error: type[Interrupted]) -> None:
    def prepare() -> Prepared:
        watcher = Watcher.start()
        got = watcher.ask(lambda me: me.got)
        ref = pykka.ThreadingActor.start()
        watcher.ask(lambda me: me.watch(ref))

        def check(interrupted: bool) -> None:
            del interrupted
            watcher.ask(lambda me: me.unwatch(ref), timeout=PATIENCE)
            ref.stop(timeout=PATIENCE)
            ref.when_terminated().get(timeout=PATIENCE)
            watcher.ask("the last", timeout=PATIENCE)
            assert got.get(timeout=PATIENCE) == "the last"
            assert watcher.stop(timeout=PATIENCE) is True

        return lambda: watcher.ask(lambda me: me.unwatch(ref)), check

    assert inject(prepare, error) >= 5
    assert_everything_works()


@pytest.mark.exhaustive
def test_an_abandonment_is_interrupted_everywhere() -> None:
    """It is the main thread that winds a manual clock."""
    watcher = Watcher.start()
    got = watcher.proxy().got.get()

    class Hangs(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            message.wait(PATIENCE)

    def prepare() -> Prepared:
        ref = Hangs.start()
        may_end = threading.Event()
        asked = ref.ask(may_end, block=False)
        wait_until(lambda: ref._cell.handling is not None, "it hangs")
        left = ref.ask(may_end, block=False)
        watcher.ask(lambda me: me.watch(ref))
        before = ref.when_terminated()

        def check(interrupted: bool) -> None:
            del interrupted
            abandon(ref._cell)
            for each in (asked, left):
                with pytest.raises(pykka.ActorDeadError):
                    each.get(timeout=PATIENCE)
            assert isinstance(before.get(timeout=PATIENCE), Abandoned)
            assert isinstance(got.get(timeout=PATIENCE).reason, Abandoned)
            wait_until(lambda: pykka.ActorRegistry.get_all() == [watcher], "it is forgotten")
            may_end.set()

        return lambda: abandon(ref._cell), check

    assert inject(prepare) >= 20
    assert_everything_works()


@pytest.mark.parametrize(
    ("error", "recorder"),
    [
        (Alarm, HookedRecorder),
        pytest.param(CtrlC, HookedRecorder, marks=pytest.mark.exhaustive),
        *(
            pytest.param(error, recorder, marks=pytest.mark.exhaustive)
            for error in (Alarm, CtrlC)
            for recorder in (Recorder, PooledRecorder)
        ),
    ],
)
def test_a_shutdown_is_interrupted_everywhere(
    error: type[Interrupted], recorder: type[Recording]
) -> None:
    def prepare() -> Prepared:
        system = pykka.ActorSystem(clock=ManualClock())
        refs = [system.start(recorder) for _ in range(2)]

        def check(interrupted: bool) -> None:
            del interrupted
            system.shutdown(PATIENCE)
            assert system.everybody() == []
            for ref in refs:
                ref.when_terminated().get(timeout=PATIENCE)
            with pytest.raises(RuntimeError, match="has ended"):
                system.start(recorder)

        return lambda: system.shutdown(PATIENCE), check

    assert inject(prepare, error) >= 20
    assert_everything_works()


@pytest.mark.thinned
@ERRORS
@RECORDERS
def test_the_start_of_a_named_actor_is_interrupted_everywhere(
    error: type[Interrupted], recorder: type[Recording]
) -> None:
    system = pykka.ActorSystem()
    options: Any = recorder.options(name="cart")

    def prepare() -> Prepared:
        def check(interrupted: bool) -> None:
            if interrupted:  # it lives, and is known, or nothing is left of it
                system.stop_all(timeout=PATIENCE)
                wait_until(lambda: system.everybody() == [], "nothing is left of it")
                ref = system.start(options)
            else:
                (ref,) = system.get_all()
            assert system.get_by_name("cart") == ref
            assert ref.stop(timeout=PATIENCE) is True
            wait_until(lambda: system.everybody() == [], "it has ended")

        return lambda: system.start(options), check

    assert inject(prepare, error) >= 20
    assert_everything_works()

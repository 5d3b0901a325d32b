"""G8: the hook at the end of a life runs exactly once, and before a stop is answered."""

from __future__ import annotations

import functools
import queue
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from tests.conftest import Runtime


pytestmark = pytest.mark.usefixtures("witness")


class Hooked(pykka.Actor):
    """Notes which hooks ran; its on_stop takes as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[object] = []
        self.stopping = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        return message

    def on_stop(self) -> None:
        self.hooks.append("stop")
        self.stopping.set()
        assert self.may_end.wait(PATIENCE)
        self.hooks.append("stop ends")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.hooks.append((exception_type, exception_value, traceback is not None))


Start: TypeAlias = Callable[[], tuple[pykka.ActorRef[Hooked], Hooked]]

STOPPED = ["stop", "stop ends"]


@pytest.fixture
def start(runtime: Runtime) -> Start:
    """Starts an actor."""
    return functools.partial(start_hooked, runtime.run(Hooked))


def start_hooked(hooked_class: type[Hooked]) -> tuple[pykka.ActorRef[Hooked], Hooked]:
    ref = hooked_class.start()
    actor = ref._actor
    assert actor is not None
    return ref, actor


def wait_for_end(actor: Hooked) -> None:
    wait_until(lambda: actor._pykka_cell.actor is None, "the actor has ended")


def test_an_orderly_stop(start: Start) -> None:
    ref, actor = start()
    assert ref.stop() is True
    assert actor.hooks == STOPPED
    assert ref.stop() is False


def test_a_stop_from_within(start: Start) -> None:
    ref, actor = start()
    ref.tell(lambda self: (self.stop(), self.stop()))
    wait_for_end(actor)
    assert actor.hooks == STOPPED


def test_a_crash(start: Start) -> None:
    ref, actor = start()
    error = ValueError("on purpose")
    ref.tell(error)
    wait_for_end(actor)
    assert actor.hooks == [(ValueError, error, True)]


def test_a_crash_with_a_stop_already_in_the_inbox(start: Start) -> None:
    ref, actor = start()
    may_crash = threading.Event()

    def crash(_self: Hooked) -> None:
        assert may_crash.wait(PATIENCE)
        raise ValueError

    ref.tell(crash)
    stopped = ref.stop(block=False)
    also_stopped = ref.stop(block=False)
    may_crash.set()

    assert stopped.get(timeout=PATIENCE) is True
    assert also_stopped.get(timeout=PATIENCE) is True
    assert [hook[0] for hook in actor.hooks if isinstance(hook, tuple)] == [ValueError]
    assert len(actor.hooks) == 1


@pytest.mark.parametrize("how", ["tell", "ask"])
def test_a_base_exception_is_an_orderly_stop(how: str, start: Start) -> None:
    ref, actor = start()
    if how == "tell":
        ref.tell(KeyboardInterrupt())
    else:
        with pytest.raises(KeyboardInterrupt):
            ref.ask(KeyboardInterrupt(), timeout=PATIENCE)
    wait_for_end(actor)
    assert actor.hooks == STOPPED


def test_a_failing_start(runtime: Runtime) -> None:
    hooks: queue.SimpleQueue[object] = queue.SimpleQueue()

    class Failing(runtime.actor_class):
        def on_start(self) -> None:
            raise ValueError("on purpose")

        def on_failure(self, *args: Any) -> None:
            hooks.put(args[0])

        def on_stop(self) -> None:
            hooks.put("stop")

    ref = Failing.start()
    assert hooks.get(timeout=PATIENCE) is ValueError
    assert ref.actor_stopped.wait(PATIENCE)
    assert ref.stop() is False
    assert hooks.empty()


@pytest.mark.parametrize("error", [ValueError("on purpose"), SystemExit(1)], ids=repr)
def test_a_failing_stop_hook_is_not_run_again(error: BaseException, runtime: Runtime) -> None:
    runs: list[str] = []

    class Failing(Hooked):
        def on_stop(self) -> None:
            runs.append("stop")
            raise error

    ref = runtime.run(Failing).start()
    actor = ref._actor
    assert actor is not None
    assert ref.stop(timeout=PATIENCE) is True
    wait_for_end(actor)
    assert runs == ["stop"]
    assert actor.hooks == []


@pytest.mark.parametrize("error", [ValueError("on purpose"), SystemExit(1)], ids=repr)
def test_a_failing_failure_hook_is_not_run_again(error: BaseException, runtime: Runtime) -> None:
    runs: list[str] = []

    class Failing(Hooked):
        def on_failure(self, *_args: Any) -> None:
            runs.append("failure")
            raise error

    ref = runtime.run(Failing).start()
    actor = ref._actor
    assert actor is not None
    ref.tell(ValueError("the first"))
    wait_for_end(actor)
    assert runs == ["failure"]
    assert actor.hooks == []


@needs("blocking handlers")
def test_an_accepted_stop_is_answered_after_the_hook_a_late_one_at_once(start: Start) -> None:
    ref, actor = start()
    actor.may_end.clear()
    by_proxy = ref.proxy()
    may_stop = threading.Event()
    ref.tell(lambda _self: may_stop.wait(PATIENCE))  # or a stop could be late already
    accepted = [ref.stop(block=False) for _ in range(3)]
    may_stop.set()
    assert actor.stopping.wait(PATIENCE)

    assert ref.stop() is False  # the actor is marked stopped; this does not wait
    assert not any(future.done() for future in accepted)
    with pytest.raises(pykka.ActorDeadError):
        by_proxy.stop().get(timeout=PATIENCE)

    actor.may_end.set()
    assert [future.get(timeout=PATIENCE) for future in accepted] == [True] * 3
    assert actor.hooks == STOPPED


@needs("blocking handlers")
def test_a_proxied_stop_is_answered_after_the_hook(start: Start) -> None:
    ref, actor = start()
    actor.may_end.clear()
    stopped = ref.proxy().stop()
    assert actor.stopping.wait(PATIENCE)
    assert not stopped.done()
    actor.may_end.set()
    assert stopped.get(timeout=PATIENCE) is None
    assert actor.hooks == STOPPED


def test_many_stops_at_once(start: Start) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(50):
            ref, actor = start()
            barrier = threading.Barrier(6)
            answers: queue.SimpleQueue[tuple[bool, list[object]]] = queue.SimpleQueue()

            def stop(
                ref: pykka.ActorRef[Hooked] = ref,
                actor: Hooked = actor,
                barrier: threading.Barrier = barrier,
                answers: queue.SimpleQueue[tuple[bool, list[object]]] = answers,
                timeout: float | None = None if number % 2 else PATIENCE,
            ) -> None:
                barrier.wait(PATIENCE)
                accepted = ref.stop(timeout=timeout)
                answers.put((accepted, actor.hooks.copy()))

            for _ in range(6):
                threading.Thread(target=stop).start()
            got = [answers.get(timeout=PATIENCE) for _ in range(6)]
            wait_for_end(actor)
            assert actor.hooks == STOPPED
            assert any(accepted for accepted, _hooks in got)
            assert all(hooks == STOPPED for accepted, hooks in got if accepted)
    finally:
        sys.setswitchinterval(interval)


def test_setting_the_stopped_event_by_hand_runs_no_hook(start: Start) -> None:
    ref, actor = start()
    assert ref.ask("hello", timeout=PATIENCE) == "hello"
    ref.actor_stopped.set()
    wait_for_end(actor)
    assert actor.hooks == []
    assert not ref.is_alive()

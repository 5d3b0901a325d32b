"""G9: a crash stays inside its actor; only what means the whole program stops the others."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from tests.conftest import Log, Runtime

pytestmark = pytest.mark.thinned


class Worker(pykka.Actor):
    """Raises what it is sent; tells which thread stopped it, and how."""

    ends: queue.SimpleQueue[tuple[str, str]]

    def __init__(self, name: str, ends: queue.SimpleQueue[tuple[str, str]]) -> None:
        super().__init__()
        self.name = name
        self.ends = ends

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message

    def on_stop(self) -> None:
        self.ends.put((self.name, "stop"))

    def on_failure(self, *_args: Any) -> None:
        self.ends.put((self.name, "failure"))


Ends: TypeAlias = queue.SimpleQueue[tuple[str, str]]
Start: TypeAlias = Callable[[str], tuple[list[pykka.ActorRef[Worker]], Ends]]


@pytest.fixture
def start(runtime: Runtime) -> Start:
    """Starts a worker for each letter of a string."""

    def start(names: str) -> tuple[list[pykka.ActorRef[Worker]], Ends]:
        ends: Ends = queue.SimpleQueue()
        return [runtime.run(Worker).start(name, ends) for name in names], ends

    return start


FAILURES = [
    ValueError("on purpose"),
    asyncio.CancelledError(),
    concurrent.futures.CancelledError(),
    GeneratorExit(),
    StopIteration(),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failing_tell_ends_one_actor(error: BaseException, start: Start) -> None:
    (a, b, c), ends = start("abc")
    b.tell(error)
    assert ends.get(timeout=PATIENCE) == ("b", "failure")
    assert a.ask("still here?", timeout=PATIENCE) == "still here?"
    assert c.ask("still here?", timeout=PATIENCE) == "still here?"
    assert pykka.ActorRegistry.get_all() == [a, c]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_failing_ask_ends_none(
    error: BaseException, timeout: float | None, start: Start
) -> None:
    (a, b), _ends = start("ab")
    with pytest.raises(type(error)) as caught:
        a.ask(error, timeout=timeout)
    assert caught.value is error
    assert a.ask("still here?", timeout=PATIENCE) == "still here?"
    assert pykka.ActorRegistry.get_all() == [a, b]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("how", ["tell", "ask"])
def test_what_means_the_program_stops_all_the_last_started_first(
    error: BaseException, how: str, start: Start
) -> None:
    (_a, b, _c, _d), ends = start("abcd")
    if how == "tell":
        b.tell(error)
    else:
        with pytest.raises(type(error)) as caught:
            b.ask(error, timeout=PATIENCE)
        assert caught.value is error
    assert [ends.get(timeout=PATIENCE) for _ in range(4)] == [
        ("b", "stop"),
        ("d", "stop"),
        ("c", "stop"),
        ("a", "stop"),
    ]


@needs("blocking handlers")
def test_all_are_stopped_although_one_of_them_waits_for_the_one_that_raised(
    runtime: Runtime,
) -> None:
    """Done by the raising actor's own thread, this would be a circle of waiting actors."""
    ends: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    asked = threading.Event()

    class Raiser(Worker):
        def on_receive(self, message: Any) -> Any:
            assert asked.wait(PATIENCE)
            raise KeyboardInterrupt

    class Waiter(Worker):
        def on_receive(self, message: Any) -> Any:
            future = message.ask("the answer is ActorDeadError", block=False)
            asked.set()
            try:
                return future.get()
            except pykka.ActorDeadError:
                return "it is dead"

    raiser = runtime.run(Raiser).start("raiser", ends)
    waiter = runtime.run(Waiter).start("waiter", ends)
    raiser.tell("raise")
    assert waiter.ask(raiser, timeout=PATIENCE) == "it is dead"
    assert {ends.get(timeout=PATIENCE)[0] for _ in range(2)} == {"raiser", "waiter"}


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_it_stops_all_from_a_hook_too(hook: str, start: Start, runtime: Runtime) -> None:
    (bystander,), ends = start("x")

    def interrupt(*_args: Any) -> None:
        raise KeyboardInterrupt

    raiser = type("Raiser", (runtime.run(Worker),), {hook: interrupt}).start("raiser", ends)
    if hook == "on_stop":
        assert raiser.stop(timeout=PATIENCE) is True
    elif hook == "on_failure":
        raiser.tell(ValueError("on purpose"))
    got = [ends.get(timeout=PATIENCE)]
    if hook == "on_start":
        assert got == [("raiser", "stop")]
        got = [ends.get(timeout=PATIENCE)]
    assert got == [("x", "stop")]
    assert bystander.actor_stopped.is_set()


def test_a_failing_inbox_ends_one_actor(start: Start, runtime: Runtime) -> None:
    """An inbox of the user's may raise; it is the actor's own code then."""

    class Broken(queue.SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            super().get(block, timeout)
            raise RuntimeError("broken")

    class Fragile(Worker):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Broken()

    (bystander,), ends = start("x")
    fragile = runtime.run(Fragile).start("fragile", ends)
    answer = fragile.ask("lost in the broken inbox", block=False)
    assert ends.get(timeout=PATIENCE) == ("fragile", "failure")
    assert not answer.done()
    assert bystander.ask("still here?", timeout=PATIENCE) == "still here?"


@pytest.mark.parametrize("callbacks", [1, 2])
@pytest.mark.parametrize("error", [*FAILURES, SystemExit(), KeyboardInterrupt()], ids=repr)
def test_a_callback_that_raises_on_an_actors_thread_does_not_end_the_actor(
    error: BaseException, callbacks: int, log: Log, start: Start, runtime: Runtime
) -> None:
    """Neither if it is called with an answer, nor if with an exception."""

    class Patient(Worker):
        def wait_for(self, event: threading.Event, message: Any) -> Any:
            assert event.wait(PATIENCE)
            return self.on_receive(message)

    (bystander,), ends = start("x")
    ref = runtime.run(Patient).start("patient", ends)
    proxy = ref.proxy()

    def fail(_future: object) -> None:
        raise error

    for message in ("hello", ValueError("on purpose")):
        may_answer = threading.Event()
        future = proxy.wait_for(may_answer, message)
        for _ in range(callbacks):
            future.add_done_callback(fail)
        may_answer.set()
        assert ref.ask("still here?", timeout=PATIENCE) == "still here?"
    found = log.wait_for("ERROR", "A callback of", count=2 * callbacks)
    assert all(record.exc_info and record.exc_info[1] is error for record in found)
    assert bystander.ask("still here?", timeout=PATIENCE) == "still here?"
    assert ends.empty()

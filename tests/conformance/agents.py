"""What the tests that every runtime has to pass use to make things happen in a known order."""

from __future__ import annotations

import contextlib
import queue
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import RUNTIMES, TOY
from tests.leaks import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from tests.conftest import Runtime

    import pykka


class Gate:
    """A message, or a hook, that holds an actor up until the test opens it."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._opened = threading.Event()
        self.thread: threading.Thread | None = None
        """The one that came to it last."""

    def __call__(self, *_args: object) -> str:
        self.thread = threading.current_thread()
        self._entered.set()
        assert self._opened.wait(PATIENCE), "nobody opened the gate"
        return "opened"

    def wait_until_entered(self) -> None:
        assert self._entered.wait(PATIENCE), "no actor came to the gate"

    def open(self) -> None:
        self._opened.set()


class Noted:
    """A message that notes that it is handled."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.times = 0
        self.error = error

    def __call__(self, _agent: object) -> str:
        self.times += 1
        if self.error is not None:
            raise self.error
        return "answer"


@contextlib.contextmanager
def kept_busy(actor_class: Any, gate: Gate) -> Iterator[Any]:
    """An actor that counts its messages, and is at one until the gate is opened."""
    ref = actor_class.start()
    ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    yield ref
    gate.open()
    ref.stop()


class Diary:
    """What actors went through, in order. A test can wait for it."""

    def __init__(self) -> None:
        self._entries: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.instances: dict[str, int] = {}
        """How many instances of each worker there were."""

    def note(self, entry: object) -> None:
        self._entries.put(entry)

    def read(self, count: int) -> list[Any]:
        """The next entries, waiting for those that are not there yet."""
        return [self._entries.get(timeout=PATIENCE) for _ in range(count)]

    def rest(self) -> list[Any]:
        """The entries that are there and have not been read."""
        return [self._entries.get() for _ in range(self._entries.qsize())]


def make_agent_class(runtime: Runtime) -> Any:
    """Make an actor class whose actors do what they are told.

    A message that is a function is called with the actor, and any other message is answered with
    itself. The actor notes its hooks in a diary.
    """

    class Agent(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, diary: Diary | None = None) -> None:
            super().__init__()
            self.diary = diary or Diary()

        def on_start(self) -> None:
            self.diary.note("on_start")

        def on_stop(self) -> None:
            self.diary.note("on_stop")

        def on_failure(
            self,
            exception_type: type[BaseException] | None,
            exception_value: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            self.diary.note("on_failure")

        def on_receive(self, message: Any) -> Any:
            return message(self) if callable(message) else message

        def run(self, function: Callable[[Any], object]) -> object:
            return function(self)

    return Agent


def make_shop_class(runtime: Runtime) -> Any:
    """Make an actor class whose actors set messages aside until they are told to open."""

    class Shop(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 10
        is_open = False

        def __init__(self) -> None:
            super().__init__()
            self.handled: list[object] = []

        def on_receive(self, message: Any) -> Any:
            if message == "open":
                self.is_open = True
                self.unstash_all()
            elif not self.is_open:
                self.stash()
            self.handled.append(message)
            return message

    return Shop


def failing(error: BaseException) -> Callable[[object], None]:
    """A message that makes an agent raise."""

    def fail(_agent: object) -> None:
        raise error

    return fail


class Freed:
    """Tells when an agent's life is over to the last and its object is freed."""

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        ref.ask(lambda agent: weakref.finalize(agent, self._news.put, True) and None)

    def wait(self) -> None:
        # A free-threaded Python may leave the last step to this thread, which made the object. So
        # this thread must not sleep too deeply.
        for _ in range(int(PATIENCE * 100)):
            with contextlib.suppress(queue.Empty):
                self._news.get(timeout=0.01)
                return
        raise AssertionError("the actor is not freed")


def among(runtimes: list[Runtime]) -> list[Any]:
    """Values for a test's parameter: the runtimes, and the toy in the exhaustive tier only."""
    toy = pytest.param(TOY, marks=pytest.mark.exhaustive)
    return [*(runtime for runtime in runtimes if runtime is not TOY), *[toy] * (TOY in runtimes)]


def needs(capability: str) -> pytest.MarkDecorator:
    """Run a test with those runtimes only that declare a capability."""
    able = among([each for each in (*RUNTIMES, TOY) if capability in each.capabilities])
    return pytest.mark.parametrize(
        "runtime", able, ids=lambda runtime: runtime.name, indirect=True
    )

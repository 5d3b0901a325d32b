"""What the tests share."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.leaks import PATIENCE, LeakCheck
from tests.life import Witness, witnessed
from tests.on_the_clock import watch
from tests.toy_runtime import BurstActor

import pykka
from pykka._system.dead_letters import _owing
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread or an actor behind."""
    check = LeakCheck()
    yield
    check.finish()
    for letters in _owing.copy():
        letters.log_the_rest()  # now, and not in the middle of another test


@pytest.fixture(autouse=True)
def nothing_holds_up_the_clock() -> Iterator[None]:
    """Fail a test in which a clock's thread waits, or calls something of the user's."""
    watch.found.clear()
    yield
    found = watch.found.copy()
    watch.found.clear()
    assert not found, f"on a clock's thread: {found}"


class Runtime(NamedTuple):
    """What the conformance suite needs to know of a runtime."""

    name: str
    actor_class: type[pykka.Actor]
    future_class: type[pykka.Future]
    capabilities: frozenset[str]
    """Promises that not every runtime can make; a test asks for those it checks."""

    def run(self, actor_class: type[pykka.Actor]) -> Any:
        """Derive a class that this runtime runs from one that says nothing of a runtime."""
        return type(actor_class.__name__, (actor_class, self.actor_class), {})


RUNTIMES = [
    Runtime(
        name="threading",
        actor_class=pykka.ThreadingActor,
        future_class=pykka.ThreadingFuture,
        capabilities=frozenset({"own thread", "blocking handlers"}),
    ),
    Runtime(
        name="pooled",
        actor_class=pykka.PooledActor,
        future_class=pykka.ThreadingFuture,
        capabilities=frozenset({"blocking handlers"}),
    ),
    Runtime(
        name="asyncio",
        actor_class=pykka.AsyncioActor,
        future_class=pykka.ThreadingFuture,
        # All actors of a loop share its thread. So none may block, and a thread that waits for an
        # actor while all others go on is something that a test cannot have.
        capabilities=frozenset(),
    ),
]


TOY = Runtime(
    name="toy",
    actor_class=BurstActor,
    future_class=pykka.ThreadingFuture,
    capabilities=frozenset({"blocking handlers"}),
)
"""The runtime that a guide walks through: it shows that whatever keeps the contract will do."""


@pytest.fixture(params=RUNTIMES, ids=lambda runtime: runtime.name)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime in turn."""
    found: Runtime = request.param
    return found


class Log(logging.Handler):
    """Collects log records, and lets a test wait for one."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._changed = threading.Condition()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.message = record.getMessage()
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    def find(self, level: str, text: str = "") -> list[logging.LogRecord]:
        """The records of a level that contain a text."""
        with self._changed:
            return [r for r in self.records if r.levelname == level and text in r.message]

    def wait_for(self, level: str, text: str = "", count: int = 1) -> list[logging.LogRecord]:
        """Wait until there are records of a level that contain a text, and return them."""

        def found() -> bool:
            hits = [r for r in self.records if r.levelname == level and text in r.message]
            return len(hits) >= count

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), (
                f"no {level} record with {text!r} among {[r.message for r in self.records]}"
            )
        return self.find(level, text)


@pytest.fixture
def log() -> Iterator[Log]:
    """What the library logs during the test, from DEBUG up, and as many dead letters as may be."""
    dead_letters = pykka.ActorSystem.default().dead_letters
    dead_letters._tokens = dead_letters._burst
    handler = Log()
    logger = logging.getLogger("pykka")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def witness() -> Iterator[Witness]:
    """All that actors go through in the test is as `pykka._cell.life_table` says."""
    yield from witnessed()


@pytest.fixture
def untraced() -> Iterator[None]:
    """Do not measure coverage, neither on the test's own thread nor on those it starts.

    Coverage holds a lock while it meets a file for the first time. A signal handler that strikes
    there, and raises or sends a message, would leave the lock taken or wait for it.
    """
    trace, trace_of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    yield
    threading.settrace(trace_of_threads)  # type: ignore[arg-type]
    sys.settrace(trace)


@pytest.fixture
def in_thread() -> Callable[[Callable[[], object]], threading.Thread]:
    """Run a function in a thread of its own, and return the thread."""

    def start(function: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=function)
        thread.start()
        return thread

    return start


@pytest.fixture
def quiet() -> Iterator[None]:
    """Have nothing logged, for tests in which much fails.

    A record would keep alive what its traceback holds, too.
    """
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def import_without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Import a package afresh, as where a module that it needs is not installed."""

    def import_it(package: str, missing: str) -> None:
        for name in [name for name in sys.modules if name.startswith(package)]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, missing, None)
        __import__(package)

    return import_it


@pytest.fixture
def runtime_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of its own in which programs that are observed have their sockets."""
    folder = tmp_path_factory.mktemp("o", numbered=True)
    if len(str(folder)) > 60:
        pytest.skip("the folder of the tests has too long a name for a socket")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test advances it."""
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> Iterator[pykka.ActorSystem]:
    """A system of its own, whose time is in the hands of the test."""
    with pykka.ActorSystem(clock=clock, shutdown_timeout=PATIENCE) as system:
        yield system

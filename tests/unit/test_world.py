"""What the library takes from the operating system goes through one object, or has a reason."""

from __future__ import annotations

import ast
import random
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.sources import REAL_WORLD, nodes_of

import pykka
from pykka import dead_letters, routing
from pykka._cell.cell import Cell
from pykka._futures.deadline import Deadline
from pykka._util.thread_state import current
from pykka._util.world import REAL, World
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = {"_thread", "queue", "random", "threading", "time"}

# --- why something need not go through it -------------------------------------------------------

HELD = "a lock that is held for a few instructions; nothing waits for another meanwhile"
ANSWER = "what a queue raises, or what an exception is a kind of"
LOOKS = "it looks which threads there are"
LOCAL = "it is kept for each thread"
POOL = "what the real pool is made of: its threads, and how busy they are"
THREADS = "what the runtime of threads is made of"
ASYNCIO = "what the runtime in event loops is made of"
CLOCK = "what the real clock is made of"
INBOX = "a queue that the real cell brings, whose reader waits behind the door"
REPORTS = "how often a person is told something is measured in that person's time"
HELPS = "what is done for a thread of the real world that nothing else can serve"
LIMIT = "how long a lock can wait"
CHOICE = "the default of a parameter, which a caller in another world can choose"

REASONS: dict[str, dict[str, str]] = {
    "_cell/cell.py": {
        "threading.Lock": HELD,
        "threading.Event": "what Pykka 4 hands out; who waits for it comes through the door",
        "queue.SimpleQueue": INBOX,
    },
    "_cell/extension.py": {"threading.Lock": HELD},
    "_cell/inbox.py": {
        "queue.Empty": ANSWER,
        "queue.Full": ANSWER,
        "queue.Queue": INBOX,
        "queue.SimpleQueue": INBOX,
        "threading.RLock": HELD,
    },
    "_deadlock/stacks.py": {"threading.RLock": HELD},
    "_deadlock/wait_graph.py": {
        "threading.RLock": HELD,
        "threading.TIMEOUT_MAX": LIMIT,
        "threading.__file__": LOOKS,
        "threading.get_ident": LOOKS,
        "time.monotonic": HELPS,
        "time.sleep": HELPS,
    },
    "_exceptions.py": {"queue.Full": ANSWER},
    "_futures/arrivals.py": {"queue.Empty": ANSWER},
    "_futures/deadline.py": {"threading.TIMEOUT_MAX": LIMIT},
    "_futures/ask.py": {"queue.Full": ANSWER},
    "_futures/derived.py": {"queue.Empty": ANSWER},
    "_futures/threading_future.py": {
        "_thread.allocate_lock": "it is waited for behind the door, with nothing that orders it",
        "_thread.start_new_thread": HELPS,
    },
    "_lifecycle/termination.py": {"threading.Thread": HELPS},
    "_system/crashes.py": {"threading.Lock": HELD, "time.monotonic": REPORTS},
    "_system/dead_letters.py": {
        "threading.Lock": HELD,
        "threading.local": LOCAL,
        "time.monotonic": CHOICE,
    },
    "_system/events.py": {"threading.Lock": HELD, "threading.local": LOCAL},
    "_system/system.py": {"threading.Lock": HELD},
    "_util/gil.py": {"_thread.allocate_lock": POOL, "threading.Thread": LOOKS},
    "__init__.py": {"_thread.RLock": "modules are loaded one at a time, before there is a world"},
    "_util/locks.py": {"queue.Empty": ANSWER, "threading.Lock": CLOCK},
    "_util/log.py": {
        "threading.RLock": HELD,
        "threading.current_thread": LOOKS,
        "threading.main_thread": LOOKS,
    },
    "_util/thread_state.py": {
        "threading.get_ident": LOOKS,
        "threading.local": LOCAL,
        "threading.main_thread": LOOKS,
    },
    "instruments/_probe.py": {"threading.local": LOCAL},
    "debug/__init__.py": {"threading.enumerate": LOOKS},
    "debug/_wait_graph.py": {"threading.enumerate": LOOKS},
    "inboxes/_bounded.py": {"queue.Empty": ANSWER},
    "inboxes/_lanes.py": {"queue.SimpleQueue": INBOX, "threading.Lock": HELD},
    "resilience/_backoff.py": {"random.random": CHOICE},
    "resilience/_circuit_breaker.py": {"threading.Lock": HELD},
    "resilience/_rate_limiter.py": {"threading.Lock": HELD},
    "resilience/_retry.py": {"threading.Lock": HELD},
    "routing/_routees.py": {"threading.Lock": HELD},
    "runtimes/": {
        **dict.fromkeys(("queue.SimpleQueue", "queue.Empty"), INBOX),
        **dict.fromkeys(("_thread.start_new_thread", "threading.Thread"), THREADS),
        **dict.fromkeys(("threading.RLock", "threading.get_ident"), POOL),
        **dict.fromkeys(("time.clock_gettime", "time.pthread_getcpuclockid"), POOL),
        **dict.fromkeys(("time.perf_counter", "time.monotonic", "time.sleep"), POOL),
    },
    "timers/": {
        **dict.fromkeys(("queue.Empty", "queue.SimpleQueue", "time.monotonic"), CLOCK),
        **dict.fromkeys(("_thread.start_new_thread", "threading.Thread"), CLOCK),
        **dict.fromkeys(("threading.RLock", "threading.TIMEOUT_MAX"), CLOCK),
    },
}
"""What may be used where, and why; a folder stands for all its files."""


# --- finding the uses ---------------------------------------------------------------------------


def uses(source: str) -> set[str]:
    """What a module uses of the operating system at run time: `time.monotonic`, and so on."""
    nodes = nodes_of(source)
    for_checkers = {
        id(inner)
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    names: dict[str, str] = {}
    found: set[str] = set()
    for node in nodes:
        if id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            names.update({a.asname or a.name: a.name for a in node.names if a.name in MODULES})
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    for node in nodes:
        if not isinstance(node, ast.Attribute):
            continue
        if isinstance(node.value, ast.Name) and node.value.id in names:
            found.add(f"{names[node.value.id]}.{node.attr}")
        elif node.attr == "urandom":
            found.add("os.urandom")
    return found


def without_reason(file: str, source: str) -> set[str]:
    folder = f"{file.partition('/')[0]}/"
    known = REASONS.get(file, REASONS.get(folder, {}))
    return {use for use in uses(source) if use not in known}


FILES = {file: text for file, text in REAL_WORLD.items() if file != "_util/world.py"}


def test_each_use_goes_through_the_world_or_has_a_reason() -> None:
    found = {file: without_reason(file, text) for file, text in FILES.items()}
    assert {file: names for file, names in found.items() if names} == {}


def test_each_reason_has_a_use() -> None:
    for file, reasons in REASONS.items():
        texts = [text for path, text in FILES.items() if path.startswith(file)]
        used = {name for text in texts for name in uses(text)}
        assert used >= set(reasons), file


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("_futures/deadline.py", "import math\n", "import math\nfrom time import monotonic\n"),
        ("_cell/cell.py", "current.state.world.entropy(16)", "os.urandom(16)"),
        (
            "_futures/arrivals.py",
            "import functools\n",
            "import functools\nfrom queue import Queue\n",
        ),
        ("_ref/ref.py", "import weakref\n", "import time\nimport weakref\n\ntime.sleep(1)\n"),
    ],
)
def test_what_goes_round_the_world_is_found(file: str, before: str, after: str) -> None:
    assert FILES[file].count(before) >= 1
    assert without_reason(file, FILES[file].replace(before, after)) != set()


# --- another world ------------------------------------------------------------------------------


class OwnCell(Cell):
    """A cell that another world brings."""


class Still(World):
    """A world in which no time passes, all chance is the same, and no thread blocks."""

    waits = True

    def __init__(self) -> None:
        self.time = 100.0
        self.waited: list[Any] = []
        self.answer: Any = None
        self.own_clock = ManualClock()
        self.own_system: Any = None

    def monotonic(self) -> float:  # type: ignore[override]
        return self.time

    def entropy(self, size: int) -> bytes:  # type: ignore[override]
        return bytes(range(size))

    def new_random(self) -> random.Random:
        return random.Random(7)

    def wait(self, future: Any, acquire: Any, timeout: float | None) -> Any:
        self.waited.append((future, timeout))
        if self.answer is not None:
            self.answer()
        return acquire() if timeout is None else acquire(True, 0)

    def cell_class(self, usual: type[Cell]) -> type[Cell]:
        return OwnCell if usual is Cell else usual

    def clock(self, _usual: Any) -> Any:
        return self.own_clock

    def default_system(self, usual: Any) -> Any:
        return usual if self.own_system is None else self.own_system


@pytest.fixture
def still() -> Iterator[Still]:
    state = current.state
    world = Still()
    assert state.world is REAL
    state.world = world
    yield world
    state.world = REAL


def test_deadlines_go_by_its_time(still: Still) -> None:
    deadline = Deadline(5)
    still.time += 3
    assert deadline.remaining() == 2
    still.time += 3
    assert deadline.remaining() == 0


def test_waits_are_done_by_it(still: Still) -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    still.answer = lambda: future.set("there")
    assert future.get() == "there"
    still.answer = None
    with pytest.raises(pykka.Timeout):
        pykka.ThreadingFuture[str]().get(timeout=5)
    assert [timeout for _, timeout in still.waited] == [None, 5]
    assert still.waited[0][0] is future


def test_as_completed_waits_by_it_too(still: Still) -> None:
    slow: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    still.answer = lambda: slow.set(1)
    assert [future.get() for future in pykka.as_completed([slow])] == [1]
    assert len(still.waited) == 1


def test_a_system_has_its_clock_and_actors_its_system(still: Still) -> None:
    system = pykka.ActorSystem("other")
    still.own_system = system
    assert system.clock is still.own_clock
    assert pykka.ActorSystem.default() is system
    assert pykka.ActorRegistry.get_all() == []
    dead_letters.statistics()

    class Held(pykka.ThreadingActor):
        pass

    ref = Held.start()
    try:
        assert ref._cell.services is system
        assert pykka.ActorRegistry.get_all() == [ref]
    finally:
        current.state.world = REAL
        assert ref.stop(timeout=PATIENCE)


def test_urns_are_made_of_its_entropy(still: Still) -> None:
    assert pykka.ActorSystem("named").name == "named"
    ref = pykka.ThreadingActor.start()
    try:
        assert ref.actor_urn == "urn:uuid:00010203-0405-4607-8809-0a0b0c0d0e0f"
    finally:
        current.state.world = REAL
        assert ref.stop(timeout=PATIENCE)


def test_cells_are_of_its_class(still: Still) -> None:
    class OnNothing(pykka.Actor):
        _create_actor_inbox = staticmethod(SimpleQueue)
        _create_future = staticmethod(pykka.ThreadingFuture)

    assert type(OnNothing()._pykka_cell) is OwnCell


def test_routers_draw_lots_by_its_chance(still: Still) -> None:
    routers = [routing.Random([]) for _ in range(2)]
    lots = [router._random.random() for router in routers]
    assert lots[0] == lots[1]


def test_other_threads_have_the_real_one(still: Still) -> None:
    seen: list[World] = []
    thread = threading.Thread(target=lambda: seen.append(current.state.world))
    thread.start()
    thread.join(PATIENCE)
    assert seen == [REAL]
    assert current.state.world is still

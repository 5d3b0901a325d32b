"""Every wait of the library for what others have to do goes through one door.

A wait that goes round it is seen by nobody: it closes circles without an error, its worker has no
substitute, and it hangs where its own thread would have to do the work. So this walks through the
syntax tree of the package and finds every call that can block, and every method handed on that
could. Each of them is inside of a call of `block()`, or has its reason here.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.sources import REAL_WORLD, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator


ALWAYS = {"acquire", "wait", "sleep", "join", "result", "select", "run_until_complete", "recv"}
"""Methods and functions that block, whatever they are called with. (`sleep()` of asyncio and
trio is awaited, so it is not called to block.)"""

MODULES = {"select", "selectors", "socket", "subprocess", "multiprocessing", "concurrent"}
"""What is made for waiting, and not used at all."""

DOORS = {"block", "block_for"}


class Place(NamedTuple):
    """A call, or a method that is handed on."""

    file: str
    function: str
    text: str


FUTURE = "a future of ours, whose get() is behind the door"
OWN = "the rest of a thread that has nothing to do; no actor's code waits"
HELD = "held for a few steps, in which nothing waits; see pykka._util.locks"

FUTURES = {
    ("resilience/_askable.py", "pause", "over.get()"),
    ("debug/_state.py", "ask_for_state", "future.get(timeout=timeout)"),
    ("resilience/_askable.py", "_read", "future.get(timeout=0)"),
    (
        "_futures/threading_future.py",
        "ThreadingFuture._outcome_when_done",
        "self.get(timeout=0)",
    ),
    ("runtimes/pool/ref.py", "PooledRef.ask", "late.get(timeout=left and max(0.0, left))"),
    ("_futures/awaiting.py", "suspend_task", "future.get()"),
    ("_futures/awaiting.py", "_suspend", "future.get()"),
    ("_lifecycle/children.py", "_wait", "ended.get()"),
    ("_futures/future.py", "Future.__await__", "self.get()"),
    ("_futures/future.py", "get_all", "require_future(future, 'get_all()').get(timeout=left)"),
    ("_futures/derived.py", "_read_all", "source.get(timeout=deadline.remaining())"),
    ("resilience/_rate_limiter.py", "RateLimiter._wait_in_line", "turn.get()"),
    (
        "inboxes/_bounded.py",
        "PolicyInbox._stand_in_line",
        "claim.get(timeout=deadline.remaining())",
    ),
    ("_ref/ref.py", "ActorRef.ask", "future.get(timeout=timeout)"),
    ("_ref/ref.py", "ActorRef.child", "future.get(timeout=timeout)"),
    ("_ref/ref.py", "ActorRef.kill", "ended.get()"),
    ("_ref/ref.py", "ActorRef.stop", "future.get(timeout=timeout)"),
    ("_system/shutdown.py", "Shutdown._refuse_suicide", "end_of(me).get()"),
    ("_system/shutdown.py", "Shutdown._wait", "ended.get(timeout=self._until.remaining())"),
    ("_system/shutdown.py", "_Sweeper.sweep", "end_of(cell).get(timeout=grace.remaining())"),
    ("_futures/threading_future.py", "ThreadingFuture.__await__", "self.get()"),
    ("_futures/threading_future.py", "ThreadingFuture.exception", "self.get(timeout=timeout)"),
    ("routing/_collective.py", "Collective.kill", "ended.get()"),
    ("routing/_collective.py", "Collective.kill", "self._pool.wait(self, ended)"),
    ("routing/_collective.py", "Collective.stop", "self._pool.wait(self, ended, timeout)"),
    ("routing/_collective.py", "Collective.stop", "stopped.get(timeout=timeout)"),
    ("routing/_pool.py", "RouteePool.resize", "ended.get(timeout=deadline.remaining())"),
    ("routing/_pool.py", "RouteePool.wait", "end_of(me).get(timeout=timeout)"),
    ("routing/_pool.py", "RouteePool.wait", "ended.get(timeout=timeout)"),
    ("routing/_race.py", "Race._arrived", "future.get(timeout=0)"),
    ("routing/_router.py", "RouterRef._ask_and_wait", "future.get(timeout=timeout)"),
    (
        "routing/_kinds/_tail_chopping.py",
        "TailChopping._ask_and_wait",
        "chase.answer.get(timeout=timeout)",
    ),
    ("routing/_pool.py", "RouteePool.resize", "answer.get(timeout=deadline.remaining())"),
    ("routing/_pool.py", "start_pool", "ended.get()"),
    ("supervision/_starting.py", "wait", "end_of(cell).get()"),
    ("supervision/_starting.py", "wait", "started.get()"),
    ("supervision/_supervisor.py", "_BaseSupervisor.start", "_starting.wait(ref, started)"),
    ("runtimes/asyncio/loop.py", "SharedLoop.finish", "end_of(cell).get()"),
    ("runtimes/asyncio/loop.py", "SharedLoop.finish", "stop.get()"),
    (
        "supervision/_restarter.py",
        "Restarter._end",
        "ask_to_stop(cell, self._seconds_of(child)).get()",
    ),
    ("supervision/_restarter.py", "Restarter.start", "started.get()"),
}
"""What waits for a future, whose own `get()` is behind the door."""

REASONS = dict.fromkeys(FUTURES, FUTURE) | {
    ("_deadlock/wait_graph.py", "_tell_and_acquire", "acquire(*args)"): "called by the door",
    ("_deadlock/wait_graph.py", "", "_modules.get"): "that of a dict",
    ("_cell/cell.py", "StoppedEvent._wait", "lock.acquire()"): "the lock is new and free",
    ("_futures/awaiting.py", "_suspend", "future.get"): "run on a thread of the loop's executor",
    ("_futures/awaiting.py", "_suspend", "waiter.wait()"): "it is awaited",
    ("_futures/awaiting.py", "_TrioWaiter.wait", "self._event.wait()"): "it is awaited",
    ("timers/_clock.py", "", ""): "the clock's own thread",
    ("timers/_errands.py", "Errands._main", "self._queue.get(timeout=KEEP_ALIVE)"): OWN,
    ("__init__.py", "", "_loading.acquire"): "a fork waits for what another thread is loading",
    ("_util/gil.py", "give_way", "bell.acquire()"): "the lock is new and free",
    ("_util/gil.py", "give_way", "bell.acquire(timeout=sys.getswitchinterval())"): (
        "a worker between two messages, for one switch interval"
    ),
    ("_cell/inbox.py", "take_all", "inbox.get()"): "the inbox is not empty",
    ("_futures/bridges/piping.py", "outcome_of_done", "source.result()"): "it is done",
    (
        "_futures/derived.py",
        "ReaderTicket.wait_in",
        "self._bell.get",
    ): "given to the door in the next line",
    ("_lifecycle/invoke.py", "run_loop", "cell.extension.wakeup.get()"): OWN,
    ("_lifecycle/invoke.py", "run_loop", "cell.inbox.get"): OWN,
    ("_lifecycle/invoke.py", "run_loop", "get()"): OWN,
    (
        "resilience/_rate_limiter.py",
        "RateLimiter._let_one_go",
        "door.acquire",
    ): "it does not wait for the lock",
    ("_util/locks.py", "Bell.__init__", "self._lock.acquire()"): "the lock is new and free",
    (
        "_util/locks.py",
        "Bell.get",
        "self._lock.acquire(timeout=timeout)",
    ): "the clock's own thread",
    ("_util/locks.py", "held", "lock.acquire"): HELD,
    ("_util/locks.py", "holding", "lock.acquire"): HELD,
    ("_util/log.py", "_takes_more", "import select"): "it is imported and does not wait",
    ("_futures/future.py", "", "import concurrent.futures"): "for type checkers",
    ("_cell/metering.py", "MeteredInbox.get", "self.inner.get()"): OWN,
    (
        "inboxes/_bounded.py",
        "PolicyInbox.get",
        "self._bell.get(timeout=deadline.remaining())",
    ): OWN,
    ("inboxes/_bounded.py", "PolicyInbox.get_nowait", "self.get(block=False)"): "it does not wait",
    (
        "_futures/threading_future.py",
        "ThreadingFuture._wait",
        "lock.acquire()",
    ): "the lock is new and free",
    ("_deadlock/wait_graph.py", "_help_until", "sleep(LOOK_AGAIN)"): "it is the door",
    ("_deadlock/wait_graph.py", "acquire_for_actor", "acquire()"): "it is the door",
    ("_deadlock/wait_graph.py", "block", "acquire()"): "it is the door",
    ("_deadlock/wait_graph.py", "block", "world.wait(future, acquire, timeout)"): "it is the door",
    (
        "_deadlock/wait_graph.py",
        "block",
        "acquire(True, min(float(timeout), TIMEOUT_MAX))",
    ): "it is the door",
    (
        "_deadlock/wait_graph.py",
        "root_task",
        "asyncio.base_events.BaseEventLoop.run_until_complete",
    ): "it is looked at and not called",
    ("runtimes/asyncio/cell.py", "LoopInbox.get", "self.queue.get()"): "there is a message",
    ("runtimes/asyncio/cell.py", "LoopInbox.get_nowait", "queue.get()"): "there is a message",
    ("runtimes/asyncio/loop.py", "SharedLoop.finish", "self._thread.join()"): (
        "the end of the program; the loop's actors have ended"
    ),
    ("runtimes/pool/cell.py", "ForeignInbox.pop", "self.theirs.get()"): "there is a message",
    ("runtimes/pool/cell.py", "PolicyList.pop", "self.theirs.get()"): "there is a message",
    ("runtimes/pool/cell.py", "_nap", "sleep(timeout)"): "called by the door",
    ("runtimes/pool/dispatcher.py", "_finish_one", "pool.news.get()"): "the end of the program",
    ("runtimes/pool/monitor.py", "", ""): "the monitor's own thread",
    ("runtimes/pool/worker.py", "Worker._sit_down", "pool.injected.get()"): OWN,
    ("runtimes/pool/worker.py", "Worker._sit_on_the_bench", "pool.bench.get()"): OWN,
}
"""Why a place is not behind the door. An empty function stands for the whole file."""


def places(file: str, source: str) -> Iterator[Place]:
    """All places of a file that can block, and are not in a call of the door."""
    yield from _places(tree_of(source), file, "", set())


def _places(  # noqa: C901 (one case a kind of node)
    node: ast.AST, file: str, inside: str, calls: set[int]
) -> Iterator[Place]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}.{child.name}".lstrip(".")
        elif isinstance(child, ast.Call):
            if _name_of(child.func) in DOORS:
                continue  # what is in there is behind the door
            calls.add(id(child.func))
            if _can_block(child):
                yield Place(file, name, ast.unparse(child))
        elif isinstance(child, ast.Attribute) and id(child) not in calls:
            # (`edge.wait` is no method.)
            if child.attr in ALWAYS - {"wait"} | {"get"} and isinstance(child.ctx, ast.Load):
                yield Place(file, name, ast.unparse(child))
        elif isinstance(child, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in child.names]
            modules += [child.module or ""] if isinstance(child, ast.ImportFrom) else []
            for module in modules:
                if module.partition(".")[0] in MODULES:
                    yield Place(file, name, ast.unparse(child))
        yield from _places(child, file, name, calls)


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _can_block(call: ast.Call) -> bool:
    name = _name_of(call.func)
    if name == "join":  # that of a string takes one thing that is no number of seconds
        return not call.args
    if name in ALWAYS:
        asynchronous = (
            isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "asyncio"
        )
        return not asynchronous
    if name == "get":  # that of a dict takes a key
        limits = [each for each in call.keywords if each.arg in {"block", "timeout"}]
        return not call.args or bool(limits)
    return False


def all_places() -> list[Place]:
    """All places of the package."""
    return [place for file, source in REAL_WORLD.items() for place in places(file, source)]


def without_reason(found: list[Place]) -> list[Place]:
    """Those that go round the door and have no reason."""
    return [
        place for place in found if place not in REASONS and (place.file, "", "") not in REASONS
    ]


def test_every_wait_is_behind_the_door_or_has_a_reason() -> None:
    assert without_reason(all_places()) == []


def test_every_reason_has_a_place() -> None:
    found = set(all_places())
    files = {place.file for place in found}
    stale = [
        reason
        for reason in REASONS
        if reason not in found and not (reason[1] == "" and reason[0] in files)
    ]
    assert stale == []


@pytest.mark.parametrize(
    ("file", "through", "past"),
    [
        (
            "_futures/threading_future.py",
            "block(self, lock.acquire, state, timeout)",
            "lock.acquire(timeout=timeout)",
        ),
        (
            "_futures/arrivals.py",
            "block(AnyOf(leaves), self._arrived.get, state, timeout)",
            "self._arrived.get(timeout=timeout)",
        ),
        (
            "_cell/cell.py",
            "wait_graph.block(self, lock.acquire, state, timeout)",
            "lock.acquire(timeout=timeout)",
        ),
        (
            "_cell/cell.py",
            "wait_graph.block(wait_graph.ANYTHING, inbox.get, current.state, left)",
            "inbox.get(timeout=left)",
        ),
        (
            "runtimes/pool/cell.py",
            "block_for(ANYTHING, _nap, current.state, None if deadline is None else _LOOK_EVERY)",
            "sleep(_LOOK_EVERY)",
        ),
    ],
)
def test_a_wait_that_goes_round_the_door_is_found(file: str, through: str, past: str) -> None:
    source = REAL_WORLD[file]
    assert without_reason(list(places(file, source))) == []
    assert source.count(through) == 1
    found = without_reason(list(places(file, source.replace(through, past))))
    assert past in [place.text for place in found]

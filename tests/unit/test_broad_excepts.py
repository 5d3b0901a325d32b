"""What catches more than it means may take one thing for another, so each such place has a reason.

`except RuntimeError` once took a full stack (`RecursionError`) for a closed event loop.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.sources import SOURCES, name_of, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator

BROAD = {"RuntimeError", "Exception", "BaseException"}

USERS = "the code of a user's has raised, and that is answered, logged or decided upon"
EACH = "what one raises keeps no other from its turn; it is raised or logged at the end"
ASKS_LOOP = "asks `is_closed()`, and raises anything else again"
SHUTS_DOWN = "no thread can be started, because the interpreter ends; there is room on the stack"
CHANGED = "a dictionary was changed meanwhile; a full stack is raised again"
CLOCK = "an alarm is kept, or the clock's thread is started once more"
DOOR = "a door: nothing of the user's comes out of it; see `pykka._util.log`"
FUTURES = "a future of a user's own refuses the answer: it is set already, or worse"

REASONS = {
    # --- RuntimeError: what else is one?
    "_futures.awaiting._AsyncioWaiter.__call__": ASKS_LOOP,
    "runtimes.asyncio.cell.LoopInbox.rouse": ASKS_LOOP,
    "resilience._awaiting._have_expire": ASKS_LOOP,
    "resilience._awaiting._expire": "asyncio says that the block is over",
    "runtimes.asyncio.cell.AsyncioCell._call_in_loop": ASKS_LOOP,
    "runtimes.pool.monitor.Monitor._start": SHUTS_DOWN,
    "runtimes.pool.worker.Pool.call_for_help": SHUTS_DOWN,
    "runtimes.pool.worker.Pool.add_worker": SHUTS_DOWN,
    "_lifecycle.termination._stop_the_others": SHUTS_DOWN,
    "_util.gil.allows_daemon_threads": "a sub-interpreter says so",
    "_util.gil.wake_one": "a lock was released twice; a mistake costs a switch interval",
    "_lifecycle.restart._run_hook": USERS,
    "_system.shutdown.Shutdown._leave": SHUTS_DOWN,
    "runtimes.pool.actor.PooledActor._pykka_pool": "a property of the user's class that raises",
    "runtimes.pool.cell.PooledCell.__init__": "a property of the user's class that raises",
    "_system.system.all_systems": CHANGED,
    "runtimes.pool.dispatcher._snapshot": CHANGED,
    "_futures.threading_future._serve": "a lock was released twice; all else is raised",
    "debug.__init__.print_wait_graph": "the stream is busy, so its descriptor gets the text",
    "observer.__init__.serve_as_asked": "no thread can be started; the program runs unobserved",
    # --- Exception, BaseException: what may be raised here?
    "observer._server.Errand._run": USERS,
    "observer._server._text_of": USERS,
    "observer._server.Server._main": "the observer ends, with a record, and the program goes on",
    "simulation._engine._cells.SimulatedCell._step": "as in `run_loop()`",
    "simulation._engine._loop.SimulatedLoop.drop": "the run is over, and nothing counts any more",
    "simulation._engine._loop.SimulatedLoop.run_in_executor.work": "it is the answer",
    "simulation._engine._stdlib.SimulatedThread.run": "it is a finding",
    "simulation._run.Simulation.always.look": "it is a finding",
    "simulation._run._Play.run": "it is a finding",
    "testing._probe._pass_on": "it is the answer",
    "testing._simulated.TestInRuns.run": "it is what has come of the test",
    "testing._simulated.TestInRuns._tear_down": EACH,
    "simulation._run._Play._tear_down": "it is a finding",
    "resilience._askable._read": USERS,
    "_futures.bridges.piping.send_outcome": USERS,
    "_futures.threading_future.ThreadingFuture._outcome_when_done": USERS,
    "runtimes.pool.ref.PooledRef.ask": USERS,
    "resilience._askable.begin_ask": USERS,
    "resilience._circuit_breaker.CircuitBreaker._begin": USERS,
    "_lifecycle.cancellation.await_through_cancellation": USERS,
    "_lifecycle.children._end_awaiting": USERS,
    "timers._clock.is_cancelled": USERS,
    "_lifecycle.termination._run_hook": USERS,
    "_system.events.EventBus._deliver": USERS,
    "_system.events.EventBus.publish": USERS,
    "_futures.derived._compute": USERS,
    "_lifecycle.invoke.begin": USERS,
    "_lifecycle.invoke.handle": USERS,
    "_lifecycle.invoke.handle_ask": USERS,
    "_lifecycle.invoke.handle_call": USERS,
    "_lifecycle.invoke.handle_deferred": USERS,
    "_lifecycle.invoke.wake_asker": USERS,
    "runtimes.asyncio.awaiter_runs._handle": USERS,
    "_lifecycle.invoke.run_loop": USERS,
    "resilience._rate_limiter._Waiting.send": USERS,
    "_futures.reply.settle": USERS,
    "resilience._retry._Series._go_on": USERS,
    "resilience._retry._Series.attempt": USERS,
    "_futures.threading_future.ThreadingFuture.exception": USERS,
    "_futures.threading_future._call_back": USERS,
    "routing._answers.ask_of": USERS,
    "runtimes.asyncio.run._complete": USERS,
    "runtimes.asyncio.run.drive": USERS,
    "runtimes.asyncio.run.run_in_task": USERS,
    "runtimes.pool.run.run": USERS,
    "runtimes.pool.worker.Worker._work": USERS,
    "supervision._restarter.Restarter._bring_up": USERS,
    "supervision._restarter.Restarter.start": USERS,
    "_util.for_each.for_each": EACH,
    "inboxes._priority.PriorityInbox._locate": EACH,
    "inboxes._priority.PriorityInbox._prepare": EACH,
    "routing._router.RouterRef._tell_all": EACH,
    "runtimes.pool.worker.Worker._bury_the_rest": EACH,
    "timers._clock.MonotonicClock._ring": CLOCK,
    "timers._clock.MonotonicClock._start": CLOCK,
    "timers._errands.Errands._need_thread": SHUTS_DOWN,
    "timers._errands.Errands._start": SHUTS_DOWN,
    "timers._errands._report": USERS,
    "timers._errands.run_errand": USERS,
    "_cell.cell.StoppedEvent.announce": "a lock was released twice",
    "_util.locks.Bell.put": "a lock was released twice",
    "timers._clock.MonotonicClock._wake": SHUTS_DOWN,
    "_futures.ask.hand_over": FUTURES,
    "_system.dead_letters.DeadLetters._arm": USERS,
    "_lifecycle.restart._renew": USERS,
    "_util.log.SafeLogger._log": DOOR,
    "_util.log.call_out": DOOR,
    "_util.log._text_of": DOOR,
    "_util.log.format_exception": DOOR,
    "_util.log.print_to_stderr": "there is nobody left to tell",
    "_util.log._descriptor_of": "a stream that is no file may raise anything",
    "_system.crashes.tell_of_crash": DOOR,
    "_futures.ask.reply_to_of": USERS,
    "_lifecycle.termination.end_in_any_case": USERS,
    "_lifecycle.termination.ends_all_the_same": USERS,
    "_system.events._receivers": USERS,
    "_cell.frameless._attempt": "a class that cannot be copied is described instead",
    "_lifecycle.invoke._out_of_group": USERS,
    "_cell.metering.Meter.now": USERS,
    "_cell.tracing.now": USERS,
    "_program.run._Program.run": USERS,
    "messages.is_privileged": USERS,
    "instruments._delivery._is_call": USERS,
    "instruments._probe.Installed.call": DOOR,
    "runtimes.pool.cell.ForeignInbox.__bool__": "it is raised where the actor is run",
    "runtimes.pool.worker.Worker.main": "the actor gets it, and the worker goes on",
}
"""Each place that catches one of `BROAD` and does not raise it again, and why it may."""


def is_broad(node: ast.expr | None) -> bool:
    if node is None:
        return True
    if isinstance(node, ast.Tuple):
        return any(map(is_broad, node.elts))
    return isinstance(node, ast.Name) and node.id in BROAD


def places(tree: ast.Module, module: str) -> Iterator[str]:
    """The functions that catch something broad and may go on."""

    def walk(node: ast.AST, path: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            is_named = isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            yield from walk(child, f"{path}.{child.name}" if is_named else path)
        if (
            isinstance(node, ast.ExceptHandler)
            and is_broad(node.type)
            and not _always_raises_it(node)
        ):
            yield path
        is_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
        if is_call and any(map(is_broad, node.args)):  # type: ignore[attr-defined]
            yield path

    yield from walk(tree, module)


def _always_raises_it(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    is_left = any(isinstance(node, ast.Return) for node in ast.walk(handler))
    return isinstance(last, ast.Raise) and last.exc is None and not is_left


def all_places() -> set[str]:
    return {
        place
        for path, source in SOURCES.items()
        for place in places(tree_of(source), name_of(path))
    }


def test_each_place_has_a_reason() -> None:
    found = all_places()
    assert sorted(found - REASONS.keys()) == [], "say why each may catch so much"
    assert sorted(REASONS.keys() - found) == [], "these do not any more"


def test_what_is_looked_for_is_found() -> None:
    text = """
class A:
    def f(self):
        try: g()
        except RuntimeError: pass
    def raises(self):
        try: g()
        except BaseException:
            g()
            raise
def h():
    with contextlib.suppress(OSError, Exception): g()
    try: g()
    except (ValueError, RuntimeError): return
    try: g()
    except: pass
    try: g()
    except ValueError: pass
"""
    assert list(places(ast.parse(text), "m")) == ["m.A.f", "m.h", "m.h", "m.h"]

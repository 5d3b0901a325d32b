"""G11: each step of an actor's end can be done again after a signal handler raised in it.

What the steps are is not written down here. Wherever the package sets one of the marks that an
actor's end consists of, that is a step; a walk over the syntax tree finds them. Each of them has
to be struck by one of the calls below.

After a strike, two things have to hold. *No ghosts:* if the call has marked the actor stopped,
then the actor ends, though nothing is called again. *Repeatable:* the same call once more ends it
in any case.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.guarantees.test_g11_signal_handlers import assert_everything_works
from tests.injection import Alarm, CtrlC, inject
from tests.leaks import PATIENCE, wait_until
from tests.sources import IN_PROGRAMS, PACKAGE, tree_of

import pykka
from pykka._lifecycle.kill import abandon
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

pytestmark = [
    pytest.mark.usefixtures("untraced"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


MARKS = {"stopped", "ending", "closed", "killed", "is_over", "is_cancelled", "_ended", "actor"}
"""What is set on a cell, a watch, an alarm or a system when it ends."""

MARKERS = {"mark_ending", "refuse_sends", "take_instance"}
"""Methods that do no more than set one; to call them is to set it."""


class Threading(pykka.ThreadingActor):
    """On a thread of its own."""


class Pooled(pykka.PooledActor):
    """In a pool, with nothing to do at its end."""

    dispatcher = pykka.Dispatcher("ends")  # or each system would have threads of its own


class Hooked(Pooled):
    """In a pool, with hooks and a child."""

    def on_start(self) -> None:
        self.start_child(Threading)

    def on_stop(self) -> None:
        self.hooked = True


class Looped(pykka.AsyncioActor):
    """In the event loop that such actors share."""


RUNTIMES = pytest.mark.parametrize("kind", [Threading, Pooled, Hooked, Looped])


def kill_with_a_deadline(ref: pykka.ActorRef[Any]) -> None:
    ref.kill(abandon_after=1000)


def set_the_event(ref: pykka.ActorRef[Any]) -> None:
    ref.actor_stopped.set()


def stop_all(ref: pykka.ActorRef[Any]) -> None:
    ref.system.shutdown()


def shut_down(ref: pykka.ActorRef[Any]) -> None:
    ref.system.shutdown(PATIENCE)


def end_of_scope(ref: pykka.ActorRef[Any]) -> None:
    async def main() -> None:
        async with pykka.ActorScope() as scope:
            scope.enter(ref)

    asyncio.run(main())


WAYS: dict[str, Callable[[pykka.ActorRef[Any]], object]] = {
    "kill": lambda ref: ref.kill(),
    "kill without waiting": lambda ref: ref.kill(block=False),
    "kill with a deadline": kill_with_a_deadline,
    "stop": lambda ref: ref.stop(),
    "stop with a timeout": lambda ref: ref.stop(timeout=PATIENCE),
    "stop without waiting": lambda ref: ref.stop(block=False),
    "setting the event": set_the_event,
    "stop_all": stop_all,
    "shutdown": shut_down,
    "the end of a scope": end_of_scope,
}


@pytest.mark.thinned
@RUNTIMES
@pytest.mark.parametrize("way", WAYS)
def test_no_step_of_an_end_leaves_a_ghost(way: str, kind: type[pykka.Actor]) -> None:
    interrupt_everywhere(kind, WAYS[way])


@pytest.mark.exhaustive
def test_no_step_of_an_abandonment_leaves_a_ghost() -> None:
    """Also if the actor does not hang at all, and waits for a message; then its thread ends."""
    interrupt_everywhere(Threading, lambda ref: abandon(ref._cell))


def interrupt_everywhere(
    kind: type[pykka.Actor],
    end: Callable[[pykka.ActorRef[Any]], object],
    found: set[CodeType] | None = None,
) -> None:
    """Interrupt a call that ends an actor at all of its places."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        system = pykka.ActorSystem(clock=ManualClock())
        ref = system.start(kind)
        assert ref.ask("it lives") is None
        terminated = ref.when_terminated()

        def check(interrupted: bool) -> None:
            del interrupted
            if not ref.is_alive():
                terminated.get(timeout=PATIENCE)
            end(ref)
            terminated.get(timeout=PATIENCE)
            wait_until(lambda: system.everybody() == [], "it is forgotten")

        return lambda: end(ref), check

    assert inject(prepare, CtrlC, found) >= 1
    assert_everything_works()


@pytest.mark.parametrize("way", ["kill without waiting", "stop without waiting"])
def test_no_step_of_an_end_that_a_thread_waits_for_leaves_a_lock_locked(way: str) -> None:
    """Whoever has read the event before is told of the end by it."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Threading.start()
        event = ref.actor_stopped
        waiter = pykka.ThreadingFuture[bool]()
        thread = threading.Thread(target=lambda: waiter.set(event.wait()))
        thread.start()

        def check(interrupted: bool) -> None:
            del interrupted
            WAYS[way](ref)
            assert waiter.get(timeout=PATIENCE)
            thread.join(PATIENCE)
            assert event.wait(timeout=PATIENCE)

        return lambda: WAYS[way](ref), check

    assert inject(prepare, CtrlC) >= 1


@pytest.mark.parametrize("timeout", [0, 1e-6])
def test_an_interrupted_wait_for_the_event_leaves_no_lock_locked(timeout: float) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Threading.start()

        def check(interrupted: bool) -> None:
            del interrupted
            ref.actor_stopped.set()
            ref.when_terminated().get(timeout=PATIENCE)
            assert ref.actor_stopped.wait(timeout=PATIENCE)

        return lambda: ref.actor_stopped.wait(timeout), check

    assert inject(prepare, CtrlC) >= 1


def test_an_actor_that_is_busy_in_its_loop_is_killed_and_does_not_spin() -> None:
    """It sees the mark in the middle of what it does, and not when something wakes it."""

    class Busy(pykka.AsyncioActor):
        def on_receive(self, message: Any) -> None:
            self.actor_ref.tell(message)

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Busy.start()
        ref.tell("again and again")
        terminated = ref.when_terminated()

        def check(interrupted: bool) -> None:
            del interrupted
            if not ref.is_alive():
                terminated.get(timeout=PATIENCE)
            ref.kill(block=False)
            terminated.get(timeout=PATIENCE)

        return lambda: ref.kill(block=False), check

    assert inject(prepare, CtrlC) >= 5


@pytest.mark.parametrize("way", ["watch", "unwatch"])
@pytest.mark.parametrize("target_kind", [Threading, Pooled, Looped])
def test_no_step_of_a_watch_loses_the_notice(way: str, target_kind: type[pykka.Actor]) -> None:
    class Watcher(pykka.PooledActor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            self.seen.append(message)
            return None

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        watcher = Watcher.start()
        ref = target_kind.start()
        if way == "unwatch":
            watcher.ask(lambda me: me.watch(ref))

        def call() -> object:
            return watcher.ask(lambda me: getattr(me, way)(ref))

        def check(interrupted: bool) -> None:
            del interrupted
            call()
            ref.stop(timeout=PATIENCE)
            ref.when_terminated().get(timeout=PATIENCE)
            seen = watcher.ask(lambda me: me.seen, timeout=PATIENCE)
            if way == "watch":
                wait_until(lambda: len(seen) == 1, "it is told")
            else:
                assert seen == []
            watcher.stop(timeout=PATIENCE)

        return call, check

    # What means the program ends the watcher, which is run by who asks; so this means the call.
    assert inject(prepare, Alarm) >= 2


class Own(pykka.AsyncioActor):
    """In the loop of the very thread that is interrupted."""

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        return message


def interrupt_own_loop(how: str) -> None:  # noqa: C901 (one case a way to end)
    """Strike everywhere in the life of an actor in the loop of the very thread that is struck."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        refs: list[pykka.ActorRef[Any]] = []
        loops: list[asyncio.AbstractEventLoop] = []

        async def main() -> None:
            loops.append(asyncio.get_running_loop())
            ref = Own.start()
            refs.append(ref)
            await ref.ask("hello", block=False)
            if how == "stop":
                await ref.stop(block=False)
            elif how == "kill":
                await ref.kill(block=False)

        def call() -> None:
            if how != "close":
                asyncio.run(main())
                return
            loop = asyncio.new_event_loop()
            loops.append(loop)
            try:
                loop.run_until_complete(main())
            finally:
                loop.close()

        def check(interrupted: bool) -> None:
            del interrupted
            for loop in loops:  # to close it may have been interrupted before it had begun
                loop.close()
            for ref in [*refs, *pykka.ActorRegistry.get_by_class(Own)]:
                if ref.is_alive():
                    ref.kill(block=False)
                ref.when_terminated().get(timeout=PATIENCE)
            wait_until(lambda: not pykka.ActorRegistry.get_by_class(Own), "the actor is forgotten")
            refs.clear()
            loops.clear()
            # What was interrupted must not be collected while the next call is struck: it would be
            # struck in its stead, in the middle of the making of a loop.
            gc.collect()

        return call, check

    inject(prepare, CtrlC, may_swallow=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["stop", "kill", "cancel", "close"])
def test_an_actor_whose_own_loop_is_interrupted_anywhere_ends(how: str) -> None:
    """The handler strikes in the actor's own steps, too, and the loop goes down with it.

    In a process of its own: coroutines that were interrupted are collected at any time later, and
    say so.
    """
    name = "tests.guarantees.test_g11_every_step_of_an_end"
    program = (
        f"import logging; logging.disable(); from {name} import interrupt_own_loop; "
        f"interrupt_own_loop({how!r}); print('all ended')"
    )
    path = [str(PACKAGE.parent), str(Path(__file__).parents[2])]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")
    } | {"PYTHONPATH": os.pathsep.join(path)}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
        env=environment,
    )
    assert result.stdout == "all ended\n", result.stderr[-2000:]


REASONS = {
    "Cell.declare_dead": "in a child process, right after the fork",
    "StoppedEvent.clear": "it takes an end back, for a user's own use of the event",
    "cancel": "of a retry: no part of an actor's end",
    "_on_notice": "the watcher's own step, and tested with watches",
    "Watch.end": "tested with watches",
    "crash": "the actor's own step, on a thread where no signal handler runs",
    "terminate_without_hooks": "tested with an actor's own loop",
    "Cell.refuse_sends": "a step of `terminate_without_hooks`",
    "Cell.take_instance": "a step of `_renew`",
    "abandon": "tested by itself",
    "Idle.end": "the actor's own step",
    "_on_restart": "the actor's own step",
    "Abandonment.cancel": "it is called when the actor has ended, to let go of the clock",
    "Shutdown.run_awaiting": "in an event loop; tested with interrupted shutdowns",
    "_renew": "the actor's own step, on a thread where no signal handler runs",
    "make": "of an instance: no part of an end",
    "pause": "of a wait between two attempts: no part of an actor's end",
    "pause_awaiting": "likewise",
    "RaceAlarm.cancel": "of a router: no part of an actor's end",
    "RoutedTimer.cancel": "of a router: no part of an actor's end",
    "Timer.cancel": "tested in unit/test_timer_signals.py",
    "end": "of a change of behaviour",
}
"""Functions that set a mark, and why the test below need not strike them."""


def steps_of_ends() -> Iterator[tuple[str, str]]:
    """Every function of the package that sets a mark: its file and its qualified name."""
    for path, source in IN_PROGRAMS.items():
        names = dict.fromkeys(_setters(tree_of(source), ""))
        yield from ((path, name) for name in names)


def _setters(node: ast.AST, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}.{child.name}".lstrip(".")
        elif isinstance(child, ast.Assign) and inside:
            targets = [t for t in child.targets if isinstance(t, ast.Attribute)]
            if any(target.attr in MARKS for target in targets):
                yield inside
        elif isinstance(child, ast.Attribute) and child.attr in MARKERS:
            yield inside
        yield from _setters(child, name)


@pytest.mark.exhaustive
def test_every_step_that_sets_a_mark_is_struck() -> None:
    """A new one has to be struck by the calls of `WAYS`, or to have a reason."""
    found: set[CodeType] = set()
    for kind in (Threading, Looped):
        for way in ("kill", "kill with a deadline", "stop", "setting the event", "shutdown"):
            interrupt_everywhere(kind, WAYS[way], found)
    interrupt_everywhere(Pooled, WAYS["stop"], found)
    steps = {name for _file, name in steps_of_ends() if not name.endswith("__init__")}
    missed = steps - {code.co_qualname for code in found} - set(REASONS)
    assert missed == set()

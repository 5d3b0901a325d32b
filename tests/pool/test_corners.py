"""What seldom happens: threads that cannot be started, looks at a live actor's inbox."""

from __future__ import annotations

import gc
import queue
import sys
import threading
import time
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._deadlock import wait_graph
from pykka._envelope import Envelope
from pykka._system import system as _system
from pykka._util import gil
from pykka._util.thread_state import current
from pykka.runtimes.pool import actor as actors
from pykka.runtimes.pool import dispatcher as dispatchers
from pykka.runtimes.pool import worker as workers
from pykka.runtimes.pool.cell import PooledCell
from pykka.runtimes.pool.monitor import WORTH_MENTIONING, Monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


class Notebook(pykka.PooledActor):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        self.seen.put(message)
        return message


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread can be started, as if the system had none left."""

    def refuse(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        patch.setattr(workers, "start_new_thread", refuse)
        yield


def notebook_of(dispatcher: pykka.Dispatcher) -> type[Notebook]:
    return type("Notebook", (Notebook,), {"dispatcher": dispatcher})


def test_a_thread_that_cannot_be_started_is_logged_and_the_next_send_tries_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool_class = notebook_of(pykka.Dispatcher("pykka-poor"))
    ref = pool_class.start()
    seen = ref._actor.seen  # type: ignore[union-attr]

    def refuse(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(workers, "start_new_thread", refuse)
        ref.tell("one")
        assert log.find("ERROR", "cannot start a thread")
        patch.setattr(threading.Thread, "start", refuse)
        assert ref._cell.pool.add_worker() is False
        ref._cell.pool.monitor.wake()
        assert ref._cell.pool.monitor.is_asleep
    assert len(log.find("ERROR", "cannot start a thread")) == 1  # it is said once

    pool_class.start().tell("another")
    assert seen.get(timeout=PATIENCE) == "one"


def test_at_the_end_the_main_thread_does_what_no_other_can(no_threads: None) -> None:
    """Python 3.12 starts no thread any more when the main thread has ended."""
    dispatcher = pykka.Dispatcher("pykka-end")
    refs = [notebook_of(dispatcher).start() for _ in range(3)]
    for ref in refs:
        ref.tell("work")
    dispatcher._pool.share(None)  # a token that nobody has taken
    before = current.state.is_main, current.state.spare

    dispatchers._finish_one(dispatcher._pool)

    assert [ref._actor.seen.get_nowait() for ref in refs] == ["work"] * 3  # type: ignore[union-attr]
    assert dispatcher._pool.workers == []
    assert current.state.worker is None
    assert before[0] is current.state.is_main


def test_a_message_that_is_an_envelope_comes_as_one() -> None:
    ref = Notebook.start()
    envelope = Envelope("in an envelope")
    ref.tell(envelope)
    assert ref._actor.seen.get(timeout=PATIENCE) is envelope  # type: ignore[union-attr]


def test_the_inbox_of_a_live_actor_can_be_taken_from() -> None:
    gate = Gate()
    ref = Notebook.start()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("waiting")
    with pytest.raises(queue.Empty):
        ref.actor_inbox.get_nowait()  # somebody runs the actor
    with pytest.raises(queue.Empty):
        ref.actor_inbox.get(timeout=0.01)
    gate.open()
    wait_until(ref.actor_inbox.empty, "the actor has handled that")
    wait_until(lambda: ref._cell.run_token, "the actor is idle")
    with pytest.raises(queue.Empty):
        ref.actor_inbox.get_nowait()
    assert ref.ask("still here") == "still here"


def test_an_interrupted_start_is_claimed_once() -> None:
    ref = Notebook.start()
    cell: Any = ref._cell
    assert cell.claim_life()
    assert not cell.claim_life()
    cell.run_token.append(True)
    assert ref.ask(1) == 1


def test_a_registry_takes_what_stands_for_a_ref() -> None:
    class Stand:
        def __init__(self, cell: object) -> None:
            self._cell = cell

    ref = Notebook.start()
    pykka.ActorRegistry.unregister(Stand(ref._cell))  # type: ignore[arg-type]
    assert ref not in pykka.ActorRegistry.get_all()
    _system.default_system.register(ref)


def test_an_edge_to_an_actor_that_runs_has_no_place() -> None:
    a, b = Notebook.start()._cell, Notebook.start()._cell
    assert wait_graph.place_of_edge([wait_graph.Edge(a, b, b)]) is None


def test_a_full_pool_from_outside() -> None:
    """All threads wait for actors that need one, and main asks for one more."""
    dispatcher = pykka.Dispatcher("pykka-full", max_threads=1)
    pool = dispatcher._pool
    ref = notebook_of(dispatcher).start()
    pool.blocked_for_ever = 1  # as if the only thread waited
    try:
        pool.workers.clear()
        with pytest.raises(pykka.PoolExhaustedError, match="maximum of 1 threads"):
            ref._cell.require_thread()
    finally:
        pool.blocked_for_ever = 0


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="the system does not tell the CPU time"
)
def test_the_lookout_sees_who_computes() -> None:
    worker = workers.Worker(pykka.Dispatcher("pykka-watched")._pool)
    worker.clock = time.pthread_getcpuclockid(threading.get_ident())
    Monitor._note_work(worker, 1.0)  # the first look, from which on it counts
    assert (worker.since, worker.awake) == (1.0, -1.0)

    Monitor._note_work(worker, 2.0)
    assert (worker.since, worker.awake) == (1.0, -1.0)  # it has not done much since

    end = time.thread_time() + 2 * WORTH_MENTIONING
    while time.thread_time() < end:
        pass
    Monitor._note_work(worker, 3.0)
    assert (worker.since, worker.awake) == (3.0, 3.0)

    worker.clock = -1  # as that of a thread that has ended
    Monitor._note_work(worker, 4.0)
    assert worker.since == 3.0
    worker.clock = None  # as on a system that does not tell
    Monitor._note_work(worker, 4.0)
    assert worker.since == 3.0


def test_an_inbox_in_an_event_loop_before_the_actor_is_started() -> None:
    class Clerk(pykka.AsyncioActor):
        pass

    clerk = Clerk()
    clerk.actor_ref.tell("early")
    inbox: Any = clerk._pykka_cell.inbox
    assert not inbox.empty()
    assert inbox.get().message == "early"
    assert inbox.empty()


def test_a_kill_that_comes_after_the_last_look_runs_the_hook() -> None:
    """The worker has seen no mark, looks into the inbox, and then sees that it is to end."""
    hooks: queue.SimpleQueue[str] = queue.SimpleQueue()
    armed = threading.Event()

    class Inbox(queue.SimpleQueue[Any]):
        owner: Any = None

        def empty(self) -> bool:
            found = super().empty()
            if found and armed.is_set():
                armed.clear()
                self.owner.kill(block=False)
            return found

    class Killed(pykka.PooledActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Inbox()

        def on_stop(self) -> None:
            hooks.put("on_stop")

    ref = Killed.start()
    ref.actor_inbox.owner = ref
    armed.set()
    ref.tell("hello")
    assert hooks.get(timeout=PATIENCE) == "on_stop"
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


@pytest.mark.parametrize("how", ["tell", "ask", "call", "defer"])
def test_a_message_for_which_the_stack_is_too_full_is_handled_all_the_same(how: str) -> None:
    """It is in the inbox. Another thread, whose stack is not full, sees that it is handled."""

    class Own(Notebook):
        caller_runs = False
        dispatcher = pykka.Dispatcher("pykka-deep")

        def note(self, message: object) -> None:
            self.seen.put(message)

    ref = Own.start()
    ways: dict[str, Callable[[], object]] = {
        "tell": lambda: ref.tell("deep"),
        "ask": lambda: ref.ask("deep"),
        "call": lambda: ref.proxy().note("deep"),
        "defer": lambda: ref.proxy().note.defer("deep"),
    }
    pool: Any = ref._cell.pool  # type: ignore[attr-defined]
    inject, here = pool.inject, threading.get_ident()

    def inject_if_there_is_room(cell: Any) -> None:
        if threading.get_ident() == here:
            raise RecursionError
        inject(cell)

    pool.inject = inject_if_there_is_room
    try:
        with pytest.raises(RecursionError):
            ways[how]()
        assert ref._actor.seen.get(timeout=PATIENCE) == "deep"  # type: ignore[union-attr]
    finally:
        del pool.inject


@pytest.mark.parametrize("how", ["call", "defer"])
def test_a_call_that_comes_when_the_actor_has_just_ended_has_a_fate(
    how: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """It was alive when the caller looked, and has closed its inbox when the call is put there."""
    system = pykka.ActorSystem()
    left: list[Any] = []
    system.dead_letters.subscribe(left.append)
    ref = system.start(Notebook)
    proxy = ref.proxy()
    need_inbox = PooledCell.need_inbox

    def end_first(cell: PooledCell) -> Any:
        monkeypatch.undo()
        assert ref.stop(timeout=PATIENCE)
        return need_inbox(cell)

    ref._cell.inbox = None
    monkeypatch.setattr(PooledCell, "need_inbox", end_first)
    if how == "call":
        with pytest.raises(pykka.ActorDeadError):
            proxy.on_receive("late").get(timeout=PATIENCE)
    else:
        proxy.on_receive.defer("late")
        assert len(left) == 1
    assert ref._cell.count() == 0


def test_an_actor_that_is_not_started_is_woken_by_nobody() -> None:
    actor = Notebook()
    cell: Any = actor._pykka_cell
    actor.actor_ref.tell("early")
    cell.wake_up()
    assert not cell.queued
    assert not cell.run_token
    assert actor.actor_inbox.get_nowait().message == "early"


def test_an_inbox_that_the_class_asks_its_base_for_is_the_usual_one() -> None:
    class Asking(Notebook):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Notebook._create_actor_inbox()

    one, other = Asking.start(), Asking.start()
    assert type(one._cell.inbox) is list
    assert one._cell.inbox is not other._cell.inbox
    assert one.ask(1, timeout=PATIENCE) == one.ask(1) == 1


def test_what_waits_for_a_counted_actor_that_ends_is_reported_in_order() -> None:
    """Some of it in the actor's own hands already, for it takes more than one at once."""
    system = pykka.ActorSystem()
    left: list[Any] = []
    system.dead_letters.subscribe(lambda letter: left.append(letter.message))
    ref = system.start(Notebook)
    ref.keep_statistics()
    assert ref.ask("now it is counted") == "now it is counted"
    gates = Gate(), Gate()
    ref.tell(gates[0])
    gates[0].wait_until_entered()
    ref.tell(gates[1])
    for number in range(3):
        ref.tell(number)
    gates[0].open()
    gates[1].wait_until_entered()
    for number in range(3, 6):
        ref.tell(number)
    assert ref.statistics().waiting == 6
    terminated = ref.when_terminated()  # later, this thread might report some of them
    ref.kill(block=False)
    gates[1].open()
    assert terminated.get(timeout=PATIENCE) == pykka.Killed()
    assert left == list(range(6))
    system.shutdown(PATIENCE)


class Faulty(queue.SimpleQueue[Any]):
    """Raises when it is asked whether it is empty, once it has been told to."""

    error: BaseException | None = None

    def empty(self) -> bool:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return super().empty()


class WithFaulty(pykka.PooledActor):
    @staticmethod
    def _create_actor_inbox() -> Any:
        return Faulty()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            self.actor_inbox.error = message  # type: ignore[attr-defined]
        return message


def test_an_inbox_that_raises_ends_its_actor_with_that_exception(log: Log) -> None:
    ref = WithFaulty.options(dispatcher=pykka.Dispatcher("pykka-faulty")).start()
    error = ValueError("the inbox is broken")
    ref.tell(error)
    reason = ref.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert repr(reason.exception) == repr(error)
    assert Notebook.start().ask("others go on", timeout=PATIENCE) == "others go on"


def test_an_inbox_in_which_a_signal_handler_raises_lets_that_through() -> None:
    """On the main thread, which runs the actor, it is not the inbox's own."""
    ref = WithFaulty.start()
    ref.actor_inbox.error = KeyboardInterrupt()  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        ref.ask("hello")
    assert ref.stop(timeout=PATIENCE) is True


def test_where_no_daemon_thread_is_allowed_a_pooled_actor_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in an isolated sub-interpreter."""
    monkeypatch.setattr(actors, "_has_daemons", False)

    class NoDaemons(threading.Thread):
        def __init__(self, *args: Any, daemon: bool | None = None, **kwargs: Any) -> None:
            if daemon:
                raise RuntimeError("daemon threads are disabled in this (sub)interpreter")
            super().__init__(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", NoDaemons)
        with pytest.raises(RuntimeError, match=r"Notebook needs a daemon thread.*ThreadingActor"):
            Notebook.start()
    assert not actors._has_daemons
    assert pykka.ActorRegistry.get_all() == []
    assert Notebook.start().ask("here it does") == "here it does"
    assert actors._has_daemons


OLD_PYTHON = SimpleNamespace(version_info=(3, 11), getswitchinterval=sys.getswitchinterval)


@pytest.mark.parametrize("current_one", [0, 1])
def test_before_python_3_12_a_sub_interpreter_says_so_when_a_thread_is_started(
    current_one: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main interpreter is not put to the test."""
    starts: list[threading.Thread] = []

    def refuse(thread: threading.Thread) -> None:
        starts.append(thread)
        raise RuntimeError("daemon threads are not supported in subinterpreters")

    interpreters = SimpleNamespace(get_main=lambda: 0, get_current=lambda: current_one)
    monkeypatch.setattr(gil, "sys", OLD_PYTHON)
    monkeypatch.setitem(sys.modules, "_xxsubinterpreters", interpreters)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert gil.allows_daemon_threads() is (current_one == 0)
    assert len(starts) == current_one


def test_a_python_that_has_no_sub_interpreters_is_in_the_main_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gil, "sys", OLD_PYTHON)
    monkeypatch.setitem(sys.modules, "_xxsubinterpreters", None)  # so that its import fails
    assert gil.allows_daemon_threads() is True


# --- what an idle or ended actor keeps ----------------------------------------------------------


def test_an_actor_without_attributes_has_no_dict() -> None:
    """It would be one more object for the garbage collector to walk through."""

    class Idle(pykka.PooledActor):
        pass

    ref = Idle.start()
    assert ref.ask("anything") is None
    kept = gc.get_referents(ref._actor)
    assert ref._cell in kept
    assert [each for each in kept if type(each) is dict] == []


@pytest.mark.parametrize("hook", ["on_start", "on_stop"])
@pytest.mark.parametrize("of_another", [False, True], ids=["function", "method of another"])
def test_a_hook_that_only_the_instance_has_is_run(hook: str, *, of_another: bool) -> None:
    ran: list[str] = []

    class Plain(pykka.PooledActor):
        def __init__(self, other: Any = None) -> None:
            super().__init__()
            if other is not None:
                setattr(self, hook, other)

    class Noting(pykka.PooledActor):
        def on_stop(self) -> None:
            ran.append("another's")

    another = Noting.start()
    ref = Plain.start(another._actor.on_stop if of_another else lambda: ran.append("its own"))
    assert ref.stop()
    assert ran == ["another's" if of_another else "its own"]


def test_what_has_asked_for_the_end_is_let_go_of_when_it_was_answered() -> None:
    ref = pykka.PooledActor.start()
    futures = [ref.stop(block=False), ref.when_terminated()]
    assert futures[0].get(timeout=PATIENCE) is True
    assert futures[1].get(timeout=PATIENCE) == pykka.Stopped()
    late = ref._cell
    answered: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    late.answer_when_ended(answered, answer="late")
    assert answered.get(timeout=PATIENCE) == "late"
    watched = [weakref.ref(future) for future in [*futures, answered]]
    del futures, answered
    gc.collect()
    assert [each() for each in watched] == [None] * 3

"""What seldom happens: threads that cannot be started, looks at a live actor's inbox."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import _system, _waiting
from pykka._current import current
from pykka._envelope import Envelope
from pykka.runtimes.pool import dispatcher as dispatchers
from pykka.runtimes.pool import workers
from pykka.runtimes.pool.lookout import WORTH_MENTIONING, Lookout

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        assert ref._address.pool.add_worker() is False
        ref._address.pool.lookout.wake()
        assert ref._address.pool.lookout.is_asleep
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
    wait_until(lambda: ref._address.turn, "the actor is idle")
    with pytest.raises(queue.Empty):
        ref.actor_inbox.get_nowait()
    assert ref.ask("still here") == "still here"


def test_an_interrupted_start_is_claimed_once() -> None:
    ref = Notebook.start()
    address: Any = ref._address
    assert address.claim_life()
    assert not address.claim_life()
    address.turn.append(True)
    assert ref.ask(1) == 1


def test_a_registry_takes_what_stands_for_a_ref() -> None:
    class Stand:
        def __init__(self, address: object) -> None:
            self._address = address

    ref = Notebook.start()
    pykka.ActorRegistry.unregister(Stand(ref._address))  # type: ignore[arg-type]
    assert ref not in pykka.ActorRegistry.get_all()
    _system.default_system.register(ref)


def test_an_edge_to_an_actor_that_runs_has_no_place() -> None:
    a, b = Notebook.start()._address, Notebook.start()._address
    assert _waiting.place_of_edge([_waiting.Edge(a, b, b)]) is None


def test_a_full_pool_from_outside() -> None:
    """All threads wait for actors that need one, and main asks for one more."""
    dispatcher = pykka.Dispatcher("pykka-full", max_threads=1)
    pool = dispatcher._pool
    ref = notebook_of(dispatcher).start()
    pool.blocked_for_ever = 1  # as if the only thread waited
    try:
        pool.workers.clear()
        with pytest.raises(pykka.PoolExhaustedError, match="maximum of 1 threads"):
            ref._address.refuse_hopeless_wait()
    finally:
        pool.blocked_for_ever = 0


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="the system does not tell the CPU time"
)
def test_the_lookout_sees_who_computes() -> None:
    worker = workers.Worker(pykka.Dispatcher("pykka-watched")._pool)
    worker.clock = time.pthread_getcpuclockid(threading.get_ident())
    Lookout._note_work(worker, 1.0)  # the first look, from which on it counts
    assert (worker.since, worker.awake) == (1.0, -1.0)

    Lookout._note_work(worker, 2.0)
    assert (worker.since, worker.awake) == (1.0, -1.0)  # it has not done much since

    end = time.thread_time() + 2 * WORTH_MENTIONING
    while time.thread_time() < end:
        pass
    Lookout._note_work(worker, 3.0)
    assert (worker.since, worker.awake) == (3.0, 3.0)

    worker.clock = -1  # as that of a thread that has ended
    Lookout._note_work(worker, 4.0)
    assert worker.since == 3.0
    worker.clock = None  # as on a system that does not tell
    Lookout._note_work(worker, 4.0)
    assert worker.since == 3.0


def test_an_inbox_in_an_event_loop_before_the_actor_is_started() -> None:
    class Clerk(pykka.AsyncioActor):
        pass

    clerk = Clerk()
    clerk.actor_ref.tell("early")
    inbox: Any = clerk._pykka_address.inbox
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

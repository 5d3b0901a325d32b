"""Workers, and who looks out for them, in cases that are rare: each is forced, one at a time."""

from __future__ import annotations

import queue
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, agents_of, in_new_thread, no_lookout

import pykka
from pykka._deadlock.wait_graph import place_of_actor, places_of_actors
from pykka._util.gil import HAS_GIL
from pykka._util.thread_state import current
from pykka.runtimes.pool import dispatcher as dispatchers
from pykka.runtimes.pool import monitor
from pykka.runtimes.pool import worker as workers
from pykka.runtimes.pool.cell import PooledCell
from pykka.runtimes.pool.monitor import Monitor
from pykka.runtimes.pool.worker import Worker
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


def work(worker: Worker) -> None:
    """Be that worker on a new thread, until it has been sent home."""
    worker.pool.workers.append(worker)
    assert in_new_thread(lambda: worker.main() or True)


@pytest.fixture
def dispatcher() -> Iterator[pykka.Dispatcher]:
    """A dispatcher without a monitor, whose workers a test makes itself."""
    dispatcher = pykka.Dispatcher("pykka-rare", max_threads=1)
    no_lookout(dispatcher)
    pool = dispatcher._pool
    pool.call_for_help = lambda: None  # type: ignore[method-assign]
    yield dispatcher
    del pool.call_for_help
    pool.monitor.is_asleep = True
    if not pool.injected.empty():
        pool.call_for_help()


@pytest.fixture
def pool(dispatcher: pykka.Dispatcher) -> workers.Pool:
    """Its pool."""
    return dispatcher._pool


@pytest.fixture
def agents(dispatcher: pykka.Dispatcher) -> type[Agent]:
    """Agents that it runs."""
    return agents_of(dispatcher)


# --- workers


def test_what_another_worker_has_just_taken_from_the_own_queue_is_not_missed(
    pool: workers.Pool, agents: type[Agent]
) -> None:
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()
    ref = agents.start()
    cell: Any = ref._cell

    class Robbed(deque[Any]):
        """Looks as if it held something, which is gone when it is to be taken."""

        looks = 0

        def __bool__(self) -> bool:
            self.looks += 1
            return self.looks < 3 or len(self) > 0

    worker = Worker(pool)
    worker.local = robbed = Robbed()
    ref.tell(lambda: seen.put("told"))
    pool.share(None)
    work(worker)
    assert seen.get(timeout=0) == "told"
    assert robbed.looks > 3
    assert not pool.workers
    assert cell.run_token == [True]


def test_what_a_finaliser_sends_after_the_last_search_is_found_before_the_worker_sits(
    pool: workers.Pool, agents: type[Agent]
) -> None:
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()
    ref = agents.start()

    class Finalising(Worker):
        has_run = False

        def _steal(self) -> Any:
            found = super()._steal()
            if not self.has_run:
                self.has_run = True
                ref.tell(lambda: (seen.put("told"), pool.share(None)))
                assert list(self.local) == [ref._cell]
            return found

    work(Finalising(pool))
    assert seen.get(timeout=0) == "told"
    assert not pool.workers


def test_the_variables_of_an_actor_that_has_ended_are_not_those_of_the_next(
    pool: workers.Pool, agents: type[Agent]
) -> None:
    """The actor ends in the message in which it sets a variable. The next one finds it unset."""
    number: ContextVar[int] = ContextVar("number", default=0)
    one, other = agents.start(), agents.start()
    seen: queue.SimpleQueue[int] = queue.SimpleQueue()

    def set_and_stop() -> None:
        number.set(1)
        one.stop(block=False)

    one.tell(set_and_stop)
    other.tell(lambda: seen.put(number.get()))
    pool.share(None)
    work(Worker(pool))
    assert not one.is_alive()
    assert seen.get(timeout=0) == 0


def test_an_actor_that_is_down_keeps_its_variables_and_no_other_gets_them() -> None:
    """Its supervisor is busy, so the worker parks the turn, and goes on with another actor."""
    number: ContextVar[int] = ContextVar("number", default=0)
    asked, go_on = threading.Event(), threading.Event()

    class Child(Agent):
        dispatcher = pykka.Dispatcher("pykka-down", max_threads=1, caller_runs=False)

    class Busy(Supervisor):
        def wait(self) -> None:
            asked.set()
            assert go_on.wait(PATIENCE)

    def set_and_fail() -> None:
        number.set(1)
        raise ValueError

    other = Child.start()
    supervisor = Busy.start([ChildSpec("child", Child)])
    child: Any = supervisor.child("child", Child)
    supervisor.proxy().wait.defer()
    assert asked.wait(PATIENCE)
    child.tell(set_and_fail)
    assert other.ask(number.get, timeout=PATIENCE) == 0
    extension = child._cell.extension
    assert extension.down
    assert extension.parked
    go_on.set()
    assert child.ask(number.get, timeout=PATIENCE) == 1
    assert other.ask(number.get, timeout=PATIENCE) == 0
    supervisor.stop()


def test_an_actor_whose_failure_cannot_be_looked_at_ends_and_its_worker_goes_on(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """As a defect of ours would have it."""
    ref, other = agents.start(), agents.start()
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()
    monkeypatch.setattr(workers, "fail_told", lambda _cell, error: raise_it(error))
    asked = ref.ask("behind", block=False)
    cell: Any = ref._cell
    cell.inbox.insert(0, lambda: 1 / 0)
    other.tell(lambda: seen.put("told"))
    pool.share(None)
    work(Worker(pool))
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    assert seen.get(timeout=0) == "told"


def raise_it(error: BaseException) -> None:
    raise error


def supervised(pool: workers.Pool, agents: type[Agent]) -> pykka.ActorRef[Any]:
    """An agent that is started anew when it has failed; its supervisor is in another pool."""
    boss = Supervisor.start([ChildSpec("agent", agents)], wait=False)
    wait_until(lambda: not pool.injected.empty(), "the agent is started")
    pool.share(None)
    work(Worker(pool))
    found: pykka.ActorRef[Any] = boss.proxy().get_child("agent").get(timeout=PATIENCE)
    return found


def test_an_actor_that_is_to_go_on_before_its_worker_has_let_go_of_it_goes_on(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault has taken it down, and its supervisor is faster than the worker."""
    ref = supervised(pool, agents)
    cell: Any = ref._cell
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()

    def fall(cell: Any, error: BaseException) -> None:
        really_fall(cell, error)
        wait_until(lambda: cell.extension.system_queue, "the supervisor has decided")

    really_fall = workers.fall
    monkeypatch.setattr(workers, "fail_told", lambda _cell, error: raise_it(error))
    monkeypatch.setattr(workers, "fall", fall)
    before = ref._actor
    ref.tell(lambda: 1 / 0)
    ref.tell(lambda: seen.put("next"))
    ref.tell(lambda: pool.share(None))
    work(Worker(pool))
    assert seen.get(timeout=0) == "next"
    assert ref._actor is not before
    assert cell.run_token == [True]
    assert not cell.extension.parked


def restart_not_before(
    parks: threading.Event, cell: PooledCell, patch: pytest.MonkeyPatch
) -> None:
    """Have the supervisor of an actor wait until a worker is about to let go of it.

    Before that, the worker itself would find that it is to be restarted, and not let go.
    """

    def signal(there: PooledCell, letter: Any) -> None:
        assert there is not cell or parks.wait(PATIENCE)
        really_signal(there, letter)

    really_signal = PooledCell.signal
    patch.setattr(PooledCell, "signal", signal)


def fail_and_go_on(ref: pykka.ActorRef[Any], pool: workers.Pool) -> str:
    """Have an actor fail, and its next instance handle a message; returns on which thread."""
    seen: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    ref.tell(lambda: 1 / 0)
    ref.tell(lambda: seen.put(("next", threading.current_thread().name)))
    ref.tell(lambda: pool.share(None))
    work(Worker(pool))
    message, thread = seen.get(timeout=0)
    assert message == "next"
    return thread


def test_the_turn_of_an_actor_that_is_down_is_given_back_once(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker parks it, and its supervisor wakes it up before the worker looks once more."""
    ref = supervised(pool, agents)
    cell: Any = ref._cell

    class Parked(list[bool]):
        def append(self, token: bool) -> None:
            super().append(token)
            parks.set()
            wait_until(lambda: not self, "the supervisor has taken the token")
            turns.append(list(cell.run_token))

    parks = threading.Event()
    turns: list[list[bool]] = []
    cell.need_extension().parked = Parked()
    restart_not_before(parks, cell, monkeypatch)
    fail_and_go_on(ref, pool)
    assert turns == [[True]]
    assert cell.run_token == [True]


def test_the_turn_of_an_actor_that_is_down_stays_if_its_supervisor_is_faster(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisor wakes it up before its worker has parked it; then the worker finds that."""
    ref = supervised(pool, agents)
    cell: Any = ref._cell

    class Parked(list[bool]):
        def append(self, token: bool) -> None:
            parks.set()
            assert looked.wait(PATIENCE)
            super().append(token)

        def __delitem__(self, index: Any) -> None:
            try:
                super().__delitem__(index)
                taken.append(threading.current_thread().name)
            finally:
                looked.set()

    parks, looked = threading.Event(), threading.Event()
    taken: list[str] = []
    cell.need_extension().parked = Parked()
    restart_not_before(parks, cell, monkeypatch)
    assert taken == [fail_and_go_on(ref, pool)]  # by the worker
    assert cell.run_token == [True]


@pytest.mark.skipif(not HAS_GIL, reason="frames of other threads cannot be read")
@pytest.mark.parametrize("sees_to", ["a message", "a hint"])
def test_who_only_looks_whether_an_actor_is_free_is_not_taken_for_who_runs_it(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch, sees_to: str
) -> None:
    """It is in code that is not the library's, and the thread that it is on is the younger one."""
    ref = agents.start()
    cell: Any = ref._cell
    hangs, looks, go_on = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        assert go_on.wait(PATIENCE)

    def look() -> None:
        looks.set()
        assert go_on.wait(PATIENCE)

    def write(there: PooledCell, is_queued: bool) -> None:
        look()
        queued.__set__(there, is_queued)

    queued: Any = PooledCell.queued
    ref.tell(hang)
    with ThreadPoolExecutor(2) as threads:
        ended = [threads.submit(work, Worker(pool))]
        assert hangs.wait(PATIENCE)
        with monkeypatch.context() as patch:
            if sees_to == "a hint":
                pool.inject(cell)
                patch.setattr(PooledCell, "queued", property(queued.__get__, write))
                ended.append(threads.submit(work, Worker(pool)))
            else:
                patch.setattr(pykka.ActorRef, "ask", lambda *_args, **_kwargs: look())
                ended.append(threads.submit(ref.ask, "message"))
            assert looks.wait(PATIENCE)
            place = place_of_actor(cell)
            places = places_of_actors()
            go_on.set()
            if sees_to == "a message":
                ended[1].result(PATIENCE)
        for _ in range(2 if sees_to == "a hint" else 1):
            pool.share(None)
        for each in ended:
            each.result(PATIENCE)
    assert place is not None
    assert place.function == "hang"
    assert places == {cell: place}


def test_a_worker_with_a_defect_leaves_and_says_so(
    pool: workers.Pool, agents: type[Agent], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    ref = agents.start()
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()
    worker = Worker(pool)

    def fail() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Worker, "_find", lambda _self: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                worker.main()
        assert current.state.worker is current.state.accepts is None

    pool.workers.append(worker)
    assert in_new_thread(lambda: fail() or True)
    assert log.find("ERROR", "A worker of the dispatcher pykka-rare ended")
    assert not pool.workers

    ref.tell(lambda: seen.put("told"))
    pool.share(None)
    work(Worker(pool))
    assert seen.get(timeout=0) == "told"


def test_a_thread_for_which_the_stack_is_too_full_is_asked_for_by_the_next_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher = pykka.Dispatcher("pykka-deep")
    ref = agents_of(dispatcher).start()
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()

    def refuse(*_args: object) -> None:
        raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr(workers, "start_new_thread", refuse)
        with pytest.raises(RecursionError):
            dispatcher._pool.inject(ref._cell)  # type: ignore[arg-type]
    assert not dispatcher._pool.is_starting
    agents_of(dispatcher).start().tell(lambda: seen.put("told"))
    assert seen.get(timeout=PATIENCE) == "told"


def test_who_comes_from_the_bench_wakes_the_lookout(pool: workers.Pool) -> None:
    woken: queue.SimpleQueue[None] = queue.SimpleQueue()
    pool.monitor.wake = lambda: woken.put(None)  # type: ignore[method-assign]
    worker, others = Worker(pool), [Worker(pool) for _ in range(2)]
    pool.most = 3
    pool.at_once = 1
    pool.is_contended = True
    pool.workers.extend(others)
    thread = threading.Thread(target=work, args=(worker,))
    thread.start()
    woken.get(timeout=PATIENCE)  # by the thread, when it began
    wait_until(lambda: pool.benched == 1, "it sits on the bench")
    pool.monitor.is_asleep = True
    del pool.workers[:2]
    pool.share(None)
    pool.clear_the_bench()
    woken.get(timeout=PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not pool.workers
    assert pool.benched == 0


# --- the monitor


def test_a_lookout_that_is_needed_where_the_stack_is_full_is_started_by_another_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher = pykka.Dispatcher("pykka-watched")
    started: list[Callable[[], None]] = []
    monkeypatch.setattr(monitor, "has_room", lambda: False)
    monkeypatch.setattr(
        monitor, "start_new_thread", lambda function, _args: started.append(function)
    )
    watch = dispatcher._pool.monitor
    watch.wake()
    watch.wake()  # it has been asked for
    assert started == [watch._start]
    assert not watch.is_asleep


def test_a_lookout_does_not_take_an_old_ring_for_a_new_one_nor_miss_a_late_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Monitor(pykka.Dispatcher("pykka-watched")._pool)
    watch._is_running = True  # this thread is it

    class Bell:
        """Rings for an earlier sleep; the next ring comes just too late."""

        gets = 0

        def put(self, _item: None) -> None:
            pass

        def get(self, timeout: float) -> None:
            self.gets += 1
            if self.gets == 2:
                watch.wake()
            if self.gets != 1:
                raise queue.Empty

    bell: Any = Bell()
    watch._bell = bell
    assert watch._sleep()  # it goes on, for it was woken
    assert bell.gets == 2
    assert not watch.is_asleep
    assert not watch._sleep()  # nobody has woken it
    assert bell.gets == 3
    assert not watch._is_running


# --- all dispatchers


def test_a_dispatcher_that_is_made_while_all_are_looked_up_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = pykka.Dispatcher("pykka-mine")
    late: list[pykka.Dispatcher] = []
    pools = dispatchers._pools

    class Changing:
        def items(self) -> Any:
            it = iter(pools.items())
            yield next(it)
            if not late:
                late.append(pykka.Dispatcher("pykka-late"))
                raise RuntimeError("dictionary changed size during iteration")
            yield from it

        def __setitem__(self, pool: Any, is_daemon: bool) -> None:
            pools[pool] = is_daemon

    monkeypatch.setattr(dispatchers, "_pools", Changing())
    found = [pool for pool, _is_daemon in dispatchers._snapshot()]
    assert mine._pool in found
    assert late[0]._pool in found


def test_a_stack_that_is_too_full_to_look_them_up_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Deep:
        def items(self) -> Any:
            raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr(dispatchers, "_pools", Deep())
        with pytest.raises(RecursionError):
            dispatchers._snapshot()


@pytest.mark.parametrize(
    ("parked", "workers", "is_the_last"),
    [(0, 1, False), (0, 2, True), (1, 1, False), (1, 2, False)],
)
def test_a_worker_is_the_last_if_none_waits_for_work_and_there_can_be_no_more(
    parked: int, workers: int, is_the_last: bool
) -> None:
    worker: Any = SimpleNamespace(
        pool=SimpleNamespace(parked=parked, workers=[None] * workers, most=2)
    )
    assert Worker.is_the_last(worker) is is_the_last

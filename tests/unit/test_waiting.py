"""What a thread does that waits, besides waiting; and who is seen to wait for whom."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, ThreadAgent

import pykka
from pykka._deadlock import wait_graph as _waiting
from pykka._deadlock.wait_graph import AnyOf, follow

if TYPE_CHECKING:
    from pykka._util.thread_state import ThreadState


class Owed:
    """Some work of a pool that has no thread, which resolves a future when it is done.

    It is there when somebody has looked for it some times.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int = 3) -> None:
        self.future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        self.looks = looks
        self.threads: list[threading.Thread] = []
        monkeypatch.setattr(_waiting, "helpers", [self.help])

    def help(self, _state: ThreadState) -> bool:
        self.looks -= 1
        if self.looks:
            return False
        self.threads.append(threading.current_thread())
        self.future.set("done")
        return True


@pytest.mark.parametrize("timeout", [None, PATIENCE])
@pytest.mark.parametrize("where", ["actor", "outside"])
def test_who_waits_looks_again_and_again_for_work_to_help_with(
    where: str, timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = ThreadAgent.start()
    started = threading.Event()
    may_wait = threading.Event()
    found: list[Any] = []
    owed: list[Owed] = []

    def wait() -> None:
        started.set()
        assert may_wait.wait(PATIENCE)
        found.append(owed[0].future.get(timeout=timeout))
        found.append(threading.current_thread())

    if where == "actor":
        ref.tell(wait)
        assert started.wait(PATIENCE)
        owed.append(Owed(monkeypatch))
        may_wait.set()
        wait_until(lambda: len(found) == 2, "the actor has waited")
    else:
        owed.append(Owed(monkeypatch))
        may_wait.set()
        wait()
    assert found == ["done", owed[0].threads[0]], "who waited has done it, and only once"
    assert len(owed[0].threads) == 1


def test_who_helps_does_not_wait_for_longer_than_he_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owed = Owed(monkeypatch, looks=0)  # it is never there
    with pytest.raises(pykka.Timeout):
        owed.future.get(timeout=0)
    with pytest.raises(pykka.Timeout):
        owed.future.get(timeout=0.003)
    assert owed.looks < -1
    assert owed.future._log == []


def test_an_actor_that_waits_for_its_inbox_helps_until_something_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = ThreadAgent.start()
    started = threading.Event()
    may_wait = threading.Event()

    def take() -> Any:
        started.set()
        assert may_wait.wait(PATIENCE)
        actor: Any = ref._actor
        return actor.actor_inbox.get(timeout=0.01).message

    answer = ref.ask(take, block=False)
    assert started.wait(PATIENCE)
    owed = Owed(monkeypatch, looks=2)
    ref.tell("taken")
    may_wait.set()
    wait_until(answer.done, "it has taken the message")
    assert answer.get(timeout=0) == "taken"
    assert len(owed.threads) == 1


def test_who_waits_for_an_end_helps_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = ThreadAgent.start()
    looks: list[bool] = []

    def help_once(_state: ThreadState) -> bool:
        looks.append(ref.is_alive())
        if len(looks) > 1:
            ref.stop(block=False)
        return len(looks) > 1

    monkeypatch.setattr(_waiting, "helpers", [help_once])
    assert ref.actor_stopped.wait()
    assert looks[:2] == [True, True]
    assert not ref.is_alive()


# --- who cannot be helped -----------------------------------------------------------------------


def hopeless(name: str) -> pykka.ActorRef[Any]:
    """An actor whose pool has but one thread, which is as good as blocked for ever."""
    dispatcher = pykka.Dispatcher(name, max_threads=1)
    ref = type("Hopeless", (Agent,), {"dispatcher": dispatcher}).start()
    dispatcher._pool.blocked_for_ever = 1
    return ref


@pytest.mark.parametrize("joined", [False, True])
def test_who_waits_for_any_is_refused_if_none_can_come(joined: bool) -> None:
    refs = [hopeless("pykka-one"), hopeless("pykka-two")]
    pools = [ref._cell.pool for ref in refs]  # type: ignore[attr-defined]
    futures: list[Any] = []
    for ref, pool in zip(refs, pools, strict=True):
        future: Any = pykka.ThreadingFuture()
        future._answered_by = ref._cell
        futures.append(future)
        pool.workers.clear()
    resolved: Any = pykka.ThreadingFuture()
    resolved.set("here")
    each = [[future, resolved] if joined else [future] for future in futures]
    try:
        with pytest.raises(pykka.PoolExhaustedError, match="'pykka-two'"):
            _waiting.prepare_to_block(AnyOf(each), None)
        _waiting.prepare_to_block(AnyOf([*each, [pykka.ThreadingFuture()]]), None)
        pools[0].blocked_for_ever = 0  # one of them can come
        _waiting.prepare_to_block(AnyOf(each), None)
    finally:
        for pool in pools:
            pool.blocked_for_ever = 0


# --- who waits for whom --------------------------------------------------------------------------


def test_an_actor_that_waits_for_any_is_seen_to_wait_for_the_first() -> None:
    opened = threading.Event()
    others = [ThreadAgent.start() for _ in range(2)]

    def hold() -> bool:
        return opened.wait(PATIENCE)

    def wait() -> list[bool]:
        futures = [other.ask(hold, block=False) for other in others]
        return [future.get() for future in pykka.as_completed(futures)]

    waiter = ThreadAgent.start()
    assert follow(waiter._cell) is None
    answer = waiter.ask(wait, block=False)
    wait_until(lambda: follow(waiter._cell) is not None, "it waits")
    edge = follow(waiter._cell)
    assert edge is not None
    assert (edge.source, edge.target) == (waiter._cell, others[0]._cell)
    opened.set()
    assert answer.get(timeout=PATIENCE) == [True, True]
    assert follow(waiter._cell) is None

"""Whom the routers choose."""

from __future__ import annotations

import collections
import queue
import random
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.unit.routers import ThreadedWorker, Worker, seen, start

import pykka
from pykka import routing
from pykka.routing._kinds import _smallest_inbox
from pykka.routing._kinds._random import lots
from pykka.routing._kinds._round_robin import round_and_round

if TYPE_CHECKING:
    from collections.abc import Callable


def test_round_robin_goes_round() -> None:
    router = routing.RoundRobin(start(3))
    names = [router.ask("message") for _ in range(7)]
    assert names == [f"worker {n}" for n in (0, 1, 2, 0, 1, 2, 0)]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_counted_turns_go_round_as_well(count: int) -> None:
    assert list(islice(round_and_round(count), 2 * count)) == [*range(count)] * 2


def test_counted_turns_are_shared_by_threads_that_run_at_the_same_time() -> None:
    """Without the GIL, some turns come twice or are left out, and nothing else happens."""
    turns = round_and_round(7)
    counts: list[collections.Counter[int]] = []

    def take() -> None:
        counts.append(collections.Counter(islice(turns, 7_000)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(counts, collections.Counter())
    assert set(total) == set(range(7))
    assert total.total() == 28_000


def test_random_draws_all_of_them_and_the_same_again_with_the_same_seed() -> None:
    refs = start(5)

    def names(seed: int) -> list[str]:
        router = routing.Random(refs, random=random.Random(seed))
        return [router.ask("message") for _ in range(200)]

    first = names(1)
    assert names(1) == first
    assert names(2) != first
    counts = collections.Counter(first)
    assert len(counts) == 5
    assert all(20 <= count <= 60 for count in counts.values())


def test_no_lot_lies_outside() -> None:
    class Highest(random.Random):
        def random(self) -> float:
            return 1 - 2**-53

    for count in range(1, 300):
        assert next(lots(count, Highest())) == count - 1


def test_smallest_inbox_avoids_those_who_have_work() -> None:
    may_end = threading.Event()
    refs = [ThreadedWorker.start() for _ in range(4)]
    router = routing.SmallestInbox(refs)
    started = queue.SimpleQueue[int]()

    def occupy() -> None:
        started.put(threading.get_ident())
        may_end.wait(PATIENCE)

    for _ in range(4):
        router.tell(occupy)
        started.get(timeout=PATIENCE)  # so that it is handling it
    for number in range(9):
        router.tell(occupy)
        waiting = sorted(ref.actor_inbox.qsize() for ref in refs)
        assert sum(waiting) == number + 1
        assert waiting[-1] - waiting[0] <= 1
    may_end.set()


def test_smallest_inbox_takes_turns_among_those_who_have_nothing_to_do() -> None:
    refs = start(3)
    router = routing.SmallestInbox(refs)
    assert {router.ask("message") for _ in range(3)} == {f"worker {n}" for n in range(3)}


def test_smallest_inbox_looks_no_further_than_to_the_first_who_has_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[Any] = []
    monkeypatch.setattr(_smallest_inbox, "load_of", lambda ref: looked_at.append(ref) or 0)
    refs = start(3)
    router = routing.SmallestInbox(refs)
    for _ in range(3):
        router.ask("message")
    assert looked_at == refs


class Counting(pykka.ThreadingActor):
    """An actor with an inbox that can be counted, or not."""

    inbox_class: Callable[[], Any]

    def _create_actor_inbox(self) -> Any:
        return self.inbox_class()

    def on_receive(self, message: Any) -> Any:
        return message()


class Uncountable:
    """No more than is asked of an inbox."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.put, self.get, self.empty = self._queue.put, self._queue.get, self._queue.empty


@pytest.mark.parametrize("inbox", [queue.Queue, Uncountable])
def test_smallest_inbox_counts_what_is_in_inboxes_of_ones_own(inbox: Any) -> None:
    may_end, entered = threading.Event(), threading.Event()

    class Own(Counting):
        inbox_class = inbox

    own = Own.start()
    own.tell(lambda: (entered.set(), may_end.wait(PATIENCE)))
    assert entered.wait(PATIENCE)
    own.tell(bool)
    inner = routing.RoundRobin([own])
    idle, busy = ThreadedWorker.start(), ThreadedWorker.start()
    entered.clear()
    busy.tell(lambda: (entered.set(), may_end.wait(PATIENCE)))
    assert entered.wait(PATIENCE)

    chosen = [routing.SmallestInbox([own, idle, inner])._choose(None) for _ in range(4)]
    assert chosen == [idle] * 4
    chosen = [routing.SmallestInbox([own, busy, inner])._choose(None) for _ in range(4)]
    assert chosen == [busy] * 4
    may_end.set()


def test_broadcast_asks_all_and_answers_in_order() -> None:
    refs = start(3)
    router = routing.Broadcast(refs)
    names = [f"worker {n}" for n in range(3)]

    assert router.ask("ask") == names
    assert router.ask("ask", timeout=PATIENCE) == names
    assert router.ask("ask", block=False).get(timeout=PATIENCE) == names
    router.tell("tell")
    assert seen(refs) == ["ask", "ask", "ask", "tell"] * 3


def test_a_broadcast_that_one_cannot_answer_raises_what_that_one_did() -> None:
    router = routing.Broadcast(start(3))

    def answer(worker: Worker) -> str:
        if worker.name != "worker 0":
            raise LookupError(worker.name)
        return worker.name

    with pytest.raises(LookupError, match="worker 1"):
        router.ask(answer)

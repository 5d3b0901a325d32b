"""G5: actors that wait for each other in a circle get a `DeadlockError` instead of hanging."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import _waiting


class Asker(pykka.ThreadingActor):
    """Asks others, and says what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.next: Any = None
        self.raised: list[BaseException] = []

    def ask_next(self, hops: int) -> str:
        """Ask the next one the same, and wait.

        The question of whoever gets the error stays in the inbox it lies in, and is handled later.
        The number of hops keeps it from closing the circle again.
        """
        if hops == 0:
            return "the end"
        try:
            return f"{self.next.ask_next(hops - 1).get()}!"
        except pykka.DeadlockError as error:
            self.raised.append(error)
            return "deadlock"

    def ask_oneself(self, timeout: float | None = None) -> object:
        return self.actor_ref.ask("hello", timeout=timeout)

    def call_oneself(self) -> object:
        return self.actor_ref.proxy().hello().get()

    def set_on_oneself(self) -> None:
        self.actor_ref.proxy().hello = 1

    def stop_oneself(self) -> object:
        return self.actor_ref.stop()

    def stop_oneself_by_proxy(self) -> object:
        return self.actor_ref.proxy().stop().get()

    def hello(self) -> str:
        return "hello"

    def on_receive(self, message: object) -> object:
        return message


@pytest.mark.parametrize(
    "way",
    ["ask_oneself", "call_oneself", "set_on_oneself", "stop_oneself", "stop_oneself_by_proxy"],
)
def test_an_actor_that_waits_for_itself(way: str) -> None:
    proxy = Asker.start().proxy()
    with pytest.raises(pykka.DeadlockError) as caught:
        getattr(proxy, way)().get(timeout=PATIENCE)
    text = str(caught.value)
    assert "an actor waits for its own answer" in text
    assert str(proxy.actor_ref) in text
    assert f"in {way}" in text
    assert "test_g5_deadlocks.py" in text


def test_an_actor_that_asks_itself_with_a_timeout() -> None:
    proxy = Asker.start().proxy()
    with pytest.raises(pykka.Timeout):
        proxy.ask_oneself(timeout=0.001).get(timeout=PATIENCE)
    assert proxy.hello().get(timeout=PATIENCE) == "hello"


def test_the_actor_lives_on_and_handles_the_question_that_could_not_be_waited_for() -> None:
    class Recorder(Asker):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[object] = []

        def on_receive(self, message: object) -> None:
            self.seen.append(message)

    proxy = Recorder.start().proxy()
    with pytest.raises(pykka.DeadlockError):
        proxy.ask_oneself().get(timeout=PATIENCE)
    assert proxy.seen.get() == ["hello"]


@pytest.mark.parametrize("length", [2, 3, 10])
def test_a_circle_of_any_length(length: int) -> None:
    proxies = [Asker.start().proxy() for _ in range(length)]
    for proxy, following in zip(proxies, [*proxies[1:], proxies[0]], strict=True):
        proxy.next = following

    answer = proxies[0].ask_next(length).get(timeout=PATIENCE)

    # Whoever waits last closes the circle, and is told so; the others get their answers. Mostly it
    # is the last of them, but the others may wait later than they ask.
    raised = [proxy.raised.get() for proxy in proxies]
    (victim,) = [number for number, errors in enumerate(raised) if errors]
    assert answer == "deadlock" + "!" * victim
    (error,) = raised[victim]
    text = str(error)
    assert f"{length} actors wait for each other in a circle" in text
    assert text.count("while it handles ProxyCall(attr_path=('ask_next',)") == length
    assert text.count("in ask_next") == length
    for proxy in proxies:
        assert str(proxy.actor_ref) in text


def test_50_circles_each_closed_by_two_threads_at_once() -> None:
    for _ in range(50):
        barrier = threading.Barrier(2)

        class Both(Asker):
            def meet_and_ask(self, barrier: threading.Barrier = barrier) -> str:
                barrier.wait(PATIENCE)
                return self.ask_next(1)

        one, other = Both.start().proxy(), Both.start().proxy()
        one.next, other.next = other, one
        answers = [one.meet_and_ask(), other.meet_and_ask()]
        # Exactly one of them raises. The other then gets an answer from the one that went on.
        got = sorted(future.get(timeout=PATIENCE) for future in answers)
        assert got == ["deadlock", "the end!"]
        assert len(one.raised.get()) + len(other.raised.get()) == 1
        one.stop()
        other.stop()


def test_two_detectors_that_see_the_same_circle_have_one_victim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both find the circle in their first walk before either looks a second time."""
    find = _waiting._find_circle
    published = threading.Barrier(2)
    found = threading.Barrier(2)
    walked = threading.local()

    def find_together(first: _waiting.Wait) -> list[_waiting.Edge] | None:
        if hasattr(walked, "once"):
            return find(first)
        walked.once = True
        published.wait(PATIENCE)
        circle = find(first)
        assert circle is not None
        found.wait(PATIENCE)
        return circle

    one, other = Asker.start().proxy(), Asker.start().proxy()
    one.next, other.next = other, one
    monkeypatch.setattr(_waiting, "_find_circle", find_together)
    answers = [one.ask_next(1), other.ask_next(1)]

    assert sorted(pykka.get_all(answers, timeout=PATIENCE)) == ["deadlock", "the end!"]


def test_no_alarm_for_a_wait_with_a_timeout() -> None:
    """A waits for B without, B for A with a timeout: B's wait ends by itself."""

    class B(Asker):
        def ask_back(self, other: Any) -> str:
            try:
                other.hello().get(timeout=0.001)
            except pykka.Timeout:
                return "timed out"
            return "no timeout"

    class A(Asker):
        def begin(self, other: Any, myself: Any) -> str:
            return other.ask_back(myself).get()

    a, b = A.start().proxy(), B.start().proxy()
    assert a.begin(b, a).get(timeout=PATIENCE) == "timed out"


def test_no_alarm_when_the_reply_arrives_just_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two walks, the wait that would close the circle ends."""
    b_may_go_on = threading.Event()
    find = _waiting._find_circle
    walks = 0

    class A(Asker):
        def begin(self) -> str:
            return f"A got {b.slow().get()}"

    class B(Asker):
        def slow(self) -> str:
            assert b_may_go_on.wait(PATIENCE)
            return "an answer"

    a, b = A.start().proxy(), B.start().proxy()

    def stale(first: _waiting.Wait) -> list[_waiting.Edge] | None:
        """The first walk sees a circle that is gone when it returns."""
        nonlocal walks
        walks += 1
        edge = _waiting.Edge(first.address, first, first.address)
        return [edge, edge] if walks == 1 else find(first)

    monkeypatch.setattr(_waiting, "_find_circle", stale)
    answer = a.begin()
    b_may_go_on.set()
    assert answer.get(timeout=PATIENCE) == "A got an answer"
    assert walks >= 2


def test_no_alarm_for_three_threads_that_wait_for_one_future() -> None:
    class Slow(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.may_answer = threading.Event()

        def on_receive(self, message: object) -> str:
            assert self.may_answer.wait(PATIENCE)
            return "answer"

    class Waiter(pykka.ThreadingActor):
        def on_receive(self, future: pykka.Future[Any]) -> Any:
            return future.get()

    slow = Slow.start()
    future = slow.ask("?", block=False)
    answers = [Waiter.start().ask(future, block=False) for _ in range(3)]
    slow.proxy()._actor.may_answer.set()
    assert pykka.get_all(answers, timeout=PATIENCE) == ["answer"] * 3


def test_no_alarm_for_helper_threads_of_a_handler() -> None:
    """A's helper thread waits for B while B waits for A: A's handler can go on."""

    class A(Asker):
        def begin(self, other: Any, myself: Any) -> str:
            got: queue.SimpleQueue[object] = queue.SimpleQueue()
            helper = threading.Thread(target=lambda: got.put(other.ask_back(myself).get()))
            helper.start()
            self.helper, self.got = helper, got
            return "begun"

        def end(self) -> object:
            result = self.got.get(timeout=PATIENCE)
            self.helper.join(PATIENCE)
            return result

    class B(Asker):
        def ask_back(self, other: Any) -> str:
            return other.hello().get()

    a, b = A.start().proxy(), B.start().proxy()
    assert a.begin(b, a).get(timeout=PATIENCE) == "begun"
    # A answers B's question after it has begun, so B answers the helper thread.
    while a._actor.got.empty():
        a.hello().get(timeout=PATIENCE)
    assert a.end().get(timeout=PATIENCE) == "hello"


def test_a_wait_that_leads_to_a_circle_is_freed_when_the_circle_breaks() -> None:
    """C waits for A; A and B wait for each other. C is no part of the circle."""
    a, b, c = (Asker.start().proxy() for _ in range(3))
    a.next, b.next, c.next = b, a, a
    # The victim is A or B, whoever waits last.
    assert c.ask_next(3).get(timeout=PATIENCE) in ("deadlock!", "deadlock!!")
    raised = [len(proxy.raised.get()) for proxy in (a, b, c)]
    assert raised in ([1, 0, 0], [0, 1, 0])


def test_stop_all_in_a_circle_raises_and_still_asks_all_to_stop() -> None:
    class Ender(Asker):
        def end_everything(self) -> object:
            return pykka.ActorRegistry.stop_all()

    class Middle(Asker):
        def begin(self, other: Any) -> object:
            return other.end_everything().get()

    ender, middle = Ender.start().proxy(), Middle.start().proxy()
    bystander = Asker.start()
    with pytest.raises(pykka.DeadlockError):
        middle.begin(ender).get(timeout=PATIENCE)
    for ref in [ender.actor_ref, middle.actor_ref, bystander]:
        assert ref.actor_stopped.wait(PATIENCE)


def test_the_manuals_example() -> None:
    """A asks B, which asks A; the manual's chapter on debugging shows that it hangs."""

    class DeadlockActorA(pykka.ThreadingActor):
        def foo(self, b: Any) -> Any:
            return b.bar().get()

    class DeadlockActorB(pykka.ThreadingActor):
        def __init__(self, a: Any) -> None:
            super().__init__()
            self.a = a

        def bar(self) -> Any:
            return self.a.foo().get()

    a = DeadlockActorA.start().proxy()
    b = DeadlockActorB.start(a).proxy()
    with pytest.raises(pykka.DeadlockError) as caught:
        a.foo(b).get(timeout=PATIENCE)
    assert "DeadlockActorA" in str(caught.value)
    assert "DeadlockActorB" in str(caught.value)


def test_a_future_class_of_the_users_is_no_way_around() -> None:
    """The actor's class makes futures of a subclass of the library's."""

    class OwnFuture(pykka.ThreadingFuture[Any]):
        pass

    class Own(Asker):
        @staticmethod
        def _create_future() -> pykka.Future[Any]:
            return OwnFuture()

    proxy = Own.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        proxy.ask_oneself().get(timeout=PATIENCE)
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        proxy.stop_oneself().get(timeout=PATIENCE)

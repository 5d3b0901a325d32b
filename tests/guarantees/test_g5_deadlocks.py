"""G5: actors that wait for each other in a circle get a `DeadlockError` instead of hanging."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import RUNTIMES
from tests.leaks import PATIENCE

import pykka
from pykka._deadlock import wait_graph

if TYPE_CHECKING:
    from tests.conftest import Runtime


class Asker(pykka.Actor):
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

    def meet_and_ask(self, barrier: threading.Barrier) -> str:
        """Ask the next one when somebody else is about to do the same."""
        barrier.wait(PATIENCE)
        return self.ask_next(1)

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


@pytest.fixture(
    params=[runtime for runtime in RUNTIMES if "blocking handlers" in runtime.capabilities],
    ids=lambda runtime: runtime.name,
)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime whose actors may block; circles of awaits have a file of their own."""
    found: Runtime = request.param
    return found


@pytest.fixture
def asker(runtime: Runtime) -> type[Asker]:
    """An `Asker` on each runtime in turn."""
    found: type[Asker] = runtime.run(Asker)
    return found


@pytest.mark.parametrize(
    "way",
    ["ask_oneself", "call_oneself", "set_on_oneself", "stop_oneself", "stop_oneself_by_proxy"],
)
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_an_actor_that_waits_for_itself(
    way: str, timeout: float | None, asker: type[Asker]
) -> None:
    proxy = asker.start().proxy()
    with pytest.raises(pykka.DeadlockError) as caught:
        getattr(proxy, way)().get(timeout=timeout)
    text = str(caught.value)
    assert "an actor waits for its own answer" in text
    assert str(proxy.actor_ref) in text
    assert f"in {way}" in text
    assert "test_g5_deadlocks.py" in text


def test_an_actor_that_asks_itself_with_a_timeout(asker: type[Asker]) -> None:
    proxy = asker.start().proxy()
    with pytest.raises(pykka.Timeout):
        proxy.ask_oneself(timeout=0.001).get(timeout=PATIENCE)
    assert proxy.hello().get(timeout=PATIENCE) == "hello"


def test_the_actor_lives_on_and_handles_the_question_that_could_not_be_waited_for(
    asker: type[Asker],
) -> None:
    class Recorder(asker):
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
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_circle_of_any_length(length: int, timeout: float | None, asker: type[Asker]) -> None:
    """Without a timeout, pooled actors of a circle lie on top of each other on this thread."""
    proxies = [asker.start().proxy() for _ in range(length)]
    for proxy, following in zip(proxies, [*proxies[1:], proxies[0]], strict=True):
        proxy.next = following

    answer = proxies[0].ask_next(length).get(timeout=timeout)

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


@pytest.fixture(params=["alike", "mixed", "two pools", "bounded pool"])
def pair(request: pytest.FixtureRequest, asker: type[Asker]) -> list[Any]:
    """Two classes of askers, on the same runtime or on different ones."""
    pooled = RUNTIMES[1].run(Asker)
    others = {
        "alike": asker,
        "mixed": RUNTIMES[0].run(Asker),
        "two pools": type("Other", (pooled,), {"dispatcher": OTHER}),
        "bounded pool": type("Bounded", (pooled,), {"dispatcher": FEW}),
    }
    return [asker, others[request.param]]


OTHER = pykka.Dispatcher("pykka-other")
FEW = pykka.Dispatcher("pykka-few", max_threads=1)


@pytest.mark.parametrize("how", ["told", "lent"])
def test_50_circles_each_closed_by_two_threads_at_once(how: str, pair: list[Any]) -> None:
    for _ in range(50):
        barrier = threading.Barrier(2)
        one, other = (asker.start().proxy() for asker in pair)
        one.next, other.next = other, one
        results: queue.SimpleQueue[str] = queue.SimpleQueue()
        if how == "told":
            futures = [one.meet_and_ask(barrier), other.meet_and_ask(barrier)]
            got = sorted(future.get(timeout=PATIENCE) for future in futures)
        else:
            threads = [
                threading.Thread(
                    target=lambda proxy=proxy, barrier=barrier, results=results: results.put(
                        proxy.meet_and_ask(barrier).get()
                    )
                )
                for proxy in (one, other)
            ]
            for thread in threads:
                thread.start()
            got = sorted(results.get(timeout=PATIENCE) for _ in threads)
        # Exactly one of them raises. The other then gets an answer from the one that went on.
        assert got == ["deadlock", "the end!"]
        assert len(one.raised.get()) + len(other.raised.get()) == 1
        one.stop()
        other.stop()


def test_two_detectors_that_see_the_same_circle_have_one_victim(
    monkeypatch: pytest.MonkeyPatch, asker: type[Asker]
) -> None:
    """Both find the circle in their first walk before either looks a second time."""
    find = wait_graph._find_circle
    published = threading.Barrier(2)
    found = threading.Barrier(2)
    walked = threading.local()

    def find_together(first: wait_graph.Wait) -> list[wait_graph.Edge] | None:
        if hasattr(walked, "once"):
            return find(first)
        walked.once = True
        published.wait(PATIENCE)
        circle = find(first)
        assert circle is not None
        found.wait(PATIENCE)
        return circle

    one, other = asker.start().proxy(), asker.start().proxy()
    one.next, other.next = other, one
    monkeypatch.setattr(wait_graph, "_find_circle", find_together)
    both = threading.Barrier(2)
    answers = [one.meet_and_ask(both), other.meet_and_ask(both)]

    assert sorted(pykka.get_all(answers, timeout=PATIENCE)) == ["deadlock", "the end!"]


def test_no_alarm_for_a_wait_with_a_timeout(asker: type[Asker]) -> None:
    """A waits for B without, B for A with a timeout: B's wait ends by itself."""

    class B(asker):
        def ask_back(self, other: Any) -> str:
            try:
                other.hello().get(timeout=0.001)
            except pykka.Timeout:
                return "timed out"
            return "no timeout"

    class A(asker):
        def begin(self, other: Any, myself: Any) -> str:
            return other.ask_back(myself).get()

    a, b = A.start().proxy(), B.start().proxy()
    assert a.begin(b, a).get(timeout=PATIENCE) == "timed out"


def test_no_alarm_when_the_reply_arrives_just_then(
    monkeypatch: pytest.MonkeyPatch, asker: type[Asker]
) -> None:
    """Between the two walks, the wait that would close the circle ends."""
    b_may_go_on = threading.Event()
    find = wait_graph._find_circle
    walks = 0

    class A(asker):
        def begin(self) -> str:
            return f"A got {b.slow().get()}"

    class B(asker):
        caller_runs = False

        def slow(self) -> str:
            assert b_may_go_on.wait(PATIENCE)
            return "an answer"

    a, b = A.start().proxy(), B.start().proxy()

    def stale(first: wait_graph.Wait) -> list[wait_graph.Edge] | None:
        """The first walk sees a circle that is gone when it returns."""
        nonlocal walks
        walks += 1
        edge = wait_graph.Edge(first.cell, first, first.cell)
        return [edge, edge] if walks == 1 else find(first)

    monkeypatch.setattr(wait_graph, "_find_circle", stale)
    answer = a.begin()
    b_may_go_on.set()
    assert answer.get(timeout=PATIENCE) == "A got an answer"
    assert walks >= 2


def test_no_alarm_for_three_threads_that_wait_for_one_future(runtime: Runtime) -> None:
    class Slow(runtime.actor_class):
        def __init__(self) -> None:
            super().__init__()
            self.may_answer = threading.Event()

        def on_receive(self, message: object) -> str:
            assert self.may_answer.wait(PATIENCE)
            return "answer"

    class Waiter(runtime.actor_class):
        def on_receive(self, future: pykka.Future[Any]) -> Any:
            return future.get()

    slow = Slow.start()
    future = slow.ask("?", block=False)
    answers = [Waiter.start().ask(future, block=False) for _ in range(3)]
    slow.proxy()._actor.may_answer.set()
    assert pykka.get_all(answers, timeout=PATIENCE) == ["answer"] * 3


def test_no_alarm_for_helper_threads_of_a_handler(asker: type[Asker]) -> None:
    """A's helper thread waits for B while B waits for A: A's handler can go on."""

    class A(asker):
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

    class B(asker):
        def ask_back(self, other: Any) -> str:
            return other.hello().get()

    a, b = A.start().proxy(), B.start().proxy()
    assert a.begin(b, a).get(timeout=PATIENCE) == "begun"
    # A answers B's question after it has begun, so B answers the helper thread.
    while a._actor.got.empty():
        a.hello().get(timeout=PATIENCE)
    assert a.end().get(timeout=PATIENCE) == "hello"


def test_a_wait_that_leads_to_a_circle_is_freed_when_the_circle_breaks(
    asker: type[Asker],
) -> None:
    """C waits for A; A and B wait for each other. C is no part of the circle."""
    a, b, c = (asker.start().proxy() for _ in range(3))
    a.next, b.next, c.next = b, a, a
    # The victim is A or B, whoever waits last.
    assert c.ask_next(3).get(timeout=PATIENCE) in ("deadlock!", "deadlock!!")
    raised = [len(proxy.raised.get()) for proxy in (a, b, c)]
    assert raised in ([1, 0, 0], [0, 1, 0])


def test_stop_all_in_a_circle_raises_and_still_asks_all_to_stop(asker: type[Asker]) -> None:
    class Ender(asker):
        def end_everything(self) -> object:
            return pykka.ActorRegistry.stop_all()

    class Middle(asker):
        def begin(self, other: Any) -> object:
            return other.end_everything().get()

    ender, middle = Ender.start().proxy(), Middle.start().proxy()
    bystander = asker.start()
    with pytest.raises(pykka.DeadlockError):
        middle.begin(ender).get(timeout=PATIENCE)
    for ref in [ender.actor_ref, middle.actor_ref, bystander]:
        assert ref.actor_stopped.wait(PATIENCE)


def test_the_manuals_example(runtime: Runtime) -> None:
    """A asks B, which asks A; the manual's chapter on debugging shows that it hangs."""

    class DeadlockActorA(runtime.actor_class):
        def foo(self, b: Any) -> Any:
            return b.bar().get()

    class DeadlockActorB(runtime.actor_class):
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


def test_a_future_class_of_the_users_is_no_way_around(asker: type[Asker]) -> None:
    """The actor's class makes futures of a subclass of the library's."""

    class OwnFuture(pykka.ThreadingFuture[Any]):
        pass

    class Own(asker):
        @staticmethod
        def _create_future() -> pykka.Future[Any]:
            return OwnFuture()

    proxy = Own.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        proxy.ask_oneself().get(timeout=PATIENCE)
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        proxy.stop_oneself().get(timeout=PATIENCE)


@pytest.mark.parametrize("timeout", [None, PATIENCE], ids=["lent", "woken"])
@pytest.mark.parametrize("start", range(4))
def test_a_circle_across_threads_and_pools(start: int, timeout: float | None) -> None:
    """It does not matter on whose stack an actor waits."""
    on_thread, pooled = (runtime.run(Asker) for runtime in RUNTIMES[:2])
    elsewhere = type("Elsewhere", (pooled,), {"dispatcher": OTHER})
    strict = type("Strict", (pooled,), {"caller_runs": False})
    classes = [on_thread, pooled, elsewhere, strict]
    proxies = [asker.start().proxy() for asker in classes]
    for proxy, following in zip(proxies, [*proxies[1:], proxies[0]], strict=True):
        proxy.next = following

    answer = proxies[start].ask_next(4).get(timeout=timeout)

    raised = [proxy.raised.get() for proxy in proxies]
    (victim,) = [number for number, errors in enumerate(raised) if errors]
    assert answer == "deadlock" + "!" * ((victim - start) % 4)
    text = str(raised[victim][0])
    assert "4 actors wait for each other in a circle" in text
    for proxy in proxies:
        assert str(proxy.actor_ref) in text
    assert text.count("while it handles ProxyCall(attr_path=('ask_next',)") == 4
    assert text.count("in ask_next") == 4


class Named(pykka.PooledActor):
    """Calls what it is sent; its calls are told apart by the functions that make them."""

    def on_receive(self, message: Any) -> Any:
        return message()


def test_the_text_tells_apart_where_each_of_a_stack_of_actors_waits() -> None:
    """All of them wait on one thread, each in a function of its own."""
    first, second, third = Named.start(), Named.start(), Named.start()

    def first_waits() -> Any:
        return second.ask(second_waits)

    def second_waits() -> Any:
        return third.ask(third_waits, block=False).get()

    def third_waits() -> Any:
        return third_waits_deeper()

    def third_waits_deeper() -> Any:
        return first.ask("never")

    with pytest.raises(pykka.DeadlockError) as caught:
        first.ask(first_waits)

    lines = str(caught.value).splitlines()
    edges = [number for number, line in enumerate(lines) if " waits for " in line]
    described = {
        str(ref): "\n".join(lines[number : number + 3])
        for number in edges
        for ref in (first, second, third)
        if lines[number].startswith(f"  {ref} waits for")
    }
    assert f"waits for {second}" in described[str(first)]
    assert "in first_waits" in described[str(first)]
    assert "first_waits at" in described[str(first)]
    assert f"waits for {third}" in described[str(second)]
    assert "in second_waits" in described[str(second)]
    assert f"waits for {first}" in described[str(third)]
    assert "in third_waits_deeper" in described[str(third)]
    for ref in (first, second, third):
        assert ref.ask(lambda: "still here") == "still here"


def test_no_alarm_while_a_lent_thread_waits_for_somebody_who_is_busy() -> None:
    """A chain that ends in an actor that is at work is no circle, however it is made."""
    may_answer = threading.Event()
    busy = Named.start()
    answer = busy.ask(lambda: may_answer.wait(PATIENCE), block=False)
    first, second = Named.start(), Named.start()
    waiting = [
        first.ask(lambda: second.ask(lambda: busy.ask(lambda: "busy")), block=False),
        second.ask(lambda: busy.ask(lambda: "busy"), block=False),
        first.ask(lambda: busy.ask(lambda: "busy"), block=False),
    ]
    may_answer.set()
    assert pykka.get_all(waiting, timeout=PATIENCE) == ["busy"] * 3
    assert answer.get(timeout=PATIENCE) is True


def test_no_alarm_for_questions_that_cross() -> None:
    """Two actors ask each other again and again, with replies that arrive just then.

    They take turns, so there is never a circle; but the waits of one round end while those of the
    next begin, on both threads.
    """

    class Player(pykka.PooledActor):
        def play(self, other: Any, depth: int) -> int:
            return 0 if depth == 0 else 1 + other.work(depth).get()

        def work(self, depth: int) -> int:
            return depth

    players = [Player.start().proxy() for _ in range(2)]
    helper = Player.start().proxy()
    results: list[int] = []

    def ask(mine: int) -> None:
        results.extend(players[mine].play(helper, 1).get() for _ in range(300))

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [2] * 600


def test_a_stop_of_one_who_waits_for_the_stopper_is_a_circle() -> None:
    waiting, stopping = Named.start(), Named.start()
    with pytest.raises(pykka.DeadlockError, match="2 actors wait for each other"):
        waiting.ask(lambda: stopping.ask(waiting.stop))
    assert waiting.actor_stopped.wait(PATIENCE)


def test_the_current_actor_is_that_of_the_thread() -> None:
    """A thread that an actor starts waits for itself alone, also if it runs another actor."""
    may_go_on = threading.Event()
    first, second = Named.start(), Named.start()
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    def start_helper() -> str:
        def help_out() -> None:
            got.put(second.ask(lambda: first.ask(lambda: "from the first one")))

        helper = threading.Thread(target=help_out)
        helper.start()
        assert may_go_on.wait(PATIENCE)
        return "went on"

    answer = first.ask(start_helper, block=False)
    may_go_on.set()
    assert answer.get(timeout=PATIENCE) == "went on"
    assert got.get(timeout=PATIENCE) == "from the first one"

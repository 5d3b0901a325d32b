"""Who waits for an idle pooled actor runs it; and what he may not do."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import (
    Agent,
    ThreadAgent,
    agents_of,
    in_new_thread,
    no_lookout,
    no_workers,
)

import pykka
from pykka._cell.metering import switch_on
from pykka._util.thread_state import current

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


class Where(pykka.PooledActor):
    """Tells which thread runs it."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: queue.SimpleQueue[int] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> int:
        return get_ident()

    def where(self) -> int:
        return get_ident()

    @property
    def here(self) -> int:
        return get_ident()

    def on_stop(self) -> None:
        self.ends.put(get_ident())


class WhereWithStart(Where):
    def on_start(self) -> None:
        self.started_on = get_ident()


class WhereWithFuture(Where):
    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()


def started(actor_class: type[Where]) -> pykka.ActorRef[Where]:
    """Start an actor, and wait until its start hook has run."""
    ref = actor_class.start()
    ref.ask("hello", timeout=PATIENCE)
    return ref


WAYS: dict[str, Callable[[pykka.ActorRef[Where]], int]] = {
    "ask": lambda ref: ref.ask("?"),
    "get": lambda ref: ref.ask("?", block=False).get(),
    "call": lambda ref: ref.proxy().where().get(),
    "attribute": lambda ref: ref.proxy().here.get(),
}


CALLS: dict[str, Callable[[pykka.ActorRef[Agent], Callable[[], Any]], Any]] = {
    "ask": lambda ref, function: ref.ask(function),
    "get": lambda ref, function: ref.ask(function, block=False).get(),
    "call": lambda ref, function: ref.proxy().run(function).get(),
}


@pytest.fixture(params=["main", "another"])
def on_thread(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Calls a function on the main thread, or on another one."""
    return in_new_thread if request.param == "another" else lambda function: function()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("actor_class", [Where, WhereWithStart])
def test_who_waits_runs_the_actor(
    way: str, actor_class: type[Where], on_thread: Callable[[Callable[[], Any]], Any]
) -> None:
    actor_class.dispatcher = dispatcher = pykka.Dispatcher("pykka-lent")
    ref = started(actor_class)
    wait_until(dispatcher._pool.is_quiet, "the actor is idle")
    with no_workers(dispatcher):
        where, caller = on_thread(lambda: (WAYS[way](ref), get_ident()))
    assert where == caller


@pytest.mark.parametrize("actor_class", [Where, WhereWithStart])
def test_an_actor_can_be_asked_in_the_shortest_way_once_it_has_begun(
    actor_class: type[Where],
) -> None:
    actor_class.dispatcher = dispatcher = pykka.Dispatcher("pykka-lent")
    started(actor_class).stop()
    # In the second actor, no message has been waiting when it began.
    cell: Any = actor_class.start()._cell
    wait_until(lambda: cell.begun and dispatcher._pool.is_quiet(), "the actor is idle")
    assert cell.fast_loop_ok
    assert cell.direct_call_ok


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_for_a_future_of_the_actors_own_runs_the_actor(way: str) -> None:
    class Lent(WhereWithFuture):
        dispatcher = pykka.Dispatcher("pykka-lent")

    ref = started(Lent)
    wait_until(Lent.dispatcher._pool.is_quiet, "the actor is idle")
    with no_workers(Lent.dispatcher):
        where, caller = in_new_thread(lambda: (WAYS[way](ref), get_ident()))
    assert where == caller


@pytest.mark.parametrize("how", ["exception", "get_all"])
def test_whatever_way_he_waits(how: str) -> None:
    dispatcher = pykka.Dispatcher("pykka-lent")
    ran_on: list[int] = []

    def fail() -> None:
        ran_on.append(get_ident())
        raise ValueError

    ref = agents_of(dispatcher).start()
    with no_workers(dispatcher):
        if how == "exception":
            assert isinstance(ref.ask(fail, block=False).exception(), ValueError)
        else:
            assert pykka.get_all([ref.ask(lambda: ran_on.append(get_ident()), block=False)]) == [
                None
            ]
    assert ran_on == [get_ident()]


@pytest.mark.parametrize("is_handed_on", [False, True])
@pytest.mark.parametrize("asker", ["thread", "actor"])
def test_who_waits_for_what_was_promised_runs_no_more_of_the_actor(
    asker: str, is_handed_on: bool
) -> None:
    """What the actor handles after that may wait for the asker, on whose stack it would lie."""
    dispatcher = pykka.Dispatcher("pykka-lent")
    ref = agents_of(dispatcher).start()
    ref.ask("begun?", timeout=PATIENCE)
    wait_until(dispatcher._pool.is_quiet, "the actor is idle")
    replies: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ran_on: list[int] = []
    asked_on: list[int] = []

    def come_after() -> object:
        ran_on.append(get_ident())
        return one.ask("x") if asker == "actor" else "x"

    def promise() -> None:
        replies.put((pykka.reply_later(), ref.ask(come_after, block=False)))

    def ask() -> object:
        asked_on.append(get_ident())
        if is_handed_on:
            return between.ask(lambda: pykka.hand_on(ref.ask(promise, block=False)))
        return ref.ask(promise)

    one, between = Agent.start(), Agent.start()
    with no_workers(dispatcher), ThreadPoolExecutor() as threads:
        ref.tell("something else is first, so there is no shortest way")
        answer = one.ask(ask, block=False) if asker == "actor" else threads.submit(ask)
        reply, after = replies.get(timeout=PATIENCE)
        reply.set("late")
        given: Any = answer.get(timeout=PATIENCE) if asker == "actor" else answer.result(PATIENCE)
        assert given == "late"
        assert ran_on == []
    assert after.get(timeout=PATIENCE) == "x"
    assert ran_on != asked_on


def test_another_thread_runs_the_actor_up_to_its_end() -> None:
    class Lent(Where):
        dispatcher = pykka.Dispatcher("pykka-lent")

    ref = started(Lent)
    wait_until(Lent.dispatcher._pool.is_quiet, "the actor is idle")
    actor: Any = ref._actor
    caller = in_new_thread(lambda: (ref.stop(), get_ident())[1])
    assert actor.ends.get(timeout=PATIENCE) == caller


def test_the_main_thread_runs_no_actors_end() -> None:
    """A signal handler that raises must not strike in the middle of it."""
    ref = started(Where)
    actor: Any = ref._actor
    assert ref.stop() is True
    assert actor.ends.get(timeout=PATIENCE) != get_ident()


@pytest.mark.parametrize("way", WAYS)
def test_not_if_the_class_says_no(way: str) -> None:
    class Strict(Where):
        caller_runs = False

    assert WAYS[way](started(Strict)) != get_ident()


@pytest.mark.parametrize("way", WAYS)
def test_not_if_the_dispatcher_says_no(way: str) -> None:
    class Strict(Where):
        dispatcher = pykka.Dispatcher("pykka-strict", caller_runs=False)

    assert WAYS[way](started(Strict)) != get_ident()


@pytest.mark.parametrize("way", WAYS)
def test_not_into_a_dispatcher_with_a_bound_but_for_its_own_actors(way: str) -> None:
    class Bounded(Where):
        dispatcher = pykka.Dispatcher("pykka-bounded", max_threads=1)

        def ask_another(self, other: pykka.ActorRef[Where]) -> tuple[int, int]:
            return WAYS[way](other), get_ident()

    ref = started(Bounded)
    assert WAYS[way](ref) != get_ident()
    where, caller = Bounded.start().proxy().ask_another(ref).get(timeout=PATIENCE)
    assert where == caller


def test_not_with_a_timeout() -> None:
    ref = started(Where)
    assert ref.ask("?", timeout=PATIENCE) != get_ident()
    assert ref.ask("?", block=False).get(timeout=PATIENCE) != get_ident()
    assert ref.proxy().where().get(timeout=PATIENCE) != get_ident()


@pytest.mark.parametrize("way", WAYS)
def test_not_on_a_thread_with_a_running_event_loop(way: str) -> None:
    """A handler may run a loop of its own, which it could not there."""

    async def run() -> int:
        return WAYS[way](started(Where))

    assert asyncio.run(run()) != get_ident()


def test_a_handler_may_run_an_event_loop() -> None:
    async def answer() -> str:
        return "answer"

    async def ask() -> object:
        return Agent.start().ask(lambda: asyncio.run(answer()))

    assert Agent.start().ask(lambda: asyncio.run(answer())) == "answer"
    assert asyncio.run(ask()) == "answer"


@pytest.mark.parametrize("limited", [False, True])
def test_a_handler_whose_loop_waits_for_an_actor_of_the_same_full_pool(limited: bool) -> None:
    """Which may not be run by whoever waits for it."""
    dispatcher = pykka.Dispatcher("pykka-loop", max_threads=1, caller_runs=False)
    agent_class = agents_of(dispatcher)
    other = agent_class.start()
    answers: list[pykka.Future[Any]] = []

    async def main() -> None:
        answers.append(other.ask("answer", block=False))
        async with asyncio.timeout(0.01 if limited else None):
            await answers[0]

    ref = agent_class.start()
    with pytest.raises(TimeoutError if limited else pykka.PoolExhaustedError):
        ref.ask(lambda: asyncio.run(main()), timeout=PATIENCE)
    assert answers[0].get(timeout=PATIENCE) == "answer", "the other one gets the thread then"
    assert ref.ask("still here", timeout=PATIENCE) == "still here"
    assert dispatcher.statistics().blocked == 0


def test_a_handler_may_run_a_loop_for_ever_until_a_task_stops_it() -> None:
    """Nobody knows then which task it is that the actor waits for."""
    found: list[object] = []
    other = ThreadAgent.start()

    def run() -> str:
        loop = asyncio.new_event_loop()

        async def main() -> None:
            found.append(await other.ask("answer", block=False))
            loop.stop()

        task = loop.create_task(main())
        loop.run_forever()
        loop.close()
        assert task.done()
        return "through"

    for agent in (Agent.start(), ThreadAgent.start()):
        assert agent.ask(run, timeout=PATIENCE) == "through"
        assert agent._cell.waiting is None
    assert found == ["answer"] * 2


def recurse(depth: int, function: Callable[[], Any]) -> Any:
    return function() if depth == 0 else recurse(depth - 1, function)


@pytest.mark.parametrize("way", ["ask", "get"])
def test_not_on_a_deep_stack(way: str, on_thread: Callable[[Callable[[], Any]], Any]) -> None:
    """The handler has as much room as on a thread of its own."""
    ref = Agent.start()
    room = sys.getrecursionlimit()

    def answer() -> str:
        return str(recurse(200, lambda: "answer"))

    def ask() -> Any:
        return ref.ask(answer) if way == "ask" else ref.ask(answer, block=False).get()

    def depth_of_stack() -> int:
        return len(list(traceback.walk_stack(None)))

    def go_deep() -> Any:
        return recurse(room - depth_of_stack() - 120, ask)

    assert on_thread(go_deep) == "answer"
    assert on_thread(ask) == "answer"


@pytest.mark.parametrize("limit", [300, 2_000])
def test_what_counts_is_the_recursion_limit(limit: int) -> None:
    ref = Agent.start()
    before = sys.getrecursionlimit()

    def try_it() -> Any:
        sys.setrecursionlimit(limit)
        try:
            return recurse(limit - 150, lambda: ref.ask(lambda: recurse(limit // 2, get_ident)))
        finally:
            sys.setrecursionlimit(before)

    assert in_new_thread(lambda: (try_it(), get_ident())) != (get_ident(), get_ident())


def test_actors_that_ask_each_other_to_a_depth_do_not_overflow_the_stack() -> None:
    class Counter(pykka.PooledActor):
        def on_receive(self, depth: int) -> int:
            return 0 if depth == 0 else 1 + Counter.start().ask(depth - 1)

    assert Counter.start().ask(1_000) == 1_000


def test_what_was_told_before_is_handled_before(
    on_thread: Callable[[Callable[[], Any]], Any],
) -> None:
    seen: list[int] = []
    ref = Agent.start()

    def send() -> None:
        for number in range(0, 400, 4):
            ref.tell(lambda number=number: seen.append(number))
            ref.tell(lambda number=number: seen.append(number + 1))
            ref.ask(lambda number=number: seen.append(number + 2))
            ref.proxy().run(lambda number=number: seen.append(number + 3)).get()

    on_thread(send)
    assert seen == list(range(400))


def test_who_waits_handles_what_came_before_but_nothing_that_comes_after() -> None:
    gate = Gate()
    seen: list[tuple[str, int]] = []
    ref = Agent.start()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell(lambda: seen.append(("before", get_ident())))

    def ask() -> int:
        answer = ref.ask(
            lambda: ref.tell(lambda: seen.append(("after", get_ident()))), block=False
        )
        gate.open()
        answer.get()
        return get_ident()

    caller = in_new_thread(ask)
    ref.ask("all is handled", timeout=PATIENCE)
    assert [what for what, _where in seen] == ["before", "after"]
    assert seen[1][1] != caller


@pytest.mark.parametrize("way", ["ask", "get"])
def test_the_main_thread_handles_no_message_but_its_own(
    way: str, in_thread: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    """Signal handlers run there, and what they raise must hit none but the caller."""
    dispatcher = pykka.Dispatcher("pykka-occupied")
    no_lookout(dispatcher)
    dispatcher._pool.at_once = 1
    agents = agents_of(dispatcher)
    gate = Gate()
    agents.start().tell(gate)
    gate.wait_until_entered()
    ref = agents.start()
    told_on: list[int] = []
    ref.tell(lambda: told_on.append(get_ident()))

    # The only worker is at the gate, so the main thread could run the actor if it wanted to.
    def open_the_gate_when_the_main_thread_sleeps() -> None:
        inbox: Any = ref._cell.inbox
        wait_until(lambda: len(inbox) == 2 and inbox[1]._log, "the main thread waits")
        gate.open()

    helper = in_thread(open_the_gate_when_the_main_thread_sleeps)
    asked_on = ref.ask(get_ident) if way == "ask" else ref.ask(get_ident, block=False).get()
    helper.join(PATIENCE)
    assert told_on == [asked_on]
    assert asked_on != get_ident()


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("how", ["lent", "worker"])
def test_what_an_actor_sets_in_its_context_stays_with_it(how: str) -> None:
    timeout = None if how == "lent" else PATIENCE
    one, other = Agent.start(), Agent.start()
    assert one.ask(lambda: VARIABLE.set("one") and "set", timeout=timeout) == "set"
    assert VARIABLE.get() == "unset"
    assert other.ask(VARIABLE.get, timeout=timeout) == "unset"
    assert Agent.start().ask(VARIABLE.get, timeout=timeout) == "unset"

    # It is there at the actor's next message, whatever thread handles that.
    assert one.ask(VARIABLE.get) == "one"
    assert one.ask(VARIABLE.get, timeout=PATIENCE) == "one"
    assert in_new_thread(lambda: one.ask(VARIABLE.get)) == "one"
    assert one.proxy().run(VARIABLE.get).get() == "one"
    assert other.ask(lambda: one.ask(VARIABLE.get), timeout=timeout) == "one"

    one.tell(lambda: VARIABLE.set("two"))
    assert one.ask(VARIABLE.get) == "two"
    assert other.ask(VARIABLE.get) == "unset"


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_the_callers_context_is_not_the_actors(timeout: float | None) -> None:
    ref = Agent.start()
    token = VARIABLE.set("the caller's")
    try:
        assert ref.ask(VARIABLE.get, timeout=timeout) == "unset"
        assert ref.proxy().run(VARIABLE.get).get(timeout=timeout) == "unset"
        assert Agent.start().ask(VARIABLE.get, timeout=timeout) == "unset"
    finally:
        VARIABLE.reset(token)


def test_a_variable_that_is_reset_leaves_no_context_behind() -> None:
    def set_and_reset() -> None:
        VARIABLE.reset(VARIABLE.set("for a moment"))

    ref = Agent.start()
    ref.ask(set_and_reset)
    ref.ask(set_and_reset, timeout=PATIENCE)
    cell: Any = ref._cell
    assert cell.context is None


def test_actors_on_top_of_each_other_have_contexts_of_their_own() -> None:
    one, other, third = Agent.start(), Agent.start(), Agent.start()

    def set_and_ask() -> tuple[str, ...]:
        VARIABLE.set("one")
        inner = other.ask(set_too)
        return (VARIABLE.get(), *inner)

    def set_too() -> tuple[str, ...]:
        before = VARIABLE.get()
        VARIABLE.set("other")
        return before, VARIABLE.get(), third.ask(VARIABLE.get)

    assert one.ask(set_and_ask) == ("one", "unset", "other", "unset")
    assert one.ask(VARIABLE.get) == "one"
    assert other.ask(VARIABLE.get) == "other"
    assert third.ask(VARIABLE.get) == "unset"


class LateTurn(list[bool]):
    """A turn that the first thread to take it gets a moment after it has looked.

    Args:
        meanwhile: What others do in that moment, who take the turn and give it back; no worker.
    """

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__([True])
        self.meanwhile: Callable[[], object] | None = meanwhile
        self.was_taken = False

    def __delitem__(self, index: Any) -> None:
        if not self.was_taken and current.state.worker is not None:
            raise IndexError("no worker is to come in between")
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is None:
            super().__delitem__(index)
        else:
            meanwhile()
            super().__delitem__(index)
            self.was_taken = True


@contextmanager
def overtaken(ref: pykka.ActorRef[Any], way: str, message: Callable[[], Any]) -> Iterator[None]:
    """Have another asker run the actor when this thread has looked, and not yet got the turn."""

    def overtake() -> bool:
        first.get() if first is not None else ref.ask(message)
        return True

    cell: Any = ref._cell
    cell.run_token = turn = LateTurn(lambda: in_new_thread(overtake))
    # What lies in the inbox is handled first. There, it has to be the other asker's message.
    first = None if way == "ask" else ref.ask(message, block=False)
    yield
    assert turn.was_taken


OTHER_VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("other", default="unset")


@pytest.mark.parametrize("way", CALLS)
def test_who_gets_the_turn_runs_the_actor_in_the_context_it_has_by_then(way: str) -> None:
    ref = agents_of(pykka.Dispatcher("pykka-lent")).start()

    def set_the_first() -> None:
        VARIABLE.set("the first's")

    def set_the_second() -> str:
        OTHER_VARIABLE.set("the second's")
        return VARIABLE.get()

    with overtaken(ref, way, set_the_first):
        seen = CALLS[way](ref, set_the_second)
    assert seen == "the first's"
    assert ref.ask(VARIABLE.get) == "the first's"
    assert ref.ask(OTHER_VARIABLE.get) == "the second's"


@pytest.mark.parametrize("way", CALLS)
def test_who_gets_the_turn_does_not_run_an_actor_that_has_children_by_then(way: str) -> None:
    agents = agents_of(pykka.Dispatcher("pykka-lent"))
    ref = agents.start()
    actor: Any = ref._cell.actor
    with overtaken(ref, way, lambda: actor.start_child(agents)):
        ran_on = CALLS[way](ref, get_ident)
    assert ran_on != get_ident()


@pytest.mark.parametrize("way", CALLS)
def test_who_gets_the_turn_of_an_actor_that_counts_by_then_is_counted(way: str) -> None:
    ref = agents_of(pykka.Dispatcher("pykka-lent")).start()
    with overtaken(ref, way, lambda: switch_on(ref._cell)):
        CALLS[way](ref, get_ident)
    assert ref.statistics().handled == 1


def test_the_main_thread_leaves_the_turn_of_an_actor_that_has_not_begun_to_a_worker() -> None:
    """A worker that came in vain meanwhile would not come again: nothing is in the inbox."""

    class Begins(WhereWithStart):
        dispatcher = pykka.Dispatcher("pykka-lent")

    with no_workers(Begins.dispatcher):
        cell: Any = Begins.start()._cell
        cell.run_token = turn = LateTurn(lambda: None)
        assert not cell.run_until(pykka.ThreadingFuture(), current.state)
        assert not turn.was_taken
        turn.was_taken = True  # now the worker may come


@pytest.fixture
def alarm() -> Iterator[Callable[[type[BaseException]], None]]:
    """Has the signal handler raise something, right now, on the main thread."""
    raised: list[type[BaseException]] = []

    def handler(_signal: int, _frame: object) -> None:
        raise raised.pop()

    def strike(error: type[BaseException]) -> None:
        raised.append(error)
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    yield strike
    signal.signal(signal.SIGUSR1, before)


class CtrlC(KeyboardInterrupt):
    """A Ctrl-C that cannot be mistaken for the one that ends the tests."""


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("depth", [0, 3])
def test_ctrl_c_in_a_handler_belongs_to_the_caller(
    way: str, depth: int, alarm: Callable[[type[BaseException]], None], log: Log
) -> None:
    dispatcher = pykka.Dispatcher("pykka-lent")
    agents = agents_of(dispatcher)
    ref, bystander = agents.start(), agents.start()
    refs = [agents.start() for _ in range(depth)]

    def strike() -> None:
        alarm(CtrlC)

    message: Callable[[], Any] = strike
    for other in refs:
        message = lambda message=message, other=other: other.ask(message)  # noqa: E731
    with no_workers(dispatcher), pytest.raises(CtrlC):
        CALLS[way](ref, message)

    for one in [ref, bystander, *refs]:
        assert one.ask("still here?") == "still here?"
        assert one.ask("still here?", timeout=PATIENCE) == "still here?"
    assert not log.find("DEBUG", "Stopping all")


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, asyncio.CancelledError])
@pytest.mark.parametrize("way", CALLS)
def test_what_else_a_handler_raises_means_what_it_means_on_any_thread(
    way: str, error: type[BaseException]
) -> None:
    stopped: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Stopping(Agent):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_stop(self) -> None:
            stopped.put(self.name)

    ref, bystander = Stopping.start("raiser"), Stopping.start("bystander")

    def fail() -> None:
        raise error

    with pytest.raises(error):
        CALLS[way](ref, fail)
    if error is SystemExit:
        assert [stopped.get(timeout=PATIENCE) for _ in range(2)] == ["raiser", "bystander"]
        assert bystander.actor_stopped.wait(PATIENCE)
    else:
        assert ref.ask("still here?") == "still here?"
        assert bystander.is_alive()


def test_a_keyboard_interrupt_on_another_thread_stops_all() -> None:
    """There, it comes from no signal handler."""
    ref, bystander = Agent.start(), Agent.start()

    def ask() -> str:
        try:
            ref.ask(lambda: sys.modules["builtins"].exec("raise KeyboardInterrupt"))
        except KeyboardInterrupt:
            return "interrupted"
        return "not interrupted"

    assert in_new_thread(ask) == "interrupted"
    assert bystander.actor_stopped.wait(PATIENCE)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_an_exception_shows_where_in_the_handler_it_was_raised(timeout: float | None) -> None:
    def deep_inside_the_handler() -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose") as caught:
        Agent.start().ask(deep_inside_the_handler, timeout=timeout)
    names = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert names[-2:] == ["on_receive", "deep_inside_the_handler"]


def test_an_exception_that_is_returned_is_logged(log: Log) -> None:
    ref = Agent.start()
    with pytest.raises(ZeroDivisionError):
        ref.ask(lambda: 1 // 0)
    (record,) = log.wait_for("INFO", "Exception returned")
    assert str(ref) in record.message
    assert ref.ask("still here?") == "still here?"


@pytest.mark.parametrize("way", ["ask", "get", "call"])
def test_an_actor_that_stops_itself_while_a_caller_runs_it(
    way: str, on_thread: Callable[[Callable[[], Any]], Any]
) -> None:
    ends: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Quitter(pykka.PooledActor):
        def on_receive(self, message: Any) -> str:
            self.stop()
            self.actor_ref.tell("too late")
            return "bye"

        def on_stop(self) -> None:
            ends.put("stopped")

    def ask() -> Any:
        ref = Quitter.start()
        if way == "ask":
            answer = ref.ask("?")
        elif way == "get":
            answer = ref.ask("?", block=False).get()
        else:
            answer = ref.proxy().on_receive("?").get()
        assert ref.actor_stopped.wait(PATIENCE)
        return answer

    assert on_thread(ask) == "bye"
    assert ends.get(timeout=PATIENCE) == "stopped"
    assert ends.empty()


@pytest.mark.parametrize("way", ["ask", "get"])
def test_an_actor_whose_stopped_event_is_set_while_a_caller_runs_it(way: str) -> None:
    class Quitter(Agent):
        def on_receive(self, message: Any) -> str:
            self.actor_stopped.set()
            return "bye"

    ref = Quitter.start()
    assert (ref.ask("?") if way == "ask" else ref.ask("?", block=False).get()) == "bye"
    wait_until(lambda: ref._actor is None, "it ends")
    assert pykka.ActorRegistry.get_all() == []


def test_a_caller_that_waits_finds_the_actor_dead() -> None:
    """The actor ends, and the caller's question with it, while the caller runs it."""
    gate = Gate()
    ref = Agent.start()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.stop(block=False)

    def ask() -> str:
        future = ref.ask("too late", block=False)
        gate.open()
        try:
            return str(future.get())
        except pykka.ActorDeadError:
            return "dead"

    assert in_new_thread(ask) == "dead"


def test_a_future_that_somebody_else_sets_during_the_handler(log: Log) -> None:
    dispatcher = pykka.Dispatcher("pykka-lent")
    ref = agents_of(dispatcher).start()
    futures: list[pykka.Future[Any]] = []
    with no_workers(dispatcher):
        future = ref.ask(
            lambda: (futures[0].set("somebody else's"), "the actor's")[1], block=False
        )
        futures.append(future)
        assert future.get() == "somebody else's"
    log.wait_for("WARNING", "dropped")
    assert ref.ask("still here?") == "still here?"


def test_a_lent_thread_is_no_actor_afterwards() -> None:
    """What it waits for later is no wait of the actor that it ran."""
    ref, thread_actor = Agent.start(), ThreadAgent.start()
    assert ref.ask(lambda: "hello") == "hello"
    assert thread_actor.ask(lambda: ref.ask("hello")) == "hello"
    assert pykka._util.thread_state.current.state.cell is None
    assert ref.stop() is True


def test_a_waiting_worker_runs_no_unrelated_actor_on_its_stack() -> None:
    """An actor that asks a busy one waits, though there would be enough to do."""
    dispatcher = pykka.Dispatcher("pykka-unrelated")
    agents = agents_of(dispatcher)
    gate = Gate()
    busy, asker = agents.start(), agents.start()
    busy.tell(gate)
    gate.wait_until_entered()
    asked_on: queue.SimpleQueue[int] = queue.SimpleQueue()
    answer = asker.ask(lambda: (asked_on.put(get_ident()), busy.ask("hello"))[1], block=False)
    thread = asked_on.get(timeout=PATIENCE)
    wait_until(lambda: dispatcher.statistics().blocked == 1, "the asker waits")
    others = [agents.start().ask(get_ident, block=False) for _ in range(50)]
    assert thread not in pykka.get_all(others, timeout=PATIENCE)
    gate.open()
    assert answer.get(timeout=PATIENCE) == "hello"

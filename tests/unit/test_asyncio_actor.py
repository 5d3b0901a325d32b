"""What only an actor in an event loop does: it awaits, is cancelled, and lives in a loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, explore, saw, step
from tests.leaks import PATIENCE

import pykka
from pykka import dead_letters
from pykka._envelope import Envelope
from pykka.runtimes.asyncio import cell as address_module
from pykka.runtimes.asyncio.cell import NOTHING, LoopInbox

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from tests.conftest import Log


class Agent(pykka.AsyncioActor):
    """Awaits what it is told to: a message that is a function gives something to await."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Any] = []

    async def on_receive(self, message: Any) -> Any:
        return await message(self) if callable(message) else message

    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    def plain(self, number: int) -> int:
        return 3 * number

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def hang(self) -> None:
        self.notes.append("hanging")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.notes.append("interrupted")
            raise

    async def on_stop(self) -> None:
        await asyncio.sleep(0)
        self.notes.append("on_stop")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)


def notes_of(ref: pykka.ActorRef[Any]) -> list[Any]:
    """The list into which the actor notes, which outlives it."""
    actor = ref._actor
    assert actor is not None
    notes: list[Any] = actor.notes
    return notes


# --- handlers and hooks -------------------------------------------------------------------------


def test_methods_may_be_async_or_plain() -> None:
    agent = Agent.start().proxy()
    assert agent.double(2).get(timeout=PATIENCE) == 4
    assert agent.plain(2).get(timeout=PATIENCE) == 6
    with pytest.raises(ValueError, match="no"):
        agent.fail().get(timeout=PATIENCE)
    assert agent.actor_ref.ask("message", timeout=PATIENCE) == "message"


def test_all_hooks_may_be_async() -> None:
    class Hooked(Agent):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            self.notes.append("on_start")

        async def on_failure(self, *_args: object) -> None:
            await asyncio.sleep(0)
            self.notes.append("on_failure")

    stopping, failing = Hooked.start(), Hooked.start()
    stops, fails = stopping.proxy().notes.get(), failing.proxy().notes.get()
    assert stopping.stop()
    assert stops == ["on_start", "on_stop"]

    failing.proxy().fail.defer()
    with pytest.raises(pykka.ActorDeadError):
        failing.ask("message", timeout=PATIENCE)
    # It may have been refused while the hook was still to be run.
    failing.when_terminated().get(timeout=PATIENCE)
    assert fails == ["on_start", "on_failure"]


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_an_async_hook_that_raises_is_logged(hook: str, log: Log) -> None:
    class Broken(pykka.AsyncioActor):
        async def _raise(self, *_args: object) -> None:
            await asyncio.sleep(0)
            raise ValueError(hook)

        async def fail(self) -> None:
            await asyncio.sleep(0)
            raise KeyError

    setattr(Broken, hook, Broken._raise)
    ref = Broken.start()
    if hook == "on_failure":
        ref.proxy().fail.defer()
    elif hook == "on_stop":
        ref.stop()
    records = log.wait_for("ERROR", f"Unhandled exception in {ref}", 1 + (hook == "on_failure"))
    info = records[-1].exc_info
    assert info is not None
    assert repr(info[1]) == f"ValueError('{hook}')"


def test_a_program_wide_exception_in_an_async_handler_is_answered_and_stops_all() -> None:
    async def leave(_agent: Agent) -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    bystander = Agent.start()
    with pytest.raises(SystemExit):
        Agent.start().ask(leave, timeout=PATIENCE)
    assert bystander.actor_stopped.wait(PATIENCE)


def test_one_message_at_a_time_although_handlers_await() -> None:
    inside = 0
    most = 0

    async def handler(_agent: Agent) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(3):
            await asyncio.sleep(0)
        inside -= 1

    async def main() -> None:
        ref = Agent.start()
        await asyncio.gather(*(ref.ask(handler, block=False) for _ in range(20)))

    asyncio.run(main())
    assert most == 1


def test_a_future_that_a_handler_returns_is_an_answer_and_is_not_awaited() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    class Holder(pykka.AsyncioActor):
        def held(self) -> pykka.Future[int]:
            return future

    assert Holder.start().proxy().held().get(timeout=PATIENCE) is future


def test_an_async_property_is_awaited() -> None:
    class Thermometer(pykka.AsyncioActor):
        @property
        async def degrees(self) -> int:
            await asyncio.sleep(0)
            return 21

    assert Thermometer.start().proxy().degrees.get(timeout=PATIENCE) == 21


def test_what_is_task_local_works_in_handlers() -> None:
    class Impatient(pykka.AsyncioActor):
        async def work(self) -> tuple[str, bool]:
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(PATIENCE)
            except TimeoutError:
                pass
            task = asyncio.current_task()
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            return "still here", task is asyncio.current_task()

    ref = Impatient.start()
    assert ref.proxy().work().get(timeout=PATIENCE) == ("still here", True)
    assert ref.proxy().work().get(timeout=PATIENCE) == ("still here", True)


def test_each_actor_has_a_context_of_its_own() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    class Keeper(pykka.AsyncioActor):
        async def keep(self, value: str) -> None:
            await asyncio.sleep(0)
            variable.set(value)

        def read(self) -> str:
            return variable.get()

    async def main() -> None:
        variable.set("the caller's")
        one, other = Keeper.start().proxy(), Keeper.start().proxy()
        assert await one.read() == "unset"
        await one.keep("mine")
        assert (await one.read(), await other.read()) == ("mine", "unset")
        assert variable.get() == "the caller's"

    asyncio.run(main())


@pytest.mark.parametrize("handler", ["plain", "double"])
def test_a_busy_actor_leaves_the_loop_its_turns(handler: str) -> None:
    async def main() -> None:
        agent = Agent.start().proxy()
        futures = [getattr(agent, handler)(number) for number in range(1000)]
        turns = 0
        while not futures[-1].done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 10

    asyncio.run(main())


# --- where it lives -----------------------------------------------------------------------------


async def where(_agent: Agent) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    return asyncio.get_running_loop(), threading.current_thread()


def test_it_lives_in_the_running_loop() -> None:
    async def main() -> None:
        loop, thread = await Agent.start().ask(where, block=False)
        assert loop is asyncio.get_running_loop()
        assert thread is threading.current_thread()

    asyncio.run(main())


def test_without_a_loop_it_lives_in_one_that_all_share() -> None:
    loop, thread = Agent.start().ask(where, timeout=PATIENCE)
    assert (loop, thread) == Agent.start().ask(where, timeout=PATIENCE)
    assert thread.daemon
    assert thread.name == "pykka-asyncio"


def test_an_actor_may_stop_the_shared_loop_and_does_no_harm() -> None:
    async def stop(_agent: Agent) -> None:
        asyncio.get_running_loop().stop()

    ref = Agent.start()
    ref.ask(stop, timeout=PATIENCE)
    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"


def test_any_thread_may_send_to_it_and_it_to_any_other() -> None:
    class Asker(pykka.Actor):
        def ask(self, ref: pykka.ActorRef[Any], message: object) -> object:
            return ref.ask(message, timeout=PATIENCE)

    class Pooled(Asker, pykka.PooledActor):
        pass

    class Threaded(Asker, pykka.ThreadingActor):
        pass

    async def main() -> list[Any]:
        ref = Agent.start()
        others = [Pooled.start().proxy(), Threaded.start().proxy()]
        return await asyncio.gather(*(other.ask(ref, "hello") for other in others))

    assert asyncio.run(main()) == ["hello", "hello"]


def test_under_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")

    async def main() -> Any:
        agent = Agent.start().proxy()
        ref = Agent.start()
        in_thread = await asyncio.to_thread(lambda: ref.ask("from a thread"))
        return await agent.double(2), in_thread

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == (4, "from a thread")


def test_an_eager_task_factory_does_not_run_the_start_hook_in_start() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("Python 3.11 has no eager tasks")
    started: list[str] = []

    class Some(pykka.AsyncioActor):
        def on_start(self) -> None:
            started.append("started")

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        ref = Some.start()
        assert started == []
        await ref.stop(block=False)

    asyncio.run(main())
    assert started == ["started"]


# --- cancellation, and the end of the loop ------------------------------------------------------


def test_the_end_of_asyncio_run_is_an_orderly_stop() -> None:
    async def main() -> Any:
        ref = Agent.start()
        notes = notes_of(ref)
        working = ref.proxy().hang()
        waiting = ref.ask("never handled", block=False)
        stop = ref.stop(block=False)
        await until(lambda: notes)
        return ref, notes, working, waiting, stop

    ref, notes, working, waiting, stop = asyncio.run(main())
    assert notes == ["hanging", "interrupted", "on_stop"]
    with pytest.raises(pykka.ActorDeadError, match="was cancelled while it handled"):
        working.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        waiting.get(timeout=0)
    assert stop.get(timeout=0) is True
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()


def test_an_idle_actor_stops_in_order_when_the_loop_ends() -> None:
    async def main() -> Any:
        ref = Agent.start()
        return await ref.proxy().notes

    assert asyncio.run(main()) == ["on_stop"]


def test_an_actor_that_never_began_ends_without_hooks() -> None:
    async def main() -> Any:
        ref = Agent.start()
        notes, future = notes_of(ref), ref.ask("message", block=False)
        task = ref._cell.task
        task.cancel()  # before its first step
        await asyncio.wait([task])
        await asyncio.sleep(0)
        return ref, notes, future

    ref, notes, future = asyncio.run(main())
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=0)
    assert notes == []
    assert not ref.is_alive()


def test_a_start_hook_that_is_interrupted_is_followed_by_on_stop() -> None:
    class Slow(Agent):
        async def on_start(self) -> None:
            await self.hang()

    async def main() -> Any:
        ref = Slow.start()
        notes = notes_of(ref)
        await until(lambda: notes)
        return notes

    assert asyncio.run(main()) == ["hanging", "interrupted", "on_stop"]


def test_the_stop_hook_may_await_with_timeouts_after_a_cancellation() -> None:
    class Careful(Agent):
        async def on_stop(self) -> None:
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(PATIENCE)
            except TimeoutError:
                self.notes.append("timed out")
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            self.notes.append("done")

    async def main() -> Any:
        return await Careful.start().proxy().notes

    assert asyncio.run(main()) == ["timed out", "done"]


def test_a_handler_that_swallows_the_cancellation_is_answered_and_the_actor_stops() -> None:
    async def stubborn(agent: Agent) -> str:
        agent.notes.append("hanging")
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            return "finished all the same"
        return "not reached"

    async def main() -> Any:
        ref = Agent.start()
        notes = notes_of(ref)
        future = ref.ask(stubborn, block=False)
        await until(lambda: notes)
        return notes, future

    notes, future = asyncio.run(main())
    assert future.get(timeout=0) == "finished all the same"
    assert notes == ["hanging", "on_stop"]


def test_a_cancelled_error_of_the_handlers_own_is_a_failure_of_the_call() -> None:
    async def await_what_is_cancelled(_agent: Agent) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    ref = Agent.start()
    with pytest.raises(asyncio.CancelledError):
        ref.ask(await_what_is_cancelled, timeout=PATIENCE)
    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"


def test_cancelling_the_asker_does_not_cancel_the_handler() -> None:
    async def main() -> str:
        go_on = asyncio.Event()

        async def wait(_agent: Agent) -> str:
            await go_on.wait()
            return "done"

        future = Agent.start().ask(wait, block=False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await future
        go_on.set()
        answer: str = await future
        return answer

    assert asyncio.run(main()) == "done"


def test_a_loop_that_is_closed_without_further_ado_leaves_nobody_waiting(log: Log) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        ref = Agent.start()
        working = ref.proxy().hang()
        waiting = ref.ask("never handled", block=False)
        await until(lambda: notes_of(ref))
        return ref, working, waiting

    ref, working, waiting = loop.run_until_complete(begin())
    idle = loop.run_until_complete(_start_idle())
    asked: list[BaseException | None] = []
    asker = threading.Thread(target=lambda: asked.append(waiting.exception()))
    asker.start()
    loop.close()
    asker.join(PATIENCE)

    assert isinstance(asked[0], pykka.ActorDeadError)
    with pytest.raises(pykka.ActorDeadError, match="lost its event loop"):
        working.get(timeout=0)
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        idle.tell("message")
    assert pykka.ActorRegistry.get_all() == []
    assert len(log.find("WARNING", "was closed before the actor had stopped")) == 2
    loop.close()  # once more does no harm
    gc.collect()


async def _start_idle() -> pykka.ActorRef[Agent]:
    ref = Agent.start()
    await ref.ask("are you there?", block=False)
    return ref


def test_a_loop_that_is_stopped_goes_on_later() -> None:
    loop = asyncio.new_event_loop()
    ref = loop.run_until_complete(_start_idle())
    future = ref.ask("later", block=False)
    assert not future.done()

    async def read() -> Any:
        return await future

    assert loop.run_until_complete(read()) == "later"
    assert loop.run_until_complete(_stop(ref)) is True
    loop.close()


async def _stop(ref: pykka.ActorRef[Any]) -> bool:
    return await ref.stop(block=False)


def test_somebody_who_is_told_of_the_end_and_raises_is_logged(log: Log) -> None:
    def broken(_letter: object) -> None:
        raise ValueError("no")

    class Slow(Agent):
        async def on_stop(self) -> None:
            self.actor_inbox.put(Envelope("left behind"))

    dead_letters.subscribe(broken)
    try:
        assert Slow.start().stop(timeout=PATIENCE) is True
        assert log.wait_for("ERROR", "A subscriber to dead letters raised")
    finally:
        dead_letters.unsubscribe(broken)


# --- programs -----------------------------------------------------------------------------------


def run_program(text: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", text],
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * PATIENCE,
    )
    # On a busy machine, asyncio's debug mode says which step took long.
    complaints = re.sub(r"Executing .+ took [0-9.]+ seconds\n", "", completed.stderr)
    assert complaints == ""
    assert completed.returncode == 0
    return completed.stdout


def test_at_exit_the_shared_loop_handles_what_is_there_and_runs_the_stop_hooks() -> None:
    program = """if True:
        import asyncio, pykka
        class Last(pykka.AsyncioActor):
            async def on_receive(self, message):
                await asyncio.sleep(0.01)
                print("handled", message)
            async def on_stop(self):
                await asyncio.sleep(0.01)
                print("stopped")
        ref = Last.start()
        ref.tell("one")
        ref.tell("two")
        print("the end")
    """
    assert run_program(program) == "the end\nhandled one\nhandled two\nstopped\n"


def test_at_exit_actors_on_threads_come_first() -> None:
    program = """if True:
        import asyncio, threading, pykka
        class Helper(pykka.AsyncioActor):
            async def help(self):
                await asyncio.sleep(0.01)
                return "help"
        class Worker(pykka.ThreadingActor):
            def work(self, helper):
                threading.main_thread().join()
                print(helper.help().get())
                self.stop()
        Worker.start().proxy().work(Helper.start().proxy())
    """
    assert run_program(program) == "help\n"


def test_a_child_process_makes_a_shared_loop_of_its_own() -> None:
    program = """if True:
        import os, sys, warnings, pykka
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads
        class Echo(pykka.AsyncioActor):
            async def on_receive(self, message):
                return message
        former = Echo.start()
        assert former.ask("hello") == "hello"
        child = os.fork()
        if child == 0:
            try:
                former.ask("hello")
            except pykka.ActorDeadError:
                answer = Echo.start().ask("anew", timeout=10)
                sys.stdout.write(answer + chr(10))
                sys.stdout.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    assert run_program(program) == "anew\n"


# --- who wakes whom -----------------------------------------------------------------------------


class SteppedQueue:
    """A queue of the user's, whose operations are steps."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def put(self, item: Any) -> None:
        step("put")
        self.items.append(item)

    def empty(self) -> bool:
        step("empty")
        saw(len(self.items))
        return not self.items

    def get(self) -> Any:
        return self.items.pop(0)


class SteppedSleeper:
    """A sleeper that notes who has woken it, in steps."""

    def __init__(self, _loop: object) -> None:
        self.is_woken = False
        self._mark = False

    def wake(self) -> None:
        step("wake")
        self.is_woken = True
        self.woken = True

    @property
    def woken(self) -> bool:
        step("look at mark")
        saw(self._mark)
        return self._mark

    @woken.setter
    def woken(self, value: bool) -> None:
        step("mark")
        self._mark = value


class SteppedInbox(LoopInbox):
    """The real inbox; reading and writing who sleeps is a step."""

    _sleeper: Any = None

    @property
    def sleeper(self) -> Any:  # type: ignore[override]
        step("look for sleeper")
        saw(id(self._sleeper) if self._sleeper is None else self._sleeper.number)
        return self._sleeper

    @sleeper.setter
    def sleeper(self, value: Any) -> None:
        step("enter sleeper")
        self._sleeper = value


class Sleeping:
    """Two senders, and an actor that takes two messages and sleeps in between."""

    def __init__(self, inbox_class: type[LoopInbox]) -> None:
        self.queue = SteppedQueue()
        self.inbox = inbox_class(self.queue, None)  # type: ignore[arg-type]
        self.taken: list[str] = []
        self.sleeps: list[SteppedSleeper] = []

    def receive(self) -> None:
        while len(self.taken) < 2:
            item = self.inbox.get_nowait_or_sleep(self)  # type: ignore[arg-type]
            if item is NOTHING:
                sleeper: Any = self.inbox._sleeper  # type: ignore[attr-defined]
                step("sleep", lambda sleeper=sleeper: sleeper.is_woken)  # type: ignore[misc]
                self.inbox.sleeper = None
            else:
                self.taken.append(item)

    def scenario(self) -> Scenario:
        tasks: dict[str, Callable[[], object]] = {
            "a": lambda: self.inbox.put("a"),
            "b": lambda: self.inbox.put("b"),
            "actor": self.receive,
        }
        return Scenario(tasks, self._state, self._check)

    def _state(self) -> Hashable:
        sleepers = tuple((s.is_woken, s._mark) for s in self.sleeps)
        return tuple(self.queue.items), tuple(self.taken), sleepers

    def _check(self) -> None:
        assert sorted(self.taken) == ["a", "b"]


class HastyInbox(SteppedInbox):
    """Asks the queue before it says that it sleeps: a mistake."""

    def get_nowait_or_sleep(self, loop: Any) -> Any:
        item = self.get_nowait()
        if item is NOTHING:
            self.sleeper = address_module.Sleeper(loop)
        return item


@pytest.fixture
def stepped_sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(scenario: Any) -> SteppedSleeper:
        sleeper: Any = SteppedSleeper(scenario)
        scenario.sleeps.append(sleeper)
        sleeper.number = len(scenario.sleeps)
        return sleeper

    monkeypatch.setattr(address_module, "Sleeper", make)


@pytest.mark.usefixtures("untraced")
def test_every_interleaving_of_two_senders_and_an_actor_that_falls_asleep(
    stepped_sleepers: None,
) -> None:
    report = explore(lambda: Sleeping(SteppedInbox).scenario())
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    assert report.complete > 20


def test_the_exploration_finds_the_mistake_it_looks_for(stepped_sleepers: None) -> None:
    with pytest.raises(AssertionError, match="nobody can go on"):
        explore(lambda: Sleeping(HastyInbox).scenario())


def test_an_actor_that_is_awake_is_sent_to_without_a_system_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = 0

    async def main() -> None:
        nonlocal calls
        loop = asyncio.get_running_loop()
        ref = Agent.start()
        entered, go_on = asyncio.Event(), threading.Event()

        async def hold(_agent: Agent) -> None:
            entered.set()
            while not go_on.is_set():  # noqa: ASYNC110 - the loop has to go on
                await asyncio.sleep(0)

        holding = ref.ask(hold, block=False)
        await entered.wait()
        original = loop.call_soon_threadsafe

        def count(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            return original(*args, **kwargs)

        def send() -> None:
            monkeypatch.setattr(loop, "call_soon_threadsafe", count)
            for number in range(100):
                ref.tell(number)
            monkeypatch.undo()
            go_on.set()

        sender = threading.Thread(target=send)
        sender.start()
        await holding
        sender.join()

    asyncio.run(main())
    assert calls == 0


def test_a_signal_handler_may_tell_an_actor_whose_loop_sleeps(untraced: None) -> None:
    async def main() -> str:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def hear(_agent: Agent) -> None:
            told.set_result("heard")

        ref = Agent.start()
        await ref.ask("are you there?", block=False)
        before = signal.signal(signal.SIGUSR1, lambda *_args: ref.tell(hear))
        me = threading.get_ident()
        timer = threading.Timer(0.05, signal.pthread_kill, args=(me, signal.SIGUSR1))
        timer.start()
        try:
            return await asyncio.wait_for(told, PATIENCE)
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, before)

    assert asyncio.run(main()) == "heard"


def test_a_finaliser_may_tell_an_actor() -> None:
    class Parting:
        def __init__(self, ref: pykka.ActorRef[Any]) -> None:
            self.ref = ref

        def __del__(self) -> None:
            self.ref.proxy().plain.defer(1)
            self.ref.tell("farewell")

    class Listener(Agent):
        async def on_receive(self, message: Any) -> Any:
            self.notes.append(message)
            return message

    ref = Listener.start()
    notes = notes_of(ref)
    parting = Parting(ref)
    del parting
    gc.collect()
    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"
    assert notes == ["farewell", "still there?"]


def test_many_threads_send_and_nothing_is_forgotten() -> None:
    class Counter(pykka.AsyncioActor):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        async def add(self) -> int:
            count = self.count
            if count % 7 == 0:
                await asyncio.sleep(0)
            self.count = count + 1
            return self.count

    counter = Counter.start().proxy()

    def send() -> None:
        for _ in range(300):
            counter.add.defer()
            counter.add().get(timeout=PATIENCE)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.count.get(timeout=PATIENCE) == 6 * 300 * 2


# --- races with the end -------------------------------------------------------------------------


@pytest.fixture
def small_slices() -> Iterator[None]:
    """Switch threads after nearly every step."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Racer(pykka.AsyncioActor):
    """Notes what it handles, and ends when a message says so."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Any] = []

    async def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        if message[1] % 3 == 0:
            await asyncio.sleep(0)
        if message[0] == "stop yourself":
            self.stop()
        elif message[0] == "crash":
            raise ZeroDivisionError
        return message


@pytest.mark.usefixtures("small_slices")
def test_asks_and_tells_that_race_any_end_have_one_fate_each() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    dead: list[Any] = []
    endings: Counter[str] = Counter()
    drained = 0

    def collect(letter: dead_letters.DeadLetter) -> None:
        dead.append(letter.message)

    dead_letters.subscribe(collect)
    try:
        for _ in range(60):
            dead.clear()
            ending = chance.choice(["stop", "stop yourself", "crash", "cancel"])
            endings[ending] += 1
            drained += _race(ending, chance.randrange(30), dead)
    finally:
        dead_letters.unsubscribe(collect)
    print(f"{dict(endings)}, {drained} asks answered by the final drain")
    assert drained > 0, "no ask lost the race, so nothing was hunted"


def _race(  # noqa: C901 (it is long, and simple)
    ending: str, moment: int, dead: list[Any]
) -> int:
    ref = Racer.start()
    handled = ref.proxy().handled.get(timeout=PATIENCE)
    asked: list[tuple[Any, Any]] = []
    told: list[Any] = []
    refused: list[Any] = []
    ready = threading.Barrier(4)

    def tell(message: Any) -> None:
        told.append(message)
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            refused.append(message)

    def send(number: int) -> None:
        ready.wait(PATIENCE)
        for count in range(30):
            asked.append((("ask", count, number), ref.ask(("ask", count, number), block=False)))
            tell(("tell", count, number))
            if number == 0 and count == moment:
                if ending == "stop":
                    ref.stop(block=False)
                elif ending == "cancel":
                    ref._cell.cancel()
                else:
                    tell((ending, count, number))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended: pykka.ThreadingFuture[None] = pykka.ThreadingFuture()
    ref._cell.answer_when_ended(ended, answer=None)
    ended.get(timeout=PATIENCE)
    fates = Counter(handled)
    for message in told:
        assert fates[message] + dead.count(message) + refused.count(message) == 1, message
    return sum(_is_drained(message, future, fates[message]) for message, future in asked)


def _is_drained(message: Any, future: pykka.Future[Any], times_handled: int) -> bool:
    """Check the fate of an ask; tells whether the final drain answered it."""
    error = future.exception(timeout=PATIENCE)  # type: ignore[attr-defined]
    if error is None:
        assert (future.get(), times_handled) == (message, 1)
        return False
    assert isinstance(error, pykka.ActorDeadError)
    was_interrupted = "was cancelled while it handled" in str(error)
    assert times_handled == was_interrupted
    return "stopped before handling" in str(error)


def test_what_an_actor_logs_after_an_await_carries_its_name() -> None:
    names: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            names.append(f"{record.actor}: {record.msg}")  # type: ignore[attr-defined]

    collector, log = Collector(), logging.getLogger("of the program")
    collector.addFilter(pykka.ActorLogFilter())
    log.addHandler(collector)

    class Some(pykka.AsyncioActor):
        async def on_receive(self, message: object) -> None:
            log.error("%s before", message)
            await asyncio.sleep(0)
            log.error("after")

    async def main() -> None:
        ref = Some.options(name="awaiting").start()
        task = asyncio.ensure_future(_ask(ref))
        log.error("beside")
        await task
        ref.stop(block=False)

    async def _ask(ref: pykka.ActorRef[Some]) -> None:
        await ref.ask("x", block=False)

    try:
        asyncio.run(main())
    finally:
        log.removeHandler(collector)
    assert names == ["-: beside", "awaiting: %s before", "awaiting: after"]

"""One case for each way in which a public operation can be used on many things.

A case is a function of a number n and of `measure`: it prepares things, does something with n of
them inside of `with measure():`, and tidies up.
"""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeAlias

from tests.extras import is_missing
from tests.futures import waiters_of

import pykka
from pykka import dead_letters, debug, inboxes, instruments, routing
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor
from pykka.timers import ManualClock, MonotonicClock

Measure: TypeAlias = Callable[[], AbstractContextManager[None]]
Case: TypeAlias = Callable[[int, Measure], None]

CASES: dict[str, Case] = {}
COVERED: dict[str, list[str]] = {}
"""What a case does once with n things, and not n times."""

PATIENCE = 60.0


def case(*covers: str) -> Callable[[Case], Case]:
    """Enter a case.

    Args:
        *covers: Operations that it does once, with n things.
    """

    def enter(function: Case) -> Case:
        CASES[function.__name__] = function
        COVERED[function.__name__] = list(covers)
        return function

    return enter


def look_at(*_things: object) -> None:
    """Have some attributes read."""


class Worker(pykka.PooledActor):
    """Does what it is told."""

    stash_capacity = 100_000

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message

    def work(self) -> int:
        """Be called through a proxy."""
        return 1


class Threaded(pykka.ThreadingActor):
    """Does the same, on a thread."""

    stash_capacity = 100_000
    on_receive = Worker.on_receive
    work = Worker.work


class InLoop(pykka.AsyncioActor):
    """Does the same, in an event loop."""

    stash_capacity = 100_000
    on_receive = Worker.on_receive
    work = Worker.work


class Gate:
    """A message that holds an actor up."""

    def __init__(self) -> None:
        self._entered, self._open = threading.Event(), threading.Event()

    def __call__(self, _actor: object) -> None:
        self._entered.set()
        assert self._open.wait(PATIENCE)

    def hold(self, ref: pykka.ActorRef[Any]) -> None:
        """Hold an actor up from now on."""
        ref.tell(self)
        assert self._entered.wait(PATIENCE)

    def open(self) -> None:
        """Let it go on."""
        self._open.set()


def start(n: int, system: pykka.ActorSystem, cls: Any = Worker) -> list[pykka.ActorRef[Any]]:
    """Start some actors."""
    return [system.start(cls) for _ in range(n)]


def ask(ref: pykka.ActorRef[Any], function: Callable[[Any], object]) -> Any:
    """Have an actor do something."""
    return ref.ask(function, timeout=PATIENCE)


# --- systems and registry -----------------------------------------------------------------------


def _of_runtimes(function: Callable[[int, Measure, Any], None], *covers: str) -> None:
    def enter(cls: Any) -> None:
        def run(n: int, measure: Measure) -> None:
            function(n, measure, cls)

        run.__name__ = f"{function.__name__}[{cls.__name__}]"
        case(*covers)(run)

    for cls in (Worker, Threaded, InLoop):
        enter(cls)


def starting_and_shutting_down(n: int, measure: Measure, cls: Any) -> None:
    system = pykka.ActorSystem()
    with measure():
        for number in range(n):
            ref = system.start(cls.options(name=str(number)))
            assert system.get_by_urn(ref.actor_urn) == ref == system.get_by_name(str(number))
        system.shutdown()


_of_runtimes(
    starting_and_shutting_down, "ActorSystem.shutdown",
    "ActorSystem.end", "ActorSystem.everybody",
)  # fmt: skip


def stopping_all(n: int, measure: Measure, cls: Any) -> None:
    system = pykka.ActorSystem()
    start(n, system, cls)
    with measure():
        system.stop_all()
    start(n, system, cls)
    pykka.get_all(system.stop_all(block=False))
    system.shutdown()


_of_runtimes(stopping_all, "ActorSystem.stop_all")


@case("ActorSystem.shutdown")
def a_shutdown_with_a_time(n: int, measure: Measure) -> None:
    system = pykka.ActorSystem()
    start(n, system)
    with measure():
        system.shutdown(PATIENCE)


@case("run")
def a_program(n: int, measure: Measure) -> None:
    system = pykka.ActorSystem()
    with measure():
        pykka.run(start, n, system, system=system)


@case("ActorSystem.shutdown", "ActorSystem.__enter__", "ActorSystem.__exit__")
def a_shutdown_that_kills(n: int, measure: Measure) -> None:
    gate = Gate()
    with measure(), suppress(pykka.Timeout), pykka.ActorSystem(shutdown_timeout=0.02) as system:
        gate.hold(system.start(Worker))
        start(n, system)
        gate.hold(system.start(Threaded))
    gate.open()


@case("ActorSystem.__aenter__", "ActorSystem.__aexit__")
def a_shutdown_in_a_loop(n: int, measure: Measure) -> None:
    async def main() -> None:
        async with pykka.ActorSystem() as system:
            start(n, system, InLoop)

    with measure():
        asyncio.run(main())


@case()
def systems(n: int, measure: Measure) -> None:
    with measure():
        for _ in range(n):
            with pykka.ActorSystem(dispatcher=_dispatcher) as system:
                assert system.name
                assert system.dispatcher
                assert pykka.ActorSystem.default()


_dispatcher = pykka.Dispatcher("of-cases", max_threads=2)


@case()
def dispatchers(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        for _ in range(n):
            each = pykka.Dispatcher(max_threads=1)
            look_at(each.name, each.max_threads, each.daemon, each.caller_runs)
            each.statistics()
            system.use_dispatcher(each)


@case(
    "ActorSystem.get_all", "ActorSystem.get_by_class", "ActorSystem.get_by_class_name",
    "ActorSystem.broadcast", "ActorSystem.statistics", "ActorSystem.keep_statistics",
)  # fmt: skip
def asking_a_system_about_all(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        refs = start(n, system)
        with measure():
            system.keep_statistics()
            system.statistics()
            assert len(system.get_all()) == n
            assert len(system.get_by_class(Worker)) == n
            assert len(system.get_by_class_name("Worker")) == n
            system.broadcast("all", Worker)
            for ref in refs:  # what they do with it counts, whenever they come to it
                ref.ask("behind it")


@case(
    "ActorRegistry.get_all", "ActorRegistry.get_by_class", "ActorRegistry.get_by_class_name",
    "ActorRegistry.broadcast", "ActorRegistry.stop_all",
)  # fmt: skip
def the_registry(n: int, measure: Measure) -> None:
    refs = [Worker.start() for _ in range(n)]
    with measure():
        for ref in refs:
            pykka.ActorRegistry.unregister(ref)
            pykka.ActorRegistry.register(ref)
            pykka.ActorRegistry.get_by_urn(ref.actor_urn)
            pykka.ActorRegistry.get_by_name("nobody")
        pykka.ActorRegistry.get_all()
        pykka.ActorRegistry.get_by_class(Worker)
        pykka.ActorRegistry.get_by_class_name("Worker")
        pykka.ActorRegistry.broadcast("all")
        pykka.ActorRegistry.stop_all()


@case("ActorScope.__aenter__", "ActorScope.__aexit__")
def a_scope(n: int, measure: Measure) -> None:
    async def main() -> None:
        for _ in range(n):
            pykka.ActorScope()
        async with pykka.ActorScope() as scope:
            for _ in range(n):
                scope.enter(Worker.start())
                scope.start(Worker)

    with measure():
        asyncio.run(main())


# --- messages -----------------------------------------------------------------------------------


def messages_that_wait(n: int, measure: Measure, cls: Any) -> None:
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(cls)
        proxy: Any = ref.proxy()
        gate.hold(ref)
        with measure():
            for _ in range(n):
                ref.tell("hello")
                answers = [ref.ask("hello", block=False), proxy.work()]
                proxy.work.defer()
                assert ref.statistics()
                assert ref.actor_inbox.qsize()
            gate.open()
            pykka.get_all(answers)
            assert ask(ref, lambda _: 1) == 1


_of_runtimes(messages_that_wait)


def messages_left_behind(n: int, measure: Measure, cls: Any) -> None:
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(cls)
        gate.hold(ref)
        for _ in range(n):
            ref.tell("hello")
            ref.ask("hello", block=False)
        with measure():
            ended = ref.kill(block=False)
            gate.open()
            assert ended.get()


_of_runtimes(messages_left_behind)


def messages_set_aside(n: int, measure: Measure, cls: Any) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(cls)
        with measure():
            for _ in range(n):
                ref.tell(lambda actor: actor.stash())
            ask(ref, lambda actor: actor.unstash_all())
            ask(ref, lambda actor: actor.unstash_all())
            ask(ref, lambda actor: [actor.unstash_all() for _ in range(n)] and None)
        ref.kill()


_of_runtimes(messages_set_aside)


class Greet(pykka.Request[str]):
    """A message."""


class Polite(pykka.Accepts[Greet], pykka.PooledActor):
    """Accepts one kind of messages."""

    @pykka.handles(Greet)
    def _greet(self, _message: Greet) -> str:
        return "hello"


@case("Accepts.on_receive")
def messages_that_are_accepted(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        ref = system.start(Polite)
        for _ in range(n):
            ref.tell(Greet())
            assert ref.ask(Greet(), timeout=PATIENCE) == "hello"


@case()
def refs_of_actors(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        for _ in range(n):
            ref = system.start(Worker)
            ref.keep_statistics()
            look_at(ref.actor_class, ref.actor_urn, ref.actor_stopped, ref.is_alive(), ref.system)
            assert ref.name is None
            assert ref.ask("hello") == "hello"
            look_at(ref.proxy().actor_ref)
            ref.call(Worker.work).get()
            ref.defer(Worker.work)
            ref.defer_after(1000, Worker.work)
            ref.defer_every(1000, Worker.work)
            ended = ref.when_terminated()
            ref.stop()
            ended.get()
            assert not ref.kill()


@case()
def actors_as_they_see_themselves(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(Worker)

        def look(actor: Any) -> None:
            for _ in range(n):
                look_at(actor.actor_inbox, actor.actor_ref, actor.actor_stopped, actor.actor_urn)
                actor.become(actor.work)
                actor.set_idle_timeout(1000)
            for _ in range(n):
                actor.unbecome()

        with measure():
            ask(ref, look)
            for _ in range(n):
                ask(system.start(Worker.options(system=system)), lambda actor: actor.stop())
                assert Worker.options(system=system).actor_class


@case()
def options_and_proxies(n: int, measure: Measure) -> None:
    class Part:
        @pykka.traversable
        class Inner:
            value = 1

    with pykka.ActorSystem() as system:
        ref = system.start(Worker)
        proxy: Any = ref.proxy()
        with measure():
            for _ in range(n):
                Worker.options(system=system).start().stop()
                DynamicSupervisor.options(system=system)
                proxy.on_receive("hello").get()
                ref.proxy().work.defer()
                pykka.traversable(Part())
                inboxes.Bounded(1)
                pykka.Abandoned(None)
                pykka.Failed(ValueError()).without_traceback()
                look_at(ref.actor_inbox.statistics())


@case()
def priorities(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(
            Worker.options(inbox=inboxes.Priority(lambda m: m if type(m) is int else 0))
        )
        gate.hold(ref)
        with measure():
            for number in range(n):
                inboxes.Priority(abs)
                inboxes.Unbounded()
                ref.tell(number * 7919 % 1000)
            gate.open()
            ask(ref, lambda _: 1)


@case()
def an_inbox_that_drops(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(Worker.options(inbox=inboxes.Bounded(n, when_full="drop_oldest")))
        gate.hold(ref)
        with measure():
            for _ in range(2 * n):
                ref.tell("hello")
            gate.open()
            ask(ref, lambda _: 1)


@case()
def senders_that_wait_for_room(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(Worker.options(inbox=inboxes.Bounded(1)))
        gate.hold(ref)
        threads = [threading.Thread(target=ref.tell, args=("hello",)) for _ in range(n)]
        with measure():
            for thread in threads:
                thread.start()
            while ref.actor_inbox.statistics().blocked < n - 1:
                threading.Event().wait(0.02)
            gate.open()
            for thread in threads:
                thread.join()


@case("subscribe", "unsubscribe", "statistics")
def dead_letters_and_subscribers(n: int, measure: Measure) -> None:
    got: list[Any] = []
    subscribers: list[Callable[[Any], None]] = [got.append for _ in range(n)]
    with pykka.ActorSystem() as system, measure():
        for subscriber in subscribers:
            dead_letters.subscribe(subscriber)
            system.dead_letters.subscribe(subscriber)
            assert dead_letters.statistics().suppressed >= 0
        system.to_dead_letters(system.start(Worker)._cell, "hello", "for a test")
        assert len(got) == n
        for subscriber in subscribers:
            dead_letters.unsubscribe(subscriber)
            system.dead_letters.unsubscribe(subscriber)


# --- ends, children, watches, timers, events ----------------------------------------------------


def children(n: int, measure: Measure, cls: Any) -> None:
    with pykka.ActorSystem() as system:
        parent = system.start(cls)
        started: Any = ask(parent, lambda me: [me.start_child(Worker) for _ in range(2 * n)])
        with measure():
            ask(parent, lambda me: [me.start_child(Worker) for _ in range(n)])
            for ref in started[:n]:
                ref.stop()
            assert len(ask(parent, lambda me: me.children())) == 2 * n
            parent.stop()


_of_runtimes(children, "Actor.children")


@case()
def a_chain_of_children(n: int, measure: Measure) -> None:
    n //= 2
    with measure(), pykka.ActorSystem() as system:
        ref: Any = system.start(Threaded)
        for _ in range(n):
            ref = ask(ref, lambda me: me.start_child(Threaded))


def one_watches_many(n: int, measure: Measure, cls: Any) -> None:
    with pykka.ActorSystem() as system:
        refs = start(2 * n, system)
        watcher = system.start(cls)

        def watch(me: Any) -> None:
            for ref in refs:
                me.watch(ref)
            for ref in refs[:n]:
                me.unwatch(ref)

        with measure():
            ask(watcher, watch)
            for ref in refs:
                ref.stop()
            ask(watcher, lambda _: None)


_of_runtimes(one_watches_many)


@case()
def many_watch_one(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        target = system.start(Worker)
        watchers = start(2 * n, system)
        with measure():
            for each in watchers:
                ask(each, lambda me: me.watch(target))
            for each in watchers[:n]:
                ask(each, lambda me: me.unwatch(target))
            target.stop()
            for each in watchers:
                ask(each, lambda _: None)


@case()
def many_wait_for_one_end(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(Threaded)
        gate = Gate()
        gate.hold(ref)
        with measure():
            ends = [ref.when_terminated() for _ in range(n)]
            ends += [ref.stop(block=False) for _ in range(n)]
            gate.open()
            pykka.get_all(ends)


@case("ActorRef.timers", "ManualClock.advance", "ManualClock.pending")
def timers(n: int, measure: Measure) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(Worker)
        proxy: Any = ref.proxy()
        with measure():
            set_ = [ref.tell_after(n - number, "hello") for number in range(n)]
            set_ += [ref.tell_every(n + 1, "hello") for _ in range(n)]
            set_ += [proxy.work.defer_after(n) for _ in range(n)]
            set_ += [proxy.work.defer_every(n + 1) for _ in range(n)]
            assert len(ref.timers()) == 4 * n
            assert clock.pending == 4 * n
            for timer in set_[::2]:
                timer.cancel()
            for timer in set_:
                look_at(timer.interval, timer.delivered, timer.missed, timer.remaining)
                look_at(timer.is_active)
            clock.advance(n + 1)
            ask(ref, lambda _: 1)
            ref.stop()


@case()
def ticks_that_are_set_aside(n: int, measure: Measure) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(Worker)
        with measure():
            for _ in range(n):
                ref.tell_after(1, lambda me: me.stash())
            clock.advance(1)
            ask(ref, lambda me: me.unstash_all())
            ask(ref, lambda _: 1)
            ref.kill()


@case()
def clocks(n: int, measure: Measure) -> None:
    class Alarm:
        is_cancelled = False

        def ring(self) -> None:
            rung.release()

    rung = threading.Semaphore(0)
    with measure():
        for clock in (MonotonicClock(), ManualClock()):
            alarms = [Alarm() for _ in range(2 * n)]
            for alarm in alarms:
                clock.schedule(clock.now() + 1000, alarm)
            for alarm in alarms[:n]:
                alarm.is_cancelled = True
                clock.forget(alarm)
        clock = MonotonicClock()
        for alarm in alarms[n:]:
            clock.schedule(clock.now(), alarm)
        for _ in range(n):
            rung.acquire()
        for _ in range(n):
            look_at(MonotonicClock(), ManualClock())


class AnyEvent:
    """What some subscribe to."""


class Event(AnyEvent):
    """Is published."""


@case("EventBus.publish", "EventBus.subscribers")
def events_for_many(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        refs = start(n, system)
        functions: list[Callable[[Any], None]] = [lambda _event: None for _ in range(n)]
        bus = system.events
        with measure():
            for ref, function in zip(refs, functions, strict=True):
                bus.subscribe(Event, ref)
                bus.subscribe(Event, function)
                bus.subscribe(AnyEvent, ref)
                assert bus.has_subscribers(Event)
            assert len(bus.subscribers(Event)) == 2 * n
            assert bus.publish(Event()) == 2 * n
            for function in functions:
                assert bus.unsubscribe(function)
            for ref in refs:
                ref.stop()
            assert not bus.subscribers(Event)


@case()
def events_of_many_classes(n: int, measure: Measure) -> None:
    bus = pykka.EventBus()
    classes = [type("Event", (), {}) for _ in range(n)]

    def function(_event: object) -> None:
        pass

    with measure():
        for each in classes:
            bus.subscribe(each, function)
        for each in classes:
            assert bus.publish(each()) == 1
            assert bus.subscribers(each) == [function]
        for each in classes[: n // 2]:
            bus.unsubscribe(function, each)
        bus.unsubscribe(function)


@case()
def buses(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(Worker)
        with measure():
            for _ in range(n):
                bus = pykka.EventBus()
                bus.renew_locks()
                bus.subscribe(Event, ref)
            ref.stop()


# --- futures ------------------------------------------------------------------------------------


def _get(future: pykka.Future[Any]) -> None:
    future.get()


@case("ThreadingFuture.set")
def many_callbacks_of_one_future(n: int, measure: Measure) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with measure():
        for _ in range(n):
            future.add_done_callback(_get)
        future.set(1)
        for _ in range(n):
            future.add_done_callback(_get)


@case("ThreadingFuture.set_exception")
def many_threads_wait_for_one_future(n: int, measure: Measure) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    threads = [threading.Thread(target=future.exception) for _ in range(n)]
    with measure():
        for thread in threads:
            thread.start()
        while len(waiters_of(future)) < n:
            threading.Event().wait(0.02)
        future.set_exception(ValueError())
        for thread in threads:
            thread.join()


@case()
def many_tasks_await_one_future(n: int, measure: Measure) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    async def wait() -> int:
        return await future

    async def main() -> None:
        tasks = [asyncio.create_task(wait()) for _ in range(n)]
        cancelled = [asyncio.create_task(wait()) for _ in range(n)]
        await asyncio.sleep(0)
        for task in cancelled:
            task.cancel()
        await asyncio.sleep(0)
        future.set(1)
        await asyncio.gather(*tasks)

    with measure():
        asyncio.run(main())


@case("get_all", "as_completed", "Future.join", "Future.reduce", "Future.map", "Future.filter")
def many_futures(n: int, measure: Measure) -> None:
    futures: list[Any] = [pykka.ThreadingFuture() for _ in range(n)]
    with measure():
        arrivals = pykka.as_completed(futures)
        joined = futures[0].join(*futures[1:])
        seen: list[Any] = []
        joined.add_done_callback(seen.append)
        for future in futures:
            future.set(1)
            assert future.done()
            future.get()
        assert len(list(arrivals)) == n
        assert len(list(pykka.get_all(futures))) == n
        assert joined.map(len).get() == joined.reduce(lambda a, b: a + b).get() == n
        assert len(joined.filter(lambda x: x == 1).get()) == n
        for _ in range(n):
            pykka.ThreadingFuture().set_exception(ValueError())
        for future in futures:
            look_at(future.map(lambda x: x))
    del seen


@case("Ask.cancel")
def many_cancelled_questions(n: int, measure: Measure) -> None:
    for actor_class in (Worker, Threaded):
        ref = actor_class.start()
        at_it, go_on = threading.Event(), threading.Event()
        ref.call(lambda _actor, at_it=at_it, go_on=go_on: (at_it.set(), go_on.wait()))
        at_it.wait()
        with measure():
            questions = [ref.ask("x", block=False) for _ in range(n)]
            for question in questions:
                assert question.cancel()
            go_on.set()
            assert isinstance(questions[-1].exception(), pykka.AskCancelledError)
            ref.ask("x")
        ref.stop()


@case("reply_later", "hand_on", "Reply.set", "Reply.set_exception", "Reply.__init__")
def many_late_replies(n: int, measure: Measure) -> None:
    for actor_class in (Worker, Threaded, InLoop):
        one, other = actor_class.start(), actor_class.start()
        kept: list[pykka.Reply[Any]] = []

        def promise(_actor: object, kept: list[pykka.Reply[Any]] = kept) -> None:
            kept.append(pykka.reply_later())

        def hand_on(_actor: object, other: Any = other) -> object:
            return pykka.hand_on(other.ask("x", block=False))

        with measure():
            questions = [one.ask(promise, block=False) for _ in range(n)]
            handed_on = [one.ask(hand_on, block=False) for _ in range(n)]
            assert pykka.get_all(handed_on) == ["x"] * n
            for number, reply in enumerate(kept):
                if number % 2:
                    reply.set(1)
                else:
                    reply.set_exception(ValueError())
            for question in questions:
                question.exception()
            questions = [one.ask(promise, block=False) for _ in range(n)]
            one.stop()
            other.stop()
            assert isinstance(questions[-1].exception(), pykka.ActorDeadError)


@case("pipe_to", "from_concurrent", "Future.pipe_to", "Future.to_concurrent", "PipedOutcome.get")
def many_outcomes_sent_to_an_actor(n: int, measure: Measure) -> None:
    for actor_class in (Worker, Threaded, InLoop):
        ref = actor_class.start()
        with measure():
            futures: list[Any] = [pykka.ThreadingFuture() for _ in range(n)]
            others = [future.to_concurrent() for future in futures]
            for future, other in zip(futures, others, strict=True):
                future.pipe_to(ref, lambda outcome: outcome.get())
                pykka.pipe_to(other, ref)
                pykka.pipe_to(pykka.from_concurrent(other), ref)
            for future in futures:
                future.set(1)
            ref.ask("x")
        ref.stop()


@case()
def futures_given_up(n: int, measure: Measure) -> None:
    futures: list[Any] = [pykka.ThreadingFuture() for _ in range(n)]
    with measure():
        arrivals = pykka.as_completed(futures)
        futures[0].set(1)
        next(arrivals)
        arrivals.close()


@case()
def derived_futures(n: int, measure: Measure) -> None:
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with measure():
        derived = [first.map(lambda x: x + 1) for _ in range(n)]
        for each in derived:
            each.add_done_callback(_get)
        first.set(1)
        for each in derived:
            assert each.get() == 2
            assert each.map(lambda x: [x]).filter(bool).reduce(lambda a, b: a + b).get() == 2
            each.join(first).get()
        for _ in range(n):
            hooked: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
            hooked.set_get_hook(lambda _timeout: 1)
            hooked.get()


@case()
def awaited_futures(n: int, measure: Measure) -> None:
    async def main() -> None:
        for _ in range(n):
            future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
            asyncio.get_running_loop().call_soon(future.set, 1)
            await future
            await future.map(lambda x: x)

    with measure():
        asyncio.run(main())


# --- supervision --------------------------------------------------------------------------------


class Failing(Worker):
    """Can fail."""

    crash_on = (ZeroDivisionError,)


def _fail(_actor: object) -> None:
    raise ZeroDivisionError


def _dynamic(system: pykka.ActorSystem, n: int, **spec: Any) -> tuple[Any, list[Any]]:
    spec = {"restart": "permanent", **spec}
    boss = system.start(
        DynamicSupervisor, ChildSpec("child", Failing, **spec), max_restarts=100 * n, within=1000
    )
    proxy: Any = boss.proxy()
    return proxy, [proxy.add_child().get() for _ in range(n)]


def _settle(boss: Any, condition: Callable[[], bool]) -> None:
    while not condition():
        threading.Event().wait(0.02)
    boss.count_children().get()


@case("DynamicSupervisor.which_children", "_BaseSupervisor.count_children")
def dynamic_children(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        boss, refs = _dynamic(system, n)
        boss.which_children().get()
        boss.count_children().get()
        for ref in refs:
            assert boss.terminate_child(ref).get()
        assert not boss.terminate_child(ref).get()


@case()
def dynamic_children_that_fail(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss, refs = _dynamic(system, n)
        with measure():
            for ref in refs:
                with suppress(ZeroDivisionError):
                    ask(ref, _fail)
            _settle(boss, lambda: boss.restarts().get() == n)


@case()
def dynamic_children_that_end_and_come_back(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss, refs = _dynamic(system, n)
        with measure():
            for ref in refs:
                ref.stop()
            _settle(boss, lambda: boss.restarts().get() == n)


@case()
def dynamic_children_that_end_for_good(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss, refs = _dynamic(system, n, restart="temporary")
        with measure():
            for ref in refs:
                ref.kill()
            _settle(boss, lambda: boss.count_children().get().specs == 0)


@case()
def a_dynamic_supervisor_that_ends(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss, _refs = _dynamic(system, n)
        with measure():
            boss.actor_ref.stop()


def _specs(n: int) -> list[ChildSpec]:
    return [ChildSpec(number, Failing) for number in range(n)]


def static_children(n: int, measure: Measure, strategy: Any) -> None:
    with pykka.ActorSystem() as system, measure():
        boss = system.start(
            Supervisor, _specs(n), strategy=strategy, max_restarts=100 * n, within=1000
        )
        proxy: Any = boss.proxy()
        assert len(proxy.which_children().get()) == n
        refs = [proxy.get_child(number).get() for number in range(n)]
        with suppress(ZeroDivisionError):
            ask(refs[0], _fail)
        _settle(proxy, lambda: proxy.restarts().get() == 1)
        refs[0].stop()
        _settle(proxy, lambda: proxy.restarts().get() == 2)
        boss.stop()


for _strategy in ("one_for_one", "one_for_all", "rest_for_one"):

    def _run(n: int, measure: Measure, strategy: Any = _strategy) -> None:
        static_children(n, measure, strategy)

    _run.__name__ = f"static_children[{_strategy}]"
    case("Supervisor.which_children", "Supervisor.on_start")(_run)


@case()
def static_children_one_by_one(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss = system.start(Supervisor, [], max_restarts=100 * n, within=1000)
        proxy: Any = boss.proxy()
        with measure():
            for spec in _specs(n):
                proxy.add_child(spec).get()
                spec.with_arguments((), {})
                proxy.get_child(spec.id).get()
            for number in range(n):
                proxy.terminate_child(number).get()
                proxy.restart_child(number).get()
                proxy.restarts().get()
                proxy.terminate_child(number).get()
                proxy.delete_child(number).get()


@case()
def static_children_that_end_and_come_back(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        boss = system.start(Supervisor, _specs(n), max_restarts=100 * n, within=1000)
        proxy: Any = boss.proxy()
        refs = [proxy.get_child(number).get() for number in range(n)]
        with measure():
            for ref in refs:
                ref.stop()
            _settle(proxy, lambda: proxy.restarts().get() == n)


async def _start_and_stop(n: int) -> None:
    boss: Any = await Supervisor.start_async(_specs(n))
    await boss.stop(block=False)


@case("_BaseSupervisor.start_async")
def supervisors(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        for _ in range(n):
            system.start(Supervisor, [])
            system.start(DynamicSupervisor, ChildSpec("child", Failing))
        asyncio.run(_start_and_stop(n))


# --- routers ------------------------------------------------------------------------------------

ROUTERS: dict[str, Callable[[Any], Any]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=str, virtual_nodes=2),
    "Broadcast": routing.Broadcast,
    "ScatterGather": routing.ScatterGather,
    "TailChopping": lambda refs: routing.TailChopping(refs, interval=1000),
}


_AT_ONCE = (
    *("__init__", "tell", "ask", "pool", "resize", "size", "supervisor", "stop", "kill"),
    *("is_alive", "statistics", "keep_statistics", "when_terminated", "timers", "tell_after"),
    *("tell_every", "actor_class", "name", "system", "routees", "routee_of"),
    *("call", "defer", "defer_after", "defer_every"),
)
"""What a case does once with all routees."""


def _routers_of(kind: str) -> None:  # noqa: C901, PLR0915 (six cases)
    options: dict[str, Any] = {
        "ConsistentHashing": {"key": str, "virtual_nodes": 2},
        "TailChopping": {"interval": 1000},
    }.get(kind, {})

    def group(n: int, measure: Measure) -> None:
        with pykka.ActorSystem(clock=ManualClock()) as system:
            refs = start(n, system)
            with measure():
                router = ROUTERS[kind](refs)
                look_at(router.is_alive(), router.size, router.actor_class, router.system)
                look_at(router.name, len(router.routees), router.statistics())
                router.keep_statistics()
                router.tell("hello")
                router.ask("hello", timeout=PATIENCE)
                router.ask("hello", block=False)
                router.call(Worker.work).get()
                router.defer(Worker.work)
                timers_ = [router.tell_after(1, "hello"), router.tell_every(1, "hello")]
                timers_ += [router.defer_after(1, len), router.defer_every(1, len)]
                router.timers()
                for timer in timers_:
                    timer.cancel()
                ended = router.when_terminated()
                router.proxy().work().get()
                router.stop()
                ended.get()
                router.kill()

    # What grows with the logarithm shows less with more routees.
    def changes(n: int, measure: Measure) -> None:
        n *= 4
        with pykka.ActorSystem() as system:
            refs = start(n, system)
            router = ROUTERS[kind]([])
            with measure():
                for ref in refs:
                    router.add(ref)
                for ref in refs[n // 2 :]:
                    router.remove(ref)
                for ref in refs[: n // 2]:
                    ref.stop()
                with suppress(pykka.ActorDeadError):
                    router.tell("hello")

    def changes_and_sends(n: int, measure: Measure) -> None:
        n *= 4
        with pykka.ActorSystem() as system:
            refs = start(n, system)
            router = ROUTERS[kind]([])
            with measure():
                for ref in refs:
                    router.add(ref)
                    router.tell("hello")
                    router.ask("hello", timeout=PATIENCE)
                for number, ref in enumerate(refs[:-1]):
                    if number % 2:
                        ref.stop()
                    else:
                        router.remove(ref)
                    for _ in range(3):
                        router.tell("hello")

    def sends(n: int, measure: Measure) -> None:
        with pykka.ActorSystem() as system:
            router = ROUTERS[kind](start(4, system))
            with measure():
                for number in range(n):
                    router.tell(number)
                    router.ask(number, timeout=PATIENCE)
                    router.ask(number, block=False).get()

    def pool(n: int, measure: Measure) -> None:
        cls: Any = getattr(routing, kind)
        with pykka.ActorSystem() as system, measure():
            router = cls.pool(Worker, n, system=system, **options)
            router.resize(2 * n)
            refs = router.routees
            router.resize(n)
            for ref in refs[: n // 2]:
                ref.stop()
            router.supervisor.proxy().which_children().get()
            assert router.size == n
            router.stop()

    def ends_and_sends(n: int, measure: Measure) -> None:
        n *= 2
        cls: Any = getattr(routing, kind)
        with pykka.ActorSystem() as system:
            router = cls.pool(Worker, n, system=system, **options)
            with measure():
                for ref in router.routees:
                    ref.stop()
                    for number in range(3):
                        router.ask(number, timeout=PATIENCE)
                router.supervisor.proxy().which_children().get()
            router.stop()

    # Each message of the others costs as much as there are routees.
    once = (changes, changes_and_sends, pool, ends_and_sends)
    if kind not in ("RoundRobin", "Random", "ConsistentHashing"):
        once = ()
    for function in (group, sends, *once):
        function.__name__ = f"{function.__name__}[{kind}]"
        names = _AT_ONCE if function in (group, pool) else ()
        owners = (kind, "RouterRef", "Collective", "Routees")
        case(*(f"{owner}.{name}" for owner in owners for name in names))(function)


for _kind in ROUTERS:
    _routers_of(_kind)


# --- resilience ---------------------------------------------------------------------------------


@case()
def resilience(n: int, measure: Measure) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(Worker)
        with measure():
            for _ in range(n):
                around = [Retry(ref, timeout_per_attempt=1000), CircuitBreaker(ref)]
                around.append(RateLimiter(ref, rate=1000, burst=10 * n))
                Backoff().delay(1)
                for each in around:
                    each.ask("hello", timeout=PATIENCE)
                    each.ask("hello", block=False).get()
                    each.call(Worker.work).get()
                    each.statistics()
                    each.proxy().work().get()
                assert around[1].state  # type: ignore[attr-defined]
                Retry(CircuitBreaker(RateLimiter(do_nothing, rate=1, clock=clock)))()


def do_nothing() -> None:
    """What a piece is put around that calls."""


@case()
def askers_that_wait_for_a_limiter(n: int, measure: Measure) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(Worker)
        limiter = RateLimiter(ref, rate=1, burst=1, when_exceeded="wait", clock=clock)
        with measure():
            answers = [limiter.ask("hello", block=False) for _ in range(n)]
            for _ in range(n):
                assert limiter.statistics().waiting >= 0
            clock.advance(2 * n)
            pykka.get_all(answers)


@case()
def a_breaker_and_retries_under_way(n: int, measure: Measure) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        gate = Gate()
        ref = system.start(Worker)
        gate.hold(ref)
        breaker, retry = CircuitBreaker(ref), Retry(ref, timeout_per_attempt=5)
        with measure():
            answers = [
                each.ask("hello", block=False) for each in (breaker, retry) for _ in range(n)
            ]
            gate.open()
            pykka.get_all(answers)


# --- looking at it ------------------------------------------------------------------------------


@case("ActorLogFilter.__init__", "ActorLogFilter.filter")
def records_with_the_names_of_actors(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(Threaded)
        records = [logging.makeLogRecord({}) for _ in range(n)]
        with measure():
            name_of = pykka.ActorLogFilter()
            ref.ask(lambda _me: [name_of.filter(record) for record in records])


@case(
    "get_state", "trace", "Trace.__init__", "Trace.__enter__", "Trace.__exit__", "Trace.messages",
    "Trace.stop", "Trace.ref",
)  # fmt: skip
def what_an_actor_does(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        ref = system.start(Threaded)
        with measure(), debug.trace(ref, last=n) as trace:
            for number in range(2 * n):
                ref.tell(number)
            look_at(debug.get_state(ref, timeout=None), trace.ref, str(trace))
            look_at(trace.messages)


class Counting(instruments.Instrument):
    """Looks at all that it is told of."""

    def handled(self, delivery: instruments.Delivery, state: Any, seconds: float) -> None:
        look_at(delivery.ref, delivery.operation, delivery.message)
        look_at(delivery.method, delivery.expects_answer, repr(delivery))


@case(
    "install", "Installation.__enter__", "Installation.__exit__", "Installation.__init__",
    "Installation.instrument", "Installation.remove", "Installation.system", "Delivery.__init__",
    "Delivery.expects_answer", "Delivery.message", "Delivery.method", "Delivery.operation",
    "Delivery.ref",
)  # fmt: skip
def instruments_in_a_system(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system:
        refs = start(n // 2, system, Threaded)
        with measure(), instruments.install(Counting(), system) as installation:
            refs += start(n // 2, system, Threaded)
            for ref in refs:
                ref.tell("hello")
                ref.proxy().work().get()
            look_at(installation.system, installation.instrument)
            installation.remove()


if not is_missing("pykka.opentelemetry"):

    @case(
        "instrument", "Instrumentation.__init__", "Instrumentation.__enter__",
        "Instrumentation.__exit__", "Instrumentation.remove",
    )  # fmt: skip
    def spans_and_measurements(n: int, measure: Measure) -> None:
        from pykka.opentelemetry import instrument  # noqa: PLC0415

        with pykka.ActorSystem() as system:
            refs = start(n, system, Threaded)
            with measure(), instrument(system):
                pykka.get_all([ref.proxy().work() for ref in refs])


if not is_missing("pykka.prometheus"):

    @case(
        "Collector.__init__", "Collector.__enter__", "Collector.__exit__", "Collector.close",
        "Collector.collect",
    )  # fmt: skip
    def scrapes(n: int, measure: Measure) -> None:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        from pykka.prometheus import Collector  # noqa: PLC0415

        with pykka.ActorSystem() as system:
            refs = start(n // 2, system, Threaded)
            with measure(), Collector(system) as collector:
                registry = CollectorRegistry()
                registry.register(collector)
                refs += start(n // 2, system, Threaded)
                pykka.get_all([ref.proxy().work() for ref in refs])
                look_at(generate_latest(registry))


@case(
    "wait_graph", "print_wait_graph", "WaitGraph.circles", "WaitGraph.dot", "WaitGraph.mermaid",
    "log_thread_tracebacks",
)  # fmt: skip
def who_waits_for_whom(n: int, measure: Measure) -> None:
    n //= 2
    with pykka.ActorSystem() as system:
        gate = Gate()
        ref = system.start(Threaded)
        gate.hold(ref)
        waiting = start(n, system, Threaded)
        for each in waiting:
            each.tell(lambda _me: ref.ask("hello"))
        while len(debug.wait_graph().waiting) < n:
            threading.Event().wait(0.02)
        with measure():
            graph = debug.wait_graph()
            look_at(graph.dot(), graph.mermaid(), str(graph))
            look_at(graph.circles)
            debug.print_wait_graph(file=io.StringIO())
            debug.log_thread_tracebacks()
        gate.open()


@case("ActorRef.child", "_BaseSupervisor.spec")
def children_of_supervisors(n: int, measure: Measure) -> None:
    with pykka.ActorSystem() as system, measure():
        DynamicSupervisor.spec("d", ChildSpec("w", Worker))
        spec = Supervisor.spec("s", [ChildSpec(number, Worker) for number in range(n)])
        office = system.start(Supervisor, [spec])
        inner = office.child("s", Supervisor)
        for number in range(n):
            inner.child(number)

"""Everything that takes seconds, a name, a class or a ref refuses what is none, at once."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import math
import re
import subprocess
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import pykka
from pykka import inboxes, resilience, routing, supervision, timers
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Worker(pykka.ThreadingActor):
    """Does what it is told in its own code."""

    def run(self, function: Callable[[Any], object]) -> object:
        return function(self)


class Thing:
    """None of what is wanted."""

    def __repr__(self) -> str:
        return "a thing"


class Setting:
    """What the calls need."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.system = pykka.ActorSystem(clock=self.clock)
        self.ref = self.system.start(Worker)
        self.router: Any = routing.RoundRobin([self.ref])
        self.future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
        self.pool = routing.RoundRobin.pool(Worker, 1)

    def state(self) -> object:
        """All that a call that is refused must not change."""
        return (
            self.ref.is_alive(),
            self.ref.statistics().waiting,
            self.ref.timers(),
            self.clock.pending,
            self.clock.now(),
            self.system.get_all(),
            pykka.ActorRegistry.get_all(),
            self.future._log.copy(),
        )

    def inside(self, function: Callable[[Any], object]) -> None:
        self.ref.proxy().run(function).get(timeout=10)


@pytest.fixture
def setting() -> Iterator[Setting]:
    setting = Setting()
    yield setting
    setting.pool.stop()
    setting.system.shutdown()


HUGE = 10**400
NO_NUMBER: list[Any] = ["1", [1], Thing(), Worker]
NEVER_SECONDS: list[Any] = [*NO_NUMBER, math.nan, -1, -0.5, -math.inf, HUGE]
NO_ALARM: list[Any] = [*NEVER_SECONDS, True, math.inf]
"""What a clock cannot ring at; `True` and infinity are a time that one can wait, as in Pykka 4."""

Call = "Callable[[Setting, Any], object]"

WAITS: dict[str, Callable[[Setting, Any], object]] = {
    "ActorRef.ask": lambda s, x: s.ref.ask(1, timeout=x),
    "ActorRef.child": lambda s, x: s.ref.child("id", timeout=x),
    "ActorRef.stop": lambda s, x: s.ref.stop(timeout=x),
    "RoundRobin.ask": lambda s, x: s.router.ask(1, timeout=x),
    "RoundRobin.stop": lambda s, x: s.router.stop(timeout=x),
    "ThreadingFuture.get": lambda s, x: s.future.get(timeout=x),
    "ThreadingFuture.exception": lambda s, x: s.future.exception(timeout=x),
    "get_all": lambda s, x: pykka.get_all([s.future], timeout=x),
    "as_completed": lambda s, x: next(pykka.as_completed([s.future], timeout=x)),
    "ActorRegistry.stop_all": lambda _s, x: pykka.ActorRegistry.stop_all(timeout=x),
    "ActorSystem.stop_all": lambda s, x: s.system.stop_all(timeout=x),
    "run": lambda s, x: pykka.run(int, system=s.system, timeout=x),
    "ActorSystem.shutdown": lambda s, x: s.system.shutdown(timeout=x),
    "Retry.ask": lambda s, x: resilience.Retry(s.ref).ask(1, timeout=x),
    "CircuitBreaker.ask": lambda s, x: resilience.CircuitBreaker(s.ref).ask(1, timeout=x),
    "RateLimiter.ask": lambda s, x: resilience.RateLimiter(s.ref, rate=1).ask(1, timeout=x),
    "RoundRobin.resize": lambda s, x: s.pool.resize(2, timeout=x),
    "Bounded": lambda _s, x: inboxes.Bounded(1, timeout=x),
    "Priority": lambda _s, x: inboxes.Priority(int, capacity=1, timeout=x),
}

SECONDS: dict[tuple[str, str], Callable[[Setting, Any], object]] = {
    ("ActorRef.kill", "abandon_after"): lambda s, x: s.ref.kill(abandon_after=x),
    ("RoundRobin.kill", "abandon_after"): lambda s, x: s.router.kill(abandon_after=x),
    ("ActorRef.tell_after", "delay"): lambda s, x: s.ref.tell_after(x, 1),
    ("ActorRef.tell_every", "interval"): lambda s, x: s.ref.tell_every(x, 1, first=0),
    ("ActorRef.tell_every", "first"): lambda s, x: s.ref.tell_every(1, 1, first=x),
    ("ActorRef.defer_after", "delay"): lambda s, x: s.ref.defer_after(x, print),
    ("ActorRef.defer_every", "interval"): lambda s, x: s.ref.defer_every(x, print),
    ("RoundRobin.tell_after", "delay"): lambda s, x: s.router.tell_after(x, 1),
    ("RoundRobin.tell_every", "interval"): lambda s, x: s.router.tell_every(x, 1, first=0),
    ("RoundRobin.tell_every", "first"): lambda s, x: s.router.tell_every(1, 1, first=x),
    ("CallableProxy.defer_after", "delay"): lambda s, x: s.ref.proxy().run.defer_after(x, print),
    ("CallableProxy.defer_every", "interval"): lambda s, x: s.ref.proxy().run.defer_every(
        x, print
    ),
    ("Actor.set_idle_timeout", "seconds"): lambda s, x: s.inside(
        lambda actor: actor.set_idle_timeout(x)
    ),
    ("ManualClock.advance", "seconds"): lambda s, x: s.clock.advance(x),
    ("TailChopping", "interval"): lambda s, x: routing.TailChopping([s.ref], interval=x),
    ("TailChopping", "timeout"): lambda s, x: routing.TailChopping([s.ref], timeout=x),
    ("TailChopping", "within"): lambda s, x: routing.TailChopping([s.ref], within=x),
    ("ScatterGather", "timeout"): lambda s, x: routing.ScatterGather([s.ref], timeout=x),
    ("ScatterGather", "within"): lambda s, x: routing.ScatterGather([s.ref], within=x),
    ("Backoff", "minimum"): lambda _s, x: resilience.Backoff(minimum=x),
    ("Backoff", "maximum"): lambda _s, x: resilience.Backoff(maximum=x),
    ("Backoff", "factor"): lambda _s, x: resilience.Backoff(factor=x),
    ("Backoff", "reset_after"): lambda _s, x: resilience.Backoff(reset_after=x),
    ("Retry", "timeout_per_attempt"): lambda s, x: resilience.Retry(s.ref, timeout_per_attempt=x),
    ("CircuitBreaker", "reset_after"): lambda s, x: resilience.CircuitBreaker(
        s.ref, reset_after=x
    ),
    ("CircuitBreaker", "call_timeout"): lambda s, x: resilience.CircuitBreaker(
        s.ref, call_timeout=x
    ),
    ("RateLimiter", "rate"): lambda s, x: resilience.RateLimiter(s.ref, rate=x),
}

NEEDS_ONE = {"delay", "interval", "rate", "minimum", "maximum", "factor"}
"""Times that cannot be `None`."""


def refuses(setting: Setting, name: str, call: Callable[[], object]) -> None:
    before = setting.state()
    with pytest.raises((TypeError, ValueError)) as info:
        call()
    assert name in str(info.value), f"{info.value} does not name {name}"
    assert len(str(info.value)) < 400
    assert setting.state() == before, "it has had an effect"


@pytest.mark.thinned
@pytest.mark.parametrize("what", WAITS)
@pytest.mark.parametrize("bad", NEVER_SECONDS, ids=lambda x: repr(x)[:20])
def test_a_timeout_that_is_none(setting: Setting, what: str, bad: Any) -> None:
    refuses(setting, "timeout", lambda: WAITS[what](setting, bad))


@pytest.mark.thinned
@pytest.mark.parametrize("what", SECONDS, ids=".".join)
@pytest.mark.parametrize("bad", [*NO_ALARM, None], ids=lambda x: repr(x)[:20])
def test_seconds_that_are_none(setting: Setting, what: tuple[str, str], bad: Any) -> None:
    if bad is None and what[1] not in NEEDS_ONE:
        return
    refuses(setting, what[1], lambda: SECONDS[what](setting, bad))


@pytest.mark.parametrize("bad", NEVER_SECONDS, ids=lambda x: repr(x)[:20])
def test_a_shutdown_timeout_that_is_none(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="shutdown_timeout"):
        pykka.ActorSystem(shutdown_timeout=bad)


@pytest.mark.parametrize("bad", [*NO_NUMBER, math.nan, math.inf, -math.inf, HUGE], ids=repr)
def test_a_point_in_time_that_is_none(bad: Any) -> None:
    for clock in (ManualClock(), timers.MonotonicClock()):
        with pytest.raises((TypeError, ValueError)):
            clock.schedule(bad, object())  # type: ignore[arg-type]


TIMES = {
    "timeout",
    "abandon_after",
    "delay",
    "interval",
    "first",
    "within",
    "seconds",
    "shutdown_timeout",
    "stop_timeout",
    "call_timeout",
    "timeout_per_attempt",
    "reset_after",
    "minimum",
    "maximum",
    "rate",
    "when",
}

ELSEWHERE = {
    # a point in time; see above
    ("Clock", "when"),
    ("ManualClock", "when"),
    ("MonotonicClock", "when"),
    # read by the library: what the ref is asked for ends there
    ("Future", "timeout"),
    # of supervisors, whose arguments have a test of their own
    ("Supervisor", "within"),
    ("DynamicSupervisor", "within"),
    ("ActorSystem", "shutdown_timeout"),
    ("ActorSystem", "stop_timeout"),
}


def public_callables(*modules: Any) -> Iterator[tuple[str, str, Any]]:
    """Each public function or method: its class or module, its name, and itself."""
    for module in modules or (pykka, inboxes, resilience, routing, supervision, timers):
        for name in getattr(module, "__all__", None) or list(vars(module)):
            if name.startswith("_"):
                continue
            found = getattr(module, name)
            if isinstance(found, type):
                yield name, "__init__", found
                for method, function in inspect.getmembers(found, callable):
                    if not method.startswith("_"):
                        yield name, method, function
            elif callable(found):
                yield name, name, found


def test_no_time_of_a_public_call_is_left_out() -> None:
    """Whoever adds a parameter for a time adds a row above."""
    driven = {(what.split(".")[-1], "timeout") for what in WAITS}
    driven |= {(what.split(".")[-1], name) for what, name in SECONDS}
    left = set()
    for owner, name, function in public_callables():
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            continue
        for parameter in parameters:
            if parameter not in TIMES or (owner, parameter) in ELSEWHERE:
                continue
            key = (owner if name == "__init__" else name, parameter)
            if key not in driven:
                left.add((owner, *key))
    assert {each for each in left if each[0] not in DATA} == set()


WORDS = re.compile(
    r"(\w+_)?timeout|timeout_per_\w+|(abandon|reset|retry)_after|(\w+_)?within"
    r"|delay|interval|first|minimum|maximum|seconds|when|at|now|shutdown|patience"
)
"""The words for times; see "Words for time" in the design. All times are in seconds."""

SOUNDS_LIKE_A_TIME = re.compile(
    r"float|seconds|time|deadline|after|period|duration|delay|interval|ttl|grace"
)

HOLDS_TIMES = {"ActorStatistics"}
"""What takes no times from users, and holds some."""

NO_TIMES = {
    "after",  # the state of a circuit after a change
    "delayed",
    "factor",
    "func",
    "haste",
    "jitter",
    "per_second",
    "preemption",
    "random",
    "rate",
    "timers",
    "times_opened",
}
"""Parameters that are numbers, or sound like a time, and are none."""

DOORS = [
    "messages",
    "debug",
    "dead_letters",
    "instruments",
    "inboxes",
    "timers",
    "supervision",
    "resilience",
    "routing",
    "simulation",
    "observer",
]

FORMER = {("kill", "deadline")}
"""Former words that go on to work."""


def test_times_have_a_vocabulary() -> None:
    others = set()
    for owner, name, function in every_public_callable():
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            continue
        for parameter in parameters.values():
            about = f"{parameter.name} {parameter.annotation}"
            if SOUNDS_LIKE_A_TIME.search(about) and not WORDS.fullmatch(parameter.name):
                others.add((owner, name, parameter.name))
    left = {each for each in others if each[2] not in NO_TIMES and each[1:] not in FORMER}
    assert {each for each in left if each[0] not in HOLDS_TIMES} == set()


def every_public_callable() -> Iterator[tuple[str, str, Any]]:
    """Each public function or method of all doors."""
    for name in ("", *DOORS):
        yield from public_callables(importlib.import_module(f"pykka.{name}".rstrip(".")))


DATA = {"Timer", "InboxStatistics", "ActorStatistics"}
"""What holds times and takes none from users."""

STRINGS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "ActorSystem": ("name", pykka.ActorSystem),
    "Dispatcher": ("name", pykka.Dispatcher),
    "options": ("name", lambda x: Worker.options(name=x)),
    "get_by_class_name": ("actor_class_name", pykka.ActorRegistry.get_by_class_name),
    "get_by_name": ("name", pykka.ActorRegistry.get_by_name),
}


@pytest.mark.parametrize("what", STRINGS)
@pytest.mark.parametrize("bad", [3, True, 1.5, b"name", Worker, [], Thing()], ids=repr)
def test_a_name_that_is_no_string(what: str, bad: Any) -> None:
    name, call = STRINGS[what]
    with pytest.raises(TypeError, match=name):
        call(bad)


def test_a_number_of_threads_as_a_name_is_told_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"Dispatcher\(max_threads=\.\.\.\)"):
        pykka.Dispatcher(2)  # type: ignore[arg-type]


def test_a_class_as_the_name_of_a_class_is_told_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"get_by_class\(\) takes the class"):
        pykka.ActorRegistry.get_by_class_name(Worker)  # type: ignore[arg-type]


async def in_a_scope(act: Callable[[pykka.ActorScope], object]) -> None:
    async with pykka.ActorScope() as scope:
        act(scope)


@pytest.mark.parametrize("bad", [3, None, "Worker", object, Thing(), [Worker]], ids=repr)
def test_what_is_no_actor_class(bad: Any) -> None:
    with pytest.raises(TypeError, match="actor class"):
        asyncio.run(in_a_scope(lambda scope: scope.start(bad)))


def test_an_actor_in_the_place_of_its_class(setting: Setting) -> None:
    actor = setting.ref._actor
    with pytest.raises(TypeError, match="made already"):
        asyncio.run(in_a_scope(lambda scope: scope.start(actor)))  # type: ignore[arg-type]
    assert len(setting.system.get_all()) == 1


@pytest.mark.parametrize("bad", [3, None, "ref", Worker, Thing()], ids=repr)
def test_what_is_no_ref(setting: Setting, bad: Any) -> None:
    refuses(setting, "unwatch()", lambda: setting.inside(lambda actor: actor.unwatch(bad)))
    with pytest.raises(TypeError, match="an ActorScope takes the ref"):
        asyncio.run(in_a_scope(lambda scope: scope.enter(bad)))
    for take in (pykka.ActorRegistry.register, pykka.ActorRegistry.unregister):
        with pytest.raises(TypeError, match="refs of actors"):
            take(bad)


def test_a_router_where_a_single_actor_is_meant(setting: Setting) -> None:
    refuses(
        setting, "unwatch()", lambda: setting.inside(lambda actor: actor.unwatch(setting.router))
    )


@pytest.mark.parametrize("runtime_class", [pykka.ThreadingActor, pykka.PooledActor])
def test_a_new_that_returns_something_else(runtime_class: Any) -> None:
    class Odd(runtime_class):  # type: ignore[misc]
        def __new__(cls) -> Any:
            return 3

    for start in (Odd.start, Odd.options(name="odd").start):
        with pytest.raises(TypeError, match=r"Odd\.__new__\(\) returned 3, which is no actor"):
            start()
    assert pykka.ActorRegistry.get_all() == []
    assert pykka.ActorRegistry.get_by_name("odd") is None


def test_one_suggestion_is_enough(setting: Setting) -> None:
    proxy = setting.ref.proxy()
    with pytest.raises(AttributeError) as info:
        proxy.rum  # noqa: B018
    assert "".join(traceback.format_exception(info.value)).count("Did you mean") == 1
    assert "Did you mean: 'run'?" in str(info.value)


def test_one_suggestion_is_enough_on_the_terminal() -> None:
    program = (
        "import pykka\n"
        "class A(pykka.ThreadingActor):\n"
        "    def play(self): pass\n"
        "a = A.start().proxy()\n"
        "a.stop()\n"
        "a.plai\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr.count("Did you mean") == 1, done.stderr


def test_what_is_private_is_called_so(setting: Setting) -> None:
    proxy = setting.ref.proxy()
    with pytest.raises(AttributeError, match=r"'_x': .*private to the actor"):
        proxy._x  # noqa: B018


def test_the_public_modules_need_no_import() -> None:
    names = "dead_letters debug inboxes messages resilience routing supervision timers typing"
    for name in names.split():
        program = f"import pykka; print(pykka.{name}.__name__)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert done.stdout == f"pykka.{name}\n", done.stderr


def test_a_shutdown_that_may_take_infinitely_long() -> None:
    system = pykka.ActorSystem()
    ref = system.start(Worker)
    system.shutdown(timeout=math.inf)
    assert not ref.is_alive()
    assert threading.current_thread() is threading.main_thread()

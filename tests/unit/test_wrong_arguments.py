"""Wrong arguments are refused where they are passed, by an error that names them.

The functions and their parameters are found by a look at the public modules. A parameter that has
no wrong values here makes a test fail.
"""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import importlib
import inspect
import math
import numbers
import pkgutil
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.extras import is_missing
from tests.leaks import PATIENCE

import pykka
from pykka import dead_letters, resilience, routing, supervision
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = (
    "pykka.supervision",
    "pykka.routing",
    "pykka.dead_letters",
    "pykka.resilience._askable",
    "pykka.resilience._backoff",
    "pykka.resilience._circuit_breaker",
    "pykka._system.dead_letters",
    "pykka._system.events",
    "pykka.resilience._rate_limiter",
    "pykka._system.registry",
    "pykka.resilience._retry",
    "pykka._system.scope",
    "pykka._system.system",
)
"""Where that is defined which is looked at here."""


class Worker(pykka.PooledActor):
    """Answers."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        super().__init__()

    def on_receive(self, message: Any) -> Any:
        return message


class Huge:
    """Something that is hard to show."""

    def __repr__(self) -> str:
        return "x" * 100_000


class Bare(pykka.Actor):
    """An actor class without a runtime."""


class WithHook:
    """A class that others belong to without being derived from it."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return hasattr(other, "sell")


# --- what there is ------------------------------------------------------------------------------


class Target(NamedTuple):
    """A function or a method, and one of its parameters."""

    owner: type | None
    name: str
    function: Callable[..., Any]
    parameter: str

    @property
    def key(self) -> str:
        who = "" if self.owner is None else f"{self.owner.__name__}."
        return f"{who}{self.name}.{self.parameter}"


def public_objects() -> Iterator[Any]:
    """All that the package's public modules offer, and that is defined in one of ours."""
    names = [m.name for m in pkgutil.iter_modules(pykka.__path__) if not m.name.startswith("_")]
    names = [name for name in names if not is_missing(f"pykka.{name}")]
    modules = [pykka, *[importlib.import_module(f"pykka.{name}") for name in names]]
    found = {
        id(value): value
        for module in modules
        for name in getattr(module, "__all__", ())
        if (value := getattr(module, name)).__class__ is not str
        and getattr(value, "__module__", "").startswith(OURS)
    }
    yield from found.values()


def is_value(cls: type) -> bool:
    """Tell whether only the library makes the objects of a class: counts, events, exceptions."""
    return (
        issubclass(cls, (tuple, BaseException))
        or (dataclasses.is_dataclass(cls) and not hasattr(cls, "__post_init__"))
        or getattr(cls, "_is_protocol", False)
        or typing.get_origin(cls) is not None
    )


INTERNAL = {
    pykka.ActorSystem: {
        *(
            "register",
            "unregister",
            "forget",
            "everybody",
            "enter_urn",
            "forget_urn",
            "to_dead_letters",
            "let_children_go",
            "tell_of_crash",
            "publish_failure",
            "publish_restart",
        ),
        "knows",
        *("use_dispatcher", "need_pool", "end"),
    },
    pykka.EventBus: {"forget", "renew_locks"},
    supervision.ChildSpec: {"with_arguments"},
}
"""Methods that are for the library itself, and are not documented."""


def targets() -> Iterator[Target]:
    """All parameters of all functions, constructors and methods."""
    for thing in public_objects():
        if inspect.isfunction(thing):
            yield from parameters(None, thing.__name__, thing)
        elif inspect.isclass(thing) and not is_value(thing):
            yield from parameters(thing, "__init__", thing.__init__)
            for name, member in inspect.getmembers(thing, callable):
                services = getattr(member, "__module__", None) or ""
                is_method = inspect.isfunction(member) or inspect.ismethod(member)
                is_ours = services.startswith(OURS) and name not in INTERNAL.get(thing, ())
                if not name.startswith("_") and is_method and is_ours:
                    yield from parameters(thing, name, member)


def parameters(owner: type | None, name: str, function: Any) -> Iterator[Target]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in ("self", "cls"):
            yield Target(owner, name, function, parameter.name)


ALL = list(targets())


# --- what is wrong ------------------------------------------------------------------------------

ANYTHING: list[Any] = []
"""Any value will do: messages, and what is true or false."""

COUNT = [0, -1, 1.5, True, "3", None, Huge()]
COUNT_OR_NOT = [-1, 1.5, True, "3", Huge()]
SECONDS = [-1, math.nan, "1", Huge()]
SPAN = [0, -1, math.nan, math.inf, "1", True, None, Huge()]
NUMBER = [-1, math.nan, math.inf, "1", True, Huge()]
FLAG = [None, 0, 1, "yes", Huge()]
FUNCTION = [None, 5, "f", Huge()]
CLOCK = [5, "clock", object(), ManualClock, Huge()]
LOTS = [5, "lots", object(), Huge()]
NAME = ["", 5, b"name", Huge()]
SYSTEM = [5, "system", pykka.ActorSystem, Huge()]
SPECS = [5, "abc", [5], Worker, [Worker], Huge()]
EXCEPTIONS = [None, 5, ValueError(), "ValueError", [ValueError], (5,), Huge()]
ARGS = [5, "abc", b"abc", {"n": 3}, {1, 2}, Huge()]
KWARGS = [5, "abc", [3], {1: 2}, Huge()]
WORD = [5, "sometimes", ["permanent"], Huge()]
CLASS = ["Worker", 5, None, Huge()]


def an_actor() -> Any:
    """An actor that was made, and not started by what takes a class."""
    return Worker.start()._actor


def a_router() -> Any:
    return routing.RoundRobin([Worker.start()])


def a_ref() -> Any:
    return Worker.start()


def a_proxy() -> Any:
    return Worker.start().proxy()


REF = [None, 5, "ref", Worker, an_actor, a_proxy, Huge()]
SINGLE = [*REF, a_router]
MAKER = [None, 5, "Worker", int, Bare, pykka.Actor, an_actor, a_ref, a_proxy, Huge()]
SUBSCRIBER = [None, 5, "f", a_router, a_proxy, Worker, Huge()]
REFS = [5, None, "refs", {"a": 1}, [5], [None], Worker, Huge(), a_ref]
EVENT = [None, 5, "Sold", Huge()]
VIRTUAL = [collections.abc.Sized, collections.abc.Sequence, numbers.Number, typing.SupportsInt,
           WithHook]  # fmt: skip

WRONG: dict[str, list[Any]] = {
    # by name, wherever it is
    "args": ANYTHING,
    "kwargs": ANYTHING,
    "options": ANYTHING,  # what else a router's constructor takes, which refuses the rest
    "message": ANYTHING,
    "event": ANYTHING,
    "block": ANYTHING,
    "timeout": SECONDS,
    "abandon_after": SECONDS,
    "deadline": SECONDS,
    "clock": CLOCK,
    "name": NAME,
    "system": SYSTEM,
    "inbox": [5, "inbox", Huge()],
    "dispatcher": [5, "dispatcher", pykka.Dispatcher, Huge()],
    "restart": WORD,
    "type": WORD,
    "when_exceeded": WORD,
    "strategy": WORD,
    "auto_shutdown": WORD,
    "shutdown": [0, -1, math.nan, math.inf, True, "soon", Huge()],
    "significant": FLAG,
    "replace_abandoned": FLAG,
    "wait": FLAG,
    "expire": [1, 5, "yes", Huge()],  # what is not true has no meaning
    "keep_statistics": FLAG,
    "max_restarts": COUNT_OR_NOT,
    "within": SPAN,
    "restarts_within": SPAN,
    "backoff": [1, "slow", resilience.Backoff, object(), Huge()],
    "shutdown_timeout": SECONDS,
    "stop_timeout": SPAN,
    "refs": REFS,
    "ref": REF,
    "random": LOTS,
    "size": COUNT,
    "actor": MAKER,
    "actor_class": CLASS,
    "event_class": EVENT,
    "subscriber": SUBSCRIBER,
    "target": [None, 5, "ref", Worker, pykka.ActorRef, Huge()],
    "attempts": COUNT,
    "burst": COUNT,
    "max_failures": COUNT,
    "half_open_successes": COUNT,
    "reset_after": NUMBER,
    "rate": SPAN,
    "timeout_per_attempt": [0, *NUMBER],
    "call_timeout": [0, *NUMBER],
    "retry_on": EXCEPTIONS,
    "counts_as_failure": EXCEPTIONS,
    "minimum": NUMBER,
    "maximum": NUMBER,
    "factor": [0.5, "2", None, math.nan, math.inf, True, Huge()],
    "jitter": [-1, 2, "1", None, math.nan, True, Huge()],
    "delay": [-1, math.nan, math.inf, "1", None, Huge()],
    "interval": [0, -1, math.nan, math.inf, "1", None, Huge()],
    "first": [-1, math.nan, math.inf, "1", Huge()],
    "key": FUNCTION,
    "method": FUNCTION,
    "virtual_nodes": COUNT,
    "target_class": [5, [int], Huge()],
    "loop": [5, "loop", Worker, Huge()],
    # by function and name
    "Supervisor.__init__.child_specs": SPECS,
    "DynamicSupervisor.__init__.template": [None, 5, Worker, [5], Huge()],
    "Supervisor.__init__.within": [0, -1, math.nan, "1", True, Huge()],
    "DynamicSupervisor.__init__.within": [0, -1, math.nan, "1", True, Huge()],
    "ScatterGather.__init__.within": NUMBER,
    "TailChopping.__init__.within": NUMBER,
    "TailChopping.__init__.interval": SPAN,
    "Supervisor.add_child.spec": [None, 5, Worker, Huge()],
    "Supervisor.get_child.id": ["nobody", 5, [], Huge()],
    "Supervisor.terminate_child.id": ["nobody", 5, [], Huge()],
    "Supervisor.restart_child.id": ["nobody", 5, [], "child", Huge()],
    "Supervisor.delete_child.id": ["nobody", 5, [], "child", Huge()],
    "DynamicSupervisor.terminate_child.ref": SINGLE,
    "ChildSpec.__init__.id": [[], {}, ("a", [])],
    "Supervisor.spec.id": [[], {}, ("a", [])],
    "DynamicSupervisor.spec.id": [[], {}, ("a", [])],
    "ChildSpec.__init__.args": ARGS,
    "ChildSpec.__init__.kwargs": KWARGS,
    "CircuitBreaker.__init__.on_state_change": [5, "f", [5], None, [None], Huge()],
    "Backoff.delay.attempt": COUNT,
    "Backoff.delay.random": FUNCTION,
    "ConsistentHashing.routee_of.key": [None, 1.5, [], object(), ("a", None), Huge()],
    "ActorSystem.start.actor_class": [*CLASS, an_actor, a_ref, a_proxy, int],
    "ActorScope.start.actor_class": [*CLASS, an_actor, a_ref, a_proxy, int],
    "ActorScope.enter.ref": SINGLE,
    "ActorSystem.get_by_urn.actor_urn": ANYTHING,  # as in Pykka 4: it finds nothing
    "ActorRegistry.get_by_urn.actor_urn": ANYTHING,
    "ActorSystem.get_by_class_name.actor_class_name": ANYTHING,
    "ActorRegistry.get_by_class_name.actor_class_name": ANYTHING,
    "ActorRegistry.register.actor_ref": SINGLE,
    "ActorRegistry.unregister.actor_ref": SINGLE,
    "ActorSystem.get_by_name.name": [*NAME, None],
    "ActorRegistry.get_by_name.name": [*NAME, None],
    "EventBus.subscribe.event_class": [*EVENT, *VIRTUAL],
    "EventBus.unsubscribe.event_class": EVENT[1:],
    "ActorScope.__aexit__": ANYTHING,
    "subscribe.subscriber": [None, 5, "f", a_router, a_proxy, a_ref, Huge()],
    "unsubscribe.subscriber": [None, 5, "f", a_router, a_proxy, print, Huge()],
}

PER_POOL = {"args": ARGS, "kwargs": KWARGS}
"""What is a parameter of its own in `pool()`, and stands for any arguments elsewhere."""


def wrong_values(target: Target) -> list[Any] | None:
    if target.name == "pool" and target.parameter in PER_POOL:
        return PER_POOL[target.parameter]
    return WRONG.get(target.key, WRONG.get(target.parameter))


def test_there_is_something_to_look_at() -> None:
    keys = {target.key for target in ALL}
    assert len(keys) > 250
    assert {
        "Supervisor.__init__.max_restarts",
        "RoundRobin.pool.size",
        "subscribe.subscriber",
        "EventBus.subscribe.event_class",
        "Retry.__init__.backoff",
        "ActorSystem.start.actor_class",
        "ActorRegistry.broadcast.target_class",
    } <= keys


def test_every_parameter_has_a_case() -> None:
    missing = sorted(target.key for target in ALL if wrong_values(target) is None)
    assert missing == [], "say in WRONG which values are wrong, or that ANYTHING will do"


# --- what is right ------------------------------------------------------------------------------

SPEC = supervision.ChildSpec("child", Worker)

RIGHT: dict[str, Callable[[], Any]] = {
    "id": lambda: "child",
    "actor": lambda: Worker,
    "size": lambda: 1,
    "refs": lambda: [Worker.start()],
    "ref": Worker.start,
    "actor_ref": Worker.start,
    "key": lambda: str,
    "target": Worker.start,
    "rate": lambda: 1,
    "spec": lambda: SPEC,
    "template": lambda: SPEC,
    "message": lambda: "message",
    "event": lambda: "event",
    "attempt": lambda: 1,
    "delay": lambda: 1,
    "interval": lambda: 1,
    "actor_class": lambda: Worker,
    "event_class": lambda: int,
    "subscriber": lambda: print,
    "exception_type": lambda: None,
    "method": lambda: Worker.on_start,
}


def instance(cls: type) -> Any:
    """Something whose methods can be called."""
    made: Any = cls
    if issubclass(cls, supervision.Supervisor):
        return made.start([SPEC]).proxy()
    if issubclass(cls, supervision.DynamicSupervisor):
        return made.start(SPEC).proxy()
    needed = [
        parameter.name
        for parameter in list(inspect.signature(cls).parameters.values())
        if parameter.default is parameter.empty and parameter.name in RIGHT
    ]
    return made(**{name: RIGHT[name]() for name in needed})


def needs_key(cls: Any) -> Any:
    """The class of a router, whose pools take a key if they need one."""
    if cls is not routing.ConsistentHashing:
        return cls

    class Keyed(routing.ConsistentHashing[Any]):
        def __init__(self, refs: Any) -> None:
            super().__init__(refs, key=str)

    return Keyed


def bound(target: Target) -> Any:
    """What is called: a function, a class, or a method of an object."""
    owner: Any = target.owner
    if owner is None:
        return target.function
    if target.name == "__init__":
        return owner.start if hasattr(owner, "start_async") else owner
    if target.name == "pool":
        return needs_key(owner).pool
    if inspect.ismethod(target.function):
        return target.function
    is_of_pools = target.name == "resize"
    thing = needs_key(owner).pool(Worker, 1) if is_of_pools else instance(owner)
    if owner is pykka.ActorScope:
        thing._state = "open"
    return getattr(thing, target.name)


def call(target: Target, wrong: Any) -> Any:
    """Call a function, a constructor or a method, with one wrong argument."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in inspect.signature(target.function).parameters.items():
        is_variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        is_required = parameter.default is parameter.empty and not is_variable
        if name == target.parameter:
            value = wrong
        elif is_required and name not in ("self", "cls"):
            value = RIGHT[name]()
        else:
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            args.append(value)
        else:
            kwargs[name] = value
    if target.owner is supervision.DynamicSupervisor and target.name == "__init__":
        kwargs.setdefault("template", SPEC)
    result = bound(target)(*args, **kwargs)
    if inspect.isawaitable(result) and not isinstance(result, pykka.Future):
        result = asyncio.run(typing.cast("Any", result))
    return result.get(timeout=PATIENCE) if isinstance(result, pykka.Future) else result


CASES = [
    pytest.param(target, number, id=f"{target.key}-{number}")
    for target in ALL
    for number in range(len(wrong_values(target) or ()))
]


@pytest.mark.thinned
@pytest.mark.parametrize(("target", "number"), CASES)
def test_it_is_refused(target: Target, number: int) -> None:
    found: Any = (wrong_values(target) or [])[number]
    wrong = found() if inspect.isfunction(found) else found
    with pytest.raises((TypeError, ValueError, LookupError, RuntimeError)) as caught:
        call(target, wrong)
    error = caught.value
    # RuntimeError is for a child that runs and must not.
    assert type(error) in (TypeError, ValueError, LookupError) or wrong == "child"
    text = str(error)
    assert len(text) < 700
    part = wrong[0] if isinstance(wrong, list) and wrong else wrong
    shown = "" if isinstance(wrong, Huge) else repr(part)
    # It names the argument, or shows what was given.
    assert any(
        culprit in text
        for culprit in (target.parameter, "xxx", shown or "xxx", target.parameter.rstrip("s"))
    ), text
    # It says more than Python itself would.
    assert len(text) > len(target.parameter) + 20
    made = [ref for ref in pykka.ActorRegistry.get_all() if ref.actor_class is not Worker]
    assert all(hasattr(ref.actor_class, "supervises") for ref in made)


# --- what was found -----------------------------------------------------------------------------


def test_an_instance_does_not_start_another_actor() -> None:
    actor = Worker(5)
    for start in (
        pykka.ActorSystem.default().start,
        pykka.ThreadingActor().start_child,
        lambda a: supervision.ChildSpec("a", a),
        lambda a: routing.RoundRobin.pool(a, 1),
    ):
        before = pykka.ActorRegistry.get_all()
        with pytest.raises(TypeError):
            start(actor)  # type: ignore[operator]
        assert pykka.ActorRegistry.get_all() == before


def test_a_dict_in_the_place_of_the_arguments_says_what_is_meant() -> None:
    with pytest.raises(TypeError, match=r"say kwargs=\{'n': 3\}"):
        supervision.ChildSpec("a", Worker, {"n": 3})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["watch", "unwatch"])
def test_a_router_is_not_watched(method: str) -> None:
    class Watcher(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return getattr(self, method)(message)

    watcher = Watcher.start()
    with pytest.raises(TypeError, match="takes the ref of a single actor") as caught:
        watcher.ask(a_router())
    assert "when_terminated()" in str(caught.value)
    with pytest.raises(TypeError, match="takes the ref of an actor, not 5"):
        watcher.ask(5)


def test_classes_of_events_may_be_abstract() -> None:
    class Basket(collections.abc.Sized):
        def __len__(self) -> int:
            return 1

    bus, got = pykka.EventBus(), []
    bus.subscribe(Basket, got.append)
    basket = Basket()
    assert bus.publish(basket) == 1
    assert got == [basket]


def test_to_subscribe_to_everything_is_right() -> None:
    bus, got = pykka.EventBus(), []
    bus.subscribe(object, got.append)
    bus.publish(5)
    assert got == [5]


def test_a_router_gets_events_by_its_method() -> None:
    bus = pykka.EventBus()
    router = a_router()
    bus.subscribe(int, router.tell)
    assert bus.publish(5) == 1


def test_dead_letters_still_come_after_a_wrong_subscriber() -> None:
    got: list[Any] = []
    dead_letters.subscribe(got.append)
    with pytest.raises(TypeError):
        dead_letters.subscribe(None)  # type: ignore[arg-type]
    dead = Worker.start()
    dead.stop()
    letter = dead_letters.DeadLetter("message", dead, "died")
    pykka.ActorSystem.default().dead_letters.report(letter)
    dead_letters.unsubscribe(got.append)
    assert got == [letter]


# --- what is not among the modules above -------------------------------------------------------


def a_future() -> pykka.ThreadingFuture[Any]:
    return pykka.ThreadingFuture()


FUNCTIONS: dict[str, Callable[[Any], object]] = {
    "set_get_hook": lambda x: a_future().set_get_hook(x),
    "map": lambda x: a_future().map(x),
    "filter": lambda x: a_future().filter(x),
    "reduce": lambda x: a_future().reduce(x),
    "add_done_callback": lambda x: a_future().add_done_callback(x),
}

FLAGS: dict[str, Callable[[Any], object]] = {
    "daemon": lambda x: pykka.Dispatcher(daemon=x),
    "caller_runs": lambda x: pykka.Dispatcher(caller_runs=x),
    "enabled": lambda x: pykka.debug.warn_about_blocking(enabled=x),
    "urgent": lambda x: pykka.ThreadingActor().watch(pykka.ThreadingActor.start(), urgent=x),
}


@pytest.mark.parametrize("bad", FUNCTION, ids=lambda x: repr(x)[:20])
@pytest.mark.parametrize("what", FUNCTIONS)
def test_what_a_future_cannot_call(what: str, bad: Any) -> None:
    with pytest.raises(TypeError, match="must be a function that takes") as info:
        FUNCTIONS[what](bad)
    assert len(str(info.value)) < 400


def test_a_future_whose_hook_is_refused_can_be_set() -> None:
    future = a_future()
    with pytest.raises(TypeError):
        future.set_get_hook(5)  # type: ignore[arg-type]
    future.set(1)
    assert future.get() == 1


def test_a_fold_has_one_start() -> None:
    with pytest.raises(TypeError, match="at most one value to start with, not 2"):
        a_future().reduce(max, 1, 2)  # type: ignore[call-overload]


@pytest.mark.parametrize("bad", FLAG, ids=lambda x: repr(x)[:20])
@pytest.mark.parametrize("what", FLAGS)
def test_what_is_neither_true_nor_false(what: str, bad: Any) -> None:
    with pytest.raises(TypeError, match=f"{what} must be True or False"):
        FLAGS[what](bad)


def test_a_join_with_no_other_future_is_a_list_of_one() -> None:
    future = a_future()
    joined = future.join()
    future.set(1)
    assert joined.get() == [1]

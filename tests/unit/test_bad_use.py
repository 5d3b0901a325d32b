"""Bad use gets a clear error, at once, that names the culprit and the remedy."""

from __future__ import annotations

import pickle
import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import ActorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable


class Worker(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message

    def run(self, function: Callable[[Any], object]) -> object:
        return function(self)


@pytest.fixture
def dead() -> pykka.ActorRef[Worker]:
    """The ref of a dead actor."""
    ref = Worker.start()
    ref.stop()
    return ref


def error_of(kind: type[BaseException], function: Callable[[], object]) -> str:
    """The text of the error that a call raises."""
    with pytest.raises(kind) as info:
        function()
    assert type(info.value) is kind
    return str(info.value)


# --- actor classes ------------------------------------------------------------------------------


class Forgetful(pykka.ThreadingActor):
    def __init__(self) -> None:
        self.ready = True


@pytest.mark.parametrize(
    "use",
    [
        Forgetful.start,
        lambda: Forgetful().actor_ref,
        lambda: Forgetful().actor_urn,
        lambda: Forgetful().actor_inbox,
        lambda: Forgetful().actor_stopped,
        lambda: Forgetful().stop(),
        lambda: str(Forgetful()),
        lambda: setattr(Forgetful(), "actor_urn", "urn"),
    ],
    ids=["start", "ref", "urn", "inbox", "stopped", "stop", "str", "set urn"],
)
def test_forgetting_super_init(use: Callable[[], object]) -> None:
    text = error_of(RuntimeError, use)

    assert "Forgetful.__init__() did not call super().__init__()" in text
    assert "call it before anything else" in text
    assert ActorRegistry.get_all() == []


def test_using_the_actor_before_super_init() -> None:
    class Hasty(pykka.ThreadingActor):
        def __init__(self) -> None:
            self.me = self.actor_ref
            super().__init__()

    assert "Hasty.__init__() did not call super().__init__()" in error_of(
        RuntimeError, Hasty.start
    )


class Bare(pykka.Actor):
    """An actor class without a runtime."""


@pytest.mark.parametrize("cls", [Bare, pykka.Actor])
def test_starting_a_bare_actor(cls: type[pykka.Actor]) -> None:
    text = error_of(NotImplementedError, cls.start)

    assert "a subclass of Actor with a runtime, such as pykka.ThreadingActor" in text
    assert ActorRegistry.get_all() == []


def test_a_bare_future() -> None:
    future: pykka.Future[object] = pykka.Future()

    for use in (future.get, future.set, future.set_exception):
        assert "use a subclass of it, such as ThreadingFuture" in error_of(
            NotImplementedError, use
        )


# --- something else where an actor is meant -----------------------------------------------------


@pytest.mark.parametrize("make", [pykka.ActorProxy, lambda x: pykka.CallableProxy(x, ["run"])])
def test_a_class_where_a_ref_is_meant(make: Callable[[Any], object]) -> None:
    text = error_of(TypeError, lambda: make(Worker))

    assert repr(Worker) in text
    assert "takes the ref of an actor, not the class" in text
    assert "start it first" in text


@pytest.mark.parametrize("make", [pykka.ActorProxy, lambda x: pykka.CallableProxy(x, ["run"])])
def test_an_actor_or_a_proxy_where_a_ref_is_meant(make: Callable[[Any], object]) -> None:
    ref = Worker.start()

    for thing in (ref.proxy(), ref.proxy()._actor):
        text = error_of(TypeError, lambda thing=thing: make(thing))
        assert repr(thing) in text
        assert "use its attribute actor_ref" in text


@pytest.mark.parametrize("thing", [3, None, "Worker"])
@pytest.mark.parametrize("make", [pykka.ActorProxy, lambda x: pykka.CallableProxy(x, ["run"])])
def test_something_else_where_a_ref_is_meant(make: Callable[[Any], object], thing: object) -> None:
    assert f"takes the ref of an actor, not {thing!r}" in error_of(TypeError, lambda: make(thing))


@pytest.mark.parametrize("thing", [Worker, 3, None, "Worker"])
def test_something_else_where_an_actor_is_meant(thing: Any) -> None:
    text = error_of(TypeError, lambda: pykka.ActorRef(thing))

    assert f"an ActorRef takes an actor, not {thing!r}" in text
    assert "Actor.start() returns a ref" in text


@pytest.mark.parametrize("thing", [Worker, 3, None])
def test_something_else_in_the_registry(thing: Any) -> None:
    for method in (ActorRegistry.register, ActorRegistry.unregister):
        text = error_of(TypeError, lambda method=method: method(thing))
        assert f"the registry takes the refs of actors, not {thing!r}" in text
    assert ActorRegistry.get_all() == []


@pytest.mark.parametrize("thing", ["Worker", 3, None])
def test_something_else_where_the_registry_wants_a_class(thing: Any) -> None:
    text = error_of(TypeError, lambda: ActorRegistry.get_by_class(thing))

    assert f"the registry looks for a class, not for {thing!r}" in text
    assert "get_by_class_name() takes the name of one" in text


def test_a_broadcast_to_something_that_is_no_class() -> None:
    ref = Worker.start()

    text = error_of(TypeError, lambda: ActorRegistry.broadcast("message", ref))  # type: ignore[arg-type]

    assert f"not for {ref!r}" in text


def test_a_bare_message_in_the_inbox() -> None:
    ref = Worker.start()

    text = error_of(TypeError, lambda: ref.actor_inbox.put("message"))

    assert "an actor's inbox takes envelopes, not 'message'" in text
    assert "send a message with tell() or ask()" in text
    assert ref.ask("still there?") == "still there?"


# --- dead actors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda ref: ref.ask("message"),
        lambda ref: ref.ask("message", block=False).get(timeout=0),
        lambda ref: ref.tell("message"),
        lambda ref: ref.proxy(),
        pykka.ActorProxy,
        lambda ref: pykka.CallableProxy(ref, ["run"])().get(timeout=0),
        lambda ref: pykka.CallableProxy(ref, ["run"]).defer(),
    ],
    ids=["ask", "future", "tell", "proxy", "ActorProxy", "call", "defer"],
)
def test_a_dead_actor(dead: pykka.ActorRef[Worker], use: Callable[[Any], object]) -> None:
    assert error_of(pykka.ActorDeadError, lambda: use(dead)) == f"{dead} not found"


# --- futures ------------------------------------------------------------------------------------


def test_setting_a_resolved_future() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)
    ways: list[Callable[[], object]] = [
        lambda: future.set(2),
        lambda: future.set_exception(ValueError("no")),
        lambda: future.set_get_hook(lambda _timeout: 3),
        lambda: future.map(str).set("4"),
    ]

    for way in ways:
        text = error_of(pykka.FutureAlreadySetError, way)
        assert text == "the future has a result already; a future can be set only once"
    with pytest.raises(queue.Full):
        future.set(2)
    assert future.get() == 1


def resolved() -> pykka.ThreadingFuture[int]:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)
    return future


WAITS = [
    lambda timeout: pykka.ThreadingFuture().get(timeout=timeout),
    lambda timeout: resolved().get(timeout=timeout),
    lambda timeout: resolved().map(str).get(timeout=timeout),
    lambda timeout: pykka.get_all([resolved()], timeout=timeout),
    lambda timeout: pykka.as_completed([resolved()], timeout=timeout),
    lambda timeout: Worker.start().ask("message", timeout=timeout),
    lambda timeout: Worker.start().stop(timeout=timeout),
    lambda timeout: ActorRegistry.stop_all(timeout=timeout),
]
WAIT_IDS = ["get", "get resolved", "map", "get_all", "as_completed", "ask", "stop", "stop_all"]


@pytest.mark.parametrize("timeout", [-1, -0.001, float("-inf"), float("nan")])
@pytest.mark.parametrize("wait", WAITS, ids=WAIT_IDS)
def test_a_negative_timeout(wait: Callable[[Any], object], timeout: float) -> None:
    text = error_of(ValueError, lambda: wait(timeout))

    assert f"'timeout' must be a non-negative number, not {timeout!r}" in text
    assert "use 0 to look without waiting and None to wait for ever" in text


@pytest.mark.parametrize("wait", WAITS, ids=WAIT_IDS)
def test_a_timeout_that_is_no_number(wait: Callable[[Any], object]) -> None:
    text = error_of(TypeError, lambda: wait("1"))

    assert text == "timeout must be a number of seconds or None, not '1'"


def test_a_bad_timeout_sends_nothing() -> None:
    ref = Worker.start()
    got: list[object] = []

    error_of(ValueError, lambda: ref.ask(got.append, timeout=-1))
    error_of(ValueError, lambda: ref.stop(timeout=-1))

    assert ref.ask("still there?") == "still there?"
    assert got == []


def test_no_exception_to_set() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    text = error_of(ValueError, future.set_exception)

    assert "call it from an except block, or give it an exception" in text
    assert not future.done()


@pytest.mark.parametrize("bad", ["no", 3, (ValueError,), (ValueError, "no", None), ValueError])
def test_something_else_where_an_exception_is_meant(bad: Any) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    text = error_of(TypeError, lambda: future.set_exception(bad))

    assert "takes an exception or a tuple (type, exception, traceback)" in text
    assert repr(bad) in text
    assert not future.done()


def test_something_else_where_a_future_is_meant() -> None:
    future = resolved()

    assert error_of(TypeError, lambda: future.join(3)) == "join() takes futures, not 3"  # type: ignore[arg-type]
    assert error_of(TypeError, lambda: pykka.get_all([future, 3])) == (  # type: ignore[list-item]
        "get_all() takes futures, not 3"
    )
    assert error_of(TypeError, lambda: pykka.as_completed([3])) == (  # type: ignore[list-item]
        "as_completed() takes futures, not 3"
    )


# --- proxies ------------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("value",)

    def __repr__(self) -> str:
        return "Slotted()"


@pytest.mark.parametrize("thing", [Slotted(), Slotted, 3, "text", int], ids=str)
def test_traversable_on_what_has_no_place_for_a_mark(thing: object) -> None:
    text = error_of(ValueError, lambda: pykka.traversable(thing))

    assert f"cannot be used to mark {thing!r}" in text
    assert "slots" in text
    assert "Give its class the attribute pykka_traversable = True instead." in text


def test_a_name_that_does_not_exist() -> None:
    proxy = Worker.start().proxy()

    text = error_of(AttributeError, lambda: proxy.on_recieve)

    assert text == f"{proxy!r} has no attribute 'on_recieve'. Did you mean: 'on_receive'?"
    assert error_of(AttributeError, lambda: proxy.xyzzy) == f"{proxy!r} has no attribute 'xyzzy'"


def test_a_ref_cannot_be_pickled() -> None:
    ref = Worker.start()

    text = error_of(TypeError, lambda: pickle.dumps({"who": ref}))

    assert repr(ref) in text
    assert "cannot be pickled, because the actor is known in this process only" in text


# --- waits that can only hang -------------------------------------------------------------------


@pytest.mark.parametrize(
    "wait",
    [
        lambda worker: worker.actor_ref.ask("message"),
        lambda worker: worker.actor_ref.proxy().run(str).get(),
        lambda worker: pykka.get_all([worker.actor_ref.ask("message", block=False)]),
        lambda worker: worker.actor_ref.stop(),
    ],
    ids=["ask", "proxied call", "get_all", "stop"],
)
def test_an_actor_that_waits_for_itself(wait: Callable[[Any], object]) -> None:
    ref = Worker.start()

    text = error_of(pykka.DeadlockError, lambda: ref.ask(wait, timeout=PATIENCE))

    assert f"{ref} waits for {ref}" in text
    assert f'File "{__file__}", line ' in text
    assert "use tell() or defer(), or give the wait a timeout" in text


def test_an_actor_that_asks_itself_with_a_timeout() -> None:
    ref = Worker.start()

    text = error_of(
        pykka.Timeout,
        lambda: ref.ask(lambda worker: worker.actor_ref.ask("message", timeout=0.01)),
    )

    assert text.startswith("0.01 seconds passed without a result from Worker (urn:")
    assert ref.is_alive()

"""What is `async def` in an actor that nobody can await is an error that says what to do."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import in_new_thread, no_workers

import pykka
from pykka.messages import ProxyCall

if TYPE_CHECKING:
    from tests.conftest import Log

TEXT = r"is async def .* nobody would await it\. Derive the class from pykka\.AsyncioActor"


class Logic(pykka.Actor):
    async def method(self) -> int:
        return 1

    def wrapped(self) -> Any:
        return self.method()

    partial = functools.partialmethod(method)

    async def on_receive(self, message: object) -> object:
        return message

    def plain(self) -> str:
        return "plain"


class Threaded(Logic, pykka.ThreadingActor):
    pass


class Pooled(Logic, pykka.PooledActor):
    pass


class InLoop(Logic, pykka.AsyncioActor):
    pass


BOTH = pytest.mark.parametrize("actor_class", [Threaded, Pooled])


@BOTH
@pytest.mark.parametrize("method", ["method", "wrapped", "partial"])
def test_a_call_raises(actor_class: Any, method: str) -> None:
    proxy = actor_class.start().proxy()
    with pytest.raises(TypeError, match=TEXT):
        getattr(proxy, method)().get(timeout=PATIENCE)
    assert proxy.plain().get(timeout=PATIENCE) == "plain"


@BOTH
def test_a_call_by_hand_raises(actor_class: Any) -> None:
    with pytest.raises(TypeError, match=TEXT):
        actor_class.start().ask(ProxyCall(["method"], [], {}), timeout=PATIENCE)


@BOTH
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_an_ask_raises(actor_class: Any, timeout: float | None) -> None:
    ref = actor_class.start()
    with pytest.raises(TypeError, match=f"{actor_class.__name__} does not run in an event loop"):
        ref.ask("message", timeout=timeout)
    assert ref.is_alive()


@BOTH
def test_a_tell_ends_the_actor_as_any_failing_tell_does(actor_class: Any, log: Log) -> None:
    ref = actor_class.start()
    ref.tell("message")
    (record,) = log.wait_for("ERROR", f"Unhandled exception in {ref}")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], TypeError)


@BOTH
def test_a_call_by_hand_that_is_told_ends_the_actor(actor_class: Any, log: Log) -> None:
    ref = actor_class.start()
    assert ref.proxy().plain().get(timeout=PATIENCE) == "plain"
    ref.tell(ProxyCall(["method"], [], {}))
    (record,) = log.wait_for("ERROR", f"Unhandled exception in {ref}")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], TypeError)


@BOTH
@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_a_hook_is_logged(actor_class: Any, hook: str, log: Log) -> None:
    async def run(_self: object, *_args: object) -> None:
        raise AssertionError

    def fail(_self: object) -> None:
        raise KeyError

    broken = type("Broken", (actor_class,), {hook: run, "fail": fail})
    ref = broken.start()
    if hook == "on_stop":
        ref.stop()
    elif hook == "on_failure":
        ref.proxy().fail.defer()
    records = log.wait_for("ERROR", f"Unhandled exception in {ref}", 1 + (hook == "on_failure"))
    assert "Broken does not run in an event loop" in str(records[-1].exc_info[1])  # type: ignore[index]


def test_a_tell_that_whoever_waits_handles_ends_the_actor_too(log: Log) -> None:
    dispatcher = pykka.Dispatcher("pykka-elsewhere")
    ref = type("Lent", (Pooled,), {"dispatcher": dispatcher}).start()
    with no_workers(dispatcher):
        ref.tell("told")
        error = in_new_thread(lambda: ref.ask("asked", block=False).exception())
    assert isinstance(error, pykka.ActorDeadError)
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    (record,) = log.find("ERROR", "Unhandled exception in Lent")
    assert "does not run in an event loop" in str(record.exc_info[1])  # type: ignore[index]


def test_the_same_logic_runs_in_a_loop() -> None:
    proxy = InLoop.start().proxy()
    for method in ("method", "wrapped", "partial"):
        assert getattr(proxy, method)().get(timeout=PATIENCE) == 1
    assert proxy.plain().get(timeout=PATIENCE) == "plain"
    assert proxy.actor_ref.ask("message", timeout=PATIENCE) == "message"

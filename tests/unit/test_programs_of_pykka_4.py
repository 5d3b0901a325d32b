"""What programs for Pykka 4, and their tests, rely on without being told that they may."""

from __future__ import annotations

import importlib
import logging
import queue
import threading
import weakref
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.leaks import PATIENCE

import pykka
import pykka._threading
from pykka.messages import ProxyCall, _ActorStop
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from tests.conftest import Log, Runtime


class Echo(pykka.Actor):
    def on_receive(self, message: Any) -> Any:
        return message

    def add(self, one: int, two: int = 0) -> int:
        return one + two


# --- the warning of proxies to the actor itself -------------------------------------------------


class Selfish(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.me = self.actor_ref.proxy()


def test_each_proxy_that_is_made_warns_of_a_proxy_to_itself(runtime: Runtime, log: Log) -> None:
    ref = runtime.run(Selfish).start()
    other = runtime.run(Selfish).start()
    for number in range(1, 4):
        ref.proxy()
        assert len(log.find("WARNING", f"{ref} attribute 'me' is a proxy to itself")) == number
        other.proxy()
        assert len(log.find("WARNING", f"{other} attribute 'me' is a proxy to itself")) == number


def test_a_proxy_to_itself_on_the_class_or_in_what_is_traversable_is_warned_of(
    runtime: Runtime, log: Log
) -> None:
    @pykka.traversable
    class Part:
        me: Any = None

    class Holder(Echo):
        mine: Any = None

        def __init__(self) -> None:
            super().__init__()
            self.part = Part()
            self.part.me = type(self).mine = self.actor_ref.proxy()

    ref = runtime.run(Holder).start()
    ref.proxy()
    assert len(log.find("WARNING", "attribute 'mine' is a proxy to itself")) == 1
    [record] = log.find("WARNING", "attribute 'part.me' is a proxy to itself")
    assert record.message.endswith("Consider making it private by renaming it to '_me'.")


def test_the_use_of_a_proxy_to_itself_is_warned_of(runtime: Runtime, log: Log) -> None:
    proxy = runtime.run(Selfish).start().proxy()
    log.records.clear()

    with pytest.raises(AttributeError, match="has no attribute 'me'"):
        _ = proxy.me
    assert len(log.find("WARNING", "attribute 'me' is a proxy to itself")) == 1
    assert "me" not in dir(proxy)
    assert "add" in dir(proxy)


# --- traversable --------------------------------------------------------------------------------


def test_a_mark_in_a_slot_of_the_instance(runtime: Runtime) -> None:
    class Slotted:
        __slots__ = ("pykka_traversable", "value")

        def __init__(self) -> None:
            self.pykka_traversable = True
            self.value = 3

    class Holder(Echo):
        def __init__(self) -> None:
            super().__init__()
            self.slotted = Slotted()

    proxy = runtime.run(Holder).start().proxy()
    assert proxy.slotted.value.get(timeout=PATIENCE) == 3


@pytest.mark.parametrize("what", [3, object(), "text", int])
def test_the_text_for_what_cannot_be_marked(what: object) -> None:
    with pytest.raises(ValueError, match=r"^pykka.traversable\(\) cannot be used to mark"):
        pykka.traversable(what)


# --- the registry, patched ----------------------------------------------------------------------


def stand_ins(log: list[Any]) -> list[Any]:
    def make(name: str) -> Any:
        ref = mock.Mock(name=name)
        ref.stop.side_effect = lambda **kwargs: log.append((name, kwargs)) or name
        return ref

    return [make("first"), make("second")]


@pytest.mark.parametrize("block", [True, False])
@pytest.mark.parametrize("timeout", [None, 5])
def test_stop_all_stops_what_get_all_returns_the_last_one_first(
    block: bool,
    timeout: float | None,
) -> None:
    calls: list[Any] = []
    with mock.patch.object(pykka.ActorRegistry, "get_all", return_value=stand_ins(calls)) as asked:
        stopped = pykka.ActorRegistry.stop_all(block=block, timeout=timeout)

    asked.assert_called_once_with()
    assert stopped == ["second", "first"]
    assert [name for name, _kwargs in calls] == ["second", "first"]
    assert calls[0][1] == {"block": block, "timeout": timeout}
    assert calls[1][1]["block"] is block
    assert calls[1][1]["timeout"] == (pytest.approx(timeout, abs=5) if timeout else None)


def test_stop_all_of_a_registry_of_a_program_s_own() -> None:
    class Mine(pykka.ActorRegistry):
        @classmethod
        def get_all(cls) -> Any:
            return stand_ins([])

    assert Mine.stop_all() == ["second", "first"]


def test_stop_all_asks_even_if_it_fails() -> None:
    calls: list[Any] = []
    first, second = stand_ins(calls)
    second.stop.side_effect = pykka.Timeout("too slow")
    with (
        mock.patch.object(pykka.ActorRegistry, "get_all", return_value=[first, second]),
        pytest.raises(pykka.Timeout),
    ):
        pykka.ActorRegistry.stop_all(timeout=1)
    assert calls == [("first", {"block": False})]


def test_broadcast_tells_what_the_registry_finds() -> None:
    ref = mock.Mock()
    dead = mock.Mock()
    dead.tell.side_effect = pykka.ActorDeadError("dead")
    found = [dead, ref]
    with mock.patch.object(pykka.ActorRegistry, "get_all", return_value=found):
        pykka.ActorRegistry.broadcast("to all")
    with mock.patch.object(pykka.ActorRegistry, "get_by_class", return_value=found) as by_class:
        pykka.ActorRegistry.broadcast("by class", Echo)
    with mock.patch.object(
        pykka.ActorRegistry, "get_by_class_name", return_value=found
    ) as by_name:
        pykka.ActorRegistry.broadcast("by name", "Echo")

    assert [call.args for call in ref.tell.mock_calls] == [
        ("to all",),
        ("by class",),
        ("by name",),
    ]
    by_class.assert_called_once_with(Echo)
    by_name.assert_called_once_with("Echo")


def test_actors_are_registered_by_way_of_a_patch(runtime: Runtime) -> None:
    registry = pykka.ActorRegistry
    with (
        mock.patch.object(registry, "register") as register,
        mock.patch.object(registry, "unregister") as unregister,
    ):
        ref = runtime.run(Echo).start()
        register.assert_called_once_with(ref)
        assert registry.get_all() == []
        assert ref.ask("here", timeout=PATIENCE) == "here"
        assert ref.stop(timeout=PATIENCE)
        unregister.assert_called_once_with(ref)

    ref = runtime.run(Echo).start()
    assert registry.get_all() == [ref]
    assert ref.stop(timeout=PATIENCE)
    assert registry.get_all() == []


def test_a_patch_that_passes_on_works(runtime: Runtime) -> None:
    registry = pykka.ActorRegistry
    with (
        mock.patch.object(registry, "register", wraps=registry.register) as register,
        mock.patch.object(registry, "unregister", wraps=registry.unregister) as unregister,
    ):
        ref = runtime.run(Echo).start()
        assert registry.get_all() == [ref]
        assert ref.stop(timeout=PATIENCE)
        assert registry.get_all() == []
        assert (register.call_count, unregister.call_count) == (1, 1)


def test_what_ends_the_program_stops_all_by_way_of_a_patch(runtime: Runtime) -> None:
    called = threading.Event()

    class Ends(Echo):
        def on_receive(self, message: Any) -> Any:
            raise SystemExit

    bystander = runtime.run(Echo).start()
    with mock.patch.object(
        pykka.ActorRegistry, "stop_all", side_effect=lambda **_kwargs: called.set()
    ):
        runtime.run(Ends).start().tell("end")
        assert called.wait(PATIENCE)
    assert bystander.is_alive()


# --- mocks in the place of actors and refs ------------------------------------------------------


@pytest.mark.parametrize("spec", ["none", "class", "autospec"])
def test_the_constructor_may_be_called_on_a_mock(runtime: Runtime, spec: str) -> None:
    cls = runtime.actor_class
    stand_in: Any = {
        "none": mock.Mock,
        "class": lambda: mock.Mock(spec=cls),
        "autospec": lambda: mock.create_autospec(cls, instance=True),
    }[spec]()

    cls.__init__(stand_in)

    assert isinstance(stand_in._actor_ref, pykka.ActorRef)
    assert stand_in.actor_urn.startswith("urn:uuid:")
    assert isinstance(stand_in.actor_stopped, threading.Event)


def test_the_constructor_of_a_program_may_be_called_on_a_mock(runtime: Runtime) -> None:
    class Handler(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, connection: Any) -> None:
            runtime.actor_class.__init__(self)
            self.connection = connection

        def on_line(self, line: str) -> None:
            self.connection.send(line.upper())

    stand_in = mock.Mock()
    Handler.__init__(stand_in, mock.Mock())
    Handler.on_line(stand_in, "hello")
    stand_in.connection.send.assert_called_once_with("HELLO")


def test_a_mock_takes_nothing_that_is_said_of_an_actor(runtime: Runtime) -> None:
    class Rig(Echo):
        def __init__(self) -> None:
            runtime.actor_class.__init__(mock.Mock(spec=runtime.actor_class))
            super().__init__()

    assert runtime.run(Rig).options(name="rig").start().name == "rig"


def test_a_callable_proxy_of_a_mock_uses_ask_and_tell() -> None:
    ref = mock.Mock()
    call = ProxyCall(attr_path=("add",), args=(1,), kwargs={"two": 2})
    method = pykka.CallableProxy(actor_ref=ref, attr_path=("add",))

    assert method(1, two=2) is ref.ask.return_value
    ref.ask.assert_called_once_with(call, block=False)
    method.defer(1, two=2)
    ref.tell.assert_called_once_with(call)


# --- private names ------------------------------------------------------------------------------


def test_the_weak_reference_to_the_actor(runtime: Runtime) -> None:
    ref = runtime.run(Echo).start()
    reference = ref._actor_weakref
    assert isinstance(reference, weakref.ref)
    assert reference() is ref._actor
    assert reference is ref._actor_weakref

    assert ref.stop(timeout=PATIENCE)
    assert ref._actor_weakref() is None


def test_the_module_of_threads_has_the_names_that_it_had() -> None:
    for name in ("Actor", "Future", "ThreadingActor", "ThreadingFuture", "Timeout"):
        assert getattr(pykka._threading, name) is getattr(pykka, name)
    assert set(pykka._threading.__all__) == {"ThreadingActor", "ThreadingFuture"}


def test_other_private_modules_have_their_names() -> None:
    for module, names in {
        "_actor": ["Actor"],
        "_envelope": ["Envelope"],
        "_exceptions": ["ActorDeadError", "Timeout"],
        "_future": ["Future", "get_all"],
        "_proxy": ["ActorProxy", "CallableProxy", "traversable"],
        "_ref": ["ActorRef"],
        "_registry": ["ActorRegistry"],
    }.items():
        found = importlib.import_module(f"pykka.{module}")
        for name in names:
            assert getattr(found, name) is getattr(pykka, name, found.__dict__[name])


def test_a_runtime_of_a_program_calls_the_loop(log: Log) -> None:
    class OnMyThread(Echo):
        _create_actor_inbox = staticmethod(queue.Queue)
        _create_future = staticmethod(pykka.ThreadingFuture)

        def _start_actor_loop(self) -> None:
            thread = threading.Thread(target=self._actor_loop, name="mine")
            thread.start()

        def where(self) -> str:
            return threading.current_thread().name

    ref = OnMyThread.start()
    assert ref.proxy().where().get(timeout=PATIENCE) == "mine"
    assert ref.ask("hello", timeout=PATIENCE) == "hello"
    assert ref.stop(timeout=PATIENCE)


def test_a_loop_of_a_program_goes_around_ours() -> None:
    seen: list[str] = []

    class Around(Echo, pykka.ThreadingActor):
        def _actor_loop(self) -> None:
            seen.append("before")
            super()._actor_loop()
            seen.append("after")

    ref = Around.start()
    assert ref.ask("hello", timeout=PATIENCE) == "hello"
    assert ref.stop(timeout=PATIENCE)
    [thread] = [t for t in threading.enumerate() if t.name.startswith("Around-")] or [None]
    if thread is not None:
        thread.join(PATIENCE)
    assert seen == ["before", "after"]


def test_who_asks_an_actor_whose_loop_never_comes_to_ours_is_answered() -> None:
    raised = threading.Event()

    class Broken(Echo, pykka.ThreadingActor):
        def _actor_loop(self) -> None:
            raised.wait(PATIENCE)
            raise ConnectionError("no database")

    ignored: list[Any] = []
    with mock.patch.object(threading, "excepthook", ignored.append):
        ref = Broken.start()
        answer = ref.ask("hello", block=False)
        raised.set()
        assert isinstance(answer.exception(timeout=PATIENCE), pykka.ActorDeadError)
        assert not ref.is_alive()
        for thread in threading.enumerate():
            if thread.name.startswith("Broken-"):
                thread.join(PATIENCE)
    assert len(ignored) == 1


def test_the_loop_may_be_run_where_the_actor_was_made() -> None:
    class Counts(Echo, pykka.ThreadingActor):
        count = 0

        def on_receive(self, message: Any) -> Any:
            self.count += message

    actor = Counts()
    for number in range(4):
        actor.actor_ref.tell(number)
    actor.stop()
    actor._actor_loop()
    assert actor.count == 6
    assert actor.actor_stopped.is_set()


def test_messages_may_be_handled_by_hand(runtime: Runtime) -> None:
    actor = runtime.run(Echo)()
    assert actor._handle_receive("hello") == "hello"
    assert actor._handle_receive(ProxyCall(("add",), (1,), {"two": 2})) == 3
    assert actor._handle_receive(_ActorStop()) is None
    assert actor.actor_stopped.is_set()


def test_the_patched_start_of_a_class_is_used(runtime: Runtime) -> None:
    actor_class = runtime.run(Echo)
    with mock.patch.object(actor_class, "start") as start:
        assert actor_class.options(name="echo").start(1) is start.return_value
        assert pykka.ActorSystem.default().start(actor_class, 2) is start.return_value
    assert [call.args for call in start.mock_calls] == [(1,), (2,)]


def test_a_class_attribute_of_a_program_s_does_not_lead_a_supervisor_astray(
    runtime: Runtime,
) -> None:
    class Manager(Echo):
        actor_class = runtime.actor_class
        supervises = ("the others",)

    spec = ChildSpec("manager", runtime.run(Manager))
    assert spec.type == "worker"
    boss = Supervisor.start([spec])
    [ref] = boss.proxy().children().get(timeout=PATIENCE)
    ref.kill()
    again = boss.proxy().get_child("manager").get(timeout=PATIENCE)
    assert ref.actor_class is again.actor_class
    assert boss.stop(timeout=PATIENCE)


def test_the_log_is_what_a_test_with_caplog_sees(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="pykka")
    ref = runtime.run(Echo).start()
    ref.stop(timeout=PATIENCE)
    texts = [record.getMessage() for record in caplog.records if record.name == "pykka"]
    assert texts == [
        f"Registered {ref}",
        f"Starting {ref}",
        f"Unregistered {ref}",
        f"Stopped {ref}",
    ]

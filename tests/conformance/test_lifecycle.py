"""How an actor starts, lives and ends."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Freed, failing, needs
from tests.leaks import PATIENCE

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from types import TracebackType

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Log, Runtime


class Quit(BaseException):
    """A BaseException of a program's own."""


# --- start --------------------------------------------------------------------------------------


def test_start_returns_a_ref_of_a_living_actor(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    ref = Some.start()

    assert isinstance(ref, pykka.ActorRef)
    assert ref.is_alive()
    assert ref.actor_class is Some


def test_start_passes_its_arguments_to_init(runtime: Runtime) -> None:
    class Greeter(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, greeting: str, *, mark: str = ".") -> None:
            super().__init__()
            self.text = greeting + mark

    proxy = Greeter.start("Hi", mark="!").proxy()

    assert proxy.text.get() == "Hi!"


def test_a_class_without_init_takes_any_arguments(agent: Any, runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    assert Some.start(1, two=3).is_alive()


def test_init_runs_on_the_thread_that_starts_the_actor(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.thread = threading.current_thread()

    assert Some.start().proxy().thread.get() is threading.current_thread()


def test_init_that_raises_leaves_no_actor_behind(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Some.start()

    assert pykka.ActorRegistry.get_by_class(Some) == []


def test_init_may_use_urn_inbox_and_ref(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen = (self.actor_urn, self.actor_inbox, self.actor_ref)

    ref = Some.start()

    assert ref.proxy().seen.get() == (ref.actor_urn, ref.actor_inbox, ref)


def test_init_may_send_messages_to_the_actor_itself(agent: Any, diary: Diary) -> None:
    class Some(agent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(diary)
            self.actor_ref.tell(lambda agent: agent.diary.note("told in __init__"))

    Some.start()

    assert diary.read(2) == ["on_start", "told in __init__"]


def test_on_start_runs_before_the_first_message(agent: Any, gate: Gate, diary: Diary) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            gate()
            super().on_start()

    ref = Slow.start(diary)
    ref.tell(lambda agent: agent.diary.note("message"))
    gate.open()

    assert diary.read(2) == ["on_start", "message"]


def test_start_does_not_wait_for_on_start(agent: Any, gate: Gate) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            gate()

    ref = Slow.start()
    gate.wait_until_entered()

    assert ref.is_alive()


def test_the_actor_is_registered_when_on_start_runs(agent: Any) -> None:
    class Some(agent):  # type: ignore[misc]
        registered: bool | None = None

        def on_start(self) -> None:
            self.registered = self.actor_ref in pykka.ActorRegistry.get_all()

    assert Some.start().proxy().registered.get()


@needs("own thread")
def test_hooks_and_handlers_run_on_the_actors_own_thread(runtime: Runtime, diary: Diary) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_start(self) -> None:
            diary.note(threading.current_thread())

        def on_receive(self, message: object) -> None:
            diary.note(threading.current_thread())

        def method(self) -> None:
            diary.note(threading.current_thread())

        def on_stop(self) -> None:
            diary.note(threading.current_thread())

    ref = Some.start()
    ref.tell("message")
    ref.proxy().method()
    ref.stop()

    threads = set(diary.read(4))
    assert len(threads) == 1
    assert threads != {threading.current_thread()}


@needs("own thread")
def test_the_name_of_the_actors_thread_begins_with_the_class(runtime: Runtime) -> None:
    class Worker(runtime.actor_class):  # type: ignore[name-defined, misc]
        def name(self) -> str:
            return threading.current_thread().name

    assert Worker.start().proxy().name().get().startswith("Worker-")


@needs("own thread")
@pytest.mark.parametrize("daemon", [True, False])
def test_use_daemon_thread(runtime: Runtime, daemon: bool) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        use_daemon_thread = daemon

        def is_daemon(self) -> bool:
            return threading.current_thread().daemon

    assert Some.start().proxy().is_daemon().get() is daemon


@needs("own thread")
def test_use_daemon_thread_is_off_and_not_inherited(runtime: Runtime) -> None:
    class Child(runtime.actor_class):  # type: ignore[name-defined, misc]
        def is_daemon(self) -> bool:
            return threading.current_thread().daemon

    class Parent(runtime.actor_class):  # type: ignore[name-defined, misc]
        use_daemon_thread = True

        def has_daemon_child(self) -> bool:
            child: bool = Child.start().proxy().is_daemon().get()
            return child

    assert runtime.actor_class.use_daemon_thread is False
    assert Parent.start().proxy().has_daemon_child().get() is False


# --- what an actor has --------------------------------------------------------------------------


def test_actor_ref_is_the_ref_that_start_returned(agent: Any) -> None:
    ref = agent.start()

    assert ref.ask(lambda agent: agent.actor_ref) == ref
    assert ref.ask(lambda agent: agent.actor_ref is agent.actor_ref)


def test_actor_urn_is_a_unique_urn(agent: Any) -> None:
    one, other = agent.start(), agent.start()

    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one.actor_urn)
    assert one.actor_urn != other.actor_urn
    assert one.actor_urn == one.ask(lambda agent: agent.actor_urn)


def test_an_actor_may_choose_its_urn(runtime: Runtime) -> None:
    class Named(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.actor_urn = "the printer"

    ref = Named.start()

    assert ref.actor_urn == "the printer"
    assert str(ref) == "Named (the printer)"
    assert pykka.ActorRegistry.get_by_urn("the printer") == ref


def test_a_urn_that_another_actor_chose_too_is_not_taken_from_it(agent: Any) -> None:
    def choose(agent: Any) -> None:
        agent.actor_urn = "urn:printer"

    former, latter = agent.start(), agent.start()
    former_urn = former.actor_urn
    former.ask(choose)
    latter.ask(choose)

    former.stop()

    assert pykka.ActorRegistry.get_by_urn(former_urn) is None
    assert pykka.ActorRegistry.get_by_urn("urn:printer") == latter


def test_actor_inbox_is_the_same_for_actor_and_ref(agent: Any) -> None:
    ref = agent.start()

    assert ref.ask(lambda agent: agent.actor_inbox) is ref.actor_inbox


def test_actor_stopped_is_an_event_that_is_set_when_the_actor_stops(agent: Any) -> None:
    ref = agent.start()
    event = ref.actor_stopped

    assert isinstance(event, threading.Event)
    assert event is ref.ask(lambda agent: agent.actor_stopped)
    assert not event.is_set()
    ref.stop()
    assert event.is_set()
    assert event.wait(PATIENCE)


def test_actor_stopped_can_be_waited_for(agent: Any) -> None:
    ref = agent.start()
    seen = threading.Event()
    waiting = threading.Event()

    def wait() -> None:
        event = ref.actor_stopped
        waiting.set()
        event.wait(PATIENCE)
        seen.set()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(PATIENCE)
    ref.stop()
    thread.join(PATIENCE)

    assert seen.is_set()
    assert ref.actor_stopped.is_set()


def test_an_actor_that_is_not_started_can_be_used_directly(agent: Any) -> None:
    unstarted = agent()

    assert unstarted.run(lambda agent: agent is unstarted)
    assert unstarted.actor_ref.is_alive()
    unstarted.actor_ref.tell("message")
    assert unstarted.actor_inbox.get().message == "message"
    assert unstarted.actor_inbox.empty()
    assert unstarted.actor_ref not in pykka.ActorRegistry.get_all()


def test_a_stopped_actor_is_freed_though_its_ref_is_held(agent: Any) -> None:
    ref = agent.start()
    freed = Freed(ref)

    ref.stop()

    freed.wait()


# --- stop ---------------------------------------------------------------------------------------


def test_stop_puts_an_actor_stop_message_into_the_inbox(agent: Any) -> None:
    unstarted = agent()

    unstarted.stop()

    envelope = unstarted.actor_inbox.get()
    assert isinstance(envelope.message, _ActorStop)
    assert envelope.reply_to is None


def test_stop_returns_after_on_stop(agent: Any, gate: Gate, diary: Diary) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            gate()
            super().on_stop()

    ref = Slow.start(diary)
    future = ref.stop(block=False)
    gate.wait_until_entered()

    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.01)
    gate.open()
    assert future.get(timeout=PATIENCE) is True
    assert diary.rest() == ["on_start", "on_stop"]


def test_stop_returns_true_and_false_for_an_actor_that_is_dead(agent: Any) -> None:
    ref = agent.start()

    assert ref.stop() is True
    assert ref.stop() is False
    assert ref.stop(timeout=0) is False
    assert ref.stop(block=False).get(timeout=0) is False


def test_each_of_two_accepted_stops_is_answered_true(agent: Any, gate: Gate, diary: Diary) -> None:
    ref = agent.start(diary)
    ref.tell(gate)
    futures = [ref.stop(block=False), ref.stop(block=False)]
    gate.open()

    assert [future.get(timeout=PATIENCE) for future in futures] == [True, True]
    assert diary.rest() == ["on_start", "on_stop"]


def test_a_stopped_actor_is_neither_alive_nor_registered(agent: Any) -> None:
    ref = agent.start()

    ref.stop()

    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()


def test_messages_before_the_stop_are_handled(agent: Any, gate: Gate, diary: Diary) -> None:
    ref = agent.start(diary)
    ref.tell(gate)
    before = ref.ask("before", block=False)
    stopped = ref.stop(block=False)
    gate.open()

    assert before.get(timeout=PATIENCE) == "before"
    assert stopped.get(timeout=PATIENCE) is True


def test_asks_after_the_stop_are_answered_with_actor_dead_error(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)
    ref.stop(block=False)
    after = ref.ask("after", block=False)
    gate.open()

    with pytest.raises(pykka.ActorDeadError) as info:
        after.get(timeout=PATIENCE)
    assert str(info.value) == f"{ref} stopped before handling the message"


def test_tells_after_the_stop_are_dead_letters(agent: Any, gate: Gate, log: Log) -> None:
    ref = agent.start()
    ref.tell(gate)
    stopped = ref.stop(block=False)
    ref.tell("too late")
    gate.open()

    assert stopped.get(timeout=PATIENCE) is True
    [record] = log.find("WARNING", "too late")
    assert record.name == "pykka.dead_letters"
    assert str(ref) in record.message


def test_stop_with_a_timeout_stays_sent(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)

    with pytest.raises(pykka.Timeout):
        ref.stop(timeout=0.01)

    gate.open()
    assert ref.actor_stopped.wait(PATIENCE)


def test_on_stop_runs_when_the_actor_is_marked_and_unregistered(agent: Any) -> None:
    seen: list[bool] = []

    class Some(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            seen.append(self.actor_stopped.is_set())
            seen.append(self.actor_ref.is_alive())
            seen.append(self.actor_ref in pykka.ActorRegistry.get_all())

    Some.start().stop()

    assert seen == [True, False, False]


def test_an_actor_stops_itself(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    def stop(agent: Any) -> Any:
        agent.actor_ref.tell(lambda agent: agent.diary.note("queued before the stop"))
        return agent.stop()

    assert ref.ask(stop) is None
    assert ref.actor_stopped.wait(PATIENCE)
    assert diary.read(3) == ["on_start", "queued before the stop", "on_stop"]


def test_actor_stop_does_not_wait(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    def stop(agent: Any) -> None:
        agent.stop()
        agent.diary.note("went on")

    ref.tell(stop)

    assert diary.read(3) == ["on_start", "went on", "on_stop"]


def test_stop_inside_on_start(agent: Any, gate: Gate, diary: Diary) -> None:
    class Quitter(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            super().on_start()
            gate()
            self.stop()
            self.after = self.actor_ref.ask("after", block=False)
            diary.note(self.after)

    ref = Quitter.start(diary)
    gate.wait_until_entered()
    before = ref.ask("before", block=False)
    gate.open()

    assert before.get(timeout=PATIENCE) == "before"
    on_start, after, on_stop = diary.read(3)
    assert (on_start, on_stop) == ("on_start", "on_stop")
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        after.get(timeout=PATIENCE)
    assert diary.rest() == []


@pytest.mark.parametrize("way", ["set", "stop"])
def test_an_actor_that_nobody_wants_any_more_gets_no_messages(
    agent: Any, gate: Gate, diary: Diary, way: str
) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            gate()

    ref = Slow.start(diary)
    gate.wait_until_entered()
    if way == "set":
        ref.actor_stopped.set()
    else:
        ref.stop(block=False)
    late = ref.ask("late", block=False)
    gate.open()

    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)


def test_setting_actor_stopped_makes_the_actor_refuse_messages(agent: Any) -> None:
    ref = agent.start()

    ref.actor_stopped.set()

    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("message")
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("message")
    assert ref.stop() is False
    # 4.0.2 does not see the mark before the next message comes.
    ref.actor_inbox.put(Envelope(None))


def test_setting_actor_stopped_ends_an_idle_actor_without_hooks(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    freed = Freed(ref)

    ref.actor_stopped.set()

    freed.wait()
    assert ref not in pykka.ActorRegistry.get_all()
    assert diary.rest() == ["on_start"]


def test_setting_actor_stopped_in_a_handler_ends_the_actor_after_it(
    agent: Any, gate: Gate, log: Log
) -> None:
    ref = agent.start()
    ref.tell(gate)
    answer = ref.ask(lambda agent: agent.actor_stopped.set() or "answered", block=False)
    pending = ref.ask("pending", block=False)
    gate.open()

    assert answer.get(timeout=PATIENCE) == "answered"
    with pytest.raises(pykka.ActorDeadError):
        pending.get(timeout=PATIENCE)
    log.wait_for("DEBUG", f"Unregistered {ref}")


# --- failures -----------------------------------------------------------------------------------


def test_a_failing_ask_goes_to_the_caller_and_the_actor_lives_on(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    error = ValueError("no")

    with pytest.raises(ValueError, match="no") as info:
        ref.ask(failing(error))

    assert info.value is error
    assert ref.ask("still there?") == "still there?"
    assert ref.is_alive()
    assert diary.rest() == ["on_start"]


def test_a_failing_proxied_call_goes_to_the_caller_and_the_actor_lives_on(agent: Any) -> None:
    ref = agent.start()
    error = ValueError("no")

    future = ref.proxy().run(failing(error))

    with pytest.raises(ValueError, match="no") as info:
        future.get(timeout=PATIENCE)
    assert info.value is error
    assert ref.ask("still there?") == "still there?"


@pytest.mark.parametrize("way", ["tell", "defer", "actor_inbox"])
def test_a_failing_tell_ends_the_actor(agent: Any, way: str) -> None:
    seen: list[Any] = []

    class Some(agent):  # type: ignore[misc]
        def on_failure(
            self,
            exception_type: type[BaseException] | None,
            exception_value: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            super().on_failure(exception_type, exception_value, traceback)
            seen.append((exception_type, exception_value, traceback))
            seen.append(self.actor_stopped.is_set())
            seen.append(self.actor_ref in pykka.ActorRegistry.get_all())

    diary = Some(None).diary
    ref = Some.start(diary)
    error = ValueError("no")
    if way == "tell":
        ref.tell(failing(error))
    elif way == "defer":
        ref.proxy().run.defer(failing(error))
    else:
        ref.actor_inbox.put(Envelope(failing(error)))

    assert diary.read(2) == ["on_start", "on_failure"]
    assert ref.actor_stopped.wait(PATIENCE)
    assert ref.stop() is False
    ref.when_terminated().get(timeout=PATIENCE)
    (kind, value, traceback), stopped, registered = seen
    assert (kind, value) == (ValueError, error)
    assert traceback is error.__traceback__
    assert (stopped, registered) == (True, False)


def test_a_crash_runs_on_failure_once_and_on_stop_never(
    agent: Any, gate: Gate, diary: Diary
) -> None:
    ref = agent.start(diary)
    ref.tell(gate)
    ref.tell(failing(ValueError("first")))
    ref.tell(failing(ValueError("second")))
    ref.stop(block=False)
    pending = ref.ask("pending", block=False)
    gate.open()

    with pytest.raises(pykka.ActorDeadError, match="stopped before handling the message"):
        pending.get(timeout=PATIENCE)
    assert diary.rest() == ["on_start", "on_failure"]


def test_a_stop_that_a_crash_overtakes_is_answered_true(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)
    ref.tell(failing(ValueError("no")))
    stopped = ref.stop(block=False)
    gate.open()

    assert stopped.get(timeout=PATIENCE) is True


def test_on_start_that_raises_ends_the_actor(agent: Any, gate: Gate, diary: Diary) -> None:
    class Some(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            gate()
            raise ValueError("no")

    ref = Some.start(diary)
    gate.wait_until_entered()
    pending = ref.ask("pending", block=False)
    gate.open()

    with pytest.raises(pykka.ActorDeadError) as info:
        pending.get(timeout=PATIENCE)
    assert str(info.value) == (
        f"{ref} stopped before handling the message; it has failed with ValueError('no')"
    )
    assert isinstance(info.value.__cause__, ValueError)
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()


def test_on_start_that_raises_runs_on_failure(agent: Any, diary: Diary) -> None:
    error = ValueError("no")

    class Some(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            raise error

        def on_failure(self, *exc_info: object) -> None:
            diary.note(exc_info)

    Some.start(diary)

    [(kind, value, traceback)] = diary.read(1)
    assert (kind, value) == (ValueError, error)
    assert traceback is error.__traceback__


def test_on_stop_that_raises_does_not_keep_the_actor_from_ending(
    agent: Any, gate: Gate, diary: Diary
) -> None:
    class Some(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            super().on_stop()
            raise ValueError("no")

    ref = Some.start(diary)
    ref.tell(gate)
    stopped = ref.stop(block=False)
    pending = ref.ask("pending", block=False)
    gate.open()

    assert stopped.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        pending.get(timeout=PATIENCE)
    assert diary.rest() == ["on_start", "on_stop"]


def test_on_failure_that_raises_does_not_keep_the_actor_from_ending(
    agent: Any, gate: Gate, diary: Diary
) -> None:
    class Some(agent):  # type: ignore[misc]
        def on_failure(self, *exc_info: object) -> None:
            super().on_failure(*exc_info)
            raise ValueError("once more")

    ref = Some.start(diary)
    ref.tell(gate)
    ref.tell(failing(ValueError("no")))
    pending = ref.ask("pending", block=False)
    gate.open()

    with pytest.raises(pykka.ActorDeadError):
        pending.get(timeout=PATIENCE)
    assert diary.rest() == ["on_start", "on_failure"]
    assert ref not in pykka.ActorRegistry.get_all()


# --- exceptions that are about the program and not about the call ------------------------------

STOPS_ALL = [KeyboardInterrupt("no"), SystemExit("no"), Quit("no")]


@pytest.mark.parametrize("error", STOPS_ALL, ids=repr)
def test_a_base_exception_stops_the_actor_and_then_all_others(
    agent: Any, diary: Diary, error: BaseException
) -> None:
    others = [agent.start() for _ in range(3)]
    ref = agent.start(diary)

    ref.tell(failing(error))

    assert diary.read(2) == ["on_start", "on_stop"]
    for other in [ref, *others]:
        assert other.actor_stopped.wait(PATIENCE)


@pytest.mark.parametrize("error", STOPS_ALL, ids=repr)
def test_a_base_exception_is_answered_to_the_asker(
    agent: Any, diary: Diary, error: BaseException
) -> None:
    other = agent.start()
    ref = agent.start(diary)

    with pytest.raises(type(error)) as info:
        ref.ask(failing(error), timeout=PATIENCE)

    assert info.value is error
    assert diary.read(2) == ["on_start", "on_stop"]
    assert other.actor_stopped.wait(PATIENCE)


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_a_base_exception_in_a_hook_stops_all_actors(agent: Any, gate: Gate, hook: str) -> None:
    class Some(agent):  # type: ignore[misc]
        pass

    def fail(_self: object, *_args: object) -> None:
        gate()
        raise Quit

    setattr(Some, hook, fail)
    other = agent.start()
    ref = Some.start()
    if hook == "on_stop":
        ref.stop(block=False)
    elif hook == "on_failure":
        ref.tell(failing(ValueError("no")))
    gate.wait_until_entered()
    gate.open()

    assert other.actor_stopped.wait(PATIENCE)
    assert ref.actor_stopped.wait(PATIENCE)


def test_a_stop_is_answered_though_on_stop_raises_a_base_exception(agent: Any) -> None:
    class Some(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            raise Quit

    assert Some.start().stop(timeout=PATIENCE) is True


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit()], ids=repr)
def test_a_cancellation_is_about_the_call_and_not_about_the_program(
    agent: Any, error: BaseException
) -> None:
    other = agent.start()
    ref = agent.start()

    with pytest.raises(type(error)) as info:
        ref.ask(failing(error), timeout=PATIENCE)

    assert info.value is error
    assert ref.ask("still there?") == "still there?"
    assert other.is_alive()


# --- names of a class's own ---------------------------------------------------------------------


def test_a_class_may_use_the_names_of_network_programs(runtime: Runtime) -> None:
    """`_cell` is the user's, be it an attribute, a property or a method."""

    class WithAttribute(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self._cell = ("localhost", 80)

        def show(self) -> object:
            return self._cell

    class WithProperty(runtime.actor_class):  # type: ignore[name-defined, misc]
        @property
        def _cell(self) -> object:
            return ("localhost", 80)

        def show(self) -> object:
            return self._cell

    class WithMethod(runtime.actor_class):  # type: ignore[name-defined, misc]
        def _cell(self) -> object:
            return ("localhost", 80)

        def show(self) -> object:
            return self._cell()

    for each in (WithAttribute, WithProperty, WithMethod):
        ref = each.start()
        assert ref.proxy().show().get(timeout=PATIENCE) == ("localhost", 80)
        assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) == ref
        assert str(ref) == str(ref._actor)
        assert ref.stop(timeout=PATIENCE) is True


def test_a_mark_with_nothing_behind_it_does_no_harm(agent: Any) -> None:
    """Whoever sets it may have been interrupted before there was anything to be seen to."""
    ref = agent.start()
    for number in range(3):
        assert ref._cell.extension is None
        ref._cell.has_system_messages = True
        assert ref.ask(number, timeout=PATIENCE) == number
    ref.stop(timeout=PATIENCE)


def test_a_stopped_event_that_is_cleared_is_not_set(agent: Any, gate: Any) -> None:
    """As Pykka 4 allows, where the actor goes on then."""
    ref = agent.start()
    ref.tell(gate)
    gate.wait_until_entered()
    event = ref.actor_stopped
    event.set()
    assert event.is_set()
    assert not ref.is_alive()
    event.clear()
    assert not event.is_set()
    assert event.wait(0) is False
    event.set()
    gate.open()
    ref.when_terminated().get(timeout=PATIENCE)

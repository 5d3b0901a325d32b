"""Restart in place: the same ref, name and inbox go on with a new instance."""

from __future__ import annotations

import gc
import logging
import queue
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.conformance.supervised import CrashError, calls_in_turn, crash, instance
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import abandon
from pykka.inboxes import Bounded
from pykka.resilience._backoff import Backoff
from pykka.supervision import ChildSpec, RestartLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conformance.supervised import Offices
    from tests.conftest import Log, Runtime

    from pykka.timers import ManualClock

pytestmark = pytest.mark.usefixtures("witness")

PAUSE = Backoff(minimum=10, maximum=10, jitter=0)
"""Keeps a child down until the clock is advanced."""


def is_down(ref: Any) -> bool:
    return bool(ref._cell.extension.down)


def take_down(ref: Any, clock: ManualClock) -> None:
    """Have an actor fail, and wait until its backoff has begun."""
    ref.tell(crash)
    wait_until(lambda: is_down(ref) and clock.pending, "it is down")


# --- what goes on, and what does not ------------------------------------------------------------


def test_a_failing_tell_has_a_new_instance_take_over(offices: Offices) -> None:
    child = offices.start("a").child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert child.is_alive()


def test_the_ref_goes_on(offices: Offices) -> None:
    office = offices.start("a")
    child = office.child("a")
    urn, inbox, stopped = child.actor_urn, child.actor_inbox, child.actor_stopped
    child.tell(crash)
    after = child.ask(lambda worker: worker.actor_ref, timeout=PATIENCE)
    assert after == child == office.child("a")
    assert hash(after) == hash(child)
    assert (after.actor_urn, after.actor_stopped) == (urn, stopped)
    assert after.actor_inbox is inbox
    assert pykka.ActorRegistry.get_by_urn(urn) == child


def test_the_name_goes_on(offices: Offices) -> None:
    named = offices.worker.options(name="Ada")
    spec = ChildSpec("a", named, ["a", offices.diary])
    child = offices.start(spec).child("a")
    for number in (2, 3):
        child.tell(crash)
        assert child.ask(instance, timeout=PATIENCE) == number
        assert child.name == "Ada"
        assert pykka.ActorRegistry.get_by_name("Ada") == child


def test_proxies_go_on(offices: Offices) -> None:
    child: Any = offices.start("a").child("a").proxy()
    child.run.defer(crash)
    assert child.number.get(timeout=PATIENCE) == 2
    assert child.run(instance).get(timeout=PATIENCE) == 2


def test_each_instance_gets_the_same_arguments(offices: Offices) -> None:
    def arguments(worker: Any) -> object:
        return worker.name, worker.diary, worker.does

    spec = offices.spec("a", on_start=instance)
    child = offices.start(spec).child("a")
    before = child.ask(arguments, timeout=PATIENCE)
    child.tell(crash)
    after = child.ask(arguments, timeout=PATIENCE)
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_it_stays_registered_while_it_is_down(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    child = offices.start(offices.spec("a", backoff=PAUSE), system=system).child("a")
    take_down(child, clock)
    assert child.is_alive()
    assert child in system.get_by_class(offices.worker)
    assert child.ask(instance, block=False).done() is False


def test_the_old_instance_is_freed(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    # A log record holds the exception, whose traceback holds the actor; and pytest keeps records.
    monkeypatch.setattr(logging.getLogger("pykka"), "disabled", True)
    freed: queue.SimpleQueue[bool] = queue.SimpleQueue()
    child = offices.start("a").child("a")
    for number in (2, 3):
        child.ask(lambda worker: weakref.finalize(worker, freed.put, True) and None)
        child.tell(crash)
        assert child.ask(instance, timeout=PATIENCE) == number

        def is_freed() -> bool:
            gc.collect()
            return not freed.empty()

        wait_until(is_freed, "the old instance is freed")
        freed.get()


# --- messages -----------------------------------------------------------------------------------


def test_messages_that_waited_are_handled_by_the_new_instance_in_order(
    offices: Offices, diary: Diary
) -> None:
    child = offices.start("a").child("a")
    messages = list(range(100))
    for message in messages:
        if message % 10 == 0:
            child.tell(crash)
        child.tell(message)
    notes = [what for _name, what in iter(lambda: diary.read(1)[0], ("a", 99))]
    assert [what for what in notes if isinstance(what, int)] == messages[:-1]
    assert notes.count("post_restart") == 10


def test_the_message_that_crashed_it_is_not_tried_again(offices: Offices) -> None:
    handled: queue.SimpleQueue[int] = queue.SimpleQueue()

    def fail(worker: Any) -> None:
        handled.put(worker.number)
        raise CrashError

    child = offices.start("a").child("a")
    child.tell(fail)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert handled.qsize() == 1


def test_asks_that_wait_while_it_is_down_are_answered_by_the_new_instance(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    child = offices.start(offices.spec("a", backoff=PAUSE), system=system).child("a")
    take_down(child, clock)
    answers = [child.ask(instance, block=False), child.proxy().number, child.ask(7, block=False)]
    assert not any(answer.done() for answer in answers)
    clock.advance(10)
    assert [answer.get(timeout=PATIENCE) for answer in answers] == [2, 2, 7]


def test_tells_that_wait_while_it_is_down_are_no_dead_letters(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    child = offices.start(offices.spec("a", backoff=PAUSE), system=system).child("a")
    take_down(child, clock)
    offices.diary.rest()
    for number in range(3):
        child.tell(number)
    clock.advance(10)
    hooks = [("a", "pre_restart"), ("a", "post_restart"), ("a", "on_start")]
    assert offices.diary.read(6) == [*hooks, ("a", 0), ("a", 1), ("a", 2)]
    assert system.dead_letters.statistics().total == 0


def test_what_waits_for_a_child_that_does_not_come_back_is_answered_or_a_dead_letter(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), system=system)
    child = office.child("a")
    take_down(child, clock)
    answer = child.ask("question", block=False)
    child.tell("statement")
    assert office.ref.stop(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=PATIENCE)
    assert system.dead_letters.statistics().total == 1


def test_a_full_inbox_does_what_it_says_while_the_actor_is_down(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    bounded = offices.worker.options(inbox=Bounded(2, "raise"))
    spec = ChildSpec("a", bounded, ["a", offices.diary], backoff=PAUSE)
    child = offices.start(spec, system=system).child("a")
    take_down(child, clock)
    answers = [child.ask(number, block=False) for number in range(4)]
    with pytest.raises(pykka.InboxFullError):
        child.tell("too much")
    clock.advance(10)
    assert [answer.get(timeout=PATIENCE) for answer in answers[:2]] == [0, 1]
    for answer in answers[2:]:
        with pytest.raises(pykka.InboxFullError):
            answer.get(timeout=PATIENCE)
    assert child.ask(instance, timeout=PATIENCE) == 2


def test_a_sender_that_waits_for_room_gets_in_after_the_restart(
    offices: Offices,
    clock: ManualClock,
    system: pykka.ActorSystem,
    in_thread: Callable[[Callable[[], object]], Any],
) -> None:
    bounded = offices.worker.options(inbox=Bounded(1))
    spec = ChildSpec("a", bounded, ["a", offices.diary], backoff=PAUSE)
    child = offices.start(spec, system=system).child("a")
    take_down(child, clock)
    child.tell("fills it")
    thread = in_thread(lambda: child.tell("waits"))
    clock.advance(10)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert child.ask(instance, timeout=PATIENCE) == 2


def test_a_stop_request_waits_for_the_new_instance(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    spec = offices.spec("a", backoff=PAUSE, restart="transient")
    office = offices.start(spec, system=system)
    child = office.child("a")
    take_down(child, clock)
    stopped = child.stop(block=False)
    assert not stopped.done()
    clock.advance(10)
    assert stopped.get(timeout=PATIENCE) is True
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    office.wait_for(a="stopped")


def test_a_kill_does_not_wait_for_the_new_instance(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), system=system)
    child = office.child("a")
    take_down(child, clock)
    assert child.kill(block=False).get(timeout=PATIENCE) is True
    hooks = [what for _name, what in offices.diary.rest()]
    assert hooks == ["on_start", "on_failure"]
    assert not child.is_alive()
    wait_until(lambda: office.child("a") is None, "the supervisor knows")
    clock.advance(10)
    assert office.wait_for_new("a", child).ask(instance, timeout=PATIENCE) == 2


# --- what counts as a failure -------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda ref: ref.ask(crash),
        lambda ref: ref.ask(crash, timeout=PATIENCE),
        lambda ref: ref.ask(crash, block=False).get(timeout=PATIENCE),
        lambda ref: ref.proxy().run(crash).get(),
        lambda ref: ref.proxy().run(crash).get(timeout=PATIENCE),
    ],
    ids=["ask", "ask with timeout", "future", "proxy", "proxy with timeout"],
)
def test_crash_on_restarts_for_an_ask_whose_asker_gets_the_exception(
    offices: Offices, ask: Callable[[Any], object]
) -> None:
    child = offices.start("a").child("a")
    for number in range(2, 5):
        with pytest.raises(CrashError):
            ask(child)
        assert child.ask(instance) == number


def test_other_exceptions_of_asks_go_to_the_asker_only(offices: Offices) -> None:
    child = offices.start("a").child("a")
    with pytest.raises(ZeroDivisionError):
        child.ask(lambda _worker: 1 / 0, timeout=PATIENCE)
    assert child.ask(instance, timeout=PATIENCE) == 1


def test_crash_on_means_subclasses_too(offices: Offices) -> None:
    class WorseError(CrashError):
        pass

    def fail(_worker: object) -> None:
        raise WorseError

    child = offices.start("a").child("a")
    with pytest.raises(WorseError):
        child.ask(fail, timeout=PATIENCE)
    assert child.ask(instance, timeout=PATIENCE) == 2


@pytest.mark.parametrize("named", ["a name of the program's own", None, 5, [KeyError]])
def test_something_else_under_the_name_of_crash_on_means_nothing(
    offices: Offices, diary: Diary, named: Any
) -> None:
    class Other(offices.worker):  # type: ignore[name-defined, misc]
        crash_on = named

    child = offices.start(ChildSpec("a", Other, ["a", diary])).child("a")
    for ask in (lambda: child.ask(crash), lambda: child.proxy().run(crash).get()):
        with pytest.raises(CrashError):
            ask()
    assert child.ask(instance) == 1


@pytest.mark.parametrize("named", [CrashError, [CrashError], (KeyError, CrashError)])
def test_crash_on_may_be_one_class_or_a_sequence(
    offices: Offices, diary: Diary, named: Any
) -> None:
    class Other(offices.worker):  # type: ignore[name-defined, misc]
        crash_on = named

    child = offices.start(ChildSpec("a", Other, ["a", diary])).child("a")
    with pytest.raises(CrashError):
        child.ask(crash)
    assert child.ask(instance) == 2


def test_crash_on_ends_an_actor_that_nobody_supervises(offices: Offices) -> None:
    ref = offices.worker.start("a", offices.diary)
    with pytest.raises(CrashError):
        ref.ask(crash, timeout=PATIENCE)
    reason = ref.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, CrashError)


def test_a_base_exception_stops_the_system_and_restarts_nothing(offices: Offices) -> None:
    def leave(_worker: object) -> None:
        raise SystemExit

    with pykka.ActorSystem() as system:
        office = offices.start("a", system=system)
        child = office.child("a")
        child.tell(leave)
        assert office.reason() == pykka.Stopped()
        assert child.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert offices.diary.instances == {"a": 1}


# --- hooks --------------------------------------------------------------------------------------


def test_the_order_of_the_hooks(offices: Offices, diary: Diary) -> None:
    child = offices.start("a").child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert [what for _name, what in diary.rest()] == [
        *["on_start", "on_failure", "pre_restart"],
        *["post_restart", "on_start"],
    ]


def test_both_restart_hooks_are_told_why(offices: Offices) -> None:
    reasons: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def note(worker: Any) -> None:
        reasons.put(worker.reason)

    spec = offices.spec("a", pre_restart=note, post_restart=note)
    offices.start(spec).child("a").tell(crash)
    for _ in range(2):
        reason = reasons.get(timeout=PATIENCE)
        assert isinstance(reason, pykka.Failed)
        assert isinstance(reason.exception, CrashError)


def test_those_that_are_restarted_with_another_are_told_why_and_stop_in_order(
    offices: Offices, diary: Diary
) -> None:
    reasons: queue.SimpleQueue[Any] = queue.SimpleQueue()
    spec = offices.spec("b", post_restart=lambda worker: reasons.put(worker.reason))
    office = offices.start("a", spec, strategy="one_for_all")
    b = office.child("b")
    office.child("a").tell(crash)
    assert isinstance(reasons.get(timeout=PATIENCE).exception, CrashError)
    assert b.ask(instance, timeout=PATIENCE) == 2
    hooks = [what for name, what in diary.rest() if name == "b"]
    assert hooks == ["on_start", "on_stop", "pre_restart", "post_restart", "on_start"]


@pytest.mark.parametrize("hook", ["on_failure", "pre_restart"])
def test_a_hook_at_the_end_that_raises_is_logged_and_changes_nothing(
    offices: Offices, log: Log, hook: str
) -> None:
    def fail(_worker: object) -> None:
        raise ZeroDivisionError

    child = offices.start(offices.spec("a", **{hook: fail})).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert any(r.exc_info and r.exc_info[0] is ZeroDivisionError for r in log.find("ERROR"))


@pytest.mark.parametrize("hook", ["__init__", "post_restart", "on_start"])
def test_an_instance_that_cannot_begin_is_a_failure_like_any_other(
    offices: Offices, hook: str
) -> None:
    turns: list[Any] = [crash, crash, None] if hook == "post_restart" else [None, crash, crash]
    office = offices.start(offices.spec("a", **{hook: calls_in_turn(*turns)}))
    child = office.child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 4
    assert office.proxy.restarts().get(timeout=PATIENCE) == 3


@pytest.mark.parametrize(
    ("hook", "notes"),
    [
        ("__init__", []),
        ("post_restart", ["post_restart", "on_failure", "pre_restart"]),
        ("on_start", ["post_restart", "on_start", "on_failure", "pre_restart"]),
    ],
)
def test_the_hooks_of_an_instance_that_cannot_begin(
    offices: Offices, diary: Diary, hook: str, notes: list[str]
) -> None:
    turns: list[Any] = [crash] if hook == "post_restart" else [None, crash]
    child = offices.start(offices.spec("a", **{hook: calls_in_turn(*turns)})).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 3
    assert [what for _name, what in diary.rest()] == [
        *["on_start", "on_failure", "pre_restart"],
        *notes,
        *["post_restart", "on_start"],
    ]


# --- what belonged to the instance --------------------------------------------------------------


def test_its_own_timers_end_with_the_instance_and_those_set_by_others_stay(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    child = offices.start("a", system=system).child("a")
    child.ask(lambda worker: worker.actor_ref.tell_after(5, "its own") and None, timeout=PATIENCE)
    child.tell_after(6, "another's")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert len(child.timers()) == 1
    diary.rest()
    clock.advance(10)
    assert diary.read(1) == [("a", "another's")]


def test_the_new_instance_watches_nobody(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", "b", offices.spec("c", restart="temporary"))
    a, b, c = (office.child(id) for id in "abc")  # noqa: A001
    for watcher in (a, b):
        watcher.ask(lambda worker: worker.watch(c), timeout=PATIENCE)
    a.tell(crash)
    assert a.ask(instance, timeout=PATIENCE) == 2
    diary.rest()
    assert c.stop(timeout=PATIENCE)
    [(_, told)] = [note for note in diary.read(2) if note[0] == "b"]
    assert told == pykka.Terminated(c, pykka.Stopped())
    assert a.ask("nothing came", timeout=PATIENCE)
    assert diary.read(1) == [("a", "nothing came")]


def test_those_who_watch_it_are_told_of_the_end_and_not_of_restarts(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start("a", "b")
    a, b = office.child("a"), office.child("b")
    b.ask(lambda worker: worker.watch(a), timeout=PATIENCE)
    a.tell(crash)
    assert a.ask(instance, timeout=PATIENCE) == 2
    assert b.ask("nothing came", timeout=PATIENCE)
    diary.rest()
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert ("b", pykka.Terminated(a, pykka.Stopped())) in diary.read(2)


def test_its_children_end_before_its_last_hook(offices: Offices, diary: Diary) -> None:
    office = offices.start("a")
    child = office.child("a")

    def have_children(worker: Any) -> list[Any]:
        return [worker.start_child(type(worker), name, worker.diary) for name in "xy"]

    grandchildren = child.ask(have_children, timeout=PATIENCE)
    diary.read(3)
    child.tell(crash)
    assert child.ask(lambda worker: worker.children(), timeout=PATIENCE) == []
    assert not any(ref.is_alive() for ref in grandchildren)
    assert diary.read(3) == [("y", "on_stop"), ("x", "on_stop"), ("a", "on_failure")]


def test_the_idle_timeout_ends_with_the_instance(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    child = offices.start("a", system=system).child("a")
    child.ask(lambda worker: worker.set_idle_timeout(5), timeout=PATIENCE)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert clock.pending == 0


def test_the_new_instance_behaves_as_its_class_says(offices: Offices) -> None:
    child = offices.start("a").child("a")
    child.ask(
        lambda worker: worker.become(lambda m: m(worker) if m is crash else "other"),
        timeout=PATIENCE,
    )
    assert child.ask("anything", timeout=PATIENCE) == "other"
    child.tell(crash)
    assert child.ask("anything", timeout=PATIENCE) == "anything"


def test_what_was_stashed_comes_first(runtime: Runtime, offices: Offices, diary: Diary) -> None:
    class Stashing(offices.worker):  # type: ignore[name-defined, misc]
        stash_capacity = 10

        def on_receive(self, message: Any) -> Any:
            if self.number == 1 and not callable(message):
                self.stash()
            return super().on_receive(message)

    child = offices.start(ChildSpec("a", Stashing, ["a", diary])).child("a")
    child.tell("first")
    answer = child.ask("second", block=False)
    child.tell(crash)
    child.tell("third")
    assert answer.get(timeout=PATIENCE) == "second"
    child.ask(instance, timeout=PATIENCE)
    notes = [what for _name, what in diary.rest()]
    assert notes[-3:] == ["first", "second", "third"]


# --- waiting ------------------------------------------------------------------------------------


@needs("blocking handlers")
def test_circles_are_seen_across_a_restart(offices: Offices) -> None:
    office = offices.start("a", "b")
    a, b = office.child("a"), office.child("b")
    for child in (a, b):
        child.tell(crash)

    def ask_back(_worker: object) -> object:
        return a.ask(instance)

    assert a.ask(instance, timeout=PATIENCE) == 2
    with pytest.raises(pykka.DeadlockError):
        a.ask(lambda _worker: b.ask(ask_back), timeout=PATIENCE)
    assert b.ask(instance, timeout=PATIENCE) == 2


@needs("blocking handlers")
def test_an_actor_waits_for_another_that_is_down_without_a_deadlock(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), "b", system=system)
    a, b = office.child("a"), office.child("b")
    take_down(a, clock)
    answer = b.ask(lambda _worker: a.ask(instance), block=False)
    wait_until(a._cell.count, "the question waits")
    clock.advance(10)
    assert answer.get(timeout=PATIENCE) == 2


@needs("blocking handlers")
def test_messages_wait_while_the_last_hooks_run(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    child = offices.start(offices.spec("a", on_failure=gate)).child("a")
    child.tell(crash)
    gate.wait_until_entered()
    answer = child.ask(instance, block=False)
    assert child.is_alive()
    assert not answer.done()
    gate.open()
    assert answer.get(timeout=PATIENCE) == 2


# --- what means the program, and what is odd -----------------------------------------------------


def leave_when_new(worker: Any) -> None:
    if worker.number > 1:
        raise SystemExit


@pytest.mark.parametrize("hook", ["__init__", "post_restart"])
def test_a_base_exception_in_the_middle_of_a_restart_stops_the_system(
    hook: str, offices: Offices
) -> None:
    with pykka.ActorSystem() as system:
        office = offices.start(offices.spec("a", **{hook: leave_when_new}), "b", system=system)
        children = [office.child("a"), office.child("b")]
        children[0].tell(crash)
        assert office.reason() == pykka.Stopped()
        for child in children:
            child.when_terminated().get(timeout=PATIENCE)
        assert children[1].when_terminated().get(timeout=0) == pykka.Stopped()
    assert offices.diary.instances == {"a": 2, "b": 1}


def test_an_instance_that_is_abandoned_while_it_is_made_does_not_begin(offices: Offices) -> None:
    def abandon_when_new(worker: Any) -> None:
        if worker.number == 2:
            abandon(worker._pykka_cell)

    office = offices.start(offices.spec("a", __init__=abandon_when_new, restart="transient"))
    child = office.child("a")
    child.tell(crash)
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)
    office.ref.stop(timeout=PATIENCE)
    assert ("a", "post_restart") not in offices.diary.rest()


@pytest.mark.parametrize("mistake", ["made before", "makes two"])
def test_a_maker_that_does_not_make_its_actor_anew_cannot_restart_it(
    mistake: str, offices: Offices, log: Log
) -> None:
    ready = [offices.worker("a", offices.diary) for _ in range(2)]
    times: list[int] = []

    def make() -> Any:
        times.append(1)
        if len(times) == 1:
            return offices.worker("a", offices.diary)
        if mistake == "made before":
            return ready.pop()
        offices.worker("other", offices.diary)
        return offices.worker("a", offices.diary)

    office = offices.start(ChildSpec("a", make), max_restarts=1)
    office.child("a").tell(crash)
    assert isinstance(office.reason().exception, RestartLimitError)
    assert len(times) == 2
    (found,) = log.find("ERROR", "could not be restarted")
    assert found.exc_info is not None
    assert "has a cell of its own" in str(found.exc_info[1])


def test_an_instance_that_is_abandoned_before_its_start_hook_does_not_begin(
    offices: Offices,
) -> None:
    spec = offices.spec(
        "a", post_restart=lambda worker: abandon(worker._pykka_cell), restart="transient"
    )
    office = offices.start(spec)
    child = office.child("a")
    child.tell(crash)
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)
    office.ref.stop(timeout=PATIENCE)
    hooks = [what for _name, what in offices.diary.rest()]
    assert hooks == ["on_start", "on_failure", "pre_restart", "post_restart"]

"""Death watch: exactly one `Terminated` for each watch, whatever happens when."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka._cell.reasons import Failed, Killed, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary
    from tests.conftest import Runtime

pytestmark = pytest.mark.thinned


@pytest.fixture
def watcher_class(runtime: Runtime) -> Any:
    """A class of actors that keep what they get."""

    class Watcher(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 10

        def __init__(self) -> None:
            super().__init__()
            self.got: list[Any] = []

        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            self.got.append(message)
            return None

        def terminated(self) -> list[Any]:
            return [each for each in self.got if isinstance(each, pykka.Terminated)]

    return Watcher


@pytest.fixture
def watcher(watcher_class: Any) -> Any:
    return watcher_class.start()


@pytest.fixture
def unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing logged: what catches the records for the report keeps their tracebacks."""
    monkeypatch.setattr(logging.getLogger("pykka"), "disabled", True)


def watch(ref: pykka.ActorRef[Any], **options: bool) -> Callable[[Any], None]:
    return lambda me: me.watch(ref, **options)


def unwatch(ref: pykka.ActorRef[Any]) -> Callable[[Any], bool]:
    return lambda me: bool(me.unwatch(ref))


def got(watcher: Any) -> list[Any]:
    """What it has got, and was on its way."""
    found: list[Any] = watcher.ask(lambda me: list(me.got))
    return found


def wait_for(watcher: Any, count: int) -> list[Any]:
    wait_until(lambda: len(got(watcher)) >= count, f"{count} messages have come")
    return got(watcher)


END: dict[str, Callable[[Any], object]] = {
    "stop": lambda ref: ref.stop(),
    "kill": lambda ref: ref.kill(),
    "crash": lambda ref: ref.tell(failing(ValueError("no"))),
    "itself": lambda ref: ref.tell(lambda me: me.stop()),
}
REASON: dict[str, type] = {"stop": Stopped, "kill": Killed, "crash": Failed, "itself": Stopped}
ENDS = pytest.mark.parametrize("end", END)


@ENDS
@pytest.mark.parametrize("urgent", [False, True])
def test_the_watcher_is_told_once_with_the_reason(
    agent: Any, watcher: Any, end: str, *, urgent: bool
) -> None:
    ref = agent.start()
    watcher.ask(watch(ref, urgent=urgent))
    END[end](ref)
    (message,) = wait_for(watcher, 1)
    assert message.ref == ref
    assert type(message.reason) is REASON[end]
    if end == "crash":
        assert str(message.reason.exception) == "no"
    assert ref.is_alive() is False
    ref.when_terminated().get(timeout=PATIENCE)
    assert len(got(watcher)) == 1


@ENDS
def test_who_watches_the_dead_is_told_at_once(agent: Any, watcher: Any, end: str) -> None:
    ref = agent.start()
    END[end](ref)
    ref.when_terminated().get(timeout=PATIENCE)
    for count in (1, 2):  # each watch is told
        watcher.ask(watch(ref))
        assert [type(each.reason) for each in wait_for(watcher, count)] == [REASON[end]] * count


def test_to_watch_twice_is_to_watch_once(agent: Any, watcher: Any) -> None:
    ref = agent.start()
    for _ in range(3):
        watcher.ask(watch(ref))
    ref.stop()
    wait_for(watcher, 1)
    assert len(got(watcher)) == 1


def test_never_after_unwatch(agent: Any, watcher: Any, gate: Gate) -> None:
    """Not even if the notice lies in the inbox already."""
    ref = agent.start()
    watcher.ask(watch(ref))
    watcher.tell(gate)
    watcher.tell(unwatch(ref))
    gate.wait_until_entered()
    done = ref.stop(block=False)
    gate.open()
    assert done.get(timeout=PATIENCE)
    ref.when_terminated().get(timeout=PATIENCE)
    assert got(watcher) == []
    assert watcher.ask(unwatch(ref)) is False


def test_a_new_watch_after_unwatch_is_told_for_itself(agent: Any, watcher: Any) -> None:
    ref = agent.start()
    watcher.ask(watch(ref))
    assert watcher.ask(unwatch(ref)) is True
    watcher.ask(watch(ref))
    ref.stop()
    wait_for(watcher, 1)
    assert len(got(watcher)) == 1


def test_it_comes_after_all_that_the_target_has_sent(agent: Any, watcher: Any) -> None:
    class Talker(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            watcher.tell("the last word")

    ref = Talker.start()
    watcher.ask(watch(ref))
    for number in range(100):
        ref.tell(lambda _me, number=number: watcher.tell(number))
    ref.stop()
    found = wait_for(watcher, 102)
    assert found[:-1] == [*range(100), "the last word"]
    assert isinstance(found[-1], pykka.Terminated)


def test_an_urgent_one_overtakes_100_000_messages(agent: Any, watcher: Any, gate: Gate) -> None:
    many = unless_simulated(100_000, 1_000)
    ref = agent.start()
    watcher.ask(watch(ref, urgent=True))
    over = ref.when_terminated()  # before the end: so it is told after the watcher
    ended = threading.Event()

    def hold(_me: object) -> None:
        gate()
        assert ended.wait(PATIENCE)

    watcher.tell(hold)
    gate.wait_until_entered()
    for number in range(many):
        watcher.tell(number)
    gate.open()
    if watcher.actor_class.__mro__[1] is pykka.AsyncioActor:
        ended.set()  # both live in the same loop
    ref.kill(block=False)
    if not ended.is_set():
        over.get(timeout=PATIENCE)
        ended.set()
    found = wait_for(watcher, many + 1)
    place = next(i for i, each in enumerate(found) if isinstance(each, pykka.Terminated))
    assert place < many if watcher.actor_class.__mro__[1] is pykka.AsyncioActor else place == 0
    assert [each for each in found if not isinstance(each, pykka.Terminated)] == [*range(many)]


def test_all_watchers_are_told(agent: Any, watcher_class: Any) -> None:
    ref = agent.start()
    watchers = [watcher_class.start() for _ in range(20)]
    for each in watchers:
        each.ask(watch(ref))
    watchers[0].stop()
    ref.stop()
    for each in watchers[1:]:
        (message,) = wait_for(each, 1)
        assert message == pykka.Terminated(ref, Stopped())


def test_it_comes_when_the_last_hook_has_run(agent: Any, watcher: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    watcher.ask(watch(ref))
    ref.stop(block=False)
    wait_for(watcher, 1)
    assert diary.rest() == ["on_start", "on_stop"]
    assert ref._actor is None


def test_actors_can_watch_each_other(watcher_class: Any) -> None:
    one, other = watcher_class.start(), watcher_class.start()
    one.ask(watch(other))
    other.ask(watch(one))
    one.stop()
    wait_for(other, 1)
    other.stop()
    assert pykka.ActorRegistry.get_all() == []


def test_an_actor_that_fails_at_the_news_ends_too(agent: Any, watcher_class: Any) -> None:
    class Linked(watcher_class):  # type: ignore[misc]
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, pykka.Terminated):
                raise ValueError("linked")  # noqa: TRY004
            return super().on_receive(message)

    ref, linked = agent.start(), Linked.start()
    linked.ask(watch(ref))
    ref.kill()
    reason = linked.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, Failed)


def test_the_news_can_be_set_aside(agent: Any, watcher_class: Any) -> None:
    class Busy(watcher_class):  # type: ignore[misc]
        is_busy = True

        def on_receive(self, message: Any) -> Any:
            if isinstance(message, pykka.Terminated) and self.is_busy:
                self.stash()
            return super().on_receive(message)

    def go_on(me: Any) -> int:
        me.is_busy = False
        return int(me.unstash_all())

    ref, busy = agent.start(), Busy.start()
    busy.ask(watch(ref))
    ref.stop()
    wait_until(lambda: busy._cell.extension.stash, "the news is set aside")
    assert busy.ask(go_on) == 1
    assert wait_for(busy, 1) == [pykka.Terminated(ref, Stopped())]


def test_nobody_watches_himself_nor_what_is_no_ref(watcher: Any) -> None:
    with pytest.raises(ValueError, match="cannot watch itself"):
        watcher.ask(watch(watcher))
    for wrong in (None, "actor", watcher.proxy()):
        with pytest.raises(TypeError, match="takes the ref of an actor"):
            watcher.ask(watch(wrong))
    assert watcher._cell.extension is None or watcher._cell.extension.watching == {}


def test_no_bound_of_a_users_own_inbox_applies(agent: Any, runtime: Runtime) -> None:
    class Narrow(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.got: list[Any] = []

        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(maxsize=2)

        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            self.got.append(message)
            return None

    ref = agent.start()
    ref.stop()
    narrow = Narrow.start()
    gate = Gate()

    def watch_when_full(me: Any) -> None:
        gate()
        me.watch(ref)

    asked = narrow.ask(watch_when_full, block=False)
    gate.wait_until_entered()
    for number in range(2):
        narrow.tell(number)
    gate.open()
    asked.get(timeout=PATIENCE)  # it does not hang
    wait_until(lambda: len(narrow.ask(lambda me: list(me.got))) == 3, "all have come")


# --- races --------------------------------------------------------------------------------------


@pytest.mark.thinned
@ENDS
@pytest.mark.parametrize("urgent", [False, True])
def test_exactly_one_when_the_watch_races_the_end(
    agent: Any, watcher: Any, end: str, *, urgent: bool
) -> None:
    rounds = unless_simulated(150, 3)
    for _ in range(rounds):
        ref = agent.start()
        ready = threading.Barrier(2)

        def finish(ref: Any = ref, ready: Any = ready) -> None:
            ready.wait(PATIENCE)
            END[end](ref)

        thread = threading.Thread(target=finish)
        thread.start()
        ready.wait(PATIENCE)
        watcher.tell(watch(ref, urgent=urgent))
        thread.join(PATIENCE)
        ref.when_terminated().get(timeout=PATIENCE)
    found = wait_for(watcher, rounds)
    assert len(found) == len({each.ref for each in found}) == rounds
    assert {type(each.reason) for each in found} == {REASON[end]}


def test_none_when_unwatch_races_the_end_and_comes_first(agent: Any, watcher: Any) -> None:
    for _ in range(unless_simulated(150, 3)):
        ref = agent.start()
        watcher.ask(watch(ref))
        thread = threading.Thread(target=ref.stop)
        thread.start()
        before = watcher.ask(lambda me, ref=ref: (me.unwatch(ref), len(me.got)))
        thread.join(PATIENCE)
        ref.when_terminated().get(timeout=PATIENCE)
        was_watching, count = before
        assert len(got(watcher)) == count
        watcher.ask(lambda me: me.got.clear())
        assert was_watching is (count == 0)


# --- memory -------------------------------------------------------------------------------------


def test_10_000_watches_set_and_unset_leave_nothing(agent: Any, watcher: Any) -> None:
    ref = agent.start()

    def many(me: Any) -> None:
        for _ in range(10_000):
            me.watch(ref)
            assert me.unwatch(ref)

    watcher.ask(many)
    assert watcher._cell.extension.watching == {}
    assert ref._cell.extension.watchers == {}
    assert watcher._cell.count() == 0


def test_nothing_is_left_of_watches_when_either_has_ended(agent: Any, watcher_class: Any) -> None:
    ref = agent.start()
    leaving, staying = watcher_class.start(), watcher_class.start()
    for each in (leaving, staying):
        each.ask(watch(ref))
    leaving.stop()
    assert len(ref._cell.extension.watchers) == 1
    ref.stop()
    wait_for(staying, 1)
    for each in (ref, leaving, staying):
        extension = each._cell.extension
        assert (extension.watchers, extension.watching) == ({}, {})


def traceback_kept(ref: Any) -> Any:
    """The traceback that is kept with the reason for which an actor has failed."""
    return ref.when_terminated().get(timeout=PATIENCE).exception.__traceback__


@pytest.mark.usefixtures("unlogged")
@ENDS
def test_an_ended_actor_is_freed_though_its_ref_reason_and_watcher_are_kept(
    agent: Any, watcher: Any, end: str
) -> None:
    ref = agent.start()
    watcher.ask(watch(ref))
    freed = weakref.ref(ref._actor)
    END[end](ref)
    assert type(ref.when_terminated().get(timeout=PATIENCE)) is REASON[end]
    wait_for(watcher, 1)
    if end == "crash":
        # What is told at the end has the traceback, to those who ask in the middle of it as well.
        watcher.ask(lambda me: me.got.clear())
        wait_until(lambda: not traceback_kept(ref), "the reason has no traceback")
    reason = ref.when_terminated().get(timeout=0)

    def is_freed() -> bool:
        gc.collect()
        return freed() is None

    wait_until(is_freed, "the actor is freed")
    assert ref.when_terminated().get(timeout=0) == reason


# --- from outside -------------------------------------------------------------------------------


@ENDS
def test_a_future_of_the_reason(agent: Any, diary: Diary, end: str) -> None:
    ref = agent.start(diary)
    before = ref.when_terminated()
    assert not before.done()
    END[end](ref)
    assert type(before.get(timeout=PATIENCE)) is REASON[end]
    assert diary.rest()[-1] == ("on_failure" if end == "crash" else "on_stop")
    assert type(ref.when_terminated().get(timeout=0)) is REASON[end]


def test_an_actor_may_wait_for_the_end_of_another(agent: Any) -> None:
    """But not for its own."""
    ref, waiting = agent.start(), agent.start()
    ref.stop()
    assert waiting.ask(lambda _me: ref.when_terminated().get()) == Stopped()
    with pytest.raises(pykka.DeadlockError):
        waiting.ask(lambda me: me.actor_ref.when_terminated().get())

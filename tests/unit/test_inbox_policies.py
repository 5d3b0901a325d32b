"""Inboxes with a bound, with priorities, or with both, apart from the actors that own them."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import gc
import pickle
import queue
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.inboxes import Undertaker, make_inbox, name_of
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import messages
from pykka._envelope import CallEnvelope, Envelope
from pykka._futures.ask import CallAsk, make_ask
from pykka._util.thread_state import current
from pykka.inboxes import Bounded, InboxSpec, Priority, Unbounded
from pykka.messages import PRIVILEGED, ProxyCall, _ActorStop, _WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pykka.inboxes._bounded import PolicyInbox

pytestmark = pytest.mark.thinned

BLOCKING = Bounded(2)


def identity(message: Any) -> Any:
    return message


def tell(inbox: PolicyInbox, message: object) -> None:
    inbox.put(Envelope(message))


def ask(inbox: PolicyInbox, message: object) -> pykka.ThreadingFuture[Any]:
    question = make_ask(message, inbox.owner)
    inbox.put(question)
    return question


def taken(inbox: PolicyInbox) -> list[Any]:
    """Take out the messages of everything that is in the inbox."""
    letters: list[Any] = []
    inbox.take_all(letters)
    return [letter.message for letter in letters]


class Sender:
    """A thread that sends one message, and what became of that."""

    def __init__(self, inbox: PolicyInbox, message: object, how: str = "tell") -> None:
        self.raised: BaseException | None = None
        self.answer: Any = make_ask(message, inbox.owner) if how == "ask" else None
        self._inbox = inbox
        self._envelope: Any = self.answer or Envelope(message)
        before = self._line()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()
        wait_until(lambda: self._line() > before or self.is_done(), "the sender stands in line")

    def _send(self) -> None:
        try:
            self._inbox.put(self._envelope)
        except BaseException as error:  # for the test to see
            self.raised = error

    def _line(self) -> int:
        claim, count = self._inbox._first_claim, 0
        while claim is not None:
            claim, count = claim.after, count + 1
        return count

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert self.is_done(), "the sender is still blocked"


def is_clean(inbox: PolicyInbox) -> bool:
    """Tell whether an inbox is as it was when it was made, as far as its state can be seen."""
    return (
        inbox.empty()
        and [lane for lane in inbox._lanes if lane is not inbox._open] == []
        and inbox._lane_count == len(inbox._lanes)
        and inbox._count == inbox._total == 0
        and inbox._first_claim is None
        and inbox._last_claim is None
        and inbox._aside is None
        and not inbox._lock.locked()
    )


# --- specifications -----------------------------------------------------------------------------


def test_an_unbounded_inbox_is_left_to_the_runtime() -> None:
    owner: Any = object()
    assert Unbounded()._make(owner) is None


def test_a_specification_makes_a_fresh_inbox_for_each_actor() -> None:
    for spec in (Bounded(1), Priority(identity)):
        one, other = make_inbox(spec), make_inbox(spec)
        tell(one, 1)
        assert other.empty()


def test_the_base_of_specifications_makes_nothing() -> None:
    owner: Any = object()
    with pytest.raises(NotImplementedError):
        InboxSpec()._make(owner)


@pytest.mark.parametrize("spec", [Unbounded(), Bounded(3, timeout=1.5), Priority(len, capacity=2)])
def test_specifications_are_values(spec: Any) -> None:
    assert spec == copy.copy(spec) == pickle.loads(pickle.dumps(spec))  # noqa: S301
    assert len({spec, copy.copy(spec)}) == 1
    assert isinstance(spec, InboxSpec)
    for field in dataclasses.fields(spec):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(spec, field.name, None)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Bounded(0), ValueError, r"at least 1 message, not 0; .*Unbounded\(\)"),
        (lambda: Bounded(-1), ValueError, "at least 1 message, not -1"),
        (lambda: Bounded(2.5), TypeError, "whole number of messages, not 2.5"),
        (lambda: Bounded(True), TypeError, "whole number of messages, not True"),
        (lambda: Bounded(None), TypeError, "whole number of messages, not None"),
        (lambda: Bounded(1, "drop"), ValueError, "'drop_newest' or 'drop_oldest', not 'drop'"),
        (lambda: Bounded(1, ["block"]), ValueError, r"not \['block'\]"),
        (lambda: Bounded(1, timeout=-1), ValueError, "non-negative"),
        (lambda: Bounded(1, timeout="1"), TypeError, "timeout must be a number of seconds"),
        (lambda: Bounded(1, "raise", 1), ValueError, "nobody waits if when_full is 'raise'"),
        (lambda: Priority("level"), TypeError, "key is a function .* not 'level'"),
        (lambda: Priority(len, capacity=0), ValueError, "at least 1 message"),
        (lambda: Priority(len, when_full="raise"), ValueError, "without a capacity is never full"),
        (lambda: Priority(len, timeout=1), ValueError, "without a capacity is never full"),
        (lambda: Priority(len, capacity=1, when_full="no"), ValueError, "not 'no'"),
    ],
)
def test_bad_arguments_are_refused(
    make: Callable[[], object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()


def test_subclasses_of_privileged_messages_are_privileged_too() -> None:
    class Stop(_ActorStop):
        pass

    class HardStop(Stop):
        pass

    class WakeUp(_WakeUp):
        pass

    class Call(ProxyCall):
        pass

    try:
        assert {_ActorStop, _WakeUp, Stop, HardStop, WakeUp} <= PRIVILEGED
        assert Call not in PRIVILEGED
        assert messages._handlers[HardStop] is messages._handlers[_ActorStop]
    finally:
        PRIVILEGED.difference_update({Stop, HardStop, WakeUp})


# --- what holds for all of them -----------------------------------------------------------------

SPECS = [
    Bounded(5),
    Bounded(5, "raise"),
    Bounded(5, "drop_newest"),
    Bounded(5, "drop_oldest"),
    Priority(lambda _message: 0),
    Priority(lambda _message: 0, capacity=5, when_full="drop_oldest"),
]

all_specs = pytest.mark.parametrize("spec", SPECS, ids=name_of)


@all_specs
def test_messages_that_are_equal_come_out_in_the_order_they_went_in(spec: InboxSpec) -> None:
    inbox = make_inbox(spec)
    for number in range(5):
        tell(inbox, number)
    assert inbox.qsize() == 5
    assert not inbox.empty()
    assert [inbox.get().message, inbox.get_nowait().message] == [0, 1]
    tell(inbox, 5)
    assert taken(inbox) == [2, 3, 4, 5]
    assert is_clean(inbox)


@all_specs
def test_the_very_envelope_comes_out(spec: InboxSpec) -> None:
    inbox = make_inbox(spec)
    call = CallEnvelope()
    call.attr_path, call.args, call.kwargs = ("method",), (), None
    question = make_ask("question", inbox.owner)
    envelopes = [Envelope("hello"), call, question]
    for envelope in envelopes:
        inbox.put(envelope)
    assert [inbox.get() for _ in envelopes] == envelopes


@all_specs
def test_an_empty_inbox_says_so(spec: InboxSpec) -> None:
    inbox = make_inbox(spec)
    assert inbox.empty()
    for take in (
        inbox.get_nowait,
        lambda: inbox.get(block=False),
        lambda: inbox.get(timeout=0.001),
    ):
        with pytest.raises(queue.Empty):
            take()
    tell(inbox, 1)
    assert inbox.get(timeout=PATIENCE).message == 1
    assert inbox.empty()


@all_specs
@pytest.mark.parametrize("message", ["message", _WakeUp(), _ActorStop()])
def test_whoever_waits_for_a_message_is_woken(spec: InboxSpec, message: object) -> None:
    inbox = make_inbox(spec)
    got: queue.SimpleQueue[object] = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda: got.put(inbox.get().message)) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: inbox._sleepers == 3, "three threads wait")
    for _ in threads:
        tell(inbox, message)
    assert [got.get(timeout=PATIENCE) for _ in threads] == [message] * 3
    for thread in threads:
        thread.join(PATIENCE)


@all_specs
def test_a_ring_for_somebody_who_has_given_up_does_no_harm(spec: InboxSpec) -> None:
    inbox = make_inbox(spec)
    for _ in range(3):
        with pytest.raises(queue.Empty):
            inbox.get(timeout=0)
    for number in range(3):
        tell(inbox, number)
    assert taken(inbox) == [0, 1, 2]
    with pytest.raises(queue.Empty):
        inbox.get(timeout=0.001)


@all_specs
def test_an_inbox_says_how_full_it_is(spec: Any) -> None:
    inbox = make_inbox(spec)
    for _ in range(5):
        assert not inbox.full()
        tell(inbox, 1)
    assert inbox.full() == (spec.capacity is not None)
    assert "5 messages" in repr(inbox)
    assert ("at most 5" in repr(inbox)) == (spec.capacity is not None)


@pytest.mark.parametrize("spec", SPECS[:4] + SPECS[5:], ids=name_of)
@pytest.mark.parametrize("message", [_WakeUp(), _ActorStop()])
def test_privileged_messages_are_taken_when_it_is_full_and_do_not_count(
    spec: InboxSpec, message: object
) -> None:
    inbox = make_inbox(spec)
    for number in range(4):
        tell(inbox, number)
    for _ in range(10):
        tell(inbox, message)
    assert not inbox.full()
    tell(inbox, 4)
    assert inbox.full()
    tell(inbox, message)
    assert inbox.qsize() == 16
    result = taken(inbox)
    assert sorted(each for each in result if isinstance(each, int)) == [0, 1, 2, 3, 4]
    assert result.count(message) == 11


@pytest.mark.parametrize("when_full", ["block", "raise", "drop_newest"])
def test_without_priorities_privileged_messages_keep_their_place(when_full: Any) -> None:
    inbox = make_inbox(Bounded(5, when_full))
    sent = [1, _WakeUp(), _WakeUp(), 2, 3, _ActorStop(), 4, _WakeUp()]
    for message in sent:
        tell(inbox, message)
    assert taken(inbox) == sent


# --- raise --------------------------------------------------------------------------------------


def test_a_tell_to_a_full_inbox_raises_and_says_what_to_do() -> None:
    inbox = make_inbox(Bounded(2, "raise"))
    tell(inbox, 1)
    tell(inbox, 2)
    with pytest.raises(pykka.InboxFullError) as caught:
        tell(inbox, 3)
    text = str(caught.value)
    for part in (str(inbox.owner), "capacity 2", "Send less", "pykka.inboxes"):
        assert part in text
    assert taken(inbox) == [1, 2]
    tell(inbox, 4)
    assert taken(inbox) == [4]


def test_an_ask_of_a_full_inbox_is_answered_with_the_error() -> None:
    inbox = make_inbox(Bounded(1, "raise"))
    tell(inbox, 1)
    with pytest.raises(pykka.InboxFullError, match="capacity 1"):
        ask(inbox, 2).get(timeout=0)
    assert taken(inbox) == [1]


def test_a_call_that_finds_it_full_is_answered_too_and_forgets_its_arguments() -> None:
    inbox = make_inbox(Bounded(1, "raise"))
    tell(inbox, 1)
    call = make_call(inbox, [object()])
    inbox.put(call)
    assert isinstance(call.exception(timeout=0), pykka.InboxFullError)
    assert call.args == ()


def make_call(inbox: PolicyInbox, args: list[object]) -> CallAsk:
    call = CallAsk()
    call.attr_path, call.args, call.kwargs = ("method",), args, None
    call._answered_by = inbox.owner
    return call


class OwnFuture(pykka.Future[Any]):
    """A future of the user's own."""

    def __init__(self) -> None:
        self.outcomes: list[object] = []

    def set_exception(self, exc_info: Any = None) -> None:
        self.outcomes.append(exc_info)
        raise RuntimeError


@pytest.mark.parametrize("when_full", ["raise", "drop_newest", "drop_oldest"])
def test_a_future_of_the_users_own_is_answered_as_well(when_full: Any) -> None:
    inbox = make_inbox(Bounded(1, when_full))
    futures = [OwnFuture(), OwnFuture()]
    for future in futures:
        inbox.put(Envelope("question", future))
    refused = futures[0 if when_full == "drop_oldest" else 1]
    ((kind, error, _traceback),) = refused.outcomes  # type: ignore[misc]
    assert kind is pykka.InboxFullError
    assert isinstance(error, pykka.InboxFullError)


@pytest.mark.parametrize(
    "spec",
    [
        Bounded(1, "raise"),
        Bounded(1, "drop_newest"),
        Bounded(1, "drop_oldest"),
        Bounded(1, timeout=0),
    ],
    ids=["raise", "drop_newest", "drop_oldest", "timeout"],
)
def test_what_is_refused_is_not_kept_alive(spec: InboxSpec) -> None:
    """Not even until the garbage collector comes."""

    class Message:
        """Something that can be referred to weakly."""

    inbox = make_inbox(spec)
    gc.collect()
    gc.disable()
    try:
        questions = [make_ask(Message(), inbox.owner) for _ in range(2)]
        alive = [weakref.ref(question.message) for question in questions]
        asked = [weakref.ref(question) for question in questions]
        for question in questions:
            inbox.put(question)
        with contextlib.suppress(queue.Empty):
            inbox.get_nowait().release()
        assert not any(message() for message in alive)
        assert any(question.done() for question in questions)
        del question
        questions.clear()
        assert not any(question() for question in asked)
    finally:
        gc.enable()


# --- drop ---------------------------------------------------------------------------------------


def test_the_newest_tell_that_is_dropped_is_a_dead_letter() -> None:
    services = Undertaker()
    inbox = make_inbox(Bounded(2, "drop_newest"), services)
    for number in range(4):
        tell(inbox, number)
    reason = "dropped, because the inbox was full (capacity 2)"
    assert services.buried == [(2, reason), (3, reason)]
    assert taken(inbox) == [0, 1]


def test_the_newest_ask_that_is_dropped_is_answered() -> None:
    services = Undertaker()
    inbox = make_inbox(Bounded(1, "drop_newest"), services)
    kept, dropped = ask(inbox, 1), ask(inbox, 2)
    assert not kept.done()
    with pytest.raises(pykka.InboxFullError, match=r"capacity 1\), so the message was dropped"):
        dropped.get(timeout=0)
    assert services.buried == []
    assert taken(inbox) == [1]


def test_the_oldest_tell_that_is_dropped_is_a_dead_letter() -> None:
    services = Undertaker()
    inbox = make_inbox(Bounded(2, "drop_oldest"), services)
    for number in range(4):
        tell(inbox, number)
        assert inbox.qsize() <= 2
    reason = "dropped to make room for a newer message, because the inbox was full (capacity 2)"
    assert services.buried == [(0, reason), (1, reason)]
    assert taken(inbox) == [2, 3]
    assert is_clean(inbox)


def test_the_oldest_ask_that_is_dropped_is_answered() -> None:
    inbox = make_inbox(Bounded(1, "drop_oldest"))
    dropped, kept = ask(inbox, 1), ask(inbox, 2)
    assert not kept.done()
    with pytest.raises(pykka.InboxFullError, match="dropped to make room for a newer message"):
        dropped.get(timeout=0)
    assert taken(inbox) == [2]


def test_privileged_messages_are_not_the_oldest() -> None:
    services = Undertaker()
    inbox = make_inbox(Bounded(2, "drop_oldest"), services)
    for message in [_WakeUp(), _ActorStop(), 0, _WakeUp(), 1, _ActorStop(), 2, 3]:
        tell(inbox, message)
    assert [message for message, _reason in services.buried] == [0, 1]
    assert taken(inbox) == [_WakeUp(), _ActorStop(), _WakeUp(), _ActorStop(), 2, 3]
    assert is_clean(inbox)


# --- block --------------------------------------------------------------------------------------


def test_a_sender_waits_until_there_is_room() -> None:
    inbox = make_inbox(BLOCKING)
    tell(inbox, 0)
    tell(inbox, 1)
    sender = Sender(inbox, 2)
    assert not sender.is_done()
    assert inbox.qsize() == 2
    assert inbox.get().message == 0
    sender.join()
    assert sender.raised is None
    assert taken(inbox) == [1, 2]
    assert is_clean(inbox)


def test_blocked_senders_get_in_in_the_order_they_came() -> None:
    inbox = make_inbox(Bounded(2))
    tell(inbox, "a")
    tell(inbox, "b")
    senders = [Sender(inbox, number) for number in range(8)]
    assert [inbox.get_nowait().message for _ in range(10)] == ["a", "b", *range(8)]
    for sender in senders:
        sender.join()
    assert is_clean(inbox)


class Key:
    """A message that is its own key, and does something when it is compared."""

    def __init__(self, value: int, on_compare: Callable[[], object] = lambda: None) -> None:
        self.value = value
        self.on_compare = on_compare

    def __lt__(self, other: Key) -> bool:
        self.on_compare()
        return self.value < other.value

    def __repr__(self) -> str:
        return f"Key({self.value})"


def test_nobody_gets_in_before_those_who_wait() -> None:
    """Between a take and the moment somebody is let in there is room, but not for a newcomer."""
    inbox = make_inbox(Priority(identity, capacity=2))
    late: list[Sender] = []

    def send_another() -> None:
        if not late and not inbox.full():
            late.append(Sender(inbox, Key(-1)))
            assert not late[0].is_done()

    tell(inbox, Key(0))
    tell(inbox, Key(1))
    senders = [Sender(inbox, Key(2, send_another)), Sender(inbox, Key(3))]
    assert [inbox.get().message.value for _ in range(3)] == [0, 1, 2]
    assert late
    assert [inbox.get().message.value for _ in range(2)] == [-1, 3]
    for sender in senders + late:
        sender.join()
    assert is_clean(inbox)


@pytest.mark.parametrize("how", ["tell", "ask"])
def test_after_the_timeout_there_is_an_error(how: str) -> None:
    inbox = make_inbox(Bounded(1, timeout=0.001))
    tell(inbox, 1)
    sender = Sender(inbox, 2, how)
    sender.join()
    if how == "ask":
        assert sender.raised is None
        error = sender.answer.exception(timeout=0)
    else:
        error = sender.raised
    assert isinstance(error, pykka.InboxFullError)
    assert "capacity 1), and was so for 0.001 seconds" in str(error)
    assert taken(inbox) == [1]
    assert is_clean(inbox)


def test_the_shorter_of_two_timeouts_counts() -> None:
    for policy, own in [(None, 0.0), (PATIENCE, 0.0), (0.0, PATIENCE)]:
        inbox = make_inbox(Bounded(1, timeout=policy))
        tell(inbox, 1)
        with pytest.raises(pykka.InboxFullError, match=r"for 0\.0 seconds"):
            inbox.put(Envelope(2), timeout=own)


def test_an_ask_that_waited_for_room_is_put_in() -> None:
    inbox = make_inbox(Bounded(1, timeout=PATIENCE))
    tell(inbox, 1)
    sender = Sender(inbox, 2, "ask")
    inbox.get()
    sender.join()
    assert not sender.answer.done()
    assert inbox.get() is sender.answer


def test_a_sender_who_gives_up_leaves_no_gap_in_the_line() -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 0)
    first = Sender(inbox, 1)
    claim = inbox._first_claim
    assert claim is not None
    second, third = Sender(inbox, 2), Sender(inbox, 3)
    # As if a signal handler had raised in the wait of the first.
    claim._try_resolve((None, (KeyboardInterrupt(), None)))
    first.join()
    assert isinstance(first.raised, KeyboardInterrupt)
    assert [inbox.get().message for _ in range(3)] == [0, 2, 3]
    second.join()
    third.join()
    assert is_clean(inbox)


def test_a_sender_in_the_middle_or_at_the_end_of_the_line_can_give_up() -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 0)
    senders = [Sender(inbox, number) for number in range(1, 6)]
    claims = []
    claim = inbox._first_claim
    while claim is not None:
        claims.append(claim)
        claim = claim.after
    for index in (2, 4):
        claims[index]._try_resolve((None, (KeyboardInterrupt(), None)))
        senders[index].join()
    senders.append(Sender(inbox, 6))
    assert [inbox.get().message for _ in range(5)] == [0, 1, 2, 4, 6]
    for sender in senders:
        sender.join()
    assert is_clean(inbox)


def test_who_has_been_let_in_when_the_wait_fails_is_delivered() -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 0)
    sender = Sender(inbox, 1)
    claim: Any = inbox._first_claim
    claim.settle = lambda: claim._try_resolve((None, (KeyboardInterrupt(), None)))
    assert [inbox.get().message for _ in range(2)] == [0, 1]
    sender.join()
    assert isinstance(sender.raised, KeyboardInterrupt)
    assert is_clean(inbox)


def test_who_has_been_let_in_when_the_time_is_up_does_not_hear_of_it() -> None:
    inbox = make_inbox(Bounded(1, timeout=PATIENCE))
    tell(inbox, 0)
    sender = Sender(inbox, 1, "ask")
    claim: Any = inbox._first_claim
    claim.settle = lambda: claim._try_resolve((None, (pykka.Timeout(), None)))
    assert inbox.get().message == 0
    sender.join()
    assert sender.raised is None
    assert not sender.answer.done()
    assert inbox.get() is sender.answer


@pytest.mark.parametrize("how", ["tell", "ask"])
def test_an_actor_that_sends_to_itself_does_not_wait_for_itself(how: str) -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 1)
    before = current.state.cell
    current.state.cell = inbox.owner
    try:
        send = (lambda: ask(inbox, 2).get(timeout=0)) if how == "ask" else lambda: tell(inbox, 2)
        with pytest.raises(pykka.InboxFullError, match="the sender is the actor itself"):
            send()
        assert taken(inbox) == [1]
        tell(inbox, 3)
    finally:
        current.state.cell = before
    assert taken(inbox) == [3]


@pytest.mark.parametrize("how", ["tell", "ask"])
def test_when_the_actor_has_ended_nobody_waits_any_more(how: str) -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 0)
    senders = [Sender(inbox, number, how) for number in range(3)]
    inbox.close()
    for sender in senders:
        sender.join()
        error = sender.answer.exception(timeout=0) if how == "ask" else sender.raised
        assert isinstance(error, pykka.ActorDeadError)
        assert "stopped before handling the message" in str(error)
    assert taken(inbox) == [0]
    for number in range(3):
        tell(inbox, number)  # it is put in, and whoever puts it sees to it
    assert taken(inbox) == [0, 1, 2]
    assert is_clean(inbox)


@pytest.mark.parametrize("when_full", ["raise", "drop_newest", "drop_oldest"])
def test_after_the_end_there_is_room_for_everything(when_full: Any) -> None:
    services = Undertaker()
    inbox = make_inbox(Bounded(1, when_full), services)
    inbox.close()
    for number in range(3):
        tell(inbox, number)
    assert taken(inbox) == [0, 1, 2]
    assert services.buried == []


def test_emptying_the_inbox_lets_blocked_senders_in_and_takes_theirs_out_too() -> None:
    inbox = make_inbox(Bounded(1))
    tell(inbox, 0)
    senders = [Sender(inbox, number) for number in range(1, 4)]
    assert taken(inbox) == [0, 1, 2, 3]
    for sender in senders:
        sender.join()
    assert is_clean(inbox)


# --- priorities ---------------------------------------------------------------------------------


class Level(NamedTuple):
    """A message with a level that is compared, and a name that is not."""

    level: Any
    name: object = None

    def __lt__(self, other: Any) -> bool:
        return bool(self.level < other.level)


def level(message: Level) -> Any:
    return message.level


def test_the_most_urgent_message_comes_first_and_equals_in_order() -> None:
    inbox = make_inbox(Priority(level))
    sent = [Level(number * 7 % 10 // 3, number) for number in range(100)]
    for message in sent:
        tell(inbox, message)
    assert taken(inbox) == sorted(sent, key=level)
    assert is_clean(inbox)


def test_the_key_function_gets_the_message_as_it_was_sent() -> None:
    got: list[object] = []
    inbox = make_inbox(Priority(lambda message: got.append(message) or 0))
    tell(inbox, "told")
    ask(inbox, "asked")
    inbox.put(make_call(inbox, [1]))
    deferred = CallEnvelope()
    deferred.attr_path, deferred.args, deferred.kwargs = ("method",), (2,), None
    inbox.put(deferred)
    tell(inbox, _ActorStop())
    assert got == [
        "told",
        "asked",
        ProxyCall(("method",), [1], {}),
        ProxyCall(("method",), (2,), {}),
    ]


def test_keys_need_not_be_hashable() -> None:
    inbox = make_inbox(Priority(list))
    for message in ("b", "ab", "b", "aa"):
        tell(inbox, message)
    assert taken(inbox) == ["aa", "ab", "b", "b"]


def test_keys_need_no_more_than_to_be_less() -> None:
    class Least:
        def __init__(self, value: int) -> None:
            self.value = value

        def __lt__(self, other: Least) -> bool:
            return self.value < other.value

        __eq__ = __hash__ = None  # type: ignore[assignment]

    inbox = make_inbox(Priority(Least))
    for message in (3, 1, 2, 1):
        tell(inbox, message)
    assert taken(inbox) == [1, 1, 2, 3]


def test_keys_that_make_no_sense_do_no_harm() -> None:
    inbox = make_inbox(Priority(identity, capacity=50))
    sent = [float("nan"), 1.0, float("nan"), 0.0, 2.0, float("nan")] * 8
    for message in sent:
        tell(inbox, message)
    assert sorted(map(str, taken(inbox))) == sorted(map(str, sent))
    assert is_clean(inbox)


def test_a_stop_keeps_its_place() -> None:
    """What comes after it is handled after it, whatever its priority."""
    inbox = make_inbox(Priority(level))
    for message in [Level(5), Level(1), _ActorStop(), Level(0), Level(3), _ActorStop(), Level(-1)]:
        tell(inbox, message)
    assert taken(inbox) == [
        *(Level(1), Level(5), _ActorStop()),
        *(Level(0), Level(3), _ActorStop()),
        Level(-1),
    ]
    assert is_clean(inbox)


def test_other_privileged_messages_come_first_and_in_order() -> None:
    class Tick(NamedTuple):
        number: int

    PRIVILEGED.add(Tick)
    try:
        inbox = make_inbox(Priority(level))
        for message in [Level(-1), Tick(1), Level(-2), Tick(2), _ActorStop(), Level(0), Tick(3)]:
            tell(inbox, message)
        tell(inbox, Tick(4))
        assert taken(inbox) == [
            *(Tick(1), Tick(2), Level(-2), Level(-1), _ActorStop()),
            *(Tick(3), Tick(4), Level(0)),
        ]
    finally:
        PRIVILEGED.discard(Tick)


def test_what_the_key_function_raises_goes_to_the_sender() -> None:
    inbox = make_inbox(Priority(level))
    tell(inbox, Level(1))
    with pytest.raises(AttributeError, match="'str' object has no attribute 'level'"):
        tell(inbox, "no level")
    answer = ask(inbox, "no level")
    with pytest.raises(AttributeError):
        answer.get(timeout=0)
    assert taken(inbox) == [Level(1)]


def test_what_a_comparison_raises_goes_to_the_sender() -> None:
    inbox = make_inbox(Priority(level))
    sent = [Level((0, "a")), Level((1, 1)), Level((2, "a"))]
    for message in sent:
        tell(inbox, message)
    with pytest.raises(TypeError, match="not supported between"):
        tell(inbox, Level((1, "a")))
    with pytest.raises(TypeError):
        ask(inbox, Level(None)).get(timeout=0)
    tell(inbox, Level((1, 0)))
    assert taken(inbox) == [sent[0], Level((1, 0)), *sent[1:]]
    assert is_clean(inbox)


def test_what_only_the_second_comparison_raises_goes_to_the_sender_too() -> None:
    """A key that is not less than another is asked whether it is more."""

    class Shy(Key):
        def __lt__(self, other: Key) -> bool:
            raise ZeroDivisionError

    inbox = make_inbox(Priority(identity))
    tell(inbox, Shy(1))
    with pytest.raises(ZeroDivisionError):
        tell(inbox, Key(2))
    tell(inbox, Key(0))
    assert [message.value for message in taken(inbox)] == [0, 1]
    assert is_clean(inbox)


def test_what_is_raised_when_somebody_is_let_in_is_raised_in_the_sender() -> None:
    is_broken = False

    def fail() -> None:
        nonlocal is_broken
        is_broken = is_broken or not inbox.full()
        if is_broken:
            raise ZeroDivisionError

    inbox = make_inbox(Priority(identity, capacity=2))
    tell(inbox, Key(0))
    tell(inbox, Key(1))
    good_before, bad, bad_ask, good_after = senders = [
        Sender(inbox, Key(2)),
        Sender(inbox, Key(3, fail)),
        Sender(inbox, Key(4, fail), "ask"),
        Sender(inbox, Key(5)),
    ]
    assert [inbox.get().message.value for _ in range(3)] == [0, 1, 2]
    for sender in senders:  # there is still one to be compared with
        sender.join()
    assert inbox.get().message.value == 5
    assert isinstance(bad.raised, ZeroDivisionError)
    assert isinstance(bad_ask.answer.exception(timeout=0), ZeroDivisionError)
    assert good_before.raised is bad_ask.raised is good_after.raised is None
    assert is_clean(inbox)


def test_who_cannot_be_let_in_by_another_may_get_in_by_itself() -> None:
    """Only the comparisons of the one who makes room fail."""

    def fail() -> None:
        if threading.current_thread() is threading.main_thread() and not inbox.full():
            raise ZeroDivisionError

    inbox = make_inbox(Priority(identity, capacity=2))
    tell(inbox, Key(0))
    tell(inbox, Key(1))
    sender = Sender(inbox, Key(2, fail))
    assert inbox.get().message.value == 0
    sender.join()
    assert sender.raised is None
    assert [message.value for message in taken(inbox)] == [1, 2]
    assert is_clean(inbox)


def test_what_means_the_program_is_raised_where_it_strikes_and_the_others_are_let_in() -> None:
    """As if a signal handler raised during a comparison of the one who makes room."""
    has_struck = False

    def strike() -> None:
        nonlocal has_struck
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and not has_struck and not inbox.full():
            has_struck = True
            raise KeyboardInterrupt

    inbox = make_inbox(Priority(identity, capacity=2))
    tell(inbox, Key(0))
    tell(inbox, Key(1))
    senders = [Sender(inbox, Key(2, strike)), Sender(inbox, Key(3))]
    with pytest.raises(KeyboardInterrupt):
        inbox.get()
    got = [inbox.get(timeout=PATIENCE).message.value for _ in range(4)]
    assert got in ([0, 1, 2, 3], [0, 1, 3, 2])  # when 2 comes back is a matter of luck
    for sender in senders:
        sender.join()
        assert sender.raised is None
    assert is_clean(inbox)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_means_the_program_is_not_swallowed_on_the_main_thread(
    error: type[BaseException],
) -> None:
    def fail(_message: object) -> None:
        raise error

    inbox = make_inbox(Priority(fail))
    with pytest.raises(error):
        ask(inbox, 1)
    assert is_clean(inbox)


def test_of_the_least_urgent_the_oldest_makes_room() -> None:
    services = Undertaker()
    inbox = make_inbox(Priority(level, capacity=3, when_full="drop_oldest"), services)
    for message in [Level(2, "a"), Level(1, "b"), Level(2, "c"), Level(0, "d"), Level(2, "e")]:
        tell(inbox, message)
    assert [message for message, _reason in services.buried] == [Level(2, "a"), Level(2, "c")]
    assert taken(inbox) == [Level(0, "d"), Level(1, "b"), Level(2, "e")]
    assert is_clean(inbox)


def test_a_message_that_is_less_urgent_than_all_others_is_the_one_that_is_dropped() -> None:
    services = Undertaker()
    inbox = make_inbox(Priority(level, capacity=2, when_full="drop_oldest"), services)
    for message in [Level(1), Level(2), Level(3)]:
        tell(inbox, message)
    assert services.buried == [
        (Level(3), "dropped as the least urgent, because the inbox was full (capacity 2)")
    ]
    with pytest.raises(pykka.InboxFullError, match="dropped as the least urgent"):
        ask(inbox, Level(4)).get(timeout=0)
    assert taken(inbox) == [Level(1), Level(2)]


def test_what_comes_after_a_stop_is_the_least_urgent() -> None:
    services = Undertaker()
    inbox = make_inbox(Priority(level, capacity=2, when_full="drop_oldest"), services)
    for message in [Level(5), _ActorStop(), Level(0, "a"), Level(0, "b"), Level(-1)]:
        tell(inbox, message)
    assert [message for message, _reason in services.buried] == [Level(0, "a"), Level(0, "b")]
    assert taken(inbox) == [Level(5), _ActorStop(), Level(-1)]


# --- sends on top of sends ----------------------------------------------------------------------


def test_a_key_function_may_send_to_the_same_inbox() -> None:
    inbox = make_inbox(Priority(lambda m: m if m % 2 else (tell(inbox, m + 1), m)[1]))
    for number in (4, 0, 2):
        tell(inbox, number)
    assert taken(inbox) == [0, 1, 2, 3, 4, 5]
    assert is_clean(inbox)


def test_a_comparison_may_send_to_the_same_inbox() -> None:
    sent: list[Level] = []

    class Chatty(Level):
        def __lt__(self, other: Any) -> bool:
            if len(sent) < 50:
                message = Level(Level(len(sent) * 13 % 7), len(sent))
                sent.append(message)
                tell(inbox, message)
            return super().__lt__(other)

    inbox = make_inbox(Priority(level))
    own = [Level(Chatty(number * 5 % 11), "chatty") for number in range(20)]
    for message in own:
        tell(inbox, message)
    result = taken(inbox)
    assert sorted(map(repr, result)) == sorted(map(repr, sent + own))
    levels = [message.level.level for message in result]
    assert levels == sorted(levels)
    assert is_clean(inbox)


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """Let the garbage collector run at nearly every allocation."""
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("eager_collector")
@pytest.mark.parametrize(
    "spec",
    [
        Bounded(20, "drop_oldest"),
        Bounded(20, "drop_newest"),
        Priority(lambda message: message % 5, capacity=20, when_full="drop_oldest"),
        Priority(lambda message: message * 31 % 977),
    ],
    ids=name_of,
)
def test_finalisers_may_send_to_the_same_inbox(spec: InboxSpec) -> None:
    class Cycle:
        def __init__(self, number: int) -> None:
            self.number = number
            self.myself = self

        def __del__(self) -> None:
            tell(inbox, self.number)

    services = Undertaker()
    inbox = make_inbox(spec, services)
    handled: list[Any] = []
    for number in range(0, 1000, 2):
        Cycle(number + 1)
        tell(inbox, number)
        if number % 3 == 0:
            with contextlib.suppress(queue.Empty):
                handled.append(inbox.get_nowait().message)
    gc.collect()
    handled += taken(inbox)
    assert sorted(handled + [message for message, _reason in services.buried]) == list(range(1000))
    assert is_clean(inbox)


def test_a_finaliser_of_a_key_may_send_to_the_same_inbox() -> None:
    class Farewell(Key):
        def __del__(self) -> None:
            if self.value < 100:
                tell(inbox, self.value + 100)

    inbox = make_inbox(Priority(Farewell))
    for number in range(100):
        tell(inbox, number)
    result = taken(inbox)
    assert sorted(result) == list(range(200))
    assert is_clean(inbox)


# --- many at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("distinct", [3, 1_000_000])
def test_many_senders_keep_the_list_sorted(distinct: int) -> None:
    inbox = make_inbox(Priority(level))

    def send(sender: int) -> None:
        for number in range(500):
            tell(inbox, Level(hash((sender, number)) % distinct, (sender, number)))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    result = taken(inbox)
    assert [message.level for message in result] == sorted(message.level for message in result)
    assert len(set(result)) == 2_000
    for sender in range(4):
        mine = [m for m in result if m.name[0] == sender]
        assert mine == sorted(mine, key=lambda m: (m.level, m.name))
    assert is_clean(inbox)


# --- against a model ----------------------------------------------------------------------------


class Inboxes(RuleBasedStateMachine):
    """What is sent, taken, dropped and refused; the model is a plain list.

    Senders who would be blocked have a timeout of zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.dead: list[object] = []
        self.refused: list[Any] = []
        self.epoch = 0
        self.waiting: deque[tuple[Any, Any]] = deque()
        """Pairs of a sort key and an envelope, in the order in which they came."""

    @initialize(
        capacity=st.none() | st.integers(1, 4),
        when_full=st.sampled_from(["block", "raise", "drop_newest", "drop_oldest"]),
        by_urgency=st.booleans(),
    )
    def make(self, capacity: int | None, when_full: Any, *, by_urgency: bool) -> None:
        timeout = 0 if when_full == "block" and capacity is not None else None
        if capacity is None:
            when_full = "block"
        spec: InboxSpec
        if by_urgency:
            spec = Priority(level, capacity=capacity, when_full=when_full, timeout=timeout)
        else:
            capacity = 3 if capacity is None else capacity
            spec = Bounded(capacity, when_full, 0 if when_full == "block" else None)
        self.capacity = capacity
        self.when_full = when_full
        self.by_urgency = by_urgency
        self.services = Undertaker()
        self.inbox = make_inbox(spec, self.services)

    def ordinary(self) -> list[tuple[Any, Any]]:
        return [pair for pair in self.waiting if pair[1].message.__class__ is Level]

    def expect(self, envelope: Any) -> bool:
        """Put an envelope into the model; tells whether its sender is refused."""
        message = envelope.message
        # By epoch; in it, overtakers first, then ordinary ones by level, then the stop.
        key = (self.epoch, 1, message.level if self.by_urgency else 0)
        ordinary = self.ordinary()
        if self.capacity is not None and len(ordinary) >= self.capacity:
            if self.when_full in ("raise", "block"):
                if envelope.reply_to is not None:
                    self.refused.append(envelope)
                return True
            victim = (key, envelope)
            if self.when_full == "drop_oldest":
                candidates = [*ordinary, victim]
                worst = max(candidate[0] for candidate in candidates)
                victim = next(c for c in candidates if not self.by_urgency or c[0] == worst)
            if victim[1] is envelope:
                self.drop(envelope)
                return False
            self.waiting.remove(victim)
            self.drop(victim[1])
        self.waiting.append((key, envelope))
        return False

    def drop(self, envelope: Any) -> None:
        if envelope.reply_to is None:
            self.dead.append(envelope.message)
        else:
            self.refused.append(envelope)

    @rule(urgency=st.integers(0, 3), asks=st.booleans())
    def send(self, urgency: int, *, asks: bool) -> None:
        self.number += 1
        message = Level(urgency, self.number)
        envelope: Any = make_ask(message, self.inbox.owner) if asks else Envelope(message)
        if asks:
            # It forgets its message when it is refused.
            envelope = Envelope(message, pykka.ThreadingFuture())
        if self.expect(envelope) and not asks:
            with pytest.raises(pykka.InboxFullError):
                self.inbox.put(envelope)
        else:
            self.inbox.put(envelope)

    @rule(stops=st.booleans())
    def send_privileged(self, *, stops: bool) -> None:
        envelope = Envelope(_ActorStop() if stops else _WakeUp())
        closes = stops or not self.by_urgency
        self.waiting.append(((self.epoch, 2 if closes else 0, 0), envelope))
        if closes:
            self.epoch += 1
        self.inbox.put(envelope)

    def expected(self) -> list[Any]:
        return sorted(self.waiting, key=lambda pair: pair[0])

    @precondition(lambda self: self.waiting)
    @rule(blocks=st.booleans())
    def take(self, *, blocks: bool) -> None:
        first = self.expected()[0]
        self.waiting.remove(first)
        assert (self.inbox.get() if blocks else self.inbox.get_nowait()) is first[1]

    @precondition(lambda self: not self.waiting)
    @rule()
    def take_from_an_empty_one(self) -> None:
        with pytest.raises(queue.Empty):
            self.inbox.get_nowait()

    @rule()
    def take_everything(self) -> None:
        letters: list[Any] = []
        self.inbox.take_all(letters)
        assert letters == [envelope for _key, envelope in self.expected()]
        self.waiting.clear()
        assert is_clean(self.inbox)

    @invariant()
    def it_says_how_full_it_is(self) -> None:
        if not hasattr(self, "inbox"):
            return
        assert self.inbox.qsize() == len(self.waiting)
        assert self.inbox.empty() == (not self.waiting)
        bound = self.capacity
        assert self.inbox.full() == (bound is not None and len(self.ordinary()) >= bound)

    @invariant()
    def what_is_dropped_or_refused_is_reported(self) -> None:
        if not hasattr(self, "inbox"):
            return
        assert [message for message, _reason in self.services.buried] == self.dead
        for envelope in self.refused:
            assert isinstance(envelope.reply_to.exception(timeout=0), pykka.InboxFullError)
        assert not any(
            envelope.reply_to.done()
            for _key, envelope in self.waiting
            if envelope.reply_to is not None
        )


def test_an_inbox_does_what_a_plain_list_does() -> None:
    Inboxes.TestCase("runTest").debug()

"""Actors that say which messages they accept."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Never, Protocol, TypeVar

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import routing
from pykka.inboxes import Bounded
from pykka.resilience import Retry
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Runtime

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Add:
    amount: int


class AddMore(Add):
    pass


class GetTotal(pykka.Request[int]):
    pass


class GetName(pykka.Request[str]):
    pass


class Unknown:
    pass


def make_counter(runtime: Runtime) -> Any:
    class Counter(pykka.Accepts[Add | GetTotal], runtime.actor_class):  # type: ignore[name-defined, misc]
        total = 0

        @pykka.handles(Add)
        def _add(self, message: Add) -> None:
            self.total += message.amount

        @pykka.handles(GetTotal)
        def _get_total(self, message: GetTotal) -> int:
            return int(self.total)

        def double(self) -> int:
            return int(2 * self.total)

    return Counter


@pytest.fixture
def counter_class(runtime: Runtime) -> Any:
    return make_counter(runtime)


@pytest.fixture
def counter(counter_class: Any) -> Any:
    return counter_class.start()


def refused(function: Callable[[], object]) -> str:
    with pytest.raises(TypeError) as info:
        function()
    return str(info.value)


def test_messages_are_handled_by_the_methods_that_are_marked(counter: Any) -> None:
    counter.tell(Add(2))
    counter.tell(AddMore(3))
    assert counter.ask(GetTotal()) == 5
    assert counter.ask(GetTotal(), block=False).get(timeout=PATIENCE) == 5


SENDS: list[Callable[[Any], object]] = [
    lambda ref: ref.tell(Unknown()),
    lambda ref: ref.ask(Unknown()),
    lambda ref: ref.ask(Unknown(), block=False),
    lambda ref: ref.tell_after(1, Unknown()),
    lambda ref: ref.tell_every(1, Unknown(), first=2),
    lambda ref: routing.RoundRobin([ref]).tell(Unknown()),
    lambda ref: routing.Broadcast([ref]).tell(Unknown()),
    lambda ref: Retry(ref).ask(Unknown()),
    lambda ref: Retry(ref).ask(Unknown(), block=False).get(timeout=PATIENCE),
]


def test_what_is_not_accepted_is_refused_where_it_is_sent(counter: Any) -> None:
    for send in SENDS * 2:
        text = refused(lambda send=send: send(counter))  # type: ignore[misc]
        assert "ActorRef for Counter" in text
        assert "does not accept <" in text
        assert "Unknown object" in text
        assert "accepts Add | GetTotal. Send one of these, or add Unknown" in text
    assert counter.timers() == []
    assert counter.ask(GetTotal()) == 0


def test_the_librarys_own_messages_are_accepted_by_all(counter: Any, counter_class: Any) -> None:
    counter.tell(Add(2))
    assert counter.proxy().double().get(timeout=PATIENCE) == 4
    assert counter.proxy().total.get(timeout=PATIENCE) == 2
    assert counter.call(counter_class.double).get(timeout=PATIENCE) == 4
    assert counter.call(lambda actor: actor.total).get(timeout=PATIENCE) == 2
    assert counter.ask(pykka.messages.ProxyCall(["double"], [], {})) == 4
    counter.kill()


def test_timers_tell_what_is_accepted(counter_class: Any) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        counter = system.start(counter_class.options(inbox=Bounded(10)))
        counter.tell_after(1, Add(1))
        counter.tell_every(2, Add(10))
        for _ in range(4):
            clock.advance(1)
            counter.call(lambda _actor: None).get(timeout=PATIENCE)
        assert counter.ask(GetTotal()) == 21


def test_a_broadcast_passes_by_those_that_do_not_accept(runtime: Runtime, agent: Any) -> None:
    with pykka.ActorSystem() as system:
        counter, other = system.start(make_counter(runtime)), system.start(agent)
        told: list[Any] = []
        other.tell(lambda me: setattr(me, "on_receive", told.append))
        other.proxy().stop.defer  # noqa: B018 (waits for the message before)
        system.broadcast(Unknown)
        assert counter.ask(GetTotal()) == 0
        assert system.dead_letters.statistics().total == 1
        other.stop()
        assert told == [Unknown]


def test_a_watcher_is_told_though_it_does_not_say_so(runtime: Runtime, agent: Any) -> None:
    class Nurse(pykka.Accepts[GetTotal], runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, patient: Any) -> None:
            super().__init__()
            self.patient = patient
            self.seen: list[Any] = []

        def on_start(self) -> None:
            self.watch(self.patient)

        @pykka.handles(pykka.Terminated)
        def _on_end(self, message: pykka.Terminated) -> None:
            self.seen.append(message.reason)
            self.stop()

    patient = agent.start()
    nurse = Nurse.start(patient)
    actor: Any = nurse._actor
    patient.stop()
    assert nurse.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert actor.seen == [pykka.Stopped()]


def test_on_receive_of_the_class_handles_everything(runtime: Runtime) -> None:
    class Matching(pykka.Accepts[Add | GetTotal], runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Add | GetTotal) -> Any:
            match message:
                case Add(amount):
                    return amount
                case _:
                    return "total"

    ref = Matching.start()
    assert ref.ask(Add(5)) == 5
    assert ref.ask(GetTotal()) == "total"
    assert "does not accept" in refused(lambda: ref.ask(5))


def test_what_has_no_method_goes_to_the_next_class(runtime: Runtime) -> None:
    class Base(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            return f"base: {type(message).__name__}"

    class Special(pykka.Accepts[Add | GetTotal | GetName], Base):
        @pykka.handles(GetTotal, Add)
        def _get(self, _message: object) -> str:
            return "special"

    ref = Special.start()
    assert [ref.ask(each) for each in (Add(1), GetTotal(), GetName())] == [
        "special",
        "special",
        "base: GetName",
    ]


def test_subclasses_accept_the_same_and_may_override(counter_class: Any) -> None:
    class Twice(counter_class):  # type: ignore[misc]
        def _get_total(self, message: GetTotal) -> int:
            return 2 * int(super()._get_total(message))

    class Named(counter_class):  # type: ignore[misc]
        @pykka.handles(AddMore)
        def _more(self, message: AddMore) -> None:
            self.total += 100

    class Wider(counter_class, pykka.Accepts[Add | GetTotal | GetName]):  # type: ignore[misc]
        @pykka.handles(GetName)
        def _get_name(self, _message: GetName) -> str:
            return "wider"

    twice, named, wider = Twice.start(), Named.start(), Wider.start()
    for ref in (twice, named, wider):
        ref.tell(Add(1))
        ref.tell(AddMore(1))
    assert [ref.ask(GetTotal()) for ref in (twice, named, wider)] == [4, 101, 2]
    assert wider.ask(GetName()) == "wider"
    assert "does not accept" in refused(lambda: twice.tell(GetName()))


def test_a_protocol_of_messages_is_shared(runtime: Runtime) -> None:
    class Totals(pykka.Accepts[Add | GetTotal]):
        @pykka.handles(GetTotal)
        def _get_total(self, _message: GetTotal) -> int:
            return 42

    class One(Totals, runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    ref = One.start()
    assert ref.ask(GetTotal()) == 42
    assert "accepts Add | GetTotal" in refused(lambda: ref.tell(5))


def test_accepts_comes_before_the_actor_class(runtime: Runtime) -> None:
    base = runtime.actor_class

    class Totals(pykka.Accepts[Add]):
        pass

    for bases in ((base, pykka.Accepts), (base, Totals), (type("Mine", (base,), {}), Totals)):
        text = refused(lambda bases=bases: type("Wrong", bases, {}))  # type: ignore[misc]
        assert f"Wrong has {bases[0].__name__} before Accepts among its bases" in text
        assert f"class Wrong(pykka.Accepts[…], {bases[0].__name__})" in text

    class Plain:
        pass

    class Right(Plain, pykka.Accepts[Add], base):  # type: ignore[valid-type, misc]
        pass

    assert "does not accept" in refused(lambda: Right.start().tell(5))


SAID: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "a class": (Add, [Add(1), AddMore(1)], [1, None]),
    "or nothing": (int | None, [1, True, None], ["1"]),
    "literals": (Literal["a", 1], ["b", 2], [None, 1.5]),
    "annotated": (Annotated[int, "a number"], [1], ["1"]),
    "lists": (list[int] | dict[str, int], [[], {}], [()]),
    "any request": (pykka.Request[int] | str, [GetTotal(), "a"], [1]),
    "never": (Never, [], [1, None]),
    "any": (Any, [1, None, "a"], []),
    "a parameter": (T, [1, None, "a"], []),
    "a string": ("Add | GetTotal", [1, Add(1)], []),
}


@pytest.mark.parametrize("name", SAID)
def test_what_may_be_said(runtime: Runtime, name: str) -> None:
    accepts, right, wrong = SAID[name]

    class Teller(pykka.Accepts[accepts], runtime.actor_class):  # type: ignore[name-defined, misc, valid-type]
        def on_receive(self, message: Any) -> Any:
            return message

    ref = Teller.start()
    for message in right:
        assert ref.ask(message) is message
    for message in wrong:
        assert "Teller accepts" in refused(lambda message=message: ref.tell(message))  # type: ignore[misc]


class Speaks(Protocol):
    def speak(self) -> str: ...


def test_what_cannot_be_told_when_the_program_runs_is_accepted(runtime: Runtime) -> None:
    base = runtime.actor_class

    class Generic1(pykka.Accepts[T], base, Generic[T]):  # type: ignore[valid-type, misc]
        def on_receive(self, message: Any) -> Any:
            return message

    class Protocols(pykka.Accepts[Speaks], base):  # type: ignore[valid-type, misc]
        def on_receive(self, message: Any) -> Any:
            return message

    class Bare(pykka.Accepts, base):  # type: ignore[valid-type, misc, type-arg]
        def on_receive(self, message: Any) -> Any:
            return message

    class Ints(Generic1[int]):
        pass

    for cls in (Generic1, Protocols, Bare, Ints):
        assert cls.start().ask(5) == 5


def test_wrong_marks_are_refused_when_the_class_is_made(runtime: Runtime) -> None:
    def wrong_kind() -> None:
        class Wrong(pykka.Accepts[Add], runtime.actor_class):  # type: ignore[name-defined, misc]
            @pykka.handles(GetTotal)
            def _get(self, message: GetTotal) -> None: ...

    def twice() -> None:
        class Wrong(pykka.Accepts[Add], runtime.actor_class):  # type: ignore[name-defined, misc]
            @pykka.handles(Add)
            def _one(self, message: Add) -> None: ...

            @pykka.handles(Add)
            def _two(self, message: Add) -> None: ...

    text = refused(wrong_kind)
    assert "Wrong._get() is to handle GetTotal, and the class accepts Add; add it there" in text
    assert "Wrong has two methods that handle Add: _one() and _two()" in refused(twice)
    handles: Any = pykka.handles
    assert "classes of messages" in refused(lambda: handles("Add"))
    assert "marks a method, not 5" in refused(lambda: handles(Add)(5))


def test_restarts_supervisors_and_children_know_what_is_accepted(counter_class: Any) -> None:
    with pykka.ActorSystem() as system:
        parent = system.start(pykka.PooledActor)
        child = parent.call(lambda me: me.start_child(counter_class)).get(timeout=PATIENCE)
        for ref in (child, parent.call(lambda me: me.children()[0]).get(timeout=PATIENCE)):
            assert "does not accept" in refused(lambda ref=ref: ref.tell(5))  # type: ignore[misc]
        found = system.get_by_class(counter_class)[0]
        assert found == child
        assert "does not accept" in refused(lambda: found.tell(5))
        parent.stop()

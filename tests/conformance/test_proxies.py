"""Proxies: an actor's methods and attributes, as seen from outside."""

from __future__ import annotations

import copy
import functools
import inspect
import pydoc
import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.conformance.agents import failing, needs
from tests.leaks import PATIENCE

import pykka
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Log, Runtime


class Horn:
    """A callable object."""

    def __call__(self, times: int = 1) -> str:
        return "honk" * times


class Incomparable:
    """An object that cannot be compared, as arrays cannot."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __bool__(self) -> bool:
        raise RuntimeError("taken for true or false")


class Hostile(Incomparable):
    """An object that does not want to be looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


class Tyre:
    pykka_traversable = True

    def __init__(self) -> None:
        self.pressure = 2.2

    def inflate(self, by: float = 0.1) -> float:
        self.pressure += by
        return self.pressure


@pykka.traversable
class Wheel:
    def __init__(self) -> None:
        self.tyre = Tyre()
        self.rim = Horn.__name__
        self.spokes = [1, 2, 3]

    def turn(self) -> threading.Thread:
        return threading.current_thread()


class SlottedWheel:
    __slots__ = ("size",)
    pykka_traversable = True

    def __init__(self) -> None:
        self.size = 26

    def turn(self) -> str:
        return f"turns {self.size} inches"


class VehicleLogic:
    def inherited(self) -> str:
        return "from Vehicle"

    def overridden(self) -> str:
        return "from Vehicle"


class CarLogic(VehicleLogic):
    colour = "red"
    nothing = None
    annotated: str
    spare = pykka.traversable(type("Spare", (), {"worn": True})())
    anonymous = lambda self: "anonymous"  # noqa: E731

    def __init__(self) -> None:
        super().__init__()
        self.speed = 0
        self.horn = Horn()
        self.added = functools.partial(int, "101")
        self.function = lambda: "a function"
        self.front = Wheel()
        self.rear = Wheel()
        self.slotted = SlottedWheel()
        self._hidden = "hidden"
        self._limit = 100

    def accelerate(self, by: int, *, twice: bool = False) -> int:
        self.speed += by * (1 + twice)
        return self.speed

    def overridden(self) -> str:
        return "from Car"

    def fail(self) -> None:
        raise ValueError("no")

    def thread(self) -> threading.Thread:
        return threading.current_thread()

    def grow(self, name: str, value: object) -> None:
        setattr(self, name, value)

    def _private(self) -> str:
        return "private"

    @staticmethod
    def static(number: int) -> int:
        return number + 1

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @functools.singledispatchmethod
    def describe(self, thing: object) -> str:
        return "something"

    @describe.register
    def _(self, thing: int) -> str:
        return "a number"

    double = functools.partialmethod(accelerate, twice=True)

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        if limit < 0:
            raise ValueError("no such limit")
        self._limit = limit

    @property
    def broken(self) -> None:
        raise RuntimeError("read")


@pytest.fixture
def car_class(runtime: Runtime) -> Any:
    return type("Car", (CarLogic, runtime.actor_class), {})


@pytest.fixture
def car(car_class: Any) -> Any:
    return car_class.start().proxy()


# --- the proxy itself ---------------------------------------------------------------------------


def test_proxy_makes_a_proxy_of_the_ref(agent: Any) -> None:
    ref = agent.start()

    proxy = ref.proxy()

    assert isinstance(proxy, pykka.ActorProxy)
    assert proxy.actor_ref == ref


def test_a_proxy_can_be_made_by_hand(car: Any) -> None:
    ref = car.actor_ref

    assert pykka.ActorProxy(actor_ref=ref).colour.get() == "red"
    assert pykka.ActorProxy(ref).colour.get() == "red"
    wheel = pykka.ActorProxy(actor_ref=ref, attr_path=["front"])
    assert wheel == car.front
    assert wheel.tyre.pressure.get() == 2.2


def test_a_proxy_to_a_dead_actor_cannot_be_made(agent: Any) -> None:
    ref = agent.start()
    ref.stop()

    for make in (ref.proxy, lambda: pykka.ActorProxy(actor_ref=ref)):
        with pytest.raises(pykka.ActorDeadError) as info:
            make()
        assert str(info.value) == f"{ref} not found"


def test_repr_of_a_proxy(car: Any) -> None:
    urn = car.actor_ref.actor_urn

    assert repr(car) == f"<ActorProxy for Car ({urn}), attr_path=()>"
    assert repr(car.front.tyre) == f"<ActorProxy for Car ({urn}), attr_path=('front', 'tyre')>"


def test_repr_of_a_method_of_a_proxy(car: Any) -> None:
    expected = f"<CallableProxy for {car.actor_ref}, attr_path=('front', 'turn')>"

    assert repr(car.front.turn) == expected


def test_proxies_are_equal_for_the_same_actor_and_path(car: Any, car_class: Any) -> None:
    other = car.actor_ref.proxy()

    assert car == other
    assert hash(car) == hash(other)
    assert car.front == other.front
    assert hash(car.front) == hash(other.front)
    assert len({car, other, car.front, other.front}) == 2


def test_proxies_differ_by_actor_and_by_path(car: Any, car_class: Any) -> None:
    assert car != car_class.start().proxy()
    assert car.front != car.rear
    assert car != car.front
    assert car != car.actor_ref
    assert car != "car"


def test_a_proxy_knows_the_actor_object(agent: Any) -> None:
    ref = agent.start()

    assert ref.proxy()._actor is ref.ask(lambda agent: agent)


def test_a_copy_of_a_proxy_is_the_proxy(car: Any) -> None:
    assert copy.copy(car) is car
    assert copy.deepcopy({"who": car})["who"] is car


def test_dir_lists_the_public_attributes(car: Any) -> None:
    car.grow("late", 1).get()

    names = dir(car)

    assert {"colour", "speed", "front", "limit", "broken", "accelerate", "stop"} <= set(names)
    assert {"inherited", "late", "actor_ref", "actor_urn", "start"} <= set(names)
    assert not {"_private", "_hidden", "annotated"} & set(names)
    assert {"tyre", "turn"} <= set(dir(car.front))


def test_dir_has_the_programs_names_before_those_of_the_library(car: Any) -> None:
    names = dir(car)
    own = ["accelerate", "colour", "inherited", "speed", "thread"]
    ours = ["__class__", "actor_ref", "become", "start", "stop"]
    assert [name for name in names if name in {*own, *ours}] == [*own, *ours]
    assert names.index("thread") < names.index("actor_ref")
    assert len(names) == len(set(names))


def test_a_method_has_the_signature_and_the_text_of_the_actors(runtime: Runtime) -> None:
    class BaseLogic:
        def area(self, radius: float, *, pi: float = 3.14) -> float:
            """Compute the area."""
            return pi * radius**2

        def untold(self) -> None: ...

        @staticmethod
        def static(number: int) -> int:
            """Be static."""
            return number

        @classmethod
        def of_class(cls, number: int) -> int:
            """Be of the class."""
            return number

        @functools.singledispatchmethod
        def describe(self, thing: object) -> str:
            """Describe a thing."""
            return str(thing)

    class CircleLogic(BaseLogic):
        horn = Horn()
        anything = len
        starred = lambda *args: args  # noqa: E731

        def area(self, radius: float, *, pi: float = 3.14, scale: int = 1) -> float:
            return super().area(radius, pi=pi) * scale

    circle = type("Circle", (CircleLogic, runtime.actor_class), {}).start().proxy()
    told = {
        "area": (
            "(radius: 'float', *, pi: 'float' = 3.14, scale: 'int' = 1) -> 'float'",
            "Compute the area.",
        ),
        "untold": ("() -> 'None'", None),
        "static": ("(number: 'int') -> 'int'", "Be static."),
        "of_class": ("(number: 'int') -> 'int'", "Be of the class."),
        "describe": ("(thing: 'object') -> 'str'", "Describe a thing."),
        "horn": ("(*args, **kwargs)", None),
        "anything": ("(*args, **kwargs)", None),
        "starred": ("(*args)", None),
    }
    methods = {name: getattr(circle, name) for name in told}
    for _ in range(2):
        for name, (signature, text) in told.items():
            method = methods[name]
            assert (name, str(inspect.signature(method)), method.__doc__) == (
                name,
                signature,
                text,
            )
            assert method.__name__ == name
        help_text = pydoc.plain(pydoc.render_doc(methods["area"]))
        assert "area(radius: 'float', *, pi: 'float' = 3.14" in help_text
        assert "Compute the area." in help_text
        circle.actor_ref.stop()  # a dead actor has a class, too
    assert str(pykka.CallableProxy.__doc__).startswith("A method of an actor, as seen from")
    assert list(inspect.signature(pykka.CallableProxy).parameters) == ["actor_ref", "attr_path"]


def test_a_method_of_a_traversable_attribute_has_its_signature(car: Any) -> None:
    assert list(inspect.signature(car.front.tyre.inflate).parameters) == ["by"]


def test_a_method_of_something_that_only_looks_like_a_ref_is_described() -> None:
    stand_in = mock.Mock(spec=["ask", "tell", "is_alive"])
    method = pykka.CallableProxy(stand_in, ["run"])
    assert (method.__name__, method.__doc__) == ("run", None)
    assert str(inspect.signature(method)) == "(*args, **kwargs)"


def test_generic_aliases(car_class: Any) -> None:
    for generic in (pykka.ActorProxy, pykka.ActorRef, pykka.CallableProxy):
        assert generic[car_class].__origin__ is generic  # type: ignore[index]


# --- introspection ------------------------------------------------------------------------------


def test_making_a_proxy_runs_none_of_the_actors_code(runtime: Runtime) -> None:
    ran: list[str] = []

    class Descriptor:
        def __get__(self, instance: object, owner: type) -> str:
            if instance is not None:
                ran.append("descriptor")
            return "value"

    class Watchful(runtime.actor_class):  # type: ignore[name-defined, misc]
        descriptor = Descriptor()

        @property
        def read(self) -> str:
            ran.append("read")
            return "value"

        def __getattr__(self, name: str) -> str:
            if not name.startswith("_"):
                ran.append(name)
            raise AttributeError(name)

    proxy = Watchful.start().proxy()
    dir(proxy)
    with pytest.raises(AttributeError):
        proxy.unknown  # noqa: B018
    assert ran == []

    assert proxy.read.get() == "value"
    assert proxy.descriptor.get() == "value"
    assert ran == ["read", "descriptor"]


def test_a_getter_that_blocks_does_not_block_introspection(runtime: Runtime, gate: Gate) -> None:
    class Slow(runtime.actor_class):  # type: ignore[name-defined, misc]
        @property
        def slow(self) -> str:
            return gate()

        def quick(self) -> str:
            return "quick"

    proxy = Slow.start().proxy()

    assert proxy.quick().get(timeout=PATIENCE) == "quick"
    future = proxy.slow
    gate.wait_until_entered()
    gate.open()
    assert future.get(timeout=PATIENCE) == "opened"


def test_attributes_that_cannot_be_compared_do_not_break_introspection(car: Any) -> None:
    incomparable = Incomparable()
    car.grow("incomparable", incomparable).get()
    car.grow("incomparable_class", Incomparable).get()

    proxy = car.actor_ref.proxy()

    assert proxy.incomparable.get() is incomparable
    assert proxy.incomparable_class().get() is not incomparable
    assert proxy.colour.get() == "red"
    assert "incomparable" in dir(proxy)


def test_attributes_that_cannot_be_looked_at_do_not_break_introspection(car: Any) -> None:
    hostile = Hostile()
    car.grow("hostile", hostile).get()

    assert car.hostile.get() is hostile
    assert car.colour.get() == "red"
    assert "hostile" in dir(car)


def test_an_attribute_that_is_added_later_is_found(car: Any) -> None:
    with pytest.raises(AttributeError):
        car.later  # noqa: B018

    car.grow("later", "value").get()
    car.grow("later_method", lambda: "called").get()
    car.grow("later_wheel", Wheel()).get()

    assert car.later.get() == "value"
    assert car.later_method().get() == "called"
    assert car.later_wheel.tyre.pressure.get() == 2.2


def test_an_unknown_name_is_an_attribute_error(car: Any) -> None:
    with pytest.raises(AttributeError) as info:
        car.xyzzy  # noqa: B018

    assert str(info.value) == f"{car!r} has no attribute 'xyzzy'"
    assert not hasattr(car, "xyzzy")
    assert not hasattr(car, "annotated")


def test_an_unknown_name_of_a_traversable_attribute_names_that(car: Any) -> None:
    with pytest.raises(AttributeError) as info:
        car.front.tyre.xyzzy  # noqa: B018

    assert str(info.value) == f"{car.front.tyre!r} has no attribute 'xyzzy'"


@pytest.mark.parametrize(
    ("wrong", "meant"), [("acelerate", "accelerate"), ("color", "colour"), ("Speed", "speed")]
)
def test_the_nearest_name_is_suggested(car: Any, wrong: str, meant: str) -> None:
    with pytest.raises(AttributeError) as info:
        getattr(car, wrong)

    assert str(info.value) == f"{car!r} has no attribute {wrong!r}. Did you mean: {meant!r}?"


@pytest.mark.parametrize("name", ["_hidden", "_private", "__len__"])
def test_private_names_are_not_exposed(car: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as info:
        getattr(car, name)

    assert repr(car) in str(info.value)


def test_attributes_that_only_getattr_knows_are_not_seen(runtime: Runtime) -> None:
    class Dynamic(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __getattr__(self, name: str) -> str:
            if name == "dynamic":
                return "value"
            raise AttributeError(name)

    with pytest.raises(AttributeError, match="has no attribute 'dynamic'"):
        Dynamic.start().proxy().dynamic  # noqa: B018


def test_a_proxy_of_an_actor_that_is_not_started_yet(car_class: Any) -> None:
    unstarted = car_class()
    proxy = unstarted.actor_ref.proxy()

    future = proxy.accelerate(5)

    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    assert proxy.front.tyre == proxy.front.tyre
    pykka.ActorRegistry.register(unstarted.actor_ref)
    unstarted._start_actor_loop()
    assert future.get(timeout=PATIENCE) == 5


# --- methods ------------------------------------------------------------------------------------


def test_a_method_call_returns_a_future(car: Any, runtime: Runtime) -> None:
    future = car.accelerate(3, twice=True)

    assert isinstance(future, runtime.future_class)
    assert future.get() == 6


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (lambda car: car.inherited(), "from Vehicle"),
        (lambda car: car.overridden(), "from Car"),
        (lambda car: car.static(1), 2),
        (lambda car: car.anonymous(), "anonymous"),
        (lambda car: car.function(), "a function"),
        (lambda car: car.horn(times=2), "honkhonk"),
        (lambda car: car.added(base=2), 5),
        (lambda car: car.double(4), 8),
        (lambda car: car.fail.__class__ and car.accelerate(by=1), 1),
        (lambda car: car.on_receive("unexpected"), None),
    ],
)
def test_everything_that_can_be_called(
    car: Any, call: Callable[[Any], pykka.Future[object]], result: object
) -> None:
    assert call(car).get() == result


@pytest.mark.parametrize(
    ("call", "result"),
    [(lambda car: car.of_class(), "Car"), (lambda car: car.describe(1), "a number")],
    ids=["classmethod", "singledispatchmethod"],
)
def test_descriptors_that_make_methods(
    car: Any, call: Callable[[Any], pykka.Future[object]], result: object
) -> None:
    assert call(car).get() == result


def test_a_method_is_a_callable_proxy_the_same_at_every_access(car: Any) -> None:
    assert isinstance(car.accelerate, pykka.CallableProxy)
    assert car.accelerate is car.accelerate
    assert car.front.turn is car.front.turn
    assert car.accelerate.actor_ref == car.actor_ref


def test_a_callable_proxy_can_be_made_by_hand(car: Any) -> None:
    call = pykka.CallableProxy(actor_ref=car.actor_ref, attr_path=["front", "tyre", "inflate"])

    assert call(by=0.5).get() == 2.7


@needs("own thread")
def test_methods_run_in_the_actor(car: Any) -> None:
    thread = car.thread().get()

    assert thread is not threading.current_thread()
    assert car.front.turn().get() is thread


def test_a_call_does_not_wait(agent: Any, gate: Gate) -> None:
    proxy = agent.start().proxy()

    future = proxy.run(gate)

    gate.wait_until_entered()
    gate.open()
    assert future.get(timeout=PATIENCE) == "opened"


def test_calls_are_done_in_order_though_nobody_waits(car: Any) -> None:
    car.accelerate(10)
    car.accelerate(-4)
    car.speed = 7
    car.accelerate(1)

    assert car.speed.get() == 8


def test_a_call_that_fails(car: Any) -> None:
    future = car.fail()

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            future.get()
    assert car.actor_ref.is_alive()


def test_a_call_with_wrong_arguments_is_the_callers_error(car: Any) -> None:
    with pytest.raises(TypeError, match="accelerate"):
        car.accelerate().get()

    assert car.actor_ref.is_alive()


def test_a_call_of_a_dead_actors_method(car: Any) -> None:
    car.actor_ref.stop()

    future = car.accelerate(1)

    with pytest.raises(pykka.ActorDeadError, match="not found"):
        future.get(timeout=0)


def test_a_method_may_return_a_future(agent: Any, runtime: Runtime) -> None:
    inner = runtime.future_class()
    inner.set("inner")

    assert agent.start().proxy().run(lambda _agent: inner).get().get() == "inner"


def test_defer_returns_nothing_and_does_not_wait(agent: Any, gate: Gate, diary: Diary) -> None:
    proxy = agent.start(diary).proxy()

    assert proxy.run.defer(gate) is None
    assert proxy.run.defer(function=lambda agent: agent.diary.note("deferred")) is None

    gate.open()
    assert diary.read(2) == ["on_start", "deferred"]


def test_defer_that_fails_calls_on_failure(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    ref.proxy().run.defer(failing(ValueError("no")))

    assert diary.read(2) == ["on_start", "on_failure"]


def test_defer_to_a_dead_actor_raises_at_once(car: Any) -> None:
    accelerate = car.accelerate
    car.actor_ref.stop()

    with pytest.raises(pykka.ActorDeadError) as info:
        accelerate.defer(1)

    assert str(info.value) == f"{car.actor_ref} not found"


def test_stop_through_a_proxy_is_answered_after_on_stop(
    agent: Any, gate: Gate, diary: Diary
) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            gate()
            super().on_stop()

    future = Slow.start(diary).proxy().stop()
    gate.wait_until_entered()

    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.01)
    gate.open()
    assert future.get(timeout=PATIENCE) is None
    assert diary.rest() == ["on_start", "on_stop"]


def test_a_stop_of_the_classs_own_is_an_ordinary_method(agent: Any) -> None:
    class Player(agent):  # type: ignore[misc]
        def stop(self) -> str:  # type: ignore[override]
            return "the music stops"

    proxy = Player.start().proxy()

    assert proxy.stop().get(timeout=PATIENCE) == "the music stops"
    assert proxy.actor_ref.is_alive()
    assert proxy.run(lambda _agent: "still there").get() == "still there"
    assert proxy.actor_ref.stop() is True


def test_an_actor_schedules_work_for_itself(runtime: Runtime, diary: Diary) -> None:
    class Worker(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self._in_future = self.actor_ref.proxy()

        def work(self, parts: int) -> None:
            diary.note(f"part {parts}")
            if parts > 1:
                self._in_future.work(parts - 1)
            if parts == 3:
                self.actor_ref.tell("message")
                diary.note("first part done")

        def on_receive(self, message: object) -> None:
            diary.note(message)

    Worker.start().proxy().work(3)

    assert diary.read(5) == ["part 3", "first part done", "part 2", "message", "part 1"]


# --- attributes ---------------------------------------------------------------------------------


def test_an_attribute_is_a_future_of_its_value(car: Any, runtime: Runtime) -> None:
    assert isinstance(car.colour, runtime.future_class)
    assert car.colour.get() == "red"
    assert car.speed.get() == 0
    assert car.nothing.get() is None
    assert car.front.spokes.get() == [1, 2, 3]


def test_what_all_actors_have_is_an_attribute_too(car: Any, runtime: Runtime) -> None:
    assert car.actor_urn.get() == car.actor_ref.actor_urn
    assert car.actor_inbox.get() is car.actor_ref.actor_inbox
    assert car.actor_stopped.get() is car.actor_ref.actor_stopped


def test_a_value_is_read_when_it_is_the_turn_of_the_read(car: Any) -> None:
    car.accelerate(10)
    ten = car.speed
    car.accelerate(10)

    assert ten.get() == 10


def test_what_was_a_value_may_be_anything_else_the_next_time(runtime: Runtime) -> None:
    class Chameleon(runtime.actor_class):  # type: ignore[name-defined,misc]
        shade = "grey"

        def __init__(self) -> None:
            super().__init__()
            self.colour: Any = "red"

        def change(self, colour: Any) -> None:
            self.colour = colour

        def forget(self) -> None:
            del self.colour

    proxy = Chameleon.start().proxy()
    for value in ("red", 7, None, "blue"):
        proxy.change(value).get()
        assert proxy.colour.get() == value
        assert proxy.shade.get() == "grey"
    proxy.change(Tyre()).get()
    assert proxy.colour.pressure.get() == 2.2  # it is gone into
    del proxy.__dict__["colour"]  # what is gone into once stays a proxy
    proxy.change("green").get()
    assert proxy.colour.get() == "green"
    proxy.change(Horn()).get()
    assert proxy.colour(2).get() == "honkhonk"
    del proxy.__dict__["colour"]
    proxy.forget().get()
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = proxy.colour
    with mock.patch.object(Chameleon, "colour", property(lambda self: "patched"), create=True):
        assert proxy.colour.get() == "patched"
    with mock.patch.object(Chameleon, "shade", return_value="called"):
        assert proxy.shade().get() == "called"


def test_whether_an_actor_counts_as_true_is_not_asked(runtime: Runtime) -> None:
    class Shy(runtime.actor_class):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.value = 1

        def __bool__(self) -> bool:
            raise RuntimeError("asked on another thread")

    proxy = Shy.start().proxy()
    assert proxy.value.get() == 1
    assert proxy.value.get() == 1
    assert "value" in dir(proxy)


def test_a_property_is_read_at_each_access(car: Any) -> None:
    assert car.limit.get() == 100
    car.grow("_limit", 120).get()
    assert car.limit.get() == 120


def test_a_property_that_raises_gives_its_error_to_the_reader(car: Any) -> None:
    future = car.broken

    with pytest.raises(RuntimeError, match="read"):
        future.get()
    assert car.actor_ref.is_alive()


def test_an_attribute_of_a_dead_actor(car: Any) -> None:
    car.actor_ref.stop()

    future = car.colour

    with pytest.raises(pykka.ActorDeadError, match="not found"):
        future.get(timeout=0)


def test_a_slot_is_an_attribute(runtime: Runtime) -> None:
    class Slotted(runtime.actor_class):  # type: ignore[name-defined, misc]
        __slots__ = ("value",)

        def __init__(self) -> None:
            super().__init__()
            self.value = 1

        def read(self) -> int:
            return self.value

    proxy = Slotted.start().proxy()
    proxy.value = 2

    assert proxy.value.get() == 2
    assert proxy.read().get() == 2


def test_a_slot_that_is_empty_is_the_readers_error(runtime: Runtime) -> None:
    class Slotted(runtime.actor_class):  # type: ignore[name-defined, misc]
        __slots__ = ("value",)

    proxy = Slotted.start().proxy()

    with pytest.raises(AttributeError, match="value"):
        proxy.value.get()
    assert proxy.actor_ref.is_alive()


# --- setting attributes -------------------------------------------------------------------------


def test_an_attribute_is_set(car: Any) -> None:
    car.colour = "blue"
    car.new = "new"
    car.limit = 50

    assert car.colour.get() == "blue"
    assert car.new.get() == "new"
    assert car.limit.get() == 50
    assert type(car._actor).colour == "red"


def test_setting_waits_until_it_is_done(
    agent: Any, gate: Gate, diary: Diary, in_thread: Callable[..., threading.Thread]
) -> None:
    class Slow(agent):  # type: ignore[misc]
        @property
        def value(self) -> None:
            raise NotImplementedError

        @value.setter
        def value(self, value: object) -> None:
            gate()
            diary.note(value)

    proxy = Slow.start(diary).proxy()

    def set_it() -> None:
        proxy.value = "set"
        diary.note("went on")

    in_thread(set_it)
    gate.wait_until_entered()
    gate.open()

    assert diary.read(3) == ["on_start", "set", "went on"]


def test_setting_raises_what_the_setter_raises(car: Any) -> None:
    with pytest.raises(ValueError, match="no such limit"):
        car.limit = -1
    with pytest.raises(AttributeError):
        car.broken = 1

    assert car.limit.get() == 100
    assert car.actor_ref.is_alive()


@needs("own thread")
def test_setting_is_done_in_the_actor(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "attribute":
                super().__setattr__("set_by", threading.current_thread())

        def thread(self) -> threading.Thread:
            return threading.current_thread()

    proxy = Some.start().proxy()
    proxy.attribute = 1

    assert proxy.set_by.get() is proxy.thread().get()


def test_setting_an_attribute_of_a_traversable_one(car: Any) -> None:
    car.front.tyre.pressure = 1.5

    assert car.front.tyre.pressure.get() == 1.5


def test_setting_replaces_a_method(car: Any) -> None:
    assert car.inherited().get() == "from Vehicle"
    car.inherited = lambda: "replaced"

    assert car.inherited().get() == "replaced"


def test_a_name_may_change_its_kind_when_it_is_set(car: Any) -> None:
    assert car.inherited().get() == "from Vehicle"
    assert car.front.tyre.pressure.get() == 2.2

    car.inherited = "a value"
    car.front = "no wheel"
    car.colour = lambda: "a method"

    assert car.inherited.get() == "a value"
    assert car.front.get() == "no wheel"
    assert car.colour().get() == "a method"


def test_private_attributes_and_actor_ref_stay_on_the_proxy(car: Any, car_class: Any) -> None:
    other = car_class.start()

    car._hidden = "the proxy's"
    assert car._hidden == "the proxy's"
    assert car._actor._hidden == "hidden"

    actor = car._actor
    car.actor_ref = other
    assert car.actor_ref == other
    assert actor.actor_ref != other


def test_setting_an_attribute_of_a_dead_actor_raises(car: Any) -> None:
    car.actor_ref.stop()

    with pytest.raises(pykka.ActorDeadError, match="not found"):
        car.colour = "blue"


# --- traversable --------------------------------------------------------------------------------


def test_traversable_returns_what_it_marks() -> None:
    wheel = Horn()

    assert pykka.traversable(wheel) is wheel
    assert pykka.traversable(Horn) is Horn


def test_a_traversable_attribute_is_a_proxy_the_same_at_every_access(car: Any) -> None:
    assert isinstance(car.front, pykka.ActorProxy)
    assert car.front is car.front
    assert car.front.tyre is car.front.tyre
    assert car.front.actor_ref == car.actor_ref


@pytest.mark.parametrize("mark", ["function", "decorator", "attribute", "private attribute"])
def test_ways_to_mark(runtime: Runtime, mark: str) -> None:
    class Playback:
        def play(self) -> bool:
            return True

    playback = Playback()
    if mark == "function":
        pykka.traversable(playback)
    elif mark == "decorator":
        pykka.traversable(Playback)
    elif mark == "attribute":
        Playback.pykka_traversable = True  # type: ignore[attr-defined]
    else:
        Playback._pykka_traversable = True  # type: ignore[attr-defined]

    class Player(runtime.actor_class):  # type: ignore[name-defined, misc]
        on_class = playback

        def __init__(self) -> None:
            super().__init__()
            self.on_instance = playback

    player = Player.start().proxy()
    assert player.on_class.play().get() is True
    assert player.on_instance.play().get() is True


def test_what_is_not_marked_is_a_value(runtime: Runtime) -> None:
    class Playback:
        pykka_traversable = "yes"

    class Unmarked:
        pass

    class Player(runtime.actor_class):  # type: ignore[name-defined, misc]
        almost = Playback()
        unmarked = Unmarked()

    player = Player.start().proxy()
    assert type(player.almost.get()) is Playback
    assert type(player.unmarked.get()) is Unmarked


def test_subclasses_of_a_marked_class_are_marked(runtime: Runtime) -> None:
    class SmallWheel(Wheel):
        pass

    class Bike(runtime.actor_class):  # type: ignore[name-defined, misc]
        wheel = SmallWheel()

    assert Bike.start().proxy().wheel.tyre.pressure.get() == 2.2


def test_methods_and_attributes_at_any_depth(car: Any) -> None:
    assert car.front.tyre.inflate(0.3).get() == 2.5
    assert car.front.tyre.pressure.get() == 2.5
    assert car.rear.tyre.pressure.get() == 2.2
    assert car.spare.worn.get() is True
    assert car.front.tyre.inflate.defer(0.5) is None
    assert car.front.tyre.pressure.get() == 3.0


def test_an_object_with_slots_can_be_gone_into(car: Any) -> None:
    assert car.slotted.turn().get() == "turns 26 inches"
    assert car.slotted.size.get() == 26
    car.slotted.size = 28
    assert car.slotted.size.get() == 28


def test_what_can_be_called_is_a_method_though_it_is_marked(runtime: Runtime) -> None:
    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        horn = pykka.traversable(Horn())

    assert Some.start().proxy().horn().get() == "honk"


# --- proxies as attributes ----------------------------------------------------------------------


def test_a_public_proxy_to_the_actor_itself_is_skipped_with_a_warning(
    agent: Any, log: Log
) -> None:
    class Selfish(agent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.me = self.actor_ref.proxy()

    ref = Selfish.start()
    proxy = ref.proxy()

    [record] = log.find("WARNING", "is a proxy to itself")
    assert record.message == (
        f"{ref} attribute 'me' is a proxy to itself. "
        "Consider making it private by renaming it to '_me'."
    )
    with pytest.raises(AttributeError, match="has no attribute 'me'"):
        proxy.me  # noqa: B018
    assert proxy.run(lambda _agent: "works").get() == "works"


def test_a_private_proxy_to_the_actor_itself_is_fine(agent: Any, log: Log) -> None:
    class Selfish(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            self._me = self.actor_ref.proxy()

    Selfish.start().proxy().run(lambda agent: agent.actor_ref.proxy() and None).get()

    assert log.find("WARNING") == []


def test_a_proxy_to_another_actor_is_a_value(agent: Any, log: Log) -> None:
    class Pair(agent):  # type: ignore[misc]
        def __init__(self, other: object) -> None:
            super().__init__()
            self.other = other

    other = agent.start().proxy()

    assert Pair.start(other).proxy().other.get() is other
    assert log.find("WARNING") == []


# --- mocks and hand-written proxy classes -------------------------------------------------------


def test_a_patch_of_the_class_is_seen_by_proxies_made_before(car: Any, car_class: Any) -> None:
    assert car.inherited().get() == "from Vehicle"

    with mock.patch.object(car_class, "inherited", return_value="patched") as patched:
        assert car.inherited().get() == "patched"

    patched.assert_called_once_with()
    assert car.inherited().get() == "from Vehicle"


def test_mocks_as_class_attributes(car: Any, car_class: Any) -> None:
    with mock.patch.object(car_class, "colour", new=mock.NonCallableMock()) as value:
        assert car.colour.get() is value
    with mock.patch.object(car_class, "inherited", new=mock.Mock(return_value=1)) as method:
        assert car.inherited(2).get() == 1
    method.assert_called_once_with(2)


def test_a_property_mock_is_a_property(car: Any, car_class: Any) -> None:
    with mock.patch.object(
        car_class, "limit", new_callable=mock.PropertyMock, return_value=5
    ) as limit:
        assert car.limit.get() == 5
    limit.assert_called_once_with()


def test_mocks_as_instance_attributes(runtime: Runtime) -> None:
    consumer = mock.Mock(return_value="consumed")
    thing = mock.NonCallableMagicMock()

    class Producer(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.consumer = consumer
            self.thing = thing

        def produce(self) -> None:
            self.consumer.consume({"item": 1})

    producer = Producer.start().proxy()

    producer.produce().get()
    consumer.consume.assert_called_once_with({"item": 1})
    assert producer.consumer("item").get() == "consumed"
    assert producer.thing.get() is thing


def test_a_proxy_class_with_type_hints(agent: Any) -> None:
    class CounterActor(agent):  # type: ignore[misc]
        count = 3

        def increase(self, by: int) -> int:
            return self.count + by

    class CounterProxy(ActorMemberMixin, pykka.ActorProxy[CounterActor]):  # type: ignore[misc]
        count = proxy_field(CounterActor.count)
        increase = proxy_method(CounterActor.increase)

    ref = CounterActor.start()
    made = CounterProxy(actor_ref=ref)
    mocked = mock.Mock(spec=CounterProxy)

    assert isinstance(made, pykka.ActorProxy)
    assert made == ref.proxy()
    assert mocked.increase(1) is mocked.increase.return_value
    assert mocked.stop() is mocked.stop.return_value
    with pytest.raises(AttributeError):
        mocked.decrease  # noqa: B018

"""Looking at objects without running any of their code."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from pykka._ref.introspection import (
    Kind,
    examine,
    find_all,
    follow_path,
    nearest,
    public_names,
)


def explode(*_args: object, **_kwargs: object) -> Any:
    raise AssertionError("introspection ran code of the object")


class ExplosiveMeta(type):
    """The class of a class that fails the test if it is asked anything."""

    __instancecheck__ = __subclasscheck__ = __eq__ = __bool__ = __getattr__ = explode
    __hash__ = type.__hash__
    mro_entry = "of the metaclass"


class ExplosiveDescriptor:
    __get__ = explode


class Explosive(metaclass=ExplosiveMeta):
    """An object that fails the test if any of its code runs."""

    read = property(explode)
    descriptor = ExplosiveDescriptor()
    method = explode

    __getattr__ = __getattribute__ = __eq__ = __bool__ = __len__ = __dir__ = explode
    __hash__ = None  # type: ignore[assignment]


def make(cls: type) -> Any:
    """Make an object that holds one attribute, without running code of its class."""
    made = object.__new__(cls)
    object.__getattribute__(made, "__dict__")["held"] = 1
    return made


class Slotted:
    __slots__ = ("empty", "full")
    pykka_traversable = True

    def __init__(self) -> None:
        self.full = 1


class Thing:
    value = 1
    none = None
    annotated: int
    empty: list[int] = []  # noqa: RUF012
    read = property(lambda _self: 1)
    cached = functools.cached_property(lambda _self: 1)
    partial = functools.partialmethod(print)
    single = functools.singledispatchmethod(print)
    builtin = len
    cls = int
    slotted = Slotted()
    lambda_ = lambda self: 1  # noqa: E731
    _private = 1

    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...

    @classmethod
    def of_class(cls) -> None: ...


class Child(Thing):
    value = "overridden"


METHOD, TRAVERSABLE, VALUE, MISSING = Kind.METHOD, Kind.TRAVERSABLE, Kind.VALUE, Kind.MISSING


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("value", VALUE),
        ("none", VALUE),
        ("annotated", MISSING),
        ("empty", VALUE),
        ("read", VALUE),
        ("cached", VALUE),
        ("partial", METHOD),
        ("single", METHOD),
        ("builtin", METHOD),
        ("cls", METHOD),
        ("slotted", TRAVERSABLE),
        ("lambda_", METHOD),
        ("method", METHOD),
        ("static", METHOD),
        ("of_class", METHOD),
        ("_private", VALUE),
        ("nothing", MISSING),
    ],
)
def test_kinds(name: str, kind: Kind) -> None:
    assert examine(Thing(), name)[0] is kind
    assert examine(Child(), name)[0] is kind


def test_the_instance_goes_before_the_class() -> None:
    thing = Thing()
    thing.method = 1  # type: ignore[method-assign, assignment]
    thing.value = thing.static  # type: ignore[assignment]
    thing.none = Slotted()  # type: ignore[assignment]

    assert examine(thing, "method") == (VALUE, 1)
    assert examine(thing, "value")[0] is METHOD
    assert examine(thing, "none") == (TRAVERSABLE, thing.none)


def test_a_data_descriptor_of_the_class_goes_before_the_instance() -> None:
    thing = Thing()
    thing.__dict__["read"] = lambda: 1

    assert examine(thing, "read") == (VALUE, Thing.__dict__["read"])


def test_subclasses_go_first() -> None:
    assert examine(Child(), "value") == (VALUE, "overridden")
    assert examine(Thing(), "value") == (VALUE, 1)


def test_slots() -> None:
    assert examine(Slotted(), "full")[0] is VALUE
    assert examine(Slotted(), "empty")[0] is VALUE
    assert examine(Slotted(), "other")[0] is MISSING
    assert public_names(Slotted()) == ["empty", "full", "pykka_traversable"]


@pytest.mark.parametrize("mark", ["_pykka_traversable", "pykka_traversable"])
@pytest.mark.parametrize("value", [True, False, 1])
def test_a_mark_in_a_slot(mark: str, value: object) -> None:
    slotted = type("Marked", (), {"__slots__": (mark,)})
    thing = Thing()
    thing.none = slotted()
    assert examine(thing, "none")[0] is VALUE, "the slot is empty"

    setattr(thing.none, mark, value)
    assert examine(thing, "none")[0] is (TRAVERSABLE if value is True else VALUE)

    thing.none = slotted  # the class itself has no mark, but a place for one
    assert examine(thing, "none")[0] is METHOD


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("held", VALUE),
        ("read", VALUE),
        ("descriptor", VALUE),
        ("method", METHOD),
        ("mro_entry", MISSING),
        ("nothing", MISSING),
    ],
)
def test_no_code_of_the_object_runs(name: str, kind: Kind) -> None:
    assert examine(make(Explosive), name)[0] is kind


def test_no_code_of_what_the_object_holds_runs() -> None:
    thing = Thing()
    explosive = thing.__dict__["explosive"] = make(Explosive)

    kind, value = examine(thing, "explosive")

    assert kind is VALUE
    assert value is explosive
    assert find_all(thing, Sought) == []
    assert "explosive" in public_names(thing)
    assert public_names(explosive) == ["descriptor", "held", "method", "read"]


def test_no_code_of_a_metaclass_that_guards_everything_runs() -> None:
    class Guard(type):
        __getattribute__ = explode

    class Guarded(metaclass=Guard):
        value = 1

        def method(self) -> None: ...

    guarded = make(Guarded)

    assert examine(guarded, "value") == (VALUE, 1)
    assert examine(guarded, "held") == (VALUE, 1)
    assert examine(guarded, "method")[0] is METHOD
    assert public_names(guarded) == ["held", "method", "value"]


def test_a_class_has_its_own_attributes() -> None:
    assert examine(Thing, "value") == (VALUE, 1)
    assert examine(Child, "value") == (VALUE, "overridden")
    assert examine(Thing, "mro")[0] is MISSING
    assert "method" in public_names(Child)


@pytest.mark.parametrize("mark", ["_pykka_traversable", "pykka_traversable"])
@pytest.mark.parametrize("value", [True, False, 1, "yes", None])
def test_only_true_is_a_mark(mark: str, value: object) -> None:
    thing = Thing()
    thing.none = type("Marked", (), {mark: value})()

    assert examine(thing, "none")[0] is (TRAVERSABLE if value is True else VALUE)


def test_a_mark_on_the_instance() -> None:
    thing = Thing()
    thing.none = Thing()  # type: ignore[assignment]
    assert examine(thing, "none")[0] is VALUE

    thing.none.__dict__["_pykka_traversable"] = True

    assert examine(thing, "none")[0] is TRAVERSABLE


def test_follow() -> None:
    thing, inner = Thing(), Thing()
    thing.none = inner  # type: ignore[assignment]
    inner.none = "goal"  # type: ignore[assignment]

    assert follow_path(thing, ()) is thing
    assert follow_path(thing, ("none", "none")) == "goal"
    assert follow_path(thing, ("none", "nowhere", "none")) is None
    assert follow_path(thing, ("none", "none", "none")) is None


def test_public_names_are_sorted_and_complete() -> None:
    child = Child()
    child.late = 1  # type: ignore[attr-defined]
    child._hidden = 1  # type: ignore[attr-defined]

    names = public_names(child)

    assert names == sorted(names)
    assert {"late", "value", "method", "read"} <= set(names)
    assert not any(name.startswith("_") for name in names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("colour", "color"), ("pauze", "pause"), ("stop", "stop"), ("xyzzy", None), ("", None)],
)
def test_nearest(name: str, expected: str | None) -> None:
    assert nearest(name, ["color", "pause", "play", "stop"]) == expected


class Sought:
    pass


def test_find_all_looks_at_the_object_its_classes_and_what_is_traversable() -> None:
    class Base:
        on_base, hidden = Sought(), Sought()

    class Holder(Base):
        hidden = None  # type: ignore[assignment]
        _private = Sought()
        inner: Any
        other: Any

    holder, other = Holder(), Thing()
    inner = type("Inner", (), {"pykka_traversable": True})()
    inner.deep = Sought()
    inner.circle = inner
    other.sought = Sought()  # type: ignore[attr-defined]
    holder.inner, holder.again, holder.other = inner, inner, other  # type: ignore[attr-defined]

    assert [path for path, _value in find_all(holder, Sought)] == [("on_base",), ("inner", "deep")]


def test_find_all_sees_what_a_class_gets_later() -> None:
    class Holder:
        late: Any = None

    assert find_all(Holder(), Sought) == []
    Holder.late = Sought()
    assert find_all(Holder(), Sought) == [(("late",), Holder.late)]


def test_attributes_may_be_added_while_somebody_looks() -> None:
    thing = Thing()
    for number in range(100):
        thing.__dict__[f"attribute_{number}"] = Sought()
    stop = threading.Event()

    def grow() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            thing.__dict__[f"late_{number}"] = number
            thing.__dict__.pop(f"late_{number - 50}", None)

    grower = threading.Thread(target=grow)
    grower.start()
    try:
        for _ in range(300):
            assert len(find_all(thing, Sought)) == 100
    finally:
        stop.set()
        grower.join()

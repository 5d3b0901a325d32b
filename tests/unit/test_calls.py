"""What refs remember of the methods that they were given."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._ref import calls


def make_class() -> Any:
    class Account(pykka.PooledActor):
        def deposit(self, amount: int, *, note: str = "") -> int:
            return amount

        def take_anything(self, *args: Any, **kwargs: Any) -> int:
            return len(args) + len(kwargs)

    return Account


@pytest.fixture
def account_class() -> Any:
    return make_class()


def get(future: pykka.Future[Any]) -> Any:
    return future.get(timeout=PATIENCE)


def remembered(cls: Any) -> dict[str, set[Any]]:
    found = vars(cls).get("_pykka_calls", {})
    return {function.__name__: set(shapes) for function, shapes in found.items()}


def test_the_shapes_of_calls_that_were_right_are_remembered(account_class: Any) -> None:
    account = account_class.start()
    get(account.call(account_class.deposit, 1))
    get(account.call(account_class.deposit, 1, note="a gift"))
    with pytest.raises(TypeError):
        account.call(account_class.deposit)
    with pytest.raises(TypeError):
        account.call(account_class.deposit, 1, mark="a gift")
    assert remembered(account_class) == {"deposit": {1, (1, "note")}}


def test_each_class_remembers_for_itself(account_class: Any) -> None:
    class Savings(account_class):  # type: ignore[misc]
        def earn(self) -> str:
            return "interest"

    account, savings = account_class.start(), Savings.start()
    get(account.call(account_class.deposit, 1))
    assert get(savings.call(Savings.earn)) == "interest"
    get(savings.call(account_class.deposit, 1))
    assert remembered(account_class) == {"deposit": {1}}
    assert remembered(Savings) == {"earn": {0}, "deposit": {1}}
    assert remembered(pykka.Actor) == {}
    with pytest.raises(TypeError, match="earn"):
        account.call(Savings.earn)


def test_functions_of_no_class_are_not_remembered(account_class: Any) -> None:
    account = account_class.start()
    for _ in range(3):
        get(account.call(lambda _actor: None))
    assert remembered(account_class) == {}


def test_what_one_instance_has_is_not_remembered_for_all(account_class: Any) -> None:
    one, other = account_class.start(), account_class.start()
    one.proxy().deposit = lambda: "nothing"
    assert get(one.call(account_class.deposit)) == "nothing"
    assert remembered(account_class) == {}
    with pytest.raises(TypeError, match="'amount' is missing"):
        other.call(account_class.deposit)


def test_a_class_is_not_kept_alive() -> None:
    cls = make_class()
    ref = cls.start()
    get(ref.call(cls.deposit, 1))
    assert remembered(cls)
    ref.stop()
    gone = weakref.ref(cls)
    del cls, ref
    gc.collect()
    assert gone() is None


def test_no_more_than_so_many_shapes_are_remembered(
    account_class: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST", 5)
    account = account_class.start()
    for count in range(20):
        assert get(account.call(account_class.take_anything, *range(count))) == count
        assert get(account.call(account_class.take_anything, **{f"x{count}": 1})) == 1
        assert len(remembered(account_class)["take_anything"]) <= 5


def test_no_more_than_so_many_functions_are_remembered(
    account_class: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST", 5)
    account = account_class.start()
    for number in range(20):
        account_class.changing = lambda _self, number=number: number
        assert get(account.call(account_class.changing)) == number
        assert len(vars(account_class)["_pykka_calls"]) <= 5


def test_a_metaclass_may_refuse_attributes() -> None:
    class Frozen(type(pykka.Actor)):  # type: ignore[misc]
        def __setattr__(cls, name: str, value: object) -> None:
            raise AttributeError(name)

    class Account(pykka.PooledActor, metaclass=Frozen):
        def deposit(self) -> str:
            return "done"

    account = Account.start()
    for _ in range(2):
        assert get(account.call(Account.deposit)) == "done"
    assert remembered(Account) == {"deposit": {0}}


class Unhashable:
    """A callable object that neither can be compared, nor be a key of a dict."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __call__(self, actor: object, *args: object) -> str:
        return "called"


def test_no_code_of_what_is_called_is_run_by_the_caller(account_class: Any) -> None:
    account_class.horn = horn = Unhashable()
    account = account_class.start()
    assert get(account.call(Unhashable())) == "called"
    assert get(account.call(horn, None)) == "called"
    assert get(account.call(account_class.deposit, 1)) == 1


def test_decorators_that_go_in_a_circle(account_class: Any) -> None:
    def round_and_round(_actor: object) -> str:
        return "free"

    round_and_round.__wrapped__ = round_and_round  # type: ignore[attr-defined]
    account = account_class.start()
    assert get(account.call(round_and_round)) == "free"


@pytest.mark.parametrize(
    ("parameters", "args", "kwargs"),
    [
        ("self", 0, ""),
        ("self, a, b=1", 1, ""),
        ("self, a, b=1", 2, ""),
        ("self, a, b=1", 0, "a"),
        ("self, a, b=1", 0, "b"),
        ("self, a, b=1", 1, "a"),
        ("self, a, b=1", 3, ""),
        ("self, a, /, b", 0, "ab"),
        ("self, a, /, **c", 1, "a"),
        ("self, a, /, **c", 0, "a"),
        ("self, *a, b", 3, ""),
        ("self, *a, b", 3, "b"),
        ("self, *a, b=1", 3, "c"),
        ("self, *, a, b=1", 0, "a"),
        ("self, *, a, b=1", 0, "ab"),
        ("self, *, a, b=1", 0, "b"),
        ("self, *, a, b=1", 1, "a"),
        ("*args", 5, ""),
        ("**kwargs", 0, "a"),
        ("", 0, ""),
        ("self, **c", 0, "self"),
    ],
)
def test_arguments_are_bound_as_python_does(parameters: str, args: int, kwargs: str) -> None:
    names: dict[str, Any] = {}
    exec(f"def function({parameters}): return 'called'", names)  # noqa: S102
    named = dict.fromkeys([kwargs] if kwargs == "self" else list(kwargs))
    fault = calls._misfit(names["function"], args + 1, named, 1)
    error = None
    try:
        names["function"](*range(args + 1), **named)
    except TypeError as raised:
        error = raised
    assert (fault is None) == (error is None), error


class Base(pykka.PooledActor):
    def over(self, first: int, second: int = 2) -> int:
        return first + second


class Narrow(Base):
    def over(self, first: int) -> int:  # type: ignore[override]
        return first


def test_what_was_right_for_a_class_is_not_taken_to_be_so_for_its_subclasses() -> None:
    base, narrow = Base.start(), Narrow.start()
    assert base.call(Base.over, 1, 2).get() == 3
    with pytest.raises(TypeError, match=r"Narrow.over\(\)"):
        narrow.defer(Base.over, 1, 2)
    with pytest.raises(TypeError, match=r"Narrow.over\(\)"):
        narrow.call(Base.over, 1, 2)
    assert narrow.call(Base.over, 1).get() == 1
    pykka.ActorRegistry.stop_all()

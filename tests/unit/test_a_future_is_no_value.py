"""A future that is taken for its value says so, instead of being empty in silence."""

from __future__ import annotations

import asyncio
import copy
import opcode
import sys
from types import coroutine as generator_based
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._futures import future as _future
from pykka.resilience import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.thinned


class Source(pykka.ThreadingActor):
    def rows(self) -> list[int]:
        return [1, 2, 3]

    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def ref() -> Iterator[pykka.ActorRef[Source]]:
    ref = Source.start()
    yield ref
    ref.stop()


MAKERS: dict[str, Callable[[pykka.ActorRef[Any]], Any]] = {
    "call": lambda ref: ref.proxy().rows(),
    "ask": lambda ref: ref.ask([1, 2, 3], block=False),
    "map": lambda ref: ref.proxy().rows().map(list),
    "filter": lambda ref: ref.proxy().rows().filter(bool),
    "join": lambda ref: ref.proxy().rows().join(ref.proxy().rows()).map(lambda pair: pair[0]),
    "retry": lambda ref: Retry(ref).ask([1, 2, 3], block=False),
    "stop": lambda ref: ref.stop(block=False).map(lambda _stopped: [1, 2, 3]),
}


@pytest.fixture(params=MAKERS)
def future(request: pytest.FixtureRequest, ref: pykka.ActorRef[Any]) -> Any:
    return MAKERS[request.param](ref)


def loop_over(future: Any) -> None:
    for _item in future:
        raise AssertionError


def unpack(future: Any) -> None:
    _a, _b, _c = future


def unpack_some(future: Any) -> None:
    _a, *_rest = future


def comprehend(future: Any) -> None:
    [item for item in future]  # noqa: C416


def use_in_generator(future: Any) -> None:
    list(item for item in future)  # noqa: C400


def yield_from_iter(future: Any) -> None:
    def generate() -> Any:
        yield from iter(future)

    list(generate())


async def loop_in_coroutine(future: Any) -> None:
    for _item in future:
        raise AssertionError


USES: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "set": set,
    "sum": sum,
    "sorted": sorted,
    "iter": iter,
    "enumerate": enumerate,
    "zip": lambda future: list(zip(future, [1], strict=False)),
    "map": lambda future: list(map(str, future)),
    "for": loop_over,
    "in": lambda future: 1 in future,
    "not in": lambda future: 1 not in future,
    "unpacking": unpack,
    "unpacking with a star": unpack_some,
    "star": lambda future: [*future],
    "call with a star": lambda future: max(*future),
    "extend": [].extend,
    "comprehension": comprehend,
    "generator": use_in_generator,
    "yield from iter": yield_from_iter,
    "coroutine": lambda future: asyncio.run(loop_in_coroutine(future)),
}


@pytest.mark.parametrize("use", USES)
def test_it_is_a_type_error_that_says_what_to_do(use: str, future: Any) -> None:
    with pytest.raises(TypeError) as info:
        USES[use](future)
    text = str(info.value)
    assert "this is a future of a value" in text
    assert ".get()" in text
    assert "await" in text


def traced(function: Callable[[], Any]) -> Any:
    """Call a function while every instruction is traced."""

    def trace(frame: Any, _event: str, _arg: object) -> Any:
        # CPython 3.12 crashes if each instruction is traced.
        frame.f_trace_opcodes = sys.version_info[:2] != (3, 12)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return function()
    finally:
        sys.settrace(before)


def plain(function: Callable[[], Any]) -> Any:
    return function()


@generator_based
def wait_for(future: Any) -> Any:
    value = yield from future
    return value


async def use(future: Any) -> Any:
    return await wait_for(future)


async def use_await(future: Any) -> Any:
    return await future


@pytest.mark.parametrize("how", [plain, traced])
@pytest.mark.parametrize("coroutine", [use, use_await])
@pytest.mark.parametrize("rounds", [1, 50])
def test_to_wait_for_it_goes_on(
    how: Any, coroutine: Any, rounds: int, ref: pykka.ActorRef[Any]
) -> None:
    """Fifty times, so that the interpreter specialises the code."""
    make = MAKERS["call"]
    for _ in range(rounds):
        assert how(lambda: asyncio.run(coroutine(make(ref)))) == [1, 2, 3]


@pytest.mark.parametrize("coroutine", [use, use_await])
def test_to_wait_for_each_kind_goes_on(coroutine: Any, future: Any) -> None:
    assert asyncio.run(coroutine(future)) == [1, 2, 3]


@pytest.mark.parametrize("how", [plain, traced])
def test_a_loop_is_refused_while_it_is_traced(how: Any, ref: pykka.ActorRef[Any]) -> None:
    for _ in range(20):
        with pytest.raises(TypeError, match="this is a future"):
            how(lambda: loop_over(MAKERS["call"](ref)))


def test_a_release_without_that_instruction_takes_everything_for_waiting(
    monkeypatch: pytest.MonkeyPatch, ref: pykka.ActorRef[Any]
) -> None:
    monkeypatch.setattr(opcode, "opmap", {})
    assert _future.is_iterated_over(sys._getframe()) is False
    assert asyncio.run(use(MAKERS["call"](ref))) == [1, 2, 3]


def test_a_missing_attribute(future: Any) -> None:
    assert not hasattr(future, "nothing")
    assert getattr(future, "nothing", 3) == 3
    with pytest.raises(AttributeError) as info:
        future.append(4)
    assert "'append'" in str(info.value)
    # Before, the method that says so would make each ask slower.
    assert ("call .get() on it" in str(info.value)) is (sys.version_info >= (3, 12))


def test_what_looks_at_objects_sees_no_difference(future: Any) -> None:
    assert not callable(future)
    assert bool(future) is True
    assert copy.copy(future) is future
    assert copy.deepcopy(future) is future
    for name in ("__call__", "__len__", "__getitem__", "__add__", "__aiter__", "__next__"):
        assert not hasattr(future, name)
    assert mock.Mock(spec=future) is not None
    assert future.get(timeout=PATIENCE) == [1, 2, 3]


USES_OF_PYTHON: list[Callable[[Any], Any]] = [
    lambda future: future + 1,
    lambda future: future[0],
    len,
    lambda future: future(),
    lambda future: future < 1,
]


@pytest.mark.parametrize("number", range(len(USES_OF_PYTHON)))
def test_pythons_own_errors_call_it_a_future(number: int, future: Any) -> None:
    with pytest.raises(TypeError, match="Future"):
        USES_OF_PYTHON[number](future)
    assert "Ask" not in type(future).__name__
    assert repr(future) == "<pykka.Future>"


class Odd(pykka.ThreadingFuture[int]):
    """A future of the user's own, with a property that cannot be read."""

    @property
    def price(self) -> int:
        raise AttributeError("not for sale")


def test_what_a_property_of_a_class_of_ones_own_raises_is_not_replaced() -> None:
    with pytest.raises(AttributeError, match="not for sale"):
        Odd().price  # noqa: B018


class OddRef(pykka.ActorRef[pykka.ThreadingActor]):
    """A ref of the user's own, with a property that cannot be read."""

    @property
    def price(self) -> int:
        raise AttributeError("not for sale")


def test_nor_is_that_of_a_ref() -> None:
    actor = pykka.ThreadingActor()
    with pytest.raises(AttributeError, match="not for sale"):
        OddRef(actor).price  # noqa: B018

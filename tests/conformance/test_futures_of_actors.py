"""Futures: those that actors answer with, and those that a program makes for itself."""

from __future__ import annotations

import asyncio
import queue
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import failing, needs
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Gate
    from tests.conftest import Log, Runtime


@pytest.fixture
def future(runtime: Runtime) -> Any:
    return runtime.future_class()


@pytest.fixture
def new(runtime: Runtime) -> Callable[..., Any]:
    """Make a future, with a value if one is given."""

    def make(*value: object) -> Any:
        made: Any = runtime.future_class()
        if value:
            made.set(*value)
        return made

    return make


# --- get and set --------------------------------------------------------------------------------


def test_a_future_is_a_future(future: Any) -> None:
    assert isinstance(future, pykka.Future)
    assert repr(future) == "<pykka.Future>"


def test_a_value_is_got_as_it_was_set_any_number_of_times(future: Any) -> None:
    value = ["not copied"]

    future.set(value)

    assert future.get() is value
    assert future.get(timeout=0) is value


def test_set_without_a_value_sets_none(future: Any) -> None:
    assert future.set() is None

    assert future.get(timeout=0) is None


def test_get_waits_for_the_value(
    agent: Any, gate: Gate, in_thread: Callable[..., threading.Thread]
) -> None:
    answer = agent.start().ask(gate, block=False)
    gate.wait_until_entered()
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    in_thread(lambda: got.put(answer.get()))

    assert got.empty()
    gate.open()
    assert got.get(timeout=PATIENCE) == "opened"


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_get_raises_timeout(future: Any, timeout: float) -> None:
    with pytest.raises(pykka.Timeout, match=f"^{timeout} seconds"):
        future.get(timeout=timeout)

    future.set("late")
    assert future.get(timeout=timeout) == "late"


def test_timeout_is_keyword_only(future: Any) -> None:
    with pytest.raises(TypeError):
        future.get(1)


def test_a_future_is_set_only_once(future: Any) -> None:
    future.set("first")

    with pytest.raises(queue.Full):
        future.set("second")
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, ValueError("second"), None))

    assert future.get() == "first"


def test_a_future_with_an_exception_is_not_set_again(future: Any) -> None:
    error = ValueError("first")
    future.set_exception((ValueError, error, None))

    with pytest.raises(queue.Full):
        future.set("second")

    with pytest.raises(ValueError, match="first") as info:
        future.get()
    assert info.value is error


def test_generic_alias(runtime: Runtime) -> None:
    assert pykka.Future[int].__origin__ is pykka.Future  # type: ignore[attr-defined]
    assert runtime.future_class[int]().map(str)  # type: ignore[index]


# --- exceptions ---------------------------------------------------------------------------------


def raise_here(error: BaseException) -> None:
    raise error


def set_by_default(future: Any, error: ValueError) -> None:
    try:
        raise_here(error)
    except ValueError:
        future.set_exception()


def set_by_position(future: Any, error: ValueError) -> None:
    try:
        raise_here(error)
    except ValueError as caught:
        future.set_exception((type(caught), caught, caught.__traceback__))


def set_alone(future: Any, error: ValueError) -> None:
    try:
        raise_here(error)
    except ValueError as caught:
        future.set_exception(caught)


@pytest.mark.parametrize("set_it", [set_by_default, set_by_position, set_alone])
def test_set_exception_keeps_the_exception_and_its_traceback(
    future: Any, set_it: Callable[[object, ValueError], None]
) -> None:
    error = ValueError("no")
    set_it(future, error)

    def getter() -> None:
        future.get()

    for _ in range(2):
        with pytest.raises(ValueError, match="no") as info:
            getter()
        assert info.value is error
        names = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
        assert names.index("getter") < names.index("raise_here")
        assert names.count("getter") == 1


@pytest.mark.parametrize("keyword", [True, False])
def test_set_exception_without_a_traceback(future: Any, keyword: bool) -> None:
    error = ValueError("no")
    exc_info = (ValueError, error, None)
    if keyword:
        future.set_exception(exc_info=exc_info)
    else:
        future.set_exception(exc_info)

    with pytest.raises(ValueError, match="no") as info:
        future.get()
    assert info.value is error


def test_set_exception_with_an_exception(future: Any) -> None:
    error = ValueError("no")
    future.set_exception(error)

    with pytest.raises(ValueError, match="no") as info:
        future.get()
    assert info.value is error


def test_an_answers_traceback_shows_where_the_actor_raised(agent: Any) -> None:
    ref = agent.start()

    with pytest.raises(ValueError, match="no") as info:
        ref.ask(failing(ValueError("no")))

    names = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
    assert names[0] == "test_an_answers_traceback_shows_where_the_actor_raised"
    assert names[-1] == "fail"


# --- get-hooks ----------------------------------------------------------------------------------


def test_a_get_hook_makes_the_value_once(future: Any) -> None:
    timeouts: list[float | None] = []

    def hook(timeout: float | None) -> str:
        timeouts.append(timeout)
        return "made"

    assert future.set_get_hook(hook) is None
    assert timeouts == []

    assert future.get(timeout=PATIENCE) == "made"
    assert future.get() == "made"
    assert timeouts == [PATIENCE]


def test_a_get_hook_gets_none_if_there_is_no_timeout(future: Any) -> None:
    future.set_get_hook(lambda timeout: [timeout])

    assert future.get() == [None]


def test_a_get_hook_that_raises_is_called_again(future: Any) -> None:
    results: list[Any] = [pykka.Timeout("not yet"), KeyError("still not"), "made"]

    def hook(_timeout: float | None) -> object:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    future.set_get_hook(hook)

    with pytest.raises(pykka.Timeout, match="not yet"):
        future.get(timeout=1)
    with pytest.raises(KeyError, match="still not"):
        future.get()
    assert future.get() == "made"
    assert future.get() == "made"


def test_a_get_hook_that_returns_none_is_called_once(future: Any) -> None:
    calls: list[object] = []
    future.set_get_hook(calls.append)

    assert future.get() is None
    assert future.get() is None
    assert calls == [None]


def test_a_get_hook_is_called_once_for_several_threads(future: Any, gate: Gate) -> None:
    calls: list[float | None] = []
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    def hook(timeout: float | None) -> str:
        calls.append(timeout)
        return gate()

    def get() -> None:
        got.put("reads")
        got.put(future.get())

    future.set_get_hook(hook)
    for _ in range(4):
        threading.Thread(target=get).start()
    assert [got.get(timeout=PATIENCE) for _ in range(4)] == ["reads"] * 4
    gate.wait_until_entered()
    gate.open()

    assert [got.get(timeout=PATIENCE) for _ in range(4)] == ["opened"] * 4
    assert calls == [None]


def test_a_future_with_a_get_hook_cannot_be_set(future: Any) -> None:
    future.set_get_hook(lambda _timeout: "from the hook")

    with pytest.raises(queue.Full):
        future.set("set")
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, ValueError("set"), None))

    assert future.get() == "from the hook"


def test_a_get_hook_cannot_be_given_to_a_future_with_a_result(future: Any) -> None:
    future.set("set")

    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _timeout: "from the hook")

    assert future.get() == "set"


# --- filter, join, map, reduce ------------------------------------------------------------------


def test_filter(future: Any) -> None:
    large = future.filter(lambda x: x > 10)
    future.set(range(5, 15))

    assert large.get() == [11, 12, 13, 14]


def test_join(new: Callable[..., Any]) -> None:
    a, b, c = new(), new(), new()
    joined = a.join(b, c)
    c.set(False)
    b.set(123)
    a.set("def")

    assert joined.get() == ["def", 123, False]
    assert a.join().get() == ["def"]


def test_map(future: Any) -> None:
    bar = future.map(lambda x: x["foo"])
    future.set({"foo": "bar"})

    assert bar.get() == "bar"


def test_map_takes_an_iterable_as_one_value(new: Callable[..., Any]) -> None:
    assert new([1, 2, 3]).map(len).get() == 3


@pytest.mark.parametrize(
    ("value", "initial", "result"),
    [
        (["a", "b", "c"], (), "abc"),
        ([1, 2, 3], (), 6),
        ([1, 2, 3], (5,), 11),
        ([], (5,), 5),
    ],
)
def test_reduce(future: Any, value: object, initial: tuple[int, ...], result: object) -> None:
    reduced = future.reduce(lambda x, y: x + y, *initial)
    future.set(value)

    assert reduced.get() == result


def test_filter_and_reduce_of_what_is_not_iterable(new: Callable[..., Any]) -> None:
    for derived in (new(1).filter(bool), new(1).reduce(max), new([]).reduce(max)):
        with pytest.raises(TypeError):
            derived.get()


def test_derived_futures_are_of_the_same_class(runtime: Runtime) -> None:
    class MyFuture(runtime.future_class):  # type: ignore[name-defined, misc]
        pass

    future = MyFuture()
    derived = [future.map(str), future.filter(bool), future.join(future), future.reduce(max)]

    assert {type(each) for each in derived} == {MyFuture}


def test_derived_futures_of_answers(agent: Any, runtime: Runtime) -> None:
    ref = agent.start()
    answer = ref.ask("abc", block=False)

    mapped = answer.map(str.upper)

    assert isinstance(mapped, runtime.future_class)
    assert mapped.get() == "ABC"
    assert answer.filter(lambda letter: letter > "a").get() == ["b", "c"]
    assert answer.join(ref.proxy().run(lambda _agent: 1)).get() == ["abc", 1]
    assert answer.reduce(lambda a, b: b + a).get() == "cba"


def test_the_function_runs_when_the_new_future_is_read(new: Callable[..., Any]) -> None:
    runs: list[int] = []

    mapped = new(1).map(lambda x: runs.append(x) or "mapped")

    assert runs == []
    assert mapped.get() == "mapped"
    assert runs == [1]


@pytest.mark.parametrize("result", ["value", None], ids=repr)
def test_the_function_runs_once(new: Callable[..., Any], result: object) -> None:
    runs: list[object] = []

    def function(*_args: object) -> object:
        runs.append(result)
        return result

    mapped = new("source").map(function)
    reduced = new([1]).reduce(function, 0)

    assert [mapped.get() for _ in range(3)] == [result] * 3
    assert [reduced.get() for _ in range(3)] == [result] * 3
    assert runs == [result] * 2


def test_the_function_runs_once_for_several_threads(new: Callable[..., Any], gate: Gate) -> None:
    runs: list[str] = []
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    def function(_value: object) -> None:
        runs.append("ran")
        gate()

    mapped = new("source").map(function)
    threads = [threading.Thread(target=lambda: got.put(mapped.get())) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.wait_until_entered()
    gate.open()

    assert [got.get(timeout=PATIENCE) for _ in threads] == [None] * 4
    assert runs == ["ran"]


def test_a_function_that_raises_runs_once(new: Callable[..., Any]) -> None:
    runs: list[int] = []
    error = ValueError("no")

    def function(number: int) -> None:
        runs.append(number)
        raise error

    mapped = new(0).map(function)

    for _ in range(2):
        with pytest.raises(ValueError, match="no") as info:
            mapped.get()
        assert info.value is error
    assert runs == [0]


def test_an_exception_goes_through(future: Any) -> None:
    ran: list[object] = []
    error = ValueError("no")
    derived = [future.map(ran.append), future.filter(ran.append), future.join(future)]
    future.set_exception((ValueError, error, None))

    for each in derived:
        with pytest.raises(ValueError, match="no") as info:
            each.get()
        assert info.value is error
    assert ran == []


def test_derived_futures_raise_timeout(future: Any) -> None:
    with pytest.raises(pykka.Timeout):
        future.map(str).get(timeout=0.01)
    with pytest.raises(pykka.Timeout):
        future.join(future).get(timeout=0.01)


# --- get_all ------------------------------------------------------------------------------------


def test_get_all_returns_a_list_of_the_values_in_order(agent: Any) -> None:
    ref = agent.start()
    proxy = ref.proxy()
    futures = [ref.ask(0, block=False), proxy.run(lambda _agent: 1), ref.ask(2, block=False)]

    assert pykka.get_all(futures) == [0, 1, 2]
    assert pykka.get_all((future for future in futures), timeout=PATIENCE) == [0, 1, 2]
    assert pykka.get_all([]) == []


def test_get_all_raises_what_the_first_that_failed_ended_with(agent: Any) -> None:
    ref = agent.start()
    futures = [
        ref.ask("value", block=False),
        ref.ask(failing(ValueError("first")), block=False),
        ref.ask(failing(KeyError("second")), block=False),
    ]

    with pytest.raises(ValueError, match="first"):
        pykka.get_all(futures)


def test_get_all_raises_timeout(new: Callable[..., Any]) -> None:
    with pytest.raises(pykka.Timeout):
        pykka.get_all([new("value"), new()], timeout=0.01)


# --- await --------------------------------------------------------------------------------------


def test_await_an_answer(agent: Any) -> None:
    proxy = agent.start().proxy()

    async def main() -> object:
        return await proxy.run(lambda _agent: "answer")

    assert asyncio.run(main()) == "answer"


def test_await_raises_what_the_future_ended_with(agent: Any) -> None:
    proxy = agent.start().proxy()

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await proxy.run(failing(ValueError("no")))

    asyncio.run(main())


@pytest.mark.parametrize("derive", [lambda f: f, lambda f: f.map(str), lambda f: f.join(f)])
def test_await_lets_other_tasks_run(agent: Any, gate: Gate, derive: Callable[[Any], Any]) -> None:
    future = derive(agent.start().proxy().run(gate))

    async def other_task() -> str:
        for _ in range(10):  # a single turn would not show that the loop goes on
            await asyncio.sleep(0)
        gate.open()
        return "ran meanwhile"

    async def main() -> list[object]:
        return list(await asyncio.gather(wait(), other_task()))

    async def wait() -> object:
        return await future

    assert asyncio.run(main())[1] == "ran meanwhile"
    assert future.get() in ("opened", ["opened", "opened"])


def test_await_without_an_event_loop(agent: Any) -> None:
    async def coroutine() -> object:
        return await agent.start().ask("answer", block=False)

    with pytest.raises(StopIteration) as info:
        coroutine().send(None)

    assert info.value.value == "answer"


# --- many readers, and readers that are actors --------------------------------------------------


def test_any_number_of_threads_may_get(agent: Any, gate: Gate) -> None:
    answer = agent.start().ask(gate, block=False)
    got: queue.SimpleQueue[object] = queue.SimpleQueue()

    def get() -> None:
        got.put("waits")
        got.put(answer.get(timeout=PATIENCE))

    for _ in range(4):
        threading.Thread(target=get).start()
    assert [got.get(timeout=PATIENCE) for _ in range(4)] == ["waits"] * 4
    gate.open()

    assert [got.get(timeout=PATIENCE) for _ in range(4)] == ["opened"] * 4


@needs("blocking handlers")
def test_an_actor_may_wait_for_another_actor(agent: Any) -> None:
    one, other = agent.start(), agent.start().proxy()

    def wait(_agent: object) -> object:
        return other.run(lambda _agent: "from the other").get()

    assert one.ask(wait, timeout=PATIENCE) == "from the other"


def test_a_program_may_set_the_future_of_an_ask(agent: Any, gate: Gate, log: Log) -> None:
    ref = agent.start()
    future = ref.ask(gate, block=False)
    gate.wait_until_entered()

    future.set("set by the program")
    gate.open()

    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"
    assert future.get() == "set by the program"
    [record] = log.wait_for("WARNING", f"Reply from {ref} dropped")
    assert record.name == "pykka"

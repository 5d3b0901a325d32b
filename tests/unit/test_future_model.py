"""Futures do what a plain model of them does, whatever is done with them in whatever order."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable


class NotThereYet(Exception):
    """What the model's `read()` raises where a future raises `Timeout`."""


class HookFailed(Exception):
    """What a get-hook raises."""


@dataclass(eq=False)
class Model:
    """What a future should be: a slot, and at most one way to fill it."""

    value: Any = None
    error: BaseException | None = None
    filled: bool = False
    hook: Hook | None = None
    compute: Callable[[list[Any]], Any] | None = None
    sources: list[Model] = field(default_factory=list)
    callbacks: list[list[Any]] = field(default_factory=list)
    """For each callback, what it was called with."""

    @property
    def taken(self) -> bool:
        """Whether only something else than `set()` may fill the slot, or has."""
        return self.filled or self.hook is not None or self.compute is not None

    def fill(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value, self.error, self.filled = value, error, True

    def done(self) -> bool:
        derived = self.compute is not None and all(source.done() for source in self.sources)
        return self.filled or derived

    def has_hook_somewhere(self) -> bool:
        return self.hook is not None or any(each.has_hook_somewhere() for each in self.sources)

    def read(self) -> Any:
        if not self.filled and self.hook is not None:
            self.fill(self.hook())
        elif not self.filled and self.compute is not None:
            values = [source.read() for source in self.sources]
            try:
                self.fill(self.compute(values))
            except Exception as error:
                self.fill(error=error)
        if not self.filled:
            raise NotThereYet
        if self.error is not None:
            raise self.error
        return self.value


class Hook:
    """A get-hook that raises some times before it returns."""

    def __init__(self, value: Any, failures: int) -> None:
        self.value = value
        self.failures = failures
        self.calls = 0

    def __call__(self, timeout: float | None = 0) -> Any:
        assert timeout == 0
        self.calls += 1
        if self.calls <= self.failures:
            raise HookFailed
        return self.value


Pair = tuple["pykka.ThreadingFuture[Any]", Model]


def outcome_of(read: Callable[[], Any]) -> tuple[str, Any]:
    """What came of reading a future, or its model, in a form that can be compared."""
    try:
        return "value", read()
    except (pykka.Timeout, NotThereYet):
        return "not there yet", None
    except (TypeError, HookFailed) as error:
        return type(error).__name__, None
    except Exception as error:
        return "error", error


def add_one(value: Any) -> Any:
    return value + 1


def add(left: Any, right: Any) -> Any:
    return left + right


def is_odd(item: int) -> bool:
    return item % 2 == 1


values = st.one_of(st.integers(-9, 9), st.lists(st.integers(-9, 9), max_size=3))


class Futures(RuleBasedStateMachine):
    """Some futures and their models, side by side."""

    futures: Bundle[Pair] = Bundle("futures")

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.hooks: list[tuple[Hook, Hook]] = []

    def add(self, future: Any, model: Model) -> Pair:
        self.pairs.append((future, model))
        return future, model

    def derive(self, future: Any, compute: Callable[[list[Any]], Any], *sources: Model) -> Pair:
        return self.add(future, Model(compute=compute, sources=list(sources)))

    @rule(target=futures)
    def make(self) -> Pair:
        return self.add(pykka.ThreadingFuture(), Model())

    @rule(pair=futures, value=values)
    def set(self, pair: Pair, value: Any) -> None:
        future, model = pair
        try:
            future.set(value)
        except pykka.FutureAlreadySetError:
            assert model.taken
        else:
            assert not model.taken
            model.fill(value)

    @rule(pair=futures)
    def set_exception(self, pair: Pair) -> None:
        future, model = pair
        error = ValueError("no")
        try:
            future.set_exception(error)
        except pykka.FutureAlreadySetError:
            assert model.taken
        else:
            assert not model.taken
            model.fill(error=error)

    @rule(pair=futures, value=values, failures=st.integers(0, 2))
    def set_get_hook(self, pair: Pair, value: Any, failures: int) -> None:
        future, model = pair
        if model.compute is not None:
            return  # `map()` and its sisters have taken that place
        hook, model_hook = Hook(value, failures), Hook(value, failures)
        try:
            future.set_get_hook(hook)
        except pykka.FutureAlreadySetError:
            assert model.filled
        else:
            assert not model.filled
            model.hook = model_hook
            self.hooks.append((hook, model_hook))

    @rule(target=futures, pair=futures)
    def map(self, pair: Pair) -> Pair:
        return self.derive(pair[0].map(add_one), lambda values: add_one(values[0]), pair[1])

    @rule(target=futures, pair=futures)
    def filter(self, pair: Pair) -> Pair:
        return self.derive(
            pair[0].filter(is_odd), lambda values: list(filter(is_odd, values[0])), pair[1]
        )

    @rule(target=futures, pair=futures, start=st.lists(st.integers(0, 9), max_size=1))
    def reduce(self, pair: Pair, start: list[int]) -> Pair:
        return self.derive(
            pair[0].reduce(add, *start),
            lambda values: functools.reduce(add, values[0], *start),
            pair[1],
        )

    @rule(target=futures, pair=futures, others=st.lists(futures, max_size=3))
    def join(self, pair: Pair, others: list[Pair]) -> Pair:
        return self.derive(
            pair[0].join(*(future for future, _ in others)),
            list,
            pair[1],
            *(model for _, model in others),
        )

    @rule(pair=futures)
    def get(self, pair: Pair) -> None:
        future, model = pair
        assert outcome_of(lambda: future.get(timeout=0)) == outcome_of(model.read)

    @rule(pair=futures)
    def exception(self, pair: Pair) -> None:
        future, model = pair
        wanted = outcome_of(model.read)
        if wanted[0] in ("not there yet", "HookFailed"):
            assert outcome_of(lambda: future.exception(timeout=0)) == wanted
        elif wanted[0] == "error":
            assert future.exception(timeout=0) is wanted[1]
        else:
            found = future.exception(timeout=0)
            assert wanted[0] == ("value" if found is None else type(found).__name__)

    @rule(some=st.lists(futures, max_size=4))
    def get_all(self, some: list[Pair]) -> None:
        found = outcome_of(lambda: pykka.get_all([future for future, _ in some], timeout=0))
        assert found == outcome_of(lambda: [model.read() for _, model in some])

    @rule(some=st.lists(futures, max_size=4))
    def as_completed(self, some: list[Pair]) -> None:
        models = dict(some)
        if any(model.has_hook_somewhere() and not model.done() for model in models.values()):
            return
        arrivals = pykka.as_completed(models, timeout=0)
        arrived = set()
        while len(arrived) < sum(model.done() for model in models.values()):
            arrived.add(next(arrivals))
        assert all(models[future].done() for future in arrived)
        assert outcome_of(lambda: next(arrivals, "end")) == (
            ("value", "end") if len(arrived) == len(models) else ("not there yet", None)
        )

    @rule(pair=futures)
    def add_done_callback(self, pair: Pair) -> None:
        future, model = pair
        called: list[Any] = []
        model.callbacks.append(called)
        future.add_done_callback(called.append)

    @rule(pair=consumes(futures))
    def forget(self, pair: Pair) -> None:
        """What nobody holds any more still does what is due to others."""

    @invariant()
    def done_is_what_the_model_says(self) -> None:
        for future, model in self.pairs:
            assert future.done() == model.done()

    @invariant()
    def a_hook_is_called_as_often_as_it_is_read(self) -> None:
        assert [hook.calls for hook, _ in self.hooks] == [model.calls for _, model in self.hooks]

    @invariant()
    def callbacks_are_called_once_and_in_time(self) -> None:
        for future, model in self.pairs:
            for called in model.callbacks:
                assert called in ([], [future])
                if called:
                    assert model.done()
                else:
                    assert not model.filled
                    assert not model.done() or model.has_hook_somewhere()


TestFutures = Futures.TestCase

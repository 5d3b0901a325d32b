"""Tests that are simulated: a decorator for pytest, and for whatever else calls functions."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pykka.simulation._explore import RUNS, explore
from pykka.simulation._run import MAX_STEPS, PATIENCE, takes_sim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

F = TypeVar("F", bound="Callable[..., Any]")


def test(
    *,
    runs: int = RUNS,
    seed: int = 0,
    quiet: int | None = None,
    exhaustive: bool = False,
    allow: Collection[str | type[BaseException]] = (),
    teardown: bool = False,
    preemption: float | None = None,
    haste: float | None = None,
    max_steps: int = MAX_STEPS,
    patience: float = PATIENCE,
    carrier: Literal["greenlet", "thread"] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Decorate a test to run many times, each time in another order.

    The arguments are those of `explore()`. The test may have parameters, for example for fixtures
    of pytest, which are set up once, outside the runs. A parameter `sim` gets the `Simulation` of
    each run.

    Returns:
        A decorator. The function that it makes raises `SimulationFailedError`, with a report, if a
        run fails.

    Examples:
        >>> import pykka
        >>> from pykka import simulation
        >>> class Counter(pykka.PooledActor):
        ...     count = 0
        ...     def on_receive(self, message):
        ...         self.count += message
        ...         return self.count
        >>> @simulation.test(runs=20)
        ... def test_counts():
        ...     counter = Counter.start()
        ...     counter.tell(1)
        ...     assert counter.ask(1) == 2
        >>> test_counts()
    """
    said: dict[str, Any] = {
        "runs": runs,
        "seed": seed,
        "quiet": quiet,
        "exhaustive": exhaustive,
        "allow": allow,
        "teardown": teardown,
        "preemption": preemption,
        "haste": haste,
        "max_steps": max_steps,
        "patience": patience,
        "carrier": carrier,
    }

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(function)
        def simulated(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True  # of pytest
            explore(bind(function, args, kwargs), **said).check()

        signature = inspect.signature(function)
        parameters = [each for each in signature.parameters.values() if each.name != "sim"]
        vars(simulated)["__signature__"] = signature.replace(parameters=parameters)
        vars(simulated)[ORIGINAL] = function
        return simulated

    return decorate


ORIGINAL = "_pykka_original"
"""The attribute of a simulated test that has the test itself."""

vars(test)["__test__"] = False  # to pytest, a function of this name is a test


def bind(function: Callable[..., Any], args: Any, kwargs: Any) -> Callable[..., Any]:
    """A function that calls another one with arguments, and with `sim` if it takes that."""
    if not args and not kwargs:
        return function

    def main(**also: Any) -> Any:
        return function(*args, **kwargs, **also)

    functools.update_wrapper(main, function, updated=())
    said = [inspect.Parameter("sim", inspect.Parameter.KEYWORD_ONLY)] * takes_sim(function)
    vars(main)["__signature__"] = inspect.Signature(said)
    return main

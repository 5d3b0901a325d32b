"""Tests as they are, made many times in a simulated world: `pytest --pykka-simulate=N`.

What is a run
    The test with its fixtures. Those of the scope of a function are made anew in each run, inside
    of it, and torn down in it; so they may start actors and threads, and wait. Those of larger
    scopes are made once, outside, in the real world, as pytest would.

What is wrong in a run
    A test fails on what it asserts, and passes although an actor fails that is meant to. So a run
    is made first in which all is as usual: nothing overtakes anything. What is found there besides
    (an actor that fails, a deadlock that is caught, a message in a stash) is meant by the test,
    and is no mistake in the other runs either. What is found only in other orders is one, unless
    the test has a marker that says it is meant: `@pytest.mark.pykka(allow=[CrashError])`. Dead
    letters are allowed, and so is what differs if the same run is made twice. Of what an actor has
    failed with, a copy is kept: a test may wait until the actor is freed, which the frames would
    keep alive.

    Timers may ring early. Time-outs and sleeps do not end early: tests are full of those that are
    there so that a test fails some day if all goes wrong.

How it is done
    The set-up of the test, as pytest makes it, is left to the fixtures of larger scopes. In each
    run the test gets a fresh request, which makes the other fixtures, and at the end of the run
    what was entered at the test to be torn down is. All of it is done by pytest's own code, on the
    stack of the run.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.logging import caplog_handler_key

from pykka.simulation import SimulationFailedError
from pykka.simulation._decorator import ORIGINAL
from pykka.simulation._engine._carriers import RunIsOver
from pykka.simulation._explore import explore_test
from pykka.simulation._run import await_in_loop

if TYPE_CHECKING:
    from pykka.simulation import Simulation

PASSED_ON = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)
"""What a test raises to say that it has neither passed nor failed."""


class SimulatedTests:
    """The plug-in of pytest that has each test simulated.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._runs: int = config.getoption("pykka_simulate") or 1
        self._replay: str | None = config.getoption("pykka_replay")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Have only those fixtures made that are not made in each run."""
        if can_be_simulated(item):
            item.setup = partial(_set_up_what_is_shared, item)  # type: ignore[method-assign]

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Have a test simulated."""
        __tracebackhide__ = True
        if not can_be_simulated(pyfuncitem):
            return None  # the usual way
        test = TestInRuns(pyfuncitem)
        allowed = [
            each
            for marker in pyfuncitem.iter_markers("pykka")
            for each in marker.kwargs.get("allow", ())
        ]
        found = explore_test(test.run, runs=self._runs, replay=self._replay, allow=allowed)
        found.name = pyfuncitem.name
        found.again = f"pytest '{pyfuncitem.nodeid}' --pykka-replay={{replay}}"
        if test.passed_on is not None:
            raise test.passed_on
        if found.failure is not None:
            raise SimulationFailedError(found.report()) from found.failure.findings[0].error
        return True


def can_be_simulated(item: pytest.Item) -> bool:
    """Tell whether a test is a function that is not simulated anyhow."""
    if type(item) is not pytest.Function and not _is_coroutine_of_a_plugin(item):
        return False  # a test of `unittest`, a doctest, a YAML file
    function: Any = getattr(item, "obj")  # noqa: B009 (checkers do not agree on whether it has one)
    return not hasattr(function, ORIGINAL) and not inspect.isasyncgenfunction(function)


def _is_coroutine_of_a_plugin(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj)


def _set_up_what_is_shared(item: Any) -> None:
    """Make the fixtures of a test that are of a larger scope than a function."""
    definitions = item._fixtureinfo.name2fixturedefs
    for name in item.fixturenames:
        if name in definitions and definitions[name][-1].scope != "function":
            item._request.getfixturevalue(name)


class TestInRuns:
    """A test of pytest, and its fixtures, in one run after the other.

    Args:
        item: The test.
    """

    __test__ = False

    def __init__(self, item: Any) -> None:
        self._item = item
        self._finalizers: list[Any] = item.session._setupstate.stack[item][0]
        self._kept = len(self._finalizers)
        self._kept_in_stash = dict(item.stash._storage)
        self.passed_on: BaseException | None = None
        """What the test has raised that is neither a pass nor a failure."""

    def run(self, sim: Simulation) -> None:
        """Make the fixtures, call the test, and tear the fixtures down."""
        if self.passed_on is not None:
            return  # it would be the same again
        item = self._item
        self._restore_stash()
        handler = item.stash.get(caplog_handler_key, None)
        if handler is not None:
            handler.clear()
        errors: list[BaseException] = []
        try:
            item._initrequest()
            if getattr(item, "_instance", None) is not None:
                del item._instance, item._obj  # each run has an instance of the class of its own
            item._request._fillfixtures()
            arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
            value = item.obj(**arguments)
            if inspect.isawaitable(value):
                await_in_loop(sim._scheduler, value)
        except PASSED_ON as raised:
            self.passed_on = raised
        except RunIsOver:
            self._tear_down()
            raise
        except BaseException as error:
            errors.append(error)
        errors += self._tear_down()
        if errors:
            raise errors[0]

    def _tear_down(self) -> list[BaseException]:
        """Tear down what was made in the run, and return what that raises."""
        errors: list[BaseException] = []
        while len(self._finalizers) > self._kept:
            finalizer = self._finalizers.pop()
            try:
                finalizer()
            except RunIsOver:
                pass  # it would have waited; the fixture has ended all the same
            except BaseException as error:
                errors.append(error)
        self._restore_stash()
        return errors

    def _restore_stash(self) -> None:
        """Put back what pytest has noted at the test for fixtures, which some take away."""
        for key, value in self._kept_in_stash.items():
            self._item.stash._storage.setdefault(key, value)

"""A plug-in for pytest that has existing tests simulated: `--pykka-simulate=N`.

It is loaded by `-p pykka.simulation.plugin`, or by `pytest_plugins` in a `conftest.py`. Without
the option it does nothing.

The body of each test is made a simulated program, and run N times. Fixtures are made once, outside
of the runs: in the real world. So a test whose fixtures start actors cannot be simulated, which an
error says.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pykka.simulation._decorator import ORIGINAL, bind
from pykka.simulation._explore import explore

if TYPE_CHECKING:
    from _pytest.config.argparsing import Parser

OPTION = "--pykka-simulate"


def pytest_addoption(parser: Parser) -> None:
    """Add the option."""
    parser.addoption(
        OPTION,
        type=_count,
        default=0,
        metavar="N",
        help="run each test N times, each time in another order, as pykka.simulation.test() does",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        msg = f"{OPTION} is a number of runs, not {text}"
        raise ValueError(msg)
    return number


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """Have a test simulated, if that is wanted."""
    runs: int = pyfuncitem.config.getoption(OPTION)
    function = pyfuncitem.obj
    if not runs or hasattr(function, ORIGINAL) or inspect.isasyncgenfunction(function):
        return None  # the usual way
    wanted = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    __tracebackhide__ = True
    main = bind(function, (), arguments)
    explore(main, runs=runs, allow={"dead letters"}).check()
    return True

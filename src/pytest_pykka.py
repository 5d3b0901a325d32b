"""The plug-in of `pykka` for pytest: fixtures for tests of actors, and an option that simulates.

pytest loads this module in each project where the package is installed, so it costs next to
nothing: it imports no part of `pykka` until a test asks for a fixture, or an option is given. That
is why it lies beside the package, whose front door would be imported with it. What it does is in
`pykka.testing`.

A fixture of the same name in a `conftest.py`, or in a file of tests, takes the place of ours.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka.testing import Probe, SystemUnderTest
    from pykka.timers import ManualClock


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("pykka", "tests of actors (pykka)")
    group.addoption(
        "--pykka-simulate",
        type=_count,
        default=0,
        metavar="N",
        help="run each test N times in a simulated world, each time in another order",
    )
    group.addoption(
        "--pykka-replay",
        default=None,
        metavar="TAPE",
        help="run each test once in a simulated world, in the order that a failure has printed",
    )
    group.addoption(
        "--pykka-leaks",
        action="store_true",
        default=None,
        help="fail each test that leaves an actor behind, and not only those with an actor_system",
    )
    group.addoption(
        "--pykka-dead-letters",
        action="store_true",
        default=None,
        help="fail each test in which a message is accepted and never handled",
    )
    for name, what in (("leaks", "--pykka-leaks"), ("dead_letters", "--pykka-dead-letters")):
        text = f"what {what} does, without the option; false: not even with an actor_system"
        parser.addini(f"pykka_{name}", text, type="bool", default=None)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        msg = f"--pykka-simulate is a number of runs, not {text}"
        raise ValueError(msg)
    return number


def pytest_configure(config: pytest.Config) -> None:
    """Add what was asked for by options."""
    config.addinivalue_line(
        "markers",
        "pykka(leaks=True, dead_letters=True, allow=()): whether this test fails if it leaves"
        " actors behind, or if a message is accepted and never handled; and which kinds of"
        " findings and which exceptions of actors are none of its failures if it is simulated",
    )
    wants_all = any(
        config.getoption(f"pykka_{name}") or config.getini(f"pykka_{name}")
        for name in ("leaks", "dead_letters")
    )
    if wants_all:
        from pykka.testing import _checks  # noqa: PLC0415 (only if it is wanted)

        config.pluginmanager.register(_checks, "pykka-checks")
    if config.getoption("pykka_simulate") or config.getoption("pykka_replay") is not None:
        from pykka.testing._simulated import SimulatedTests  # noqa: PLC0415

        config.pluginmanager.register(SimulatedTests(config), "pykka-simulated")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """See to it that the process ends although the thread of an actor hangs."""
    del session
    leaks = sys.modules.get("pykka.testing._leaks")
    if leaks is not None:
        leaks.expect_end(int(exitstatus))


@pytest.fixture
def actor_system(request: pytest.FixtureRequest) -> Iterator[SystemUnderTest]:
    """An actor system of the test's own, which ends with it; a `pykka.testing.SystemUnderTest`.

    It goes by the test's `manual_clock`, if the test has one. The test fails if an actor is left
    anywhere else, or does not stop; see the marker `pykka`.
    """
    from pykka.testing._checks import make_system  # noqa: PLC0415

    yield from make_system(request)


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that stands still until the test advances it; the test's `actor_system` has it."""
    from pykka.timers import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def probe(actor_system: Any) -> Probe:
    """An actor that the test plays itself, in its `actor_system`; a `pykka.testing.Probe`."""
    from pykka.testing import Probe  # noqa: PLC0415

    return Probe(actor_system, name="probe")

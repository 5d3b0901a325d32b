"""What a test with a fixture of ours, or each test if that is wanted, is checked for.

Two things: whether it has left actors behind, and whether messages were accepted in it and never
handled. What is wanted is said by the marker `pykka` at the test, or else by an option of the
command line, or else by the configuration; or else, a test with an `actor_system` is checked for
actors, and no other one for anything.

If all tests are checked, this module is a plug-in of pytest, for its fixture.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pykka._exceptions import Timeout
from pykka._system.system import ActorSystem
from pykka._util.checks import shorten
from pykka.testing._leaks import TIME_TO_STOP, LeakCheck
from pykka.testing._settle import settle
from pykka.testing._system import SystemUnderTest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pykka._system.dead_letters import DeadLetter

_UNSAID: tuple[object, ...] = (None, [])
"""What pytest returns, depending on its version, where the configuration does not say anything."""


def wants(request: pytest.FixtureRequest, what: str, *, usually: bool) -> bool:
    """Tell whether a test is to be checked for something.

    Args:
        request: That of the test.
        what: `"leaks"` or `"dead_letters"`.
        usually: Whether it is, if nothing is said.
    """
    node: Any = request.node
    for marker in node.iter_markers("pykka"):
        if what in marker.kwargs:
            return bool(marker.kwargs[what])
    said = request.config.getoption(f"pykka_{what}")
    if said is None:
        said = request.config.getini(f"pykka_{what}")
    return usually if said in _UNSAID else bool(said)


def make_system(request: pytest.FixtureRequest) -> Iterator[SystemUnderTest]:
    """Make the system of a test, and end it; the fixture `actor_system`."""
    clock = None
    if "manual_clock" in request.fixturenames:
        clock = request.getfixturevalue("manual_clock")
    system = SystemUnderTest(request.node.name, clock=clock)
    with checked(request, system, usually=True):
        yield system


@pytest.fixture(autouse=True)
def _pykka_checks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Checks each test, if all are to be."""
    with checked(request, ActorSystem.default(), usually=False):
        yield


@contextmanager
def checked(
    request: pytest.FixtureRequest, system: ActorSystem, *, usually: bool
) -> Generator[None]:
    """Check what a test does in a block.

    Args:
        request: That of the test.
        system: Whose dead letters count. It ends with the block, unless it is the default one.
        usually: Whether actors may not be left behind, if nothing is said.
    """
    finds_leaks = wants(request, "leaks", usually=usually)
    leaks = LeakCheck()
    letters: list[DeadLetter] = []
    note = letters.append
    finds_letters = wants(request, "dead_letters", usually=False)
    if finds_letters:
        system.dead_letters.subscribe(note)
    yield
    wrong: list[str] = []
    if finds_letters:
        with suppress(Timeout):
            settle(system, TIME_TO_STOP)
        system.dead_letters.unsubscribe(note)
        wrong += [f"dead letter: {_tell(letter)}" for letter in letters]
    if system is not ActorSystem.default():
        try:
            system.shutdown(TIME_TO_STOP)
        except Timeout as error:
            leaks.note_threads()
            if finds_leaks:
                wrong.append(str(error))
    if finds_leaks:
        wrong += [f"the test has left an actor behind: {each}" for each in leaks.end()]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _tell(letter: DeadLetter) -> str:
    return f"{letter.target} never handles {shorten(letter.message)}: {letter.reason}"

"""G13: what a public operation costs grows no faster than what it works on.

Costs are counted and not timed: calls, rounds of loops, and the sizes of containers that are
copied or searched as a whole. `tests/scaling` does that, in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.scaling import operations

import pykka
from pykka.instruments import Instrument

ROOT = Path(__file__).parents[2]

LIMIT = 6
"""What four times as many may cost, at most, in terms of what they cost before."""

FIXED = 40
"""So much copying may come from a few things that happen now and then."""

_IS_THE_USERS = "is the user's code, or does nothing"
_IS_ABSTRACT = "has no code of its own; its subclasses do"
_IS_FOR_TYPE_CHECKERS = "says what a type checker has to know"
NOT_COUNTED = {
    **dict.fromkeys(
        [
            f"Actor.{hook}"
            for hook in (
                *("on_failure", "on_idle", "on_receive", "on_start", "on_stop"),
                *("post_restart", "pre_restart"),
            )
        ],
        _IS_THE_USERS,
    ),
    **dict.fromkeys(
        [
            *("Future.get", "Future.set", "Future.set_exception", "Future.done"),
            "Future.cancel",
            *("Future.__await__", "Askable.ask", "Askable.__init__", "RouterRef.tell"),
            *("Future.__getattr__", "crash_hook"),
            *("Clock.now", "Clock.schedule", "Clock.forget"),
        ],
        _IS_ABSTRACT,
    ),
    **dict.fromkeys(
        [
            *("ActorMemberMixin.on_receive", "ActorMemberMixin.on_start"),
            *("ActorMemberMixin.on_stop", "ActorMemberMixin.on_failure", "ActorMemberMixin.stop"),
            *("Method.__call__", "Method.__init__", "proxy_field", "proxy_method"),
            *("expire_asks", "handles"),
        ],
        _IS_FOR_TYPE_CHECKERS,
    ),
    **dict.fromkeys(
        ["Routees.actor_urn", "Routees.actor_inbox", "Routees.actor_stopped"],
        "only raises an error",
    ),
    **dict.fromkeys(
        [
            *("Observer.__init__", "Observer.__enter__", "Observer.__exit__", "Observer.close"),
            *("Observer.name", "Observer.path", "Observer.allow", "Observer.is_open", "serve"),
        ],
        "once for a program; what a look costs has tests of its own",
    ),
    **dict.fromkeys(
        [
            f"{event}.__init__"
            for event in ("LifecycleEvent", "ActorEnded", "ActorFailed", "ActorRestarted")
        ],
        "only keeps what it is given",
    ),
    **dict.fromkeys(
        [f"Instrument.{name}" for name in vars(Instrument) if name[0] != "_"],
        _IS_THE_USERS,
    ),
    "Instrument.__init__": _IS_THE_USERS,
    "warn_about_blocking": "is a switch",
    **dict.fromkeys(
        [
            *("run", "explore", "test", "Finding.__str__", "TraceLine.__str__"),
            *(f"Result.{name}" for name in ("check", "replay", "report", "__init__")),
            *(f"Exploration.{name}" for name in ("__init__", "check", "note", "report")),
            *(f"Exploration.{name}" for name in ("behaviours", "never")),
            *(f"Simulation.{name}" for name in ("__init__", "advance", "always", "crash", "now")),
            *(f"Simulation.{name}" for name in ("settle", "slow", "sometimes")),
        ],
        "is part of a simulation, and of no program at work",
    ),
    **dict.fromkeys(
        [
            *(f"Probe.{name}" for name in ("__init__", "expect", "expect_none", "expect_type")),
            *(f"Probe.{name}" for name in ("expect_terminated", "fish", "forward_to", "ref")),
            *("Probe.reply", "SystemUnderTest.settle", "settle"),
        ],
        "is part of a test, and of no program at work",
    ),
}
"""What needs no case, and why."""


_VARIANTS = ("Threaded", "InLoop", "Random", "RoundRobin", "rest_for_one", "one_for_all")
VARIANTS = tuple(f"[{name}]" for name in _VARIANTS)
"""Cases that differ from others in a class only: for the exhaustive tier."""

QUICK = {
    name
    for number, name in enumerate(n for n in operations.CASES if not n.endswith(VARIANTS))
    if number % 2 == 0 or name.startswith(("dynamic_children", "events", "subscribe"))
}
"""The others, or half of them, and what was found to grow too much some day."""

CASES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive)
    for name in operations.CASES
]


@pytest.fixture(scope="module")
def counted(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the cases cost; those of them that are run."""
    here = [item for item in request.session.items if item.path == request.path]
    names = [
        item.callspec.params["name"]
        for item in here
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and "name" in item.callspec.params
    ]
    if any(item.name == test_every_public_operation_has_a_case.__name__ for item in here):
        names = []  # all
    paths = [str(ROOT), str(Path(pykka.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.scaling", *names],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def grows(row: dict[str, list[int]]) -> bool:
    """Tell whether a case costs too much with four times as many things."""
    (calls, more_calls), (sizes, more_sizes) = row["calls"], row["sizes"]
    return more_calls > LIMIT * calls or more_sizes > LIMIT * sizes + FIXED


@pytest.mark.parametrize("name", CASES)
def test_four_times_as_many_cost_no_more_than_six_times_as_much(
    counted: dict[str, Any], name: str
) -> None:
    row = counted["cases"][name]
    assert not grows(row), row


@pytest.mark.exhaustive
def test_every_public_operation_has_a_case(counted: dict[str, Any]) -> None:
    assert set(counted["uncovered"]) - set(NOT_COUNTED) == set()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"calls": [100, 400], "sizes": [10, 40]}, False),
        ({"calls": [100, 601], "sizes": [0, 0]}, True),
        ({"calls": [100, 400], "sizes": [100, 1600]}, True),
    ],
)
def test_what_counts_as_growing(row: dict[str, list[int]], expected: bool) -> None:
    assert grows(row) is expected


# --- a shutdown ends, whatever others do --------------------------------------------------------


class Quiet(pykka.PooledActor):
    """Does nothing."""


class Stopping(pykka.ThreadingActor):
    """Lets the test go on in the middle of its end, and the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ending, self.may_end = threading.Event(), threading.Event()

    def on_stop(self) -> None:
        self.is_ending.set()
        assert self.may_end.wait(PATIENCE)


def test_nothing_can_be_started_in_a_system_that_is_being_shut_down() -> None:
    system = pykka.ActorSystem("shop")
    stopping = system.start(Stopping)
    actor: Any = stopping._actor
    thread = threading.Thread(target=system.shutdown)
    thread.start()
    assert actor.is_ending.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="'shop' is being shut down"):
        system.start(Quiet)
    actor.may_end.set()
    thread.join(PATIENCE)
    with pytest.raises(RuntimeError, match="'shop' has ended"):
        system.start(Quiet)
    assert system.everybody() == []


def test_the_default_system_takes_actors_again_after_its_shutdown() -> None:
    system = pykka.ActorSystem.default()
    stopping = Stopping.start()
    actor: Any = stopping._actor
    thread = threading.Thread(target=system.shutdown)
    thread.start()
    assert actor.is_ending.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="is being shut down"):
        Quiet.start()
    actor.may_end.set()
    thread.join(PATIENCE)
    assert Quiet.start().stop()


def test_a_living_actor_may_start_children_while_its_system_is_being_shut_down() -> None:
    system = pykka.ActorSystem()
    told, may_go_on = threading.Event(), threading.Event()
    children: list[Any] = []

    class Parent(pykka.ThreadingActor):
        def on_receive(self, _message: object) -> None:
            told.set()
            assert may_go_on.wait(PATIENCE)
            children.append(self.start_child(Quiet))

    parent = system.start(Parent)
    parent.tell("start one")
    assert told.wait(PATIENCE)
    thread = threading.Thread(target=system.shutdown)
    thread.start()
    wait_until(lambda: bool(system._closing), "the shutdown has begun")
    may_go_on.set()
    thread.join(PATIENCE)
    assert isinstance(children[0].when_terminated().get(timeout=PATIENCE), pykka.Stopped)
    assert system.everybody() == []


class _Refs(dict[Any, Any]):
    """A registry that does something right before or right after an actor is entered."""

    before: Any = None
    after: Any = None

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.before is not None:
            self.before()
        super().__setitem__(key, value)
        if self.after is not None:
            self.after()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_start_that_a_shutdown_overtakes_is_refused_or_ended(moment: str) -> None:
    """The whole of the shutdown happens at one moment of the start."""
    system = pykka.ActorSystem("shop")
    system._refs = refs = _Refs()
    bystander = system.start(Quiet)
    setattr(refs, moment, lambda: shut_down(system))

    def shut_down(system: pykka.ActorSystem) -> None:
        refs.before = refs.after = None
        ending = threading.Thread(target=system.shutdown, daemon=True)
        ending.start()
        if moment == "before":  # nobody else is there, so it ends
            ending.join(PATIENCE)
        else:  # it waits for the one that is just being started
            wait_until(lambda: not bystander.is_alive() or bool(system._closing), "it has begun")
        threads.append(ending)

    threads: list[threading.Thread] = []
    with pytest.raises(RuntimeError, match=r"'shop' (has ended|is being shut down)"):
        system.start(Quiet)
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
    assert not bystander.is_alive()
    assert system.everybody() == []


def test_a_shutdown_ends_while_others_go_on_starting_actors() -> None:
    system = pykka.ActorSystem()
    refused = threading.Event()

    def go_on_starting() -> None:
        try:
            while True:
                system.start(Quiet)
        except RuntimeError:
            refused.set()

    threads = [threading.Thread(target=go_on_starting) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(system.get_all()) > 10, "some have been started")
    system.shutdown()
    for thread in threads:
        thread.join(PATIENCE)
    assert refused.is_set()
    wait_until(lambda: system.everybody() == [], "nobody is left")


def test_the_text_of_a_shutdown_names_ten_and_how_many_more() -> None:
    system = pykka.ActorSystem("shop")
    may_end = threading.Event()
    entered = threading.Semaphore(0)

    class Hanging(pykka.ThreadingActor):
        def on_receive(self, _message: object) -> None:
            entered.release()
            assert may_end.wait(PATIENCE)

    for _ in range(2):
        system.start(Hanging).tell("hang")
        assert entered.acquire(timeout=PATIENCE)
    for _ in range(28):
        system.start(Quiet)
    system.start(Hanging).tell("hang")  # the youngest holds all the others up
    assert entered.acquire(timeout=PATIENCE)
    with pytest.raises(pykka.Timeout) as caught:
        system.shutdown(0.1)
    may_end.set()
    text = str(caught.value)
    assert text.count("urn:uuid") == 10
    assert text.count("Hanging (urn") == 3
    hangs = r"Hanging \(urn:uuid:[0-9a-f-]+\) \([^()]*abandoned, and still running at"
    assert len(re.findall(hangs, text)) == 3, text
    assert text.endswith(", and 21 more")
    wait_until(lambda: system.everybody() == [], "all have ended")

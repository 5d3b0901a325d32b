"""What errors and records say is short, however deep the tree is and however much there is."""

from __future__ import annotations

import ast
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.sources import SOURCES, nodes_of

import pykka
from pykka import routing
from pykka._util.checks import in_seconds, list_some
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
from pykka.supervision import (
    ChildSpec,
    ChildStartError,
    DynamicSupervisor,
    RestartLimitError,
    SupervisionError,
    Supervisor,
)
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log

LONGEST = 700
"""No text has more characters."""

HERE = Path(pykka.__file__).parent
OURS = sorted(
    path
    for pattern in (
        *("supervision/*.py", "routing/*.py", "routing/_kinds/*.py", "dead_letters.py"),
        *("resilience/*.py", "_system/*.py", "_util/checks.py"),
        *("_actor/death_watch.py", "_actor/options.py"),
    )
    for path in HERE.glob(pattern)
)


class Worker(pykka.PooledActor):
    """Does what it is told."""

    def on_receive(self, message: Any) -> Any:
        return message()


class Sleeper(pykka.ThreadingActor):
    """Waits until it is woken."""

    def on_receive(self, message: Any) -> Any:
        return message.wait(PATIENCE)


class Stubborn(pykka.ThreadingActor):
    """Does not start, or does not stop, before it may."""

    def __init__(self, starts: threading.Event, stops: threading.Event) -> None:
        super().__init__()
        self.starts, self.stops = starts, stops

    def on_start(self) -> None:
        self.starts.wait(PATIENCE)

    def on_stop(self) -> None:
        self.stops.wait(PATIENCE)


class HugeError(Exception):
    """An exception that has much to say."""

    def __init__(self) -> None:
        super().__init__("x" * 100_000)


def check(text: str, *named: str) -> None:
    """Check that a text is short, has no number with many digits, and names some things."""
    assert len(text) < LONGEST
    without_urns = re.sub(r"urn:uuid:[0-9a-f-]+|0x[0-9a-f]+", "", text)
    assert not re.search(r"\d\.\d{7,}|\d{10,}", without_urns), text
    assert " None" not in text
    for each in named:
        assert each in text


# --- by kind ------------------------------------------------------------------------------------


def long_showings(source: str) -> Iterator[int]:
    """The lines in which something is shown in a text, with whatever its repr returns."""
    for node in nodes_of(source):
        is_shown = isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
        is_logged = isinstance(node, ast.Constant) and "%r" in str(node.value)
        if is_shown or is_logged:
            yield node.lineno


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_is_shown_but_by_what_shortens_it(path: Path) -> None:
    found = list(long_showings(path.read_text(encoding="utf-8")))
    assert found == [], "use pykka._util.checks.shorten()"


@pytest.mark.parametrize(
    "code", ['f"not {thing!r}"', 'log("not %r", thing)', 'msg = (f"a" f"{x.y!r}")']
)
def test_what_is_shown_at_full_length_is_found(code: str) -> None:
    assert list(long_showings(code)) == [1]


def test_times_have_few_digits() -> None:
    assert in_seconds(0.1 + 0.2) == "0.3 seconds"
    assert in_seconds(5) == "5 seconds"
    assert in_seconds(12.345) == "12.345 seconds"
    assert in_seconds(123456.789012) == "123457 seconds"
    assert in_seconds(0.1 * 3e-7) == "3e-08 seconds"
    assert in_seconds(float("inf")) == "inf seconds"


def test_lists_say_how_many_more_there_are() -> None:
    assert list_some(list("abc"), most=3) == "a, b, c"
    assert list_some(list("abcde"), most=3) == "a, b, c and 2 more"


# --- supervision --------------------------------------------------------------------------------


def tree(depth: int, leaf: ChildSpec, **options: Any) -> pykka.ActorRef[Any]:
    """Start supervisors in supervisors."""
    spec = leaf
    for level in range(depth - 1, 0, -1):
        spec = ChildSpec(f"level {level}", Supervisor, [[spec]], {"max_restarts": 0, **options})
    return Supervisor.start([spec], max_restarts=0)


def find(ref: pykka.ActorRef[Any], depth: int) -> Any:
    for level in range(1, depth):
        ref = ref.proxy().get_child(f"level {level}").get(timeout=PATIENCE)
    return ref.proxy().get_child("leaf").get(timeout=PATIENCE)


@pytest.mark.parametrize("depth", [1, 2, 10, 30])
@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), HugeError()])
def test_a_failure_that_goes_up_names_where_it_began_and_the_path(
    depth: int, error: Exception, log: Log
) -> None:
    def fail() -> None:
        raise error

    root = tree(depth, ChildSpec("leaf", Worker))
    find(root, depth).tell(fail)
    reason = root.when_terminated().get(timeout=PATIENCE)
    failure = reason.exception
    assert isinstance(failure, RestartLimitError)
    check(str(failure), "gives up", "'leaf', because of", type(error).__name__)
    assert "RestartLimitError" not in str(failure)
    if depth == 10:
        path = " > ".join([*(f"'level {level}'" for level in range(1, 10)), "'leaf'"])
        assert path in str(failure)
    for _ in range(depth):
        assert failure.__cause__ is not None
        failure = failure.__cause__
    assert isinstance(failure, type(error))
    for record in log.find("WARNING"):
        check(record.message)


@pytest.mark.parametrize("depth", [1, 2, 10, 30])
def test_a_start_that_fails_names_where_it_began_and_the_path(depth: int) -> None:
    class Failing(pykka.PooledActor):
        def on_start(self) -> None:
            raise HugeError

    with pytest.raises(ChildStartError) as caught:
        tree(depth, ChildSpec("leaf", Failing))
    check(str(caught.value), "could not start its child", "'leaf': HugeError")
    assert str(caught.value).count("could not start") == 1


def test_a_child_with_a_long_id_has_a_short_text() -> None:
    with pytest.raises(ChildStartError) as caught:
        Supervisor.start([ChildSpec("x" * 10_000, lambda: 1 / 0)])  # type: ignore[arg-type, return-value]
    check(str(caught.value))


def test_a_child_that_is_not_known_is_told_which_are() -> None:
    office = Supervisor.start([ChildSpec(f"child {n:04}", Worker) for n in range(200)])
    with pytest.raises(LookupError) as caught:
        office.proxy().get_child("nobody").get(timeout=PATIENCE)
    check(str(caught.value), "has no child 'nobody'", "'child 0000', ", "and 190 more")


def test_where_an_actor_hangs_that_is_not_to_be_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pykka._cell.cell.place_of_actor", lambda _cell: None)
    gate = threading.Event()
    office = Supervisor.start([ChildSpec("a", Sleeper)], max_restarts=5)
    child = office.proxy().get_child("a").get(timeout=PATIENCE)
    child.tell(gate)
    child.kill(abandon_after=0)
    reason = office.when_terminated().get(timeout=PATIENCE)
    gate.set()
    assert isinstance(reason.exception, SupervisionError)
    check(str(reason.exception), "hangs, at a place unknown")


# --- routers ------------------------------------------------------------------------------------


def test_a_pool_that_is_not_resized_in_time_names_itself_and_the_routee() -> None:
    starts, stops = threading.Event(), threading.Event()
    starts.set()
    pool = routing.RoundRobin.pool(Stubborn, 2, args=[starts, stops], name="slow")
    with pytest.raises(pykka.Timeout) as caught:
        pool.resize(1, timeout=0.0123456789)
    check(str(caught.value), "pool 'slow'", "Stubborn (urn", "0.0123 seconds", "a size of 1")
    stops.set()
    pool.resize(1, timeout=PATIENCE)
    starts.clear()
    with pytest.raises(pykka.Timeout) as caught:
        pool.resize(3, timeout=0.0123456789)
    check(str(caught.value), "pool 'slow'", "0.0123 seconds", "a size of 3")
    starts.set()
    pool.stop(timeout=PATIENCE)


def test_a_pool_that_does_not_stop_in_time_names_itself_and_the_routees() -> None:
    starts, stops = threading.Event(), threading.Event()
    starts.set()
    pool = routing.RoundRobin.pool(Stubborn, 50, args=[starts, stops], name="slow")
    with pytest.raises(pykka.Timeout) as caught:
        pool.stop(timeout=0.0123456789)
    check(str(caught.value), "pool 'slow'", "Stubborn (urn", "has not ended within", "and 47 more")
    stops.set()
    pool.stop(timeout=PATIENCE)


def test_a_group_that_does_not_stop_in_time_names_the_routees() -> None:
    starts, stops = threading.Event(), threading.Event()
    starts.set()
    group = routing.Broadcast([Stubborn.start(starts, stops) for _ in range(5)])
    with pytest.raises(pykka.Timeout) as caught:
        group.stop(timeout=0.0123456789)
    check(str(caught.value), "Broadcast over 5 routees", "Stubborn (urn", "and 2 more")
    stops.set()


def make_limiter(ref: Any, _clock: Any) -> Any:
    limiter = RateLimiter(ref, rate=0.123456789)
    over = threading.Event()
    over.set()
    limiter.ask(over, timeout=0.0123456789, block=False)
    return limiter


ASKED: list[Callable[[Any, Any], Any]] = [
    lambda ref, _clock: ref,
    lambda ref, _clock: routing.RoundRobin([ref]),
    lambda ref, _clock: routing.SmallestInbox([ref]),
    lambda ref, _clock: routing.Broadcast([ref]),
    lambda ref, _clock: routing.ScatterGather([ref], timeout=0.00123456789),
    lambda ref, _clock: routing.TailChopping([ref], timeout=0.00123456789, interval=0.0123456789),
    lambda ref, _clock: Retry(ref, attempts=1),
    lambda ref, _clock: Retry(ref, backoff=Backoff(minimum=0), timeout_per_attempt=0.00123456789),
    lambda ref, _clock: CircuitBreaker(ref),
    make_limiter,
]


@pytest.mark.parametrize("make", ASKED)
@pytest.mark.parametrize("block", [True, False])
def test_a_question_that_is_not_answered_in_time_says_by_whom(
    make: Callable[[Any, Any], Any], *, block: bool
) -> None:
    gate = threading.Event()
    ref = Sleeper.start()
    asked = make(ref, ManualClock())

    def ask() -> None:
        if block:
            asked.ask(gate, timeout=0.123456789)
        else:
            asked.ask(gate, block=False).get(timeout=0.0123456789)

    with pytest.raises(pykka.Timeout) as caught:
        ask()
    gate.set()
    check(str(caught.value), " seconds")
    if block:
        check(str(caught.value), "Sleeper")


def test_a_circuit_that_is_open_says_so_with_few_digits() -> None:
    ref = Worker.start()
    breaker = CircuitBreaker(ref, max_failures=1, reset_after=0.123456789 * 100)
    with pytest.raises(ZeroDivisionError):
        breaker.ask(lambda: 1 / 0)
    with pytest.raises(pykka.ActorError) as caught:
        breaker.ask(lambda: 1)
    check(str(caught.value), "Worker")


def test_a_pool_that_gave_up_says_why_in_short() -> None:
    def fail() -> None:
        raise HugeError

    pool = routing.RoundRobin.pool(Worker, 1, max_restarts=0)
    pool.tell(fail)
    wait_until(lambda: not pool.is_alive(), "it gives up")
    with pytest.raises(pykka.ActorDeadError) as caught:
        pool.tell(fail)
    check(str(caught.value), "HugeError")
    with pytest.raises(pykka.ActorDeadError) as caught:
        pool.resize(2)
    check(str(caught.value), "HugeError")


def test_a_router_with_many_kinds_of_routees_is_described_in_short() -> None:
    kinds = [type(f"Kind{n:03}", (pykka.PooledActor,), {}) for n in range(100)]
    router = routing.RoundRobin([kind.start() for kind in kinds])
    check(str(router), "over 100 routees", "Kind000", "95 more kinds")


# --- systems ------------------------------------------------------------------------------------


def test_actors_that_do_not_stop_in_time_are_named() -> None:
    stops = threading.Event()
    starts = threading.Event()
    starts.set()
    with pykka.ActorSystem("x" * 10_000) as system:
        system.start(Stubborn, starts, stops)
        with pytest.raises(pykka.Timeout) as caught:
            system.stop_all(timeout=0.0123456789)
        stops.set()
    check(str(caught.value), "Stubborn (urn")


def test_a_system_that_has_ended_says_so_in_short() -> None:
    with pykka.ActorSystem("x" * 10_000) as system:
        pass
    with pytest.raises(RuntimeError) as caught:
        system.start(Worker)
    check(str(caught.value), "has ended")


def test_a_name_that_is_taken_is_shown_in_short() -> None:
    name = "x" * 10_000
    Worker.options(name=name).start()
    with pytest.raises(pykka.NameTakenError) as caught:
        Worker.options(name=name).start()
    check(str(caught.value), "is taken by Worker")


def test_a_dynamic_supervisor_has_short_texts() -> None:
    ref = DynamicSupervisor.start(ChildSpec("y" * 10_000, lambda *_args: 1 / 0))  # type: ignore[arg-type, return-value]
    with pytest.raises(ChildStartError) as caught:
        ref.proxy().add_child("z" * 10_000).get(timeout=PATIENCE)
    check(str(caught.value), "ZeroDivisionError")


# --- roles --------------------------------------------------------------------------------------

NO_ROLE = re.compile(r"\b(?:somebody|nobody|whoever|anybody)\b", re.IGNORECASE)
"""A party of a protocol is called by its role: sender, asker, closer, worker, waiter, caller."""

SHOWN = (
    "Somebody who was told of the end of %s raised:",
    "Somebody who was told of what %s left behind raised:",
    "so nobody would await it.",
    "or use tell() where nobody ",
    "Somebody who waits for an answer of %s raised:",
    "somebody else has set it already, or has given it a get-hook.",
    "cannot watch itself: nobody would be left to be told; use on_stop()",
    "nobody waits if when_full is ",
)
"""Texts of records and errors, which programs may look for, and which name no role so far."""

PROJECT = Path(__file__).parents[2]
TEXTS = sorted(
    [*HERE.rglob("*.py"), *(PROJECT / "docs").rglob("*.md"), PROJECT / "README.md"],
)


def test_texts_name_the_role() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if NO_ROLE.search(line) and not any(text in line for text in SHOWN)
    ]
    assert found == []
    assert len(TEXTS) > 100


# --- exceptions that raise when they are looked at ----------------------------------------------


def reads_of_tracebacks(source: str) -> list[int]:
    """The lines in which an exception itself is asked for its traceback, which may raise."""
    return [
        node.lineno
        for node in nodes_of(source)
        if isinstance(node, ast.Attribute)
        and node.attr == "__traceback__"
        and isinstance(node.ctx, ast.Load)
    ]


def test_no_exception_is_asked_for_its_traceback() -> None:
    found = {path: reads_of_tracebacks(source) for path, source in SOURCES.items()}
    assert {path: lines for path, lines in found.items() if lines} == {}, (
        "use pykka._util.log.traceback_of()"
    )


def test_an_exception_that_is_asked_is_found() -> None:
    assert reads_of_tracebacks("def f(error):\n    return error, error.__traceback__") == [2]

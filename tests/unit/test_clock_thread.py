"""Nothing that can block, and nothing of the user's, runs on a clock's thread."""

from __future__ import annotations

import ast
import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.on_the_clock import watch
from tests.sources import IN_PROGRAMS, tree_of
from tests.unit.clocks import Prompt

import pykka
from pykka import routing
from pykka._cell import cell as cell_module
from pykka._lifecycle import kill as _killing
from pykka._util.locks import Bell
from pykka.inboxes import Bounded, Priority
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry, _askable
from pykka.timers import Clock, MonotonicClock, _clock
from pykka.timers._clock import default_clock
from pykka.timers._errands import Errands, Line, errands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Hold:
    """Holds up whatever comes here, until it is let go."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.arrived = threading.Event()
        self.is_armed = True
        self.waits = True

    def __call__(self, *_anything: object) -> Any:
        if self.is_armed and threading.current_thread() is not threading.main_thread():
            self.arrived.set()
            assert not self.waits or self.may_go_on.wait(PATIENCE)
        return 0


@pytest.fixture
def hold() -> Iterator[Hold]:
    hold = Hold()
    yield hold
    hold.may_go_on.set()


class Silent(pykka.ThreadingActor):
    """Handles a message when it may, and answers none in time."""

    def __init__(self, may_go_on: threading.Event) -> None:
        super().__init__()
        self.may_go_on = may_go_on

    def on_receive(self, message: object) -> None:
        self.may_go_on.wait(PATIENCE)


class Full(Silent):
    """Has a full inbox, whose senders wait."""

    default_inbox = Bounded(1)


def full(hold: Hold) -> pykka.ActorRef[Full]:
    """Start one; its second message waits."""
    ref = Full.start(hold.may_go_on)
    ref.tell("being handled")
    wait_until(lambda: ref.statistics().waiting == 0, "it is handled")
    ref.tell("waits")
    return ref


SOON = Backoff(minimum=0.001, jitter=0)


def retry_into_a_full_inbox(hold: Hold) -> None:
    ref = Full.start(hold.may_go_on)
    ref.tell("being handled")
    wait_until(lambda: ref.statistics().waiting == 0, "it is handled")
    Retry(ref, timeout_per_attempt=0.001, backoff=SOON).ask("waits", block=False)
    wait_until(lambda: ref.actor_inbox.statistics().blocked == 1, "the second attempt waits")
    hold.arrived.set()


def limiter_into_a_full_inbox(hold: Hold) -> None:
    ref = full(hold)
    limiter = RateLimiter(ref, rate=1_000)
    limiter._full_at = limiter._clock.now() + 0.3  # so that nothing is sent at once
    limiter.ask("waits longer", block=False)
    wait_until(lambda: ref.actor_inbox.statistics().blocked == 1, "it waits")
    hold.arrived.set()


def tail_chopping_into_a_full_inbox(hold: Hold) -> None:
    class Order:
        def shuffle(self, refs: list[Any]) -> None:
            refs.sort(key=lambda ref: ref is second)

        def random(self) -> float:
            return 0.5

    first, second = Silent.start(hold.may_go_on), full(hold)
    router = routing.TailChopping([first, second], interval=0.001, random=Order())  # type: ignore[arg-type, list-item]
    router.ask("Anybody?", block=False)
    wait_until(lambda: second.actor_inbox.statistics().blocked == 1, "it waits")
    hold.arrived.set()


def subscriber_to_dead_letters(hold: Hold) -> None:
    system = pykka.ActorSystem.default()
    ref = Silent.start(hold.may_go_on)
    ref.tell("being handled")
    ref.tell("left behind")
    system.dead_letters.subscribe(hold)
    ref.kill(abandon_after=0.001, block=False)
    assert hold.arrived.wait(PATIENCE)
    system.dead_letters.unsubscribe(hold)


def log_handler(hold: Hold) -> None:
    handler = logging.Handler()
    handler.emit = hold  # type: ignore[method-assign]
    logger = logging.getLogger("pykka")
    ref = Silent.start(hold.may_go_on)
    ref.tell("being handled")
    logger.addHandler(handler)
    ref.kill(abandon_after=0.001, block=False)
    assert hold.arrived.wait(PATIENCE)
    logger.removeHandler(handler)


def call_back(hold: Hold, ask: Callable[[], Any]) -> None:
    """Have a callback called by whoever gives up, and not by this thread, which may be late."""
    wait_until(lambda: ask().add_done_callback(hold) or hold.arrived.wait(0.05), "it is called")


def callback_of_a_future_that_is_given_up(hold: Hold) -> None:
    retry = Retry(Silent.start(hold.may_go_on), attempts=1, timeout_per_attempt=0.01)
    call_back(hold, lambda: retry.ask("Hello?", block=False))


def callback_of_a_race(hold: Hold) -> None:
    router = routing.ScatterGather([Silent.start(hold.may_go_on)], timeout=0.01)
    call_back(hold, lambda: router.ask("Hello?", block=False))


def listener_to_a_breaker(hold: Hold) -> None:
    ref = Silent.start(hold.may_go_on)
    breaker = CircuitBreaker(ref, max_failures=1, call_timeout=0.001, on_state_change=hold)
    breaker.ask("Hello?", block=False)


def backoff_of_ones_own(hold: Hold) -> None:
    class Slow(Backoff):
        def delay(self, attempt: int, random: Any = None) -> float:
            hold()
            return 0.0

    ref = Silent.start(hold.may_go_on)
    Retry(ref, timeout_per_attempt=0.001, backoff=Slow()).ask("Hello?", block=False)


class OwnInbox:
    """An inbox of the user's, which holds up its senders."""

    def __init__(self, hold: Hold) -> None:
        self.items: Any = queue.Queue()
        self.hold = hold
        self.get = self.items.get
        self.empty = self.items.empty

    def put(self, item: Any) -> None:
        self.hold()
        self.items.put(item)


def inbox_of_ones_own(hold: Hold) -> None:
    class Own(Silent):
        def _create_actor_inbox(self) -> Any:
            return OwnInbox(hold)

    Own.start(hold.may_go_on).tell_after(0.001, "tick")


def idle_time_out_with_an_inbox_of_ones_own(hold: Hold) -> None:
    class Own(Silent):
        def _create_actor_inbox(self) -> Any:
            return OwnInbox(hold)

        def on_start(self) -> None:
            self.set_idle_timeout(0.001)

    Own.start(hold.may_go_on)


class Key(int):
    """A key that takes its time to be compared."""

    hold: Hold

    def __lt__(self, other: object) -> bool:
        self.hold()
        return True


def comparison_of_keys(hold: Hold) -> None:
    class Sorted(Silent):
        default_inbox = Priority(lambda _message: Key())

    Key.hold = hold
    ref = Sorted.start(hold.may_go_on)
    ref.tell("being handled")
    wait_until(lambda: ref.statistics().waiting == 0, "it is handled")
    ref.tell("waits")
    ref.tell_after(0.001, "tick")
    wait_until(lambda: ref.statistics().waiting == 2, "the tick is there")
    hold.arrived.set()


def key_function_of_a_router(hold: Hold) -> None:
    router = routing.ConsistentHashing([Silent.start(hold.may_go_on)], key=lambda m: hold(m) or "")
    router.tell_after(0.001, "tick")


def alarm_of_ones_own(hold: Hold) -> None:
    class Alarm:
        is_cancelled = False
        ring = hold

    default_clock.schedule(default_clock.now(), Alarm())


def look_at_an_alarm_of_ones_own(hold: Hold) -> None:
    class Alarm:
        @property
        def is_cancelled(self) -> bool:
            return bool(hold())

        def ring(self) -> None:
            """Nothing."""

    default_clock.schedule(default_clock.now(), Alarm())


def clock_of_ones_own(hold: Hold) -> None:
    class Slow(Clock):
        def now(self) -> float:
            return default_clock.now()

        def schedule(self, when: float, alarm: Any) -> None:
            hold()
            default_clock.schedule(when, alarm)

    hold.is_armed = False
    system = pykka.ActorSystem(clock=Slow())
    ref = system.start(Silent, hold.may_go_on)
    ref.tell_every(0.001, "tick")
    hold.is_armed = True
    assert hold.arrived.wait(PATIENCE)
    hold.is_armed = False


def shutdown_that_has_to_kill(hold: Hold) -> None:
    class Own(Silent):
        def _create_actor_inbox(self) -> Any:
            return OwnInbox(hold)

    hold.is_armed = False
    system = pykka.ActorSystem()
    ref = system.start(Own, hold.may_go_on)
    ref.tell("being handled")

    def shut_down() -> None:
        with pytest.raises(pykka.Timeout):
            system.shutdown(timeout=0.001)

    thread = threading.Thread(target=shut_down)
    wait_until(lambda: ref._cell.handling is not None, "it is handled")
    thread.start()
    wait_until(lambda: system.everybody() == [] or ref._cell.stopped, "the time is over")
    hold.arrived.set()
    hold.may_go_on.set()
    thread.join(PATIENCE)


SCENES = [
    retry_into_a_full_inbox,
    limiter_into_a_full_inbox,
    tail_chopping_into_a_full_inbox,
    subscriber_to_dead_letters,
    log_handler,
    callback_of_a_future_that_is_given_up,
    callback_of_a_race,
    listener_to_a_breaker,
    backoff_of_ones_own,
    inbox_of_ones_own,
    idle_time_out_with_an_inbox_of_ones_own,
    comparison_of_keys,
    key_function_of_a_router,
    alarm_of_ones_own,
    look_at_an_alarm_of_ones_own,
    clock_of_ones_own,
    shutdown_that_has_to_kill,
]


class Other(pykka.ThreadingActor):
    """An actor of another system."""

    def __init__(self, told: threading.Event) -> None:
        super().__init__()
        self.told = told

    def on_receive(self, message: object) -> None:
        self.told.set()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_what_is_held_up_does_not_hold_up_the_timer_of_another_system(
    scene: Callable[[Hold], None], hold: Hold
) -> None:
    scene(hold)
    assert hold.arrived.wait(PATIENCE)
    told = threading.Event()
    with pykka.ActorSystem() as system:
        system.start(Other, told).tell_after(0, "tick")
        assert told.wait(PATIENCE), "the timer of another system did not ring"
    hold.may_go_on.set()


# --- what rings where: a walk through the sources

BRIEF = {"Timer", "Idle", "End", "_EndOfFlood"}
"""The alarms that ring on a clock's thread. Whoever adds one has shown, in `SCENES`, that it calls
nothing of the user's."""

SCHEDULED = {
    ("resilience/_askable.py", "pause", "alarm"),
    ("resilience/_awaiting.py", "await_within", "alarm"),
    ("resilience/_awaiting.py", "pause_awaiting", "alarm"),
    ("resilience/_circuit_breaker.py", "_Ask.begin", "self._alarm"),
    ("_system/dead_letters.py", "_EndOfFlood.set", "self"),
    ("_lifecycle/kill.py", "Abandonment.__init__", "self"),
    ("_lifecycle/kill.py", "Abandonment.ring", "self"),
    ("resilience/_rate_limiter.py", "RateLimiter._enter_line", "Call(self._let_one_go)"),
    ("_cell/metering.py", "Idle.__init__", "self"),
    ("_cell/metering.py", "Idle.look", "self"),
    ("resilience/_retry.py", "_Series.attempt", "alarm"),
    ("resilience/_retry.py", "_Series._go_on", "self._pause"),
    ("_system/shutdown.py", "Shutdown._schedule", "self"),
    ("timers/_timer.py", "Timer._schedule_next", "self"),
    ("timers/_timer.py", "tell_later", "timer"),
    ("routing/_race.py", "RaceAlarm.set", "self"),
    ("routing/_routed_timer.py", "RoutedTimer.begin", "self"),
    ("supervision/_restarter.py", "Restarter._wait", "plan"),
}
"""Every place where an alarm is handed to a clock: the file, the function, the alarm."""

RINGERS = {
    ("timers/_clock.py", "MonotonicClock._ring"),
    ("timers/_clock.py", "ring"),
    ("_futures/derived.py", "_Queue"),
}
"""Who calls `ring()`: the clocks' one door. (What `derived` has is no alarm.)"""


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{inside}.{node.name}".strip(".")
            yield name, node
            yield from functions(node, name)


def calls_in(function: ast.AST) -> Iterator[ast.Call]:
    """The calls in a function, and not in those inside it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from calls_in(node)


def complaints(texts: dict[str, str]) -> list[str]:
    """What is wrong with what rings where, in the sources of the library."""
    found: list[str] = []
    brief: set[str] = set()
    scheduled: set[tuple[str, str, str]] = set()
    for file, text in texts.items():
        for name, node in functions(tree_of(text)):
            if isinstance(node, ast.ClassDef):
                has_ring = any(
                    isinstance(n, ast.FunctionDef) and n.name == "ring" for n in node.body
                )
                marks = {ast.unparse(each) for each in node.decorator_list} & {"brief", "lengthy"}
                is_alarm = (
                    has_ring
                    and file != "_futures/derived.py"
                    and "Protocol" not in map(ast.unparse, node.bases)
                )
                if is_alarm and len(marks) != 1:
                    found.append(f"{file}: {name} rings, and does not say where")
                if "brief" in marks:
                    brief.add(name)
                continue
            for call in calls_in(node):
                if not isinstance(call.func, ast.Attribute):
                    continue
                if (
                    call.func.attr == "schedule"
                    and len(call.args) == 2
                    and file != "timers/_clock.py"
                ):
                    scheduled.add((file, name, ast.unparse(call.args[1])))
                if (
                    call.func.attr == "ring"
                    and file != "_futures/derived.py"
                    and (file, name) not in RINGERS
                ):
                    found.append(f"{file}: {name} rings an alarm itself")
    found += [f"{name} rings on the clock's thread" for name in brief - BRIEF]
    found += [f"{each} hands over an alarm that is not known" for each in scheduled - SCHEDULED]
    found += [f"{each} is not there any more" for each in SCHEDULED - scheduled]
    return found


def test_what_rings_on_a_clocks_thread_is_known() -> None:
    assert complaints(IN_PROGRAMS) == []
    assert {
        each.__name__
        for each in _clock._brief
        if each.__module__.startswith("pykka") and ".simulation." not in each.__module__
    } == BRIEF


PLANTED = {
    "an alarm that says it is brief": ("_lifecycle/kill.py", "@lengthy", "@brief"),
    "an alarm that says nothing": ("routing/_race.py", "@lengthy\n", ""),
    "a function of the user's that is scheduled": (
        "resilience/_rate_limiter.py",
        "Call(self._let_one_go)",
        "self._target",
    ),
    "an alarm that is rung by another door": (
        "routing/_kinds/_tail_chopping.py",
        "self._alarm.cancel()",
        "self._alarm.ring()",
    ),
}


@pytest.mark.parametrize(
    "planted",
    list(PLANTED)[:1]
    + [pytest.param(name, marks=pytest.mark.exhaustive) for name in list(PLANTED)[1:]],
)
def test_another_way_to_the_clocks_thread_is_found_in_the_sources(planted: str) -> None:
    file, old, new = PLANTED[planted]
    texts = IN_PROGRAMS.copy()
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new)
    assert complaints(texts)


# --- and while the tests run: going round the door is noticed


def found_on_the_clock(act: Callable[[], object]) -> list[str]:
    with watch.expecting() as found:
        act()
        wait_until(lambda: found, "it is noticed")
        last = Prompt()
        default_clock.schedule(default_clock.now(), last)
        wait_until(lambda: last.rings, "the clock's thread is done with it")
    return found


def test_a_callback_on_the_clocks_thread_is_noticed(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_clock, "_brief", {*_clock._brief, _askable.Call})
    hold.waits = False
    assert "Hold.__call__" in str(
        found_on_the_clock(lambda: callback_of_a_future_that_is_given_up(hold))
    )


def test_a_wait_on_the_clocks_thread_is_noticed(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_clock, "_brief", {*_clock._brief, _askable.Call})

    def act() -> None:
        limiter_into_a_full_inbox(hold)
        hold.may_go_on.set()

    assert "acquire" in str(found_on_the_clock(act))


def test_an_inbox_of_the_users_on_the_clocks_thread_is_noticed(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_module.Cell, "line_of_ticks", lambda _self: None)
    hold.waits = False
    assert "OwnInbox.put" in str(found_on_the_clock(lambda: inbox_of_ones_own(hold)))


def test_a_log_record_on_the_clocks_thread_is_noticed(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_clock, "_brief", {*_clock._brief, _killing.Abandonment})
    hold.waits = False
    assert "Logger" in str(found_on_the_clock(lambda: subscriber_to_dead_letters(hold)))


def test_a_tick_to_an_actor_that_has_just_ended_buries_elsewhere(hold: Hold) -> None:
    """The clock's thread finds the cell closed, and with it a message of somebody else's."""
    system = pykka.ActorSystem.default()
    buried = threading.Event()
    ref = Other.start(threading.Event())
    cell = ref._cell
    timer = ref.tell_after(0.001, "tick")
    ref.stop()
    timer.is_cancelled = False  # as if the clock had looked a moment ago
    system.dead_letters.subscribe(subscriber := lambda _letter: buried.set())
    cell.inbox.put(cell_module.Envelope("left behind"))
    default_clock.schedule(default_clock.now(), timer)
    assert buried.wait(PATIENCE)
    system.dead_letters.unsubscribe(subscriber)


# --- errands


def test_an_errand_that_blocks_holds_up_no_other() -> None:
    some = Errands()
    may_go_on, done = threading.Event(), threading.Semaphore(0)
    for _ in range(5):
        some.send_out(lambda: may_go_on.wait(PATIENCE))
    some.send_out(done.release)
    assert done.acquire(timeout=PATIENCE)
    may_go_on.set()


def test_threads_of_errands_are_used_again_and_end_when_they_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pykka.timers._errands.KEEP_ALIVE", 0.01)
    monkeypatch.setattr("pykka.timers._errands.errands", some := Errands())
    seen: list[threading.Thread] = []
    for number in range(1, 100):
        some.send_out(lambda: seen.append(threading.current_thread()))
        wait_until(lambda number=number: len(seen) == number, "it is done")  # type: ignore[misc]
    wait_until(lambda: not any(thread.is_alive() for thread in seen), "they have ended")
    assert not some._idle
    assert all(thread.daemon for thread in seen)


def test_what_is_in_a_line_is_done_in_order_and_what_raises_is_logged(log: Any) -> None:
    line = Line()
    done: list[int] = []
    for number in range(100):
        line.send_out(lambda number=number: done.append(number))
    line.send_out(lambda: 1 / 0)
    line.send_out(lambda: done.append(100))
    wait_until(lambda: len(done) == 101, "all is done")
    assert done == list(range(101))
    assert log.wait_for("ERROR", "sent out raised")


def test_an_errand_for_which_no_thread_can_be_started_is_done_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pykka.timers._errands.errands", some := Errands())

    def fail(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    done: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("pykka.timers._errands.start_new_thread", fail)
        some.send_out(lambda: done.append("owed"))
    some.send_out(lambda: done.append("next"))
    wait_until(lambda: done == ["owed", "next"], "both are done")
    wait_until(lambda: len(some._idle) == 1 and not some._owed, "the books balance")


@pytest.mark.exhaustive
def test_a_bell_that_is_waited_for_a_moment_too_late_does_not_sleep_for_ever() -> None:
    """As the `get(timeout=...)` of a SimpleQueue does."""
    bell = Bell()
    for number in range(20_000):
        with contextlib.suppress(queue.Empty):
            bell.get(timeout=number % 40 * 1e-7)
        bell.put(None)
        bell.put(None)
        assert bell.qsize() == 1
        bell.get()
    assert bell.qsize() == 0


def test_a_monotonic_clock_has_ones_own_alarms_rung_by_a_thread_that_may_block() -> None:
    clock = MonotonicClock()
    names: list[str] = []

    class Alarm:
        is_cancelled = False

        def ring(self) -> None:
            names.append(threading.current_thread().name)

    clock.schedule(clock.now(), Alarm())
    wait_until(lambda: names, "it has rung")
    assert names[0].startswith("pykka-errand")
    assert errands._queue.empty()

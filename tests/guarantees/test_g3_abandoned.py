"""A message that an abandoned actor has just taken is handled by it, or counts as one left over.

An actor is abandoned by another thread, at any moment. So here that is done before each
instruction of the package that its runner comes to, from when the message is sent until its
handler begins, in one run after the other. Then the message has been handled, or its sender hears
what the senders of those hear that are left in the inbox. (Once, the asker got an `AttributeError`
about `None`, and a message without an asker was lost, if the actor was abandoned after it had
taken the message, and before it looked for its instance.)
"""

from __future__ import annotations

import ast
import contextlib
import queue
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.injection import measures_coverage
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import no_workers
from tests.sources import SOURCES, nodes_of

import pykka
from pykka import debug, messages
from pykka._envelope import Envelope
from pykka._futures.ask import make_ask
from pykka._lifecycle.invoke import run_loop
from pykka._lifecycle.kill import abandon
from pykka._system.system import default_system
from pykka._util.gil import HAS_GIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from pykka.dead_letters import DeadLetter

pytestmark = pytest.mark.thinned

Ref: TypeAlias = "pykka.ActorRef[Any]"

WAYS = ("_lifecycle/", "runtimes/", "timers/_timer.py", "_futures/unhandled/")
"""Where a message is on its way from an inbox to its handler."""

_PLACES = tuple(pykka.__file__.removesuffix("__init__.py") + each for each in WAYS)


class Striker:
    """Calls a function before an instruction on the way of a message, on whatever thread."""

    def __init__(self) -> None:
        self.left = -1
        """How many instructions are to be passed by; less than 0 if nothing is to be done."""
        self.function: Callable[[], object] = lambda: None
        self.where = "nowhere"

    def step(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(_PLACES):
            return None
        frame.f_trace = self.step  # or Python 3.13 and newer forget the next line
        frame.f_trace_opcodes = True
        if event == "opcode" and self.left >= 0:
            self.left -= 1
            if self.left < 0:
                self.where = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                self.function()
        return self.step

    def begin(self) -> None:
        """Strike this thread from now on, also in what it is in the middle of."""
        # Python 3.12 looks in settrace() whether anybody has asked for instructions so far.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self.step)
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            self.step(frame, "call", None)
            frame = frame.f_back

    def end(self) -> None:
        """Strike this thread no more."""
        sys.settrace(None)

    @contextlib.contextmanager
    def tracing(self) -> Iterator[None]:
        """Strike this thread in the block."""
        before = sys.gettrace()
        # Python 3.12 looks in settrace() whether anybody has asked for instructions so far.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self.step)
        try:
            yield
        finally:
            sys.settrace(before)


class Sight:
    """What is seen of one message."""

    def __init__(self, striker: Striker) -> None:
        self.striker = striker
        self.events: queue.SimpleQueue[str] = queue.SimpleQueue()

    def note(self) -> str:
        self.striker.left = -1  # what has begun has begun
        self.events.put("handled")
        return "handled"

    def note_letter(self, _letter: DeadLetter) -> None:
        self.events.put("a dead letter")


class Agent(pykka.Actor):
    """Notes what it handles."""

    thread: Any = None

    def __init__(self, sight: Sight) -> None:
        super().__init__()
        self.sight = sight

    def on_start(self) -> None:
        self.thread = threading.current_thread()

    def on_receive(self, message: Any) -> Any:
        return self.sight.note()

    def call(self) -> str:
        return self.sight.note()

    @property
    def attribute(self) -> str:
        return self.sight.note()

    @attribute.setter
    def attribute(self, _value: object) -> None:
        self.sight.note()


def note(agent: Any) -> Any:
    return agent.sight.note()


SET = messages.ProxySetAttr(("attribute",), 1)

TELLS: dict[str, Callable[[Ref], object]] = {
    "a message": lambda ref: ref.tell("message"),
    "None": lambda ref: ref.tell(None),
    "a call": lambda ref: ref.proxy().call.defer(),
    "a call by hand": lambda ref: ref.tell(messages.ProxyCall(("call",), (), {})),
    "a look by hand": lambda ref: ref.tell(messages.ProxyGetAttr(("attribute",))),
    "an attribute": lambda ref: ref.tell(SET),
    "a function": lambda ref: ref.tell(messages.FunctionCall(note, (), {})),
    "an envelope": lambda ref: ref.actor_inbox.put(Envelope("message")),
}
"""Messages without an asker."""

ASKS: dict[str, Callable[[Ref], Any]] = {
    "a message": lambda ref: ref.ask("message", block=False),
    "None": lambda ref: ref.ask(None, block=False),
    "one that expires": lambda ref: ref.ask(1, block=False, timeout=PATIENCE, expire=True),
    "a call": lambda ref: ref.proxy().call(),
    "a function": lambda ref: ref.call(note),
    "a look": lambda ref: ref.proxy().attribute,
    "an attribute": lambda ref: ref.ask(SET, block=False),
    "the state": lambda ref: debug.get_state(ref, block=False),
    # What `None` has as well.
    "its class": lambda ref: ref.ask(messages.ProxyGetAttr(("__class__",)), block=False),
    "its text": lambda ref: ref.ask(messages.ProxyCall(("__repr__",), (), {}), block=False),
}
"""Questions, whose askers may wait for the answer elsewhere."""


class Ground:
    """Where the actors live whose messages are struck."""

    def __init__(self, striker: Striker) -> None:
        self.striker = striker

    def start(self, sight: Sight) -> Ref:
        raise NotImplementedError

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Strike this thread as well, if it is one that runs actors."""
        yield

    def wait_until_done(self, ref: Ref, thread: threading.Thread) -> None:
        """Wait until the runner has done with a message, whose actor has ended."""
        raise NotImplementedError

    def close(self) -> None:
        """Strike no more: Python 3.12.1 crashes if a thread ends that is traced."""


class Threads(Ground):
    """A thread for each."""

    def start(self, sight: Sight) -> Ref:
        def run(cell: Any) -> None:
            with self.striker.tracing():
                run_loop(cell)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pykka.runtimes.threading.run_loop", run)
            return ThreadAgent.start(sight)

    def wait_until_done(self, ref: Ref, thread: threading.Thread) -> None:
        thread.join(PATIENCE)
        assert not thread.is_alive()


class ThreadAgent(Agent, pykka.ThreadingActor):
    pass


class Pool(Ground):
    """A dispatcher with one thread."""

    def __init__(self, striker: Striker, *, caller_runs: bool) -> None:
        super().__init__(striker)
        self.dispatcher = pykka.Dispatcher(max_threads=1, caller_runs=caller_runs)
        members = {"dispatcher": self.dispatcher}
        self.agent_class: Any = type("PoolAgent", (Agent, pykka.PooledActor), members)
        self.other: Ref = self.agent_class.start(Sight(striker))

    def start(self, sight: Sight) -> Ref:
        ref: Ref = self.agent_class.start(sight)
        return ref

    def wait_until_done(self, ref: Ref, thread: threading.Thread) -> None:
        self.other.ask("anything", timeout=PATIENCE)


class Worker(Pool):
    """The thread of a dispatcher."""

    def __init__(self, striker: Striker) -> None:
        super().__init__(striker, caller_runs=False)
        self.other.call(lambda _agent: striker.begin()).get(timeout=PATIENCE)

    def close(self) -> None:
        self.other.call(lambda _agent: self.striker.end()).get(timeout=PATIENCE)


class CountingWorker(Worker):
    """The same, with actors whose messages are counted, which takes another way."""

    def start(self, sight: Sight) -> Ref:
        ref = super().start(sight)
        ref.keep_statistics()
        return ref


class Caller(Pool):
    """The thread that sends, and waits."""

    def __init__(self, striker: Striker) -> None:
        super().__init__(striker, caller_runs=True)

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        with self.striker.tracing():
            yield


GROUNDS: list[type[Ground]] = [Threads, Worker, CountingWorker]


@pytest.fixture
def striker(untraced: None) -> Striker:
    if not HAS_GIL:
        pytest.skip("3.13 loses trace events there, and not only these tests'")
    if sys.version_info[:2] == (3, 12) and measures_coverage():
        pytest.skip("3.12.1 crashes if one thread is traced by instruction, others for coverage")
    return Striker()


@pytest.fixture(params=GROUNDS)
def ground(striker: Striker, request: pytest.FixtureRequest) -> Iterator[Ground]:
    found: Ground = request.param(striker)
    yield found
    found.close()


def runs(ground: Ground, may_follow: frozenset[str]) -> Iterator[tuple[Ref, Sight]]:
    """An actor for each place; it is abandoned when its runner comes there."""
    striker, place = ground.striker, 0
    while True:
        sight = Sight(striker)
        ref = ground.start(sight)
        thread = ref.proxy().thread.get()
        striker.function, striker.where = partial(abandon, ref._cell), ""
        default_system.dead_letters.subscribe(sight.note_letter)
        try:
            striker.left = place
            with ground.here():
                yield ref, sight
        except BaseException as error:
            error.add_note(f"abandoned in {striker.where}")
            raise
        finally:
            striker.left = -1
            default_system.dead_letters.unsubscribe(sight.note_letter)
            ref.stop()
        ground.wait_until_done(ref, thread)
        assert {sight.events.get() for _ in range(sight.events.qsize())} <= may_follow, (
            striker.where
        )
        if not striker.where:
            break
        place += 1
    assert place > 10


@pytest.mark.parametrize("kind", TELLS)
def test_what_has_no_asker_is_handled_or_a_dead_letter(ground: Ground, kind: str) -> None:
    for ref, sight in runs(ground, frozenset()):
        with contextlib.suppress(pykka.ActorDeadError):
            TELLS[kind](ref)
            assert sight.events.get(timeout=PATIENCE) in {"handled", "a dead letter"}


HANDLED = frozenset({"handled"})
"""A handler may have begun although its asker has heard of the end already."""


def check(ask: Callable[[Ref], Any], ref: Ref) -> None:
    """Ask; the answer is the actor's, or says that it has ended."""
    actor = ref._cell.actor
    with contextlib.suppress(pykka.ActorDeadError):
        value = ask(ref)
        state = {"sight": actor.sight, "thread": actor.thread}
        assert any(value == each for each in ("handled", None, type(actor), repr(actor), state))


@pytest.mark.parametrize("kind", ASKS)
def test_an_asker_gets_the_answer_or_hears_of_the_end(ground: Ground, kind: str) -> None:
    for ref, _sight in runs(ground, HANDLED):
        check(lambda ref: ASKS[kind](ref).get(timeout=PATIENCE), ref)


AT_ONCE: dict[str, Callable[[Ref], Any]] = {
    "a message, at once": lambda ref: ref.ask("message"),
    "None, at once": lambda ref: ref.ask(None),
    **{kind: lambda ref, ask=ask: ask(ref).get() for kind, ask in ASKS.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("kind", AT_ONCE)
def test_a_caller_that_runs_the_actor_itself(striker: Striker, kind: str) -> None:
    for ref, _sight in runs(Caller(striker), HANDLED):
        check(AT_ONCE[kind], ref)


def test_a_hint_counts_for_what_was_sent_after_an_idle_actor_was_abandoned(
    untraced: None,
) -> None:
    striker = Striker()
    ground = Pool(striker, caller_runs=False)
    sight = Sight(striker)
    ref = ground.start(sight)
    ref.proxy().thread.get()
    with no_workers(ground.dispatcher):
        abandon(ref._cell)
        ref._cell.queued = True  # type: ignore[attr-defined] # a hint lies in the run queue
        ask = make_ask("sent by one who has found the actor alive", ref._cell)
        ref._cell.send(ask)
    with pytest.raises(pykka.ActorDeadError):
        ask.get(timeout=PATIENCE)


class Storm:
    """An actor, and two threads that send to it as soon as both are there.

    Args:
        base: What its class is made of.
    """

    EACH = 30

    def __init__(self, base: Any) -> None:
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.told: list[str] = []
        self.asked: list[tuple[int, Any]] = []
        self.ref: Ref = type("Counter", (Counter, base), {}).start(self.seen)
        self.begin = threading.Barrier(3)
        self.threads = [threading.Thread(target=each) for each in (self.tell, self.ask)]
        for thread in self.threads:
            thread.start()

    def tell(self) -> None:
        self.begin.wait(PATIENCE)
        with contextlib.suppress(pykka.ActorDeadError):
            for number in range(self.EACH):
                self.ref.tell(f"{number} of {id(self)}")
                self.told.append(f"{number} of {id(self)}")

    def ask(self) -> None:
        self.begin.wait(PATIENCE)
        for number in range(self.EACH):
            self.asked.append((number, self.ref.ask(number, block=False)))

    def check(self, letters: queue.SimpleQueue[Any]) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)
        for number, future in self.asked:
            with contextlib.suppress(pykka.ActorDeadError):
                assert future.get(timeout=PATIENCE) == number
        known: list[Any] = []

        def has_come_all() -> bool:
            for found in (self.seen, letters):
                known.extend(found.get() for _ in range(found.qsize()))
            return set(self.told) <= set(known)

        wait_until(has_come_all, "each is handled, or a dead letter")
        assert sorted(each for each in known if each in self.told) == sorted(self.told)


class Counter:
    """Notes what it handles, and answers with it."""

    def __init__(self, seen: queue.SimpleQueue[Any]) -> None:
        super().__init__()
        self.seen = seen

    def on_receive(self, message: Any) -> Any:
        self.seen.put(message)
        return message


@pytest.mark.parametrize("base", [pykka.ThreadingActor, pykka.PooledActor])
def test_each_message_of_a_storm_is_handled_or_left_over(base: Any) -> None:
    """Where nothing is traced, an actor is abandoned somewhere in the middle of many messages."""
    letters: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def note_letter(letter: DeadLetter) -> None:
        letters.put(letter.message)

    default_system.dead_letters.subscribe(note_letter)
    for later in range(300):
        storm = Storm(base)
        storm.begin.wait(PATIENCE)
        for _ in range(later):
            storm.seen.qsize()
        abandon(storm.ref._cell)
        storm.check(letters)
    default_system.dead_letters.unsubscribe(note_letter)


MAY_FIND_NONE = {
    "_on_stop_message": "who ends an actor looks whether it has ended",
    "_on_suspend": "looks whether there is one",
    "_on_get_attr": "looks whether there is one",
    "_on_look": "tells which instance it is; `None` is none",
}
"""Handlers of the library's own messages that may find no instance, and why."""


def handlers() -> Iterator[ast.FunctionDef]:
    for text in SOURCES.values():
        for node in nodes_of(text):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(each, ast.Call) and ast.unparse(each.func) == "system_handler"
                for each in node.decorator_list
            ):
                yield node


def test_no_handler_takes_none_for_its_actor() -> None:
    found = {each.name: each for each in handlers()}
    assert len(found) > 10
    looks = {
        name
        for name, function in found.items()
        if any(
            isinstance(node, ast.Attribute) and node.attr == "actor" for node in ast.walk(function)
        )
    }
    assert looks == MAY_FIND_NONE.keys() & found.keys()

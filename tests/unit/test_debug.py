"""Helpers for debugging."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import re
import signal
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import debug
from pykka._deadlock import loop_watch
from pykka._deadlock import wait_graph as _waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Log, Runtime


class Sleeper(pykka.ThreadingActor):
    def __init__(self, entered: threading.Event, may_end: threading.Event) -> None:
        super().__init__()
        self.entered = entered
        self.may_end = may_end

    def sleep_well(self) -> None:
        self.entered.set()
        assert self.may_end.wait(PATIENCE)


@pytest.fixture
def sleeper() -> Iterator[pykka.ActorRef[Sleeper]]:
    """An actor that is in its method `sleep_well`."""
    entered, may_end = threading.Event(), threading.Event()
    ref = Sleeper.start(entered, may_end)
    ref.proxy().sleep_well.defer()
    assert entered.wait(PATIENCE)
    yield ref
    may_end.set()


def test_each_thread_gets_a_critical_record_with_its_traceback(
    sleeper: pykka.ActorRef[Sleeper], log: Log
) -> None:
    before = {thread for thread in threading.enumerate() if thread.ident is not None}
    debug.log_thread_tracebacks()
    after = threading.enumerate()

    records = log.find("CRITICAL")
    assert {record.name for record in records} == {"pykka"}
    for thread in before.intersection(after):
        # What stands for a thread that `threading` has not started may outlive it.
        if not isinstance(thread, threading._DummyThread):
            assert any(f"(ident: {thread.ident})" in record.message for record in records)
    [mine] = log.find("CRITICAL", "Current state of MainThread ")
    assert f"(ident: {threading.get_ident()}):\n" in mine.message
    assert "test_each_thread_gets_a_critical_record" in mine.message
    assert "debug.log_thread_tracebacks()" in mine.message
    [sleeping] = log.find("CRITICAL", "Current state of Sleeper-")
    assert re.match(r"Current state of Sleeper-\d+ \(ident: \d+\):\n  File ", sleeping.message)
    assert ", in sleep_well\n" in sleeping.message
    assert __file__ in sleeping.message


def test_it_takes_any_arguments_and_returns_nothing(log: Log) -> None:
    assert debug.log_thread_tracebacks(signal.SIGINT, None, key="word") is None  # type: ignore[func-returns-value]

    assert log.find("CRITICAL", "Current state of MainThread")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the platform has no SIGUSR1")
def test_it_can_be_a_signal_handler(sleeper: pykka.ActorRef[Sleeper], log: Log) -> None:
    before = signal.signal(signal.SIGUSR1, debug.log_thread_tracebacks)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert len(log.wait_for("CRITICAL", "Current state of Sleeper-")) == 1


def test_a_thread_that_threading_does_not_know_is_logged_too(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "enumerate", list)

    debug.log_thread_tracebacks()

    assert log.find("CRITICAL", f"Current state of ? (ident: {threading.get_ident()}):")


# --- the wait-for graph -------------------------------------------------------------------------


class Link:
    """What the actors of these tests do: ask the next one, or wait at a gate."""

    def __init__(self, following: Any = None, gate: Gate | None = None) -> None:
        super().__init__()
        self.following = following
        self.gate = gate

    def on_receive(self, message: object) -> object:
        if self.gate is not None:
            self.gate.wait()
            return "opened"
        return self.following.ask(message)  # here they wait


class ThreadingLink(Link, pykka.ThreadingActor):
    pass


class PooledLink(Link, pykka.PooledActor):
    pass


class Gate:
    """Where an actor waits until it is let through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def until(condition: Callable[[debug.WaitGraph], object]) -> debug.WaitGraph:
    """The first graph of which a condition is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        graph = debug.wait_graph()
        if condition(graph):
            return graph
        assert time.monotonic() < deadline, f"never was it so; it is:\n{graph}"
        time.sleep(0.001)


def line_of(text: str) -> int:
    """The number of the line of this file that contains a text."""
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        return next(number for number, line in enumerate(file, 1) if text in line)


HERE = line_of("# here they wait")


def as_pairs(graph: debug.WaitGraph) -> list[tuple[object, object]]:
    return [(each.actor, each.waits_for) for each in graph.waiting]


def test_nobody_waits(runtime: Runtime) -> None:
    runtime.actor_class.start()
    graph = debug.wait_graph()

    assert graph == debug.WaitGraph(())
    assert graph.circles == ()
    assert str(graph) == "No actor waits for another one."
    assert graph.mermaid() == "flowchart LR\n"
    assert graph.dot() == "digraph waits {\n    rankdir=LR;\n    node [shape=box];\n}\n"


def test_each_wait_says_who_for_whom_handling_what_and_where(gate: Gate) -> None:
    last = ThreadingLink.start(gate=gate)
    middle = ThreadingLink.start(last)
    first = ThreadingLink.start(middle)
    answer = first.ask("a question", block=False)
    assert gate.reached.wait(PATIENCE)
    graph = until(lambda graph: len(graph.waiting) == 2)
    gate.opened.set()

    one, other = graph.waiting
    assert (one.actor, one.waits_for) == (first, middle)
    assert (other.actor, other.waits_for) == (middle, last)
    for each in graph.waiting:
        assert (each.message, each.waits_for_message) == ("'a question'", "'a question'")
        assert (each.filename, each.line, each.function) == (__file__, HERE, "on_receive")
        assert each.thread is not None
        assert each.thread.startswith("ThreadingLink-")
        assert not each.runs_other
    assert one.thread != other.thread
    assert graph.circles == ()
    assert answer.get(timeout=PATIENCE) == "opened"
    assert (
        str(graph)
        == f"""\
2 actors wait:
  ThreadingLink ({first.actor_urn}) waits for ThreadingLink ({middle.actor_urn})
      while it handles 'a question'
      File "{__file__}", line {HERE}, in on_receive
      on thread {one.thread}
  ThreadingLink ({middle.actor_urn}) waits for ThreadingLink ({last.actor_urn})
      while it handles 'a question'
      File "{__file__}", line {HERE}, in on_receive
      on thread {other.thread}
ThreadingLink ({last.actor_urn}) waits for no actor; it handles 'a question'"""
    )


def test_the_value_is_frozen_and_keeps_no_message_alive(gate: Gate) -> None:
    last = ThreadingLink.start(gate=gate)
    ThreadingLink.start(last).tell("hello")
    assert gate.reached.wait(PATIENCE)
    graph = until(lambda graph: graph.waiting)

    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.waiting = ()  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.waiting[0].line = 1  # type: ignore[misc]
    assert isinstance(graph.waiting[0].message, str)


def test_a_wait_that_is_over_is_gone(gate: Gate) -> None:
    last = ThreadingLink.start(gate=gate)
    answer = ThreadingLink.start(last).ask("hello", block=False)
    until(lambda graph: graph.waiting)
    gate.opened.set()

    assert answer.get(timeout=PATIENCE) == "opened"
    until(lambda graph: not graph.waiting)


def test_a_wait_with_a_timeout_is_not_in_the_graph(gate: Gate) -> None:
    class Patient(pykka.ThreadingActor):
        def on_receive(self, ref: Any) -> object:
            entered.set()
            return ref.ask("hello", timeout=PATIENCE)

    entered = threading.Event()
    last = ThreadingLink.start(gate=gate)
    answer = Patient.start().ask(last, block=False)
    assert entered.wait(PATIENCE)
    assert gate.reached.wait(PATIENCE)

    assert debug.wait_graph().waiting == ()
    gate.opened.set()
    assert answer.get(timeout=PATIENCE) == "opened"


def test_a_worker_that_waits_for_an_actor_of_another_runtime(gate: Gate) -> None:
    last = ThreadingLink.start(gate=gate)
    first = PooledLink.start(last)
    first.tell("hello")
    assert gate.reached.wait(PATIENCE)
    (each,) = until(lambda graph: graph.waiting).waiting

    assert (each.actor, each.waits_for, each.runs_other) == (first, last, False)
    assert each.thread is not None
    assert each.thread.startswith("pykka-pool-")
    assert (each.line, each.function) == (HERE, "on_receive")


def test_an_actor_that_waits_for_the_one_that_its_thread_runs(gate: Gate) -> None:
    """Nobody is blocked in a future here: the last one waits at a gate of its own."""
    last = PooledLink.start(gate=gate)
    middle = PooledLink.start(last)
    first = PooledLink.start(middle)
    asker = threading.Thread(target=first.ask, args=("hello",), name="the asker")
    asker.start()
    assert gate.reached.wait(PATIENCE)
    graph = debug.wait_graph()
    gate.opened.set()
    asker.join(PATIENCE)

    assert as_pairs(graph) == [(first, middle), (middle, last)]
    for each in graph.waiting:
        assert each.runs_other
        if has_gil():
            assert each.thread == "the asker"
            assert (each.filename, each.line) == (__file__, HERE)
            assert "on thread the asker, which runs the other one meanwhile" in str(each)


def has_gil() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def test_a_thread_that_runs_one_on_top_of_the_other_and_is_blocked(gate: Gate) -> None:
    last = ThreadingLink.start(gate=gate)
    refs = [PooledLink.start(last)]
    for _ in range(3):
        refs.append(PooledLink.start(refs[-1]))
    refs.reverse()
    asker = threading.Thread(target=refs[0].ask, args=("hello",), name="the asker")
    asker.start()
    assert gate.reached.wait(PATIENCE)
    graph = until(lambda graph: len(graph.waiting) == 4)
    gate.opened.set()
    asker.join(PATIENCE)

    assert as_pairs(graph) == list(zip(refs, [*refs[1:], last], strict=True))
    assert [each.runs_other for each in graph.waiting] == [True, True, True, False]
    assert {(each.line, each.function) for each in graph.waiting} == {(HERE, "on_receive")}
    assert {each.thread for each in graph.waiting} == {"the asker"}


def test_without_a_look_at_stacks_the_place_is_found_where_the_thread_is_blocked(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    test_a_thread_that_runs_one_on_top_of_the_other_and_is_blocked(gate)


def test_without_a_look_at_stacks_some_things_are_not_known(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    last = PooledLink.start(gate=gate)
    first = PooledLink.start(last)
    asker = threading.Thread(target=first.ask, args=("hello",))
    asker.start()
    assert gate.reached.wait(PATIENCE)
    graph = debug.wait_graph()
    gate.opened.set()
    asker.join(PATIENCE)

    (each,) = graph.waiting
    assert (each.filename, each.line, each.function, each.thread) == (None,) * 4
    assert str(each).endswith("\n    while it handles 'hello'")
    assert "|" + '"waits"' + "|" in graph.mermaid()


@pytest.fixture
def circle(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[pykka.ActorRef[Any]]]:
    """Two actors that wait for each other, and one more that waits for one of them.

    There are no circles but for a moment, so the one who looks for them is blind here.
    """
    monkeypatch.setattr(_waiting, "_find_circle", lambda first: None)
    one, other, third = (ThreadingLink.start() for _ in range(3))
    one._actor.following, other._actor.following, third._actor.following = other, one, one
    refs = [one, other, third]
    for ref in refs:
        ref.tell("hello")
    until(lambda graph: len(graph.waiting) == 3)
    yield refs
    for ref in refs:
        wait: Any = ref._cell.waiting
        with contextlib.suppress(pykka.FutureAlreadySetError):
            wait.future.set("freed")


def test_circles_are_shown(circle: list[pykka.ActorRef[Any]]) -> None:
    one, other, third = circle
    graph = debug.wait_graph()

    assert as_pairs(graph) == [(third, one), (one, other), (other, one)]
    (found,) = graph.circles
    assert found == graph.waiting[1:]
    names = [f"ThreadingLink ({ref.actor_urn})" for ref in (one, other, one)]
    assert str(graph).splitlines()[-1] == f"A circle: {' → '.join(names)}"
    assert "linkStyle 1,2 stroke:#c00" in graph.mermaid()
    assert graph.dot().count('color="#cc0000"') == 2


def test_pictures(gate: Gate) -> None:
    last = PooledLink.start(gate=gate)
    first = PooledLink.start(last)
    asker = threading.Thread(target=first.ask, args=('a "message" & <more>',), name="the asker")
    asker.start()
    assert gate.reached.wait(PATIENCE)
    (waiting,) = debug.wait_graph().waiting
    gate.opened.set()
    asker.join(PATIENCE)
    graph = debug.WaitGraph(
        (dataclasses.replace(waiting, thread="T", line=7, filename="/a/b.py"),)
    )

    assert (
        graph.mermaid()
        == f"""\
flowchart LR
    a1["PooledLink<br>{first.actor_urn}<br>handles #39;a #34;message#34; #38; #60;more#62;#39;"]
    a2["PooledLink<br>{last.actor_urn}<br>handles #39;a #34;message#34; #38; #60;more#62;#39;"]
    a1 -.->|"b.py, line 7, in {waiting.function}<br>on T"| a2
"""
    )
    assert (
        graph.dot()
        == f"""\
digraph waits {{
    rankdir=LR;
    node [shape=box];
    a1 [label="PooledLink\\n{first.actor_urn}\\nhandles 'a \\"message\\" &amp; <more>'"];
    a2 [label="PooledLink\\n{last.actor_urn}\\nhandles 'a \\"message\\" &amp; <more>'"];
    a1 -> a2 [label="b.py, line 7, in {waiting.function}\\non T", style=dashed];
}}
"""
    )


@pytest.mark.parametrize(
    "evil",
    [
        '"]; x --> y',
        "\\",
        "a\nb",
        "%%{init: {}}%%",
        "$$x$$",
        "`code`",
        "#35;",
        "<b>",
        "&lt;",
        "\0",
    ],
)
def test_nothing_in_a_label_means_anything(evil: str) -> None:
    ref = ThreadingLink.start()
    each = debug.WaitingActor(
        actor=ref,
        waits_for=ref,
        message=evil,
        waits_for_message=evil,
        filename=evil,
        line=1,
        function=evil,
        thread=evil,
        runs_other=False,
    )
    graph = debug.WaitGraph((each,))

    lines = graph.mermaid().splitlines()
    assert len(lines) == 4  # with the one that colours the circle
    for line, pattern in zip(
        lines[1:3], [r'    a1\["(.*)"\]', r'    a1 -->\|"(.*)"\| a1'], strict=True
    ):
        matched = re.fullmatch(pattern, line)
        assert matched is not None
        text = re.sub(r"#\d+;", "", matched[1].replace("<br>", ""))
        assert re.fullmatch(r"[\w .,:()/=…-]*", text)
    lines = graph.dot().splitlines()
    assert len(lines) == 6
    for line in lines[3:5]:
        assert re.fullmatch(r'    a1 (-> a1 )?\[label="(?:[^"\\]|\\.)*".*\];', line)
        assert line.isprintable()


def test_long_messages_are_cut_in_pictures() -> None:
    ref = ThreadingLink.start()
    each = debug.WaitingActor(ref, ref, "x" * 200, None, None, None, None, None, runs_other=False)
    graph = debug.WaitGraph((each,))

    assert "x" * 200 in str(graph)
    assert f"{'x' * 59}…" in graph.dot()
    assert "x" * 60 not in graph.dot()


def test_a_message_whose_repr_raises(gate: Gate) -> None:
    class Bad:
        def __repr__(self) -> str:
            raise ValueError("no")

    ThreadingLink.start(ThreadingLink.start(gate=gate)).tell(Bad())
    (each,) = until(lambda graph: graph.waiting).waiting

    assert each.message == "<Bad whose repr raised ValueError>"


def test_an_actor_that_waits_in_its_start_hook(gate: Gate) -> None:
    class Starter(pykka.ThreadingActor):
        def on_start(self) -> None:
            last.ask("hello")

    last = ThreadingLink.start(gate=gate)
    first = Starter.start()
    (each,) = until(lambda graph: graph.waiting).waiting
    gate.opened.set()

    assert (each.actor, each.waits_for, each.message) == (first, last, None)
    assert each.function == "on_start"
    assert "while it handles" not in str(each)


def test_an_actor_that_ends_is_found_if_somebody_waits_for_it(gate: Gate) -> None:
    class Ender(pykka.ThreadingActor):
        def on_stop(self) -> None:
            last.ask("hello")

    class Stopper(pykka.ThreadingActor):
        def on_receive(self, ref: Any) -> object:
            return ref.stop()

    last = ThreadingLink.start(gate=gate)
    ender = Ender.start()
    stopper = Stopper.start()
    stopper.tell(ender)
    graph = until(lambda graph: len(graph.waiting) == 2)
    gate.opened.set()

    assert as_pairs(graph) == [(stopper, ender), (ender, last)]


@pytest.mark.exhaustive
def test_many_threads_look_while_actors_wait_and_go_on() -> None:
    """Nothing raises, and whatever is in a graph makes sense."""
    refs = [PooledLink.start(gate=open_gate())]
    for number in range(9):
        refs.append((PooledLink if number % 3 else ThreadingLink).start(refs[-1]))
    errors: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                graph = debug.wait_graph()
                str(graph), graph.mermaid(), graph.dot()
                for each in graph.waiting:
                    assert refs.index(each.actor) == refs.index(each.waits_for) + 1
                assert graph.circles == ()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(300):
        assert refs[-1 - number % 5].ask("hello") == "opened"
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []


def open_gate() -> Gate:
    gate = Gate()
    gate.opened.set()
    return gate


# --- printing it --------------------------------------------------------------------------------


def test_printing(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    ThreadingLink.start(ThreadingLink.start(gate=gate)).tell("hello")
    graph = until(lambda graph: graph.waiting and "handles no message" not in str(graph))

    debug.print_wait_graph()
    assert capsys.readouterr() == ("", f"{graph}\n")
    file = io.StringIO()
    debug.print_wait_graph(signal.SIGINT, None, file=file)
    assert file.getvalue() == f"{graph}\n"


def test_printing_without_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    debug.print_wait_graph()


def test_printing_to_a_file_that_is_just_being_written_to(tmp_path: Path) -> None:
    class Busy(io.TextIOWrapper):
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call")

    with open(tmp_path / "out", "wb") as raw, Busy(raw) as file:  # noqa: PTH123
        debug.print_wait_graph(file=file)

    assert (tmp_path / "out").read_text() == "No actor waits for another one.\n"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the platform has no SIGUSR1")
def test_a_signal_handler_looks_at_the_thread_that_it_interrupts(gate: Gate) -> None:
    """The main thread runs two actors, and the upper one blocks it."""
    last = ThreadingLink.start(gate=gate)
    second = PooledLink.start(last)
    first = PooledLink.start(second)
    seen: list[debug.WaitGraph] = []
    main = threading.get_ident()

    def handler(*_args: object) -> None:
        seen.append(debug.wait_graph())
        gate.opened.set()

    def send() -> None:
        assert gate.reached.wait(PATIENCE)
        until(lambda graph: len(graph.waiting) == 2)
        # A signal that comes just before a thread blocks in a lock is seen after that only.
        while not gate.opened.wait(0.05):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert first.ask("hello") == "opened"
    finally:
        sender.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)

    graph = seen[0]
    assert as_pairs(graph) == [(first, second), (second, last)]
    assert {each.thread for each in graph.waiting} == {"MainThread"}
    if has_gil():
        assert {(each.line, each.function) for each in graph.waiting} == {(HERE, "on_receive")}


# --- blocking an event loop ---------------------------------------------------------------------


@pytest.fixture
def shown(recwarn: pytest.WarningsRecorder) -> Iterator[Callable[[], list[str]]]:
    """What was warned of, each time."""
    loop_watch._shown.clear()
    warnings.simplefilter("always")
    yield lambda: [str(each.message) for each in recwarn if each.category is BLOCKING]
    debug.warn_about_blocking()


BLOCKING = pykka.BlockingWarning


class Echo(pykka.ThreadingActor):
    attribute = 0

    def on_receive(self, message: object) -> object:
        return message

    def echo(self) -> object:
        return self


@pytest.mark.parametrize(
    "block",
    [
        lambda ref: ref.ask("hello"),
        lambda ref: ref.ask("hello", timeout=PATIENCE),
        lambda ref: ref.proxy().echo().get(),
        lambda ref: ref.proxy().echo().map(str).get(),
        lambda ref: setattr(ref.proxy(), "attribute", 1),
        lambda ref: ref.stop(),
        lambda ref: list(pykka.as_completed([ref.proxy().slow(), ref.proxy().slow()])),
    ],
    ids=["ask", "with timeout", "get", "derived", "attribute", "stop", "as_completed"],
)
def test_a_blocking_call_in_a_loop_is_warned_about(
    block: Callable[[pykka.ActorRef[Echo]], object],
) -> None:
    class Slow(Echo):
        def slow(self) -> None:
            assert go_on.wait(PATIENCE)

    go_on = threading.Event()

    async def blocker() -> None:
        ref = Slow.start()
        ref.proxy().slow.defer()  # so that none of the calls finds its answer already there
        timer = threading.Timer(0.01, go_on.set)
        timer.start()
        block(ref)
        timer.join()

    loop_watch._shown.clear()
    with pytest.warns(BLOCKING, match="blocks the event loop of its thread") as caught:
        asyncio.run(blocker())
    assert caught[0].filename == __file__


def test_what_does_not_block_a_loop_is_not_warned_about(shown: Callable[[], list[str]]) -> None:
    class Pooled(pykka.PooledActor):
        def on_receive(self, message: object) -> object:
            return message

    async def main() -> None:
        ref = Echo.start()
        assert await ref.ask("hello", block=False) == "hello"
        future = ref.ask("hello", block=False)
        await future
        assert future.get() == "hello"
        ref.tell("hello")
        assert await asyncio.to_thread(ref.ask, "hello") == "hello"
        gate = threading.Event()
        ref.tell("hello")
        held = ref.call(lambda _me: gate.wait(PATIENCE))
        with pytest.raises(pykka.Timeout):
            held.get(timeout=0)
        assert list(pykka.as_completed([future])) == [future]
        gate.set()
        await held
        await ref.stop(block=False)

    asyncio.run(main())
    assert Echo.start().ask("no loop here") == "no loop here"
    assert Pooled.start().ask("run by this thread") == "run by this thread"
    assert shown() == []


def test_each_line_is_shown_once(recwarn: pytest.WarningsRecorder) -> None:
    async def main() -> None:
        ref = Echo.start()
        for _ in range(5):
            ref.ask("hello")
        ref.ask("hello")

    loop_watch._shown.clear()
    warnings.simplefilter("default")
    asyncio.run(main())
    asyncio.run(main())
    assert len({each.lineno for each in recwarn}) == len(recwarn) == 2


@pytest.mark.filterwarnings("error::pykka.BlockingWarning")
def test_one_that_is_made_an_exception_is_raised_before_the_wait() -> None:
    async def main() -> None:
        gate = threading.Event()
        ref = Echo.start()
        held = ref.call(lambda _me: gate.wait(PATIENCE))
        with pytest.raises(BLOCKING, match=r"main\(\) blocks .*; await the future"):
            held.get()
        gate.set()
        await held

    loop_watch._shown.clear()
    asyncio.run(main())  # the tests make all warnings exceptions


def test_it_can_be_switched_off(shown: Callable[[], list[str]]) -> None:
    async def main() -> object:
        return Echo.start().ask("hello")

    debug.warn_about_blocking(enabled=False)
    assert asyncio.run(main()) == "hello"
    assert shown() == []
    debug.warn_about_blocking()
    asyncio.run(main())
    assert len(shown()) == 1


def test_an_actor_in_a_loop_that_blocks_is_warned_too(shown: Callable[[], list[str]]) -> None:
    class Waiting(pykka.AsyncioActor):
        def on_receive(self, message: object) -> object:
            return Echo.start().ask(message)

    assert Waiting.start().ask("hello", timeout=PATIENCE) == "hello"
    [text] = shown()
    assert text.startswith("on_receive() blocks the event loop")


def test_a_callback_of_a_loop_is_warned_too(shown: Callable[[], list[str]]) -> None:
    async def main() -> None:
        loop, ref, done = asyncio.get_running_loop(), Echo.start(), asyncio.Event()
        loop.call_soon(lambda: (ref.ask("hello"), done.set()))
        await done.wait()

    asyncio.run(main())
    assert len(shown()) == 1


def test_what_is_typed_into_a_notebook_is_not_warned_of(shown: Callable[[], list[str]]) -> None:
    """A notebook runs the code of its cells on top of a coroutine of its own."""
    cell = compile("def ask(ref):\n    return ref.ask('hello')\nask(ref)", "<cell>", "exec")

    async def kernel() -> None:
        exec(cell, {"__name__": "__main__", "ref": Echo.start()})  # noqa: S102

    asyncio.run(kernel())
    assert shown() == []


def test_a_module_of_asyncio_that_is_being_loaded_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_waiting, "_running_loop", _waiting._find_running_loop)
    assert asyncio.events.__spec__ is not None
    monkeypatch.setattr(asyncio.events.__spec__, "_initializing", True, raising=False)
    assert Echo.start().ask("hello") == "hello"
    assert _waiting._running_loop is _waiting._find_running_loop

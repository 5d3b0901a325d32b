"""A crash is no secret: the hook, what is printed and when, and what an `ActorDeadError` says."""

from __future__ import annotations

import ast
import logging
import os
import pathlib
import queue
import select
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.sources import SOURCES, nodes_of

import pykka
from pykka._system import crashes as _crashes
from pykka._util.log import print_to_stderr
from pykka.routing import RoundRobin
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Log, Runtime

PROGRAM = """
import pykka
class Bad(pykka.{kind}):
    def on_start(self): raise ValueError("the reason")
Bad.start()
"""


def run(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output="stderr" not in options,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def printed(done: subprocess.CompletedProcess[str]) -> int:
    """How often the reason was printed, with its traceback."""
    assert done.returncode == 0, done.stderr
    count = done.stderr.count("\nValueError: the reason")
    assert done.stderr.count("Traceback (most recent call last)") == count
    return count


@pytest.mark.parametrize("kind", ["ThreadingActor", "PooledActor", "AsyncioActor"])
def test_a_program_of_four_lines(kind: str) -> None:
    done = run(PROGRAM.format(kind=kind))
    assert printed(done) == 1
    assert "Exception in Bad (urn:uuid:" in done.stderr
    assert "pykka.crash_hook" in done.stderr


SETUPS = {
    "basicConfig": ("import logging; logging.basicConfig()", 1),
    "a handler of the logger": (
        "import logging; logging.getLogger('pykka').addHandler(logging.StreamHandler())",
        1,
    ),
    "a handler that prints less": (
        """import logging; logging.basicConfig()
logging.getLogger().handlers[0].setLevel(logging.CRITICAL)""",
        0,
    ),
    "no handlers at all": ("import logging; logging.getLogger('pykka').handlers.clear()", 1),
    "no handlers, and none for last": (
        "import logging; logging.getLogger('pykka').handlers.clear(); logging.lastResort = None",
        1,
    ),
    "a NullHandler more": (
        "import logging; logging.getLogger().addHandler(logging.NullHandler())",
        1,
    ),
    "disabled": ("import logging; logging.getLogger('pykka').disabled = True", 0),
    "all disabled": ("import logging; logging.disable(logging.CRITICAL)", 0),
    "level": ("import logging; logging.getLogger('pykka').setLevel(logging.CRITICAL)", 0),
    "level of the root": ("import logging; logging.getLogger().setLevel(logging.CRITICAL)", 0),
    "propagate": ("import logging; logging.getLogger('pykka').propagate = False", 0),
    "no hook": ("pykka.crash_hook = None", 0),
    "no stderr": ("import sys; sys.stderr = None", 0),
    "closed stderr": ("import sys; sys.stderr.close()", 0),
    "closed file": ("import os; os.close(2)", 0),
    "a stream that raises": (
        """import sys
class Bad:
    def write(self, text): raise SystemExit
    def flush(self): pass
sys.stderr = Bad()""",
        0,
    ),
    "a hook that is none": ("pykka.crash_hook = 3", 1),
}


@pytest.mark.parametrize("setup", SETUPS)
def test_what_a_program_says_is_respected(setup: str) -> None:
    line, count = SETUPS[setup]
    start, _, end = PROGRAM.format(kind="ThreadingActor").partition("class")
    program = f"{start}{line}\nclass{end}print('good')"
    done = run(program)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
    assert done.stderr.count("\nValueError: the reason") == count


def test_a_stderr_that_is_full_holds_nobody_up() -> None:
    """A pipe that nobody reads; and a device without room."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    program = PROGRAM.format(kind="ThreadingActor") + "print('good')"
    try:
        done = run(program, stdout=subprocess.PIPE, stderr=writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert (done.returncode, done.stdout) == (0, "good\n")


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_stderr_without_room() -> None:
    with pathlib.Path("/dev/full").open("w") as full:
        program = PROGRAM.format(kind="ThreadingActor") + "print('good')"
        done = run(program, stdout=subprocess.PIPE, stderr=full)
    assert done.stdout == "good\n"


def test_a_flood_is_not_printed() -> None:
    done = run("""
        import pykka
        class Bad(pykka.PooledActor):
            def on_start(self): raise ValueError("the reason")
        pykka._system.crashes.PER_SECOND = 0.0
        for _ in range(200): Bad.start()
    """)
    assert printed(done) == _crashes.BURST
    assert "190 more crashes of actors were not printed" in done.stderr


def test_where_a_pipe_cannot_be_asked_whether_it_is_full_all_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows."""
    monkeypatch.delattr(select, "poll", raising=False)
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123 (a descriptor)
        monkeypatch.setattr(sys, "stderr", stream)
        print_to_stderr("one\n" * 3)
        monkeypatch.undo()
    with open(reader, encoding="utf-8") as stream:  # noqa: PTH123 (as above)
        assert stream.read() == "one\n" * 3


def test_a_text_that_is_longer_than_a_pipe_takes_at_once() -> None:
    done = run("""
        import pykka
        class Bad(pykka.ThreadingActor):
            def on_start(self): raise ValueError("é" * 20_000 + "the end")
        Bad.start()
    """)
    assert done.stderr.count("é" * 20_000 + "the end") == 1


@pytest.fixture
def crashes() -> Iterator[queue.SimpleQueue[pykka.ActorCrash]]:
    """The crashes that the hook of the program gets."""
    before = pykka.crash_hook
    got: queue.SimpleQueue[pykka.ActorCrash] = queue.SimpleQueue()
    pykka.crash_hook = got.put
    yield got
    pykka.crash_hook = before


class Fragile(pykka.Actor):
    """Fails with whatever it is told."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


def test_the_hook_gets_ref_and_exception(
    runtime: Runtime, crashes: queue.SimpleQueue[pykka.ActorCrash]
) -> None:
    ref = runtime.run(Fragile).start()
    error = ValueError("no")
    ref.tell(error)
    crash = crashes.get(timeout=PATIENCE)
    assert crash == (ref, error)
    assert crash.exception.__traceback__ is not None
    assert crashes.empty()


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_the_hook_gets_what_hooks_raise(
    hook: str, runtime: Runtime, crashes: queue.SimpleQueue[pykka.ActorCrash]
) -> None:
    def fail(*_args: object) -> None:
        raise KeyError(hook)

    ref = type("Failing", (runtime.run(Fragile),), {hook: fail}).start()
    if hook == "on_failure":
        ref.tell(ValueError("no"))
        assert isinstance(crashes.get(timeout=PATIENCE).exception, ValueError)
    ref.stop(timeout=PATIENCE)
    assert isinstance(crashes.get(timeout=PATIENCE).exception, KeyError)


def test_a_failing_ask_is_no_crash(
    runtime: Runtime, crashes: queue.SimpleQueue[pykka.ActorCrash]
) -> None:
    ref = runtime.run(Fragile).start()
    with pytest.raises(ValueError, match="no"):
        ref.ask(ValueError("no"), timeout=PATIENCE)
    ref.stop(timeout=PATIENCE)
    assert crashes.empty()


def test_what_is_watched_or_supervised_is_known(
    runtime: Runtime, crashes: queue.SimpleQueue[pykka.ActorCrash]
) -> None:
    ref = runtime.run(Fragile).start()

    class Watcher(pykka.ThreadingActor):
        def on_start(self) -> None:
            self.watch(ref)

        def on_receive(self, message: Any) -> None:
            pass

    watcher = Watcher.start()
    watcher.ask("it watches", timeout=PATIENCE)
    ref.tell(ValueError("watched"))
    ref.when_terminated().get(timeout=PATIENCE)
    supervisor = Supervisor.start([ChildSpec("child", runtime.run(Fragile))])
    child = supervisor.proxy().get_child("child").get(timeout=PATIENCE)
    child.tell(ValueError("supervised"))
    assert child.ask("it goes on", timeout=PATIENCE) == "it goes on"
    assert crashes.empty()
    child.tell(ValueError("too often"))
    supervisor.when_terminated().get(timeout=PATIENCE)
    crash = crashes.get(timeout=PATIENCE)
    assert crash.ref == supervisor, "nobody supervises the supervisor"
    assert isinstance(crash.exception.__cause__, ValueError)
    watcher.stop()


@pytest.mark.parametrize("error", [ValueError("of the hook"), SystemExit()], ids=repr)
def test_a_hook_that_raises_harms_nobody(error: BaseException, runtime: Runtime, log: Log) -> None:
    def fail(_crash: object) -> None:
        raise error

    before, pykka.crash_hook = pykka.crash_hook, fail
    try:
        ref = runtime.run(Fragile).start()
        ref.tell(ValueError("no"))
        reason = ref.when_terminated().get(timeout=PATIENCE)
        assert isinstance(reason, pykka.Failed)
    finally:
        pykka.crash_hook = before
    [record] = log.wait_for("ERROR", "pykka.crash_hook raised")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_hook_that_raises_is_printed_where_logging_is_not_set_up() -> None:
    start, _, end = PROGRAM.format(kind="ThreadingActor").partition("class")
    done = run(f"{start}pykka.crash_hook = lambda crash: 1 / 0\nclass{end}")
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.count("\nValueError: the reason") == 1


# --- ActorDeadError ------------------------------------------------------------------------------


def of(error: pykka.ActorDeadError) -> BaseException:
    """The reason that an error names, checked."""
    cause = error.__cause__
    assert cause is not None
    assert repr(cause) in str(error)
    seen: BaseException | None = cause
    while seen is not None:
        assert seen.__traceback__ is None
        seen = seen.__cause__
    return cause


@pytest.fixture
def failed(runtime: Runtime) -> pykka.ActorRef[Any]:
    ref = runtime.run(Fragile).start()
    ref.tell(ValueError("the reason"))
    ref.when_terminated().get(timeout=PATIENCE)
    return ref


WAYS = {
    "tell": lambda ref: ref.tell("late"),
    "ask": lambda ref: ref.ask("late"),
    "ask without blocking": lambda ref: ref.ask("late", block=False).get(),
    "proxy": lambda ref: ref.proxy(),
    "timer": lambda ref: ref.tell_after(1, "late"),
    "router": lambda ref: RoundRobin([ref]).ask("late"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_names_the_reason(way: str, failed: pykka.ActorRef[Any]) -> None:
    with pytest.raises(pykka.ActorDeadError) as info:
        WAYS[way](failed)
    assert isinstance(of(info.value), ValueError)


def test_a_proxy_that_was_made_before_names_the_reason(runtime: Runtime) -> None:
    ref = runtime.run(Fragile).start()
    proxy = ref.proxy()
    ref.tell(ValueError("the reason"))
    ref.when_terminated().get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError) as info:
        proxy.on_receive("late").get()
    assert isinstance(of(info.value), ValueError)
    with pytest.raises(pykka.ActorDeadError) as info:
        proxy.on_receive.defer("late")
    assert isinstance(of(info.value), ValueError)


def test_what_waits_when_the_actor_fails_is_told_the_reason(runtime: Runtime) -> None:
    """Also that which comes after it is marked stopped, and before it has ended."""
    late: queue.SimpleQueue[Any] = queue.SimpleQueue()

    class Failing(runtime.run(Fragile)):  # type: ignore[misc]
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, ValueError):
                late.put(self.actor_ref.ask("in the inbox", block=False))
            return super().on_receive(message)

        def on_failure(self, *_args: object) -> None:
            try:
                self.actor_ref.tell("late")
            except pykka.ActorDeadError as error:
                late.put(error)

    ref = Failing.start()
    ref.tell(ValueError("the reason"))
    inside = late.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError) as info:
        inside.get(timeout=PATIENCE)
    assert isinstance(of(info.value), ValueError)
    assert isinstance(of(late.get(timeout=PATIENCE)), ValueError)


def test_an_actor_that_was_stopped_or_killed_has_no_cause(runtime: Runtime) -> None:
    for end in ("stop", "kill"):
        ref = runtime.run(Fragile).start()
        getattr(ref, end)()
        with pytest.raises(pykka.ActorDeadError) as info:
            ref.tell("late")
        assert str(info.value) == f"{ref} not found"
        assert info.value.__cause__ is None


def test_a_supervisor_whose_child_cannot_be_made() -> None:
    def look() -> None:
        supervisor = Supervisor.start([ChildSpec("w", lambda: 1 / 0)])  # type: ignore[arg-type]
        supervisor.when_terminated().get(timeout=PATIENCE)
        supervisor.proxy()

    with pytest.raises(pykka.ActorError) as info:
        look()
    assert "ZeroDivisionError" in str(info.value)
    causes: list[BaseException] = [info.value]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    assert isinstance(causes[-1], ZeroDivisionError)


def test_a_child_that_is_not_started_again_names_the_reason(runtime: Runtime) -> None:
    spec = ChildSpec("child", runtime.run(Fragile))
    supervisor = Supervisor.start([spec], max_restarts=0)
    child = supervisor.proxy().get_child("child").get(timeout=PATIENCE)
    child.tell(ValueError("the reason"))
    supervisor.when_terminated().get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError) as info:
        child.tell("late")
    assert isinstance(of(info.value), ValueError)


def test_a_pool_that_has_given_up_names_the_reason() -> None:
    class Odd(pykka.PooledActor):
        def on_receive(self, message: Any) -> None:
            raise message

    pool = RoundRobin.pool(Odd, 1, max_restarts=0)
    supervisor = pool.supervisor
    pool.tell(ValueError("the reason"))
    supervisor.when_terminated().get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError) as info:
        pool.ask("late")
    cause = info.value.__cause__
    assert cause is not None
    assert "the reason" in str(info.value)
    assert isinstance(cause.__cause__, ValueError)


MAKERS = {"_cell/cell.py": ["dead_error"], "_ref/proxy.py": ["_dead_error"]}
"""The functions that make an `ActorDeadError` of an actor: all others call them."""

OTHERS = {
    "routing/_pool.py": ["dead_error"],
    "routing/_routees.py": ["_dead_error"],
    "supervision/_child_monitor.py": ["_tell"],
    "supervision/_supervisor.py": ["_pykka_ref_of_child"],
}
"""Those that make one of a router, which is no actor, and name what is known; and one of an actor
that has not failed, or of a child that is not running, of which its supervisor knows no more."""


def made_in(source: str) -> list[str]:
    """The functions in which an `ActorDeadError` is made."""
    found: list[str] = []
    for function in nodes_of(source):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found += [
                function.name
                for node in ast.walk(function)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "ActorDeadError"
            ]
    return sorted(set(found))


def test_it_is_made_where_the_reason_is_known() -> None:
    found = {path: made_in(source) for path, source in SOURCES.items()}
    assert {path: names for path, names in found.items() if names} == MAKERS | OTHERS


def test_the_logging_of_a_crash_is_as_it_was(runtime: Runtime, log: Log) -> None:
    ref = runtime.run(Fragile).start()
    ref.tell(ValueError("no"))
    [record] = log.wait_for("ERROR", f"Unhandled exception in {ref}")
    assert record.name == "pykka"
    assert record.funcName == "crash", "the line that logs, and not that of the door"
    assert logging.getLogger("pykka").handlers

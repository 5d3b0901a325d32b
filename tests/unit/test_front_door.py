"""`import pykka` loads next to nothing; the rest is loaded when it is asked for, come what may.

What a load may run into: a signal handler that raises or asks for the same name in the middle of
it, other threads that load something, an import that another thread is in, a fork, and the end of
the program. Each program here is a fresh process, since this one has loaded all there is.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import environments
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Mapping

TREE = ast.parse(Path(pykka.__file__).read_text(encoding="utf-8"))

TOO_LONG = 100 * PATIENCE
NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


BYTE_CODE = tempfile.TemporaryDirectory(prefix="byte-code-")
"""Where what is compiled by one of the programs is found by the next, whoever runs the tests."""


def run(program: str, environment: Mapping[str, str] = os.environ) -> str:
    """Run a program that ends by itself; what it printed."""
    inherited = {key: value for key, value in environment.items() if key != NO_BYTE_CODE}
    begin = f"import atexit, os, sys, threading\nPATIENCE = {PATIENCE}\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", begin + textwrap.dedent(program)],
        check=False,
        capture_output=True,
        text=True,
        timeout=TOO_LONG,
        env=inherited | {"PYTHONPYCACHEPREFIX": BYTE_CODE.name},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


LOADED = "sorted(name for name in sys.modules if name.partition('.')[0] == 'pykka')"


# --- what is loaded when ------------------------------------------------------------------------


def test_the_import_loads_next_to_nothing() -> None:
    loaded = run(f"import pykka\nprint({LOADED})")
    assert ast.literal_eval(loaded) == [
        "pykka",
        "pykka._util",
        "pykka._util.world",
        "pykka._version",
    ]


def test_a_first_actor_loads_what_it_needs() -> None:
    loaded = run(
        """
        import pykka
        before = set(sys.modules)
        class Echo(pykka.ThreadingActor):
            def on_receive(self, message):
                return message
        echo = Echo.start()
        assert echo.ask("hello") == "hello"
        echo.stop()
        print(sorted(set(sys.modules) - before))
        """
    )
    names = set(ast.literal_eval(loaded))
    assert "pykka.runtimes.threading" in names
    assert not names & {"asyncio", "dataclasses", "inspect", "random", "contextvars"}
    others = (
        "debug",
        "inboxes",
        "resilience",
        "routing",
        "runtimes.pool",
        "simulation",
        "supervision",
        "testing",
        "typing",
    )
    assert [
        name for name in names if name.startswith(tuple(f"pykka.{name}" for name in others))
    ] == []


def test_with_the_first_name_come_all_that_an_actor_at_work_may_need() -> None:
    """So a finaliser or a signal handler that looks one up runs into no import."""
    come = run(
        """
        import pykka
        pykka.crash_hook = None  # what a program has put here before stays
        pykka.Timeout
        assert pykka.crash_hook is None
        print(sorted(vars(pykka).keys() & set(pykka.__all__)))
        """
    )
    assert set(ast.literal_eval(come)) == set(pykka._FIRST)


WORK = """
import logging
import pykka
logging.disable()
pykka.crash_hook = None

class Sum(pykka.ThreadingActor):
    total = 0
    def on_receive(self, message):
        if message == "fail":
            raise ValueError(message)
        self.total += message
        return self.total
    def twice(self, number):
        return 2 * number

class Pooled(Sum, pykka.PooledActor):
    pass

def work(kind):
    one, other = kind.start(), kind.start()
    one.tell(1)
    assert one.ask(2) == 3
    assert one.ask(3, timeout=PATIENCE) == 6
    assert one.ask(4, block=False).map(lambda total: total + 1).get(timeout=PATIENCE) == 11
    assert one.proxy().twice(5).get() == 10
    assert one.proxy().total.get() == 10
    ended = other.when_terminated()
    other.tell("fail")
    ended.get(timeout=PATIENCE)
    try:
        other.tell(1)
    except pykka.ActorDeadError:
        pass
    one.tell_after(0, 1)
    kind.start().kill()
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)
"""


def test_nothing_is_loaded_while_actors_are_at_work() -> None:
    """Not by sends, answers, waits, timers, crashes, kills and stops."""
    new = run(
        WORK
        + textwrap.dedent(
            f"""
            import pykka.runtimes.pool.actor
            before = set({LOADED})
            for kind in (Sum, Pooled):
                work(kind)
            print(sorted(set({LOADED}) - before))
            """
        )
    )
    assert ast.literal_eval(new) == []


# --- everything is there ------------------------------------------------------------------------


def test_each_name_has_a_home_where_type_checkers_look_for_it() -> None:
    checked = next(node for node in TREE.body if isinstance(node, ast.If))
    found = {
        alias.name: node.module.removeprefix("pykka.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pykka.")
        for alias in node.names
    }
    modules = {
        alias.name
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and node.module == "pykka"
        for alias in node.names
    }
    homes = pykka._FIRST | pykka._LATER
    assert found | {"crash_hook": "_system.crashes"} == homes
    assert sorted(homes) == pykka.__all__
    assert not pykka._FIRST.keys() & pykka._LATER.keys()
    assert modules == pykka._MODULES


def test_completion_offers_what_is_public() -> None:
    offered = run("import pykka\nprint(dir(pykka))")
    names = {name for name in ast.literal_eval(offered) if not name.startswith("__")}
    assert names == {*pykka.__all__, *pykka._MODULES}


def test_pydoc_shows_it_all() -> None:
    text = run("import pydoc, pykka\nprint(pydoc.render_doc(pykka, renderer=pydoc.plaintext))")
    for name in ("ThreadingActor", "PooledActor", "AsyncioActor", "ActorStatistics", "get_all"):
        assert f" {name}(" in text


@needs_fork
@pytest.mark.parametrize(
    "names",
    [
        [
            "Timeout",
            "crash_hook",
            "ThreadingActor",
            "AsyncioActor",
            "Dispatcher",
            "typing",
            "_envelope",
        ],
        pytest.param(
            [*pykka.__all__, *pykka._MODULES, *pykka._OF_PYKKA_4], marks=pytest.mark.exhaustive
        ),
    ],
    ids=["some", "all"],
)
def test_each_name_can_be_the_first(names: list[str]) -> None:
    run(
        f"""
        import pykka
        for name in {names}:
            child = os.fork()
            if not child:
                try:
                    exec(f"from pykka import {{name}}")
                    assert eval(name) is getattr(pykka, name)
                except BaseException as error:
                    os.write(2, f"{{name}}: {{error!r}}\\n".encode())
                    os._exit(1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0, name
        """
    )


def test_a_name_that_there_is_not_is_refused_without_a_load() -> None:
    loaded = run(
        f"""
        import pykka
        try:
            pykka.TheadingActor
        except AttributeError as error:
            assert error.args == ("module 'pykka' has no attribute 'TheadingActor'",)
        else:
            assert False
        print(len({LOADED}))
        """
    )
    assert int(loaded) == 4


# --- interrupted --------------------------------------------------------------------------------

INTERRUPT = """
import contextlib, os, sys
import asyncio, contextvars, dataclasses, inspect, logging, queue, random, threading, uuid
import pykka

def is_ours(frame):
    return frame.f_globals.get("__name__", "").startswith("pykka.")

class Tracer:
    def __init__(self, at, strike):
        self.at, self.strike, self.seen, self.marked = at, strike, 0, []
        self.was_call = False
    def __call__(self, frame, event, argument):
        if not is_ours(frame):
            return None
        if event == "line":
            if self.was_call and frame.f_code.co_name == "<module>":
                self.marked.append(self.seen)
            self.was_call = frame.f_code.co_flags & 2 != 0  # a function, and no body of a class
            self.seen += 1
            if self.seen == self.at:
                self.strike()
        return self

def load(name, at, strike):
    tracer = Tracer(at, strike)
    sys.settrace(tracer)
    try:
        return getattr(pykka, name)
    finally:
        sys.settrace(None)
        load.tracer = tracer

def in_child(function):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, repr(function()).encode())
        except BaseException as error:
            os.write(2, f"{error!r}\\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        answer = file.read()
    assert os.waitpid(child, 0)[1] == 0
    return eval(answer)

def count(name):
    load(name, 0, None)
    return load.tracer.seen, load.tracer.marked

def use(kind):
    class Echo(kind):
        def on_receive(self, message):
            return message
        def twice(self, number):
            return 2 * number
    echo = Echo.start()
    echo.tell(1)
    assert echo.ask(2, timeout=PATIENCE) == 2
    assert echo.proxy().twice(3).get(timeout=PATIENCE) == 6
    assert echo.stop()
    with contextlib.suppress(pykka.ActorDeadError):
        echo.ask(1)
        assert False
"""


def strike_at_each(name: str, first: str, strike: str, after: str, step: int) -> None:
    """Load a name in a child, once for each moment at which something comes in between."""
    struck = run(
        INTERRUPT
        + textwrap.dedent(first)
        + textwrap.dedent(strike)
        + textwrap.dedent(after)
        + textwrap.dedent(
            f"""
            lines, marked = in_child(lambda: count({name!r}))
            assert lines > 100 and len(marked) > 4, (lines, marked)
            moments = sorted({{*range(1, lines, {step}), *marked[::6]}})
            for at in moments:
                in_child(lambda: attempt({name!r}, at))
            print(len(moments))
            """
        ),
        environments.untraced(),
    )
    assert int(struck) > 10


SIGNAL = """
def strike():
    raise KeyboardInterrupt
"""

AGAIN = """
def attempt(name, at):
    try:
        load(name, at, strike)
    except KeyboardInterrupt:
        pass
    else:
        assert False, at
    use(getattr(pykka, name))
"""


@needs_fork
@pytest.mark.parametrize(
    "step", [1000, pytest.param(100, marks=(pytest.mark.exhaustive, pytest.mark.timeout(3600)))]
)
@pytest.mark.parametrize(
    "name", ["ThreadingActor", pytest.param("PooledActor", marks=pytest.mark.exhaustive)]
)
def test_a_load_that_a_signal_handler_interrupts_is_done_again(name: str, step: int) -> None:
    strike_at_each(name, "", SIGNAL, AGAIN, step)


@needs_fork
@pytest.mark.parametrize(
    "step", [60, pytest.param(9, marks=(pytest.mark.exhaustive, pytest.mark.timeout(3600)))]
)
def test_while_the_pool_is_loaded_a_handler_can_send_and_ask(step: int) -> None:
    """And if it asks for the pool itself, it gets an error, and what it interrupts does not."""
    strike_at_each(
        "PooledActor",
        """
        class Kept(pykka.ThreadingActor):
            def on_receive(self, message):
                return message
        """,
        """
        def strike():
            sys.settrace(None)
            assert kept.ask(1, timeout=PATIENCE) == 1
            kept.tell(2)
            try:
                pykka.PooledActor
            except (AttributeError, ImportError):
                pass
            assert kept.ask(3, timeout=PATIENCE) == 3
        """,
        """
        def attempt(name, at):
            global kept
            kept = Kept.start()
            use(load(name, at, strike))
            kept.stop()
        """,
        step,
    )


# --- other threads and processes ----------------------------------------------------------------


@pytest.mark.thinned(n=1)
@pytest.mark.parametrize("turn", range(3))
def test_many_threads_ask_for_the_first_names_at_once(turn: int) -> None:
    run(
        f"""
        import pykka
        names = [*pykka.__all__, *sorted(pykka._MODULES)][{turn}::3]
        barrier, found = threading.Barrier(len(names)), []
        def look(name):
            barrier.wait()
            found.append((name, getattr(pykka, name)))
        threads = [threading.Thread(target=look, args=(name,)) for name in names]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(found) == len(names)
        assert all(getattr(pykka, name) is value for name, value in found)
        """
    )


def test_an_actor_loads_while_another_thread_is_in_an_import_that_waits_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "waits.py").write_text("import __main__\nanswer = __main__.ref.ask('load')\n")
    run(
        f"""
        import pykka
        class Loads(pykka.ThreadingActor):
            def on_receive(self, message):
                pykka.PooledActor.start().ask(message)
                return pykka.as_completed, pykka.inboxes.Bounded
        ref = Loads.start()
        sys.path.insert(0, {str(tmp_path)!r})
        import waits
        assert waits.answer[0] is pykka.as_completed
        ref.stop()
        """
    )


@needs_fork
@pytest.mark.parametrize("first", ["pass", "use(pykka.ThreadingActor)"])
def test_a_child_process_loads_what_its_parent_has_not(first: str) -> None:
    run(
        INTERRUPT
        + textwrap.dedent(
            f"""
            {first}
            in_child(lambda: use(pykka.PooledActor))
            in_child(lambda: use(pykka.ThreadingActor))
            use(pykka.PooledActor)
            """
        )
    )


# --- the end of the program ---------------------------------------------------------------------

ECHO = """
import pykka
def make():
    class Echo(pykka.PooledActor):
        def on_receive(self, message):
            print("got", message)
            return message
    return Echo.start()
"""


@needs_fork
def test_a_process_does_not_fork_in_the_middle_of_a_load() -> None:
    """In the child, the thread that loads is not there, and its modules would never be ready."""
    run(
        """
        import os, sys, threading, pykka
        entered, may_go_on = threading.Event(), threading.Event()

        class Finder:
            def find_spec(self, name, path, target=None):
                if name == "pykka.runtimes.pool.actor":
                    entered.set()
                    assert may_go_on.wait(20)

        sys.meta_path.insert(0, Finder())
        # Of these functions, the one that was registered last is called first.
        os.register_at_fork(before=may_go_on.set)
        thread = threading.Thread(target=lambda: pykka.PooledActor)
        thread.start()
        assert entered.wait(20)
        child = os.fork()
        if child == 0:
            import faulthandler
            faulthandler.dump_traceback_later(20, exit=True)
            assert pykka.PooledActor.__name__ == "PooledActor"
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        """
    )


def test_functions_that_atexit_calls_may_still_use_pooled_actors() -> None:
    """The pool comes to rest after them, though it was loaded after they were registered."""
    told = run(
        ECHO
        + textwrap.dedent(
            """
            @atexit.register
            def last():
                print("last")
                assert echo.ask("asked", timeout=PATIENCE) == "asked"
                echo.tell("told")
            echo = make()
            """
        )
    )
    assert told.split("\n") == ["last", "got asked", "got told", ""]


def test_the_first_actor_of_all_may_be_started_at_the_end() -> None:
    told = run(
        ECHO
        + textwrap.dedent(
            """
            @atexit.register
            def last():
                make().tell("told")
            """
        )
    )
    assert told == "got told\n"


def test_a_last_step_that_raises_does_not_keep_the_others_from_being_done() -> None:
    told = run(
        ECHO
        + textwrap.dedent(
            """
            from pykka._util import world
            sys.excepthook = sys.unraisablehook = lambda *_: None
            sys.stderr = open(os.devnull, "w")
            echo = make()
            @world.at_exit
            def breaks():
                echo.tell("told")
                raise KeyboardInterrupt
            """
        )
    )
    assert told == "got told\n"


def test_a_finaliser_at_the_very_end_finds_the_names() -> None:
    told = run(
        """
        import pykka
        class Last:
            def __del__(self, pykka=pykka, write=os.write):
                write(1, b"%s\\n" % pykka.Timeout.__name__.encode())
        pykka.ActorRegistry.get_all()
        last = Last()
        last.itself = last
        """
    )
    assert told == "Timeout\n"

"""Each example of Pykka 4's manual prints what the manual says.

Where threads or URNs vary, the manual's text is a pattern. The places where the manual's own
text was damaged by its conversion to PDF (`AnActor field`) are mended.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.examples.running import EXAMPLES, LIMIT, command, on_terminal, output_of, run, tidy

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SIMPLE = {
    "plain_actor.py": """\
[{'no': 'Norway', 'se': 'Sweden'}, {'a': 3, 'b': 4, 'c': 5}]
""",
    "multiple_cooperating_actors.py": "".join(
        f"Adder (urn:uuid:…1) is increasing {i}\nBookkeeper (urn:uuid:…2) got {i + 1} back\n"
        for i in range(10)
    ),
    "greeter.py": """\
Hi there!
Hi you!
Hi you!
Alive: False
""",
    "sending_messages.py": """\
Hi there!
Hi there!
Timeout: 0.1 seconds passed without a result from Greeter (urn:uuid:…1)
Hi there!
""",
    "raiser.py": """\
Exception('Oops')
Alive: True
on_failure() got Exception('Oops')
""",
    "calculator.py": """\
4
4
2
17
""",
    "traversable.py": """\
Playing in MarkedObject-1
True
Playing in MarkedClass-2
True
Playing in MarkedByHand-3
True
""",
    "proxy_methods.py": """\
a string
1
did it 1 times
did it 3 times
""",
    "proxy_to_itself.py": """\
Beginning
Has answered while at work: True
Stopped in the middle of the work
""",
    "actor_hooks.py": """\
MainThread: __init__() got something
MyActor-1: on_start()
MyActor-1: on_receive() got 'a message'
MyActor-1: a_method() got 2
MyActor-1: on_stop()
MainThread: __init__() got nothing
MyActor-2: on_start()
MyActor-2: a_method() got 0
MyActor-2: on_failure() got ZeroDivisionError('division by zero')
""",
    "messages_without_proxy.py": """\
my_method() got ('foo',) and {'bar': 'baz'}
unchanged
changed
""",
    "futures.py": """\
<pykka.Future>
[5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
[11, 12, 13, 14]
['def', 123, False]
40
'bar'
'abc'
6
11
5
""",
    "typed_proxy.py": """\
3.14
12.56
""",
}
"""The examples whose output is always the same."""


CRASHES = {
    "raiser.py": "Exception: Oops",
    "actor_hooks.py": "ZeroDivisionError: division by zero",
}
"""Those in which an actor crashes that nobody supervises: that is printed."""


@pytest.mark.parametrize("name", SIMPLE)
def test_output(name: str) -> None:
    assert output_of(name, crash=CRASHES.get(name, "")) == SIMPLE[name]


# The manual prints this. In its third round, the actor's line comes one line earlier.
ACTOR_WITH_PROXY = """\
MainThread: calling AnActor.proc() ...
MainThread: calling AnActor.func() ...
MainThread: printing result ... (blocking)
AnActor-1: this was printed by AnActor.proc()
MainThread: this was returned by AnActor.func() after a delay
MainThread: reading AnActor.field ...
MainThread: printing result ... (blocking)
MainThread: this is the value of AnActor.field
MainThread: writing AnActor.field ...
MainThread: printing new field value ... (blocking)
MainThread: new value
MainThread: calling AnActor.proc() ...
MainThread: calling AnActor.func() ...
MainThread: printing result ... (blocking)
AnActor-1: this was printed by AnActor.proc()
MainThread: this was returned by AnActor.func() after a delay
MainThread: reading AnActor.field ...
MainThread: printing result ... (blocking)
MainThread: new value
MainThread: writing AnActor.field ...
MainThread: printing new field value ... (blocking)
MainThread: new value
MainThread: calling AnActor.proc() ...
MainThread: calling AnActor.func() ...
AnActor-1: this was printed by AnActor.proc()
MainThread: printing result ... (blocking)
MainThread: this was returned by AnActor.func() after a delay
MainThread: reading AnActor.field ...
MainThread: printing result ... (blocking)
MainThread: new value
MainThread: writing AnActor.field ...
MainThread: printing new field value ... (blocking)
MainThread: new value
"""


def test_actor_with_proxy() -> None:
    def in_order(output: str) -> tuple[list[str], list[int]]:
        """The main thread's lines, and the round in which each line of the actor came.

        A round begins with the call of `proc()`, and `func()` does not return before the actor
        has printed its line.
        """
        of_main: list[str] = []
        rounds: list[int] = []
        for line in output.splitlines():
            if line == "AnActor-1: this was printed by AnActor.proc()":
                assert of_main[-1].endswith(("proc() ...", "func() ...", "result ... (blocking)"))
                rounds.append(of_main.count("MainThread: calling AnActor.proc() ..."))
            else:
                of_main.append(line)
        return of_main, rounds

    of_main, rounds = in_order(output_of("actor_with_proxy.py"))
    assert (of_main, rounds) == in_order(ACTOR_WITH_PROXY)
    assert rounds == [1, 2, 3]


def test_the_resolver_shares_the_work(
    load: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    resolver = load("resolver")
    asked: dict[str, str] = {}

    def gethostbyaddr(ip: str) -> tuple[str, list[str], list[str]]:
        asked[ip] = threading.current_thread().name
        if ip == "193.35.52.3":
            raise socket.herror(1, "Unknown host")
        return f"host-{ip[-1]}.example.com", [], [ip]

    monkeypatch.setattr(socket, "gethostbyaddr", gethostbyaddr)
    resolver.run(2, *[f"193.35.52.{i}" for i in range(1, 5)])

    *news, first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert sorted(news) == [
        "Failed resolving 193.35.52.3",
        "Finished resolving 193.35.52.1",
        "Finished resolving 193.35.52.2",
        "Finished resolving 193.35.52.4",
    ]
    assert [first, second, third, fourth] == [
        "[('193.35.52.1', 'host-1.example.com'),",
        " ('193.35.52.2', 'host-2.example.com'),",
        " ('193.35.52.3', None),",
        " ('193.35.52.4', 'host-4.example.com')]",
    ]
    one, other, one_again, other_again = (asked[f"193.35.52.{i}"] for i in range(1, 5))
    assert one == one_again
    assert other == other_again
    assert one != other


def test_the_resolver_from_the_command_line() -> None:
    # What 127.0.0.1 is called depends on the machine; it may have no name at all.
    output = output_of("resolver.py", "3", "127.0.0.1")
    assert re.fullmatch(
        r"Finished resolving 127\.0\.0\.1\n\[\('127\.0\.0\.1', '[^']+'\)\]\n"
        r"|Failed resolving 127\.0\.0\.1\n\[\('127\.0\.0\.1', None\)\]\n",
        output,
    )


LOGGED = [
    "DEBUG:pykka:Registered Raiser (urn:uuid:…1)",
    "DEBUG:pykka:Starting Raiser (urn:uuid:…1)",
    "INFO:pykka:Exception returned from Raiser (urn:uuid:…1) to caller:",
    "ERROR:pykka:Unhandled exception in Raiser (urn:uuid:…1):",
    "DEBUG:pykka:Unregistered Raiser (urn:uuid:…1)",
    "DEBUG:pykka:Registered Quiet (urn:uuid:…2)",
    "DEBUG:pykka:Starting Quiet (urn:uuid:…2)",
    "WARNING:pykka:Unexpected message received by Quiet (urn:uuid:…2): Anybody there?",
    "DEBUG:pykka:Unregistered Quiet (urn:uuid:…2)",
    "DEBUG:pykka:Stopped Quiet (urn:uuid:…2)",
]


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        (["DEBUG"], ()),
        (["INFO"], ("DEBUG",)),
        (["WARNING"], ("DEBUG", "INFO")),
        ([], ("DEBUG", "INFO", "WARNING", "ERROR")),
    ],
    ids=["DEBUG", "INFO", "WARNING", "not set up"],
)
def test_logging_setup(arguments: list[str], hidden: tuple[str, ...]) -> None:
    completed = run("logging_setup.py", *arguments)
    assert completed.returncode == 0
    assert completed.stdout == ""
    logged = tidy(completed.stderr).splitlines()
    records = [line for line in logged if re.match(r"[A-Z]+:", line)]
    assert records == [line for line in LOGGED if not line.startswith(hidden or "none is hidden")]
    exceptions = [line for line in logged if line.startswith("ValueError: ")]
    assert exceptions == [
        *["ValueError: captured in a future"] * ("INFO" not in hidden),
        "ValueError: not captured",  # without logging, the crash itself is printed
    ]


DEADLOCK = """\
Setting up logging to get output from signal handler...
Registering signal handler...
Starting actors...
DEBUG:pykka:Registered DeadlockActorA (urn:uuid:…1)
DEBUG:pykka:Starting DeadlockActorA (urn:uuid:…1)
DEBUG:pykka:Registered DeadlockActorB (urn:uuid:…2)
DEBUG:pykka:Starting DeadlockActorB (urn:uuid:…2)
Now doing something stupid that will deadlock the actors...
DEBUG:root:This is foo calling bar
DEBUG:root:This is bar calling foo; BOOM!
INFO:pykka:Exception returned from DeadlockActorB (urn:uuid:…2) to caller:
INFO:pykka:Exception returned from DeadlockActorA (urn:uuid:…1) to caller:
DeadlockError: 2 actors wait for each other in a circle and none can go on:
Now doing something stupid that the library cannot see...
DEBUG:pykka:Registered HangingActor (urn:uuid:…3)
DEBUG:pykka:Starting HangingActor (urn:uuid:…3)
Making main thread relax; not block, not quit
1) Use `kill -SIGUSR1 PID` to log thread tracebacks
2) Then press Ctrl-C to end the program
"""
HANGING = "DEBUG:root:This is wait_for waiting for an event that is never set"


def test_deadlock_debugging() -> None:
    """The actors do not hang, as they do in the manual, but the tracebacks are still there."""
    # On a terminal, lines from several threads, to stdout and stderr, come whole and in order.
    with on_terminal(command("deadlock_debugging.py")) as terminal:
        terminal.read_until("to end the program\n", HANGING + "\n")
        pid = str(terminal.process.pid)
        lines = tidy(terminal.text).replace(pid, "PID").splitlines()
        # Tracebacks and the longer text of the error are left out.
        begins = r"(DEBUG|INFO|Setting|Registering|Starting|Now|DeadlockError|Making|\d\)) ?"
        narrative = [line for line in lines if re.match(begins, line)]
        narrative.remove(HANGING)  # comes from a third thread, at any time
        assert narrative == DEADLOCK.splitlines()
        assert "    while it handles ProxyCall(attr_path=('bar',), args=(), kwargs={})" in lines

        terminal.text = ""
        terminal.process.send_signal(signal.SIGUSR1)
        terminal.read_until(
            "CRITICAL:pykka:Current state of MainThread (ident: ",
            "CRITICAL:pykka:Current state of DeadlockActorA-1 (ident: ",
            "CRITICAL:pykka:Current state of DeadlockActorB-2 (ident: ",
            "CRITICAL:pykka:Current state of HangingActor-3 (ident: ",
            ", in wait_for\n",
            ", in <module>\n",
            ", in log_thread_tracebacks\n",
        )
        terminal.press_ctrl_c()
        assert terminal.read_to_end() == 0


def test_the_example_of_a_test() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"],
        cwd=EXAMPLES / "testing",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout
    assert re.search(r"test_producer\.py::test_producer_actor PASSED", completed.stdout)
    assert re.search(r"\b1 passed in", completed.stdout)


def test_every_example_is_run_by_a_test() -> None:
    elsewhere = {
        "actor_with_proxy.py",
        "asyncio_chat.py",
        "deadlock_debugging.py",
        "fastapi_sessions.py",
        "forest_fire.py",
        "logging_setup.py",
        "resolver.py",
        "stdlib_census.py",
        "producer.py",
        "test_producer.py",
    }
    assert {path.name for path in EXAMPLES.rglob("*.py")} == {*SIMPLE, *elsewhere}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_import_runs_nothing(
    name: str, load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "fastapi_sessions":
        pytest.importorskip("fastapi", reason="FastAPI has no wheels for this Python")
    before = set(threading.enumerate())
    module = load(name)
    assert module.__doc__
    assert capsys.readouterr() == ("", "")
    assert set(threading.enumerate()) <= before  # those of a test before this one may just end

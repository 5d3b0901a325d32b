"""A program whose actors stop in order, however it ends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._program.run import _Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")


class Noted(pykka.ThreadingActor):
    """Notes its end, which may take until a gate is opened."""

    def __init__(self, name: str, ends: list[str], gate: threading.Event | None = None) -> None:
        super().__init__()
        self.name = name
        self.ends = ends
        self.gate = gate

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message

    def on_stop(self) -> None:
        if self.gate is not None:
            assert self.gate.wait(PATIENCE)
        self.ends.append(self.name)


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """What a program has that was started from a terminal; not so in the background of a shell."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ends() -> list[str]:
    return []


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def number(request: pytest.FixtureRequest) -> int:
    return request.param  # type: ignore[no-any-return]


struck: list[int] = []
"""The signals of this test whose handler has begun."""


@pytest.fixture(autouse=True)
def noted_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = _Program._on_signal
    struck.clear()

    def note(self: _Program, number: int, frame: Any) -> None:
        struck.append(number)
        handler(self, number, frame)

    monkeypatch.setattr(_Program, "_on_signal", note)


def strike(number: int) -> None:
    """Have a signal strike the main thread, whatever that waits for.

    CPython does not notice a signal that comes right before a thread sleeps in a lock, until there
    is another one. So it is sent again if the handler is not called. Calls are counted, as more
    than one thread may do this: none of them takes another's call for its own.
    """
    ident = threading.main_thread().ident
    assert ident is not None
    before = len(struck)
    for _ in range(int(PATIENCE)):
        signal.pthread_kill(ident, number)
        again = time.monotonic() + 1
        while time.monotonic() < again:
            if len(struck) > before:
                return
            time.sleep(0.001)
    raise AssertionError("the handler was not called")


STATUS = {signal.SIGINT: 130, signal.SIGTERM: 0}


def test_the_actors_stop_in_reverse_order_when_the_main_function_returns(ends: list[str]) -> None:
    def main(a: int, b: int) -> int:
        for name in "abc":
            Noted.start(name, ends)
        return a + b

    assert pykka.run(main, 1, 2) == 3
    assert ends == ["c", "b", "a"]


def test_they_stop_when_it_raises(ends: list[str]) -> None:
    def main() -> None:
        Noted.start("a", ends)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        pykka.run(main)
    assert ends == ["a"]


def test_they_stop_when_it_exits(ends: list[str]) -> None:
    def main() -> None:
        Noted.start("a", ends)
        sys.exit(3)

    with pytest.raises(SystemExit) as e:
        pykka.run(main)
    assert (e.value.code, ends) == (3, ["a"])


def test_an_async_main_function(ends: list[str]) -> None:
    class Awaiting(pykka.AsyncioActor):
        async def on_receive(self, message: object) -> object:
            await asyncio.sleep(0)
            return message

        async def on_stop(self) -> None:
            await asyncio.sleep(0)
            ends.append("awaiting")

    async def main(word: str) -> Any:
        Noted.start("first", ends)
        ref = Awaiting.start()
        Noted.start("last", ends)
        return await ref.ask(word, block=False)

    assert pykka.run(main, "hello") == "hello"
    assert ends == ["last", "awaiting", "first"]


def test_a_signal_ends_a_program_that_waits(ends: list[str], number: int) -> None:
    def main() -> None:
        last = [Noted.start(name, ends) for name in "abc"][-1]
        # The signal strikes while the main thread waits, or just before.
        last.tell(lambda _me: strike(number))
        try:
            last.when_terminated().get()
        except KeyboardInterrupt:
            ends.append("main")
            raise

    with pytest.raises(SystemExit) as e:
        pykka.run(main)
    assert (e.value.code, ends) == (STATUS[signal.Signals(number)], ["main", "c", "b", "a"])


def test_a_signal_ends_an_async_program_that_awaits(ends: list[str], number: int) -> None:
    class Awaiting(pykka.AsyncioActor):
        async def on_stop(self) -> None:
            await asyncio.sleep(0)
            ends.append("awaiting")

    async def main() -> None:
        last = [Noted.start("a", ends), Awaiting.start(), Noted.start("c", ends)][-1]
        last.tell(lambda _me: strike(number))
        try:
            await last.when_terminated()
        finally:
            ends.append("main")

    with pytest.raises(SystemExit) as e:
        pykka.run(main)
    assert (e.value.code, ends) == (STATUS[signal.Signals(number)], ["main", "c", "awaiting", "a"])


def test_an_actor_that_the_main_thread_runs_lives_on_until_its_turn(ends: list[str]) -> None:
    class Pooled(pykka.PooledActor):
        def on_receive(self, message: object) -> None:
            signal.raise_signal(signal.SIGTERM)

        def on_stop(self) -> None:
            ends.append("pooled")

    def main() -> None:
        ref = Pooled.start()
        Noted.start("a", ends)
        ref.ask("x")

    with pytest.raises(SystemExit):
        pykka.run(main)
    assert ends == ["a", "pooled"]


def test_a_main_function_that_copes_with_the_signal_goes_on(ends: list[str], number: int) -> None:
    def main() -> str:
        Noted.start("a", ends)
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            return "coped"
        raise AssertionError("never reached")

    async def async_main() -> str:
        try:
            signal.raise_signal(number)
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            return "coped"
        raise AssertionError("never reached")

    assert pykka.run(main) == "coped"
    assert pykka.run(async_main) == "coped"
    assert ends == ["a"]


def strike_when(condition: Callable[[], object], number: int) -> threading.Thread:
    """Have a signal strike when something is so."""

    def wait_and_strike() -> None:
        wait_until(lambda: bool(condition()), "it is so")
        strike(number)

    thread = threading.Thread(target=wait_and_strike)
    thread.start()
    return thread


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_signal_while_they_stop_kills_those_that_are_left(
    ends: list[str], number: int, is_async: bool
) -> None:
    """The one that would wait for its turn has a message that does not end."""
    in_message = threading.Event()
    go_on = threading.Event()

    def hang(_me: object) -> None:
        in_message.set()
        assert go_on.wait(PATIENCE)

    handled: list[int] = []

    def main() -> None:
        ref = Noted.start("a", ends)
        ref.tell(hang)
        for each in range(3):
            ref.tell(lambda _me, each=each: handled.append(each))
        threads.append(strike_when(lambda: in_message.is_set() and stops(), number))
        threads.append(threading.Thread(target=lambda: free(ref)))
        threads[-1].start()

    def free(ref: pykka.ActorRef[Noted]) -> None:
        wait_until(lambda: ref._cell.stopped, "it is killed")
        go_on.set()

    def stops() -> bool:
        return bool(pykka.ActorSystem.default()._closing)

    async def async_main() -> None:
        main()

    threads: list[threading.Thread] = []
    run: Any = async_main if is_async else main
    with pytest.raises(SystemExit) as e:
        pykka.run(run)
    for thread in threads:
        thread.join()
    assert e.value.code == STATUS[signal.Signals(number)]
    assert ends == ["a"]
    assert handled == []  # it did not wait for its turn


def test_the_next_signal_is_not_kept_waiting(
    ends: list[str], gate: threading.Event, log: Log
) -> None:
    def main() -> None:
        ref = Noted.start("a", ends, gate)
        threads.append(strike_when(lambda: ref._cell.ending, signal.SIGTERM))
        threads.append(strike_when(lambda: log.find("WARNING", "are killed"), signal.SIGTERM))
        refs.append(ref)

    refs: list[pykka.ActorRef[Noted]] = []
    threads: list[threading.Thread] = []
    with pytest.raises(SystemExit) as e:
        pykka.run(main)
    assert (e.value.code, ends) == (0, [])
    gate.set()
    for thread in threads:
        thread.join()
    refs[0].when_terminated().get(timeout=PATIENCE)


def test_who_does_not_stop_in_time_is_named(gate: threading.Event, ends: list[str]) -> None:
    def main() -> None:
        Noted.start("a", ends, gate)

    with pytest.raises(pykka.Timeout, match=r"not all actors .* within 0\.05 seconds: Noted "):
        pykka.run(main, timeout=0.05)


def test_that_does_not_hide_what_the_main_function_raised(
    gate: threading.Event, ends: list[str], log: Log
) -> None:
    def main() -> None:
        Noted.start("a", ends, gate)
        raise ValueError("no")

    async def async_main() -> None:
        main()

    for each in (main, async_main):
        with pytest.raises(ValueError, match="no"):
            pykka.run(each, timeout=0.05)
    assert len(log.find("ERROR", "not all actors")) == 2


def test_a_system_of_ones_own(ends: list[str]) -> None:
    system = pykka.ActorSystem("shop")

    def main() -> None:
        system.start(Noted, "in the shop", ends)
        others.append(Noted.start("outside", ends))

    others: list[pykka.ActorRef[Noted]] = []
    pykka.run(main, system=system)
    assert ends == ["in the shop"]
    others[0].stop()


def test_handlers_are_put_back(number: int) -> None:
    before = signal.getsignal(number)
    pykka.run(lambda: None)
    assert signal.getsignal(number) == before


def test_handlers_of_the_programs_own_are_left_alone(number: int) -> None:
    seen: list[int] = []

    def mine(number: int, _frame: object) -> None:
        seen.append(number)

    def main() -> str:
        signal.raise_signal(number)
        return "goes on"

    before = signal.signal(number, mine)
    try:
        assert pykka.run(main) == "goes on"
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, before)
    assert seen == [number]

    def replaced() -> None:
        signal.signal(number, mine)

    try:
        pykka.run(replaced)
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, before)


def test_on_another_thread_there_are_no_signals(ends: list[str]) -> None:
    def main() -> str:
        Noted.start("a", ends)
        return "done"

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(pykka.run(main)))
    thread.start()
    thread.join()
    assert (results, ends) == (["done"], ["a"])


def test_bad_use() -> None:
    wrong: Any = None
    with pytest.raises(TypeError, match="main must be a function that takes"):
        pykka.run(wrong)
    with pytest.raises(TypeError, match=r"system is 5, which is no pykka\.ActorSystem"):
        pykka.run(print, system=5)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="must be a non-negative number"):
        pykka.run(print, timeout=-1)

    async def main() -> None:
        raise AssertionError("never reached")

    async def outer() -> None:
        with pytest.raises(RuntimeError, match="where an event loop runs already; await it"):
            pykka.run(main)

    asyncio.run(outer())


PROGRAM = """
import pykka, signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # as it is for who starts it by hand

class Quiet(pykka.ThreadingActor):
    def __init__(self, name):
        super().__init__()
        self.name = name
    def on_stop(self):
        print(self.name, "stops", flush=True)

def main():
    refs = [Quiet.start(name) for name in "ab"]
    print("ready", flush=True)
    while refs[0].is_alive():  # a signal right before a wait without a limit might be overslept
        refs[0].actor_stopped.wait(0.1)

pykka.run(main)
raise AssertionError("never reached")
"""


def test_a_program_that_is_asked_to_end(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(number)
        out, err = program.communicate(timeout=PATIENCE)
    assert (out, err) == ("b stops\na stops\n", "")
    assert program.returncode == STATUS[signal.Signals(number)]

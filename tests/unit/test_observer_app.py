"""The observer in the terminal, driven by textual's own pilot, and once in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
import pykka.observer
from pykka.observer import _addresses, _scan
from pykka.supervision import ChildSpec, Supervisor

pytest.importorskip("textual", reason="the observer in the terminal needs textual")

from pykka.observer._app import ActorPage, Help, News, ObserverApp, Question, Waits
from pykka.observer._client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from textual.pilot import Pilot

pytestmark = pytest.mark.usefixtures("runtime_folder")


class Worker(pykka.PooledActor):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        self.total += 1
        return message


class Office(Supervisor):
    child_specs = tuple(ChildSpec(n, Worker.options(name=f"worker {n}")) for n in range(40))
    max_restarts = 100


@pytest.fixture
def observer(runtime_folder: None) -> Iterator[pykka.observer.Observer]:
    with pykka.observer.serve(name="tested", allow=["stop", "restart", "trace"]) as found:
        yield found
    found._server._thread.join(PATIENCE)


def drive(
    observer: pykka.observer.Observer,
    play: Callable[[ObserverApp, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (120, 30),
) -> None:
    """Run the screens with somebody at the keys."""
    path = observer.path
    app = ObserverApp(lambda: Client(_addresses.Address(os.getpid(), path), PATIENCE), every=0.02)

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app._look is not None)
            await play(app, pilot)
        app._looks.join(PATIENCE)
        app._questions.join(PATIENCE)

    asyncio.run(main())


async def until(pilot: Pilot[None], is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await pilot.pause(0.01)


def names(app: ObserverApp) -> list[str]:
    return [str(app.table.get_row_at(index)[0]) for index in range(app.table.row_count)]


def lines(app: ObserverApp) -> str:
    return str(app.screen.query_one("#lines").render())  # type: ignore[attr-defined]


def head(app: ObserverApp) -> str:
    return str(app.screen_stack[0].query_one("#head").render())  # type: ignore[attr-defined]


def test_the_tree_is_shown_and_changed_in_place(observer: pykka.observer.Observer) -> None:
    office = Office.start()
    system = pykka.ActorSystem.default()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 41)
        assert names(app)[:2] == ["Office", "├─ worker 0"]
        await pilot.press("end", "up", "up")
        await until(pilot, lambda: app.table.scroll_offset.y > 0)
        await until(pilot, lambda: not app.animator.is_being_animated(app.table, "scroll_y"))
        at, scroll = app._key_at_cursor(), app.table.scroll_offset
        worker = system.get_by_name("worker 37")
        assert worker is not None
        assert str(app.table.get_row_at(app.table.cursor_row)[0]) == "├─ worker 37"
        for number in range(10):  # so many updates, in which rows change, come and go
            first = system.get_by_name("worker 0")
            assert first is not None
            first.tell(ValueError(number))
            extra = system.start(Worker.options(name=f"extra {number}"))
            look = app._look
            await until(pilot, lambda look=look: app._look is not look)  # type: ignore[misc]
            await extra.stop(block=False)
        await until(pilot, lambda: app.table.row_count == 41)
        assert app._key_at_cursor() == at
        assert app.table.scroll_offset == scroll
        assert app.focused is app.table
        restarts = list(app._columns[1:]).index("restarts")
        await until(pilot, lambda: str(app.table.get_row_at(1)[restarts]) == "10")

    drive(observer, play)
    office.stop()


@pytest.mark.exhaustive
def test_the_cursor_stays_on_its_actor_when_rows_are_sorted(
    observer: pykka.observer.Observer,
) -> None:
    system = pykka.ActorSystem.default()
    may_end = threading.Event()
    for number in range(5):
        ref = system.start(Worker.options(name=f"w{number}"))
        ref.call(lambda _actor: may_end.wait(PATIENCE))
        for _ in range(number):
            ref.tell("something")

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: names(app) == [f"w{n}" for n in range(5)])
        await pilot.press("down")
        await pilot.press("f6")
        await until(pilot, lambda: names(app) == [f"w{n}" for n in (4, 3, 2, 1, 0)])
        assert names(app)[app.table.cursor_row] == "w1"
        await pilot.press("t")
        await until(pilot, lambda: names(app) == [f"w{n}" for n in range(5)])
        assert names(app)[app.table.cursor_row] == "w1"
        assert "as a tree" in head(app)

    drive(observer, play)
    may_end.set()


@pytest.mark.exhaustive
def test_one_actor_is_looked_at_traced_and_restarted(observer: pykka.observer.Observer) -> None:
    office = Office.start()
    worker = pykka.ActorSystem.default().get_by_name("worker 0")
    assert worker is not None
    worker.ask("before")

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 41)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ActorPage))
        await until(pilot, lambda: "any message, by on_receive()" in lines(app))
        await pilot.press("s")
        await until(pilot, lambda: "total = 1" in lines(app))
        await pilot.press("T")
        await until(pilot, lambda: "Its last messages" in lines(app))
        await worker.ask("[bold]no markup[/bold]", block=False)
        await until(pilot, lambda: "'[bold]no markup[/bold]': answered" in lines(app))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ActorPage))
        await pilot.press("R", "y")
        await until(pilot, lambda: isinstance(app.screen, ActorPage))
        await until(pilot, lambda: "It was told to fail" in lines(app))
        await pilot.press("s")
        await until(pilot, lambda: "total = 0" in lines(app))
        await pilot.press("K", "y")
        await until(pilot, lambda: "It was told to stop" in lines(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ActorPage))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, News))
        await until(pilot, lambda: "restarted  worker 0" in lines(app))

    drive(observer, play)
    office.stop()


@pytest.mark.exhaustive
def test_what_waits_is_shown(observer: pykka.observer.Observer) -> None:
    may_end = threading.Event()

    class Slow(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            may_end.wait(PATIENCE)

    class Asker(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message.ask("a question")

    system = pykka.ActorSystem.default()
    system.start(Asker.options(name="asker")).tell(system.start(Slow.options(name="slow")))

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "1 wait for others" in head(app))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Waits))
        await until(pilot, lambda: "asker waits for slow" in lines(app))
        may_end.set()
        await until(pilot, lambda: "No actor waits" in lines(app))

    drive(observer, play)


@pytest.mark.exhaustive
def test_many_actors_are_shown_by_class(
    observer: pykka.observer.Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_scan, "MOST_ROWS", 10)
    office = Office.start()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app._look is not None and app._look["age"] is not None)
        assert "by class" in head(app)
        await until(pilot, lambda: set(names(app)) == {f"{__name__}.Worker", f"{__name__}.Office"})
        app.table.move_cursor(row=names(app).index(f"{__name__}.Worker"))
        await pilot.press("enter")
        await until(pilot, lambda: app.table.row_count == 40)
        assert "with the fullest inboxes" in head(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.table.row_count == 2)

    drive(observer, play)
    office.stop()


@pytest.mark.exhaustive
def test_actors_are_found_by_name(observer: pykka.observer.Observer) -> None:
    office = Office.start()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 41)
        await pilot.press("/", *"R 3")
        await until(pilot, lambda: app.table.row_count == 11)
        await pilot.press("enter")
        assert app.focused is app.table
        await pilot.press("escape")
        await until(pilot, lambda: app.table.row_count == 41)

    drive(observer, play)
    office.stop()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("width", "columns"), [(40, 4), (80, 8), (120, 9)])
def test_narrow_terminals_show_less(
    observer: pykka.observer.Observer, width: int, columns: int
) -> None:
    Worker.start()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 1)
        assert len(app.table.columns) == columns
        assert app.table.virtual_size.width <= width
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: len(app.table.columns) == 9)
        assert names(app) == ["Worker"]

    drive(observer, play, (width, 20))


@pytest.mark.exhaustive
def test_light_dark_help_and_pause(observer: pykka.observer.Observer) -> None:
    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        before = app.theme
        await pilot.press("d")
        assert app.theme != before
        await pilot.press("d", "?")
        assert app.theme == before
        assert isinstance(app.screen, Help)
        await pilot.press("escape", "p")
        assert "PAUSED" in head(app)
        await pilot.press("p")
        assert "PAUSED" not in head(app)

    drive(observer, play)


@pytest.mark.exhaustive
def test_it_is_said_that_the_program_has_ended(observer: pykka.observer.Observer) -> None:
    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        observer.close()
        await until(pilot, lambda: "The program has ended" in head(app))

    drive(observer, play)


@pytest.mark.usefixtures("observer")
def test_in_a_terminal() -> None:
    running = pytest.importorskip("tests.examples.running", reason="there are no pseudo-terminals")
    Worker.start()
    program = str(os.getpid())  # the name is that of other programs, too, that run these tests
    with running.on_terminal([sys.executable, "-m", "pykka", "observe", program]) as terminal:
        terminal.read_until("tested")  # the head; the table may begin with pools of other tests
        terminal.press("q")
        assert terminal.read_to_end() == 0

"""The observer in the terminal, driven by textual's own pilot, and once in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
import pykka.observer
from pykka.observer import ObserverError, _addresses, _scan
from pykka.supervision import ChildSpec, Supervisor

pytest.importorskip("textual", reason="the observer in the terminal needs textual")

from pykka.observer._app import (
    ActorPage,
    Asker,
    Help,
    News,
    ObserverApp,
    Question,
    Waits,
    _styled,
)
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
    found: Any = app.screen.query("#lines")  # none, before the first refresh
    return str(found.first().render()) if found else ""


def head(app: ObserverApp) -> str:
    return str(app.screen_stack[0].query_one("#head").render())  # type: ignore[attr-defined]


def test_the_tree_is_shown_and_changed_in_place(observer: pykka.observer.Observer) -> None:
    office = Office.start()
    system = pykka.ActorSystem.default()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 41)
        assert names(app)[:2] == ["Office", "├─ worker 0"]
        # Not to the end, which moves if the head of the screen gets shorter.
        await pilot.press("home", *["down"] * 28)
        await until(pilot, lambda: app.table.scroll_offset.y > 0)
        await until(pilot, lambda: not app.animator.is_being_animated(app.table, "scroll_y"))
        at, scroll = app._key_at_cursor(), app.table.scroll_offset
        assert str(app.table.get_row_at(app.table.cursor_row)[0]) == "├─ worker 27"
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
@pytest.mark.parametrize("is_allowed", [True, False])
def test_what_is_refused_and_what_is_over_is_said(
    observer: pykka.observer.Observer, is_allowed: bool
) -> None:
    observer._server.allow = frozenset(["trace"] if is_allowed else [])
    office = Office.start()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 41)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActorPage))
        await until(pilot, lambda: "Children  worker 0, worker 1" in lines(app))
        if is_allowed:
            await pilot.press("T")
            await until(pilot, lambda: "Its last messages" in lines(app))
            await pilot.press("T")
            await until(pilot, lambda: "are not noted any more" in lines(app))
        else:
            await pilot.press("K", "y")
            await until(pilot, lambda: "does not allow it" in lines(app))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Waits))
        await pilot.press("l")  # from one screen of lines to another
        await until(pilot, lambda: isinstance(app.screen, News))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("f6", "f6", "f6", "f6", "f6", "f6")
        await until(pilot, lambda: names(app)[0].startswith("Office"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActorPage))
        observer.close()
        async with asyncio.timeout(PATIENCE):
            while "has gone" not in lines(app):
                await pilot.press("s")
        await pilot.press("escape", "t", "enter")  # the last look is still there

    drive(observer, play)
    office.stop()


def test_a_page_says_that_its_actor_has_gone_and_ends_its_connection_if_the_program_has() -> None:
    page = ActorPage(1, "an actor", lambda _ask: None)
    told: list[tuple[Any, ...]] = []

    def tell(_function: object, *args: object) -> None:
        told.append(args)

    page.tell = tell  # type: ignore[method-assign, assignment]
    for why in ("there is no such actor any more", "the program has gone"):

        def fail(*_args: object, _why: str = why, **_details: object) -> None:
            raise ObserverError(_why)

        client: Any = SimpleNamespace(ask=fail)
        if "gone" in why:
            with pytest.raises(ObserverError):
                page._find_out(client)
        else:
            page._find_out(client)
        assert told.pop() == ({}, None, why)
    page.show = lambda _lines: None  # type: ignore[method-assign]
    page._learn({}, None, "there is no such actor any more")
    assert page._lines() == [("there is no such actor any more", "bold yellow")]


def test_what_has_failed_is_red_and_what_was_not_looked_at_is_not_opened() -> None:
    assert _styled("1", "failures", "3").style == "red"
    app = ObserverApp(lambda: None)  # type: ignore[arg-type, return-value]
    event: Any = SimpleNamespace(row_key=SimpleNamespace(value="1"))
    app.on_data_table_row_selected(event)
    assert app._look is None


class Refusing:
    """Stands for a connection that fails."""

    def __init__(self) -> None:
        self.was_closed = False

    def close(self) -> None:
        self.was_closed = True


def test_who_asks_connects_again_after_a_failure() -> None:
    done: SimpleQueue[object] = SimpleQueue()
    made: list[Any] = []

    def connect() -> Any:
        made.append(Refusing())
        if len(made) == 1:
            raise ObserverError("not yet")
        return made[-1]

    def fail(_client: object) -> None:
        raise ObserverError("gone")

    asker = Asker(connect, "asker")
    asker.start()
    asker.want(done.put)  # this one is lost, for there is no connection
    asker.want(fail)
    asker.want(done.put)
    assert done.get(timeout=PATIENCE) is made[2]
    assert [each.was_closed for each in made] == [False, True, False]
    asker.finish()
    asker.join(PATIENCE)
    assert made[2].was_closed


@pytest.mark.exhaustive
def test_rates_and_latencies_are_shown(observer: pykka.observer.Observer) -> None:
    ref = pykka.ActorSystem.default().start(Worker.options(name="counted"))
    ref.keep_statistics()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "counted" in names(app))

        def cell(column: str) -> str:
            row = app.table.get_row_at(names(app).index("counted"))
            return str(row[list(app._columns[1:]).index(column)])

        await until(pilot, lambda: ref.ask(1) and len(cell("trend")) >= 3)
        await until(pilot, lambda: ref.ask(1) and cell("latency").endswith("s"))
        assert "handled a second" in head(app)
        for _ in range(5):
            await pilot.press("f6")
        assert "sorted by latency" in head(app)

    drive(observer, play)


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
@pytest.mark.parametrize(("width", "columns"), [(40, 4), (80, 8), (120, 11)])
def test_narrow_terminals_show_less(
    observer: pykka.observer.Observer, width: int, columns: int
) -> None:
    Worker.start()

    async def play(app: ObserverApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.table.row_count == 1)
        assert len(app.table.columns) == columns
        assert app.table.virtual_size.width <= width
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: len(app.table.columns) == 11)
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

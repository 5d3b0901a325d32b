"""The observer's page in headless Chromium: what is seen, what stays in place, what it costs."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.site import browser

import pykka
import pykka.observer
from pykka._deadlock.wait_graph import Wait
from pykka.observer import _addresses, _scan
from pykka.observer._client import Client
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("starlette", reason="the observer in the browser needs starlette")
from pykka.observer._web import Site

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("runtime_folder"),
]


class Worker(pykka.PooledActor):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        self.total += 1
        return message

    def count(self) -> int:
        return self.total


class Office(Supervisor):
    child_specs = tuple(ChildSpec(n, Worker.options(name=f"worker {n}")) for n in range(40))
    max_restarts = 100


@pytest.fixture
def site(runtime_folder: None) -> Iterator[Site]:
    browser.require()
    with pykka.observer.serve(name="tested", allow=["stop", "restart", "trace"]) as observer:
        address = _addresses.Address(os.getpid(), observer.path)
        site = Site(lambda: Client(address, PATIENCE), every=0.1)
        thread = threading.Thread(target=site.run)
        thread.start()
        yield site
        site.close()
        thread.join(PATIENCE)
    observer._server._thread.join(PATIENCE)


class Screen:
    """A tab that shows the page."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text))

    def eval(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, is_so: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := is_so()):
            assert time.monotonic() < deadline, (
                f"it was never seen that {what}: {self.text('body')}"
            )
            self.page.wait_for_timeout(20)
        return found

    def text(self, selector: str) -> str:
        text: str = self.page.inner_text(selector)
        return text

    def see(self, selector: str, text: str) -> None:
        self.until(lambda: text in self.text(selector), f"{selector} has {text!r}")

    def see_no_more(self, selector: str, text: str) -> None:
        self.until(lambda: text not in self.text(selector), f"{selector} is without {text!r}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wait_for_looks(self, count: int) -> None:
        before = -1.0
        for _ in range(count):
            before = self.until(
                lambda before=before: (
                    (now := self.eval("look && look.uptime") or 0) > before and now
                ),
                "another look has come",
            )


@pytest.fixture
def screen(site: Site) -> Iterator[Screen]:
    with browser.tab(viewport={"width": 1280, "height": 800}) as page:
        found = Screen(page)
        page.goto(site.link)
        found.see("#status", "Live")
        yield found
        assert found.complaints == []


def cell_of(name: str, column: str) -> str:
    return f"#rows .row:not([hidden]):has(.name[title='{name}']) .{column}"


def worker(number: int) -> pykka.ActorRef[Any]:
    found = pykka.ActorSystem.default().get_by_name(f"worker {number}")
    assert found is not None
    return found


def test_the_token_leaves_the_address_and_stays_with_the_tab(site: Site, screen: Screen) -> None:
    assert screen.page.url == site.address
    screen.page.reload()
    screen.see("#status", "Live")
    assert screen.text("#program") == "tested"
    with browser_tab_without_token(screen, site) as other:
        other.see("#status", "Open the link that")
        assert "tested" not in other.text("body")


class browser_tab_without_token:  # noqa: N801 (it reads as a function)
    def __init__(self, screen: Screen, site: Site) -> None:
        self._context = screen.page.context.browser.new_context()
        self._site = site

    def __enter__(self) -> Screen:
        page = self._context.new_page()
        page.goto(self._site.address)
        return Screen(page)

    def __exit__(self, *_exception: object) -> None:
        self._context.close()


def test_an_actor_that_crashes_and_is_restarted_is_seen(screen: Screen) -> None:
    office = Office.start()
    screen.see("#rows", "worker 0")
    assert screen.text(cell_of("worker 0", "restarts")) == "0"
    worker(0).tell(ValueError("oh"))
    screen.see(cell_of("worker 0", "restarts"), "1")
    screen.see("#log-badge", "2")
    screen.press("l")
    screen.see("#news", "worker 0 with ValueError")
    screen.see("#news", "restarted")
    office.stop()


def test_a_deadlock_is_drawn(screen: Screen) -> None:
    # There is none for longer than a moment, since it is an error; so it is made by hand.
    system = pykka.ActorSystem.default()
    names = ["till", "stock", "customer"]
    till, stock, customer = refs = [system.start(Worker.options(name=name)) for name in names]
    for source, target in ((till, stock), (stock, till), (customer, till)):
        ask: Any = Owed(target)
        source._cell.waiting = Wait(source._cell, ask)
    try:
        screen.press("w")
        screen.see("#circle", "till, stock wait for each other")
        assert screen.page.locator("#graph path.circle[d]").count() == 2
        assert screen.page.locator("#graph g.circle").all_text_contents() == [
            "tilltill",
            "stockstock",
        ]
        assert screen.page.locator("#graph g.waits").all_text_contents() == ["customercustomer"]
        assert screen.page.locator("#waits-badge").get_attribute("data-bad") == "true"
    finally:
        for ref in refs:
            ref._cell.waiting = None
    screen.see("#view-waits", "No actor waits")
    assert screen.page.locator("#graph svg").count() == 0


WATCH_TASKS = """() => {
    window.tasks = [];
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) window.tasks.push(each.duration);
    }).observe({ type: "longtask" });
}"""
"""Notes how many milliseconds each task of the page takes that takes more than 50."""


class Owed:
    """Stands for a future."""

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self._answered_by = ref._cell

    def _has_outcome(self) -> bool:
        return False


def test_ten_updates_leave_selection_focus_and_scroll_as_they_are(screen: Screen) -> None:
    office = Office.start()
    screen.page.set_viewport_size({"width": 1280, "height": 560})
    screen.until(lambda: screen.eval("shown.length") == 41, "all of them are there")
    screen.page.focus("#grid")
    screen.press("End", *["ArrowUp"] * 2)
    screen.see("#rows", "worker 37")
    selected = screen.page.locator("#rows .row[aria-selected=true]")
    assert selected.locator(".name").inner_text().strip() == "worker 37"
    screen.eval("window.marked = document.querySelector('#rows .row[aria-selected=true]')")
    place = (
        "[grid.scrollTop, grid.getAttribute('aria-activedescendant'), document.activeElement.id]"
    )
    before = screen.eval(place)
    assert before[0] > 100
    assert before[2] == "grid"
    system = pykka.ActorSystem.default()
    for number in range(10):  # so many updates, in which rows change, come and go
        worker(0).tell(ValueError(number))
        worker(37).keep_statistics()
        worker(37).ask(number)
        extra = system.start(Worker.options(name=f"extra {number}"))
        screen.wait_for_looks(2)
        extra.stop()
    screen.wait_for_looks(2)
    screen.until(lambda: screen.eval("shown.length") == 41, "the extra ones have gone")
    assert screen.eval(place) == before
    assert screen.eval(
        "window.marked === document.querySelector('#rows .row[aria-selected=true]')"
    )
    screen.see(cell_of("worker 37", "handled"), "1")
    office.stop()


def test_the_tree_is_walked_and_folded_with_keys(screen: Screen) -> None:
    office = Office.start()
    screen.see("#rows", "worker 0")
    row = screen.page.locator(cell_of("worker 0", "name")).locator("..")
    assert row.get_attribute("aria-level") == "2"
    screen.page.focus("#grid")
    screen.press("Home", "ArrowLeft")
    screen.see_no_more("#rows", "worker 0")
    screen.press("ArrowRight", "ArrowDown", "Enter")
    screen.see("#actor", "Parent")
    assert screen.text("#actor-name") == "worker 0"
    screen.press("ArrowLeft")  # to its parent
    screen.press("PageDown", "PageUp", "Escape")
    assert not screen.page.is_visible("#actor")
    screen.press("/")
    screen.page.keyboard.type("R 3")
    screen.until(lambda: screen.eval("shown.length") == 11, "eleven are found")
    screen.press("Enter", "Escape")
    screen.until(lambda: screen.eval("shown.length") == 41, "all are shown")
    for order in ("inbox", "handled", "rate", "oldest", "latency", "restarts", "name", "tree"):
        screen.press(">")
        assert screen.page.locator("#sort option:checked").inner_text() == order
    screen.page.click("#heads .waiting button")
    assert screen.page.locator("#heads .waiting").get_attribute("aria-sort") == "descending"
    screen.press("t", "?")
    assert screen.page.is_visible("#help-text")
    screen.press("Escape")
    office.stop()


def test_one_actor_is_looked_at_traced_restarted_and_stopped(screen: Screen) -> None:
    office = Office.start()
    screen.see("#rows", "worker 0")
    screen.page.click(cell_of("worker 0", "name"))
    screen.see("#actor-handles", "any message, by on_receive()")
    assert "count()" in screen.text("#actor-handles")
    screen.page.click("#get-state")
    screen.see("#actor-state", "total")
    screen.press("T")
    screen.until(lambda: screen.page.get_attribute("#trace", "aria-pressed") == "true", "traced")
    worker(0).ask("<b>no markup</b>")
    screen.see("#actor-messages", "'<b>no markup</b>': answered")
    screen.press("R")
    screen.see("#sure-text", "Restart worker 0?")
    # The page hears that the question is closed when it has been asked once more.
    screen.eval(
        "document.querySelector('#sure button[value=no]').click();"
        "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'R' }))"
    )
    screen.page.click("#sure button[value=yes]")
    screen.see("#actor-note", "It was told to fail")
    screen.see(cell_of("worker 0", "restarts"), "1")
    screen.press("K")
    screen.page.click("#sure button[value=yes]")
    screen.see("#actor-note", "It was told to stop")
    # The new one is the last of the children, and may be below the edge.
    found = "shown.find((each) => each.name === 'worker 0' && each.restarts === 2)"
    screen.until(lambda: screen.eval(f"Boolean({found})"), "it was started again")
    screen.press("T")
    screen.until(lambda: screen.page.get_attribute("#trace", "aria-pressed") == "false", "no more")
    screen.page.click("#close-actor")
    office.stop()


def test_rates_and_latencies_are_drawn(screen: Screen) -> None:
    ref = pykka.ActorSystem.default().start(Worker.options(name="counted"))
    ref.keep_statistics()
    screen.see("#rows", "counted")
    points = cell_of("counted", "trend") + " polyline"

    def is_drawn() -> bool:
        ref.ask(1)
        found = screen.page.get_attribute(points, "points")
        return len((found or "").split()) >= 3

    screen.until(is_drawn, "its rate is drawn")
    screen.until(
        lambda: ref.ask(1) and screen.text(cell_of("counted", "latency")).endswith("s"),
        "its latency is shown",
    )
    screen.press("p")
    screen.see("#status", "Paused")
    screen.press("p", "h")
    screen.see("#status", "Live")
    screen.see("#dispatchers", "threads")


def test_a_program_that_ends_is_said_so_and_one_that_comes_is_found(
    site: Site, screen: Screen
) -> None:
    pykka.observer._servers[0].close()
    screen.see("#status", "The program has ended, or cannot be reached")


def hold_no_page_up(screen: Screen, play: Callable[[], None]) -> None:
    """Play until no task of the page has taken more than 100 ms, a few times at most.

    Other programs on the machine may hold up a task; but not each time.
    """
    tasks: list[float] = []
    for _ in range(5):
        screen.eval("window.tasks = []")
        play()
        assert screen.eval("document.querySelectorAll('*').length") < 2000
        tasks = [each for each in screen.eval("window.tasks") if each > 100]
        if not tasks:
            return
    raise AssertionError(tasks)


@pytest.mark.usefixtures("untraced")
def test_a_hundred_thousand_actors_hold_no_page_up(screen: Screen) -> None:
    refs = [Worker.start() for _ in range(100_000)]
    screen.until(lambda: screen.eval("look.by") == "class", "they are shown by class")
    screen.see("#rows", "Worker")
    screen.eval(WATCH_TASKS)

    def play() -> None:
        screen.wait_for_looks(5)
        screen.page.focus("#grid")
        screen.press("Home", "Enter")
        of_a_class = f"look.rows.length === {_scan.OF_A_CLASS}"
        screen.until(lambda: screen.eval(of_a_class), "those of one class are shown")
        screen.wait_for_looks(5)
        screen.press(*["PageDown"] * 5)
        screen.press("w", "l", "h", "a")
        screen.wait_for_looks(2)
        screen.press("Escape")
        screen.until(lambda: screen.eval("look.by") == "class", "all are shown again")

    hold_no_page_up(screen, play)
    pykka.ActorRegistry.stop_all(timeout=120)
    del refs


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_thousand_rows_hold_no_page_up(screen: Screen, width: int) -> None:
    screen.page.set_viewport_size({"width": width, "height": 800})
    for _ in range(_scan.MOST_ROWS):
        Worker.start().keep_statistics()
    screen.until(lambda: screen.eval(f"shown.length === {_scan.MOST_ROWS}"), "all are shown")
    screen.eval(WATCH_TASKS)

    def play() -> None:
        screen.page.focus("#grid")
        for key in ["PageDown"] * 5 + ["End", "Home"]:
            screen.press(key)
            screen.wait_for_looks(1)
        screen.press(">", ">", "t")

    hold_no_page_up(screen, play)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_phone_shows_no_more_than_fits(site: Site, scheme: str) -> None:
    office = Office.start()
    size = {"width": 390, "height": 844}
    with browser.tab(viewport=size, color_scheme=scheme, has_touch=True) as page:
        screen = Screen(page)
        page.goto(site.link)
        screen.see("#rows", "worker 3")
        widths = "[document.documentElement.scrollWidth, grid.scrollWidth - grid.clientWidth]"
        assert screen.eval(widths) == [390, 0]
        ground = screen.eval("getComputedStyle(document.body).backgroundColor")
        is_dark = sum(map(int, ground[4:-1].split(","))) < 200
        assert is_dark == (scheme == "dark")
        page.tap(cell_of("worker 1", "name"))
        screen.see("#actor", "any message")
        assert screen.eval("document.getElementById('actor').clientWidth") == 390
        page.tap("#close-actor")
        page.tap("#theme")
        assert screen.eval("isDark()") == (scheme == "light")
        for name in ("waits", "log", "threads"):
            page.tap(f"#tab-{name}")
            assert screen.eval("document.documentElement.scrollWidth") == 390
    office.stop()

"""Draws the pictures of the observer's page: a shop at work, in a real browser.

    python scripts/observer_pictures.py [FOLDER]

Each picture is written twice, for a light background and for a dark one, to `docs/images/` unless
another folder is named. It needs Playwright and Chromium.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import pykka
from pykka import observer
from pykka._deadlock.wait_graph import Wait
from pykka.observer import _addresses
from pykka.observer._client import Client
from pykka.observer._web import Site
from pykka.supervision import ChildSpec, Supervisor

PROJECT = Path(__file__).parents[1]
PATIENCE = 60.0


class Till(pykka.ThreadingActor):
    """Takes money, as fast as it can."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self.pace = pace
        self.taken = 0
        self.currency = "EUR"

    def on_receive(self, message: Any) -> Any:
        """Take some money."""
        if message == "jammed":
            msg = "the drawer is jammed"
            raise RuntimeError(msg)
        time.sleep(self.pace * random.uniform(0.5, 1.5))  # noqa: S311 (nothing is secret)
        self.taken += 1
        return f"receipt {self.taken}"


class Archive(pykka.PooledActor):
    """Keeps receipts."""

    def on_receive(self, message: Any) -> None:
        """Keep one."""


class Office(pykka.ThreadingActor):
    """Asks for a report."""

    def on_receive(self, message: Any) -> Any:
        """Ask whom it is told to."""
        return message.ask("report")


class Auditor(pykka.ThreadingActor):
    """Takes its time."""

    is_over = threading.Event()

    def on_receive(self, message: Any) -> None:
        """Wait until the shop closes."""
        del message
        self.is_over.wait(PATIENCE)


class Stock(pykka.PooledActor):
    """Has things on shelves."""

    def take(self, thing: str) -> str:
        """Take something off its shelf."""
        return thing


class Front(Supervisor):
    """The tills, and who packs."""

    max_restarts = 100
    child_specs = (
        ChildSpec("till 1", Till.options(name="till 1"), args=[0.004]),
        ChildSpec("till 2", Till.options(name="till 2"), args=[0.02]),
        ChildSpec("till 3", Till.options(name="till 3"), args=[0.05]),
        ChildSpec("archive", Archive.options(name="archive")),
    )


class Shop(Supervisor):
    """All of it."""

    child_specs = (
        Supervisor.spec("front", Front.child_specs, max_restarts=100),
        ChildSpec("office", Office.options(name="office")),
        ChildSpec("accounting", Office.options(name="accounting")),
        ChildSpec("auditor", Auditor.options(name="auditor")),
        *(ChildSpec(each, Stock.options(name=f"stock of {each}")) for each in ("tea", "kettles")),
    )


class _Owed:
    """Stands for the answer that an actor owes."""

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self._answered_by = ref._cell

    def _has_outcome(self) -> bool:
        return False


def named(name: str) -> pykka.ActorRef[Any]:
    """The actor with a name."""
    ref = pykka.ActorSystem.default().get_by_name(name)
    assert ref is not None  # noqa: S101 (it was started above)
    return ref


def serve_customers(is_over: threading.Event) -> None:
    """Have the tills work, and one jam now and then."""
    for number in range(1_000_000):
        if is_over.wait(0.01):
            return
        for till, many in (("till 1", 2), ("till 2", 1), ("till 3", number % 3 == 0)):
            for _ in range(many):
                named(till).tell(f"{number % 7 + 1} tea")
        named("archive").tell(number)
        if number % 400 == 150:  # noqa: PLR2004 (now and then)
            named("till 1").tell("jammed")


def shoot(link: str, folder: Path) -> None:
    """Take all pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            size = {"width": 1280, "height": 860}
            page: Any = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=1)
            page.goto(link)
            page.wait_for_selector("#rows .row")
            page.click(".cell.name[title='till 2']")
            page.click("#trace")
            page.wait_for_timeout(12_000)  # until there is something to be seen
            page.screenshot(path=folder / f"observer-web-{scheme}.png")
            page.keyboard.press("Escape")
            page.keyboard.press("w")
            page.wait_for_timeout(1500)
            clip = {"x": 0, "y": 0, "width": 1280, "height": 428}
            page.screenshot(path=folder / f"observer-waits-{scheme}.png", clip=clip)
            page.close()
            phone: Any = browser.new_page(
                viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True
            )
            phone.goto(link)
            phone.wait_for_selector("#rows .row")
            phone.wait_for_timeout(3000)
            phone.screenshot(path=folder / f"observer-phone-{scheme}.png")
            phone.close()
        browser.close()


def main() -> None:
    """Open the shop, and take the pictures."""
    for each in (Till, Office, Auditor):  # where they are is seen in the pictures
        function: Any = each.on_receive
        function.__code__ = function.__code__.replace(co_filename="/srv/shop/shop.py")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "docs" / "images"
    pykka.ActorSystem.default().keep_statistics()
    shop = Shop.start()
    is_over = threading.Event()
    customers = threading.Thread(target=serve_customers, args=[is_over])
    customers.start()
    for asker, asked in (("office", "auditor"), ("accounting", "office")):
        named(asker).tell(named(asked))
    # A deadlock is an error at once. So this one, which is to be looked at, is made by hand.
    tea, kettles = named("stock of tea"), named("stock of kettles")
    for source, target in ((tea, kettles), (kettles, tea)):
        owed: Any = _Owed(target)
        source._cell.waiting = Wait(source._cell, owed)
    with observer.serve(name="shop", allow=["trace", "restart", "stop"]) as served:
        address = _addresses.Address(os.getpid(), served.path)
        site = Site(lambda: Client(address), every=0.5)
        server = threading.Thread(target=site.run)
        server.start()
        shoot(site.link, folder)
        site.close()
        server.join()
    for ref in (tea, kettles):
        ref._cell.waiting = None
    is_over.set()
    Auditor.is_over.set()
    customers.join()
    shop.stop()


if __name__ == "__main__":
    main()

"""The site: what its search finds, what its reference shows, and how it looks on a telephone.

It needs Playwright, which the development environment has, and Chromium, which is a package of the
operating system; without them, the tests that look at pages are skipped.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import environments
from tests.site import browser
from tests.unit.test_doors import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]

EXPECTED = {
    "migrate": "/how-to/from-pykka-4/",
    "upgrade": "/how-to/from-pykka-4/",
    "mypy": "/how-to/typed-actors/",
    "pyright": "/how-to/typed-actors/",
    "multiprocessing": "/faq/",
    "all cores": "/faq/",
    "metrics": "/how-to/metrics-and-traces/",
    "prometheus": "/how-to/metrics-and-traces/",
    "opentelemetry": "/how-to/metrics-and-traces/",
    "monitoring": "/how-to/statistics/",
    "deploy": "/how-to/production/",
    "kubernetes": "/how-to/production/",
    "cluster": "/faq/",
    "distributed": "/faq/",
    "remote": "/faq/",
    "FastAPI": "/how-to/fastapi/",
    "django": "/how-to/django-and-celery/",
    "celery": "/how-to/django-and-celery/",
    "pytest": "/how-to/testing/",
    "hang": "/how-to/deadlocks/",
    "deadlock": "/how-to/deadlocks/",
    "does not exit": "/faq/",
    "ThreadingActor": "/reference/actors/",
    "defer_after": "/reference/proxies/",
    "CallableProxy": "/reference/proxies/",
    "timeout": "/faq/",
    "cancel": "/how-to/timers/",
    "persist": "/how-to/keep-state/",
    "faq": "/faq/",
    "changelog": "/changelog/",
    "performance": "/performance/",
}
"""What is typed, and a page that is to be among the first three."""


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what is asked for."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as in the base class)
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, which is built."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    subprocess.run(
        command,
        cwd=PROJECT,
        env={**environments.untraced(), "NO_MKDOCS_2_WARNING": "1"},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """The address of the site, which is served."""
    browser.require()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(site: str) -> Iterator[Any]:
    """A tab of the browser, at the start page."""
    with browser.tab() as page:
        page.goto(site)
        yield page


def found(page: Any, query: str) -> list[str]:
    """The first three pages that a search finds."""
    field, results = ".md-search__input", ".md-search-result__item > .md-search-result__link"
    # First a word that no page has, so that the answer to the other one can be seen to come.
    for typed, answer in (("xyzzy", "/^No matching/"), (query, "/^[0-9]+ matching/")):
        page.fill(field, typed)
        page.press(field, "End")  # the script listens to keys
        page.wait_for_function(f"{answer}.test({META})")
    links = page.eval_on_selector_all(results, "all => all.map(one => new URL(one.href).pathname)")
    return list(dict.fromkeys(links))[:3]


META = "document.querySelector('.md-search-result__meta').innerText"


def test_the_search_answers_the_words_that_people_type(page: Any) -> None:
    page.click(".md-search__input")
    answers = {query: found(page, query) for query in EXPECTED}
    assert {
        query: answers[query] for query, one in EXPECTED.items() if one not in answers[query]
    } == {}


def test_a_prompt_is_not_copied(page: Any, site: str) -> None:
    page.goto(f"{site}/how-to/install/", wait_until="domcontentloaded")
    copied = page.eval_on_selector_all(
        ".highlight code:has(.gp)",
        "all => all.map(one => (one.setAttribute('data-md-copying', ''), one.innerText.trim()))",
    )
    assert copied[-1] == 'python -c "import pykka; print(pykka.__version__)"'


# --- on a telephone -----------------------------------------------------------------------------

TOO_WIDE = """() => [...document.querySelectorAll('.md-content *')]
    .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
    .filter(each => {
        const kinds = ['auto', 'scroll', 'hidden']
        const scrolls = one => kinds.includes(getComputedStyle(one).overflowX)
        for (let one = each.parentElement; one; one = one.parentElement)
            if (scrolls(one)) return false
        return true
    })
    .map(each => each.tagName + '.' + each.className + ': ' + each.textContent.trim().slice(0, 60))
    .slice(0, 3)"""
"""What sticks out of the window, unless it is in something that scrolls by itself."""


def test_no_page_is_wider_than_a_telephone(page: Any, site: str, folder: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.route("**/*.js", lambda route: route.abort())  # they take long, and only show and hide
    wide = {}
    for file in sorted(folder.rglob("index.html")):
        address = file.parent.relative_to(folder).as_posix()
        page.goto(f"{site}/{address}/", wait_until="domcontentloaded")
        if found := page.evaluate(TOO_WIDE):
            wide[address] = found
    assert wide == {}


# --- the reference ------------------------------------------------------------------------------

NOT_SHOWN = {
    "pykka.Accepts": {"on_receive"},  # as in `Actor`
    "pykka.ActorSystem": {
        "end",
        "enter_urn",
        "everybody",
        "forget",
        "forget_urn",
        "knows",
        "let_children_go",
        "need_pool",
        "publish_failure",
        "publish_restart",
        "register",
        "tell_of_crash",
        "to_dead_letters",
        "unregister",
        "use_dispatcher",
    },
    "pykka.EventBus": {"forget", "renew_locks"},
    "pykka.Failed": {"without_traceback"},
    "pykka.ThreadingFuture": {"done", "get", "set", "set_exception"},  # as in `Future`
    "pykka.Timer": {"note_begin", "ring", "set_aside"},
    "pykka.routing.Broadcast": {"tell"},  # as in `RouterRef`
    "pykka.routing.ScatterGather": {"tell"},
    "pykka.simulation.Exploration": {"note"},
    "pykka.supervision.ChildSpec": {"with_arguments"},
    "pykka.supervision.Supervisor": {"on_start"},  # as in `Actor`
    "pykka.typing.ActorMemberMixin": {"on_failure", "on_receive", "on_start", "on_stop", "stop"},
}
"""Members without an underscore that the reference leaves out, by class: those that are the
library's own, and those that are described elsewhere."""


def names_shown(folder: Path) -> set[str]:
    """The names that have a place on a page, as other sites find them to link there."""
    inventory = (folder / "objects.inv").read_bytes()
    lines = zlib.decompress(inventory.split(b"\n", 4)[4]).decode().splitlines()
    return {
        name for name, domain, *_rest in (line.split(" ") for line in lines) if "py:" in domain
    }


def members_of(found: type) -> set[str]:
    """The public members that a class defines itself."""
    return {
        name
        for name, member in vars(found).items()
        if not name.startswith("_")
        and (
            inspect.isfunction(member) or isinstance(member, (classmethod, staticmethod, property))
        )
    }


def test_the_reference_shows_every_public_name_and_no_internal_one(folder: Path) -> None:
    shown = names_shown(folder)
    missing = {f"{door}.{name}" for door, name, _value in EXPORTS} - shown
    assert missing == set()

    hidden = {}
    for door, name, value in EXPORTS:
        if inspect.isclass(value):
            left_out = {each for each in members_of(value) if f"{door}.{name}.{each}" not in shown}
            if left_out:
                hidden[f"{door}.{name}"] = left_out
    assert hidden == NOT_SHOWN

    public = {f"{door}.{name}" for door, name, _value in EXPORTS} | {door for door, *_ in EXPORTS}
    below = tuple(f"{name}." for name in public)
    private = {name for name in shown if any(part.startswith("_") for part in name.split("."))}
    assert {name for name in shown - private - public if not name.startswith(below)} == set()

"""The site, in headless Chromium: the search finds the words that people type.

It needs Playwright, which the development environment has, and Chromium, which is a package of the
operating system; without them it is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run",
    # It asks for nothing but the site.
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 60_000
"""Milliseconds after which a test gives up."""

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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, which is built and served."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("playwright")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
        capture_output=True,
    )
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
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (it may not be there)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(site)
        yield page
        browser.close()


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

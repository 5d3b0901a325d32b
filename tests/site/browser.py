"""Headless Chromium, a package of the operating system; without it, tests are skipped."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run",
    # It asks for nothing but the site.
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 60_000
"""Milliseconds after which a test gives up."""


def require() -> None:
    """Skip the test if there is no browser."""
    pytest.importorskip("playwright")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")


@contextlib.contextmanager
def tab(**options: Any) -> Iterator[Any]:
    """A tab of a browser of its own."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (it may not be there)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(**options)
            page.set_default_timeout(PATIENCE)
            yield page
        finally:
            browser.close()

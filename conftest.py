"""Runs the examples in the README, the documentation and the docstrings as tests."""

from __future__ import annotations

import signal
from typing import Any

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from tests.leaks import LeakCheck


def _begin(namespace: dict[str, Any]) -> None:
    namespace["_leak_check"] = LeakCheck()


def _end(namespace: dict[str, Any]) -> None:
    namespace["_leak_check"].finish()


_markdown = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=_begin,
    teardown=_end,
)
_docstrings = Sybil(
    parsers=[DocTestParser()],
    patterns=["src/*/*.py", "src/*/*/*.py", "src/*/*/*/*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=_begin,
    teardown=_end,
)
pytest_collect_file = (_markdown + _docstrings).pytest()


def pytest_configure() -> None:
    """Let Ctrl-C have its usual meaning; a shell's background jobs are started without it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

"""Runs the examples in the documentation and the docstrings as tests.

Also what concerns all tests: which of them run (see `tests/tiers.py`), and which have to run in
the same process if there are several (`pytest -n`).
"""

from __future__ import annotations

import gc
import logging
import signal
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from tests import tiers
from tests.extras import EXTRAS, MISSING
from tests.leaks import LeakCheck

_LOGGERS = [logging.getLogger(name) for name in (None, "pykka")]


def _begin(namespace: dict[str, Any]) -> None:
    namespace["_leak_check"] = LeakCheck()
    namespace["_loggers_before"] = [(each.level, each.handlers.copy()) for each in _LOGGERS]


def _end(namespace: dict[str, Any]) -> None:
    # A page that sets up logging would have later tests log more, which keeps exceptions alive.
    for logger, (level, handlers) in zip(_LOGGERS, namespace["_loggers_before"], strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    namespace["_leak_check"].finish()


_markdown = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["docs/**/*.md", "docs/*.md"],
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tier be chosen."""
    parser.addoption(
        "--exhaustive", action="store_true", help="run the exhaustive tier of the tests"
    )
    parser.addoption(
        "--thinned",
        action="store_true",
        help="leave out what the quick tier leaves out, also of tests that are named",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tier, and let Ctrl-C have its usual meaning.

    A shell's background jobs are started without it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    is_simulated = bool(config.getoption("pykka_simulate", 0))
    is_simulated = is_simulated or config.getoption("pykka_replay", None) is not None
    tiers.choose(exhaustive=config.option.exhaustive, simulated=is_simulated)


_IN_ONE_PIECE = {
    "tests/guarantees/test_g13_linear.py",
    "tests/site/test_site.py",
    "tests/unit/test_package.py",
}
"""Files of tests with a fixture for the whole file that takes seconds."""

_TESTS = Path(__file__).parent / "tests"


def _find_tests_of_sources() -> set[str]:
    """The files of tests that look at the sources, whose syntax trees take seconds to make."""
    return {
        file.relative_to(_TESTS.parent).as_posix()
        for file in _TESTS.rglob("test_*.py")
        if "from tests.sources import" in file.read_text(encoding="utf-8")
    }


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep in one process what belongs together.

    That is the examples of a page, for each goes on where the one before it ended, and the tests
    that share something which takes long to make.
    """
    # Not by xdist's own groups, which xdist 3.8 cannot tell from others under pytest 9.2.
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 (it need not be there)

    of_sources = _find_tests_of_sources()

    class InPieces(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, name = nodeid.partition("::")
            if name.startswith("line:") or file in _IN_ONE_PIECE:
                return file
            if file in of_sources:
                return "the sources"
            # To hand out each by itself takes as long as to run it.
            return nodeid.partition("[")[0]

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            # With each test that is done, the scheduler looks through all that its worker was ever
            # given. So what is done is forgotten, or the number of tests would count twice.
            name = self.registered_collections[node][item_index]
            scope = self._split_scope(name)
            piece = self.assigned_work[node][scope]
            piece[name] = True
            if all(piece.values()):
                del self.assigned_work[node][scope]
            self._reschedule(node)

    return InPieces(config, log)


_PROJECT = Path(__file__).parent
_OF_EXTRAS = {
    _PROJECT / "docs" / "how-to" / "metrics-and-traces.md",
    *(_PROJECT / "src" / each.replace(".", "/") for each in EXTRAS),
}


def _is_all_that_is_quick(config: pytest.Config) -> bool:
    is_named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return not is_named and not config.option.exhaustive


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the tests of the benchmarks, which are all for the exhaustive tier.

    Nor what needs a package that is not there.
    """
    if MISSING and collection_path in _OF_EXTRAS:
        return True
    return (collection_path == _TESTS / "benchmarks" and _is_all_that_is_quick(config)) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the quick tier leaves out, and refuse ids that differ from run to run."""
    for item in items:
        if " at 0x" in item.nodeid:
            msg = f"{item.nodeid} has the address of an object in its id; say ids= or repr"
            raise pytest.UsageError(msg)
    if _is_all_that_is_quick(config) or config.option.thinned:
        config.hook.pytest_deselected(items=tiers.leave_out(items))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through the tests themselves, again and again."""
    gc.collect()
    gc.freeze()

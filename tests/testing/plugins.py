"""Runs tests of tests: pytest in this very process, with the plug-in and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

# What is loaded in such a run for the first time would be forgotten at its end.
from pykka.testing import _checks, _simulated

if TYPE_CHECKING:
    from collections.abc import Callable

LOADED = (_checks, _simulated)
PLUGIN = ("-p", "pytest_pykka", "-p", "no:cacheprovider")


@pytest.fixture
def outcomes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[dict[str, str], str]]:
    """Runs tests, and returns what has come of each, and what was printed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str, *options: str, conftest: str = "") -> tuple[dict[str, str], str]:
        if conftest:
            pytester.makeconftest(conftest)
        pytester.makepyfile(source)
        result: Any = pytester.runpytest_inprocess(*PLUGIN, "-rA", *options)
        said = "\n".join(result.outlines)
        found: dict[str, str] = {}
        for line in result.outlines:
            word, _, rest = line.partition(" ")
            if word in {"PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL"} and "::" in rest:
                name = rest.partition("::")[2].partition(" - ")[0]
                found[name] = word if name not in found else "ERROR"
        return found, said

    return run

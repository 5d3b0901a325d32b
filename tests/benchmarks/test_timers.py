"""The benchmark of timers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import timers

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_prints_a_table_and_keeps_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "timers.json"
    timers.main(["--sizes", "20", "--rounds", "2", "--out", str(out)])
    results: dict[str, Any] = json.loads(out.read_text())
    assert results["values"].keys() == {"20"}
    for of_kind in results["values"]["20"].values():
        assert of_kind.keys() == timers.METRICS.keys()
        assert all(len(values) == 2 and min(values) >= 0 for values in of_kind.values())
    printed = capsys.readouterr().out
    for title, _make in timers.KINDS.values():
        assert title in printed


def test_threads_are_measured_as_far_as_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def in_child(kind: str, size: int) -> dict[str, float]:
        asked.append((kind, size))
        return {"set": 1.0}

    monkeypatch.setattr(timers, "_in_child", in_child)
    results = timers.measure_all([10, timers.MOST_THREADS + 1], 1)
    assert ("threading", 10) in asked
    assert ("threading", timers.MOST_THREADS + 1) not in asked
    assert [row[1] for row in timers.table(results).rows] == [
        "pykka, PooledActor",
        "asyncio.call_later",
        "threading.Timer",
        "pykka, PooledActor",
        "asyncio.call_later",
    ]

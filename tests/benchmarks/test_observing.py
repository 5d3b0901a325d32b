"""What it costs to be seen, measured very shortly: that it is measured at all."""

from __future__ import annotations

import pytest
from tests.benchmarks.conftest import needs

cli, observing = needs("cli"), needs("observing")


def test_each_way_to_be_seen_is_measured_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("opentelemetry.sdk")
    rows = observing.measure(rounds=1, tells=10)
    assert [row.name for row in rows] == [
        "not seen",
        "statistics",
        "an instrument that does nothing",
        "metrics",
        "traces, all left out by sampling",
        "traces of all messages",
    ]
    assert all(set(row.seconds) == {"Threaded", "Pooled"} for row in rows)
    lines = observing.told(rows, [0.01, 0.02, 0.03])
    assert len(lines) == 2 + len(rows) + 2
    assert lines[-1] == "A viewer that looks twice a second at 100,000 actors: +2.0%"


@pytest.mark.usefixtures("runtime_folder")
def test_the_observer_is_measured() -> None:
    assert len(observing.measure_observer(rounds=2, actors=10, seconds=0.01)) == 2


def test_the_command_prints_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = observing.Row("not seen", {"Threaded": 1e-6, "Pooled": 5e-7})
    monkeypatch.setattr(observing, "measure", lambda _rounds: [row])
    monkeypatch.setattr(observing, "measure_observer", lambda _rounds: [])
    assert cli.main(["observing", "--rounds", "1"]) == 0
    assert "| not seen | 1.00 µs | 0.50 µs |" in capsys.readouterr().out

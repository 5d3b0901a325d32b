"""What the tests of the benchmarks share: results made by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.adapters import ADAPTERS
from benchmarks.plan import describe_curves, describe_workloads
from benchmarks.results import Measurement, Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who does not work on the benchmarks need not wait for their tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what tests write out of the environments that are there."""
    monkeypatch.setattr("benchmarks.environments.HOME", tmp_path / "bench")


def needs(module: str) -> Any:
    """Import a module of the benchmarks; without what it needs, skip the file of tests.

    The tests are run without psutil, scipy, py-cpuinfo and matplotlib too, which only those who
    measure need.
    """
    return pytest.importorskip(
        f"benchmarks.{module}", reason=f"benchmarks.{module} needs requirements/bench-full.txt"
    )


OURS = [adapter.name for adapter in ADAPTERS.values() if adapter.ours]
"""Our runtimes, which are in every plan."""


def make_run(**values: Mapping[str, Sequence[float]]) -> Run:
    """Results: workload (with _ for -) → adapter → values of its first metric, by round."""
    run = Run(
        form="short",
        started="2026-01-01T00:00:00+00:00",
        complete=True,
        reference="ThreadingActor",
        peer="pykka-4.0.2",
        floor="thread",
        pooled="PooledActor",
        pooled_against=["pykka-newest", "erlang"],
        machine={
            "processor": "abacus", "cores": 2, "memory_bytes": 2**30, "distribution": "none",
            "system": "Linux", "kernel": "6", "load_at_start": 0.5,
        },
        python={"implementation": "cpython", "version": ".".join(map(str, sys.version_info[:3]))},
        sources={"commit": "", "digest": "0"},
        workloads=describe_workloads(),
        curves=describe_curves(),
    )  # fmt: skip
    for adapter in ADAPTERS.values():
        run.adapters[adapter.name] = {
            "title": adapter.title,
            "version": "",
            "lacks": adapter.lacks,
            "ours": adapter.ours,
            "scale": adapter.scale,
            "absent": "",
        }
    for workload, measured in values.items():
        enter(run, workload.replace("_", "-"), measured)
    return run


def enter(
    run: Run, workload: str, measured: Mapping[str, Sequence[float]], **parameters: int
) -> None:
    """Enter values of all metrics of a workload."""
    for adapter, listed in measured.items():
        measurement = Measurement(
            workload, adapter, {**run.workloads[workload]["parameters"], **parameters}
        )
        for metric in run.workloads[workload]["metrics"]:
            measurement.values[metric["name"]] = dict(enumerate(listed))
        run.measurements.append(measurement)

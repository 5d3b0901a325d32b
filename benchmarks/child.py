"""One measurement, in a process of its own: `python -m benchmarks.child SPEC RESULT`.

SPEC is JSON; RESULT is the file that the outcome is written to, also as JSON. What goes to
standard output does not matter, so implementations may print what they like.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import interpreter
from benchmarks.adapters import ADAPTERS
from benchmarks.system import FailedError, System, UnsupportedError, unsupported
from benchmarks.workload import Workload, WrongResultError
from benchmarks.workloads import WORKLOADS

FEW = 1_000
"""More actors than this are not stopped one by one: they end with the process."""


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Warm up, measure, and tell how it went."""
    try:
        return {"status": "ok", "values": _values(spec)}
    except UnsupportedError as error:
        return {"status": "unsupported", "reason": str(error)}
    except WrongResultError as error:
        return {"status": "failed", "reason": f"wrong result: {error}"}
    except FailedError as error:
        return {"status": "failed", "reason": str(error)}
    except Exception as error:
        return {"status": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}


def _values(spec: dict[str, Any]) -> dict[str, float]:
    adapter = ADAPTERS[spec["adapter"]]
    workload = WORKLOADS[spec["workload"]]
    parameters: dict[str, int] = spec["parameters"]
    warm_up: dict[str, int] = spec["warm_up"]
    system = adapter.start()
    if not system.runs_behaviours:
        return system.run_native(workload.name, parameters, warm_up)
    with contextlib.closing(system):
        _require_room(system, workload, parameters)
        if warm_up:
            workload.run(system, warm_up)
    # The measurement has a system of its own, so that nothing is left of the warm-up but a warm
    # interpreter.
    system = adapter.start()
    gc.collect()
    values = workload.run(system, parameters)
    if workload.live(parameters) <= FEW:
        with contextlib.suppress(Exception):
            system.close()
    return values


def _require_room(system: System, workload: Workload, parameters: dict[str, int]) -> None:
    live = workload.live(parameters)
    if system.most_actors is not None and live > system.most_actors:
        unsupported(f"takes {live:,} actors; it is given {system.most_actors:,} at most")


def describe(spec: dict[str, Any]) -> dict[str, Any]:
    """Start an implementation and tell its version, and that of the interpreter."""
    adapter = ADAPTERS[spec["adapter"]]
    try:
        adapter.start().close()
    except Exception as error:
        return {"status": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}
    version = ""
    if spec["distribution"]:
        try:
            version = importlib.metadata.version(spec["distribution"])
        except importlib.metadata.PackageNotFoundError:
            version = str(__import__(spec["distribution"]).__version__)
    return {"status": "ok", "version": version, "python": interpreter.describe()}


def main() -> None:
    """Read the specification, and write the outcome."""
    spec = json.loads(sys.argv[1])
    outcome = measure(spec) if spec["workload"] else describe(spec)
    Path(sys.argv[2]).write_text(json.dumps(outcome))
    # Whatever is still running must not keep this process from ending.
    os._exit(0)


if __name__ == "__main__":
    main()

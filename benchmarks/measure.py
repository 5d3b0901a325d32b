"""One measurement, seen from outside: start a process, watch it, and end it if it goes too far."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.environments import ENVIRONMENTS
from benchmarks.processes import Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.adapters import Adapter
    from benchmarks.environments import Site

DEADLINE = 60.0
"""Seconds for the process of one measurement, from start to end."""
MOST_MEMORY = 4 * 1024**3
"""Bytes for all processes of one measurement."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Outcome:
    """How a measurement went."""

    status: str
    """"ok", "unsupported", "failed", "too slow" or "too big"."""
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def measure(
    site: Site,
    adapter: Adapter,
    workload: str,
    parameters: Mapping[str, int],
    warm_up: Mapping[str, int],
    *,
    deadline: float = DEADLINE,
) -> Outcome:
    """Measure a workload once, in a fresh process."""
    spec = {
        "adapter": adapter.name,
        "workload": workload,
        "parameters": dict(parameters),
        "warm_up": dict(warm_up),
    }
    return _in_child(site, adapter, spec, deadline)


def describe(site: Site, adapter: Adapter) -> Outcome:
    """Start an implementation in a fresh process, and ask it for versions."""
    distribution = ENVIRONMENTS[adapter.environment].distribution
    spec = {"adapter": adapter.name, "workload": "", "distribution": distribution}
    return _in_child(site, adapter, spec, DEADLINE)


def _in_child(site: Site, adapter: Adapter, spec: dict[str, Any], deadline: float) -> Outcome:
    environment = ENVIRONMENTS[adapter.environment]
    family = Family()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = Path(folder) / "result"
        command = [str(site.interpreter(environment)), "-m", "benchmarks.child"]
        command += [json.dumps(spec), str(result)]
        with family.started(command, site.variables(environment)) as process:
            gone_too_far = _watch(process, family, deadline)
        if gone_too_far is not None:
            return gone_too_far
        try:
            found = json.loads(result.read_text())
        except (OSError, ValueError):
            return Outcome("failed", reason=_cause_of_death(process.returncode))
    status, values, reason = found.pop("status"), found.pop("values", {}), found.pop("reason", "")
    return Outcome(status, values, reason, found)


def _watch(process: psutil.Popen, family: Family, deadline: float) -> Outcome | None:
    """Wait for the end; an outcome if the end was not its own."""
    give_up = time.monotonic() + deadline
    while True:
        with suppress(psutil.TimeoutExpired):
            process.wait(LOOK_EVERY)
            return None
        if time.monotonic() > give_up:
            return Outcome("too slow", reason=f"no end after {deadline:.0f} s")
        if family.resident() > MOST_MEMORY:
            return Outcome("too big", reason=f"more than {MOST_MEMORY / 1024**3:.0f} GiB")


def _cause_of_death(returncode: int) -> str:
    if returncode < 0:
        return f"the process was ended by {signal.Signals(-returncode).name}"
    return f"the process ended with {returncode} and without a result"

"""One measurement, seen from outside: start a process, watch it, and end it if it goes too far."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import memory
from benchmarks.environments import ENVIRONMENTS, ROOT

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
LOOKS_IN_VAIN = 3
"""How often nobody is found until it is believed that nobody is left."""


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
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = Path(folder) / "result"
        command = [str(site.interpreter(environment)), "-m", "benchmarks.child"]
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [*command, json.dumps(spec), str(result)],
            cwd=ROOT,
            env={**site.variables(environment), memory.MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            gone_too_far = _watch(process, mark, deadline)
        finally:
            _end_all(process, mark)
        if gone_too_far is not None:
            return gone_too_far
        try:
            found = json.loads(result.read_text())
        except (OSError, ValueError):
            return Outcome("failed", reason=_cause_of_death(process.returncode))
    status, values, reason = found.pop("status"), found.pop("values", {}), found.pop("reason", "")
    return Outcome(status, values, reason, found)


def _watch(process: subprocess.Popen[bytes], mark: str, deadline: float) -> Outcome | None:
    """Wait for the end; an outcome if the end was not its own."""
    give_up = time.monotonic() + deadline
    while not _ends_within(process, LOOK_EVERY):
        if time.monotonic() > give_up:
            return Outcome("too slow", reason=f"no end after {deadline:.0f} s")
        used = memory.resident(memory.family(mark, process.pid))
        if used > MOST_MEMORY:
            return Outcome("too big", reason=f"more than {MOST_MEMORY / 1024**3:.0f} GiB")
    return None


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end of a process without polling, where the system can do that."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(process.pid)
        except OSError:  # an old kernel
            pass
        else:
            try:
                select.select([handle], [], [], seconds)
            finally:
                os.close(handle)
            return process.poll() is not None
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """End everything that the measurement has started, and what that starts meanwhile."""
    process.kill()  # does nothing if it has ended
    process.wait()
    # A process that is just becoming another program has no variables for a moment. So it takes
    # more than one look to know that nobody is left.
    looks_in_vain = 0
    while looks_in_vain < LOOKS_IN_VAIN:
        left = [member for member in memory.family(mark, 0) if member]
        looks_in_vain = 0 if left else looks_in_vain + 1
        for member in left:
            try:
                os.kill(member, signal.SIGKILL)
            except OSError:  # it has just ended
                continue
        time.sleep(0.01)


def _cause_of_death(returncode: int) -> str:
    if returncode < 0:
        return f"the process was ended by {signal.Signals(-returncode).name}"
    return f"the process ended with {returncode} and without a result"

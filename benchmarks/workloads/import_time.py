"""What users feel: how long the import takes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.system import unsupported
from benchmarks.workload import Group, Metric, Unit, Workload

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

TIMED_IMPORT = """
import time
before = time.perf_counter()
import {module}
print(time.perf_counter() - before)
"""


class ImportTime(Workload):
    """The time until one can begin."""

    name = "import-time"
    title = "import"
    about = (
        "Importing the implementation into a fresh interpreter, with all that it needs of the "
        "standard library, from compiled files."
    )
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "import"),)
    parameters = {"imports": 1}

    def run(self, system: System, parameters: Parameters) -> Values:
        """Import in another process: this one has imported half of the standard library."""
        if not system.module:
            unsupported("it is not imported")
        seconds = 0.0
        for _ in range(parameters["imports"]):
            done = subprocess.run(  # noqa: S603 (our own interpreter)
                [sys.executable, "-c", TIMED_IMPORT.format(module=system.module)],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds += float(done.stdout)
        return {"time": seconds / parameters["imports"]}

"""Erlang/OTP: the language whose processes are what actors are measured by.

The workloads are written anew in Erlang, in `benchmarks/erlang`. This starts the virtual machine
and reads what it prints.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.system import FailedError, System, unsupported

if TYPE_CHECKING:
    from benchmarks.behaviour import Behaviour

MOST_PROCESSES = 4_000_000


class ErlangSystem(System):
    """An Erlang virtual machine for each measurement."""

    runs_behaviours: ClassVar[bool] = False

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
        """Not for behaviours."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is left when the virtual machine has ended."""

    def run_native(
        self, workload: str, parameters: dict[str, int], warm_up: dict[str, int]
    ) -> dict[str, float]:
        """Have the Erlang program run a workload."""
        command = ["erl", "+P", str(MOST_PROCESSES), "-noshell", "-noinput"]
        command += ["-pa", os.environ["BENCH_ERLANG"], "-s", "bench", "main", "-extra"]
        command += [workload.replace("-", "_"), _written(parameters), _written(warm_up)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        values: dict[str, float] = {}
        for line in done.stdout.splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "unsupported":
                unsupported(rest)
            elif kind == "failed":
                raise FailedError(rest)
            elif kind == "value":
                name, value = rest.split()
                values[name] = float(value)
        if done.returncode or not values:
            msg = f"erl ended with {done.returncode}: {(done.stderr or done.stdout).strip()[:200]}"
            raise FailedError(msg)
        return values


def _written(parameters: dict[str, int]) -> str:
    return ",".join(f"{name}={value}" for name, value in parameters.items())

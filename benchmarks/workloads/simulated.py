"""Extras: how many complete runs of a small program the simulator makes, beside the real runtime.

The simulator is as good as it is fast: a race that shows in one order of ten thousand is found in
a second, or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class Simulated(Workload):
    """A program that is run again and again, each time in another order, and in reality.

    Args:
        program: Its name.
        about: What it consists of.
    """

    group = Group.EXTRAS
    metrics = (
        Metric("simulated", Unit.PER_SECOND, "run", "simulated"),
        Metric("real", Unit.PER_SECOND, "run", "in reality"),
        Metric("times", Unit.TIMES, "run", "simulated, against reality"),
        Metric("simulated-to-the-end", Unit.PER_SECOND, "run", "simulated, with all stops"),
        Metric("real-to-the-end", Unit.PER_SECOND, "run", "in reality, with all stops"),
        Metric("times-to-the-end", Unit.TIMES, "run", "with all stops, against reality"),
    )
    parameters = {"runs": 1_000}
    scaled = ("runs",)
    may_be_more = False

    def __init__(self, program: str, about: str) -> None:
        self.name = f"simulated-{program}"  # type: ignore[misc]
        self.title = f"runs of a program of {program}"  # type: ignore[misc]
        self.about = (  # type: ignore[misc]
            f"Complete runs of a program of {about}: by the simulator, each in another order, on "
            "greenlets if they are installed, or else on threads; and by the runtime itself, one "
            "after the other. Then the same with all actors stopped at the end of each run, which "
            "else they are not, or not in the time that is measured."
        )

    def live(self, parameters: Parameters) -> int:
        """The actors of one run."""
        del parameters
        return 3

    def run(self, system: System, parameters: Parameters) -> Values:
        """Run it in all four ways."""
        runs = parameters["runs"]
        program = system.program(self.name.removeprefix("simulated-"))
        values: dict[str, float] = {}
        for suffix, stops in (("", False), ("-to-the-end", True)):
            simulated = runs / program.simulated(runs, stops=stops)
            real = runs / program.real(runs, stops=stops)
            values |= {
                f"simulated{suffix}": simulated,
                f"real{suffix}": real,
                f"times{suffix}": simulated / real,
            }
        return values

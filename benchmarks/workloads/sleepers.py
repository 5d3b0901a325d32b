"""What users feel: whether code that blocks in one actor holds others up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import Behaviour
from benchmarks.system import unsupported
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, WrongResultError, check

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

ASLEEP, AWAKE, STARTED = "asleep", "awake", "started"


class Sleeper(Behaviour):
    """Sleeps inside its handler, as code does that waits for a disk or for a server."""

    def receive(self, message: float) -> None:
        """Sleep for so many seconds."""
        self.finish((ASLEEP, 0.0))
        time.sleep(message)
        self.finish((AWAKE, 0.0))


class Told(Behaviour):
    """Reports when it has started to handle a message."""

    def receive(self, message: Any) -> None:
        """Report."""
        del message
        self.finish((STARTED, time.perf_counter()))


class Sleepers(Workload):
    """Something to do, while a thousand sleep."""

    name = "sleepers"
    title = "1,000 sleep"
    about = (
        "1,000 actors are told to sleep inside their handlers for a second, and another actor is "
        "told something: right after them, and once more when the last of them has fallen asleep. "
        "How long it takes until it starts; and until all sleepers are done."
    )
    group = Group.FEEL
    metrics = (
        Metric("behind", Unit.SECONDS, "start", "told after them"),
        Metric("among", Unit.SECONDS, "start", "told among them"),
        Metric("done", Unit.SECONDS, "thousand", "all done"),
    )
    parameters = {"actors": 1_000, "milliseconds": 1_000}
    heavy = True

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """A few, and not for long."""
        return {"actors": min(2, parameters["actors"]), "milliseconds": 1}

    def live(self, parameters: Parameters) -> int:
        """The sleepers, and the one that is told."""
        return parameters["actors"] + 1

    def run(self, system: System, parameters: Parameters) -> Values:
        """Put them to sleep, and tell somebody else."""
        if system.blocks_others:
            unsupported("a handler that sleeps holds all actors up")
        count, seconds = parameters["actors"], parameters["milliseconds"] / 1000
        sleepers = [system.spawn(Sleeper) for _ in range(count)]
        told = system.spawn(Told)
        told_at, starts, counts = [0.0, 0.0], [], {ASLEEP: 0, AWAKE: 0, STARTED: 0}
        started = time.perf_counter()
        for sleeper in sleepers:
            system.tell_each(sleeper, [seconds])
        told_at[0] = time.perf_counter()
        system.tell_each(told, [None])
        while sum(counts.values()) < 2 * count + 2:
            what, when = system.wait(PATIENCE)
            counts[what] += 1
            if what == STARTED:
                starts.append(when)
            elif what == ASLEEP and counts[what] == count:
                told_at[1] = time.perf_counter()
                system.tell_each(told, [None])
        done = time.perf_counter() - started
        check(counts, {ASLEEP: count, AWAKE: count, STARTED: 2})
        if done < seconds:
            msg = f"all woke up after {done:.3f} s and should have slept {seconds:.3f} s"
            raise WrongResultError(msg)
        behind, among = (start - at for start, at in zip(starts, told_at, strict=True))
        return {"behind": behind, "among": among, "done": done}

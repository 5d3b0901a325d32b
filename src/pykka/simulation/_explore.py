"""Making many runs of a simulated program, each in another order, until one finds something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pykka._util.checks import check_count, check_flag
from pykka.simulation._engine._choices import AtRandom, FromTape, decode
from pykka.simulation._engine._errors import SimulationFailedError
from pykka.simulation._engine._scheduler import Finding
from pykka.simulation._exhaustive import Walker
from pykka.simulation._run import MAX_STEPS, PATIENCE, Program, Stage
from pykka.simulation._shrink import Shrinker, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pykka.simulation._run import Result

RUNS = 1000
"""How many runs are made if nothing is said."""


class Exploration:
    """The result of many runs, as `simulation.explore()` returns it."""

    def __init__(self, name: str, wanted: int) -> None:
        self.name = name
        """The name of the program."""
        self.wanted_runs = wanted
        """How many runs were to be made."""
        self.runs = 0
        """How many were made until one has failed, or no new behaviour came for long enough."""
        self.failure: Result | None = None
        """The run that has failed, as usual as it can be made; `None` if none has."""
        self.seed: int | None = None
        """The seed of the run that has failed first."""
        self.choices = 0
        """How many unusual choices that run had."""
        self.shrinking = 0
        """How many runs it took to make it more usual."""
        self.last_new = 0
        """The number of the run that has brought the last new behaviour."""
        self.is_exhaustive = False
        """Whether each behaviour was to be found, and not some of them by chance."""
        self.is_finished = True
        """Whether all runs were made; false if an exhaustive exploration has more to do."""
        self.cut_short = 0
        """How many runs of an exhaustive exploration were left, as they were about to become like
        one that was made already. They are not among `runs`."""
        self.again = "simulation.run({name}, replay={replay!r})"
        """How the run that has failed is made again, for the report."""
        self._behaviours: set[Any] = set()
        self._wanted: dict[str, bool] = {}

    @property
    def behaviours(self) -> int:
        """How many behaviours were seen. A behaviour is what each actor has received, in order."""
        return len(self._behaviours)

    @property
    def never(self) -> list[str]:
        """What has never happened, of all that was passed to `Simulation.sometimes`."""
        return [text for text, was in self._wanted.items() if not was]

    def __repr__(self) -> str:
        said = "nothing found" if self.failure is None else str(self.failure.findings[0])
        return f"<simulation.Exploration of {self.name}: {self.runs} runs, {said}>"

    def check(self) -> None:
        """Raise an exception if a run has failed.

        Raises:
            SimulationFailedError: A run has failed; or something that was passed to
                `Simulation.sometimes` has never happened; or an exhaustive exploration has not
                come to its end. The text is the `report()`.
        """
        if self.failure is not None:
            raise SimulationFailedError(self.report()) from self.failure.findings[0].error
        if self.never or not self.is_finished:
            raise SimulationFailedError(self.report())

    def report(self) -> str:
        """Return a text: what was found, what has happened, and how to repeat the failing run."""
        seen = (
            f"  behaviours seen in {self.runs} runs: {self.behaviours}, "
            f"none new since run {self.last_new}"
        )
        failure = self.failure
        if failure is None:
            wrong = [f"  never in {self.runs} runs: {text}" for text in self.never]
            if not self.is_finished:
                wrong.append(f"  not finished after {self.runs} runs; say runs=... for more")
            elif self.is_exhaustive:
                seen = f"  all behaviours seen, in {self.runs} runs: {self.behaviours}"
            return "\n".join([f"{'FAILED' if wrong else 'passed'} {self.name}", *wrong, seen])
        left = sum(1 for choice in decode(failure.replay)[0] if choice)
        first = (
            f"FAILED {self.name} (run {self.runs} of {self.wanted_runs}"
            f"{'' if self.seed is None else f', seed {self.seed}'}; "
            f"shrunk from {self.choices} unusual choices to {left} in {self.shrinking} runs)"
        )
        return "\n".join(
            [
                first,
                *(f"  {each}" for each in failure.findings),
                *(str(line) for line in failure.trace),
                seen,
                f"  again:  {self.again.format(name=self.name, replay=failure.replay)}",
            ]
        )

    def note(self, result: Result) -> None:
        """Take note of a run that has come back."""
        self.runs += 1
        if result.behaviour not in self._behaviours:
            self._behaviours.add(result.behaviour)
            self.last_new = self.runs
        for text, was in result.wanted.items():
            self._wanted[text] = self._wanted.get(text, False) or was


def explore(
    main: Callable[..., Any],
    *,
    runs: int = RUNS,
    seed: int = 0,
    quiet: int | None = None,
    exhaustive: bool = False,
    allow: Collection[str | type[BaseException]] = (),
    teardown: bool = False,
    preemption: float | None = None,
    haste: float | None = None,
    max_steps: int = MAX_STEPS,
    patience: float = PATIENCE,
    carrier: Literal["greenlet", "thread"] | None = None,
) -> Exploration:
    """Make many runs of a program of actors, each in another order, until one finds something.

    The run that fails is shrunk: unusual choices that the failure does not need are removed. The
    first run is made twice. If the two differ, that is a finding, because the program then depends
    on something that is not simulated.

    Args:
        main: As for `run()`.
        runs: The largest number of runs.
        seed: The seed of the first run; the others have the numbers that follow.
        quiet: Stop after this many runs without a new behaviour; `None` to make all `runs`.
        exhaustive: Whether to try all behaviours, each about once, instead of random orders. This
            is for small programs. Time then passes only when nothing else can happen, and at each
            message, another actor or thread may come first.
        allow: As for `run()`.
        teardown: As for `run()`.
        preemption: As for `run()`.
        haste: As for `run()`.
        max_steps: As for `run()`.
        patience: As for `run()`.
        carrier: As for `run()`.

    Returns:
        The result. A failure is not raised here, but by `Exploration.check()`.

    Raises:
        TypeError: As for `run()`; or one of the numbers is not a number.
        ValueError: As for `run()`; or a number is less than 1; or an argument that is about chance
            is given for an exhaustive exploration.
        NotSimulatedError: As for `run()`.
        RuntimeError: It is called inside a run.

    Examples:
        >>> import pykka
        >>> from pykka import simulation
        >>> class Account(pykka.PooledActor):
        ...     balance = 100
        ...     def read(self):
        ...         return self.balance
        ...     def write(self, value):
        ...         self.balance = value
        >>> class Teller(pykka.ThreadingActor):
        ...     def withdraw(self, account, amount):
        ...         balance = account.read().get()
        ...         account.write(balance - amount).get()
        >>> def main():
        ...     account = Account.start().proxy()
        ...     tellers = [Teller.start().proxy() for _ in range(2)]
        ...     pykka.get_all([teller.withdraw(account, 30) for teller in tellers])
        ...     assert account.read().get() == 40
        >>> found = simulation.explore(main)
        >>> found.failure.findings[0].kind
        'exception in the program'
    """
    check_count("runs", runs)
    if quiet is not None:
        check_count("quiet", quiet)
    check_flag("exhaustive", exhaustive)
    if exhaustive and (seed or (quiet, preemption, haste) != (None, None, None)):
        msg = (
            "exhaustive=True leaves nothing to chance, so there is no meaning in seed, quiet, "
            "preemption and haste"
        )
        raise ValueError(msg)
    program = Program(main, allow=allow, teardown=teardown, max_steps=max_steps, patience=patience)
    with Stage(carrier) as stage:
        explorer = _Explorer(stage, program, runs)
        if exhaustive:
            explorer.walk(runs)
        else:
            explorer.explore(range(seed, seed + runs), quiet, preemption=preemption, haste=haste)
    return explorer.exploration


def explore_test(
    main: Callable[..., Any],
    *,
    runs: int,
    replay: str | None = None,
    allow: Collection[str | type[BaseException]] = (),
) -> Exploration:
    """Make many runs of a test that was not written to be simulated.

    First, one is made in which all is as usual. What is found there, although the test comes to
    its end and raises nothing, is meant, and is no mistake in the other runs either.

    Args:
        main: The test.
        runs: How many runs are made after that.
        replay: Makes the run that a failure has printed, instead of those.
        allow: What else is no failure; as for `run()`.

    Returns:
        What has come of it.
    """
    program = Program(
        main,
        allow=["dead letters", "differences", *allow],
        teardown=False,
        max_steps=MAX_STEPS,
        patience=PATIENCE,
        tells=True,
        is_patient=True,
    )
    with Stage() as stage:
        explorer = _Explorer(stage, program, runs)
        usual = stage.run(program, FromTape([]), 0, seed=None, keeps_trace=True)
        if usual.has_ended and usual.has_come_back:
            program.meant = {kind_of(each) for each in usual.findings}
            if replay is None:
                explorer.explore(range(runs), None, preemption=None, haste=None)
            else:
                explorer.replay(replay)
        else:
            explorer.exploration.note(usual)
            explorer.exploration.failure = usual
    return explorer.exploration


class _Explorer:
    """Makes the runs of one exploration.

    Args:
        stage: Where they are made.
        program: What is run.
        runs: How many runs, at most.
    """

    def __init__(self, stage: Stage, program: Program, runs: int) -> None:
        self._stage = stage
        self._program = program
        self.exploration = Exploration(getattr(program.main, "__name__", "main"), runs)

    def explore(
        self, seeds: range, quiet: int | None, *, preemption: float | None, haste: float | None
    ) -> None:
        """Make run after run, until one fails, or it is enough."""
        exploration = self.exploration
        for seed in seeds:
            chooser = AtRandom(seed, preemption=preemption, haste=haste)
            is_first = seed == seeds[0]
            result = self._stage.run(self._program, chooser, seed, seed=seed, keeps_trace=is_first)
            exploration.note(result)
            if is_first and result.has_come_back:
                self._compare(result)
            if result.findings:
                exploration.seed = seed
                self._fail(result)
                return
            if quiet is not None and exploration.runs - exploration.last_new >= quiet:
                return

    def replay(self, replay: str) -> None:
        """Make one run again."""
        tape, chance = decode(replay)
        result, _followed = self._make(tape, chance, keeps_trace=True)
        self.exploration.note(result)
        if result.findings:
            self.exploration.failure = result

    def walk(self, runs: int) -> None:
        """Make every run that differs from the others, until one fails."""
        exploration = self.exploration
        exploration.is_exhaustive = True
        walker = Walker()
        while True:
            walker.begin()
            result = self._stage.run(self._program, walker, 0, seed=None, keeps_trace=False)
            if result.is_cut_short:
                exploration.cut_short += 1
            else:
                exploration.note(result)
            if result.findings:
                self._fail(result)
                return
            if not walker.go_on():
                return
            if exploration.runs + exploration.cut_short >= runs:
                exploration.is_finished = False
                return

    def _compare(self, first: Result) -> None:
        """Make the first run once more, and find what differs."""
        if not self._program.is_wrong(Finding("not deterministic", "")):
            return
        second, _followed = self._make(*decode(first.replay), keeps_trace=True)
        for once, twice in zip(first.trace, second.trace, strict=False):
            if once[:3] != twice[:3]:
                break
        else:
            if len(first.trace) == len(second.trace):
                return
            once, twice = (first.trace or second.trace)[-1], (second.trace or first.trace)[-1]
        text = (
            "the same choices do not make the same run, so the program depends on something "
            "that is not simulated, such as the order of a set of strings, id(), or the real "
            f"time. Once there was\n    {once}\nand then\n    {twice}"
        )
        first.findings.insert(0, Finding("not deterministic", text))

    def _fail(self, result: Result) -> None:
        """Make a run that has failed as usual as can be."""
        exploration = self.exploration
        tape, chance = decode(result.replay)
        exploration.choices = sum(1 for choice in tape if choice)
        if result.has_come_back and result.findings[0].kind != "not deterministic":
            shrinker = Shrinker(result, (tape, chance), self._make)
            shrinker.shrink()
            exploration.shrinking = shrinker.runs
            failure, _followed = self._make(shrinker.tape, shrinker.chance, keeps_trace=True)
            failure._made_of = shrinker.tape, shrinker.chance
            if failure.findings:  # else it depends on something that is not simulated
                result = failure
        exploration.failure = result

    def _make(
        self, tape: list[int], chance: int, *, keeps_trace: bool = False
    ) -> tuple[Result, list[int]]:
        chooser = FromTape(tape)
        result = self._stage.run(
            self._program, chooser, chance, seed=None, keeps_trace=keeps_trace
        )
        return result, decode(result.replay)[0]

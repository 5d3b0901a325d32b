"""Making one run of a simulated program, and what comes of it."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from pykka._deadlock.wait_graph import Place, is_ours
from pykka._envelope import Envelope
from pykka._util.checks import check_callable, check_flag, shorten
from pykka._util.log import traceback_of
from pykka.messages import FunctionCall
from pykka.simulation._engine import _greenlets, _stdlib
from pykka.simulation._engine._carriers import Crew, RunIsOver
from pykka.simulation._engine._cells import SimulatedCell
from pykka.simulation._engine._choices import AtRandom, FromTape, decode, encode
from pykka.simulation._engine._errors import Crash, NotSimulatedError, SimulationFailedError
from pykka.simulation._engine._scheduler import Scheduler
from pykka.simulation._engine._world import SimulatedWorld
from pykka.simulation._shrink import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Self

    from pykka._ref.ref import ActorRef
    from pykka.simulation._engine._cells import Simulated
    from pykka.simulation._engine._choices import Chooser, Guide
    from pykka.simulation._engine._scheduler import Finding, TraceLine

MAX_STEPS = 20_000
"""After so many steps, a run is one that does not end."""

PATIENCE = 10.0
"""After so many real seconds without a step, a run is given up."""


class Simulation:
    """The run that a simulated program is part of. The parameter `sim` of its `main()` gets it.

    Examples:
        >>> import pykka
        >>> from pykka import simulation
        >>> class Lamp(pykka.ThreadingActor):
        ...     is_on = False
        ...     def on_receive(self, message):
        ...         self.is_on = True
        >>> def main(sim):
        ...     lamp = Lamp.start()
        ...     lamp.tell_after(3600, "on")
        ...     sim.advance(3600)
        ...     sim.settle()
        ...     return sim.now, lamp.proxy().is_on.get()
        >>> simulation.run(main).value
        (3600.0, True)
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._wanted: dict[str, bool] = {}

    @property
    def now(self) -> float:
        """The simulated seconds since the run began."""
        return self._scheduler.now

    def advance(self, seconds: float) -> None:
        """Let time pass, as `time.sleep()` does.

        Args:
            seconds: How many simulated seconds.
        """
        self._scheduler.sleep(seconds)

    def settle(self) -> None:
        """Wait until nothing more can happen.

        That is, until no actor has anything left to do, and waits with a timeout have ended.
        Timers that are set do not count.
        """
        self._scheduler.settle()

    def always(self, holds: Callable[[], object]) -> None:
        """Check a condition after each step, from now on.

        Args:
            holds: A function that returns whether the condition holds, or raises an exception,
                such as an `AssertionError`, if it does not. It may look at anything, but must not
                ask an actor and wait.

        Raises:
            TypeError: `holds` is not callable.
        """
        check_callable("an invariant", holds, "nothing")
        scheduler = self._scheduler

        def look() -> None:
            error: BaseException | None = None
            try:
                if holds() is not False:
                    return
            except Exception as raised:
                error = raised
            said = "it is False" if error is None else f"{type(error).__name__}: {error}"
            scheduler.find("invariant", f"{getattr(holds, '__name__', 'it')}: {said}", error)
            scheduler.invariants.remove(look)

        scheduler.invariants.append(look)

    def sometimes(self, happens: Callable[[], object], text: str) -> None:
        """Require that something happens after some step, in at least one of all runs.

        Args:
            happens: A function that returns whether it has happened.
            text: What it is, for the report.

        Raises:
            TypeError: `happens` is not callable.
        """
        check_callable("what is sometimes the case", happens, "nothing")
        self._wanted.setdefault(text, False)
        scheduler = self._scheduler

        def look() -> None:
            if not self._wanted[text] and happens():
                self._wanted[text] = True

        scheduler.invariants.append(look)

    def crash(self, ref: ActorRef[Any]) -> None:
        """Make an actor fail with `simulation.Crash`, after its current message.

        Its supervisor restarts it, or it ends, as if its code had raised the exception. The crash
        is not a finding.

        Args:
            ref: The actor.

        Raises:
            TypeError: `ref` is not the ref of a simulated actor.
        """
        self._cell_of(ref).signal(Envelope(FunctionCall(_crash, (), {})))

    def slow(self, ref: ActorRef[Any], seconds: float) -> None:
        """Make an actor take longer for each message, from now on.

        Args:
            ref: The actor.
            seconds: How many seconds longer; 0 to end this.

        Raises:
            TypeError: `ref` is not the ref of a simulated actor, or it is that of an
                `AsyncioActor`.
        """
        cell = self._cell_of(ref)
        if not isinstance(cell, SimulatedCell):
            msg = f"{cell.name} awaits; have it await asyncio.sleep() where it is to be slow"
            raise TypeError(msg)
        cell.seconds_each = seconds

    def _cell_of(self, ref: Any) -> Simulated:
        cell: Any = getattr(ref, "_cell", None)
        if cell not in self._scheduler.cells:
            msg = f"that takes the ref of an actor of this run, not {shorten(ref)}"
            raise TypeError(msg)
        return cell  # type: ignore[no-any-return]


def _crash(_actor: object) -> None:
    msg = "struck by Simulation.crash()"
    raise Crash(msg)


class Result:
    """The result of one run."""

    def __init__(self, scheduler: Scheduler, seed: int | None, chance: int) -> None:
        self.seed = seed
        """The seed of the run; `None` if it was a replay."""
        self._made_of = scheduler.tape, chance
        self.findings: list[Finding] = list(scheduler.findings)
        """What is wrong, in the order in which it was found."""
        self.trace: list[TraceLine] = scheduler.trace or []
        """What has happened."""
        self.now: float = scheduler.now
        """How many seconds it took, in simulated time."""
        self.steps: int = scheduler.steps
        """How many steps there were."""
        self.behaviour = scheduler.behaviour()
        """What each actor has received: of which sender, and which of the sender's messages."""
        self.value: Any = None
        """What `main()` has returned."""
        self.has_come_back = True
        """Whether all threads of the run have."""
        self.is_cut_short = scheduler.is_cut_short
        """Whether it was left as it was about to become like a run that was made already."""
        self.wanted: dict[str, bool] = {}
        """What is sometimes the case, and whether it was; see `Simulation.sometimes`."""
        self.has_ended = False
        """Whether `main()` has come to its end, and has raised nothing."""

    @property
    def replay(self) -> str:
        """What makes the same run again, as the argument `replay` of `run()`."""
        return encode(*self._made_of)

    def __repr__(self) -> str:
        said = "; ".join(str(each) for each in self.findings) or "nothing found"
        return f"<simulation.Result {self.replay!r}: {said}>"

    def check(self) -> None:
        """Raise an exception if the run has failed.

        Raises:
            SimulationFailedError: It has. The text is the `report()`.
        """
        if self.findings:
            raise SimulationFailedError(self.report()) from self.findings[0].error

    def report(self) -> str:
        """Return a text: what was found, what has happened, and how to repeat the run."""
        lines = [f"  {each}" for each in self.findings]
        lines += [str(each) for each in self.trace]
        lines.append(f"  again:  replay={self.replay!r}")
        return "\n".join(lines)


def run(
    main: Callable[..., Any],
    *,
    seed: int = 0,
    replay: str | None = None,
    allow: Collection[str | type[BaseException]] = (),
    teardown: bool = False,
    preemption: float | None = None,
    haste: float | None = None,
    max_steps: int = MAX_STEPS,
    patience: float = PATIENCE,
    carrier: Literal["greenlet", "thread"] | None = None,
) -> Result:
    """Make one run of a program of actors, in an order that follows from a seed.

    The program need not be changed. It runs in a world of its own, with a fresh default system.
    Only one thing happens at a time, and time stands still while anything can happen.

    Args:
        main: The program. If it has a parameter `sim`, it gets the `Simulation`.
        seed: The number that determines the order.
        replay: The text that a failure has printed, such as `"3z-1"`, to repeat that run.
        allow: What is no failure: kinds of findings (`"dead letters"`), and exceptions that
            actors may fail with.
        teardown: Whether all actors are stopped at the end, as a part of the run.
        preemption: The probability, from 0 to 1, that another actor or thread comes first when a
            message is sent; `None` to let the seed determine it.
        haste: The probability that time passes early; `None` to let the seed determine it.
        max_steps: The number of steps after which a run that has not ended is a livelock.
        patience: The number of real seconds without a step after which the run is given up.
        carrier: What the simulated actors and threads run on: `"greenlet"` or `"thread"`. The two
            differ only in speed. `None` for greenlets if they are installed.

    Returns:
        The result. A failure is not raised here, but by `Result.check()`.

    Raises:
        TypeError: `main` is not callable, or `allow` has something else in it.
        ValueError: `replay` is not a text that a failure has printed; or `allow` has a kind of
            finding in it that does not exist.
        NotSimulatedError: `carrier` is `"greenlet"`, and that is not possible here.
        RuntimeError: It is called inside a run.

    Examples:
        >>> import pykka
        >>> from pykka import simulation
        >>> class Echo(pykka.PooledActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> result = simulation.run(lambda: Echo.start().ask("hello"), seed=7)
        >>> result.value, result.findings
        ('hello', [])
    """
    chooser: Chooser
    chance = seed
    if replay is None:
        chooser = AtRandom(seed, preemption=preemption, haste=haste)
    else:
        tape, chance = decode(replay)
        chooser = FromTape(tape)
    program = Program(main, allow=allow, teardown=teardown, max_steps=max_steps, patience=patience)
    with Stage(carrier) as stage:
        return stage.run(
            program, chooser, chance, seed=None if replay is not None else seed, keeps_trace=True
        )


KINDS = {
    "dead letters": "dead letter",
    "deadlocks": "deadlock",
    "differences": "not deterministic",
    "hangs": "hang",
    "stashed messages": "left in the stash",
    "unhandled exceptions": "unhandled exception",
}
"""What may be allowed, and the kind of finding that it is."""


class Program:
    """A simulated program, and what is wrong in it; see `run` for the arguments."""

    def __init__(
        self,
        main: Callable[..., Any],
        *,
        allow: Collection[str | type[BaseException]],
        teardown: bool,
        max_steps: int,
        patience: float,
        tells: bool = False,
        is_patient: bool = False,
    ) -> None:
        check_callable("main", main, "the Simulation, if it has a parameter sim")
        main = getattr(main, "_pykka_original", main)  # of `simulation.test()`
        check_flag("teardown", teardown)
        self.main = main
        self.allowed = [_check_allowed(each) for each in allow]
        self.teardown = teardown
        self.max_steps = max_steps
        self.patience = patience
        self.tells = tells
        """Whether its log, and its crashes, are seen."""
        self.is_patient = is_patient
        """Whether its time-outs are never over early."""
        self.takes_sim = takes_sim(main)
        self.meant: set[tuple[str, str]] = set()
        """What else is no mistake: the kinds of what is found in the usual run, too."""

    def is_wrong(self, finding: Finding) -> bool:
        """Tell whether a finding is not allowed."""
        if self.meant and kind_of(finding) in self.meant:
            return False
        for each in self.allowed:
            if isinstance(each, str):
                if KINDS[each] == finding.kind:
                    return False
            elif finding.kind == "unhandled exception" and isinstance(finding.error, each):
                return False
        return True


def takes_sim(main: Callable[..., Any]) -> bool:
    """Tell whether a function has a parameter `sim`."""
    try:
        return "sim" in inspect.signature(main).parameters
    except (TypeError, ValueError):  # some that are written in C have no signature
        return False


def _check_allowed(each: Any) -> Any:
    if isinstance(each, str):
        if each not in KINDS:
            msg = f"allow takes {', '.join(map(repr, KINDS))} and exceptions, not {each!r}"
            raise ValueError(msg)
    elif not (isinstance(each, type) and issubclass(each, BaseException)):
        msg = f"allow takes kinds of findings and classes of exceptions, not {shorten(each)}"  # pyright: ignore[reportUnknownArgumentType]
        raise TypeError(msg)
    return each


def new_crew(carrier: str | None) -> Crew:
    """Make the carriers for some runs.

    Raises:
        NotSimulatedError: They cannot be what is wanted.
        ValueError: There is no such kind of carrier.
    """
    if carrier is None:
        carrier = "greenlet" if _greenlets.can_be_used() else "thread"
    if carrier == "thread":
        return Crew()
    if carrier != "greenlet":
        msg = f"carrier is 'greenlet', 'thread' or None, not {shorten(carrier)}"
        raise ValueError(msg)
    if not _greenlets.can_be_used():
        msg = (
            "carrier='greenlet' needs the main thread, a Python with a GIL, and greenlet: "
            "python -m pip install 'pykka[simulation]'"
        )
        raise NotSimulatedError(msg)
    return _greenlets.GreenletCrew()


class Stage:
    """Where runs are made, one after the other: a `with` block.

    Args:
        carrier: What kind of stacks they run on; see `run()`.
    """

    def __init__(self, carrier: str | None = None) -> None:
        self._carrier = carrier

    def __enter__(self) -> Self:
        if _stdlib.scheduler_here() is not None:
            msg = "this is part of a simulated run already, and there is no run inside of a run"
            raise RuntimeError(msg)
        self._ends = ends = ExitStack()
        self._crew = ends.enter_context(new_crew(self._carrier))
        ends.enter_context(_stdlib.replaced())
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ends.close()

    def run(
        self,
        program: Program,
        chooser: Chooser | Guide,
        chance: int,
        *,
        seed: int | None,
        keeps_trace: bool,
    ) -> Result:
        """Make a run.

        Args:
            program: What is run.
            chooser: What chooses.
            chance: The seed of what the program draws.
            seed: The seed of the chooser, for the result.
            keeps_trace: Whether to write down what happens.
        """
        scheduler = Scheduler(
            self._crew, chooser, max_steps=program.max_steps, keeps_trace=keeps_trace
        )
        scheduler.tells = program.tells
        scheduler.is_patient = program.is_patient
        scheduler.world = SimulatedWorld(chance)
        scheduler.world.found(scheduler)
        simulation = Simulation(scheduler)
        _stdlib.seed_chance(chance)
        play = _Play(program, scheduler, simulation)
        has_come_back = scheduler.run(play.run, program.patience)
        if not has_come_back:
            self._crew = Crew()  # the other one waits for what does not come
        if scheduler.touched is not None:
            guide: Any = chooser
            guide.note(scheduler.touched)
        result = Result(scheduler, seed, chance)
        result.findings = [each for each in result.findings if program.is_wrong(each)]
        result.value = play.value
        result.has_ended = play.has_ended
        result.has_come_back = has_come_back
        result.wanted = simulation._wanted
        if has_come_back:
            scheduler.let_go()
        return result


class _Play:
    """What the first strand of a run does.

    Args:
        program: What is run.
        scheduler: That of the run.
        simulation: What `main()` is given.
    """

    def __init__(self, program: Program, scheduler: Scheduler, simulation: Simulation) -> None:
        self._program = program
        self._scheduler = scheduler
        self._simulation = simulation
        self.value: Any = None
        self.has_ended = False

    def run(self) -> None:
        """Do it, from the start to the end."""
        scheduler = self._scheduler
        try:
            program = self._program
            arguments = {"sim": self._simulation} if program.takes_sim else {}
            self.value = program.main(**arguments)
            if inspect.iscoroutine(self.value):
                self.value = await_in_loop(scheduler, self.value)
            self.has_ended = True
            scheduler.main_is_done = not program.teardown
            scheduler.when_settled(self._finish)
        except RunIsOver:
            raise
        except BaseException as error:
            self._fail(error)

    def _finish(self) -> None:
        """Go on when all has settled that came of `main()`."""
        scheduler = self._scheduler
        scheduler.log("all has settled")
        scheduler.check_what_is_left()
        if self._program.teardown:
            scheduler.start_job(self._tear_down, "main")
        else:
            scheduler.end()

    def _tear_down(self) -> None:
        """Stop all that is left."""
        scheduler = self._scheduler
        try:
            for each in reversed(scheduler.systems()):
                each.shutdown()
        except RunIsOver:
            raise
        except BaseException as error:
            self._fail(error)
        scheduler.end()

    def _fail(self, error: BaseException) -> None:
        """End the run because of what the program has raised."""
        self._scheduler.find("exception in the program", _say_what_is_raised(error), error)
        self._scheduler.end()


def await_in_loop(scheduler: Scheduler, coroutine: Any) -> Any:
    """Have a coroutine run in a loop that goes on until the end of the run."""
    loop = scheduler.new_loop("main", runs=True)
    scheduler.main_task = task = loop.create_task(coroutine)
    done = scheduler.new_lock()
    done.acquire()
    task.add_done_callback(lambda _task: done.release())
    done.acquire()
    return task.result()


def _say_what_is_raised(error: BaseException) -> str:
    """Say what the program has raised, and in which of its own lines."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    traceback = traceback_of(error)
    place = None
    while traceback is not None:
        if not is_ours(traceback.tb_frame):
            code = traceback.tb_frame.f_code
            place = Place(code.co_filename, traceback.tb_lineno, code.co_name)
        traceback = traceback.tb_next
    if place is None:
        return said
    return f"{said}\n    {place}"

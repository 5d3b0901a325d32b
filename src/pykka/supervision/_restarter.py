"""The children of a supervisor, and what becomes of them.

Everything here is done by the supervisor itself, one event after the other. It waits for no actor
but where its callers are to wait: when it starts, and in `add_child()` and its sisters. A restart
is a *plan* that goes on with each event, so the supervisor can be asked, and stopped, meanwhile.

A plan
    1. *Stopping.* The children that the strategy says are taken down, one after the other, the
       youngest first. Those that will not come down in time are killed.
    2. *Waiting.* If there is a backoff, its time passes.
    3. *Starting.* They are brought up, one after the other, the oldest first. One that is down
       goes on in place. One that has ended is started anew.

    If one of them fails to come up, that counts as a restart, and the plan begins again. It goes
    on by way of the supervisor's inbox then, behind what waits there, so that a stop request comes
    to its turn however often that happens.

    Plans do not overlap: each child belongs to one at most, and a new one takes over the children
    of those that it meets.

    What a child does that is about to be taken down anyway counts for nothing: it has failed, or
    was stopped, and is brought up with the others.

The semantics are those of OTP's module `supervisor`.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pykka._actor.actor import Actor
from pykka._cell.reasons import Abandoned, Failed, Reason, Stopped
from pykka._envelope import Envelope
from pykka._exceptions import DeadlockError, LoopClosedError
from pykka._futures.threading_future import ThreadingFuture
from pykka._lifecycle.children import ask_to_stop
from pykka._lifecycle.kill import Abandonment
from pykka._lifecycle.restart import restart, suspend
from pykka._lifecycle.termination import stop
from pykka._system.system import start_with
from pykka._util.checks import in_seconds, shorten
from pykka._util.log import is_a, logger
from pykka.supervision._child_monitor import ChildMonitor, ContinuePlan, Event, RetryPlan
from pykka.supervision._errors import (
    ChildStartError,
    RestartLimitError,
    SupervisionError,
    describe,
    path_of,
)
from pykka.supervision._factory import class_of, is_class, make_child, start_made
from pykka.supervision._restart_plan import Child, RestartPlan
from pykka.supervision._specs import seconds_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pykka._cell.cell import Cell

E = TypeVar("E", bound=SupervisionError)

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]


class Restarter:
    """The children of one supervisor.

    Args:
        supervisor: The supervisor.
        strategy: Who is restarted when a child fails.
        max_restarts: So many restarts are borne within `within` seconds, and no more.
        within: Seconds.
        auto_shutdown: When the supervisor stops because of what children have ended.
    """

    def __init__(
        self,
        supervisor: Actor,
        *,
        strategy: Strategy,
        max_restarts: int,
        within: float,
        auto_shutdown: AutoShutdown,
    ) -> None:
        self.supervisor = supervisor
        self.cell = supervisor._pykka_cell
        self.clock: Any = self.cell.services.clock
        self.strategy = strategy
        self.max_restarts = max_restarts
        self.within = within
        self.auto_shutdown = auto_shutdown
        self.table: dict[Any, Child] = {}
        self.restarts = 0
        self.on_change: Callable[[Iterable[Child]], object] | None = None
        """Is called with children that have come up for the first time or anew, or have gone."""
        self.blocks_its_loop = False
        """Whether callers of the supervisor block the thread of the loop in which its children
        live. The start hook of such a child comes when they go on, so nothing waits for it; if it
        fails, that is a failure like any other."""
        self.is_condemned = False
        """Whether the supervisor is about to be killed, and its children are already; or whether
        all actors are about to be stopped. Then none of the children is started anew."""
        self.on_give_up: Callable[[RestartLimitError], object] | None = None
        """Is called when too many restarts were needed, before the children are stopped."""
        self._times: deque[float] = deque()
        self.cell.need_extension().in_order = self.in_order

    @property
    def is_over(self) -> bool:
        """Whether the supervisor has ended, or another instance has taken its place."""
        return self.cell.actor is not self.supervisor

    # --- starting and stopping, while the caller waits

    def start(self, child: Child, *, is_new: bool = True) -> None:
        """Start a child, and wait until its start hook is through.

        It does not wait for one whose event loop does not run, or whose loop's thread waits for
        the supervisor; see `_cannot_wait_for`.

        Args:
            child: The child.
            is_new: Whether it is entered; and forgotten again if it cannot be started.

        Raises:
            ChildStartError: It could not be started. It has ended.
            SupervisionError: The code of its former actor is still running.
        """
        self._require_no_other(child)
        self.table[child.key] = child
        try:
            started: ThreadingFuture[None] = ThreadingFuture()
            self._spawn(child, started)
            if self._cannot_wait_for(child, started):
                self._changed([child])
                return
            started._answered_by = child.cell
            started.get()
        except BaseException as error:
            if is_new:
                self.table.pop(child.key, None)
            with suppress(DeadlockError):  # it waits for us, and ends when it has our answer
                self._end(child)
            if not is_a(error, Exception):
                raise
            path, origin = describe(child.spec.id, error)
            msg = f"{self.supervisor} could not start its child {path_of(path)}: {origin}"
            raise _on_path(ChildStartError(msg), path, origin) from error
        child.state = "running"
        child.up_since = self.clock.now()
        self._changed([child])

    def _cannot_wait_for(self, child: Child, started: ThreadingFuture[None]) -> bool:
        """Tell whether a child that was just spawned comes up only when callers go on.

        Because they block the thread of its loop, or because its loop does not run: they may be
        who is to run it. The supervisor gets an event instead when the child is up; and if it
        fails before, that is a failure like any other.
        """
        cell: Any = child.cell
        if self.blocks_its_loop:
            return getattr(cell, "loop", None) is not None
        if not getattr(cell, "has_idle_loop", False):
            return False
        # In this order. The child resolves the future, and then looks whether to send an event. If
        # it is not resolved here, that look finds what is set here.
        child.monitor.tells_all = True  # type: ignore[union-attr]
        return not started.done()

    def terminate(self, child: Child) -> None:
        """Stop a child, and wait until it has ended.

        Its specification stays, unless it is that of a temporary child.

        Raises:
            DeadlockError: It waits for its supervisor. It has been asked to stop.
        """
        plan = child.plan
        if child.spec.restart == "temporary" or self.forgets_the_stopped:
            self.table.pop(child.key, None)
        self._leave_plan(child)
        try:
            self._end(child)
        finally:
            if plan is not None:
                # What that raises is not for the one who has asked for this.
                self.cell.send(Envelope(ContinuePlan(plan)))

    def dismiss(self, children: Sequence[Child]) -> list[ThreadingFuture[Any]]:
        """Stop some children and forget them, without waiting.

        Returns:
            Futures that are resolved when they have ended.
        """
        left = [(child, child.cell) for child in children]
        for child in children:
            self._forget(child)
            self._let_go(child)
        self._changed(children)
        return [
            ask_to_stop(cell, self._seconds_of(child)) for child, cell in left if cell is not None
        ]

    def _end(self, child: Child) -> None:
        cell = child.cell
        self._let_go(child)
        self._changed([child])
        if cell is not None:
            ask_to_stop(cell, self._seconds_of(child)).get()
            if isinstance(cell.reason, Abandoned):
                child.hangs = cell.reason

    def _seconds_of(self, child: Child) -> float | None:
        """The seconds that a child has to stop."""
        return seconds_to_stop(child.spec, self.cell.services.stop_timeout)

    def _let_go(self, child: Child) -> None:
        """Take no more notice of the actor that a child is."""
        child.cell = child.monitor = None
        child.state = "stopped"
        self._cancel_alarm(child)

    def _changed(self, children: Iterable[Child]) -> None:
        if self.on_change is not None:
            self.on_change(children)

    def _require_no_other(self, child: Child) -> None:
        """Refuse to start an actor beside one whose code is still running.

        Raises:
            SupervisionError: That is so.
        """
        if child.hangs is not None and not child.spec.replace_abandoned:
            msg = (
                f"the child {shorten(child.spec.id)} of {self.supervisor} hangs, at "
                f"{child.hangs.place or 'a place unknown'}, so no other one can take its place; "
                "allow that with replace_abandoned=True"
            )
            raise SupervisionError(msg)

    def _spawn(self, child: Child, started: ThreadingFuture[None] | None = None) -> None:
        """Start an actor for a child.

        Args:
            child: The child.
            started: Is resolved when its start hook is through, or has failed. Without it, that
                is an event.
        """
        spec = child.spec
        maker: Any = spec.actor
        is_of_class = is_class(maker)
        monitor = ChildMonitor(
            self.cell,
            child,
            partial(make_child, spec),
            actor_class=class_of(maker) if is_of_class else Actor,
            restarts=spec.restart != "temporary",
            started=started,
            tells_all=self.blocks_its_loop,
        )
        child.monitor = monitor
        child.state = "starting"
        said = {
            "system": self.cell.services,
            "parent": self.cell,
            "shutdown": self._seconds_of(child),
            "supervision": monitor,
        }
        if is_of_class:
            ref = start_with(maker, spec.args, spec.kwargs, **said)
        else:
            ref = start_made(self.cell, spec, monitor, said)
        child.cell = ref._cell

    def in_order(
        self, children: list[tuple[Cell, float | None]]
    ) -> list[tuple[Cell, float | None]]:
        """Sort children by their places in the table, so that they end in the reverse order.

        One that was started anew was started last, and is not the last in the table.
        """
        places = {each.cell: place for place, each in enumerate(self.table.copy().values())}
        return sorted(children, key=lambda item: places.get(item[0], -1))

    # --- events

    def on_event(self, event: Event | RetryPlan | ContinuePlan) -> None:  # noqa: C901, PLR0912 (all cases)
        """See to what has happened: to a child, or to the time that a plan waits for.

        What is to be done depends on three things, and every case is here: the state that the
        child was in, the event, and the phase that its plan is in, if it is in one.

        `start()`, `terminate()` and `dismiss()` do the same in every state and phase: the child
        leaves its plan, if there is one, and the plan gets a `ContinuePlan`.
        """
        child, state, plan, phase, reason = self._situation(event)
        match state, event.kind, phase:
            case _, _, "over":
                return
            case "lost", "down", _:
                _let_end(event)
                return
            case "lost", _, _:
                return

            case "starting" | "restarting", "up", _:
                self._note_up(child)
                self._go_on(plan)
            case _, "up", _:  # it is being taken down already, or was started by a call
                self._go_on(plan)

            case _, "down", "stopping":
                self._note_down(child)
                self._go_on(plan)
            case "starting" | "restarting", "down", "waiting" | "starting":
                self._note_down(child)
                self._fail_again(child, plan, reason)
            case _, "down", _:
                self._note_down(child)
                self._fail(child, reason)

            case (_, "ended", "stopping" | "waiting") | ("down", "ended", "starting"):
                self._note_end(child, reason)
                if child.spec.restart == "temporary":
                    self._forget(child)
                self._go_on(plan)  # it sees to the child when it comes to it
            case "starting" | "restarting", "ended", "starting" if _is_wanted(child, reason):
                self._note_end(child, reason)
                self._fail_again(child, plan, reason)
            case _, "ended", _ if _is_wanted(child, reason):
                self._note_end(child, reason)
                self._fail(child, reason)
            case _, "ended", _:
                self._note_end(child, reason)
                self._do_without(child)
                if not self._shut_down(child):
                    self._go_on(plan)

            case _, "retry", "waiting":
                members = list(plan.members)
                self._begin_to_start(plan)
                self._go_on(plan)
                self._changed(members)
            case _, "go on", _:
                self._go_on(plan)
            case _:  # a "retry" for a plan that was begun again meanwhile
                return
        if child is not None:
            self._changed([child])

    def _situation(
        self, event: Event | RetryPlan | ContinuePlan
    ) -> tuple[Any, str | None, Any, Any, Any]:
        """What an event is about: the child, its state, its plan, the phase of that, the reason.

        The state is "lost" if the child is not ours any more; perhaps it was that of an instance
        before this one. The phase is "over" if that is so of the plan, or if the supervisor is
        about to end for good. All but the plan is `None` where there is no such thing.
        """
        is_over = self.is_condemned
        if not isinstance(event, Event):
            plan = event.plan
            is_over = is_over or plan.restarter is not self or not plan.members
            return None, None, plan, "over" if is_over else plan.phase, None
        child = event.monitor.child
        is_ours = child.monitor is event.monitor and self.table.get(child.key) is child
        plan = child.plan
        phase = "over" if is_over else None if plan is None else plan.phase
        return child, child.state if is_ours else "lost", plan, phase, event.reason

    def _note_up(self, child: Child) -> None:
        child.state = "running"
        child.up_since = self.clock.now()

    def _note_down(self, child: Child) -> None:
        self._cancel_alarm(child)
        child.state = "down"

    def _note_end(self, child: Child, reason: Reason) -> None:
        """Note that the actor of a child has ended.

        Raises:
            SupervisionError: It was abandoned, so that another one cannot take its place.
        """
        self._cancel_alarm(child)
        child.state, child.cell, child.monitor = "stopped", None, None
        if isinstance(reason, Abandoned):
            child.hangs = reason
            if _is_wanted(child, reason):
                self._require_no_other(child)

    def _do_without(self, child: Child) -> None:
        """Note that a child has ended for good."""
        self._leave_plan(child)
        if child.spec.restart == "temporary" or self.forgets_the_stopped:
            self._forget(child)

    forgets_the_stopped = False
    """Whether a child that has ended for good is forgotten, whatever its specification says."""

    def _forget(self, child: Child) -> None:
        self.table.pop(child.key, None)
        self._leave_plan(child)

    def _leave_plan(self, child: Child) -> None:
        plan, child.plan = child.plan, None
        if plan is not None:
            plan.members.pop(child, None)
            if not plan.members and plan.phase == "waiting":
                self.clock.forget(plan)

    def _shut_down(self, child: Child) -> bool:
        """Stop the supervisor, if the end of a significant child is a reason for that."""
        if not child.spec.significant or self.auto_shutdown == "never":
            return False
        others = [each for each in self.table.values() if each.spec.significant]
        if self.auto_shutdown == "all_significant" and any(
            each.state != "stopped" for each in others
        ):
            return False
        logger.info(
            "%s stops, because its significant child %s has ended",
            self.supervisor,
            shorten(child.spec.id),
        )
        stop(self.cell, self.supervisor)
        return True

    # --- plans

    def _fail(self, child: Child, reason: Reason) -> None:
        """Begin to restart a child that has failed, and those that go with it."""
        members = self._scope(child)
        delay = self._account(child, reason)
        plan = RestartPlan(self, members, reason, delay)
        for member in members:
            self._leave_plan(member)
            member.plan = plan
        self._go_on(plan)

    def _fail_again(self, child: Child, plan: RestartPlan, reason: Reason) -> None:
        """Begin a plan again, because a child did not come up.

        With `rest_for_one`, the children before it are left alone.
        """
        if self.strategy == "rest_for_one":
            for member in plan.up:
                if member.plan is plan:
                    self._leave_plan(member)
            plan.up = []
        plan.delay = self._account(child, reason)
        plan.via_inbox = True
        plan.phase = "stopping"
        self._go_on(plan)

    def _scope(self, child: Child) -> list[Child]:
        if self.strategy == "one_for_one":
            return [child]
        if self.strategy == "one_for_all":
            return list(self.table.values())
        later = list(takewhile(lambda each: each is not child, reversed(self.table.values())))
        return [child, *reversed(later)]

    def _account(self, child: Child, reason: Reason) -> float:
        """Count towards the limit; returns how many seconds to wait before the restart.

        Raises:
            RestartLimitError: It is one too many.
        """
        now = self.clock.now()
        self._times.append(now)
        while self._times[0] < now - self.within:
            self._times.popleft()
        cause = reason.exception if isinstance(reason, Failed) else None
        path, origin = describe(child.spec.id, reason)
        if len(self._times) > self.max_restarts:
            msg = (
                f"{self.supervisor} gives up: its children had to be restarted more than "
                f"{self.max_restarts} times within {in_seconds(self.within)}; the last was "
                f"{path_of(path)}, because of {origin}"
            )
            if self.on_give_up is not None:
                self.on_give_up(_on_path(RestartLimitError(msg), path, origin))
            raise _on_path(RestartLimitError(msg), path, origin) from cause
        backoff = child.spec.backoff
        calm = None if backoff is None else backoff.reset_after
        up_since, child.up_since = child.up_since, None
        if calm is not None and up_since is not None and now - up_since >= calm:
            child.attempts = 0
        child.attempts += 1
        delay = 0.0 if backoff is None else backoff.delay(child.attempts)
        logger.warning(
            "%s is about to restart its child %s%s, because of %s",
            self.supervisor,
            path_of(path),
            f" in {delay:.3g} s" if delay else "",
            origin,
        )
        return delay

    def _go_on(self, plan: RestartPlan | None) -> None:
        """Do what a plan has to do, up to where it has to wait for an event."""
        while plan is not None:
            child: Any = plan.next()
            match plan.phase, child and child.state:
                case "stopping", None:
                    self._wait(plan)
                case "stopping", "running" | "starting" | "restarting":
                    self._take_down(child, plan)
                    return
                case "stopping", "stopping":
                    return
                case "stopping", _:
                    plan.down.append(plan.up.pop())

                case "starting", None:
                    self._finish(plan)
                    return
                case "starting", "starting" | "restarting":
                    return
                case "starting", "running":
                    plan.up.append(plan.down.pop())
                case "starting", _:
                    self._bring_up(child, plan)

                case _:  # it waits for the time to pass
                    return

    def _wait(self, plan: RestartPlan) -> None:
        plan.phase = "waiting"
        if plan.delay > 0:
            self.clock.schedule(self.clock.now() + plan.delay, plan)
        elif plan.via_inbox:
            self.cell.send(Envelope(RetryPlan(plan)))
        else:
            self._begin_to_start(plan)

    def _begin_to_start(self, plan: RestartPlan) -> None:
        plan.phase = "starting"
        self.restarts += 1

    def _finish(self, plan: RestartPlan) -> None:
        for child in plan.members:
            child.plan = None
        plan.members = {}

    def _take_down(self, child: Child, plan: RestartPlan) -> None:
        cell: Any = child.cell
        child.state = "stopping"
        seconds = self._seconds_of(child)
        if child.spec.restart == "temporary":
            ask_to_stop(cell, seconds)
            return
        if seconds == 0:
            cell.kill()
        else:
            suspend(cell, plan.reason)
        if seconds is not None:
            child.alarm = Abandonment.after_request(cell, seconds)

    def _bring_up(self, child: Child, plan: RestartPlan) -> None:
        self._require_no_other(child)
        child.restarts += 1
        if child.state == "down":
            child.state = "restarting"
            restart(child.cell)  # type: ignore[arg-type]
            return
        try:
            self._spawn(child)
        except LoopClosedError:
            raise  # to try again would not help
        except Exception as error:
            logger.exception(
                "%s could not start its child %s:", self.supervisor, shorten(child.spec.id)
            )
            child.state, child.monitor = "stopped", None
            self._fail_again(child, plan, Failed(error))

    def _cancel_alarm(self, child: Child) -> None:
        alarm, child.alarm = child.alarm, None
        if alarm is not None:
            alarm.cancel()


def _is_wanted(child: Child, reason: Reason) -> bool:
    """Tell whether a child whose actor has ended is to be started anew, by its specification."""
    restart = child.spec.restart
    return restart == "permanent" or (restart == "transient" and not isinstance(reason, Stopped))


def _let_end(event: Any) -> None:
    """Have an actor end that is down, and is no child any more: no other one will decide."""
    if event.monitor.cell is not None:
        event.monitor.cell.kill()


def _on_path(error: E, path: tuple[object, ...], origin: str) -> E:
    error._path = path
    error._origin = origin
    return error

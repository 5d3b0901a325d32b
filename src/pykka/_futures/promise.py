"""An answer that a handler has promised for later, or has handed on: what lies behind `Reply`.

The log
    A promise is an entry in the log of the question's future (see
    `pykka._futures.threading_future`). As a get-hook does, it has only one outcome count from then
    on: the one that the promise takes. So what the handler returns is no answer; and a handler
    that promises nothing is not asked whether it has (guarantee G10).

Invariants
    1. *One answer counts.* Each that has one (the holder of the reply, the future that it was
       handed on to, the handler that fails, the end of the actor) appends it to `_answers`, in one
       step. The first one counts.
    2. *It arrives.* Who has appended the first one brings it to the asker, and does that again if
       a signal handler strikes meanwhile. Only then is the promise taken off the list of what the
       actor owes; so the end of the actor finds it, and brings it, if all else fails.
    3. *It is not forgotten.* The list is written before the promise is given to the program; an
       actor that is closed by then answers at once. What no code holds any more is answered when
       it is freed, by `Reply`.

Who owes it
    A promise may be kept by any thread, so no actor owes it in particular: the wait-for graph has
    no edge. One that is handed on is owed by the actor that owes the other future. In the graph,
    the promise itself stands between the two: the asker waits for it, and it waits for the other
    future. So it has what the graph asks of an actor; and to hand an answer on closes a circle, or
    does not, as a wait of the actor's would. That is looked for when it is handed on.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._deadlock.wait_graph import AnyOf, follow_answer, forget_answer
from pykka._futures.arrivals import leaves_of
from pykka._futures.ask import answer, is_ask
from pykka._futures.derived import Lazy
from pykka._util.checks import shorten
from pykka._util.log import as_exc_info, logger, traceback_of

if TYPE_CHECKING:
    from typing import Protocol

    from pykka._deadlock.wait_graph import Wait, WaitingCell, WaitingState
    from pykka._exceptions import ActorDeadError
    from pykka._futures.derived import Outcome
    from pykka._futures.threading_future import ThreadingFuture

    class OwingCell(Protocol):
        """What a promise knows of the actor that has made it: each `Cell` is that."""

        def note_promise(self, promise: Promise) -> None:
            """Note that the actor owes an answer."""

        def dead_error(self, reason: str) -> ActorDeadError:
            """The error for askers whom the actor will not answer."""
            ...

        def drop_promise(self, promise: Promise) -> None:
            """Note that it does not owe it any more."""


class Promise(Lazy[Any]):
    """That an answer will come later.

    Args:
        cell: The actor that promises it.
        reply_to: The future that is to get it; `None` if there is no asker.
    """

    can_be_run = True
    may_answer_late: ClassVar[bool] = False
    awaits: ClassVar[bool] = False
    held_up_by = None
    task = None
    handling = None
    handled_message = None

    def __init__(self, cell: OwingCell, reply_to: Any) -> None:  # pyright: ignore[reportMissingSuperCall]
        self._cell = cell
        self._reply_to = reply_to
        self._answers: list[Outcome] = []
        self.source: ThreadingFuture[Any] | None = None
        """The future that it was handed on to."""
        self.waiting: Wait | WaitingCell | None = None
        """For the wait-for graph: what it waits for, if it was handed on."""

    def __str__(self) -> str:
        return f"what {self._cell} has handed on"

    @property
    def outcome(self) -> Outcome | None:  # type: ignore[override]
        """The answer that counts, if it is there."""
        answers = self._answers
        return answers[0] if answers else None

    @property
    def whose(self) -> str:
        """The actor, for texts."""
        return str(self._cell)

    def enter(self) -> None:
        """Have nothing else count as the answer from now on."""
        reply_to = self._reply_to
        if is_ask(reply_to):
            reply_to._promise = self
            reply_to._answered_by = None
            reply_to._log.append(self)
        elif reply_to is not None and hasattr(reply_to, "_answered_by"):
            reply_to._answered_by = None
        if reply_to is not None:
            self._cell.note_promise(self)

    def answer(self, outcome: Outcome) -> bool:
        """Give an answer; False if there is one already.

        To give the same one twice does no harm.
        """
        answers = self._answers
        try:
            answers.append(outcome)
            if answers[0] is not outcome:
                return False
            self._bring()
        except BaseException:
            self._bring()  # a signal handler raised, we do not know where
            raise
        return True

    def _bring(self) -> None:
        if self._answers:
            self.waiting = None
            if self._reply_to is not None:
                answer(self._reply_to, self._answers[0], self._cell)
            self._cell.drop_promise(self)

    def end(self, error: BaseException) -> None:
        """Give an exception as the answer, if there is none; and see that it arrives, if so."""
        self.answer((None, (error, None)))
        self._bring()

    def refuse(self) -> None:
        """Tell the asker that it will not come, since the actor, or the instance, has ended."""
        self.end(self._cell.dead_error("ended before it had given the reply that it promised"))

    # --- what comes of the handler ---------------------------------------------------------------
    # For a future of the user's own, it lies in the envelope in the place of that.

    def set(self, value: object = None) -> None:
        """Be told what the handler has returned."""
        if value is not None:
            logger.warning(
                "A handler of %s has promised its reply for later, or handed it on, so what it "
                "has returned is no reply: %s",
                self._cell,
                shorten(value),
            )

    def set_exception(self, exc_info: Any = None) -> None:
        """Be told what the handler has raised, which is the reply, if there has been none."""
        error: BaseException = exc_info[1]
        if not self.answer((None, (error, traceback_of(error)))):
            logger.warning(
                "A handler of %s raised after its reply had been given, so no asker gets this:",
                self._cell,
                exc_info=as_exc_info(error),
            )

    # --- handing on ------------------------------------------------------------------------------

    def hand_on(self, future: ThreadingFuture[Any]) -> None:
        """Have the outcome of another future be the answer.

        Raises:
            DeadlockError: It can never come, because it leads back here.
            TypeError: There is no telling when it is there.
        """
        self.source = future
        waiter = functools.partial(self._take, future)
        if not future._when_ready(waiter):
            self.source = None
            msg = f"there is no telling when {shorten(future)} is done, because it has a get-hook"
            raise TypeError(msg)
        if not self._answers:
            reply_to = self._reply_to
            if reply_to is not None and hasattr(reply_to, "_answered_by"):
                reply_to._answered_by = self
            leaves = leaves_of(future)
            try:
                follow_answer(self, leaves[0] if len(leaves) == 1 else AnyOf([leaves]))
            except BaseException:
                future._forget(waiter)
                self.source = None
                raise
            if self._answers:  # it has come meanwhile
                forget_answer(self)
        self._cell.drop_promise(self)  # from now on, other actors owe it

    def _take(self, future: ThreadingFuture[Any]) -> None:
        self.answer(future._outcome_when_done())
        self.source = None

    def cancel(self, *, interrupt: bool) -> bool:
        """Take back the question that the answer was handed on to."""
        source = self.source
        return source is not None and source.cancel(interrupt=interrupt)

    # --- what those who wait ask of an actor -----------------------------------------------------

    def _owing(self) -> list[tuple[ThreadingFuture[Any], Any]]:
        source = self.source
        if source is None:
            return []
        return [
            (leaf, cell)
            for leaf in leaves_of(source)
            if (cell := leaf._answered_by) is not None and not leaf._has_outcome()
        ]

    def require_thread(self) -> None:
        """Raise if one of the actors that owe it cannot get a thread."""
        for _leaf, cell in self._owing():
            cell.require_thread()

    def run_until(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Run the actors that owe it on this thread, if that may be."""
        for leaf, cell in self._owing():
            # Until it has brought its own part: after that, the waiter does not wait for it.
            if cell.can_be_run and cell.run_until(leaf, state):
                break
        return future._has_outcome()

    def lives_beneath(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Tell whether one of them cannot bring it while this thread waits."""
        del future
        return any(cell.lives_beneath(leaf, state) for leaf, cell in self._owing())

    def answer_in_task(self, future: ThreadingFuture[Any]) -> bool:
        """Run an actor in the step of a task: that is not done for what was handed on."""
        del future
        return False

    def interrupt(self, ask: object) -> None:
        """Interrupt a handler: this has none."""

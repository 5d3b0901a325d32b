"""Pools: routers that start and supervise their routees themselves.

A pool is a router like any other, and its supervisor is an actor like any other. A sender
does not come near the supervisor: it keeps the router's list of routees up to date, and that is
all. So a message through a pool costs what it costs through a group.

The routees
    Each child of the supervisor has a *place*, counted from 0. A routee that fails goes on in
    place, with the same ref, so the list stays as it is. One that has ended is dropped by the
    first sender who notices, as in groups, or by the supervisor, whichever comes first. When it
    was started anew, the supervisor enters the new ref in the same place.

    Invariant: a living routee is in the list; or the supervisor is about to enter it; or it was
    let go. For the supervisor looks at each child whenever something has become of it, and enters
    what it finds; and a sender takes out none that is alive.

Routees that are let go
    Problem: a sender may have chosen a routee just before that was taken out of the list, and
    send to it after it was asked to stop, or even after it has ended. Such a message would be a
    dead letter.

    There are three cases, and none of them costs a message that comes in time anything. If the
    routee is marked stopped before it is sent to, the send is refused, and the router chooses
    again. If the message comes into the inbox before the routee gets to the stop request, it is
    handled. If it comes later, the thread that takes it out to reject it leaves it to a `Redirect`
    instead, who puts it into another routee's inbox. It may arrive there later than a message that
    was sent after it: that is the price.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count, filterfalse
from typing import TYPE_CHECKING, Any

from pykka._cell.extension import loop_of_family
from pykka._cell.frameless import copy_without_frames
from pykka._cell.reasons import Failed
from pykka._cell.spawn_options import current
from pykka._deadlock.loop_watch import blocks_by_design
from pykka._exceptions import ActorDeadError, DeadlockError, PoolExhaustedError, Timeout
from pykka._futures.awaiting import runs_event_loop
from pykka._futures.deadline import Deadline
from pykka._lifecycle.kill import end_of, grace_of
from pykka._ref.ref import ref_at
from pykka._system.system import start_with
from pykka._util.checks import (
    UNSAID,
    check_count,
    check_methods,
    check_span,
    shorten,
)
from pykka._util.log import is_a
from pykka.messages import ProxyCall
from pykka.routing._answers import derive, late
from pykka.routing._rosters._roster import roster_of
from pykka.supervision._errors import SupervisionError
from pykka.supervision._specs import ChildSpec, require_maker
from pykka.supervision._supervisor import DynamicSupervisor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._futures.threading_future import ThreadingFuture
    from pykka._ref.ref import ActorRef
    from pykka._system.system import ActorSystem
    from pykka.routing._routees import Routees
    from pykka.routing._router import RouterRef
    from pykka.supervision._errors import RestartLimitError
    from pykka.supervision._restart_plan import Child

RESTARTS_PER_ROUTEE = 10
"""So many restarts for each routee are borne within `restarts_within` seconds, if nothing else is
said. A routee that cannot even start fails thousands of times in that time."""


class RouteePool:
    """What a router keeps of its pool.

    Args:
        supervisor: The ref of the supervisor.
        title: What the routees are, for people.
    """

    __slots__ = (
        "entered",
        "failure",
        "is_closed",
        "keeps_statistics",
        "size",
        "supervisor",
        "title",
    )

    def __init__(self, supervisor: ActorRef[Any], title: str) -> None:
        self.supervisor = supervisor
        self.title = title
        self.size = 0
        """How many routees there are, those included that are being started anew."""
        self.entered: dict[int, ActorRef[Any]] = {}
        """The refs that the supervisor has entered, by their places. No other code looks here."""
        self.is_closed = False
        """Whether it takes no more messages, because it was stopped."""
        self.failure: Exception | None = None
        """Why the supervisor is about to stop all routees, without a traceback."""
        self.keeps_statistics = False

    def is_alive(self) -> bool:
        """Tell whether the pool has not been stopped, nor given up."""
        return not self.is_closed and self.supervisor.is_alive()

    def enter(
        self, router: Routees[Any], size: int, found: Mapping[int, ActorRef[Any] | None]
    ) -> None:
        """Enter routees; the supervisor calls this, and no other code.

        Invariant: a reader that sees the new size sees the new routees. So the size comes last.

        Args:
            router: The router.
            size: How many routees there are in all.
            found: Who is in some places.
        """
        entered = self.entered
        changes = {place: ref for place, ref in found.items() if entered.get(place) != ref}
        if self.keeps_statistics:
            for ref in changes.values():
                if ref is not None:
                    ref.keep_statistics()
        if len(changes) > 1 and len(changes) >= len(entered) // 4:
            both = {**entered, **changes}
            refs = {place: ref for place, ref in both.items() if ref is not None}
            router._replace(lambda _: None if self.is_closed else roster_of(refs))
        else:
            for place, ref in changes.items():
                self._enter(router, place, ref)
        for place, ref in changes.items():
            if ref is None:
                entered.pop(place, None)
            else:
                entered[place] = ref
        self.size = size

    def _enter(self, router: Routees[Any], place: int, ref: ActorRef[Any] | None) -> None:
        router._replace(lambda roster: None if self.is_closed else roster.entry(place, ref))

    def close(self, router: Routees[Any]) -> None:
        """Take no more messages."""
        self.is_closed = True
        router._replace(lambda _: roster_of({}))

    def stop(self, router: Routees[Any]) -> Future[bool]:
        """Have all routees stop, and the supervisor with them."""
        self.close(router)
        return self.supervisor.stop(block=False)

    def wait(
        self, router: Routees[Any], ended: Future[bool], timeout: float | None = None
    ) -> bool:
        """Wait until the pool has ended.

        A routee that does so waits for itself, and is told so here. If it waited for the
        supervisor instead, that would be told, and would have to abandon the routee.
        """
        me = current.state.cell
        if me is not None and me in self.supervisor._cell.need_extension().children:
            end_of(me).get(timeout=timeout)
        try:
            return ended.get(timeout=timeout)
        except Timeout as error:
            if ended.done():
                raise
            children = list(self.supervisor._cell.need_extension().children.copy())
            raise late(router, "ended", timeout, children) from error

    def _starting(self) -> list[Any]:
        """The routees whose start hooks are not through."""
        supervisor: Any = self.supervisor._actor
        if supervisor is None:
            return []
        children: list[Any] = list(supervisor._pykka_restarter.table.copy().values())
        return [child.cell for child in children if child.state == "starting"]

    def kill(self, router: Routees[Any], seconds: float | None) -> Future[bool]:
        """Have all routees end at once, and the supervisor with them.

        Invariant: a routee that was there ends because it is killed. The supervisor, which ends on
        a thread of its own, would ask it to stop. So the routees are killed first; and before
        that, the supervisor is told to replace none of them.
        """
        try:
            return self._kill(router, seconds)
        except BaseException:
            self._kill(router, seconds)  # a signal handler raised, we do not know where
            raise

    def _kill(self, router: Routees[Any], seconds: float | None) -> Future[bool]:
        self.close(router)
        supervisor: Any = self.supervisor._actor
        if supervisor is not None:
            supervisor._pykka_restarter.is_condemned = True
        extension = self.supervisor._cell.need_extension()
        for cell in extension.children.copy():
            ref_at(cell).kill(abandon_after=seconds, block=False)
        # The supervisor waits for them, and needs some time more.
        system: ActorSystem = self.supervisor.system
        limit: float | None = system.stop_timeout if seconds is UNSAID else seconds
        supervisors = None if limit is None else limit + grace_of(system)
        ended = self.supervisor.kill(abandon_after=supervisors, block=False)
        return derive(all, [ended])

    def dead_error(self, whose: Routees[Any]) -> ActorDeadError:
        """The error for those whose message no routee takes."""
        if self.is_alive():
            remedy = (
                "its supervisor is starting new ones; try again"
                if self.size
                else "those that have ended are not started anew; resize() it"
            )
            return ActorDeadError(f"{whose} has no living routee right now: {remedy}")
        reason = self.supervisor._cell.reason
        failure = reason.exception if isinstance(reason, Failed) else self.failure
        if failure is not None:
            cause = copy_without_frames(failure)
            text = cause if is_a(cause, SupervisionError) else shorten(cause)
            error = ActorDeadError(f"{whose} has ended: {text}")
            error.__cause__ = cause
            return error
        return ActorDeadError(f"{whose} has ended ({shorten(reason)}); make a new one")

    @blocks_by_design
    def resize(self, router: Routees[Any], size: Any, timeout: float | None) -> None:
        """Have so many routees; see `RouterRef.resize`."""
        require_size(size)
        deadline = Deadline(timeout)
        call = ProxyCall(("resize",), (size,), {})
        answer = self.supervisor.ask(call, block=False)
        what = f"come to a size of {size}"
        try:
            leaving = answer.get(timeout=deadline.remaining())
        except ActorDeadError:
            if self.is_alive():
                raise  # it comes from a routee
            error = self.dead_error(router)
            raise error from error.__cause__
        except Timeout as error:
            if answer.done():
                raise
            raise late(router, what, timeout, self._starting()) from error
        for ended in leaving:
            try:
                ended.get(timeout=deadline.remaining())
            except Timeout as error:
                left = [each._answered_by for each in leaving if not each.done()]
                raise late(router, what, timeout, left) from error


class Redirect:
    """Takes on what a routee that was let go leaves behind.

    If a signal handler raises in the middle of that, it is not known whether the message is in
    another inbox. Then it is rejected after all: better than handled twice.

    Args:
        router: Finds another routee.
    """

    __slots__ = ("_in_doubt", "_router")

    def __init__(self, router: RouterRef[Any]) -> None:
        self._router = router
        self._in_doubt: set[object] = set()
        """The threads that are at it, or were interrupted."""

    def __call__(self, letter: Letter) -> bool:
        """Take on a letter; False if that is not possible."""
        me = current.state.world.strand()
        if me in self._in_doubt:
            self._in_doubt.discard(me)
            return False
        self._in_doubt.add(me)
        taken = self._router._take_on(letter)
        self._in_doubt.discard(me)
        return taken


class PoolSupervisor(DynamicSupervisor):
    """The supervisor of a pool. A child's key is its place.

    Args:
        template: The specification of the routees.
        router: The router.
        max_restarts: So many restarts are borne within `within` seconds; `None` for a number that
            depends on the size.
        within: Seconds.
    """

    def __init__(
        self,
        template: ChildSpec,
        router: RouterRef[Any],
        *,
        max_restarts: int | None,
        within: float,
    ) -> None:
        super().__init__(template, max_restarts=max_restarts, within=within, wait=False)
        self._pykka_router = router
        self._pykka_free: Iterator[int] | None = None
        self._pykka_is_scaled = max_restarts is None
        self._pykka_restarter.on_change = self._pykka_enter
        self._pykka_restarter.on_give_up = self._pykka_give_up
        # `pool()` and `resize()` block, also on the thread of that loop.
        self._pykka_restarter.blocks_its_loop = loop_of_family(self._pykka_cell) is not None

    def resize(self, size: int) -> list[ThreadingFuture[Any]]:
        """Have so many routees.

        Returns:
            Futures that are resolved when those have ended that are surplus.
        """
        restarter = self._pykka_restarter
        if self._pykka_is_scaled:
            restarter.max_restarts = RESTARTS_PER_ROUTEE * size
        if len(restarter.table) < size:
            self._pykka_grow(size)
        table = restarter.table
        surplus = [table[place] for place in sorted(table)[size:]] if len(table) > size else []
        for child in surplus:
            if child.cell is not None:
                child.cell.need_extension().redirect = Redirect(self._pykka_router)
        return restarter.dismiss(surplus[::-1])

    def _pykka_grow(self, size: int) -> None:
        """Start routees, and enter all of them together."""
        restarter = self._pykka_restarter
        on_change, restarter.on_change = restarter.on_change, None
        self._pykka_free = self._pykka_free_places()
        try:
            while len(restarter.table) < size:
                self.add_child()
        finally:
            self._pykka_free = None
            restarter.on_change = on_change
            self._pykka_enter(restarter.table.values())

    def on_stop(self) -> None:
        """Close the pool."""
        self._pykka_close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Close the pool."""
        self._pykka_close()

    def _pykka_close(self) -> None:
        pool: Any = self._pykka_router._pool
        pool.close(self._pykka_router)

    def _pykka_give_up(self, error: RestartLimitError) -> None:
        pool: Any = self._pykka_router._pool
        pool.failure = error
        pool.close(self._pykka_router)

    def _pykka_new_key(self) -> int:
        free = self._pykka_free
        return next(self._pykka_free_places() if free is None else free)

    def _pykka_free_places(self) -> Iterator[int]:
        return filterfalse(self._pykka_restarter.table.__contains__, count())

    def _pykka_enter(self, children: Iterable[Child]) -> None:
        """Enter what has become of some children."""
        table = self._pykka_restarter.table
        found: dict[int, ActorRef[Any] | None] = {}
        for place in {child.key for child in children}:
            child = table.get(place)
            cell = None if child is None else child.cell
            found[place] = None if cell is None else ref_at(cell)
        pool: Any = self._pykka_router._pool
        pool.enter(self._pykka_router, len(table), found)


@blocks_by_design
def start_pool(
    router: RouterRef[Any],
    actor: Any,
    size: Any,
    *,
    name: str | None,
    system: ActorSystem | None,
    max_restarts: int | None,
    restarts_within: float,
    **spec: Any,
) -> None:
    """Start the supervisor and the routees of a pool; see `RouterRef.pool`."""
    require_size(size)
    if max_restarts is not None:
        check_count("max_restarts", max_restarts, least=0)
    check_span("restarts_within", restarts_within)
    if system is not None:
        check_methods("system", system, "pykka.ActorSystem", ["get_by_name"])
    template = _template(actor, spec)
    parent = current.state.cell
    said: dict[str, Any] = {"system": system}
    if system is None and parent is not None:
        said = {"system": parent.services, "parent": parent}
    supervisor = start_with(
        PoolSupervisor.options(name=name),
        (template, router),
        {"max_restarts": max_restarts, "within": restarts_within},
        **said,
    )
    title: str = getattr(template.actor, "__name__", template.id)
    router._pool = pool = RouteePool(supervisor, title)
    try:
        pool.resize(router, size, None)
    except BaseException as error:
        ended = pool.kill(router, None)
        # Nothing is left when this raises, unless the pool cannot end before this thread goes on:
        # because a routee waits for the actor that runs here, or lives in the loop that does.
        if is_a(error, Exception) and not runs_event_loop():
            with suppress(DeadlockError, PoolExhaustedError):
                ended.get()
        raise


def require_size(size: Any) -> None:
    """Refuse what cannot be the size of a pool.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is less than 1.
    """
    if isinstance(size, bool) or not isinstance(size, int):
        msg = f"the size of a pool is a whole number, not {shorten(size)}"
        raise TypeError(msg)
    if size < 1:
        msg = f"the size of a pool is 1 or more, not {shorten(size)}; stop() ends it"
        raise ValueError(msg)


DEFAULTS: dict[str, Any] = {
    "args": (),
    "kwargs": None,
    "restart": "permanent",
    "shutdown": "infinity",
    "backoff": None,
    "replace_abandoned": True,
}
"""What `RouterRef.pool` takes for what is not said."""


def _template(actor: Any, said: dict[str, Any]) -> ChildSpec:
    """The specification of the routees."""
    if isinstance(actor, ChildSpec):
        besides = [key for key, value in said.items() if value != DEFAULTS[key]]
        if besides:
            msg = (
                f"{shorten(actor)} says what the routees are; so {besides[0]} has to be said there"
            )
            raise TypeError(msg)
        template = actor
    else:
        require_maker("a pool", actor)
        made_of: Any = getattr(actor, "actor_class", actor)
        template = ChildSpec(getattr(made_of, "__name__", "routee"), actor, **said)
    options: Any = template.actor
    if getattr(options, "_said", {}).get("name") is not None:
        msg = (
            f"{shorten(options)} has a name, which only one routee could have; name the pool "
            "instead"
        )
        raise ValueError(msg)
    return template

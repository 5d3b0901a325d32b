"""An actor that a test plays itself.

What is sent to a probe is kept until the test expects it. The test is the only reader, and actors
are the writers.

Invariant: no arrival is missed. The reader says what is to be resolved when something comes, and
*then* looks once more whether something has; a writer puts it in, and *then* looks whether there
is something to be resolved. So at least one of the two sees the other.

(The idea is that of the `TestProbe` of Akka's test kit.)
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pykka._exceptions import FutureAlreadySetError, Timeout
from pykka._futures.deadline import Deadline
from pykka._futures.threading_future import ThreadingFuture
from pykka._lifecycle.later import reply_later
from pykka._system.system import require_system
from pykka._util.checks import check_callable, shorten
from pykka._util.thread_state import current
from pykka.runtimes.pool.actor import PooledActor
from pykka.testing._settle import WITHIN, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.reasons import Reason
    from pykka._futures.future import Future
    from pykka._lifecycle.later import Reply
    from pykka._ref.ref import ActorRef
    from pykka._system.system import ActorSystem

T = TypeVar("T")

TOLD = 10
"""So many messages that came before are named in the text of an error."""


class Received(NamedTuple):
    """What has come to a probe."""

    message: Any
    reply: Reply[Any] | None
    """Gives the answer, if the sender wants one."""


class Mailbox:
    """Where what comes to a probe lies until the test takes it."""

    def __init__(self) -> None:
        self._received: deque[Received] = deque()
        self._arrival: ThreadingFuture[None] | None = None
        """What the reader waits for."""

    def put(self, received: Received) -> None:
        """Put something in."""
        self._received.append(received)
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            with suppress(FutureAlreadySetError):  # another writer came at the same time
                arrival.set()

    def take(self, until: Deadline) -> Received | None:
        """Take the first out, and wait for it if there is none; `None` if none comes in time."""
        while True:
            with suppress(IndexError):
                return self._received.popleft()
            arrival: ThreadingFuture[None] = ThreadingFuture()
            self._arrival = arrival
            if self._received:
                continue
            try:
                arrival.get(timeout=until.remaining())
            except Timeout:
                if not self._received:
                    return None

    def left(self) -> list[Any]:
        """The messages that lie there."""
        return [each.message for each in self._received.copy()]


class StandIn(PooledActor):
    """The actor that a probe's ref leads to.

    Args:
        mailbox: Where it puts what it gets.
    """

    caller_runs = False  # so that what is asked lies in an envelope, which says that it is

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self._mailbox = mailbox

    def on_receive(self, message: Any) -> None:
        """Keep a message for the test."""
        cell: Any = self._pykka_cell
        reply = None if cell.handled_reply_to is None else reply_later()
        self._mailbox.put(Received(message, reply))


class Probe:
    """An actor that a test plays itself: it gives its ref away, and expects what comes there.

    Give `ref` to the actor that is tested, in the place of one that it works with. Each method
    waits for what it expects, and takes it; if something else comes, or nothing in time, it raises
    an `AssertionError` that says what came instead. (In a simulated run, where time may pass
    early, it waits without a limit if none is said; that nothing comes is a hang there.) A probe
    is used by one thread, that of the test; in a coroutine, by `await
    asyncio.to_thread(probe.expect, message)`.

    The fixture `probe` of the plug-in for pytest is one, in the test's `actor_system`.

    Args:
        system: The system that it lives in, and ends with; `None` for the default one.
        name: The name of its actor.
        within: The seconds that it waits for what is expected, if nothing else is said.

    Raises:
        TypeError: `system` is no system, or `within` is no number.

    Examples:
        >>> import pykka
        >>> from pykka.testing import Probe, SystemUnderTest
        >>> class Cook(pykka.ThreadingActor):
        ...     def __init__(self, waiter):
        ...         super().__init__()
        ...         self.waiter = waiter
        ...     def on_receive(self, dish):
        ...         self.waiter.tell(f"hot {dish}")
        >>> with SystemUnderTest() as system:
        ...     waiter = Probe(system)
        ...     cook = system.start(Cook, waiter.ref)
        ...     cook.tell("soup")
        ...     waiter.expect("hot soup")
        ...     waiter.expect_none()
        'hot soup'
    """

    def __init__(
        self,
        system: ActorSystem | None = None,
        *,
        name: str | None = None,
        within: float = WITHIN,
    ) -> None:
        self._system = require_system(system, "a probe lives in an ActorSystem, not in {}")
        Deadline(within, "within")
        self._within = within
        self._mailbox = Mailbox()
        self._before: deque[Any] = deque(maxlen=TOLD)
        self._last: Received | None = None
        self._ref = self._system.start(StandIn.options(name=name), self._mailbox)

    @property
    def ref(self) -> ActorRef[Any]:
        """The ref of its actor."""
        return self._ref

    def __repr__(self) -> str:
        return f"<pykka.testing.Probe {self._ref}>"

    def expect(self, message: T, *, within: float | None = None) -> T:
        """Wait for the next message, which is to be equal to one.

        Args:
            message: What it is to be.
            within: The seconds it may take; `None` for those of the probe.

        Returns:
            What has come.

        Raises:
            AssertionError: Another one came, or none in time.
        """
        __tracebackhide__ = True
        wanted = f"expected {shorten(message)}"
        found = self._take(within, wanted)
        if not (found.message == message):  # in this order: the wanted one may be an `ANY`
            raise self._error(f"{wanted}, but {shorten(found.message)} came")
        return self._took(found)  # type: ignore[no-any-return]

    def expect_type(self, kind: type[T], *, within: float | None = None) -> T:
        """Wait for the next message, which is to be of a class.

        Args:
            kind: The class.
            within: As for `expect`.

        Returns:
            The message.

        Raises:
            AssertionError: Another one came, or none in time.
            TypeError: That is no class.
        """
        __tracebackhide__ = True
        given: Any = kind
        if not isinstance(given, type):
            msg = f"expect_type() takes a class, not {shorten(given)}; expect() takes a message"
            raise TypeError(msg)
        wanted = f"expected a {kind.__name__}"
        found = self._take(within, wanted)
        if not isinstance(found.message, kind):
            raise self._error(f"{wanted}, but {shorten(found.message)} came")
        return self._took(found)  # type: ignore[no-any-return]

    def expect_none(self, *, within: float | None = None) -> None:
        """Make sure that no message comes.

        Args:
            within: For so many seconds. If nothing is said, it waits until the system has settled
                (see `pykka.testing.settle`) instead, which takes no longer than there is to do.

        Raises:
            AssertionError: One has come.
            Timeout: The system has not settled in the time that the probe has.
        """
        __tracebackhide__ = True
        if within is None:
            settle(self._system, self._within)
        found = self._mailbox.take(Deadline(within or 0.0, "within"))
        if found is not None:
            raise self._error(f"expected nothing, but {shorten(found.message)} came")

    def fish(self, pick: Callable[[Any], object], *, within: float | None = None) -> Any:
        """Wait for a message that is picked, and drop all that come before it.

        Args:
            pick: Is called with each message, and returns whether that is the one.
            within: The seconds it may take in all; `None` for those of the probe.

        Returns:
            The message.

        Raises:
            AssertionError: None that is picked came in time. The text says which ones did.
            TypeError: `pick` cannot be called.
        """
        __tracebackhide__ = True
        check_callable("what picks a message", pick, "the message")
        until = self._until(within)
        while True:
            found = self._take(until, "expected a message that is picked")
            if pick(found.message):
                return self._took(found)
            self._before.append(found.message)

    def expect_terminated(self, ref: ActorRef[Any], *, within: float | None = None) -> Reason:
        """Wait until an actor has ended, with all its hooks.

        Args:
            ref: The actor.
            within: The seconds it may take; `None` for those of the probe.

        Returns:
            Why it has ended.

        Raises:
            AssertionError: It has not, in that time.
        """
        __tracebackhide__ = True
        until = self._until(within)
        try:
            return ref.when_terminated().get(timeout=until.remaining())
        except Timeout:
            msg = f"expected that {ref} ends within {until.timeout:g} seconds, but it is alive"
            raise self._error(msg) from None

    def reply(self, value: Any = None) -> None:
        """Answer the message that was taken last.

        Args:
            value: What its asker gets.

        Raises:
            AssertionError: No message was taken, or its sender wants no answer.
            FutureAlreadySetError: It was answered before.
        """
        __tracebackhide__ = True
        last = self._need_last("reply to")
        if last.reply is None:
            msg = f"{shorten(last.message)} was sent by tell(), so there is no asker to reply to"
            raise self._error(msg)
        last.reply.set(value)

    def forward_to(self, ref: ActorRef[Any]) -> None:
        """Send the message that was taken last on to another actor.

        If its sender wants an answer, it gets that of the other actor.

        Args:
            ref: The other actor.

        Raises:
            AssertionError: No message was taken.
            ActorDeadError: The other actor is dead, and there is no asker.
        """
        __tracebackhide__ = True
        last = self._need_last("forward")
        if last.reply is None:
            ref.tell(last.message)
        else:
            answer: Any = ref.ask(last.message, block=False)
            answer.add_done_callback(partial(_pass_on, last.reply))

    def _until(self, within: float | None) -> Deadline:
        if within is None and current.state.world.waits:
            return Deadline(None)  # a simulated run finds by itself that nothing will come
        return Deadline(self._within if within is None else within, "within")

    def _take(self, within: float | Deadline | None, wanted: str) -> Received:
        __tracebackhide__ = True
        until = within if isinstance(within, Deadline) else self._until(within)
        found = self._mailbox.take(until)
        if found is None:
            raise self._error(f"{wanted} within {until.timeout:g} seconds, but nothing came")
        return found

    def _took(self, found: Received) -> Any:
        self._last = found
        self._before.append(found.message)
        return found.message

    def _need_last(self, what: str) -> Received:
        __tracebackhide__ = True
        if self._last is None:
            raise self._error(f"there is nothing to {what}: no message was expected so far")
        return self._last

    def _error(self, text: str) -> AssertionError:
        lines = [f"{self._ref}: {text}"]
        if self._before:
            lines.append(f"  before that: {', '.join(map(shorten, self._before))}")
        left = self._mailbox.left()
        if left:
            more = f", and {len(left) - TOLD} more" if len(left) > TOLD else ""
            lines.append(f"  after that: {', '.join(map(shorten, left[:TOLD]))}{more}")
        return AssertionError("\n".join(lines))


def _pass_on(reply: Reply[Any], answer: Future[Any]) -> None:
    """Give an asker the outcome of another question."""
    with suppress(FutureAlreadySetError):
        try:
            value = answer.get(timeout=0)
        except BaseException as error:
            reply.set_exception(error)
        else:
            reply.set(value)

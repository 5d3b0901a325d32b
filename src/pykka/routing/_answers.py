"""Answers of routees, as futures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._exceptions import ActorDeadError, Timeout
from pykka._futures.derived import Derivation
from pykka._futures.threading_future import ThreadingFuture, failed_future
from pykka._util.checks import in_seconds, list_some
from pykka._util.log import is_a

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef


def derive(compute: Callable[[Sequence[Any]], Any], futures: Sequence[Future[Any]]) -> Future[Any]:
    """A future of what a function makes of the values of several others, none included."""
    derived: ThreadingFuture[Any] = ThreadingFuture()
    derived._install(Derivation(compute, futures))
    return derived


def ask_of(routee: ActorRef[Any], message: object) -> Future[Any]:
    """A future of a routee's answer, also if it does not even take the message."""
    try:
        return routee.ask(message, block=False)
    except Exception as error:  # its inbox is full, for instance
        return failed_future(error)


def refusal_of(future: Future[Any]) -> BaseException | None:
    """The exception of a routee that has not even taken the question, or has failed already."""
    if isinstance(future, ThreadingFuture) and future.done():
        return future.exception(timeout=0)
    return None


def is_refusal(error: BaseException | None, routee: ActorRef[Any]) -> bool:
    """Tell whether an exception says that a routee was dead before it was asked.

    Such a question may be put to another routee. The same exception can come out of a handler that
    has taken the question, if that waits for an answer of the routee itself; but then the two wait
    for each other.
    """
    return (
        is_a(error, ActorDeadError)
        and error._refused_by is not None
        and error._refused_by is getattr(routee, "_cell", None)
    )


def has_refused(routee: ActorRef[Any], answer: Future[Any]) -> bool:
    """Tell whether a routee was dead before it was asked for an answer."""
    return is_refusal(refusal_of(answer), routee)


def late(router: object, what: str, timeout: float | None, waits_for: Sequence[object]) -> Timeout:
    """The error for those who wait for routees no longer."""
    text = f"{router} has not {what} within {in_seconds(timeout)}"
    others = list_some([str(each) for each in waits_for], most=3)
    return Timeout(f"{text}; it waits for {others}" if others else text)

"""Dead letters: messages that were accepted and then never handled.

An actor that ends leaves behind what is still in its inbox. None of that is silently lost:

- an *ask* is answered with `ActorDeadError`, so its sender knows;
- a *tell* is a dead letter. It is counted, handed to every subscriber, and logged as a warning on
  the logger `pykka.dead_letters`, whose records carry it as their attribute `dead_letter`. The log
  is rate-limited: ten at once, one each second in the long run, and each record tells how many
  were left out. When a flood is over, a last record says how many more there were.

Examples:
    >>> import queue
    >>> import pykka
    >>> from pykka import dead_letters
    >>> class Quitter(pykka.ThreadingActor):
    ...     def on_start(self):
    ...         self.stop()
    ...         self.actor_ref.tell("too late")
    >>> found = queue.SimpleQueue()
    >>> dead_letters.subscribe(found.put)
    >>> ref = Quitter.start()
    >>> letter = found.get(timeout=10)
    >>> letter.message, letter.target == ref, letter.reason
    ('too late', True, 'stopped before handling the message')
    >>> dead_letters.unsubscribe(found.put)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykka._system.dead_letters import DeadLetter, DeadLetterStatistics
from pykka._system.system import ActorSystem as _ActorSystem
from pykka._util.signatures import show_plainly as _show_plainly

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DeadLetter", "DeadLetterStatistics", "statistics", "subscribe", "unsubscribe"]


def statistics() -> DeadLetterStatistics:
    """Count the dead letters since the program began.

    Examples:
        >>> from pykka import dead_letters
        >>> before = dead_letters.statistics().total
        >>> # … run something …
        >>> dead_letters.statistics().total - before
        0
    """
    return _ActorSystem.default().dead_letters.statistics()


def subscribe(subscriber: Callable[[DeadLetter], object]) -> None:
    """Have a function called with each dead letter.

    It is called on the thread that finds the dead letter, which may be any thread. An exception in
    it is logged. A message that it sends itself, to an actor that is ending too, is counted but
    not handed to subscribers.

    Args:
        subscriber: Takes a `DeadLetter`.

    Raises:
        TypeError: It is not a function.
    """
    _ActorSystem.default().dead_letters.subscribe(subscriber)


def unsubscribe(subscriber: Callable[[DeadLetter], object]) -> None:
    """Do not call the function any more.

    Raises:
        TypeError: It is not a function.
        ValueError: The function is no subscriber.
    """
    _ActorSystem.default().dead_letters.unsubscribe(subscriber)


_show_plainly(__all__, globals())

"""An inbox that is sorted by urgency, with a bound or without.

How messages are kept in order, and why in this way, is told in `pykka.inboxes._lanes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pykka._futures.ask import LETTERS
from pykka._futures.unhandled.recall import content_of
from pykka.inboxes._bounded import PolicyInbox
from pykka.inboxes._entries import Lane
from pykka.messages import KEYED, is_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.inboxes._bounded import OwningCell, WhenFull
    from pykka.inboxes._entries import Entry, Spot


class PriorityInbox(PolicyInbox):
    """An actor's inbox from which the most urgent message is taken first.

    Args:
        owner: As for `PolicyInbox`.
        key: Takes a message, and returns something that can be compared. Smaller is more urgent.
        capacity: As for `PolicyInbox`.
        when_full: As for `PolicyInbox`.
        timeout: As for `PolicyInbox`.
    """

    __slots__ = ("_key",)

    _by_urgency: ClassVar[bool] = True

    def __init__(
        self,
        owner: OwningCell,
        key: Callable[[Any], Any],
        capacity: int | None = None,
        when_full: WhenFull = "block",
        timeout: float | None = None,
    ) -> None:
        super().__init__(owner, capacity, when_full, timeout)
        self._key = key

    def _prepare(self, entry: Entry) -> BaseException | None:
        envelope = entry.envelope
        if self.takes_bare and type(envelope) not in LETTERS:
            message = envelope
        else:
            message = content_of(envelope.message)
        try:
            entry.key = self._key(message)
        except BaseException as error:
            return error
        finally:
            del envelope, message, entry  # as in put()
        return None

    def key_of(self, message: object) -> Any:
        return self._key(message)

    def _put_by_right(self, entry: Entry, message: Any) -> None:
        if type(message) in KEYED:
            entry.key = message.key
            entry.is_free = True
            self._put_privileged(entry, self._due)
        elif is_stop(message):
            self._place_due()  # what is due comes before the stop
            self._put_privileged(entry, self._closers)
        else:
            self._put_privileged(entry, self._overtakers)

    def _locate(self, entry: Entry) -> Spot | BaseException:
        key = entry.key
        lanes = self._lanes
        epoch = self._epoch
        low, high = 0, self._lane_count
        below = above = None
        while low < high:
            middle = (low + high) // 2
            try:
                lane = lanes[middle]
            except IndexError:  # another thread has taken the most urgent ones out
                high, above = middle, None
                continue
            try:
                is_less_urgent = lane.epoch == epoch and key < lane.key
            except BaseException as error:
                return error
            if is_less_urgent:
                low, below = middle + 1, lane
            else:
                high, above = middle, lane
        # Of all lanes that are not less urgent, `above` is the least urgent.
        try:
            if (
                above is not None
                and above.epoch == epoch
                and not above.key < key
                and not (above.is_free or entry.is_free)
            ):
                return above, None, None, None
        except BaseException as error:
            return error
        return Lane(key, epoch, is_free=entry.is_free), low, below, above

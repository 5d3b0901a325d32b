"""Functions that are called in the order in which they came, and leave without being searched for.

One that comes twice is called twice, and then has to leave twice. Each coming has a number. The
numbers lead to the functions, in order; and each function leads to its numbers.

No lock is held, since the hash and the equality of a function may be code of a user's. All steps
are single ones on one container (guarantee G4).

Invariant: *a number that leads to a function can be found by it*, once `enter()` is over. The
queue of a function's numbers is taken out when it is empty. Who does so looks *then* whether a
number has come into it, and who puts a number in looks *then* whether the queue is still there.
So at least one of them sees to it that the number is in the queue that is found.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable


class Subscribers:
    """Some functions, of which some may have been entered more than once."""

    __slots__ = ("_by_function", "_by_number", "_numbers")

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._by_number: dict[int, Callable[..., object]] = {}
        self._by_function: dict[Hashable, deque[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_number)

    def all(self) -> Iterable[Callable[..., Any]]:
        """Return the functions that are there now, in the order in which they came."""
        return self._by_number.copy().values()

    def enter(self, function: Callable[..., object]) -> None:
        """Enter a function."""
        key = _key(function)
        numbers = self._by_function.setdefault(key, deque())
        number = next(self._numbers)
        try:
            self._by_number[number] = function
            numbers.append(number)
            self._keep(key, numbers)
        except BaseException:
            # A signal handler raised. The function has not been entered.
            self._by_number.pop(number, None)
            raise

    def leave(self, function: Callable[..., object]) -> bool:
        """Forget a function, or the first of its comings; False if it is not there."""
        key = _key(function)
        numbers = self._by_function.get(key)
        found = None
        while numbers and found is None:
            try:
                number = numbers.popleft()
            except IndexError:
                break
            # It leads to nothing if `enter()` was interrupted.
            found = self._by_number.pop(number, None)
        if numbers is not None and not numbers:
            self._by_function.pop(key, None)
            if numbers:
                self._keep(key, numbers)
        return found is not None

    def _keep(self, key: Hashable, numbers: deque[int]) -> None:
        """Have the numbers in a queue found by their function."""
        kept = self._by_function.setdefault(key, numbers)
        while kept is not numbers and numbers:
            try:
                kept.append(numbers.popleft())
            except IndexError:
                return  # the last one has just left, or been moved


class _Unhashable:
    """Stands for a function that has no hash; all of them have the same, and are compared."""

    __slots__ = ("_function",)

    def __init__(self, function: object) -> None:
        self._function = function

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashable) and bool(self._function == other._function)


def _key(function: Any) -> Hashable:
    try:
        hash(function)
    except TypeError:
        return _Unhashable(function)
    key: Hashable = function
    return key

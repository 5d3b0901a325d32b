"""To do something with each of several things, whatever comes in between.

The end of an actor has much to do, and none of it may be left out because something else has
raised: a callback of the user's, or a signal handler, which may strike between any two steps
(guarantee G11). What is done with `for_each()` has to be such that to do it twice does no harm.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


_DONE = object()


def for_each(items: list[Any], function: Callable[[Any], object]) -> None:
    """Call a function with each item of a list, and take it out.

    What one call raises keeps none of the others from being made. The first exception is raised
    at the end. If a signal handler strikes between two calls, the caller has to call this again
    with the same list. An item that is done with is replaced in it, since to take out the first
    of many moves all the others.
    """
    raised: list[BaseException] = []
    for number, item in enumerate(items):
        if item is _DONE:
            continue
        try:
            function(item)
        except BaseException as error:
            raised.append(error)
            # A signal handler struck, we do not know where. Better twice than never.
            with contextlib.suppress(BaseException):
                function(item)
        items[number] = _DONE
    items.clear()
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # the exception's traceback holds this frame


def call(function: Callable[[], object]) -> object:
    """Call a function; for a list of them."""
    return function()

"""Log records that say which actor has logged them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pykka._cell.spawn_options import current
from pykka._util.checks import check_name
from pykka._util.log import safe_str

if TYPE_CHECKING:
    from pykka._cell.cell import Cell


class ActorLogFilter(logging.Filter):
    """Adds to each log record the actor whose code logged it, as the attribute `actor`.

    Add it to a `logging.Handler`, and the handler's format can use `%(actor)s`. It works for all
    loggers, those of the program and those of the libraries that an actor calls. It lets all
    records pass.

    The actor is the one whose code runs on the thread that logs: in handlers and hooks on every
    runtime, also before and after an `await`. It is shown by the name that it was given, or else
    as it is in the library's own records, by its class and its URN. Threads and tasks that a
    handler has started do not count as the actor. The constructor of an actor runs on behalf of
    the code that starts it.

    A record that already has an attribute `actor` keeps it. So in front of a queue of records,
    such as that of `logging.handlers.QueueHandler`, add it to the handler that fills the queue.

    Args:
        missing: What stands there if no actor has logged it.

    Raises:
        TypeError: `missing` is no string, or an empty one.

    Examples:
        >>> import logging, sys
        >>> import pykka
        >>> handler = logging.StreamHandler(sys.stdout)
        >>> handler.addFilter(pykka.ActorLogFilter())
        >>> handler.setFormatter(logging.Formatter("%(actor)s: %(message)s"))
        >>> log = logging.getLogger("shop")
        >>> log.addHandler(handler)
        >>> class Cashier(pykka.PooledActor):
        ...     def on_receive(self, message):
        ...         log.warning("no change for %s", message)
        >>> cashier = Cashier.options(name="cashier-1").start()
        >>> cashier.ask("a coin")
        cashier-1: no change for a coin
        >>> log.warning("closing")
        -: closing
        >>> log.removeHandler(handler)
        >>> cashier.stop()
        True
    """

    def __init__(self, missing: str = "-") -> None:
        check_name("missing", missing)
        super().__init__()
        self.missing = missing

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute, if it is not there; see the class."""
        attributes = record.__dict__
        if "actor" not in attributes:
            cell = current.state.cell
            attributes["actor"] = self.missing if cell is None else _name_of(cell)
        return True


def _name_of(cell: Cell) -> str:
    name = None if cell.extension is None else cell.extension.name
    return safe_str(cell) if name is None else name

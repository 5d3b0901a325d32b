"""An actor's life as a table: which marks may stand together, and what may follow what.

Ten marks say how it stands with an actor. They lie in its cell, in the extension of that, and in
the cell of a pooled actor. Each is written in two modules at most (`WRITTEN_IN`), by methods
of the cell whose names say what happens. This module is data. The library does not use it; the
tests do: they read all marks of an actor at each write of one of them, while actors start, fail,
restart, are stopped, killed and abandoned in every order, and look the combination up here.

The columns, in the order of `FLAGS`:

    ``actor``      there is an instance (`Cell.actor`)
    ``claimed``    its thread or task has taken it on to run it; never of a pooled actor, of which
                   `begun` lies in the same place
    ``begun``      of a pooled actor: its start hook has run, or is running; `-` before its start
    ``run_token``       of a pooled actor: no thread runs it (the token is there)
    ``stopped``    sends are refused
    ``ending``     the hook that ends the life runs or has run, or none will
    ``closed``     a sender that puts something into the inbox empties it
    ``has_system_messages``  there is something to be seen to before the next message
    ``killed``     who told it to end has killed it
    ``down``       its instance has ended, and its supervisor has not yet said what is next

The signs: `1` set, `0` not set, `-` the actor has no such mark (or not yet), `.` either, and `+`
either between two steps, but set when all is at rest: one that is stopped or down finds its way
out of its loop by `has_system_messages`, and `take_first` clears that, looks, and sets it again.

A state that *passes* lies between two steps of the same call, so it does not last. It may be seen
by other threads all the same.

Three rules can be read off the table:

    1. `closed` comes after `stopped`, and `actor` goes after `closed`. Those who come late rely on
       that: they look at `closed` for what is in the inbox, and at `actor` for those who wait for
       the end.
    2. Nothing leads back, but from *down* to *lives*. (And for a moment from *over* to *closes*:
       an instance that was being made while its actor was abandoned is put in, and taken out.)
    3. `killed` is set only while `stopped` is not, under the lock under which that is set. So
       which of the two came first is decided once.

Not covered is `actor_stopped.clear()` by a user, which takes `stopped` back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAGS = (
    "actor",
    "claimed",
    "begun",
    "run_token",
    "stopped",
    "ending",
    "closed",
    "has_system_messages",
    "killed",
    "down",
)


class State(NamedTuple):
    """One state of an actor's life.

    Args:
        words: What is going on.
        patterns: The combinations: a sign a mark, in the order of `FLAGS`.
        passes: Whether it is over with the next step of the call that has brought it about.
    """

    words: str
    patterns: tuple[str, ...]
    passes: bool = False


#         claimed, begun, turn; on a thread or in a loop, and in a pool
_MADE = ("0 - -", "0 - 0")
_READY = ("0 0 .",)
_BEGUN = ("1 - -", "0 1 .")


def _rows(actor: str, *groups: tuple[Iterable[str], str]) -> tuple[str, ...]:
    return tuple(f"{actor} {life} {rest}" for lives, rest in groups for life in lives)


def _any_life(actor: str, marks: str) -> tuple[str, ...]:
    """The rows of an actor that has begun, or has not; one that has not is not down."""
    return _rows(actor, ((*_MADE, *_READY), f"{marks} 0"), (_BEGUN, f"{marks} ."))


STATES = {
    #                       stopped, ending, closed, has_system_messages, killed, down
    "made": State(
        "It is made, and its life has not begun. It may have messages already.",
        _rows("1", (_MADE, "0 0 0 . 0 0")),
    ),
    "ready": State(
        "A pooled actor is started; the first who has its turn runs its start hook.",
        _rows("1", (_READY, "0 0 0 . 0 0")),
    ),
    "lives": State(
        "It runs its start hook, handles messages or waits for one.",
        _rows("1", (_BEGUN, "0 0 0 . 0 0")),
    ),
    "down": State(
        "The instance ends or has ended, and the supervisor decides. Sends are accepted.",
        _rows("1", (_BEGUN, "0 0 0 + 0 1")),
    ),
    "is being killed": State(
        "It is said that the end is a kill, and not yet that it is an end.",
        _any_life("1", "0 . 0 . 1"),
        passes=True,
    ),
    "told to end": State(
        "It is marked stopped from outside (killed, abandoned by its loop, or its event was set), "
        "and has not come to look at that.",
        _any_life("1", "1 0 0 + ."),
    ),
    "begins to end": State(
        "No other hook will begin. It is taken out of the registry.",
        _any_life("1", "0 1 0 . 0"),
        passes=True,
    ),
    "ends": State(
        "Its children end, and then its last hook runs; or, if it was abandoned, nothing more.",
        _any_life("1", "1 1 0 + ."),
    ),
    "closes": State(
        "What is left in the inbox is answered or reported.",
        _any_life("1", "1 1 1 + ."),
        passes=True,
    ),
    "over": State(
        "It has ended. Who waits for that is being told, or has been. Code of an actor that was "
        "abandoned may still be running.",
        _any_life("0", "1 1 1 + ."),
    ),
    "cut off": State(
        "It was closed without an end: in a child process, which does not have the actor's "
        "thread; or for a moment, because a signal handler struck at the first step of an end.",
        _any_life(".", "1 0 1 + ."),
    ),
}
"""The states. Each combination is in one of them, or in none and then it must not be."""

FOLLOWS = {
    "made": ("ready", "lives", "is being killed", "told to end", "begins to end"),
    "ready": ("lives", "is being killed", "told to end", "begins to end"),
    "lives": ("down", "is being killed", "told to end", "begins to end"),
    "down": ("lives", "is being killed", "told to end", "begins to end"),
    "is being killed": ("told to end", "ends"),
    "told to end": ("ends", "cut off"),
    "begins to end": ("is being killed", "ends"),
    "ends": ("closes",),
    "closes": ("over",),
    "over": ("closes",),
    "cut off": ("closes", "over"),
}
"""What may come right after each state. Within one, any mark may change that may be either."""

WRITTEN_IN = {
    "actor": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "_claimed": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "begun": ("runtimes/pool/cell.py", "runtimes/pool/run.py"),
    "run_token": ("runtimes/pool/cell.py",),
    "stopped": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "ending": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "closed": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "has_system_messages": ("_cell/cell.py", "runtimes/pool/cell.py"),
    "killed": ("_cell/cell.py", "_cell/extension.py"),
    "down": ("_cell/extension.py",),
}
"""The modules that write each attribute. The constructor of a pooled actor's cell is that of
every cell and more, in one piece, so it is the second place of most of them."""

TOKEN_MOVED_IN = {
    "runtimes/pool/caller_runs.py": {"run_until"},
    "runtimes/pool/cell.py": {
        "PooledCell.begin",
        "PooledCell.claim_life",
        "PooledCell.wake_up",
        "PooledCell._take_if_mine",
    },
    "runtimes/pool/ref.py": {"PooledRef.ask"},
    "runtimes/pool/rescue.py": {"run_here"},
    "runtimes/pool/worker.py": {"Worker._work", "Worker._drop"},
}
"""Who takes the token out of `run_token`, and puts it back. The list is a lock, and these are its
holders. To take it is one instruction right before a `try`, so that no signal handler strikes in
between; a method of the cell would have a place for that where it returns, and cost a call for
each message."""

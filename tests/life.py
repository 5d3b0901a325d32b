"""Watches every mark of every actor's life, and says what `pykka._cell.life_table` does not know.

Nothing is sampled. While a `Witness` is there, to write one of the marks means to hold its lock,
to write, to read all marks of that actor, and to let go. As no mark can be written in between,
what was read is one moment, with the GIL and without it; and as this is done for each write, each
combination that there ever is, is seen, those that last for one step only included. Readers take
no lock and are not held up, so they see what they would see without a witness.

Where a class of a test has marks of its own making (the explorations of `tests.interleave`), only
one thread moves at a time, and `combination()` between two of its steps is one moment, too.
"""

from __future__ import annotations

import gc
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.leaks import wait_until

from pykka._cell.cell import Cell
from pykka._cell.extension import CellExtension
from pykka._cell.life_table import FLAGS, FOLLOWS, STATES
from pykka.runtimes.pool.cell import PooledCell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Combination = tuple[str, ...]

SLOTS: dict[str, tuple[type[Any], str]] = {
    "actor": (Cell, "actor"),
    "claimed": (Cell, "_claimed"),
    "begun": (PooledCell, "begun"),
    "run_token": (PooledCell, "run_token"),
    "stopped": (Cell, "stopped"),
    "ending": (Cell, "ending"),
    "closed": (Cell, "closed"),
    "has_system_messages": (Cell, "has_system_messages"),
    "killed": (CellExtension, "killed"),
    "down": (CellExtension, "down"),
}
"""Where each flag of the table lies."""

_members: dict[str, Any] = {flag: cls.__dict__[slot] for flag, (cls, slot) in SLOTS.items()}
_extras: Any = Cell.__dict__["extension"]


def combination(cell: Cell) -> Combination:
    """How all marks stand: a sign each, in the order of `FLAGS`; `-` if it has no such mark."""
    return tuple(_sign(cell, flag) for flag in FLAGS)


def _sign(cell: Cell, flag: str) -> str:
    owner: Any = cell
    cls = SLOTS[flag][0]
    if cls is PooledCell and not isinstance(cell, PooledCell):
        return "-"
    if flag == "claimed" and isinstance(cell, PooledCell):
        return "0"  # `begun` lies there
    if cls is CellExtension:
        owner = _extras.__get__(cell)
        if owner is None:
            return "0"
    value = _members[flag].__get__(owner)
    if flag == "actor":
        return "0" if value is None else "1"
    return "-" if value is None else str(int(bool(value)))


def states_of(found: Combination) -> list[str]:
    """The names of the states that a combination is one of; more than one is a faulty table."""
    return [*_names_of(found)]


@lru_cache(maxsize=1000)  # tests have few of them, again and again
def _names_of(found: Combination) -> tuple[str, ...]:
    return tuple(
        name
        for name, state in STATES.items()
        if any(_fits(found, pattern) for pattern in state.patterns)
    )


def _fits(found: Combination, pattern: str) -> bool:
    signs = pattern.split()
    return all(
        sign in (".", have) or (sign == "+" and have in "01")
        for sign, have in zip(signs, found, strict=True)
    )


def rests(found: Combination) -> bool:
    """Tell whether a combination may last, and is not one between two steps only."""
    state = STATES[state_of(found)]
    return not state.passes and any(
        _fits(found, pattern.replace("+", "1")) for pattern in state.patterns
    )


def state_of(found: Combination) -> str:
    """The name of the state that a combination is one of; AssertionError if there is none."""
    names = states_of(found)
    shown = " ".join(f"{flag}={sign}" for flag, sign in zip(FLAGS, found, strict=True))
    assert len(names) == 1, f"{shown} is in {names or 'no state'} of the table"
    return names[0]


def require_legal(cell: Cell) -> None:
    """Fail if the marks of an actor, no step of which is being done, are not in the table."""
    state_of(combination(cell))


class Witness:
    """Sees each write of each mark."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._last: dict[Cell, str] = {}
        self._owners: dict[int, tuple[CellExtension, Cell]] = {}
        self._known: dict[Combination, str] = {}
        self.combinations: dict[Combination, int] = {}
        self.steps: dict[tuple[str, str], int] = {}
        self.faults: list[str] = []

    def install(self) -> Callable[[], None]:
        """Begin to see; returns what ends it."""
        before = [(cls, slot, cls.__dict__[slot]) for cls, slot in SLOTS.values()]
        for flag, (cls, slot) in SLOTS.items():
            setattr(cls, slot, self._seen(flag))
        before.append((Cell, "extension", _extras))
        Cell.extension = self._seen_extras()  # type: ignore[assignment]
        had_gc = gc.isenabled()
        gc.disable()  # a finaliser that sends must not run while a lock of the cell is held

        def end() -> None:
            for cls, slot, member in before:
                setattr(cls, slot, member)
            if had_gc:
                gc.enable()
            self._last.clear()
            self._owners.clear()

        return end

    def _seen(self, flag: str) -> property:
        member = _members[flag]
        lock = self._lock

        def write(owner: Any, value: Any) -> None:
            if flag == "run_token":
                value = SeenTurn(value, self, owner)
            with lock:
                member.__set__(owner, value)
                if type(owner) is CellExtension:
                    found = self._owners.get(id(owner))
                    if found is not None:
                        self.note(found[1])
                else:
                    self.note(owner)

        return property(member.__get__, write)

    def _seen_extras(self) -> property:
        def write(cell: Cell, extension: CellExtension | None) -> None:
            with self._lock:
                _extras.__set__(cell, extension)
                if extension is not None:
                    self._owners[id(extension)] = extension, cell

        return property(_extras.__get__, write)

    def note(self, cell: Cell) -> None:
        """Note how the marks stand; the lock is held."""
        try:
            found = combination(cell)
        except AttributeError:
            return  # it is being made
        name = self._known.get(found)
        if name is None:
            try:
                name = self._known[found] = state_of(found)
            except AssertionError as error:
                name = "?"
                self.faults.append(f"{error} (after {self._last.get(cell)})")
        self.combinations[found] = self.combinations.get(found, 0) + 1
        last = self._last.get(cell)
        self._last[cell] = name
        if last is None or last == name:
            return
        self.steps[last, name] = self.steps.get((last, name), 0) + 1
        if "?" not in (last, name) and name not in FOLLOWS[last]:
            self.faults.append(f"{last!r} was followed by {name!r}")

    def require_legal(self) -> None:
        """Fail if anything was seen that is not in the table."""
        assert not self.faults, sorted(set(self.faults))

    def wait_for_rest(self) -> None:
        """Wait until no actor is between two steps; fail if one stays there."""

        def is_at_rest() -> bool:
            with self._lock:
                return all(rests(combination(cell)) for cell in self._last)

        wait_until(is_at_rest, "no actor is between two steps of its life")


class SeenTurn(list[bool]):
    """The token of a pooled actor."""

    def __init__(self, tokens: list[bool], witness: Witness, cell: Cell) -> None:
        super().__init__(tokens)
        self._witness = witness
        self._cell = cell

    def append(self, token: bool) -> None:
        with self._witness._lock:
            super().append(token)
            self._witness.note(self._cell)

    def __delitem__(self, index: Any) -> None:
        with self._witness._lock:
            super().__delitem__(index)
            self._witness.note(self._cell)


def witnessed() -> Iterator[Witness]:
    """The body of a fixture: all lives of a test are as the table says."""
    witness = Witness()
    end = witness.install()
    try:
        yield witness
        witness.require_legal()
        witness.wait_for_rest()
    finally:
        end()

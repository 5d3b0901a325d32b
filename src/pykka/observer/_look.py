"""What a viewer is shown, as plain data: numbers, strings, lists and dictionaries.

What is made on the observer's own thread (`Looker`) calls nothing of the program's. Whatever may,
such as the `repr()` of a message, is made by *errands*, each on a thread of its own, which may
hang without harm; they are the functions at the end.

Actors are known to viewers by numbers. A number is kept for an actor that was shown lately, and
forgotten soon after, so that none is kept in memory because it was looked at.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from functools import partial
from time import monotonic, process_time, time
from typing import TYPE_CHECKING, Any

from pykka import debug
from pykka._cell.metering import statistics_of
from pykka._cell.tracing import message_in_words
from pykka._ref.ref import ref_at
from pykka._system.life_events import ActorFailed, ActorRestarted, SupervisorGaveUp
from pykka._system.system import all_systems
from pykka._util.checks import class_dict, in_seconds, shorten
from pykka._util.imported import imported
from pykka._util.log import safe_str
from pykka.debug import _wait_graph
from pykka.observer import _scan
from pykka.observer._scan import OF_A_CLASS, Round, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykka._cell.cell import Cell
    from pykka._system.system import ActorSystem

TIME_FOR_A_LOOK = 0.003
"""Seconds of processor time that the scan may take for one look."""

KEEP = 20.0
"""Seconds for which the number of an actor is good after it was shown, at least."""

NEWS = 50
"""So many dead letters, failures and restarts are kept."""

WORTH_A_LOOK = 5.0
"""Seconds that an errand waits for an actor."""


class Keys:
    """The numbers by which viewers know actors."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._keys: dict[Cell, int] = {}
        self._cells: dict[int, Cell] = {}
        self._before: dict[Cell, int] = {}
        self._since = monotonic()

    def of(self, cell: Cell) -> int:
        """The number of an actor."""
        key = self._keys.get(cell)
        if key is None:
            key = self._before.get(cell) or next(self._numbers)
            self._keys[cell] = key
            self._cells[key] = cell
        return key

    def find(self, key: object) -> Cell | None:
        """The actor with a number; `None` if it is not known any more."""
        cell = self._cells.get(key) if isinstance(key, int) else None
        if cell is not None:
            self.of(cell)
        return cell

    def grow_old(self) -> None:
        """Forget the actors that have not been shown for a while."""
        if monotonic() - self._since >= KEEP:
            self._since = monotonic()
            self._before, self._keys = self._keys, {}
            self._cells = {key: cell for cell, key in self._before.items()}

    def clear(self) -> None:
        """Forget all of them."""
        self._keys, self._before, self._cells = {}, {}, {}


class Looker:
    """Looks at a program for its viewers. Only the observer's thread uses it, but for `_news`."""

    def __init__(self) -> None:
        self.keys = Keys()
        self._numbers = itertools.count(1)
        self._began = monotonic()
        self._round: Round | None = None
        """The one that is not complete."""
        self._last: Round | None = None
        self._news: deque[dict[str, Any]] = deque(maxlen=NEWS)
        self._listens: dict[ActorSystem, tuple[Any, Any]] = {}

    # What comes by itself, while a viewer looks.

    def listen(self) -> None:
        """Have dead letters, failures and restarts be noted, those of new systems too."""
        for system in all_systems():
            if system not in self._listens:
                noted = self._note_letter, self._note_event
                self._listens[system] = noted
                system.dead_letters.subscribe(noted[0])
                for kind in (ActorFailed, ActorRestarted):
                    system.events.subscribe(kind, noted[1])

    def rest(self) -> None:
        """Note nothing more, and let go of everything: no viewer is left."""
        for system, (on_letter, on_event) in self._listens.items():
            system.dead_letters.unsubscribe(on_letter)
            system.events.unsubscribe(on_event)
        self._listens.clear()
        self._news.clear()
        self._round = self._last = None
        self.keys.clear()

    def _note_letter(self, letter: Any) -> None:
        """Note a dead letter; any thread may come here, perhaps very often."""
        self._note("dead letter", letter.target._cell, type(letter.message), letter.reason)

    def _note_event(self, event: Any) -> None:
        if type(event) is ActorRestarted:
            self._note("restarted", event.ref._cell, None, "")
        elif type(event) is SupervisorGaveUp:
            self._note("gave up", event.ref._cell, type(event.exception), "")
        else:
            self._note("failed", event.ref._cell, type(event.exception), "")

    def _note(self, what: str, cell: Cell, kind: Any, why: str) -> None:
        self._news.append(
            {
                "number": next(self._numbers),
                "at": time(),
                "what": what,
                "actor": label_of(cell),
                "kind": None if kind is None else _name_of(kind),
                "why": why,
            }
        )

    # Looking.

    def look(self, actor_class: str | None) -> dict[str, Any]:
        """How it stands with the program.

        Args:
            actor_class: The class whose actors are wanted one by one, if there are many;
                `None` for all actors, added up by class if there are many.
        """
        self.listen()
        self.keys.grow_old()
        if self._round is None:
            self._round = Round()
        if self._round.go_on(TIME_FOR_A_LOOK):
            self._last, self._round = self._round, None
        shown = self._last or self._round
        assert shown is not None  # noqa: S101 (one of the two was set above)
        systems = all_systems()
        tallies = shown.tallies
        found: dict[str, Any] = {
            "uptime": monotonic() - self._began,
            "cpu": process_time(),
            "memory": _resident(),
            "threads": threading.active_count(),
            "actors": sum(len(system._refs) for system in systems),
            "waiting": sum(tally.waiting for tally in tallies.values()),
            "busy": sum(tally.busy for tally in tallies.values()),
            "timers": sum(tally.timers for tally in tallies.values()),
            "restarts": sum(tally.restarts for tally in tallies.values()),
            "handled": _sum(tally.handled for tally in tallies.values()),
            "failures": _sum(tally.failures for tally in tallies.values()),
            "waited": sum(tally.waited for tally in tallies.values()),
            "systems": [
                {
                    "name": system.name,
                    "actors": len(system._refs),
                    "dead_letters": system.dead_letters._total,
                }
                for system in systems
                if system._refs or system.dead_letters._total
            ],
            "dispatchers": _dispatchers(),
            "progress": 1.0 if shown is self._last and shown.is_small else self._progress(),
            "age": monotonic() - shown.ended_at if shown is self._last else None,
            "waits": self._waits(shown.waiting),
            "news": list(self._news),
        }
        if shown.is_small:
            found |= {"by": "actor", "rows": self._rows(shown.cells, shown.supervisors)}
        elif actor_class is None:
            found |= {"by": "class", "rows": _classes(tallies)}
        else:
            chosen = [tally for kind, tally in tallies.items() if _name_of(kind) == actor_class]
            cells = [cell for tally in chosen for cell in tally.cells()][:OF_A_CLASS]
            found |= {"by": "actor", "rows": self._rows(cells, shown.supervisors)}
        return found

    def _progress(self) -> float:
        return 1.0 if self._round is None else self._round.progress

    def _rows(self, cells: list[Cell], supervisors: list[Cell]) -> list[dict[str, Any]]:
        wanted = dict.fromkeys(cells)
        again = {
            cell: (restarts, child_id)
            for cell, restarts, child_id in _scan.restarts_of(supervisors)
            if cell in wanted
        }
        return [self._row(cell, again, wanted) for cell in cells if cell.actor is not None]

    def _row(
        self, cell: Cell, again: dict[Cell, tuple[int, Any]], wanted: dict[Cell, None]
    ) -> dict[str, Any]:
        extension: Any = cell.extension
        parent = None if extension is None else extension.parent
        meter = None if extension is None else extension.meter
        return {
            "key": self.keys.of(cell),
            "parent": None if parent not in wanted else self.keys.of(parent),
            "class": _name_of(cell.actor_class),
            "name": label_of(cell),
            "state": state_of(cell),
            "waiting": _scan.waiting_in(cell),
            "oldest": _scan.oldest_in(cell),
            "handled": None if meter is None else max(0, meter.taken - meter.set_aside),
            "failures": None if meter is None else meter.failures,
            "waited": 0.0 if meter is None else meter.waited,
            "restarts": again[cell][0] if cell in again else None,
        }

    def _waits(self, cells: Iterable[Cell]) -> list[dict[str, Any]]:
        """Who waits for whom, as it is now; and which of them wait for each other in a circle."""
        edges: dict[Cell, Cell] = {}
        for cell in cells:
            source: Any = cell
            while source is not None and source not in edges:
                target: Any = _wait_graph.target_of(source)
                if target is not None:
                    edges[source] = target
                source = target
        in_circle = _in_circles(edges)
        return [
            {
                "from": self.keys.of(source),
                "from_name": label_of(source),
                "to": self.keys.of(target),
                "to_name": label_of(target),
                "circle": source in in_circle,
            }
            for source, target in edges.items()
        ]

    def find(self, name: str) -> int | None:
        """The number of the actor with a name or a URN."""
        for system in all_systems():
            cell = system._by_name.get(name) or system._by_urn.get(name)
            if cell is not None:
                return self.keys.of(cell)
        return None


def _in_circles(edges: dict[Cell, Cell]) -> set[Cell]:
    found: set[Cell] = set()
    settled: set[Cell] = set()
    for start in edges:
        path: dict[Cell, int] = {}
        at = start
        while at in edges and at not in settled:
            settled.add(at)
            path[at] = len(path)
            at = edges[at]
        if at in path:
            found.update(list(path)[path[at] :])
    return found


def _classes(tallies: dict[type, Tally]) -> list[dict[str, Any]]:
    return [
        {
            "class": _name_of(kind),
            "actors": tally.actors,
            "busy": tally.busy,
            "down": tally.are_down,
            "waiting": tally.waiting,
            "fullest": max((entry[0] for entry in tally.fullest), default=0),
            "oldest": tally.oldest,
            "handled": tally.handled,
            "failures": tally.failures,
            "waited": tally.waited,
            "timers": tally.timers,
        }
        for kind, tally in list(tallies.items())[: _scan.MOST_ROWS]
    ]


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _dispatchers() -> list[dict[str, Any]]:
    """The dispatchers of pooled actors, if the program has any."""
    module: Any = imported("pykka.runtimes.pool.dispatcher")
    if module is None:
        return []
    found: list[dict[str, Any]] = []
    for pool, _daemon in module._snapshot():
        counts = module.pool_statistics(pool)
        found.append(
            {
                "name": pool.name,
                "threads": counts.threads,
                "idle": counts.idle,
                "blocked": counts.blocked,
                "ready": counts.ready,
                "max_threads": counts.max_threads,
            }
        )
    return found


def _resident() -> int | None:
    """How many bytes of memory the process has, if the system says so."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (it is quick)
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def label_of(cell: Cell) -> str:
    """What an actor is called: by its name, the end of its URN, or just by its class."""
    short = cell.actor_class.__name__
    extension = cell.extension
    if extension is not None and extension.name is not None:
        return extension.name
    urn = cell.urn_if_seen
    return short if urn is None else f"{short} {safe_str(urn)[-6:]}"


def state_of(cell: Cell) -> str:
    """What an actor is about, in one word."""
    extension = cell.extension
    for word, is_so in (
        ("ended", cell.closed or cell.actor is None),
        ("ending", cell.ending or cell.stopped),
        ("down", extension is not None and extension.down),
        ("waiting", cell.waiting is not None),
        ("busy", cell.handling is not None),
    ):
        if is_so:
            return word
    return "idle"


# --- errands: on threads of their own -----------------------------------------------------------


def describe_actor(cell: Cell, key: int) -> dict[str, Any]:
    """Say all of one actor that can be said without asking it."""
    extension: Any = cell.extension
    counts = statistics_of(cell)
    letter: Any = cell.handling
    place = cell.find_place()
    timers = 0 if extension is None else len(extension.timers)
    supervision = None if extension is None else extension.supervision
    return {
        "key": key,
        "class": _name_of(cell.actor_class),
        "name": label_of(cell),
        "urn": safe_str(cell.urn),
        "system": getattr(cell.services, "name", None),
        "state": state_of(cell),
        "runtime": _runtime_of(cell),
        "handles": _what_it_handles(cell.actor_class),
        "handling": None if letter is None else message_in_words(letter),
        "place": None if place is None else str(place),
        "statistics": {
            "waiting": counts.waiting,
            "stashed": counts.stashed,
            "handled": counts.handled,
            "failures": counts.failures,
            "oldest": counts.oldest,
            "cancelled": counts.cancelled,
            "expired": counts.expired,
        },
        "timers": timers,
        "parent": None
        if extension is None or extension.parent is None
        else label_of(extension.parent),
        "children": []
        if extension is None
        else [label_of(one) for one in list(extension.children)[:50]],
        "is_supervised": supervision is not None,
    }


def _runtime_of(cell: Cell) -> str:
    names = {
        base.__name__ for base in cell.actor_class.__mro__ if base.__module__.startswith("pykka.")
    }
    for name, runtime in (
        ("PooledActor", "pool"),
        ("AsyncioActor", "event loop"),
        ("ThreadingActor", "thread"),
    ):
        if name in names:
            return runtime
    return "another runtime"


def _what_it_handles(actor_class: type) -> list[str]:
    """The public methods of a class, and the messages that it says it accepts."""
    found: dict[str, None] = {}
    for base in actor_class.__mro__:
        if base.__module__.partition(".")[0] == "pykka":
            continue
        for each in class_dict(base).get("__orig_bases__", ()):
            if getattr(getattr(each, "__origin__", None), "__name__", "") == "Accepts":
                found.update(dict.fromkeys(map(_in_short, each.__args__)))
        for name, value in class_dict(base).copy().items():
            is_hook = name.startswith(("on_", "_", "pre_"))
            if name == "on_receive":
                found["any message, by on_receive()"] = None
            elif callable(value) and not is_hook and not isinstance(value, type):
                found[f"{name}()"] = None
    return list(found)[:50]


def _in_short(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else shorten(kind)


def look_inside(cell: Cell) -> dict[str, Any]:
    """Ask an actor for its attributes; see `pykka.debug.get_state`.

    Raises:
        ActorDeadError: It is dead.
        TimeoutError: It has not come to it.
    """
    ref = ref_at(cell)
    future: Any = debug.get_state(ref, block=False)
    arrived = threading.Event()
    # Not future.get(): a thread that waits there may have to do the work of a pool meanwhile.
    future.add_done_callback(partial(_announce, arrived))
    if not arrived.wait(WORTH_A_LOOK):
        message = cell.handled_message
        doing = "handles no message" if message is None else f"handles {shorten(message)}"
        msg = f"it has not come to it in {in_seconds(WORTH_A_LOOK)}: it {doing}"
        raise TimeoutError(msg)
    found: dict[str, Any] = future.get(timeout=0)
    return {"attributes": {safe_str(name): shorten(value) for name, value in found.items()}}


def _announce(arrived: threading.Event, _future: object) -> None:
    arrived.set()


def describe_waits(cells: list[Cell]) -> dict[str, Any]:
    """Say of those who wait what they wait for, and where."""
    graph = _wait_graph.look_around(cells)
    return {
        "text": str(graph),
        "mermaid": graph.mermaid(),
        "waiting": [
            {
                "from": label_of(each.actor._cell),
                "to": label_of(each.waits_for._cell),
                "message": each.message,
                "filename": each.filename,
                "line": each.line,
                "function": each.function,
                "thread": each.thread,
            }
            for each in graph.waiting
        ],
    }


def last_messages(trace: debug.Trace) -> dict[str, Any]:
    """The last messages of an actor that is traced."""
    return {
        "messages": [
            {
                "message": each.message,
                "outcome": each.outcome,
                "detail": each.detail,
                "at": each.at,
                "seconds": each.seconds,
            }
            for each in trace.messages
        ]
    }

"""The wait-for graph of a live program, as a value that can be printed and drawn.

It is read off the edges that `pykka._deadlock.wait_graph` keeps, without a lock: the thread that
looks may have been interrupted by a signal handler anywhere, and the others do not stop for it. So
it is no picture of a single moment. Each wait in it was there when it was looked at; of a program
that hangs that is all one wants.

Nothing in the value belongs to the program: messages are kept as text, threads as names. Who looks
at a graph tomorrow keeps no actor alive.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pykka._deadlock.stacks import read_stacks, running_codes
from pykka._deadlock.wait_graph import (
    Edge,
    Wait,
    follow,
    is_ours,
    place_of_edge,
    place_on,
)
from pykka._futures.promise import Promise
from pykka._ref.ref import ActorRef, ref_at
from pykka._system.system import all_systems
from pykka._util.checks import shorten
from pykka._util.gil import has_gil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from pykka._deadlock.wait_graph import Place, WaitingCell

LONGEST_IN_A_PICTURE = 60
"""So many characters of a message are shown beside an arrow."""


@dataclass(frozen=True)
class WaitingActor:
    """An actor whose handler waits for another actor, without a timeout."""

    actor: ActorRef[Any]
    """Who waits."""

    waits_for: ActorRef[Any]
    """Whom it waits for."""

    message: str | None
    """The message that it handles meanwhile, as `repr()` shows it, 200 characters at most.

    `None` if it handles none, but is in its start hook, for instance.
    """

    waits_for_message: str | None
    """The message that the other one handles; `None` if it handles none."""

    filename: str | None
    """The file with the code that waits; `None` if that could not be found out."""

    line: int | None
    """The number of the line in which it waits."""

    function: str | None
    """The function in which it waits."""

    thread: str | None
    """The name of the thread that it holds up; `None` if that could not be found out."""

    runs_other: bool
    """Whether that thread runs the other actor meanwhile; see `PooledActor.caller_runs`."""

    def __str__(self) -> str:
        lines = [f"{_name(self.actor)} waits for {_name(self.waits_for)}"]
        if self.message is not None:
            lines.append(f"while it handles {self.message}")
        if self.filename is not None:
            lines.append(f'File "{self.filename}", line {self.line}, in {self.function}')
        if self.thread is not None:
            rest = ", which runs the other one meanwhile" if self.runs_other else ""
            lines.append(f"on thread {self.thread}{rest}")
        return "\n    ".join(lines)


@dataclass(frozen=True)
class WaitGraph:
    """Which actors wait for which others, as `wait_graph()` found it."""

    waiting: tuple[WaitingActor, ...]
    """The actors that wait. Those that wait for each other follow on each other."""

    @property
    def circles(self) -> tuple[tuple[WaitingActor, ...], ...]:
        """The circles of actors that wait for each other, so that none of them can go on.

        There are none, except for the moment in which an actor finds one and raises
        `DeadlockError`.
        """
        edges = {each.actor: each for each in self.waiting}
        circles: list[tuple[WaitingActor, ...]] = []
        settled: set[ActorRef[Any]] = set()
        for start in edges:
            path: list[ActorRef[Any]] = []
            at = start
            while at in edges and at not in settled:
                settled.add(at)
                path.append(at)
                at = edges[at].waits_for
            if at in path:
                circles.append(tuple(edges[each] for each in path[path.index(at) :]))
        return tuple(circles)

    def __str__(self) -> str:
        """The graph as text, for people."""
        if not self.waiting:
            return "No actor waits for another one."
        count = len(self.waiting)
        lines = ["1 actor waits:" if count == 1 else f"{count} actors wait:"]
        lines += [f"  {each}".replace("\n", "\n  ") for each in self.waiting]
        for ref, message in self._ends():
            doing = "handles no message" if message is None else f"handles {message}"
            lines.append(f"{_name(ref)} waits for no actor; it {doing}")
        for circle in self.circles:
            names = [_name(each.actor) for each in circle]
            lines.append("A circle: " + " → ".join([*names, names[0]]))
        return "\n".join(lines)

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, which many wikis and editors draw.

        An arrow leads from the one who waits to the one it waits for. It is dotted if the thread
        of the one runs the other meanwhile, and red in a circle.
        """
        numbers = self._numbers()
        messages = self._messages()
        in_circle = {each for circle in self.circles for each in circle}
        lines = ["flowchart LR"]
        for ref, number in numbers.items():
            label = "<br>".join(map(_for_mermaid, _node_label(ref, messages[ref])))
            lines.append(f'    a{number}["{label}"]')
        red: list[int] = []
        for index, each in enumerate(self.waiting):
            arrow = "-.->" if each.runs_other else "-->"
            text = "<br>".join(map(_for_mermaid, _edge_label(each)))
            ends = numbers[each.actor], numbers[each.waits_for]
            lines.append(f'    a{ends[0]} {arrow}|"{text}"| a{ends[1]}')
            if each in in_circle:
                red.append(index)
        if red:
            lines.append(f"    linkStyle {','.join(map(str, red))} stroke:#c00,stroke-width:3px")
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """Return the graph in the DOT language, for Graphviz.

        The arrows are those of `mermaid()`.
        """
        numbers = self._numbers()
        messages = self._messages()
        in_circle = {each for circle in self.circles for each in circle}
        lines = ["digraph waits {", "    rankdir=LR;", "    node [shape=box];"]
        for ref, number in numbers.items():
            label = r"\n".join(map(_for_dot, _node_label(ref, messages[ref])))
            lines.append(f'    a{number} [label="{label}"];')
        for each in self.waiting:
            ends = numbers[each.actor], numbers[each.waits_for]
            text = r"\n".join(map(_for_dot, _edge_label(each)))
            style = ", style=dashed" if each.runs_other else ""
            colour = ', color="#cc0000", penwidth=2' if each in in_circle else ""
            lines.append(f'    a{ends[0]} -> a{ends[1]} [label="{text}"{style}{colour}];')
        return "\n".join([*lines, "}"]) + "\n"

    def _numbers(self) -> dict[ActorRef[Any], int]:
        """All actors of the graph, numbered."""
        refs = [ref for each in self.waiting for ref in (each.actor, each.waits_for)]
        return {ref: number for number, ref in enumerate(dict.fromkeys(refs), 1)}

    def _messages(self) -> dict[ActorRef[Any], str | None]:
        """What each actor of the graph handles."""
        others = {each.waits_for: each.waits_for_message for each in self.waiting}
        return others | {each.actor: each.message for each in self.waiting}

    def _ends(self) -> list[tuple[ActorRef[Any], str | None]]:
        """The actors that others wait for, and that do not wait themselves."""
        waiting = {each.actor for each in self.waiting}
        return [(ref, text) for ref, text in self._messages().items() if ref not in waiting]


def look_around(cells: Iterable[WaitingCell] | None = None) -> WaitGraph:
    """Look who waits for whom, right now.

    Args:
        cells: The actors to begin with; `None` for all there are.
    """
    edges: dict[WaitingCell, Edge] = {}
    if cells is None:
        cells = [ref._cell for system in all_systems() for ref in system.get_all()]
    for cell in cells:
        # An actor that ends is registered no more; it is found if an actor waits for it.
        source = cell
        while source not in edges:
            edge = _edge_of(source)
            if edge is None:
                break
            edges[source] = edge
            source = edge.target
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    lending = any(not isinstance(edge.wait, Wait) for edge in edges.values())
    lenders = _find_lenders() if lending else {}
    found: list[WaitingActor] = []
    for source in _in_order(edges):
        ident, place = _where(source, edges, lenders)
        target = edges[source].target
        # The graph knows no more of those that wait than it needs; they are cells, as above.
        found.append(
            WaitingActor(
                actor=ref_at(source),  # type: ignore[arg-type]
                waits_for=ref_at(target),  # type: ignore[arg-type]
                message=_handled(source),
                waits_for_message=_handled(target),
                filename=None if place is None else place.filename,
                line=None if place is None else place.line,
                function=None if place is None else place.function,
                thread=None if ident is None else threads.get(ident, f"{ident} (without a name)"),
                runs_other=not isinstance(edges[source].wait, Wait),
            )
        )
    return WaitGraph(tuple(found))


def _edge_of(source: WaitingCell) -> Edge | None:
    """The edge from an actor to the one it waits for, through answers that were handed on."""
    edge = follow(source)
    while edge is not None and isinstance(edge.target, Promise):
        further = follow(edge.target)
        edge = None if further is None else Edge(source, edge.wait, further.target)
    return edge


def target_of(source: WaitingCell) -> WaitingCell | None:
    """The actor that one waits for, if it does; no code of the program's runs."""
    edge = _edge_of(source)
    return None if edge is None else edge.target


def _in_order(edges: dict[WaitingCell, Edge]) -> Iterator[WaitingCell]:
    """Those that no actor waits for, each followed by those it waits for; then the circles."""
    targets = {edge.target for edge in edges.values()}
    seen: set[WaitingCell] = set()
    for start in [*(source for source in edges if source not in targets), *edges]:
        source = start
        while source in edges and source not in seen:
            seen.add(source)
            yield source
            source = edges[source].target


def _where(
    source: WaitingCell,
    edges: dict[WaitingCell, Edge],
    lenders: dict[tuple[WaitingCell, WaitingCell], tuple[int, Place]],
) -> tuple[int | None, Place | None]:
    """On which thread, and in which line, an actor waits."""
    found = lenders.get((source, edges[source].target))
    if found is not None:
        return found
    # The actors that its thread runs, one on top of the other, up to one that blocks the thread.
    stacked: list[Edge] = []
    following = edges.get(source)
    while following is not None and following not in stacked:
        stacked.append(following)
        wait = following.wait
        if isinstance(wait, Wait):
            return wait.thread, place_of_edge(stacked)
        following = edges.get(following.target)
    return None, None


def _find_lenders() -> dict[tuple[WaitingCell, WaitingCell], tuple[int, Place]]:
    """Find the threads that run one actor on top of another, and where the lower one waits.

    The functions that do so have the two cells in their local variables. To read those of a
    thread that runs is safe only where that thread cannot go on meanwhile: with the GIL.
    """
    return read_stacks(_lenders_on) if has_gil() else {}


def _lenders_on(
    stacks: Mapping[int, Sequence[FrameType]],
) -> dict[tuple[WaitingCell, WaitingCell], tuple[int, Place]]:
    found: dict[tuple[WaitingCell, WaitingCell], tuple[int, Place]] = {}
    for ident, stack in stacks.items():
        runs: tuple[WaitingCell, WaitingCell] | None = None
        for frame in stack:
            names = running_codes.get(frame.f_code)
            if names is not None and names.caller is not None:
                variables = frame.f_locals
                runs = variables.get(names.caller), variables.get(names.cell)  # type: ignore[assignment]
            elif runs is not None and not is_ours(frame):
                found[runs] = ident, place_on([frame])
                runs = None
    return found


def _handled(cell: WaitingCell) -> str | None:
    message = cell.handled_message
    return None if message is None else shorten(message)


def _name(ref: ActorRef[Any]) -> str:
    return str(ref._cell)


def _node_label(ref: ActorRef[Any], message: str | None) -> list[str]:
    """What stands in the box of an actor."""
    urn = ref.actor_urn
    lines = [ref.actor_class.__name__, urn if len(urn) <= LONGEST_IN_A_PICTURE else urn[-12:]]
    return lines if message is None else [*lines, f"handles {_cut(message)}"]


def _edge_label(each: WaitingActor) -> list[str]:
    """What stands beside an arrow."""
    lines: list[str] = []
    if each.filename is not None:
        lines.append(f"{Path(each.filename).name}, line {each.line}, in {each.function}")
    if each.thread is not None:
        lines.append(f"on {each.thread}")
    return lines or ["waits"]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_IN_A_PICTURE else f"{text[: LONGEST_IN_A_PICTURE - 1]}…"


def _for_mermaid(text: str) -> str:
    """Write text so that Mermaid takes none of it for anything else."""
    # It knows quotation marks, entities, HTML, Markdown and directives. The escape is its own way
    # to write a character by its number. Formulas and line ends ("$$", a backslash and an "n") it
    # looks for after that, so a space without width comes between.
    return "".join(
        char if char.isalnum() or char in " .,:_-()/=…" else f"#{ord(char)};"
        for char in _printable(text).replace("\\", "\\\u200b").replace("$", "$\u200b")
    )


def _for_dot(text: str) -> str:
    """Write text so that Graphviz shows it as it is, in a string between quotation marks."""
    text = _printable(text).replace("&", "&amp;")  # it knows HTML's entities
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)

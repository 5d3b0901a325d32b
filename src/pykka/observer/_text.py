"""What a viewer is shown, as plain text; the screens use parts of it."""

from __future__ import annotations

import shutil
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykka.observer._client import Client

LONG_ENOUGH = 15.0
"""Seconds after which what has been looked at so far has to do."""

ACTOR_COLUMNS = {
    "name": "Actor",
    "state": "State",
    "waiting": "Inbox",
    "oldest": "Oldest",
    "handled": "Handled",
    "rate": "Rate/s",
    "trend": "Trend",
    "latency": "Latency",
    "failures": "Failed",
    "restarts": "Restarts",
    "class": "Class",
}
"""The columns of actors, in the order of their importance, but for the class."""

CLASS_COLUMNS = {
    "class": "Class",
    "actors": "Actors",
    "waiting": "Inbox",
    "fullest": "Fullest",
    "oldest": "Oldest",
    "busy": "Busy",
    "handled": "Handled",
    "rate": "Rate/s",
    "trend": "Trend",
    "latency": "Latency",
    "failures": "Failed",
    "timers": "Timers",
    "down": "Down",
}

TO_THE_LEFT = {"name", "class", "state", "trend"}

OVER_TIME = {"rate", "trend", "latency"}
"""The columns that take two looks at least."""

REMEMBERED = 10
"""So many values of a trend are shown."""

BARS = "▁▂▃▄▅▆▇█"


class _Counts(NamedTuple):
    """What a row had counted."""

    handled: int
    waited: float


class Trend:
    """How a row has developed."""

    __slots__ = ("latencies", "rates")

    def __init__(self) -> None:
        self.rates: deque[float] = deque(maxlen=REMEMBERED)
        """Messages handled a second."""
        self.latencies: deque[float] = deque(maxlen=REMEMBERED)
        """Seconds that the messages which were handled had lain in the inbox, on average."""


class Trends:
    """How the rows, and the program as a whole, develop from look to look.

    Of very many actors, what is counted changes only when all of them have been looked at, which
    takes several looks. So the times between which it has changed are those of these rounds.
    """

    ALL = "all"
    """The key of the program as a whole."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._counts: dict[str, _Counts] = {}
        self._trends: dict[str, Trend] = {}

    def note(self, look: dict[str, Any]) -> None:
        """Note what a look has found."""
        if look["age"] is None:
            return
        at = look["uptime"] - look["age"]
        passed = None if self._at is None else at - self._at
        if passed is not None and passed < 0.001:  # noqa: PLR2004 (the same round again)
            return
        counts: dict[str, _Counts] = {}
        trends: dict[str, Trend] = {}
        rows: list[dict[str, Any]] = [*look["rows"], {**look, "key": self.ALL}]
        for row in rows:
            if row["handled"] is None:
                continue
            key = row_key(row)
            counts[key] = now = _Counts(row["handled"], row["waited"])
            trends[key] = trend = self._trends.get(key) or Trend()
            before = self._counts.get(key)
            if before is not None and passed is not None:
                handled = max(0, now.handled - before.handled)
                trend.rates.append(handled / passed)
                waited = max(0.0, now.waited - before.waited)
                trend.latencies.append(waited / handled if handled else 0.0)
        self._at, self._counts, self._trends = at, counts, trends

    def of(self, key: str) -> dict[str, Any]:
        """What a row has in the columns of that kind."""
        trend = self._trends.get(key)
        if trend is None or not trend.rates:
            return dict.fromkeys(OVER_TIME)
        return {
            "rate": trend.rates[-1],
            "trend": spark(trend.rates),
            "latency": trend.latencies[-1] if trend.rates[-1] else None,
        }

    def in_words(self) -> str:
        """How the program as a whole develops; nothing if nothing is counted."""
        trend = self._trends.get(self.ALL)
        if trend is None or not trend.rates:
            return ""
        text = f"{cell({'rate': trend.rates[-1]}, 'rate')} handled a second {spark(trend.rates)}"
        if trend.rates[-1]:
            text += f", latency {seconds(trend.latencies[-1])} {spark(trend.latencies)}"
        return text


def row_key(row: dict[str, Any]) -> str:
    """What tells rows apart: the number of the actor, or the name of the class."""
    return str(row["key"]) if "key" in row else row["class"]


def spark(values: Iterable[float]) -> str:
    """A picture of numbers, one bar for each; the highest is the largest of them."""
    found = list(values)
    most = max(found, default=0.0) or 1.0
    return "".join(BARS[int(value / most * (len(BARS) - 1))] for value in found)


def as_text(client: Client) -> str:
    """How it stands with a program; of one with very many actors it takes a few seconds."""
    until = time.monotonic() + LONG_ENOUGH
    look = client.ask("look")
    while look["age"] is None and time.monotonic() < until:
        look = client.ask("look")
    width = shutil.get_terminal_size((100, 24)).columns
    lines = [*summary(client.program, look), ""]
    columns = ACTOR_COLUMNS if look["by"] == "actor" else CLASS_COLUMNS
    rows = in_tree(look["rows"]) if look["by"] == "actor" else by_inbox(look["rows"])
    heads = [(name, head) for name, head in columns.items() if name not in OVER_TIME]
    cells = [[cell(row, name) for name, _head in heads] for row in rows]
    lines += table(heads, cells, width)
    if look["waits"]:
        lines += ["", *lines_of_waits(look["waits"])]
    if look["news"]:
        lines += ["", *lines_of_news(look["news"][-10:])]
    return "\n".join(lines)


def summary(program: dict[str, Any], look: dict[str, Any]) -> list[str]:
    """The head: two or three lines."""
    letters = sum(system["dead_letters"] for system in look["systems"])
    first = f"{program['name']} ({program['pid']}), Pykka {program['pykka']}, "
    first += f"Python {program['python']}"
    second = f"{so_many(look['actors'], 'actor')}, {number(look['busy'])} busy, "
    second += f"{so_many(look['waiting'], 'message')} waiting"
    third = f"{so_many(look['restarts'], 'restart')}, {so_many(letters, 'dead letter')}, "
    third += f"{so_many(look['timers'], 'timer')}, {so_many(look['threads'], 'thread')}"
    if look["memory"] is not None:
        third += f", {look['memory'] / 2**20:.0f} MiB"
    lines = [first, second, third]
    lines += [dispatcher(each) for each in look["dispatchers"]]
    if look["progress"] < 1:
        lines.append(f"looking at all of them: {look['progress']:.0%}")
    return lines


def dispatcher(each: dict[str, Any]) -> str:
    """One dispatcher in a line."""
    text = (
        f"{each['name']}: {so_many(each['threads'], 'thread')} of at most {each['max_threads']}, "
    )
    text += f"{each['idle']} idle, {each['blocked']} blocked; "
    return f"{text}{so_many(each['ready'], 'actor')} ready"


def lines_of_waits(edges: Iterable[dict[str, Any]]) -> list[str]:
    """Who waits for whom."""
    return [
        f"{each['from_name']} waits for {each['to_name']}" + ("  (a circle)" * each["circle"])
        for each in edges
    ]


def lines_of_news(found: Iterable[dict[str, Any]]) -> list[str]:
    """Dead letters, failures and restarts."""
    return [f"{clock(each['at'])}  {new(each)}" for each in found]


def new(each: dict[str, Any]) -> str:
    """One of them, without the time."""
    kind = (each["kind"] or "").removeprefix("builtins.")
    if each["what"] == "dead letter":
        why = f": {each['why']}" if each["why"] else ""
        return f"dead letter  {kind} to {each['actor']}{why}"
    return f"{each['what']}  {each['actor']}" + (f" with {kind}" if kind else "")


def clock(at: float) -> str:
    """The time of the day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def in_tree(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The actors in the order of a tree, each with the lines that lead to it as its `"branch"`."""
    children: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        children.setdefault(row["parent"], []).append(row)
    found: list[dict[str, Any]] = []
    # A stack, and not a recursion: a tree may be a thousand actors deep.
    stack = [(row, "", "") for row in reversed(children.get(None, []))]
    while stack:
        row, branch, below = stack.pop()
        found.append(row | {"branch": branch})
        own = children.get(row["key"], [])
        for index, child in reversed(list(enumerate(own))):
            is_last = index == len(own) - 1
            lead = below + ("└─ " if is_last else "├─ ")
            stack.append((child, lead, below + ("   " if is_last else "│  ")))
    return found


def by_inbox(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fullest inboxes first."""
    return sorted(rows, key=lambda row: -(row["waiting"] or 0))


def cell(row: dict[str, Any], column: str) -> str:
    """What stands in a column of a row."""
    value = row.get(column)
    if column == "name":
        return f"{row.get('branch', '')}{value}"
    if column == "class":
        return str(value)
    if column in {"oldest", "latency"}:
        return "" if value is None else seconds(value)
    if value is None:
        return "?" if column == "waiting" else ""
    if column == "rate":
        return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.1f}"  # noqa: PLR2004
    return number(value) if isinstance(value, int) else str(value)


def number(value: int | None) -> str:
    """A number, with its thousands apart."""
    return "" if value is None else f"{value:,}"


def so_many(value: int, what: str) -> str:
    """So many of something."""
    return f"{number(value)} {what}{'' if value == 1 else 's'}"


def seconds(value: float) -> str:
    """A time in a few characters."""
    if value < 0.001:  # noqa: PLR2004 (a millisecond)
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:  # noqa: PLR2004 (a minute)
        return f"{value:.1f} s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(heads: list[tuple[str, str]], rows: list[list[str]], width: int) -> list[str]:
    """Rows in columns, none of them longer than the width of the terminal."""
    columns = list(zip(*rows, strict=True)) or [()] * len(heads)
    widths = [
        max(len(head), *map(len, column), 0)
        for (_name, head), column in zip(heads, columns, strict=True)
    ]
    lines: list[str] = []
    for row in [[head for _name, head in heads], *rows]:
        parts = [
            text.ljust(size) if name in TO_THE_LEFT else text.rjust(size)
            for text, size, (name, _head) in zip(row, widths, heads, strict=True)
        ]
        line = "  ".join(parts).rstrip()
        lines.append(line if len(line) <= width else f"{line[: width - 1]}…")
    return lines

"""What a viewer is shown, as plain text; the screens use parts of it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

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
    "failures": "Failed",
    "timers": "Timers",
    "down": "Down",
}

TO_THE_LEFT = {"name", "class", "state"}


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
    cells = [[cell(row, name) for name in columns if name != "rate"] for row in rows]
    heads = [(name, head) for name, head in columns.items() if name != "rate"]
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
    if column == "oldest":
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

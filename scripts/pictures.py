"""Draws the pictures of the page of examples: the screen of a terminal, from a real run.

    python scripts/pictures.py

Each picture is written twice to `docs/images/`, for a light background and for a dark one. It has
no fonts in it and names no address. Only what the examples print is understood: text, colours, and
the sequences that begin a new picture.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

PROJECT = Path(__file__).parents[1]
WIDE, HIGH, EDGE = 8, 17, 14
"""Pixels: the size of a letter, and of the edge around all of them."""

SGR = re.compile(r"\x1b\[([\d;]*)m")
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Theme(NamedTuple):
    """The colours of a terminal: those of the text, and the first eight by number."""

    background: str
    text: str
    first: tuple[str, ...]


THEMES = {
    "light": Theme(
        "#f6f8fa",
        "#1f2328",
        ("#24292f", "#cf222e", "#116329", "#7d4e00", "#0969da", "#8250df", "#1b7c83", "#6e7781"),
    ),
    "dark": Theme(
        "#161b22",
        "#e6edf3",
        ("#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"),
    ),
}


class Style(NamedTuple):
    """How a letter looks; colours are numbers of the 256 that terminals have."""

    colour: int | None = None
    ground: int | None = None
    is_bold: bool = False
    is_dim: bool = False


class Letter(NamedTuple):
    """A letter, and how it looks."""

    letter: str
    style: Style


def screen_of(name: str, *arguments: str, columns: int, lines: int) -> str:
    """Run an example on a terminal of some size; returns all that it writes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    with subprocess.Popen(  # noqa: S603 (what it runs is in the project)
        [sys.executable, str(PROJECT / "examples" / name), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, "TERM": "xterm-256color"},
        start_new_session=True,
    ):
        os.close(theirs)
        written = b""
        try:
            while data := os.read(ours, 1 << 16):
                written += data
        except OSError:
            pass  # on Linux, this is how a terminal ends
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def letters_of(line: str) -> list[Letter]:
    """Read a line with its colours."""
    found: list[Letter] = []
    style = Style()
    for number, part in enumerate(SGR.split(line)):
        if number % 2 == 0:
            found += [Letter(letter, style) for letter in part]
            continue
        codes = [int(code or 0) for code in part.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                style = Style()
            elif code == 1:
                style = style._replace(is_bold=True)
            elif code == 2:  # noqa: PLR2004 (its number in the standard)
                style = style._replace(is_dim=True)
            elif code in range(30, 38):
                style = style._replace(colour=code - 30)
            elif code in (38, 48):
                key = "colour" if code == 38 else "ground"  # noqa: PLR2004 (as above)
                style = style._replace(**{key: codes[1]})
                del codes[:2]
    return found


def in_hex(colour: int | None, theme: Theme) -> str:
    """The colour that a number stands for."""
    first_of_cube, first_grey = 16, 232
    if colour is None:
        return theme.text
    if colour < len(theme.first):
        return theme.first[colour]
    if colour >= first_grey:
        return (
            f"#{8 + 10 * (colour - first_grey):02x}" + f"{8 + 10 * (colour - first_grey):02x}" * 2
        )
    steps = (0, 95, 135, 175, 215, 255)
    cube = colour - first_of_cube
    return "#" + "".join(f"{steps[cube // n % 6]:02x}" for n in (36, 6, 1))


def draw(text: str, theme: Theme) -> str:
    """Draw a screen."""
    lines = [letters_of(line) for line in text.split("\n")]
    width = 2 * EDGE + WIDE * max(map(len, lines))
    height = 2 * EDGE + HIGH * len(lines)
    # Blocks are areas and not letters, which would leave gaps between the lines.
    areas: dict[str, list[str]] = defaultdict(list)
    texts: list[str] = []
    for row, line in enumerate(lines):
        y = EDGE + HIGH * row
        column = 0
        for (style, is_block), group in groupby(line, lambda at: (at.style, at.letter in "▀▄█")):
            letters = "".join(letter.letter for letter in group)
            if is_block:
                for letter, run in groupby(letters):
                    many = len(list(run))
                    x, wide = EDGE + WIDE * column, WIDE * many
                    column += many
                    upper = style.colour if letter in "▀█" else style.ground
                    lower = style.colour if letter in "▄█" else style.ground
                    half = HIGH / 2
                    for colour, top in ((upper, y), (lower, y + half)):
                        if colour is not None:
                            areas[in_hex(colour, theme)].append(
                                f"M{x} {top:g}h{wide}v{half}h-{wide}z"
                            )
                continue
            look = f' fill="{in_hex(style.colour, theme)}"' if style.colour is not None else ""
            look += ' font-weight="bold"' if style.is_bold else ""
            look += ' opacity="0.65"' if style.is_dim else ""
            # One element for each part between gaps: spaces in a row count as one in it.
            for part in re.finditer(r"\S+(?: \S+)*", letters):
                x, wide = EDGE + WIDE * (column + part.start()), WIDE * len(part[0])
                texts.append(
                    f'<text x="{x}" y="{y + 13}" textLength="{wide}"{look}>'
                    f"{escape(part[0])}</text>"
                )
            column += len(letters)
    shapes = [f'<path fill="{colour}" d="{"".join(area)}"/>' for colour, area in areas.items()]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="{FONTS}" font-size="13" fill="{theme.text}" '
        f'shape-rendering="crispEdges">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{theme.background}"/>'
    )
    return "\n".join([head, *shapes, *texts, "</svg>\n"])


def forest_fire() -> str:
    """The fire, when about half of what will burn has caught fire."""
    written = screen_of("forest_fire.py", "--pace", "0.01", columns=72, lines=39)
    pictures = [picture.partition("\x1b[J")[0] for picture in written.split("\x1b[H")[1:]]
    caught = [
        int(found.replace(",", "")) for found in re.findall(r"([\d,]+) of [\d,]+ trees h", written)
    ]
    half = next(number for number, trees in enumerate(caught) if trees > caught[-1] / 2)
    return pictures[half].replace("\x1b[K", "")


def stdlib_census() -> str:
    """The tables at the end."""
    written = screen_of("stdlib_census.py", columns=92, lines=40)
    tables = re.split(r"\x1b\[\d*[A-KJ]|\x1b\[\?25h|\r", written)[-1]
    lines = tables.rstrip("\n").split("\n")
    return "\n".join(lines if SGR.sub("", lines[0]).strip() else lines[1:])


def main() -> None:
    """Draw all of them."""
    for name, screen in {"forest-fire": forest_fire(), "stdlib-census": stdlib_census()}.items():
        for background, theme in THEMES.items():
            path = PROJECT / "docs" / "images" / f"{name}-{background}.svg"
            path.write_text(draw(screen, theme), encoding="utf-8")


if __name__ == "__main__":
    main()

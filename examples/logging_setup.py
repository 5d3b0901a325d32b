#!/usr/bin/env python3
"""How to see what the library logs, and how to see less of it.

Run it with a level, `DEBUG`, `INFO` or `WARNING`:

- DEBUG also tells when actors start and stop.
- INFO tells of exceptions that went to an asker. Show these while you develop.
- WARNING is for production: only problems that no asker was told of.

Without a level, nothing that the library logs is shown.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, NoReturn

import pykka


class Raiser(pykka.ThreadingActor):
    """Fails at every message."""

    def on_receive(self, message: Any) -> NoReturn:
        raise ValueError(message)


class Quiet(pykka.ThreadingActor):
    """Does not expect messages, so one is worth a warning."""


def set_up(level: str) -> None:
    """Show everything that the program logs, and what the library logs from a level up."""
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("pykka").setLevel(level)


if __name__ == "__main__":
    for level in sys.argv[1:]:
        set_up(level)

    raiser = Raiser.start()
    raiser.ask("captured in a future", block=False)
    raiser.tell("not captured")
    raiser.stop()

    quiet = Quiet.start()
    quiet.ask("Anybody there?")
    quiet.stop()

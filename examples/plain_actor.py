#!/usr/bin/env python3
"""A plain actor: it handles every message in `on_receive()`.

The return value of `on_receive()` is the answer to an ask. A tell gets none.
"""

from __future__ import annotations

from typing import Any

import pykka

GetMessages = object()


class PlainActor(pykka.ThreadingActor):
    """Keeps every message, and answers `GetMessages` with all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.stored_messages: list[Any] = []

    def on_receive(self, message: Any) -> list[Any] | None:
        if message is GetMessages:
            return self.stored_messages
        self.stored_messages.append(message)
        return None


if __name__ == "__main__":
    actor = PlainActor.start()
    actor.tell({"no": "Norway", "se": "Sweden"})
    actor.tell({"a": 3, "b": 4, "c": 5})
    print(actor.ask(GetMessages))
    actor.stop()

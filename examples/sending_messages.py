#!/usr/bin/env python3
"""All the ways to send a message: tell or ask, block or not, with or without a timeout."""

from __future__ import annotations

from typing import Any

import pykka


class Greeter(pykka.ThreadingActor):
    """Answers every message but one: the answer to `"Wait!"` comes when `released` is set."""

    def __init__(self, released: pykka.Future[None]) -> None:
        super().__init__()
        self.released = released

    def on_receive(self, message: Any) -> str:
        if message == "Wait!":
            self.released.get()
        return "Hi there!"


if __name__ == "__main__":
    released = pykka.ThreadingFuture[None]()
    actor_ref = Greeter.start(released)

    actor_ref.tell("Hi!")
    # => Returns nothing. Will never block.

    answer = actor_ref.ask("Hi?")
    # => May block forever waiting for an answer
    print(answer)

    answer = actor_ref.ask("Hi?", timeout=3)
    # => May wait 3s for an answer, then raises exception if no answer.
    print(answer)

    future = actor_ref.ask("Wait!", block=False)
    # => Will return a future object immediately.
    try:
        answer = future.get(timeout=0.1)
        # => May wait 0.1s for an answer, then raises exception if no answer.
    except pykka.Timeout as error:
        print(f"Timeout: {error}")

    released.set()
    answer = future.get()
    # => May block forever waiting for an answer
    print(answer)

    actor_ref.stop()

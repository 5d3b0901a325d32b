#!/usr/bin/env python3
"""The smallest actor, then one with arguments, and the two ways to stop an actor."""

from __future__ import annotations

from typing import Any

import pykka


class Greeter(pykka.ThreadingActor):
    """Greets whoever sends it a message."""

    def __init__(self, greeting: str = "Hi there!") -> None:
        super().__init__()
        self.greeting = greeting

    def on_receive(self, message: Any) -> None:
        print(self.greeting)
        if message == "Bye!":
            self.stop()  # An actor that wants to end says so itself


if __name__ == "__main__":
    actor_ref = Greeter.start()
    actor_ref.tell("Hi!")  # Does not wait: the actor greets when it gets to it
    actor_ref.stop()  # Handles what is in the inbox first, so the greeting is printed

    actor_ref = Greeter.start(greeting="Hi you!")
    actor_ref.tell("Hi!")
    actor_ref.ask("Bye!")
    actor_ref.actor_stopped.wait()
    print(f"Alive: {actor_ref.is_alive()}")

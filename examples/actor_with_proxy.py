#!/usr/bin/env python3
"""A proxy: the methods and fields of an actor, used like those of any object.

Every line of output names the thread that printed it, so you see what runs in the actor and what
does not. The two threads run side by side: the actor's line may come before or after the main
thread's "printing result".
"""

from __future__ import annotations

import threading
import time

import pykka


class AnActor(pykka.ThreadingActor):
    """Has a method with a side effect, one with a return value, and a field."""

    field = "this is the value of AnActor.field"

    def proc(self) -> None:
        """Print something."""
        log("this was printed by AnActor.proc()")

    def func(self) -> str:
        """Return something."""
        time.sleep(0.5)  # Block a bit to make it realistic
        return "this was returned by AnActor.func() after a delay"


def log(msg: str) -> None:
    """Print a message and the name of the thread that prints it."""
    thread_name = threading.current_thread().name
    # print() writes the end of the line separately, and the other thread could come between.
    print(f"{thread_name}: {msg}\n", end="")


if __name__ == "__main__":
    actor = AnActor.start().proxy()
    for _ in range(3):
        # Method with side effect
        log("calling AnActor.proc() ...")
        actor.proc()

        # Method with return value
        log("calling AnActor.func() ...")
        result = actor.func()  # Does not block, returns a future
        log("printing result ... (blocking)")
        log(result.get())  # Blocks until ready

        # Field reading
        log("reading AnActor.field ...")
        result = actor.field  # Does not block, returns a future
        log("printing result ... (blocking)")
        log(result.get())  # Blocks until ready

        # Field writing
        log("writing AnActor.field ...")
        actor.field = "new value"  # Blocks until it is set, and raises what the setter raises
        result = actor.field  # Does not block, returns a future
        log("printing new field value ... (blocking)")
        log(result.get())  # Blocks until ready
    actor.stop()

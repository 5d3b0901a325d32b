#!/usr/bin/env python3
"""What happens when actors wait for each other, and how to find out why a program hangs.

With Pykka 4, the two actors in this example hang for ever, and the tracebacks that SIGUSR1 logs
show where. Now the library sees the circle itself and raises `DeadlockError` in the actor that
closes it. The error says who waits for whom, in which message, in which line.

The tracebacks are still of use. The library knows what an actor waits for only if that is
another actor. It cannot know who will set an event or release a lock, so the third actor of this
example does hang, and SIGUSR1 shows where.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pykka
import pykka.debug


class DeadlockActorA(pykka.ThreadingActor):
    """Asks B, and waits for the answer."""

    def foo(self, b: pykka.ActorProxy[DeadlockActorB] | None = None) -> object:
        """Ask `b`. The call that B makes, in turn, is handled when the circle is broken."""
        if b is None:
            return None
        logging.debug("This is foo calling bar")
        return b.bar().get()


class DeadlockActorB(pykka.ThreadingActor):
    """Asks A, and waits for the answer."""

    def __init__(self, a: pykka.ActorProxy[DeadlockActorA]) -> None:
        super().__init__()
        self.a = a

    def bar(self) -> object:
        """Ask A, which is waiting for this call."""
        logging.debug("This is bar calling foo; BOOM!")
        return self.a.foo().get()


class HangingActor(pykka.ThreadingActor):
    """Waits for something that the library knows nothing of."""

    def wait_for(self, event: threading.Event) -> None:
        """Wait until the event is set."""
        logging.debug("This is wait_for waiting for an event that is never set")
        event.wait()


if __name__ == "__main__":
    print("Setting up logging to get output from signal handler...")
    logging.basicConfig(level=logging.DEBUG)

    print("Registering signal handler...")
    signal.signal(signal.SIGUSR1, pykka.debug.log_thread_tracebacks)

    print("Starting actors...")
    a = DeadlockActorA.start().proxy()
    b = DeadlockActorB.start(a).proxy()

    print("Now doing something stupid that will deadlock the actors...")
    try:
        a.foo(b).get()
    except pykka.DeadlockError as error:
        # The log shows the whole text, because the error passed through both actors.
        print(f"DeadlockError: {str(error).splitlines()[0]}")

    print("Now doing something stupid that the library cannot see...")
    event = threading.Event()
    HangingActor.start().proxy().wait_for(event)
    time.sleep(0.01)  # Yield to actors, so we get output in a readable order

    pid = os.getpid()
    print("Making main thread relax; not block, not quit")
    print(f"1) Use `kill -SIGUSR1 {pid:d}` to log thread tracebacks")
    print("2) Then press Ctrl-C to end the program")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        event.set()  # or the thread of the hanging actor would keep the program alive
        pykka.ActorRegistry.stop_all()

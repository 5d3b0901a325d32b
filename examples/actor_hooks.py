#!/usr/bin/env python3
"""The life of an actor: each place where code of yours can run, and the thread that runs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from types import TracebackType


class MyActor(pykka.ThreadingActor):
    """Tells what happens to it."""

    def __init__(self, my_arg: str = "nothing") -> None:
        super().__init__()
        log(f"__init__() got {my_arg}")  # Runs in the thread that starts the actor

    def on_start(self) -> None:
        log("on_start()")  # Set-up, in the actor's own thread

    def on_stop(self) -> None:
        log("on_stop()")  # Clean-up after an orderly end

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del exception_type, traceback
        log(f"on_failure() got {exception_value!r}")  # Clean-up after an exception

    def on_receive(self, message: Any) -> None:
        log(f"on_receive() got {message!r}")  # Messages for a plain actor

    def a_method(self, divisor: int) -> float:
        """Be used through a proxy."""
        log(f"a_method() got {divisor!r}")
        return 1 / divisor


def log(msg: str) -> None:
    """Print a message and the name of the thread that prints it."""
    print(f"{threading.current_thread().name}: {msg}\n", end="")


if __name__ == "__main__":
    my_actor_ref = MyActor.start(my_arg="something")
    my_actor_ref.tell("a message")
    my_actor_ref.proxy().a_method(2).get()
    my_actor_ref.stop()

    another = MyActor.start()
    another.proxy().a_method.defer(0)  # Nobody waits for the answer, so the error ends the actor
    another.stop()

#!/usr/bin/env python3
"""An exception in an actor: the asker gets it, and the actor lives on.

If there is no asker, the exception ends the actor, and the hook `on_failure()` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pykka

if TYPE_CHECKING:
    from types import TracebackType


class Raiser(pykka.ThreadingActor):
    """Fails at every message."""

    def on_receive(self, message: Any) -> NoReturn:
        del message
        raise Exception("Oops")  # noqa: TRY002 (any exception would do)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del exception_type, traceback
        print(f"on_failure() got {exception_value!r}")


if __name__ == "__main__":
    actor_ref = Raiser.start()

    try:
        actor_ref.ask("How are you?")
    except Exception as error:
        print(repr(error))
    print(f"Alive: {actor_ref.is_alive()}")

    actor_ref.tell("How are you?")

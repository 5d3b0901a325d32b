#!/usr/bin/env python3
"""An actor that splits a long job into parts, and sends itself a message for each next part.

Between two parts it handles whatever others have sent meanwhile. So it can be asked how far it
is, and it can be stopped in the middle.
"""

from __future__ import annotations

import pykka


class Worker(pykka.ThreadingActor):
    """Works until it is stopped, one small part after the other."""

    def __init__(self, under_way: pykka.Future[None]) -> None:
        super().__init__()
        self._under_way = under_way
        self._parts_done = 0
        # Private, so that the proxies of others do not try to mirror it.
        self._in_future = self.actor_ref.proxy()

    def do_work(self) -> None:
        """Begin."""
        print("Beginning")
        self._in_future.do_more_work()

    def do_more_work(self) -> None:
        """Do one part, and see to the next.

        When the actor is stopped, the message for the next part is left behind.
        """
        self._parts_done += 1
        if self._parts_done == 1000:
            self._under_way.set()
        self._in_future.do_more_work.defer()

    def parts_done(self) -> int:
        """Return how many parts have been done so far."""
        return self._parts_done

    def on_stop(self) -> None:
        print("Stopped in the middle of the work")


if __name__ == "__main__":
    under_way = pykka.ThreadingFuture[None]()
    worker = Worker.start(under_way).proxy()
    worker.do_work()
    under_way.get()
    print(f"Has answered while at work: {worker.parts_done().get() >= 1000}")
    worker.stop().get()

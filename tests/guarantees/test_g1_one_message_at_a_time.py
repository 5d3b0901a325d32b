"""G1: an actor handles one message at a time, and the next handler sees what this one wrote."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime

import pytest

SENDERS = 12
EACH = 300


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """Let threads be switched after nearly every step."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Counter(pykka.Actor):
    """Counts in a way that goes wrong when two do it at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.busy = False
        self.overlaps = 0

    def _count(self) -> int:
        self.overlaps += self.busy
        self.busy = True
        before = self.count
        for _ in range(10):  # give other threads a chance to come in between
            pass
        self.count = before + 1
        self.busy = False
        return self.count

    def on_receive(self, message: object) -> int:
        return self._count()

    def add(self) -> int:
        return self._count()


@pytest.mark.usefixtures("eager_switches")
def test_handlers_do_not_overlap_whatever_way_messages_come(runtime: Runtime) -> None:
    ref = runtime.run(Counter).start()
    proxy = ref.proxy()
    ways: list[Callable[[], object]] = [
        lambda: ref.tell("go"),
        lambda: ref.ask("go", block=False),
        proxy.add,
        proxy.add.defer,
        lambda: ref.ask("go"),
        lambda: proxy.add().get(),
    ]

    def send(way: Callable[[], object]) -> None:
        for _ in range(EACH):
            way()

    threads = [threading.Thread(target=send, args=(ways[i % len(ways)],)) for i in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert proxy.count.get() == SENDERS * EACH
    assert proxy.overlaps.get() == 0


def test_the_hooks_do_not_overlap_with_handlers(runtime: Runtime) -> None:
    order: list[str] = []

    class Ordered(runtime.actor_class):
        def on_start(self) -> None:
            order.append("start begins")
            order.append("start ends")

        def on_receive(self, message: object) -> None:
            order.append("message begins")
            order.append("message ends")

        def on_stop(self) -> None:
            order.append("stop")

    ref = Ordered.start()
    ref.tell(1)
    ref.tell(2)
    ref.stop()

    message = ["message begins", "message ends"]
    assert order == ["start begins", "start ends", *message, *message, "stop"]

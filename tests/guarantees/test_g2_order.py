"""G2: messages from one sender to one receiver arrive in the order they were sent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from tests.conftest import Runtime

SENDERS = 6
EACH = 400


class Recorder(pykka.Actor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def on_receive(self, message: tuple[int, int]) -> None:
        self.seen.append(message)

    def record(self, sender: int, number: int) -> None:
        self.seen.append((sender, number))


def _numbers(seen: list[tuple[int, int]], sender: int) -> list[int]:
    return [number for who, number in seen if who == sender]


def test_each_senders_messages_arrive_in_order(runtime: Runtime) -> None:
    ref = runtime.run(Recorder).start()

    def send(sender: int) -> None:
        for number in range(EACH):
            ref.tell((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seen = ref.proxy().seen.get()
    for sender in range(SENDERS):
        assert _numbers(seen, sender) == list(range(EACH))


def test_all_ways_to_send_share_one_order(runtime: Runtime) -> None:
    ref = runtime.run(Recorder).start()
    proxy = ref.proxy()
    for number in range(0, EACH, 8):
        ref.tell((0, number))
        proxy.record(0, number + 1)
        proxy.record.defer(0, number + 2)
        ref.ask((0, number + 3), block=False)
        ref.tell((0, number + 4))
        ref.ask((0, number + 5))
        proxy.record.defer(0, number + 6)
        proxy.record(0, number + 7).get()

    assert _numbers(proxy.seen.get(), 0) == list(range(EACH))


def test_what_is_sent_before_the_actor_has_started_keeps_its_order(runtime: Runtime) -> None:
    may_start = threading.Event()

    class SlowStarter(Recorder):
        def on_start(self) -> None:
            assert may_start.wait(PATIENCE)

    ref = runtime.run(SlowStarter).start()
    for number in range(10):
        ref.tell((0, number))
    may_start.set()

    assert _numbers(ref.proxy().seen.get(), 0) == list(range(10))


@pytest.mark.parametrize("how", ["ref", "proxy"])
def test_a_stop_keeps_its_place_among_the_messages(how: str, runtime: Runtime) -> None:
    """Through a proxy, the stop is asked for when the call is handled, and goes in line then."""
    may_go_on = threading.Event()

    class Busy(Recorder):
        def on_start(self) -> None:
            assert may_go_on.wait(PATIENCE)

    ref = runtime.run(Busy).start()
    proxy = ref.proxy()
    seen = proxy._actor.seen
    ref.tell((0, 0))
    ref.tell((0, 1))
    stopped = ref.stop(block=False) if how == "ref" else proxy.stop()
    ref.tell((0, 2))
    may_go_on.set()

    stopped.get(timeout=PATIENCE)
    assert seen == [(0, 0), (0, 1)] + ([(0, 2)] if how == "proxy" else [])
    assert not ref.is_alive()


def test_a_stop_of_oneself_keeps_its_place_too(runtime: Runtime) -> None:
    class Quitter(Recorder):
        def quit(self) -> None:
            self.actor_ref.tell((0, 1))
            self.stop()
            self.actor_ref.tell((0, 2))

    ref = runtime.run(Quitter).start()
    proxy = ref.proxy()
    seen = proxy._actor.seen
    ref.tell((0, 0))
    proxy.quit().get()
    ref.stop()

    assert seen == [(0, 0), (0, 1)]

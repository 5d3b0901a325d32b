"""An actor with a dependency, which its test replaces; see `test_producer.py`."""

from __future__ import annotations

from typing import Protocol

import pykka


class Consumer(Protocol):
    """What the producer needs of a consumer."""

    def consume(self, item: dict[str, object]) -> object:
        """Take an item."""


class ProducerActor(pykka.ThreadingActor):
    """Makes items and hands them to a consumer."""

    def __init__(self, consumer: Consumer) -> None:
        super().__init__()
        self.consumer = consumer

    def produce(self) -> None:
        """Make one item."""
        new_item: dict[str, object] = {"item": 1, "new": True}
        self.consumer.consume(new_item)

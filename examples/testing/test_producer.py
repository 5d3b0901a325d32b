"""How to test an actor: start it with mocks around it, ask it something, stop it.

Run it in this folder, with `python -m pytest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from producer import ProducerActor

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pykka


@pytest.fixture
def consumer_mock() -> Mock:
    """What stands in for the consumer."""
    return Mock()


@pytest.fixture
def producer(consumer_mock: Mock) -> Iterator[pykka.ActorProxy[Any]]:
    """A running producer."""
    # Step 1: The actor under test is wired up with
    # its dependencies and is started.
    proxy = ProducerActor.start(consumer_mock).proxy()

    yield proxy

    # Step 4: The actor is stopped to clean up before the next test.
    proxy.stop().get()


def test_producer_actor(consumer_mock: Mock, producer: pykka.ActorProxy[Any]) -> None:
    """The producer hands a new item to the consumer."""
    # Step 2: Interact with the actor.
    # We call .get() on the last future returned by the actor to wait
    # for the actor to process all messages before asserting anything.
    producer.produce().get()

    # Step 3: Assert that the return values or actor state is as expected.
    consumer_mock.consume.assert_called_once_with({"item": 1, "new": True})

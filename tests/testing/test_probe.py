"""A probe: an actor that a test plays itself."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import simulation
from pykka._futures.deadline import Deadline
from pykka.testing import Probe, SystemUnderTest
from pykka.testing._probe import Mailbox, Received

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def system() -> Iterator[SystemUnderTest]:
    with SystemUnderTest(shutdown_timeout=PATIENCE) as system:
        yield system


@pytest.fixture
def probe(system: SystemUnderTest) -> Probe:
    return Probe(system, within=PATIENCE)


class Relay(pykka.ThreadingActor):
    """Passes on what it gets; asks if the message says so."""

    def __init__(self, to: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self.to = to

    def on_receive(self, message: Any) -> Any:
        if message == "ask":
            return self.to.ask("a question")
        for each in message:
            self.to.tell(each)
        return None


def test_what_is_expected_is_taken_in_order(system: SystemUnderTest, probe: Probe) -> None:
    relay = system.start(Relay, probe.ref)
    relay.tell(["one", 2, "three"])
    assert probe.expect("one") == "one"
    assert probe.expect_type(int) == 2
    assert probe.expect(ANY) == "three"
    probe.expect_none()


def test_what_came_instead_is_told(system: SystemUnderTest, probe: Probe) -> None:
    relay = system.start(Relay, probe.ref)
    relay.ask(["one", "two", "three", *range(20)])
    system.settle(PATIENCE)
    probe.expect("one")
    with pytest.raises(AssertionError) as caught:
        probe.expect("2")
    said = str(caught.value).splitlines()
    assert said[0].endswith("expected '2', but 'two' came")
    assert said[1] == "  before that: 'one'"
    assert said[2].startswith("  after that: 'three', 0, 1,")
    assert said[2].endswith(", and 11 more")
    with pytest.raises(AssertionError, match="expected a int, but 'three' came"):
        probe.expect_type(int)
    with pytest.raises(AssertionError, match="expected nothing, but 0 came"):
        probe.expect_none()


def test_nothing_came(probe: Probe) -> None:
    with pytest.raises(AssertionError, match=r"'one' within 0 seconds, but nothing came$"):
        probe.expect("one", within=0)
    probe.expect_none(within=0.001)


def test_messages_are_fished_for(system: SystemUnderTest, probe: Probe) -> None:
    system.start(Relay, probe.ref).tell([1, 2, "three", 4])
    assert probe.fish(lambda message: message == "three") == "three"
    assert probe.expect_type(int) == 4
    probe.ref.tell("five")
    with pytest.raises(
        AssertionError, match=r"(?s)that is picked within .* before that: .*'five'"
    ):
        probe.fish(lambda message: message == "six", within=0.01)


def test_an_end_is_expected(system: SystemUnderTest, probe: Probe) -> None:
    relay = system.start(Relay, probe.ref)
    with pytest.raises(AssertionError, match="ends within 0 seconds, but it is alive"):
        probe.expect_terminated(relay, within=0)
    relay.stop(block=False)
    assert isinstance(probe.expect_terminated(relay), pykka.Stopped)


def test_a_question_is_answered(system: SystemUnderTest, probe: Probe) -> None:
    answer = system.start(Relay, probe.ref).ask("ask", block=False)
    probe.expect("a question")
    probe.reply("an answer")
    assert answer.get(timeout=PATIENCE) == "an answer"
    with pytest.raises(pykka.FutureAlreadySetError):
        probe.reply("another one")


def test_there_has_to_be_a_question(probe: Probe) -> None:
    with pytest.raises(AssertionError, match="nothing to reply to: no message was expected"):
        probe.reply()
    with pytest.raises(AssertionError, match="nothing to forward"):
        probe.forward_to(probe.ref)
    probe.ref.tell("hello")
    probe.expect("hello")
    with pytest.raises(AssertionError, match=r"'hello' was sent by tell\(\)"):
        probe.reply()


class Doubles(pykka.PooledActor):
    def on_receive(self, message: Any) -> Any:
        if message == "a question":
            return "a real answer"
        raise ValueError(message)


def test_a_message_is_forwarded_with_its_question(system: SystemUnderTest, probe: Probe) -> None:
    answer = system.start(Relay, probe.ref).ask("ask", block=False)
    probe.expect("a question")
    probe.forward_to(system.start(Doubles))
    assert answer.get(timeout=PATIENCE) == "a real answer"

    answer = probe.ref.ask("no question", block=False)
    probe.expect("no question")
    probe.forward_to(system.start(Doubles))
    with pytest.raises(ValueError, match="no question"):
        answer.get(timeout=PATIENCE)

    other = Probe(system)
    probe.ref.tell("told")
    probe.expect("told")
    probe.forward_to(other.ref)
    other.expect("told")


def test_it_says_what_it_is_and_what_it_takes(system: SystemUnderTest) -> None:
    probe = Probe(system, name="till")
    assert system.get_by_name("till") == probe.ref
    assert repr(probe).startswith("<pykka.testing.Probe StandIn")
    wrong: Any = "one"
    with pytest.raises(TypeError, match="a probe lives in an ActorSystem, not in 'one'"):
        Probe(wrong)
    with pytest.raises(TypeError, match="within must be a number"):
        Probe(system, within=wrong)
    with pytest.raises(TypeError, match=r"expect_type\(\) takes a class, not 'one'"):
        probe.expect_type(wrong)
    with pytest.raises(TypeError, match="what picks a message"):
        probe.fish(wrong)


def test_without_a_system_it_lives_in_the_default_one() -> None:
    probe = Probe()
    assert probe.ref in pykka.ActorRegistry.get_all()
    probe.ref.stop()


def test_a_coroutine_expects_on_another_thread(system: SystemUnderTest, probe: Probe) -> None:
    class Echo(pykka.AsyncioActor):
        async def on_receive(self, message: Any) -> None:
            probe.ref.tell(message)

    async def main() -> str:
        system.start(Echo).tell("hello")
        return await asyncio.to_thread(probe.expect, "hello")

    assert asyncio.run(main()) == "hello"


# --- nothing is missed --------------------------------------------------------------------------


def test_what_comes_between_the_two_looks_is_taken() -> None:
    mailbox = Mailbox()
    looks: list[str] = []

    class Late(deque[Any]):
        def popleft(self) -> Any:
            looks.append("look")
            if len(looks) == 2:
                return super().popleft()
            try:
                return super().popleft()
            finally:  # it was empty, and now it is not
                mailbox._received.append(Received("just now", None))

    mailbox._received = Late()
    taken = mailbox.take(Deadline(PATIENCE))
    assert taken == ("just now", None)
    assert looks == ["look", "look"]


def test_in_any_order_nothing_is_missed() -> None:
    """The simulator tries the orders of two senders and the reader."""

    def main() -> None:
        probe = Probe()
        for word in ("one", "two"):
            Relay.start(probe.ref).tell([word])
        found = {probe.expect(ANY), probe.expect(ANY)}
        assert found == {"one", "two"}
        probe.expect_none()

    simulation.explore(main, runs=40).check()

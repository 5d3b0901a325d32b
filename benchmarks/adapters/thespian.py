"""Thespian: a process for each actor, or, with another base, all actors in one thread.

A message is pickled and goes through a socket. So these figures are those of an implementation
that does more: an actor that crashes the interpreter takes nobody else with it.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from thespian.actors import Actor, ActorExitRequest, ActorSystem, ActorSystemMessage

from benchmarks.behaviour import embody
from benchmarks.system import FailedError, System, unsupported
from benchmarks.workload import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.behaviour import Behaviour

_current: Host  # the actor that runs in this process, or the one whose turn it is


class Birth:
    """The first message of an actor: what it is to do."""

    def __init__(
        self, behaviour: type[Behaviour], args: tuple[Any, ...], harness: Any = None
    ) -> None:
        self.behaviour = behaviour
        self.args = args
        self.harness = harness


class Outcome:
    """What an actor has to say to the harness."""

    def __init__(self, result: Any, error: str | None = None) -> None:
        self.result = result
        self.error = error


class ThespianRef:
    """A ref that can be used inside actors."""

    __slots__ = ("address",)

    def __init__(self, address: Any) -> None:
        self.address = address

    def tell(self, message: Any) -> None:
        """Send on behalf of the actor whose code this is."""
        _current.send(self.address, message)


class Host(Actor):  # type: ignore[misc]
    """An actor that runs a behaviour."""

    harness: Any = None
    behaviour: Behaviour | None = None

    def __init__(self) -> None:
        super().__init__()
        self.early: list[tuple[Any, Any]] = []

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802 (Thespian's name)
        """Handle a message; what is returned goes to the sender."""
        global _current  # noqa: PLW0603
        _current = self
        if isinstance(message, ActorSystemMessage):  # somebody ends
            return
        try:
            if isinstance(message, Birth):
                self._begin(message, sender)
            elif self.behaviour is None:
                # Messages of different senders come in any order, so one may overtake the birth.
                self.early.append((message, sender))
            else:
                self._handle(message, sender)
        except Exception as error:
            self.send(self.harness, Outcome(None, f"{type(error).__name__}: {error}"))

    def _begin(self, birth: Birth, sender: Any) -> None:
        self.harness = birth.harness or sender
        self.me = ThespianRef(self.myAddress)
        self.behaviour = embody(self, birth.behaviour, birth.args)
        for early in self.early:
            self._handle(*early)
        self.early.clear()

    def _handle(self, message: Any, sender: Any) -> None:
        answer = self.behaviour.receive(message)  # type: ignore[union-attr]
        if answer is not None:
            self.send(sender, answer)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ThespianRef:
        """Start another."""
        address = self.createActor(Host)
        self.send(address, Birth(behaviour, args, self.harness))
        return ThespianRef(address)

    def stop(self) -> None:
        """End."""
        self.send(self.myAddress, ActorExitRequest())

    def finish(self, result: Any) -> None:
        """Report."""
        self.send(self.harness, Outcome(result))


class Idle(Actor):  # type: ignore[misc]
    """An actor that does nothing but answer."""

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        """Answer."""
        if not isinstance(message, ActorSystemMessage):
            self.send(sender, message)


class ThespianSystem(System):
    """Actors of Thespian.

    Args:
        base: The name of one of its system bases.
        most_actors: How many actors may be started.
        concurrent: Whether actors run while the caller does something else.
    """

    module = "thespian.actors"

    def __init__(
        self, base: str, *, most_actors: int | None = None, concurrent: bool = True
    ) -> None:
        super().__init__()
        self.most_actors = most_actors
        self.blocks_others = not concurrent
        self._concurrent = concurrent
        capabilities = {"Admin Port": _free_port()} if concurrent else {}
        self._system: Any = ActorSystem(base, capabilities, transientUnique=True)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ThespianRef:
        """Start an actor."""
        address = self._system.createActor(Host)
        self._system.tell(address, Birth(behaviour, args))
        return ThespianRef(address)

    def close(self) -> None:
        """Shut the system down, with all processes."""
        self._system.shutdown()

    def wait(self, timeout: float) -> Any:
        """Listen for an actor that finishes."""
        outcome = self._system.listen(timedelta(seconds=timeout))
        if outcome is None:
            msg = f"no end after {timeout:.0f} s: a message was lost, or it is too slow"
            raise FailedError(msg)
        if not isinstance(outcome, Outcome):
            msg = f"unexpected answer {outcome!r:.100}"
            raise FailedError(msg)
        if outcome.error is not None:
            msg = f"an actor crashed: {outcome.error}"
            raise FailedError(msg)
        return outcome.result

    def tell_each(self, ref: Any, messages: Sequence[Any]) -> None:
        """Tell from outside."""
        tell, address = self._system.tell, ref.address
        for message in messages:
            tell(address, message)

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask from outside."""
        return self.ask_each_within(ref, messages, PATIENCE)

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Ask from outside, which always has a timeout."""
        ask, address, patience = self._system.ask, ref.address, timedelta(seconds=seconds)
        return [ask(address, message, patience) for message in messages]

    def ask_busy(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask from outside."""
        if not self._concurrent:
            unsupported(
                "it runs all actors in the thread of the caller: an actor that is always "
                "busy would never let it go on"
            )
        return super().ask_busy(ref, messages)

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Tell everything, then listen for the answers."""
        self.tell_each(ref, messages)
        patience = timedelta(seconds=PATIENCE)
        return [self._system.listen(patience) for _ in messages]

    def time_asks(self, ref: Any, messages: Sequence[Any]) -> list[float]:
        """The seconds that each ask takes."""
        if not self._concurrent:
            unsupported("it runs all actors in the thread of the caller, so there is no load")
        return super().time_asks(ref, messages)

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        actors = [self._system.createActor(Idle) for _ in range(count)]
        for actor in actors:
            self._system.ask(actor, 1, timedelta(seconds=PATIENCE))
        return actors


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

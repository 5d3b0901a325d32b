"""Where the code of a simulated actor is: its own line is named, on either kind of carrier."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Literal

import pytest

import pykka
from pykka import simulation
from pykka._cell.reasons import Abandoned
from pykka.simulation._engine import _greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

CARRIERS = ["thread", *["greenlet"] * _greenlets.can_be_used()]

Carrier = Literal["thread", "greenlet"]


def line_of(function: Any, number: int) -> str:
    """How a report names a line of a function of this file, counted from its first."""
    code = function.__code__
    return f'File "{code.co_filename}", line {code.co_firstlineno + number}, in {code.co_name}'


def wait_for_an_event() -> None:
    threading.Event().wait()


def wait_for_an_item() -> None:
    queue.Queue[None]().get()


@pytest.mark.parametrize("function", [wait_for_an_event, wait_for_an_item])
def test_who_waits_in_a_lock_of_python_is_found_at_its_own_line(
    function: Callable[[], None],
) -> None:
    (found,) = simulation.run(function).findings
    assert found.kind == "hang"
    assert found.text == f"main waits for ever, at {line_of(function, 1)}"


class Hangs(pykka.ThreadingActor):
    """Waits for an event that never comes, in a message or in its start hook."""

    def __init__(self, *, at_once: bool) -> None:
        super().__init__()
        self.at_once = at_once

    def on_start(self) -> None:
        if self.at_once:
            wait_for_an_event()

    def on_receive(self, _message: object) -> None:
        wait_for_an_event()


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("at_once", [False, True])
def test_who_hangs_when_its_system_ends_is_abandoned_and_its_line_is_named(
    carrier: Carrier,
    at_once: bool,
) -> None:
    def main(sim: simulation.Simulation) -> tuple[str, Any]:
        system = pykka.ActorSystem("shop")
        hangs = system.start(Hangs, at_once=at_once)
        hangs.tell("hang")
        sim.advance(1)
        with pytest.raises(pykka.Timeout) as caught:
            system.shutdown(0.01)
        return str(caught.value), hangs.when_terminated().get()

    result = simulation.run(main, carrier=carrier, allow={"hangs", "dead letters"})
    assert result.findings == []
    text, reason = result.value
    place = line_of(wait_for_an_event, 1)
    assert f"(abandoned, and still running at {place})" in text
    assert isinstance(reason, Abandoned)
    assert str(reason.place) == place

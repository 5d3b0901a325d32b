"""What few look at of an actor lies apart, and is made once, whoever looks first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, explore, step

import pykka
from pykka._cell import cell as cell_module
from pykka._cell.cell import Cell
from pykka.runtimes.pool.cell import PooledCell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Plain(pykka.ThreadingActor):
    """On a thread of its own."""

    def on_receive(self, message: Any) -> Any:
        return message


class Pooled(pykka.PooledActor):
    """In a pool."""

    def on_receive(self, message: Any) -> Any:
        return message


@pytest.mark.parametrize("kind", [Plain, Pooled])
def test_a_life_without_a_look_makes_none(kind: type[pykka.Actor]) -> None:
    ref = kind.start()
    ref.ask("hello")
    assert ref._cell.sundries is None
    ref.stop()
    assert ref._cell.sundries is None


@pytest.mark.parametrize("kind", [Plain, Pooled])
@pytest.mark.parametrize(
    "look",
    [lambda c: c.urn, lambda c: c.event, lambda c: c.public_inbox],
    ids=["urn", "event", "inbox"],
)
def test_a_look_makes_no_extension(kind: type[pykka.Actor], look: Callable[[Cell], Any]) -> None:
    ref = kind.start()
    assert look(ref._cell) is look(ref._cell)
    assert ref._cell.sundries is not None
    assert ref._cell.extension is None
    ref.stop()


def test_the_same_place_holds_one_mark_of_a_pooled_cell_and_another_of_others() -> None:
    assert PooledCell.__dict__["begun"] is Cell.__dict__["_claimed"]
    pooled: Any = Pooled()._pykka_cell
    assert pooled.begun is None
    assert Plain()._pykka_cell._claimed is False


class Own(pykka.PooledActor):
    """Brings futures of its own."""

    made: list[Any] = []  # noqa: RUF012

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        future: pykka.Future[Any] = pykka.ThreadingFuture()
        Own.made.append(future)
        return future

    def on_receive(self, message: Any) -> Any:
        return message


def test_futures_of_its_own_are_kept_when_a_look_comes_later() -> None:
    Own.made.clear()
    ref = Own.start()
    before = ref._cell.sundries
    assert ref.actor_urn
    assert ref._cell.sundries is before
    future = ref.ask(1, block=False)
    assert future is Own.made[-1]
    assert future.get() == 1
    ref.stop()


class _Line:
    """Has two threads stand in front of the lock, both having seen that there is nothing yet."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        self._iter_of = cell_module._looking

    def __iter__(self) -> Iterator[Callable[[], None]]:
        self._both.wait(60)
        return iter(self._iter_of)


@pytest.mark.parametrize("kind", [Plain, Pooled])
def test_two_who_look_first_get_the_same_sundries(
    kind: type[pykka.Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = kind()._pykka_cell
    monkeypatch.setattr(cell_module, "_looking", _Line())
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(cell.need_sundries())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] is got[1] is cell.sundries


class _Steps:
    """The lock of the first look, with a step before it is taken."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __iter__(self) -> Iterator[Callable[[], None]]:
        step("take the lock")
        return iter(self._real)


def test_a_waiter_is_woken_or_sees_the_mark_whenever_the_event_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through every order of a stop, and of the first looks at the sundries and at the event."""
    monkeypatch.setattr(cell_module, "_looking", _Steps(cell_module._looking))

    def scenario() -> Scenario:
        cell = Plain()._pykka_cell
        lock: Any = threading.Lock()
        lock.acquire()
        seen: list[bool] = []

        def wait() -> None:  # what StoppedEvent.wait() does, up to where it would block
            event: Any = cell.event
            step("enter the lock")
            event._waiters.append(lock)
            step("look")
            seen.append(event.is_set())

        def require() -> None:
            assert seen == [True] or not lock.locked()

        def state() -> tuple[bool, ...]:
            sundries = cell.sundries
            has_event = sundries is not None and sundries.event is not None
            return cell.stopped, sundries is None, has_event, lock.locked()

        return Scenario({"stopper": cell.mark_stopped, "waiter": wait}, state, require)

    explore(scenario)

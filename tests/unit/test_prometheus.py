"""`pykka.prometheus`: what a scrape sees of a system."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.supervision import ChildSpec, Supervisor

client = pytest.importorskip("prometheus_client")
from pykka.prometheus import Collector, _collector  # noqa: E402 (it may not be there)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clerk(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message(self) if callable(message) else message


@pytest.fixture
def system() -> Iterator[pykka.ActorSystem]:
    with pykka.ActorSystem("office", shutdown_timeout=PATIENCE) as system:
        yield system


class Scrape:
    """A registry with a collector, which is asked anew for each value."""

    def __init__(self, collector: Collector) -> None:
        self._registry = client.CollectorRegistry()
        self._registry.register(collector)

    def __call__(self, metric: str, cls: str | None = "Clerk") -> float | None:
        labels = {"system": "office"} if cls is None else {"system": "office", "class": cls}
        value: float | None = self._registry.get_sample_value(f"pykka_{metric}", labels)
        return value


@pytest.fixture
def scrape(system: pykka.ActorSystem) -> Iterator[Scrape]:
    with Collector(system) as collector:
        yield Scrape(collector)
        assert repr(collector) == "<Collector of <pykka.ActorSystem 'office'>>"


def test_what_is_handled_and_fails(system: pykka.ActorSystem, scrape: Scrape) -> None:
    clerks = [system.start(Clerk) for _ in range(3)]
    for clerk in clerks:
        assert clerk.ask("x") == "x"
    with pytest.raises(ValueError, match="wrong"):
        clerks[0].ask(ValueError("wrong"))
    assert scrape("actors") == 3
    assert scrape("actors_started_total") == 3
    assert scrape("messages_handled_total") == 4
    assert scrape("messages_failed_total") == 1
    assert scrape("messages_waiting") == 0
    assert scrape("timers", None) == 0
    assert scrape("dead_letters_total", None) == 0
    assert scrape("dispatcher_threads", None) is None


def test_what_waits_and_for_how_long(system: pykka.ActorSystem, scrape: Scrape) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hold(_clerk: object) -> None:
        entered.set()
        opened.wait(PATIENCE)

    clerk = system.start(Clerk)
    clerk.tell(hold)
    assert entered.wait(PATIENCE)
    assert scrape("oldest_message_seconds") == 0
    clerk.tell("x")
    clerk.tell("x")
    assert scrape("messages_waiting") == 2
    wait_until(lambda: scrape("oldest_message_seconds"), "it has waited")
    opened.set()


def test_what_actors_have_counted_stays_when_they_end(
    system: pykka.ActorSystem, scrape: Scrape
) -> None:
    for _ in range(10):
        clerk = system.start(Clerk)
        clerk.ask("x")
        clerk.stop()
    failing = system.start(Clerk)
    failing.tell(ValueError("wrong"))
    failing.when_terminated().get(timeout=PATIENCE)
    wait_until(lambda: scrape("actors_ended_total") == 11, "all ends are published")
    assert scrape("actors_failed_total") == 1
    assert scrape("messages_handled_total") == 11
    assert scrape("messages_failed_total") == 1
    assert scrape("actors") is None


def test_restarts_and_threads_of_the_dispatcher(system: pykka.ActorSystem, scrape: Scrape) -> None:
    class Helper(pykka.PooledActor):
        def on_receive(self, message: object) -> object:
            if message == "fail":
                raise ValueError
            return message

    office = system.start(Supervisor, [ChildSpec("helper", Helper)])
    helper = office.proxy().get_child("helper").get(timeout=PATIENCE)
    helper.tell("fail")
    assert helper.ask("x", timeout=PATIENCE) == "x"
    assert scrape("actor_restarts_total", "Helper") == 1
    assert (scrape("dispatcher_threads", None) or 0) >= 1


def test_actors_that_are_there_already_are_seen(system: pykka.ActorSystem) -> None:
    clerk = system.start(Clerk)
    with Collector(system) as collector:
        clerk.ask("may be in between")
        assert clerk.ask("x") == "x"
        scrape = Scrape(collector)
        assert scrape("actors") == 1
        assert (scrape("messages_handled_total") or 0) >= 1


def test_without_statistics_there_is_what_is_known_all_the_same(system: pykka.ActorSystem) -> None:
    with Collector(system, keep_statistics=False) as collector:
        scrape = Scrape(collector)
        system.start(Clerk).ask("x")
        assert scrape("actors") == 1
        assert scrape("messages_handled_total") is None
        assert scrape("oldest_message_seconds") is None


def test_notes_are_folded_if_no_scraper_comes(
    system: pykka.ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_collector, "_TOO_MANY", 20)
    with Collector(system) as collector:
        for _ in range(30):
            clerk = system.start(Clerk)
            clerk.ask("x")
            clerk.stop()
        assert len(collector._notes) <= 25
        scrape = Scrape(collector)
        wait_until(lambda: scrape("actors_ended_total") == 30, "all ends are published")
        assert scrape("messages_handled_total") == 30


def test_a_counter_does_not_go_back_while_notes_are_in_other_hands(
    system: pykka.ActorSystem, scrape: Scrape
) -> None:
    clerk = system.start(Clerk)
    clerk.ask("x")
    clerk.stop()
    wait_until(lambda: scrape("actors_ended_total") == 1, "its end is published")
    collector: Any = next(iter(scrape._registry._collector_to_names))
    notes = list(collector._notes)
    collector._notes.clear()  # as if another scraper had them
    assert scrape("messages_handled_total") == 1
    collector._notes.extend(notes)
    assert scrape("messages_handled_total") == 1


def test_nothing_is_left_behind(system: pykka.ActorSystem) -> None:
    collector = Collector(system)
    collector.close()
    collector.close()
    assert system.events.subscribers(pykka.ActorStarted) == []


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="not at 'office'"):
        Collector("office")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="keep_statistics"):
        Collector(pykka.ActorSystem(), keep_statistics="yes")  # type: ignore[arg-type]


def test_a_missing_extra_is_named(import_without: Callable[[str, str], None]) -> None:
    with pytest.raises(ImportError, match=r"pip install 'pykka\[prometheus\]'"):
        import_without("pykka.prometheus", "prometheus_client")

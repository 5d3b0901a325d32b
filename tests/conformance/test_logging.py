"""What the library logs, and at which level."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import failing
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Log, Runtime


def texts(log: Log, level: str) -> list[str]:
    return [record.message for record in log.find(level)]


def test_everything_goes_to_the_logger_pykka_or_a_child_of_it(agent: Any, log: Log) -> None:
    ref = agent.start()
    ref.tell(failing(ValueError("no")))
    log.wait_for("DEBUG", "Unregistered")

    assert {record.name.partition(".")[0] for record in log.records} == {"pykka"}
    handlers = logging.getLogger("pykka").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_a_whole_life(agent: Any, log: Log) -> None:
    ref = agent.start()
    ref.stop()

    assert [(record.levelname, record.message) for record in log.records] == [
        ("DEBUG", f"Registered {ref}"),
        ("DEBUG", f"Starting {ref}"),
        ("DEBUG", f"Unregistered {ref}"),
        ("DEBUG", f"Stopped {ref}"),
    ]


def test_stopped_is_logged_before_on_stop_runs(agent: Any, log: Log) -> None:
    seen: list[str] = []

    class Some(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            seen.extend(texts(log, "DEBUG")[-1:])

    ref = Some.start()
    ref.stop()

    assert seen == [f"Stopped {ref}"]


def test_the_registry_says_what_it_does(agent: Any, log: Log) -> None:
    ref = agent().actor_ref

    pykka.ActorRegistry.register(ref)
    pykka.ActorRegistry.unregister(ref)
    pykka.ActorRegistry.unregister(ref)

    assert texts(log, "DEBUG") == [
        f"Registered {ref}",
        f"Unregistered {ref}",
        f"Unregistered {ref} (not found in registry)",
    ]


def test_a_message_that_on_receive_does_not_know(runtime: Runtime, log: Log) -> None:
    class Deaf(runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    ref = Deaf.start()

    assert ref.ask({"a": "message"}) is None

    assert texts(log, "WARNING") == [
        f"Unexpected message received by {ref}: {{'a': 'message'}}",
    ]


@pytest.mark.parametrize("way", ["ask", "proxied call"])
def test_a_failing_ask(agent: Any, log: Log, way: str) -> None:
    ref = agent.start()
    error = ValueError("no")
    future = (
        ref.ask(failing(error), block=False) if way == "ask" else ref.proxy().run(failing(error))
    )
    with pytest.raises(ValueError, match="no"):
        future.get(timeout=PATIENCE)

    [record] = log.wait_for("INFO")
    assert record.message == f"Exception returned from {ref} to caller:"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert log.find("ERROR") == []


@pytest.mark.parametrize("way", ["tell", "defer"])
def test_a_failing_tell(agent: Any, log: Log, way: str, diary: Diary) -> None:
    ref = agent.start(diary)
    error = ValueError("no")
    if way == "tell":
        ref.tell(failing(error))
    else:
        ref.proxy().run.defer(failing(error))

    assert diary.read(2) == ["on_start", "on_failure"]
    [record] = log.find("ERROR")
    assert record.message == f"Unhandled exception in {ref}:"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_a_failing_hook(agent: Any, log: Log, gate: Gate, hook: str) -> None:
    error = ValueError("no")

    def fail(_self: object, *_args: object) -> None:
        raise error

    ref = type("Some", (agent,), {hook: fail}).start()  # type: ignore[attr-defined]
    if hook == "on_stop":
        ref.stop()
    elif hook == "on_failure":
        ref.tell(failing(KeyError("first")))

    records = log.wait_for(
        "ERROR", f"Unhandled exception in {ref}:", count=2 if hook == "on_failure" else 1
    )
    assert records[-1].exc_info is not None
    assert records[-1].exc_info[1] is error


class Quit(BaseException):
    """A BaseException of a program's own."""


def test_a_base_exception_that_is_no_exception(agent: Any, log: Log) -> None:
    other, ref = agent.start(), agent.start()

    ref.tell(failing(Quit("now")))

    [record] = log.wait_for("DEBUG", "Stopping all actors.")
    assert record.message == f"Quit('now') in {ref}. Stopping all actors."
    assert other.actor_stopped.wait(PATIENCE)


def test_a_program_that_logs_warnings_only_is_not_disturbed(agent: Any, log: Log) -> None:
    logging.getLogger("pykka").setLevel(logging.WARNING)
    ref = agent.start()
    with pytest.raises(ValueError, match="no"):
        ref.ask(failing(ValueError("no")))
    ref.stop()

    assert log.records == []


class Names(logging.Handler):
    """Collects, by their messages, the actors that have logged records."""

    def __init__(self, *filters: logging.Filter) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        for each in filters or (pykka.ActorLogFilter(),):
            self.addFilter(each)

    def emit(self, record: logging.LogRecord) -> None:
        self.names[record.getMessage()] = record.actor  # type: ignore[attr-defined]


@pytest.fixture
def names() -> Iterator[Names]:
    names = Names()
    OTHER.addHandler(names)
    yield names
    OTHER.removeHandler(names)


OTHER = logging.getLogger("a logger of the program's")


def test_records_carry_the_actor_that_has_logged_them(agent: Any, names: Names) -> None:
    class Some(agent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            OTHER.error("__init__")

        def on_start(self) -> None:
            OTHER.error("on_start")

        def on_stop(self) -> None:
            OTHER.error("on_stop")

    named = Some.options(name="n-1").start()
    named.ask(lambda _me: OTHER.error("ask"), timeout=PATIENCE)
    named.ask(lambda _me: OTHER.error("ask at once"))
    named.tell(lambda _me: OTHER.error("tell"))
    named.proxy().run(lambda _me: OTHER.error("call")).get(timeout=PATIENCE)
    named.proxy().run.defer(lambda _me: OTHER.error("defer"))
    named.stop()
    OTHER.error("outside")

    others = {"__init__", "outside"}
    assert {text for text, name in names.names.items() if name == "-"} == others
    in_actor = {"on_start", "ask", "ask at once", "tell", "call", "defer", "on_stop"}
    assert {text for text, name in names.names.items() if name == "n-1"} == in_actor


def test_an_actor_without_a_name_is_shown_as_in_the_librarys_records(
    agent: Any, names: Names
) -> None:
    ref = agent.start()
    ref.ask(lambda _me: OTHER.error("hello"), timeout=PATIENCE)
    ref.stop()
    assert names.names == {"hello": str(ref)}


def test_of_actors_that_ask_each_other_it_is_the_one_that_logs(agent: Any, names: Names) -> None:
    inner, outer = agent.options(name="inner").start(), agent.options(name="outer").start()

    def ask(_me: object) -> None:
        OTHER.error("before")
        answer = inner.ask(lambda _me: OTHER.error("within"), block=False)
        OTHER.error("after")
        answers.append(answer)

    answers: list[Any] = []
    outer.ask(ask, timeout=PATIENCE)
    answers[0].get(timeout=PATIENCE)
    inner.stop()
    outer.stop()
    assert names.names == {"before": "outer", "within": "inner", "after": "outer"}


def test_the_librarys_records_carry_it_too(agent: Any) -> None:
    names = Names()
    logger = logging.getLogger("pykka")
    logger.addHandler(names)
    try:
        ref = agent.options(name="fragile").start()
        ref.tell(failing(ValueError("no")))
        ref.when_terminated().get(timeout=PATIENCE)
    finally:
        logger.removeHandler(names)
    assert names.names == {f"Unhandled exception in {ref}:": "fragile"}


def test_an_actor_that_a_record_has_already_stays(agent: Any) -> None:
    """So a handler behind a queue, on whose thread no actor runs, shows the right one."""
    queued: queue.SimpleQueue[Any] = queue.SimpleQueue()
    front, behind = logging.handlers.QueueHandler(queued), Names(pykka.ActorLogFilter("none"))
    front.addFilter(pykka.ActorLogFilter())
    OTHER.addHandler(front)
    try:
        ref = agent.options(name="n-2").start()
        ref.ask(lambda _me: OTHER.error("hello"), timeout=PATIENCE)
        ref.stop()
        behind.handle(queued.get(timeout=PATIENCE))
    finally:
        OTHER.removeHandler(front)
    behind.handle(logging.makeLogRecord({"msg": "bare"}))
    assert behind.names == {"hello": "n-2", "bare": "none"}


def test_what_stands_for_no_actor_is_a_string() -> None:
    wrong: Any = None
    with pytest.raises(TypeError, match="missing is a string that is not empty, not None"):
        pykka.ActorLogFilter(wrong)

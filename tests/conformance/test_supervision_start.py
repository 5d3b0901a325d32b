"""Whoever starts a supervisor waits until its children are up, and is told if one fails."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.conformance.supervised import CrashError, crash, instance
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.routing._pool import PoolSupervisor
from pykka.supervision import (
    ChildSpec,
    ChildStartError,
    DynamicSupervisor,
    SupervisionError,
    Supervisor,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conformance.supervised import Offices
    from tests.conftest import Runtime

pytestmark = [pytest.mark.thinned, pytest.mark.usefixtures("witness")]


def by_class(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    return Supervisor.start(specs, **options)


def by_options(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    return Supervisor.options(name="office").start(specs, **options)


def by_system(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    return pykka.ActorSystem.default().start(Supervisor, specs, **options)


def by_system_with_options(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    return pykka.ActorSystem.default().start(Supervisor.options(name="office"), specs, **options)


def as_a_grandchild(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    """Start one that has one, which has the children."""
    inner = ChildSpec("inner", Supervisor, [specs])
    return Supervisor.start([inner], **options)


def by_a_subclass(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    class Office(Supervisor):
        def __init__(self, wait: bool = True) -> None:
            super().__init__(specs, wait=wait)

    return Office.start(**options)


def by_add_child_in_the_start_hook(specs: list[ChildSpec], **options: Any) -> pykka.ActorRef[Any]:
    class Office(DynamicSupervisor):
        def on_start(self) -> None:
            for spec in specs:
                self._pykka_template = spec
                self.add_child()

    return Office.start(specs[0], **options)


WAYS = [
    by_class,
    by_options,
    by_system,
    by_system_with_options,
    as_a_grandchild,
    by_a_subclass,
    by_add_child_in_the_start_hook,
]
each_way = pytest.mark.parametrize("start", WAYS)


def root_of(error: BaseException) -> BaseException:
    """What an exception came from in the first place."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@each_way
def test_children_are_up_when_start_returns(
    offices: Offices, diary: Diary, start: Callable[..., Any]
) -> None:
    ref = start([offices.spec("a"), offices.spec("b")])
    assert diary.rest() == [("a", "on_start"), ("b", "on_start")]
    ref.stop(timeout=PATIENCE)


@each_way
@pytest.mark.parametrize("hook", ["__init__", "on_start"])
def test_a_child_that_fails_is_raised_and_nothing_is_left(
    offices: Offices, start: Callable[..., Any], hook: str
) -> None:
    with pytest.raises(ChildStartError) as caught:
        start([offices.spec("a"), offices.spec("b", **{hook: crash}), offices.spec("c")])
    assert pykka.ActorRegistry.get_all() == []
    error: BaseException = caught.value
    assert isinstance(root_of(error), CrashError)
    assert root_of(error).__traceback__ is not None
    assert "CrashError()" in str(error)
    assert "'b'" in str(error) or "could not start its child" in str(error)


@needs("blocking handlers")
@each_way
def test_start_does_not_wait_if_it_is_not_to(
    offices: Offices, gate: Gate, start: Callable[..., Any]
) -> None:
    ref = start([offices.spec("a", on_start=gate)], wait=False)
    gate.wait_until_entered()
    gate.open()
    ref.stop(timeout=PATIENCE)


@each_way
def test_what_start_does_not_wait_for_is_not_raised(
    offices: Offices, start: Callable[..., Any]
) -> None:
    ref = start([offices.spec("a", on_start=crash)], wait=False)
    reason = ref.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason.exception, ChildStartError)


def test_a_start_hook_that_fails_by_itself_is_raised() -> None:
    class Office(Supervisor):
        def on_start(self) -> None:
            super().on_start()
            raise CrashError

    with pytest.raises(ChildStartError, match=r"could not start: CrashError\(\)") as caught:
        Office.start([])
    assert isinstance(caught.value.__cause__, CrashError)


@pytest.mark.parametrize("supervisor", [Supervisor, DynamicSupervisor])
@pytest.mark.parametrize("wait", [None, 0, 1, "no"])
def test_wait_is_true_or_false(supervisor: Any, wait: Any) -> None:
    with pytest.raises(TypeError, match=r"wait of .* must be True or False"):
        supervisor.start([], wait=wait)
    assert pykka.ActorRegistry.get_all() == []


def test_a_starter_that_is_told_keeps_nothing_alive(offices: Offices) -> None:
    ref = Supervisor.start([offices.spec("a")])
    extension: Any = ref._cell.extension
    wait_until(lambda: extension.supervision.started is None, "the supervisor has told it")
    ref.stop(timeout=PATIENCE)


# --- started by an actor ------------------------------------------------------------------------


class Result:
    """What came of something that an actor did, on a thread of its own or in a loop."""

    def __init__(self) -> None:
        self.value: Any = None
        self._done = threading.Event()

    def fill(self, function: Callable[[], object]) -> None:
        try:
            self.value = function()
        except Exception as error:
            self.value = error
        finally:
            self._done.set()

    def wait(self) -> Any:
        assert self._done.wait(PATIENCE), "nothing came"
        return self.value


def start_here(actor: Any, specs: list[ChildSpec]) -> Any:
    del actor
    return Supervisor.start(specs)


def start_as_a_child(actor: Any, specs: list[ChildSpec]) -> Any:
    return actor.start_child(Supervisor, specs)


def start_in_the_system(actor: Any, specs: list[ChildSpec]) -> Any:
    return actor.actor_ref.system.start(Supervisor, specs)


def start_dynamically(actor: Any, specs: list[ChildSpec]) -> Any:
    """Start one without children, and have it start them."""
    del actor
    ref = DynamicSupervisor.start(specs[0])
    for _spec in specs:
        ref.proxy().add_child().get()
    return ref


def start_by_add_child(actor: Any, specs: list[ChildSpec]) -> Any:
    del actor
    ref = Supervisor.start([])
    for spec in specs:
        ref.proxy().add_child(spec).get()
    return ref


def start_a_pool(actor: Any, specs: list[ChildSpec]) -> Any:
    del actor
    return routing.RoundRobin.pool(specs[0], len(specs))


BY_ACTORS = [start_here, start_as_a_child, start_in_the_system, start_dynamically,
             start_by_add_child, start_a_pool]  # fmt: skip


@pytest.fixture(params=[pykka.ThreadingActor, pykka.PooledActor])
def starter(request: pytest.FixtureRequest) -> Any:
    """An actor that may block, and does what it is told."""

    class Starter(request.param):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            return message(self)

    return Starter.start()


@pytest.fixture(autouse=True)
def all_stop() -> Any:
    yield
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)


@pytest.mark.parametrize("start", BY_ACTORS)
def test_in_a_handler(
    offices: Offices, diary: Diary, starter: Any, start: Callable[..., Any]
) -> None:
    def run(actor: Any) -> Any:
        start(actor, [offices.spec("a"), offices.spec("b")])
        return len(diary.rest())

    assert starter.ask(run, timeout=PATIENCE) == 2


@pytest.mark.parametrize("start", BY_ACTORS)
def test_in_a_handler_a_child_that_fails(
    offices: Offices, starter: Any, start: Callable[..., Any]
) -> None:
    with pytest.raises(ChildStartError) as caught:
        starter.ask(lambda actor: start(actor, [offices.spec("a", on_start=crash)]))
    assert isinstance(root_of(caught.value), CrashError)
    assert starter.is_alive()
    assert not [
        ref for ref in pykka.ActorRegistry.get_all() if issubclass(ref.actor_class, offices.worker)
    ]


@needs("blocking handlers")
@pytest.mark.parametrize("start", BY_ACTORS)
def test_a_child_that_asks_its_starter_is_a_deadlock(
    offices: Offices, starter: Any, start: Callable[..., Any]
) -> None:
    """Whoever closes the circle gets the error, and the starter gets one in any case."""
    spec = offices.spec("a", on_start=lambda _worker: starter.ask(lambda _actor: "here"))
    with pytest.raises((ChildStartError, pykka.DeadlockError)) as caught:
        starter.ask(lambda actor: start(actor, [spec]), timeout=PATIENCE)
    assert isinstance(root_of(caught.value), pykka.DeadlockError)
    assert starter.ask(lambda _actor: "here", timeout=PATIENCE) == "here"
    wait_until(
        lambda: pykka.ActorRegistry.get_by_class(offices.worker) == [], "the child has ended"
    )


@needs("blocking handlers")
def test_the_starter_that_closes_the_circle_is_told_as_well(
    offices: Offices, starter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child asks first, and the starter begins to wait afterwards."""
    from pykka.supervision import _starting  # noqa: PLC0415

    has_asked = Result()
    wait = _starting.wait

    def wait_later(ref: Any, started: Any) -> None:
        has_asked.wait()
        wait_until(lambda: starter._cell.count() > 0, "the child has asked")
        wait_until(is_waiting, "the child and the supervisor wait")
        wait(ref, started)

    def is_waiting() -> bool:
        return sum(ref._cell.waiting is not None for ref in pykka.ActorRegistry.get_all()) == 2

    def ask(_worker: Any) -> None:
        has_asked.fill(lambda: None)
        starter.ask(lambda _actor: "here")

    monkeypatch.setattr(_starting, "wait", wait_later)
    with pytest.raises(ChildStartError, match="a child waits for that one") as caught:
        starter.ask(
            lambda _actor: Supervisor.start([offices.spec("a", on_start=ask), offices.spec("b")]),
            timeout=PATIENCE,
        )
    assert isinstance(caught.value.__cause__, pykka.DeadlockError)
    wait_until(
        lambda: [ref for ref in pykka.ActorRegistry.get_all() if ref != starter] == [],
        "all that was started has ended",
    )
    assert "b" not in offices.diary.instances


def test_a_child_that_asks_its_own_supervisor_is_a_deadlock() -> None:
    class Child(pykka.PooledActor):
        def __init__(self) -> None:
            super().__init__()
            self.parent = pykka.ActorRegistry.get_by_name("office")

        def on_start(self) -> None:
            self.parent.proxy().which_children().get()  # type: ignore[union-attr]

    with pytest.raises(ChildStartError) as caught:
        Supervisor.options(name="office").start([ChildSpec("a", Child)])
    assert isinstance(caught.value.__cause__, pykka.DeadlockError)


# --- in an event loop ---------------------------------------------------------------------------


def test_in_a_loop_start_does_not_wait() -> None:
    started = []

    class Child(pykka.AsyncioActor):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            started.append(1)

    async def main() -> None:
        for start in (
            lambda spec: Supervisor.start([spec]),
            lambda spec: pykka.ActorSystem.default().start(Supervisor, [spec]),
        ):
            ref = start(ChildSpec("a", Child))
            await ref.proxy().count_children()
            await ref.stop(block=False)

    asyncio.run(main())
    assert started == [1, 1]


def test_in_a_loop_start_async_waits(offices: Offices, diary: Diary) -> None:
    async def main() -> None:
        for start in (Supervisor.start_async, Supervisor.options(name="office").start_async):
            ref = await start([offices.spec("a"), offices.spec("b")])
            assert diary.rest() == [("a", "on_start"), ("b", "on_start")]
            await ref.stop(block=False)
            diary.rest()

    asyncio.run(main())


def test_in_a_loop_start_async_raises_and_nothing_is_left(offices: Offices) -> None:
    async def main() -> None:
        inner = ChildSpec("inner", Supervisor, [[offices.spec("b", on_start=crash)]])
        with pytest.raises(ChildStartError) as caught:
            await Supervisor.start_async([offices.spec("a"), inner])
        assert isinstance(root_of(caught.value), CrashError)
        assert pykka.ActorRegistry.get_all() == []

    asyncio.run(main())


def test_start_async_cannot_be_told_not_to_wait(offices: Offices) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="wait=False cannot be"):
            await Supervisor.start_async([offices.spec("a")], wait=False)

    asyncio.run(main())


@needs("blocking handlers")
def test_start_async_that_is_cancelled_leaves_nothing(offices: Offices, gate: Gate) -> None:
    async def main() -> None:
        specs = [offices.spec("a", on_start=gate), offices.spec("b")]
        task = asyncio.create_task(Supervisor.start_async(specs))
        await asyncio.to_thread(gate.wait_until_entered)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    gate.open()
    wait_until(lambda: pykka.ActorSystem.default().everybody() == [], "all have ended")
    assert "b" not in offices.diary.instances


class AsyncStarter(pykka.AsyncioActor):
    """Does what it is told, in a loop."""

    async def on_receive(self, message: Any) -> Any:
        return await message(self)


def test_in_a_handler_that_awaits(offices: Offices, diary: Diary) -> None:
    async def run(_actor: Any) -> int:
        await Supervisor.start_async([offices.spec("a"), offices.spec("b")])
        return len(diary.rest())

    starter = AsyncStarter.start()
    assert starter.ask(run, timeout=PATIENCE) == 2


def test_a_handler_that_awaits_does_not_wait_in_start(offices: Offices) -> None:
    async def run(actor: Any) -> Any:
        return actor.start_child(Supervisor, [offices.spec("a")]).proxy()

    office = AsyncStarter.start().ask(run, timeout=PATIENCE)
    assert office.get_child("a").get(timeout=PATIENCE).ask(instance, timeout=PATIENCE) == 1


def test_a_child_that_asks_a_starter_that_awaits_is_a_deadlock(
    offices: Offices, runtime: Runtime
) -> None:
    async def here(_actor: Any) -> str:
        return "here"

    if runtime.name == "asyncio":

        class Child(pykka.AsyncioActor):
            async def on_start(self) -> None:
                await starter.ask(here, block=False)

        spec = ChildSpec("a", Child)
    else:
        spec = offices.spec("a", on_start=lambda _worker: starter.ask(here))

    async def run(_actor: Any) -> Any:
        return await Supervisor.start_async([spec])

    starter = AsyncStarter.start()
    with pytest.raises(ChildStartError) as caught:
        starter.ask(run, timeout=PATIENCE)
    assert isinstance(root_of(caught.value), pykka.DeadlockError)


# --- interrupted --------------------------------------------------------------------------------


@needs("blocking handlers")
def test_a_starter_that_is_interrupted_leaves_nothing(
    offices: Offices, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pykka.supervision import _starting  # noqa: PLC0415

    class Interrupted(pykka.ThreadingFuture):  # type: ignore[type-arg]
        def get(self, *, timeout: float | None = None) -> Any:
            del timeout
            gate.wait_until_entered()
            raise KeyboardInterrupt

    monkeypatch.setattr(_starting, "ThreadingFuture", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        Supervisor.start([offices.spec("a", on_start=gate), offices.spec("b")])
    gate.open()
    wait_until(lambda: pykka.ActorSystem.default().everybody() == [], "all have ended")
    assert "b" not in offices.diary.instances


@needs("blocking handlers")
def test_a_supervisor_that_is_killed_while_it_starts(offices: Offices, gate: Gate) -> None:
    result = Result()
    specs = [offices.spec("a", on_start=gate), offices.spec("b")]
    thread = threading.Thread(target=result.fill, args=[lambda: Supervisor.start(specs)])
    thread.start()
    gate.wait_until_entered()
    [office] = pykka.ActorRegistry.get_by_class(Supervisor)
    ended = office.kill(block=False)
    gate.open()
    ended.get(timeout=PATIENCE)
    result.wait()
    thread.join(PATIENCE)
    assert "b" not in offices.diary.instances
    assert pykka.ActorRegistry.get_all() == []


@needs("blocking handlers")
def test_a_supervisor_that_is_abandoned_while_it_starts(offices: Offices, gate: Gate) -> None:
    result = Result()
    thread = threading.Thread(
        target=result.fill,
        args=[lambda: Supervisor.start([offices.spec("a", on_start=gate, shutdown=0.01)])],
    )
    thread.start()
    gate.wait_until_entered()
    [office] = pykka.ActorRegistry.get_by_class(Supervisor)
    office.kill(abandon_after=0.0)
    error = result.wait()
    gate.open()
    thread.join(PATIENCE)
    assert isinstance(error, ChildStartError)
    assert "has ended before its children were up: Abandoned" in str(error)


@needs("blocking handlers")
def test_a_child_that_is_abandoned_while_it_starts_has_failed(
    offices: Offices, gate: Gate
) -> None:
    result = Result()
    thread = threading.Thread(
        target=result.fill, args=[lambda: Supervisor.start([offices.spec("a", on_start=gate)])]
    )
    thread.start()
    gate.wait_until_entered()
    [child] = pykka.ActorRegistry.get_by_class(offices.worker)
    child.kill(abandon_after=0.0)
    error = result.wait()
    gate.open()
    thread.join(PATIENCE)
    assert isinstance(error, ChildStartError)
    assert "ended before it was up: Abandoned" in str(error.__cause__)


# --- pools --------------------------------------------------------------------------------------


def test_a_pool_that_cannot_start_leaves_nothing(offices: Offices, diary: Diary) -> None:
    turns = iter([None, crash])

    def does() -> dict[str, Any]:
        hook = next(turns)
        return {} if hook is None else {"on_start": hook}

    def make() -> Any:
        return offices.worker("a", diary, does())

    with pytest.raises(ChildStartError) as caught:
        routing.RoundRobin.pool(make, 2)
    assert isinstance(caught.value.__cause__, CrashError)
    assert pykka.ActorRegistry.get_all() == []
    assert pykka.ActorRegistry.get_by_class(PoolSupervisor) == []


def test_all_errors_of_a_start_are_one_kind() -> None:
    assert issubclass(ChildStartError, SupervisionError)


# --- what hangs ---------------------------------------------------------------------------------


@pytest.mark.thinned
@pytest.mark.parametrize("how", ["terminate", "stop"])
@needs("blocking handlers")
def test_a_child_that_hangs_while_it_stops_does_not_hold_its_supervisor_up(
    offices: Offices, gate: Gate, how: str
) -> None:
    """The supervisor does not run it on its own thread, although it waits for it."""
    ref = Supervisor.start([offices.spec("a", on_stop=gate, shutdown=0.01)])
    ref.proxy().get_child("a").get(timeout=PATIENCE).ask(instance)
    if how == "terminate":
        ref.proxy().terminate_child("a").get(timeout=PATIENCE)
    else:
        ref.stop(timeout=PATIENCE)
    gate.open()


def test_a_child_that_means_the_program_when_it_is_made_stops_the_system(
    offices: Offices,
) -> None:
    def leave(_worker: object) -> None:
        raise SystemExit

    with pykka.ActorSystem() as system:
        office = offices.start("a", system=system)
        first = office.child("a")
        added = office.proxy.add_child(offices.spec("b", __init__=leave))
        assert office.reason() == pykka.Stopped()
        with pytest.raises(SystemExit):
            added.get(timeout=PATIENCE)
        assert first.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert offices.diary.instances == {"a": 1, "b": 1}

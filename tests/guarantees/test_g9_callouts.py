"""G9: what code of the user's raises that is called or looked up outside a handler stays inside.

What there is of that kind is found by a program: here, in the classes that users derive from; and
in `test_g9_doors.py`, in the source.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop
from pykka.resilience import Retry
from pykka.supervision import ChildSpec, ChildStartError, RestartLimitError, Supervisor
from pykka.timers import MonotonicClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log, Runtime


class Fault(Exception):
    """What code on the side raises."""


def users_names() -> list[str]:
    """The hooks, class attributes and factories of actors, of which a user may define each."""
    hooks = [
        name
        for name, value in vars(pykka.Actor).items()
        if (getattr(value, "__doc__", None) or "").startswith("Hook:")
    ]
    classes = (pykka.Actor, pykka.ThreadingActor, pykka.PooledActor)
    attributes = [
        name
        for cls in classes
        for name, kind in vars(cls)["__annotations__"].items()
        if kind.startswith("ClassVar") and not name.startswith("_")
    ]
    return [*hooks, *attributes, "_create_actor_inbox", "_create_future"]


class Raising:
    """An attribute that raises when it is looked up, after some times.

    Args:
        name: The attribute.
        good: How often it is what it would be without this.
        inherited: The class that has it.
    """

    def __init__(self, name: str, good: int, inherited: type) -> None:
        self.name = name
        self.good = good
        self.inherited = inherited

    def __get__(self, instance: object, owner: type) -> Any:
        self.good -= 1
        if self.good < 0:
            raise Fault(self.name)
        inherited: Any = super(owner, owner if instance is None else instance)
        return getattr(inherited, self.name)


def raise_fault(*_args: object, **_kwargs: object) -> Any:
    raise Fault


class Subject(pykka.Actor):
    """Raises what it is sent, and returns anything else."""

    def on_receive(self, message: Any) -> Any:
        if type(message) is ValueError:
            raise message
        return message


class Watcher(pykka.ThreadingActor):
    """Tells when another one has ended."""

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self.ref = ref
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_start(self) -> None:
        self.watch(self.ref)

    def on_receive(self, message: Any) -> None:
        self.told.put(message)


@pytest.fixture(autouse=True)
def no_thread_ends_badly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ended: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", ended.append)
    yield
    assert ended == []


@pytest.fixture
def bystander(runtime: Runtime) -> Iterator[pykka.ActorRef[Any]]:
    """An actor that goes on, whatever becomes of the others."""
    ref = runtime.run(Subject).start()
    yield ref
    assert ref.ask("still here?", timeout=PATIENCE) == "still here?"


def is_answered(future: pykka.Future[Any]) -> None:
    """Wait for an answer, whatever it is."""
    with contextlib.suppress(Exception):
        future.get(timeout=PATIENCE)
    assert future.done(), "nobody has answered"


def live_through(actor_class: type[Any], end: str) -> None:
    """Have an actor do what actors do, and see that whoever waits is served."""
    try:
        ref = actor_class.start()
    except (Fault, TypeError):
        return  # whoever starts it knows
    told = ref.when_terminated()
    watcher = Watcher.start(ref)
    asks = []
    with contextlib.suppress(pykka.ActorDeadError, Fault):
        asks = [ref.ask(message, block=False) for message in ("fine", ValueError("no"))]
        for ask in asks:
            is_answered(ask)
        for message in ("without a timeout", ValueError("without a timeout")):
            with contextlib.suppress(Exception):
                ref.ask(message)
        if end == "crash":
            ref.tell(ValueError("crash"))
        asks += [ref.ask("late", block=False)]
    if end == "kill":
        ref.kill()
    with contextlib.suppress(Fault):
        ref.stop(timeout=PATIENCE)
    for ask in asks:
        is_answered(ask)
    told.get(timeout=PATIENCE)
    queue_of_watcher = watcher.proxy().told.get()
    assert queue_of_watcher.get(timeout=PATIENCE).ref == ref
    watcher.stop()


def make(runtime: Runtime, **attributes: Any) -> type[Any]:
    return type("Odd", (runtime.run(Subject),), attributes)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("end", ["stop", "crash"])
@pytest.mark.parametrize("good", [0, 1, 2])
@pytest.mark.parametrize("name", users_names())
def test_what_raises_when_it_is_looked_up(
    name: str, good: int, end: str, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    live_through(make(runtime, **{name: Raising(name, good, runtime.actor_class)}), end)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("end", ["kill", "crash"])
@pytest.mark.parametrize("value", [None, raise_fault], ids=["None", "raises"])
@pytest.mark.parametrize("name", [name for name in users_names() if "create" not in name])
def test_what_is_none_or_raises_when_it_is_called(
    name: str, value: Any, end: str, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    attribute = value if value is None else staticmethod(value)
    live_through(make(runtime, **{name: attribute}), end)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("mode", [None, 0, 2], ids=str)
@pytest.mark.parametrize("name", users_names())
def test_supervised(
    name: str, mode: int | None, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    value = None if mode is None else Raising(name, mode, runtime.actor_class)
    if mode is None and "create" in name:
        return
    spec = ChildSpec("odd", make(runtime, **{name: value}))
    try:
        supervisor = Supervisor.start([spec], max_restarts=2)
        child = supervisor.ask(
            pykka.messages.ProxyCall(("get_child",), ("odd",), {}), timeout=PATIENCE
        )
    except pykka.ActorError:
        return  # it could not be started, and neither could its supervisor
    asks: list[Any] = []
    with contextlib.suppress(pykka.ActorDeadError, Fault):
        asks = [child.ask(message, block=False) for message in ("fine", ValueError("asked"))]
        child.tell(ValueError("crash"))
        asks.append(child.ask("late", block=False))
    for ask in asks:
        is_answered(ask)
    supervisor.stop(timeout=PATIENCE)
    supervisor.when_terminated().get(timeout=PATIENCE)


class Shouting(logging.Handler):
    """Raises when anything is logged."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__(logging.DEBUG)
        self.fault = fault
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is threading.main_thread():
            return  # what is no Exception would mean the program there
        self.count += 1
        raise self.fault


@pytest.fixture(params=[Fault(), SystemExit(), GeneratorExit()], ids=repr)
def shouting(request: pytest.FixtureRequest) -> Iterator[Shouting]:
    handler = Shouting(request.param)
    logger = logging.getLogger("pykka")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_a_log_handler_that_raises(
    end: str,
    runtime: Runtime,
    bystander: pykka.ActorRef[Any],
    shouting: Shouting,
    capfd: pytest.CaptureFixture[str],
) -> None:
    live_through(make(runtime), end)
    assert shouting.count > 0
    assert "raise self.fault" in capfd.readouterr().err, "it is said"


def test_a_log_handler_that_raises_on_the_main_thread(
    bystander: pykka.ActorRef[Any], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooled actor runs on it for its caller."""
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", raise_fault)
    logger = logging.getLogger("pykka")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    ref = runtime.run(Subject).start()
    with pytest.raises(ValueError, match="no"):
        ref.ask(ValueError("no"))
    assert ref.ask("fine") == "fine"
    assert ref.stop() is True


class Dead:
    """What a weak proxy points at, or did."""


def dead_proxy() -> Any:
    return weakref.proxy(Dead())


class NoClass:
    """A message that asked for its class raises."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise Fault


class NoAttributes:
    """A message that raises at any look."""

    def __getattribute__(self, name: str) -> Any:
        raise Fault

    __repr__ = __str__ = raise_fault  # type: ignore[assignment]


class NoHash(type):
    """A class that is no key of a dict, for the second time."""

    looks = 0

    def __hash__(cls) -> int:
        cls.looks += 1
        if cls.looks > 1:
            raise Fault
        return super().__hash__()


def no_hash() -> Any:
    return NoHash("Unhashable", (), {})()


ODD_MESSAGES = [dead_proxy, NoClass, NoAttributes, no_hash]


@pytest.mark.thinned
@pytest.mark.parametrize("message", ODD_MESSAGES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("end", ["handled", "stop", "kill", "crash", "abandon"])
def test_a_message_that_raises_at_any_look_is_answered(
    message: Callable[[], Any], end: str, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    entered, may_go_on = threading.Event(), threading.Event()

    class Busy(runtime.run(Subject)):  # type: ignore[misc]
        def on_receive(self, message: Any) -> Any:
            if type(message) is tuple:
                entered.set()
                if "blocking handlers" in runtime.capabilities:
                    assert may_go_on.wait(PATIENCE)
            return super().on_receive(message)

    ref = Busy.start()
    ref.tell(("hold",))
    if end == "crash":
        ref.tell(ValueError("crash"))
    elif end == "stop":
        ref.stop(block=False)
    asks: list[Any] = []
    with contextlib.suppress(Fault, pykka.ActorDeadError):
        asks.append(ref.ask(message(), block=False))
    with contextlib.suppress(Fault, pykka.ActorDeadError):
        ref.tell(message())
    with contextlib.suppress(pykka.ActorDeadError):
        asks.append(ref.ask("behind", block=False))
    if end == "kill":
        ref.kill(block=False)
    elif end == "abandon":
        ref.kill(abandon_after=0)
    may_go_on.set()
    for ask in asks:
        is_answered(ask)
    ref.stop(timeout=PATIENCE)


class NoClassError(Exception):
    """An exception that asked for its class raises."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise Fault


class NoTextError(Exception):
    __str__ = __repr__ = raise_fault  # type: ignore[assignment]


class NoDictError(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise Fault


ODD_ERRORS = [NoClassError, NoTextError, NoDictError]


@pytest.mark.parametrize("error", ODD_ERRORS)
@pytest.mark.parametrize("hook", ["on_receive", "on_start", "on_stop", "on_failure", "async"])
def test_an_exception_that_raises_at_any_look(
    error: type[Exception], hook: str, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    def fail(self: Any, *args: Any) -> Any:
        raise error

    async def fail_later(self: Any, *args: Any) -> Any:
        raise error

    attributes = {"on_receive": fail_later} if hook == "async" else {hook: fail}
    ref = make(runtime, **attributes).start()
    asks = []
    with contextlib.suppress(pykka.ActorDeadError):
        asks.append(ref.ask("fine", block=False))
        is_answered(asks[0])
        ref.tell(ValueError("crash") if hook == "on_failure" else "fine")
        asks.append(ref.ask("fine", block=False))
    for ask in asks:
        is_answered(ask)
    ref.stop(timeout=PATIENCE)
    reason = ref.when_terminated().get(timeout=PATIENCE)
    assert repr(reason)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("late")


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_a_child_whose_exception_raises_at_any_look_is_restarted(
    error: type[Exception], runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    def on_receive(self: Any, message: Any) -> Any:
        if message == "fail":
            raise error
        return message

    spec = ChildSpec("odd", make(runtime, on_receive=on_receive))
    supervisor = Supervisor.start([spec], max_restarts=1)
    child = supervisor.proxy().get_child("odd").get()
    child.tell("fail")
    assert child.ask("fine", timeout=PATIENCE) == "fine"
    child.tell("fail")
    reason = supervisor.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, RestartLimitError)


@pytest.mark.parametrize("error", ODD_ERRORS)
def test_a_child_whose_exception_raises_at_any_look_cannot_be_started(
    error: type[Exception], runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    def on_start(self: Any) -> None:
        raise error

    spec = ChildSpec("odd", make(runtime, on_start=on_start))
    with pytest.raises(ChildStartError, match="'odd'"):
        Supervisor.start([spec])


class OddInbox(queue.SimpleQueue):  # type: ignore[type-arg]
    """An inbox of which one method raises, after some calls."""

    def __init__(self, method: str, good: int) -> None:
        self.left = good
        self.method = method

    def _count(self, method: str) -> None:
        if method == self.method:
            self.left -= 1
            if self.left < 0:
                raise Fault

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._count("put")
        super().put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        item = super().get(block, timeout)
        self._count("get")
        return item

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def empty(self) -> bool:
        self._count("empty")
        return super().empty()


@pytest.mark.parametrize("good", range(6))
@pytest.mark.parametrize("method", ["get", "empty"])
def test_an_inbox_that_raises_at_some_time(
    method: str, good: int, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    """What it has given out and kept is its own business; everything else goes on."""
    attributes = {"_create_actor_inbox": staticmethod(lambda: OddInbox(method, good))}
    try:
        ref = make(runtime, **attributes).start()
    except Fault:
        return
    with contextlib.suppress(pykka.ActorDeadError, Fault):
        for _ in range(8):
            ref.ask("fine", block=False).done()
    ref.kill()
    ref.when_terminated().get(timeout=PATIENCE)


class OddFuture(pykka.ThreadingFuture):  # type: ignore[type-arg]
    """A future that takes no answer."""

    def set(self, value: Any = None) -> None:
        raise SystemExit

    def set_exception(self, exc_info: Any = None) -> None:
        raise SystemExit


@pytest.mark.parametrize("message", ["fine", ValueError("no")])
def test_a_future_that_raises_when_it_is_set(
    message: Any, runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    ref = make(runtime, _create_future=staticmethod(OddFuture)).start()
    ref.ask(message, block=False)
    (record,) = log.wait_for("ERROR", "OddFuture.set_exception() raised, so the asker of Odd")
    assert record.exc_info is not None
    assert record.exc_info[0] is SystemExit
    assert len(log.find("ERROR", "OddFuture.set() raised")) == (message == "fine")
    assert ref.is_alive()
    ref.kill()


class HalfFuture(pykka.ThreadingFuture):  # type: ignore[type-arg]
    """A future that takes nothing but exceptions."""

    def set(self, value: Any = None) -> None:
        raise Fault


def test_the_asker_is_told_what_its_future_raises(
    runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    ref = make(runtime, _create_future=staticmethod(HalfFuture)).start()
    for _ in range(2):
        with pytest.raises(Fault):
            ref.ask("fine", timeout=PATIENCE)
    assert len(log.find("ERROR", "HalfFuture.set() raised, so this is what the asker gets")) == 2
    stopped = ref.ask(_ActorStop(), block=False)  # what is answered when the actor has ended
    with pytest.raises(Fault):
        stopped.get(timeout=PATIENCE)
    assert len(log.find("ERROR", "HalfFuture.set() raised")) == 3


class LateFuture(HalfFuture):
    """A future that is set, and then raises."""

    def set(self, value: Any = None) -> None:
        pykka.ThreadingFuture.set(self, value)
        raise Fault


def test_a_future_that_raises_when_it_was_set_has_its_answer(
    runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    ref = make(runtime, _create_future=staticmethod(LateFuture)).start()
    assert ref.ask("fine", timeout=PATIENCE) == "fine"
    log.wait_for("ERROR", "LateFuture.set() raised")
    ref.kill()
    ref.when_terminated().get(timeout=PATIENCE)
    assert log.find("WARNING", "could not be set") == []


class NoFuture(HalfFuture):
    set_exception = raise_fault


def test_a_future_that_refuses_what_a_dead_actor_says(
    runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    ref = make(runtime, _create_future=staticmethod(NoFuture)).start()
    ref.kill()
    ref.when_terminated().get(timeout=PATIENCE)
    ref._cell.send(Envelope("later", reply_to=NoFuture()))
    log.wait_for("ERROR", "NoFuture.set_exception() raised, so the asker of Odd")


class OddUrn(str):
    """A URN that has no text, and is no key."""

    bad = False
    __slots__ = ()

    def __hash__(self) -> int:
        if OddUrn.bad:
            raise Fault
        return super().__hash__()

    def __str__(self) -> str:
        raise Fault

    __format__ = __repr__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_a_urn_that_raises(
    end: str, runtime: Runtime, bystander: pykka.ActorRef[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Any) -> None:
        self.actor_urn = OddUrn("urn:odd")
        OddUrn.bad = True

    monkeypatch.setattr(OddUrn, "bad", False)
    live_through(make(runtime, on_start=start), end)


class OddClock(MonotonicClock):
    """A clock of which one method raises."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def _check(self, method: str) -> None:
        if method == self.method:
            raise Fault

    def now(self) -> float:
        self._check("now")
        return super().now()

    def schedule(self, when: float, alarm: Any) -> None:
        self._check("schedule")
        super().schedule(when, alarm)

    def forget(self, alarm: Any) -> None:
        self._check("forget")
        super().forget(alarm)


@pytest.mark.parametrize("method", ["now", "schedule", "forget"])
def test_a_clock_that_raises(
    method: str, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    clock = OddClock("")
    with pykka.ActorSystem(clock=clock) as system:
        child_class = runtime.run(Subject)

        class Parent(runtime.run(Subject)):  # type: ignore[misc]
            def on_start(self) -> None:
                for _ in range(2):
                    self.start_child(child_class)
                self.actor_ref.tell_after(3600, "never")
                self.set_idle_timeout(3600)

        ref = system.start(Parent)
        children = ref.proxy().children().get(timeout=PATIENCE)
        clock.method = method
        ref.stop(timeout=PATIENCE)
        assert not any(child.is_alive() for child in children)
        clock.method = ""


class OwnClock:
    """A clock of the user's, derived from none of the library's, that schedules nothing."""

    def __init__(self) -> None:
        self.fails = False
        self._clock = MonotonicClock()
        self.now, self.forget = self._clock.now, self._clock.forget

    def schedule(self, when: float, alarm: Any) -> None:
        if self.fails:
            raise Fault
        self._clock.schedule(when, alarm)


def test_children_end_although_the_users_clock_gives_them_no_limit(
    runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    clock = OwnClock()
    with pykka.ActorSystem(clock=clock) as system:
        specs = [ChildSpec(name, runtime.run(Subject), shutdown=PATIENCE) for name in "ab"]
        supervisor = system.start(Supervisor, specs)
        children = [supervisor.proxy().get_child(name).get(timeout=PATIENCE) for name in "ab"]
        clock.fails = True
        assert supervisor.stop(timeout=PATIENCE)
        for child in children:
            assert child.when_terminated().get(timeout=0) == pykka.Stopped()
            assert log.find("ERROR", f"The clock of {child._cell} raised")
        clock.fails = False


def test_a_child_whose_inbox_takes_nothing_keeps_no_other_from_ending(
    runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    inbox = OddInbox("put", 10)
    good = runtime.run(Subject)
    odd = make(runtime, _create_actor_inbox=staticmethod(lambda: inbox))

    class Parent(runtime.run(Subject)):  # type: ignore[misc]
        def on_start(self) -> None:
            self.start_child(good)
            self.start_child(odd)

    ref = Parent.start()
    children = ref.proxy().children().get()
    children[1].ask("it is up", timeout=PATIENCE)
    inbox.left = 0
    assert ref.stop(timeout=PATIENCE) is True
    for child in children:
        child.when_terminated().get(timeout=PATIENCE)
    queue.SimpleQueue.put(inbox, None)  # so that its thread comes back


def test_a_watcher_whose_inbox_takes_nothing_keeps_no_other_from_being_told(
    runtime: Runtime, bystander: pykka.ActorRef[Any], log: Log
) -> None:
    inbox = OddInbox("put", 10)
    ref = runtime.run(Subject).start()

    class Deaf(Watcher):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return inbox

    deaf = Deaf.start(ref)
    deaf.proxy().told.get(timeout=PATIENCE)
    watcher = Watcher.start(ref)
    told = watcher.proxy().told.get()
    inbox.left = 0
    assert ref.stop(timeout=PATIENCE) is True
    assert told.get(timeout=PATIENCE).ref == ref
    log.wait_for("ERROR", "Somebody who was told of the end of")
    inbox.left = 10
    deaf.stop()


class OddSubscriber:
    """A subscriber that can no longer be hashed, compared or asked for its class."""

    bad = False

    def __init__(self) -> None:
        self.got: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.got.append(event)

    def _check(self, *_args: Any) -> Any:
        if self.bad:
            raise Fault
        return 1

    __hash__ = _check
    __eq__ = __ne__ = _check  # type: ignore[assignment]

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        self._check()
        return OddSubscriber


def test_a_subscriber_that_raises_at_any_look() -> None:
    bus = pykka.EventBus()
    odd = OddSubscriber()
    got: list[Any] = []
    bus.subscribe(int, odd)
    bus.subscribe(bool, odd)
    bus.subscribe(int, got.append)
    odd.bad = True
    assert bus.publish(True) == 2
    assert odd.got == [True]
    assert got == [True]


def test_an_actor_is_forgotten_although_other_subscribers_raise(
    bystander: pykka.ActorRef[Any], runtime: Runtime, log: Log
) -> None:
    bus = pykka.EventBus()
    odd = OddSubscriber()
    ref = runtime.run(Subject).start()
    bus.subscribe(int, odd)
    bus.subscribe(int, ref)
    odd.bad = True
    ref.stop(timeout=PATIENCE)
    ref.when_terminated().get(timeout=PATIENCE)
    odd.bad = False
    assert bus.subscribers(int) == [odd]
    assert log.find("ERROR") == []


@pytest.mark.parametrize("good", [0, 1])
def test_a_backoff_that_raises_ends_the_series(
    good: int, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    class OddBackoff:
        def delay(self, number: int) -> float:
            if number > good:
                raise SystemExit
            return 0.0

    ref = runtime.run(Subject).start()
    backoff: Any = OddBackoff()
    retry = Retry(ref, retry_on=ValueError, backoff=backoff)
    with pytest.raises(SystemExit):  # here, if the actor has answered by now
        retry.ask(ValueError("no"), block=False).get(timeout=PATIENCE)
    ref.stop()


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_a_backoff_of_a_supervisor_that_raises(
    restart: Any, runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    class OddBackoff:
        reset_after = None

        def delay(self, _number: int) -> float:
            raise Fault

    backoff: Any = OddBackoff()
    spec = ChildSpec("odd", runtime.run(Subject), restart=restart, backoff=backoff)
    supervisor = Supervisor.start([spec])
    child = supervisor.proxy().get_child("odd").get()
    child.tell(ValueError("crash"))
    reason = supervisor.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, Fault)
    child.when_terminated().get(timeout=PATIENCE)


def test_a_crash_on_that_raises(runtime: Runtime, bystander: pykka.ActorRef[Any]) -> None:
    class Kind(type):
        def __instancecheck__(cls, _error: object) -> bool:
            raise Fault

    kind: Any = Kind("OddKind", (Exception,), {})
    ref = make(runtime, crash_on=(kind,)).start()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            ref.ask(ValueError("no"), timeout=PATIENCE)
    ref.stop()


def test_a_group_that_cannot_be_split(runtime: Runtime, bystander: pykka.ActorRef[Any]) -> None:
    class OddGroup(ExceptionGroup):  # type: ignore[type-arg]
        split = raise_fault

    async def fail(self: Any, _message: Any) -> None:
        raise OddGroup("several", [ValueError("no")])

    if runtime.name != "asyncio":
        pytest.skip("nobody else awaits")
    ref = make(runtime, on_receive=fail).start()
    with pytest.raises(OddGroup):
        ref.ask("fine", timeout=PATIENCE)
    ref.stop()


@needs("blocking handlers")
def test_code_whose_module_has_an_odd_name_may_wait(
    runtime: Runtime, bystander: pykka.ActorRef[Any]
) -> None:
    """Who waits is described by the line of code it waits in."""
    scope: dict[str, Any] = {"__name__": None}
    exec("def ask(ref):\n    return ref.ask('fine', block=False).get()", scope)  # noqa: S102

    class Asker(runtime.run(Subject)):  # type: ignore[misc]
        def on_receive(self, message: Any) -> Any:
            return scope["ask"](message)

    asker = Asker.start()
    slow = pykka.ThreadingActor.start()
    slow.stop()
    ref = type("Slow", (Subject, pykka.ThreadingActor), {}).start()
    assert asker.ask(ref, timeout=PATIENCE) == "fine"
    asker.stop()
    ref.stop()


def test_a_log_handler_that_raises_is_told_of_on_stderr_only_if_logging_wants_that(
    monkeypatch: pytest.MonkeyPatch,
    shouting: Shouting,
    capfd: pytest.CaptureFixture[str],
    runtime: Runtime,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    live_through(make(runtime), "crash")
    assert capfd.readouterr().err == ""
    assert sys.stderr is not None

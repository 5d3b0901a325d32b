"""What the tests of supervision use: workers that note what happens to them, and supervisors."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.conformance.agents import Diary
    from tests.conftest import Runtime

    from pykka.supervision import ChildInfo


class CrashError(Exception):
    """What workers fail with."""


def crash(_worker: object) -> None:
    """A message that a worker fails with."""
    raise CrashError


def instance(worker: Any) -> int:
    """A message that is answered with the number of the instance, counted from 1."""
    number: int = worker.number
    return number


def make_worker_class(runtime: Runtime) -> Any:  # noqa: C901 (it is a class)
    """Make an actor class whose actors note their hooks, and do what they are told.

    A message that is a function is called with the actor; any other message is noted, and answered
    with itself. `does` says what else a hook does, by its name: a function of the actor.
    """

    class Worker(runtime.actor_class):  # type: ignore[name-defined, misc]
        crash_on = (CrashError,)

        def __init__(
            self, name: str, diary: Diary, does: dict[str, Callable[[Any], object]] | None = None
        ) -> None:
            super().__init__()
            self.name = name
            self.diary = diary
            self.does = does or {}
            diary.instances[name] = self.number = diary.instances.get(name, 0) + 1
            self.do("__init__")

        def do(self, hook: str) -> None:
            if hook in self.does:
                self.does[hook](self)

        def note(self, what: object) -> None:
            self.diary.note((self.name, what))

        def on_start(self) -> None:
            self.note("on_start")
            self.do("on_start")

        def on_stop(self) -> None:
            self.note("on_stop")
            self.do("on_stop")

        def on_failure(
            self,
            exception_type: type[BaseException] | None,
            exception_value: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            self.note("on_failure")
            self.do("on_failure")

        def pre_restart(self, reason: pykka.Reason) -> None:
            self.reason: Any = reason
            self.note("pre_restart")
            try:
                self.do("pre_restart")
            finally:
                del self.reason  # its traceback holds the old instance

        def post_restart(self, reason: pykka.Reason) -> None:
            self.reason: Any = reason
            self.note("post_restart")
            try:
                self.do("post_restart")
            finally:
                del self.reason  # its traceback holds the old instance

        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            self.note(message)
            return message

        def run(self, function: Callable[[Any], object]) -> object:
            return function(self)

    return Worker


class Office:
    """A supervisor with some workers.

    Args:
        ref: The supervisor.
    """

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self.ref = ref
        self.proxy: Any = None
        with suppress(pykka.ActorDeadError):  # it ends at once if it cannot start its children
            self.proxy = ref.proxy()

    def child(self, id: Any) -> Any:  # noqa: A002 (as in the library)
        """The ref of a child."""
        return self.proxy.get_child(id).get(timeout=PATIENCE)

    def info(self) -> dict[Any, ChildInfo]:
        """How it stands with the children, by their ids."""
        return {info.id: info for info in self.proxy.which_children().get(timeout=PATIENCE)}

    def states(self) -> dict[Any, str]:
        """The states of the children, by their ids."""
        return {id: info.state for id, info in self.info().items()}  # noqa: A001

    def wait_for(self, **states: str) -> None:
        """Wait until some children are in some states."""
        wait_until(
            lambda: {key: self.states().get(key) for key in states} == states,
            f"the children are {states}; they are {self.states()}",
        )

    def wait_for_new(self, id: Any, former: Any) -> Any:  # noqa: A002 (as in the library)
        """Wait until a child has another ref, and return it."""
        wait_until(lambda: self.child(id) not in (None, former), f"{id} is started anew")
        return self.child(id)

    def reason(self) -> Any:
        """Why the supervisor has ended; waits for that."""
        return self.ref.when_terminated().get(timeout=PATIENCE)


class Offices:
    """Starts supervisors of workers, for one test.

    Args:
        worker: The class of the workers.
        diary: What they note their hooks in.
    """

    def __init__(self, worker: Any, diary: Diary) -> None:
        self.worker = worker
        self.diary = diary

    def spec(self, name: str, **options: Any) -> ChildSpec:
        """The specification of a worker; what is not for that says what its hooks do."""
        does = {
            hook: options.pop(hook)
            for hook in list(options)
            if hook == "__init__" or hook.startswith(("on_", "pre_", "post_"))
        }
        return ChildSpec(name, self.worker, [name, self.diary, does], **options)

    def start(
        self,
        *specs: ChildSpec | str,
        system: pykka.ActorSystem | None = None,
        supervisor: Any = Supervisor,
        **options: Any,
    ) -> Office:
        """Start a supervisor. It bears any number of restarts if nothing else is said."""
        options.setdefault("max_restarts", 1_000_000)
        found = [self.spec(spec) if isinstance(spec, str) else spec for spec in specs]
        start = (
            supervisor.start
            if system is None
            else lambda *a, **k: system.start(supervisor, *a, **k)
        )
        return Office(start(found, **options))


def calls_in_turn(*functions: Callable[[Any], object] | None) -> Callable[[Any], object]:
    """A hook that does another thing each time, and nothing when those are used up."""
    left = iter(functions)

    def call(worker: Any) -> object:
        function = next(left, None)
        return None if function is None else function(worker)

    return call

"""A plain model of supervision trees, and a trial of real ones against it.

The model knows nothing of actors, messages or threads. It says what a tree does when something
happens to one of its children: which hooks run, in which order, and how the tree looks afterwards.
In a trial one thing happens after the other, and each time the trial waits until the real tree has
done as much as the model. Then both must be the same.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.messages import ProxyCall
from pykka.supervision import ChildSpec, ChildStartError, Supervisor

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

RESTARTS = ["permanent", "transient", "temporary"]
SHUTDOWNS = [5.0, "kill", "infinity"]
STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]
ACTIONS = ["crash", "crash", "crash", "stop", "kill", "doom", "terminate", "restart", "delete"]


# --- what is drawn ------------------------------------------------------------------------------


@dataclass
class Leaf:
    """A worker that is to be."""

    restart: Any
    shutdown: Any
    runtime: str
    is_significant: bool


@dataclass
class Node:
    """A supervisor that is to be."""

    children: list[Any]
    strategy: Any
    max_restarts: int
    restart: Any
    auto_shutdown: Any
    is_significant: bool
    shutdown: Any = "infinity"


def counts_as_significant(child: Any, parent: Node) -> bool:
    """Tell whether a child is significant; where that would be an error, it is not."""
    return (
        child.is_significant and child.restart != "permanent" and parent.auto_shutdown != "never"
    )


# --- the model ----------------------------------------------------------------------------------


@dataclass
class World:
    """What the whole tree shares."""

    log: list[tuple[str, str]] = field(default_factory=list)
    doomed: Counter[str] = field(default_factory=Counter)
    """How often workers will fail to start, by their paths."""
    actors: int = 0
    """How many actors there were, not counting instances."""


class Child:
    """A worker or a supervisor in the model.

    Args:
        what: What was drawn.
        path: Where it is in the tree.
        parent: Its supervisor.
        world: What all share.
    """

    def __init__(self, what: Any, path: str, parent: Child | None, world: World) -> None:
        self.what = what
        self.path = path
        self.parent = parent
        self.world = world
        self.state = "stopped"
        self.number = 0
        """The number of the actor; it stays the same through restarts in place."""
        self.children: dict[int, Child] = {}
        self.failures = 0
        self.restarts = 0

    @property
    def is_supervisor(self) -> bool:
        return isinstance(self.what, Node)

    def note(self, hook: str) -> None:
        self.world.log.append((self.path, hook))

    def start(self) -> bool:
        """Come up, in place if it is down; False if that fails."""
        if self.state == "stopped":
            self.world.actors += 1
            self.number = self.world.actors
        if self.is_supervisor:
            return self._start_supervisor()
        self.note("on_start")
        if self.world.doomed[self.path]:
            self.world.doomed[self.path] -= 1
            self.note("on_failure")
            self.state = "down"
            return False
        self.state = "running"
        return True

    def _start_supervisor(self) -> bool:
        self.failures = self.restarts = 0
        self.children = {}
        for id_, what in enumerate(self.what.children):
            child = Child(what, f"{self.path}.{id_}", self, self.world)
            if not child.start():
                self.stop_children()
                self.state = "down"
                return False
            self.children[id_] = child
        self.state = "running"
        return True

    def stop_children(self) -> None:
        for child in list(self.children.values())[::-1]:
            child.end()

    def end(self) -> None:
        """Be stopped for good."""
        if self.state == "running":
            self.leave()
        self.state = "stopped"

    def leave(self) -> None:
        """Do what is done when an instance ends in order."""
        if self.is_supervisor:
            self.stop_children()
        else:
            self.note("on_stop")

    def take_down(self) -> None:
        """Be stopped in order to be started again."""
        if self.state == "running":
            self.leave()
            self.state = "stopped" if self.what.shutdown == "kill" else "down"

    def crash(self) -> None:
        """Fail."""
        if self.is_supervisor:
            self.stop_children()
        else:
            self.note("on_failure")
        self.state = "down"

    # --- what a supervisor does

    def child_has_ended(self, id_: int, how: str) -> None:
        """See to a child that has crashed, or was stopped or killed."""
        child = self.children[id_]
        restart = child.what.restart
        if restart == "permanent" or (restart == "transient" and how != "stop"):
            if how != "crash":
                child.state = "stopped"
            self.restart(id_)
            return
        child.state = "stopped"
        if restart == "temporary":
            del self.children[id_]
        if counts_as_significant(child.what, self.what):
            left = [
                each
                for each in self.children.values()
                if counts_as_significant(each.what, self.what) and each.state != "stopped"
            ]
            if self.what.auto_shutdown == "any_significant" or not left:
                self.leave()
                self.has_ended("stop")

    def has_ended(self, how: str) -> None:
        """Tell the parent."""
        self.state = "down" if how == "crash" else "stopped"
        if self.parent is not None:
            self.parent.child_has_ended(int(self.path.rpartition(".")[2]), how)

    def restart(self, id_: int) -> None:
        """Restart a child, and those that go with it."""
        ids = list(self.children)
        if self.what.strategy == "one_for_one":
            ids = [id_]
        elif self.what.strategy == "rest_for_one":
            ids = ids[ids.index(id_) :]
        while True:
            self.failures += 1
            if self.failures > self.what.max_restarts:
                self.crash()
                self.has_ended("crash")
                return
            self.restarts += 1
            for each in ids[::-1]:
                child = self.children[each]
                child.take_down()
                if child.what.restart == "temporary":
                    child.state = "stopped"
                    del self.children[each]
                    ids.remove(each)
            failed = next((each for each in ids if not self.children[each].start()), None)
            if failed is None:
                return
            if self.what.strategy == "rest_for_one":
                ids = ids[ids.index(failed) :]

    def look(self) -> Any:
        """How the tree looks: what can be compared with a real one."""
        if not self.is_supervisor or self.state != "running":
            return self.state
        return self.restarts, {id_: child.look() for id_, child in self.children.items()}

    def all(self) -> list[Child]:
        """This one and all below it."""
        below = [each for child in self.children.values() for each in child.all()]
        return [self, *(below if self.state == "running" else [])]


# --- the trial ----------------------------------------------------------------------------------


class _Worker(pykka.Actor):
    """Notes its hooks; fails to start if it is doomed."""

    def __init__(self, path: str, world: World) -> None:
        super().__init__()
        self.path = path
        self.world = world

    def on_start(self) -> None:
        self.world.log.append((self.path, "on_start"))
        if self.world.doomed[self.path]:
            self.world.doomed[self.path] -= 1
            raise ValueError("doomed")

    def on_stop(self) -> None:
        self.world.log.append((self.path, "on_stop"))

    def on_failure(self, *_args: object) -> None:
        self.world.log.append((self.path, "on_failure"))

    def on_receive(self, message: object) -> None:
        raise ValueError(message)


class _ThreadingWorker(_Worker, pykka.ThreadingActor):
    pass


class _PooledWorker(_Worker, pykka.PooledActor):
    pass


class Trial:
    """A real tree next to its model.

    Args:
        tree: What the tree is to be.
    """

    def __init__(self, tree: Node) -> None:
        self.model = Child(tree, "0", None, World())
        self.world = World()
        self.root: Any = None
        self.known: dict[int, Any] = {}
        """The refs of the actors, by their numbers in the model."""
        self.tree = tree

    def __enter__(self) -> Self:
        self.model.start()
        self.root = Supervisor.start(**self._arguments(self.tree, "0"))
        self.compare()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.root.stop(timeout=PATIENCE)
        if exception is None:
            self.model.end()
            self.compare()

    def _arguments(self, node: Node, path: str) -> dict[str, Any]:
        specs = []
        for id_, child in enumerate(node.children):
            below = f"{path}.{id_}"
            options = {
                "restart": child.restart,
                "shutdown": child.shutdown,
                "significant": counts_as_significant(child, node),
            }
            if isinstance(child, Node):
                spec = ChildSpec(id_, Supervisor, (), self._arguments(child, below), **options)
            else:
                worker = _PooledWorker if child.runtime == "pooled" else _ThreadingWorker
                spec = ChildSpec(id_, worker, [below, self.world], **options)
            specs.append(spec)
        return {
            "child_specs": specs,
            "strategy": node.strategy,
            "max_restarts": node.max_restarts,
            "within": 1e9,
            "auto_shutdown": node.auto_shutdown,
        }

    def step(self, action: str, number: int) -> None:
        """Have something happen, in the model and in the world, and compare."""
        everybody = self.model.all()[1:] or [self.model]
        chosen = everybody[number % len(everybody)]
        if self.model.state == "running":
            getattr(self, f"_{action}")(chosen)
            self.compare()

    def _ref(self, child: Child) -> Any:
        return self.known[child.number]

    def _crash(self, child: Child) -> None:
        if child.state == "running":
            ref = self._ref(child)
            # It is what a supervisor fails with, too.
            ref.tell(ProxyCall(["no_such_method"], [], {}))
            child.crash()
            child.has_ended("crash")

    def _stop(self, child: Child, how: str = "stop") -> None:
        if child.state == "running":
            ref = self._ref(child)
            getattr(ref, how)(block=False)
            child.leave()
            child.has_ended(how)

    def _kill(self, child: Child) -> None:
        self._stop(child, "kill")

    def _doom(self, child: Child) -> None:
        for world in (self.world, self.model.world):
            world.doomed[child.path] += 1

    def _terminate(self, child: Child) -> None:
        parent = child.parent
        if parent is not None:
            id_ = int(child.path.rpartition(".")[2])
            self._ref(parent).proxy().terminate_child(id_).get(timeout=PATIENCE)
            child.end()
            if child.what.restart == "temporary":
                del parent.children[id_]

    def _restart(self, child: Child) -> None:
        parent = child.parent
        if parent is not None and child.state == "stopped":
            id_ = int(child.path.rpartition(".")[2])
            started = self._ref(parent).proxy().restart_child(id_)
            if child.start():
                started.get(timeout=PATIENCE)
            else:
                child.state = "stopped"
                try:
                    started.get(timeout=PATIENCE)
                except ChildStartError:
                    pass
                else:
                    raise AssertionError("it should not have started")

    def _delete(self, child: Child) -> None:
        parent = child.parent
        if parent is not None and child.state == "stopped":
            id_ = int(child.path.rpartition(".")[2])
            self._ref(parent).proxy().delete_child(id_).get(timeout=PATIENCE)
            del parent.children[id_]

    def compare(self) -> None:
        """Wait until the world has done as much as the model, and compare all there is."""
        model = self.model
        look = model.look()
        is_alive = model.state == "running"

        def is_as_far() -> bool:
            return (
                len(self.world.log) >= len(model.world.log)
                and self.root.is_alive() is is_alive
                and (not is_alive or self.look(self.root) == look)
            )

        with contextlib.suppress(AssertionError):  # what is wrong is said below
            wait_until(is_as_far, "the tree has done as much as the model")
        if not is_alive:
            self.root.when_terminated().get(timeout=PATIENCE)
        else:
            assert self.look(self.root) == look
        assert self.world.log == model.world.log
        assert self.world.doomed == model.world.doomed
        self._compare_refs(model, self.root)

    def look(self, ref: Any) -> Any:
        """How the real tree looks; see `Child.look`."""
        try:
            infos = ref.proxy().which_children().get(timeout=PATIENCE)
            restarts = ref.proxy().restarts().get(timeout=PATIENCE)
        except pykka.ActorDeadError:
            return "stopped"
        return restarts, {
            info.id: self.look(info.ref)
            if info.type == "supervisor" and info.state == "running"
            else info.state
            for info in infos
        }

    def _compare_refs(self, child: Child, ref: Any) -> None:
        if child.state != "running":
            return
        assert self.known.setdefault(child.number, ref) == ref
        assert list(self.known.values()).count(ref) == 1
        if child.is_supervisor:
            for info in ref.proxy().which_children().get(timeout=PATIENCE):
                self._compare_refs(child.children[info.id], info.ref)

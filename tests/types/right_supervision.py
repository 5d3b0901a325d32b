"""Right uses of supervisors and of whole programs, as type checkers see them; it is never run."""

from __future__ import annotations

from typing import Any, assert_type

import pykka
from pykka.resilience import Backoff
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor


class Worker(pykka.PooledActor):
    def add(self, number: int) -> int:
        return number + 1


class Office(Supervisor):
    child_specs = (
        ChildSpec("worker", Worker),
        Supervisor.spec("inner", [ChildSpec("worker", Worker)], max_restarts=3),
    )


def children(supervisor: pykka.ActorRef[Supervisor], office: pykka.ActorRef[Office]) -> None:
    assert_type(supervisor.child("worker"), pykka.ActorRef[Any])
    assert_type(supervisor.child("worker", Worker), pykka.ActorRef[Worker])
    assert_type(office.child(("any", "key"), Worker, timeout=1), pykka.ActorRef[Worker])
    assert_type(office.child("worker", block=False), pykka.Future[pykka.ActorRef[Any]])
    later = office.child("worker", Worker, block=False)
    assert_type(later, pykka.Future[pykka.ActorRef[Worker]])
    inner = office.child("inner", Supervisor)
    assert_type(inner.child("worker", Worker).call(Worker.add, 1), pykka.Future[int])


async def awaited(office: pykka.ActorRef[Office]) -> None:
    worker = await office.child("worker", Worker, block=False)
    assert_type(await worker.call(Worker.add, 1), int)


def specs() -> list[ChildSpec]:
    inner = Office.spec("inner")
    assert_type(inner, ChildSpec)
    many = DynamicSupervisor.spec(("many", 1), ChildSpec("worker", Worker), max_restarts=5)
    spec = Supervisor.spec(
        "s",
        [inner, many],
        restart="transient",
        shutdown="infinity",
        significant=True,
        backoff=Backoff(minimum=1),
        replace_abandoned=True,
        strategy="rest_for_one",
        within=60,
    )
    return [inner, many, spec, Supervisor.spec("t", [], shutdown=2.5)]


def main(name: str, number: int) -> float:
    return len(name) / number


async def main_soon(name: str) -> list[str]:
    return [name]


def nothing() -> None: ...


def programs(system: pykka.ActorSystem) -> None:
    assert_type(pykka.run(main, "name", 3), float)
    assert_type(pykka.run(main_soon, "name", timeout=None), list[str])
    assert_type(pykka.run(lambda: 5, system=system, timeout=5), int)
    pykka.run(nothing)


def times() -> None:
    system = pykka.ActorSystem("brisk", stop_timeout=1)
    system.stop_timeout = 0.5
    assert_type(system.stop_timeout, float)

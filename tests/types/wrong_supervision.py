"""Wrong uses of supervisors and of whole programs. It is checked, and never run."""

from __future__ import annotations

import pykka
from pykka.supervision import ChildSpec, Supervisor


class Worker(pykka.PooledActor):
    def add(self, number: int) -> int:
        return number + 1


class Other(pykka.PooledActor):
    def work(self) -> None: ...


def children(supervisor: pykka.ActorRef[Supervisor], worker: pykka.ActorRef[Worker]) -> None:
    supervisor.child()  # wrong
    supervisor.child("worker", "Worker")  # wrong
    supervisor.child("worker", int)  # wrong
    supervisor.child("worker", Worker())  # wrong
    supervisor.child("worker", Worker, timeout="1")  # wrong
    supervisor.child("worker", Worker, 1)  # wrong
    supervisor.child("worker", Worker).call(Other.work)  # wrong
    supervisor.child("worker", Worker).call(Worker.add, "1")  # wrong
    supervisor.child("worker", Worker, block=False).call(Worker.add, 1)  # wrong
    other: pykka.ActorRef[Other] = supervisor.child("worker", Worker)  # wrong
    worker.child("worker")  # wrong
    print(other)


async def awaited(supervisor: pykka.ActorRef[Supervisor]) -> None:
    await supervisor.child("worker", Worker)  # wrong


def specs() -> None:
    Supervisor.spec()  # wrong
    Supervisor.spec(id="inner")  # wrong
    Supervisor.spec("inner", [], restart="often")  # wrong
    Supervisor.spec("inner", [], shutdown="soon")  # wrong
    Supervisor.spec("inner", [], significant="yes")  # wrong
    Supervisor.spec("inner", [], backoff=1)  # wrong
    Worker.spec("inner")  # wrong
    ref: pykka.ActorRef[Supervisor] = Supervisor.spec("inner", [])  # wrong
    Supervisor.spec("inner", []).child("worker")  # wrong
    print(ref, ChildSpec("worker", Worker))


def main(name: str, number: int) -> float:
    return len(name) / number


async def main_soon(name: str) -> str:
    return name


def programs() -> None:
    pykka.run()  # wrong
    pykka.run(main)  # wrong
    pykka.run(main, "name")  # wrong
    pykka.run(main, 3, "name")  # wrong
    pykka.run(main, "name", 3, timeout="1")  # wrong
    pykka.run(main, "name", 3, system="system")  # wrong
    pykka.run(main, name="name", number=3)  # wrong
    pykka.run(main_soon("name"))  # wrong
    text: str = pykka.run(main, "name", 3)  # wrong
    number: int = pykka.run(main_soon, "name")  # wrong
    print(text, number)


def times(system: pykka.ActorSystem) -> None:
    pykka.ActorSystem(stop_timeout="1")  # wrong
    pykka.ActorSystem(stop_timeout=None)  # wrong
    system.stop_timeout = None  # wrong

"""Wrong calls, starts and proxies. It is checked, and never run; see `wrong.py`."""

from __future__ import annotations

from typing import cast

import pykka
from pykka import routing
from pykka.resilience import CircuitBreaker, RateLimiter, Retry
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method


class Account(pykka.PooledActor):
    def __init__(self, balance: int, *, owner: str = "") -> None:
        super().__init__()
        self.balance = balance
        self.owner = owner

    @property
    def total(self) -> float:
        return 1.0

    def deposit(self, amount: int, *, note: str = "") -> int:
        return amount + len(note)

    def split(self) -> None:
        self.start_child(Account, "ten")  # wrong
        self.start_child(Account)  # wrong
        self.start_child(Account, 10, ownr="Ada")  # wrong
        self.start_child(int, 10)  # wrong


class Other(pykka.PooledActor):
    def work(self) -> str:
        return ""


class Clerk(pykka.AsyncioActor):
    async def greet(self, whom: str) -> str:
        return whom


class AccountProxy(ActorMemberMixin, pykka.ActorProxy[Account]):
    total = proxy_field(Account.total)
    deposit = proxy_method(Account.deposit)


def calls(ref: pykka.ActorRef[Account]) -> None:
    ref.call(Other.work)  # wrong
    ref.call(Account.deposit)  # wrong
    ref.call(Account.deposit, "ten")  # wrong
    ref.call(Account.deposit, 10, nte="a gift")  # wrong
    ref.call(Account.deposit, 10, "a gift")  # wrong
    ref.call(Account.withdraw, 10)  # wrong
    ref.call("deposit", 10)  # wrong
    text: str = ref.call(Account.deposit, 10).get()  # wrong
    ref.call(lambda actor: actor.no_such_name)  # wrong
    ref.defer(Account.deposit, "ten")  # wrong
    ref.defer(Other.work)  # wrong
    ref.defer_after(1, Account.deposit, "ten")  # wrong
    ref.defer_after("1", Account.deposit, 10)  # wrong
    ref.defer_every(1, Account.deposit, 10, nte="a gift")  # wrong
    ref.defer_every(Account.deposit, 10)  # wrong
    numbers: list[str] = pykka.get_all([ref.call(Account.deposit, 1)])  # wrong
    print(text, numbers)


async def coroutines(clerk: pykka.ActorRef[Clerk]) -> None:
    await clerk.call(Clerk.greet, 5)  # wrong
    number: int = await clerk.call(Clerk.greet, "Ada")  # wrong
    clerk.defer(Clerk.greet)  # wrong
    print(number)


def routers(refs: list[pykka.ActorRef[Account]]) -> None:
    routing.RoundRobin(refs).call(Other.work)  # wrong
    routing.Random(refs).call(Account.deposit, "ten")  # wrong
    routing.SmallestInbox(refs).call(Account.deposit)  # wrong
    routing.ConsistentHashing(refs, key=str).defer(Other.work)  # wrong
    routing.Broadcast(refs).call(Other.work)  # wrong
    number: int = routing.Broadcast(refs).call(Account.deposit, 1).get()  # wrong
    routing.ScatterGather(refs).call(Account.deposit, 10, 10)  # wrong
    routing.TailChopping(refs).defer_after(1, Account.deposit)  # wrong
    routing.RoundRobin.pool(Account, 4).call(Other.work)  # wrong
    routing.RoundRobin.pool(Account, "4")  # wrong
    routing.RoundRobin.pool(int, 4)  # wrong
    routing.Random.pool(Account, 4, within=1)  # wrong
    routing.SmallestInbox.pool(Account, 4).call(Account.deposit, "ten")  # wrong
    routing.ConsistentHashing.pool(Account, 4)  # wrong
    routing.Broadcast.pool(Account, 4).call(Other.work)  # wrong
    routing.ScatterGather.pool(Account, 4, timeout="1")  # wrong
    routing.TailChopping.pool(Account, 4, intervall=1)  # wrong
    print(number)


def pieces(ref: pykka.ActorRef[Account]) -> None:
    Retry(ref).call(Other.work)  # wrong
    Retry(ref).call(Account.deposit, "ten")  # wrong
    CircuitBreaker(Retry(ref)).call(Other.work)  # wrong
    CircuitBreaker(ref).call(Account.deposit)  # wrong
    RateLimiter(ref, rate=1).call(Account.deposit, 10, nte="a gift")  # wrong
    RateLimiter(ref)  # wrong
    Retry(5)  # wrong
    text: str = Retry(ref).call(Account.deposit, 10).get()  # wrong
    print(text)


async def starts(system: pykka.ActorSystem) -> None:
    system.start(Account)  # wrong
    system.start(Account, "ten")  # wrong
    system.start(Account, 10, ownr="Ada")  # wrong
    system.start(Account.options(name="x"), "ten")  # wrong
    system.start(int)  # wrong
    other: pykka.ActorRef[Other] = system.start(Account, 10)  # wrong
    Account.options(name="x").start("ten")  # wrong
    Account.options(name="x").start()  # wrong
    Account.options(nme="x")  # wrong
    async with pykka.ActorScope() as scope:
        scope.start(Account, "ten")  # wrong
        scope.start(Account)  # wrong
        scope.start(Account.options(name="x"), 10, 10)  # wrong
    print(other)


class Office(Supervisor):
    def __init__(self, size: int) -> None:
        super().__init__([], max_restarts=size)


async def supervisors() -> None:
    ChildSpec("x", int)  # wrong
    ChildSpec("x", Account, ("ten",))  # wrong
    ChildSpec("x", Account, (10, 10))  # wrong
    ChildSpec("x", Account, restart="sometimes")  # wrong
    ChildSpec("x", Account, (10,), significnt=True)  # wrong
    Supervisor.start([ChildSpec("x", Account)], withn=3)  # wrong
    Supervisor.start([Account])  # wrong
    Supervisor.options(name="x").start([], withn=3)  # wrong
    await Supervisor.start_async([], strategy="one_for_none")  # wrong
    DynamicSupervisor.start(Account)  # wrong
    Office.start("ten")  # wrong
    await Office.start_async()  # wrong


def proxies(ref: pykka.ActorRef[Account]) -> None:
    proxy = cast("AccountProxy", ref.proxy())
    proxy.deposit.defer("ten")  # wrong
    proxy.deposit.defer_after("1", 10)  # wrong
    proxy.deposit.defer_after(1, "ten")  # wrong
    proxy.deposit.defer_every(1)  # wrong
    text: str = proxy.total.get()  # wrong
    print(text)

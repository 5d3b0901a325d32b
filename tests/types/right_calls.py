"""Right calls, starts and proxies, as type checkers see them. It is checked, and never run."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar, assert_type, cast

import pykka
from pykka import routing
from pykka.resilience import Askable, CircuitBreaker, RateLimiter, Retry
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method

T = TypeVar("T", bound=pykka.Actor)


class Named(Protocol):
    def name(self) -> str: ...


class Account(pykka.PooledActor):
    currency = "EUR"

    def __init__(self, balance: int = 0, *, owner: str = "") -> None:
        super().__init__()
        self.balance = balance
        self.owner = owner

    @property
    def total(self) -> float:
        return self.balance / 100

    @property
    def limit(self) -> int:
        return 0

    @limit.setter
    def limit(self, limit: int) -> None: ...

    def name(self) -> str:
        return self.owner

    def deposit(self, amount: int, *, note: str = "") -> int:
        return self.balance + amount + len(note)

    @staticmethod
    def cents(amount: float) -> int:
        return int(amount * 100)

    def split(self, parts: int) -> pykka.ActorRef[Account]:
        return self.start_child(Account, self.balance // parts, owner=self.owner)

    @classmethod
    def open(cls) -> pykka.ActorRef[Self]:
        return cls.start(100)

    @classmethod
    def open_named(cls, name: str) -> pykka.ActorRef[Self]:
        return cls.options(name=name).start(100)


class Savings(Account):
    def deposit(self, amount: int, *, note: str = "", rate: float = 0.0) -> int:
        return amount + len(note) + int(rate)


class Clerk(pykka.AsyncioActor):
    async def greet(self, whom: str, *, times: int = 1) -> str:
        return whom * times

    async def forget(self) -> None: ...

    def count(self) -> int:
        return 1


class Plain(pykka.ThreadingActor):
    """It takes any arguments, as a class without an `__init__()` does."""


class AccountProxy(ActorMemberMixin, pykka.ActorProxy[Account]):
    currency = proxy_field(Account.currency)
    total = proxy_field(Account.total)
    limit = proxy_field(Account.limit)
    deposit = proxy_method(Account.deposit)


class ClerkProxy(pykka.ActorProxy[Clerk]):
    greet = proxy_method(Clerk.greet)


class StandIn:
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...


def calls(account: pykka.ActorRef[Account], savings: pykka.ActorRef[Savings]) -> None:
    assert_type(account.call(Account.deposit, 10), pykka.Future[int])
    assert_type(account.call(Account.deposit, amount=10, note="a gift"), pykka.Future[int])
    assert_type(account.call(Account.name).get(timeout=1), str)
    assert_type(account.call(Account.split, 2).get().call(Account.name), pykka.Future[str])
    assert_type(account.call(lambda actor: actor.total), pykka.Future[float])
    assert_type(account.call(Named.name), pykka.Future[str])
    assert_type(account.call(Account.stop), pykka.Future[None])
    assert_type(savings.call(Savings.deposit, 10, rate=0.1), pykka.Future[int])
    assert_type(savings.call(Account.deposit, 10), pykka.Future[int])
    account.call(setattr, "balance", 0)
    account.defer(Account.deposit, 10, note="a gift")
    account.defer(lambda actor: setattr(actor, "balance", 0))
    assert_type(account.defer_after(1, Account.deposit, 10), pykka.Timer)
    assert_type(account.defer_every(1.5, Account.deposit, 10, note="again"), pykka.Timer)
    assert_type(pykka.get_all([account.call(Account.deposit, 1)], timeout=1), list[int])


def refs_are_covariant(savings: pykka.ActorRef[Savings]) -> list[pykka.ActorRef[pykka.Actor]]:
    account: pykka.ActorRef[Account] = savings
    calls(account, savings)
    return [savings]


async def coroutines(clerk: pykka.ActorRef[Clerk]) -> None:
    assert_type(clerk.call(Clerk.greet, "Ada"), pykka.Future[str])
    assert_type(await clerk.call(Clerk.greet, "Ada", times=2), str)
    assert_type(await clerk.call(Clerk.count), int)
    assert_type(clerk.call(Clerk.forget), pykka.Future[None])
    clerk.defer(Clerk.greet, "Ada")
    clerk.defer_after(1, Clerk.greet, "Ada", times=2)


def groups(refs: list[pykka.ActorRef[Account]]) -> None:
    assert_type(routing.RoundRobin(refs).call(Account.deposit, 1), pykka.Future[int])
    assert_type(routing.Random(refs).call(Account.deposit, 1), pykka.Future[int])
    assert_type(routing.SmallestInbox(refs).call(Account.deposit, 1), pykka.Future[int])
    by_key = routing.ConsistentHashing(refs, key=str)
    assert_type(by_key.call(Account.deposit, 1), pykka.Future[int])
    assert_type(routing.ScatterGather(refs).call(Account.deposit, 1), pykka.Future[int])
    assert_type(routing.TailChopping(refs).call(Account.deposit, 1), pykka.Future[int])
    every = routing.Broadcast(refs)
    assert_type(every.call(Account.deposit, 1, note="to all"), pykka.Future[list[int]])
    every.defer(Account.deposit, 1)
    assert_type(every.defer_after(1, Account.deposit, 1), pykka.Timer)
    ref: pykka.ActorRef[Account] = routing.RoundRobin([*refs, every])
    ref.defer_every(1, Account.deposit, 1)


def pools() -> None:
    pool = routing.RoundRobin.pool(Account, 4)
    assert_type(pool, routing.RoundRobin[Account])
    assert_type(pool.call(Account.deposit, 1), pykka.Future[int])
    options = Account.options(name="x")
    assert_type(routing.Random.pool(options, 4, args=[10]), routing.Random[Account])
    made = routing.SmallestInbox.pool(lambda: Account(10), 4, name="made")
    assert_type(made, routing.SmallestInbox[Account])
    by_key = routing.ConsistentHashing.pool(Account, 4, key=str, virtual_nodes=8)
    assert_type(by_key, routing.ConsistentHashing[Account])
    assert_type(routing.Broadcast.pool(Clerk, 4), routing.Broadcast[Clerk])
    assert_type(routing.ScatterGather.pool(Account, 4, timeout=1), routing.ScatterGather[Account])
    assert_type(routing.TailChopping.pool(Account, 4), routing.TailChopping[Account])
    any_pool = routing.RoundRobin.pool(ChildSpec("account", Account), 4)
    assert_type(any_pool, routing.RoundRobin[Any])


def pieces(ref: pykka.ActorRef[Account], clerk: pykka.ActorRef[Clerk]) -> None:
    retry = Retry(ref, attempts=2)
    assert_type(retry, Retry[Account])
    assert_type(retry.call(Account.deposit, 1), pykka.Future[int])
    breaker = CircuitBreaker(retry, max_failures=3)
    assert_type(breaker.call(Account.deposit, 1, note="a gift"), pykka.Future[int])
    assert_type(RateLimiter(breaker, rate=1).call(Account.name), pykka.Future[str])
    assert_type(Retry(clerk).call(Clerk.greet, "Ada"), pykka.Future[str])
    assert_type(Retry(routing.RoundRobin([ref])), Retry[Account])
    assert_type(retry.ask("message"), Any)
    for_anything: Retry = Retry(StandIn())
    assert_type(for_anything, Retry[Any])
    for_anything.call(Account.deposit, 1)
    around(breaker)


def around(askable: Askable) -> None:
    assert_type(CircuitBreaker(askable), CircuitBreaker[Any])


def starts(system: pykka.ActorSystem, cls: type[Account], any_class: type[T]) -> T:
    assert_type(system.start(Account), pykka.ActorRef[Account])
    assert_type(system.start(Account, 10, owner="Ada"), pykka.ActorRef[Account])
    assert_type(system.start(cls, 10), pykka.ActorRef[Account])
    assert_type(system.start(Plain, 1, 2, three=3), pykka.ActorRef[Plain])
    assert_type(system.start(Account.options(name="x"), 10), pykka.ActorRef[Account])
    assert_type(Account.options(name="x").start(10, owner="Ada"), pykka.ActorRef[Account])
    assert_type(cls.options(name="x").start(10), pykka.ActorRef[Account])
    assert_type(Account.open(), pykka.ActorRef[Account])
    assert_type(Savings.open_named("x"), pykka.ActorRef[Savings])
    options: pykka.ActorOptions[Account] = Account.options(name="x")
    assert_type(options.start(10), pykka.ActorRef[Account])
    assert_type(options.actor_class, type[Account])
    assert_type(cls.start(10), pykka.ActorRef[Account])
    return any_class.start().proxy().actor_ref.call(lambda actor: actor).get()


async def scopes() -> None:
    async with pykka.ActorScope() as scope:
        assert_type(scope.start(Account, 10, owner="Ada"), pykka.ActorRef[Account])
        assert_type(scope.start(Clerk.options(name="clerk")), pykka.ActorRef[Clerk])


class Office(Supervisor):
    def __init__(self, size: int) -> None:
        super().__init__([ChildSpec(n, Account, (n,)) for n in range(size)], max_restarts=3)


async def supervisors() -> None:
    specs = [
        ChildSpec("any", Account),
        ChildSpec("plain", Plain, (1, 2, 3, 4, 5), {"six": 6}, restart="transient"),
        ChildSpec("tuple", Account, (10,), kwargs={"owner": "Ada"}, shutdown=1.0),
        ChildSpec("list", Account, [10]),
        ChildSpec("options", Account.options(name="x"), (10,)),
        ChildSpec("function", lambda: Account(10), backoff=None),
        ChildSpec("office", Office, type="supervisor"),
    ]
    boss = Supervisor.start(specs, strategy="one_for_all", within=3)
    assert_type(boss, pykka.ActorRef[Supervisor])
    assert_type(boss.call(Supervisor.add_child, specs[0]), pykka.Future[pykka.ActorRef[Any]])
    assert_type(Office.start(3), pykka.ActorRef[Office])
    assert_type(Office.options(name="office").start(3), pykka.ActorRef[Office])
    assert_type(await Office.start_async(3), pykka.ActorRef[Office])
    assert_type(await Office.options(name="o").start_async(3), pykka.ActorRef[Office])
    assert_type(Supervisor.start(), pykka.ActorRef[Supervisor])
    assert_type(DynamicSupervisor.start(specs[0], wait=False), pykka.ActorRef[DynamicSupervisor])


def proxies(account: pykka.ActorRef[Account], clerk: pykka.ActorRef[Clerk]) -> None:
    proxy = cast("AccountProxy", account.proxy())
    assert_type(proxy.deposit(10, note="a gift"), pykka.Future[int])
    assert_type(proxy.deposit.defer(10, note="a gift"), None)
    assert_type(proxy.deposit.defer_after(1, 10), pykka.Timer)
    assert_type(proxy.deposit.defer_every(1, 10, note="again"), pykka.Timer)
    assert_type(proxy.currency, pykka.Future[str])
    assert_type(proxy.total, pykka.Future[float])
    assert_type(proxy.limit.get(), int)
    clerk_proxy = cast("ClerkProxy", clerk.proxy())
    assert_type(clerk_proxy.greet("Ada"), pykka.Future[str])
    clerk_proxy.greet.defer("Ada", times=2)

"""What type checkers make of right programs. This file is checked, and never run."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, assert_type, cast

import pykka
from pykka import dead_letters, debug, messages, routing
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method

if TYPE_CHECKING:
    from types import TracebackType


class Account(pykka.ThreadingActor):
    use_daemon_thread = True
    currency: str = "EUR"

    def __init__(self, balance: int = 0) -> None:
        super().__init__()
        self.balance = balance

    def deposit(self, amount: int, *, note: str = "") -> int:
        assert_type(self.actor_urn, str)
        assert_type(self.actor_stopped, threading.Event)
        self.balance += amount
        return self.balance


class AccountProxy(ActorMemberMixin, pykka.ActorProxy[Account]):
    currency = proxy_field(Account.currency)
    deposit = proxy_method(Account.deposit)


class Clerk(pykka.AsyncioActor):
    async def on_start(self) -> None:
        self.greeting = "Hello"

    async def on_stop(self) -> None:
        assert_type(self.actor_ref.stop(block=False), pykka.Future[bool])

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert_type(self.greeting, str)

    async def greet(self, name: str, *, times: int = 1) -> str:
        return f"{self.greeting}, {name}!" * times

    def count(self) -> int:
        return 1


class ClerkProxy(ActorMemberMixin, pykka.ActorProxy[Clerk]):
    greet = proxy_method(Clerk.greet)
    count = proxy_method(Clerk.count)


async def actors_in_a_loop() -> None:
    async with pykka.ActorScope() as scope:
        assert_type(scope, pykka.ActorScope)
        ref = scope.start(Clerk)
        assert_type(ref, pykka.ActorRef[Clerk])
        assert_type(scope.enter(Account.start(10)), pykka.ActorRef[Account])
        clerk = cast("ClerkProxy", ref.proxy())
        assert_type(clerk.greet("Ada"), pykka.Future[str])
        assert_type(await clerk.greet("Ada", times=2), str)
        assert_type(await clerk.count(), int)


def refs() -> None:
    ref = Account.start(10)
    assert_type(ref, pykka.ActorRef[Account])
    assert_type(ref.actor_class, type[Account])
    assert_type(ref.actor_urn, str)
    assert_type(ref.actor_stopped, threading.Event)
    assert_type(ref.is_alive(), bool)
    assert_type(ref.ask("message"), Any)
    assert_type(ref.ask("message", timeout=1.5), Any)
    assert_type(ref.ask("message", block=True), Any)
    assert_type(ref.ask("message", block=False), pykka.Future[Any])
    assert_type(ref.stop(), bool)
    assert_type(ref.stop(timeout=1), bool)
    assert_type(ref.stop(block=False), pykka.Future[bool])
    assert_type(ref.proxy(), pykka.ActorProxy[Account])


def routers() -> None:
    refs = [Account.start(10), Account.start(20)]
    router = routing.RoundRobin(refs)
    assert_type(router, routing.RoundRobin[Account])
    assert_type(router.routees, tuple[pykka.ActorRef[Account], ...])
    assert_type(router.ask("message"), Any)
    assert_type(router.ask("message", block=False), pykka.Future[Any])
    assert_type(router.stop(), bool)
    assert_type(router.stop(block=False), pykka.Future[bool])
    assert_type(router.proxy(), pykka.ActorProxy[Account])
    assert_type(router.add(Account.start(30)), bool)
    ref: pykka.ActorRef[Account] = routing.ScatterGather(refs, timeout=1.5)
    assert_type(ref.actor_class, type[Account])
    by_key = routing.ConsistentHashing(refs, key=lambda call: call.args[0])
    assert_type(by_key.routee_of("key"), pykka.ActorRef[Account] | None)
    assert_type(routing.TailChopping([*refs, router], interval=1), routing.TailChopping[Account])


def proxies() -> None:
    plain = Account.start().proxy()
    assert_type(plain.actor_ref, pykka.ActorRef[Account])
    typed = cast("AccountProxy", plain)
    assert_type(typed.currency, pykka.Future[str])
    assert_type(typed.currency.get(), str)
    assert_type(typed.deposit(1), pykka.Future[int])
    assert_type(typed.deposit(1, note="a gift").get(timeout=1), int)
    assert_type(typed.on_receive("message"), pykka.Future[Any])
    assert_type(typed.stop().get(), None)
    pykka.traversable(Account)


def futures() -> None:
    future = pykka.ThreadingFuture[int]()
    future.set(1)
    future.set_exception(ValueError("no"))
    future.set_exception()
    future.set_get_hook(lambda timeout: 1 if timeout is None else 2)
    assert_type(future.get(), int)
    assert_type(future.done(), bool)
    assert_type(future.exception(timeout=1), BaseException | None)
    assert_type(future.map(str), pykka.Future[str])
    assert_type(future.map(str).map(len), pykka.Future[int])
    numbers = pykka.ThreadingFuture[list[int]]()
    assert_type(numbers.filter(lambda number: number > 1), pykka.Future[Iterable[int]])
    assert_type(numbers.reduce(lambda a, b: a + b), pykka.Future[int])
    assert_type(numbers.reduce(lambda a, b: a + str(b), ""), pykka.Future[str])
    assert_type(future.join(numbers), pykka.Future[Iterable[Any]])
    assert_type(pykka.get_all([future, future]), list[int])
    assert_type(pykka.as_completed([future], timeout=1), Iterator[pykka.Future[int]])


async def coroutines(future: pykka.Future[int], ref: pykka.ActorRef[Account]) -> None:
    assert_type(await future, int)
    assert_type(await ref.stop(block=False), bool)


def registry() -> None:
    assert_type(pykka.ActorRegistry.get_all(), list[pykka.ActorRef[Any]])
    assert_type(pykka.ActorRegistry.get_by_class(Account), list[pykka.ActorRef[Account]])
    assert_type(pykka.ActorRegistry.get_by_class_name("Account"), list[pykka.ActorRef[Any]])
    assert_type(pykka.ActorRegistry.get_by_urn("urn"), pykka.ActorRef[Any] | None)
    assert_type(pykka.ActorRegistry.stop_all(), list[bool])
    assert_type(pykka.ActorRegistry.stop_all(timeout=1), list[bool])
    assert_type(pykka.ActorRegistry.stop_all(block=False), list[pykka.Future[bool]])


def others() -> None:
    call = messages.ProxyCall(attr_path=["deposit"], args=(1,), kwargs={})
    assert_type(call.args, Sequence[Any])
    assert_type(dead_letters.statistics().total, int)
    subscriber: Callable[[dead_letters.DeadLetter], None] = print
    dead_letters.subscribe(subscriber)
    debug.log_thread_tracebacks()
    debug.warn_about_blocking(enabled=False)
    errors: list[type[Exception]] = [
        pykka.ActorDeadError,
        pykka.DeadlockError,
        pykka.FutureAlreadySetError,
        pykka.Timeout,
    ]
    assert_type(errors, list[type[Exception]])


def questions_that_are_not_handled(ref: pykka.ActorRef[Account]) -> None:
    future = ref.call(Account.deposit, 10)
    assert_type(future.cancel(), bool)
    assert_type(future.cancel(interrupt=True), bool)
    assert_type(ref.ask("x", timeout=1.0, expire=True), Any)
    assert_type(ref.ask("x", block=False, timeout=1.0, expire=True), pykka.Future[Any])
    assert_type(routing.RoundRobin([ref]).ask("x", timeout=1.0, expire=True), Any)


@pykka.expire_asks
class Quotes(pykka.PooledActor):
    def price(self, symbol: str) -> float:
        return float(len(symbol))


def expiring_class() -> None:
    assert_type(Quotes.start().call(Quotes.price, "ACME").get(timeout=1), float)


class Waiter(pykka.PooledActor):
    def __init__(self, quotes: pykka.ActorRef[Quotes]) -> None:
        super().__init__()
        self.quotes = quotes
        self.replies: list[pykka.Reply[int]] = []

    def price(self, symbol: str) -> float:
        return pykka.hand_on(self.quotes.call(Quotes.price, symbol))

    def later(self) -> None:
        reply = pykka.reply_later()
        self.replies.append(reply)
        assert_type(self.replies.pop().set(1), bool)
        assert_type(reply.set_exception(ValueError()), bool)


def late_replies(waiter: pykka.ActorRef[Waiter]) -> None:
    assert_type(waiter.call(Waiter.price, "ACME").get(), float)


def pipes(account: pykka.ActorRef[Account], pool: concurrent.futures.Executor) -> None:
    future = account.call(Account.deposit, 10)
    future.pipe_to(account)
    future.pipe_to(account, lambda outcome: assert_type(outcome.get(), int))
    future.pipe_to(routing.RoundRobin([account]))
    assert_type(future.to_concurrent(), concurrent.futures.Future[int])
    assert_type(pykka.from_concurrent(pool.submit(len, "four")).get(), int)
    pykka.pipe_to(pool.submit(len, "four"), account)
    assert_type(pykka.PipedOutcome(1, None).get(), int)

"""What type checkers make of wrong programs. This file is checked, and never run.

Each line with the comment "wrong" has to be an error to every checker, and no other line.
"""

from __future__ import annotations

from typing import cast

import pykka
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method


class Account(pykka.ThreadingActor):
    currency: str = "EUR"

    def deposit(self, amount: int) -> int:
        return amount


class AccountProxy(ActorMemberMixin, pykka.ActorProxy[Account]):
    currency = proxy_field(Account.currency)
    deposit = proxy_method(Account.deposit)


def use() -> None:
    ref = Account.start()
    ref.ask()  # wrong
    ref.ask("message", 5)  # wrong
    ref.tell("message", timeout=5)  # wrong
    ref.stop(timeout="5")  # wrong
    ref.no_such_method()  # wrong
    number: int = ref.stop(block=False)  # wrong
    pykka.get_all([ref])  # wrong
    pykka.ThreadingFuture[int]().set("text")  # wrong
    text: str = pykka.ThreadingFuture[int]().get()  # wrong
    pykka.ThreadingFuture[int]().map(lambda value: value.no_such_name)  # wrong
    pykka.ActorRegistry.get_by_class("Account")  # wrong
    print(number, text)


def use_proxy() -> None:
    proxy = cast("AccountProxy", Account.start().proxy())
    proxy.deposit("ten")  # wrong
    proxy.deposit()  # wrong
    text: str = proxy.deposit(10)  # wrong
    number: int = proxy.currency.get()  # wrong
    print(text, number)


def use_questions(ref: pykka.ActorRef[Account]) -> None:
    ref.ask("message", timeout=1, expire="yes")  # wrong
    ref.ask("message", block=False).cancel(True)  # wrong
    pykka.expire_asks("Account")  # wrong


class Waiter(pykka.PooledActor):
    def __init__(self, other: pykka.ActorRef[Account], reply: pykka.Reply[int]) -> None:
        super().__init__()
        self.other = other
        self.reply = reply

    def deposit(self) -> str:
        self.reply.set("one")  # wrong
        pykka.hand_on(self.other)  # wrong
        return pykka.hand_on(self.other.call(Account.deposit, 10))  # wrong


def use_pipes(ref: pykka.ActorRef[Account]) -> None:
    ref.call(Account.deposit, 10).pipe_to("account")  # wrong
    ref.call(Account.deposit, 10).pipe_to(ref, 3)  # wrong
    pykka.from_concurrent("future")  # wrong
    text: str = ref.call(Account.deposit, 10).to_concurrent().result()  # wrong
    print(text)

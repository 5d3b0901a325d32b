"""Savina: bank transaction."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.stash import Stashing
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

TRANSFER = "transfer"
DEPOSIT = "deposit"
DEPOSITED = "deposited"
DONE = "done"
BALANCE = "balance"
INITIAL_BALANCE = 1_000


def transfers(accounts: int, transactions: int) -> list[tuple[int, int, int]]:
    """Who pays whom how much; always from a lower to a higher account: nobody waits in a ring."""
    chance = random.Random(1)
    drawn = []
    for _ in range(transactions):
        source = int(chance.random() * (accounts - 1))
        target = source + 1 + int(chance.random() * (accounts - 1 - source))
        drawn.append((source, target, 1 + int(chance.random() * 100)))
    return drawn


class Teller(Behaviour):
    """Hands out all transfers, and adds up all balances when they are done."""

    def __init__(self, accounts: int, transactions: int) -> None:
        self.accounts = [self.spawn(Account, number) for number in range(accounts)]
        self.transfers = transfers(accounts, transactions)
        self.missing = transactions
        self.balances: dict[int, int] = {}

    def receive(self, message: Any) -> None:
        """Start, count what is done, or take a balance."""
        if message == START:
            for source, target, amount in self.transfers:
                self.accounts[source].tell((TRANSFER, amount, self.accounts[target], self.me))
        elif message[0] == DONE:
            self.missing -= 1
            if not self.missing:
                for account in self.accounts:
                    account.tell((BALANCE, self.me))
        else:
            self.balances[message[1]] = message[2]
            if len(self.balances) == len(self.accounts):
                self.finish([self.balances[number] for number in range(len(self.accounts))])


class Account(Stashing):
    """Holds money. While it waits for a receipt, it does nothing else."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.balance = INITIAL_BALANCE
        self.customer: Ref | None = None

    def is_answer(self, message: tuple[Any, ...]) -> bool:
        """A receipt."""
        return bool(message[0] == DEPOSITED)

    def answer(self, message: tuple[Any, ...]) -> None:
        """The money has arrived: tell the teller."""
        del message
        assert self.customer is not None
        self.customer.tell((DONE,))
        self.go_on()

    def request(self, message: tuple[Any, ...]) -> None:
        """Pay, be paid, or tell the balance."""
        kind = message[0]
        if kind == TRANSFER:
            _, amount, target, self.customer = message
            self.balance -= amount
            target.tell((DEPOSIT, amount, self.me))
            self.wait()
        elif kind == DEPOSIT:
            _, amount, source = message
            self.balance += amount
            source.tell((DEPOSITED,))
        else:
            message[1].tell((BALANCE, self.number, self.balance))


class BankTransaction(ActorWorkload):
    """Request, request in turn, reply, reply."""

    name = "bank-transaction"
    title = "bank transaction"
    about = "Accounts pay each other, and wait for the receipt: requests that need requests."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "transaction"),)
    parameters = {"accounts": 100, "transactions": 4_000}
    scaled = ("transactions",)
    short = False
    main = Teller

    def live(self, parameters: Parameters) -> int:
        """The accounts and the teller."""
        return parameters["accounts"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Transactions; each takes four messages."""
        return parameters["transactions"]

    def expected(self, parameters: Parameters) -> list[int]:
        """All balances."""
        balances = [INITIAL_BALANCE] * parameters["accounts"]
        for source, target, amount in transfers(
            parameters["accounts"], parameters["transactions"]
        ):
            balances[source] -= amount
            balances[target] += amount
        return balances

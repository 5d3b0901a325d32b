"""Programs of actors, plain ones, that have a mistake in them or have none."""

from __future__ import annotations

from typing import Any

import pykka
from pykka.supervision import ChildSpec, Supervisor


class Account(pykka.PooledActor):
    """Has what two tellers take from."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = 100

    def read(self) -> int:
        return self.balance

    def write(self, balance: int) -> None:
        self.balance = balance


class Teller(pykka.ThreadingActor):
    """Checks, and then acts; in between, another one may have acted."""

    def __init__(self, account: Any) -> None:
        super().__init__()
        self.account = account

    def withdraw(self, amount: int) -> int:
        balance = self.account.read().get()
        if balance < amount:
            return 0
        self.account.write(balance - amount).get()
        return amount


def lost_update() -> None:
    account = Account.start().proxy()
    tellers = [Teller.start(account).proxy() for _ in range(2)]
    paid = sum(pykka.get_all([teller.withdraw(70) for teller in tellers]))
    left = account.read().get()
    assert paid + left == 100, f"{paid} are paid, and {left} are left"


class Side(pykka.PooledActor):
    """Calls its other side, which may be calling it."""

    other: Any = None

    def meet(self, other: Any) -> None:
        self.other = other

    def call(self) -> Any:
        return self.other.answer().get()

    def answer(self) -> str:
        return "yes"


def crossing_asks() -> None:
    one, other = Side.start().proxy(), Side.start().proxy()
    pykka.get_all([one.meet(other), other.meet(one)])
    pykka.get_all([one.call(), other.call()])


class Slow(pykka.PooledActor):
    """Answers."""

    def work(self) -> str:
        return "done"


class Asker(pykka.ThreadingActor):
    """Gives up after a second, and does not expect an answer any more then."""

    def __init__(self, slow: Any) -> None:
        super().__init__()
        self.slow, self.state = slow, "idle"

    def begin(self) -> None:
        me = self.actor_ref
        self.state = "waiting"
        self.timer = me.tell_after(1, "timeout")
        self.slow.work().add_done_callback(lambda _future: me.tell("reply"))

    def on_receive(self, message: str) -> None:
        if message == "timeout":
            self.state = "failed"
            return
        if self.state != "waiting":
            msg = f"a reply while {self.state}"
            raise RuntimeError(msg)
        self.timer.cancel()
        self.state = "done"


def timer_and_reply() -> None:
    asker = Asker.start(Slow.start().proxy())
    asker.proxy().begin().get()
    assert asker.proxy().state.get()


class Counter(pykka.PooledActor):
    """Counts, and forgets what it has counted when it is restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: str) -> int:
        if message == "poison":
            msg = "boom"
            raise ValueError(msg)
        if message == "count":
            self.count += 1
        return self.count


class Sender(pykka.ThreadingActor):
    """Sends a word so many times."""

    def send(self, ref: Any, word: str, times: int) -> None:
        for _ in range(times):
            ref.tell(word)


def restart_loses_state() -> None:
    boss = Supervisor.start([ChildSpec("counter", Counter)], max_restarts=5)
    counter = boss.proxy().get_child("counter").get()
    client, poisoner = Sender.start().proxy(), Sender.start().proxy()
    pykka.get_all([poisoner.send(counter, "poison", 1), client.send(counter, "count", 2)])
    assert counter.ask("read") == 2


class Answers(pykka.ThreadingActor):
    """Adds one to what it is answered by another one, if there is one."""

    def __init__(self, other: Any = None) -> None:
        super().__init__()
        self.other = other

    def go(self) -> int:
        return 1 if self.other is None else self.other.go().get() + 1


def no_deadlock() -> None:
    """A simulator that runs others on top of a blocked frame would accuse this one."""
    last = Answers.start().proxy()
    middle = Answers.start(last).proxy()
    first = Answers.start(middle).proxy()
    assert pykka.get_all([middle.go(), first.go()]) == [2, 3]


class Listener(pykka.PooledActor):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def on_receive(self, message: str) -> list[str]:
        if message != "tell me":
            self.heard.append(message)
        return self.heard


class Forwarder(pykka.PooledActor):
    def __init__(self, to: Any) -> None:
        super().__init__()
        self.to = to

    def on_receive(self, message: str) -> None:
        self.to.tell("forwarded")


class SendsTwice(pykka.PooledActor):
    def __init__(self, first: Any, second: Any) -> None:
        super().__init__()
        self.first, self.second = first, second

    def on_receive(self, message: str) -> None:
        self.first.tell("pass on")
        self.second.tell("direct")


def overtaking() -> None:
    """Is found only if a handler can be overtaken between two sends."""
    listener = Listener.start()
    sender = SendsTwice.start(Forwarder.start(listener), listener)
    sender.ask("go")
    assert listener.ask("tell me") != ["forwarded", "direct"]


class Node(pykka.PooledActor):
    def __init__(self, other: Any = None) -> None:
        super().__init__()
        self.other, self.count = other, 0

    def on_receive(self, hops: int) -> int:
        self.count += 1
        if hops and self.other is not None:
            self.other.tell(hops - 1)
        return self.count


def tells() -> int:
    """Three actors, nine tells, one ask."""
    last = Node.start()
    middle = Node.start(last)
    first = Node.start(middle)
    for ref, hops in ((first, 2), (middle, 1), (first, 2), (first, 0)):
        ref.tell(hops)
    answer: int = first.ask(0)
    return answer


class AskingNode(Node):
    def on_receive(self, hops: int) -> int:
        self.count += 1
        if hops and self.other is not None:
            answer: int = self.other.ask(hops - 1)
            return answer + 1
        return self.count


def asks() -> tuple[int, int, int]:
    """Three actors, and blocking asks that are nested in each other."""
    last = AskingNode.start()
    middle = AskingNode.start(last)
    first = AskingNode.start(middle)
    futures = [ref.ask(n, block=False) for ref, n in ((first, 2), (middle, 1), (first, 2))]
    return sum(pykka.get_all(futures)), first.ask(0), middle.ask(0)


def three_tellers() -> None:
    account = Account.start().proxy()
    tellers = [Teller.start(account).proxy() for _ in range(3)]
    pykka.get_all([teller.withdraw(70) for teller in tellers])


ACCUSED = {
    "lost_update": lost_update,
    "crossing_asks": crossing_asks,
    "timer_and_reply": timer_and_reply,
    "restart_loses_state": restart_loses_state,
}
"""Those with a mistake that shows in some orders."""

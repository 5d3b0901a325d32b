"""Calls of methods that are passed as their classes have them: `ref.call(Cls.method, …)`."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Protocol
from unittest import mock

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka
from pykka import routing
from pykka.inboxes import Priority
from pykka.messages import FunctionCall, ProxyCall
from pykka.resilience import CircuitBreaker, RateLimiter, Retry
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Runtime


def loud(function: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(function)
    def shout(*args: Any, **kwargs: Any) -> str:
        return function(*args, **kwargs).upper()

    return shout


def helper(self: Any) -> str:
    return f"helps {type(self).__name__}"


class Named(Protocol):
    def name(self) -> str: ...

    def address(self) -> str: ...


class AccountLogic:
    kind = "account"
    helps = helper

    def __init__(self) -> None:
        super().__init__()
        self.balance = 0

    def deposit(self, amount: int, /, *, times: int = 1) -> int:
        self.balance += amount * times
        return self.balance

    put = deposit
    ten = functools.partialmethod(deposit, 10)

    def fail(self) -> None:
        raise ValueError("no")

    def thread(self) -> threading.Thread:
        return threading.current_thread()

    def name(self) -> str:
        return "account"

    @loud
    def greet(self, whom: str = "you") -> str:
        return f"hello {whom}"

    def _private(self) -> str:
        return "private"

    def __hidden(self) -> str:
        return "hidden"

    hidden = staticmethod(lambda: AccountLogic.__hidden)

    @staticmethod
    def double(number: int) -> int:
        return 2 * number

    @classmethod
    def of_class(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    @functools.singledispatchmethod
    def describe(self, thing: object) -> str:
        return "something"

    @describe.register
    def _(self, thing: int) -> str:
        return "a number"

    @property
    def total(self) -> int:
        return self.balance


class SavingsLogic(AccountLogic):
    def name(self) -> str:
        return "savings"


class Stranger:
    """A class that has methods of the same names."""

    def deposit(self, amount: int) -> int:
        return amount

    @staticmethod
    def double(number: int) -> int:
        return number


@pytest.fixture
def account_class(runtime: Runtime) -> Any:
    return type("Account", (AccountLogic, runtime.actor_class), {})


@pytest.fixture
def account(account_class: Any) -> Any:
    return account_class.start()


def get(future: pykka.Future[Any]) -> Any:
    return future.get(timeout=PATIENCE)


def refused(function: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The text of the error that a caller gets at once."""
    with pytest.raises(TypeError) as info:
        function(*args, **kwargs)
    return str(info.value)


# --- what is called -----------------------------------------------------------------------------


def test_a_method_is_called_in_the_actor(account: Any, runtime: Runtime) -> None:
    future = account.call(AccountLogic.deposit, 10)
    assert isinstance(future, runtime.future_class)
    assert get(future) == 10
    assert get(account.call(AccountLogic.deposit, 10, times=2)) == 30


CALLABLE: dict[str, tuple[Any, list[Any], object]] = {
    "an alias": (AccountLogic.put, [3], 3),
    "partialmethod": (AccountLogic.ten, [], 10),
    "decorated": (AccountLogic.greet, ["Ada"], "HELLO ADA"),
    "what was decorated": (AccountLogic.greet.__wrapped__, ["Ada"], "HELLO ADA"),  # type: ignore[attr-defined]
    "private": (AccountLogic._private, [], "private"),
    "mangled": (AccountLogic.hidden(), [], "hidden"),
    "static": (AccountLogic.double, [4], 8),
    "singledispatchmethod": (AccountLogic.describe, [1], "a number"),
    "a function of the class": (AccountLogic.helps, [], "helps Account"),
    "the same function": (helper, [], "helps Account"),
    "lambda": (lambda self, by: self.balance + by, [5], 5),
    "partial": (functools.partial(AccountLogic.deposit, times=3), [2], 6),
    "a class": (list, [], "not iterable"),
    "a method of another object": (["a", "b"].__contains__, [], False),
    "a callable object": (mock.Mock(return_value="mock"), [1], "mock"),
}


@pytest.mark.parametrize("name", CALLABLE)
def test_what_can_be_called(account: Any, name: str) -> None:
    method, args, answer = CALLABLE[name]
    for _ in range(2):  # the second time, it is known
        account.call(setattr, "balance", 0)
        future = account.call(method, *args)
        if name == "a class":
            assert answer in str(future.exception(timeout=PATIENCE))
        else:
            assert get(future) == answer


def test_a_class_method_is_called_on_the_actors_class(account: Any, account_class: Any) -> None:
    assert get(account.call(account_class.of_class, 1)) == "Account 1"
    assert get(account.call(AccountLogic.of_class, 2)) == "Account 2"
    other = type("Other", (account_class,), {})
    assert "Other.of_class() which is a method of Other" in refused(
        lambda: account.call(other.of_class, 1)
    ).replace(",", "")


def test_an_override_wins_whichever_class_the_method_is_of(runtime: Runtime) -> None:
    savings = type("Savings", (SavingsLogic, runtime.actor_class), {}).start()
    assert get(savings.call(AccountLogic.name)) == "savings"
    assert get(savings.call(SavingsLogic.name)) == "savings"
    account = type("Account", (AccountLogic, runtime.actor_class), {}).start()
    assert "SavingsLogic" in refused(lambda: account.call(SavingsLogic.name))
    assert get(account.call(AccountLogic.name)) == "account"


def test_what_is_in_the_place_of_a_method_wins(account: Any, account_class: Any) -> None:
    name = AccountLogic.name
    assert get(account.call(name)) == "account"
    with mock.patch.object(account_class, "name", return_value="mock"):
        assert get(account.call(account_class.name)) == "mock"
        assert get(account.call(name)) == "mock"
    with mock.patch.object(AccountLogic, "name", return_value="mock"):
        assert get(account.call(AccountLogic.name)) == "mock"
        assert get(account.call(name)) == "mock"
    with mock.patch.object(AccountLogic, "thread", autospec=True, return_value="mock"):
        assert get(account.call(AccountLogic.thread)) == "mock"
    assert get(account.call(name)) == "account"
    account.proxy().name = lambda: "an attribute"
    assert get(account.call(name)) == "an attribute"


def test_a_method_that_was_replaced_before_it_was_first_called(account: Any) -> None:
    name = AccountLogic.name
    with mock.patch.object(AccountLogic, "name", return_value="mock"):
        assert get(account.call(name)) == "mock"


def test_the_method_of_a_protocol_is_called_by_its_name(account: Any) -> None:
    assert get(account.call(Named.name)) == "account"
    assert "Named.address()" in refused(lambda: account.call(Named.address))


def test_a_call_is_the_message_of_a_proxy(agent: Any) -> None:
    seen: list[Any] = []

    def key(message: Any) -> int:
        seen.append(message)
        return 0

    ref = agent.options(inbox=Priority(key)).start()
    get(ref.call(agent.run, id))
    get(ref.call(id))
    ref.defer(agent.run, id)
    function = lambda agent, by: by  # noqa: E731
    ref.defer(function, by=2)
    ref.ask(None)
    assert seen[0] == seen[2] == ProxyCall(("run",), (id,), {})
    assert seen[1] == FunctionCall(id, (), {})
    assert seen[3] == FunctionCall(function, (), {"by": 2})


# --- what comes of it ---------------------------------------------------------------------------


def test_what_a_method_raises_is_the_askers(account: Any) -> None:
    for method in (AccountLogic.fail, lambda actor: actor.fail()):
        with pytest.raises(ValueError, match="no"):
            get(account.call(method))
    assert account.is_alive()


def test_calls_are_done_in_order_though_the_caller_does_not_wait(account: Any) -> None:
    futures = [account.call(AccountLogic.deposit, 1) for _ in range(20)]
    assert pykka.get_all(futures, timeout=PATIENCE) == list(range(1, 21))


@needs("blocking handlers")
def test_a_call_does_not_wait(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    future = ref.call(agent.run, gate)
    gate.wait_until_entered()
    second = ref.call(lambda _agent: "second")
    assert not future.done()
    assert not second.done()
    gate.open()
    assert get(second) == "second"


def test_a_dead_actor_is_an_answer_to_call_and_an_error_of_defer(account: Any) -> None:
    account.stop()
    for method in (AccountLogic.thread, lambda _actor: None):
        future = account.call(method)
        with pytest.raises(pykka.ActorDeadError):
            get(future)
        with pytest.raises(pykka.ActorDeadError):
            account.defer(method)
        with pytest.raises(pykka.ActorDeadError):
            account.defer_after(1, method)
        with pytest.raises(pykka.ActorDeadError):
            account.defer_every(1, method)


def test_what_comes_too_late_is_a_dead_letter(agent: Any) -> None:
    def end(me: Any) -> None:
        me.stop()
        me.actor_ref.defer(agent.run, id)
        me.actor_ref.defer(len)

    letters: list[Any] = []
    with pykka.ActorSystem() as system:
        system.dead_letters.subscribe(letters.append)
        ref = system.start(agent)
        ref.call(end)
        get(ref.when_terminated())
    assert [letter.message for letter in letters] == [
        ProxyCall(("run",), (id,), {}),
        FunctionCall(len, (), {}),
    ]


def test_defer_does_not_wait_and_fails_like_a_tell(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    assert ref.defer(agent.run, lambda agent: agent.diary.note("run")) is None
    assert ref.defer(lambda agent, text: agent.diary.note(text), "function") is None
    assert diary.read(3) == ["on_start", "run", "function"]
    ref.defer(agent.run, lambda _agent: 1 // 0)
    assert diary.read(1) == ["on_failure"]


def test_stop_is_answered_when_the_actor_has_ended(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    assert get(ref.call(agent.stop)) is None
    assert diary.read(2) == ["on_start", "on_stop"]


def test_calls_are_counted(account: Any) -> None:
    account.keep_statistics()
    get(account.call(lambda _actor: None))
    before = account.statistics().handled
    get(account.call(AccountLogic.thread))
    get(account.call(lambda _actor: None))
    get(account.call(lambda _actor: None))
    assert account.statistics().handled - before >= 2


def test_timers_call_methods(agent: Any, diary: Diary) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(agent, diary)
        assert diary.read(1) == ["on_start"]
        late = ref.defer_after(10, agent.run, lambda agent: agent.diary.note("late"))
        often = ref.defer_every(3, lambda agent, *, text: agent.diary.note(text), text="often")
        assert (late.remaining, often.remaining, often.interval) == (10, 3, 3)
        clock.advance(3)
        assert diary.read(1) == ["often"]
        ref.ask(None)
        clock.advance(3)
        assert diary.read(1) == ["often"]
        assert often.cancel()
        clock.advance(4)
        assert diary.read(1) == ["late"]


# --- wrong use ----------------------------------------------------------------------------------


WAYS: dict[str, Callable[..., Any]] = {
    "call": lambda ref, *args, **kwargs: ref.call(*args, **kwargs),
    "defer": lambda ref, *args, **kwargs: ref.defer(*args, **kwargs),
    "defer_after": lambda ref, *args, **kwargs: ref.defer_after(1, *args, **kwargs),
    "defer_every": lambda ref, *args, **kwargs: ref.defer_every(1, *args, **kwargs),
    "router": lambda ref, *args, **kwargs: routing.RoundRobin([ref]).call(*args, **kwargs),
    "routers": lambda ref, *args, **kwargs: routing.Broadcast([routing.Random([ref])]).defer(
        *args, **kwargs
    ),
    "Retry": lambda ref, *args, **kwargs: Retry(ref).call(*args, **kwargs),
    "stacked": lambda ref, *args, **kwargs: Retry(CircuitBreaker(RateLimiter(ref, rate=1e6))).call(
        *args, **kwargs
    ),
}


WRONG: dict[str, tuple[Any, list[Any], dict[str, Any], str]] = {
    "stranger": (Stranger.deposit, [1], {}, "Stranger.deposit(), which is a method of Stranger"),
    "static": (Stranger.double, [1], {}, "Stranger.double(), which is a method of Stranger, and "),
    "in C": (str.upper, [], {}, "str.upper(), which is a method of str, and Account is not"),
    "a name": ("deposit", [1], {}, "'deposit', which is no function"),
    "nothing": (None, [], {}, "None, which is no function"),
    "a property": (AccountLogic.total, [], {}, "which is no function"),
    "none": (AccountLogic.deposit, [], {}, "Account.deposit(), but 'amount' is missing"),
    "too many": (AccountLogic.deposit, [1, 2], {}, "but that takes 1 argument by position, not 2"),
    "unknown name": (AccountLogic.deposit, [1], {"note": 1}, "has no parameter 'note'"),
    "by place": (AccountLogic.deposit, [1], {"amount": 1}, "has no parameter 'amount' that can"),
    "one too many": (AccountLogic.thread, [1], {}, "that takes 0 arguments by position, not 1"),
    "static none": (AccountLogic.double, [], {}, "Account.double(), but 'number' is missing"),
    "twice": (AccountLogic.double, [1], {"number": 1}, "'number' is given twice"),
    "no actor": (lambda: None, [], {}, "that does not even take the actor"),
    "by name": (lambda actor, *, by: by, [], {}, "but 'by' is missing"),
}


@pytest.mark.parametrize("way", WAYS)
def test_wrong_use_is_refused_at_once(account: Any, way: str) -> None:
    for method, args, kwargs, says in WRONG.values():
        for _ in range(2):
            text = refused(WAYS[way], account, method, *args, **kwargs)
            assert says in text
            assert "ActorRef for Account" in text
    assert account.is_alive()
    assert get(account.call(AccountLogic.deposit, 0)) == 0


def test_the_method_of_an_actor_object_is_refused(account: Any, account_class: Any) -> None:
    text = refused(lambda: account.call(account._actor.deposit, 1))
    assert "deposit() of an actor object; pass a method as" in text
    assert "CallableProxy" in refused(lambda: account.call(account.proxy().deposit, 1))
    assert "ActorProxy" in refused(lambda: account.call(account.proxy(), 1))


def test_the_arguments_of_an_override_count(runtime: Runtime) -> None:
    class Wider(AccountLogic):
        def name(self, language: str = "en") -> str:
            return language

    wider = type("Account", (Wider, runtime.actor_class), {}).start()
    assert get(wider.call(AccountLogic.name, "fr")) == "fr"
    account = type("Account", (AccountLogic, runtime.actor_class), {}).start()
    assert get(account.call(AccountLogic.name)) == "account"
    assert "takes 0 arguments" in refused(lambda: account.call(AccountLogic.name, "fr"))
    account.proxy().name = lambda language: language
    assert get(account.call(AccountLogic.name, "fr")) == "fr"
    assert "takes 1 argument by" in refused(lambda: account.call(AccountLogic.name, "fr", "en"))
    account.proxy().name = mock.Mock(return_value="mock")
    assert get(account.call(AccountLogic.name, "fr", "en")) == "mock"


# --- what goes around refs ----------------------------------------------------------------------


def test_pieces_of_resilience_call_as_they_ask(account: Any) -> None:
    for piece in (
        Retry(account, attempts=2),
        CircuitBreaker(account),
        RateLimiter(account, rate=1e6),
        Retry(CircuitBreaker(routing.RoundRobin([account]))),
    ):
        future = piece.call(AccountLogic.deposit, 0, times=2)
        assert get(future) == 0
        assert get(piece.call(lambda actor: actor.kind)) == "account"


def test_retry_calls_again(runtime: Runtime) -> None:
    class MoodyLogic:
        calls = 0

        def work(self) -> int:
            self.calls += 1
            if self.calls < 3:
                raise ConnectionError
            return self.calls

    clock = ManualClock()
    moody = type("Moody", (MoodyLogic, runtime.actor_class), {}).start()
    retry = Retry(moody, attempts=3, retry_on=ConnectionError, clock=clock)
    future = retry.call(MoodyLogic.work)
    for _ in range(2):
        get(moody.call(lambda _actor: None))
        clock.advance(100)
    assert get(future) == 3


def test_a_router_calls_a_routee(runtime: Runtime, account_class: Any) -> None:
    refs = [account_class.start() for _ in range(2)]
    router = routing.RoundRobin(refs)
    assert [get(router.call(AccountLogic.deposit, 1)) for _ in range(3)] == [1, 1, 2]
    assert get(router.call(lambda actor: actor.balance)) == 1
    router.defer(AccountLogic.deposit, 1)
    assert get(refs[0].call(lambda actor: actor.balance)) == 3
    every = routing.Broadcast(refs)
    assert get(every.call(AccountLogic.deposit, 0)) == [3, 1]
    every.defer(lambda actor, balance: setattr(actor, "balance", balance), 7)
    assert get(every.call(lambda actor: actor.balance)) == [7, 7]


def test_a_router_without_routees_has_none_to_call(account_class: Any) -> None:
    router = routing.RoundRobin([])
    for method in (AccountLogic.deposit, lambda _actor, _amount: None):
        with pytest.raises(pykka.ActorDeadError):
            get(router.call(method, 1))
        with pytest.raises(pykka.ActorDeadError):
            router.defer(method, 1)
    assert "no function" in refused(lambda: router.call("deposit"))


def test_a_stand_in_for_a_ref_is_asked(account_class: Any) -> None:
    asked: list[Any] = []

    class StandIn:
        def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
            asked.append(message)
            future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
            future.set("yes")
            return future

    retry = Retry(StandIn())
    assert get(retry.call(AccountLogic.deposit, 1)) == "yes"
    assert get(retry.call(len)) == "yes"
    assert asked == [ProxyCall(("deposit",), (1,), {}), FunctionCall(len, (), {})]

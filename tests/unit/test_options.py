"""Options: what is said of an actor before it is started."""

from __future__ import annotations

from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._system.system import default_system
from pykka._util.thread_state import current


class Cart(pykka.PooledActor):
    """Takes arguments that are called like options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.args = args
        self.kwargs = kwargs

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


class Threaded(pykka.ThreadingActor):
    pass


class Broken(pykka.ThreadingActor):
    def __init__(self) -> None:
        raise ValueError("broken")


def test_start_reserves_no_keyword() -> None:
    said = {"name": 1, "inbox": 2, "dispatcher": 3, "system": 4, "cls": 5, "actor_class": 6}
    for start in (Cart.start, Cart.options(name="cart").start):
        ref = start("first", **said)
        assert ref.proxy().args.get() == ("first",)
        assert ref.proxy().kwargs.get() == said
        ref.stop()


def test_options_can_be_used_again_and_again() -> None:
    options = Cart.options(name="cart")
    assert options.actor_class is Cart
    for _ in range(3):
        ref = options.start()
        assert ref.name == "cart"
        assert pykka.ActorRegistry.get_by_name("cart") == ref
        ref.stop(timeout=PATIENCE)
    assert repr(options) == "Cart.options(name='cart')"
    assert repr(Cart.options()) == "Cart.options()"


def test_without_options_an_actor_has_no_name() -> None:
    assert Cart.start().name is None
    assert Cart.options().start().name is None
    assert pykka.ActorRegistry.get_by_name("cart") is None


@pytest.mark.parametrize(
    ("actor_class", "wrong"),
    [
        (Cart, {"name": ""}),
        (Cart, {"name": 5}),
        (Cart, {"inbox": 100}),
        (Cart, {"inbox": pykka.inboxes.Bounded}),
        (Cart, {"dispatcher": "pool"}),
        (Cart, {"system": "shop"}),
        (Threaded, {"dispatcher": pykka.Dispatcher("mine")}),
    ],
    ids=str,
)
def test_what_is_of_the_wrong_kind_is_refused(actor_class: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as caught:
        actor_class.options(**wrong)
    (key,) = wrong
    text = str(caught.value)
    assert key in text or "Bounded" in text


def test_a_dispatcher_that_is_chosen_gives_the_threads() -> None:
    mine = pykka.Dispatcher("mine")
    ref = Cart.options(dispatcher=mine).start()
    assert ref._cell.pool is mine._pool  # type: ignore[attr-defined]
    assert Cart.start()._cell.pool is not mine._pool  # type: ignore[attr-defined]


def test_a_system_with_a_dispatcher_gives_it_to_its_actors() -> None:
    mine = pykka.Dispatcher("mine")
    with pykka.ActorSystem(dispatcher=mine) as system:
        assert system.dispatcher is mine
        assert system.start(Cart)._cell.pool is mine._pool  # type: ignore[attr-defined]
    with pykka.ActorSystem("own") as own:
        other = own.start(Cart)
        assert other._cell.pool is own.dispatcher._pool  # type: ignore[attr-defined]
        assert own.dispatcher is not default_system.dispatcher


def test_an_inbox_that_is_chosen_is_used() -> None:
    ref = Cart.options(inbox=pykka.inboxes.Bounded(3)).start()
    extension = ref._cell.extension
    assert extension is not None
    assert extension.policy is not None


def test_options_that_are_started_in_a_constructor_are_for_that_actor_only() -> None:
    class Outer(pykka.ThreadingActor):
        def __init__(self) -> None:
            self.inner = Cart.options(name="inner").start()
            super().__init__()
            self.other = Cart.start()

    outer = Outer.options(name="outer").start()
    assert outer.name == "outer"
    assert outer.proxy().inner.get().name == "inner"
    assert outer.proxy().other.get().name is None


def test_a_constructor_that_fails_leaves_no_options_behind() -> None:
    with pytest.raises(ValueError, match="broken"):
        Broken.options(name="broken").start()
    assert current.state.spawn_options is None
    assert pykka.ActorRegistry.get_by_name("broken") is None
    assert Threaded.start().name is None


def test_a_name_that_is_refused_leaves_nothing_behind() -> None:
    first = Cart.options(name="cart").start()
    with pytest.raises(pykka.NameTakenError):
        Threaded.options(name="cart").start()
    assert pykka.ActorRegistry.get_all() == [first]
    assert default_system.everybody() == [first._cell]

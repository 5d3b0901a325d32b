"""Consistent hashing: equal keys go to the same routee, and few move when one comes or goes."""

from __future__ import annotations

import collections
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.leaks import PATIENCE

import pykka
from pykka import routing
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr
from pykka.routing._kinds._consistent_hashing import as_bytes

KEYS = [f"key {number}" for number in range(4_000)]


class Shelf(pykka.PooledActor):
    """Keeps what it is given."""

    label = "shelf"

    def __init__(self) -> None:
        super().__init__()
        self.things: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.things.append(message)
        return self.actor_ref

    def put(self, thing: Any, *, times: int = 1) -> Any:
        self.things += [thing] * times
        return self.actor_ref


def start(count: int) -> list[pykka.ActorRef[Any]]:
    return [Shelf.start() for _ in range(count)]


def router_of(refs: list[pykka.ActorRef[Any]], **options: Any) -> routing.ConsistentHashing[Any]:
    return routing.ConsistentHashing(refs, key=lambda message: message, **options)


def owners(router: routing.ConsistentHashing[Any]) -> list[Any]:
    return [router.routee_of(key) for key in KEYS]


def test_equal_keys_go_to_the_same_routee_whichever_way_they_are_sent() -> None:
    router = routing.ConsistentHashing(
        start(5), key=lambda sent: sent.args[0] if isinstance(sent, ProxyCall) else sent
    )
    for key in KEYS[:40]:
        owner = router.routee_of(key)
        assert router.ask(key) == owner
        assert router.ask(key, block=False).get(timeout=PATIENCE) == owner
        assert router.proxy().put(key, times=2).get(timeout=PATIENCE) == owner
        router.tell(key)
        router.proxy().put.defer(key)
        assert owner is not None
        assert owner.proxy().things.get().count(key) == 6


def test_the_key_of_what_is_sent_through_a_proxy_is_made_from_a_message() -> None:
    keyed: list[Any] = []

    def key(message: Any) -> str:
        keyed.append(message)
        return "all the same"

    refs = start(4)
    router = routing.ConsistentHashing(refs, key=key)
    proxy = router.proxy()
    proxy.put("thing", times=2).get()
    proxy.put.defer("thing")
    assert proxy.label.get() == "shelf"
    proxy.label = "drawer"

    assert keyed == [
        ProxyCall(("put",), ("thing",), {"times": 2}),
        ProxyCall(("put",), ("thing",), {}),
        ProxyGetAttr(("label",)),
        ProxySetAttr(("label",), "drawer"),
    ]
    labels = [ref.proxy().label.get() for ref in refs]
    assert collections.Counter(labels) == {"shelf": 3, "drawer": 1}


@pytest.mark.parametrize("count", [1, 2, 4, 10, 30])
def test_few_keys_move_when_a_routee_joins_or_leaves(count: int) -> None:
    refs = start(count)
    router = router_of(refs)
    before = owners(router)

    (joining,) = start(1)
    router.add(joining)
    after = owners(router)
    moved = [key for key, one, other in zip(KEYS, before, after, strict=True) if one != other]
    assert {router.routee_of(key) for key in moved} == {joining}, "the others keep theirs"
    assert 0.5 < len(moved) / len(KEYS) * (count + 1) < 1.5

    router.remove(joining)
    assert owners(router) == before

    router.remove(refs[0])
    for one, other in zip(before, owners(router), strict=True):
        assert other == one or one == refs[0], "the others keep theirs"
        assert other != refs[0]


def test_the_shares_are_about_even() -> None:
    counts = collections.Counter(owners(router_of(start(8))))
    assert len(counts) == 8
    assert all(0.7 < count / len(KEYS) * 8 < 1.3 for count in counts.values())


def test_more_virtual_nodes_make_the_shares_more_even() -> None:
    refs = start(8)

    def unevenness(virtual_nodes: int) -> int:
        counts = collections.Counter(owners(router_of(refs, virtual_nodes=virtual_nodes)))
        return max(counts.values()) - min(counts.values())

    assert unevenness(1) > 2 * unevenness(16) > 2 * unevenness(512)


def test_who_joins_takes_the_keys_of_one_that_has_died() -> None:
    refs = start(5)
    router = router_of(refs)
    before = owners(router)

    refs[2].stop()
    for key in KEYS[:50]:
        router.tell(key)
    assert refs[2] not in router.routees
    (new,) = start(1)
    router.add(new)

    assert owners(router) == [new if one == refs[2] else one for one in before]


PROGRAM = """
import pykka
from pykka import routing

class Shelf(pykka.PooledActor):
    pass

refs = [Shelf.start() for _ in range(7)]
router = routing.ConsistentHashing(refs, key=str)
router.remove(refs[3])
keys = ["", "key", "Ω", b"key", 0, 1, -1, 2**70, (), ("a", b"b", (3, "c"))]
print([refs.index(router.routee_of(key)) for key in keys])
"""

WHO = [4, 6, 6, 4, 5, 2, 6, 5, 1, 5]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_key_belongs_to_the_same_routee_in_each_run(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=True,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == f"{WHO}\n"


keys = st.recursive(
    st.text() | st.binary() | st.integers(),
    lambda parts: st.lists(parts, max_size=3).map(tuple),
    max_leaves=5,
)


@given(keys, keys)
def test_different_keys_are_different_bytes(one: Any, other: Any) -> None:
    assert (as_bytes(one) == as_bytes(other)) == (one == other)


@pytest.mark.parametrize("key", ["\ud800", 10**6_000, -(2**64), True, ("a", ("b",))], ids=type)
def test_odd_keys_are_keys(key: Any) -> None:
    assert router_of(start(2)).ask(key)


def test_true_is_one() -> None:
    assert as_bytes(True) == as_bytes(1)


@pytest.mark.parametrize("key", [None, 1.0, ["a"], ("a", None), object()])
def test_other_keys_are_refused_with_the_remedy(key: Any) -> None:
    router = router_of(start(2))
    for send in (router.tell, router.ask):
        with pytest.raises(TypeError, match="a str, bytes, an int or a tuple"):
            send(key)


def test_what_the_key_function_raises_goes_to_the_sender() -> None:
    refs = start(2)
    router = routing.ConsistentHashing(refs, key=lambda message: 1 / message)
    for send in (router.tell, router.ask):
        with pytest.raises(ZeroDivisionError):
            send(0)
    assert len(router.routees) == 2


def test_without_routees_a_key_belongs_to_nobody() -> None:
    assert router_of([]).routee_of("key") is None


def test_a_routee_needs_a_point_on_the_ring() -> None:
    with pytest.raises(ValueError, match="virtual_nodes must be at least 1, not 0"):
        router_of([], virtual_nodes=0)

"""The lists, maps and rings that routers keep. A change leaves those as they are that are held."""

from __future__ import annotations

import random
from bisect import bisect
from typing import Any

import pytest
from tests.unit.routers import each_kind, seen, start

import pykka
from pykka import routing
from pykka.routing._rosters._numbered import Numbered
from pykka.routing._rosters._ring import Ring
from pykka.routing._rosters._roster import FEW


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 300, 5000])
def test_maps_from_numbers_are_what_dicts_are(count: int) -> None:
    draw = random.Random(count)
    model = {number: str(number) for number in sorted(draw.sample(range(3 * count + 1), count))}
    made = Numbered(model.items())
    snapshots = []
    for step in range(300):
        if step % 100 == 0:
            snapshots.append((made, sorted(model.items())))
        if draw.random() < 0.6 and model:
            number = draw.choice(list(model))
            del model[number]
            made = made.without(number)
        else:
            behind = max(model, default=0) + draw.choice([1, 1, 5000])
            number = draw.choice([behind, draw.randrange(4 * count + 10)])
            model[number] = f"new {number}"
            made = made.with_(number, f"new {number}")
    for map_, items in [*snapshots, (made, sorted(model.items()))]:
        assert map_.items() == items
        assert map_.things() == tuple(thing for _, thing in items)
        assert [map_.at(index) for index in range(len(map_))] == [thing for _, thing in items]
        assert map_.first() == (items[0] if items else None)
        assert all(map_.get(number) == thing for number, thing in items)
        assert map_.get(10**9) is None
        assert map_.without(10**9) is map_


@pytest.mark.parametrize("bits", [2, 64])
@pytest.mark.parametrize(("owners", "nodes"), [(1, 1), (2, 3), (30, 60)])
def test_a_ring_is_what_a_sorted_list_is(owners: int, nodes: int, bits: int) -> None:
    """With two bits, many points are the same; who owns them then does not matter."""
    draw = random.Random(owners)
    points: Any = {
        owner: sorted(draw.getrandbits(bits) << (64 - bits) for _ in range(nodes))
        for owner in map(str, range(owners))
    }
    present = list(points)
    ring = Ring((point, owner) for owner in present for point in points[owner])
    snapshots = []
    for _ in range(60):
        owner = draw.choice(list(points))
        if owner in present:
            present.remove(owner)
            ring = ring.without(points[owner], owner)
        else:
            present.append(owner)
            ring = ring.with_(points[owner], owner)
        snapshots.append((ring, present.copy()))
    for snapshot, there in snapshots:
        flat = sorted((point, each) for each in there for point in points[each])
        hashes = [point for point, _ in flat]
        for _ in range(30):
            point = draw.getrandbits(64)
            found: Any = snapshot.owner(point)
            if not flat:
                assert found is None
                continue
            expected = hashes[bisect(hashes, point) % len(flat)]
            assert expected in points[found]
            assert found in there


@each_kind
@pytest.mark.parametrize("count", [3, FEW, FEW + 1, 3 * FEW])
def test_an_equal_ref_removes_a_routee(make: Any, count: int) -> None:
    refs = start(count)
    router = make(refs)
    twin: Any = pykka.ActorRef(refs[1]._actor)
    assert twin == refs[1]
    assert twin is not refs[1]
    assert not router.add(twin)
    assert router.remove(twin)
    assert router.routees == (refs[0], *refs[2:])


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 5 * FEW])
@pytest.mark.parametrize("made", ["at once", "one by one"])
def test_the_turns_begin_with_the_first_routee_after_each_change(count: int, made: str) -> None:
    refs = start(count + 1)
    router: routing.RoundRobin[Any] = routing.RoundRobin(refs if made == "at once" else [])
    for ref in refs:
        router.add(ref)
    router.remove(refs[0])
    for number in range(3 * count):
        router.tell(number)
    assert [seen([ref]) for ref in refs[1:]] == [
        [n, n + count, n + 2 * count] for n in range(count)
    ]
    router.add(refs[0])
    for _ in range(2):
        router.remove(refs[1])
        router.tell("first")
        assert "first" in seen(refs[2:3] or refs[:1])
        router.add(refs[1])


@each_kind
def test_a_change_that_looks_at_an_outdated_roster_is_made_again(make: Any) -> None:
    """Another one takes the place of a routee between two steps of its removal."""
    one, two, three = start(3)
    router = make([one, two])
    outdated = []

    def edit(roster: Any) -> Any:
        outdated.append(roster)
        if len(outdated) == 1:
            router._replace(lambda latest: latest.entry(1, three))
        return roster.removal(three)

    assert router._replace(edit)
    assert len(outdated) == 2
    assert router.routees == (one,)
    router.add(two)
    for _ in range(4):
        router.tell("message")
    assert not seen([three])
    assert outdated[0].refs == (one, two)


def test_routees_of_a_pool_keep_their_order_when_they_are_started_anew() -> None:
    class Worker(pykka.PooledActor):
        pass

    pool = routing.RoundRobin.pool(Worker, 3 * FEW)
    before = pool.routees
    for place in (0, 7, FEW, 3 * FEW - 1):
        before[place].kill()
    while len(pool.routees) < len(before) or not all(ref.is_alive() for ref in pool.routees):
        pool.supervisor.proxy().count_children().get()
    after = pool.routees
    changed = [place for place in range(3 * FEW) if before[place] != after[place]]
    assert changed == [0, 7, FEW, 3 * FEW - 1]
    pool.stop()

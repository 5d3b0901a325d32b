"""What is measured, how often, in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from benchmarks.adapters import ADAPTERS, ERLANG, FLOOR, NEWEST, OURS, PEER, POOLED
from benchmarks.curves import CURVES
from benchmarks.plan import (
    HEAVY_ROUNDS,
    SHORT_ROUNDS,
    UnknownNameError,
    make_plan,
    order,
    steps,
)
from benchmarks.targets import TARGETS
from benchmarks.workload import Group
from benchmarks.workloads import WORKLOADS
from tests.benchmarks.conftest import OURS as RUNTIMES


def test_the_short_form_has_at_least_five_rounds_and_no_curves() -> None:
    tasks = make_plan()

    assert SHORT_ROUNDS >= 5
    assert {t.rounds for t in tasks if not WORKLOADS[t.workload].heavy} == {SHORT_ROUNDS}
    assert not any(task.ladder for task in tasks)
    assert {"tell", "ask", "proxied-call", "ping-pong"} <= {task.workload for task in tasks}
    assert all({OURS, PEER, FLOOR, POOLED, NEWEST, ERLANG} <= set(task.adapters) for task in tasks)


def test_the_full_form_measures_whatever_there_is_a_target_for() -> None:
    extras = [w.name for w in WORKLOADS.values() if w.group is Group.EXTRAS]
    tasks = [*make_plan(full=True), *make_plan(only=extras)]
    measured = {(t.workload, adapter) for t in tasks for adapter in t.adapters}
    for target in TARGETS:
        figures = [target.ours, *([target.theirs] if target.theirs else [])]
        assert {(figure.workload, figure.adapter) for figure in figures} <= measured


def test_what_is_heavy_takes_few_rounds_and_spares_the_slow() -> None:
    [task] = [t for t in make_plan(full=True) if t.workload == "million"]

    assert task.rounds == HEAVY_ROUNDS
    assert POOLED in task.adapters
    assert "thespian" not in task.adapters
    [task] = make_plan(only=["million"], rounds=9)
    assert task.rounds == 9


def test_the_full_form_has_everything() -> None:
    tasks = make_plan(full=True)

    points = {task.workload for task in tasks if not task.ladder}
    named = {Group.CURVE, Group.EXTRAS}
    assert points == {w.name for w in WORKLOADS.values() if w.group not in named}
    light = [task for task in tasks if not WORKLOADS[task.workload].heavy]
    assert all(set(task.adapters) == set(ADAPTERS) for task in light)
    for curve in CURVES:
        if WORKLOADS[curve.workload].group is Group.EXTRAS:
            assert not {t.workload for t in tasks} & {curve.workload}
            tasks = make_plan(full=True, only=[curve.workload])
        found = [t.parameters[curve.parameter] for t in tasks if t.workload == curve.workload]
        assert set(curve.points) <= set(found)


def test_the_ends_of_the_curves() -> None:
    ends = {curve.name: (curve.points[0], curve.points[-1]) for curve in CURVES}

    assert ends["actors"] == (1, 1_000_000)
    assert ends["senders"] == (1, 64)
    assert {"sizes", "rings"} <= ends.keys()
    assert all(list(curve.points) == sorted(curve.points) for curve in CURVES)


def test_names_and_patterns_choose() -> None:
    tasks = make_plan(only=["t*ll", "ask"], against=["pykka-*"], rounds=2)

    assert [task.workload for task in tasks] == ["tell", "ask"]
    assert {task.rounds for task in tasks} == {2}
    assert tasks[0].adapters == (*RUNTIMES, "pykka-4.0.2", "pykka-newest")


def test_settings_replace_the_defaults_where_they_fit() -> None:
    [tell] = make_plan(only=["tell"], settings={"messages": 7})

    assert tell.parameters == {"messages": 7}
    assert WORKLOADS["tell"].parameters != {"messages": 7}


def test_who_is_absent_is_not_planned() -> None:
    assert all("erlang" not in task.adapters for task in make_plan(absent=["erlang"]))


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ({"only": ["nonsense"]}, "there is no workload 'nonsense'"),
        ({"against": ["nobody"]}, "there is no implementation 'nobody'"),
        ({"settings": {"speed": 1}}, "no workload has a parameter speed"),
        ({"only": ["tell"], "settings": {"nodes": 1}}, "no workload has a parameter nodes"),
    ],
)
def test_what_fits_nothing_is_an_error(choice: dict[str, list[str]], named: str) -> None:
    with pytest.raises(UnknownNameError, match=named):
        make_plan(**choice)  # type: ignore[arg-type]


def test_slow_implementations_do_less_but_never_less_of_what_a_curve_is_about() -> None:
    [tell] = make_plan(only=["tell"])
    assert tell.parameters_for("thespian") == {"messages": 2_000}
    assert tell.parameters_for("erlang") == {"messages": 1_000_000}

    [outstanding] = make_plan(only=["outstanding-asks"])
    assert outstanding.parameters_for("thespian") == {"asks": 600}
    assert outstanding.parameters_for("erlang") == outstanding.parameters

    rings = [t for t in make_plan(full=True, only=["thread-ring"]) if t.ladder]
    assert [t.parameters_for("thespian")["nodes"] for t in rings] == [
        t.parameters["nodes"] for t in rings
    ]


def test_each_round_measures_everybody_once_and_begins_with_another() -> None:
    names = list(ADAPTERS)
    rounds = [order(names, number) for number in range(len(names))]

    assert all(Counter(each) == Counter(names) for each in rounds)
    assert len({each[0] for each in rounds[::2]}) == len(rounds[::2])
    # One round goes one way round, the next the other way.
    ring = order(names, 0)
    forward = {(a, b) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)}
    assert (rounds[1][0], rounds[1][1]) not in forward
    assert (rounds[2][0], rounds[2][1]) in forward


def test_those_whose_ratio_matters_are_neighbours() -> None:
    ring = order(list(ADAPTERS), 0)
    for number in range(9):
        turned = order(list(ADAPTERS), number)
        for one, other in ((PEER, OURS), (OURS, FLOOR), (POOLED, NEWEST), (POOLED, ERLANG)):
            distance = abs(turned.index(one) - turned.index(other))
            assert distance in {1, len(ring) - 1}


def test_the_steps_are_what_a_plan_measures() -> None:
    tasks = make_plan(only=["tell", "ask"], against=["pykka-4.0.2"], rounds=3)

    assert steps(tasks) == 2 * 3 * (len(RUNTIMES) + 1)

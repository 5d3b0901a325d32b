"""An actor's life is as `pykka._cell.life_table` says, and few places write it.

That no storm leaves the table is tested where the storms are: the tests that ask for the fixture
`witness`, and the explorations that `observe`. Here is what is left: that the table is one, that
each mark is written where it says, and that the witness would not overlook a thing.
"""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, explore, step
from tests.life import Witness, combination, require_legal, rests, state_of, states_of
from tests.sources import SOURCES, nodes_of, tree_of

import pykka
from pykka._cell.cell import Cell
from pykka._cell.life_table import FLAGS, FOLLOWS, STATES, TOKEN_MOVED_IN, WRITTEN_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# --- the table


def all_combinations() -> Iterator[tuple[str, ...]]:
    signs = ["-01" if flag in ("begun", "run_token") else "01" for flag in FLAGS]
    return itertools.product(*signs)


def test_no_combination_is_in_two_states() -> None:
    assert [found for found in all_combinations() if len(states_of(found)) > 1] == []


def test_most_combinations_are_in_no_state() -> None:
    legal = sum(bool(states_of(found)) for found in all_combinations())
    assert 0 < legal < 0.25 * len(list(all_combinations()))


def test_each_state_has_a_combination_and_words() -> None:
    states = {name for found in all_combinations() for name in states_of(found)}
    assert states == set(STATES)
    assert all(state.words.endswith(".") for state in STATES.values())


def test_each_state_can_be_reached_and_no_other_is_named() -> None:
    reached, to_do = {"made"}, ["made"]
    while to_do:
        new = set(FOLLOWS[to_do.pop()]) - reached
        reached |= new
        to_do += new
    assert reached == set(STATES) == set(FOLLOWS)


@pytest.mark.parametrize(
    ("if_set", "then"),
    [("closed", "stopped"), ("no actor", "closed"), ("down and no thread", "begun")],
)
def test_the_rules_that_late_comers_rely_on(if_set: str, then: str) -> None:
    for found in all_combinations():
        if not states_of(found):
            continue
        marks = dict(zip(FLAGS, found, strict=True))
        if if_set == "no actor":
            holds = marks["actor"] == "0"
        elif if_set == "closed":
            holds = marks["closed"] == "1"
        else:
            holds = marks["down"] == "1" and marks["claimed"] == "0"
        assert not holds or marks[then] == "1", marks


# --- who writes

NO_MARKS = {
    ("_cell/spawn_options.py", "self.actor"): "whom something is said to that is not yet made",
    ("_cell/spawn_options.py", "spawn_options.actor"): "the same",
    ("supervision/_specs.py", "self.actor"): "what makes a child",
    ("supervision/_restart_plan.py", "self.down"): "the children of a plan that are down",
}
"""Attributes of other things that are called like a mark."""

Module = tuple[str, str]


def writers(sources: Iterable[Module]) -> dict[str, set[str]]:
    """The modules that write each mark, in whatever way."""
    found: dict[str, set[str]] = {mark: set() for mark in WRITTEN_IN}
    for name, source in sources:
        for node in nodes_of(source):
            mark = _written(node)
            if mark in found and (name, ast.unparse(node)) not in NO_MARKS:
                found[mark].add(name)
    return found


def _written(node: ast.AST) -> str | None:
    """The name of the attribute that a node writes, if it does."""
    if isinstance(node, ast.Attribute):
        if isinstance(node.ctx, (ast.Store, ast.Del)):  # of whatever statement
            return node.attr
        if node.attr in ("__set__", "__delete__") and isinstance(node.value, ast.Attribute):
            return node.value.attr  # a slot's own descriptor
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        if called in ("setattr", "delattr", "__setattr__", "__delattr__"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant)]
            return next((n for n in names if isinstance(n, str)), None)
    return None


def test_each_mark_is_written_where_the_table_says() -> None:
    assert writers(SOURCES.items()) == {mark: set(where) for mark, where in WRITTEN_IN.items()}


def test_that_is_at_most_two_modules() -> None:
    assert max(len(where) for where in WRITTEN_IN.values()) == 2


DOORS = [
    "{0} = True",
    "{0} |= True",
    "{0}: bool = True",
    "a = {0} = b = True",
    "a, {0} = 1, 2",
    "[*{0}] = 1, 2",
    "for {0} in (1, 2): pass",
    "with a as {0}: pass",
    "del {0}",
    "setattr(cell, '{1}', True)",
    "object.__setattr__(cell, '{1}', True)",
    "Cell.{1}.__set__(cell, True)",
]


@pytest.mark.thinned
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mark", WRITTEN_IN)
def test_a_third_module_that_writes_is_found(mark: str, door: str) -> None:
    """Planted in three modules of which none may."""
    for name in ("_lifecycle/restart.py", "_system/system.py", "runtimes/asyncio/run.py"):
        planted = f"def f(cell):\n    {door.format(f'cell.{mark}', mark)}\n"
        assert writers([(name, SOURCES[name] + planted)])[mark] == {name}


def movers(sources: Iterable[Module]) -> dict[str, set[str]]:
    """The functions that take the token of a turn, put it back, or give the list another name."""
    found: dict[str, set[str]] = {}
    for name, source in sources:
        for function in _movers(tree_of(source), ""):
            found.setdefault(name, set()).add(function)
    return found


def _movers(node: ast.AST, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}.{child.name}".lstrip(".")
        elif _moves_token(child):
            yield inside
        yield from _movers(child, name)


def _moves_token(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):  # turn[0]
        held: ast.AST | None = node.value
    elif isinstance(node, ast.Attribute) and _is_turn(node.value):  # turn.append
        return True
    elif isinstance(node, (ast.Assign, ast.NamedExpr)):  # turn = cell.run_token
        held = node.value
    else:
        return False
    return _is_turn(held)


def _is_turn(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "run_token"


def test_the_token_of_a_turn_is_moved_where_the_table_says() -> None:
    assert movers(SOURCES.items()) == TOKEN_MOVED_IN


@pytest.mark.parametrize(
    "door", ["del cell.run_token[0]", "cell.run_token.append(True)", "turn = cell.run_token"]
)
def test_who_else_moves_it_is_found(door: str) -> None:
    assert movers([("new.py", f"def f(cell):\n    {door}\n")]) == {"new.py": {"f"}}


# --- the witness


class Plain(pykka.ThreadingActor):
    """On a thread of its own."""


class Pooled(pykka.PooledActor):
    """In a pool."""


@pytest.fixture
def seen() -> Iterator[Witness]:
    """A witness whose findings are for the test to judge."""
    witness = Witness()
    end = witness.install()
    try:
        yield witness
    finally:
        end()


@pytest.mark.parametrize("kind", [Plain, Pooled])
def test_it_sees_each_state_that_an_actor_goes_through(
    kind: type[pykka.Actor], seen: Witness
) -> None:
    ref = kind.start()
    ref.ask("hello")
    ref.stop()
    names = {state_of(found) for found in seen.combinations}
    expected = {"made", "lives", "begins to end", "ends", "closes", "over"}
    assert names - {"ready"} == expected
    seen.require_legal()
    seen.wait_for_rest()


@pytest.mark.parametrize("kind", [Plain, Pooled])
@pytest.mark.parametrize("mark", ["closed", "killed", "ending"])
def test_it_sees_a_mark_that_is_set_out_of_order(
    mark: str, kind: type[pykka.Actor], seen: Witness
) -> None:
    ref = kind.start()
    cell: Any = ref._cell
    ref.ask("hello")
    owner = cell.need_extension() if mark == "killed" else cell
    setattr(owner, mark, True)
    if mark == "closed":  # in no state
        with pytest.raises(AssertionError, match="closed=1"):
            seen.require_legal()
    else:  # in one that passes
        assert not rests(combination(cell))
    setattr(owner, mark, False)
    ref.stop()


def test_it_sees_a_step_that_leads_back(seen: Witness) -> None:
    """As when a user clears the event of an actor, which the table does not cover."""
    actor = Plain()
    actor.actor_stopped.set()
    seen.require_legal()
    actor.actor_stopped.clear()
    with pytest.raises(AssertionError, match="'told to end' was followed by 'made'"):
        seen.require_legal()


def test_it_sees_a_mark_that_no_thread_will_look_at() -> None:
    """An actor that is down gets out of its loop by `has_system_messages`."""
    ref = Plain.start()
    cell: Any = ref._cell
    ref.ask("hello")
    cell.need_extension().down = True
    assert state_of(combination(cell)) == "down"
    assert not rests(combination(cell))
    cell.look_again()
    assert rests(combination(cell))
    cell.need_extension().down = False
    ref.stop()


class Hasty(Cell):
    """A cell that lets go of its actor before it says that it is closed: a mistake."""

    def _close(self) -> None:
        self.mark_ending()
        self.mark_stopped()
        step("let go")
        self.actor = None
        step("close")
        self.closed = True


def test_an_exploration_that_observes_finds_a_mistake_in_one_order_only() -> None:
    def scenario() -> Scenario:
        actor = Plain()
        cell = Hasty(actor, actor._pykka_cell.services)
        return Scenario(
            {"closer": cell.close, "other": lambda: step("anything")},
            lambda: combination(cell),
            lambda: None,
            lambda: require_legal(cell),
        )

    with pytest.raises(AssertionError, match="actor=0"):
        explore(scenario)

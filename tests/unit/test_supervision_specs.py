"""Child specifications and supervisors: what they refuse, and what they say about it."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pykka
from pykka.resilience._backoff import Backoff
from pykka.supervision import ChildSpec, ChildStartError, DynamicSupervisor, Supervisor
from pykka.supervision._specs import seconds_to_stop


class Worker(pykka.PooledActor):
    """Does nothing."""


class Tree(Supervisor):
    """A supervisor of a class of its own."""


# --- child specifications -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"actor": 5}, TypeError, "needs an actor class, its options(), or a function, not 5"),
        ({"actor": None}, TypeError, "needs an actor class, its options(), or a function"),
        ({"id": ["w"]}, TypeError, "['w'] needs an id that can be a key of a dict"),
        ({"args": "red"}, TypeError, "has args='red'; it takes a sequence, such as ['red']"),
        ({"args": 5}, TypeError, "has args=5; it takes a sequence, such as [5]"),
        ({"kwargs": ["red"]}, TypeError, "has kwargs=['red']; it takes a dict"),
        (
            {"restart": "always"},
            ValueError,
            "has restart='always'; it takes one of 'permanent', 'transient', 'temporary'",
        ),
        ({"type": "boss"}, ValueError, "has type='boss'; it takes one of 'worker', 'supervisor'"),
        ({"shutdown": 0}, ValueError, "shutdown=0; it takes a number of seconds that is more"),
        ({"shutdown": -1}, ValueError, "shutdown=-1; it takes a number of seconds that is more"),
        ({"shutdown": True}, ValueError, "shutdown=True; it takes a number of seconds"),
        ({"shutdown": math.inf}, ValueError, "shutdown=inf; it takes a number of seconds that"),
        ({"shutdown": math.nan}, ValueError, "shutdown=nan; it takes a number of seconds that"),
        ({"shutdown": "soon"}, ValueError, 'more than 0, "kill", or "infinity"'),
        ({"significant": True}, ValueError, "cannot be significant: it is permanent, so it never"),
        ({"backoff": 5}, TypeError, "is 5, which is no pykka.resilience.Backoff"),
    ],
)
def test_a_bad_specification_says_what_is_wrong_and_with_which_child(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        ChildSpec(**{"id": "w", "actor": Worker, **options})
    assert text in str(caught.value)
    assert str(caught.value).startswith("the child specification ")


def test_what_is_not_said() -> None:
    spec = ChildSpec("w", Worker)
    assert (spec.args, spec.kwargs) == ((), {})
    assert (spec.restart, spec.type, spec.shutdown) == ("permanent", "worker", None)
    assert (spec.significant, spec.backoff, spec.replace_abandoned) == (False, None, False)


@pytest.mark.parametrize("actor", [Supervisor, Tree, DynamicSupervisor, Tree.options(name="t")])
def test_supervisors_are_found_out_and_get_all_the_time_they_take(actor: Any) -> None:
    spec = ChildSpec("t", actor)
    assert (spec.type, spec.shutdown) == ("supervisor", "infinity")
    assert seconds_to_stop(spec, 5) is None


def _make_tree() -> Tree:
    return Tree()


def test_of_a_function_it_has_to_be_said_that_it_makes_a_supervisor() -> None:
    assert ChildSpec("t", _make_tree).type == "worker"
    assert ChildSpec("t", _make_tree, type="supervisor").shutdown == "infinity"


@pytest.mark.parametrize(
    ("shutdown", "seconds"), [("kill", 0), ("infinity", None), (2, 2), (0.5, 0.5), (None, 7.5)]
)
def test_seconds(shutdown: Any, seconds: float | None) -> None:
    assert seconds_to_stop(ChildSpec("w", Worker, shutdown=shutdown), 7.5) == seconds


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (ChildSpec("w", Worker), "ChildSpec('w', Worker, restart='permanent')"),
        (
            ChildSpec(("w", 1), Worker.options(name="x"), restart="temporary"),
            "ChildSpec(('w', 1), Worker.options(name='x'), restart='temporary')",
        ),
    ],
)
def test_how_a_specification_shows_itself(spec: ChildSpec, text: str) -> None:
    assert repr(spec) == text


def test_more_arguments_make_another_specification() -> None:
    backoff = Backoff()
    spec = ChildSpec("w", Worker, [1], {"a": 1}, restart="transient", backoff=backoff)
    other = spec.with_arguments([2], {"b": 2})
    assert (other.args, other.kwargs) == ((1, 2), {"a": 1, "b": 2})
    assert (spec.args, spec.kwargs) == ((1,), {"a": 1})
    assert (other.id, other.restart, other.backoff) == ("w", "transient", backoff)


# --- supervisors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"strategy": "all"},
            ValueError,
            "Tree has strategy='all'; it takes one of 'one_for_one'",
        ),
        ({"auto_shutdown": "yes"}, ValueError, "Tree has auto_shutdown='yes'; it takes one of"),
        ({"max_restarts": -1}, ValueError, "Tree has max_restarts=-1; it takes a whole number"),
        ({"max_restarts": 1.5}, ValueError, "Tree has max_restarts=1.5; it takes a whole number"),
        ({"within": 0}, ValueError, "Tree has within=0; it takes a number of seconds that is"),
        ({"within": math.nan}, ValueError, "Tree has within=nan; it takes a number of seconds"),
        ({"within": "1 s"}, ValueError, "Tree has within='1 s'; it takes a number of seconds"),
        (
            {"child_specs": [Worker]},
            TypeError,
            "a child of Tree is described by a ChildSpec, not by <class",
        ),
        (
            {"child_specs": [ChildSpec("w", Worker), ChildSpec("w", Worker)]},
            ValueError,
            "Tree has two children with the id 'w'; each needs one of its own",
        ),
        (
            {"child_specs": [ChildSpec("w", Worker, restart="transient", significant=True)]},
            ValueError,
            "the child 'w' of Tree is significant, which means nothing while auto_shutdown",
        ),
        (
            {"child_specs": ChildSpec("w", Worker)},
            TypeError,
            "child_specs of Tree must be a sequence of ChildSpecs, not ChildSpec('w'",
        ),
    ],
)
def test_a_supervisor_that_cannot_be_says_why_to_the_one_who_starts_it(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        Tree.start(**options)
    assert text in str(caught.value)
    assert pykka.ActorRegistry.get_all() == []


@pytest.mark.parametrize("template", [None, Worker, "w"])
def test_a_dynamic_supervisor_needs_a_template(template: Any) -> None:
    with pytest.raises(TypeError, match="DynamicSupervisor needs a ChildSpec as its template"):
        DynamicSupervisor.start(template)


def test_a_dynamic_template_cannot_be_significant() -> None:
    spec = ChildSpec("w", Worker, restart="transient", significant=True)
    with pytest.raises(ValueError, match="significant, which means nothing"):
        DynamicSupervisor.start(spec)


def test_arguments_take_precedence_over_the_class() -> None:
    class Declared(Supervisor):
        child_specs = (ChildSpec("a", Worker),)
        max_restarts = 7

    proxy = Declared.start([ChildSpec("b", Worker)]).proxy()
    assert [info.id for info in proxy.which_children().get()] == ["b"]


def test_a_child_that_takes_other_arguments_says_so() -> None:
    class Strict(pykka.PooledActor):
        def __init__(self, colour: str) -> None:
            super().__init__()

    with pytest.raises(ChildStartError) as caught:
        Supervisor.start([ChildSpec("s", Strict)])
    assert "could not start its child 's': TypeError" in str(caught.value)
    assert "colour" in str(caught.value)

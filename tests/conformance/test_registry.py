"""The registry of running actors."""

from __future__ import annotations

import builtins
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka
from pykka import ActorRegistry, dead_letters
from pykka._system.system import default_system as services

if TYPE_CHECKING:
    from tests.conformance.agents import Diary, Gate


class Marker:
    """A mixin that is no actor class."""


@pytest.fixture
def family(agent: Any) -> tuple[Any, Any, Any]:
    """A class, a subclass of it, and a class of another line with a mixin."""

    class Parent(agent):  # type: ignore[misc]
        pass

    class Child(Parent):
        pass

    class Stranger(Marker, agent):  # type: ignore[misc]
        pass

    return Parent, Child, Stranger


# --- looking actors up --------------------------------------------------------------------------


def test_get_all_returns_the_running_actors_in_order_of_their_start(agent: Any) -> None:
    assert ActorRegistry.get_all() == []

    refs = [agent.start() for _ in range(3)]
    assert ActorRegistry.get_all() == refs
    refs.pop(1).stop()
    assert ActorRegistry.get_all() == refs


def test_get_all_returns_a_list_of_its_own(agent: Any) -> None:
    ref = agent.start()

    ActorRegistry.get_all().clear()

    assert ActorRegistry.get_all() == [ref]


def test_get_by_class_includes_subclasses(family: tuple[Any, Any, Any]) -> None:
    parent, child, stranger = (cls.start() for cls in family)
    parent_class, child_class, stranger_class = family

    assert ActorRegistry.get_by_class(parent_class) == [parent, child]
    assert ActorRegistry.get_by_class(child_class) == [child]
    assert ActorRegistry.get_by_class(stranger_class) == [stranger]
    assert ActorRegistry.get_by_class(pykka.Actor) == [parent, child, stranger]


def test_get_by_class_takes_classes_that_are_no_actors(family: tuple[Any, Any, Any]) -> None:
    parent, child, stranger = (cls.start() for cls in family)

    assert ActorRegistry.get_by_class(Marker) == [stranger]  # type: ignore[type-var]
    assert ActorRegistry.get_by_class(object) == [parent, child, stranger]  # type: ignore[type-var]
    assert ActorRegistry.get_by_class(int) == []  # type: ignore[type-var]


def test_get_by_class_takes_a_tuple_of_classes(family: tuple[Any, Any, Any], diary: Diary) -> None:
    parent_class, child_class, stranger_class = family
    _, child, stranger = (
        parent_class.start(),
        child_class.start(diary),
        stranger_class.start(diary),
    )
    both: Any = (child_class, stranger_class)

    assert ActorRegistry.get_by_class(both) == [child, stranger]
    ActorRegistry.broadcast(lambda agent: agent.diary.note("received"), both)
    assert diary.read(4).count("received") == 2
    with pytest.raises(TypeError, match="looks for a class"):
        ActorRegistry.get_by_class((child_class, "Stranger"))  # type: ignore[arg-type]


def test_get_by_class_name_takes_the_bare_name(family: tuple[Any, Any, Any]) -> None:
    parent, _child, stranger = (cls.start() for cls in family)

    assert ActorRegistry.get_by_class_name("Parent") == [parent]
    assert ActorRegistry.get_by_class_name("Stranger") == [stranger]
    assert ActorRegistry.get_by_class_name(family[0].__qualname__) == []
    assert ActorRegistry.get_by_class_name("Nobody") == []


def test_get_by_urn(agent: Any) -> None:
    ref, other = agent.start(), agent.start()
    urns = {ref.actor_urn, other.actor_urn}
    urns.add(agent.start().actor_urn)

    assert len(urns) == 3
    assert ActorRegistry.get_by_urn(ref.actor_urn) == ref
    assert ActorRegistry.get_by_urn(other.actor_urn) == other
    assert ActorRegistry.get_by_urn("urn:uuid:00000000-0000-0000-0000-000000000000") is None


def test_a_dead_actor_is_not_found(agent: Any) -> None:
    ref = agent.start()
    ref.stop()

    assert ActorRegistry.get_by_urn(ref.actor_urn) is None
    assert ActorRegistry.get_by_class(agent) == []
    assert ActorRegistry.get_by_class_name("Agent") == []


# --- registering --------------------------------------------------------------------------------


def test_an_actor_can_be_registered_without_being_started(agent: Any) -> None:
    unstarted = agent()
    ref = unstarted.actor_ref
    assert ActorRegistry.get_by_urn(ref.actor_urn) is None

    ActorRegistry.register(ref)
    assert ActorRegistry.get_all() == [ref]
    assert ActorRegistry.get_by_urn(ref.actor_urn) == ref

    ActorRegistry.unregister(ref)
    assert ActorRegistry.get_all() == []
    assert ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_an_actor_that_is_unregistered_lives_on(agent: Any) -> None:
    ref = agent.start()

    ActorRegistry.unregister(ref)

    assert ActorRegistry.get_all() == []
    assert ref.ask("still there?") == "still there?"
    assert ref.stop() is True


def test_unregistering_twice_does_no_harm(agent: Any) -> None:
    ref = agent.start()

    ActorRegistry.unregister(ref)
    ActorRegistry.unregister(ref)

    assert ActorRegistry.get_all() == []
    ref.stop()


def test_registering_twice_is_registering_once(agent: Any) -> None:
    ref = agent.start()

    ActorRegistry.register(ref)

    assert ActorRegistry.get_all() == [ref]
    ref.stop()
    assert ActorRegistry.get_all() == []


def test_a_program_may_patch_the_registry(agent: Any) -> None:
    ref = agent.start()

    with mock.patch.object(ActorRegistry, "get_by_class", return_value=["patched"]):
        assert ActorRegistry.get_by_class(agent) == ["patched"]
    with mock.patch("pykka.ActorRegistry.get_by_urn") as get_by_urn:
        assert ActorRegistry.get_by_urn("urn") is get_by_urn.return_value

    assert ActorRegistry.get_by_class(agent) == [ref]


# --- broadcast ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, {"Parent", "Child", "Stranger"}),
        ("Parent", {"Parent"}),
        ("Child", {"Child"}),
        ("Nobody", set()),
        (0, {"Parent", "Child"}),
        (1, {"Child"}),
        (Marker, {"Stranger"}),
    ],
    ids=["all", "name", "name of a subclass", "unknown", "class", "subclass", "mixin"],
)
def test_broadcast(family: tuple[Any, Any, Any], target: Any, expected: set[str]) -> None:
    got: list[str] = []
    refs = [cls.start() for cls in family]

    ActorRegistry.broadcast(
        lambda agent: got.append(type(agent).__name__),
        target_class=family[target] if isinstance(target, int) else target,
    )

    for ref in refs:
        ref.ask("all handled")
    assert set(got) == expected
    assert len(got) == len(expected)


def test_broadcast_is_a_tell(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)

    assert ActorRegistry.broadcast("message") is None

    gate.open()
    assert ref.ask("still there?") == "still there?"


def test_broadcast_goes_on_after_an_actor_that_died_meanwhile(agent: Any, diary: Diary) -> None:
    found: list[pykka.dead_letters.DeadLetter] = []
    dying, living = agent.start(), agent.start(diary)
    listed = [dying, living]
    dying.stop()
    dead_letters.subscribe(found.append)

    def note(agent: Any) -> None:
        agent.diary.note("broadcast")

    try:
        with mock.patch.object(services, "get_all", return_value=listed):
            ActorRegistry.broadcast(note)
    finally:
        dead_letters.unsubscribe(found.append)

    assert diary.read(2) == ["on_start", "broadcast"]
    assert [(letter.message, letter.target) for letter in found] == [(note, dying)]


# --- stop_all -----------------------------------------------------------------------------------


@pytest.fixture
def crew(agent: Any) -> tuple[list[Any], list[str]]:
    """Three actors, and a list to which they add their names when they have stopped."""
    stopped: list[str] = []

    class Sailor(agent):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_stop(self) -> None:
            stopped.append(self.name)

    return [Sailor.start(name) for name in ("first", "second", "third")], stopped


def test_stop_all_stops_the_last_started_first(crew: tuple[list[Any], list[str]]) -> None:
    refs, stopped = crew

    assert ActorRegistry.stop_all() == [True, True, True]

    assert stopped == ["third", "second", "first"]
    assert not any(ref.is_alive() for ref in refs)
    assert ActorRegistry.get_all() == []
    assert ActorRegistry.stop_all() == []


def test_stop_all_without_blocking_returns_futures(
    crew: tuple[list[Any], list[str]], gate: Gate
) -> None:
    refs, stopped = crew
    refs[2].tell(gate)

    futures = ActorRegistry.stop_all(block=False)

    gate.wait_until_entered()
    assert "third" not in stopped
    gate.open()
    assert [future.get(timeout=PATIENCE) for future in futures] == [True, True, True]
    assert sorted(stopped) == ["first", "second", "third"]


@needs("blocking handlers")
@pytest.mark.parametrize("block", [True, False])
def test_stop_all_inside_an_actor_stops_the_others_and_itself_last(
    crew: tuple[list[Any], list[str]], block: bool
) -> None:
    refs, stopped = crew

    def stop_all(_agent: object) -> tuple[object, bool]:
        result = ActorRegistry.stop_all(block=block)
        if not block:
            for future in result[:-1]:
                future.get(timeout=PATIENCE)  # type: ignore[union-attr]
        return (result if block else len(result)), "second" not in stopped

    answer = refs[1].ask(stop_all, timeout=PATIENCE)

    assert answer == ([True, True, True] if block else 3, True)
    assert refs[1].actor_stopped.wait(PATIENCE)
    when_all_have = ActorRegistry.stop_all(timeout=PATIENCE)
    assert when_all_have in ([], [False], [True])
    if block:
        assert stopped[:2] == ["third", "first"]


def test_stop_all_with_a_timeout_asks_all(crew: tuple[list[Any], list[str]], gate: Gate) -> None:
    refs, _stopped = crew
    refs[2].tell(gate)

    with pytest.raises(pykka.Timeout):
        ActorRegistry.stop_all(timeout=0.01)

    gate.open()
    assert all(ref.actor_stopped.wait(PATIENCE) for ref in refs)


def test_a_urn_that_is_replaced_while_it_is_entered_leaves_no_trace(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread is just entering the first URN into the index when another chooses a second."""
    ref = agent.start()
    cell = ref._cell
    chosen: list[str] = []

    class Index(dict[str, Any]):
        def __setitem__(self, urn: str, value: Any) -> None:
            if not chosen:
                chosen.append("urn:the:second")
                cell.choose_urn(chosen[0])
            super().__setitem__(urn, value)

    monkeypatch.setattr(services, "_by_urn", Index())
    cell.choose_urn("urn:the:first")
    assert ActorRegistry.get_by_urn("urn:the:first") is None
    assert ActorRegistry.get_by_urn("urn:the:second") == ref
    ref.stop(timeout=PATIENCE)
    assert services._by_urn == {}


def test_a_urn_is_that_of_a_random_uuid(agent: Any) -> None:
    urns = {agent.start().actor_urn for _ in range(20)}
    assert len(urns) == 20
    for urn in urns:
        parsed = uuid.UUID(urn)
        assert parsed.urn == urn
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)


def test_a_send_imports_nothing(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finaliser may send while the interpreter shuts down, when nothing can be imported."""
    ref = agent.start()
    ref.stop(timeout=PATIENCE)

    def refuse(name: str, *_args: object) -> Any:
        raise AssertionError(f"imports {name}")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", refuse)
        with pytest.raises(pykka.ActorDeadError, match=r"\(urn:uuid:"):
            ref.tell("hello")


def test_a_tell_to_a_dead_actor_at_shutdown_raises_what_it_always_does() -> None:
    program = """if True:
        import builtins
        import pykka
        ref = pykka.ThreadingActor.start()
        ref.stop()
        class Last:
            def __del__(self):
                try:
                    ref.tell(1)
                except BaseException as error:
                    print(type(error).__name__, flush=True)
        builtins.last = Last()
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.stdout == "ActorDeadError\n", done.stderr

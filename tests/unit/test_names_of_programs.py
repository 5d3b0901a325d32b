"""Programs may use the names that are new for themselves, as they could before those were new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import RUNTIMES, Log
from tests.leaks import PATIENCE

import pykka
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

OF_PYKKA_4 = {
    "actor_inbox",
    "actor_ref",
    "actor_stopped",
    "actor_urn",
    "on_failure",
    "on_receive",
    "on_start",
    "on_stop",
    "start",
    "stop",
    "use_daemon_thread",
}
"""The public names of a `ThreadingActor` of Pykka 4.5.0, those of its instances included."""

FROZEN = {
    "become",
    "children",
    "crash_on",
    "default_inbox",
    "on_idle",
    "options",
    "post_restart",
    "pre_restart",
    "set_idle_timeout",
    "start_child",
    "stash",
    "stash_capacity",
    "unbecome",
    "unstash_all",
    "unwatch",
    "watch",
}
"""What `Actor` has besides. No name is added to it: each is one that some program uses already."""

FROZEN_OF_RUNTIMES = {
    "threading": set[str](),
    "pooled": {"caller_runs", "dispatcher"},
    "asyncio": set[str](),
}


def public_names(actor_class: type[Any]) -> set[str]:
    return {name for name in dir(actor_class) if not name.startswith("_")}


def new_names(actor_class: type[Any]) -> list[str]:
    """What a program could use for itself before; found by looking, so that none is forgotten."""
    return sorted(public_names(actor_class) - OF_PYKKA_4)


def test_no_public_name_is_added_to_actor() -> None:
    assert public_names(pykka.Actor) - OF_PYKKA_4 == FROZEN


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
def test_no_public_name_is_added_to_the_class_of_a_runtime(runtime: Any) -> None:
    added = public_names(runtime.actor_class) - public_names(pykka.Actor) - OF_PYKKA_4
    assert added == FROZEN_OF_RUNTIMES[runtime.name]


# --- ways to use a name -------------------------------------------------------------------------


def answer(_self: Any, message: Any) -> Any:
    if message == "fail":
        raise ValueError(message)
    return message


def method(_self: object) -> str:
    return "mine"


def getter(_self: object) -> str:
    return "mine"


def broken_getter(_self: object) -> str:
    raise LookupError("not ready")


def on_class(value: object) -> Callable[[type[Any], str], type[Any]]:
    return lambda base, name: type("Mine", (base,), {"on_receive": answer, name: value})


def on_instance(base: type[Any], name: str) -> type[Any]:
    def init(self: Any) -> None:
        base.__init__(self)
        setattr(self, name, "mine")

    return type("Mine", (base,), {"on_receive": answer, "__init__": init})


def on_instance_first(base: type[Any], name: str) -> type[Any]:
    def init(self: Any) -> None:
        setattr(self, name, "mine")
        base.__init__(self)

    return type("Mine", (base,), {"on_receive": answer, "__init__": init})


USES: dict[str, Any] = {
    "method": on_class(method),
    "class method": on_class(classmethod(method)),
    "static method": on_class(staticmethod(lambda: "mine")),
    "string": on_class("mine"),
    "number": on_class(3),
    "true": on_class(True),
    "none": on_class(None),
    "dict": on_class({"verbose": True}),
    "list": on_class(["mine"]),
    "property": on_class(property(getter)),
    "property that raises": on_class(property(broken_getter)),
    "instance attribute": on_instance,
    "instance attribute, set first": on_instance_first,
}


# --- ways to start ------------------------------------------------------------------------------


class Parent(pykka.ThreadingActor):
    def start_it(self, actor_class: Any) -> Any:
        return self.start_child(actor_class)


def by_itself(actor_class: Any) -> Any:
    ref = actor_class.start()
    return ref, lambda: ref.stop(timeout=PATIENCE)


def by_a_system(actor_class: Any) -> Any:
    system = pykka.ActorSystem("mine")
    ref = system.start(actor_class)
    assert ref.system is system
    return ref, system.shutdown


def by_a_parent(actor_class: Any) -> Any:
    parent = Parent.start()
    ref = parent.proxy().start_it(actor_class).get(timeout=PATIENCE)
    return ref, lambda: parent.stop(timeout=PATIENCE)


def by_a_supervisor(actor_class: Any) -> Any:
    boss = Supervisor.start([ChildSpec("child", actor_class)])
    [ref] = boss.proxy().children().get(timeout=PATIENCE)
    return ref, lambda: boss.stop(timeout=PATIENCE)


STARTS = [by_itself, by_a_system, by_a_parent, by_a_supervisor]

EXPECTED = {"method": "mine", "string": "mine", "instance attribute": "mine", "number": 3}

CASES = [
    pytest.param(runtime, name, id=f"{runtime.name}-{name}")
    for runtime in RUNTIMES
    for name in new_names(runtime.actor_class)
]


def texts_of(error: BaseException | None) -> str:
    """The text of an exception, and of those that led to it."""
    texts: list[str] = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.thinned
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("runtime", "name"), CASES)
def test_a_program_may_use_the_name_for_itself(
    runtime: Any, name: str, start: Any, log: Log
) -> None:
    for use, make in USES.items():
        actor_class = make(runtime.actor_class, name)
        try:
            ref, end = start(actor_class)
        except Exception as error:
            # A pooled actor class keeps what gives it its threads there, so this is refused.
            assert name == "dispatcher", use
            said = texts_of(error) + "".join(
                texts_of(record.exc_info[1]) for record in log.find("ERROR") if record.exc_info
            )
            assert f"Mine.{name} is" in said, use
            continue
        if use in EXPECTED:
            found = getattr(ref.proxy(), name)
            found = found() if use == "method" else found
            assert found.get(timeout=PATIENCE) == EXPECTED[use]
        assert isinstance(ref.ask("fail", block=False).exception(timeout=PATIENCE), ValueError)
        assert ref.ask("still here", timeout=PATIENCE) == "still here", use
        end()
        assert not ref.is_alive()


@pytest.mark.thinned
@pytest.mark.parametrize(("runtime", "name"), CASES)
def test_a_program_may_use_the_name_for_itself_across_a_restart(
    runtime: Any, name: str, log: Log
) -> None:
    for use, make in USES.items():
        if name == "dispatcher" and use not in {"none", "instance attribute"}:
            continue  # refused, see above
        ref, end = by_a_supervisor(make(runtime.actor_class, name))
        ref.tell("fail")
        assert ref.ask("up again", timeout=PATIENCE) == "up again", use
        end()
        if name in {"pre_restart", "post_restart"}:
            assert log.find("WARNING", f"Mine.{name} is no hook"), use
            log.records.clear()

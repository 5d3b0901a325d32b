"""Programs may use the names that are new for themselves, as they could before those were new."""

from __future__ import annotations

from typing import Any

import pytest

import pykka

NAMES = [
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
]
"""What `Actor` has, and that of Pykka 4 has not."""


def answer(_self: Any, message: Any) -> Any:
    if message == "fail":
        raise ValueError(message)
    return message


def mine(_self: object) -> str:
    return "mine"


def with_a_value(base: type[Any], name: str) -> type[Any]:
    return type("Mine", (base,), {"on_receive": answer, name: "mine"})


def with_a_method(base: type[Any], name: str) -> type[Any]:
    return type("Mine", (base,), {"on_receive": answer, name: mine})


def with_an_attribute(base: type[Any], name: str) -> type[Any]:
    def init(self: Any) -> None:
        base.__init__(self)
        setattr(self, name, "mine")

    return type("Mine", (base,), {"on_receive": answer, "__init__": init})


@pytest.mark.parametrize("make", [with_a_value, with_a_method, with_an_attribute])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("base", [pykka.ThreadingActor, pykka.PooledActor])
def test_a_program_may_use_the_name_for_itself(base: type[Any], name: str, make: Any) -> None:
    ref = make(base, name).start()
    found = getattr(ref.proxy(), name)

    assert (found() if make is with_a_method else found).get(timeout=10) == "mine"
    assert isinstance(ref.ask("fail", block=False).exception(timeout=10), ValueError)
    assert ref.ask("still here", timeout=10) == "still here"
    assert ref.stop(timeout=10)


def test_the_names_are_all_there_are() -> None:
    of_pykka_4 = {
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
    }
    public = {name for name in vars(pykka.Actor) if not name.startswith("_")}
    assert public - of_pykka_4 == set(NAMES)

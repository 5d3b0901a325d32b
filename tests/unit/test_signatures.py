"""Signatures of the library are shown without quotes, and mean what they meant."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
import typing
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.test_doors import OBJECTS

import pykka
from pykka._util import signatures

if TYPE_CHECKING:
    from collections.abc import Iterator


def functions() -> Iterator[tuple[str, Any]]:
    """Every public function, and every public method of a public class, inherited or not."""
    for door, name, value in OBJECTS:
        if not inspect.isclass(value):
            yield f"{door}.{name}", value
            continue
        for each in value.__mro__:
            if not each.__module__.startswith("pykka"):
                continue
            for member, found in vars(each).items():
                if not member.startswith("_") or member.startswith("__"):
                    function = getattr(found, "__func__", found)
                    if inspect.isfunction(function):
                        yield f"{door}.{name}.{member}", function


FUNCTIONS = list(functions())


def annotations_of(function: Any) -> list[Any]:
    found = inspect.signature(function)
    every = [each.annotation for each in found.parameters.values()] + [found.return_annotation]
    return [each for each in every if each is not inspect.Signature.empty]


def test_no_public_signature_has_quotes_around_an_annotation() -> None:
    quoted = {
        name: str(inspect.signature(function))
        for name, function in FUNCTIONS
        if any(
            repr(each).startswith(("'", '"', "ForwardRef")) for each in annotations_of(function)
        )
    }
    assert quoted == {}
    assert len(FUNCTIONS) > 300


def test_help_shows_what_the_source_says() -> None:
    assert "tell_after(self, delay: float, message: Any) -> Timer\n" in pydoc.plain(
        pydoc.render_doc(pykka.ActorRef.tell_after)
    )
    assert str(inspect.signature(pykka.messages.ProxyGetAttr)) == "(attr_path: AttrPath)"


def test_the_annotations_are_still_strings_that_can_be_evaluated() -> None:
    found = pykka.debug.warn_about_blocking.__annotations__
    assert found == {"enabled": "bool", "return": "None"}
    assert all(isinstance(each, str) for each in found.values())
    assert typing.get_type_hints(pykka.debug.warn_about_blocking) == {
        "enabled": bool,
        "return": type(None),
    }
    assert (
        inspect.signature(pykka.debug.warn_about_blocking, eval_str=True)
        .parameters["enabled"]
        .annotation
        is bool
    )
    assert typing.get_type_hints(pykka.messages.ProxySetAttr)["value"] is Any


@pytest.mark.parametrize("first", ["pykka.supervision", "pykka.timers", "pykka"])
def test_it_does_not_matter_what_is_imported_first(first: str) -> None:
    program = f"""
        import inspect, {first}, pykka
        print(inspect.signature(pykka.ActorRef.tell))
        print(inspect.signature(pykka.supervision.Supervisor.get_child))
        print(inspect.signature(pykka.timers.Clock.schedule))
    """
    lines = [line.strip() for line in program.strip().splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.count("(self, ") == 3
    assert "'" not in done.stdout


def test_a_class_of_a_program_is_left_alone() -> None:
    class Mine(pykka.ThreadingActor):
        def method(self, number: int) -> str:
            return str(number)

    signatures.show_plainly(["Mine", "missing", "number"], {"Mine": Mine, "number": 3})
    assert repr(Mine.method.__annotations__["number"]) == "'int'"


def test_to_do_it_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_done", set())
    before = dict(pykka.ActorRef.tell.__annotations__)
    signatures.show_plainly(["ActorRef", "get_all"], vars(pykka))
    after = pykka.ActorRef.tell.__annotations__
    assert all(after[name] is annotation for name, annotation in before.items())

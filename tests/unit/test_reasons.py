"""Reasons why an actor has ended: what they carry, and what they do not keep alive."""

from __future__ import annotations

from typing import Self

import pykka


def failure(error: BaseException, cause: BaseException | None = None) -> pykka.Failed:
    """A reason with an exception that was raised, and so has a traceback."""
    future = pykka.ThreadingFuture[None]()
    error.__cause__ = cause
    future.set_exception(error)
    try:
        future.get()
    except BaseException as caught:
        return pykka.Failed(caught)
    raise AssertionError


class Refused(Exception):
    """Takes other arguments than it keeps."""

    def __new__(cls, code: int, text: str) -> Self:
        return super().__new__(cls, f"{text} ({code})")

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")


def test_what_is_told_after_the_end_has_no_traceback_and_all_the_rest() -> None:
    error = ValueError("no", 3)
    error.add_note("a note")
    cause = failure(KeyError("lost")).exception

    copy = failure(error, cause).without_traceback().exception

    assert type(copy) is ValueError
    assert copy.args == ("no", 3)
    assert copy.__notes__ == ["a note"]
    assert copy.__traceback__ is None
    assert copy.__context__ is None
    assert isinstance(copy.__cause__, KeyError)
    assert copy.__cause__.args == ("lost",)
    assert copy.__cause__.__traceback__ is None


def test_causes_in_a_circle_are_copied_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    copy = pykka.Failed(first).without_traceback().exception

    assert copy.__cause__ is not None
    assert copy.__cause__.args == ("second",)
    assert copy.__cause__.__cause__ is copy


def test_an_exception_that_cannot_be_copied_is_told_as_text() -> None:
    copy = failure(Refused(7, "go away")).without_traceback().exception

    assert type(copy) is RuntimeError
    assert "go away (7)" in str(copy)


def test_reasons_are_equal_if_they_carry_the_same() -> None:
    error = ValueError("no")

    assert pykka.Stopped() == pykka.Stopped()
    assert pykka.Stopped() != pykka.Killed()
    assert pykka.Failed(error) == pykka.Failed(error)
    assert pykka.Failed(error) != pykka.Failed(ValueError("no"))
    assert len({pykka.Stopped(), pykka.Stopped(), pykka.Failed(error)}) == 2

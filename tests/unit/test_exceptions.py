"""The exceptions that the library raises on purpose."""

from __future__ import annotations

import pickle
import queue

import pytest

import pykka

ALL = [
    pykka.ActorError,
    pykka.ActorDeadError,
    pykka.Timeout,
    pykka.AskCancelledError,
    pykka.ReplyDroppedError,
    pykka.DeadlockError,
    pykka.FutureAlreadySetError,
    pykka.InboxFullError,
]


@pytest.mark.parametrize("cls", ALL)
def test_there_is_one_root(cls: type[Exception]) -> None:
    assert issubclass(cls, pykka.ActorError)
    assert issubclass(cls, Exception)


def test_none_of_them_catches_another() -> None:
    for cls in ALL[1:]:
        assert [other for other in ALL[1:] if issubclass(other, cls)] == [cls]


def test_timeout_is_the_builtin_timeout_error_too() -> None:
    assert issubclass(pykka.Timeout, TimeoutError)
    with pytest.raises(TimeoutError):
        pykka.ThreadingFuture().get(timeout=0)


def test_a_second_set_is_a_full_queue_as_in_older_releases() -> None:
    assert issubclass(pykka.FutureAlreadySetError, queue.Full)
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)
    with pytest.raises(pykka.FutureAlreadySetError):
        future.set(2)


@pytest.mark.parametrize("cls", ALL)
def test_they_can_be_pickled(cls: type[Exception]) -> None:
    copied = pickle.loads(pickle.dumps(cls("text")))  # noqa: S301

    assert type(copied) is cls
    assert copied.args == ("text",)
    assert str(copied) == "text"


def test_an_error_that_was_raised_can_be_pickled() -> None:
    class Silent(pykka.ThreadingActor):
        pass

    ref = Silent.start()
    ref.stop()
    with pytest.raises(pykka.ActorDeadError) as info:
        ref.tell("message")

    copied = pickle.loads(pickle.dumps(info.value))  # noqa: S301
    assert str(copied) == f"{ref} not found"

"""Copies of exceptions: the class, the text and the fields stay; frames do not."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._cell.frameless import copy_without_frames

if TYPE_CHECKING:
    from tests.conftest import Runtime


class Payload:
    """Something that a frame holds."""


class Slotted(Exception):
    __slots__ = ("code", "never_set")

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Reduced(Exception):
    """Says itself how it is made again."""

    def __init__(self, *, code: int) -> None:
        super().__init__()
        self.code = code

    def __reduce__(self) -> Any:
        return _make_reduced, (self.code,)

    def __str__(self) -> str:
        return f"code {self.code}"


def _make_reduced(code: int) -> Reduced:
    return Reduced(code=code)


class TextFromArguments(Exception):
    """Made again from its text, it would have another text."""

    def __init__(self, code: Any) -> None:
        super().__init__(f"code {code}")


@dataclass(frozen=True)
class Frozen(Exception):
    code: int
    text: str = "frozen"


class Locked(Exception):
    """An exception of which nothing can be set."""

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)


class Unsayable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def raised(error: BaseException) -> BaseException:
    """The exception, with a frame that holds something."""
    payload = Payload()
    try:
        raise error  # noqa: TRY301
    except BaseException as caught:
        del payload
        return caught


def fields(error: BaseException, *names: str) -> list[Any]:
    return [getattr(error, name) for name in names]


KEPT: list[tuple[BaseException, list[str]]] = [
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ["encoding", "object", "start", "reason"]),
    (FileNotFoundError(2, "No such file", "a.txt"), ["errno", "strerror", "filename"]),
    (OSError(18, "Cross-device", "a", None, "b"), ["filename", "filename2"]),
    (SyntaxError("no", ("a.py", 3, 1, "x =", 3, 4)), ["msg", "filename", "lineno", "text"]),
    (ImportError("no", name="a", path="b"), ["name", "path"]),
    (StopIteration(3), ["value"]),
    (SystemExit(3), ["code"]),
    (KeyError("lost"), ["args"]),
    (Slotted(3), ["code"]),
    (Reduced(code=3), ["code"]),
    (TextFromArguments(3), ["args"]),
    (Frozen(3), ["code", "text"]),
    (Frozen(code=3, text="x"), ["code", "text"]),
    (Locked("no"), ["args"]),
    (pykka.ActorDeadError("gone"), ["args"]),
]


@pytest.mark.parametrize(("error", "names"), KEPT, ids=lambda v: type(v).__name__)
def test_class_text_and_fields_are_kept(error: BaseException, names: list[str]) -> None:
    cause = raised(ValueError("cause"))
    BaseException.__dict__["__cause__"].__set__(error, cause)
    original = raised(error)

    copy = copy_without_frames(original)

    assert copy is not original
    assert type(copy) is type(original)
    assert str(copy) == str(original)
    assert fields(copy, *names) == fields(original, *names)
    assert copy.__traceback__ is None
    assert copy.__cause__ is not cause
    assert str(copy.__cause__) == "cause"
    assert copy.__cause__.__traceback__ is None  # type: ignore[union-attr]
    assert copy.__suppress_context__ is True


def test_the_file_of_a_syntax_error_that_was_set_later_is_kept() -> None:
    error = SyntaxError("no")
    error.lineno = 7

    assert copy_without_frames(raised(error)).lineno == 7  # type: ignore[attr-defined]


def test_an_exception_without_text() -> None:
    assert type(copy_without_frames(raised(Unsayable()))) is Unsayable


def test_the_object_that_lacks_an_attribute_is_not_kept() -> None:
    payload = Payload()
    with pytest.raises(AttributeError) as info:
        payload.nothing  # type: ignore[attr-defined]  # noqa: B018
    copy: Any = copy_without_frames(info.value)

    assert str(copy) == str(info.value)
    assert copy.obj is None
    assert copy.name == "nothing"


def test_the_members_of_a_group_are_copied() -> None:
    inner = ExceptionGroup("inner", [raised(KeyError("lost"))])
    group = ExceptionGroup("outer", [raised(ValueError("no")), raised(inner)])
    group.add_note("a note")

    copy: Any = copy_without_frames(raised(group))

    assert type(copy) is ExceptionGroup
    assert str(copy) == str(group)
    assert repr(copy) == repr(group)
    assert copy.__notes__ == ["a note"]
    assert all(member.__traceback__ is None for member in copy.exceptions)
    assert copy.exceptions[1].exceptions[0].__traceback__ is None


def test_exceptions_and_tracebacks_among_arguments_and_fields_are_not_kept_with_frames() -> None:
    inner = raised(ValueError("inner"))
    error: Any = RuntimeError("outer", inner, [inner])
    error.extra = {"error": inner}
    error.traceback = inner.__traceback__

    copy: Any = copy_without_frames(raised(error))

    assert copy.args[1].__traceback__ is None
    assert copy.args[2][0] is copy.args[1]
    assert copy.extra["error"] is copy.args[1]
    assert copy.traceback is None


@pytest.mark.parametrize("error", [Frozen(3), Locked("no")], ids=repr)
def test_an_actor_ends_with_an_exception_that_is_frozen(
    error: Exception, runtime: Runtime
) -> None:
    class Failing(runtime.actor_class):
        def on_receive(self, message: object) -> None:
            raise error

    ref = Failing.start()
    ref.tell("crash")
    reason: Any = ref.when_terminated().get(timeout=PATIENCE)

    assert type(reason.exception) is type(error)
    assert str(reason.exception) == str(error)
    with pytest.raises(pykka.ActorDeadError) as info:
        ref.tell("late")
    assert type(info.value.__cause__) is type(error)


@pytest.mark.usefixtures("quiet")
def test_what_the_actor_had_is_freed_though_the_error_is_kept(runtime: Runtime) -> None:
    freed: list[weakref.ref[Payload]] = []

    class Failing(runtime.actor_class):
        def on_receive(self, message: object) -> None:
            payload = Payload()
            freed.append(weakref.ref(payload))
            raise ExceptionGroup("several", [raised(ValueError("no"))])

    ref = Failing.start()
    ref.tell("crash")
    ref.when_terminated().get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError) as info:
        ref.tell("late")
    kept = info.value
    gc.collect()

    assert freed[0]() is None
    assert isinstance(kept.__cause__, ExceptionGroup)

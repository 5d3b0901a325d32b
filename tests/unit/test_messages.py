"""The library's own messages, and the envelope that a message travels in."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

import pykka
from pykka import messages
from pykka._envelope import CallEnvelope, Envelope
from pykka.messages import FunctionCall, ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

FIELDS = {
    ProxyCall: {"attr_path": ["a", "b"], "args": [1], "kwargs": {"c": 2}},
    FunctionCall: {"function": print, "args": [1], "kwargs": {"c": 2}},
    ProxyGetAttr: {"attr_path": ["a", "b"]},
    ProxySetAttr: {"attr_path": ["a", "b"], "value": 3},
    _ActorStop: {},
}


@pytest.fixture(params=FIELDS, ids=lambda cls: cls.__name__)
def made(request: pytest.FixtureRequest) -> Any:
    return request.param(**FIELDS[request.param])


def test_messages_have_the_documented_fields(made: Any) -> None:
    fields = FIELDS[type(made)]

    assert list(inspect.signature(type(made)).parameters) == list(fields)
    for name, value in fields.items():
        assert getattr(made, name) is value


def test_messages_take_their_fields_by_position(made: Any) -> None:
    assert type(made)(*FIELDS[type(made)].values()) == made


def test_no_field_has_a_default() -> None:
    for cls, fields in FIELDS.items():
        if fields:
            with pytest.raises(TypeError, match=next(iter(fields))):
                cls()


def test_messages_are_tuples_that_cannot_be_changed(made: Any) -> None:
    assert tuple(made) == tuple(FIELDS[type(made)].values())
    with pytest.raises(AttributeError):
        made.attr_path = ["other"]


def test_messages_of_different_kinds_are_told_apart_by_their_class() -> None:
    assert type(ProxyGetAttr(["a"])) is not type(ProxySetAttr(["a"], 1))
    assert ProxyGetAttr(["a"]) != ProxyGetAttr(["b"])


def test_repr_of_messages() -> None:
    assert repr(ProxyCall(("a",), (1,), {})) == "ProxyCall(attr_path=('a',), args=(1,), kwargs={})"
    assert repr(ProxyGetAttr(["a"])) == "ProxyGetAttr(attr_path=['a'])"
    assert repr(ProxySetAttr(["a"], 1)) == "ProxySetAttr(attr_path=['a'], value=1)"
    assert repr(_ActorStop()) == "_ActorStop()"


def test_messages_can_be_pickled(made: Any) -> None:
    copied = pickle.loads(pickle.dumps(made))  # noqa: S301

    assert copied == made
    assert type(copied) is type(made)


def test_a_class_that_only_looks_like_a_message_is_an_ordinary_message() -> None:
    class ProxyCall(tuple):  # type: ignore[type-arg]  # noqa: SLOT001
        attr_path = ["stop"]  # noqa: RUF012
        args = ()
        kwargs: dict[str, Any] = {}  # noqa: RUF012

    assert ProxyCall not in messages._handlers


def test_a_subclass_is_known_as_soon_as_it_is_made() -> None:
    class Mine(ProxyCall):
        pass

    class MineToo(Mine):
        pass

    for cls in (Mine, MineToo):
        assert messages._handlers[cls] is messages._handlers[ProxyCall]


# --- envelopes ----------------------------------------------------------------------------------


def test_an_envelope_has_a_message_and_a_place_for_the_answer() -> None:
    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()

    assert Envelope("message").message == "message"
    assert Envelope("message").reply_to is None
    assert Envelope("message", future).reply_to is future
    assert Envelope(message="message", reply_to=future).reply_to is future


def test_repr_of_an_envelope() -> None:
    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()

    assert repr(Envelope("message")) == "Envelope(message='message', reply_to=None)"
    assert (
        repr(Envelope("message", reply_to=future))
        == "Envelope(message='message', reply_to=<pykka.Future>)"
    )


def test_an_envelope_holds_nothing_else() -> None:
    with pytest.raises(AttributeError):
        Envelope("message").priority = 1  # type: ignore[attr-defined]


class Counter(pykka.ThreadingActor):
    def count(self, *_args: object, **_kwargs: object) -> int:
        return 1


def test_what_a_proxy_sends_looks_like_a_proxy_call_in_an_envelope() -> None:
    unstarted = Counter()
    proxy = unstarted.actor_ref.proxy()
    future = proxy.count(1, by=2)
    proxy.count.defer()

    asked, told = unstarted.actor_inbox.get(), unstarted.actor_inbox.get()
    assert asked.message == ProxyCall(("count",), (1,), {"by": 2})
    assert asked.reply_to is future
    assert type(told) is CallEnvelope
    assert told.message == ProxyCall(("count",), (), {})
    assert told.reply_to is None
    assert repr(told) == f"Envelope(message={told.message!r}, reply_to=None)"

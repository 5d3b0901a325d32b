#!/usr/bin/env python3
"""Calls without a proxy: the message that a proxy would send, built by hand.

It is seldom worth it: proxies are cheap.
"""

from __future__ import annotations

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr


class AnActor(pykka.ThreadingActor):
    """Has a method and an attribute."""

    my_attribute = "unchanged"

    def my_method(self, *args: str, **kwargs: str) -> str:
        """Tell what it was called with."""
        return f"my_method() got {args} and {kwargs}"


if __name__ == "__main__":
    actor_ref = AnActor.start()

    reply = actor_ref.ask(ProxyCall(attr_path=["my_method"], args=["foo"], kwargs={"bar": "baz"}))
    print(reply)

    # With tell(), not even a future is made.
    actor_ref.tell(ProxyCall(attr_path=["my_method"], args=["foo"], kwargs={"bar": "baz"}))

    print(actor_ref.ask(ProxyGetAttr(attr_path=["my_attribute"])))
    actor_ref.ask(ProxySetAttr(attr_path=["my_attribute"], value="changed"))
    print(actor_ref.ask(ProxyGetAttr(attr_path=["my_attribute"])))

    actor_ref.stop()

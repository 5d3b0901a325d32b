#!/usr/bin/env python3
"""Type hints for a proxy.

A type checker cannot know what a proxy will find in its actor. A class that is written by hand
can tell it. The calls of `assert_type()` are what a type checker confirms; while the program
runs, they do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type, cast

from pykka import ActorProxy, Future, ThreadingActor
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method


# 1) The actor class to be proxied is defined as usual:
class CircleActor(ThreadingActor):
    """Knows about circles."""

    pi = 3.14

    def area(self, radius: float) -> float:
        """Return the area of a circle."""
        return self.pi * radius**2


# 2) In addition, a proxy class is defined, which inherits from ActorMemberMixin
# to get the correct type hints for the actor methods:
class CircleProxy(ActorMemberMixin, ActorProxy[CircleActor]):
    """What a proxy of a `CircleActor` looks like to a type checker."""

    # For each field on the proxy, a proxy_field is defined:
    pi = proxy_field(CircleActor.pi)

    # For each method on the proxy, a proxy_method is defined:
    area = proxy_method(CircleActor.area)


if __name__ == "__main__":
    # 3) The actor is started like usual, and a proxy is created as usual, but
    # the proxy is cast to the proxy class:
    proxy = cast("CircleProxy", CircleActor.start().proxy())

    # Now, the type hints for the proxy are correct:
    print(assert_type(proxy.pi, Future[float]).get())
    print(assert_type(proxy.area(2), Future[float]).get())
    assert_type(proxy.stop(), Future[None]).get()
    if TYPE_CHECKING:
        proxy.area("two")  # type: ignore[arg-type]  # the checker finds the mistake

"""A system of actors that a test can wait for."""

from __future__ import annotations

from pykka._system.system import ActorSystem
from pykka.testing._settle import WITHIN, settle


class SystemUnderTest(ActorSystem):
    """An actor system that a test can wait for, until it has settled.

    The fixture `actor_system` of the plug-in for pytest is one. It takes the arguments of
    `ActorSystem`.

    Examples:
        >>> import pykka
        >>> from pykka.testing import SystemUnderTest
        >>> class Counter(pykka.PooledActor):
        ...     count = 0
        ...     def on_receive(self, message):
        ...         self.count += 1
        >>> with SystemUnderTest() as system:
        ...     counter = system.start(Counter)
        ...     for word in ("one", "two"):
        ...         counter.tell(word)
        ...     system.settle()
        ...     counter.proxy().count.get()
        2
    """

    def settle(self, timeout: float = WITHIN) -> None:
        """Wait until nothing happens any more; see `pykka.testing.settle`.

        Args:
            timeout: The seconds that it may take.

        Raises:
            Timeout: An actor is still at work. The text says which one, and where.
            RuntimeError: An actor of the system calls this, which would wait for itself.
        """
        settle(self, timeout)

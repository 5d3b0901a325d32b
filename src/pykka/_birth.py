"""What an actor that is about to be made has to know, and its constructor is not told.

`start()` passes all its arguments to the constructor of the actor's class, so nothing of ours can
be among them. What we have to say lies in the thread's state while the actor is made, and the
first actor of that class that is made there takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pykka._actor import Actor
    from pykka._address import Address
    from pykka._extras import Supervision


class Birth:
    """What an actor of a class is to be like.

    Args:
        actor_class: The class of the actor.
        name: Its name, or None.
        inbox: The specification of its inbox; None for that of the class.
        dispatcher: What gives it its threads; None for that of the class.
        loop: The event loop for it and its children; None if nothing is said.
        system: The system it belongs to; None for that of the actor that starts it.
        parent: The actor that it ends with, or None.
        shutdown: The seconds that the parent lets it have for its end; None for all it takes.
        supervision: Who decides what becomes of it when it fails, or None.
        address: The address it takes over, if it is a further instance of an actor.
    """

    __slots__ = (
        "actor_class",
        "address",
        "dispatcher",
        "inbox",
        "loop",
        "name",
        "parent",
        "shutdown",
        "supervision",
        "system",
    )

    def __init__(
        self,
        actor_class: type[Any],
        *,
        name: str | None = None,
        inbox: Any = None,
        dispatcher: Any = None,
        loop: Any = None,
        system: Any = None,
        parent: Address | None = None,
        shutdown: float | None = None,
        supervision: Supervision | None = None,
        address: Address | None = None,
    ) -> None:
        self.actor_class = actor_class
        self.name = name
        self.inbox = inbox
        self.dispatcher = dispatcher
        self.loop = loop
        self.system = system
        self.parent = parent
        self.shutdown = shutdown
        self.supervision = supervision
        self.address = address

    def is_for(self, actor: Actor) -> bool:
        """Tell whether it is this actor that is meant."""
        return isinstance(actor, self.actor_class)

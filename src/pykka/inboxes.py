"""What kind of inbox an actor has."""

from typing import Any


class InboxSpec:
    """What kind of inbox an actor has."""

    def _make(self, _owner: Any) -> Any:
        return None


class Bounded(InboxSpec):
    """A place-holder."""

    def __init__(self, _capacity: int) -> None:
        super().__init__()

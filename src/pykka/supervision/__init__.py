"""Supervision: actors that start other actors, and restart them when they fail.

Start with `Supervisor` and `ChildSpec`. The tutorial "Let it crash" builds a small service with
them.

Examples:
    >>> import pykka
    >>> from pykka.supervision import ChildSpec, Supervisor
    >>> class Worker(pykka.ThreadingActor):
    ...     def on_receive(self, message):
    ...         return message
    >>> supervisor = Supervisor.start([ChildSpec("worker", Worker)], max_restarts=10)
    >>> supervisor.child("worker").ask("hello")
    'hello'
    >>> supervisor.stop()
    True
"""

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.supervision._errors import ChildStartError, RestartLimitError, SupervisionError
from pykka.supervision._specs import ChildCounts, ChildInfo, ChildSpec
from pykka.supervision._supervisor import DynamicSupervisor, Supervisor

__all__ = [
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "ChildStartError",
    "DynamicSupervisor",
    "RestartLimitError",
    "SupervisionError",
    "Supervisor",
]

_show_plainly(__all__, globals())

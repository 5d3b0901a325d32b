"""G9: each place where code of the user's is called or looked up is guarded, or known here.

`tests/callouts.py` finds the places. A new one has to be guarded, or entered here with what
becomes of what it raises; the program that finds them is tried with doors that are left open.
"""

from __future__ import annotations

import pytest
from tests.callouts import Place, find_unguarded
from tests.sources import IN_PROGRAMS

STARTER = "whoever starts the actor gets the exception, and there is no actor"
SENDER = "whoever sends gets the exception, and nothing is sent"
HANDLER = "it is called as the handler of a message, inside of a `try`"
READER = "whoever reads gets the exception"
IN_TRY = "its only caller has a `try` around it"
OURS = "it is the library's own"

KNOWN: dict[str, dict[tuple[str, str], str]] = {
    "_actor/accepts.py": {("Accepts.on_receive", ".on_receive"): HANDLER},
    "_actor/actor.py": {("Actor.__init__", ".default_inbox"): STARTER},
    "_cell/cell.py": {
        ("Cell.__init__", "._create_actor_inbox"): STARTER,
        ("Cell.__init__", "._create_future"): STARTER,
    },
    "resilience/_askable.py": {("Call.ring", "_function()"): IN_TRY},
    "_actor/behaviour.py": {("stash", ".stash_capacity"): HANDLER},
    "_system/crashes.py": {("_is_silent", "logging.getLogger()"): "it only looks"},
    "_actor/death_watch.py": {("_on_notice", ".on_receive"): HANDLER},
    "_envelope.py": {
        ("CallEnvelope.__repr__", "self.message"): READER,
        ("Envelope.__repr__", "self.message"): READER,
    },
    "_cell/inbox.py": {("spec_of", ".default_inbox"): STARTER},
    "_futures/derived.py": {
        ("GetHook.read", "_function()"): READER,
        ("ring_first", "ring()"): OURS,
    },
    "_lifecycle/invoke.py": {
        ("_on_covered", ".on_receive"): HANDLER,
        ("handle_directly", ".on_receive"): HANDLER,
    },
    "_util/log.py": {
        ("", "logging.getLogger()"): OURS,
        ("SafeLogger.__init__", "logging.getLogger()"): OURS,
    },
    "timers/_manual_clock.py": {("ManualClock._ring_until", "ring()"): OURS},
    "_cell/metering.py": {("Idle.look", ".on_idle"): HANDLER},
    "_ref/calls.py": {("_Call.find_name", "isinstance(owner, type)"): SENDER},
    "_ref/proxy.py": {("_dead_error", "error"): OURS},
    "_ref/ref.py": {("ActorRef.ask", "isinstance(envelope, Ask)"): OURS},
    "inboxes/_priority.py": {("PriorityInbox.key_of", "_key()"): SENDER},
    "_lifecycle/restart.py": {("_run_hook", "hook()"): IN_TRY},
    "resilience/_function.py": {
        ("Function._await", "_function()"): SENDER,
        ("Function.ask", "_function()"): SENDER,
    },
    "resilience/_retry.py": {
        ("Retry._try_and_await", "delay()"): SENDER,
        ("Retry._try_and_wait", "delay()"): SENDER,
    },
    "_system/subscribers.py": {
        ("Subscribers.enter", "_key()"): OURS,
        ("Subscribers.leave", "_key()"): OURS,
    },
    "timers/_timer.py": {
        ("Tick.__repr__", "self.message"): READER,
        ("_on_tick", ".on_receive"): HANDLER,
    },
    "debug/_wait_graph.py": {
        ("WaitGraph.__str__", "message"): OURS,
        ("WaitingActor.__str__", "self.message"): OURS,
    },
    "debug/_trace.py": {("TracedMessage.__str__", "self.message"): OURS},
    "routing/_kinds/_consistent_hashing.py": {("ConsistentHashing._choose", "_key()"): SENDER},
    "routing/_routed_timer.py": {("RoutedTimer._route", "error"): OURS},
    "runtimes/pool/actor.py": {
        ("PooledActor._start_actor_loop", ".caller_runs"): STARTER,
        ("PooledActor._start_actor_loop", ".stash_capacity"): STARTER,
    },
    "runtimes/pool/cell.py": {
        ("PooledCell.__init__", "._create_actor_inbox"): STARTER,
        ("PooledCell.__init__", "._create_future"): STARTER,
        ("PooledCell.adopt", ".dispatcher"): OURS,
        ("PooledCell.begin", ".caller_runs"): OURS,
        ("PooledCell.settle", ".stash_capacity"): IN_TRY,
    },
    "runtimes/pool/dispatcher.py": {("Dispatcher.caller_runs", ".caller_runs"): OURS},
    "runtimes/pool/caller_runs.py": {("may_lend", ".caller_runs"): SENDER},
    "runtimes/threading.py": {
        ("ThreadingActor._start_actor_loop", ".use_daemon_thread"): STARTER,
        ("ThreadingCell.begin", ".use_daemon_thread"): STARTER,
    },
    "observer/__init__.py": {("serve_as_asked", "error"): OURS},
    "observer/_addresses.py": {
        (function, "error"): OURS for function in ("folder", "open_socket", "_open_tcp", "reach")
    },
    "supervision/_restarter.py": {
        ("Restarter._account", "delay()"): "it is the supervisor's own, which fails with it",
    },
    "supervision/_supervisor.py": {
        ("Supervisor.__init_subclass__", ".on_start"): "of the class, while it is made",
        ("_checked.on_start", "hook()"): HANDLER,
    },
    "typing.py": {
        ("ActorMemberMixin", f".{hook}"): "for type checkers"
        for hook in ("on_failure", "on_receive", "on_start", "on_stop")
    },
}


def test_every_place_is_guarded_or_known() -> None:
    found = {path: find_unguarded(source) for path, source in IN_PROGRAMS.items()}
    assert {path: places for path, places in found.items() if places} == {
        path: {Place(*place) for place in places} for path, places in KNOWN.items()
    }


OPEN_DOORS = [
    (
        "_lifecycle/termination.py",
        'partial(call_hook, actor, "on_stop")',
        "actor.on_stop",
        ".on_stop",
    ),
    (
        "_lifecycle/termination.py",
        'partial(call_hook, actor, "on_failure", *as_exc_info(error))',
        "partial(actor.on_failure, *as_exc_info(error))",
        ".on_failure",
    ),
    (
        "_lifecycle/restart.py",
        'partial(call_hook, actor, "on_stop")',
        "actor.on_stop",
        ".on_stop",
    ),
    (
        "_lifecycle/termination.py",
        "    try:\n        kinds: Any = cell.actor_class.crash_on\n",
        "    kinds: Any = cell.actor_class.crash_on\n    try:\n",
        ".crash_on",
    ),
    (
        "_futures/ask.py",
        "return issubclass(type(item), (Ask, CallEnvelope, Envelope))",
        "return isinstance(item, (Ask, CallEnvelope, Envelope))",
        "isinstance(item, (Ask, CallEnvelope, Envelope))",
    ),
    (
        "messages.py",
        "return issubclass(type(message), _ActorStop)",
        "return isinstance(message, _ActorStop)",
        "isinstance(message, _ActorStop)",
    ),
    (
        "_system/dead_letters.py",
        'SafeLogger("pykka.dead_letters")',
        'logging.getLogger("pykka.dead_letters")',
        "logging.getLogger()",
    ),
    (
        "_futures/reply.py",
        "    logger.info(",
        "    logger._logger.info(",
        "logger._logger.info()",
    ),
    (
        "_system/dead_letters.py",
        "call_out(subscriber, letter, text=text, about=(Shortened(subscriber),))",
        "subscriber(letter)",
        "subscriber()",
    ),
    (
        "resilience/_circuit_breaker.py",
        "call_out(listener, change, text=text, about=about)",
        "listener(change)",
        "listener()",
    ),
    ("timers/_clock.py", "call_out(_RING, alarm, ", "call_out(alarm.ring(), ", "ring()"),
    (
        "_util/checks.py",
        "    return safe_repr(message, limit)",
        '    return f"{message!r}"',
        "message",
    ),
]


@pytest.mark.parametrize(("path", "door", "way_round", "what"), OPEN_DOORS)
def test_a_door_that_is_left_open_is_found(
    path: str, door: str, way_round: str, what: str
) -> None:
    source = IN_PROGRAMS[path]
    assert door in source
    found = find_unguarded(source.replace(door, way_round)) - find_unguarded(source)
    assert what in {place.what for place in found}

"""What is written several times, because a call would cost too much, is the same everywhere.

A change of one copy that is not made in the others fails here, and so does a copy without a mark.
`tests/twins.py` says how the copies are marked and compared.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources import SOURCES
from tests.twins import (
    Copy,
    Differs,
    Region,
    Sources,
    Twin,
    complaints,
    mutations,
    planted,
    unmarked,
)

CALL = "a call on the way of each message costs up to a tenth of it"
SIGNALS = (
    "a signal handler could strike at the beginning of a call, between two steps of which it must "
    "not; and it would be a call for each message"
)
LOCK = "there may be no call under the lock; see pykka._util.locks"
TYPES = "it is for type checkers, who do not look into what makes functions"

PUBLIC, POOLED, CELL = "_ref/ref.py", "runtimes/pool/ref.py", "runtimes/pool/cell.py"
WORKER, RESCUE, LENDING = (
    "runtimes/pool/worker.py",
    "runtimes/pool/rescue.py",
    "runtimes/pool/caller_runs.py",
)
INVOKE, LANES = "_lifecycle/invoke.py", "inboxes/_lanes.py"
ASYNCIO = "runtimes/asyncio/run.py"
FUTURE = "_futures/threading_future.py"

SELF = {"self": "cell"}

NO_DUTY = "what lies there already has a hint, or its sender is about to look"

A_CALL = Differs(
    "envelope = _new(CallAsk)\ntwin('note call')",
    "envelope = _new(Ask)\nenvelope.message = message",
    "a call through a proxy lies in the inbox without a message, which is made when it is read",
)

AT_HAND = Differs(
    "inbox = self.inbox\n(self.need_inbox() if inbox is None else inbox).append(envelope)",
    "self.need_inbox().append(envelope)",
    "the inbox is nearly always there, and to look costs less than the call",
)

STOP_ALL = [
    f"def stop_all(self, *, block: {block}, timeout: float | None=None) -> {result}:"
    for block, result in (
        ("Literal[True]=True", "list[bool]"),
        ("Literal[False]", "list[Future[bool]]"),
        ("bool=True", "list[bool] | list[Future[bool]]"),
    )
]

STARTS = [
    f"def start(self, actor_class: {given}, /, *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]:"
    for given in ("ActorOptions[A, P]", "Callable[P, A]")
]

TWINS = {
    "refuse": Twin(
        CALL,
        [
            Copy(PUBLIC, "ActorRef.tell"),
            Copy(PUBLIC, "ActorRef._defer"),
            Copy(POOLED, "PooledRef.tell"),
            Copy(POOLED, "PooledRef._defer"),
            Copy("timers/_timer.py", "tell_later"),
        ],
    ),
    "send": Twin(
        CALL,
        [
            Copy("_cell/cell.py", "Cell.send", SELF),
            Copy(PUBLIC, "ActorRef.tell"),
            Copy(PUBLIC, "ActorRef._call", {"ask": "envelope"}),
            Copy(PUBLIC, "ActorRef._defer"),
        ],
    ),
    "pooled send": Twin(
        CALL,
        [
            Copy(CELL, "PooledCell.send"),
            Copy(
                CELL,
                "PooledCell.send_and_run",
                {"ask": "envelope"},
                [
                    Differs(
                        "if type(envelope) is Ask and self.run_until(envelope, current.state):\n"
                        "    return",
                        "",
                        "the sender waits, so it may run the actor itself, and wake no worker",
                    ),
                    Differs(
                        "finally:\n    del envelope",
                        "",
                        "the answer may be an exception, whose traceback holds this frame",
                    ),
                ],
            ),
            Copy(
                POOLED,
                "PooledRef.tell",
                {"cell": "self", "message": "envelope"},
                [
                    AT_HAND,
                    Differs("twin('schedule')", "self.schedule()", CALL),
                ],
            ),
            Copy(POOLED, "PooledRef._call", {"cell": "self", "ask": "envelope"}, [AT_HAND]),
            Copy(POOLED, "PooledRef._defer", {"cell": "self"}, [AT_HAND]),
            Copy(POOLED, "PooledRef.ask", {"there": "self", "ask": "envelope"}, [AT_HAND]),
        ],
    ),
    "in doubt": Twin(
        "each guards other steps, and a context manager would be two calls for each message",
        [
            Copy(CELL, "PooledCell.send"),
            Copy(
                CELL,
                "PooledCell.send_and_run",
                {},
                [
                    Differs(
                        "finally:\n    del ask",
                        "",
                        "the answer may be an exception, whose traceback holds this frame",
                    ),
                ],
            ),
            Copy(POOLED, "PooledRef.tell", {"cell.schedule": "self.schedule"}),
            Copy(POOLED, "PooledRef._call", {"cell.schedule": "self.schedule"}),
            Copy(POOLED, "PooledRef._defer", {"cell.schedule": "self.schedule"}),
            Copy(POOLED, "PooledRef.ask", {"there.schedule": "self.schedule"}),
            Copy("runtimes/asyncio/cell.py", "LoopInbox.put", {"self.rouse": "self.schedule"}),
        ],
        holes=["body"],
    ),
    "schedule": Twin(
        CALL,
        [
            Copy(CELL, "PooledCell.schedule", SELF),
            Copy(
                POOLED,
                "PooledRef.tell",
                {},
                [
                    Differs(
                        "try:\n    state = quick.state\nexcept AttributeError:\n"
                        "    state = current.state",
                        "state = current.state",
                        "to look there takes less time",
                    )
                ],
            ),
        ],
    ),
    "make ask": Twin(
        CALL,
        [
            Copy("_futures/ask.py", "make_ask", {"ask": "envelope"}),
            Copy(
                PUBLIC,
                "ActorRef.ask",
                {},
                [
                    Differs(
                        "future = envelope = _new(Ask)",
                        "envelope = _new(Ask)",
                        "it is both, and only in this case",
                    )
                ],
            ),
            Copy(PUBLIC, "ActorRef._call", {"ask": "envelope"}, [A_CALL]),
            Copy(POOLED, "PooledRef._call", {"ask": "envelope"}, [A_CALL]),
            Copy(POOLED, "PooledRef.ask", {"ask": "envelope", "there": "cell"}),
        ],
    ),
    "note call": Twin(
        CALL,
        [
            Copy(PUBLIC, "ActorRef._call"),
            Copy(PUBLIC, "ActorRef._defer", {"envelope": "ask"}),
            Copy(POOLED, "PooledRef._call"),
            Copy(POOLED, "PooledRef._defer", {"envelope": "ask"}),
        ],
    ),
    "call the long way": Twin(
        CALL,
        [Copy(PUBLIC, "ActorRef._call"), Copy(POOLED, "PooledRef._call")],
    ),
    "known path": Twin(
        CALL,
        [
            Copy("_ref/calls.py", "known_path"),
            Copy(PUBLIC, "ActorRef.call"),
            Copy(PUBLIC, "ActorRef.defer"),
        ],
    ),
    "new ref": Twin(
        "a class that is asked for a ref makes one of itself; and to start an actor makes one",
        [Copy(PUBLIC, "ref_at"), Copy(PUBLIC, "ActorRef.__new__")],
    ),
    "new cell": Twin(
        "there may be a million of them, and each is made faster in one piece",
        [
            Copy("_cell/cell.py", "Cell.__init__"),
            Copy(
                CELL,
                "PooledCell.__init__",
                {"_cell.Sundries": "Sundries"},
                [
                    Differs(
                        "make_inbox = actor._create_actor_inbox",
                        "inbox = actor._create_actor_inbox()",
                        "the usual inbox, a list, is made when it is first needed",
                    ),
                    Differs(
                        "self.inbox = first_inbox() if make_inbox is new_inbox else "
                        "as_list(make_inbox())",
                        "self.inbox = inbox",
                        "the same",
                    ),
                ],
            ),
        ],
        in_any_order=True,
    ),
    "first look": Twin(
        LOCK,
        [
            Copy("_cell/cell.py", "Cell.need_extension"),
            Copy(
                "_cell/cell.py",
                "Cell._require_termination_waiters",
                {"self.termination_waiters": "self.extension", "termination_waiters": "extension"},
            ),
            Copy(
                "_cell/cell.py", "Cell.urn", {"sundries.urn": "self.extension", "urn": "extension"}
            ),
            Copy(
                "_cell/cell.py",
                "Cell.need_sundries",
                {"self.sundries": "self.extension", "sundries": "extension"},
            ),
            Copy(
                "_cell/cell.py",
                "Cell.event",
                {"sundries.event": "self.extension", "event": "extension"},
            ),
            Copy(
                "_cell/cell.py",
                "Cell.public_inbox",
                {"sundries.public_inbox": "self.extension", "public_inbox": "extension"},
            ),
            Copy(
                CELL,
                "PooledCell.need_inbox",
                {
                    "self.inbox": "self.extension",
                    "inbox": "extension",
                    "_cell._looking": "_looking",
                },
            ),
        ],
    ),
    "overloads of ask": Twin(
        TYPES,
        [
            Copy(PUBLIC, "ActorRef"),
            Copy("routing/_router.py", "RouterRef"),
            Copy("resilience/_askable.py", "AskWrapper"),
        ],
    ),
    "overloads of tell": Twin(
        TYPES, [Copy(PUBLIC, "ActorRef"), Copy("routing/_router.py", "RouterRef")]
    ),
    "overloads of call": Twin(
        TYPES,
        [Copy(PUBLIC, "ActorRef"), Copy("resilience/_askable.py", "AskWrapper", {"A": "A_co"})],
    ),
    "overloads of starting": Twin(
        TYPES,
        [
            Copy("_system/system.py", "ActorSystem"),
            Copy("_system/scope.py", "ActorScope"),
            Copy(
                "_actor/actor.py",
                "Actor",
                {},
                [
                    Differs(line.replace("start(", "start_child("), line, "it is a child")
                    for line in STARTS
                ],
            ),
        ],
    ),
    "overloads of stop": Twin(
        TYPES, [Copy(PUBLIC, "ActorRef"), Copy("routing/_collective.py", "Collective")]
    ),
    "overloads of stop_all": Twin(
        TYPES,
        [
            Copy("_system/system.py", "ActorSystem"),
            Copy(
                "_system/registry.py",
                "ActorRegistry",
                {"cls": "self"},
                [
                    Differs(f"@classmethod\n{line}", line, "the registry is a class")
                    for line in STOP_ALL
                ],
            ),
        ],
    ),
    "ask either way": Twin(
        "the two know nothing of each other, and it is shorter than to share it",
        [
            Copy("routing/_router.py", "RouterRef.ask"),
            Copy(
                "resilience/_askable.py",
                "AskWrapper.ask",
                {"self._ask_for_future": "self._ask"},
            ),
        ],
    ),
    "ask a routee": Twin(
        CALL,
        [
            Copy("routing/_kinds/_unicast.py", "UnicastRouter._ask"),
            Copy(
                "routing/_kinds/_unicast.py",
                "UnicastRouter._call",
                {},
                [
                    Differs(
                        "routee = self._choose_living(None)",
                        "routee = self._choose_living(message)",
                        "a call is no message, so no router has a rule for it",
                    ),
                    Differs(
                        "answer = routee._call(attr_path, args, kwargs)",
                        "answer = routee.ask(message, block=False)",
                        "a call is passed on as a call",
                    ),
                ],
            ),
        ],
    ),
    "take hint": Twin(
        SIGNALS,
        [
            Copy(RESCUE, "run_here"),
            Copy(
                WORKER,
                "Worker._work",
                {"hint": "cell", "turn": "cell.run_token"},
                [
                    Differs(
                        "self._bury_the_rest(cell)",
                        "cell.drain_to_dead_letters()",
                        "what that raises is no business of the next actor",
                    ),
                    Differs(
                        "del cell\ncontinue",
                        "return",
                        "a worker goes on with the next actor, and holds none while it waits",
                    ),
                ],
            ),
        ],
    ),
    "give turn back": Twin(
        SIGNALS,
        [
            Copy(POOLED, "PooledRef.ask", {"there": "cell"}),
            Copy(
                RESCUE,
                "_give_back",
                {},
                [
                    Differs(
                        "_move(mine, cell.run_token)",
                        "turn.append(True)",
                        "this thread may have parked the turn, or given it back already",
                    ),
                ],
            ),
            Copy(LENDING, "run_until", {"there": "cell"}),
            Copy(
                WORKER,
                "Worker._work",
                {"fence": "FENCE"},
                [
                    Differs(
                        "cell.queued = True\nlocal.append(cell)",
                        "cell.schedule()",
                        "a worker has its own run queue at hand",
                    )
                ],
            ),
        ],
    ),
    "give turn back in doubt": Twin(
        SIGNALS,
        [
            Copy(WORKER, "Worker._drop"),
            Copy(CELL, "PooledCell._take_if_mine", SELF),
        ],
    ),
    "keep context": Twin(
        SIGNALS,
        [
            Copy(RESCUE, "run_here"),
            Copy(POOLED, "PooledRef.ask"),
            Copy(LENDING, "run_until"),
            Copy(WORKER, "Worker._work"),
            Copy("runtimes/pool/cell.py", "PooledCell.keep_context", {"self": "cell"}),
        ],
    ),
    "room on stack": Twin(CALL, [Copy(LENDING, "run_until"), Copy(POOLED, "PooledRef.ask")]),
    "begin to lend": Twin(
        SIGNALS,
        [
            Copy(LENDING, "run_until"),
            Copy(
                POOLED,
                "PooledRef.ask",
                {},
                [
                    Differs(
                        "before = outer.waiting\nouter.waiting = cell",
                        "outer.waiting = cell",
                        "it is looked up only if there is an actor that waits",
                    )
                ],
            ),
        ],
    ),
    "end lending": Twin(SIGNALS, [Copy(LENDING, "run_until"), Copy(POOLED, "PooledRef.ask")]),
    "step": Twin(
        CALL,
        [
            Copy("runtimes/_contract.py", "step"),
            Copy(ASYNCIO, "_handle_messages", {"cell": "cell"}),
            Copy(
                ASYNCIO,
                "drive",
                {"cell": "cell"},
                [
                    Differs(
                        "except StopIteration as end:\n    return end.value",
                        "",
                        "that is how a coroutine returns",
                    )
                ],
            ),
        ],
        holes=["body"],
    ),
    "give way": Twin(
        CALL,
        [
            Copy(INVOKE, "run_loop"),
            Copy(ASYNCIO, "_handle_messages"),
            Copy("runtimes/asyncio/awaiter_runs.py", "answer_in_task"),
            Copy("runtimes/pool/run.py", "run", {"item": "letter"}),
            Copy(WORKER, "Worker._work", {"item": "letter"}),
        ],
    ),
    "handle either": Twin(
        CALL, [Copy("runtimes/pool/run.py", "run"), Copy(WORKER, "Worker._work")]
    ),
    "refuse coroutine": Twin(
        CALL,
        [
            Copy(INVOKE, "handle_deferred"),
            Copy("runtimes/pool/run.py", "run"),
            Copy(WORKER, "Worker._work"),
            Copy(POOLED, "PooledRef.ask"),
        ],
    ),
    "run instead": Twin(
        CALL,
        [Copy(FUTURE, "ThreadingFuture.get"), Copy(FUTURE, "ThreadingFuture.exception")],
    ),
    "make the call": Twin(
        CALL,
        [
            Copy(INVOKE, "_call"),
            Copy(INVOKE, "handle_call", {"ask": "call"}),
            Copy(INVOKE, "handle_deferred"),
        ],
    ),
    "resolve": Twin(
        CALL,
        [
            Copy(FUTURE, "ThreadingFuture._try_resolve", {}),
            Copy(
                INVOKE,
                "handle_call",
                {"ask": "self"},
                [
                    Differs(
                        "if log[0] is outcome:\n    self._outcome = outcome\nelse:\n    ...",
                        "if log[0] is outcome:\n    self._outcome = outcome\n    return True",
                        "there is more to do; and an asker who waits alone is woken right there",
                    )
                ],
            ),
            Copy(
                INVOKE,
                "handle",
                {"letter": "self"},
                [
                    Differs(
                        "if log[0] is outcome:\n    self._outcome = outcome\nelse:\n    ...",
                        "if log[0] is outcome:\n    self._outcome = outcome\n    return True",
                        "there is more to do; and an asker who waits alone is woken right there",
                    )
                ],
            ),
            Copy(
                INVOKE,
                "handle_ask",
                {"ask": "self"},
                [
                    Differs(
                        "if log[0] is outcome:\n    self._outcome = outcome\nelse:\n    ...",
                        "if log[0] is outcome:\n    self._outcome = outcome\n    return True",
                        "there is more to do; and an asker who waits alone is woken right there",
                    )
                ],
            ),
        ],
        holes=["orelse"],
    ),
    "owe": Twin(
        "it is one assignment, and a call would be no shorter",
        [
            Copy(INVOKE, "wake_asker"),
            Copy(FUTURE, "_serve"),
            Copy("_futures/arrivals.py", "_arrive"),
            Copy("_futures/awaiting.py", "_AsyncioWaiter.__call__"),
            Copy("_futures/awaiting.py", "_TrioWaiter.__call__"),
            Copy(LANES, "owe"),
        ],
    ),
    "append to chain": Twin(
        LOCK,
        [
            Copy(LANES, "Lanes._put_privileged"),
            Copy("inboxes/_bounded.py", "PolicyInbox.put", {"lane": "chain", "quick": "entry"}),
            Copy(LANES, "Lanes._commit", {"lane": "chain"}),
            Copy(LANES, "Lanes._commit_due", {"self._overtakers": "chain"}),
        ],
    ),
    "take whole": Twin(
        "it would be a call each time that many messages are taken over at once",
        [
            Copy(CELL, "PooledCell.refill"),
            Copy(
                "_cell/metering.py",
                "MeteredList.pop",
                {"self._back": "self.backlog", "inner": "inbox"},
            ),
        ],
    ),
}

ONLY_ALIKE: dict[tuple[str, str, str], str] = {}
"""What looks like a copy and is none: the idea, the file, the function, and why."""


@functools.cache
def every() -> Sources:
    """All sources, read when they are needed: each process that runs tests imports this file."""
    return Sources(SOURCES)


def region_of(name: str, copy: Copy) -> Region:
    """The statements of a copy."""
    (region,) = [one for one in every().of(name) if one.place == copy.place]
    return region


def test_the_marks_can_be_read() -> None:
    assert every().errors == []
    assert {region.name for region in every().regions} == set(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_the_copies_agree(name: str) -> None:
    assert complaints(name, TWINS[name], every().of(name), every()) == []


@pytest.mark.exhaustive
def test_no_copy_is_without_a_mark() -> None:
    assert unmarked(TWINS, every(), but=ONLY_ALIKE) == []


# --- a mistake in any one copy is found

PLACES = [
    pytest.param(name, copy, id=f"{name}-{copy.function}")
    for name, twin in TWINS.items()
    for copy in twin.copies
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "copy"), PLACES)
def test_a_change_of_one_copy_is_found(name: str, copy: Copy) -> None:
    region = region_of(name, copy)
    first, second, *_ = TWINS[name].copies
    (mine,) = [each for each in TWINS[name].copies if each.place == region.place]
    twin = replace(TWINS[name], copies=[first, second if mine is first else mine])
    regions = [region_of(name, each) for each in twin.copies]
    changes = []
    for change in mutations(region, twin, every()):
        changes.append(change)
        found = complaints(name, twin, regions, every())
        assert found != [], change
        assert all(str(each) in found[0] for each in regions), change
    assert len(changes) > 1, changes
    assert complaints(name, twin, regions, every()) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "copy"), PLACES)
def test_one_more_copy_is_found(name: str, copy: Copy) -> None:
    region = region_of(name, copy)
    among = Sources({"somewhere.py": planted(region)})
    (complaint,) = unmarked({name: TWINS[name]}, every(), among=among, but={})
    assert complaint.startswith("somewhere.py, line ")
    assert f"a copy of {name!r}, and has no mark" in complaint


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "copy"), PLACES)
def test_a_copy_that_loses_its_mark_is_found(name: str, copy: Copy) -> None:
    region = region_of(name, copy)
    index = every().regions.index(region)
    del every().regions[index]
    try:
        (complaint,) = complaints(name, TWINS[name], every().of(name), every())
    finally:
        every().regions.insert(index, region)
    assert complaint == f"{region.file} ({region.function}): {name!r} is declared and not marked"


def with_change(name: str, file: str, old: str, new: str) -> Sources:
    """The files with copies of an idea, one of them changed."""
    sources = {copy.file: SOURCES[copy.file] for copy in TWINS[name].copies}
    assert sources[file].count(old) >= 1
    return Sources(sources | {file: sources[file].replace(old, new)})


def test_a_change_in_a_file_names_that_and_the_other_one() -> None:
    order = (
        "inbox.put(envelope)\n        if cell.closed:\n            cell.drain_to_dead_letters()\n"
    )
    wrong = (
        "if cell.closed:\n            cell.drain_to_dead_letters()\n        inbox.put(envelope)\n"
    )
    changed = with_change("send", "_ref/ref.py", f"cell.{order}", wrong)
    found = complaints("send", TWINS["send"], changed.of("send"), changed)
    assert any("_cell/cell.py" in one and "_ref/ref.py" in one for one in found)


def test_a_mark_that_is_misspelt_is_found() -> None:
    mark = "# twin: give way (1 statement)"
    changed = with_change(
        "give way", "runtimes/pool/run.py", mark, "# Twin of what a worker does:"
    )
    (error,) = changed.errors
    assert "runtimes/pool/run.py" in error
    assert "not a mark of a twin" in error
    (error,) = complaints("give way", TWINS["give way"], changed.of("give way"), changed)
    assert "declared and not marked" in error


def test_a_mark_above_too_few_statements_is_found() -> None:
    mark, more = "# twin: refuse (1 statement)", "# twin: refuse (100 statements)"
    (error,) = with_change("refuse", "timers/_timer.py", mark, more).errors
    assert "'refuse' has not 100 statements" in error


def test_a_new_copy_of_a_marked_idea_has_to_be_declared() -> None:
    mark = "# twin: refuse (1 statement)"
    text = f"def fresh(cell):\n    {mark}\n    if cell.stopped:\n        raise\n"
    more = Sources(
        {one.file: SOURCES[one.file] for one in TWINS["refuse"].copies} | {"fresh.py": text}
    )
    (error,) = complaints("refuse", TWINS["refuse"], more.of("refuse"), more)
    assert error == "fresh.py, line 3 (fresh): 'refuse' is marked and not declared"


def test_a_difference_that_is_none_any_more_is_found() -> None:
    gone = with_change(
        "take hint", "runtimes/pool/worker.py", "self._bury_the_rest(hint)", "hint.bury()"
    )
    (error,) = complaints("take hint", TWINS["take hint"], gone.of("take hint"), gone)
    assert "stands here 0 times" in error


def test_each_copy_has_reasons() -> None:
    for twin in TWINS.values():
        assert twin.why
        assert len(twin.copies) > 1
        assert all(each.why for one in twin.copies for each in one.differs)


def test_the_table_in_the_documentation_counts_them() -> None:
    text = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("#### Twins")[2].partition("####")[0]
    rows = [line.split(" | ") for line in table.splitlines() if re.match(r"\| [a-z]", line)]
    counted = {name.removeprefix("| "): int(copies) for name, copies, *_ in rows}
    assert counted == {name: len(twin.copies) for name, twin in TWINS.items()}

"""The tests of the conformance suite that cannot pass in a simulated world, and why.

A pattern is the id of a test, with `*` for anything.
"""

from __future__ import annotations

LEFT_OUT: dict[str, str] = {
    "toy": "a runtime of one's own, which the simulator refuses",
    "5000": "thousands of repetitions look by luck for what the simulator looks for",
    "senders_race_the_switch": "hundreds of repetitions, likewise",
    "lost_or_overtaken_when_it_is_switched_on": "thousands of messages: it passes, in a minute",
    "under_trio": "trio waits in sockets of its own, which are real",
    "while_the_actor_ends_are_refused": "a thread goes on for ever, and lets nothing else go on",
}
"""Words in the names of tests that are not run."""

REASONS: dict[str, list[str]] = {
    "it asks which thread it is on, and all strands are on one": [
        "test_children.py::test_who_is_told_that_a_child_has_ended_finds_it_at_its_parent_no_more[*",
        "test_lifecycle.py::test_hooks_and_handlers_run_on_the_actors_own_thread[*",
        "test_proxies.py::test_methods_run_in_the_actor[*",
        "test_systems.py::test_who_is_told_that_an_actor_has_ended_finds_it_in_its_system_*",
        "test_kill.py::test_a_handler_that_hangs_is_abandoned_and_what_it_does_later_is_dropped[*",
    ],
    "it asks for the name of the actor's thread": [
        "test_lifecycle.py::test_the_name_of_the_actors_thread_begins_with_the_class[*"
    ],
    "it asks whether the actor's thread is a daemon": [
        "test_lifecycle.py::test_use_daemon_thread[*"
    ],
    "it patches the default system of the process, and a run has one of its own": [
        "test_registry.py::test_broadcast_goes_on_after_an_actor_that_died_meanwhile[*",
        "test_registry.py::test_a_urn_that_is_replaced_while_it_is_entered_leaves_no_trace[*",
    ],
    "its actor classes say themselves how their actors run, which the simulator refuses": [
        "test_refs.py::test_an_actor_whose_loop_cannot_be_started_is_not_left_behind[*",
        "test_refs.py::test_start_actor_loop_is_called_once_by_start[*",
    ],
    "it pretends that no stack can be read, but in a run all but one stand still": [
        "test_systems.py::test_without_the_gil_no_frames_are_read_of_threads_that_go_on[*"
    ],
    "it has a signal strike at real moments, in the simulator's own code as well": [
        "test_timers.py::test_a_signal_handler_may_set_and_cancel_timers_at_any_time[*"
    ],
    "it compares the instructions of the library, among which are the simulator's in a run": [
        "test_instruments.py::test_a_program_without_one_runs_the_same_instructions[*"
    ],
}

"""What the tables say follows from the results, losses and absences included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.comparison import compare, told
from benchmarks.results import Measurement, Problem
from benchmarks.targets import TARGETS, Figure, Target
from tests.benchmarks.conftest import enter, make_run, needs

from benchmarks import report

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.results import Run

page = needs("page")
pytest.importorskip("scipy", reason="it compares runs")
FIVE = [1.0, 1.01, 1.02, 1.03, 1.04]


def cells(table: report.Table, title: str) -> dict[str, str]:
    """A row of a table, by the titles of its columns."""
    for row in table.rows:
        if row[0] == title or row[0].startswith((f"{title}, per ", f"{title}, messages")):
            return dict(zip(table.head, row, strict=True))
    pytest.fail(f"no row {title!r} in {table.rows}")


def test_a_row_has_figures_with_spread_and_ratios() -> None:
    run = make_run(
        tell={
            "ThreadingActor": [4e6, 5e6, 6e6],
            "pykka-4.0.2": [1e6, 1e6, 1e6],
            "thread": [8e6, 10e6, 12e6],
        }
    )

    row = cells(report.comparison(run), "tell")

    assert row["ours, ThreadingActor"] == "5.00 M/s ±10 %"
    assert row["ours is better by"] == "5.0× (4.5–5.5)"
    assert row["ours costs"] == "2.0× (2.0–2.0)"


def test_less_is_better_for_times() -> None:
    run = make_run(ask={"ThreadingActor": [2e-6], "pykka-4.0.2": [6e-6], "thread": [1e-6]})

    row = cells(report.comparison(run), "ask")

    assert (row["ours is better by"], row["ours costs"]) == ("3.0×", "2.0×")


def test_a_row_where_ours_loses_is_shown_like_any_other() -> None:
    run = make_run(ask={"ThreadingActor": [4.0], "pykka-4.0.2": [1.0]})

    assert cells(report.comparison(run), "ask")["ours is better by"] == "0.25×"
    assert report.losses(run).rows == [["Pykka 4.0.2", "ask 4.0×"]]


def test_standings_count_what_the_quartiles_agree_on() -> None:
    ours = [4.0, 4.0, 4.0]
    run = make_run(
        ask={"ThreadingActor": ours, "thread": [8.0, 9.0, 10.0]},
        outstanding_asks={"ThreadingActor": ours, "thread": [1.0, 2.0, 3.0]},
        proxied_call={"ThreadingActor": ours, "thread": [1.0, 4.0, 9.0]},
    )

    [row] = report.standings(run).rows

    assert row == ["thread + SimpleQueue", "1", "1", "1", "1.04×"]


def test_one_failure_spoils_a_row_and_is_explained() -> None:
    run = make_run(tell={"ThreadingActor": FIVE, "thread": FIVE})
    run.row("tell")["ThreadingActor"].problems.append(Problem(5, "failed", "wrong result: 3"))

    row = cells(report.comparison(run), "tell")

    assert row["ours, ThreadingActor"] == "failed (1 of 6)"
    assert row["ours costs"] == report.NOTHING
    assert report.problems(run) == [
        "ours, ThreadingActor failed: wrong result: 3 (tell, 1 of 6 rounds)"
    ]


def test_what_an_implementation_cannot_do_is_a_dash_with_a_reason() -> None:
    run = make_run(tell={"ThreadingActor": FIVE})
    for workload in ("defer", "proxy-making"):
        parameters = run.workloads[workload]["parameters"]
        nothing = Measurement(workload, "thread", parameters)
        nothing.problems.append(Problem(0, "unsupported", "it has no proxies"))
        run.measurements.append(nothing)

    assert cells(report.comparison(run), "defer, calls")["thread + SimpleQueue"] == report.NOTHING
    assert report.problems(run) == [
        "thread + SimpleQueue is left out: it has no proxies (defer; actor.proxy())"
    ]


def test_an_absent_implementation_is_reported() -> None:
    run = make_run(tell={"ThreadingActor": FIVE})
    run.adapters["erlang"]["absent"] = "erl is not on the path"

    assert report.problems(run) == ["Erlang/OTP is absent: erl is not on the path"]
    row = cells(report.implementations(run), "Erlang/OTP")
    assert row["version"] == "absent: erl is not on the path"
    assert "Erlang/OTP" not in report.describe(run)[2]


def test_the_line_of_the_python_tells_how_it_was_built() -> None:
    run = make_run()
    run.python.update(gil=True, build="main", compiler="GCC 12", version="3.11.7")
    assert report.describe(run)[1] == "cpython 3.11.7 (with the GIL, built main, GCC 12)"

    run.python.update(gil=False, free_threaded=True, pgo="yes", lto="yes", compiler="g")
    assert report.describe(run)[1] == (
        "cpython 3.11.7 (free-threaded build, without the GIL, with PGO and LTO, built main, g)"
    )


def test_who_does_less_is_told_in_the_table() -> None:
    run = make_run()

    for name, adapter in run.adapters.items():
        if not adapter["ours"]:
            assert cells(report.implementations(run), adapter["title"])["what it lacks"], name


def test_a_curve_has_a_line_for_each_implementation_and_says_where_it_ends() -> None:
    run = make_run()
    enter(run, "many-actors", {"ThreadingActor": [1e-6], "thread": [2e-6]}, actors=1)
    enter(run, "many-actors", {"ThreadingActor": [3e-6]}, actors=1_000)
    end = Measurement("many-actors", "thread", {"actors": 1_000})
    end.problems.append(Problem(0, "too slow", "no end after 60 s"))
    run.measurements.append(end)

    table = report.curve(run, "many-actors", "actors", run.workloads["many-actors"]["metrics"][0])

    assert table.head == ["", "1", "1,000"]
    assert table.rows == [
        ["ours, ThreadingActor", "1.00 µs", "3.00 µs"],
        ["thread + SimpleQueue", "2.00 µs", "too slow"],
    ]


# --- targets -------------------------------------------------------------------------------------


def test_the_targets_of_the_library() -> None:
    on_threads = [t for t in TARGETS if t.ours.adapter == "ThreadingActor" and t.theirs]
    assert {
        (t.ours.workload, t.theirs.adapter, t.at_least or t.at_most)
        for t in on_threads
        if t.theirs
    } == {
        ("tell", "pykka-4.0.2", 8),
        ("defer", "pykka-4.0.2", 5),
        ("outstanding-asks", "pykka-4.0.2", 5),
        ("proxy-making", "pykka-4.0.2", 10),
        ("ask", "thread", 1.1),
        ("proxied-call", "thread", 1.1),
        ("bounded-tell", "thread", 1.2),
        ("import-time", "pykka-newest", 1.3),
    }


def test_the_targets_of_the_pool() -> None:
    pooled = [t for t in TARGETS if t.ours.adapter == "PooledActor"]
    assert {
        (t.ours.workload, t.theirs.adapter, t.at_least or -(t.at_most or 0))
        for t in pooled
        if t.theirs
    } == {
        ("ask", "pykka-newest", 30),
        ("proxied-call", "pykka-newest", 30),
        ("ping-pong", "pykka-newest", 25),
        ("starved-thread", "pykka-newest", -2),
        ("starved-loop", "pykka-newest", -2),
        ("thread-ring", "pykka-newest", 25),
        ("tell", "pykka-newest", 20),
        ("defer", "pykka-newest", 10),
        ("outstanding-asks", "pykka-newest", 15),
        ("many-senders", "pykka-newest", 15),
        ("start", "pykka-newest", 50),
        ("million", "pykka-newest", 25),
        ("tell", "erlang", -2.5),
        ("thread-ring", "erlang", -2),
        ("ask", "erlang", -5),
        ("start", "erlang", 2),
        ("start-and-tell", "erlang", 2),
        ("million", "erlang", 2),
        ("million", "erlang", 4),
        ("proxied-call", "PooledActor", -2),
        ("attribute-read", "PooledActor", -1.5),
        ("start-and-tell", "PooledActor", -3),
        ("start-stop", "PooledActor", -3),
        ("million", "PooledActor", -1.5),
        ("stop-all", "PooledActor", -1.5),
        ("await-ask", "thread", -1.2),
        ("bounded-tell", "thread", -1.2),
    }
    assert {(t.ours.workload, t.ours.metric, t.at_most) for t in pooled if not t.theirs} == {
        ("idle-memory", "memory", 550),
        ("million", "memory", 650),
        ("million", "total", 10),
        ("sleepers", "among", 0.05),
        ("route-round-robin", "part", None),
    }


def goals(run: Run) -> dict[str, list[str]]:
    """The other cells of the targets that were measured, by what they are about."""
    return {row[0]: row[1:] for row in report.targets(run).rows if row[4] != "not measured"}


def test_a_target_may_be_about_the_pool_and_about_other_points() -> None:
    run = make_run(start={"PooledActor": [2e-6, 2e-6], "pykka-newest": [9e-5, 9e-5]})
    pooled = Measurement("million", "PooledActor", {"actors": 1_000_000})
    pooled.values = {
        "total": {0: 10.5, 1: 10.5}, "start": {0: 3e-6, 1: 3e-6}, "memory": {0: 640.0, 1: 640.0},
    }  # fmt: skip
    run.measurements.append(pooled)

    assert goals(run) == {
        "ours, PooledActor, start: times better than newest Pykka": [
            "≥ 50", "45.00", "45.00 to 45.00", "missed",
        ],
        "ours, PooledActor, a million actors, start: times better than newest Pykka, start "
        "(10,000 actors)": ["≥ 25", "30.00", "30.00 to 30.00", "met"],
        "ours, PooledActor, a million actors, start: times the cost of ours, PooledActor, start "
        "(10,000 actors)": ["≤ 1.5", "1.50", "1.50 to 1.50", "met"],
        "ours, PooledActor, a million actors, memory": [
            "≤ 650 B", "640 B", "640 B to 640 B", "met",
        ],
        "ours, PooledActor, a million actors, all of them": [
            "≤ 10.0 s", "10.5 s", "10.5 s to 10.5 s", "missed",
        ],
    }  # fmt: skip


def test_a_point_of_a_curve_can_be_a_target() -> None:
    run = make_run()
    enter(run, "many-actors", {"PooledActor": [5.0, 5.0]}, actors=10)

    target = Target(Figure("many-actors", "memory", "PooledActor", {"actors": 10}), at_most=4)

    found = target.measured(run)
    assert found is not None
    assert target.verdict(found) == "missed"
    assert target.ours.title(run) == "many actors, memory, 10 actors"


def test_the_pool_is_compared_with_its_peers_and_with_actors_on_threads() -> None:
    run = make_run(
        ask={
            "ThreadingActor": [8e-6],
            "PooledActor": [1e-6],
            "pykka-newest": [40e-6],
            "erlang": [5e-7],
        }
    )

    table = report.pooled(run)

    assert table.head[1::2] == ["ours, PooledActor", *["ours is better by"] * 3]
    assert table.head[2::2] == ["newest Pykka", "Erlang/OTP", "ours, ThreadingActor"]
    assert table.rows[0][3::2] == ["40.0×", "0.50×", "8.0×"]
    assert report.losses(run, ours="PooledActor").rows == [["Erlang/OTP", "ask 2.0×"]]
    assert [row[0] for row in report.standings(run, ours="PooledActor").rows] == [
        "ours, ThreadingActor", "newest Pykka", "Erlang/OTP",
    ]  # fmt: skip


def test_targets_are_met_or_missed() -> None:
    run = make_run(
        tell={"ThreadingActor": [8.0, 8.0], "pykka-4.0.2": [1.0, 1.0]},
        defer={"ThreadingActor": [4.9, 4.9], "pykka-4.0.2": [1.0, 1.0]},
        ask={"ThreadingActor": [1.1], "thread": [1.0]},
        proxied_call={"ThreadingActor": [1.12], "thread": [1.0]},
    )

    verdicts = [(row[2], row[4]) for row in report.targets(run).rows]

    nothing = (report.NOTHING, "not measured")
    assert verdicts[:6] == [
        ("8.00", "met"), ("4.90", "missed"), nothing, nothing, ("1.10", "met"), ("1.12", "missed"),
    ]  # fmt: skip
    assert set(verdicts[6:]) == {nothing}


def test_a_target_whose_quartiles_disagree_is_not_clear() -> None:
    ours, theirs = "ThreadingActor", "pykka-4.0.2"
    run = make_run(
        tell={ours: [7.0, 7.0, 9.0, 9.0, 9.0], theirs: [1.0] * 5},
        defer={ours: [4.0, 4.0, 4.0, 6.0, 6.0], theirs: [1.0] * 5},
    )

    assert [row[4] for row in report.targets(run).rows[:2]] == [
        "met, not clearly", "missed, not clearly",
    ]  # fmt: skip


def test_a_target_is_not_met_by_a_run_in_which_ours_fails() -> None:
    run = make_run(tell={"ThreadingActor": [80.0, 80.0], "pykka-4.0.2": [1.0, 1.0]})
    run.row("tell")["ThreadingActor"].problems.append(Problem(2, "failed", "lost"))

    assert report.targets(run).rows[0][4] == "not measured"


# --- comparisons of two runs ---------------------------------------------------------------------


def times(run: Run, factor: float) -> Run:
    """The same results on a machine that is slower by a factor."""
    for measurement in run.measurements:
        for values in measurement.values.values():
            for number in values:
                values[number] *= factor
    return run


def as_text(before: Run, after: Run, changes: Any) -> str:
    """What is told of changes, without the frames of tables."""
    return "\n".join(
        line if isinstance(line, str) else line.as_markdown()
        for line in told(before, after, changes)
    )


def one(before: Run, after: Run, adapter: str = "ours, ThreadingActor") -> tuple[str, float]:
    """The verdict on an implementation, and the factor."""
    [change] = [c for c in compare(before, after) if c.adapter == adapter]
    return change.verdict, change.factor


def test_what_got_faster_and_slower_is_told() -> None:
    before = make_run(ask={"ThreadingActor": FIVE})
    after = make_run(ask={"ThreadingActor": [v / 2 for v in FIVE]})

    verdict, factor = one(before, after)
    assert verdict == "faster"
    assert factor == pytest.approx(2.0)
    verdict, factor = one(after, before)
    assert verdict == "slower"
    assert factor == pytest.approx(0.5)


def test_noise_is_not_told() -> None:
    before = make_run(ask={"ThreadingActor": [1.0, 2.0, 3.0, 4.0, 5.0]})
    after = make_run(ask={"ThreadingActor": [1.5, 2.5, 3.5, 4.5, 0.5]})

    assert one(before, after)[0] == "same"
    assert "0 changed, 1 did not" in as_text(before, after, compare(before, after))


def test_a_small_difference_is_not_told_however_sure_it_is() -> None:
    before = make_run(ask={"ThreadingActor": [1.0] * 5})
    after = make_run(ask={"ThreadingActor": [1.03] * 5})

    assert one(before, after)[0] == "same"
    assert [c.verdict for c in compare(before, after, threshold=0.01)] == ["slower"]


def test_a_slower_machine_is_not_a_slower_library() -> None:
    results = {"ThreadingActor": FIVE, "thread": FIVE}
    before, after = make_run(ask=results), times(make_run(ask=results), 3.0)

    assert one(before, after)[0] == "same"
    assert one(before, after, "thread + SimpleQueue")[0] == "slower"


def test_memory_gets_smaller_and_not_faster() -> None:
    before = make_run(idle_memory={"ThreadingActor": [v * 1000 for v in FIVE]})
    after = make_run(idle_memory={"ThreadingActor": [v * 500 for v in FIVE]})

    assert one(before, after)[0] == "smaller"


def test_what_breaks_and_what_is_new_is_told() -> None:
    before, after = make_run(ask={"ThreadingActor": FIVE}), make_run(ask={"ThreadingActor": FIVE})
    after.row("ask")["ThreadingActor"].problems.append(Problem(4, "failed", "lost"))

    assert one(before, after)[0] == "broken"
    assert one(after, before)[0] == "new"
    assert "broken" in as_text(before, after, compare(before, after))


def test_who_is_in_one_run_only_takes_one_line() -> None:
    both = make_run(
        ask={"ThreadingActor": FIVE, "xoscar": FIVE},
        outstanding_asks={"ThreadingActor": FIVE, "xoscar": FIVE},
    )
    one = make_run(ask={"ThreadingActor": FIVE}, outstanding_asks={"ThreadingActor": FIVE})

    text = as_text(both, one, compare(both, one))

    assert text.count("xoscar") == 1
    assert "0 changed, 2 did not" in text


def test_how_much_chance_alone_would_change_is_told() -> None:
    names = [name.replace("-", "_") for name in make_run().workloads if name != "latency"]
    adapters = ["ThreadingActor", "thread", "xoscar", "erlang", "asyncio"]
    before = make_run(**{name: dict.fromkeys(adapters, FIVE) for name in names})
    after = make_run(**{name: dict.fromkeys(adapters, FIVE) for name in names})
    enter(after, "latency", dict.fromkeys(adapters, FIVE))
    enter(before, "latency", {name: [v * 2 for v in FIVE] for name in adapters})

    assert "would differ so much by chance alone" in as_text(before, after, compare(before, after))


def test_other_parameters_are_other_work() -> None:
    before, after = make_run(ask={"ThreadingActor": FIVE}), make_run()
    after.workloads["ask"]["parameters"] = {"asks": 7}
    enter(after, "ask", {"ThreadingActor": FIVE})

    assert compare(before, after) == []


def test_too_few_rounds_cannot_tell_anything_and_that_is_said() -> None:
    before = make_run(ask={"ThreadingActor": [1.0, 1.0]})
    after = make_run(ask={"ThreadingActor": [9.0, 9.0]})

    assert one(before, after)[0] == "same"
    assert "With fewer than 5 rounds" in as_text(before, after, compare(before, after))


# --- the page ------------------------------------------------------------------------------------


def test_a_block_is_replaced_and_the_prose_stays() -> None:
    text = "A\n<!-- begin x -->\nold\n<!-- end x -->\nB\n"

    once = page.replaced(text, {"x": "new | table"})

    assert once == "A\n<!-- begin x -->\n\nnew | table\n\n<!-- end x -->\nB\n"
    assert page.replaced(once, {"x": "new | table"}) == once


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("<!-- begin y -->\n<!-- end y -->\n", "do not agree on: x, y"),
        ("", "do not agree on: x"),
        ("<!-- begin x -->\n<!-- end x -->\n" * 2, "do not agree on: x"),
        ("<!-- begin x -->\n", "has no end"),
        ("<!-- begin x -->\n<!-- begin y -->\n<!-- end x -->\n<!-- end y -->\n", "has no end"),
    ],
)
def test_markers_that_do_not_fit_are_an_error(text: str, wrong: str) -> None:
    made = {"x": "new"} if "begin y -->\n<!-- end x" not in text else {"x": "new", "y": "new"}

    with pytest.raises(ValueError, match=wrong):
        page.replaced(text, made)


def test_the_page_of_the_documentation_has_a_place_for_every_block(tmp_path: Path) -> None:
    from benchmarks.cli import PAGE  # noqa: PLC0415 (what the test is about)

    run = make_run(ask={"ThreadingActor": FIVE, "pykka-4.0.2": FIVE, "thread": FIVE})
    enter(run, "thread-ring", {"ThreadingActor": FIVE}, nodes=2)
    enter(run, "thread-ring", {"ThreadingActor": FIVE}, nodes=4)
    copy = tmp_path / "performance.md"
    copy.write_text(PAGE.read_text())

    extras = make_run(route_round_robin={"PooledActor": FIVE})
    for timers in (1_000, 2_000):
        enter(extras, "timers", {"PooledActor": FIVE, "asyncio": FIVE}, timers=timers)
    run.python.update(pgo="yes", lto="no")
    page.refresh(run, copy, extras=extras)

    text = copy.read_text()
    assert "abacus, 2 cores, 1 GiB" in text
    assert "The Python of this page is itself a Python with the GIL that was built with" in text
    assert "### From a small ring to a large one" in text
    assert "images/curve-rings-dark.svg" in text
    assert "| ask, per ask |" in text
    assert "| 2,000 | asyncio.Queue task | 1.02 s ±1 % |" in text
    assert "| round robin, routed, messages | 1.02 /s ±1 % |" in text

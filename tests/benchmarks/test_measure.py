"""One measurement, in a process of its own: what is done with one that goes too far or dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.adapters import ADAPTERS
from benchmarks.environments import ENVIRONMENTS, AbsentError, Site, make_all
from benchmarks.plan import make_plan
from tests.benchmarks.conftest import needs
from tests.leaks import PATIENCE

from benchmarks import environments

if TYPE_CHECKING:
    from benchmarks.environments import Environment

measure, runner, processes = needs("measure"), needs("runner"), needs("processes")
OURS = ADAPTERS["ThreadingActor"]


class Here(Site):
    """Has this interpreter for everything."""

    def interpreter(self, environment: Environment) -> Path:
        return Path(sys.executable)


@pytest.fixture
def site() -> Site:
    """No environment but the one that the tests run in."""
    return Here()


def test_a_measurement_in_a_fresh_process_gives_values(site: Site) -> None:
    outcome = measure.measure(site, OURS, "tell", {"messages": 10}, {"messages": 1})

    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.values["rate"] > 0


def test_an_implementation_tells_its_version_and_its_interpreter(site: Site) -> None:
    outcome = measure.describe(site, ADAPTERS["asyncio"])

    assert outcome.status == "ok"
    assert outcome.details["python"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_what_an_implementation_has_not_comes_back_as_unsupported(site: Site) -> None:
    outcome = measure.measure(site, ADAPTERS["asyncio"], "proxy-making", {"proxies": 1}, {})

    assert (outcome.status, outcome.reason) == ("unsupported", "it has no proxies")


def test_too_many_actors_are_not_started(site: Site) -> None:
    outcome = measure.measure(site, OURS, "many-actors", {"actors": 10**7}, {"actors": 1})

    assert outcome.status == "unsupported"
    assert outcome.reason.startswith("takes 10,000,000 actors; it is given ")


def test_the_process_that_measures_imports_nothing_that_only_its_parent_needs() -> None:
    program = (
        "import sys\n"
        "from benchmarks import child\n"
        "from benchmarks.adapters import asyncio_queue, executor, pykka_api, thread_queue\n"
        "sys.exit(' '.join({'cpuinfo', 'numpy', 'psutil', 'rich', 'scipy'} & {*sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=environments.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.strip() == ""


def test_memory_is_that_of_the_process_and_of_what_it_has_started(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import subprocess, sys\n"
        "from benchmarks import memory\n"
        "before = memory.used()\n"
        "mine = b'x' * 20_000_000\n"
        "grown = memory.used() - before\n"
        "code = 'theirs = b\"x\" * 20_000_000; print(flush=True); input()'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "both = memory.used() - before\n"
        "open(sys.argv[1], 'w').write(f'{grown} {both}')\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(environments.ROOT)}

    with processes.Family().started(
        [sys.executable, str(program), str(tmp_path / "out")], variables
    ) as process:
        process.wait(PATIENCE)

    grown, both = map(int, (tmp_path / "out").read_text().split())
    # Less than a third of that is the interpreter's own, or shared with others that come and go.
    assert 15_000_000 <= grown < 30_000_000
    assert both >= 30_000_000


def test_one_that_does_not_end_is_ended(site: Site) -> None:
    endless = {"pairs": 1, "asks": 10**9}

    outcome = measure.measure(site, OURS, "latency", endless, {}, deadline=0.3)

    assert (outcome.status, outcome.reason) == ("too slow", "no end after 0 s")


def test_one_that_takes_too_much_memory_is_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "MOST_MEMORY", 1024)
    endless = {"pairs": 1, "asks": 10**9}

    outcome = measure.measure(site, OURS, "latency", endless, {}, deadline=PATIENCE)

    assert outcome.status == "too big"


def test_one_that_dies_without_a_word_has_failed(tmp_path: Path) -> None:
    class Dying(Site):
        def interpreter(self, environment: Environment) -> Path:
            program = tmp_path / "dying"
            program.write_text("#!/bin/sh\nkill -SEGV $$\n")
            program.chmod(0o755)
            return program

    outcome = measure.measure(Dying(), OURS, "tell", {"messages": 1}, {})

    assert (outcome.status, outcome.reason) == ("failed", "the process was ended by SIGSEGV")


def test_what_a_measurement_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    class Leaving(Site):
        def interpreter(self, environment: Environment) -> Path:
            program = tmp_path / "leaving"
            # A daemon in a session of its own, as some implementations start them.
            program.write_text(
                f'#!/bin/sh\necho "${processes.MARK}" > {tmp_path}/mark\n'
                "setsid sleep 1000 &\nexit 3\n"
            )
            program.chmod(0o755)
            return program

    outcome = measure.measure(Leaving(), OURS, "tell", {"messages": 1}, {})

    assert outcome.reason == "the process ended with 3 and without a result"
    mark = (tmp_path / "mark").read_text().strip()
    assert mark
    family = processes.Family()
    family.mark, family._others = mark, set()
    assert family.members() == []


# --- who is absent -------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Nothing can be run: no environment, no installation, no Erlang."""
    tried: list[list[str]] = []

    def fail(command: list[str]) -> None:
        tried.append(command)
        msg = "no network"
        raise AbsentError(msg)

    monkeypatch.setattr(environments, "_run", fail)
    monkeypatch.setattr("benchmarks.environments.shutil.which", lambda name: None)
    return tried


def test_what_was_never_installed_is_absent(site: Site) -> None:
    assert site.absent() == dict.fromkeys(ENVIRONMENTS, "was never installed: make bench-peers")


def test_nothing_is_removed_but_the_folder_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Site):
        """Has interpreters that are not its own."""

        def interpreter(self, environment: Environment) -> Path:
            return tmp_path / "elsewhere" / "bin" / "python"

    monkeypatch.setattr(environments, "_run", lambda command: None)
    site = Elsewhere()
    foreign = tmp_path / "elsewhere" / "bin"
    foreign.mkdir(parents=True)
    stale = site.home / "xoscar" / "stale"
    stale.mkdir(parents=True)

    for environment in ENVIRONMENTS.values():
        if environment.name != "erlang":
            site.make(environment)

    assert foreign.exists()
    assert not stale.exists()


def test_two_builds_of_one_version_have_environments_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, again = Site(), Site()
    elsewhere = f"import sys; sys.base_prefix = '/elsewhere'; {environments.TAG_OF}"
    monkeypatch.setattr(environments, "TAG_OF", elsewhere)

    assert Site().home != here.home == again.home


@pytest.mark.usefixtures("offline")
def test_a_peer_that_cannot_be_installed_is_reported_and_the_others_go_on(site: Site) -> None:
    lines: list[str] = []

    make_all(site, lines.append)

    reasons = site.absent()
    assert reasons["thespian"] == "no network"
    assert reasons["erlang"] == "erl is not on the path; on Debian, install erlang-base"
    assert "pykka-4.0.2: absent: no network" in lines
    assert len(lines) == len(ENVIRONMENTS)


def test_who_is_absent_is_tried_again_and_who_is_there_is_not(
    site: Site, offline: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    xoscar = ENVIRONMENTS["xoscar"]
    site.make(xoscar)
    site.make(xoscar)
    assert len(offline) == 2

    monkeypatch.setattr(environments, "_run", lambda command: None)
    assert site.make(xoscar) == ""
    monkeypatch.setattr(environments, "_run", offline.append)
    assert site.make(xoscar) == ""
    assert len(offline) == 2
    assert "xoscar" not in site.absent()


@pytest.mark.usefixtures("offline")
def test_a_run_names_who_is_absent_and_measures_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"erlang": "erl is not on the path", "thespian": f"{environments.ROOT}/x: no"}
    monkeypatch.setattr(site, "absent", lambda: absent)
    described: list[str] = []

    def describe(site: Site, adapter: Any) -> Any:
        described.append(adapter.name)
        if adapter.name == "xoscar":
            return measure.Outcome("failed", reason="ImportError: no")
        return measure.Outcome("ok", details={"version": "1", "python": {"version": "3"}})

    monkeypatch.setattr(measure, "describe", describe)

    run = runner.begin(site, "short")

    assert run.adapters["erlang"]["absent"] == "erl is not on the path"
    assert run.adapters["thespian"]["absent"] == "./x: no"
    assert run.adapters["xoscar"]["absent"] == "cannot be started: ImportError: no"
    assert "erlang" not in described
    missing = [name for name in run.adapters if name not in run.present()]
    planned = {name for t in make_plan(full=True, absent=missing) for name in t.adapters}
    assert planned == set(ADAPTERS) - {"erlang", "thespian", "thespian-simple", "xoscar"}


def test_the_library_is_measured_without_what_it_can_do_without(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install_nothing(command: list[str]) -> None:
        if "install" in command:
            msg = "no wheel"
            raise AbsentError(msg)

    monkeypatch.setattr(environments, "_run", install_nothing)
    assert site.make(ENVIRONMENTS["ours"]) == ""
    assert site.make(ENVIRONMENTS["xoscar"]) == "no wheel"

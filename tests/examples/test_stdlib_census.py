"""The census of the standard library: what it counts, what it shows, and how it ends."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sysconfig
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from tests.examples.running import command, on_terminal, run, running
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


@pytest.fixture
def census(load: Callable[[str], ModuleType]) -> Iterator[ModuleType]:
    """The program, imported."""
    # CPython 3.11 has one counter for all threads that parse. If Python code runs in the middle,
    # threads may be switched, and it raises a SystemError: "AST constructor recursion depth
    # mismatch". A garbage collection may run some, for what other tests have left behind.
    gc.disable()
    yield load("stdlib_census")
    gc.enable()


# --- what is found out about a file --------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("", 0),
        ("x = [lambda: (lambda: 0)]", 0),
        ("if x: pass", 1),
        ("class A:\n def f(self):\n  async def g(): pass", 3),
        ("for x in y:\n while x: pass", 2),
        ("for x in y: pass\nelse:\n if x: pass", 2),
        ("with x: pass\nwith y:\n with z: pass", 2),
        ("try: pass\nexcept E:\n if x: pass", 2),
        ("try: pass\nfinally:\n if x: pass", 2),
        ("try: pass\nexcept* E:\n for x in y:\n  pass", 2),
        ("match x:\n case 1: pass\n case 2:\n  if y: pass", 2),
        ("if a: pass\nelif b: pass\nelif c: pass\nelse: pass", 1),
        ("if a: pass\nelif b:\n if c: pass", 2),
        ("if a: pass\nelse:\n if b: pass", 2),
        ("while a:\n  if b: pass\n  else:\n    for c in d: pass", 3),
    ],
)
def test_depth(census: ModuleType, tmp_path: Path, source: str, depth: int) -> None:
    path = tmp_path / "a.py"
    path.write_text(source)
    assert census.examine(path, tmp_path).depth == depth


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import os", {"os"}),
        ("import os.path as p, sys", {"os", "sys"}),
        ("from collections.abc import Set, Map", {"collections"}),
        ("import os\nimport os\nfrom os import path", {"os"}),
        ("def f():\n if x:\n  try: import json\n  except E: import pickle", {"json", "pickle"}),
        ("from . import a\nfrom .b import c\nfrom ..d import e", set()),
        ("x = 'import os'", set()),
    ],
)
def test_imports(census: ModuleType, tmp_path: Path, source: str, imports: set[str]) -> None:
    path = tmp_path / "a.py"
    path.write_text(source)
    assert census.examine(path, tmp_path).imports == imports


@pytest.mark.parametrize(
    ("source", "lines"), [(b"", 0), (b"x", 1), (b"x\n", 1), (b"\n\r\n\rx", 4), (b"'\x0c'\n", 1)]
)
def test_lines(census: ModuleType, tmp_path: Path, source: bytes, lines: int) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(source)
    assert census.examine(path, tmp_path).lines == lines


@pytest.mark.parametrize(
    "source",
    [b"# coding: latin-1\nx = '\xe9'\n", b"\xef\xbb\xbfx = '\xc3\xa9'\n"],
    ids=["declared", "byte order mark"],
)
def test_other_encodings_are_fine(census: ModuleType, tmp_path: Path, source: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(source)
    assert isinstance(census.examine(path, tmp_path), census.Module)


BROKEN = {
    "syntax.py": (b"x = (\n", r"SyntaxError: '\(' was never closed"),
    "encoding.py": (b"# coding: nope\n", r"SyntaxError: unknown encoding: nope"),
    "bytes.py": (b"x = '\xff'\n", r"(?i)SyntaxError: .*utf-8.*"),
    "null.py": (b"x\0y", r"(SyntaxError|ValueError): source code .* null bytes"),
    "deep.py": (b"-" * 100_000 + b"1", r"(MemoryError|RecursionError)(: .*)?"),
    "long.py": (b"+".join([b"1"] * 100_000), r"(MemoryError|RecursionError)(: .*)?"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_result(census: ModuleType, tmp_path: Path, name: str) -> None:
    source, reason = BROKEN[name]
    (tmp_path / name).write_bytes(source)
    result = census.examine(tmp_path / name, tmp_path)
    assert isinstance(result, census.Broken)
    assert result.name == name
    assert re.fullmatch(reason, result.reason), result.reason


def test_a_file_that_cannot_be_read_is_a_result(census: ModuleType, tmp_path: Path) -> None:
    result = census.examine(tmp_path / "gone.py", tmp_path)
    assert isinstance(result, census.Broken)
    assert "FileNotFoundError" in result.reason


def test_names_are_shown_on_one_line(census: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "new\nline \x1b[31m\udcff é.py"
    path.write_text("")
    assert census.examine(path, tmp_path).name == r"new\nline \x1b[31m\udcff é.py"


def test_find_files(census: ModuleType, tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "a.txt", "sub/c.py", "site-packages/d.py", "folder.py/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to(tmp_path)

    def found(*skip: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in census.find_files(tmp_path, skip)]

    expected = ["a.py", "b.py", "folder.py/e.py", "site-packages/d.py", "sub/c.py"]
    assert found() == expected
    assert found("site-packages") == [name for name in expected if name[:4] != "site"]


# --- the whole program, in this process ----------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A small library: five files that parse and three that do not."""
    files = {
        "a_large.py": b"import os\n" + b"x = 1\n" * 1999,
        "b_deep.py": b"import os, sys\nif 1:\n if 2:\n  if 3:\n   if 4: pass\n",
        "c_broken.py": b"x = (\n",
        "d_encoding.py": b"# coding: nope\n",
        "e_empty.py": b"",
        "f_too_deep.py": b"-" * 100_000 + b"1",
        "pack/age.py": b"import os\nimport os.path\nfrom . import b\nfrom sys import path\n",
        "pack/warn.py": b"import json\nx = '\\d'\n1 is 1\n",  # Python warns of two of the lines
    }
    for name, source in files.items():
        path = tmp_path / "library" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
    return tmp_path / "library"


PLAIN = """\
examined 1 of 8
examined 2 of 8
broken  c_broken.py  SyntaxError: '(' was never closed
examined 3 of 8
broken  d_encoding.py  SyntaxError: unknown encoding: nope
examined 4 of 8
examined 5 of 8
broken  f_too_deep.py  …
examined 6 of 8
examined 7 of 8
examined 8 of 8

Largest (lines)
 2,000  a_large.py
     5  b_deep.py
     4  pack/age.py
     3  pack/warn.py
     0  e_empty.py

Most deeply nested (blocks)
 4  b_deep.py
 0  a_large.py
 0  e_empty.py
 0  pack/age.py
 0  pack/warn.py

Imported most (by files)
 3  os
 2  sys
 1  json

Importing most (modules)
 2  b_deep.py
 2  pack/age.py
 1  a_large.py
 1  pack/warn.py
 0  e_empty.py

Examined 8 of 8 files in … s: … files/s, 3 broken, 2,012 lines
Parsers crashed on purpose and were restarted 8 times; no file was lost
"""


def plain(text: str) -> str:
    """Without what varies: the time, what Python says of a source too deep, spaces at the end."""
    text = re.sub(r"in [\d.]+ s: [\d,]+ files/s", "in … s: … files/s", text)
    text = re.sub(r"(f_too_deep\.py  )(MemoryError|RecursionError).*", r"\1…", text)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


def test_all_that_is_shown(
    census: ModuleType, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert census.main([str(library), "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    assert plain(out) == PLAIN
    assert err == ""


@pytest.mark.parametrize("workers", [2, 8, 100])
def test_more_workers_find_the_same(
    census: ModuleType, library: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    assert census.main([str(library), "--workers", str(workers)]) == 0
    assert sorted(plain(capsys.readouterr().out).splitlines()) == sorted(PLAIN.splitlines())


def test_the_length_of_the_tables(
    census: ModuleType, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert census.main([str(library), "--top", "1"]) == 0
    _, _, tables = plain(capsys.readouterr().out).partition("\n\n")
    assert tables.splitlines()[:-3] == [
        *["Largest (lines)", " 2,000  a_large.py", ""],
        *["Most deeply nested (blocks)", " 4  b_deep.py", ""],
        *["Imported most (by files)", " 3  os", ""],
        *["Importing most (modules)", " 2  b_deep.py"],
    ]


def test_nothing_parses(
    census: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("x = (")
    assert census.main([str(tmp_path)]) == 0
    out = plain(capsys.readouterr().out)
    assert "Largest (lines)\n 0  none\n" in out
    assert out.endswith(
        "Examined 1 of 1 files in … s: … files/s, 1 broken, 0 lines\n"
        "Parsers crashed on purpose and were restarted once; no file was lost\n"
    )


def test_a_terminal_that_does_not_know_all_letters(library: Path) -> None:
    (library / "é.py").touch()
    completed = subprocess.run(
        command("stdlib_census.py", str(library), "--top", "9"),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert completed.returncode == 0
    assert rb"  \xe9.py" in completed.stdout


def test_a_folder_that_is_not_there(
    census: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert census.main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr() == ("", f"There is no folder {tmp_path}/nowhere\n")


def test_a_folder_without_python(
    census: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert census.main([str(tmp_path)]) == 1
    assert capsys.readouterr() == ("", f"There are no Python files in {tmp_path}\n")


def test_a_folder_that_cannot_be_read(
    census: ModuleType,
    library: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "pack":  # root may read everything, so this is pretended
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert census.main([str(library)]) == 0
    out, err = capsys.readouterr()
    assert err == f"Cannot look into {library}/pack: Permission denied\n"
    assert "Examined 6 of 6 files" in out


@pytest.mark.parametrize("bad", ["-1", "some"])
def test_wrong_number_of_crashes(
    census: ModuleType, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        census.main([f"--crashes={bad}"])
    assert caught.value.code == 2
    assert f"argument --crashes: invalid natural value: '{bad}'" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["0", "-1", "many"])
def test_wrong_usage(census: ModuleType, capsys: pytest.CaptureFixture[str], bad: str) -> None:
    with pytest.raises(SystemExit) as caught:
        census.main([f"--workers={bad}"])
    assert caught.value.code == 2
    assert f"argument --workers: invalid positive value: '{bad}'" in capsys.readouterr().err


# --- the crew ------------------------------------------------------------------------------------


class Crew:
    """A census whose parsers wait, each with its file, until they are let go on."""

    def __init__(
        self, census: ModuleType, monkeypatch: pytest.MonkeyPatch, files: int, workers: int
    ) -> None:
        self.taken: SimpleQueue[Path] = SimpleQueue()
        self.go_on: SimpleQueue[None] = SimpleQueue()
        self.outcome: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        self.end_early = census.END_EARLY
        folder = Path("folder")

        def examine(path: Path, folder: Path) -> object:
            self.taken.put(path)
            self.go_on.get(timeout=PATIENCE)
            return census.Module(str(path.relative_to(folder)), 1, 0, frozenset())

        monkeypatch.setattr(census, "examine", examine)
        display = census.Display.start(self.outcome, files).proxy()
        paths = [folder / f"{number}.py" for number in range(files)]
        self.census_ref = census.Census.start(self.outcome, folder, paths, display)
        self.census_ref.proxy().begin(workers).get(timeout=PATIENCE)

        def parsers() -> list[Any]:
            return pykka.ActorRegistry.get_by_class(census.Parser)

        wait_until(lambda: len(parsers()) == workers, "all parsers are there")
        self.parsers = parsers()


@pytest.fixture
def start_crew(
    census: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Callable[[int, int], Crew]]:
    """Start a crew for so many files, with so many workers."""
    yield lambda files, workers: Crew(census, monkeypatch, files, workers)
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)


def test_each_parser_has_one_file_at_most(start_crew: Callable[[int, int], Crew]) -> None:
    crew = start_crew(9, 2)
    for done in range(8):
        for _ in range(2 if done == 0 else 1):
            crew.taken.get(timeout=PATIENCE)
        assert all(parser.actor_inbox.empty() for parser in crew.parsers)
        crew.go_on.put(None)
    crew.go_on.put(None)
    assert crew.outcome.get(timeout=PATIENCE).done == 9


def test_ending_early_waits_for_the_files_in_hand_only(
    census: ModuleType, start_crew: Callable[[int, int], Crew]
) -> None:
    crew = start_crew(9, 3)
    for _ in range(3):
        crew.taken.get(timeout=PATIENCE)
    pykka.ActorRegistry.broadcast(crew.end_early, census.Census)
    assert not crew.outcome.done()
    for _ in range(3):
        crew.go_on.put(None)
    tally = crew.outcome.get(timeout=PATIENCE)
    assert (tally.done, tally.total, tally.interrupted) == (3, 9, True)
    assert crew.taken.empty()


def test_ending_early_comes_too_late(start_crew: Callable[[int, int], Crew]) -> None:
    crew = start_crew(1, 1)
    crew.go_on.put(None)
    tally = crew.outcome.get(timeout=PATIENCE)
    crew.census_ref.ask(crew.end_early, timeout=PATIENCE)
    assert not tally.interrupted


@pytest.mark.parametrize(("crashes", "restarts"), [("0", 0), ("1", 1), ("5", 5), ("100", 8)])
def test_parsers_that_crash_get_their_file_once_more(
    census: ModuleType,
    library: Path,
    capsys: pytest.CaptureFixture[str],
    crashes: str,
    restarts: int,
) -> None:
    assert census.main([str(library), "--workers", "3", "--crashes", crashes]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Examined 8 of 8 files" in out
    expected = {0: "", 1: "restarted once;"}.get(restarts, f"restarted {restarts} times;")
    assert expected in out
    assert ("restarted" in out) is bool(restarts)


@pytest.mark.parametrize(("files", "crashes"), [(1, 0), (1, 1), (8, 3), (8, 8), (1790, 10)])
def test_crashes_are_spread_evenly(census: ModuleType, files: int, crashes: int) -> None:
    paths = [Path(str(number)) for number in range(files)]
    jobs = list(census.make_jobs(paths, crashes))
    assert [job.path for job in jobs] == paths
    unlucky = [number for number, job in enumerate(jobs) if job.is_unlucky]
    assert len(unlucky) == crashes
    gaps = {after - before for before, after in pairwise(unlucky)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


class SomethingWrongError(Exception):
    """What a mistake in the program raises."""


@pytest.mark.parametrize(
    ("owner", "method"),
    [("", "examine"), ("Tally", "add"), ("Display", "show_news"), ("Display", "show_tally")],
)
def test_an_actor_that_crashes_ends_the_census(
    census: ModuleType, library: Path, monkeypatch: pytest.MonkeyPatch, owner: str, method: str
) -> None:
    def fail(*_: object) -> None:
        raise SomethingWrongError

    monkeypatch.setattr(getattr(census, owner) if owner else census, method, fail)
    with pytest.raises(SomethingWrongError):
        census.main([str(library)])
    # The fixture no_leaks looks whether all threads have ended.
    assert pykka.ActorRegistry.get_all() == []


# --- the whole program, as its users run it ------------------------------------------------------

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def test_help() -> None:
    completed = run("stdlib_census.py", "--help")
    assert completed.returncode == 0
    assert completed.stderr == ""
    for text in ("[--workers N]", "[--top N]", "[--crashes N]", "[folder]", "Exit codes:"):
        assert text in completed.stdout


@pytest.mark.exhaustive  # it is what `make demo` does
def test_the_standard_library() -> None:
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = [
        path
        for path in stdlib.rglob("*.py")
        if path.is_file() and not {"site-packages", "dist-packages"} & set(path.parts)
    ]
    completed = run("stdlib_census.py")
    assert completed.returncode == 0
    assert completed.stderr == ""
    *lines, result, restarts = completed.stdout.splitlines()
    assert restarts == "Parsers crashed on purpose and were restarted 10 times; no file was lost"
    found = re.fullmatch(
        r"Examined ([\d,]+) of ([\d,]+) files in \d+\.\d s: [\d,]+ files/s, "
        r"([\d,]+) broken, ([\d,]+) lines",
        result,
    )
    assert found is not None, result
    examined, total, broken, count = (int(number.replace(",", "")) for number in found.groups())
    assert examined == total == len(files)
    assert broken == sum(line.startswith("broken  ") for line in lines)
    assert count > 100_000
    assert len([line for line in lines if line.startswith("examined ")]) in (9, 10)


def test_on_a_narrow_terminal_nothing_but_names_is_cut_off(library: Path) -> None:
    with on_terminal(command("stdlib_census.py", str(library)), width=40) as terminal:
        assert terminal.read_to_end() == 0
    lines = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.text).splitlines()
    assert max(map(len, lines)) <= 40
    assert any(re.fullmatch(r"Parsing [━╸╺ ]+ +\d+ %", line.strip()) for line in lines)
    assert "Most deeply nested (blocks)" in map(str.strip, lines)
    tables = lines[next(n for n, line in enumerate(lines) if line.startswith("Largest")) :]
    assert not any(line.lstrip().startswith("…") for line in tables)


def test_on_a_terminal_there_is_a_progress_bar(library: Path) -> None:
    with on_terminal(command("stdlib_census.py", str(library)), width=80) as terminal:
        assert terminal.read_to_end() == 0
    assert terminal.text.count(HIDE_CURSOR) == terminal.text.count(SHOW_CURSOR) == 1
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.text)  # without colours and the like
    before, _, after = text.partition("Largest (lines)")
    assert re.search(r"Parsing ━+ 0/8   0 %  0 files/s  ", before)
    assert re.search(r"Parsing [━╸╺]+ 1/8  12 %  \d+ files/s  ", before)
    assert "broken  c_broken.py  SyntaxError: '(' was never closed\n" in before
    assert "examined" not in text
    assert "━" not in after
    assert "Most deeply nested (blocks)" in after.splitlines()[0]  # two tables side by side
    assert "Examined 8 of 8 files" in after


def test_ctrl_c_on_a_terminal() -> None:
    with on_terminal(command("stdlib_census.py")) as terminal:
        terminal.read_until(re.compile("[1-9] files/s"))
        terminal.press_ctrl_c()
        assert terminal.read_to_end() == 130, terminal.text
    _check_partial(terminal.text)
    assert terminal.text.count(HIDE_CURSOR) == terminal.text.count(SHOW_CURSOR) == 1


@pytest.mark.exhaustive
def test_sigint_in_the_middle() -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(command("stdlib_census.py"), **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"examined ")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # somebody is impatient
        text = process.stdout.read().decode()
        assert process.stderr.read() == b""
        assert process.wait() == 130
    _check_partial(text)


def _check_partial(text: str) -> None:
    assert "Traceback" not in text
    assert "Largest (lines)" in text
    found = re.search(r"\nInterrupted\. Examined ([\d,]+) of ([\d,]+) files in ", text)
    assert found is not None, text
    examined, total = (int(number.replace(",", "")) for number in found.groups())
    assert 0 < examined < total


@pytest.mark.exhaustive
def test_nobody_reads_the_output_any_more() -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(command("stdlib_census.py"), **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_rich_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ImportError")
    completed = subprocess.run(
        command("stdlib_census.py"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert completed.returncode == 1
    assert completed.stderr.endswith("pip install rich\n")
    assert "Traceback" not in completed.stderr

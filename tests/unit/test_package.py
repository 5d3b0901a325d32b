"""What is built from the sources can be installed and used, and says what it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import pykka

ROOT = Path(__file__).parents[2]


FILES = ("METADATA", "WHEEL", "RECORD", "entry_points.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as pip builds it."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def build(sources: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(sources)]
    subprocess.run(command, check=True, timeout=50)
    (found,) = folder.iterdir()
    return found


@pytest.mark.exhaustive
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "pykka").rglob("*")
        if path.suffix in {".css", ".html", ".js", ".py"} or path.name == "py.typed"
    }
    assert "pykka/py.typed" in sources
    sources.add("pytest_pykka.py")
    info = f"pykka-{pykka.__version__}.dist-info"
    extra = {f"{info}/{name}" for name in (*FILES, "licenses/LICENSE")}
    assert names == sources | extra


@pytest.mark.exhaustive
def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    assert wheel.name == f"pykka-{pykka.__version__}-py3-none-any.whl"
    archive = zipfile.ZipFile(wheel)
    text = archive.read(f"pykka-{pykka.__version__}.dist-info/METADATA").decode()
    assert "Name: pykka\n" in text
    assert f"Version: {pykka.__version__}\n" in text
    assert "Requires-Python: >=3.11\n" in text
    assert "License-Expression: Apache-2.0\n" in text
    needed = [line for line in text.splitlines() if line.startswith("Requires-Dist")]
    assert all("extra ==" in line for line in needed), "the core needs the standard library only"


@pytest.mark.exhaustive
def test_links_of_the_readme_are_relative_unless_the_project_has_an_address(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(wheel: Path) -> str:
        name = f"pykka-{pykka.__version__}.dist-info/METADATA"
        return zipfile.ZipFile(wheel).read(name).decode()

    assert "](docs/tutorial.md)" in said(wheel)
    assert "\nProject-URL: " not in said(wheel)
    monkeypatch.setenv("PROJECT_URL", "https://example.org/pykka/main/")
    text = said(build(ROOT, tmp_path))
    assert "](https://example.org/pykka/main/docs/tutorial.md)" in text
    assert "](docs/" not in text
    assert "Project-URL: Changelog, https://example.org/pykka/main/CHANGELOG.md" in text


@pytest.mark.exhaustive
def test_the_wheel_works_without_anything_else(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "import pykka\n"
        "class Echo(pykka.ThreadingActor):\n"
        "    def on_receive(self, message): return message\n"
        "ref = Echo.start()\n"
        "print(pykka.__file__, ref.ask('hello'), ref.stop())\n"
    )
    # -S: without site-packages, -P: without the current folder.
    command = [sys.executable, "-S", "-P", "-W", "error", "-c", program]
    completed = subprocess.run(
        command,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert completed.stdout == f"{tmp_path}/pykka/__init__.py hello True\n"
    assert completed.stderr == ""


@pytest.mark.exhaustive
def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=50)
    (found,) = tmp_path.iterdir()
    shutil.unpack_archive(found, tmp_path, filter="data")
    unpacked = tmp_path / f"pykka-{pykka.__version__}"
    again = build(unpacked, tmp_path / "again")
    assert contents(again) == contents(wheel)
    # With all that is needed to test it, and nothing that was lying about.
    names = {path.name for path in unpacked.iterdir()}
    assert {"tests", "docs", "requirements", "Makefile", "LICENSE"} <= names
    assert not names & {".venv", "site", "dist", ".git"}


def contents(wheel: Path) -> dict[str, bytes]:
    archive = zipfile.ZipFile(wheel)
    return {name: archive.read(name) for name in archive.namelist()}


def test_the_version_stands_in_one_place() -> None:
    assert metadata.version("pykka") == pykka.__version__
    places = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if f'"{pykka.__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert [path.name for path in places] == ["_version.py"]


def test_importing_the_package_imports_little() -> None:
    program = (
        "import sys; before = set(sys.modules); import pykka; print(*set(sys.modules) - before)"
    )
    completed = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    heavy = {"asyncio", "concurrent.futures", "multiprocessing", "ssl", "socket"}
    assert not heavy & set(completed.stdout.split())


def test_asking_for_the_actor_of_asyncio_imports_it_and_finds_it_the_next_time() -> None:
    program = """if True:
        import sys, pykka
        assert "AsyncioActor" in dir(pykka)
        assert "asyncio" not in sys.modules
        first = pykka.AsyncioActor
        assert first is pykka.AsyncioActor is vars(pykka)["AsyncioActor"]
        assert "asyncio" in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pykka' has no attribute 'Nothing'"):
        _ = pykka.Nothing

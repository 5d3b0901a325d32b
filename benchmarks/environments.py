"""The environments that implementations live in, under `.bench/`.

Each peer has an environment of its own, made from a file with versions and hashes under
`requirements/`. What is written with the standard library alone runs in an empty one; so does this
library, from its source tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench"
ERLANG_SOURCES = ROOT / "benchmarks" / "erlang"
TAG_OF = (
    "import hashlib, sys, sysconfig; print('%s%d%d%s-%s' % (sys.implementation.name, "
    "*sys.version_info[:2], 't' if sysconfig.get_config_var('Py_GIL_DISABLED') else '', "
    "hashlib.sha256(sys.base_prefix.encode()).hexdigest()[:6]))"
)
"""Tells a Python from all others, also from another build of the same version."""


@dataclass(frozen=True)
class Environment:
    """What is installed together."""

    name: str
    distribution: str = ""
    """The one whose version counts."""
    requirements: str = ""
    """The file under requirements/."""
    built_with: str = ""
    """The file with what its source distribution is built with, if it has no wheel."""
    source_tree: bool = False
    """Whether this library's source tree can be imported."""

    @property
    def files(self) -> list[Path]:
        """The files with what to install, in this order."""
        names = [name for name in (self.built_with, self.requirements) if name]
        return [ROOT / "requirements" / name for name in names]


ENVIRONMENTS: dict[str, Environment] = {
    environment.name: environment
    for environment in (
        Environment("bare"),
        Environment("ours", "pykka", "bench-ours.txt", source_tree=True),
        Environment("pykka-4.0.2", "pykka", "bench-pykka-4.0.2.txt"),
        Environment("pykka-newest", "pykka", "bench-pykka-newest.txt"),
        Environment(
            "thespian", "thespian", "bench-thespian.txt", built_with="bench-thespian-build.txt"
        ),
        Environment("xoscar", "xoscar", "bench-xoscar.txt"),
        Environment("erlang"),
    )
}


class AbsentError(Exception):
    """An environment cannot be made."""


class Site:
    """All environments for one Python.

    Args:
        python: The interpreter that everything is measured with.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self.python = str(Path(shutil.which(python) or python).absolute())
        tag = _output([self.python, "-c", TAG_OF]).strip()
        self.home = HOME / tag

    def interpreter(self, environment: Environment) -> Path:
        """The Python of an environment."""
        where = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return self.folder(environment) / where

    def folder(self, environment: Environment) -> Path:
        """Where an environment is; what needs no distribution shares an empty one."""
        return self.home / (environment.name if environment.requirements else "bare")

    @property
    def erlang(self) -> Path:
        """Where the compiled Erlang programs are."""
        return self.home / "erlang"

    def variables(self, environment: Environment) -> dict[str, str]:
        """The environment variables of a measurement."""
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        variables["PYTHONPYCACHEPREFIX"] = str(self.home / "pycache")
        variables["BENCH_ERLANG"] = str(self.erlang)
        if environment.source_tree:
            variables["PYTHONPATH"] = str(ROOT / "src")
        return variables

    def absent(self) -> dict[str, str]:
        """The environments that could not be made, with the reasons."""
        found: dict[str, str] = {}
        for name, environment in ENVIRONMENTS.items():
            state = self._state(environment)
            if state is None:
                found[name] = "was never installed: make bench-peers"
            elif state["reason"]:
                found[name] = state["reason"]
        return found

    def make(self, environment: Environment) -> str:
        """Make an environment, unless it is there, and return why it is absent, or ""."""
        state = self._state(environment)
        if state is not None and not state["reason"]:
            return ""
        reason = ""
        try:
            self._build(environment)
        except AbsentError as error:
            reason = str(error)
        file = self._state_file(environment)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"made_of": self._made_of(environment), "reason": reason}))
        return reason

    def _build(self, environment: Environment) -> None:
        if environment.name == "erlang":
            _compile_erlang(self.erlang)
            return
        interpreter, folder = self.interpreter(environment), self.folder(environment)
        if environment.requirements or not interpreter.exists():
            # What is removed is named here, and not found out from an interpreter: that may be
            # one of somebody else.
            shutil.rmtree(folder, ignore_errors=True)
            _run([self.python, "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "--python", str(interpreter), "install", "--quiet", "--require-hashes"]
        for file in environment.files:
            binary = (
                ["--no-build-isolation"] if environment.built_with else ["--only-binary", ":all:"]
            )
            try:
                _run([*install, *binary, "-r", str(file)])
            except AbsentError:
                if not environment.source_tree:  # the library can do without what it can use
                    raise

    def _state_file(self, environment: Environment) -> Path:
        return self.home / f"{environment.name}.json"

    def _state(self, environment: Environment) -> dict[str, Any] | None:
        """What is known of an environment; nothing if it was made of something else."""
        try:
            state: dict[str, Any] = json.loads(self._state_file(environment).read_text())
        except (OSError, ValueError):
            return None
        return state if state["made_of"] == self._made_of(environment) else None

    def _made_of(self, environment: Environment) -> str:
        digest = hashlib.sha256(self.python.encode())
        for file in environment.files:
            digest.update(file.read_bytes())
        if environment.name == "erlang":
            for source in sorted(ERLANG_SOURCES.glob("*.erl")):
                digest.update(source.read_bytes())
        return digest.hexdigest()


def make_all(site: Site, tell: Callable[[str], object]) -> None:
    """Make all environments, and tell of each how it went."""
    for environment in ENVIRONMENTS.values():
        reason = site.make(environment)
        tell(f"{environment.name}: {'absent: ' + reason if reason else 'ready'}")


def _compile_erlang(target: Path) -> None:
    if not shutil.which("erl"):
        msg = "erl is not on the path; on Debian, install erlang-base"
        raise AbsentError(msg)
    if not shutil.which("erlc"):
        msg = "erlc is not on the path"
        raise AbsentError(msg)
    target.mkdir(parents=True, exist_ok=True)
    sources = [str(source) for source in sorted(ERLANG_SOURCES.glob("*.erl"))]
    _run(["erlc", "-Werror", "-o", str(target), *sources])


def _run(command: list[str]) -> None:
    with tempfile.TemporaryFile("w+") as log:
        try:
            subprocess.run(command, check=True, stdout=log, stderr=log)  # noqa: S603
        except OSError as error:
            raise AbsentError(str(error)) from None
        except subprocess.CalledProcessError:
            log.seek(0)
            lines = [line.strip() for line in log if line.strip()]
            wrong = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
            raise AbsentError(" ".join(wrong)[:300] or "it failed without a word") from None


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603

"""Every name that a user may use is reached through exactly one door, and is documented there."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version
from tests.extras import EXTRAS, is_missing
from tests.sources import nodes_of

import pykka

if TYPE_CHECKING:
    from types import ModuleType

DOORS = [
    "pykka",
    "pykka.messages",
    "pykka.typing",
    "pykka.debug",
    "pykka.dead_letters",
    "pykka.instruments",
    "pykka.inboxes",
    "pykka.timers",
    "pykka.supervision",
    "pykka.resilience",
    "pykka.routing",
    "pykka.simulation",
    "pykka.testing",
    "pykka.observer",
    *(module for module in EXTRAS if not is_missing(module)),
]
"""The modules that a user imports from."""

INTERNAL = ["pykka.runtimes"]
"""What has no underscore and is no door: `pykka` re-exports what is in it."""


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: its `__all__`, or else what it defines."""
    offered = getattr(module, "__all__", None)
    if offered is not None:
        return sorted(offered)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    )


def exports() -> list[tuple[str, str, Any]]:
    return [
        (door, name, getattr(importlib.import_module(door), name))
        for door in DOORS
        for name in public_names(importlib.import_module(door))
    ]


EXPORTS = exports()
OBJECTS = [(door, name, value) for door, name, value in EXPORTS if not isinstance(value, str)]


# --- doors --------------------------------------------------------------------------------------


def test_every_module_is_a_door_or_private() -> None:
    modules = {module.name for module in pkgutil.walk_packages(pykka.__path__, "pykka.")}
    public = {name for name in modules if not any(p.startswith("_") for p in name.split("."))}

    internal = {name for name in public if name.startswith(tuple(INTERNAL))}
    public = {name for name in public if not is_missing(name)}
    assert public - internal == set(DOORS) - {"pykka"}


def test_no_name_has_two_doors() -> None:
    counts = Counter(name for _door, name, _value in EXPORTS)
    # `pykka.run(main)`, and `pykka.simulation.run(main)`: the same main function, simulated.
    assert [name for name, count in counts.items() if count > 1] == ["run"]

    identities = Counter(id(value) for _door, _name, value in OBJECTS)
    assert set(identities.values()) == {1}


def test_the_doors_offer_these_names_and_no_others() -> None:
    doors = [door for door in DOORS if door not in EXTRAS]
    assert {door: public_names(importlib.import_module(door)) for door in doors} == {
        "pykka": [
            "Abandoned",
            "Accepts",
            "Actor",
            "ActorCrash",
            "ActorDeadError",
            "ActorEnded",
            "ActorError",
            "ActorFailed",
            "ActorLogFilter",
            "ActorOptions",
            "ActorProxy",
            "ActorRef",
            "ActorRegistry",
            "ActorRestarted",
            "ActorScope",
            "ActorStarted",
            "ActorStatistics",
            "ActorSystem",
            "AskCancelledError",
            "AskExpiredError",
            "AsyncioActor",
            "BlockingWarning",
            "CallableProxy",
            "DeadlockError",
            "Dispatcher",
            "DispatcherStatistics",
            "EventBus",
            "Failed",
            "Future",
            "FutureAlreadySetError",
            "InboxFullError",
            "InboxStatistics",
            "Killed",
            "LifecycleEvent",
            "NameTakenError",
            "PipedOutcome",
            "PoolExhaustedError",
            "PooledActor",
            "Reason",
            "Reply",
            "ReplyDroppedError",
            "Request",
            "StashFullError",
            "Stopped",
            "SupervisorGaveUp",
            "SystemStatistics",
            "Terminated",
            "ThreadingActor",
            "ThreadingFuture",
            "Timeout",
            "Timer",
            "as_completed",
            "crash_hook",
            "expire_asks",
            "from_concurrent",
            "get_all",
            "hand_on",
            "handles",
            "pipe_to",
            "reply_later",
            "run",
            "traversable",
        ],
        "pykka.messages": ["FunctionCall", "ProxyCall", "ProxyGetAttr", "ProxySetAttr"],
        "pykka.typing": ["ActorMemberMixin", "Method", "proxy_field", "proxy_method"],
        "pykka.debug": [
            "Trace",
            "TracedMessage",
            "WaitGraph",
            "WaitingActor",
            "get_state",
            "log_thread_tracebacks",
            "print_wait_graph",
            "trace",
            "wait_graph",
            "warn_about_blocking",
        ],
        "pykka.instruments": ["Delivery", "Installation", "Instrument", "install"],
        "pykka.dead_letters": [
            "DeadLetter",
            "DeadLetterStatistics",
            "statistics",
            "subscribe",
            "unsubscribe",
        ],
        "pykka.inboxes": ["Bounded", "InboxSpec", "Priority", "Unbounded"],
        "pykka.timers": ["Clock", "ManualClock", "MonotonicClock"],
        "pykka.supervision": [
            "ChildCounts",
            "ChildInfo",
            "ChildSpec",
            "ChildStartError",
            "DynamicSupervisor",
            "RestartLimitError",
            "SupervisionError",
            "Supervisor",
        ],
        "pykka.resilience": [
            "Askable",
            "Backoff",
            "CircuitBreaker",
            "CircuitBreakerStatistics",
            "CircuitOpenError",
            "CircuitStateChange",
            "RateLimitExceededError",
            "RateLimiter",
            "RateLimiterStatistics",
            "Retry",
            "RetryStatistics",
        ],
        "pykka.routing": [
            "Broadcast",
            "ConsistentHashing",
            "Random",
            "RoundRobin",
            "RouterRef",
            "ScatterGather",
            "SmallestInbox",
            "TailChopping",
        ],
        "pykka.simulation": [
            "Crash",
            "Exploration",
            "Finding",
            "NotSimulatedError",
            "Result",
            "Simulation",
            "SimulationFailedError",
            "TraceLine",
            "explore",
            "run",
            "test",
        ],
        "pykka.testing": ["Probe", "SystemUnderTest", "settle"],
        "pykka.observer": ["Observer", "ObserverError", "serve"],
    }


def test_the_doors_of_extras_offer_these_names_and_no_others() -> None:
    names = {
        "pykka.opentelemetry": ["Instrumentation", "instrument"],
        "pykka.prometheus": ["Collector"],
    }
    assert set(names) == set(EXTRAS)
    for door in EXTRAS:
        if not is_missing(door):
            assert public_names(importlib.import_module(door)) == names[door]


@pytest.mark.parametrize(
    "door",
    [
        "pykka",
        "pykka.dead_letters",
        "pykka.debug",
        "pykka.instruments",
        "pykka.inboxes",
        "pykka.timers",
        "pykka.supervision",
        "pykka.resilience",
        "pykka.routing",
        "pykka.simulation",
        "pykka.testing",
    ],
)
def test_all_is_sorted_and_complete(door: str) -> None:
    module = importlib.import_module(door)
    offered = module.__all__

    assert offered == sorted(offered)
    assert len(set(offered)) == len(offered)
    mine = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("pykka")
        and (inspect.isclass(value) or inspect.isfunction(value))
    }
    assert mine == set(offered)


def test_import_star_brings_the_documented_names() -> None:
    namespace: dict[str, object] = {}
    exec("from pykka import *", namespace)  # noqa: S102

    assert set(namespace) - {"__builtins__"} == set(pykka.__all__)


def test_the_modules_that_pykka_4_has_are_attributes_of_the_package() -> None:
    code = "import pykka; pykka.messages.ProxyCall"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("module", ["pykka.debug", "pykka.typing", "pykka.messages"])
def test_each_door_can_be_opened_first(module: str) -> None:
    code = f"import {module} as door; print(door.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )

    assert done.stdout == f"{module}\n"


# --- what stands behind them --------------------------------------------------------------------


def test_each_export_says_where_it_lives() -> None:
    for _door, name, value in OBJECTS:
        assert value.__name__ == name
        assert value.__qualname__ == name
        assert value.__module__.split(".")[0] == "pykka"
        assert getattr(sys.modules[value.__module__], name) is value


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_a_docstring(door: str) -> None:
    check_summary(importlib.import_module(door).__doc__)


def test_nothing_inside_imports_the_front_door() -> None:
    package = importlib.resources.files("pykka")
    for info in pkgutil.walk_packages(pykka.__path__, "pykka."):
        if is_missing(info.name):
            continue
        module = importlib.import_module(info.name)
        for node in nodes_of(inspect.getsource(module)):
            if isinstance(node, ast.Import):
                assert "pykka" not in [alias.name for alias in node.names], module
            elif isinstance(node, ast.ImportFrom) and node.module == "pykka":
                for alias in node.names:
                    assert (
                        package.joinpath(f"{alias.name}.py").is_file()
                        or package.joinpath(alias.name).is_dir()
                    ), f"{module.__name__} imports {alias.name} through the front door"


# --- docstrings ---------------------------------------------------------------------------------

SECTIONS = ["Args", "Returns", "Yields", "Raises", "Examples"]
"""The sections of Google's style that are used, in their order."""


def check_summary(doc: str | None) -> None:
    assert doc, "no docstring"
    first, _, rest = inspect.cleandoc(doc).partition("\n")
    assert first.endswith((".", ":"))
    assert rest == "" or rest.startswith("\n")


def documented() -> list[tuple[str, Any]]:
    """Every export, and every public method and property of the classes among them."""
    found: list[tuple[str, Any]] = []
    for door, name, value in OBJECTS:
        found.append((f"{door}.{name}", value))
        if not inspect.isclass(value):
            continue
        for member, thing in vars(value).items():
            is_code = inspect.isfunction(thing) or isinstance(
                thing, (classmethod, staticmethod, property)
            )
            if is_code and not member.startswith("_"):
                found.append((f"{door}.{name}.{member}", getattr(value, member)))
    return found


DOCUMENTED = [
    (where, thing)
    for where, thing in documented()
    if not where.startswith("pykka.typing.ActorMemberMixin.")
]


def test_every_public_name_has_a_docstring_in_googles_style() -> None:
    for where, thing in DOCUMENTED:
        check_docstring(where, thing)


def check_docstring(where: str, thing: Any) -> None:
    doc = inspect.getdoc(thing)
    check_summary(doc)
    assert doc is not None, where
    sections = re.findall(r"^(\w+):$", doc, re.MULTILINE)
    assert [s for s in sections if s not in SECTIONS] == [], where
    assert sections == sorted(sections, key=SECTIONS.index), where
    for section in sections:
        body = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", doc, re.MULTILINE)
        assert body is not None, f"section {section} of {where} is empty"


def has_arguments(thing: Any) -> list[str]:
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.name not in ("self", "cls") and not parameter.name.startswith("_")
    ]


def test_the_arguments_that_are_documented_exist() -> None:
    for where, thing in DOCUMENTED:
        section = re.search(r"^Args:\n((?:    .*\n?)+)", inspect.getdoc(thing) or "", re.MULTILINE)
        if section is not None and (inspect.isroutine(thing) or inspect.isclass(thing)):
            named = re.findall(r"^    \*{0,2}(\w+):", section[1], re.MULTILINE)
            assert set(named) == set(has_arguments(thing)), where


REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_front_page_of_the_reference_lists_every_public_name() -> None:
    page = (REFERENCE / "index.md").read_text(encoding="utf-8")
    names = [f"{door}.{name}" for door, name, _value in EXPORTS]
    assert [name for name in names if f"][{name}]" not in page] == []


def test_the_reference_has_an_entry_for_every_public_name() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    entries = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    missing = [
        f"{door}.{name}"
        for door, name, _value in EXPORTS
        if f"{door}.{name}" not in entries and door not in entries
    ]
    assert missing == []


# --- version and types --------------------------------------------------------------------------


def test_the_version_is_stated_once() -> None:
    assert str(Version(pykka.__version__)) == pykka.__version__
    assert importlib.metadata.version("pykka") == pykka.__version__

    stated = [
        info.name
        for info in pkgutil.walk_packages(pykka.__path__, "pykka.")
        if not is_missing(info.name)
        and pykka.__version__ in inspect.getsource(importlib.import_module(info.name))
    ]
    assert stated == ["pykka._version"]


def test_the_package_says_that_it_has_type_hints() -> None:
    assert importlib.resources.files("pykka").joinpath("py.typed").is_file()


def test_the_package_needs_nothing_but_python() -> None:
    requires = importlib.metadata.requires("pykka") or []

    assert [each for each in requires if "extra ==" not in each] == []

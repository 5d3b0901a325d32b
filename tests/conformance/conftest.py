"""Fixtures of the tests that every runtime has to pass.

No test in this directory names a runtime. A test gets one from the fixture `runtime` and derives
its actors from `runtime.actor_class`, or it uses the class that the fixture `agent` makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Diary, Gate, among, make_agent_class
from tests.conformance.supervised import Offices, make_worker_class
from tests.conftest import RUNTIMES, TOY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Runtime


@pytest.fixture(params=among([*RUNTIMES, TOY]), ids=lambda runtime: runtime.name)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime in turn; in the exhaustive tier, the toy as well."""
    found: Runtime = request.param
    return found


@pytest.fixture
def agent(runtime: Runtime) -> Any:
    """An actor class whose actors do what they are told; see `make_agent_class`."""
    return make_agent_class(runtime)


@pytest.fixture
def ref(agent: Any) -> Iterator[Any]:
    """An actor that does what it is told."""
    ref = agent.start()
    yield ref
    ref.stop()


@pytest.fixture
def offices(runtime: Runtime, diary: Diary) -> Offices:
    """Starts supervisors of workers of this runtime."""
    return Offices(make_worker_class(runtime), diary)


@pytest.fixture
def diary() -> Diary:
    """A diary for agents to write in."""
    return Diary()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is opened at the end of the test if not before."""
    gate = Gate()
    yield gate
    gate.open()

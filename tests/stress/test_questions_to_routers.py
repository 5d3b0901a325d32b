"""Many questions to routers whose routees come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.test_routers import EACH, TO_ONE, ask_while_routees_come_and_go
from tests.conftest import RUNTIMES

if TYPE_CHECKING:
    from tests.conftest import Runtime


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
@pytest.mark.parametrize("make", TO_ONE.values(), ids=TO_ONE)
def test_every_question_is_answered_while_routees_come_and_go(runtime: Runtime, make: Any) -> None:
    ask_while_routees_come_and_go(runtime, make, EACH)

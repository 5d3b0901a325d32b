"""A million messages through a supervised pool whose workers crash with one in a hundred."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from tests.conftest import RUNTIMES
from tests.stress.supervised_pool import Pool

if TYPE_CHECKING:
    from tests.conftest import Runtime

MESSAGES = int(os.environ.get("PYKKA_STRESS_MESSAGES", "1_000_000"))


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
def test_the_books_of_a_million_messages_balance(runtime: Runtime) -> None:
    seed = random.randrange(1_000_000)
    pool = Pool(runtime.actor_class, messages=MESSAGES, workers=8, senders=4, seed=seed)
    print(f"{runtime.name}: {pool.run()}")

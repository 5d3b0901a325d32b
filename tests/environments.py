"""The environments of the processes that tests start."""

from __future__ import annotations

import os


def untraced() -> dict[str, str]:
    """This one, without what has coverage measured in child processes, which takes long."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}

"""Whether there is a global interpreter lock."""

import sys


def has_gil() -> bool:
    """Tell whether only one thread at a time runs Python code in this process."""
    found: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return found

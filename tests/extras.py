"""The package's extras: what needs a package that is not installed everywhere.

`make test` installs them with what the examples need. Where they are missing, such as on a Python
that has no wheels of them, what needs them is left out.
"""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {"pykka.prometheus": "prometheus_client"}
"""The modules that need an extra, and what they import."""

MISSING = {module for module, needed in EXTRAS.items() if find_spec(needed) is None}


def is_missing(module: str) -> bool:
    """Tell whether a module of the package cannot be imported here."""
    return any(f"{module}.".startswith(f"{each}.") for each in MISSING)

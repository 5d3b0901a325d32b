"""What a look at a list needs without the GIL, and with it does not.

Without the GIL, the length of a list that a thread looks at may be older than what this thread
itself wrote before, on a machine whose memory is weakly ordered. An operation that takes the
list's own lock, such as extending it by nothing, is not. With the GIL there is no such thing, and
the look alone is enough.
"""

from __future__ import annotations

from pykka._gil import has_gil

FENCE = not has_gil()
"""Whether a list must be extended by `NOTHING` before its length is looked at."""

NOTHING = ()

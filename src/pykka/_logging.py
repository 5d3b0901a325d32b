"""The library's loggers.

Everything goes to the logger `pykka` or a child of it. A `NullHandler` sits on it, so a program
that has not set up logging sees nothing, as is the custom for libraries.
"""

import logging

logger = logging.getLogger("pykka")
logger.addHandler(logging.NullHandler())

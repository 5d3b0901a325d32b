"""`python -m pykka`: run a program that can be observed, and observe one."""

import sys

from pykka.observer._commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

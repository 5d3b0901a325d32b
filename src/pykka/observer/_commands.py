"""What `python -m pykka` does."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import time
from typing import TYPE_CHECKING

from pykka import observer
from pykka.observer import _client, _text
from pykka.observer._addresses import ObserverError
from pykka.observer._server import PERMISSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, MISSING = 0, 1, 3

NEEDED = {"rich", "starlette", "textual", "uvicorn"}
"""What the extra `observer` brings."""

DESCRIPTION = """\
Run a program of actors so that it can be observed, and observe it.
"""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the status of the process."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "run":
            return _run(options)
        # The environment of the program that is looked for may be that of this one.
        observer.close_all()
        return _observe(options)
    except ObserverError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command says what it has to say)
        return FAILED
    except KeyboardInterrupt:
        if options.command == "run":
            raise
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pykka", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    running = commands.add_parser(
        "run",
        help="run a program that can be observed",
        description="Run a program as `python program.py` does, so that it can be observed.",
    )
    running.add_argument("--name", help="by which name it is found (default: that of its file)")
    running.add_argument(
        "--allow",
        type=_permissions,
        default=(),
        metavar="WHAT",
        help=f"what viewers may do besides looking: {', '.join(PERMISSIONS)}, separated by commas",
    )
    running.add_argument("-m", dest="is_module", action="store_true", help="run a module")
    running.add_argument("program", help="the file, or with -m the module")
    running.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's arguments")
    looking = commands.add_parser(
        "observe",
        help="see what a program does",
        description="See what a live program does, in the terminal or in a browser.",
    )
    looking.add_argument(
        "program", nargs="?", metavar="PID|NAME", help="which one (default: the only one)"
    )
    looking.add_argument(
        "--once", action="store_true", help="print how it stands as plain text, and end"
    )
    looking.add_argument(
        "--web", action="store_true", help="show it in a browser; prints the link to open"
    )
    looking.add_argument(
        "--port",
        type=_port,
        default=0,
        metavar="PORT",
        help="with --web: where to listen, on this machine only (default: any port that is free)",
    )
    looking.add_argument("--list", action="store_true", help="list the programs, and end")
    looking.add_argument(
        "--every",
        type=_seconds,
        default=0.5,
        metavar="SECONDS",
        help="how often to look (default: %(default)s)",
    )
    looking.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait for the program, if it is just being started",
    )
    return parser


def _permissions(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, text.split(",")))
    if not set(found) <= set(PERMISSIONS):
        msg = f"it takes {', '.join(PERMISSIONS)}, separated by commas"
        raise argparse.ArgumentTypeError(msg)
    return found


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3600:  # noqa: PLR2004 (it is what the next line says)
        msg = "it takes a number of seconds from 0.1 to 3600"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004 (it is what the next line says)
        msg = "it takes a number from 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return port


def _run(options: argparse.Namespace) -> int:
    if not options.is_module and not os.path.isfile(options.program):  # noqa: PTH113
        msg = f"there is no file {options.program}"
        raise ObserverError(msg)
    name = options.name or os.path.basename(options.program).removesuffix(".py")  # noqa: PTH119
    observer.serve(name=name, allow=options.allow)
    sys.argv = [options.program, *options.arguments]
    if options.is_module:
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 (as Python does)
        runpy.run_module(options.program, run_name="__main__", alter_sys=True)
    else:
        # With -m, the first entry is the folder that this was called in.
        sys.path[0] = os.path.dirname(os.path.abspath(options.program))  # noqa: PTH100, PTH120
        runpy.run_path(options.program, run_name="__main__")
    return OK


def _observe(options: argparse.Namespace) -> int:
    if options.list:
        for client in _client.programs():
            with client:
                said = client.program
                print(f"{said['pid']:>8}  {said['name']}")  # noqa: T201
        return OK
    # It is found before the screen is taken, so that what is wrong is said on the terminal.
    client = _connect(options.program, time.monotonic() + options.wait)
    with client:
        if options.once:
            print(_text.as_text(client))  # noqa: T201
            return OK
    try:
        if options.web:
            _observe_on_the_web(options)
        else:
            _observe_in_the_terminal(options)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in NEEDED:
            raise
        where = "in a browser" if options.web else "in the terminal"
        print(  # noqa: T201
            f"To observe {where} needs {missing}, which is missing: "
            "pip install 'pykka[observer]'. "
            "With --once, it is printed without.",
            file=sys.stderr,
        )
        return MISSING
    return OK


def _observe_in_the_terminal(options: argparse.Namespace) -> None:
    from pykka.observer._app import ObserverApp  # noqa: PLC0415 (it needs the extra)

    ObserverApp(lambda: _client.connect(options.program), every=options.every).run()


def _observe_on_the_web(options: argparse.Namespace) -> None:
    from pykka.observer._web import Site  # noqa: PLC0415 (as above)

    site = Site(lambda: _client.connect(options.program), every=options.every, port=options.port)
    print(f"Open this link in a browser on this machine:\n\n    {site.link}\n")  # noqa: T201
    print("It is for you: who has it can see the program. Ctrl-C ends it.", flush=True)  # noqa: T201
    site.run()


def _connect(wanted: str | None, until: float) -> _client.Client:
    while True:
        try:
            return _client.connect(wanted)
        except ObserverError:
            if time.monotonic() >= until:
                raise
        time.sleep(0.1)

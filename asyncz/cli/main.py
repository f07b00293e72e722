"""``asyncz run``: a thin shell over ``scheduler.run()``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..exceptions import shown
from .loading import LoadError, load_scheduler

__all__ = ("main",)

#: Seconds that runs may take to end after a signal.
STOP_TIMEOUT = 30.0
#: About as long as the locks of all platforms can wait.
MAX_TIMEOUT = 4_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say, those of the process by default, and return the exit status.

    0 when the scheduler ran and stopped, 2 when it could not be found (argparse uses the same for wrong usage), 130
    when a third Ctrl-C broke it off.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        scheduler = load_scheduler(given.target)
    except LoadError as exc:
        print(f"{parser.prog} run: {exc}", file=sys.stderr)
        return 2
    _set_up_logging(given.log_level)
    try:
        scheduler.run(timeout=given.timeout)
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asyncz", description="Run callables at the right time.")
    parser.add_argument("--version", action="version", version=f"asyncz {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run a scheduler until Ctrl-C or SIGTERM",
        description="Run a scheduler until Ctrl-C or SIGTERM, then wait for its running tasks. A second Ctrl-C ends "
        "that wait.",
    )
    run.add_argument("target", help="module:scheduler, path/to/file.py, or path/to/file.py:scheduler")
    run.add_argument(
        "--timeout",
        type=_seconds,
        default=STOP_TIMEOUT,
        metavar="SECONDS",
        help="how long running tasks may take to end (default: %(default)g)",
    )
    run.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="what the logging module shows on standard error (default: %(default)s)",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_TIMEOUT:
        raise argparse.ArgumentTypeError(f"expected seconds, from 0 to {MAX_TIMEOUT}, got {shown(text)}")
    return value


def _set_up_logging(level: str) -> None:
    """Send log lines to standard error, unless the program that holds the scheduler has set up logging itself."""
    import logging

    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")

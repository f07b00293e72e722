"""How often would each line of these crontabs run in a year? Replayed in virtual time; no command is executed.

    python3 -m examples.crontab_replay /etc/crontab /etc/cron.d --timezone Europe/Berlin --year 2024
    crontab -l > mine && python3 -m examples.crontab_replay --no-user-column mine

Crontabs are read as Debian's crontab(5) says. A line that cron would refuse is reported, and the others are replayed.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

from asyncz.schedulers.base import BaseScheduler
from asyncz.testing import VirtualClock, drive
from asyncz.triggers import BaseTrigger, CronTrigger, DateTrigger
from asyncz.utils import get_localzone, localize, to_timezone

NICKNAMES = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")

# NAME = value, each with or without quotes; an empty value needs them.
_VARIABLE = re.compile(
    r"""[ \t]* (?: "([^"=]+)" | '([^'=]+)' | ([^\s"'=][^\s=]*) ) [ \t]* =
        [ \t]* (?: "([^"]*)" | '([^']*)' | ([^\s"'].*) )""",
    re.VERBOSE,
)
_ITEM = r"(?:\*(?:/\d+)?|(?:\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3})(?:/\d+)?)?)"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.IGNORECASE | re.ASCII)
_USER = re.compile(r"[A-Za-z_][\w.@\\+-]*\$?")
_BLANKS = re.compile(r"[ \t]+")
_PERCENT = re.compile(r"(?<!\\)%")
#: Of a directory such as /etc/cron.d, cron(8) reads the files with names like these.
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Line(NamedTuple):
    """One command of a crontab, and the variables that are set above it."""

    where: str
    schedule: str
    trigger: BaseTrigger
    user: str
    command: str
    stdin: str
    environment: dict[str, str]


class BadLine(NamedTuple):
    """A line that cron would refuse, and why."""

    where: str
    problem: str


# Reading


def read_crontab(path: Path, user_column: bool = True) -> Iterator[Line | BadLine]:
    """Yield the commands of a crontab, and the lines that cannot be read, in order."""
    # Comments come in any encoding; and nothing but a newline ends a line, for cron.
    lines = path.read_bytes().decode("utf-8", "backslashreplace").split("\n")
    environment: dict[str, str] = {}
    is_shared = False  # with lines that were yielded
    for number, text in enumerate(lines, 1):
        where, text = f"{path}:{number}", text.lstrip(" \t")
        variable = _VARIABLE.fullmatch(text.rstrip()) if "=" in text else None
        if not text or text.startswith("#"):
            continue
        if number == len(lines):
            yield BadLine(where, f"expected a newline at the end of the file, got none after {shortened(text)!r}")
        elif variable is not None:
            name, value = (group for group in variable.groups() if group is not None)
            if is_shared:
                environment, is_shared = dict(environment), False
            environment[name] = value
        else:
            is_shared = True
            try:
                yield read_command(where, text, user_column, environment)
            except ValueError as problem:
                yield BadLine(where, str(problem))


def read_command(where: str, text: str, user_column: bool, environment: dict[str, str]) -> Line:
    """Take a line apart. Raises ValueError saying what was expected and what is there."""
    fields = 1 if text.startswith("@") else 5
    words = _BLANKS.split(text, maxsplit=fields + user_column)
    schedule, user = " ".join(words[:fields]), "".join(words[fields : fields + user_column])
    rest = "".join(words[fields + user_column :])
    trigger = read_schedule(schedule)
    if user_column and not _USER.fullmatch(user):
        raise ValueError(f"expected the name of a user after the schedule, got {shortened(user)!r}")
    if not rest:
        raise ValueError(f"expected a command at the end of the line, got none in {shortened(text)!r}")
    command, *stdin = (part.replace("\\%", "%") for part in _PERCENT.split(rest))
    return Line(where, schedule, trigger, user, command, "".join(f"{part}\n" for part in stdin), environment)


def read_schedule(text: str) -> BaseTrigger:
    """Return the trigger of five fields or a nickname. Raises ValueError for what cron does not take."""
    if text == "@reboot":
        return DateTrigger()  # once, when the scheduler starts
    if text.startswith("@"):
        if text not in NICKNAMES:
            raise ValueError(f"expected one of {', '.join(NICKNAMES)}, got {shortened(text)!r}")
    else:
        for field in text.split(" "):
            if not _FIELD.fullmatch(field):
                got = repr(shortened(field))
                raise ValueError(f"expected NAME=value, or a field of *, */c, a, a-b, a-b/c and commas, got {got}")
    try:
        return CronTrigger.from_crontab(text)
    except ValueError as problem:
        raise ValueError(f"expected a schedule, got {shortened(text)!r}: {problem}") from problem


def crontabs(paths: Iterable[str]) -> Iterator[Path]:
    """Yield the files, and the crontabs in the directories."""
    for path in map(Path, paths):
        if path.is_dir():
            yield from (file for file in sorted(path.iterdir()) if _FILE_NAME.fullmatch(file.name) and file.is_file())
        else:
            yield path


# Replaying


class Replay(BaseScheduler):
    """A scheduler that ``drive`` takes through virtual time."""

    def wakeup(self) -> None:
        """Nobody sleeps."""


class Counter:
    """Stands for a command: counts its runs, and remembers when the first was."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.runs = 0
        self.first: datetime | None = None

    def __call__(self) -> None:
        if not self.runs:
            self.first = self._clock.now()
        self.runs += 1


def replay(lines: Sequence[Line], year: int, timezone: tzinfo) -> list[Counter]:
    """Schedule the lines, let a year pass, and return what was counted of each."""
    start, end = (localize(datetime(each, 1, 1), timezone) for each in (year, year + 1))
    clock = VirtualClock(start)
    counters = [Counter(clock) for _ in lines]
    with Replay(clock=clock, timezone=timezone, executors={"default": {"type": "debug"}}) as scheduler:
        for line, counter in zip(lines, counters, strict=True):
            scheduler.add_task(counter, line.trigger, name=line.where)
        drive(scheduler, until=end - timedelta.resolution)
    return counters


# Printing


def table(lines: Sequence[Line], counters: Sequence[Counter], timezone: tzinfo) -> Iterator[str]:
    """Yield a heading, and a row for each line of a crontab."""
    rows = [("RUNS", "FIRST", "SCHEDULE", "USER", "LINE", "COMMAND")]
    for line, counter in zip(lines, counters, strict=True):
        first = f"{counter.first.astimezone(timezone):%b %d %H:%M}" if counter.first else "never"
        rows.append((f"{counter.runs:,}", first, line.schedule, line.user or "-", line.where, line.command))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for runs, *texts, command in rows:
        cells = [text.ljust(width) for text, width in zip(texts, widths[1:], strict=False)]
        yield "  ".join([runs.rjust(widths[0]), *cells, shortened(command)])


def shortened(text: str, width: int = 48) -> str:
    """Return the text, or its beginning."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 when a line or a file could not be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", help="crontabs, or directories such as /etc/cron.d")
    parser.add_argument("--year", type=year_of, default=datetime.now().year, help="default: this year")
    parser.add_argument("--timezone", type=zone_of, default=get_localzone(), help="default: that of this machine")
    parser.add_argument(
        "--user-column",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a user comes before the command, as in system crontabs",
    )
    given = parser.parse_args(arguments)
    lines, problems = read_all(crontabs(given.paths), given.user_column)
    started = time.perf_counter()
    counters = replay(lines, given.year, given.timezone)
    seconds = time.perf_counter() - started
    print(*table(lines, counters, given.timezone), sep="\n")
    runs = sum(counter.runs for counter in counters)
    print(f"\n{len(lines)} lines, {runs:,} runs in {given.year} ({given.timezone}), replayed in {seconds:.1f} s.")
    sys.stdout.flush()
    for where, problem in problems:
        print(f"{where}: {problem}", file=sys.stderr)
    return 1 if problems else 0


def read_all(paths: Iterable[Path], user_column: bool) -> tuple[list[Line], list[BadLine]]:
    """Return the lines of all crontabs, good and bad."""
    lines: list[Line] = []
    problems: list[BadLine] = []
    for path in paths:
        try:
            for line in read_crontab(path, user_column):
                (lines if isinstance(line, Line) else problems).append(line)  # type: ignore[arg-type]
        except OSError as error:
            problems.append(BadLine(str(path), f"expected a readable file, got {error.strerror}"))
    return lines, problems


def year_of(text: str) -> int:
    """Read a year of the command line."""
    if not re.fullmatch("[0-9]{4}", text) or not 1970 <= int(text) <= 9998:
        raise argparse.ArgumentTypeError(f"expected a year from 1970 to 9998, got {shortened(text)!r}")
    return int(text)


def zone_of(text: str) -> tzinfo:
    """Read a time zone of the command line."""
    try:
        return to_timezone(text)
    except (LookupError, ValueError, OSError) as error:
        got = repr(shortened(text))
        raise argparse.ArgumentTypeError(f"expected a time zone such as Europe/Berlin, got {got}") from error


if __name__ == "__main__":
    raise SystemExit(main())

"""huey, in memory: it says whether a minute matches, not which is next; what is added is due once, after a delay."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

from huey import MemoryHuey, crontab

PACKAGE = "import huey"

#: It takes numbers only.
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    for number, name in enumerate(WEEKDAYS):
        expression = expression.replace(name, str(number))
    minute, hour, day, month, weekday = expression.split()
    return crontab(minute, hour, day, month, weekday)


def scheduler(threads: int = 0) -> Any:
    return MemoryHuey(results=False, utc=True)


def start(scheduler: Any) -> None:
    """Nothing to do: its consumer is not needed for adding."""


def stop(scheduler: Any) -> None:
    scheduler.flush()


def every(
    scheduler: Any, fn: Callable[..., Any], seconds: int, args: Any = (), start: datetime.datetime | None = None
) -> Any:
    return _task(scheduler, fn).schedule(args=args or (), delay=seconds)


@functools.cache
def _task(scheduler: Any, fn: Callable[..., Any]) -> Any:
    return scheduler.task()(fn)

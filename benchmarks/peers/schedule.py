"""schedule: a list of jobs that somebody calls."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from schedule import Scheduler

PACKAGE = "import schedule"


def scheduler(threads: int = 0) -> Any:
    return Scheduler()


def start(scheduler: Any) -> None:
    """Nothing to do: its user calls it."""


def stop(scheduler: Any) -> None:
    scheduler.clear()


def every(
    scheduler: Any, fn: Callable[..., Any], seconds: int, args: Any = (), start: datetime.datetime | None = None
) -> Any:
    return scheduler.every(seconds).seconds.do(fn, *(args or ()))


def remove(scheduler: Any, handle: Any) -> None:
    scheduler.cancel_job(handle)

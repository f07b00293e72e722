"""The public asyncz: the same names as ours, from another distribution."""

from __future__ import annotations

import datetime
from typing import Any

from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler

from .ours import PACKAGE, SCHEDULER, after, cron, date, every, interval, once, remove, start, stop, walk

__all__ = (
    "PACKAGE",
    "SCHEDULER",
    "after",
    "cron",
    "date",
    "every",
    "interval",
    "once",
    "remove",
    "scheduler",
    "start",
    "stop",
    "walk",
)


def scheduler(threads: int = 0) -> Any:
    executors = {"default": ThreadPoolExecutor(threads)} if threads else {}
    # It takes None for its default, one second.
    late = {"mistrigger_grace_time": 3600}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, executors=executors, task_defaults=late)

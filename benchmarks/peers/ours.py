"""asyncz, from this working tree."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger

PACKAGE = "import asyncz"
SCHEDULER = "from asyncz.schedulers import AsyncIOScheduler"

#: Later than all that is asked for: the next time after a previous one follows from that one.
LATER = datetime.datetime(9000, 1, 1, tzinfo=datetime.timezone.utc)


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    return CronTrigger.from_crontab(expression, timezone=zone)


def interval(seconds: int, start: datetime.datetime, zone: datetime.tzinfo) -> Any:
    return IntervalTrigger(seconds=seconds, start_at=start, timezone=zone)


def date(at: datetime.datetime, zone: datetime.tzinfo) -> Any:
    return DateTrigger(run_at=at, timezone=zone)


def after(trigger: Any, zone: datetime.tzinfo, previous: datetime.datetime | None, now: datetime.datetime) -> Any:
    return trigger.get_next_trigger_time(zone, previous, now)


def walk(trigger: Any, zone: datetime.tzinfo, start: datetime.datetime) -> Callable[[], Any]:
    following, previous = trigger.get_next_trigger_time, start

    def step() -> Any:
        nonlocal previous
        previous = following(zone, previous, LATER)
        return previous

    return step


def scheduler(threads: int = 0) -> Any:
    executors = {"default": ThreadPoolExecutor(threads)} if threads else {}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, executors=executors)


def start(scheduler: Any) -> None:
    scheduler.start()


def stop(scheduler: Any) -> None:
    scheduler.shutdown(wait=False)


def every(
    scheduler: Any, fn: Callable[..., Any], seconds: int, args: Any = None, start: datetime.datetime | None = None
) -> Any:
    return scheduler.add_task(fn, "interval", args, seconds=seconds, start_at=start).id


def once(scheduler: Any, fn: Callable[..., Any], at: datetime.datetime) -> Any:
    return scheduler.add_task(fn, "date", run_at=at).id


def remove(scheduler: Any, handle: Any) -> None:
    scheduler.delete_task(handle)

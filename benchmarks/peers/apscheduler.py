"""APScheduler 3."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

PACKAGE = "import apscheduler"
SCHEDULER = "from apscheduler.schedulers.asyncio import AsyncIOScheduler"

#: Later than all that is asked for: the next time after a previous one follows from that one.
LATER = datetime.datetime(9000, 1, 1, tzinfo=datetime.timezone.utc)


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    return CronTrigger.from_crontab(expression, timezone=zone)


def interval(seconds: int, start: datetime.datetime, zone: datetime.tzinfo) -> Any:
    return IntervalTrigger(seconds=seconds, start_date=start, timezone=zone)


def date(at: datetime.datetime, zone: datetime.tzinfo) -> Any:
    return DateTrigger(run_date=at, timezone=zone)


def after(trigger: Any, zone: datetime.tzinfo, previous: datetime.datetime | None, now: datetime.datetime) -> Any:
    return trigger.get_next_fire_time(previous, now)


def walk(trigger: Any, zone: datetime.tzinfo, start: datetime.datetime) -> Callable[[], Any]:
    following, previous = trigger.get_next_fire_time, start

    def step() -> Any:
        nonlocal previous
        previous = following(previous, LATER)
        return previous

    return step


def scheduler(threads: int = 0) -> Any:
    executors = {"default": ThreadPoolExecutor(threads)} if threads else {}
    late = {"misfire_grace_time": None}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, executors=executors, job_defaults=late)


def start(scheduler: Any) -> None:
    scheduler.start()


def stop(scheduler: Any) -> None:
    scheduler.shutdown(wait=False)


def every(
    scheduler: Any, fn: Callable[..., Any], seconds: int, args: Any = None, start: datetime.datetime | None = None
) -> Any:
    return scheduler.add_job(fn, "interval", args, seconds=seconds, start_date=start).id


def once(scheduler: Any, fn: Callable[..., Any], at: datetime.datetime) -> Any:
    return scheduler.add_job(fn, "date", run_date=at).id


def remove(scheduler: Any, handle: Any) -> None:
    scheduler.remove_job(handle)

"""APScheduler 3."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from places import Place

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


def scheduler_at(place: Place) -> Any:
    if place.path is not None:
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

        stores: Any = {"default": SQLAlchemyJobStore(engine=place.engine())}
    else:
        from apscheduler.jobstores.redis import RedisJobStore

        stores = {"default": RedisJobStore(port=place.port)}
    late = {"misfire_grace_time": None}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, jobstores=stores, job_defaults=late)


def start(scheduler: Any, paused: bool = False) -> None:
    scheduler.start(paused=paused)


def stop(scheduler: Any) -> None:
    scheduler.shutdown(wait=False)


def every(
    scheduler: Any,
    fn: Callable[..., Any],
    seconds: int,
    args: Any = None,
    start: datetime.datetime | None = None,
    **options: Any,
) -> Any:
    return scheduler.add_job(fn, "interval", args, seconds=seconds, start_date=start, **options).id


def once(scheduler: Any, fn: Callable[..., Any], at: datetime.datetime) -> Any:
    return scheduler.add_job(fn, "date", run_date=at).id


def remove(scheduler: Any, handle: Any) -> None:
    scheduler.remove_job(handle)


def fill(scheduler: Any, place: Place, fn: Callable[..., Any], count: int) -> None:
    place.multiply("apscheduler_jobs", "next_run_time, job_state", "apscheduler.jobs", "apscheduler.run_times", count)


def move(scheduler: Any, handle: Any, at: datetime.datetime) -> None:
    scheduler.modify_job(handle, next_run_time=at)


def pause(scheduler: Any) -> None:
    scheduler.pause()


def resume(scheduler: Any) -> None:
    scheduler.resume()


def left(place: Place, at: datetime.datetime) -> bool:
    if place.path is not None:
        return place.has("apscheduler_jobs WHERE next_run_time <= ?", at.timestamp())
    return bool(place.reader.zcount("apscheduler.run_times", "-inf", at.timestamp()))

"""asyncz, from this working tree."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger

if TYPE_CHECKING:
    from places import Place

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


def scheduler_at(place: Place) -> Any:
    if place.path is not None:
        from asyncz.stores.sqlite import SQLiteStore

        return AsyncIOScheduler(timezone=datetime.timezone.utc, stores={"default": SQLiteStore(place.path)})
    from asyncz.stores.redis import RedisStore

    return AsyncIOScheduler(timezone=datetime.timezone.utc, stores={"default": RedisStore(port=place.port)})


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
    return scheduler.add_task(fn, "interval", args, seconds=seconds, start_at=start, **options).id


def every_of(scheduler: Any, fn: Callable[..., Any], seconds: Iterable[int]) -> None:
    from asyncz.tasks import Task

    scheduler.add_tasks(Task(fn, trigger=IntervalTrigger(seconds=each)) for each in seconds)


def fill(scheduler: Any, place: Place, fn: Callable[..., Any], count: int) -> None:
    every_of(scheduler, fn, [86_400] * count)


def once(scheduler: Any, fn: Callable[..., Any], at: datetime.datetime) -> Any:
    return scheduler.add_task(fn, "date", run_at=at).id


def remove(scheduler: Any, handle: Any) -> None:
    scheduler.delete_task(handle)


def move(scheduler: Any, handle: Any, at: datetime.datetime) -> None:
    scheduler.update_task(handle, next_run_time=at)


def pause(scheduler: Any) -> None:
    scheduler.pause()


def resume(scheduler: Any) -> None:
    scheduler.resume()


def left(place: Place, at: datetime.datetime) -> bool:
    instant = int(at.timestamp()) * 1_000_000 + at.microsecond
    if place.path is not None:
        is_due = place.has("tasks WHERE executor = 'default' AND due <= ?", instant)
        return is_due or place.has("tasks WHERE runs <> ''")
    due = place.reader.zlexcount("asyncz.run_times", "-", f"[default:{10**18 + instant + 1:019}")
    return bool(due or place.reader.scard("asyncz.tasks:live"))

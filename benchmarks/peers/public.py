"""The public asyncz: the same names as ours, from another distribution."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler

from .ours import (
    PACKAGE,
    SCHEDULER,
    after,
    cron,
    date,
    every,
    interval,
    move,
    once,
    pause,
    remove,
    resume,
    start,
    stop,
    walk,
)

if TYPE_CHECKING:
    from places import Place

__all__ = (
    "PACKAGE",
    "SCHEDULER",
    "after",
    "cron",
    "date",
    "every",
    "fill",
    "interval",
    "left",
    "move",
    "once",
    "pause",
    "remove",
    "resume",
    "scheduler",
    "scheduler_at",
    "start",
    "stop",
    "walk",
)

#: It takes None for its default, one second.
LATE = {"mistrigger_grace_time": 3600}


def scheduler(threads: int = 0) -> Any:
    executors = {"default": ThreadPoolExecutor(threads)} if threads else {}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, executors=executors, task_defaults=LATE)


def scheduler_at(place: Place) -> Any:
    if place.path is not None:
        from asyncz.stores.sqlalchemy import SQLAlchemyStore

        stores: Any = {"default": SQLAlchemyStore(place.engine())}
    else:
        from asyncz.stores.redis import RedisStore

        stores = {"default": RedisStore(port=place.port)}
    return AsyncIOScheduler(timezone=datetime.timezone.utc, stores=stores, task_defaults=LATE)


def fill(scheduler: Any, place: Place, fn: Callable[..., Any], count: int) -> None:
    place.multiply("asyncz_store", "next_run_time, state", "asyncz.tasks", "asyncz.run_times", count)


def left(place: Place, at: datetime.datetime) -> bool:
    if place.path is not None:
        return place.has("asyncz_store WHERE next_run_time <= ?", at.timestamp())
    return bool(place.reader.zcount("asyncz.run_times", "-inf", at.timestamp()))

"""huey: it says whether a minute matches, not which is next; what is added is due once, after a delay.

In memory, but for ``scheduler_at``.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from huey import MemoryHuey, RedisHuey, SqliteHuey, crontab
from huey.consumer import Consumer

if TYPE_CHECKING:
    from places import Place

PACKAGE = "import huey"

#: It calls no coroutine functions.
IN_THREADS = True

#: It takes numbers only.
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    for number, name in enumerate(WEEKDAYS):
        expression = expression.replace(name, str(number))
    minute, hour, day, month, weekday = expression.split()
    return crontab(minute, hour, day, month, weekday)


def scheduler(threads: int = 0) -> Any:
    return MemoryHuey(results=False, utc=True)


def scheduler_at(place: Place) -> Any:
    if place.path is not None:
        return SqliteHuey(filename=str(place.path), fsync=True, results=False, utc=True)
    return RedisHuey(port=place.port, results=False, utc=True)


def start(scheduler: Any, paused: bool = False) -> None:
    """Nothing to do: its consumer is not needed for adding."""


def resume(scheduler: Any) -> None:
    scheduler.consumer = Consumer(scheduler, workers=1, periodic=False, initial_delay=0.01, max_delay=0.01)
    scheduler.consumer.start()


def stop(scheduler: Any) -> None:
    if hasattr(scheduler, "consumer"):
        scheduler.consumer.stop(graceful=True)
    scheduler.flush()


def every(
    scheduler: Any, fn: Callable[..., Any], seconds: int, args: Any = (), start: datetime.datetime | None = None
) -> Any:
    return _task(scheduler, fn).schedule(args=args or (), delay=seconds)


def once(scheduler: Any, fn: Callable[..., Any], at: datetime.datetime) -> Any:
    """Add one that is due at once: what is due later is put into the same queue when it is."""
    return _task(scheduler, fn)()


def left(place: Place, at: datetime.datetime) -> bool:
    """Return False: a task is out of the queue before it is called, and leaves no result."""
    return False


@functools.cache
def _task(scheduler: Any, fn: Callable[..., Any]) -> Any:
    return scheduler.task()(fn)

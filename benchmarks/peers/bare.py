"""No scheduler: timers and tasks of a loop, as the least that any scheduler on it can take."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from typing import Any


class Timers:
    """Calls coroutine functions again and again, and keeps nothing about them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_stopped = False

    def every(self, fn: Callable[..., Any], seconds: int, args: Any, at: float) -> None:
        """Call ``fn`` at an instant of the loop's clock, and every so many seconds after it."""

        def call() -> None:
            nonlocal at
            if not self.is_stopped:
                at += seconds
                self._loop.call_at(at, call)
                task = self._loop.create_task(fn(*args))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        self._loop.call_at(at, call)


def scheduler(threads: int = 0) -> Timers:
    return Timers()


def start(scheduler: Timers) -> None:
    """Nothing to do: the loop runs."""


def stop(scheduler: Timers) -> None:
    scheduler.is_stopped = True


def every(
    scheduler: Timers, fn: Callable[..., Any], seconds: int, args: Any = (), start: datetime.datetime | None = None
) -> Any:
    at = asyncio.get_running_loop().time() + (seconds if start is None else start.timestamp() - time.time())
    return scheduler.every(fn, seconds, args or (), at)

"""Callables that tell a file that they were called; a line at a time, from as many processes as there are."""

from __future__ import annotations

import json
import os
import threading
import time

from asyncz.executors.job import CURRENT

__all__ = ("RECORD", "die", "due_time", "run", "run_async", "write")

#: The variable of the environment that names the file.
RECORD = "ASYNCZ_TEST_RECORD"
_at = threading.local()


def write(**line) -> None:
    """Append a line in one piece."""
    file = os.open(os.environ[RECORD], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, (json.dumps({"pid": os.getpid(), "at": time.time(), **line}) + "\n").encode())
    finally:
        os.close(file)


def due_time() -> float | None:
    """Return the due time for which this call is made: one thread makes all calls of a run, in order."""
    times = CURRENT.get()
    if times is None:
        return None
    _at.index = _at.index + 1 if getattr(_at, "times", None) is times else 0
    _at.times = times
    return times[_at.index].timestamp()


def run(task: str, value=None, seconds: float = 0) -> None:
    due = due_time()
    write(what="begin", task=task, due=due, value=value)
    if seconds:
        time.sleep(seconds)
        write(what="end", task=task, due=due)


async def run_async(task: str) -> None:
    (due,) = CURRENT.get() or (None,)
    write(what="begin", task=task, due=due and due.timestamp())


def die(task: str) -> None:
    """Take the process along, as a crash in a library does."""
    write(what="begin", task=task, due=due_time())
    os.kill(os.getpid(), 9)

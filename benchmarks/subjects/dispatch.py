"""10,000 tasks due at one instant, beside as many bare tasks of a loop and bare submissions to a pool."""

from __future__ import annotations

import asyncio
import datetime
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from judging import Row, Samples

NAME = "dispatch"
PEERS = ("ours", "public", "apscheduler")

THREADS = 10
#: Seconds from the first addition until all are due: the slowest peer must have added all of them by then.
LEAD = {"ours": 1.0, "apscheduler": 3.0}
LEAD_OF_OTHERS = 10.0
#: What a scheduler has to do after the last call counts as processor time; so many seconds of it.
AFTER = 0.3


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return, for coroutines and for threads, what part of the bare speed is reached, and when the first call came."""
    count, times = (2_000, 1) if quick else (10_000, 3)
    lead = LEAD.get(peer.__name__.rpartition(".")[2], LEAD_OF_OTHERS)
    values: dict[str, float] = {}
    for name, threads, bare in (("coroutines", 0, _bare_tasks), ("threads", THREADS, _bare_pool)):
        base = statistics.median(asyncio.run(bare(count)) for _ in range(5))
        taken = [asyncio.run(_dispatch(peer, count, threads, lead)) for _ in range(times)]
        whole, first, processor = (statistics.median(column) for column in zip(*taken, strict=True))
        values[f"{name} bare"] = base / count
        values[f"{name}"] = whole / count
        values[f"{name} speed"] = base / whole
        values[f"{name} first"] = first
        values[f"{name} between"] = base / (whole - first)
        values[f"{name} processor"] = processor / count
    return values


def rows(samples: Samples) -> Iterator[Row]:
    for name, bare in (("coroutines", "`create_task`"), ("threads", "`submit` to ten threads")):
        yield samples.row(NAME, f"{name}: bare {bare}, each", f"{name} bare")
        yield samples.row(NAME, f"{name}: due until called, each", name)
        yield samples.row(NAME, f"{name}: part of the bare speed", f"{name} speed", "%").at_least(0.6, "≥ 60 %")
        yield samples.row(NAME, f"{name}: the same, counted from the first call", f"{name} between", "%")
        yield samples.row(NAME, f"{name}: first call after due", f"{name} first").at_most(0.005, "≤ 5 ms")
        yield samples.row(NAME, f"{name}: processor time, each", f"{name} processor")


class _Calls:
    """Notes when the first and the last of ``count`` calls came, in any thread."""

    def __init__(self, count: int) -> None:
        self.first = self.last = 0.0
        self.all = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._end = count - 1
        self._number = itertools.count().__next__  # atomic

    def function(self) -> None:
        number = self._number()
        if number == 0:
            self.first = time.time()
        if number == self._end:
            self.last = time.time()
            self._loop.call_soon_threadsafe(self.all.set)

    async def coroutine(self) -> None:
        self.function()


async def _dispatch(peer: Any, count: int, threads: int, lead: float) -> tuple[float, float, float]:
    """Return the seconds from due to the last call and to the first, and the processor time of it all."""
    scheduler = peer.scheduler(threads)
    peer.start(scheduler)
    calls = _Calls(count)
    due = time.time() + lead
    _add(peer, scheduler, calls.function if threads else calls.coroutine, count, due)
    await asyncio.sleep(0.1)
    gc.collect()
    if time.time() > due - 0.1:
        raise RuntimeError(f"{lead} s were too short for adding {count} tasks")
    processor = time.process_time()
    await calls.all.wait()
    await asyncio.sleep(AFTER)
    processor = time.process_time() - processor
    peer.stop(scheduler)
    return calls.last - due, calls.first - due, processor


def _add(peer: Any, scheduler: Any, fn: Callable[..., Any], count: int, due: float) -> None:
    at = datetime.datetime.fromtimestamp(due, datetime.timezone.utc)
    for _ in range(count):
        peer.once(scheduler, fn, at)


async def _bare_tasks(count: int) -> float:
    calls, loop = _Calls(count), asyncio.get_running_loop()
    gc.collect()
    started = time.time()
    kept = [loop.create_task(calls.coroutine()) for _ in range(count)]
    await calls.all.wait()
    await asyncio.gather(*kept)
    return calls.last - started


async def _bare_pool(count: int) -> float:
    calls = _Calls(count)
    gc.collect()
    with ThreadPoolExecutor(THREADS) as pool:
        started = time.time()
        for _ in range(count):
            pool.submit(calls.function)
        await calls.all.wait()
    return calls.last - started

"""What it costs to add a task to a running scheduler that has many, and to remove one."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from judging import Row, Samples

NAME = "adding"
PEERS = ("ours", "public", "apscheduler", "schedule", "huey")

SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Where a peer ends: beyond, a round would take minutes.
LARGEST = {"ours": 1_000_000, "apscheduler": 100_000}
LARGEST_OF_OTHERS = 10_000
#: So many are timed at each size.
BATCH = 1_000


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the seconds for adding one task and removing one, at each size."""
    largest = LARGEST.get(peer.__name__.rpartition(".")[2], LARGEST_OF_OTHERS)
    if quick:
        largest = min(largest, 100_000)
    return asyncio.run(_measure(peer, [size for size in SIZES if size <= largest]))


def rows(samples: Samples) -> Iterator[Row]:
    for size in SIZES:
        row = samples.row(NAME, f"adding one to {size:,}", f"add {size}")
        yield row.times(["apscheduler"], 3)
    for size in SIZES:
        yield samples.row(NAME, f"the same, with what the loop does then, {size:,}", f"settle {size}")
    for size in SIZES:
        yield samples.row(NAME, f"removing one of {size:,}", f"remove {size}")
    for verb in ("add", "remove"):
        small, large = (samples.median("ours", f"{verb} {size}") for size in (SIZES[0], SIZES[-1]))
        if small and large:
            row = Row(NAME, f"{verb}: 1,000,000 by 1,000", "x", {"ours": large / small}, 0)
            yield row.at_most(1.5, "≤ 1.5x")


async def _measure(peer: Any, sizes: list[int]) -> dict[str, float]:
    values: dict[str, float] = {}
    scheduler = peer.scheduler()
    peer.start(scheduler)
    chance = random.Random(1)
    count = 0
    for size in sizes:
        await _fill(peer, scheduler, size - count)
        count = size
        gc.collect()
        seconds = [chance.randrange(3600, 7200) for _ in range(BATCH)]
        started = time.perf_counter()
        values[f"add {size}"], added = _timed(seconds, lambda each: peer.every(scheduler, _noop, each))
        await asyncio.sleep(0)
        values[f"settle {size}"] = (time.perf_counter() - started) / BATCH
        if hasattr(peer, "remove"):
            chance.shuffle(added)
            values[f"remove {size}"], _ = _timed(added, lambda each: peer.remove(scheduler, each))
        else:
            count += BATCH
        await asyncio.sleep(0)
    peer.stop(scheduler)
    return values


async def _fill(peer: Any, scheduler: Any, count: int) -> None:
    """Add tasks that are due in an hour or two, in no order."""
    for index in range(count):
        peer.every(scheduler, _noop, 3600 + index * 7919 % 3600)
        if index % BATCH == 0:
            await asyncio.sleep(0)  # what adding has put off is done now, not while something is timed


def _timed(items: list[Any], fn: Callable[[Any], Any]) -> tuple[float, list[Any]]:
    """Return the seconds that a call takes, and what the calls returned."""
    started = time.perf_counter()
    returned = [fn(item) for item in items]
    return (time.perf_counter() - started) / len(items), returned


def _noop() -> None:
    pass

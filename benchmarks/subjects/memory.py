"""How much memory a task takes, with an interval trigger of its own."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

from judging import Row, Samples

NAME = "memory"
PEERS = ("ours", "public", "apscheduler", "schedule", "huey")

WARM_UP = 100


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the bytes that Python has allocated for one task, the structures that it is kept in included."""
    return asyncio.run(_measure(peer, 2_000 if quick else 20_000))


def rows(samples: Samples) -> Iterator[Row]:
    yield samples.row(NAME, "a task", "task", "B").at_most(650, "≤ 650 B")


async def _measure(peer: Any, count: int) -> dict[str, float]:
    scheduler = peer.scheduler()
    peer.start(scheduler)
    await _add(peer, scheduler, range(WARM_UP))
    tracemalloc.start()
    before = _allocated()
    await _add(peer, scheduler, range(WARM_UP, WARM_UP + count))
    used = _allocated() - before
    tracemalloc.stop()
    peer.stop(scheduler)
    return {"task": used / count}


async def _add(peer: Any, scheduler: Any, numbers: range) -> None:
    for number in numbers:
        peer.every(scheduler, _noop, 3600 + number)
        if number % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.1)


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _noop() -> None:
    pass

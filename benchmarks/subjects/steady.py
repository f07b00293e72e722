"""1,000 tasks every second: how much processor time they take, and how late they are."""

from __future__ import annotations

import asyncio
import datetime
import gc
import statistics
import time
from collections.abc import Iterator
from typing import Any

from judging import Row, Samples

NAME = "steady"
PEERS = ("ours", "public", "apscheduler", "bare")

TASKS = 1_000
IDLE = 100_000
#: Which of the peers are measured with idle tasks too; the public asyncz would need minutes to add them.
WITH_IDLE = ("ours", "apscheduler")
#: Kinds: all at the same instant of each second, or spread over it.
KINDS = ("together", "spread", "spread, with 100,000 idle")


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the part of a processor that is taken, the lateness in seconds, and the part of the runs that came."""
    seconds = 3 if quick else 10
    values: dict[str, float] = {}
    for kind in KINDS:
        idle = (IDLE if not quick else IDLE // 10) if "idle" in kind else 0
        if not idle or peer.__name__.rpartition(".")[2] in WITH_IDLE:
            taken = asyncio.run(_measure(peer, seconds, kind != "together", idle))
            values.update({f"{kind} {name}": value for name, value in taken.items()})
    return values


def rows(samples: Samples) -> Iterator[Row]:
    for kind in KINDS:
        processor = samples.row(NAME, f"{kind}: processor", f"{kind} processor", "%")
        yield processor.times(["apscheduler"], 3)
        for name in ("p50", "p99"):
            row = samples.row(NAME, f"{kind}: late, {name}", f"{kind} {name}")
            yield row.times(set(row.medians) - {"ours", "bare"})
        yield samples.row(NAME, f"{kind}: runs that came", f"{kind} runs", "%").at_least(0.999, "all")


async def _measure(peer: Any, seconds: int, is_spread: bool, idle: int) -> dict[str, float]:
    scheduler = peer.scheduler()
    peer.start(scheduler)
    await _add_idle(peer, scheduler, idle)
    late: list[float] = []
    start = _add_busy(peer, scheduler, late, is_spread)
    gc.collect()
    await asyncio.sleep(start - 0.5 - time.time())
    processor = time.process_time()
    await asyncio.sleep(seconds)
    processor = time.process_time() - processor
    kept = late[:]
    peer.stop(scheduler)
    cuts = statistics.quantiles(kept, n=100)
    return {
        "processor": processor / seconds,
        "p50": cuts[49],
        "p99": cuts[98],
        "runs": min(1.0, len(kept) / (TASKS * (seconds - (0.5 if is_spread else 0)))),
    }


async def _add_idle(peer: Any, scheduler: Any, count: int) -> None:
    for number in range(count):
        peer.every(scheduler, _noop, 86_400 + number % 1000)
        if number % 1000 == 0:
            await asyncio.sleep(0)


def _add_busy(peer: Any, scheduler: Any, late: list[float], is_spread: bool) -> float:
    """Add the tasks that are due every second, and return the first instant at which one is."""

    async def run(offset: float) -> None:
        late.append((time.time() - offset) % 1.0)

    start = float(int(time.time()) + 4)
    for number in range(TASKS):
        at = start + number / TASKS * is_spread
        due = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
        peer.every(scheduler, run, 1, (due.microsecond / 1e6,), due)
    return start


async def _noop() -> None:
    pass

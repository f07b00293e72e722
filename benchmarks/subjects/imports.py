"""How long an import takes: processes that do nothing else, beside processes that do not even that."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from judging import Row, Samples

NAME = "imports"
PEERS = ("ours", "public", "apscheduler", "croniter", "cronsim", "celery", "schedule", "huey")


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the seconds that imports take beyond what they are compared with."""
    pairs = {"package": (peer.PACKAGE, "pass")}
    if hasattr(peer, "SCHEDULER"):
        pairs["scheduler"] = (peer.SCHEDULER, "import asyncio")
    return {name: _difference(*pair, 5 if quick else 15) for name, pair in pairs.items()}


def rows(samples: Samples) -> Iterator[Row]:
    package = samples.row(NAME, "the package, over bare Python", "package")
    yield package.at_most(0.005, "≤ 5 ms")
    scheduler = samples.row(NAME, "AsyncIOScheduler, over `import asyncio`", "scheduler")
    yield scheduler.at_most(0.015, "≤ 15 ms")


def _difference(statement: str, base: str, times: int) -> float:
    """Return how much longer one statement takes, in the median of processes that take turns."""
    for warm_up in (statement, base):  # byte code is written, files are read
        _seconds(warm_up)
    return statistics.median(_seconds(statement) - _seconds(base) for _ in range(times))


def _seconds(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started

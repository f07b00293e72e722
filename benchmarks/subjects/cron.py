"""How long the next fire time of a cron expression takes, and building the trigger."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from judging import Row, Samples

from . import timing

NAME = "cron"
PEERS = ("ours", "public", "apscheduler", "croniter", "cronsim", "celery", "huey")

#: Weekdays are names: their numbers do not mean the same to all peers.
EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "*/15 9-17 * * mon-fri",
    "30 2 * * *",
    "0 9 * * mon-fri",
    "0 0 * * sun",
    "15 10 1 * *",
    "5,35 0-6/2 1-7 * *",
    "59 23 28-31 2,4,6,9,11 *",
    "0 0 1 1 *",
    "0 12 29 2 *",
)
ZONES = {"UTC": datetime.timezone.utc, "Europe/Berlin": ZoneInfo("Europe/Berlin")}
#: From each of these days so many steps: through different seasons.
YEARS = tuple(range(2020, 2028))
STEPS = 20
#: So many triggers are built between two looks at the clock.
CHUNK = 12


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the seconds that one next time takes, and one trigger."""
    values = {
        "build distinct": _build(peer, _distinct(120 if quick else 1200)),
        "build again": _build(peer, EXPRESSIONS * (10 if quick else 100)),
    }
    if hasattr(peer, "walk"):
        for name, zone in ZONES.items():
            for expression in EXPRESSIONS:
                values[f"{expression} {name}"] = _next(peer, expression, zone, 2 if quick else 10)
    return values


def rows(samples: Samples) -> Iterator[Row]:
    for name in ZONES:
        for expression in EXPRESSIONS:
            row = samples.row(NAME, f"next of `{expression}`, {name}", f"{expression} {name}")
            yield row.times(set(row.medians) - {"ours"}).also(row.times(["apscheduler"], 4))
    yield samples.row(NAME, "building, each expression once", "build distinct").times(["apscheduler"])
    yield samples.row(NAME, "building, a dozen again and again", "build again").times(["apscheduler"])


def _next(peer: Any, expression: str, zone: datetime.tzinfo, times: int) -> float:
    steps = STEPS if "29 2" not in expression else 5
    return statistics.median(
        timing.repeated(
            peer.walk(peer.cron(expression, zone), zone, datetime.datetime(year, 3, 1, tzinfo=zone)), steps, 1
        )
        for year in YEARS * times
    )


def _build(peer: Any, expressions: Sequence[str]) -> float:
    zone = datetime.timezone.utc
    chunks = [expressions[at : at + CHUNK] for at in range(0, len(expressions), CHUNK)]
    return timing.each(peer.cron, ([(expression, zone) for expression in chunk] for chunk in chunks))


def _distinct(count: int) -> list[str]:
    """Return expressions that are all different, as the tasks of a large system would be."""
    return [
        f"{i % 60} {i // 60 % 24} {1 + i % 28} {1 + i % 12} *"
        if i % 2
        else f"{i % 60},{(i + 7) % 60} {i // 60 % 24} * * mon"
        for i in range(count)
    ]

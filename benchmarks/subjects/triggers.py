"""How long building an interval or a date trigger takes, and the next fire time of one."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from judging import Row, Samples

from . import timing

NAME = "triggers"
PEERS = ("ours", "public", "apscheduler")

ZONES = {"UTC": datetime.timezone.utc, "Europe/Berlin": ZoneInfo("Europe/Berlin")}
MEASURES = (
    "interval built",
    "first of an interval",
    "next of an interval",
    "date built",
    "first of a date",
    "end of a date",
)


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return the seconds that each of the measures takes, in each of the zones."""
    chunks = 10 if quick else 100
    return {
        f"{name}, {key}": timing.repeated(fn, 50, chunks)
        for key, zone in ZONES.items()
        for name, fn in _measures(peer, zone).items()
    }


def rows(samples: Samples) -> Iterator[Row]:
    for zone in ZONES:
        for measure in MEASURES:
            yield samples.row(NAME, f"{measure}, {zone}", f"{measure}, {zone}").times(["apscheduler"])


def _measures(peer: Any, zone: datetime.tzinfo) -> dict[str, Callable[[], Any]]:
    start = datetime.datetime(2024, 3, 1, 12, tzinfo=zone)
    now = start + datetime.timedelta(days=1, seconds=7)
    interval, date = peer.interval(3600, start, zone), peer.date(start, zone)
    return {
        "interval built": lambda: peer.interval(3600, start, zone),
        "first of an interval": lambda: peer.after(interval, zone, None, now),
        "next of an interval": peer.walk(interval, zone, start),
        "date built": lambda: peer.date(start, zone),
        "first of a date": lambda: peer.after(date, zone, None, start),
        "end of a date": lambda: peer.after(date, zone, start, now),
    }

"""The instants at which the clocks of a zone show a matching reading, or should have shown it.

As Debian's cron does it (crontab(5), cron(8)): a schedule with a star in its hour or minute follows the readings as
they come. Any other runs once for each reading: at the first of two, and where the clocks skipped it, right after that.
"""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING

from ..offsets import DAY, SECOND

if TYPE_CHECKING:
    from ..offsets import ZoneOffsets
    from .schedule import Schedule

__all__ = ("NEVER", "next_instant", "next_reading")

#: Changes of the clock that one search looks at closely. Only readings that the clocks always skip, with a star in the
#: hour or the minute, lead from one to the next; two a year make 50 years, in which each kind of year has come up.
MAX_WINDOWS = 100
#: Days that are looked at closely around such a change: a reading in question is within a day of it on either side.
_WINDOW = 4
#: Nothing matches before 1970, in any zone.
_EARLIEST = -2 * DAY
#: Later than any datetime.
NEVER = 4_000_000 * DAY


def next_reading(
    schedule: Schedule, offsets: ZoneOffsets, previous: datetime.datetime, now: datetime.datetime | None
) -> datetime.datetime | None:
    """Return the first time after a previous one where that follows from the readings alone.

    That is nearly always: when the clocks are changed neither around the previous day nor around the next one. None
    where it is not, or the clock was set back. ``previous`` has the very zone of the offsets.
    """
    if offsets.origin is None:
        return None
    since = previous - offsets.origin  # in one zone, the difference of the readings
    day, second = since.days, since.seconds
    offset = offsets.around(day)
    if offset is None or since.microseconds:
        return None
    if now is not None and now is not previous and offsets.shown(now, offset) < since:
        return None
    later = schedule.next(day, second + 1)
    if later is None or (later[0] != day and offsets.around(later[0]) is None):
        return None
    return previous + _delta((later[0] - day) * 86_400 + later[1] - second)


@functools.lru_cache(maxsize=1024)
def _delta(seconds: int) -> datetime.timedelta:
    """Return a distance between two times. There are few in most schedules, and making them takes a while."""
    return datetime.timedelta(0, seconds)


def next_instant(schedule: Schedule, offsets: ZoneOffsets, start: int, end: int) -> int | None:
    """Return the first time to run from an instant on, ``end`` inclusive, or None when there is none."""
    start = max(start, _EARLIEST)
    last: int | None = None
    for _ in range(MAX_WINDOWS):
        reading = _next_reading(schedule, offsets, start)
        if reading is None:
            return None
        day, second, offset = reading
        if offset is not None:
            found = (day * 86_400 + second) * SECOND - offset
            return found if found <= end else None
        start = max(start, (day - 2) * DAY)
        if last is None:
            last = _last_instant(schedule, start, end)
        if start > last:
            return None
        at_change = _closely(schedule, offsets, start)
        if at_change is not None:
            return at_change if at_change <= end else None
        start = (start // DAY + _WINDOW) * DAY
    return None


def _next_reading(schedule: Schedule, offsets: ZoneOffsets, start: int) -> tuple[int, int, int | None] | None:
    """Return the day and second of the first matching reading, and the offset at which the clocks show it.

    Without an offset, the clocks are changed around that day, and anything may happen from two days before it on.
    """
    today = start // DAY
    offset = offsets.around(today)
    if offset is None:
        return today, 0, None
    wall = -(-(start + offset) // SECOND)
    reading = schedule.next(wall // 86_400, wall % 86_400)
    if reading is None:
        return None
    day, second = reading
    return day, second, offset if day <= today else offsets.around(day)


def _last_instant(schedule: Schedule, start: int, end: int) -> int:
    """Return the instant after which nothing comes that has not come until then."""
    return min(end, (schedule.horizon(max(start // DAY, 0)) + 1) * DAY)


def _closely(schedule: Schedule, offsets: ZoneOffsets, start: int) -> int | None:
    """Return the first instant to run from ``start`` on within a few days, during which the clocks are changed."""
    first = start // DAY
    before: int | None = None
    shown = start - 3 * DAY  # a fixed schedule: readings before this one have had their turn
    for begin, finish, offset in offsets.stretches(first - 2, first + _WINDOW - 1):
        if before is not None and not schedule.is_interval_like:
            shown = max(shown, begin + before)
            if begin >= start and offset - before < DAY and _matches(schedule, shown, begin + offset):
                return begin
        reading = max(max(begin, start) + offset, shown)
        if _matches(schedule, reading, finish + offset):
            return _next(schedule, reading) - offset
        before = offset
    return None


def _matches(schedule: Schedule, first: int, end: int) -> bool:
    """Return whether any reading of a span, its end exclusive, matches."""
    return first < end and _next(schedule, first) < end


def _next(schedule: Schedule, reading: int) -> int:
    """Return the first matching reading, all in microseconds of the wall clock; a very late one when there is none."""
    wall = -(-reading // SECOND)
    found = schedule.next(wall // 86_400, wall % 86_400)
    return NEVER if found is None else (found[0] * 86_400 + found[1]) * SECOND

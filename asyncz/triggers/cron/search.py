"""The instants at which the clocks of a zone show a matching reading, or should have shown it.

As Debian's cron does it (crontab(5), cron(8)): a schedule with a star in its hour or minute follows the readings as
they come. Any other runs once for each reading: at the first of two, and where the clocks skipped it, right after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .offsets import DAY, SECOND

if TYPE_CHECKING:
    import datetime

    from .offsets import ZoneOffsets
    from .schedule import Schedule

__all__ = ("next_instant",)

#: Changes of the clock that one search looks at closely: one a year, and some, until the year 9999.
MAX_WINDOWS = 20_000
#: Days that are looked at closely around such a change: a reading in question is within a day of it on either side.
_WINDOW = 4
#: Nothing matches before 1970, in any zone.
_EARLIEST = -2 * DAY
#: Later than any datetime.
_NEVER = 4_000_000 * DAY


def next_instant(schedule: Schedule, offsets: ZoneOffsets, start: int, end: int | None) -> datetime.datetime | None:
    """Return the first time to run from an instant on, ``end`` inclusive, or None when there is none."""
    start = max(start, _EARLIEST)
    last: int | None = None
    for _ in range(MAX_WINDOWS):
        reading = _next_reading(schedule, offsets, start)
        if reading is None:
            return None
        day, second, offset = reading
        if offset is not None:
            if end is not None and (day * 86_400 + second) * SECOND - offset > end:
                return None
            return offsets.reading(day, second, offset)
        start = max(start, (day - 2) * DAY)
        if last is None:
            last = _last_instant(schedule, start, end)
        if start > last:
            return None
        found = _closely(schedule, offsets, start)
        if found is not None:
            return offsets.at(found) if end is None else _unless_late(offsets, found, end)
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


def _unless_late(offsets: ZoneOffsets, instant: int, end: int) -> datetime.datetime | None:
    return None if instant > end else offsets.at(instant)


def _last_instant(schedule: Schedule, start: int, end: int | None) -> int:
    """Return the instant after which nothing comes that has not come until then."""
    last = (schedule.horizon(max(start // DAY, 0)) + 1) * DAY
    return last if end is None else min(last, end)


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
    return _NEVER if found is None else (found[0] * 86_400 + found[1]) * SECOND

"""What the clocks of a zone show, and where they are changed.

Zones are asked one thing only, the offset at an instant, which every tzinfo knows to tell. A change is noticed when the
offsets at two midnights (UTC) differ; no zone has ever changed its clocks twice in two days since 1970.
"""

from __future__ import annotations

import datetime

from ..utils import from_microseconds

__all__ = ("DAY", "SECOND", "ZoneOffsets", "offsets_of", "remembered")

SECOND = 1_000_000
DAY = 86_400 * SECOND
#: Days that are remembered of a zone, and zones: the next question is mostly about the same day.
_MAX_DAYS = 20_000
_MAX_ZONES = 256
#: Only zones of these libraries are remembered: theirs do not change while the program runs.
_CONSTANT = frozenset({"datetime", "pytz", "zoneinfo"})
_zones: dict[int, ZoneOffsets] = {}


class ZoneOffsets:
    """The offsets of one zone, in microseconds to be added to UTC. Days are those of UTC, counted from 1970."""

    __slots__ = ("_changes", "_constant", "_midnights", "_spans", "_zeros", "origin", "zone")

    def __init__(self, zone: datetime.tzinfo) -> None:
        self.zone = zone
        self._midnights: dict[int, int] = {}
        self._spans: dict[int, int | None] = {}
        self._changes: dict[int, list[tuple[int, int]]] = {}
        self._zeros: dict[int, datetime.datetime] = {}
        # Readings that exist once can be written down as they are, but not in a zone of pytz: it has many tzinfos.
        self.origin = None if hasattr(zone, "localize") else datetime.datetime(1970, 1, 1, tzinfo=zone)
        self._constant = self._at_instant(0) if isinstance(zone, datetime.timezone) else None

    def around(self, day: int) -> int | None:
        """Return the offset that holds from the day before to the day after, None when it changes meanwhile."""
        if self._constant is not None:
            return self._constant
        try:
            return self._spans[day]
        except KeyError:
            pass
        if len(self._midnights) > _MAX_DAYS:
            for memory in (self._midnights, self._spans, self._changes):
                memory.clear()
        offsets = {self._at_midnight(at) for at in range(day - 1, day + 3)}
        found = self._spans[day] = offsets.pop() if len(offsets) == 1 else None
        return found

    def shown(self, time: datetime.datetime, offset: int) -> datetime.timedelta:
        """Return what clocks with that offset show at a time, counted from 1970. Raises TypeError when it is naive."""
        zero = self._zeros.get(offset)
        if zero is None:
            zero = self._zeros[offset] = from_microseconds(-offset)
        try:
            return time - zero
        except TypeError as exc:
            raise TypeError(f"Expected an aware datetime, got {time!r}.") from exc

    def stretches(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Return the stretches of one offset, from one day to the end of another: first instant, end, offset."""
        marks = [(first * DAY, self._at_midnight(first))]
        for day in range(first, last + 1):
            if self._at_midnight(day) != self._at_midnight(day + 1):
                marks += self._changes_of(day)
        ends = [begin for begin, _ in marks[1:]] + [(last + 1) * DAY]
        return [(begin, end, offset) for (begin, offset), end in zip(marks, ends, strict=True)]

    def _changes_of(self, day: int) -> list[tuple[int, int]]:
        """Return the changes within a day: the first instants of the new offsets, and these."""
        known = self._changes.get(day)
        if known is not None:
            return known
        found: list[tuple[int, int]] = []
        at, offset, end = day * 86_400, self._at_midnight(day), (day + 1) * 86_400
        while offset != self._at_midnight(day + 1):
            at = self._first_other(at, end, offset)
            offset = self._at_instant(at * SECOND)
            found.append((at * SECOND, offset))
        self._changes[day] = found
        return found

    def _first_other(self, low: int, high: int, offset: int) -> int:
        """Return the first second after ``low``, where ``offset`` holds, at which it does not; ``high`` is one."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._at_instant(middle * SECOND) == offset:
                low = middle
            else:
                high = middle
        return high

    def _at_midnight(self, day: int) -> int:
        offset = self._midnights.get(day)
        if offset is None:
            try:
                offset = self._at_instant(day * DAY)
            except OverflowError:  # before and after the calendar nothing changes
                offset = self._at_midnight(day - 1 if day > 0 else day + 1)
            self._midnights[day] = offset
        return offset

    def _at_instant(self, instant: int) -> int:
        offset = from_microseconds(instant, self.zone).utcoffset()
        if offset is None:
            raise TypeError(f"Expected a zone that has an offset, got {self.zone!r}.")
        return (offset.days * 86_400 + offset.seconds) * SECOND + offset.microseconds


def offsets_of(zone: datetime.tzinfo) -> ZoneOffsets:
    """Return the offsets of a zone."""
    return remembered(zone) or ZoneOffsets(zone)


def remembered(zone: datetime.tzinfo) -> ZoneOffsets | None:
    """Return the offsets of a zone, None when it may change while the program runs.

    The object is known again, not its value: equal zones may have other names.
    """
    found = _zones.get(id(zone))
    if found is not None and found.zone is zone:
        return found
    if type(zone).__module__.partition(".")[0] not in _CONSTANT:
        return None
    found = ZoneOffsets(zone)
    if len(_zones) >= _MAX_ZONES:
        _zones.clear()
    _zones[id(zone)] = found
    return found

"""Again and again, at a distance of elapsed time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils import datetime_repr, to_microseconds
from .arguments import checked_jitter, copied, refuse_unknown
from .zoned import AnchoredTrigger, in_zone, instant, needed_now

if TYPE_CHECKING:
    from typing import NoReturn

    from .zoned import Bound

__all__ = ("IntervalTrigger",)

Self = TypeVar("Self", bound="IntervalTrigger")

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


class IntervalTrigger(AnchoredTrigger):
    """Due at ``start_at`` and then every interval, up to ``end_at`` inclusive.

    The interval is elapsed time: 24 hours after 12:00 comes 13:00 where the clocks went forward meanwhile. No interval
    at all means one second; the start defaults to one interval after the task was added. ``jitter`` delays each run
    at random by up to so many seconds.
    """

    __slots__ = ("_end", "_interval", "_start", "jitter")

    alias = "interval"
    _interval: int
    _start: Bound
    _end: Bound

    def __init__(
        self,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        start_at: str | datetime.date | None = None,
        end_at: str | datetime.date | None = None,
        timezone: str | datetime.tzinfo | None = None,
        jitter: float | None = None,
        **unknown: NoReturn,
    ) -> None:
        refuse_unknown(IntervalTrigger, unknown)
        self._interval = _length(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._start, self._end = self._set_zone(timezone, start_at=start_at, end_at=end_at)
        self.jitter = checked_jitter(jitter)
        self._anchor = None

    @property
    def interval(self) -> datetime.timedelta:
        """The distance between two runs."""
        return datetime.timedelta(microseconds=self._interval)

    @property
    def interval_size(self) -> float:
        """The distance between two runs, in seconds."""
        return self._interval / _SECOND

    @property
    def start_at(self) -> datetime.datetime | None:
        """The first run, if it is known yet."""
        return self._shown(self._anchor if self._start is None else self._start)

    @property
    def end_at(self) -> datetime.datetime | None:
        """The last time at which a run may be due."""
        return self._shown(self._end)

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        zone, interval = self._zone(timezone), self._interval
        start = self._anchor if self._start is None else instant(self._start, zone)
        # From here on: the latest instant that the next run has to come after.
        after = needed_now(self, now) - 1 if previous_time is None else to_microseconds(previous_time)
        if start is None:
            time = after + interval + (previous_time is None)
        elif after < start:
            time = start
        else:
            time = after + interval - (after - start) % interval
        if self._end is not None and time > instant(self._end, zone):
            return None
        return in_zone(time, zone)

    def anchored(self: Self, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Self:
        if self._start is not None or self._anchor is not None:
            return self
        return self._with_anchor(to_microseconds(now) + self._interval)

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> IntervalTrigger | None:
        start = self._anchor if self._start is None else instant(self._start, self._zone(timezone))
        if start is None or (self._start is not None and to_microseconds(due) <= start):
            return None  # it waits for a start that somebody has asked for
        ahead = start - to_microseconds(now)
        return self if ahead <= 0 else self._starting_at(start - -(-ahead // self._interval) * self._interval)

    def _starting_at(self, start: int) -> IntervalTrigger:
        if self._start is None:
            return self._with_anchor(start)
        clone = copied(self)
        clone._start = start
        return clone

    def _end_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        return None if self._end is None else instant(self._end, self._zone(timezone))

    def _arguments(self) -> dict[str, Any]:
        days, rest = divmod(self._interval, _DAY)
        arguments = {
            "days": days or None,
            "seconds": (rest / _SECOND if rest % _SECOND else rest // _SECOND) or None,
            "start_at": self._shown(self._start),
            "end_at": self._shown(self._end),
            "timezone": self.timezone,
            "jitter": self.jitter,
        }
        return {name: value for name, value in arguments.items() if value is not None}

    def __repr__(self) -> str:
        end = f", end_at='{datetime_repr(self.end_at)}'" if self._end is not None else ""
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return (
            f"<{type(self).__name__} (interval={self.interval!r}, start_at='{datetime_repr(self.start_at)}'"
            f"{end}{jitter}, timezone='{self.timezone}')>"
        )

    def __str__(self) -> str:
        return f"interval[{self.interval}]"


def _length(**parts: float) -> int:
    """Return the length of an interval in microseconds."""
    try:
        delta = datetime.timedelta(**parts)
    except OverflowError as exc:
        given = ", ".join(f"{name}={value!r}" for name, value in parts.items() if value)
        raise ValueError(f"Expected an interval of at most {datetime.timedelta.max}, got {given}.") from exc
    length = delta.days * _DAY + delta.seconds * _SECOND + delta.microseconds
    if length < 0:
        given = ", ".join(f"{name}={value!r}" for name, value in parts.items() if value)
        raise ValueError(f"Expected an interval that goes forward, got {given}.")
    return length or _SECOND

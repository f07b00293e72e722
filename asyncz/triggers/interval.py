"""Again and again, at a distance of elapsed time."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import shown
from ..utils import datetime_repr, from_microseconds, to_microseconds
from .arguments import checked_jitter, copied, refuse_unknown
from .offsets import remembered
from .zoned import FIRST_DAYS, LAST_DAYS, AnchoredTrigger, bound, in_calendar, in_zone, instant, settled, without_now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from .zoned import Bound

__all__ = ("IntervalTrigger",)

Self = TypeVar("Self", bound="IntervalTrigger")

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MAX_SECONDS = datetime.timedelta.max.days * 86_400
#: A system has many tasks, but few paces: these lengths are shared.
_MAX_LENGTHS = 1024
_lengths: dict[int, int] = {}
_ENDLESS: tuple[Bound, bool] = (None, False)
_ENDLESS_FILLED_IN: tuple[Bound, bool] = (None, True)
#: The trigger that was asked last, and its answer: whoever walks through the times comes back with that.
_last_answer: tuple[IntervalTrigger | None, datetime.datetime] = (None, datetime.datetime(1970, 1, 1))


class IntervalTrigger(AnchoredTrigger):
    """Due at ``start_at`` and then every interval, up to ``end_at`` inclusive.

    The interval is elapsed time: 24 hours after 12:00 comes 13:00 where the clocks went forward meanwhile. No interval
    at all means one second; the start defaults to one interval after the task was added. ``jitter`` delays each run
    at random by up to so many seconds.
    """

    __slots__ = ("_interval", "_rest", "jitter")

    alias = "interval"
    _interval: int
    #: The end, and whether the start was filled in: one object for nearly all triggers takes less than two slots.
    _rest: tuple[Bound, bool]

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
        if unknown:
            refuse_unknown(IntervalTrigger, unknown)
        self._interval = _length(weeks, days, hours, minutes, seconds)
        if start_at is end_at is timezone is None:  # nearly all: there is nothing to read
            self.timezone, self._start, self._rest = None, None, _ENDLESS
        else:
            # The start becomes an instant when it is first needed.
            self._start, end = self._zoned(timezone, bound(start_at, "start_at"), bound(end_at, "end_at"))
            self._rest = _ENDLESS if end is None else (settled(end), False)
        self.jitter = None if jitter is None else checked_jitter(jitter)

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
        return self._shown(self._start)

    @property
    def end_at(self) -> datetime.datetime | None:
        """The last time at which a run may be due."""
        return self._shown(self._rest[0])

    def next_instant(self, timezone: datetime.tzinfo | None, previous: int | None, now: int) -> int | None:
        interval, start, end = self._interval, self._start, self._rest[0]
        if isinstance(start, datetime.datetime):
            start = self._start_instant(start, timezone)
        # The latest instant that the next run has to come after.
        after = now - 1 if previous is None else previous
        if start is None:
            time = now + interval if previous is None else after + interval
        elif after < start:
            time = start
        else:
            time = after + interval - (after - start) % interval
        if end is not None and time > instant(end, self._zone(timezone)):
            return None
        return time if FIRST_DAYS < time < LAST_DAYS else in_calendar(time, self._zone(timezone))

    def _start_instant(self, start: datetime.datetime, timezone: datetime.tzinfo | None) -> int:
        found = instant(start, self._zone(timezone))
        if start.tzinfo is not None:
            self._start = found
        return found

    _next = next_instant  # a subclass may have lost the other name: see BaseTrigger.next_instant

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        global _last_answer
        zone = self.timezone or self._zone(timezone)
        if previous_time is None:
            if now is None:
                raise without_now(self)
            time = self._next(zone, None, to_microseconds(now))
            return None if time is None else from_microseconds(time, zone)
        found = _one_further(self, previous_time, zone)
        if found is None:
            previous = to_microseconds(previous_time)
            found = in_zone(self._next(zone, previous, previous), zone)
        if found is not None:
            _last_answer = self, found
        return found

    @property
    def _is_filled_in(self) -> bool:
        return self._rest[1]

    def _fill_in(self, start: int) -> None:
        end = self._rest[0]
        self._start, self._rest = start, _ENDLESS_FILLED_IN if end is None else (end, True)

    def _filled_in(self: Self, start: int) -> Self:
        if type(self) is not IntervalTrigger:
            return super()._filled_in(start)
        clone = self.__new__(type(self))  # this is what adding a task takes longest for
        clone.timezone, clone._interval, clone.jitter, clone._rest = (
            self.timezone, self._interval, self.jitter, self._rest,
        )  # fmt: skip
        clone._fill_in(start)
        return clone

    def anchored(self: Self, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Self:
        if self._start is not None:
            return self
        return self._filled_in(to_microseconds(now) + self._interval)

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> IntervalTrigger | None:
        if self._start is None:
            return None
        start, is_filled_in = instant(self._start, self._zone(timezone)), self._is_filled_in
        if not is_filled_in and to_microseconds(due) <= start:
            return None  # it waits for a start that somebody has asked for
        ahead = start - to_microseconds(now)
        if ahead <= 0:
            return self
        clone = copied(self)
        clone._start = start - -(-ahead // self._interval) * self._interval
        return clone

    def _end_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        end = self._rest[0]
        return None if end is None else instant(end, self._zone(timezone))

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        end, is_filled_in = self._rest
        days, rest = divmod(self._interval, _DAY)
        if days:
            arguments["days"] = days
        if rest:
            arguments["seconds"] = rest / _SECOND if rest % _SECOND else rest // _SECOND
        if self._start is not None and not is_filled_in:
            arguments["start_at"] = self.start_at
        if end is not None:
            arguments["end_at"] = self.end_at
        if self.timezone is not None:
            arguments["timezone"] = self.timezone
        if self.jitter is not None:
            arguments["jitter"] = self.jitter
        return arguments

    def __repr__(self) -> str:
        end = f", end_at='{datetime_repr(self.end_at)}'" if self._rest[0] is not None else ""
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return (
            f"<{type(self).__name__} (interval={self.interval!r}, start_at='{datetime_repr(self.start_at)}'"
            f"{end}{jitter}, timezone='{self.timezone}')>"
        )

    def __str__(self) -> str:
        return f"interval[{self.interval}]"


def _one_further(
    trigger: IntervalTrigger, previous: datetime.datetime, zone: datetime.tzinfo
) -> datetime.datetime | None:
    """Return the time after the last answer, None where it takes more than adding the interval to the reading."""
    walker, answer = _last_answer
    if previous is not answer or walker is not trigger or answer.tzinfo is not zone or trigger._rest[0] is not None:
        return None
    offsets = remembered(zone)
    offset = None if offsets is None else offsets.around(answer.toordinal() - _EPOCH)
    if offsets is None or offset is None:
        return None
    try:
        later = answer + _delta(trigger._interval)
    except OverflowError:
        return None
    return later if offset == offsets.around(later.toordinal() - _EPOCH) else None


@functools.lru_cache(maxsize=256)
def _delta(length: int) -> datetime.timedelta:
    return datetime.timedelta(microseconds=length)


def _length(weeks: float, days: float, hours: float, minutes: float, seconds: float) -> int:
    """Return the length of an interval in microseconds, the same object for the lengths that are met first."""
    length = _calculated(weeks, days, hours, minutes, seconds)
    if len(_lengths) < _MAX_LENGTHS:
        return _lengths.setdefault(length, length)
    return _lengths.get(length, length)


def _calculated(weeks: float, days: float, hours: float, minutes: float, seconds: float) -> int:
    if type(weeks) is type(days) is type(hours) is type(minutes) is type(seconds) is int:
        whole = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds
        if 0 < whole <= _MAX_SECONDS:
            return whole * _SECOND
    return _checked_length(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _checked_length(**parts: float) -> int:
    try:
        delta = datetime.timedelta(**parts)
    except (OverflowError, ValueError) as exc:  # the latter for what is not a number (NaN)
        raise ValueError(f"Expected an interval of at most {datetime.timedelta.max}, got {_given(parts)}.") from exc
    length = delta.days * _DAY + delta.seconds * _SECOND + delta.microseconds
    if length < 0:
        raise ValueError(f"Expected an interval that goes forward, got {_given(parts)}.")
    return length or _SECOND


def _given(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in parts.items() if value)

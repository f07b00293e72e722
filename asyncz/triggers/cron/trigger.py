"""At readings of the wall clock."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ...exceptions import shown
from ...utils import datetime_repr, to_microseconds
from ..arguments import checked_jitter, refuse_unknown
from ..offsets import offsets_of, remembered
from ..zoned import ZonedTrigger, bound, in_calendar, in_zone, instant, settled, without_now
from .fields import FIELDS, crontab_weekdays
from .schedule import Schedule, compiled
from .search import NEVER, next_instant, next_reading

if TYPE_CHECKING:
    from typing import NoReturn

    from ..zoned import Bound

__all__ = ("CronTrigger",)

Self = TypeVar("Self", bound="CronTrigger")

_CRONTAB_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronTrigger(ZonedTrigger):
    """Due whenever the wall clock matches all the fields that are given.

    A field is a comma list of ``*``, ``*/c``, ``a``, ``a/c``, ``a-b`` and ``a-b/c``; months and weekdays have names,
    weekdays count from 0, Monday; a day may be ``last``, ``last fri`` or ``2nd tue``; weeks are those of ISO 8601.
    A field that is not given is ``*`` left of the last one that is (year, month, day, week, day_of_week, hour, minute,
    second), and takes its least value right of it, ``*`` for week and day_of_week.

    Where the clocks are changed: with a star in hour or minute it is due whenever they show a matching time; else once
    for each, the first time of two, and right after the jump for one that was skipped (by less than a day).
    ``start_at`` and ``end_at`` are inclusive. ``jitter`` delays each run at random by up to so many seconds.
    """

    __slots__ = ("_end", "_schedule", "_start", "jitter")

    alias = "cron"
    _schedule: Schedule
    _start: Bound
    _end: Bound

    def __init__(
        self,
        year: int | str | None = None,
        month: int | str | None = None,
        day: int | str | None = None,
        week: int | str | None = None,
        day_of_week: int | str | None = None,
        hour: int | str | None = None,
        minute: int | str | None = None,
        second: int | str | None = None,
        start_at: str | datetime.date | None = None,
        end_at: str | datetime.date | None = None,
        timezone: str | datetime.tzinfo | None = None,
        jitter: float | None = None,
        **unknown: NoReturn,
    ) -> None:
        if unknown:
            refuse_unknown(CronTrigger, unknown)
        self._schedule = compiled(_texts(year, month, day, week, day_of_week, hour, minute, second), False)
        start, end = self._zoned(timezone, bound(start_at, "start_at"), bound(end_at, "end_at"))
        self._start, self._end = settled(start), settled(end)
        self.jitter = checked_jitter(jitter)

    @classmethod
    def from_crontab(cls: type[Self], expr: str, timezone: str | datetime.tzinfo | None = None, **options: Any) -> Self:
        """Return the trigger of the five time fields of a crontab line, or of ``@daily`` and its like.

        As in crontab(5), weekdays are counted from Sunday, 0 or 7, and a day matches when the date or the weekday does
        if neither starts with a star. ``options`` are ``start_at``, ``end_at`` and ``jitter``. Raises ValueError for
        anything else.
        """
        minute, hour, day, month, weekday = _crontab_fields(expr)
        names = crontab_weekdays(weekday)
        trigger = cls(month=month, day=day, day_of_week=names, hour=hour, minute=minute, timezone=timezone, **options)
        has_star = any(item.lstrip(" \t").startswith("*") for item in weekday.split(","))
        trigger._schedule = compiled(trigger._schedule.texts, not has_star)
        return trigger

    @property
    def start_at(self) -> datetime.datetime | None:
        """The first time at which a run may be due."""
        return self._shown(self._start)

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
        zone = self.timezone or self._zone(timezone)
        if previous_time is None:
            if now is None:
                raise without_now(self)
            return in_zone(self._next(zone, None, to_microseconds(now)), zone)
        offsets = remembered(zone)
        if offsets is not None and previous_time.tzinfo is zone and self._end is None:
            found = next_reading(self._schedule, offsets, previous_time, now)
            if found is not None:
                return found
        previous = to_microseconds(previous_time)
        present = previous if now is None or now is previous_time else to_microseconds(now)
        return in_zone(self._next(zone, previous, present), zone)

    def next_instant(self, timezone: datetime.tzinfo | None, previous: int | None, now: int) -> int | None:
        zone = self.timezone or self._zone(timezone)
        if previous is None:
            earliest = now if self._start is None else max(now, instant(self._start, zone))
        else:
            # A clock that was set back is followed, unless that is where the last run was.
            earliest = previous + 1 if now >= previous else now
        end = NEVER if self._end is None else instant(self._end, zone)
        return in_calendar(next_instant(self._schedule, offsets_of(zone), earliest, end), zone)

    _next = next_instant  # a subclass may have lost the other name: see BaseTrigger.next_instant

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> CronTrigger | None:
        return self if self._schedule.is_interval_like else None

    def get_state(self) -> dict[str, Any]:
        state = self.get_arguments()
        if self._schedule.either_day:
            state["either_day"] = True
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = dict(state)
        either_day = arguments.pop("either_day", False)
        super().__setstate__(arguments)
        if either_day:
            self._schedule = compiled(self._schedule.texts, True)

    def _start_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        return None if self._start is None else instant(self._start, self._zone(timezone))

    def _end_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        return None if self._end is None else instant(self._end, self._zone(timezone))

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self._schedule.either_day)

    def _arguments(self) -> dict[str, Any]:
        arguments = {
            **dict(zip(FIELDS, self._schedule.texts, strict=True)),
            "start_at": self.start_at,
            "end_at": self.end_at,
            "timezone": self.timezone,
            "jitter": self.jitter,
        }
        return {name: value for name, value in arguments.items() if value is not None}

    def _shown_fields(self) -> list[str]:
        given = zip(FIELDS, self._schedule.texts, strict=True)
        return [f"{name}='{text}'" for name, text in given if text is not None]

    def __repr__(self) -> str:
        parts = self._shown_fields()
        if self._start is not None:
            parts.append(f"start_at='{datetime_repr(self.start_at)}'")
        if self._end is not None:
            parts.append(f"end_at='{datetime_repr(self.end_at)}'")
        if self.jitter:
            parts.append(f"jitter='{self.jitter}'")
        return f"<{type(self).__name__} ({', '.join(parts)}, timezone='{self.timezone}')>"

    def __str__(self) -> str:
        return f"cron[{', '.join(self._shown_fields())}]"


def _texts(*values: int | str | None) -> tuple[str | None, ...]:
    """Return the fields as text."""
    return tuple(
        value if value is None or type(value) is str else _text(name, value)
        for name, value in zip(FIELDS, values, strict=True)
    )


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # A number with thousands of digits is refused in words; Python would refuse to write it down.
        return str(value) if abs(value) < 10**9 else "a huge number"
    raise TypeError(f"{name}: expected a number or a text, got {shown(value)} ({type(value).__name__}).")


def _crontab_fields(expr: str) -> list[str]:
    if not isinstance(expr, str):
        raise TypeError(f"Expected the text of a crontab, got {shown(expr)} ({type(expr).__name__}).")
    text = expr.strip(" \t\r\n")
    fields = [field for field in _CRONTAB_NICKNAMES.get(text.lower(), text).replace("\t", " ").split(" ") if field]
    if len(fields) != 5:
        raise ValueError(f"Wrong number of fields. Got {len(fields)}, expected 5.")
    return fields

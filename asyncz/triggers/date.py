"""Once, at a given time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils import datetime_repr, to_microseconds
from .arguments import refuse_unknown
from .zoned import AnchoredTrigger, bound, in_calendar, in_zone, instant, without_now

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ("DateTrigger",)

Self = TypeVar("Self", bound="DateTrigger")


class DateTrigger(AnchoredTrigger):
    """Due once: at ``run_at``, or without it when the task is added.

    A ``run_at`` without a zone is read in ``timezone``, and without that in the scheduler's.
    """

    __slots__ = ("_time",)

    alias = "date"
    #: What is answered, once it is known and cannot change: the zone is the trigger's own. Only in this very class: a
    #: subclass may have jitter, or a nominal time of its own.
    _time: datetime.datetime | None

    def __init__(
        self,
        run_at: str | datetime.date | None = None,
        timezone: str | datetime.tzinfo | None = None,
        **unknown: NoReturn,
    ) -> None:
        if unknown:
            refuse_unknown(DateTrigger, unknown)
        if type(run_at) is datetime.datetime and run_at.tzinfo is not None and isinstance(timezone, datetime.tzinfo):
            self.timezone, self._start = timezone, run_at
        else:
            self._start, _ = self._zoned(timezone, bound(run_at, "run_at"), None)
        self._time = None

    @property
    def run_at(self) -> datetime.datetime | None:
        """The time at which it is due."""
        return self._shown(self._start)

    @property
    def allow_mistrigger_by_default(self) -> bool:
        """What is to run at once may be late: nothing else says when."""
        return self._start is None or self._is_filled_in

    @property
    def _is_filled_in(self) -> bool:
        return isinstance(self._start, int)  # what is given stays a datetime

    def _fill_in(self, start: int) -> None:
        self._start, self._time = start, None

    def next_instant(self, timezone: datetime.tzinfo | None, previous: int | None, now: int) -> int | None:
        if self._start is None:
            return now if previous is None else None
        run_at = instant(self._start, self._zone(timezone))
        if previous is not None and previous >= run_at:
            return None
        return in_calendar(run_at, self._zone(timezone))

    def get_next_trigger_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        if previous_time is None:
            return self._time or AnchoredTrigger.get_next_trigger_time(self, timezone, None, now)
        if previous_time is self._time:
            return None
        return AnchoredTrigger.get_next_trigger_time(self, timezone, previous_time, now)

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        zone = self.timezone or self._zone(timezone)
        if self._start is not None:
            time = self._answer(self._start, zone)
        elif previous_time is not None:
            return None
        elif now is not None:
            time = in_zone(to_microseconds(now), zone)
        else:
            raise without_now(self)
        if time is None or previous_time is None or to_microseconds(time) > to_microseconds(previous_time):
            return time
        return None

    def _answer(self, given: int | datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime | None:
        time = in_zone(instant(given, zone), zone)
        if zone is self.timezone and type(self) is DateTrigger:
            # The object that was given, if it can be: it takes no more memory, and is known again when it comes back.
            if type(given) is datetime.datetime and given.tzinfo is zone and time is not None:
                time = given if time == given and time.fold == given.fold else time
            self._time = time
        return time

    def anchored(self: Self, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Self:
        if self._start is not None:
            return self
        return self._filled_in(to_microseconds(now))

    def _arguments(self) -> dict[str, Any]:
        run_at = None if self._is_filled_in else self.run_at
        arguments = {"run_at": run_at, "timezone": self.timezone}
        return {name: value for name, value in arguments.items() if value is not None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (run_at='{datetime_repr(self.run_at)}')>"

    def __str__(self) -> str:
        return f"date[{datetime_repr(self.run_at)}]"

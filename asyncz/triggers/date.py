"""Once, at a given time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils import datetime_repr, to_microseconds
from .arguments import refuse_unknown
from .zoned import AnchoredTrigger, in_zone, instant, needed_now

if TYPE_CHECKING:
    from typing import NoReturn

    from .zoned import Bound

__all__ = ("DateTrigger",)

Self = TypeVar("Self", bound="DateTrigger")


class DateTrigger(AnchoredTrigger):
    """Due once: at ``run_at``, or without it when the task is added.

    A ``run_at`` without a zone is read in ``timezone``, and without that in the scheduler's.
    """

    __slots__ = ("_run_at", "_time")

    alias = "date"
    _run_at: Bound
    #: What was answered last: that does not change where the zone is the trigger's own.
    _time: datetime.datetime | None

    def __init__(
        self,
        run_at: str | datetime.date | None = None,
        timezone: str | datetime.tzinfo | None = None,
        **unknown: NoReturn,
    ) -> None:
        refuse_unknown(DateTrigger, unknown)
        (self._run_at,) = self._set_zone(timezone, run_at=run_at)
        self._anchor = self._time = None

    @property
    def run_at(self) -> datetime.datetime | None:
        """The time at which it is due."""
        return self._shown(self._anchor if self._run_at is None else self._run_at)

    @property
    def allow_mistrigger_by_default(self) -> bool:
        """What is to run at once may be late: nothing else says when."""
        return self._run_at is None

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        if previous_time is None:
            return self._time or self._first(self._zone(timezone), now)
        if previous_time is self._time:
            return None
        time = self._first(self._zone(timezone), previous_time)
        return time if time is not None and to_microseconds(time) > to_microseconds(previous_time) else None

    def _first(self, zone: datetime.tzinfo, now: datetime.datetime | None) -> datetime.datetime | None:
        run_at = self._anchor if self._run_at is None else instant(self._run_at, zone)
        if run_at is None:
            return in_zone(needed_now(self, now), zone)
        time = in_zone(run_at, zone)
        if zone is self.timezone:
            self._time = time
        return time

    def anchored(self: Self, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Self:
        if self._run_at is not None or self._anchor is not None:
            return self
        return self._with_anchor(to_microseconds(now))

    def _arguments(self) -> dict[str, Any]:
        arguments = {"run_at": self._shown(self._run_at), "timezone": self.timezone}
        return {name: value for name, value in arguments.items() if value is not None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (run_at='{datetime_repr(self.run_at)}')>"

    def __str__(self) -> str:
        return f"date[{datetime_repr(self.run_at)}]"

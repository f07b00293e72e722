"""What triggers share that have a time zone: bounds that are read in it, and starts that are filled in."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils import from_microseconds, localize, to_datetime, to_microseconds, to_timezone
from .arguments import copied
from .base import BaseTrigger

if TYPE_CHECKING:
    from typing import TypeAlias

    #: an instant; or a datetime, which is naive when it has no zone yet
    Bound: TypeAlias = int | datetime.datetime | None

__all__ = (
    "FIRST_DAYS",
    "LAST_DAYS",
    "AnchoredTrigger",
    "ZonedTrigger",
    "bound",
    "in_calendar",
    "in_zone",
    "instant",
    "settled",
    "without_now",
)

Anchored = TypeVar("Anchored", bound="AnchoredTrigger")

#: Between these instants, any zone has a calendar.
FIRST_DAYS, LAST_DAYS = -719_160 * 86_400 * 1_000_000, 2_932_895 * 86_400 * 1_000_000


class ZonedTrigger(BaseTrigger):
    """A trigger with a zone of its own, or with the one that it is asked with.

    Bounds become instants; a time that nobody gave a zone stays naive, and is read in the zone of each call.
    """

    __slots__ = ("timezone",)

    timezone: datetime.tzinfo | None

    def _zoned(
        self, timezone: str | datetime.tzinfo | None, start: datetime.datetime | None, end: datetime.datetime | None
    ) -> tuple[datetime.datetime | None, datetime.datetime | None]:
        """Set the zone: the one that is given, else that of the first bound that has one. Return the bounds in it."""
        zone = timezone if isinstance(timezone, datetime.tzinfo) else to_timezone(timezone)
        if zone is None:
            zone = next((time.tzinfo for time in (start, end) if time is not None and time.tzinfo is not None), None)
        self.timezone = zone
        return (start, end) if zone is None else (_read_in(start, zone), _read_in(end, zone))

    def _zone(self, timezone: datetime.tzinfo | None) -> datetime.tzinfo:
        zone = self.timezone
        if zone is None:
            zone = timezone if isinstance(timezone, datetime.tzinfo) else to_timezone(timezone)
            if zone is None:
                raise TypeError(f"{type(self).__name__} has no time zone of its own: expected one, got None.")
        return zone

    def _shown(self, value: Bound) -> datetime.datetime | None:
        """Return a bound as a datetime in the trigger's zone."""
        if value is None:
            return None
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                return value
            value = to_microseconds(value)
        try:
            return from_microseconds(value, self.timezone)
        except OverflowError:  # in UTC where the zone's calendar has ended
            return from_microseconds(value)


class AnchoredTrigger(ZonedTrigger):
    """A trigger whose start may be missing until it is filled in."""

    __slots__ = ("_start",)

    _start: Bound

    @property
    def _is_filled_in(self) -> bool:
        """Whether nobody has asked for this start."""
        raise NotImplementedError

    def _fill_in(self, start: int) -> None:
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        state = self.get_arguments()
        if self._is_filled_in:
            state["anchored_at"] = self._start
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = dict(state)
        anchor = arguments.pop("anchored_at", None)
        super().__setstate__(arguments)
        if anchor is not None:
            self._fill_in(anchor)

    def _filled_in(self: Anchored, start: int) -> Anchored:
        clone = copied(self)
        clone._fill_in(start)
        return clone


def bound(value: Any, name: str) -> datetime.datetime | None:
    """Return what a bound was given as, a datetime, a date or a text, as a datetime; it may have no zone."""
    if type(value) is datetime.datetime or value is None:
        return value
    return to_datetime(value, None, name, require_tz=False)


def _read_in(time: datetime.datetime | None, zone: datetime.tzinfo) -> datetime.datetime | None:
    return time if time is None or time.tzinfo is not None else localize(time, zone)


def instant(bound: int | datetime.datetime, zone: datetime.tzinfo) -> int:
    """Return a bound as an instant; a naive one is read in ``zone``."""
    if isinstance(bound, int):
        return bound
    return to_microseconds(bound if bound.tzinfo is not None else localize(bound, zone))


def settled(bound: datetime.datetime | None) -> Bound:
    """Return a bound as an instant, unless it has no zone yet."""
    return bound if bound is None or bound.tzinfo is None else to_microseconds(bound)


def in_zone(value: int | None, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return an instant as a datetime, or None where the zone has no calendar; None stays None."""
    if value is None:
        return None
    try:
        return from_microseconds(value, zone)
    except OverflowError:
        return None


def in_calendar(value: int | None, zone: datetime.tzinfo) -> int | None:
    """Return an instant, None where the zone has no calendar (years 1 to 9999); None stays None."""
    if value is None or FIRST_DAYS < value < LAST_DAYS or in_zone(value, zone) is not None:
        return value
    return None


def without_now(trigger: BaseTrigger) -> TypeError:
    """Return the error of a call that needs ``now``."""
    return TypeError(f"{type(trigger).__name__} needs now: expected an aware datetime, got None.")

"""What the triggers with a zone and bounds of their own share."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils import from_microseconds, localize, to_datetime, to_microseconds, to_timezone
from .arguments import copied
from .base import BaseTrigger

if TYPE_CHECKING:
    from typing import TypeAlias

    #: an instant in microseconds since 1970 UTC, or a naive time that waits for a zone
    Bound: TypeAlias = int | datetime.datetime | None

__all__ = ("AnchoredTrigger", "ZonedTrigger", "in_zone", "instant", "needed_now")

Anchored = TypeVar("Anchored", bound="AnchoredTrigger")


class ZonedTrigger(BaseTrigger):
    """A trigger with a zone of its own, or with the one that it is asked with.

    Bounds are kept as instants; a time that nobody gave a zone stays naive, and is read in the zone of each call.
    """

    __slots__ = ("timezone",)

    timezone: datetime.tzinfo | None

    def _set_zone(self, timezone: str | datetime.tzinfo | None, **bounds: Any) -> list[Bound]:
        """Set the zone: the one that is given, else that of the first bound that has one. Return the bounds."""
        zone = to_timezone(timezone)
        if zone is None and len(bounds) == 1:
            return [self._single(*bounds.popitem())]
        times = [to_datetime(value, zone, name, require_tz=False) for name, value in bounds.items()]
        if zone is None:
            zone = next((time.tzinfo for time in times if time is not None and time.tzinfo is not None), None)
        self.timezone = zone
        return [time if time is None or zone is None else instant(time, zone) for time in times]

    def _single(self, name: str, value: Any) -> Bound:
        """Set the zone from the only bound, and return that."""
        time = to_datetime(value, None, name, require_tz=False)
        self.timezone = None if time is None else time.tzinfo
        return time if time is None or time.tzinfo is None else to_microseconds(time)

    def _zone(self, timezone: datetime.tzinfo | None) -> datetime.tzinfo:
        zone = self.timezone
        if zone is None:
            zone = timezone if isinstance(timezone, datetime.tzinfo) else to_timezone(timezone)
            if zone is None:
                raise TypeError(f"{type(self).__name__} has no time zone of its own: expected one, got None.")
        return zone

    def _shown(self, value: Bound) -> datetime.datetime | None:
        """Return a bound as a datetime in the trigger's zone."""
        if value is None or isinstance(value, datetime.datetime):
            return value
        try:
            return from_microseconds(value, self.timezone)
        except OverflowError:  # in UTC where the zone's calendar has ended
            return from_microseconds(value)


class AnchoredTrigger(ZonedTrigger):
    """A trigger whose start may be missing until it is filled in: ``_anchor``, an instant, is what was filled in."""

    __slots__ = ("_anchor",)

    _anchor: int | None

    def get_state(self) -> dict[str, Any]:
        state = self.get_arguments()
        if self._anchor is not None:
            state["anchored_at"] = self._anchor
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = dict(state)
        anchor = arguments.pop("anchored_at", None)
        super().__setstate__(arguments)
        self._anchor = anchor

    def _with_anchor(self: Anchored, anchor: int) -> Anchored:
        clone = copied(self)
        clone._anchor = anchor
        return clone


def instant(bound: int | datetime.datetime, zone: datetime.tzinfo) -> int:
    """Return a bound as an instant; a naive one is read in ``zone``."""
    if isinstance(bound, int):
        return bound
    return to_microseconds(bound if bound.tzinfo is not None else localize(bound, zone))


def in_zone(value: int, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return an instant as a datetime, or None where the zone's calendar has ended."""
    try:
        return from_microseconds(value, zone)
    except OverflowError:
        return None


def needed_now(trigger: BaseTrigger, now: datetime.datetime | None) -> int:
    """Return ``now`` as an instant. Raises TypeError when it was left out."""
    if now is None:
        raise TypeError(f"{type(trigger).__name__} needs now: expected an aware datetime, got None.")
    return to_microseconds(now)

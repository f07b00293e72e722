"""Dates, instants and zones; and, under their public names, the helpers for callables.

Instants are integers where they are computed with: microseconds since 1970 UTC, exact until the year 9999.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, overload

from ..exceptions import shown
from ..refs import (
    check_callable_args,
    get_callable_name,
    make_async_function,
    make_function,
    maybe_ref,
    obj_to_ref,
    ref_to_obj,
)

if TYPE_CHECKING:
    import re

    #: ``Y-M-D``, optionally with a time of day and an offset.
    DATE_REGEX: re.Pattern[str]

__all__ = (
    "DATE_REGEX",
    "check_callable_args",
    "datetime_ceil",
    "datetime_repr",
    "datetime_to_utc_timestamp",
    "from_microseconds",
    "get_callable_name",
    "get_localzone",
    "localize",
    "make_async_function",
    "make_function",
    "maybe_ref",
    "normalize",
    "obj_to_ref",
    "ref_to_obj",
    "timedelta_seconds",
    "to_datetime",
    "to_float",
    "to_int",
    "to_microseconds",
    "to_timezone",
    "to_timezone_with_fallback",
    "utc_timestamp_to_datetime",
)

UTC = datetime.timezone.utc
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400 * 1_000_000
#: Where the calendar begins and ends, in microseconds from 1970. For two days either way it depends on the zone.
_EDGES = (-719_162 * _DAY, 2_932_897 * _DAY)
#: As many seconds, in microseconds: until the year 2106 a float of seconds is exact to less than half a microsecond.
_EXACT_AS_FLOAT = 2**32 * 1_000_000
_DATE_PATTERN = (
    r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:[ T](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<timezone>Z|[+-][0-9]{2}:?[0-9]{2})?)?\Z"
)


def __getattr__(name: str) -> Any:
    # Compiled when a text date is first met: most programs never pass one.
    if name != "DATE_REGEX":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import re

    globals()[name] = pattern = re.compile(_DATE_PATTERN)
    return pattern


# Instants


def to_microseconds(value: datetime.datetime) -> int:
    """Return the instant of an aware datetime in microseconds since 1970 UTC, exactly.

    Raises TypeError when it is naive: then it names no instant.
    """
    try:
        since = value - _EPOCH
    except TypeError as exc:
        raise TypeError(f"Expected an aware datetime, got {value!r}.") from exc
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(value: int, tz: datetime.tzinfo | None = UTC) -> datetime.datetime:
    """Return the instant, in microseconds since 1970 UTC, as a datetime in that zone (None: UTC).

    Raises OverflowError where the zone's calendar ends (years 1 to 9999).
    """
    if 0 <= value < _EXACT_AS_FLOAT:  # the quickest way there is, and it rounds to whole microseconds
        return datetime.datetime.fromtimestamp(value / 1_000_000, UTC if tz is None else tz)
    try:
        instant = _EPOCH + datetime.timedelta(0, 0, value)
        return instant if tz is UTC or tz is None else instant.astimezone(tz)
    except OverflowError:
        if tz is UTC or tz is None or not any(abs(value - edge) < 2 * _DAY for edge in _EDGES):
            raise
        return _at_the_edge(value, tz)


def _at_the_edge(value: int, tz: datetime.tzinfo) -> datetime.datetime:
    """Return an instant on the first or last day that a datetime can hold, where UTC or the zone is past the end."""
    step = datetime.timedelta(days=1 if value > 0 else -1)
    return from_microseconds(value - step // datetime.timedelta(microseconds=1), tz) + step


def datetime_to_utc_timestamp(value: datetime.datetime | None) -> float | None:
    """Return seconds since 1970 UTC; None stays None."""
    return None if value is None else to_microseconds(value) / 1_000_000


def utc_timestamp_to_datetime(value: float | None) -> datetime.datetime | None:
    """Return the datetime in UTC of seconds since 1970 UTC; None stays None.

    Raises OverflowError outside of the years 1 to 9999, ValueError for NaN.
    """
    return None if value is None else _EPOCH + datetime.timedelta(seconds=value)


def timedelta_seconds(delta: datetime.timedelta) -> float:
    """Return the length in seconds, with its fraction."""
    return delta.total_seconds()


def datetime_ceil(value: datetime.datetime) -> datetime.datetime:
    """Round up to a whole second; an aware datetime by its instant, so that no skipped reading comes out.

    Raises OverflowError in the last second of the year 9999.
    """
    if not value.microsecond:
        return value
    if value.tzinfo is None:
        return value.replace(microsecond=0) + datetime.timedelta(seconds=1)
    return from_microseconds(-(-to_microseconds(value) // 1_000_000) * 1_000_000, value.tzinfo)


def datetime_repr(value: datetime.datetime | None) -> str:
    """Return the time to the second with the abbreviation of its zone, or "None"."""
    return "None" if value is None else value.strftime("%Y-%m-%d %H:%M:%S %Z").rstrip()


# Numbers


@overload
def to_int(value: None) -> None: ...
@overload
def to_int(value: str | float) -> int: ...
def to_int(value: str | float | None) -> int | None:
    """Return the value as an int; None stays None.

    Raises ValueError for a text that is none, TypeError for other types, OverflowError for infinity.
    """
    return None if value is None else int(value)


@overload
def to_float(value: None) -> None: ...
@overload
def to_float(value: str | float) -> float: ...
def to_float(value: str | float | None) -> float | None:
    """Return the value as a float; None stays None.

    Raises ValueError for a text that is none, TypeError for other types, OverflowError for a huge integer.
    """
    try:
        return None if value is None else float(value)
    except ValueError as exc:  # whose text repeats all that was given
        raise ValueError(f"Expected a number, got {shown(value)}.") from exc


# Zones


@overload
def to_timezone(value: None) -> None: ...
@overload
def to_timezone(value: str | datetime.tzinfo) -> datetime.tzinfo: ...
def to_timezone(value: str | datetime.tzinfo | None) -> datetime.tzinfo | None:
    """Return the zone of that name ("UTC" needs no zone data); a tzinfo and None are returned as they are.

    Raises ``zoneinfo.ZoneInfoNotFoundError``, a KeyError, for an unknown name, and TypeError for other types.
    """
    if value is None or isinstance(value, datetime.tzinfo):
        return value
    if isinstance(value, str):
        from .localzone import named_zone  # late: a program that hands over its zones never needs it

        return named_zone(value)
    raise TypeError(f"Expected tzinfo, got {type(value).__name__} instead")


def to_timezone_with_fallback(value: str | datetime.tzinfo | None) -> datetime.tzinfo:
    """Return the zone as :func:`to_timezone` does, and the machine's own for None."""
    return get_localzone() if value is None else to_timezone(value)


def get_localzone() -> datetime.tzinfo:
    """Return the zone of this machine: ``TZ``, ``/etc/localtime``, ``/etc/timezone``, else UTC.

    On Windows ``tzlocal`` is asked where it is installed; else the current offset is used, with a warning.
    """
    from .localzone import find_localzone

    return find_localzone()


def localize(value: datetime.datetime, tz: datetime.tzinfo) -> datetime.datetime:
    """Read a naive datetime in a zone; ``fold`` tells the two passes of a repeated hour apart (PEP 495).

    ``.localize`` of the zone is used where it has one (pytz).
    """
    if not hasattr(tz, "localize"):
        return value.replace(tzinfo=tz)
    try:
        return _localized(value, tz)
    except OverflowError:  # pytz looks a day ahead and back, and there the calendar ends
        week = datetime.timedelta(days=7 if value.year > 1 else -7)
        return _localized(value - week, tz) + week


def _localized(value: datetime.datetime, tz: Any) -> datetime.datetime:
    standard: datetime.datetime = tz.localize(value, is_dst=False)
    summer: datetime.datetime = tz.localize(value, is_dst=True)
    first, second = sorted((standard, summer), key=to_microseconds)
    # A repeated reading stands for both instants, a skipped one for neither; the latter is read with the offset
    # that held before the jump, which is the later of the two (PEP 495).
    skipped = normalize(first).replace(tzinfo=None) != value.replace(fold=0)
    return second if skipped != bool(value.fold) else first


def normalize(value: datetime.datetime) -> datetime.datetime:
    """Return the same instant by a reading that the zone's clocks show: 02:30 becomes 03:30 where 02:30 was skipped.

    ``.normalize`` of the zone is used where it has one (pytz). Raises TypeError for a datetime without a zone.
    """
    if value.tzinfo is None:
        raise TypeError(f"Expected an aware datetime, got {value!r}.")
    if hasattr(value.tzinfo, "normalize"):
        normal: datetime.datetime = value.tzinfo.normalize(value)
        return normal
    return from_microseconds(to_microseconds(value), value.tzinfo)


# Datetimes out of text and dates


def to_datetime(
    value: str | datetime.date | None, tz: str | datetime.tzinfo | None, arg_name: str, require_tz: bool = True
) -> datetime.datetime | None:
    """Return the datetime that a datetime, a date (midnight) or a text stands for; None stays None.

    Without a zone of its own it is read in ``tz``; without that either it stays naive, or ValueError is raised when
    ``require_tz``. Texts are ``Y-M-D``, then optionally a blank or ``T`` and ``H:M`` or ``H:M:S`` with a fraction, and
    ``Z`` or ``+hh:mm``; ValueError for another text, TypeError for another type.
    """
    if value is None:
        return None
    found = value if isinstance(value, datetime.datetime) else _parsed(value, arg_name)
    if found.tzinfo is not None:
        return found
    if tz is None:
        if require_tz:
            raise ValueError(f"Expected a time zone for {arg_name}: {value!r} has none, and none was given.")
        return found
    return localize(found, to_timezone(tz))


def _parsed(value: Any, arg_name: str) -> datetime.datetime:
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        return _read(value, arg_name)
    raise TypeError(f"Unsupported type for {arg_name}: expected a datetime, date or text, got {type(value).__name__}.")


def _read(text: str, arg_name: str) -> datetime.datetime:
    pattern: re.Pattern[str] = globals().get("DATE_REGEX") or __getattr__("DATE_REGEX")
    match = pattern.match(text)
    if match is None:
        raise ValueError(
            f'Invalid date string for {arg_name}: expected "Y-M-D" or "Y-M-D H:M:S" with an optional fraction and '
            f"offset, got {shown(text)}."
        )
    *fields, fraction, offset = match.groups()
    try:
        year, month, day, hour, minute, second = (int(field or 0) for field in fields)
        microsecond = int((fraction or "").ljust(6, "0")[:6])
        return datetime.datetime(year, month, day, hour, minute, second, microsecond, _offset(offset))
    except ValueError as exc:
        raise ValueError(f"Invalid date string for {arg_name}: got {text!r}, but {exc}.") from exc


def _offset(text: str | None) -> datetime.timezone | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return datetime.timezone(datetime.timedelta(minutes=-minutes if text[0] == "-" else minutes))

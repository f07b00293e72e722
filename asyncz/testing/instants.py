"""What the helpers of this package accept as an instant and as an amount of time."""

from __future__ import annotations

import datetime

from ..exceptions import shown

__all__ = ("MICROSECOND", "amount_of", "instant_of")

MICROSECOND = datetime.timedelta(microseconds=1)


def instant_of(value: datetime.datetime | str) -> datetime.datetime:
    """Return ``value`` in UTC; text is ISO 8601, and what names no offset is UTC.

    Raises TypeError or ValueError for anything else.
    """
    if isinstance(value, str):
        value = _parsed(value)
    elif not isinstance(value, datetime.datetime):
        raise TypeError(f"Expected a datetime or ISO 8601 text, got {shown(value)} instead.")
    if value.tzinfo is None:
        return value.replace(tzinfo=datetime.timezone.utc)
    try:
        return value.astimezone(datetime.timezone.utc)
    except OverflowError as error:
        raise ValueError(f"Expected an instant in the years 1 to 9999, got {value} in UTC.") from error


def _parsed(text: str) -> datetime.datetime:
    # Python 3.10 does not know "Z".
    plain = text[:-1] + "+00:00" if text.endswith("Z") else text
    try:
        return datetime.datetime.fromisoformat(plain)
    except ValueError as error:
        raise ValueError(f"Expected an instant in ISO 8601, got {shown(text)}.") from error


def amount_of(amount: float | datetime.timedelta, units: dict[str, float]) -> datetime.timedelta:
    """Return the sum of ``amount`` (seconds, or a timedelta) and ``units`` (the arguments of a timedelta)."""
    whole = amount if isinstance(amount, datetime.timedelta) else datetime.timedelta(seconds=amount)
    return whole + datetime.timedelta(**units)

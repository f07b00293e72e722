"""Time zones as text: ``Z``, ``+05:30``, ``Europe/London``, or ``=`` and a rule as in the variable TZ."""

from __future__ import annotations

import datetime
import functools
import sys
from typing import Any

from ..exceptions import TaskUnavailableError, shown
from ..utils import from_microseconds, to_microseconds
from ..utils.localzone import named_zone, zone_of_rule
from .refusals import Refused

__all__ = ("of_any_library", "zone_from_plain", "zone_to_plain")

_UTC = datetime.timezone.utc
_UTC_NAMES = ("UTC", "Etc/UTC")
_NO_NAME = "a time zone without a name, such as one that was read from a file"
_ADVICE = "Use a zone by its name: zoneinfo.ZoneInfo('Europe/London'), or timezone='Europe/London' on a scheduler."


def zone_to_plain(zone: datetime.tzinfo) -> Any:
    """Return a zone as text, or, for a fixed offset that somebody has named, as a list of offset and name.

    Raises Refused for zones that would not come back as themselves.
    """
    if zone is _UTC:
        return "Z"
    if type(zone) is datetime.timezone:
        offset = datetime.time(tzinfo=zone).isoformat()[len("00:00:00") :]
        named: tuple[Any, ...] = zone.__getinitargs__()  # type: ignore[attr-defined]
        return offset if len(named) == 1 else [offset, named[1]]
    if type(zone) is not getattr(sys.modules.get("zoneinfo"), "ZoneInfo", None):
        raise Refused(zone, "neither a zone of zoneinfo nor a datetime.timezone", _ADVICE)
    key = zone.key  # type: ignore[attr-defined]
    if key is None:
        raise Refused(zone, _NO_NAME, _ADVICE)
    try:
        return _text_of_key(key)
    except ValueError as exc:
        raise Refused(zone, _NO_NAME, _ADVICE) from exc


@functools.lru_cache(maxsize=64)
def _text_of_key(key: str) -> str:
    """Return the text for the zone of that name, or, where there is none, of that rule; ValueError when it is none."""
    try:
        _zone_of_key(key)
    except KeyError:
        pass
    else:
        return key
    zone_of_rule(key)  # what the variable TZ held: its text is all there is to it
    return f"={key}"


def _zone_of_key(key: str) -> datetime.tzinfo:
    if key in _UTC_NAMES:  # of zoneinfo, as it was, where there is zone data
        import zoneinfo

        try:
            return zoneinfo.ZoneInfo(key)
        except zoneinfo.ZoneInfoNotFoundError:
            return _UTC
    return named_zone(key)


def zone_from_plain(content: Any) -> datetime.tzinfo:
    """Return the zone. Raises TaskUnavailableError for one that is not known here, ValueError or TypeError for none."""
    if content == "Z":
        return _UTC
    if type(content) is list:
        text, name = content
        return datetime.timezone(_offset(text), name)
    if type(content) is not str:
        raise TypeError(f"expected a time zone as text, got {shown(content)}")
    if content[:1] in ("+", "-"):
        return datetime.timezone(_offset(content))
    if content[:1] == "=":
        return zone_of_rule(content[1:])
    try:
        return _zone_of_key(content)
    except KeyError as exc:
        raise TaskUnavailableError(f"The time zone {shown(content)} is not known here.") from exc


def _offset(text: str) -> datetime.timedelta:
    # Not left to fromisoformat(), which loses a fraction of a second beside whole seconds of zero.
    hours, minutes, seconds, fraction = (text[1:].replace(".", ":") + ":0:0").split(":")[:4]
    offset = datetime.timedelta(
        hours=int(hours), minutes=int(minutes), seconds=int(seconds), microseconds=int(fraction.ljust(6, "0"))
    )
    return -offset if text[0] == "-" else offset


def of_any_library(value: Any) -> Any:
    """Return a zone or an aware datetime in terms of zoneinfo, if its zone has a name there or a fixed offset.

    Schedulers and triggers take zones of other libraries too (pytz, dateutil), and compare them by name. Anything else
    is returned as it is.
    """
    if isinstance(value, datetime.datetime):
        zone = of_any_library(value.tzinfo)
        return value if zone is value.tzinfo else from_microseconds(to_microseconds(value), zone)
    if not isinstance(value, datetime.tzinfo) or type(value) is datetime.timezone or hasattr(value, "key"):
        return value
    name = getattr(value, "zone", None)
    if isinstance(name, str):
        return named_zone(name)
    offset = value.utcoffset(None)
    return value if offset is None else datetime.timezone(offset)

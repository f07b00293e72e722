"""Dates, times and zones as plain values."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from ..utils import from_microseconds, to_microseconds
from .zones import zone_from_plain, zone_to_plain

__all__ = ("DECODERS", "ENCODERS")


def _encode_datetime(value: datetime.datetime, depth: int) -> Any:
    zone = value.tzinfo
    if zone is None and not value.fold:
        return {"$datetime": value.isoformat()}
    # With its offset, where that may come to be another: so the instant is known whatever becomes of the zone.
    reading = value.replace(tzinfo=None) if type(zone) is datetime.timezone else value
    content = [reading.isoformat(), None if zone is None else zone_to_plain(zone)]
    return {"$datetime": [*content, 1] if value.fold else content}


def _decode_datetime(content: Any) -> datetime.datetime:
    text, zone, fold = _parts(content)
    written = datetime.datetime.fromisoformat(text)
    if zone is None and written.tzinfo is not None:
        raise ValueError("a datetime with an offset needs a zone")
    found = written.replace(tzinfo=zone, fold=fold)
    if written.tzinfo is None or found.utcoffset() == written.utcoffset():
        return found
    # The rules of the zone are others than when this was written: the instant is what counts.
    return from_microseconds(to_microseconds(written), zone)


def _encode_time(value: datetime.time, depth: int) -> Any:
    text, zone = value.replace(tzinfo=None).isoformat(), value.tzinfo
    if zone is None and not value.fold:
        return {"$time": text}
    content = [text, None if zone is None else zone_to_plain(zone)]
    return {"$time": [*content, 1] if value.fold else content}


def _decode_time(content: Any) -> datetime.time:
    text, zone, fold = _parts(content)
    written = datetime.time.fromisoformat(text)
    if written.tzinfo is not None:
        raise ValueError("the zone of a time stands beside it")
    return written.replace(tzinfo=zone, fold=fold)


def _parts(content: Any) -> tuple[str, datetime.tzinfo | None, int]:
    """Return the text, the zone and the fold (PEP 495) of a time; a text stands for itself."""
    if type(content) is str:
        return content, None, 0
    text, zone, *fold = content
    if fold not in ([], [1]):
        raise ValueError("fold is 1 or left out")
    return text, None if zone is None else zone_from_plain(zone), len(fold)


def _encode_date(value: datetime.date, depth: int) -> Any:
    return {"$date": value.isoformat()}


def _encode_timedelta(value: datetime.timedelta, depth: int) -> Any:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


def _decode_timedelta(content: Any) -> datetime.timedelta:
    days, seconds, microseconds = content
    if not type(days) is type(seconds) is type(microseconds) is int:
        raise TypeError("a timedelta is three integers")
    return datetime.timedelta(days, seconds, microseconds)


def _encode_zone(value: datetime.tzinfo, depth: int) -> Any:
    return {"$tzinfo": zone_to_plain(value)}


#: Exact type -> function of a value and its depth. Zones of zoneinfo, which may not be loaded, join them when met.
ENCODERS: dict[type, Callable[[Any, int], Any]] = {
    datetime.datetime: _encode_datetime,
    datetime.date: _encode_date,
    datetime.time: _encode_time,
    datetime.timedelta: _encode_timedelta,
    datetime.timezone: _encode_zone,
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "$datetime": _decode_datetime,
    "$date": datetime.date.fromisoformat,
    "$time": _decode_time,
    "$timedelta": _decode_timedelta,
    "$tzinfo": zone_from_plain,
}

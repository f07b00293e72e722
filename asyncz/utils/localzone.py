"""The zone that this machine is set to, and zones by name.

``zoneinfo`` is imported when a named zone is first asked for: a program that stays in UTC never pays for it.
"""

from __future__ import annotations

import datetime
import functools
import os
import sys
import warnings
from typing import IO

from ..clock import SYSTEM_CLOCK
from ..exceptions import shown

__all__ = ("find_localzone", "named_zone", "zone_of_rule")

_UTC_NAMES = frozenset({"UTC", "Etc/UTC"})
#: A name may be so long: that of a zone is looked for in folders, and in packages within packages.
MAX_NAME = 100
_LOCALTIME = "/etc/localtime"
_TIMEZONE = "/etc/timezone"
#: Where two zones are compared: every quarter of these years, as far as zone data is written out.
_SAMPLE_YEARS = range(1990, 2038)


def named_zone(name: str) -> datetime.tzinfo:
    """Return the zone of that name. Raises ``zoneinfo.ZoneInfoNotFoundError``, a KeyError, when there is none."""
    if name in _UTC_NAMES:
        return datetime.timezone.utc
    import zoneinfo

    try:
        if len(name) > MAX_NAME:
            raise KeyError(name[:MAX_NAME])
        return zoneinfo.ZoneInfo(name)
    # A folder of the zone data ("Europe") is an OSError, a name that leads out of it a ValueError, and one that leads
    # into the package tzdata, or looks as if it did ("__init__/x"), an ImportError or a TypeError.
    except (ImportError, KeyError, OSError, TypeError, ValueError) as exc:
        raise zoneinfo.ZoneInfoNotFoundError(
            f"Expected the name of a time zone such as 'Europe/London', found none named {name[:80]!r}"
            " (without zone data on the machine, install tzdata)"
        ) from exc


def find_localzone() -> datetime.tzinfo:
    """Return the zone that ``TZ`` or the system's files name, else UTC."""
    text = os.environ.get("TZ")
    if text is not None:
        return _zone_of_variable(text)
    if sys.platform == "win32":
        return _zone_of_windows()
    return _zone_of_files(_LOCALTIME, _TIMEZONE)


def _zone_of_variable(text: str) -> datetime.tzinfo:
    """Return the zone that the value of ``TZ`` means: a name, a file or a rule; empty is UTC (tzset(3))."""
    text = text.removeprefix(":")
    if text in ("", "UTC0"):
        return datetime.timezone.utc
    try:
        if os.path.isabs(text):
            return _zone_of_files(text, "")
        return named_zone(text)
    except KeyError:
        return _zone_of_rule(text)


@functools.lru_cache(maxsize=8)
def _zone_of_rule(text: str) -> datetime.tzinfo:
    try:
        return zone_of_rule(text)
    except ValueError:
        warnings.warn(f"TZ is {shown(text)}, which names no time zone that is known here: UTC is used.", stacklevel=2)
        return datetime.timezone.utc


@functools.lru_cache(maxsize=8)
def zone_of_rule(text: str) -> datetime.tzinfo:
    """Return the zone of a rule such as ``CET-1CEST,M3.5.0,M10.5.0/3`` (POSIX); ValueError when it is none.

    The rule is handed to zoneinfo as the footer of a zone file that has nothing else (RFC 8536).
    """
    import io
    import struct
    import zoneinfo

    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    data = io.BytesIO(header * 2 + b"\n" + text.encode("ascii") + b"\n")
    zone = zoneinfo.ZoneInfo.from_file(data, key=text)
    _check_hours(text)
    return zone


def _check_hours(rule: str) -> None:
    """Raise ValueError for offsets that zoneinfo takes and datetime does not: a day or more, summer time included."""
    import re

    for hours in re.findall(r"(?:<[^>]*>|[A-Za-z]+)[+-]?([0-9]+)", rule.partition(",")[0]):
        if int(hours) > 22:
            raise ValueError(f"Expected an offset of less than a day, got {hours} hours.")


def _zone_of_files(localtime: str, timezone: str) -> datetime.tzinfo:
    """Return the zone of a link into the zone data, or of a copy from it, under its name if that can be found."""
    name = _name_of_link(localtime)
    if name is not None:
        try:
            return named_zone(name)
        except KeyError:
            pass
    return _zone_of_copy(localtime, timezone) or _zone_of_text(timezone) or datetime.timezone.utc


def _name_of_link(path: str) -> str | None:
    for target in (_target(path), os.path.realpath(path)):
        _folder, found, name = target.rpartition("zoneinfo/")
        if found:
            return name.removeprefix("posix/")
    return None


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _zone_of_copy(localtime: str, timezone: str) -> datetime.tzinfo | None:
    try:
        stat = os.stat(localtime)
        copy = _loaded(localtime, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError):
        return None
    # A zone without a name cannot be pickled, but /etc/timezone is believed only where it agrees with the file:
    # a container that mounts the host's /etc/localtime keeps its own /etc/timezone.
    named = _zone_of_text(timezone)
    if named is not None and all(named.utcoffset(at) == copy.utcoffset(at) for at in _samples_of(named)):
        return named
    return copy


def _samples_of(zone: datetime.tzinfo) -> list[datetime.datetime]:
    return [datetime.datetime(year, month, 15, tzinfo=zone) for year in _SAMPLE_YEARS for month in (1, 4, 7, 10)]


@functools.lru_cache(maxsize=8)
def _loaded(path: str, _changed: int, _size: int) -> datetime.tzinfo:
    """Read a zone file: once for each of its states, so that one file is one zone."""
    import zoneinfo

    file: IO[bytes]
    with open(path, "rb") as file:
        return zoneinfo.ZoneInfo.from_file(file)


def _zone_of_text(path: str) -> datetime.tzinfo | None:
    try:
        with open(path, encoding="utf-8") as file:
            return named_zone(file.readline().partition("#")[0].strip())
    except (OSError, ValueError, KeyError):
        return None


def _zone_of_windows() -> datetime.tzinfo:
    try:
        import tzlocal
    except ImportError:
        now = SYSTEM_CLOCK.now().astimezone()
        warnings.warn(
            f"The time zone of this machine is taken to be {now.tzname()} all year round: install tzlocal, or set TZ.",
            stacklevel=3,
        )
        return now.tzinfo or datetime.timezone.utc
    zone: datetime.tzinfo = tzlocal.get_localzone()
    return zone

"""What a scheduler is told about itself: a flat dictionary with a prefix, options by keyword, or both."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ..exceptions import listed, shown, shown_name
from ..utils import to_timezone

__all__ = (
    "DEFAULTS",
    "OPTIONS",
    "TaskDefaults",
    "entry",
    "nested",
    "read_timezone",
    "to_bool",
    "to_name",
    "to_path",
    "to_seconds",
)

#: Characters of a key or a name. A logger keeps all that is in front of each dot of its name.
MAX_NAME = 250
#: Seconds: about as long as the calendar goes on.
MAX_SECONDS = 10**12 // 4

#: Options and their defaults, as far as they do not depend on each other.
DEFAULTS: dict[str, Any] = {
    "clock": None,
    "executors": None,
    "heartbeat_stale_after": 30,
    "identity": None,
    "lock_path": "",
    "logger_name": None,
    "loggers_class": None,
    "startup_delay": None,
    "store_poll_interval": 1,
    "store_retry_interval": 10,
    "stores": None,
    "task_defaults": None,
    "timezone": None,
}
#: Options that only some faces read.
OPTIONS = frozenset({*DEFAULTS, "event_loop", "isolated_event_loop", "timeout"})

_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"", "0", "f", "false", "n", "no", "off"})


class TaskDefaults:
    """What a task takes where neither it nor ``add_task`` said anything.

    ``mistrigger_grace_time`` is in seconds; None runs a task however late it is.
    """

    __slots__ = ("coalesce", "max_instances", "mistrigger_grace_time")

    def __init__(
        self, mistrigger_grace_time: float | None = None, coalesce: bool = True, max_instances: int = 1
    ) -> None:
        self.mistrigger_grace_time = mistrigger_grace_time
        self.coalesce = coalesce
        self.max_instances = max_instances

    @classmethod
    def read(cls, given: Any) -> TaskDefaults:
        """Return the defaults that a configuration gives; text values are read, unknown keys passed over.

        Raises TypeError or ValueError naming the key of a value that does not fit.
        """
        if isinstance(given, cls):
            return given
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise TypeError(f"Expected a dict for task_defaults, got {type(given).__name__} instead.")
        defaults = cls()
        for key, convert in (("coalesce", to_bool), ("max_instances", to_count), ("mistrigger_grace_time", to_grace)):
            if key in given:
                setattr(defaults, key, convert(given[key], f"task_defaults.{key}"))
        return defaults

    def model_dump(self) -> dict[str, Any]:
        """Return the three values in a dict."""
        return {name: getattr(self, name) for name in self.__slots__}


def nested(config: Mapping[str, Any] | None, prefix: str | None) -> dict[str, Any]:
    """Return the keys of a flat configuration that start with the prefix, without it, split on dots.

    ``{"asyncz.task_defaults.coalesce": "false"}`` becomes ``{"task_defaults": {"coalesce": "false"}}``. Raises
    TypeError for what is no dict, ValueError for a key that is both a value and a group, or is very long.
    """
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise TypeError(f"Expected a dict for global_config, got {type(config).__name__} instead.")
    prefix = prefix or ""
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(key, str) and key.startswith(prefix):
            _put(result, to_name(key, "a key of global_config")[len(prefix) :].split("."), value, key)
    return result


def _put(result: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    *groups, name = path
    for group in groups:
        result = result.setdefault(group, {})
        if not isinstance(result, dict):
            raise ValueError(f"Expected a dict in front of the last part of {shown(key)}, got {shown(result)}.")
    known = result.get(name)
    if isinstance(known, dict) and isinstance(value, Mapping):
        known.update(value)
    elif isinstance(known, dict) and known:
        raise ValueError(f"Expected a dict for {shown(key)} beside its longer keys, got {shown(value)}.")
    else:
        result[name] = dict(value) if type(value) is dict else value


def entry(kind: str, alias: str, value: Mapping[str, Any]) -> tuple[str | None, Any, dict[str, Any]]:
    """Return what an entry of ``stores`` or ``executors`` names, and the arguments to make it with.

    That is an alias (``type``), or else a class or a reference to one (``class``). Raises ValueError for neither,
    TypeError for an alias or the name of an argument that is no text.
    """
    options = dict(value)
    alias_of_class, target = options.pop("type", None), options.pop("class", None)
    if not alias_of_class and not target:
        got = listed(sorted(map(shown, value))) or "nothing"
        raise ValueError(f"Cannot create {kind} '{shown_name(alias)}': expected 'type' or 'class', got {got}.")
    for name in options:
        to_name(name, f"an argument of {kind} '{shown_name(alias)}'")
    if not target:
        to_name(alias_of_class, f"the type of {kind} '{shown_name(alias)}'")
    return alias_of_class, target, options


# -- values that may be text -------------------------------------------------------------------------------------------


def to_bool(value: Any, name: str) -> bool:
    """Read a truth value: "true", "yes", "on", "1" and their opposites, in any case; raises ValueError for others."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise ValueError(f"Expected a truth value (true, false) for {name}, got {shown(value)}.")
    return bool(value)


def to_name(value: Any, name: str) -> str:
    """Return a text of at most :data:`MAX_NAME` characters; raises TypeError or ValueError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"Expected a text for {name}, got {shown(value)} ({type(value).__name__}).")
    if len(value) > MAX_NAME:
        raise ValueError(f"Expected at most {MAX_NAME} characters for {name}, got {len(value)}: {shown(value)}.")
    return value


def to_path(value: Any, name: str) -> str:
    """Return a path as text, None as an empty one; raises TypeError for anything else."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, (str, type(None))):
        raise TypeError(f"Expected a path as text for {name}, got {shown(value)} ({type(value).__name__}).")
    return value or ""


def to_count(value: Any, name: str) -> int:
    """Read an integer above zero; raises ValueError for anything else."""
    number = _number(value, int, name)
    if number < 1:
        raise ValueError(f"Expected a positive integer for {name}, got {shown(value)}.")
    return int(number)


def to_grace(value: Any, name: str) -> float | None:
    """Read seconds above zero, or None ("none" as text); raises ValueError for anything else."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "none", "null")):
        return None
    number = to_seconds(value, name)
    if number == 0:
        raise ValueError(f"Expected a positive number of seconds or None for {name}, got {shown(value)}.")
    return number


def to_seconds(value: Any, name: str) -> float:
    """Read a number of seconds that is not below zero; raises ValueError for anything else.

    From :data:`MAX_SECONDS` on all numbers are the same.
    """
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    number = _number(value, float, name)
    if not 0 <= number < float("inf"):
        raise ValueError(f"Expected a number of seconds for {name}, not below 0, got {shown(value)}.")
    number = min(number, MAX_SECONDS)
    return int(number) if number == int(number) else number


def _number(value: Any, kind: type[int] | type[float], name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"Expected a number for {name}, got {type(value).__name__} instead.")
    if isinstance(value, str) and len(value) > 32:
        raise ValueError(f"Expected a number for {name}, got a text of {len(value)} characters.")
    try:
        number = kind(value)
    except (OverflowError, ValueError) as exc:
        raise ValueError(f"Expected a number for {name}, got {shown(value)}.") from exc
    if kind is int and isinstance(value, float) and number != value:
        raise ValueError(f"Expected an integer for {name}, got {shown(value)}.")
    return number


def read_timezone(value: Any) -> datetime.tzinfo | None:
    """Return the zone of that name, a zone as it is, None for None."""
    return None if value is None or value == "" else to_timezone(value)

"""The arguments that a trigger was built with: checked, read back, compared."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import listed, shown
from ..utils import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("arguments_of", "checked_jitter", "comparable", "copied", "refuse_unknown")

T = TypeVar("T")

_UNSET: Any = object()

#: Seconds: about as long as the calendar goes on.
_MAX_JITTER = 10**12 // 4


def refuse_unknown(cls: type, unknown: Mapping[str, Any]) -> None:
    """Raise TypeError when there are arguments that the constructor of ``cls`` does not know."""
    if unknown:
        names, _takes_more = _parameters(cls)
        misspelt = listed(map(shown, unknown))
        allowed = ", ".join(names) or "none"
        raise TypeError(f"{cls.__name__}: unexpected argument {misspelt}; the allowed ones are: {allowed}.")


def checked_jitter(jitter: Any) -> float | None:
    """Return the jitter. Raises TypeError unless it is a number of seconds or None, ValueError out of range."""
    if jitter is None:
        return None
    if isinstance(jitter, bool) or not isinstance(jitter, (int, float)):
        raise TypeError(f"jitter: expected a number of seconds or None, got {shown(jitter)}.")
    if not 0 <= jitter <= _MAX_JITTER:
        raise ValueError(
            f"jitter: expected a number of seconds that is not negative, {_MAX_JITTER} at most, got {shown(jitter)}."
        )
    return jitter


def arguments_of(trigger: Any, cls: type) -> dict[str, Any]:
    """Return the arguments of the constructor that ``cls`` has or inherits, read back from ``trigger``.

    A class that keeps them in another form says so in ``_arguments``. What a constructor takes as ``**kwargs`` are the
    arguments of the next constructor in line. Raises TypeError for an argument that is kept in no attribute.
    """
    owner: Any = cls if "__init__" in cls.__dict__ else _constructed_by(cls)
    if "_arguments" in owner.__dict__:
        own: dict[str, Any] = owner._arguments(trigger)
        return own
    names, takes_more = _parameters(owner)
    found = {name: _kept(trigger, name) for name in names}
    if takes_more:
        after = type(trigger).__mro__[type(trigger).__mro__.index(owner) + 1]
        found = {**arguments_of(trigger, after), **found}
    return found


def _constructed_by(cls: type) -> type:
    return next(base for base in cls.__mro__ if "__init__" in vars(base))


def _kept(trigger: Any, name: str) -> Any:
    for attribute in (name, "_" + name):
        try:
            return getattr(trigger, attribute)
        except AttributeError:
            pass
    raise TypeError(
        f"{type(trigger).__name__} keeps its argument {name!r} in no attribute: name one after it, or define "
        "get_arguments()."
    )


@functools.lru_cache(maxsize=64)
def _parameters(cls: type) -> tuple[tuple[str, ...], bool]:
    """Return the names that a constructor takes, and whether it passes on others."""
    if cls is object:
        return (), False
    import inspect  # only for users' classes, and for messages

    parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = tuple(parameter.name for parameter in parameters if parameter.kind not in rest)
    return names, any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def comparable(value: Any) -> Any:
    """Return what stands for an argument in a comparison.

    Zones count by name, whichever library they come from, and aware datetimes by their instant: two of one zone would
    be compared by wall clock (PEP 495).
    """
    if isinstance(value, datetime.tzinfo):
        return zone_name(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return to_microseconds(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(comparable, value))
    return value


def zone_name(zone: datetime.tzinfo) -> Any:
    """Return the name of a zone, or the zone when it has none. pytz calls it "zone", zoneinfo "key"."""
    if zone is datetime.timezone.utc:
        return "UTC"
    return getattr(zone, "key", None) or getattr(zone, "zone", None) or zone


def copied(trigger: T) -> T:
    """Return a copy of an object whose attributes are the same objects."""
    cls: type = type(trigger)
    clone: T = object.__new__(cls)
    for name in _slots(cls):
        value = getattr(trigger, name, _UNSET)
        if value is not _UNSET:
            setattr(clone, name, value)
    if hasattr(trigger, "__dict__"):
        clone.__dict__.update(trigger.__dict__)
    return clone


@functools.lru_cache(maxsize=64)
def _slots(cls: type) -> tuple[str, ...]:
    found: list[str] = []
    for base in cls.__mro__:
        names = vars(base).get("__slots__", ())
        found += [names] if isinstance(names, str) else names
    return tuple(name for name in found if name not in ("__dict__", "__weakref__"))

"""What a program has registered to be stored: types of arguments, and names for its trigger classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import TaskUnavailableError, shown, shown_name
from ..triggers.aliases import TRIGGERS
from ..triggers.types import TriggerType

if TYPE_CHECKING:
    from typing import TypeAlias

    Convert: TypeAlias = Callable[[Any], Any]

__all__ = ("TYPE_NAMES", "name_of_trigger", "register_trigger", "register_type", "trigger_named", "type_named")

T = TypeVar("T")
Trigger = TypeVar("Trigger", bound=type[TriggerType])

_STORED_AS_THEY_ARE = {
    ("builtins", "NoneType"), ("builtins", "bool"), ("builtins", "bytes"), ("builtins", "dict"),
    ("builtins", "float"), ("builtins", "frozenset"), ("builtins", "int"), ("builtins", "list"),
    ("builtins", "set"), ("builtins", "str"), ("builtins", "tuple"),
    ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("datetime", "timezone"), ("decimal", "Decimal"), ("pathlib", "PosixPath"), ("pathlib", "PurePosixPath"),
    ("pathlib", "PureWindowsPath"), ("pathlib", "WindowsPath"), ("uuid", "UUID"), ("zoneinfo", "ZoneInfo"),
}  # fmt: skip
#: type -> its name, and the function that takes a value of it apart
TYPE_NAMES: dict[type, tuple[str, Convert]] = {}
#: name -> the type, and the function that puts a value together again
_TYPES: dict[str, tuple[type, Convert]] = {}
_TRIGGER_NAMES: dict[type, str] = {}
_TRIGGERS: dict[str, type] = {}


def register_type(cls: type[T], name: str, encode: Callable[[T], Any], decode: Callable[[Any], T]) -> None:
    """Have arguments of a type stored, under a name that stays when the class is moved or renamed.

    ``encode`` returns something that can be stored, and ``decode`` is handed the same and returns the value. It is for
    this very class, not for those derived from it. Every process that runs such tasks has to register the type.
    Raises ValueError for a name that stands for another class, or a type that is stored already without being
    registered.
    """
    if not isinstance(cls, type):
        raise TypeError(f"Expected a class, got {shown(cls)}.")
    if (cls.__module__.partition(".")[0], cls.__name__) in _STORED_AS_THEY_ARE or issubclass(cls, TriggerType):
        raise ValueError(f"Values of {cls.__qualname__} are stored as they are: there is nothing to register.")
    for function in (encode, decode):
        if not callable(function):
            raise TypeError(f"Expected two functions for {cls.__qualname__}, got {shown(function)}.")
    _check_name(name, cls, _TYPES[name][0] if name in _TYPES else None)
    _TYPES[name] = cls, decode
    TYPE_NAMES[cls] = name, encode


def register_trigger(cls: Trigger, name: str) -> Trigger:
    """Have triggers of a class stored under a name, where they would be stored by reference, and return the class.

    Raises ValueError for a name that stands for another class, or is one of asyncz's own.
    """
    if not isinstance(cls, type) or not issubclass(cls, TriggerType):
        raise TypeError(f"Expected a trigger class, got {shown(cls)}.")
    if name in TRIGGERS or ":" in str(name):
        raise ValueError(f"Expected a name that is neither an alias of asyncz nor a reference, got {shown(name)}.")
    _check_name(name, cls, _TRIGGERS.get(name))
    _TRIGGERS[name] = cls
    _TRIGGER_NAMES[cls] = name
    return cls


def _check_name(name: Any, cls: type, taken_by: type | None) -> None:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise ValueError(f"Expected a name for {cls.__qualname__}, got {shown(name)}.")
    # A module that is reloaded registers its class again, which is another object then.
    if taken_by is not None and (taken_by.__module__, taken_by.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"The name {shown(name)} stands for {taken_by.__module__}.{taken_by.__qualname__} already.")


def type_named(name: str) -> Convert:
    """Return the function for values of a registered type. Raises TaskUnavailableError where it is not registered."""
    if name not in _TYPES:
        raise TaskUnavailableError(f"No type is registered here under the name {shown(name)}.")
    return _TYPES[name][1]


def name_of_trigger(cls: type) -> str | None:
    """Return the name under which a trigger class is registered, or None."""
    return _TRIGGER_NAMES.get(cls)


def trigger_named(name: str) -> type:
    """Return a registered trigger class. Raises TaskUnavailableError where it is not registered."""
    if name not in _TRIGGERS:
        raise TaskUnavailableError(f"No trigger is registered here under the name {shown_name(name)}.")
    return _TRIGGERS[name]

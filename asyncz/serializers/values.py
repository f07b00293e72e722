"""Arguments as plain values: what JSON knows as it is, everything else as an object with one key, its tag.

``{"$tuple": [1, 2]}`` stands for ``(1, 2)``. A dictionary that looks like this itself, or whose keys are no text, is
written as ``{"$dict": [[key, value], ...]}``. A value comes back as what it was, of the same type, or is refused.
"""

from __future__ import annotations

import binascii
import datetime
import enum
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import TaskUnavailableError, shown
from ..refs import get_callable_name
from ..triggers.types import TriggerType
from . import times
from .plain import dumps, quoted, text_of
from .references import class_at, class_reference
from .refusals import Refused, in_step
from .registry import TYPE_NAMES, type_named
from .triggers import trigger_from_plain, trigger_to_plain

__all__ = ("ENCODERS", "decode", "decode_named", "encode", "encode_items", "encode_named", "to_json")

#: Containers within containers; nobody means more, and Python's own recursion is not without end.
MAX_DEPTH = 100
_AS_IT_IS = frozenset({bool, type(None)})
_LEAVES = frozenset({bool, float, int, str, type(None)})


def encode(value: Any, depth: int = 0) -> Any:
    """Return a value as plain ones. Raises Refused when it would not come back as what it is."""
    cls = type(value)
    if cls is str:
        return value if value.isascii() else _encode_text(value)
    if cls in _AS_IT_IS:
        return value
    encoder = ENCODERS.get(cls) or _encoder_of(value, cls)
    return encoder(value, depth)


def to_json(value: Any, depth: int = 0) -> str:
    """Return the text that JSON has for what :func:`encode` returns, by a shorter way for what is met most."""
    cls = type(value)
    if cls is int and -(2**63) <= value < 2**63:
        return str(value)
    if cls is str and value.isascii():
        return quoted(value)
    plain = encode(value, depth)
    if type(plain) is dict and len(plain) == 1:
        ((tag, content),) = plain.items()
        if type(content) is str:
            return f"{{{quoted(tag)}:{quoted(content)}}}"
    return text_of(plain)


def decode(value: Any, depth: int = 0) -> Any:
    """Return what plain values stand for.

    Raises TaskUnavailableError where something that they name is missing here, and anything else, such as ValueError or
    KeyError, when they are damaged.
    """
    cls = type(value)
    if cls in _LEAVES:
        return value
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if cls is list:
        return [item if type(item) in _LEAVES else decode(item, depth + 1) for item in value]
    if len(value) == 1:
        (tag,) = value
        if tag[:1] == "$":
            return _DECODERS[tag](value[tag], depth + 1)
    return decode_named(value, depth + 1)


def encode_items(items: Iterable[Any], depth: int = 0, encode: Callable[[Any, int], Any] = encode) -> list[Any]:
    """Return the items of an argument list, or of another sequence, as plain values."""
    found = []
    for item in items:
        try:
            found.append(encode(item, depth))
        except Refused as exc:
            raise in_step(exc, f"[{len(found)}]") from exc.__cause__
    return found


def encode_named(items: dict[str, Any], depth: int = 0, encode: Callable[[Any, int], Any] = encode) -> dict[str, Any]:
    """Return keyword arguments, or another dictionary with texts for keys, with plain values."""
    found = {}
    for name, item in items.items():
        try:
            if type(name) is not str or not (name.isascii() or _is_unicode(name)):
                raise Refused(name, "the key has to be a text")
            found[name] = encode(item, depth)
        except Refused as exc:
            raise in_step(exc, f"[{shown(name)}]") from exc.__cause__
    return found


def decode_named(value: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return a dictionary with texts for keys."""
    return {name: item if type(item) in _LEAVES else decode(item, depth) for name, item in value.items()}


# Texts and numbers


def _is_unicode(text: str) -> bool:
    """Return False for a text that holds halves of characters: no encoding knows it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_text(value: str) -> Any:
    if _is_unicode(value):
        return value
    return {"$str": _base64(value.encode("utf-8", "surrogatepass"))}


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _decode_text(content: Any, depth: int) -> str:
    return binascii.a2b_base64(content).decode("utf-8", "surrogatepass")


def _encode_int(value: int, depth: int) -> Any:
    # Longer ones are not the same number to every reader of JSON, and of thousands of digits Python writes none.
    return value if -(2**63) <= value < 2**63 else {"$int": hex(value)}


def _encode_float(value: float, depth: int) -> Any:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _encode_bytes(value: bytes, depth: int) -> Any:
    return {"$bytes": _base64(value)}


# Containers


def _deeper(value: Any, depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise Refused(value, f"it is nested more than {MAX_DEPTH} deep, or holds itself", "Pass something simpler.")
    return depth + 1


def _encode_list(value: list[Any], depth: int) -> Any:
    return encode_items(value, _deeper(value, depth))


def _encode_tuple(value: tuple[Any, ...], depth: int) -> Any:
    return {"$tuple": encode_items(value, _deeper(value, depth))}


def _encode_set(value: set[Any] | frozenset[Any], depth: int) -> Any:
    # In one order, whichever the set has: the same value is the same record.
    return {f"${type(value).__name__}": sorted(encode_items(value, _deeper(value, depth)), key=dumps)}


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str and (key.isascii() or _is_unicode(key)) for key in value) and not _looks_tagged(value):
        return encode_named(value, _deeper(value, depth))
    pairs, depth = [], _deeper(value, depth)
    for key, item in value.items():
        try:
            pairs.append([encode(key, depth), encode(item, depth)])
        except Refused as exc:
            raise in_step(exc, f"[{shown(key)}]") from exc.__cause__
    return {"$dict": pairs}


def _looks_tagged(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value))[:1] == "$"


def _decode_dict(content: Any, depth: int) -> dict[Any, Any]:
    return {decode(key, depth): decode(item, depth) for key, item in content}


def _items_into(cls: Callable[[list[Any]], Any]) -> Callable[[Any, int], Any]:
    def decode_items(content: Any, depth: int) -> Any:
        if type(content) is not list:
            raise TypeError(f"expected a list, got {shown(content)}")
        return cls([decode(item, depth) for item in content])

    return decode_items


# What is met less often: types whose modules are not loaded for their sake, enumerations, and what was registered


def _encode_as_text(tag: str) -> Callable[[Any, int], Any]:
    return lambda value, depth: {tag: encode(str(value), depth)}


#: name of the type -> the module that defines it, and its tag
_LATE = {
    "Decimal": ("decimal", "$decimal"),
    "PosixPath": ("pathlib", "$path"),
    "PurePosixPath": ("pathlib", "$pure_posix_path"),
    "PureWindowsPath": ("pathlib", "$pure_windows_path"),
    "UUID": ("uuid", "$uuid"),
    "WindowsPath": ("pathlib", "$windows_path"),
}


def _encoder_of(value: Any, cls: type) -> Callable[[Any, int], Any]:
    module, tag = _LATE.get(cls.__name__, ("zoneinfo", ""))
    if getattr(sys.modules.get(module), cls.__name__, None) is cls:
        ENCODERS[cls] = _encode_as_text(tag) if tag else ENCODERS[datetime.timezone]
        return ENCODERS[cls]
    if cls in TYPE_NAMES:
        return _encode_registered
    if isinstance(value, enum.Enum):
        return _encode_member
    if isinstance(value, TriggerType):
        return lambda trigger, depth: {"$trigger": trigger_to_plain(trigger, encode, _deeper(trigger, depth))}
    if isinstance(value, datetime.tzinfo):
        return ENCODERS[datetime.timezone]
    raise Refused(value, _why_not(value, cls))


def _why_not(value: Any, cls: type) -> str:
    for base in cls.__mro__[1:]:
        if base in ENCODERS or base is str or base.__name__ in _LATE:
            return f"of a subclass of {base.__name__}, it would come back as a mere {base.__name__}"
    if callable(value) and not isinstance(value, type):
        return f"a callable as an argument ({get_callable_name(value)}) has no form in JSON"
    return "it has no form in JSON"


def _encode_registered(value: Any, depth: int) -> Any:
    name, take_apart = TYPE_NAMES[type(value)]
    try:
        content = take_apart(value)
    except Exception as exc:
        raise Refused(value, f"the function registered for {name!r} raised {shown(exc)}") from exc
    return {"$type": [name, encode(content, _deeper(value, depth))]}


def _decode_registered(content: Any, depth: int) -> Any:
    name, inner = content
    return type_named(name)(decode(inner, depth))


def _encode_member(value: enum.Enum, depth: int) -> Any:
    try:
        reference = class_reference(type(value))
    except ValueError as exc:
        raise Refused(value, str(exc)) from exc
    # Combined flags have no name of their own, or none that leads back to them.
    return {"$enum": [reference, _encode_int(value.value, 0) if isinstance(value, enum.Flag) else value.name]}


def _decode_member(content: Any, depth: int) -> Any:
    reference, which = content
    if type(reference) is not str:
        raise TypeError(f"expected a reference, got {shown(reference)}")
    cls = class_at(reference, enum.Enum)
    try:
        return cls[which] if type(which) is str else cls(decode(which, depth))
    except (KeyError, ValueError) as exc:
        raise TaskUnavailableError(f"The enumeration {shown(reference)} has no member {shown(which)} here.") from exc


# Back from the tags


def _text(content: Any) -> str:
    if type(content) is not str:
        raise TypeError(f"expected a text, got {shown(content)}")
    return content


def _decode_decimal(content: Any, depth: int) -> Any:
    import decimal

    return decimal.Decimal(_text(content))


def _decode_uuid(content: Any, depth: int) -> Any:
    import uuid

    return uuid.UUID(_text(content))


def _path_as(name: str) -> Callable[[Any, int], Any]:
    def decode_path(content: Any, depth: int) -> Any:
        import pathlib

        text = _text(decode(content, depth))
        try:
            return getattr(pathlib, name)(text)
        except NotImplementedError as exc:
            raise TaskUnavailableError(f"The path {shown(text)} ({name}) is of another operating system.") from exc

    return decode_path


def _plainly(convert: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    return lambda content, depth: convert(content)


#: Exact type -> function of a value and its depth; those of :data:`_LATE` join when they are met.
ENCODERS: dict[type, Callable[[Any, int], Any]] = {
    int: _encode_int,
    float: _encode_float,
    bytes: _encode_bytes,
    list: _encode_list,
    tuple: _encode_tuple,
    set: _encode_set,
    frozenset: _encode_set,
    dict: _encode_dict,
    **times.ENCODERS,
}
_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "$str": _decode_text,
    "$int": _plainly(lambda content: int(content, 16)),
    "$float": _plainly(lambda content: float(_text(content))),
    "$bytes": _plainly(lambda content: binascii.a2b_base64(_text(content))),
    "$tuple": _items_into(tuple),
    "$set": _items_into(set),
    "$frozenset": _items_into(frozenset),
    "$dict": _decode_dict,
    "$decimal": _decode_decimal,
    "$uuid": _decode_uuid,
    "$path": _path_as("PosixPath"),
    "$windows_path": _path_as("WindowsPath"),
    "$pure_posix_path": _path_as("PurePosixPath"),
    "$pure_windows_path": _path_as("PureWindowsPath"),
    "$type": _decode_registered,
    "$enum": _decode_member,
    "$trigger": lambda content, depth: trigger_from_plain(content, decode, depth),
    **{tag: _plainly(decoder) for tag, decoder in times.DECODERS.items()},
}

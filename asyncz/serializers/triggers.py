"""Triggers as ``[kind, state]``: the alias, registered name or reference of the class, and what makes an equal one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._lazy import resolve
from ..exceptions import TaskUnavailableError, shown
from ..triggers.aliases import TRIGGERS
from ..triggers.types import TriggerType
from .plain import quoted
from .references import class_at, class_reference
from .refusals import Refused, in_step
from .registry import name_of_trigger, trigger_named
from .zones import of_any_library

if TYPE_CHECKING:
    from typing import TypeAlias

    #: turns a value at a depth into a plain one, and back
    Convert: TypeAlias = Callable[[Any, int], Any]

__all__ = ("trigger_from_plain", "trigger_to_json", "trigger_to_plain")

_OWN = "Derive it from asyncz.triggers.BaseTrigger, or define get_state() and from_state()."
_MOVE = "Define it at the top of a module, or register it (asyncz.serializers.register_trigger)."
_NAMES = frozenset({str})
#: Instants beyond the calendar are nobody's.
_MAX_INSTANT = 10_000 * 366 * 86_400 * 1_000_000
#: The classes of this package by alias, and their aliases, as they are met.
_BUILT_IN: dict[str, Any] = {}
_ALIASES: dict[type, str] = {}


def trigger_to_json(trigger: TriggerType, to_json: Callable[[Any], str]) -> str:
    """Return what :func:`trigger_to_plain` does as the text that JSON has for it; ``to_json`` is for each value."""
    kind = _kind(trigger)
    members = []
    for name, value in _state(trigger).items():
        try:
            members.append(f"{quoted(name)}:{to_json(value if type(value) is int else _in_our_terms(value))}")
        except Refused as exc:
            raise in_step(exc, f".{name}") from exc.__cause__
    return f"[{quoted(kind)},{{{','.join(members)}}}]"


def trigger_to_plain(trigger: TriggerType, encode: Convert, depth: int) -> list[Any]:
    """Return a trigger as plain values. Raises Refused when it cannot be stored."""
    kind = _kind(trigger)
    state = {}
    for name, value in _state(trigger).items():
        try:
            state[name] = encode(_in_our_terms(value), depth)
        except Refused as exc:
            raise in_step(exc, f".{name}") from exc.__cause__
    return [kind, state]


def _in_our_terms(value: Any) -> Any:
    try:
        return of_any_library(value)
    except KeyError:  # a name that no zone has here: refused as it is
        return value


def _kind(trigger: TriggerType) -> str:
    cls = type(trigger)
    known = _ALIASES.get(cls)
    if known is not None:
        return known
    alias = cls.alias
    if alias in TRIGGERS and _built_in(alias) is cls:
        _ALIASES[cls] = alias
        return alias
    try:
        return name_of_trigger(cls) or class_reference(cls)
    except ValueError as exc:
        raise Refused(trigger, str(exc), _MOVE) from exc


def _built_in(alias: str) -> Any:
    if alias not in _BUILT_IN:
        _BUILT_IN[alias] = resolve(TRIGGERS[alias])
    return _BUILT_IN[alias]


def _state(trigger: Any) -> dict[str, Any]:
    try:
        state = trigger.get_state()
    except Exception as exc:  # AttributeError of a bare TriggerType; else somebody's own code
        raise Refused(trigger, f"its state cannot be had: {exc}", _OWN) from exc
    if type(state) is not dict or not _NAMES.issuperset(map(type, state)):
        raise Refused(trigger, "get_state() has to return a dictionary with names for keys", _OWN)
    return state


def trigger_from_plain(content: Any, decode: Convert, depth: int) -> TriggerType:
    """Return the trigger.

    Raises TaskUnavailableError where its class is not to be had, and something else when the content is damaged.
    """
    kind, plain = content
    if type(kind) is not str or type(plain) is not dict:
        raise TypeError(f"expected the kind and the state of a trigger, got {shown(content)}")
    cls = _class(kind)
    state = {name: decode(value, depth) for name, value in plain.items()}
    anchor = state.get("anchored_at")
    if anchor is not None and (type(anchor) is not int or abs(anchor) > _MAX_INSTANT):
        raise ValueError(f"expected an instant in microseconds as anchored_at, got {shown(anchor)}")
    trigger = cls.from_state(state)
    if not isinstance(trigger, TriggerType):
        raise TypeError(f"{cls.__qualname__}.from_state() returned {shown(trigger)}")
    return trigger


def _class(kind: str) -> Any:
    if kind in TRIGGERS:
        return _built_in(kind)
    cls = class_at(kind, TriggerType) if ":" in kind else trigger_named(kind)
    if not hasattr(cls, "from_state"):
        raise TaskUnavailableError(f"The trigger class {shown(kind)} has no from_state() here.")
    return cls

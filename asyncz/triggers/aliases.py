"""Triggers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import resolve
from ..exceptions import listed, shown_name
from .types import TriggerType

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

__all__ = ("TRIGGERS", "build_trigger")

#: alias -> "module:Class"
TRIGGERS = {
    "and": "asyncz.triggers.combination:AndTrigger",
    "cron": "asyncz.triggers.cron:CronTrigger",
    "date": "asyncz.triggers.date:DateTrigger",
    "interval": "asyncz.triggers.interval:IntervalTrigger",
    "or": "asyncz.triggers.combination:OrTrigger",
    "shutdown": "asyncz.triggers.shutdown:ShutdownTrigger",
}


def build_trigger(
    trigger: Any,
    args: Mapping[str, Any],
    references: Mapping[str, Any] = TRIGGERS,
    classes: MutableMapping[str, Any] | None = None,
) -> TriggerType:
    """Return a trigger: an instance as it is, or one made of a class by its alias; None means "date".

    ``references`` maps aliases to ``"module:Class"``, ``classes`` to what was loaded of it before; it is filled. Raises
    TypeError for what is neither, and for arguments given beside an instance; LookupError for an unknown alias.
    """
    if not isinstance(trigger, str):
        if isinstance(trigger, TriggerType):
            return _without_arguments(trigger, args)
        if trigger is not None:
            raise TypeError(f"Expected a trigger instance or string, got '{type(trigger).__name__}' instead.")
        trigger = "date"
    cls = None if classes is None else classes.get(trigger)
    if cls is None:
        cls = _load(trigger, references)
        if classes is not None:
            classes[trigger] = cls
    made: TriggerType = cls(**args)
    return made


def _without_arguments(trigger: TriggerType, args: Mapping[str, Any]) -> TriggerType:
    if args:
        raise TypeError(f"Expected no arguments beside a trigger instance ({trigger}), got {listed(sorted(args))}.")
    return trigger


def _load(alias: str, references: Mapping[str, Any]) -> Any:
    if alias not in references:
        raise LookupError(f"No trigger by the name '{shown_name(alias)}' was found.")
    found = references[alias]
    cls = resolve(found) if isinstance(found, str) else found
    if not isinstance(cls, type) or not issubclass(cls, TriggerType):
        raise TypeError("The trigger entry point does not point to a trigger class.")
    return cls

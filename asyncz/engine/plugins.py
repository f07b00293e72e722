"""Executors and stores by alias, by reference, or by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._lazy import resolve
from ..enums import PluginInstance
from ..exceptions import shown_name
from ..executors.types import ExecutorType
from ..stores.types import StoreType
from .config import entry, to_name

__all__ = ("KINDS", "configured", "create", "instance_of")

#: What each kind of plugin must be an instance of.
KINDS: dict[PluginInstance, type[Any]] = {
    PluginInstance.EXECUTOR: ExecutorType,
    PluginInstance.STORE: StoreType,
}


def create(kind: PluginInstance, alias: str, classes: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Make the plugin of an alias.

    Raises LookupError for an unknown alias, TypeError when what it names is no such plugin.
    """
    if alias not in classes:
        raise LookupError(f"No {kind.value} by the name '{shown_name(alias)}' was found.")
    return instance_of(kind, classes[alias], options)


def instance_of(kind: PluginInstance, target: Any, options: Mapping[str, Any]) -> Any:
    """Make a plugin of a class, or of a reference to one.

    Raises TypeError when that is no such plugin, ImportError for a reference that leads nowhere.
    """
    cls = resolve(target) if isinstance(target, str) else target
    if not isinstance(cls, type) or not issubclass(cls, KINDS[kind]):
        raise TypeError(f"The {kind.value} entry point does not point to a {kind.value} class.")
    return cls(**options)


def configured(kind: PluginInstance, given: Any, classes: Mapping[str, Any]) -> dict[str, Any]:
    """Make the plugins that a configuration lists: instances as they are, or dicts that say what to make.

    Raises TypeError and ValueError that name the entry, and what :func:`create` and :func:`instance_of` raise.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"Expected a dict for {kind.value}s, got {type(given).__name__} instead.")
    return {alias: _configured(kind, alias, value, classes) for alias, value in given.items()}


def _configured(kind: PluginInstance, alias: str, value: Any, classes: Mapping[str, Any]) -> Any:
    to_name(alias, f"an alias of {kind.value}s")
    if isinstance(value, KINDS[kind]):
        return value
    if not isinstance(value, Mapping):
        where = f"{kind.value}s['{shown_name(alias)}']"
        raise TypeError(f"Expected {kind.value} instance or dict for {where}, got {type(value).__name__} instead.")
    name, target, options = entry(kind.value, alias, value)
    if target is not None:
        return instance_of(kind, target, options)
    return create(kind, str(name), classes, options)

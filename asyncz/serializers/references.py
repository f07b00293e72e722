"""Classes and callables by "module:qualname", under names that hold in every copy of the package."""

from __future__ import annotations

import sys
from typing import Any

from .._lazy import PACKAGE, PUBLISHED_NAME, localized, resolve
from ..exceptions import TaskUnavailableError, shown

__all__ = ("class_at", "class_reference", "local", "published")


def published(reference: str) -> str:
    """Return a reference into this copy of the package under the name that the package is published by."""
    if reference.startswith(PACKAGE) and reference[len(PACKAGE) : len(PACKAGE) + 1] in (".", ":"):
        return PUBLISHED_NAME + reference[len(PACKAGE) :]
    return reference


def local(reference: str) -> str:
    """Return a published reference as it leads into this copy of the package."""
    module, colon, path = reference.partition(":")
    return localized(module) + colon + path


def class_reference(cls: type) -> str:
    """Return the reference to a class. Raises ValueError when none leads back to it."""
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not cls:
        raise ValueError(f"its class cannot be imported as {cls.__module__}:{cls.__qualname__}")
    return published(f"{cls.__module__}:{cls.__qualname__}")


def class_at(reference: str, base: type) -> Any:
    """Return the class that a reference names. Raises TaskUnavailableError where it is not, or not one of ``base``."""
    try:
        found = resolve(reference)
    # The module is somebody else's code, and may raise anything; a script ends with SystemExit.
    except (Exception, SystemExit) as exc:
        raise TaskUnavailableError(f"{shown(reference)} cannot be imported here: {shown(exc)}.") from exc
    if not isinstance(found, type) or not issubclass(found, base):
        raise TaskUnavailableError(f"{shown(reference)} is no {base.__name__} here, but {shown(found)}.")
    return found

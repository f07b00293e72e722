"""Where a command line says a scheduler is."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from ..exceptions import listed, shown, shown_name

__all__ = ("LoadError", "load_scheduler")

#: The name looked for in a file when none is given.
DEFAULT_NAME = "scheduler"
#: Packages nested deeper than this are not looked for: the import system recurses once for each level.
MAX_DEPTH = 50


class LoadError(Exception):
    """No scheduler is where the command line says."""


def load_scheduler(target: str) -> Any:
    """Return the scheduler that ``module:name``, ``file.py`` or ``file.py:name`` leads to.

    In a file without a name it is ``scheduler``, or else its only scheduler. Raises LoadError saying what was expected
    and what is there; what the module itself raises passes through.
    """
    place, name = _split(target)
    if place.endswith(".py") or os.path.sep in place:
        module = _import_file(place)
    elif not name:
        raise LoadError(f"expected module:scheduler or a file, got {shown(target)}")
    else:
        module = _import_module(place)
    found = _follow(module, name) if name else _only_scheduler(module, place)
    if not _is_scheduler(found):
        what = f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
        raise LoadError(f"expected a scheduler at {shown(target)}, got {what}")
    return found


def _split(target: str) -> tuple[str, str]:
    """Split at the last colon, unless that belongs to a drive letter."""
    place, colon, name = target.rpartition(":")
    if not colon or os.path.sep in name or "/" in name:
        return target, ""
    return place, name


def _import_file(path: str) -> ModuleType:
    if not os.path.isfile(path):
        raise LoadError(f"no such file: {shown(path)}")
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules:
        name = f"{name} (run by asyncz)"  # others need the module of that name
    # As for "python file.py": its neighbours can be imported, and it can be found by its name (process pools need it).
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"expected a Python file, got {shown(path)}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    parts = name.split(".", MAX_DEPTH)
    if not all(parts) or len(parts) > MAX_DEPTH:
        raise LoadError(f"no such module: {shown(name)}")
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(exc.name + ".")):
            raise LoadError(f"no such module: {shown(name)}") from exc
        raise


def _follow(module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise LoadError(f"{module.__name__!r} has no {shown(path)}")
        found = getattr(found, part)
    return found


def _only_scheduler(module: ModuleType, path: str) -> Any:
    if hasattr(module, DEFAULT_NAME):
        return getattr(module, DEFAULT_NAME)
    found = {id(value): name for name, value in reversed(vars(module).items()) if _is_scheduler(value)}
    names = sorted(found.values())
    if len(names) != 1:
        seen = f"{listed(names)} (say which, as {shown_name(path)}:NAME)" if names else "none"
        raise LoadError(f"expected a scheduler named {DEFAULT_NAME!r} in {shown(path)}, or only one; found {seen}")
    return getattr(module, names[0])


def _is_scheduler(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "run", None)) and hasattr(value, "process_tasks")

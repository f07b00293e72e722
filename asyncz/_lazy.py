"""Names that are imported when they are first used, and text references that stay within this copy of the package."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

#: The name under which this copy of the package was imported: "asyncz", or "app._vendor.timers" where it was vendored.
PACKAGE = __name__.rpartition(".")[0]
#: The name that documented references carry, whatever the copy is called.
PUBLISHED_NAME = "asyncz"
#: A reference may be so long, and its module so deep: the import system recurses for each level.
MAX_REFERENCE = 500
MAX_DEPTH = 50


def import_module(name: str) -> Any:
    """Import the module of that absolute name and return it."""
    __import__(name)
    return sys.modules[name]


def localized(module: str) -> str:
    """Return where a module of the published package stands in this copy; other names are returned as they are."""
    if module == PUBLISHED_NAME or module.startswith(PUBLISHED_NAME + "."):
        return PACKAGE + module[len(PUBLISHED_NAME) :]
    return module


def resolve(reference: str) -> Any:
    """Return the object that ``"module:Name"`` names.

    A module of the published package resolves to this copy of it, so that a documented string such as
    ``"asyncz.executors.pool:ThreadPoolExecutor"`` means the copy that it was given to. Raises ImportError when
    there is no colon, no such module or no such attribute; what the module raises passes through.
    """
    module_name, colon, path = reference.partition(":")
    parts = module_name.split(".", MAX_DEPTH)
    is_short = len(parts) <= MAX_DEPTH and len(reference) <= MAX_REFERENCE
    if not (colon and path and all(parts) and module_name.isprintable() and is_short):
        raise ImportError(f'Expected a reference of the form "module:Name", got {_cut(reference)}.')
    found = import_module(localized(module_name))
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as exc:
            raise ImportError(f"Module {module_name!r} has no attribute {_cut(path)} (in {_cut(reference)}).") from exc
    return found


def _cut(text: str) -> str:
    return repr(text[:100])[:100]


def lazy_exports(
    package: str, where: Mapping[str, str]
) -> tuple[tuple[str, ...], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` (PEP 562) for a module that exports from its neighbours.

    ``where`` maps each public name to the module that defines it, relative to ``package`` (".memory", "..clock").
    A name is kept once it has been looked up.
    """
    names = tuple(where)

    def __getattr__(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(_absolute(package, where[name])), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return names, __getattr__, __dir__


def _absolute(package: str, relative: str) -> str:
    """Return the absolute name of a module that is named relative to a package, as ``from`` statements name it."""
    name = relative.lstrip(".")
    levels_up = len(relative) - len(name) - 1
    base = package.rsplit(".", levels_up)[0] if levels_up else package
    return f"{base}.{name}"

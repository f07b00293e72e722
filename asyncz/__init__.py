"""asyncz runs callables at the right time, inside a Python process, with nothing but the standard library.

Importing the package imports nothing else: the names below are looked up when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .schedulers.asyncio import AsyncIOScheduler as Asyncz

__version__ = "0.1.0"
__all__ = ("Asyncz", "__version__")


def __getattr__(name: str) -> object:
    if name == "Asyncz":
        from ._lazy import resolve

        return resolve("asyncz.schedulers.asyncio:AsyncIOScheduler")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

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
        from .schedulers.asyncio import AsyncIOScheduler

        return AsyncIOScheduler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _named_by_texts() -> None:
    """Import what aliases and late names stand for. Never called, but read by programs that freeze others.

    They follow import statements, wherever those stand, but no texts; and they may pass over imports for annotations.
    """
    from .executors import asyncio, debug, futures, pool, process_pool  # noqa: F401
    from .schedulers import asyncio as faces  # noqa: F401
    from .schedulers import inspection  # noqa: F401
    from .serializers import base, definitions, json, pickle, records, registry, runs, signing  # noqa: F401
    from .stores import memory, mongo, redis, sqlite  # noqa: F401
    from .tasks import inspection as views  # noqa: F401
    from .triggers import combination, cron, date, interval, shutdown  # noqa: F401

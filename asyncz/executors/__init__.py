"""Where runs happen: on the loop, in threads, in processes, in place, or in any ``concurrent.futures.Executor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .asyncio import AsyncIOExecutor as AsyncIOExecutor
    from .base import BaseExecutor as BaseExecutor
    from .debug import DebugExecutor as DebugExecutor
    from .futures import FuturesExecutor as FuturesExecutor
    from .pool import ThreadPoolExecutor as ThreadPoolExecutor
    from .process_pool import ProcessPoolExecutor as ProcessPoolExecutor

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AsyncIOExecutor": ".asyncio",
        "BaseExecutor": ".base",
        "DebugExecutor": ".debug",
        "FuturesExecutor": ".futures",
        "ProcessPoolExecutor": ".process_pool",
        "ThreadPoolExecutor": ".pool",
    },
)

"""Where tasks live: in memory, in a file, or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .base import BaseStore as BaseStore
    from .durable import DurableStore as DurableStore
    from .memory import MemoryStore as MemoryStore
    from .mongo import MongoDBStore as MongoDBStore
    from .redis import RedisStore as RedisStore
    from .sqlite import SQLiteStore as SQLiteStore

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "BaseStore": ".base",
        "DurableStore": ".durable",
        "MemoryStore": ".memory",
        "MongoDBStore": ".mongo",
        "RedisStore": ".redis",
        "SQLiteStore": ".sqlite",
    },
)

"""What aliases stand for: alias -> ``"module:Class"``."""

from __future__ import annotations

from ..triggers.aliases import TRIGGERS

__all__ = ("executors", "stores", "triggers")

triggers = dict(TRIGGERS)

executors = {
    "asyncio": "asyncz.executors.asyncio:AsyncIOExecutor",
    "debug": "asyncz.executors.debug:DebugExecutor",
    "futures": "asyncz.executors.futures:FuturesExecutor",
    "pool": "asyncz.executors.pool:ThreadPoolExecutor",
    "processpool": "asyncz.executors.process_pool:ProcessPoolExecutor",
    "threadpool": "asyncz.executors.pool:ThreadPoolExecutor",
}

stores = {
    "memory": "asyncz.stores.memory:MemoryStore",
    "mongo": "asyncz.stores.mongo:MongoDBStore",
    "mongodb": "asyncz.stores.mongo:MongoDBStore",
    "redis": "asyncz.stores.redis:RedisStore",
    "sqlite": "asyncz.stores.sqlite:SQLiteStore",
}

"""Faces: scheduler classes. They know how to be woken; what is due is the engine's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .asyncio import AsyncIOScheduler as AsyncIOScheduler
    from .asyncio import NativeAsyncIOScheduler as NativeAsyncIOScheduler
    from .base import BaseScheduler as BaseScheduler
    from .inspection import SchedulerInfo as SchedulerInfo
    from .inspection import SchedulerInstanceInfo as SchedulerInstanceInfo

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AsyncIOScheduler": ".asyncio",
        "BaseScheduler": ".base",
        "NativeAsyncIOScheduler": ".asyncio",
        "SchedulerInfo": ".inspection",
        "SchedulerInstanceInfo": ".inspection",
    },
)

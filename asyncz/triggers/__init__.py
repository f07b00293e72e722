"""Triggers say when something is due. They are arithmetic: every instant is an argument, and no clock is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .base import BaseCombinationTrigger as BaseCombinationTrigger
    from .base import BaseTrigger as BaseTrigger
    from .combination import AndTrigger as AndTrigger
    from .combination import OrTrigger as OrTrigger
    from .cron import CronTrigger as CronTrigger
    from .date import DateTrigger as DateTrigger
    from .interval import IntervalTrigger as IntervalTrigger
    from .shutdown import ShutdownTrigger as ShutdownTrigger
    from .types import TriggerType as TriggerType

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AndTrigger": ".combination",
        "BaseCombinationTrigger": ".base",
        "BaseTrigger": ".base",
        "CronTrigger": ".cron",
        "DateTrigger": ".date",
        "IntervalTrigger": ".interval",
        "OrTrigger": ".combination",
        "ShutdownTrigger": ".shutdown",
        "TriggerType": ".types",
    },
)

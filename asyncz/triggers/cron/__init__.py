"""At readings of the wall clock, as crontab(5) does."""

from __future__ import annotations

from .trigger import CronTrigger

__all__ = ("CronTrigger",)

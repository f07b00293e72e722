"""CronSim: an iterator over the times of a cron expression."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from cronsim import CronSim

PACKAGE = "import cronsim"


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    return CronSim(expression, datetime.datetime(2024, 1, 1, tzinfo=zone))


def walk(trigger: Any, zone: datetime.tzinfo, start: datetime.datetime) -> Callable[[], Any]:
    step: Callable[[], Any] = CronSim(" ".join(trigger.parts), start).__next__
    return step

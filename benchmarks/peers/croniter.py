"""croniter: an iterator over the times of a cron expression."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from croniter import croniter

PACKAGE = "import croniter"


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    return croniter(expression, datetime.datetime(2024, 1, 1, tzinfo=zone))


def walk(trigger: Any, zone: datetime.tzinfo, start: datetime.datetime) -> Callable[[], Any]:
    trigger.set_current(start, force=True)
    return lambda: trigger.get_next(datetime.datetime)

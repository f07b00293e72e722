"""Celery's crontab: how long it is until the next time."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.schedules import crontab

PACKAGE = "from celery.schedules import crontab"

_APPS: dict[str, Celery] = {}


def cron(expression: str, zone: datetime.tzinfo) -> Any:
    trigger = crontab.from_string(expression)
    trigger.app = _app(str(zone))
    return trigger


def walk(trigger: Any, zone: datetime.tzinfo, start: datetime.datetime) -> Callable[[], Any]:
    previous = start
    trigger.nowfun = lambda: previous

    def step() -> Any:
        nonlocal previous
        # Elapsed time: added in UTC.
        elapsed = trigger.remaining_estimate(previous)
        previous = (previous.astimezone(datetime.timezone.utc) + elapsed).astimezone(zone)
        return previous

    return step


def _app(zone: str) -> Celery:
    if zone not in _APPS:
        _APPS[zone] = Celery(set_as_current=False)
        _APPS[zone].conf.timezone = zone
    return _APPS[zone]

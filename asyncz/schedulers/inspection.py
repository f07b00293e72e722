"""Immutable records of a scheduler, for tools that look at it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..enums import SchedulerState, TaskScheduleState

if TYPE_CHECKING:
    from ..tasks.base import Task
    from .configured import ConfiguredScheduler

__all__ = ("SchedulerInfo", "SchedulerInstanceInfo")

_LABELS = {
    SchedulerState.STATE_STOPPED: "stopped",
    SchedulerState.STATE_RUNNING: "running",
    SchedulerState.STATE_PAUSED: "paused",
}


@dataclass(frozen=True)
class SchedulerInfo:
    """A scheduler as it was when this was taken. Times are in seconds, instants in UTC."""

    identity: str
    state: SchedulerState
    state_label: str
    running: bool
    started_at: datetime.datetime | None
    uptime_seconds: float | None
    timezone: str
    executor_aliases: tuple[str, ...]
    store_aliases: tuple[str, ...]
    task_count: int
    scheduled_task_count: int
    paused_task_count: int
    pending_task_count: int
    submitted_task_count: int
    store_retry_interval: float
    startup_delay: float

    @classmethod
    def of(cls, scheduler: ConfiguredScheduler, tasks: Sequence[Task], now: datetime.datetime) -> SchedulerInfo:
        """Take the record of a scheduler and its tasks."""
        states = Counter(task.schedule_state for task in tasks)
        return cls(
            **_common(scheduler, now),
            executor_aliases=tuple(sorted(scheduler.executors)),
            store_aliases=tuple(sorted(scheduler.stores)),
            task_count=len(tasks),
            scheduled_task_count=states[TaskScheduleState.SCHEDULED],
            paused_task_count=states[TaskScheduleState.PAUSED],
            pending_task_count=states[TaskScheduleState.PENDING],
            submitted_task_count=sum(task.submitted for task in tasks),
            store_retry_interval=scheduler.store_retry_interval,
            startup_delay=scheduler.startup_delay,
        )


@dataclass(frozen=True)
class SchedulerInstanceInfo:
    """One scheduler among those that may share stores; ``stale`` when it has not been heard of for too long."""

    identity: str
    state: SchedulerState
    state_label: str
    running: bool
    started_at: datetime.datetime | None
    uptime_seconds: float | None
    timezone: str
    scope: str
    active: bool
    stale: bool
    last_seen_at: datetime.datetime
    heartbeat_age_seconds: float
    stale_after_seconds: float

    @classmethod
    def of(cls, scheduler: ConfiguredScheduler, now: datetime.datetime) -> SchedulerInstanceInfo:
        """Take the record of a scheduler in this process."""
        return cls(
            **_common(scheduler, now),
            scope="process-local",
            active=scheduler.running,
            stale=not scheduler.running,
            last_seen_at=now,
            heartbeat_age_seconds=0,
            stale_after_seconds=scheduler.heartbeat_stale_after,
        )


def _common(scheduler: ConfiguredScheduler, now: datetime.datetime) -> dict[str, Any]:
    started_at = scheduler.started_at if scheduler.running else None
    return {
        "identity": scheduler.identity,
        "state": scheduler.state,
        "state_label": _LABELS[scheduler.state],
        "running": scheduler.running,
        "started_at": started_at,
        "uptime_seconds": None if started_at is None else max(0.0, (now - started_at).total_seconds()),
        "timezone": str(scheduler.timezone),
    }

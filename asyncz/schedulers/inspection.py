"""Immutable records of a scheduler, for tools that look at it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.owners import read_owner
from ..enums import SchedulerState, TaskScheduleState
from ..processes import is_gone
from ..tasks.runs import identity_of
from ..utils import from_microseconds

if TYPE_CHECKING:
    from ..tasks.base import Task
    from .configured import ConfiguredScheduler

__all__ = ("SchedulerInfo", "SchedulerInstanceInfo", "others")

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
    def of(cls, scheduler: ConfiguredScheduler, now: datetime.datetime, scope: str) -> SchedulerInstanceInfo:
        """Take the record of a scheduler in this process; ``scope`` is "shared" where others may use its stores."""
        return cls(
            **_common(scheduler, now),
            scope=scope,
            active=scheduler.running,
            stale=not scheduler.running,
            last_seen_at=now,
            heartbeat_age_seconds=0,
            stale_after_seconds=scheduler.heartbeat_stale_after,
        )

    @classmethod
    def read(cls, owner: str, plain: Mapping[str, Any], now: datetime.datetime) -> SchedulerInstanceInfo:
        """Take the record of a scheduler anywhere from what it has written with its last heartbeat.

        Raises what damaged values raise: KeyError, TypeError, ValueError or OverflowError.
        """
        state, started, seen = SchedulerState(plain["state"]), plain["started_at"], from_microseconds(plain["seen_at"])
        age, stale_after = max(0.0, (now - seen).total_seconds()), float(plain["stale_after"])
        is_stale = age > stale_after or is_gone(plain.get("where", {}))
        started_at = None if started is None else from_microseconds(started)
        return cls(
            identity=str(plain.get("identity") or identity_of(owner)),
            state=state,
            state_label=_LABELS[state],
            running=state is not SchedulerState.STATE_STOPPED,
            started_at=started_at,
            uptime_seconds=None if started_at is None else max(0.0, (now - started_at).total_seconds()),
            timezone=str(plain["timezone"]),
            scope="shared",
            active=not is_stale and state is not SchedulerState.STATE_STOPPED,
            stale=is_stale,
            last_seen_at=seen,
            heartbeat_age_seconds=age,
            stale_after_seconds=stale_after,
        )


def others(contents: Iterable[Mapping[str, str]], own: str, now: datetime.datetime) -> list[SchedulerInstanceInfo]:
    """Return the records of the other schedulers in stores, by identity; what one has written last counts.

    ``contents`` is what each store holds of owners, ``own`` the owner that is asking.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    for owner, content in [item for of_store in contents for item in of_store.items()]:
        written = read_owner(content)
        if written is not None and (owner not in latest or written["beat"] > latest[owner]["beat"]):
            latest[owner] = written
    latest.pop(own, None)
    found = []
    for owner, plain in latest.items():
        try:
            found.append(SchedulerInstanceInfo.read(owner, plain, now))
        except (KeyError, OverflowError, TypeError, ValueError):
            continue  # of another release, or damaged: it can be no more than watched
    return sorted(found, key=lambda info: (info.identity, info.last_seen_at))


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

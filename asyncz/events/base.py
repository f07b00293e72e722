"""What a listener is handed."""

from __future__ import annotations

import datetime
from typing import Any

__all__ = ("SchedulerEvent", "TaskEvent", "TaskExecutionEvent", "TaskSubmissionEvent")


class SchedulerEvent:
    """Something that happened to a scheduler, or to the executor or store named by ``alias``."""

    __slots__ = ("alias", "code")

    #: What a run raised: None on every event but that of a run that failed.
    exception: BaseException | None = None

    def __init__(self, *, code: int, alias: str | None = None) -> None:
        self.code = code
        self.alias = alias

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (code={self.code})>"


class TaskEvent(SchedulerEvent):
    """Something that happened to a task: its id, the alias of its store, and the scheduler that tells."""

    __slots__ = ("scheduler_identity", "store", "task_id")

    def __init__(
        self,
        *,
        code: int,
        task_id: Any,
        store: str | None = None,
        scheduler_identity: str | None = None,
        alias: str | None = None,
    ) -> None:
        self.code = code
        self.alias = alias
        self.task_id = task_id
        self.store = store
        self.scheduler_identity = scheduler_identity


class TaskSubmissionEvent(TaskEvent):
    """A task was handed to its executor, or was not because it runs as often at once as it may.

    ``source`` is "scheduled" or "manual". ``coalesced_run_count`` is how many due times this submission stands for
    beyond those it carries; it is exact up to 1,000, then a lower bound.
    """

    __slots__ = ("coalesced_run_count", "scheduled_run_times", "source")

    def __init__(
        self,
        *,
        code: int,
        task_id: Any,
        scheduled_run_times: list[datetime.datetime],
        store: str | None = None,
        scheduler_identity: str | None = None,
        source: str | None = None,
        coalesced_run_count: int = 0,
        alias: str | None = None,
    ) -> None:
        self.code = code
        self.alias = alias
        self.task_id = task_id
        self.store = store
        self.scheduler_identity = scheduler_identity
        self.scheduled_run_times = scheduled_run_times
        self.source = source
        self.coalesced_run_count = coalesced_run_count


class TaskExecutionEvent(TaskEvent):
    """How one due time of a task ended: executed, failed or missed.

    ``traceback`` is text. ``run_count`` is more than 1 on a TASK_MISSED that stands for several due times that were
    skipped together; ``scheduled_run_time`` is then the latest of them.
    """

    __slots__ = ("exception", "return_value", "run_count", "scheduled_run_time", "traceback")

    def __init__(
        self,
        *,
        code: int,
        task_id: Any,
        scheduled_run_time: datetime.datetime,
        store: str | None = None,
        scheduler_identity: str | None = None,
        return_value: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
        run_count: int = 1,
        alias: str | None = None,
    ) -> None:
        self.code = code
        self.alias = alias
        self.task_id = task_id
        self.store = store
        self.scheduler_identity = scheduler_identity
        self.scheduled_run_time = scheduled_run_time
        self.return_value = return_value
        self.exception = exception
        self.traceback = traceback
        self.run_count = run_count

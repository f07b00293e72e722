"""Event records and their codes."""

from __future__ import annotations

from .base import SchedulerEvent, TaskEvent, TaskExecutionEvent, TaskSubmissionEvent
from .constants import (
    ALL_EVENTS,
    ALL_TASKS_REMOVED,
    EXECUTOR_ADDED,
    EXECUTOR_REMOVED,
    SCHEDULER_PAUSED,
    SCHEDULER_RESUMED,
    SCHEDULER_SHUTDOWN,
    SCHEDULER_START,
    SCHEDULER_STARTED,
    STORE_ADDED,
    STORE_REMOVED,
    TASK_ADDED,
    TASK_ERROR,
    TASK_EXECUTED,
    TASK_MAX_INSTANCES,
    TASK_MISSED,
    TASK_MODIFIED,
    TASK_REMOVED,
    TASK_SUBMITTED,
)

__all__ = (
    "ALL_EVENTS",
    "ALL_TASKS_REMOVED",
    "EXECUTOR_ADDED",
    "EXECUTOR_REMOVED",
    "SCHEDULER_PAUSED",
    "SCHEDULER_RESUMED",
    "SCHEDULER_SHUTDOWN",
    "SCHEDULER_START",
    "SCHEDULER_STARTED",
    "STORE_ADDED",
    "STORE_REMOVED",
    "TASK_ADDED",
    "TASK_ERROR",
    "TASK_EXECUTED",
    "TASK_MAX_INSTANCES",
    "TASK_MISSED",
    "TASK_MODIFIED",
    "TASK_REMOVED",
    "TASK_SUBMITTED",
    "SchedulerEvent",
    "TaskEvent",
    "TaskExecutionEvent",
    "TaskSubmissionEvent",
)

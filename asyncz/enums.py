"""The states that a scheduler, a task and a run can be in, and the kinds of plugin."""

from __future__ import annotations

from enum import Enum, IntEnum

__all__ = ("PluginInstance", "RunState", "SchedulerState", "TaskScheduleState")


class SchedulerState(IntEnum):
    """What a scheduler is doing."""

    STATE_STOPPED = 0
    STATE_RUNNING = 1
    STATE_PAUSED = 2


class PluginInstance(str, Enum):
    """What a configured entry is."""

    EXECUTOR = "executor"
    STORE = "store"


class TaskScheduleState(str, Enum):
    """Where a task stands: not in a store yet, without a next run, or with one."""

    PENDING = "pending"
    PAUSED = "paused"
    SCHEDULED = "scheduled"


class RunState(str, Enum):
    """Where a run stands: handed to an executor, or how it ended."""

    SUBMITTED = "submitted"
    EXECUTED = "executed"
    ERROR = "error"
    MISSED = "missed"

"""The codes of events; each is one bit, so that a listener's mask is a sum of them."""

from __future__ import annotations

from typing import Final

SCHEDULER_STARTED: Final = 1 << 0
SCHEDULER_START: Final = SCHEDULER_STARTED
SCHEDULER_SHUTDOWN: Final = 1 << 1
SCHEDULER_PAUSED: Final = 1 << 2
SCHEDULER_RESUMED: Final = 1 << 3
EXECUTOR_ADDED: Final = 1 << 4
EXECUTOR_REMOVED: Final = 1 << 5
STORE_ADDED: Final = 1 << 6
STORE_REMOVED: Final = 1 << 7
ALL_TASKS_REMOVED: Final = 1 << 8
TASK_ADDED: Final = 1 << 9
TASK_REMOVED: Final = 1 << 10
TASK_MODIFIED: Final = 1 << 11
TASK_EXECUTED: Final = 1 << 12
TASK_ERROR: Final = 1 << 13
TASK_MISSED: Final = 1 << 14
TASK_SUBMITTED: Final = 1 << 15
TASK_MAX_INSTANCES: Final = 1 << 16
ALL_EVENTS: Final = (1 << 17) - 1

__all__ = tuple(name for name in dir() if name.isupper())

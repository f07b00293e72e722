"""Tasks: what the user adds, what is due of it, and how it looks from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .base import Task as Task
    from .inspection import RunInfo as RunInfo
    from .inspection import SetAsideTask as SetAsideTask
    from .inspection import TaskInfo as TaskInfo
    from .inspection import TaskRunPreview as TaskRunPreview

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "RunInfo": ".inspection",
        "SetAsideTask": ".inspection",
        "Task": ".base",
        "TaskInfo": ".inspection",
        "TaskRunPreview": ".inspection",
    },
)

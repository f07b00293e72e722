"""The public verbs of a store.

A store that offers these alone works in one process: the engine then keeps revisions and runs for it. What makes a
store fit for many is in :class:`asyncz.stores.base.BaseStore`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime

    from ..tasks.base import Task

__all__ = ("StoreType",)


class StoreType(ABC):
    """Where tasks are kept. Tasks are ordered by due time, then id; those without a next run come last."""

    alias: str | None = None
    scheduler: Any = None
    lock: Any = None

    def start(self, scheduler: Any, alias: str) -> None:
        """Get ready under that alias; ``scheduler`` may be None."""
        self.scheduler = scheduler
        self.alias = alias

    def shutdown(self) -> None:
        """Let go of what :meth:`start` took; calling it twice is fine."""
        self.scheduler = None

    @abstractmethod
    def lookup_task(self, task_id: str) -> Task | None:
        """Return the task of that id, or None."""

    @abstractmethod
    def get_due_tasks(self, now: datetime.datetime) -> list[Task]:
        """Return the tasks whose next run time is not after ``now``."""

    @abstractmethod
    def get_next_run_time(self) -> datetime.datetime | None:
        """Return the earliest next run time of all tasks, or None."""

    @abstractmethod
    def get_all_tasks(self) -> list[Task]:
        """Return all tasks."""

    @abstractmethod
    def add_task(self, task: Task) -> None:
        """Store a task; raises ConflictIdError when its id is stored already."""

    @abstractmethod
    def update_task(self, task: Task) -> None:
        """Store a task in the place of the one of its id; raises TaskLookupError when there is none."""

    @abstractmethod
    def delete_task(self, task_id: str) -> None:
        """Remove the task of that id; raises TaskLookupError when there is none."""

    @abstractmethod
    def remove_all_tasks(self) -> None:
        """Remove every task."""

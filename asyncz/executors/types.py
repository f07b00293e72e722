"""The public verbs of an executor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime

    from ..tasks.base import Task

__all__ = ("ExecutorType",)


class ExecutorType(ABC):
    """Runs what it is sent, and reports how it went."""

    @abstractmethod
    def start(self, scheduler: Any, alias: str) -> None:
        """Get ready to run tasks under that alias.

        A scheduler that is restarted by one of its own tasks starts its executors again without a shutdown in between.
        """

    @abstractmethod
    def shutdown(self, wait: bool = True) -> None:
        """Take no more tasks; with ``wait``, return when those that were sent have ended. Calling it twice is fine."""

    @abstractmethod
    def send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        """Run a task once for each of the run times.

        Raises MaximumInstancesError when the task already runs as often at once as it may.
        """

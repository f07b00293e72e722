"""Runs in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import BaseExecutor
from .job import Job, run_job

if TYPE_CHECKING:
    import datetime

    from ..tasks.base import Task

__all__ = ("DebugExecutor",)


class DebugExecutor(BaseExecutor):
    """Runs tasks in the thread that sends them; coroutine functions on a loop of their own."""

    inline = True
    sees_beginnings = True

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        self.finished(task, run_times, run_job(Job(task, run_times, self.clock, self._may_begin)))

"""Runs in any ready ``concurrent.futures.Executor``, of this process or of another engine."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import TYPE_CHECKING

from ..exceptions import shown
from ..refs import maybe_ref
from .job import Job
from .parcels import run_elsewhere
from .pool import BasePoolExecutor, interpreter_exits

if TYPE_CHECKING:
    import datetime
    from concurrent.futures import Executor, Future

    from ..clock import Clock
    from ..tasks.base import Task
    from ..tasks.runs import Outcome

__all__ = ("FuturesExecutor",)


class FuturesExecutor(BasePoolExecutor):
    """Hands tasks to an executor that somebody else made, such as ``dask.distributed.Client(...).get_executor()``.

    ``executor`` may be a reference ("module:name") to one. It is not shut down here, and not replaced when it breaks:
    that is left to who made it. ``shutdown(wait=True)`` returns when the tasks that were sent have ended; otherwise
    those that it agrees to cancel are reported missed.

    Jobs are pickled if and when the executor does so; asyncz has to be installed where they are restored. Raises
    TypeError for something that takes no calls.
    """

    def __init__(
        self, executor: Executor | str, cancel_futures: bool = False, overwrite_wait: bool | None = None
    ) -> None:
        pool = maybe_ref(executor)
        if isinstance(pool, type) or not callable(getattr(pool, "submit", None)):
            raise TypeError(f"Expected a ready concurrent.futures.Executor, got {shown(pool)}.")
        super().__init__(pool, cancel_futures, overwrite_wait)
        self._ended = threading.Condition()
        self._token, self._numbers = uuid.uuid4().hex, itertools.count()

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        job = Job(task, run_times, self.clock)
        self.launch(task, run_times, run_elsewhere, job, f"{self._token}-{next(self._numbers)}")

    def close_pool(self, pool: Executor, wait: bool) -> None:
        if wait:
            with self._ended:
                self._ended.wait_for(lambda: not self._pending)

    def _done(
        self, clock: Clock, task: Task, run_times: list[datetime.datetime], future: Future[list[Outcome]]
    ) -> None:
        try:
            super()._done(clock, task, run_times, future)
        finally:
            with self._ended:
                self._ended.notify_all()

    def _is_over(self, exc: RuntimeError) -> bool:
        # That somebody shut it down while the scheduler goes on is an error, and the task's run has failed.
        return super()._is_over(exc) and interpreter_exits()

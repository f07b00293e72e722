"""Runs in a pool of processes."""

from __future__ import annotations

from pickle import PicklingError
from typing import TYPE_CHECKING, Any

from .job import Job
from .parcels import pack_job, run_packed
from .pool import BasePoolExecutor, positive

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from ..tasks.base import Task

__all__ = ("ProcessPoolExecutor",)


class ProcessPoolExecutor(BasePoolExecutor):
    """Runs tasks in processes, at most ``max_workers`` at once.

    A callable has to be found by its name, or be picklable, and so have its arguments and what it returns or raises; a
    run for which that does not hold has failed. When a process dies, so do the others of its pool: their runs have
    failed, and the next task gets a new pool.

    ``pool_kwargs`` are further arguments of ``concurrent.futures.ProcessPoolExecutor``; its ``mp_context`` may be the
    name of a start method ("spawn"). ``max_workers`` may be text; ValueError when it is not a positive whole number.
    """

    def __init__(
        self,
        max_workers: int | str = 10,
        pool_kwargs: Mapping[str, Any] | None = None,
        cancel_futures: bool = False,
        overwrite_wait: bool | None = None,
    ) -> None:
        super().__init__(None, cancel_futures, overwrite_wait)
        self.max_workers = positive(max_workers)
        self.pool_kwargs = dict(pool_kwargs or {})

    def create_pool(self) -> Executor:
        # Not before a pool is started: a Python may lack the means to start processes.
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor as Pool

        kwargs = dict(self.pool_kwargs)
        if isinstance(kwargs.get("mp_context"), str):
            kwargs["mp_context"] = multiprocessing.get_context(kwargs["mp_context"])
        return Pool(self.max_workers, **kwargs)

    @property
    def backlog(self) -> int:
        return max(0, len(self._pending) - self.max_workers)

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        try:
            packed = pack_job(Job(task, run_times, self.clock))
        except PicklingError as exc:
            self.failed(task, run_times, exc)
        else:
            self.launch(task, run_times, run_packed, packed)

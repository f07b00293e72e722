"""Runs on an event loop: coroutines as its tasks, functions in its default thread pool."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from .base import BaseExecutor, PoolShutdownError
from .job import Job, missed, run_job, run_job_async

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from ..clock import Clock
    from ..tasks.base import Task
    from ..tasks.runs import Outcome

__all__ = ("AsyncIOExecutor",)


class AsyncIOExecutor(BaseExecutor):
    """Awaits coroutine functions on the scheduler's loop, and calls other functions in that loop's default pool.

    ``pending_futures`` are the runs that have not ended. ``shutdown(wait=False)`` cancels them; a function that has
    begun goes on in its thread. ``shutdown(wait=True)`` lets them go on and returns at once, since it is the loop that
    has to run them: :meth:`shutdown_async` waits for them.
    """

    event_loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.pending_futures: set[asyncio.Future[list[Outcome]]] = set()
        self._sent: dict[asyncio.Future[list[Outcome]], tuple[Task, Sequence[datetime.datetime]]] = {}
        # What another thread has sent, until the loop comes to it.
        self._posted: dict[Job, tuple[Task, Sequence[datetime.datetime], asyncio.AbstractEventLoop]] = {}
        self._is_open = False
        self._is_cancelled = False

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        loop = getattr(scheduler, "event_loop", None)
        self._give_up()
        self.event_loop = loop if loop is not None else asyncio.get_running_loop()
        self._is_open, self._is_cancelled = True, False

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        if not self._is_open:
            raise PoolShutdownError(f"Executor {self.alias!r} is shut down and takes no tasks.")
        job = Job.of(task, run_times, self.clock)
        if asyncio._get_running_loop() is self.event_loop:
            self._launch(task, job)
            return
        self._posted[job] = task, run_times, self.event_loop
        try:
            self.event_loop.call_soon_threadsafe(self._launch_later, task, job)
        except RuntimeError as exc:
            self._posted.pop(job, None)
            self._refuse(exc)

    def _launch(self, task: Task, job: Job) -> None:
        if job.is_async:
            self._watch(self.event_loop.create_task(run_job_async(job)), task, job)
            return
        clock = self.clock
        clock.hold()
        try:
            future = self.event_loop.run_in_executor(None, self._run_in_thread, job)
        except BaseException as exc:
            clock.release()
            job.run_times = ()  # a pool that failed to start a thread may have queued the call all the same
            self._refuse(exc)
        self._watch(future, task, job)
        future.add_done_callback(partial(_release, clock))

    def _launch_later(self, task: Task, job: Job) -> None:
        """Launch what another thread has sent; there is nobody any more to raise something to."""
        run_times = job.run_times
        self._posted.pop(job, None)
        try:
            if self._is_cancelled:
                raise PoolShutdownError
            self._launch(task, job)
        except PoolShutdownError:
            self.finished(task, run_times, missed(run_times))
        except Exception as exc:
            self.failed(task, run_times, exc)

    def _refuse(self, exc: BaseException) -> NoReturn:
        """Raise what loop or pool refused a call with, under the name it has here when they are shut down."""
        if isinstance(exc, RuntimeError) and (self.event_loop.is_closed() or "shutdown" in str(exc)):
            raise PoolShutdownError(f"The event loop of executor {self.alias!r} takes no more tasks: {exc}.") from exc
        raise exc

    def _watch(self, future: asyncio.Future[list[Outcome]], task: Task, job: Job) -> None:
        self.pending_futures.add(future)
        self._sent[future] = task, job.run_times
        future.add_done_callback(self._done)

    def _run_in_thread(self, job: Job) -> list[Outcome]:
        return missed(job.run_times) if self._is_cancelled else run_job(job)

    def _done(self, future: asyncio.Future[list[Outcome]]) -> None:
        self.pending_futures.discard(future)
        task, run_times = self._sent.pop(future)
        if future.cancelled():
            self.finished(task, run_times, missed(run_times))  # cancelled before it had begun
            return
        exc = future.exception()
        if exc is not None:
            self.failed(task, run_times, exc)
        else:
            self.finished(task, run_times, future.result())

    def shutdown(self, wait: bool = True) -> None:
        self._is_open = False
        self._give_up()
        if wait or self._is_cancelled or not hasattr(self, "event_loop"):
            return
        self._is_cancelled = True
        coroutines = [future for future in self.pending_futures if isinstance(future, asyncio.Task)]
        if asyncio._get_running_loop() is self.event_loop:
            _cancel(coroutines)
        elif not self.event_loop.is_closed():
            self.event_loop.call_soon_threadsafe(_cancel, coroutines)

    def left_behind(self) -> None:
        super().left_behind()
        self.pending_futures, self._sent, self._posted, self._is_open = set(), {}, {}, False

    async def shutdown_async(self, wait: bool = True) -> None:
        """Shut down and wait for runs on this loop: with ``wait`` all of them, else the coroutines, now cancelled."""
        self.shutdown(wait)
        loop = asyncio.get_running_loop()
        while left := [
            future
            for future in self.pending_futures
            if future.get_loop() is loop and (wait or isinstance(future, asyncio.Task))
        ]:
            await asyncio.wait(left)

    def _give_up(self) -> None:
        """Report runs as missed that were on a loop which has been closed: nothing else will be heard of them."""
        for future, (task, run_times) in list(self._sent.items()):
            if future.get_loop().is_closed():
                self.pending_futures.discard(future)
                if self._sent.pop(future, None) is not None:
                    self.finished(task, run_times, missed(run_times))
        for job, (task, run_times, loop) in list(self._posted.items()):
            if loop.is_closed() and self._posted.pop(job, None) is not None:
                self.finished(task, run_times, missed(run_times))


def _release(clock: Clock, future: asyncio.Future[Any]) -> None:
    clock.release()


def _cancel(futures: Sequence[asyncio.Future[Any]]) -> None:
    for future in futures:
        future.cancel()

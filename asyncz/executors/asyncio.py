"""Runs on an event loop: coroutines as its tasks, functions in its default thread pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from ..refs import is_awaitable_callable
from .base import BaseExecutor, PoolShutdownError
from .job import Job, missed, not_run, run_job_async
from .pumps import Pumps

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from ..tasks.base import Task
    from ..tasks.runs import Outcome

__all__ = ("AsyncIOExecutor",)

#: Functions that run in the loop's pool at once, if it has so many threads.
IN_POOL = 1000


class AsyncIOExecutor(BaseExecutor):
    """Awaits coroutine functions on the scheduler's loop, and calls other functions in that loop's default pool.

    ``shutdown(wait=False)`` cancels what runs on the loop, and reports what waits for a thread as missed; a function
    that has begun goes on in its thread. ``shutdown(wait=True)`` lets them go on and returns at once, since it is the
    loop that has to run them: :meth:`shutdown_async` waits for them.
    """

    sees_beginnings = True
    event_loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._running: dict[Job, asyncio.Task[list[Outcome]] | None] = {}
        self._pumping: set[asyncio.Future[None]] = set()
        self._pumps = self._create_pumps()
        # What another thread has sent, until the loop comes to it.
        self._posted: dict[Job, asyncio.AbstractEventLoop] = {}
        self._is_open = False
        self._is_cancelled = False

    def _create_pumps(self) -> Pumps:
        return Pumps(IN_POOL, self._submit, self._ask, self._ended)

    @property
    def pending_futures(self) -> set[asyncio.Future[Any]]:
        """What is under way on the loop: a future for each coroutine, and for functions those of its pool."""
        return {*self._coroutines(), *self._pumping}

    def _coroutines(self) -> list[asyncio.Task[list[Outcome]]]:
        return [future for future in list(self._running.values()) if future is not None]

    @property
    def backlog(self) -> int:
        return len(self._pumps.queue)

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        loop = getattr(scheduler, "event_loop", None)
        self._give_up()
        self.event_loop = loop if loop is not None else asyncio.get_running_loop()
        self._pumps = self._create_pumps()  # those of an earlier life, if any are left, keep to their queue
        self._is_open, self._is_cancelled = True, False

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        if not self._is_open:
            raise PoolShutdownError(f"Executor {self.alias!r} is shut down and takes no tasks.")
        job = Job(task, run_times, self.clock, self._may_begin)
        if asyncio._get_running_loop() is self.event_loop:
            self._launch(job)
        else:
            self._post(job)

    def _post(self, job: Job) -> None:
        self._posted[job] = self.event_loop
        try:
            self.event_loop.call_soon_threadsafe(self._launch_later, job)
        except RuntimeError as exc:
            self._posted.pop(job, None)
            self._refuse(exc)

    def _launch(self, job: Job) -> None:
        if not is_awaitable_callable(job.fn):
            try:
                self._pumps.send(job)
            except BaseException as exc:
                self._refuse(exc)
            return
        coroutine = run_job_async(job, self._coroutine_ended)
        coroutine.send(None)
        self._running[job] = None
        try:
            future = self.event_loop.create_task(coroutine)
        except BaseException:
            del self._running[job]
            raise
        if job in self._running:  # a loop with asyncio.eager_task_factory has run it already
            self._running[job] = future

    def _coroutine_ended(self, job: Job, outcomes: list[Outcome]) -> None:
        if job in self._running:  # else somebody has given it up
            del self._running[job]
            self.finished(job.task, job.run_times, outcomes)

    def _ended(self, job: Job, outcomes: list[Outcome]) -> None:
        self.finished(job.task, job.run_times, outcomes)

    def _submit(self, pump: Callable[[], None]) -> asyncio.Future[None]:
        future = self.event_loop.run_in_executor(None, pump)
        self._pumping.add(future)
        future.add_done_callback(self._pumping.discard)
        return future

    def _ask(self, grow: Callable[[], None]) -> None:
        try:
            self.event_loop.call_soon_threadsafe(grow)
        except RuntimeError:  # the loop was closed: there will be no more pumps than there are
            pass

    def _launch_later(self, job: Job) -> None:
        """Launch what another thread has sent; there is nobody any more to raise something to."""
        self._posted.pop(job, None)
        try:
            if self._is_cancelled:
                raise PoolShutdownError
            self._launch(job)
        except PoolShutdownError:
            self._ended(job, not_run(job))
        except Exception as exc:
            self.failed(job.task, job.run_times, exc)

    def _refuse(self, exc: BaseException) -> NoReturn:
        """Raise what loop or pool refused a call with, under the name it has here when they are shut down."""
        if isinstance(exc, RuntimeError) and (self.event_loop.is_closed() or "shutdown" in str(exc)):
            raise PoolShutdownError(f"The event loop of executor {self.alias!r} takes no more tasks: {exc}.") from exc
        raise exc

    def shutdown(self, wait: bool = True) -> None:
        self._is_open = False
        self._give_up()
        if wait or self._is_cancelled or not hasattr(self, "event_loop"):
            return
        self._is_cancelled = True
        self._pumps.cancel()
        coroutines = self._coroutines()
        if asyncio._get_running_loop() is self.event_loop:
            _cancel(coroutines)
        elif not self.event_loop.is_closed():
            self.event_loop.call_soon_threadsafe(_cancel, coroutines)

    def left_behind(self) -> None:
        super().left_behind()
        self._running, self._pumping, self._posted, self._is_open = {}, set(), {}, False

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
        for job, future in list(self._running.items()):
            if future is not None and future.get_loop().is_closed():
                self._coroutine_ended(job, missed(job.run_times))
        self._pumping -= {future for future in self._pumping if future.get_loop().is_closed()}
        for job, loop in list(self._posted.items()):
            if loop.is_closed() and self._posted.pop(job, None) is not None:
                self._ended(job, missed(job.run_times))


def _cancel(coroutines: list[asyncio.Task[list[Outcome]]]) -> None:
    for task in coroutines:
        task.cancel()

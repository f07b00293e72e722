"""Runs in a pool of ``concurrent.futures``; here: of threads."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import BrokenExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from ..exceptions import shown
from .base import BaseExecutor, PoolShutdownError
from .job import Job, missed, run_job
from .pumps import Pumps

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor, Future

    from ..clock import Clock
    from ..tasks.base import Task
    from ..tasks.runs import Outcome

__all__ = ("BasePoolExecutor", "ThreadPoolExecutor")


class BasePoolExecutor(BaseExecutor):
    """Sends tasks to a pool: the one that is given, or what a subclass returns from :meth:`create_pool`.

    The latter is called at every start, and when a pool is found broken; the runs that were in it have failed.
    ``shutdown(wait=False)`` withdraws what has not begun, and reports it missed; with ``cancel_futures`` so does
    ``shutdown(wait=True)``. ``overwrite_wait``, unless None, takes the place of ``wait``.
    """

    def __init__(
        self, pool: Executor | None = None, cancel_futures: bool = False, overwrite_wait: bool | None = None
    ) -> None:
        self.cancel_futures = cancel_futures
        self.overwrite_wait = overwrite_wait
        self._given = pool
        self._pool: Executor | None = None
        self._pool_lock = threading.Lock()
        self._pending: set[Future[list[Outcome]]] = set()

    def create_pool(self) -> Executor:
        """Return the pool to run in; called by :meth:`start`, and when a pool is broken."""
        if self._given is None:
            raise NotImplementedError(f"{type(self).__name__} was given no pool, and has no create_pool() to make one.")
        return self._given

    def close_pool(self, pool: Executor, wait: bool) -> None:
        """Let go of a pool; with ``wait``, return when what it was sent has ended and is reported."""
        try:
            pool.shutdown(wait=wait)
        except RuntimeError as exc:
            # A task that shuts its scheduler down does so in a thread of the pool, which cannot wait for itself.
            if "current thread" not in str(exc):
                raise

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        if self._pool is None:
            self._pool = self.create_pool()

    def shutdown(self, wait: bool = True) -> None:
        wait = self._waits(wait)
        pool = self._let_go(wait)
        if pool is not None:
            self.close_pool(pool, wait)

    def left_behind(self) -> None:
        super().left_behind()
        self._pool, self._pool_lock, self._pending = None, threading.Lock(), set()

    def _let_go(self, wait: bool) -> Executor | None:
        """Take no more tasks, and return the pool, which is still to be closed."""
        with self._pool_lock:
            pool, self._pool = self._pool, None
        if not wait or self.cancel_futures:
            self.cancel_pending()
        return pool

    def cancel_pending(self) -> None:
        """Withdraw what has not begun, and report it missed."""
        # Not left to the pool, which would call back while it holds its own lock.
        for future in tuple(self._pending):
            future.cancel()

    async def shutdown_async(self, wait: bool = True) -> None:
        wait = self._waits(wait)
        pool = self._let_go(wait)  # here and now: by the time a thread came to it, this may have been started again
        if pool is not None and wait:
            import asyncio

            await asyncio.get_running_loop().run_in_executor(None, self.close_pool, pool, True)
        elif pool is not None:
            self.close_pool(pool, False)

    def _waits(self, wait: bool) -> bool:
        return wait if self.overwrite_wait is None else self.overwrite_wait

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        job = Job(task, run_times, self.clock)
        try:
            self.launch(task, run_times, run_job, job)
        except BaseException:
            job.run_times = ()  # a pool that failed to start a thread may have queued the call all the same
            raise

    def launch(
        self, task: Task, run_times: list[datetime.datetime], fn: Callable[..., list[Outcome]], *args: Any
    ) -> None:
        """Call ``fn`` in the pool, and report the outcomes that it returns. Raises what the pool refuses it with."""
        clock = self.clock
        clock.hold()
        try:
            future = self._submit(fn, args)
        except BaseException:
            clock.release()
            raise
        self._pending.add(future)
        future.add_done_callback(partial(self._done, clock, task, run_times))

    def _submit(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
        pool = self._pool
        try:
            return self._offer(pool, fn, args)
        except BrokenExecutor as exc:
            if self._given is not None:
                raise  # whoever made it has to know what to do
            self.logger.warning(f"The pool of executor {self.alias!r} is broken, and is replaced: {exc}")
            return self._offer(self._replacement(pool), fn, args)

    def _offer(self, pool: Executor | None, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
        if pool is None:
            raise self._shut_down()
        try:
            return pool.submit(fn, *args)
        except BrokenExecutor:
            raise
        except RuntimeError as exc:
            if self._is_over(exc):
                raise PoolShutdownError(f"The pool of executor {self.alias!r} takes no more tasks: {exc}.") from exc
            raise

    def _shut_down(self) -> PoolShutdownError:
        return PoolShutdownError(f"Executor {self.alias!r} is shut down and takes no tasks.")

    def _is_over(self, exc: RuntimeError) -> bool:
        """Return whether a pool refused because it is shut down, rather than for lack of threads, say."""
        return "shutdown" in str(exc)

    def _replacement(self, broken: Executor | None) -> Executor | None:
        with self._pool_lock:
            if self._pool is broken is not None:
                self._pool = self.create_pool()
                self.close_pool(broken, False)
            return self._pool

    def _done(
        self, clock: Clock, task: Task, run_times: list[datetime.datetime], future: Future[list[Outcome]]
    ) -> None:
        try:
            outcomes = future.result()
        except BaseException as exc:
            if future.cancelled():
                self.finished(task, run_times, missed(run_times))
            else:
                self.failed(task, run_times, exc)
        else:
            self.finished(task, run_times, outcomes)
        finally:
            self._pending.discard(future)
            clock.release()


class ThreadPoolExecutor(BasePoolExecutor):
    """Runs tasks in threads, at most ``max_workers`` at once; coroutine functions on a loop for the run.

    ``pool_kwargs`` are further arguments of ``concurrent.futures.ThreadPoolExecutor``. No thread is started before it
    is needed. ``max_workers`` may be text; ValueError when it is not a positive whole number.
    """

    sees_beginnings = True

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
        self._pumps = self._create_pumps()

    def _create_pumps(self) -> Pumps:
        return Pumps(self.max_workers, lambda pump: self._submit(pump, ()), lambda grow: grow(), self._ended)

    def create_pool(self) -> Executor:
        from concurrent.futures import ThreadPoolExecutor as Pool

        return Pool(self.max_workers, **{"thread_name_prefix": f"asyncz-{self.alias}", **self.pool_kwargs})

    def start(self, scheduler: Any, alias: str) -> None:
        self._pumps = self._create_pumps()  # those of an earlier life, if any are left, keep to their queue
        super().start(scheduler, alias)

    @property
    def backlog(self) -> int:
        return len(self._pumps.queue)

    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        if self._pool is None:
            raise self._shut_down()
        if interpreter_exits():  # it waits for the pumps, which would never find their queue empty
            raise PoolShutdownError(
                f"The pool of executor {self.alias!r} takes no more tasks: cannot schedule new futures after the "
                "interpreter has begun to exit."
            )
        self._pumps.send(Job(task, run_times, self.clock, self._may_begin))

    def _ended(self, job: Job, outcomes: list[Outcome]) -> None:
        try:
            self.finished(job.task, job.run_times, outcomes)
        except Exception:
            self.logger.exception(f"The outcome of task {job.task.id!r} could not be reported.")

    def cancel_pending(self) -> None:
        self._pumps.cancel()


def positive(max_workers: int | str) -> int:
    """Return a number of workers, which configurations give as text; raises ValueError for anything else."""
    try:
        if int(max_workers) > 0:
            return int(max_workers)
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError(f"max_workers must be a positive whole number, got {shown(max_workers)}.")


def interpreter_exits() -> bool:
    """Return whether the interpreter has told its pools to end.

    There is no public way to ask, and an executor whose threads have heard of it says the same as one that was shut
    down by its owner.
    """
    return bool(getattr(sys.modules.get("concurrent.futures.thread"), "_shutdown", False))

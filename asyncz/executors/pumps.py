"""Few calls of a pool for many jobs."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .job import failures, missed, not_run, run_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tasks.runs import Outcome
    from .job import Job

__all__ = ("Pumps",)

#: Pumps that a pool has been given and has not begun with: as many as most pools have threads.
WAITING = 32
#: Seconds that a pump with nothing to do goes on: so long may an event loop take to get its turn and send more. A new
#: pump would cost more than many a job.
LINGER = 0.0001


class Pumps:
    """Has jobs run in the threads of a pool, at most ``width`` at once.

    ``submit`` gets a call into the pool, and returns a future of that library; ``finished`` is told what became of each
    job, in any thread. ``ask`` has :meth:`grow` called where ``submit`` may be.

    Jobs wait in a queue here, and what the pool is given are pumps, which empty it: a future for each job would cost
    more than all the rest. A pump holds one of ``width`` tokens. It gives it back when it finds the queue empty, and
    looks once more; a sender that finds no token has queued its job before: so one of both sees the other. Until it
    begins, a pump holds one of a few places too; a sender that finds none of these can rely on one that is to begin.
    """

    def __init__(
        self,
        width: int,
        submit: Callable[[Callable[[], None]], Any],
        ask: Callable[[Callable[[], None]], None],
        finished: Callable[[Job, list[Outcome]], None],
    ) -> None:
        self._width = width
        self._submit = submit
        self._ask = ask
        self._finished = finished
        self.queue: deque[Job] = deque()
        self._tokens: deque[None] = deque([None] * width)
        self._places: deque[None] = deque([None] * min(width, WAITING))

    def send(self, job: Job) -> None:
        """Have a job run. Raises what the pool refuses it with."""
        job.clock.hold()
        self.queue.append(job)
        try:
            self._start()
        except BaseException as exc:
            is_ours = self._withdraw(job)
            self._lost(exc)
            if is_ours:
                job.clock.release()
                raise

    def grow(self) -> None:
        """Give the pool one more pump, if there may be one."""
        try:
            self._start()
        except BaseException as exc:
            self._lost(exc)

    def _start(self) -> None:
        if not _take(self._places):
            return
        if _take(self._tokens):
            self._submit(self._pump).add_done_callback(self._ended)
        else:
            self._places.append(None)

    def _pump(self) -> None:
        self._places.append(None)
        while True:
            job = self._next()
            if job is None:
                self._tokens.append(None)
                if self.queue and _take(self._tokens):
                    continue
                return
            if self.queue and self._places and self._tokens:
                self._ask(self.grow)
            try:
                outcomes = run_job(job)
            except BaseException as exc:  # for lack of memory, say
                outcomes = failures(job.run_times, exc)
            self._end(job, outcomes)

    def _next(self) -> Job | None:
        """Take a job out of the queue, also one that comes a moment later; None when there is none."""
        if not self.queue:
            time.sleep(LINGER)
        try:
            return self.queue.popleft()
        except IndexError:
            return None

    def _end(self, job: Job, outcomes: list[Outcome]) -> None:
        try:
            self._finished(job, outcomes)
        finally:
            job.clock.release()

    def _ended(self, future: Any) -> None:
        if future.cancelled():
            self._lost(None)
        elif future.exception() is not None:  # its thread could not be set up
            self._lost(future.exception())

    def _lost(self, exc: BaseException | None) -> None:
        """Take back what a pump held that did not begin; where it was the last one, nobody will empty the queue."""
        self._places.append(None)
        self._tokens.append(None)
        if len(self._tokens) == self._width:
            self._empty(lambda job: missed(job.run_times) if exc is None else failures(job.run_times, exc))

    def cancel(self) -> None:
        """Report what waits as missed, instead of running it."""
        self._empty(not_run)

    def _empty(self, outcomes: Callable[[Job], list[Outcome]]) -> None:
        while self.queue:
            try:
                job = self.queue.popleft()
            except IndexError:  # a pump was quicker
                return
            self._end(job, outcomes(job))

    def _withdraw(self, job: Job) -> bool:
        """Take a job out of the queue again, unless a pump was quicker. It is equal to itself only."""
        try:
            self.queue.remove(job)
        except ValueError:
            return False
        return True


def _take(tokens: deque[None]) -> bool:
    try:
        tokens.pop()
    except IndexError:
        return False
    return True

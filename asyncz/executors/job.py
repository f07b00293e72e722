"""One submission, taken apart from its task, and the only code that checks the grace time and calls it.

A job carries what was true when it was submitted, so that an edit of the task changes later runs and not this one; and
nothing that could not travel to another process along with the callable.
"""

from __future__ import annotations

import builtins
from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..clock import Clock
from ..enums import RunState
from ..refs import is_awaitable_callable
from ..tasks.runs import Outcome

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence

    from ..tasks.base import Task

__all__ = (
    "CURRENT",
    "Job",
    "failure",
    "failures",
    "missed",
    "not_run",
    "run_job",
    "run_job_async",
    "run_on_a_loop_of_its_own",
)

#: The run times of the job within which the code at hand was called, its own list: that tells a scheduler that it is
#: one of its runs which calls, and must not be waited for. Follows into the asyncio tasks and ``to_thread`` of a run.
CURRENT: ContextVar[Sequence[datetime.datetime] | None] = ContextVar("asyncz_current_job", default=None)

_EXECUTED = RunState.EXECUTED  # a member of an enum takes longer to look up than to use
#: Nothing on Python 3.10, which has no groups of exceptions.
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())


class _StoppedClock(Clock):
    """Always says the same: what a virtual clock said when a job left the process, where nobody moves it."""

    virtual = True

    def __init__(self, now: datetime.datetime, monotonic: float) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> datetime.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic


class Job:
    """A callable with its arguments, the due times to run it for, and how many seconds late it may begin.

    ``may_begin`` is asked right before it does; where that says no, nothing is called and there are no outcomes.
    """

    __slots__ = ("args", "clock", "fn", "grace_time", "kwargs", "may_begin", "run_times", "task")

    fn: Any
    args: Sequence[Any]

    def __init__(
        self,
        task: Task,
        run_times: Sequence[datetime.datetime],
        clock: Clock,
        may_begin: Callable[[Any], bool] | None = None,
    ) -> None:
        self.task = task  # for the sender, in whose process it stays
        self.may_begin = may_begin
        self.fn = task.fn
        self.args = task.args
        self.kwargs: Mapping[str, Any] = task.kwargs
        self.grace_time = task.mistrigger_grace_time
        self.run_times = run_times
        self.clock = clock

    def calling(self, fn: Any, args: Sequence[Any]) -> Job:
        """Return this job with another callable and its arguments."""
        return _restored(fn, args, self.kwargs, self.grace_time, self.run_times, self.clock)

    def __reduce__(self) -> Any:
        clock = self.clock
        if clock.virtual:
            clock = _StoppedClock(clock.now(), clock.monotonic())
        return _restored, (self.fn, self.args, self.kwargs, self.grace_time, self.run_times, clock)

    @property
    def is_async(self) -> bool:
        """True when the callable is to be awaited."""
        return is_awaitable_callable(self.fn)

    def begin(self, run_time: datetime.datetime, outcomes: list[Outcome]) -> datetime.datetime | None:
        """Return the instant, at which a due time begins; None, and an outcome that says so, when it is too late."""
        now = self.clock.now()
        if self.grace_time is None or (now - run_time).total_seconds() <= self.grace_time:
            return now
        outcomes.append(Outcome(RunState.MISSED, run_time))
        return None

    def failed(self, run_time: datetime.datetime, started: datetime.datetime, exc: BaseException) -> Outcome:
        """Return the outcome of a call that raised; its frames are let go, and what they held with them."""
        outcome = failure(run_time, exc)
        outcome.started_at, outcome.finished_at = started, self.clock.now()
        return outcome


def _restored(
    fn: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    grace_time: float | None,
    run_times: Sequence[datetime.datetime],
    clock: Clock,
) -> Job:
    job = Job.__new__(Job)
    job.fn, job.args, job.kwargs, job.may_begin = fn, args, kwargs, None
    job.grace_time, job.run_times, job.clock = grace_time, run_times, clock
    return job


def failure(run_time: datetime.datetime, exc: BaseException) -> Outcome:
    """Return the outcome of a due time that failed, with its traceback as text."""
    import traceback

    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    _forget_frames(exc)
    return Outcome.failed(run_time, exc, text)


def failures(run_times: Sequence[datetime.datetime], exc: BaseException) -> list[Outcome]:
    """Return the outcomes of due times that one exception made fail."""
    outcomes = [failure(run_time, exc) for run_time in run_times]
    for outcome in outcomes:
        outcome.traceback = outcomes[0].traceback  # the first has let the frames go
    return outcomes


def missed(run_times: Sequence[datetime.datetime]) -> list[Outcome]:
    """Return the outcomes of due times that were not run."""
    return [Outcome(RunState.MISSED, run_time) for run_time in run_times]


def not_run(job: Job) -> list[Outcome]:
    """Return the outcomes of a job that is not going to begin: missed, unless its sender knows better."""
    return missed(job.run_times) if job.may_begin is None or job.may_begin(job.run_times) else []


def _forget_frames(exc: BaseException) -> None:
    """Cut an exception, and those it was raised from or groups, off the frames they came through."""
    todo: list[Any] = [exc]
    seen = set()
    while todo:
        current = todo.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        BaseException.with_traceback(current, None)  # not by assignment, which exceptions may refuse
        todo += [current.__cause__, current.__context__]
        if isinstance(current, _GROUP):
            todo += current.exceptions


def run_job(job: Job) -> list[Outcome]:
    """Run a job in this thread and return how each of its due times went; nothing that it raises gets out."""
    if job.may_begin is not None and not job.may_begin(job.run_times):
        return []
    if job.is_async:
        return _run_async(job)
    outcomes: list[Outcome] = []
    before = CURRENT.set(job.run_times)
    for run_time in job.run_times:
        started = job.begin(run_time, outcomes)
        if started is None:
            continue
        try:
            value = job.fn(*job.args, **job.kwargs)
            if type(value) is CoroutineType:  # from a lambda, say, around a coroutine function
                value = run_on_a_loop_of_its_own(value)
        except BaseException as exc:
            outcomes.append(job.failed(run_time, started, exc))
        else:
            outcomes.append(Outcome(_EXECUTED, run_time, started, job.clock.now(), value))
    CURRENT.reset(before)
    return outcomes


async def run_job_async(job: Job, ended: Callable[[Job, list[Outcome]], None] | None = None) -> list[Outcome]:
    """Run a job on the current loop and return how each of its due times went.

    Cancellation ends it: the due time that was running counts as failed, those after it as missed. With ``ended``,
    which is told the same, it stops once before it begins, and can be cancelled there too: whoever made it makes that
    first step, and an event loop the others.
    """
    outcomes: list[Outcome] = []
    if ended is not None and not await _begins(job, ended):
        return outcomes
    CURRENT.set(job.run_times)  # for good: this context belongs to the run, and may not be the one it is closed in
    for run_time in job.run_times:
        started = job.begin(run_time, outcomes)
        if started is None:
            continue
        try:
            value = await job.fn(*job.args, **job.kwargs)
        except BaseException as exc:
            outcomes.append(job.failed(run_time, started, exc))
            if type(exc).__name__ in ("CancelledError", "GeneratorExit"):
                outcomes += missed(job.run_times[len(outcomes) :])
                break
        else:
            outcomes.append(Outcome(_EXECUTED, run_time, started, job.clock.now(), value))
    if ended is not None:
        ended(job, outcomes)
    return outcomes


async def _begins(job: Job, ended: Callable[[Job, list[Outcome]], None]) -> bool:
    """Stop once, and return whether the job may go on then."""
    try:
        await _BEGIN
    except BaseException as exc:
        if type(exc).__name__ == "CancelledError":
            ended(job, not_run(job))
        raise
    if job.may_begin is None or job.may_begin(job.run_times):
        return True
    ended(job, [])
    return False


class _Begin:
    """Is awaited for one step."""

    def __await__(self) -> Generator[None, None, None]:
        return iter((None,))  # type: ignore[return-value]


_BEGIN = _Begin()


def _run_async(job: Job) -> list[Outcome]:
    coroutine = run_job_async(job)
    try:
        outcomes: list[Outcome] = run_on_a_loop_of_its_own(coroutine)
    except BaseException as exc:  # there was no loop to be had; or it could not be closed
        coroutine.close()
        return failures(job.run_times, exc)
    return outcomes


def run_on_a_loop_of_its_own(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end; beside the loop of this thread, in another one, where one is running."""
    import asyncio

    if asyncio._get_running_loop() is None:
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="asyncz-debug") as pool:
        return pool.submit(asyncio.run, coroutine).result()

"""What all executors share: the instance limit, and the way outcomes are reported."""

from __future__ import annotations

import sys
import threading
import traceback
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from ..clock import SYSTEM_CLOCK, Clock
from ..enums import RunState
from ..events import TASK_ERROR, TASK_EXECUTED, TASK_MISSED, TaskExecutionEvent
from ..exceptions import MaximumInstancesError
from ..tasks.runs import Outcome
from .job import Job, failures, run_job, run_job_async
from .types import ExecutorType

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from ..tasks.base import Task

    #: told the task's id, the very list of run times that was sent, and how each of them went; an executor that knows
    #: no better gives None for the list, and the exception that broke off the run for the outcomes
    Report = Callable[[Any, Sequence[datetime.datetime] | None, list[Outcome] | BaseException | None], None]

__all__ = ("BaseExecutor", "PoolShutdownError", "events_of", "run_coroutine_task", "run_task")

_EXECUTED = RunState.EXECUTED
_CODES = {RunState.EXECUTED: TASK_EXECUTED, RunState.ERROR: TASK_ERROR, RunState.MISSED: TASK_MISSED}


_STATES = {code: state for state, code in _CODES.items()}


def events_of(
    task_id: Any, store_alias: str | None, outcomes: Sequence[Outcome], scheduler_identity: str | None = None
) -> list[TaskExecutionEvent]:
    """Return the event of each outcome."""
    return [
        TaskExecutionEvent(
            code=_CODES[outcome.state],
            task_id=task_id,
            store=store_alias,
            scheduler_identity=scheduler_identity,
            scheduled_run_time=outcome.run_time,
            return_value=outcome.return_value,
            exception=outcome.exception,
            traceback=outcome.traceback,
        )
        for outcome in outcomes
    ]


def _outcome_of(event: TaskExecutionEvent) -> Outcome:
    outcome = Outcome(_STATES[event.code], event.scheduled_run_time)
    outcome.return_value, outcome.exception, outcome.traceback = event.return_value, event.exception, event.traceback
    return outcome


def log_outcomes(task: Task, outcomes: Sequence[Outcome], logger: Any) -> None:
    """Log what was missed and what failed."""
    for outcome in outcomes:
        if outcome.state is RunState.MISSED:
            logger.warning(f"Run time of task {task.id!r} ({task.name}) was missed: due {outcome.run_time}.")
        elif outcome.state is RunState.ERROR:
            # One text and no arguments: then no logger looks for fields to fill in it.
            logger.error(f"Task {task.id!r} ({task.name}) raised an exception.\n{outcome.traceback}")


def run_task(
    task: Task, store_alias: str | None, run_times: Sequence[datetime.datetime], logger: Any
) -> list[TaskExecutionEvent]:
    """Run a task here and now, once for each run time that is not too late, and return the events of it."""
    outcomes = run_job(Job(task, run_times, SYSTEM_CLOCK))
    log_outcomes(task, outcomes, logger)
    return events_of(task.id, store_alias, outcomes)


async def run_coroutine_task(
    task: Task, store_alias: str | None, run_times: Sequence[datetime.datetime], logger: Any
) -> list[TaskExecutionEvent]:
    """Do what :func:`run_task` does for a callable that is to be awaited."""
    outcomes = await run_job_async(Job(task, run_times, SYSTEM_CLOCK))
    log_outcomes(task, outcomes, logger)
    return events_of(task.id, store_alias, outcomes)


class PoolShutdownError(RuntimeError):
    """A pool takes no more work: it was shut down, by its executor or because the interpreter is about to exit.

    What ``send_task`` was given will not be run, nor reported.
    """


class BaseExecutor(ExecutorType):
    """Base of executors: subclasses say in ``do_send_task`` how a task gets run.

    Of a scheduler it uses ``instances`` (task id to number of runs), ``loggers`` and ``dispatch_event()``, so that any
    object with these can stand in. A subclass ends each run by
    :meth:`run_task_success` or :meth:`run_task_error` (or :meth:`finished`, when it has outcomes).
    """

    #: Whether ``send_task`` returns only when the task has run.
    inline: bool = False

    scheduler: Any = None
    alias: str | None = None
    clock: Clock = SYSTEM_CLOCK
    _report: Report | None = None
    _may_begin: Callable[[Any], bool] | None = None
    #: Whether a run can be kept from beginning when its turn comes, since that is seen here.
    sees_beginnings: bool = False
    _counting = threading.Lock()  # one for all: runs of one task may be with several executors of a scheduler

    def bind(self, clock: Clock, report: Report) -> None:
        """Take the clock to go by, and whom to tell outcomes; a scheduler calls this before :meth:`start`."""
        self.clock = clock
        self._report = report

    def ask_to_begin(self, may_begin: Callable[[Any], bool] | None) -> None:
        """Take whom to ask, with the list of run times that was sent, whether a run may begin; None: it always may."""
        self._may_begin = may_begin if self.sees_beginnings else None

    @property
    def asks_to_begin(self) -> bool:
        """Whether somebody is asked before a run begins."""
        return self._may_begin is not None

    def start(self, scheduler: Any, alias: str) -> None:
        self.scheduler = scheduler
        self.alias = alias
        self.logger = scheduler.loggers[f"asyncz.executors.{alias}"]
        self._instances = scheduler.instances

    def shutdown(self, wait: bool = True) -> None:
        """Nothing is kept here that would have to be let go."""

    def left_behind(self) -> None:
        """Forget what runs, in a process that was forked off: threads and pools are the parent's."""
        BaseExecutor._counting = threading.Lock()

    async def shutdown_async(self, wait: bool = True) -> None:
        """Do what :meth:`shutdown` does without keeping the event loop waiting."""
        import asyncio

        if wait:
            await asyncio.get_running_loop().run_in_executor(None, self.shutdown, True)
        else:
            self.shutdown(False)

    @property
    def backlog(self) -> int:
        """How many runs were sent and wait for a worker. While there are many, a scheduler sends no more."""
        return 0

    def send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        task_id = task.id
        with self._counting:
            running = self._instances.get(task_id, 0)
            if running >= task.max_instances:
                raise MaximumInstancesError(task_id, task.max_instances)
            self._instances[task_id] = running + 1
        try:
            self.do_send_task(task, run_times)
        except BaseException:
            self._count_down(task.id)
            raise

    @abstractmethod
    def do_send_task(self, task: Task, run_times: list[datetime.datetime]) -> None:
        """Get the task run once for each run time, without waiting for it."""

    def finished(self, task: Task, run_times: Sequence[datetime.datetime], outcomes: list[Outcome]) -> None:
        """Report how a submission went. May be called from any thread."""
        self._count_down(task.id)
        try:
            if len(outcomes) != 1 or outcomes[0].state is not _EXECUTED:
                log_outcomes(task, outcomes, self.logger)
        finally:  # a log that fails must not keep a run from ending
            if self._report is not None:
                self._report(task.id, run_times, outcomes)
            else:
                self._dispatch(task, outcomes)

    def failed(self, task: Task, run_times: Sequence[datetime.datetime], exc: BaseException) -> None:
        """Report that a submission could not be run through."""
        self.finished(task, run_times, failures(run_times, exc))

    def run_task_success(self, task_id: Any, events: Sequence[TaskExecutionEvent]) -> None:
        """Report the events of a run that came to its end; for executors that make events themselves."""
        self._count_down(task_id)
        if self._report is not None:
            self._report(task_id, None, [_outcome_of(event) for event in events])
            return
        for event in events:
            self.scheduler.dispatch_event(event)

    def run_task_error(self, task_id: Any) -> None:
        """Report a run that broke off without an event; call it where the exception is being handled."""
        exc = sys.exc_info()[1]
        self._count_down(task_id)
        text = "" if exc is None else "".join(traceback.format_exception(exc))
        self.logger.error(f"Error running task {task_id!r}.\n{text}")
        if self._report is not None:
            self._report(task_id, None, exc)

    def _count_down(self, task_id: Any) -> None:
        with self._counting:
            running = self._instances.pop(task_id, 0)
            if running > 1:
                self._instances[task_id] = running - 1

    def _dispatch(self, task: Task, outcomes: list[Outcome]) -> None:
        for event in events_of(task.id, task.store_alias, outcomes):
            self.scheduler.dispatch_event(event)

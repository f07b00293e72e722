"""What the engine tells: events to whoever listens, lines to the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import (
    TASK_ERROR,
    TASK_EXECUTED,
    TASK_MAX_INSTANCES,
    TASK_MISSED,
    TASK_REMOVED,
    TASK_SUBMITTED,
    SchedulerEvent,
    TaskEvent,
    TaskExecutionEvent,
    TaskSubmissionEvent,
)
from ..executors.base import events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Outcome, Run
    from .bus import EventBus

__all__ = ("ENDINGS", "News")


def _shown(value: object) -> str:
    """Return the text of a user's object, also of one that cannot be shown: a log line must not break a pass."""
    try:
        return str(value)
    except Exception:
        return f"{type(value).__name__}, which cannot be shown"


#: What is told of the end of a run.
ENDINGS = TASK_EXECUTED | TASK_ERROR | TASK_MISSED


class News:
    """Builds the events about tasks and their runs; one that nobody listens for is not built."""

    def __init__(self, bus: EventBus, logger: Callable[[], Any], identity: str) -> None:
        self.bus = bus
        self._logger = logger
        self.identity = identity
        #: The identity, and what tells this life of the scheduler from all others.
        self.owner = identity

    def task(self, code: int, task_id: Any, store: str | None) -> None:
        """Tell that a task was added, changed or removed."""
        if self.bus.mask & code:
            self.bus.dispatch(TaskEvent(code=code, task_id=task_id, store=store, scheduler_identity=self.identity))

    def removed(self, task_id: Any, store: str) -> None:
        """Tell that a task has had its last firing."""
        self.task(TASK_REMOVED, task_id, store)

    def outcomes(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Tell how a run ended."""
        if self.bus.mask & ENDINGS:
            for event in events_of(run.task_id, run.store, outcomes, self.identity):
                self.bus.dispatch(event)

    def all_outcomes(self, ended: Sequence[tuple[Run, Sequence[Outcome]]]) -> None:
        """Tell how runs ended."""
        for run, outcomes in ended:
            self.outcomes(run, outcomes)

    def of_firing(self, task: Task, store: str, firing: Firing, source: str) -> list[SchedulerEvent]:
        """Return what is to be told of a firing when its batch has been sent; log what did not run."""
        events: list[SchedulerEvent] = []
        if firing.at_limit:
            self._logger().warning(
                f"Task {task.id!r} ({task.name}) was not run: it reached its maximum number of instances "
                f"({task.max_instances})."
            )
        code = TASK_MAX_INSTANCES if firing.at_limit else TASK_SUBMITTED if firing.run is not None else 0
        if code & self.bus.mask:
            events.append(self._submission(code, task, store, firing, source))
        if firing.skipped and self.bus.mask & TASK_MISSED:
            events.append(self._skipped(task, store, firing))
        return events

    def _submission(self, code: int, task: Task, store: str, firing: Firing, source: str) -> TaskSubmissionEvent:
        return TaskSubmissionEvent(
            code=code,
            task_id=task.id,
            store=store,
            scheduler_identity=self.identity,
            scheduled_run_times=list(firing.run_times),
            source=source,
            coalesced_run_count=firing.coalesced,
        )

    def _skipped(self, task: Task, store: str, firing: Firing) -> TaskExecutionEvent:
        return TaskExecutionEvent(
            code=TASK_MISSED,
            task_id=task.id,
            store=store,
            scheduler_identity=self.identity,
            scheduled_run_time=firing.skipped_time,  # type: ignore[arg-type]
            run_count=firing.skipped,
        )

    def dispatch_all(self, events: Sequence[SchedulerEvent]) -> None:
        """Send events in order."""
        for event in events:
            self.bus.dispatch(event)

    # -- the log ----------------------------------------------------------------------------------------------------

    def log_skipped(self, task: Task, firing: Firing) -> None:
        """Log due times that came too late to be carried."""
        self._logger().warning(
            f"{firing.skipped} run times of task {task.id!r} ({task.name}) were missed, "
            f"the latest of them due {firing.skipped_time}."
        )

    def log_broken_trigger(self, task: Task, exc: Exception) -> None:
        """Log that a trigger could not say what comes next."""
        self._logger().error(
            f"Task {task.id!r} is paused: its trigger ({_shown(task.trigger)}) failed to say when it is due next: "
            f"{type(exc).__name__}: {_shown(exc)}"
        )

    def log_taken_over(self, firing: Firing) -> None:
        """Log what becomes of a run whose owner is gone."""
        orphan: Run = firing.orphan
        verdict = "is reported missed" if firing.is_missed else "is run again"
        self._logger().warning(
            f"A run of task {orphan.task_id!r} {verdict}: its owner {orphan.owner} is gone, or has lost it."
        )

    def log_lost(self, run: Run) -> None:
        """Log that a run has ended which is somebody else's by now."""
        self._logger().warning(
            f"A run of task {run.task_id!r} ended as {run.state.value}, and does not count: "
            "it was taken over meanwhile, since this scheduler was taken for dead."
        )

    def log_refused(self, task: Task, executor: str, exc: BaseException) -> None:
        """Log that an executor did not take a task."""
        self._logger().error(
            f"Executor {executor!r} could not take task {task.id!r}: {type(exc).__name__}: {_shown(exc)}"
        )

    def log_store_failed(self, store: str, retry_interval: float, exc: Exception) -> None:
        """Log that a store cannot be used for the time being."""
        self._logger().error(
            f"Store {store!r} failed, next try in {retry_interval} s: {type(exc).__name__}: {_shown(exc)}"
        )

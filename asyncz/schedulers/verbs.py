"""The verbs about tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..engine import edits
from ..engine.news import ENDINGS
from ..events import ALL_TASKS_REMOVED, TASK_ADDED, TASK_MODIFIED, TASK_REMOVED, SchedulerEvent
from ..exceptions import SchedulerNotRunningError, TaskLookupError
from ..tasks.base import Task
from ..typing import undefined
from . import adding
from .configured import ConfiguredScheduler

if TYPE_CHECKING:
    import datetime

    from ..enums import RunState, TaskScheduleState
    from ..tasks.inspection import RunInfo, TaskInfo, TaskRunPreview
    from ..typing import Undefined
    from .inspection import SchedulerInfo, SchedulerInstanceInfo

__all__ = ("TaskVerbs",)


class TaskVerbs(ConfiguredScheduler):
    """Adds, finds, changes, runs and removes tasks; all of these may be called from any thread.

    Where a task is asked for, its id or a ``Task`` will do. While the scheduler is stopped, tasks are queued: they are
    stored when it starts.
    """

    # -- adding -----------------------------------------------------------------------------------------------------

    def add_task(
        self,
        fn_or_task: Any = None,
        trigger: Any = None,
        args: Iterable[Any] | None = None,
        kwargs: Any = None,
        id: str | None = None,
        name: str | None = None,
        mistrigger_grace_time: float | Undefined | None = undefined,
        coalesce: bool | Undefined = undefined,
        max_instances: int | Undefined = undefined,
        next_run_time: datetime.datetime | str | Undefined | None = undefined,
        store: str | None = None,
        executor: str | None = None,
        replace_existing: bool = False,
        fn: Any = None,
        *,
        recover: bool | Undefined = undefined,
        **trigger_args: Any,
    ) -> Task:
        """Add a callable, a ``"module:name"`` reference or a :class:`Task`, and return the task.

        ``trigger`` is an instance, or an alias with its arguments; with neither, the task runs once, now. With no
        callable, the task returned is a decorator. ``next_run_time=None`` adds it paused; a datetime is the first run,
        whatever the trigger says. ``mistrigger_grace_time`` is in seconds. What is left out comes from
        ``task_defaults``.

        Raises ConflictIdError when the id is taken and ``replace_existing`` is not set, AssertionError for a task that
        was submitted before, TypeError, ValueError or LookupError for arguments that do not fit.
        """
        if fn is not None:
            warnings.warn("The parameter 'fn' was renamed to 'fn_or_task'", DeprecationWarning, stacklevel=2)
            fn_or_task = fn if fn_or_task is None else fn_or_task
        if type(fn_or_task) is not FunctionType and isinstance(fn_or_task, Task):
            task = fn_or_task
            adding.change(
                task, trigger, trigger_args, self, store, replace_existing,
                id=id, name=name, args=args, kwargs=kwargs, executor=executor,
                mistrigger_grace_time=mistrigger_grace_time, coalesce=coalesce, max_instances=max_instances,
                next_run_time=next_run_time, recover=recover,
            )  # fmt: skip
        else:
            task = Task.__new__(Task)
            # In two steps: a call of the class would gather all that in a dictionary first.
            Task.__init__(
                task, fn_or_task, id=id, name=name, args=args, kwargs=kwargs,
                trigger=self.create_trigger(trigger, trigger_args), executor=executor, store_alias=store,
                mistrigger_grace_time=mistrigger_grace_time, coalesce=coalesce, max_instances=max_instances,
                next_run_time=next_run_time, scheduler=self, replace_existing=replace_existing,
                recover=recover is undefined or bool(recover),
            )  # fmt: skip
        if task.fn is not None:
            self._submit(task)
        return task

    def add_tasks(self, tasks: Iterable[Task]) -> list[Task]:
        """Add several :class:`Task` objects and return them; those before one that is refused stay added."""
        return [self.add_task(task) for task in tasks]

    def _submit(self, task: Task) -> None:
        now = self.clock.now()
        adding.prepare(task, self, now)
        alias = task.store_alias or "default"
        self._book.add(task, alias, now)
        if self._book.is_open:
            self._news.task(TASK_ADDED, task.id, alias)
            self._warn_of_waiting(task)
            self.wakeup()

    def _warn_of_waiting(self, task: Task) -> None:
        """Log why a task that is stored now will not run here for the time being."""
        if task.executor not in self.executors:
            self.logger.warning(f"Task {task.id!r} needs the executor {task.executor!r}, which is not configured.")
        if self._gate.stands_by(task.store_alias or "default"):
            self.logger.warning(f"Task {task.id!r} will run only when this process leads: another one does now.")

    # -- changing ---------------------------------------------------------------------------------------------------

    def update_task(self, task_or_id: Task | str, store: str | None = None, **updates: Any) -> Task:
        """Set the named attributes of a task, and only these, and return it.

        Raises TaskLookupError for an unknown id, AttributeError for names that cannot be changed, TypeError or
        ValueError for values that do not fit.
        """
        task = self._edit(task_or_id, store, edits.update(updates))
        assert task is not None  # only resuming ends a task
        if "executor" in updates and self.running:
            self._warn_of_waiting(task)
        return task

    def reschedule_task(
        self, task_or_id: Task | str, store: str | None = None, trigger: Any = None, **trigger_args: Any
    ) -> Task:
        """Give a task another trigger and return it; its next run is counted from now."""
        made = self.create_trigger(trigger, trigger_args)
        task = self._edit(task_or_id, store, edits.reschedule(made, self.clock.now()))
        assert task is not None
        return task

    def pause_task(self, task_or_id: Task | str, store: str | None = None) -> Task:
        """Take the next run of a task away until it is resumed, and return the task."""
        task = self._edit(task_or_id, store, edits.pause())
        assert task is not None
        return task

    def resume_task(self, task_or_id: Task | str, store: str | None = None) -> Task | None:
        """Schedule a paused task again, counted from now, and return it.

        A task whose schedule has ended is deleted, and None returned.
        """
        return self._edit(task_or_id, store, edits.resume(self.clock.now()))

    def _edit(self, task_or_id: Task | str, store: str | None, plan: edits.Plan) -> Task | None:
        task_id, store = _id_and_store(task_or_id, store)
        task, alias = self._book.edit(task_id, store, plan)
        self._news.task(TASK_REMOVED if task is None else TASK_MODIFIED, task_id, alias)
        if self.running:
            self.wakeup()
        return task

    def delete_task(self, task_or_id: Task | str | None, store: str | None = None) -> None:
        """Remove a task; runs of it that have been claimed go on. Raises TaskLookupError for an unknown id.

        Nothing happens when the id is None or empty.
        """
        task_id, store = _id_and_store(task_or_id, store)
        if task_id:
            alias = self._book.delete(task_id, store)
            self._news.task(TASK_REMOVED, task_id, alias)
            if self.running:
                self.wakeup()

    def remove_all_tasks(self, store: str | None = None) -> None:
        """Remove all tasks of one store, or of all of them; raises KeyError for a store that is not there."""
        self._book.clear(store)
        self.dispatch_event(SchedulerEvent(code=ALL_TASKS_REMOVED, alias=store))

    # -- finding ----------------------------------------------------------------------------------------------------

    def get_tasks(self, store: str | None = None) -> list[Task]:
        """Return the tasks of one store or of all, by next run time; while stopped, those that are queued."""
        return list(self._book.tasks(store))

    def get_task(self, task_id: str, store: str | None = None) -> Task | None:
        """Return the task of that id, or None."""
        try:
            return self._book.find(task_id, store)[2].task
        except TaskLookupError:
            return None

    def lookup_task(self, task_id: str, store_alias: str | None = None) -> tuple[Task, str | None]:
        """Return the task of that id and the alias of its store, None while it is queued.

        Raises TaskLookupError when there is none.
        """
        alias, _store, row = self._book.find(task_id, store_alias)
        return row.task, alias if self._book.is_open else None

    # -- running ----------------------------------------------------------------------------------------------------

    def run_task(
        self, task_or_id: Task | str, store: str | None = None, *, force: bool = True, remove_finished: bool = True
    ) -> Task | None:
        """Run a task now and return it.

        When it is due, its due times are run and its schedule goes on, as in a pass; when that was the last of them it
        is removed and None returned, or with ``remove_finished=False`` kept paused. When it is not due, ``force`` runs
        it once beside its schedule, which stays as it is, paused or not; without ``force`` nothing happens.

        Raises SchedulerNotRunningError, TaskLookupError, MaximumInstancesError when it already runs as often at once
        as it may, and LookupError when its executor is not configured here.
        """
        if not self.running:
            raise SchedulerNotRunningError()
        task_id, store = _id_and_store(task_or_id, store)
        alias, claimable, row = self._book.find(task_id, store)
        firing = self._dispatcher.fire(alias, claimable, row, self.clock.now(), force=force, stays=not remove_finished)
        self._settle_soon()
        return None if firing is not None and firing.ends else row.task

    def get_runs(
        self,
        task: Task | str | None = None,
        state: RunState | str | None = None,
        limit: int = 100,
    ) -> list[RunInfo]:
        """Return the latest runs, live and ended, of one task or of all, the latest first.

        ``state`` is "submitted", "executed", "error" or "missed". The memory store keeps the last 1,000 ended runs.
        Raises ValueError for another state or a limit below 1.
        """
        from ..tasks.inspection import select_runs

        if not self._bus.mask & ENDINGS:  # otherwise that is done as soon as they end, and in another thread
            self._settle()
        runs = [run for store in list(self._claimable.values()) for run in store.read_runs()]
        return select_runs(runs, None if task is None else _id_and_store(task, None)[0], state, limit)

    # -- looking ----------------------------------------------------------------------------------------------------

    def get_task_info(self, task_id: Task | str, store: str | None = None) -> TaskInfo | None:
        """Return the record of a task, or None when there is none of that id."""
        wanted, store = _id_and_store(task_id, store)
        task = self.get_task(wanted, store)
        return None if task is None else task.snapshot()

    def get_task_infos(
        self,
        store: str | None = None,
        *,
        schedule_state: TaskScheduleState | str | None = None,
        executor: str | None = None,
        trigger: str | None = None,
        q: str | None = None,
        sort_by: str = "next_run_time",
        descending: bool = False,
    ) -> list[TaskInfo]:
        """Return the records of the tasks that match all that was asked, in order; see ``tasks.inspection.select``."""
        from ..tasks.inspection import select

        return select(
            [task.snapshot() for task in self.get_tasks(store)],
            schedule_state=schedule_state,
            executor=executor,
            trigger=trigger,
            q=q,
            sort_by=sort_by,
            descending=descending,
        )

    def preview_task_runs(
        self, task_id: Task | str, store: str | None = None, *, count: int = 5, now: datetime.datetime | None = None
    ) -> TaskRunPreview | None:
        """Return the run times that a task is going to have, 1 to 50 of them; None for an unknown id."""
        from ..tasks.inspection import preview

        wanted, store = _id_and_store(task_id, store)
        return preview(self.get_task(wanted, store) if wanted else None, count, now or self.clock.now(), self.timezone)

    def get_scheduler_info(self) -> SchedulerInfo:
        """Return the record of this scheduler and of how many tasks it has."""
        from .inspection import SchedulerInfo

        return SchedulerInfo.of(self, self.get_tasks(), self.clock.now())

    def get_scheduler_instance_infos(self) -> tuple[SchedulerInstanceInfo, ...]:
        """Return the records of the schedulers that share the stores: over memory stores, of this one."""
        from .inspection import SchedulerInstanceInfo

        return (SchedulerInstanceInfo.of(self, self.clock.now()),)

    async def call(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb of this scheduler off the event loop where its stores may wait for I/O, and return its result."""
        if not any(store.blocking for store in self._claimable.values()):
            return verb(*args, **kwargs)
        import asyncio

        return await asyncio.to_thread(verb, *args, **kwargs)


def _id_and_store(task_or_id: Any, store: str | None) -> tuple[str, str | None]:
    if type(task_or_id) is str:
        return task_or_id, store
    if isinstance(task_or_id, Task):
        return task_or_id.id or "", store or task_or_id.store_alias
    if task_or_id is not None and not isinstance(task_or_id, str):
        raise TypeError(f"Expected a task or its id, got {type(task_or_id).__name__} instead.")
    return task_or_id or "", store

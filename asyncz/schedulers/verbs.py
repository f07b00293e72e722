"""The verbs about tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..engine import edits
from ..events import ALL_TASKS_REMOVED, TASK_ADDED, TASK_MODIFIED, TASK_REMOVED, SchedulerEvent
from ..exceptions import ConflictIdError, SchedulerNotRunningError
from ..tasks.base import Task
from ..typing import undefined
from . import adding
from .looking import id_and_store
from .moving import MovingVerbs

if TYPE_CHECKING:
    import datetime

    from ..typing import Undefined

__all__ = ("TaskVerbs",)


class TaskVerbs(MovingVerbs):
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
        was submitted before, TypeError, ValueError or LookupError for arguments that do not fit, and
        SerializationError, saying which it is, for one that the store cannot keep (a lambda, an open file).
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
        """Add several :class:`Task` objects, each store's in one go, and return them.

        When one of them is refused, none is added, and what :meth:`add_task` would raise is raised. Ids that are taken
        are found out last: the other tasks have been added when ConflictIdError names these (``task_ids``).
        """
        made, now = list(tasks), self.clock.now()
        for task in made:
            adding.adopt(task, self)
        if len(set(map(id, made))) < len(made):
            raise AssertionError("Expected each task once, got the same object again.")
        for task in made:
            adding.prepare(task, self, now)
        self._tell_added(made, self._book.add_all(made, now))
        return made

    def _tell_added(self, tasks: Sequence[Task], taken: Sequence[Task]) -> None:
        """Tell of tasks that were added, but for those whose ids are taken; raise ConflictIdError for these."""
        if self._book.is_open and len(taken) < len(tasks):
            refused = {id(task) for task in taken}
            added = [task for task in tasks if id(task) not in refused]
            for task in added:
                self._news.task(TASK_ADDED, task.id, task.store_alias)
            for task in {(task.executor, task.store_alias): task for task in added}.values():
                self._warn_of_waiting(task)
            self.wakeup()
        if taken:
            raise ConflictIdError(*[task.id for task in taken])

    def _submit(self, task: Task) -> None:
        now = self.clock.now()
        adding.prepare(task, self, now)
        alias = task.store_alias or "default"
        self._book.add(task, alias, now)
        if self._book.is_open:
            self._news.task(TASK_ADDED, task.id, alias)
            self._warn_of_waiting(task)
            self._wake_for(task.next_run_time)

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
        task_id, store = id_and_store(task_or_id, store)
        task, alias = self._book.edit(task_id, store, plan)
        self._news.task(TASK_REMOVED if task is None else TASK_MODIFIED, task_id, alias)
        if self.running:
            self.wakeup()
        return task

    def delete_task(self, task_or_id: Task | str | None, store: str | None = None) -> None:
        """Remove a task; runs of it that have been claimed go on. Raises TaskLookupError for an unknown id.

        Nothing happens when the id is None or empty.
        """
        task_id, store = id_and_store(task_or_id, store)
        if task_id:
            alias = self._book.delete(task_id, store)
            self._news.task(TASK_REMOVED, task_id, alias)
            if self.running:
                self.wakeup()

    def remove_all_tasks(self, store: str | None = None) -> None:
        """Remove all tasks of one store, or of all of them; raises KeyError for a store that is not there."""
        self._book.clear(store)
        self.dispatch_event(SchedulerEvent(code=ALL_TASKS_REMOVED, alias=store))

    # -- running ----------------------------------------------------------------------------------------------------

    def run_task(
        self, task_or_id: Task | str, store: str | None = None, *, force: bool = True, remove_finished: bool = True
    ) -> Task | None:
        """Run a task now and return it.

        When it is due, its due times are run and its schedule goes on, as in a pass; when that was the last of them it
        is removed and None returned, or with ``remove_finished=False`` kept paused. When it is not due, ``force`` runs
        it once beside its schedule, which stays as it is, paused or not; without ``force`` nothing happens.

        Raises SchedulerNotRunningError, TaskLookupError, MaximumInstancesError when it already runs as often at once
        as it may, LookupError when its executor is not configured here, and what was wrong with a record that was set
        aside.
        """
        if not self.running:
            raise SchedulerNotRunningError()
        task_id, store = id_and_store(task_or_id, store)
        alias, claimable, row = self._book.find(task_id, store)
        if row.problem is not None:
            raise row.problem
        self._be_alive_in(alias)
        firing = self._dispatcher.fire(alias, claimable, row, self.clock.now(), force=force, stays=not remove_finished)
        self._settle_soon()
        return None if firing is not None and firing.ends else row.task

    async def call(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb of this scheduler off the event loop where its stores may wait for I/O, and return its result."""
        if not any(store.blocking for store in self._claimable.values()):
            return verb(*args, **kwargs)
        import asyncio

        return await asyncio.to_thread(verb, *args, **kwargs)

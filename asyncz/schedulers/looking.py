"""Finding tasks, and looking at them, at their runs, and at the schedulers that run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.news import ENDINGS
from ..enums import RunState
from ..exceptions import TaskLookupError
from ..tasks.base import Task
from .plugged import PluggedScheduler

if TYPE_CHECKING:
    import datetime

    from ..enums import TaskScheduleState
    from ..tasks.inspection import RunInfo, SetAsideTask, TaskInfo, TaskRunPreview
    from .inspection import SchedulerInfo, SchedulerInstanceInfo

__all__ = ("LookingVerbs", "id_and_store")


class LookingVerbs(PluggedScheduler):
    """Finds and shows; nothing is changed by any of these, and they may be called from any thread."""

    # -- finding ----------------------------------------------------------------------------------------------------

    def get_tasks(self, store: str | None = None) -> list[Task]:
        """Return the tasks of one store or of all, by next run time; while stopped, those that are queued."""
        return list(self._book.tasks(store))

    def get_task(self, task_id: str, store: str | None = None) -> Task | None:
        """Return the task of that id, or None; of a durable store, a copy that says what is stored now."""
        try:
            row = self._book.find(task_id, store)[2]
        except TaskLookupError:
            return None
        return None if row.problem is not None else row.task

    def lookup_task(self, task_id: str, store_alias: str | None = None) -> tuple[Task, str | None]:
        """Return the task of that id and the alias of its store, None while it is queued.

        Raises TaskLookupError when there is none, and what was wrong with a record that was set aside.
        """
        alias, _store, row = self._book.find(task_id, store_alias)
        if row.problem is not None:
            raise row.problem
        return row.task, alias if self._book.is_open else None

    def get_runs(
        self,
        task: Task | str | None = None,
        state: RunState | str | None = None,
        limit: int = 100,
    ) -> list[RunInfo]:
        """Return the latest runs, live and ended, of one task or of all, the latest first.

        ``state`` is "submitted", "executed", "error" or "missed". A memory store keeps the last 1,000 ended runs; a
        durable one ten of each task (``history_length``) and 1,000 of tasks that are gone, whoever ran them. Raises
        ValueError for another state or a limit below 1.
        """
        from ..tasks.inspection import check_limit, read_state, select_runs

        wanted = None if state is None else read_state(RunState, "state", state)
        check_limit(limit)
        if not self._bus.mask & ENDINGS:  # otherwise that is done as soon as they end, and in another thread
            self._settle()
        task_id = None if task is None else id_and_store(task, None)[0]
        code = None if wanted is None else wanted.value
        runs = [run for store in list(self._claimable.values()) for run in store.read_runs(task_id, code, limit)]
        return select_runs(runs, task_id, wanted, limit)

    # -- looking ----------------------------------------------------------------------------------------------------

    def get_task_info(self, task_id: Task | str, store: str | None = None) -> TaskInfo | None:
        """Return the record of a task, or None when there is none of that id."""
        wanted, store = id_and_store(task_id, store)
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

        wanted, store = id_and_store(task_id, store)
        return preview(self.get_task(wanted, store) if wanted else None, count, now or self.clock.now(), self.timezone)

    def get_scheduler_info(self) -> SchedulerInfo:
        """Return the record of this scheduler and of how many tasks it has."""
        from .inspection import SchedulerInfo

        return SchedulerInfo.of(self, self.get_tasks(), self.clock.now())

    def get_scheduler_instance_infos(self) -> tuple[SchedulerInstanceInfo, ...]:
        """Return the records of the schedulers that are alive on the stores that this one shares, itself first."""
        from .inspection import SchedulerInstanceInfo, others

        now = self.clock.now()
        shared = [store for store in list(self._claimable.values()) if store.shared] if self.running else []
        itself = SchedulerInstanceInfo.of(self, now, "shared" if shared else "process-local")
        return (itself, *others([store.fetch_owners() for store in shared], self._news.owner, now))

    def get_set_aside_tasks(self, store: str | None = None) -> list[SetAsideTask]:
        """Return the records, of one durable store or of all, of which no task can be made in this process, and why.

        They are kept as they are and never run here; ``delete_task`` and ``pause_task`` take their ids.
        """
        from ..tasks.inspection import SetAsideTask

        if store is not None:
            self.lookup_store(store)
        used = list(self._claimable.items()) if self.running else []
        return [
            SetAsideTask.of(row.task, alias, row.problem)
            for alias, one in used
            if store is None or alias == store
            for row in one.rows_aside()
        ]


def id_and_store(task_or_id: Any, store: str | None) -> tuple[str, str | None]:
    """Return the id, empty where there is none, and the store of what is asked for."""
    if type(task_or_id) is str:
        return task_or_id, store
    if isinstance(task_or_id, Task):
        return task_or_id.id or "", store or task_or_id.store_alias
    if task_or_id is not None and not isinstance(task_or_id, str):
        raise TypeError(f"Expected a task or its id, got {type(task_or_id).__name__} instead.")
    return task_or_id or "", store

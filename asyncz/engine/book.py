"""The tasks of a scheduler, over all its stores.

Every task always is in a store. While the scheduler is stopped that is a staging store, one for each alias; opening the
book moves what was staged into the real stores.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import ConflictIdError, TaskLookupError
from ..locks import RLockProtected
from ..stores.memory import MemoryStore
from ..tasks import planning
from ..utils import from_microseconds, to_datetime
from .edits import Edit, Plan, is_for_shutdown

if TYPE_CHECKING:
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from ..tasks.base import Task

__all__ = ("TaskBook",)


class TaskBook:
    """Adds, finds, edits and removes tasks.

    Verbs take the instant as an argument. They compare and set: where somebody else changed a task in between, the
    change is worked out again from what the task is by then.
    """

    def __init__(self, stores: Mapping[str, BaseStore]) -> None:
        self._stores = stores
        self._staged: dict[str, BaseStore] = {}
        self.is_open = False
        # Between a look at is_open and what follows from it, nobody may open the book: a task would be staged for ever.
        self._opening = RLockProtected()

    def _all(self) -> Mapping[str, BaseStore]:
        return self._stores if self.is_open else self._staged

    def _store(self, alias: str) -> BaseStore:
        if self.is_open:
            if alias not in self._stores:
                raise KeyError(f"No such store: {alias!r}. Known stores: {', '.join(sorted(self._stores)) or 'none'}.")
            return self._stores[alias]
        return self._staged.setdefault(alias, MemoryStore())

    # -- finding ----------------------------------------------------------------------------------------------------

    def find(self, task_id: Any, alias: str | None = None) -> tuple[str, BaseStore, Row]:
        """Return where a task is, and its row; raises TaskLookupError when it is in no store, or not in that one."""
        for known, store in list(self._all().items()):
            if alias is None or known == alias:
                row = store.read(task_id)
                if row is not None and not row.final:
                    return known, store, row
        raise TaskLookupError(task_id)

    def tasks(self, alias: str | None = None) -> Iterator[Task]:
        """Yield the tasks of one store, or of all; staged ones in the order in which they came."""
        for known, store in list(self._all().items()):
            if alias is None or known == alias:
                yield from store.get_all_tasks() if self.is_open else (row.task for row in store.read_all())

    # -- adding -----------------------------------------------------------------------------------------------------

    def add(self, task: Task, alias: str, now: datetime.datetime) -> None:
        """Put a task in its store, or stage it; raises ConflictIdError when its id is taken and may not be replaced."""
        if task.has_schedule_of_its_own:
            task.next_run_time = _read_in_zone(task)
        before, task.store_alias = task.store_alias, alias
        try:
            if self.is_open or not self._stage(task, alias):
                self._commit(self._store(alias), task, now)
        except BaseException:
            task.store_alias, task.submitted, task.pending = before, False, True
            raise

    def _stage(self, task: Task, alias: str) -> bool:
        with self._opening:
            if self.is_open:
                return False
            task.submitted = True
            self._insert(self._store(alias), task, None)
            return True

    def open(self, now: datetime.datetime, not_before: datetime.datetime) -> Iterator[tuple[Task, Exception | None]]:
        """Move what was staged into the stores; yield each task with what kept it from being scheduled, if anything.

        What is due earlier than ``not_before`` is put off until then. An id that its store knows already stays as it
        is stored there, unless the task was to replace it; a task whose trigger fails is stored without a next run.
        When a store fails, all of it is staged again. Raises KeyError, and moves nothing, when a store is missing.
        """
        with self._opening:
            staged = self._staged
            missing = sorted(alias for alias, store in staged.items() if store.read_all() and alias not in self._stores)
            if missing:
                raise KeyError(f"Tasks were added for stores that are not configured: {', '.join(missing)}.")
            self._staged, self.is_open = {}, True
        try:
            for alias, store in staged.items():
                for row in store.read_all():
                    yield row.task, self._commit_staged(self._stores[alias], row.task, now, not_before)
        except BaseException:
            self._stage_again(staged)
            raise

    def _stage_again(self, staged: dict[str, BaseStore]) -> None:
        with self._opening:
            self._staged, self.is_open = staged, False
            for store in staged.values():
                for row in store.read_all():
                    row.task.pending, row.task.submitted = True, True
                    if not row.task.has_schedule_of_its_own:
                        row.task.next_run_time = None

    def left_behind(self) -> None:
        """Stage again, in a process that was forked off while another thread may have been at it."""
        self._opening, self.is_open = RLockProtected(), False

    def close(self) -> None:
        """Go back to staging."""
        with self._opening:
            self.is_open = False

    def _commit_staged(
        self, store: BaseStore, task: Task, now: datetime.datetime, not_before: datetime.datetime
    ) -> Exception | None:
        try:
            self._commit(store, task, now, not_before)
        except ConflictIdError as exc:
            task.submitted, task.pending = False, True
            return exc
        except Exception as exc:
            task.next_run_time, task.pending = None, False
            self._insert(store, task, None)
            return exc
        return None

    def _commit(
        self,
        store: BaseStore,
        task: Task,
        now: datetime.datetime,
        not_before: datetime.datetime | None = None,
    ) -> None:
        nominal = None
        if not task.has_schedule_of_its_own:
            nominal, task.next_run_time = planning.first_times(task, now) or (None, None)
        if not_before is not None and task.next_run_time is not None and task.next_run_time < not_before:
            task.next_run_time = not_before.astimezone(task.next_run_time.tzinfo)
        task.settle()
        self._insert(store, task, nominal)

    def _insert(self, store: BaseStore, task: Task, nominal: datetime.datetime | None) -> None:
        while not store.insert(task, nominal):
            if not task.replace_existing:
                raise ConflictIdError(task.id)
            row = store.read(str(task.id))
            if row is not None and not row.final and store.replace(task, row.revision, _inherited(row, task, nominal)):
                return

    # -- editing ----------------------------------------------------------------------------------------------------

    def edit(self, task_id: Any, alias: str | None, plan: Plan) -> tuple[Task | None, str]:
        """Change a task by plan and return it with the alias of its store; None when that ended it.

        Raises TaskLookupError for an unknown id, and whatever the plan raises.
        """
        while True:
            known, store, row = self.find(task_id, alias)
            revision = row.revision
            edit: Edit = plan(row.task)
            if edit.ends:
                store.remove(task_id)
                return None, known
            task = store.edit(task_id, revision, edit.changes, edit.nominal)
            if task is not None:
                return task, known

    def delete(self, task_id: Any, alias: str | None) -> str:
        """Remove a task and return the alias of its store; raises TaskLookupError for an unknown id."""
        known, store, _row = self.find(task_id, alias)
        store.delete_task(task_id)
        return known

    def clear(self, alias: str | None) -> None:
        """Remove all tasks of one store, or of all; raises KeyError for an unknown one."""
        if alias is not None and self.is_open:
            self._store(alias)
        for known, store in list(self._all().items()):
            if alias is None or known == alias:
                store.remove_all_tasks()

    def has_shutdown_tasks(self, scheduler: Any) -> bool:
        """True when a task of this scheduler is to run when it stops."""
        return any(is_for_shutdown(task) and task.scheduler is scheduler for task in self.tasks())

    def take_shutdown_tasks(self, scheduler: Any) -> Iterator[tuple[Task, str]]:
        """Remove and yield the tasks of this scheduler that are to run when it stops."""
        for alias, store in list(self._all().items()):
            for task in store.get_all_tasks():
                if is_for_shutdown(task) and task.scheduler is scheduler and store.remove(str(task.id)):
                    yield task, alias


def _read_in_zone(task: Task) -> datetime.datetime | None:
    value = task.next_run_time
    return None if value is None else to_datetime(value, task.timezone, "next_run_time")


def _inherited(row: Row, task: Task, nominal: datetime.datetime | None) -> datetime.datetime | None:
    """Let a task that replaces one of an equal trigger keep its schedule, and return the nominal time of that.

    That way a restart in the minute after a due time does not lose it, and a pause stays.
    """
    stored = row.task
    if task.pending or task.has_schedule_of_its_own or stored.trigger != task.trigger:
        return nominal
    task.trigger, task.next_run_time = stored.trigger, stored.next_run_time
    if row.nominal is None or stored.next_run_time is None:
        return None
    return from_microseconds(row.nominal, stored.next_run_time.tzinfo)

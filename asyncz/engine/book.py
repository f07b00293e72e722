"""The tasks of a scheduler, over all its stores.

Every task always is in a store. While the scheduler is stopped that is a staging store, one for each alias; opening the
book moves what was staged into the real stores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import ConflictIdError, TaskLookupError
from ..locks import RLockProtected
from ..stores.memory import MemoryStore
from .edits import Edit, Plan, is_for_shutdown
from .entries import could_insert, insert, insert_all, read_in_zone, scheduled

if TYPE_CHECKING:
    import datetime

    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from ..tasks.base import Task
    from .entries import Entry

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
        """Put a task in its store, or stage it; raises ConflictIdError when its id is taken and may not be replaced.

        Raises SerializationError for one that its store cannot keep, as far as that store is known yet.
        """
        if task.has_schedule_of_its_own:
            task.next_run_time = read_in_zone(task)
        before, task.store_alias = task.store_alias, alias
        try:
            if self.is_open or not self._stage(task, alias):
                insert(self._store(alias), task, scheduled(task, now))
        except BaseException:
            task.store_alias, task.submitted, task.pending = before, False, True
            raise

    def _stage(self, task: Task, alias: str) -> bool:
        self._check(task, alias)
        with self._opening:
            if self.is_open:
                return False
            task.submitted = True
            insert(self._store(alias), task, None)
            return True

    def _check(self, task: Task, alias: str) -> None:
        store = self._stores.get(alias)
        if store is not None:
            store.check(task)

    def add_all(self, tasks: Sequence[Task], now: datetime.datetime) -> list[Task]:
        """Put tasks in their stores, each store's in one go, or stage them; return those whose ids are taken.

        When one of them is refused, none is added, and what was wrong with it is raised.
        """
        before = [task.store_alias for task in tasks]
        left = set(map(id, tasks))
        try:
            for task in tasks:
                task.store_alias = task.store_alias or "default"
                if task.has_schedule_of_its_own:
                    task.next_run_time = read_in_zone(task)
            taken = None if self.is_open else self._stage_all(tasks, left)
            return self._commit_all(tasks, now, left) if taken is None else taken
        finally:
            for task, alias in zip(tasks, before, strict=True) if left else ():
                if id(task) in left:
                    task.store_alias, task.submitted, task.pending = alias, False, True

    def _stage_all(self, tasks: Sequence[Task], left: set[int]) -> list[Task] | None:
        """Stage tasks, take them out of what is left, and return those that are; None when the book is open."""
        for task in tasks:
            self._check(task, str(task.store_alias))
        with self._opening:
            if self.is_open:
                return None
            for task in tasks:
                task.submitted = True
                if could_insert(self._store(str(task.store_alias)), task, None):
                    left.discard(id(task))
        return [task for task in tasks if id(task) in left]

    def _commit_all(self, tasks: Sequence[Task], now: datetime.datetime, left: set[int]) -> list[Task]:
        entries: defaultdict[str, list[Entry]] = defaultdict(list)
        for task in tasks:
            entries[str(task.store_alias)].append((task, scheduled(task, now)))
        stores = {alias: self._store(alias) for alias in entries}
        if len(stores) > 1:  # a single one refuses all of them, when it refuses one
            for task in tasks:
                self._check(task, str(task.store_alias))
        taken: list[Task] = []
        for alias, store in stores.items():
            refused = insert_all(store, entries[alias])
            left.difference_update([id(task) for task, _nominal in entries[alias]])
            left.update(map(id, refused))
            taken += refused
        return taken

    def open(self, now: datetime.datetime, not_before: datetime.datetime) -> Iterator[tuple[Task, Exception | None]]:
        """Move what was staged into the stores; yield each task with what kept it from being scheduled, if anything.

        What is due earlier than ``not_before`` is put off until then. An id that its store knows already stays as it
        is stored there, unless the task was to replace it; a task whose trigger fails is stored without a next run.
        When a store fails, or refuses a task, all of it is staged again. Raises KeyError, and moves nothing, when a
        store is missing.
        """
        with self._opening:
            staged = self._staged
            missing = sorted(alias for alias, store in staged.items() if store.read_all() and alias not in self._stores)
            if missing:
                raise KeyError(f"Tasks were added for stores that are not configured: {', '.join(missing)}.")
            self._staged, self.is_open = {}, True
        try:
            for alias, store in staged.items():
                tasks = [row.task for row in store.read_all()]
                if tasks:
                    yield from self._move(self._stores[alias], tasks, now, not_before)
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

    def _move(
        self, store: BaseStore, tasks: Sequence[Task], now: datetime.datetime, not_before: datetime.datetime
    ) -> Iterator[tuple[Task, Exception | None]]:
        problems: dict[Any, Exception] = {}
        entries: list[Entry] = []
        for task in tasks:
            try:
                entries.append((task, scheduled(task, now, not_before)))
            except Exception as exc:
                task.settle()
                task.next_run_time = None
                entries.append((task, None))
                problems[task.id] = exc
        for task in insert_all(store, entries):
            task.submitted, task.pending = False, True
            problems[task.id] = ConflictIdError(task.id)
        for task in tasks:
            yield task, problems.get(task.id)

    # -- editing ----------------------------------------------------------------------------------------------------

    def edit(self, task_id: Any, alias: str | None, plan: Plan) -> tuple[Task | None, str]:
        """Change a task by plan and return it with the alias of its store; None when that ended it.

        Raises TaskLookupError for an unknown id, and whatever the plan raises; of a record that was set aside, why it
        was, unless that change can be made all the same.
        """
        while True:
            known, store, row = self.find(task_id, alias)
            try:
                is_done, task = self._edit(store, task_id, row, plan)
            except Exception as exc:
                if row.problem is None:
                    raise
                raise row.problem from exc
            if is_done:
                return task, known

    def _edit(self, store: BaseStore, task_id: Any, row: Row, plan: Plan) -> tuple[bool, Task | None]:
        revision = row.revision
        edit: Edit = plan(row.task)
        if edit.ends:
            store.remove(task_id)
            return True, None
        task = store.edit(task_id, revision, edit.changes, edit.nominal)
        return task is not None, task

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
        return any(
            is_for_shutdown(task) and task.scheduler is scheduler
            for alias, store in list(self._all().items())
            if not store.shared
            for task in self.tasks(alias)
        )

    def take_shutdown_tasks(self, scheduler: Any) -> Iterator[tuple[Task, str]]:
        """Remove and yield the tasks of this scheduler that are to run when it stops."""
        for alias, store in list(self._all().items()):
            if store.shared:
                continue  # there are none: they belong to one scheduler
            for task in store.get_all_tasks():
                if is_for_shutdown(task) and task.scheduler is scheduler and store.remove(str(task.id)):
                    yield task, alias

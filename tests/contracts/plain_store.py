"""A store of the public verbs alone, for tests of what the engine adds to such a one."""

from __future__ import annotations

from asyncz.exceptions import ConflictIdError, TaskLookupError
from asyncz.stores.types import StoreType

__all__ = ("DictStore",)


class DictStore(StoreType):
    """What a user writes who has read only the list of verbs."""

    def __init__(self):
        self.tasks = {}

    def lookup_task(self, task_id):
        return self.tasks.get(task_id)

    def get_due_tasks(self, now):
        return [task for task in self.get_all_tasks() if task.next_run_time and task.next_run_time <= now]

    def get_next_run_time(self):
        return next((task.next_run_time for task in self.get_all_tasks()), None)

    def get_all_tasks(self):
        def order(task):
            return (task.next_run_time is None, task.next_run_time and task.next_run_time.timestamp(), task.id)

        return sorted(self.tasks.values(), key=order)

    def add_task(self, task):
        if task.id in self.tasks:
            raise ConflictIdError(task.id)
        self.tasks[task.id] = task

    def update_task(self, task):
        if task.id not in self.tasks:
            raise TaskLookupError(task.id)
        self.tasks[task.id] = task

    def delete_task(self, task_id):
        if self.tasks.pop(task_id, None) is None:
            raise TaskLookupError(task_id)

    def remove_all_tasks(self):
        self.tasks.clear()

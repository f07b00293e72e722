"""Tasks on their way into a store: when they are due first, and what becomes of an id that is taken."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import ConflictIdError
from ..tasks import planning
from ..utils import from_microseconds, to_datetime

if TYPE_CHECKING:
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from ..tasks.base import Task

    #: a task and the nominal time of its next run
    Entry = tuple[Task, datetime.datetime | None]

__all__ = ("could_insert", "insert", "insert_all", "read_in_zone", "scheduled")


def read_in_zone(task: Task) -> datetime.datetime | None:
    """Return the next run time that a task was given, of which text and naive values are read in its zone."""
    value = task.next_run_time
    return None if value is None else to_datetime(value, task.timezone, "next_run_time")


def scheduled(
    task: Task, now: datetime.datetime, not_before: datetime.datetime | None = None
) -> datetime.datetime | None:
    """Have a task be due when its trigger says first, unless it knows better, and return the nominal time of that."""
    nominal = None
    if not task.has_schedule_of_its_own:
        nominal, task.next_run_time = planning.first_times(task, now) or (None, None)
    if not_before is not None and task.next_run_time is not None and task.next_run_time < not_before:
        task.next_run_time = not_before.astimezone(task.next_run_time.tzinfo)
    task.settle()
    return nominal


def insert(store: BaseStore, task: Task, nominal: datetime.datetime | None) -> None:
    """Store a task; raises ConflictIdError when its id is taken and may not be replaced."""
    while not store.insert(task, nominal):
        if not task.replace_existing:
            raise ConflictIdError(task.id)
        row = store.read(str(task.id))
        if row is not None and not row.final and store.replace(task, row.revision, _inherited(row, task, nominal)):
            return


def could_insert(store: BaseStore, task: Task, nominal: datetime.datetime | None) -> bool:
    """Store a task; False when its id is taken and may not be replaced."""
    try:
        insert(store, task, nominal)
    except ConflictIdError:
        return False
    return True


def insert_all(store: BaseStore, entries: Sequence[Entry]) -> list[Task]:
    """Store tasks, in one go but for those which replace others; return those whose ids are taken."""
    firsts, rest = _apart(entries)
    are_new = store.insert_all(firsts)
    if not all(are_new):
        rest = [entry for entry, is_new in zip(firsts, are_new, strict=True) if not is_new] + rest
    return [task for task, nominal in rest if not could_insert(store, task, nominal)]


def _apart(entries: Sequence[Entry]) -> tuple[Sequence[Entry], list[Entry]]:
    """Return the first entry of each id, and those whose id has come already."""
    if len({task.id for task, _nominal in entries}) == len(entries):
        return entries, []
    firsts: dict[Any, Entry] = {}
    rest = [entry for entry in entries if firsts.setdefault(entry[0].id, entry) is not entry]
    return [*firsts.values()], rest


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

"""From the arguments of ``add_task`` to a task that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._ids import random_id
from ..exceptions import shown
from ..tasks.base import Task
from ..typing import undefined

if TYPE_CHECKING:
    import datetime

__all__ = ("adopt", "change", "prepare")

#: Arguments for which None is a value of its own, and not the absence of one.
_NONE_MEANS_SOMETHING = ("mistrigger_grace_time", "next_run_time")


def change(
    task: Task,
    trigger: Any,
    trigger_args: Mapping[str, Any],
    scheduler: Any,
    store: str | None,
    replace_existing: bool,
    **given: Any,
) -> None:
    """Change a task that was handed to ``add_task`` by the other arguments.

    Raises AssertionError for a task that was submitted before or has no trigger, and what the task raises for values
    that do not fit.
    """
    if task.submitted:
        raise AssertionError(f"Expected a task that was not submitted before, got {task!r}.")
    values = {name: value for name, value in given.items() if _is_given(name, value)}
    if trigger is not None or trigger_args:
        values["trigger"] = scheduler.create_trigger(trigger, trigger_args)
    elif task.trigger is None:
        raise AssertionError(f"Expected a task with a trigger, got {task!r}.")
    values["scheduler"] = scheduler
    task.timezone = task.timezone or scheduler.timezone
    task.update_task(**values)
    task.store_alias = store or task.store_alias
    task.replace_existing = replace_existing or task.replace_existing


def adopt(task: Task, scheduler: Any) -> None:
    """Have a task belong to a scheduler as it is.

    Raises TypeError for what is no task or has no callable, AssertionError for a task that was submitted before or has
    no trigger, ValueError for one that belongs to another scheduler.
    """
    if not isinstance(task, Task):
        raise TypeError(f"Expected a task, got {shown(task)}.")
    if task.submitted:
        raise AssertionError(f"Expected a task that was not submitted before, got {task!r}.")
    if task.trigger is None:
        raise AssertionError(f"Expected a task with a trigger, got {task!r}.")
    if task.fn is None:
        raise TypeError(f"Expected a task with a callable, got {task!r}, which is a decorator.")
    if task.scheduler is None:
        task.scheduler = scheduler
    elif task.scheduler is not scheduler:
        task.update_task(scheduler=scheduler)
    task.timezone = task.timezone or scheduler.timezone


def _is_given(name: str, value: Any) -> bool:
    return value is not undefined and (value is not None or name in _NONE_MEANS_SOMETHING)


def prepare(task: Task, scheduler: Any, now: datetime.datetime) -> None:
    """Give a task what it takes from its scheduler: defaults, zone, executor, and the start of its trigger."""
    if task.id is None:
        task.id = random_id()
    task.apply_defaults(scheduler.task_defaults)
    task.timezone = scheduler.timezone
    if task.executor is None:
        task.executor = "default"
    anchored = getattr(task.trigger, "anchored", None)
    if anchored is not None:
        task.trigger = anchored(now, scheduler.timezone)

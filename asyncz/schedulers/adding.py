"""From the arguments of ``add_task`` to a task that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._ids import random_id
from ..tasks.base import Task

if TYPE_CHECKING:
    import datetime

__all__ = ("build_task", "prepare")


def build_task(
    fn_or_task: Any, values: dict[str, Any], trigger: Any, trigger_args: Mapping[str, Any], scheduler: Any
) -> Task:
    """Return the task that was given, changed by the other values, or a new one.

    A task without a callable is for use as a decorator. Raises AssertionError for a task that was submitted before or
    has no trigger, and what the task raises for values that do not fit.
    """
    if not isinstance(fn_or_task, Task):
        values["trigger"] = scheduler.create_trigger(trigger, trigger_args)
        return Task(fn_or_task, scheduler=scheduler, **values)
    task = fn_or_task
    if task.submitted:
        raise AssertionError(f"Expected a task that was not submitted before, got {task!r}.")
    if trigger is not None or trigger_args:
        values["trigger"] = scheduler.create_trigger(trigger, trigger_args)
    elif task.trigger is None:
        raise AssertionError(f"Expected a task with a trigger, got {task!r}.")
    values["scheduler"] = scheduler
    task.timezone = task.timezone or scheduler.timezone
    task.update_task(**values)
    return task


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

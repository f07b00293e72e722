"""From the arguments of ``add_task`` to a task that can be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..tasks.base import Task
from ..typing import undefined

if TYPE_CHECKING:
    import datetime

__all__ = ("build_task", "prepare")


def build_task(
    fn_or_task: Any,
    given: Mapping[str, Any],
    trigger: Any,
    trigger_args: Mapping[str, Any],
    create_trigger: Callable[[Any, Mapping[str, Any]], Any],
    scheduler: Any,
) -> Task:
    """Return the task that was given, changed by the other arguments, or a new one.

    A task without a callable is for use as a decorator. Raises AssertionError for a task that was submitted before or
    has no trigger, and what the task raises for arguments that do not fit.
    """
    values = {name: value for name, value in given.items() if value is not undefined}
    if isinstance(fn_or_task, Task):
        return _updated(fn_or_task, values, trigger, trigger_args, create_trigger, scheduler)
    values["trigger"] = create_trigger(trigger, trigger_args)
    return Task(fn_or_task, scheduler=scheduler, **values)


def _updated(
    task: Task,
    values: dict[str, Any],
    trigger: Any,
    trigger_args: Mapping[str, Any],
    create_trigger: Callable[[Any, Mapping[str, Any]], Any],
    scheduler: Any,
) -> Task:
    assert not task.submitted, f"Expected a task that was not submitted before, got {task!r}."
    if trigger is not None or trigger_args:
        values["trigger"] = create_trigger(trigger, trigger_args)
    assert task.trigger is not None or "trigger" in values, f"Expected a task with a trigger, got {task!r}."
    if task.scheduler is None:
        values["scheduler"] = scheduler
    elif task.scheduler is not scheduler:
        raise ValueError("The task scheduler may not be changed.")
    if task.timezone is None:
        task.timezone = scheduler.timezone
    task.update_task(**values)
    return task


def prepare(task: Task, scheduler: Any, now: datetime.datetime) -> None:
    """Give a task what it takes from its scheduler: defaults, zone, executor, and the start of its trigger."""
    if task.id is None:
        task.id = Task.new_id()
    task.apply_defaults(scheduler.task_defaults)
    task.timezone = scheduler.timezone
    if task.executor is None:
        task.executor = "default"
    anchored = getattr(task.trigger, "anchored", None)
    if anchored is not None:
        task.trigger = anchored(now, scheduler.timezone)

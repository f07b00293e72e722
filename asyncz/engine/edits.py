"""What a verb changes of a task, worked out before anything is written.

A task that waits for its scheduler to start has no next run time yet: there, an edit says only what the schedule shall
be once it starts.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..tasks import planning
from ..tasks.changes import checked

if TYPE_CHECKING:
    from ..tasks.base import Task

__all__ = ("Edit", "Plan", "pause", "reschedule", "resume", "update")


class Edit:
    """The attributes to set, and the nominal time of the next run where that is set; ``ends`` a task instead."""

    __slots__ = ("changes", "ends", "nominal")

    def __init__(
        self, changes: Mapping[str, Any], nominal: datetime.datetime | None = None, *, ends: bool = False
    ) -> None:
        self.changes = changes
        self.nominal = nominal
        self.ends = ends


#: From a task as it is stored to what shall be changed of it.
Plan = Callable[["Task"], Edit]


def update(updates: Mapping[str, Any]) -> Plan:
    """Set the named attributes."""

    def plan(task: Task) -> Edit:
        changes = checked(task, updates)
        if task.pending and "next_run_time" in changes:
            changes["has_schedule_of_its_own"] = True
        return Edit(changes)

    return plan


def reschedule(trigger: Any, now: datetime.datetime) -> Plan:
    """Give another trigger; the next run is counted from now."""

    def plan(task: Task) -> Edit:
        changes = checked(task, {"trigger": trigger.anchored(now, task.timezone) if _has_anchor(trigger) else trigger})
        return _from_trigger(task, changes, now)

    return plan


def pause() -> Plan:
    """Take the next run away."""

    def plan(task: Task) -> Edit:
        own = {"has_schedule_of_its_own": True} if task.pending else {}
        return Edit({"next_run_time": None, **own})

    return plan


def resume(now: datetime.datetime) -> Plan:
    """Let the trigger say the next run, counted from now; a trigger that has no more ends the task."""

    def plan(task: Task) -> Edit:
        edit = _from_trigger(task, {}, now)
        edit.ends = not task.pending and edit.changes["next_run_time"] is None and not is_for_shutdown(task)
        return edit

    return plan


def _from_trigger(task: Task, changes: dict[str, Any], now: datetime.datetime) -> Edit:
    if task.pending:
        return Edit({**changes, "next_run_time": None, "has_schedule_of_its_own": False})
    times = planning.first_times(task, now, changes.get("trigger"))
    nominal, due_time = (None, None) if times is None else times
    return Edit({**changes, "next_run_time": due_time}, nominal)


def _has_anchor(trigger: Any) -> bool:
    return callable(getattr(trigger, "anchored", None))


def is_for_shutdown(task: Task) -> bool:
    """True for a task that runs when its scheduler stops."""
    return getattr(task.trigger, "alias", None) == "shutdown"

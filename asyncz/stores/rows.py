"""One stored task: its definition, its schedule as integers, and its live runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..utils import to_microseconds

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run

__all__ = ("Row",)


class Row:
    """What a store holds of a task.

    ``due`` is the next run time in microseconds since 1970 UTC, None when there is none; ``nominal`` is the same
    without jitter, None where they are equal. ``revision`` grows with every change, so that whoever read the row can
    tell whether it still is what it was. A ``final`` row has had its last firing claimed: it is hidden, and goes when
    its last live run has ended.
    """

    __slots__ = ("due", "final", "index", "nominal", "revision", "runs", "task")

    #: What keeps a task from being made of it here; ``task`` stands in for it then.
    problem: Exception | None = None

    def __init__(self, task: Task, nominal: datetime.datetime | None = None) -> None:
        self.task = task
        self.revision = 1
        self.runs: tuple[Run, ...] = ()
        self.final = False
        self.index: Any = None  # for the store: where it is found by its due time
        self.schedule(nominal)

    def schedule(self, nominal: datetime.datetime | None) -> None:
        """Take the schedule from the task's next run time, and from its nominal time where that is another."""
        due_time = self.task.next_run_time
        self.due = None if due_time is None else to_microseconds(due_time)
        is_same = nominal is None or nominal is due_time
        self.nominal = None if is_same else to_microseconds(nominal)  # type: ignore[arg-type]

    def change(self, changes: Mapping[str, Any], nominal: datetime.datetime | None) -> None:
        """Set attributes of the task; with a next run time among them, the schedule follows."""
        for name, value in changes.items():
            setattr(self.task, name, value)
        if "next_run_time" in changes:
            self.schedule(nominal)

    def advance(self, firing: Firing) -> None:
        """Record a claim: the run, unless as many are live as may be, and what comes next."""
        run = firing.run
        if firing.orphan is not None:
            self.runs = tuple([run if live.id == firing.orphan.id else live for live in self.runs])
            self.revision += 1
            return
        if run is not None:
            if not self.runs:
                self.runs = (run,)
            elif len(self.runs) < self.task.max_instances:
                self.runs = (*self.runs, run)
            else:
                firing.at_limit, firing.run = True, None
        self.revision += 1
        if firing.forced:
            return
        self.task.next_run_time = firing.next_due
        if firing.next_instant is not None:
            self.due, self.nominal = firing.next_instant, None
        elif firing.next_due is not None:
            self.schedule(firing.next_nominal)
        else:
            self.due = self.nominal = None
            self.final = not firing.stays

    def take_back(self, firing: Firing) -> None:
        """Undo a claim whose run was not started: the schedule is what it was, the run is gone."""
        if firing.run is not None:
            self.end(firing.run)
        if not firing.forced:
            self.task.next_run_time = firing.due_time
            self.due, self.nominal = firing.due_at, firing.nominal_at
            self.final = False
        self.revision += 1

    def end(self, run: Run) -> None:
        """Take out a run that has ended."""
        if len(self.runs) == 1 and self.runs[0] is run:
            self.runs = ()
        else:
            self.runs = tuple([live for live in self.runs if live.id != run.id])

"""Immutable records of tasks and runs, for tools that look at a scheduler; and how to choose and order them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..enums import RunState, TaskScheduleState
from ..exceptions import shown
from ..refs import get_callable_name
from . import planning
from .runs import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .runs import Run
    from .types import TaskType

__all__ = (
    "RunInfo", "SetAsideTask", "TaskInfo", "TaskRunPreview", "check_limit", "preview", "read_state", "select",
    "select_runs",
)  # fmt: skip

State = TypeVar("State", RunState, TaskScheduleState)

#: The most run times that a preview shows.
MAX_PREVIEW = 50


@dataclass(frozen=True)
class TaskInfo:
    """A task as it was when this was taken."""

    id: str | None
    name: str | None
    callable_name: str | None
    callable_reference: str | None
    trigger_alias: str | None
    trigger_name: str | None
    trigger_description: str | None
    executor: str | None
    store_alias: str | None
    schedule_state: TaskScheduleState
    next_run_time: datetime.datetime | None
    coalesce: bool
    max_instances: int
    mistrigger_grace_time: float | None
    pending: bool
    paused: bool
    submitted: bool
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @classmethod
    def of(cls, task: TaskType) -> TaskInfo:
        """Take the record of a task."""
        trigger = task.trigger
        return cls(
            id=task.id,
            name=task.name,
            callable_name=None if task.fn is None else get_callable_name(task.fn),
            callable_reference=task.fn_reference,
            trigger_alias=getattr(trigger, "alias", None),
            trigger_name=None if trigger is None else type(trigger).__name__,
            trigger_description=None if trigger is None else str(trigger),
            executor=task.executor,
            store_alias=task.store_alias,
            schedule_state=task.schedule_state,
            next_run_time=task.next_run_time,
            coalesce=task.coalesce,
            max_instances=task.max_instances,
            mistrigger_grace_time=task.mistrigger_grace_time,
            pending=task.pending,
            paused=task.paused,
            submitted=task.submitted,
            args=task.args,
            kwargs=dict(task.kwargs),
        )


@dataclass(frozen=True)
class SetAsideTask:
    """A stored record of which no task can be made in this process, and why; of a damaged one only the id is known."""

    id: str | None
    store_alias: str
    name: str | None
    callable_reference: str | None
    executor: str | None
    next_run_time: datetime.datetime | None
    reason: str

    @classmethod
    def of(cls, stand_in: TaskType, store: str, problem: Exception | None) -> SetAsideTask:
        """Take the record of a row of which the task only stands in for what is stored."""
        return cls(
            id=stand_in.id,
            store_alias=store,
            name=stand_in.name,
            callable_reference=stand_in.fn_reference,
            executor=stand_in.executor,
            next_run_time=stand_in.next_run_time,
            reason=str(problem),
        )


@dataclass(frozen=True)
class TaskRunPreview:
    """The run times that a task is going to have, if nothing is changed; ``exhausted`` when there are no more."""

    task: TaskInfo
    timezone: str
    generated_at: datetime.datetime
    requested_count: int
    run_times: tuple[datetime.datetime, ...]
    exhausted: bool


@dataclass(frozen=True)
class RunInfo:
    """One submission of a task to its executor; instants are in UTC, but ``run_times`` are in the trigger's zone."""

    id: int | str
    task_id: str
    task_name: str | None
    store: str
    executor: str
    run_times: tuple[datetime.datetime, ...]
    owner: str
    source: str
    state: RunState
    claimed_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    error: str | None

    @classmethod
    def of(cls, run: Run) -> RunInfo:
        """Take the record of a run."""
        return cls(
            id=run.id,
            task_id=run.task_id,
            task_name=run.task_name,
            store=run.store,
            executor=run.executor,
            run_times=tuple(run.run_times),
            owner=identity_of(run.owner),
            source=run.source,
            state=run.state,
            claimed_at=run.claimed_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=run.error,
        )


def preview(
    task: TaskType | None, count: int, now: datetime.datetime, timezone: datetime.tzinfo
) -> TaskRunPreview | None:
    """Return the next ``count`` run times of a task, None when there is no task.

    A task without a next run is previewed as if it was resumed now. Raises ValueError for a count out of bounds.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_PREVIEW:
        raise ValueError(f"count must be between 1 and {MAX_PREVIEW}.")
    if task is None:
        return None
    times, is_exhausted = _upcoming(task, now, count)
    return TaskRunPreview(TaskInfo.of(task), str(task.timezone or timezone), now, count, times, is_exhausted)


def _upcoming(task: TaskType, now: datetime.datetime, count: int) -> tuple[tuple[datetime.datetime, ...], bool]:
    first = task.next_run_time
    at = planning.first_times(task, now) if first is None else (first, first)
    times: list[datetime.datetime] = []
    while at is not None and len(times) < count:
        times.append(at[1])
        at = planning.following(task, at[0], max(now, at[0]))
    return tuple(times), at is None


def check_limit(limit: Any) -> None:
    """Raise ValueError unless that is a number of runs to return."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a positive integer, got {shown(limit)}.")


def select_runs(runs: Iterable[Run], task_id: str | None, state: RunState | None, limit: int) -> list[RunInfo]:
    """Return the records of the latest runs that match, the latest first."""
    chosen = [
        run for run in runs if (task_id is None or run.task_id == task_id) and (state is None or run.state is state)
    ]
    chosen.sort(key=lambda run: run.claimed_at, reverse=True)
    return [RunInfo.of(run) for run in chosen[:limit]]


# -- choosing and ordering ---------------------------------------------------------------------------------------------

_SORT_KEYS: dict[str, Callable[[TaskInfo], Any]] = {
    "id": lambda info: info.id,
    "name": lambda info: info.name,
    "next_run_time": lambda info: info.next_run_time,
    "schedule_state": lambda info: info.schedule_state.value,
    "executor": lambda info: info.executor,
    "store": lambda info: info.store_alias,
    "trigger": lambda info: info.trigger_alias or info.trigger_name,
}


def _sort_key(name: str) -> Callable[[TaskInfo], Any]:
    """Return how records are ordered by that name; raises ValueError for an unknown one."""
    if not isinstance(name, str) or name not in _SORT_KEYS:
        raise ValueError(f"sort_by must be one of {', '.join(_SORT_KEYS)}, got {shown(name)}.")
    return _SORT_KEYS[name]


def read_state(kind: type[State], name: str, value: Any) -> State:
    """Return the state that a text names, trimmed, in any case; raises ValueError for others."""
    text = value.value if isinstance(value, kind) else value.strip().lower() if isinstance(value, str) else None
    allowed = [state.value for state in kind]
    if text not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {shown(value)}.")
    return kind(text)


def select(
    infos: Iterable[TaskInfo],
    *,
    schedule_state: TaskScheduleState | str | None = None,
    executor: str | None = None,
    trigger: str | None = None,
    q: str | None = None,
    sort_by: str = "next_run_time",
    descending: bool = False,
) -> list[TaskInfo]:
    """Return the records that match all that was asked, in order; those without the sorted value come last.

    ``trigger`` is an alias or a class name, ``q`` a part of any text of the record, both in any case. Raises ValueError
    for an unknown state or order.
    """
    key = _sort_key(sort_by)
    state = None if schedule_state is None else read_state(TaskScheduleState, "schedule_state", schedule_state)
    chosen = [
        info
        for info in infos
        if (state is None or info.schedule_state is state)
        and (executor is None or info.executor == executor)
        and (trigger is None or _has_trigger(info, trigger.strip().lower()))
        and (not q or _mentions(info, q.strip().lower()))
    ]
    return _ordered(chosen, key, descending)


def _ordered(infos: Sequence[TaskInfo], key: Callable[[TaskInfo], Any], descending: bool) -> list[TaskInfo]:
    by_id = sorted(infos, key=lambda info: info.id or "")
    known = [info for info in by_id if key(info) is not None]
    unknown = [info for info in by_id if key(info) is None]
    return sorted(known, key=key, reverse=descending) + unknown


def _has_trigger(info: TaskInfo, wanted: str) -> bool:
    return wanted in ((info.trigger_alias or "").lower(), (info.trigger_name or "").lower())


def _mentions(info: TaskInfo, wanted: str) -> bool:
    texts = (
        info.id,
        info.name,
        info.callable_name,
        info.callable_reference,
        info.trigger_alias,
        info.trigger_name,
        info.trigger_description,
        info.executor,
        info.store_alias,
        info.schedule_state.value,
    )
    return any(wanted in text.lower() for text in texts if text)

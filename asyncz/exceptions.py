"""Every exception that asyncz raises of its own."""

from __future__ import annotations

from typing import Any

__all__ = (
    "AsynczException",
    "AsynczLookupError",
    "BaseLookupError",
    "ConflictError",
    "ConflictIdError",
    "MaximumInstancesError",
    "SchedulerAlreadyRunningError",
    "SchedulerLookupError",
    "SchedulerNotRunningError",
    "TaskLookupError",
)


class AsynczException(Exception):
    """Base of the errors that say something about a scheduler rather than about one argument."""

    detail: str = ""

    def __init__(self, *args: Any, detail: str = "") -> None:
        # The detail stays out of the arguments: unpickling passes these again, and it would be said twice.
        super().__init__(*args)
        if detail:
            self.detail = detail

    def __str__(self) -> str:
        return "".join(str(part) for part in (*self.args, self.detail) if part is not None).strip()

    def __repr__(self) -> str:
        return _labelled(self, self.detail)


class BaseLookupError(LookupError):
    """Base of the errors about something that was looked for and is not there."""

    detail: str = ""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)

    def __repr__(self) -> str:
        return _labelled(self, self.detail)


def _labelled(exc: BaseException, detail: str) -> str:
    return f"{type(exc).__name__} - {detail}" if detail else type(exc).__name__


class AsynczLookupError(BaseLookupError):
    """A textual reference does not lead to an object."""


class TaskLookupError(BaseLookupError):
    """No task of this id is stored; ``task_id`` is the one that was asked for."""

    def __init__(self, task_id: Any) -> None:
        super().__init__(f"No task with the id {task_id} has been found.")
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id,)


class SchedulerLookupError(BaseLookupError):
    """No schedule of this id is known."""

    def __init__(self, schedule_id: Any) -> None:
        super().__init__(f"No schedule with the id {schedule_id} has been found.")
        self.schedule_id = schedule_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.schedule_id,)


class ConflictError(KeyError):
    """A schedule of this id is known already."""

    def __init__(self, schedule_id: Any) -> None:
        super().__init__(f"Schedule identifier ({schedule_id}) conflicts with an existing schedule.")
        self.schedule_id = schedule_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.schedule_id,)


class ConflictIdError(KeyError):
    """A task of this id is stored already."""

    def __init__(self, task_id: Any) -> None:
        super().__init__(f"Task identifier ({task_id}) conflicts with an existing task.")
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id,)


class MaximumInstancesError(AsynczException):
    """A task is running as often at once as it may."""

    def __init__(self, id: Any, total: int) -> None:
        super().__init__(detail=f"The task by the id of {id} reached its maximum number of instances {total}.")
        self.task_id = id
        self.total = total

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id, self.total)


class SchedulerAlreadyRunningError(AsynczException):
    """The call needs a scheduler that is stopped."""

    detail = "Scheduler is already running"


class SchedulerNotRunningError(AsynczException):
    """The call needs a scheduler that is running."""

    detail = "Scheduler is not running"

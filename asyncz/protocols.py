"""What the parts expect of each other, for annotations; nothing is imported at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

__all__ = ("AsynczClientProtocol", "LockProtectedProtocol", "LoggersProtocol", "TaskScheduler")


class LockProtectedProtocol(Protocol):
    """A lock as schedulers and stores use it."""

    def protected(self, blocking: bool = False, timeout: float | None = None) -> AbstractContextManager[bool]:
        """Hold the lock for a block; the block is handed False when the lock was not obtained.

        ``timeout`` is in seconds.
        """

    def shutdown(self) -> None:
        """Release what the lock holds."""


class LoggersProtocol(Protocol):
    """Loggers by name, made when they are first asked for."""

    def __getitem__(self, name: str) -> Any: ...


class TaskScheduler(Protocol):
    """The verbs of a scheduler that a task passes on to it."""

    @property
    def timezone(self) -> datetime.tzinfo: ...
    def create_trigger(self, trigger: Any, args: Mapping[str, Any]) -> Any: ...
    def add_task(self, fn_or_task: Any = None, /, *, replace_existing: bool = False) -> Any: ...
    def update_task(self, task_or_id: Any, store: str | None = None, **updates: Any) -> Any: ...
    def reschedule_task(
        self, task_or_id: Any, store: str | None = None, trigger: Any = None, **trigger_args: Any
    ) -> Any: ...
    def pause_task(self, task_or_id: Any, store: str | None = None) -> Any: ...
    def resume_task(self, task_or_id: Any, store: str | None = None) -> Any: ...
    def delete_task(self, task_or_id: Any, store: str | None = None) -> Any: ...


class AsynczClientProtocol(Protocol):
    """Something that leads to a scheduler, such as an application that holds one."""

    def get_scheduler(self) -> Any: ...

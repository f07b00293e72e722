"""The abstract task, and the names for annotations around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import datetime

    from ..enums import TaskScheduleState
    from ..triggers.types import TriggerType

__all__ = ("DecoratedFn", "TaskDefaultsType", "TaskType")

DecoratedFn = TypeVar("DecoratedFn", bound=Callable[..., Any])


class TaskDefaultsType(Protocol):
    """What a task takes from its scheduler where nothing else was said."""

    mistrigger_grace_time: float | None
    coalesce: bool
    max_instances: int


class TaskType(ABC):
    """What schedulers, stores and executors may ask of a task."""

    __slots__ = ()

    id: str | None
    name: str | None
    fn: Any
    args: tuple[Any, ...]
    trigger: TriggerType | None
    scheduler: Any
    timezone: datetime.tzinfo | None
    executor: str | None
    store_alias: str | None
    coalesce: bool
    max_instances: int
    mistrigger_grace_time: float | None
    next_run_time: datetime.datetime | None
    pending: bool
    submitted: bool

    @property
    @abstractmethod
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments of the callable."""

    @property
    @abstractmethod
    def fn_reference(self) -> str | None:
        """The callable as text, or None where no text leads to it."""

    @property
    @abstractmethod
    def paused(self) -> bool:
        """True when the task has no next run because somebody wanted so, or its schedule has ended."""

    @property
    @abstractmethod
    def schedule_state(self) -> TaskScheduleState:
        """Pending, paused or scheduled."""

    @abstractmethod
    def update_task(self, **updates: Any) -> None:
        """Change the object itself: all of the named attributes, or, when one is refused, none."""

    @abstractmethod
    def get_run_times(self, timezone: datetime.tzinfo, now: datetime.datetime) -> list[datetime.datetime]:
        """Return the due times from the next run time up to ``now``, oldest first."""

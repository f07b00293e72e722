"""The contract of a trigger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import datetime

__all__ = ("TriggerType",)


class TriggerType(ABC):
    """Says when something is due, from nothing but what it is asked with."""

    __slots__ = ()

    #: The name under which a configuration asks for it.
    alias: ClassVar[str] = ""
    #: Each time is delayed at random by up to so many seconds.
    jitter: float | None = None

    @property
    def allow_mistrigger_by_default(self) -> bool:
        """Whether a run may be late without limit, where the task does not say."""
        return False

    @abstractmethod
    def get_next_trigger_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        """Return the next time to run as an aware datetime, or None when there is none.

        It comes after ``previous_time`` whenever that is not after ``now``. ``timezone`` is for triggers that have
        no zone of their own. The call ends, whatever the trigger: a search has a bound.
        """

    @abstractmethod
    def apply_jitter(
        self, next_trigger_time: datetime.datetime | None, jitter: float | None, now: datetime.datetime | None
    ) -> datetime.datetime | None:
        """Return the time, delayed at random by up to ``jitter`` seconds; None stays None."""

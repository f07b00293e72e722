"""The contract of a trigger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    #: nominal and jittered time, or None when the trigger has ended
    Times = tuple[datetime.datetime, datetime.datetime] | None

__all__ = ("TriggerType", "next_times")


class TriggerType(ABC):
    """Says when something is due, from nothing but what it is asked with."""

    __slots__ = ()

    #: The name under which a configuration asks for it.
    alias: ClassVar[str] = ""
    #: Its own zone; None where it goes by that of the scheduler.
    timezone: datetime.tzinfo | None = None
    #: Each time is delayed at random by up to so many seconds.
    jitter: float | None = None
    #: A short cut for schedulers, in microseconds since 1970 UTC: ``next_instant(timezone, previous, now)`` returns the
    #: time without jitter after ``previous`` (None: the first one). None where only the methods below tell.
    next_instant: ClassVar[Callable[..., int | None] | None] = None

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


def next_times(
    trigger: TriggerType,
    timezone: datetime.tzinfo | None,
    previous_nominal: datetime.datetime | None,
    now: datetime.datetime | None,
) -> Times:
    """Return the next time without jitter and with it, or None when the trigger has ended.

    What comes next follows from the time without jitter, so that delays do not add up. A trigger that says nothing
    but :meth:`~TriggerType.get_next_trigger_time` is asked for that, and both times are the same.
    """
    get_times = getattr(trigger, "get_times", None)  # isinstance() of an abstract class takes longer than the rest
    if get_times is not None:
        times: Times = get_times(timezone, previous_nominal, now)
        return times
    time = trigger.get_next_trigger_time(timezone, previous_nominal, now)
    return None if time is None else (time, time)

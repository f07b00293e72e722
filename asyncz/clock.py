"""The only reader of system time.

Everything else is handed a clock, or an instant: that is what lets a test run a year of schedules in a moment.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

__all__ = ("SYSTEM_CLOCK", "Clock", "SystemClock", "checked_clock")


class Clock:
    """What a scheduler asks for the time."""

    #: A virtual clock moves only when a test says so, hence nobody has to look whether it was stepped.
    virtual: bool = False

    def now(self) -> datetime.datetime:
        """Return the current instant, aware and in UTC."""
        raise NotImplementedError

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; they never go back."""
        raise NotImplementedError

    def hold(self) -> None:
        """Say that work has begun off the loop. A virtual clock stands still until as many :meth:`release` came."""

    def release(self) -> None:
        """Say that the work announced by :meth:`hold` is over, and reported."""


class SystemClock(Clock):
    """The clock of the machine.

    ``datetime.datetime`` and ``time.monotonic`` are looked up at each call, so that tools which move the clock from
    outside by replacing them (freezegun, time-machine) are followed.
    """

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    def __reduce__(self) -> Any:
        return SystemClock, ()


SYSTEM_CLOCK = SystemClock()


def checked_clock(clock: Any) -> Clock:
    """Return a clock as it is, or wrapped where it has ``now()`` and ``monotonic()`` but is no :class:`Clock`.

    Raises TypeError for anything else.
    """
    if isinstance(clock, Clock):
        return clock
    if not callable(getattr(clock, "now", None)) or not callable(getattr(clock, "monotonic", None)):
        raise TypeError(f"Expected a clock with now() and monotonic(), got {type(clock).__name__} instead.")
    return _WrappedClock(clock)


class _WrappedClock(Clock):
    def __init__(self, clock: Any) -> None:
        self.now = clock.now  # type: ignore[method-assign]
        self.monotonic = clock.monotonic  # type: ignore[method-assign]
        self.virtual = bool(getattr(clock, "virtual", False))

"""Driving a scheduler that has no event loop through virtual time."""

from __future__ import annotations

import datetime
from typing import Any, Protocol

from .instants import MICROSECOND, amount_of, instant_of

__all__ = ("drive", "drive_to_next_run", "next_run_time")

#: A pass may ask to be repeated at once, for it works in batches. One that asks this often will always ask.
_MAX_PASSES = 100_000


class _Driven(Protocol):
    """The clock of a scheduler that can be driven: a VirtualClock."""

    virtual: bool

    def now(self) -> datetime.datetime: ...

    def advance(self, amount: datetime.timedelta) -> None: ...

    def move_to(self, instant: datetime.datetime) -> None: ...

    def wait_released(self) -> bool: ...

    @property
    def is_held(self) -> bool: ...

    @property
    def holds_taken(self) -> int: ...


def drive(
    scheduler: Any,
    amount: float | datetime.timedelta = 0,
    *,
    until: datetime.datetime | str | None = None,
    **units: float,
) -> None:
    """Let ``scheduler`` work for some time, or until an instant, the last instant included.

    ``scheduler`` is anything with ``process_tasks()``, and a :class:`VirtualClock` as ``clock``.
    ``drive(s, 90)`` (seconds), ``drive(s, timedelta(days=1))``, ``drive(s, days=30)`` and
    ``drive(s, until="2024-02-01")`` name the end; without any, what is due now is done. Work in pools is
    waited for before time goes on. Raises TypeError when the clock is not virtual, ValueError when the end is
    past.
    """
    clock = _clock_of(scheduler)
    end = _end(clock.now(), amount_of(amount, units), until)
    while True:
        seconds = _pass(scheduler, clock)
        # Rounding must not turn a wait into none.
        wait = None if seconds is None else max(datetime.timedelta(seconds=seconds), MICROSECOND)
        if wait is None or clock.now() + wait > end:
            return clock.move_to(end)
        clock.advance(wait)


def _end(
    now: datetime.datetime, amount: datetime.timedelta, until: datetime.datetime | str | None
) -> datetime.datetime:
    if until is not None and amount:
        raise TypeError(f"Expected an amount of time or until=, got both: {amount} and {until!r}.")
    end = now + amount if until is None else instant_of(until)
    if end < now:
        raise ValueError(f"Time cannot go back to {end.isoformat()}, it is {now.isoformat()}.")
    return end


def drive_to_next_run(scheduler: Any) -> datetime.datetime:
    """Let ``scheduler`` work until its next task has run, and return when that was due.

    Raises LookupError when no task is scheduled.
    """
    instant = next_run_time(scheduler)
    drive(scheduler, until=max(instant, _clock_of(scheduler).now()))
    return instant


def next_run_time(scheduler: Any) -> datetime.datetime:
    """Return the earliest time at which a task of ``scheduler`` runs. Raises LookupError when none does."""
    times = [task.next_run_time for task in scheduler.get_tasks()]
    earliest: datetime.datetime | None = min((time for time in times if time is not None), default=None)
    if earliest is None:
        raise LookupError(f"None of the {len(times)} tasks of {scheduler!r} has a next run time.")
    return earliest


def _clock_of(scheduler: Any) -> _Driven:
    clock: _Driven = scheduler.clock
    if not clock.virtual:
        raise TypeError(f"Expected a scheduler on a VirtualClock (clock=...), got one on {clock!r} instead.")
    return clock


def _pass(scheduler: Any, clock: _Driven) -> float | None:
    """Pass until there is nothing more to do now; return the seconds to wait then, None for ever."""
    last: float | None = 0.0
    passes_are_whole: bool = getattr(scheduler, "passes_are_whole", False)
    for _ in range(_MAX_PASSES):
        before = clock.holds_taken
        wait: float | None = scheduler.process_tasks()
        # A run may have added tasks, or left an outcome, after its pass had decided how long to wait.
        is_whole = passes_are_whole and clock.holds_taken == before
        if (is_whole or wait == last) and (wait is None or wait > 0) and not clock.is_held:
            return wait
        clock.wait_released()
        last = wait
    raise RuntimeError(f"{scheduler!r} asked {_MAX_PASSES} times for another pass at {clock.now()}.")

"""What is due of a task, and what comes next. Pure: the instant is an argument, and nothing is changed.

A late task costs the same however late it is: beyond :data:`MAX_RUN_TIMES` due times, the latest are found by bisection
instead of by walking through all of them.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ..triggers.types import next_times
from ..utils import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..triggers.types import TriggerType
    from .types import TaskType

    #: nominal and jittered time, or None when the trigger has ended
    Times = tuple[datetime.datetime, datetime.datetime] | None
    Step = Callable[[datetime.datetime], Times]

__all__ = ("MAX_RUN_TIMES", "Firing", "due", "first_times", "following", "run_times", "set_back")

#: Due times that one firing carries without ``coalesce``, and how far coalesced ones are counted exactly.
MAX_RUN_TIMES = 1000
#: A bisection over any span of microseconds that a datetime can hold ends within this many steps.
_MAX_BISECTIONS = 64
#: Due times that a stretch may hold beyond twice those wanted, before it is halved.
_SLACK = 16


class Firing:
    """The decision that a task is due now.

    ``run_times`` are what its executor gets, oldest first, empty when all were too late. ``coalesced`` due times are
    stood for by the one carried; ``skipped`` ones, the latest of them ``skipped_time``, are reported missed.
    ``next_nominal`` and ``next_due`` are what comes next, without and with jitter, None when the schedule has ended.
    ``next_instant`` is the same in microseconds since 1970 UTC, where there is no jitter and that is known already.
    ``error`` is what the trigger raised when it was asked for the next time. A ``forced`` firing leaves the schedule as
    it is; one that is found ``at_limit`` when it is claimed advances the schedule without a run. One of an ``orphan``
    takes over that run, whose owner is gone, and leaves the rest as it is; ``is_missed`` when it is not run again.
    """

    # Not slotted: most firings differ from these in nothing, and a firing is made for every due time.
    forced = False
    at_limit = False
    is_missed = False
    coalesced = 0
    skipped = 0
    skipped_time: datetime.datetime | None = None
    error: Exception | None = None
    stays = False
    next_nominal: datetime.datetime | None = None
    next_due: datetime.datetime | None = None
    next_instant: int | None = None
    # Filled by the engine: the row this was decided from, its revision, and the run to record.
    revision = 0
    row: Any = None
    run: Any = None
    orphan: Any = None
    # The schedule that :attr:`row` had: what a store writes to undo a claim.
    due_time: datetime.datetime | None = None
    due_at: int | None = None
    nominal_at: int | None = None

    def __init__(self, run_times: list[datetime.datetime], next_times: Times) -> None:
        self.run_times = run_times
        if next_times is not None:
            self.next_nominal, self.next_due = next_times

    @classmethod
    def by_hand(cls, now: datetime.datetime) -> Firing:
        """Return a firing beside the schedule."""
        firing = cls([now], None)
        firing.forced = True
        return firing

    @property
    def ends(self) -> bool:
        """True when this was the last firing of its task."""
        return self.next_due is None and not self.forced and not self.stays


def first_times(task: TaskType, now: datetime.datetime, trigger: TriggerType | None = None) -> Times:
    """Return the first nominal and jittered time from ``now`` on of a task's trigger, or of another in its place.

    Raises TypeError when the trigger returns a naive time.
    """
    trigger = trigger or _trigger_of(task)
    times = next_times(trigger, task.timezone, None, now)
    if times is not None and trigger.next_instant is None:
        to_microseconds(times[0])
        to_microseconds(times[1])
    return times


def _trigger_of(task: TaskType) -> TriggerType:
    if task.trigger is None:
        raise ValueError(f"Expected a task with a trigger, got {task!r}.")
    return task.trigger


def following(
    task: TaskType,
    previous: datetime.datetime,
    now: datetime.datetime,
    timezone: datetime.tzinfo | None = None,
) -> Times:
    """Return the nominal and jittered time that follows a nominal one.

    Raises ValueError when the trigger does not go forward: it would be due for ever.
    """
    times = next_times(_trigger_of(task), timezone or task.timezone, previous, now)
    if times is not None and to_microseconds(times[0]) <= to_microseconds(previous):
        raise ValueError(
            f"The trigger of task {task.id!r} ({task.trigger}) went back: expected a time after {previous}, "
            f"got {times[0]}."
        )
    return times


def set_back(task: TaskType, now: datetime.datetime) -> tuple[Any, tuple[datetime.datetime, datetime.datetime]] | None:
    """Return the trigger and the times with which a task goes on when the clock was set back to ``now``.

    None when it is to be left as it is: it keeps to its times, or is due soon enough.
    """
    due_time, trigger = task.next_run_time, task.trigger
    if trigger is None or due_time is None or due_time <= now or not hasattr(trigger, "set_back"):
        return None
    again = trigger.set_back(due_time, now, task.timezone)
    times = None if again is None else next_times(again, task.timezone, None, now)
    if times is None or to_microseconds(times[1]) >= to_microseconds(due_time):
        return None
    return again, times


def due(task: TaskType, due_at: int, nominal_at: int | None, now: datetime.datetime, instant: int) -> Firing:
    """Decide what to do about a task whose next run time has come.

    ``due_at`` is that time, ``nominal_at`` the same without jitter (None: there is none), ``instant`` is ``now``, in
    microseconds since 1970 UTC. What a trigger raises ends up in ``Firing.error``: what is due runs all the same.
    """
    due_time = task.next_run_time or now
    try:
        firing = _due_once(task, due_time, due_at, instant) if nominal_at is None else None
        if firing is not None:
            return firing
        nominal = due_time if nominal_at is None else from_microseconds(nominal_at, due_time.tzinfo)
        after = following(task, nominal, now)
        if after is None or after[1] > now:
            return Firing([due_time], after)
        return _catch_up(task, nominal, due_time, now)
    except Exception as exc:
        firing = Firing([due_time], None)
        firing.error, firing.stays = exc, True
        return firing


def _due_once(task: TaskType, due_time: datetime.datetime, due_at: int, instant: int) -> Firing | None:
    """Decide about one due time of a trigger that has the short cut and no jitter; None where that is not so."""
    trigger = task.trigger
    if trigger is None or trigger.next_instant is None or trigger.jitter:
        return None
    next_at = trigger.next_instant(task.timezone, due_at, instant)
    if next_at is None:
        return Firing([due_time], None)
    if not due_at < next_at > instant:
        return None
    firing = Firing([due_time], None)
    firing.next_instant = next_at
    firing.next_nominal = firing.next_due = from_microseconds(next_at, trigger.timezone or task.timezone)
    return firing


def run_times(task: TaskType, timezone: datetime.tzinfo | None, now: datetime.datetime) -> list[datetime.datetime]:
    """Return the due times of a task from its next run time up to ``now``: the latest 1,000 of them, oldest first."""
    first, now = task.next_run_time, now.astimezone(datetime.timezone.utc)
    if first is None or first > now:
        return []
    times, _after, _left_out = _latest(_stepper(task, now, timezone), (first, first), now, MAX_RUN_TIMES)
    return times[-MAX_RUN_TIMES:]


def _stepper(task: TaskType, now: datetime.datetime, timezone: datetime.tzinfo | None = None) -> Step:
    return lambda previous: following(task, previous, now, timezone)


def _catch_up(
    task: TaskType, nominal: datetime.datetime, due_time: datetime.datetime, now: datetime.datetime
) -> Firing:
    """Decide about a task of which several times are due."""
    # One more than are carried: the latest of those that are not is reported.
    wanted = 1 if task.coalesce else MAX_RUN_TIMES + 1
    times, after, left_out = _latest(_stepper(task, now), (nominal, due_time), now, wanted)
    if task.coalesce:
        firing = Firing(times[-1:], after)
        firing.coalesced = min(len(times) - 1 + left_out, MAX_RUN_TIMES)
        return firing
    return _in_grace(times, after, left_out, _earliest(now, task.mistrigger_grace_time))


def _earliest(now: datetime.datetime, grace_time: float | None) -> datetime.datetime | None:
    """Return the earliest due time that may still be run, None where there is no limit."""
    try:
        return None if grace_time is None else now - datetime.timedelta(seconds=grace_time)
    except OverflowError:  # longer than the calendar
        return None


def _in_grace(
    times: list[datetime.datetime], after: Times, left_out: int, earliest: datetime.datetime | None
) -> Firing:
    """Carry the latest due times that are not too late, and count the others."""
    skipped, kept = times[:-MAX_RUN_TIMES], times[-MAX_RUN_TIMES:]
    if earliest is not None:
        skipped += [time for time in kept if time < earliest]
        kept = [time for time in kept if time >= earliest]
    firing = Firing(kept, after)
    if skipped:
        firing.skipped = min(len(skipped) + left_out, MAX_RUN_TIMES)
        firing.skipped_time = skipped[-1]
    return firing


def _latest(
    step: Step, first: tuple[datetime.datetime, datetime.datetime], now: datetime.datetime, wanted: int
) -> tuple[list[datetime.datetime], Times, int]:
    """Return the latest due times up to ``now``, what follows them, and how many earlier ones are left out.

    At least ``wanted`` are returned where there are so many. None are left out of the first :data:`MAX_RUN_TIMES`; of
    more, the number left out is a lower bound.
    """
    times, after = _walk(step, first, now, MAX_RUN_TIMES)
    if after is None or after[1] > now:
        return times, after, 0
    guess = (to_microseconds(after[0]) - to_microseconds(first[0])) * wanted // MAX_RUN_TIMES
    found, end, is_next = _last_stretch(step, after, now, wanted, guess)
    if is_next:
        return times + found, end, 0
    if not found:  # jitter, which is drawn anew each time, may put off what was due a moment ago
        return [*times, after[1]], end, 0
    return found, end, MAX_RUN_TIMES + 1


def _walk(step: Step, start: Times, now: datetime.datetime, limit: int) -> tuple[list[datetime.datetime], Times]:
    """Collect at most ``limit`` due times up to ``now``, and the pair that follows the last one."""
    times: list[datetime.datetime] = []
    at = start
    while at is not None and at[1] <= now and len(times) < limit:
        times.append(at[1])
        at = step(at[0])
    return times, at


def _last_stretch(
    step: Step, first: tuple[datetime.datetime, datetime.datetime], now: datetime.datetime, wanted: int, guess: int
) -> tuple[list[datetime.datetime], Times, bool]:
    """Collect the due times of a stretch that ends ``now`` and holds as many as wanted, but not many more.

    ``guess`` is how long it may have to be, in microseconds; it begins with ``first`` at the earliest. Returns the due
    times, what follows them, and whether it did begin with ``first``.
    """
    too_many, too_few = to_microseconds(first[0]), to_microseconds(now)
    lower, start = too_many, max(too_many, too_few - guess)
    for _ in range(_MAX_BISECTIONS):
        pair = first if start == lower else step(from_microseconds(start, now.tzinfo))
        times, after = _walk(step, pair, now, 2 * wanted + _SLACK)
        is_whole = after is None or after[1] > now
        if is_whole and (len(times) >= wanted or start == lower or too_few - too_many <= 1):
            break
        if is_whole:
            too_few = start
        else:
            too_many = start
        start = (too_many + too_few) // 2
    return times, after, start == lower

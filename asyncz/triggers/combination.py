"""Triggers made of triggers: when any of them is due, or when all are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils import from_microseconds, to_microseconds
from .base import BaseCombinationTrigger, BaseTrigger, next_times

if TYPE_CHECKING:
    import datetime

    from .types import Times, TriggerType

__all__ = ("AndTrigger", "BaseCombinationTrigger", "OrTrigger")

#: How often one search may ask the triggers it is about, however they are nested.
MAX_STEPS = 10_000
#: How far one search may look ahead: the calendar repeats itself after 400 years.
MAX_YEARS_AHEAD = 400
_HORIZON = MAX_YEARS_AHEAD * 366 * 86_400 * 1_000_000


class _Budget:
    """The questions that are left to one AndTrigger and to all those inside it."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS


class _Combination(BaseCombinationTrigger):
    __slots__ = ()

    def get_times(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None,
    ) -> Times:
        if type(self).get_next_trigger_time is _Combination.get_next_trigger_time:
            return self._search(timezone, previous_time, now, None)
        return super().get_times(timezone, previous_time, now)

    def get_next_trigger_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        times = self._search(timezone, previous_time, now, None)
        return None if times is None else times[1]

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        times = self._search(timezone, previous_time, now, None)
        return None if times is None else times[0]

    def _search(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None,
        budget: _Budget | None,
    ) -> Times:
        raise NotImplementedError

    def _members_set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> list[BaseTrigger | None]:
        zone = timezone if self.timezone is None else self.timezone
        return [
            member.set_back(due, now, zone) if isinstance(member, BaseTrigger) else None for member in self.triggers
        ]


class OrTrigger(_Combination):
    """Due whenever any of its triggers is, until the last of them has ended."""

    __slots__ = ()

    alias = "or"

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> OrTrigger | None:
        members = self._members_set_back(due, now, timezone)
        if not any(members):
            return None
        return self._with_members([new or old for new, old in zip(members, self.triggers, strict=True)])

    def _search(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None,
        budget: _Budget | None,
    ) -> Times:
        zone = timezone if self.timezone is None else self.timezone
        found = [
            (to_microseconds(times[0]), to_microseconds(times[1]), times)
            for times in (_ask(member, zone, previous_time, now, budget) for member in self.triggers)
            if times is not None
        ]
        if not found:
            return None
        nominal, _, (time, _) = min(found, key=lambda each: each[0])
        _, _, (_, due) = min((each for each in found if each[0] == nominal), key=lambda each: each[1])
        return self._delayed(time, due, zone, now)


class AndTrigger(_Combination):
    """Due whenever all of its triggers are, until any of them has ended.

    Triggers that never agree end as well: a search gives up after :data:`MAX_STEPS` questions or
    :data:`MAX_YEARS_AHEAD` years. Where several delay the time at random, the longest delay counts.
    """

    __slots__ = ()

    alias = "and"

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> AndTrigger | None:
        members = self._members_set_back(due, now, timezone)
        if not all(members):
            return None
        return self._with_members([member for member in members if member is not None])

    def _search(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None,
        budget: _Budget | None,
    ) -> Times:
        budget = budget or _Budget()
        zone = timezone if self.timezone is None else self.timezone
        members = _with_starts(self.triggers, zone, previous_time or now)
        found = [_ask(member, zone, previous_time, now, budget) for member in members]
        agreed = _agreement(members, found, zone, budget)
        return None if agreed is None else self._delayed(*agreed, zone, now)


def _agreement(members: list[TriggerType], found: list[Times], zone: datetime.tzinfo | None, budget: _Budget) -> Times:
    """Return the first time that is common to all, and the longest delay; ``found`` is where each of them stands."""
    horizon = None
    while budget.left > 0:
        times = [each for each in found if each is not None]
        if len(times) < len(members):
            return None
        instants = [to_microseconds(nominal) for nominal, _ in times]
        latest = max(instants)
        if min(instants) == latest:
            return times[0][0], max((due for _, due in times), key=to_microseconds)
        horizon = horizon or latest + _HORIZON
        if latest > horizon:
            return None
        found = _caught_up(members, times, latest, zone, budget)
    return None


def _caught_up(
    members: list[TriggerType],
    times: list[tuple[datetime.datetime, datetime.datetime]],
    latest: int,
    zone: datetime.tzinfo | None,
    budget: _Budget,
) -> list[Times]:
    """Return where each trigger stands when those that are behind are asked from an instant on."""
    return [
        _ask_from(member, zone, latest, budget) if to_microseconds(each[0]) < latest else each
        for member, each in zip(members, times, strict=True)
    ]


def _ask_from(member: TriggerType, zone: datetime.tzinfo | None, instant: int, budget: _Budget) -> Times:
    """Return the next times of one trigger from an instant on; that is its "now", or it would start at the real one."""
    try:
        return _ask(member, zone, from_microseconds(instant - 1), from_microseconds(instant), budget)
    except OverflowError:  # the last hours of the year 9999
        return None


def _with_starts(
    members: list[TriggerType], zone: datetime.tzinfo | None, start: datetime.datetime | None
) -> list[TriggerType]:
    """Return the triggers with their missing starts filled in: a start that moves along is never met."""
    if start is None:
        return members
    return [member.anchored(start, zone) if isinstance(member, BaseTrigger) else member for member in members]


def _ask(
    member: TriggerType,
    zone: datetime.tzinfo | None,
    previous: datetime.datetime | None,
    now: datetime.datetime | None,
    budget: _Budget | None,
) -> Times:
    """Return the next times of one trigger, None when it has ended."""
    if budget is not None:
        budget.left -= 1
    if isinstance(member, _Combination) and type(member).get_next_trigger_time is _Combination.get_next_trigger_time:
        return member._search(zone, previous, now, budget)
    start = member._start_bound(zone) if previous is not None and isinstance(member, BaseTrigger) else None
    if start is not None and previous is not None and to_microseconds(previous) < start:
        # The previous time was another trigger's: this one has not begun.
        previous = from_microseconds(start - 1)
        now = None if now is None else max(now, from_microseconds(start), key=to_microseconds)
    return next_times(member, zone, previous, now)

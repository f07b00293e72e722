"""AndTrigger and OrTrigger."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncz.triggers import (
    AndTrigger,
    BaseCombinationTrigger,
    BaseTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from asyncz.triggers.base import next_times

UTC = timezone.utc
LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2024, 1, 1, tzinfo=UTC)


def runs(trigger, count, now=START, zone=UTC):
    """The first run times, each asked for right after the one before."""
    found, previous = [], None
    while len(found) < count:
        previous = trigger.get_next_trigger_time(zone, previous, max(now, previous or now))
        if previous is None:
            break
        found.append(previous)
    return found


def seconds(times):
    return [(time - START).total_seconds() for time in times]


def every(step, offset=0, **options):
    return IntervalTrigger(seconds=step, start_at=START + timedelta(seconds=offset), **options)


small = st.integers(1, 40)


@given(a=small, b=small, c=small, shift=st.integers(0, 40))
def test_and_is_due_when_all_are_and_or_when_any_is(a, b, c, shift):
    members = [every(a), every(b, shift), every(c)]
    ticks = [{shift_ + step * k for k in range(400)} for step, shift_ in ((a, 0), (b, shift), (c, 0))]
    either = sorted(set.union(*ticks))[:10]
    both = sorted(each for each in set.intersection(*ticks) if each <= 400)
    assert seconds(runs(OrTrigger(members), 10)) == either
    assert seconds(runs(AndTrigger(members), len(both))) == both


@pytest.mark.parametrize(
    "members",
    [
        [every(10), every(10, 5)],
        [every(3600, 0.000001), CronTrigger(minute=0, hour="*")],
        [CronTrigger(hour=1), CronTrigger(hour=2)],
        [CronTrigger(month=2, day=29), CronTrigger(year="2023-9999/2")],
        [AndTrigger([every(2), every(3)]), every(6, 1)],
        [OrTrigger([AndTrigger([every(2), every(2, 1)]), every(6)]), every(6, 1)],
        [every(1), AndTrigger([every(2), every(3), every(60, 1)])],
    ],
    ids=repr,
)
@pytest.mark.parametrize("previous", [None, START])
def test_what_never_meets_ends_quickly(members, previous):
    begin = time.thread_time()
    assert AndTrigger(members).get_next_trigger_time(UTC, previous, START) is None
    assert time.thread_time() - begin < 1


def test_the_steps_of_all_nested_searches_are_bounded_together():
    asked = 0

    class Counting(BaseTrigger):
        def __init__(self, shift):
            self.shift = shift

        def get_next_trigger_time(self, timezone, previous_time, now=None):
            nonlocal asked
            asked += 1
            return every(2, self.shift).get_next_trigger_time(timezone, previous_time, now)

    trigger = AndTrigger([Counting(0), Counting(1)])
    for _ in range(7):
        trigger = AndTrigger([OrTrigger([trigger, Counting(0)]), Counting(1)])
    assert trigger.get_next_trigger_time(UTC, None, START) is None
    assert 1000 < asked <= 10_100


def test_what_never_meets_leaves_the_others_of_an_or_alone():
    never = AndTrigger([every(2), every(2, 1)])
    trigger = OrTrigger([never, every(10), AndTrigger([every(3), every(5)])])
    assert seconds(runs(trigger, 4)) == [0, 10, 15, 20]


def test_a_member_that_goes_back_ends_the_search():
    class Stuck(BaseTrigger):
        def __init__(self):
            pass

        def get_next_trigger_time(self, timezone, previous_time, now=None):
            return START

    assert AndTrigger([Stuck(), every(1, 5)]).get_next_trigger_time(UTC, None, START) is None


def test_and_of_an_interval_and_a_cron_meets_where_both_are_due():
    trigger = AndTrigger([IntervalTrigger(days=1, start_at=START), CronTrigger(day_of_week="mon", hour=0)])
    assert [found.day for found in runs(trigger, 3)] == [1, 8, 15]


def test_and_finds_what_is_decades_away():
    trigger = AndTrigger([CronTrigger(month=2, day=29), CronTrigger(day_of_week="thu")])
    assert runs(trigger, 1) == [datetime(2024, 2, 29, tzinfo=UTC)]
    assert trigger.get_next_trigger_time(UTC, runs(trigger, 1)[0], runs(trigger, 1)[0]).year == 2052


def test_and_ends_with_the_first_of_its_members_and_or_with_the_last():
    members = [every(10, end_at=START + timedelta(seconds=20)), every(20)]
    assert seconds(runs(AndTrigger(members), 5)) == [0, 20]
    assert seconds(runs(OrTrigger(members), 5)) == [0, 10, 20, 40, 60]


def test_or_of_dates_runs_at_each_of_them_once():
    dates = [START + timedelta(days=day) for day in (3, 1, 2, 1)]
    assert runs(OrTrigger(map(DateTrigger, dates)), 9) == sorted(dates)[1:]


def test_a_missing_start_is_filled_in_for_the_members():
    trigger = OrTrigger([IntervalTrigger(seconds=10), AndTrigger([IntervalTrigger(seconds=15), DateTrigger()])])
    added = trigger.anchored(START, UTC)
    assert added == trigger
    assert added is not trigger
    assert [member.start_at for member in (added.triggers[0], added.triggers[1].triggers[0])] == [
        START + timedelta(seconds=10),
        START + timedelta(seconds=15),
    ]
    assert trigger.triggers[0].start_at is None
    assert OrTrigger([CronTrigger(hour=1)]).anchored(START, UTC).get_state() == {"triggers": [CronTrigger(hour=1)]}


def test_and_of_intervals_without_a_start_counts_from_the_first_question():
    trigger = AndTrigger([IntervalTrigger(seconds=10), IntervalTrigger(seconds=10)])
    assert trigger.get_next_trigger_time(UTC, None, START) == START + timedelta(seconds=10)
    assert trigger.get_next_trigger_time(UTC, START, START) == START + timedelta(seconds=10)


def test_a_member_does_not_begin_before_its_start_because_another_ran():
    late = CronTrigger(minute="*", start_at=START + timedelta(minutes=5), timezone=UTC)
    assert seconds(runs(OrTrigger([every(120), late]), 5)) == [0, 120, 240, 300, 360]
    assert seconds(runs(AndTrigger([every(30), late]), 2)) == [300, 360]


def test_the_delay_of_a_member_and_of_the_combination_add_up(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    members = [every(10, jitter=3), every(10, jitter=5), every(60)]

    def delays(trigger):
        nominal, due = next_times(trigger, UTC, START, START)
        assert nominal == START + timedelta(seconds=10)
        assert trigger.get_nominal_time(UTC, START, START) == nominal
        assert trigger.get_next_trigger_time(UTC, START, START) == due
        return (due - nominal).total_seconds()

    assert delays(AndTrigger(members[:2], jitter=1)) == 6
    assert delays(OrTrigger(members, jitter=1)) == 4
    assert delays(OrTrigger(members[1:])) == 5
    assert delays(OrTrigger([AndTrigger(members[:2])], jitter=0.5)) == 5.5


def test_members_are_compared_by_instant():
    zones = [CronTrigger(hour=1, minute=30, timezone=zone) for zone in (NEW_YORK, LONDON)]
    first = OrTrigger(zones).get_next_trigger_time(UTC, None, START)
    assert (first.hour, first.tzinfo) == (1, LONDON)
    both = AndTrigger([CronTrigger(hour="*", timezone=zone) for zone in (NEW_YORK, LONDON)])
    in_the_fold = datetime(2024, 11, 3, 5, 59, tzinfo=UTC)
    assert [found.astimezone(UTC).hour for found in runs(both, 2, in_the_fold)] == [6, 7]


def test_a_zone_of_the_combination_is_for_members_without_one():
    trigger = OrTrigger([CronTrigger(hour=12)], timezone="America/New_York")
    assert trigger.get_next_trigger_time(UTC, None, START).tzinfo is NEW_YORK


def test_a_users_combination_has_the_last_word():
    class Lazy(OrTrigger):
        def get_next_trigger_time(self, timezone, previous_time, now=None):
            return super().get_next_trigger_time(timezone, previous_time, now) + timedelta(days=1)

    tomorrow = START + timedelta(days=1)
    assert next_times(Lazy([every(10)]), UTC, None, START) == (tomorrow, tomorrow)
    assert OrTrigger([Lazy([every(10)])]).get_next_trigger_time(UTC, None, START) == tomorrow


def test_it_needs_triggers():
    with pytest.raises(ValueError, match=r"AndTrigger: expected at least one trigger, got none\."):
        AndTrigger([])
    with pytest.raises(TypeError, match=r"OrTrigger: expected trigger instances, got 'cron' \(str\)\."):
        OrTrigger([every(1), "cron"])
    for wrong in ("cron", 5, None):
        with pytest.raises(TypeError, match="AndTrigger: expected a list of triggers, got"):
            AndTrigger(wrong)


def test_nesting_has_an_end():
    trigger = every(1)
    for _ in range(16):
        trigger = OrTrigger([trigger])
    assert isinstance(trigger, BaseCombinationTrigger)
    with pytest.raises(ValueError, match="Expected triggers nested at most 16 deep"):
        OrTrigger([trigger])


def test_the_end_of_the_calendar_ends_a_search():
    cron = CronTrigger(year=9999, month=12, day=31, hour=23, timezone=NEW_YORK)
    other = CronTrigger(year=9999, month=12, day=31, hour=23, minute=30, timezone=NEW_YORK)
    assert AndTrigger([cron, other]).get_next_trigger_time(UTC, None, START) is None

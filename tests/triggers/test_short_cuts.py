"""The quick ways to a time: in microseconds, and from one time to the next. They say what the slow ones do."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncz.triggers import (
    AndTrigger,
    BaseTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    ShutdownTrigger,
    TriggerType,
)
from asyncz.triggers.types import next_times
from asyncz.utils import from_microseconds, to_microseconds

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
# Apia left out a whole day in 2011, Lord Howe moves its clocks by half an hour.
ZONES = [UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), pytz.timezone("US/Eastern")]
NOW = datetime(2024, 3, 30, 12, 0, 0, 5, tzinfo=UTC)

zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
intervals = st.one_of(
    st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    st.sampled_from([timedelta(minutes=30), timedelta(hours=1), timedelta(days=1), timedelta(days=7)]),
)
# Where clocks are changed, there is most to get wrong.
near_changes = st.builds(
    lambda change, apart: change + apart,
    st.sampled_from([datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC),
                     datetime(2011, 12, 30, 10, tzinfo=UTC), datetime(2024, 11, 3, 6, tzinfo=UTC)]),
    st.timedeltas(timedelta(days=-4), timedelta(days=4)),
)  # fmt: skip
moments = st.one_of(instants, near_changes)


@given(start=moments, interval=intervals, zone=zones, steps=st.integers(2, 12))
def test_walking_along_an_interval_adds_elapsed_time_only(start, interval, zone, steps):
    trigger = IntervalTrigger(days=interval.days, seconds=interval.seconds + interval.microseconds / 10**6,
                              start_at=start, timezone=zone)  # fmt: skip
    time = start.astimezone(zone)
    for step in range(1, steps):
        time = trigger.get_next_trigger_time(None, time)
        expected = (start + step * trigger.interval).astimezone(zone)
        assert (time.replace(tzinfo=None), time.fold) == (expected.replace(tzinfo=None), expected.fold)
        assert time.utcoffset() == expected.utcoffset()


def test_a_walk_goes_on_from_its_own_answer_only():
    hourly = IntervalTrigger(hours=1, start_at=NOW)
    daily = IntervalTrigger(days=1, start_at=NOW)
    first = hourly.get_next_trigger_time(UTC, NOW)
    assert daily.get_next_trigger_time(UTC, first) == NOW + timedelta(days=1)
    assert hourly.get_next_trigger_time(UTC, first) == NOW + timedelta(hours=2)
    anywhere, summer = IntervalTrigger(hours=1), datetime(2024, 7, 6, tzinfo=UTC)
    first = anywhere.get_next_trigger_time(UTC, summer)
    assert anywhere.get_next_trigger_time(BERLIN, first).tzinfo is BERLIN


def test_a_walk_keeps_to_the_end():
    trigger = IntervalTrigger(hours=1, start_at=NOW, end_at=NOW + timedelta(hours=2))
    time = trigger.get_next_trigger_time(UTC, NOW)
    time = trigger.get_next_trigger_time(UTC, time)
    assert trigger.get_next_trigger_time(UTC, time) is None


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_walk_ends_with_the_calendar(zone):
    trigger = IntervalTrigger(hours=7, start_at="9999-12-30 10:00", timezone=zone)
    time, seen = trigger.get_next_trigger_time(None, None, NOW), 0
    while time is not None:
        time, seen = trigger.get_next_trigger_time(None, time), seen + 1
    assert seen == 6


CRON = ["* * * * *", "*/7 1-3 * * *", "30 2 * * *", "0 0 1 * *", "30 2 * * sun", "59 23 31 12 *"]


@settings(max_examples=300)
@given(expression=st.sampled_from(CRON), previous=moments, ahead=st.timedeltas(timedelta(days=-2), timedelta(days=2)),
       zone=zones)  # fmt: skip
def test_the_zone_of_the_previous_time_makes_no_difference_to_cron(expression, previous, ahead, zone):
    trigger = CronTrigger.from_crontab(expression, timezone=zone)
    for now in (None, previous + ahead):
        here = trigger.get_next_trigger_time(None, previous.astimezone(zone), now)
        there = trigger.get_next_trigger_time(None, previous.astimezone(timezone(timedelta(hours=3))), now)
        assert (here, here.fold, here.utcoffset()) == (there, there.fold, there.utcoffset())


def test_cron_looks_closely_at_a_change_days_ahead():
    weekly = CronTrigger.from_crontab("30 2 * * sun", timezone=BERLIN)
    skipped = weekly.get_next_trigger_time(None, datetime(2024, 3, 24, 2, 30, tzinfo=BERLIN))
    assert str(skipped) == "2024-03-31 03:00:00+02:00"
    repeated = weekly.get_next_trigger_time(None, datetime(2024, 10, 20, 2, 30, tzinfo=BERLIN))
    assert str(repeated) == "2024-10-27 02:30:00+02:00"
    assert str(weekly.get_next_trigger_time(None, repeated)) == "2024-11-03 02:30:00+01:00"


def test_cron_follows_a_clock_that_was_set_back_by_less_than_the_offset_of_its_zone():
    trigger = CronTrigger.from_crontab("* * * * *", timezone=ZoneInfo("America/New_York"))
    previous = datetime(2024, 7, 6, 12, tzinfo=trigger.timezone)
    back = previous - timedelta(hours=3)
    assert trigger.get_next_trigger_time(None, previous, back.astimezone(UTC)) == back


def test_cron_refuses_a_now_without_a_zone():
    trigger = CronTrigger(hour=1, timezone=UTC)
    with pytest.raises(TypeError, match="Expected an aware datetime, got "):
        trigger.get_next_trigger_time(None, datetime(2024, 7, 6, tzinfo=UTC), datetime(2024, 7, 6))


def triggers(zone):
    bounds = {"start_at": "2024-03-30 01:30", "end_at": "2024-11-03 02:00"}
    return [
        IntervalTrigger(minutes=50, **bounds),
        IntervalTrigger(minutes=50, timezone=zone, **bounds),
        IntervalTrigger(hours=36),
        IntervalTrigger(hours=36).anchored(NOW, zone),
        CronTrigger(hour="2", minute="30", **bounds),
        CronTrigger(minute="*/20", timezone=zone),
        DateTrigger(),
        DateTrigger().anchored(NOW, zone),
        DateTrigger("2024-03-31 02:30"),
        DateTrigger("2024-03-31 02:30", timezone=zone),
    ]


@given(which=st.integers(0, 9), zone=zones, previous=st.none() | near_changes, now=near_changes)
def test_the_short_cut_says_the_time_without_jitter(which, zone, previous, now):
    trigger = triggers(zone)[which]
    expected = trigger.get_nominal_time(zone, previous, now)
    found = trigger.next_instant(zone, None if previous is None else to_microseconds(previous), to_microseconds(now))
    assert found == (None if expected is None else to_microseconds(expected))


@pytest.mark.parametrize("zone", [ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")], ids=str)
def test_the_short_cut_ends_where_the_zones_calendar_does(zone):
    last = to_microseconds(datetime(9999, 12, 31, 12, tzinfo=zone))
    assert IntervalTrigger(hours=11, timezone=zone).next_instant(None, last, last) == last + 11 * 3600 * 10**6
    assert IntervalTrigger(hours=12, timezone=zone).next_instant(None, last, last) is None
    assert CronTrigger(hour=12, timezone=zone).next_instant(None, last, last) is None


class Late(IntervalTrigger):
    """Has the last word on its time."""

    def get_nominal_time(self, timezone, previous_time, now=None):
        return super().get_nominal_time(timezone, previous_time, now) + timedelta(minutes=1)


class Hourly:
    def get_next_trigger_time(self, timezone, previous_time, now=None):
        return (previous_time or now) + timedelta(hours=1)


class Mixed(Hourly, DateTrigger):
    """Gets its time from a class that is no trigger."""


class Later(Late):
    pass


class Quick(Late):
    def next_instant(self, timezone, previous, now):
        return now + 1


class Labelled(CronTrigger):
    """Changes nothing about its times."""

    label = "x"


def test_a_class_that_says_the_time_in_another_way_has_no_short_cut():
    assert [cls.next_instant for cls in (TriggerType, BaseTrigger, OrTrigger, AndTrigger, ShutdownTrigger)] == [
        None
    ] * 5
    assert [cls.next_instant for cls in (Late, Later, Mixed)] == [None] * 3
    assert Labelled(minute=5).next_instant(UTC, None, to_microseconds(NOW)) is not None
    assert Quick(minutes=5).next_instant(UTC, None, 5) == 6
    assert Late(minutes=5).get_next_trigger_time(UTC, NOW) == NOW + timedelta(minutes=6)
    assert Mixed(NOW).get_next_trigger_time(UTC, NOW) == NOW + timedelta(hours=1)


def test_a_date_with_jitter_of_its_own_is_delayed(monkeypatch):
    class Delayed(DateTrigger):
        jitter = 10

    monkeypatch.setattr("random.uniform", lambda low, high: high)
    trigger = Delayed(NOW, UTC)
    for _ in range(2):  # an answer is remembered, but not here
        assert trigger.get_next_trigger_time(UTC, None) == NOW + timedelta(seconds=10)
        assert next_times(trigger, UTC, None, NOW) == (NOW, NOW + timedelta(seconds=10))


def test_a_date_answers_with_the_very_object_it_was_given():
    run_at = datetime(2024, 7, 6, 12, tzinfo=BERLIN)
    trigger = DateTrigger(run_at, BERLIN)
    assert trigger.get_next_trigger_time(UTC, None) is run_at
    assert trigger.get_next_trigger_time(UTC, run_at) is None
    assert trigger.get_next_trigger_time(UTC, datetime(2024, 7, 6, 12, tzinfo=BERLIN)) is None
    skipped = DateTrigger(datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN), BERLIN)
    assert skipped.get_next_trigger_time(UTC, None).hour == 3


def test_a_thousand_interval_triggers_take_80_bytes_each():
    def make():
        return [IntervalTrigger(minutes=1 + number % 10, timezone=UTC) for number in range(1000)]

    make()
    gc.collect()
    tracemalloc.start()
    kept = make()
    used = tracemalloc.get_traced_memory()[0] - sys.getsizeof(kept)
    tracemalloc.stop()
    assert used / len(kept) <= 80


@given(st.integers(0, 2**32 * 10**6 + 10**6), zones)
def test_the_quick_way_from_microseconds_is_exact(value, zone):
    found = from_microseconds(value, zone)
    assert to_microseconds(found) == value
    expected = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)).astimezone(zone)
    assert (found.replace(tzinfo=None), found.fold) == (expected.replace(tzinfo=None), expected.fold)


@pytest.mark.parametrize("second", [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1])
@pytest.mark.parametrize("microsecond", [0, 1, 499_999, 500_000, 500_001, 999_999])
def test_no_microsecond_is_lost_to_rounding(second, microsecond):
    value = second * 10**6 + microsecond
    assert to_microseconds(from_microseconds(value)) == value

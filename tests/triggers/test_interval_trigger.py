"""IntervalTrigger."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from asyncz.triggers import IntervalTrigger

UTC = timezone.utc
NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2024, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

instants = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC), allow_imaginary=False)
intervals = st.timedeltas(MOMENT, timedelta(days=400))


@given(start=instants, interval=intervals, now=instants, zone=st.sampled_from([UTC, NEW_YORK]))
def test_the_first_run_is_the_earliest_step_from_now_on(start, interval, now, zone):
    trigger = IntervalTrigger(seconds=interval.total_seconds(), start_at=start, timezone=zone)
    interval = trigger.interval
    found = trigger.get_next_trigger_time(UTC, None, now).astimezone(UTC)
    assert found >= max(now, start)
    assert (found - start) % interval == timedelta(0)
    assert found == start or found - interval < now


@given(start=instants, interval=intervals, previous=instants)
def test_the_next_run_is_the_earliest_step_after_the_previous_one(start, interval, previous):
    trigger = IntervalTrigger(days=interval.days, seconds=interval.seconds, start_at=start)
    interval = trigger.interval
    found = trigger.get_next_trigger_time(UTC, previous, previous)
    assert found > previous
    assert (found - start) % interval == timedelta(0)
    assert found == start or found - interval <= previous


@given(interval=intervals, now=instants)
def test_the_start_that_is_filled_in_is_one_interval_away(interval, now):
    trigger = IntervalTrigger(seconds=interval.total_seconds())
    added = trigger.anchored(now, NEW_YORK)
    assert trigger.start_at is None
    assert added.start_at == now + trigger.interval
    assert added.get_next_trigger_time(UTC, None, now) == added.start_at
    assert trigger.get_next_trigger_time(UTC, None, now) == added.start_at
    assert trigger.get_next_trigger_time(UTC, now, now) == added.start_at


def test_a_late_scheduler_keeps_the_grid():
    trigger = IntervalTrigger(seconds=10).anchored(START, UTC)
    assert trigger.get_next_trigger_time(UTC, None, START + timedelta(seconds=34)) == START + timedelta(seconds=40)
    assert trigger.get_next_trigger_time(UTC, None, START + timedelta(seconds=40)) == START + timedelta(seconds=40)


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        ({"weeks": 1, "days": 1, "hours": 1, "minutes": 1, "seconds": 1}, timedelta(8, 3661)),
        ({"seconds": 0.5}, timedelta(seconds=0.5)),
        ({"hours": 1, "minutes": -30}, timedelta(minutes=30)),
        ({}, timedelta(seconds=1)),
    ],
)
def test_the_parts_add_up_and_nothing_is_a_second(arguments, length):
    trigger = IntervalTrigger(**arguments)
    assert trigger.interval == length
    assert trigger.interval_size == length.total_seconds()
    assert IntervalTrigger.from_state(trigger.get_state()).interval == length


def test_an_interval_goes_forward():
    with pytest.raises(ValueError, match=r"Expected an interval that goes forward, got minutes=-5\."):
        IntervalTrigger(minutes=-5)
    with pytest.raises(ValueError, match=r"Expected an interval of at most .*, got weeks=10+\."):
        IntervalTrigger(weeks=10**12)


@pytest.mark.parametrize("zone", [NEW_YORK, pytz.timezone("America/New_York")], ids=["zoneinfo", "pytz"])
def test_an_interval_is_elapsed_time_in_either_library(zone):
    noon = datetime(2024, 3, 9, 17, tzinfo=UTC).astimezone(zone)
    trigger = IntervalTrigger(days=1, start_at=noon, timezone=zone)
    assert trigger.get_next_trigger_time(UTC, noon, noon).strftime("%d %H:%M %Z") == "10 13:00 EDT"


@pytest.mark.parametrize("zone", [NEW_YORK, pytz.timezone("America/New_York")], ids=["zoneinfo", "pytz"])
def test_an_hourly_interval_runs_in_both_passes_of_a_repeated_hour(zone):
    at = datetime(2024, 11, 3, 4, tzinfo=UTC).astimezone(zone)
    trigger, seen = IntervalTrigger(hours=1, start_at=at, timezone=zone), []
    for _ in range(4):
        seen.append(at.strftime("%H:%M %Z"))
        at = trigger.get_next_trigger_time(UTC, at, at)
    assert seen == ["00:00 EDT", "01:00 EDT", "01:00 EST", "02:00 EST"]


def test_the_end_is_inclusive():
    trigger = IntervalTrigger(minutes=1, start_at=START, end_at=START + timedelta(minutes=2))
    assert trigger.get_next_trigger_time(UTC, START + timedelta(minutes=1), START) == START + timedelta(minutes=2)
    assert trigger.get_next_trigger_time(UTC, START + timedelta(minutes=2), START) is None
    assert trigger.get_next_trigger_time(UTC, None, START + timedelta(minutes=2, microseconds=1)) is None


def test_its_zone_is_the_given_one_else_that_of_its_bounds_else_the_schedulers():
    start = "2024-01-01T00:00:00+02:00"
    assert IntervalTrigger(start_at=start, timezone=NEW_YORK).start_at.tzinfo is NEW_YORK
    assert IntervalTrigger(start_at=start).timezone.utcoffset(None) == timedelta(hours=2)
    assert IntervalTrigger(start_at="2024-01-01", end_at=START).start_at == START
    assert IntervalTrigger().timezone is None
    assert IntervalTrigger().get_next_trigger_time(NEW_YORK, None, START).tzinfo is NEW_YORK


def test_bounds_without_a_zone_are_read_in_the_one_of_the_call():
    trigger = IntervalTrigger(hours=1, start_at="2024-01-01", end_at="2024-01-01 02:00")
    assert trigger.start_at == datetime(2024, 1, 1)
    assert trigger.end_at == datetime(2024, 1, 1, 2)
    start = datetime(2024, 1, 1, tzinfo=NEW_YORK)
    assert trigger.get_next_trigger_time(NEW_YORK, None, START) == start
    assert trigger.get_next_trigger_time(NEW_YORK, start + timedelta(hours=2), START) is None
    assert trigger.anchored(START, UTC) is trigger


def test_it_ends_where_the_calendar_does():
    trigger = IntervalTrigger(days=1, start_at="9999-12-31 12:00", timezone=NEW_YORK)
    last = trigger.get_next_trigger_time(UTC, None, START)
    assert last.replace(tzinfo=None) == datetime(9999, 12, 31, 12)
    assert trigger.get_next_trigger_time(UTC, last, START) is None


def test_a_year_of_backlog_costs_one_step():
    trigger = IntervalTrigger(seconds=1).anchored(START, UTC)
    late = START + timedelta(days=366)
    assert trigger.get_next_trigger_time(UTC, late, late) == late + timedelta(seconds=1)

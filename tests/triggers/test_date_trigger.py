"""DateTrigger."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytz

from asyncz.triggers import DateTrigger

UTC = timezone.utc
LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
RUN_AT = datetime(2024, 7, 6, 12, tzinfo=LONDON)


@pytest.mark.parametrize("run_at", ["2024-07-06 12:00", datetime(2024, 7, 6, 12), RUN_AT, RUN_AT.astimezone(UTC)])
@pytest.mark.parametrize("now", [RUN_AT - timedelta(days=9), RUN_AT, RUN_AT + timedelta(days=9)])
def test_it_is_due_once_however_late(run_at, now):
    trigger = DateTrigger(run_at, timezone=LONDON)
    assert trigger.get_next_trigger_time(UTC, None, now) == RUN_AT
    assert trigger.get_next_trigger_time(UTC, None) == RUN_AT
    assert trigger.get_next_trigger_time(UTC, RUN_AT, now) is None
    assert trigger.get_next_trigger_time(UTC, RUN_AT + timedelta(1), now) is None


def test_another_triggers_run_before_it_does_not_count():
    assert DateTrigger(RUN_AT).get_next_trigger_time(UTC, RUN_AT - timedelta(1), RUN_AT) == RUN_AT


def test_the_result_is_in_its_own_zone_else_in_that_of_run_at_else_in_the_one_given():
    assert DateTrigger(RUN_AT, NEW_YORK).get_next_trigger_time(UTC, None).tzinfo is NEW_YORK
    assert DateTrigger(RUN_AT).get_next_trigger_time(UTC, None).tzinfo is LONDON
    assert DateTrigger().get_next_trigger_time(NEW_YORK, None, RUN_AT).tzinfo is NEW_YORK


def test_a_time_without_a_zone_is_read_in_the_schedulers():
    trigger = DateTrigger("2024-07-06 12:00")
    assert trigger.run_at == datetime(2024, 7, 6, 12)
    assert trigger.get_next_trigger_time(LONDON, None) == RUN_AT
    assert str(trigger) == "date[2024-07-06 12:00:00]"


def test_a_date_is_midnight():
    assert DateTrigger(date(2024, 7, 6), LONDON).run_at == datetime(2024, 7, 6, tzinfo=LONDON)


def test_without_a_time_it_runs_when_it_is_added():
    trigger = DateTrigger()
    now = datetime(2024, 1, 1, tzinfo=UTC)
    assert trigger.run_at is None
    assert trigger.get_next_trigger_time(UTC, None, now) == now
    assert trigger.get_next_trigger_time(UTC, now, now) is None
    added = trigger.anchored(now, UTC)
    assert added.run_at == now
    assert added.get_next_trigger_time(UTC, None, now + timedelta(1)) == now
    assert added.get_next_trigger_time(UTC, now, now) is None


def test_only_without_a_time_may_it_be_late_by_default():
    assert DateTrigger().allow_mistrigger_by_default
    assert DateTrigger().anchored(RUN_AT, UTC).allow_mistrigger_by_default
    assert not DateTrigger(RUN_AT).allow_mistrigger_by_default


def test_a_zone_of_pytz_is_kept():
    eastern = pytz.timezone("US/Eastern")
    run_at = eastern.localize(datetime(2013, 11, 3, 1, 5), is_dst=False)
    found = DateTrigger(run_at, eastern).get_next_trigger_time(None, None)
    assert found == run_at
    assert found.tzinfo.zone == "US/Eastern"
    assert found.utcoffset() == timedelta(hours=-5)


def test_both_passes_of_a_repeated_hour_can_be_named():
    first = DateTrigger(datetime(2024, 11, 3, 1, 30, tzinfo=NEW_YORK))
    second = DateTrigger(datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK))
    instants = [trigger.get_next_trigger_time(None, None).astimezone(UTC) for trigger in (first, second)]
    assert instants[1] - instants[0] == timedelta(hours=1)
    assert first.get_next_trigger_time(None, second.run_at) is None
    assert second.get_next_trigger_time(None, first.run_at).fold == 1

"""CronTrigger: syntax, messages, and what happens where the clocks are changed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytz
from case_names import case_name

from asyncz.triggers import CronTrigger

UTC = timezone.utc
LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
START = datetime(2024, 1, 1, tzinfo=UTC)


def runs(trigger, count, now, zone=UTC):
    found, previous = [], None
    while len(found) < count:
        previous = trigger.get_next_trigger_time(zone, previous, now if previous is None else previous)
        if previous is None:
            break
        found.append(previous)
    return found


def shown(trigger, count, now, zone=UTC, pattern="%d %H:%M %z"):
    return [found.strftime(pattern) for found in runs(trigger, count, now, zone)]


# Syntax


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"hour": 0}, "cron[hour='0']"),
        ({"hour": " 8-10 , 12 "}, "cron[hour='8-10,12']"),
        ({"day_of_week": "MON-Fri", "month": "JAN"}, "cron[month='jan', day_of_week='mon-fri']"),
        ({"second": "*/10", "year": 2024}, "cron[year='2024', second='*/10']"),
        ({"day": "1st\t FRI,last"}, "cron[day='1st fri,last']"),
    ],
)
def test_fields_are_shown_as_they_were_given_but_tidied(fields, text):
    assert str(CronTrigger(**fields)) == text


def test_what_is_left_out_is_a_star_to_the_left_and_the_least_value_to_the_right():
    assert shown(CronTrigger(month=2, hour="8-9"), 3, START, pattern="%m-%d %H:%M:%S") == [
        "02-01 08:00:00", "02-01 09:00:00", "02-02 08:00:00",
    ]  # fmt: skip
    assert shown(CronTrigger(year=2025), 2, START, pattern="%Y-%m-%d %H:%M:%S") == ["2025-01-01 00:00:00"]
    assert shown(CronTrigger(week=2), 8, START, pattern="%d") == [*map("{:02}".format, range(8, 15)), "06"]
    assert shown(CronTrigger(second="*/30"), 3, START, pattern="%M:%S") == ["00:00", "00:30", "01:00"]


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"day": "last"}, ["01-31", "02-29", "03-31", "04-30"]),
        ({"day": "last fri"}, ["01-26", "02-23", "03-29", "04-26"]),
        ({"day": "2nd tue"}, ["01-09", "02-13", "03-12", "04-09"]),
        ({"day": "5th wed"}, ["01-31", "05-29", "07-31", "10-30"]),
        ({"day": "1st mon,15,last"}, ["01-01", "01-15", "01-31", "02-05"]),
        ({"day": "13", "day_of_week": "fri"}, ["09-13", "12-13", "06-13", "02-13"]),
        ({"day_of_week": "fri-mon"}, ["01-01", "01-05", "01-06", "01-07"]),
        ({"day_of_week": "fri-tue/2"}, ["01-02", "01-05", "01-07", "01-09"]),
        ({"month": "jan-mar/2"}, ["01-01", "03-01", "01-01", "03-01"]),
        ({"day_of_week": "mon-fri/2"}, ["01-01", "01-03", "01-05", "01-08"]),
        ({"week": "53"}, ["12-28", "12-29", "12-30", "12-31"]),
        ({"month": 2, "day": "29-31"}, ["02-29", "02-29", "02-29", "02-29"]),
    ],
)
def test_days_are_found(fields, days):
    assert shown(CronTrigger(**fields), 4, START, pattern="%m-%d") == days


SYNTAX = "Expected *, */c, a, a/c, a-b or a-b/c, each a number from"


@pytest.mark.parametrize(
    ("field", "item", "message"),
    [
        ("month", "4-6/3", "The step value (3) is higher than the total range of the expression (2)."),
        ("hour", "24", "The last value (24) is higher than the maximum value (23)."),
        ("day", "0", "The first value (0) is lower than the minimum value (1)."),
        ("minute", "5-3", "The first value (5) is higher than the last value (3)."),
        ("minute", "*/0", "The step value (0) is lower than the minimum value (1)."),
        ("minute", "*/60", "The step value (60) is higher than the total range of the expression (59)."),
        ("hour", "22/2", "The step value (2) is higher than the total range of the expression (1)."),
        ("day", "lastfoo", f"{SYNTAX} 1 to 31, in the field 'day'."),
        ("day", "1st fri xx", f"{SYNTAX} 1 to 31, in the field 'day'."),
        ("day_of_week", "mo", f"{SYNTAX} 0 to 6 or a name such as 'mon', in the field 'day_of_week'."),
    ],
)
def test_an_error_says_what_is_wrong_where(field, item, message):
    with pytest.raises(ValueError, match=r"^Error") as caught:
        CronTrigger(**{field: f"1,{item}"})
    assert str(caught.value) == f"Error validating expression '{item}': {message}"


def test_a_trigger_without_any_field_is_refused():
    with pytest.raises(ValueError, match="Expected at least one of the fields year, month, day, week, day_of_week"):
        CronTrigger()
    with pytest.raises(ValueError, match="at least one"):
        CronTrigger(start_at=START)


@pytest.mark.parametrize("value", [True, 8.0, [1, 2], object()], ids=case_name)
def test_a_field_is_a_number_or_a_text(value):
    with pytest.raises(TypeError, match="hour: expected a number or a text, got"):
        CronTrigger(hour=value)


HOSTILE = [
    "9" * 10_000, "*/" + "9" * 9_998, "1," * 5_000, "*/1," * 2_500, "1-" * 5_000, "/" * 10_000, " " * 10_000,
    "1st fri," * 1_250, "last " * 2_000, "٣", "²", "K", "\x00", "1\n", "1_0", "+1", "-1", "0x1", "1.0", "1e1", "1 - 5",
    "*/3/3", "**", "", ",", "1,", "mon-", "-mon", "jan-feb-mar", "a huge number", 10**5_000, -1,
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20] if isinstance(value, str) else "number")
@pytest.mark.parametrize("field", ["year", "month", "day", "day_of_week", "minute"])
def test_hostile_input_is_refused_at_once(field, value):
    begin = time.thread_time()
    with pytest.raises(ValueError, match=r"Error validating expression '[^']{0,43}': |expected at most") as caught:
        CronTrigger(**{field: value})
    assert time.thread_time() - begin < 0.1
    assert len(str(caught.value)) < 300


def test_a_long_list_that_is_allowed_is_quick():
    begin = time.thread_time()
    CronTrigger(year=",".join(f"{year}/2" for year in range(1970, 2110)), minute=",".join(map(str, range(60))))
    assert time.thread_time() - begin < 0.1


# Crontab


@pytest.mark.parametrize(
    ("expr", "fields"),
    [
        ("0 8 * * 0", {"day_of_week": "sun", "hour": 8, "minute": 0}),
        ("0 8 * * 7", {"day_of_week": "sun", "hour": 8, "minute": 0}),
        ("0 8 * * 1-5", {"day_of_week": "mon-fri", "hour": 8, "minute": 0}),
        ("0 8 * * SAT-sun", {"day_of_week": "sat,sun", "hour": 8, "minute": 0}),
        ("0 8 * * sun-tue", {"day_of_week": "sun-tue", "hour": 8, "minute": 0}),
        ("0 8 * * */2", {"day_of_week": "sun,tue,thu,sat", "hour": 8, "minute": 0}),
        ("0 8 * * */7", {"day_of_week": "sun", "hour": 8, "minute": 0}),
        ("0 8 * * 5-7", {"day_of_week": "fri-sun", "hour": 8, "minute": 0}),
        ("*/5\t*  1 JAN *", {"month": "jan", "day": 1, "hour": "*", "minute": "*/5"}),
        (" @daily\n", {"hour": 0}),
        ("@Midnight", {"hour": 0}),
        ("@hourly", {"minute": 0}),
        ("@weekly", {"day_of_week": "sun", "hour": 0}),
        ("@monthly", {"day": 1}),
        ("@yearly", {"month": 1}),
        ("@annually", {"month": 1}),
    ],
)
def test_a_crontab_line_means_what_it_does_in_cron(expr, fields):
    assert runs(CronTrigger.from_crontab(expr), 30, START) == runs(CronTrigger(**fields), 30, START)


def test_a_crontab_day_matches_by_date_or_by_weekday_when_both_are_restricted():
    assert shown(CronTrigger.from_crontab("0 0 13 * 5"), 6, START, pattern="%d %a") == [
        "05 Fri", "12 Fri", "13 Sat", "19 Fri", "26 Fri", "02 Fri",
    ]  # fmt: skip
    # A star in either of them asks for both: 1, 13 and 25 are left, and Fridays among them.
    assert shown(CronTrigger.from_crontab("0 0 */12 * 5"), 2, START, pattern="%m-%d %a") == ["03-01 Fri", "09-13 Fri"]
    assert shown(CronTrigger.from_crontab("0 0 13 * */6"), 2, START, pattern="%d %a") == ["13 Sat", "13 Sat"]


def test_the_named_fields_always_mean_both():
    assert shown(CronTrigger(day=13, day_of_week="fri"), 2, START, pattern="%d %a %m") == ["13 Fri 09", "13 Fri 12"]


@pytest.mark.parametrize(
    ("expr", "count"), [("*", 1), ("", 0), ("* * * * * *", 6), ("@reboot", 1), ("0 0 1st fri * *", 6)]
)
def test_another_number_of_fields_is_refused(expr, count):
    with pytest.raises(ValueError, match=rf"^Wrong number of fields\. Got {count}, expected 5\.$"):
        CronTrigger.from_crontab(expr)


@pytest.mark.parametrize("expr", ["0 8 * * 6-1", "0 8 * * 8", "60 8 * * *", "0 8 * * 6-sun", "0 8 * * L", "x 8 * * *"])
def test_a_crontab_line_that_is_wrong_is_refused(expr):
    with pytest.raises(ValueError, match="Error validating expression"):
        CronTrigger.from_crontab(expr)


def test_a_crontab_is_text():
    with pytest.raises(TypeError, match="Expected the text of a crontab, got 5"):
        CronTrigger.from_crontab(5)


# Changes of the clocks. The zone's own: New York 2024-03-10 02:00 EST -> 03:00 EDT, 2024-11-03 02:00 EDT -> 01:00 EST.

SPRING, AUTUMN = datetime(2024, 3, 9, 17, tzinfo=UTC), datetime(2024, 11, 2, 16, tzinfo=UTC)


@pytest.mark.parametrize("zone", [NEW_YORK, pytz.timezone("America/New_York")], ids=["zoneinfo", "pytz"])
@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        # fixed, skipped: right after the jump, and only once
        ({"hour": 2, "minute": 30}, SPRING, ["10 03:00 -0400", "11 02:30 -0400"]),
        ({"hour": 2, "minute": "0,20,40"}, SPRING, ["10 03:00 -0400", "11 02:00 -0400"]),
        ({"hour": "2,3", "minute": "0"}, SPRING, ["10 03:00 -0400", "11 02:00 -0400"]),
        ({"hour": "2", "minute": "30"}, SPRING.replace(day=10, hour=7), ["10 03:00 -0400", "11 02:30 -0400"]),
        ({"hour": "2", "minute": "30"}, SPRING.replace(day=10, hour=7, second=1), ["11 02:30 -0400"]),
        # fixed, shown twice: the first time only
        ({"hour": 1, "minute": 30}, AUTUMN, ["03 01:30 -0400", "04 01:30 -0500"]),
        ({"hour": "1,2"}, AUTUMN, ["03 01:00 -0400", "03 02:00 -0500", "04 01:00 -0500"]),
        ({"hour": 1, "minute": 30}, AUTUMN.replace(day=3, hour=6), ["04 01:30 -0500"]),
        # interval-like: as the clock shows it
        ({"hour": "*", "minute": 30}, SPRING.replace(day=10, hour=6), ["10 01:30 -0500", "10 03:30 -0400"]),
        ({"hour": 2, "minute": "*/30"}, SPRING, ["11 02:00 -0400", "11 02:30 -0400"]),
        (
            {"hour": "*/1", "minute": 30},
            AUTUMN.replace(day=3, hour=5),
            ["03 01:30 -0400", "03 01:30 -0500", "03 02:30 -0500"],
        ),
        ({"hour": 1, "minute": "*/40"}, AUTUMN, ["03 01:00 -0400", "03 01:40 -0400", "03 01:00 -0500"]),
        ({"minute": "30"}, AUTUMN.replace(day=3, hour=5), ["03 01:30 -0400", "03 01:30 -0500"]),
    ],
)
def test_a_change_of_the_clocks(zone, fields, now, expected):
    trigger = CronTrigger(timezone=zone, **fields)
    assert shown(trigger, len(expected), now) == expected


def test_a_day_that_was_left_out_of_the_calendar_has_no_run():
    now = datetime(2011, 12, 29, 20, tzinfo=UTC)
    assert shown(CronTrigger(hour=12, timezone=APIA), 2, now) == ["29 12:00 -1000", "31 12:00 +1400"]


def test_a_jump_of_half_an_hour_counts_as_well():
    now = datetime(2024, 10, 5, 12, tzinfo=UTC)
    assert shown(CronTrigger(hour=2, minute=15, timezone=LORD_HOWE), 2, now) == ["06 02:30 +1100", "07 02:15 +1100"]


def test_a_skipped_reading_and_the_one_that_follows_are_one_run():
    trigger = CronTrigger(hour="2-4", minute=0, timezone=NEW_YORK)
    assert shown(trigger, 3, SPRING) == ["10 03:00 -0400", "10 04:00 -0400", "11 02:00 -0400"]


# Bounds and results


def test_bounds_are_inclusive():
    trigger = CronTrigger(hour="*", start_at=START, end_at=START + timedelta(hours=1), timezone=UTC)
    assert runs(trigger, 5, START - timedelta(days=1)) == [START, START + timedelta(hours=1)]
    assert trigger.get_next_trigger_time(UTC, None, START + timedelta(hours=1, microseconds=1)) is None


def test_bounds_without_a_zone_are_read_in_the_one_of_the_call():
    trigger = CronTrigger(hour="*", start_at="2024-01-01 05:30", end_at="2024-01-01 07:00")
    assert trigger.start_at == datetime(2024, 1, 1, 5, 30)
    assert shown(trigger, 5, START, NEW_YORK) == ["01 06:00 -0500", "01 07:00 -0500"]


def test_a_bound_may_be_what_limits_a_run_in_a_gap():
    jump = datetime(2024, 3, 10, 7, tzinfo=UTC)
    trigger = CronTrigger(hour=2, minute=30, timezone=NEW_YORK, end_at=jump)
    assert runs(trigger, 5, SPRING) == [jump]
    assert runs(CronTrigger(hour=2, minute=30, timezone=NEW_YORK, end_at=jump - timedelta(seconds=1)), 5, SPRING) == []


def test_a_late_scheduler_catches_up_and_skips_nothing():
    trigger = CronTrigger(day="*", timezone=LONDON)
    previous, now = datetime(2015, 11, 23, tzinfo=LONDON), datetime(2015, 11, 26, tzinfo=LONDON)
    assert trigger.get_next_trigger_time(UTC, previous, now) == datetime(2015, 11, 24, tzinfo=LONDON)


def test_a_clock_that_was_set_back_is_followed():
    trigger = CronTrigger(hour="*", timezone=UTC)
    assert trigger.get_next_trigger_time(UTC, START + timedelta(days=1), START) == START


def test_the_result_is_in_the_zone_of_the_trigger_else_of_the_call():
    assert CronTrigger(hour=1, timezone=LONDON).get_next_trigger_time(UTC, None, START).tzinfo is LONDON
    assert CronTrigger(hour=1).get_next_trigger_time(NEW_YORK, None, START).tzinfo is NEW_YORK
    assert CronTrigger(hour=1).get_next_trigger_time(UTC, None, START).tzinfo is UTC
    named = timezone(timedelta(0), "Zulu")
    assert CronTrigger(hour=1).get_next_trigger_time(named, None, START).tzname() == "Zulu"


@pytest.mark.parametrize(
    "fields",
    [
        {"month": 2, "day": 30},
        {"month": "4,6", "day": 31},
        {"month": 6, "week": 53},
        {"year": "1971-9999", "month": 6, "week": 53},
        {"year": 2023, "month": 2, "day": 29},
        {"year": "1970-2023"},
        {"day": "5th mon", "month": 2, "year": "2025-9999/2"},
        # the second Sunday of March has no 02:00 in New York
        {"month": 3, "day": "2nd sun", "hour": 2, "minute": "*/30", "year": "2008-9999"},
    ],
    ids=str,
)
def test_what_never_comes_is_found_out_quickly(fields):
    begin = time.thread_time()
    assert CronTrigger(**fields).get_next_trigger_time(NEW_YORK, None, START) is None
    assert time.thread_time() - begin < 2


def test_what_is_far_away_is_found():
    assert shown(CronTrigger(year=9998, timezone=NEW_YORK), 1, START, pattern="%Y-%m-%d") == ["9998-01-01"]
    assert shown(CronTrigger(month=2, day="5th sun"), 2, START, pattern="%Y-%m-%d") == ["2032-02-29", "2060-02-29"]


@pytest.mark.parametrize("zone", [NEW_YORK, UTC, pytz.timezone("Asia/Tokyo"), timezone(timedelta(hours=14))], ids=str)
def test_it_ends_where_the_calendar_does(zone):
    trigger = CronTrigger(year=9999, month=12, day=31, hour="22,23", timezone=zone)
    last = runs(trigger, 5, datetime.min.replace(tzinfo=UTC))
    assert [found.replace(tzinfo=None) for found in last] == [datetime(9999, 12, 31, 22), datetime(9999, 12, 31, 23)]
    assert trigger.get_next_trigger_time(UTC, None, datetime.max.replace(tzinfo=UTC)) in (None, *last)


def test_a_zone_that_is_not_known_to_be_constant_is_asked_each_time():
    class Movable(type(UTC).__base__):
        hours = 0

        def utcoffset(self, _at):
            return timedelta(hours=self.hours)

        def dst(self, _at):
            return timedelta(0)

    zone = Movable()
    trigger = CronTrigger(hour=12, timezone=zone)
    assert trigger.get_next_trigger_time(UTC, None, START).astimezone(UTC).hour == 12
    zone.hours = 2
    assert trigger.get_next_trigger_time(UTC, None, START).astimezone(UTC).hour == 10

"""What hostile input has broken: each case in words, so that it stays mended."""

from __future__ import annotations

import datetime
import io
import itertools
import sys
import time
import warnings
import zoneinfo
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from fuzz.targets import NOW, Quiet, crontab_replay, guarded

from asyncz import utils
from asyncz.cli.loading import LoadError, load_scheduler
from asyncz.cli.main import main
from asyncz.engine.config import TaskDefaults, nested, to_seconds
from asyncz.exceptions import AsynczLookupError, TaskLookupError, shown
from asyncz.leading import Leadership
from asyncz.locks import FileLockProtected
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import ClassicLogging
from asyncz.testing import VirtualClock
from asyncz.triggers import AndTrigger, CronTrigger, DateTrigger, IntervalTrigger

UTC = datetime.timezone.utc
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def cpu_seconds(call, *args):
    """Return the best of three, in CPU time of this thread."""
    taken = []
    for _ in range(3):
        started = time.thread_time()
        call(*args)
        taken.append(time.thread_time() - started)
    return min(taken)


def text_of_error(kind, call, *args, **options):
    with pytest.raises(kind) as caught:
        call(*args, **options)
    assert len(str(caught.value)) < 1_000
    return str(caught.value)


# Cron searches that find nothing


@pytest.mark.parametrize("zone", [UTC, NEW_YORK, TOKYO, zoneinfo.ZoneInfo("Africa/Casablanca")], ids=str)
@pytest.mark.parametrize(
    "fields",
    [
        {"month": 2, "day": 30},
        {"month": 2, "day": 29, "week": 1},
        {"week": 1, "month": "2-11"},
        {"week": 53, "month": "1-11", "day": "5-31"},
        {"year": "2001-9999/2", "week": 1, "month": "2-11"},
        {"year": "2001-9999/2", "week": 53, "month": "2-11", "day": "1,15,20-28"},
        {"year": "2001-9999/2", "month": 2, "day": 29, "hour": "*"},
        {"year": "2100-9999/100", "month": 2, "day": "29,30", "week": 8},
        {"month": 2, "day": "5th mon,5th tue", "week": 10},
    ],
    ids=str,
)
def test_a_cron_expression_that_never_matches_says_so_within_ten_milliseconds(fields, zone):
    trigger = CronTrigger(**fields)
    assert trigger.get_next_trigger_time(zone, None, NOW) is None
    assert cpu_seconds(trigger.get_next_trigger_time, zone, None, NOW) < 0.01


@pytest.mark.parametrize("year", [None, "2001-9999/2"])
def test_a_reading_that_the_clocks_always_skip_is_given_up_within_ten_milliseconds(year):
    trigger = CronTrigger(year=year, month=3, day="2nd sun", hour=2, minute="*")
    assert trigger.get_next_trigger_time(NEW_YORK, None, NOW) is None
    assert cpu_seconds(trigger.get_next_trigger_time, NEW_YORK, None, NOW) < 0.01


@pytest.mark.parametrize("week", ["1", "53", "1,53", "2-52", "*/2", "9-10"])
@pytest.mark.parametrize("fields", [{}, {"day_of_week": "sun"}, {"month": "1,12"}, {"day": "last,1", "year": "*/3"}])
def test_weeks_are_those_of_the_calendar(week, fields):
    trigger, everyday = CronTrigger(week=week, hour=0, **fields), CronTrigger(hour=0, **{"day": "*", **fields})
    wanted = parsed_weeks(week)
    time = expected = datetime.datetime(1999, 12, 1, tzinfo=UTC)
    for _ in range(200):
        time = trigger.get_next_trigger_time(UTC, time, time)
        expected = everyday.get_next_trigger_time(UTC, expected, expected)
        while expected.isocalendar()[1] not in wanted and expected.year < 2400:
            expected = everyday.get_next_trigger_time(UTC, expected, expected)
        if expected.year >= 2400:
            assert time is None or time >= expected
            break
        assert time == expected


def parsed_weeks(text):
    """Return the weeks, read in a simpler way."""
    if text == "*/2":
        return set(range(1, 54, 2))
    spans = (item.partition("-") for item in text.split(","))
    return {week for first, _, last in spans for week in range(int(first), int(last or first) + 1)}


# Times


@pytest.mark.parametrize("value", [5 * 10**18, 10**30, -(10**30), -(10**18)])
def test_an_instant_far_outside_of_the_calendar_is_an_overflow_in_every_zone(value):
    for zone in (None, UTC, TOKYO, NEW_YORK):
        with pytest.raises(OverflowError):
            utils.from_microseconds(value, zone)


@pytest.mark.parametrize(
    "time",
    [datetime.datetime(1, 1, 1, tzinfo=TOKYO), datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=NEW_YORK)],
    ids=str,
)
def test_the_first_and_the_last_hours_of_the_calendar_can_be_used_in_a_zone(time):
    assert utils.from_microseconds(utils.to_microseconds(time), time.tzinfo) == time
    assert utils.normalize(time) == time
    trigger = DateTrigger(time)
    assert trigger.run_at == time
    assert "date[" in str(trigger)
    assert DateTrigger.from_state(trigger.get_state()) == trigger


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_virtual_clock_refuses_an_instant_outside_of_the_calendar(text):
    assert "in the years 1 to 9999" in text_of_error(ValueError, VirtualClock, text)


def test_a_text_that_is_no_number_is_not_repeated_whole():
    assert text_of_error(ValueError, utils.to_float, "x" * 10_000).startswith("Expected a number, got 'xxx")


@pytest.mark.parametrize("name", ["x/y." * 2_500, "a/" * 5_000, "Europe/" * 20 + "London"])
def test_the_name_of_a_zone_is_not_looked_for_in_thousands_of_folders(name):
    text_of_error(zoneinfo.ZoneInfoNotFoundError, utils.to_timezone, name)


@pytest.mark.parametrize("name", ["__init__/", "__init__/x", "__init__.py", "a.b/c", "\0", "/"])
def test_the_name_of_a_zone_is_none_of_a_module(name):
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        utils.to_timezone(name)
    zoneinfo.reset_tzpath([])  # the package tzdata is asked
    try:
        with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
            utils.to_timezone(name)
    finally:
        zoneinfo.reset_tzpath()


def test_a_variable_that_names_no_zone_is_not_repeated_whole(monkeypatch):
    monkeypatch.setenv("TZ", "X" * 10_000)
    with pytest.warns(UserWarning, match="which names no time zone") as caught:
        assert utils.get_localzone() is UTC
    assert len(str(caught[0].message)) < 300


@pytest.mark.parametrize(
    "rule", ["<+14>-24", "AAA24", "AAA0BBB-24,M3.5.0,M10.5.0", "AAA24BBB,0,365", "AAA-23BBB,0/0,0/1"]
)
def test_a_rule_for_the_local_zone_that_leads_too_far_from_utc_is_none(rule, monkeypatch):
    monkeypatch.setenv("TZ", rule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zone = utils.get_localzone()
    assert zone is UTC


# Triggers


@pytest.mark.parametrize("jitter", [10**400, 1e300, float("nan"), -(10**5_000)], ids=shown)
def test_a_jitter_beyond_the_calendar_is_refused(jitter):
    assert "jitter: expected a number of seconds" in text_of_error(ValueError, IntervalTrigger, jitter=jitter)


@pytest.mark.parametrize("length", [float("nan"), float("inf"), 10**5_000, -(10**5_000)], ids=shown)
def test_an_interval_that_is_no_length_of_time_is_refused(length):
    assert "Expected an interval of at most" in text_of_error(ValueError, IntervalTrigger, seconds=length)


def test_misspelt_arguments_are_listed_up_to_twenty():
    text = text_of_error(TypeError, CronTrigger, **{f"hours{number}": 1 for number in range(5_000)})
    assert "and 4980 more" in text
    assert "xxx..." in text_of_error(TypeError, CronTrigger, **{"x" * 10_000: 1})


def test_what_is_no_list_of_triggers_need_not_have_an_end():
    assert "got 0 (int)" in text_of_error(TypeError, AndTrigger, itertools.count())


def test_a_value_of_a_field_is_not_repeated_whole():
    assert "hour: expected a number or a text" in text_of_error(TypeError, CronTrigger, hour=["x"] * 10_000)
    assert "Expected the text of a crontab" in text_of_error(TypeError, CronTrigger.from_crontab, b"x" * 10_000)


def test_an_error_text_of_a_field_can_be_written_to_a_log():
    text = text_of_error(ValueError, CronTrigger, hour="\ud800\n")
    assert "'\\ud800\\n'" in text
    assert text.isprintable()


# References and places


def test_a_module_that_ends_the_process_when_it_is_imported_is_a_reference_that_fails(tmp_path, monkeypatch):
    (tmp_path / "a_script_that_exits.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AsynczLookupError, match="cannot be imported") as caught:
        utils.ref_to_obj("a_script_that_exits:run")
    assert isinstance(caught.value.__cause__, SystemExit)


@pytest.mark.parametrize("reference", ["a." * 60 + "a:X", "x" * 10_000 + ":X", ".os:path", "os..path:join", "os.:path"])
def test_a_plugin_is_not_looked_for_where_no_module_can_be(reference):
    with guarded("nothing at all"):
        text_of_error(ImportError, Quiet.resolve_load_plugin, reference)


def test_the_name_of_a_plugin_is_not_repeated_whole():
    for name in ("x" * 400, "\udcff" * 400, "\0" * 400):
        assert len(text_of_error(ImportError, Quiet.resolve_load_plugin, f"asyncz:{name}")) < 300
        assert len(text_of_error(ImportError, Quiet.resolve_load_plugin, f"x{name}:asyncz")) < 500


@pytest.mark.parametrize("place", ["a." * 5_000 + "a:x", ".os:path", "os.:path", ":x", "..:x"])
def test_a_place_that_is_no_module_is_a_load_error(place):
    before = list(sys.path)
    assert "no such module" in text_of_error(LoadError, load_scheduler, place)
    assert sys.path == before


def test_a_timeout_on_the_command_line_is_bounded_and_not_repeated_whole():
    for text in ("1e300", "nan", "-1", "x" * 10_000):
        with redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit):
            main(["run", "os:path", "--timeout", text])
        assert "expected seconds, from 0 to" in said.getvalue()
        assert len(said.getvalue()) < 500


# Files


@pytest.mark.parametrize("path", ["{pgrp:9999999999}", "{pgrp.real}", "{pgrp!r}", "{0}", "{", "{x}" * 3_000])
def test_a_lock_path_is_no_way_to_memory_or_to_attributes(path):
    assert "A lock path may hold {pgrp} and {ppid}" in text_of_error(ValueError, FileLockProtected, path)


def test_a_lock_path_keeps_braces_that_are_doubled():
    assert FileLockProtected("/tmp/{{x}}-%d").path == "/tmp/{x}-%d"


def test_a_lock_path_may_be_a_path():
    assert Quiet(lock_path=Path("/tmp/lock")).lock_path == str(Path("/tmp/lock"))
    assert "lock_path" in text_of_error(TypeError, Quiet, lock_path=5)


def test_a_lock_file_that_somebody_else_wrote_does_not_keep_tasks_from_running(tmp_path):
    path = tmp_path / "lock"
    path.write_text("9" * 20)
    leadership = Leadership(str(path))
    assert leadership.take()
    try:
        assert leadership.read() is None
        leadership.write(1_700_000_000_000_000)
        assert leadership.read() == 1_700_000_000_000_000
    finally:
        leadership.release()


class _Text:
    def __init__(self, text):
        self._text = text

    def read_bytes(self):
        return self._text.encode()


def test_the_blanks_in_a_variable_of_a_crontab_are_passed_over_once():
    text = "A=b" + " " * 10_000 + "c\n* * * * * x\n"
    (line,) = crontab_replay.read_crontab(_Text(text), user_column=False)
    assert len(line.environment["A"]) == 10_002
    assert cpu_seconds(list, crontab_replay.read_crontab(_Text(text), user_column=False)) < 0.01


def test_lines_of_a_crontab_have_the_variables_that_are_set_above_them():
    text = "A=1\n* * * * * x\nB=2\n* * * * * x\n* * * * * x\nA=3\nB=4\n* * * * * x\n"
    lines = list(crontab_replay.read_crontab(_Text(text), user_column=False))
    assert [line.environment for line in lines] == [
        {"A": "1"}, {"A": "1", "B": "2"}, {"A": "1", "B": "2"}, {"A": "3", "B": "4"},
    ]  # fmt: skip


# Configurations


@pytest.mark.parametrize("number", [10**400, float("inf"), float("nan"), -1, 10**5_000, "9" * 33], ids=shown)
def test_seconds_without_an_end_are_refused(number):
    assert "for store_retry_interval" in text_of_error(ValueError, to_seconds, number, "store_retry_interval")
    text_of_error(ValueError, Quiet, startup_delay=number)
    text_of_error(ValueError, Quiet, timeout=number)


@pytest.mark.parametrize("number", [1e300, 10**300, "9" * 32, datetime.timedelta.max], ids=shown)
def test_seconds_beyond_the_calendar_are_as_good_as_for_ever(number):
    scheduler = Quiet(timezone="UTC", startup_delay=number, store_retry_interval=number, lock_path="")
    scheduler.add_task(nothing, "interval", hours=1, mistrigger_grace_time=10)
    with scheduler:
        assert scheduler.get_tasks()[0].next_run_time.year > 9_000
        scheduler.process_tasks()


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1.5, -(10**5_000)], ids=shown)
def test_a_number_of_instances_that_is_none_is_refused(number):
    text_of_error(ValueError, TaskDefaults.read, {"max_instances": number})


def test_a_deep_value_in_the_way_of_a_key_is_refused_in_a_short_text():
    deep: dict = {}
    for _ in range(50_000):
        deep = {"x": deep}
    text_of_error(ValueError, nested, {"asyncz.a.b": deep, "asyncz.a": 1}, "asyncz.")
    text_of_error(ValueError, nested, {"asyncz.a": [deep], "asyncz.a.b": 1}, "asyncz.")
    text_of_error(TypeError, Quiet, stores={"default": {"type": deep}})
    while deep:  # one by one: not every Python lets go of so many at once
        deep = deep["x"]


def test_a_value_that_stands_for_billions_is_shown_at_once():
    many: list = ["x"]
    for _ in range(40):
        many = [many] * 10
    assert cpu_seconds(shown, many) < 0.01
    assert len(shown(many)) < 110


def test_a_value_without_a_repr_is_shown_by_its_type():
    class Odd:
        def __repr__(self):
            raise LookupError

    assert "Odd" in shown(Odd())
    assert shown(10**5_000) in ("<int>", shown(10**5_000))
    assert len(shown(10**4_000)) < 110


@pytest.mark.parametrize("option", ["logger_name", "identity"])
def test_a_name_is_a_text_and_not_very_long(option):
    """The logging module keeps a record for each dot in the name of a logger."""
    text_of_error(ValueError, Quiet, **{option: "a." * 5_000})
    text_of_error(TypeError, Quiet, **{option: 5})


def test_an_alias_an_argument_and_a_key_are_not_very_long():
    text_of_error(ValueError, Quiet, stores={"a." * 5_000: {"type": "memory"}})
    text_of_error(ValueError, Quiet, stores={"default": {"type": "memory", "x" * 10_000: 1}})
    text_of_error(ValueError, Quiet, {"asyncz." + "a." * 5_000: 1})
    text_of_error(TypeError, Quiet, stores={5: {"type": "memory"}})
    text_of_error(LookupError, Quiet, stores={"default": {"type": "x" * 250}})


def test_a_number_of_workers_is_finite_and_not_repeated_whole():
    for number in (float("inf"), "9" * 10_000, "x" * 10_000):
        text_of_error(ValueError, Quiet, executors={"default": {"type": "pool", "max_workers": number}})


def test_what_is_no_event_loop_is_refused_when_it_is_given():
    assert "event_loop, got int" in text_of_error(TypeError, AsyncIOScheduler, event_loop=5)


def test_unknown_options_are_listed_up_to_twenty(caplog):
    Quiet(loggers_class=ClassicLogging, **{f"option{number}": 1 for number in range(5_000)})
    assert "and 4980 more" in caplog.text


# Tasks


def test_the_id_of_a_task_that_is_not_there_is_not_repeated_whole_and_stays_on_one_line():
    scheduler = Quiet(timezone="UTC")
    text_of_error(TaskLookupError, scheduler.delete_task, "x" * 10_000)
    assert "\n" not in text_of_error(TaskLookupError, scheduler.delete_task, "a\nERROR forged")


def test_keywords_that_a_task_does_not_take_are_listed_up_to_twenty():
    kwargs = {"x" * 5_000: 1, **{f"x{number}": 1 for number in range(5_000)}}
    assert "and 4981 more" in text_of_error(ValueError, Quiet(timezone="UTC").add_task, nothing, kwargs=kwargs)


def nothing():
    """Take no arguments."""


def test_what_is_no_id_is_refused_in_words():
    text_of_error(TypeError, Quiet(timezone="UTC").add_task, print, "interval", id=10**5_000)


@pytest.mark.parametrize(
    "names", [{"schedule_state": "x" * 10_000}, {"schedule_state": 10**5_000}, {"sort_by": ["x"] * 99}]
)
def test_an_order_or_a_state_that_nobody_knows_is_refused_in_words(names):
    assert "must be one of" in text_of_error(ValueError, Quiet(timezone="UTC").get_task_infos, **names)

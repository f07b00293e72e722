"""Dates, instants and zones."""

from __future__ import annotations

import importlib.resources
import os
import time
import warnings
import zoneinfo
from datetime import date, datetime, timedelta, timezone, tzinfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from asyncz import utils
from asyncz.utils import localzone

UTC = timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
NEW_YORK_PYTZ = pytz.timezone("America/New_York")
ZONES = [UTC, LONDON, NEW_YORK, NEW_YORK_PYTZ, zoneinfo.ZoneInfo("Pacific/Apia"), timezone(timedelta(hours=14))]

REPEATED = datetime(2024, 11, 3, 1, 30)
SKIPPED = datetime(2024, 3, 10, 2, 30)


# Instants


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9999, 12, 30)), st.sampled_from(ZONES))
def test_an_instant_survives_the_way_through_microseconds(naive, zone):
    value = naive.replace(tzinfo=UTC, fold=0).astimezone(zone)
    back = utils.from_microseconds(utils.to_microseconds(value), zone)
    assert (back.replace(tzinfo=None), back.fold, back.utcoffset()) == (
        value.replace(tzinfo=None), value.fold, value.utcoffset(),
    )  # fmt: skip


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_last_microsecond_of_the_calendar_is_an_instant_in_every_zone(zone):
    last = utils.localize(datetime.max, zone)
    assert utils.from_microseconds(utils.to_microseconds(last), zone).replace(tzinfo=None) == datetime.max
    with pytest.raises(OverflowError):
        utils.from_microseconds(utils.to_microseconds(last) + 1, zone)


def test_microseconds_are_counted_from_1970_utc():
    assert utils.to_microseconds(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert utils.to_microseconds(datetime(1970, 1, 2, 0, 0, 1, 5, tzinfo=UTC)) == 86_401_000_005
    assert utils.to_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_naive_datetime_is_no_instant():
    with pytest.raises(TypeError, match=r"Expected an aware datetime, got datetime\.datetime\(2024"):
        utils.to_microseconds(datetime(2024, 1, 1))
    with pytest.raises(TypeError, match="Expected an aware datetime"):
        utils.normalize(datetime(2024, 1, 1))


def test_timestamps_are_seconds_and_none_stays_none():
    value = datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert utils.datetime_to_utc_timestamp(value) == 1704067200.5
    assert utils.utc_timestamp_to_datetime(1704067200.5) == value
    assert utils.utc_timestamp_to_datetime(1704067200.5).tzinfo is UTC
    assert utils.datetime_to_utc_timestamp(None) is None
    assert utils.utc_timestamp_to_datetime(None) is None
    assert utils.timedelta_seconds(timedelta(minutes=1, milliseconds=500)) == 60.5


@pytest.mark.parametrize(
    ("value", "ceiling"),
    [
        (datetime(2024, 1, 1, 0, 0, 1), datetime(2024, 1, 1, 0, 0, 1)),
        (datetime(2024, 1, 1, 23, 59, 59, 1), datetime(2024, 1, 2)),
        (
            datetime(2024, 3, 10, 1, 59, 59, 1, tzinfo=NEW_YORK),
            datetime(2024, 3, 10, 3, tzinfo=NEW_YORK),
        ),
    ],
)
def test_rounding_up_gives_a_whole_second_that_exists(value, ceiling):
    assert utils.datetime_ceil(value) == ceiling


def test_the_text_of_a_time_carries_its_zone():
    assert utils.datetime_repr(datetime(2022, 11, 3, 18, 40, tzinfo=LONDON)) == "2022-11-03 18:40:00 GMT"
    assert utils.datetime_repr(datetime(2022, 11, 3, 18, 40)) == "2022-11-03 18:40:00"
    assert utils.datetime_repr(None) == "None"


def test_numbers_are_read_from_text_and_none_stays_none():
    assert utils.to_int("5") == 5
    assert utils.to_float("0.5") == 0.5
    assert utils.to_int(None) is None
    assert utils.to_float(None) is None


# Readings of a clock


@pytest.mark.parametrize("zone", [NEW_YORK, NEW_YORK_PYTZ], ids=["zoneinfo", "pytz"])
@pytest.mark.parametrize(
    ("reading", "fold", "instant"),
    [
        (datetime(2024, 7, 1, 12), 0, datetime(2024, 7, 1, 16)),
        (REPEATED, 0, datetime(2024, 11, 3, 5, 30)),
        (REPEATED, 1, datetime(2024, 11, 3, 6, 30)),
        (SKIPPED, 0, datetime(2024, 3, 10, 7, 30)),
        (SKIPPED, 1, datetime(2024, 3, 10, 6, 30)),
    ],
)
def test_a_reading_is_the_same_instant_in_either_library(zone, reading, fold, instant):
    assert utils.localize(reading.replace(fold=fold), zone).astimezone(UTC) == instant.replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", [NEW_YORK, NEW_YORK_PYTZ], ids=["zoneinfo", "pytz"])
def test_a_skipped_reading_becomes_one_that_exists(zone):
    normal = utils.normalize(utils.localize(SKIPPED, zone))
    assert (normal.hour, normal.minute) == (3, 30)


# Zones


def test_utc_is_the_one_of_the_standard_library():
    assert utils.to_timezone("UTC") is UTC
    assert utils.to_timezone("Etc/UTC") is UTC


def test_a_zone_comes_by_name_or_as_it_is():
    assert utils.to_timezone("Europe/London") is LONDON
    assert utils.to_timezone(NEW_YORK_PYTZ) is NEW_YORK_PYTZ
    assert utils.to_timezone(None) is None


@pytest.mark.parametrize("name", ["Mars/Phobos", "Europe", "../etc/passwd", "", "x" * 10_000])
def test_an_unknown_zone_is_named(name):
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError, match="Expected the name of a time zone") as caught:
        utils.to_timezone(name)
    assert repr(name[:80]) in caught.value.args[0]
    assert len(str(caught.value)) < 300


def test_what_is_no_zone_is_refused():
    with pytest.raises(TypeError, match="Expected tzinfo, got int instead"):
        utils.to_timezone(5)


def test_the_fallback_is_looked_up_at_each_call(monkeypatch):
    monkeypatch.setattr(utils, "get_localzone", lambda: NEW_YORK)
    assert utils.to_timezone_with_fallback(None) is NEW_YORK
    assert utils.to_timezone_with_fallback("Europe/London") is LONDON


SUMMER, WINTER = datetime(2024, 7, 1), datetime(2024, 1, 1)


@pytest.mark.parametrize(
    ("text", "winter", "summer"),
    [
        ("Europe/London", 0, 1),
        (":Europe/London", 0, 1),
        ("", 0, 0),
        ("UTC", 0, 0),
        ("UTC0", 0, 0),
        ("EST5EDT", -5, -4),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 1, 2),
        ("<+0330>-3:30", 3.5, 3.5),
    ],
)
def test_the_variable_tz_is_a_name_or_a_rule(monkeypatch, text, winter, summer):
    monkeypatch.setenv("TZ", text)
    zone = utils.get_localzone()
    found = [at.replace(tzinfo=zone).utcoffset() for at in (WINTER, SUMMER)]
    assert found == [timedelta(hours=winter), timedelta(hours=summer)]
    assert utils.get_localzone() is zone


def test_a_variable_tz_that_says_nothing_is_utc_with_a_warning(monkeypatch):
    monkeypatch.setenv("TZ", "what?")
    localzone._zone_of_rule.cache_clear()
    with pytest.warns(UserWarning, match=r"TZ is 'what\?'"):
        assert utils.get_localzone() is UTC


@pytest.fixture
def zone_file(tmp_path):
    """A folder like the system's zone data, with one zone."""
    path = tmp_path / "zoneinfo" / "Europe" / "Berlin"
    path.parent.mkdir(parents=True)
    path.write_bytes(_zone_data("Europe/Berlin"))
    return path


def _zone_data(name: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        if os.path.exists(os.path.join(folder, name)):
            with open(os.path.join(folder, name), "rb") as file:
                return file.read()
    return importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def test_the_variable_tz_may_be_a_file(monkeypatch, zone_file):
    monkeypatch.setenv("TZ", f":{zone_file}")
    assert utils.get_localzone() is BERLIN


def test_a_link_into_the_zone_data_names_the_zone(tmp_path, zone_file):
    link = tmp_path / "localtime"
    link.symlink_to(zone_file)
    assert localzone._zone_of_files(str(link), str(tmp_path / "missing")) is BERLIN


def test_a_copy_gets_its_name_from_etc_timezone_where_they_agree(tmp_path, zone_file):
    copy, name = tmp_path / "localtime", tmp_path / "timezone"
    copy.write_bytes(zone_file.read_bytes())
    name.write_text("Europe/Berlin\n")
    assert localzone._zone_of_files(str(copy), str(name)) is BERLIN


def test_a_copy_is_believed_against_etc_timezone(tmp_path, zone_file):
    copy, name = tmp_path / "localtime", tmp_path / "timezone"
    copy.write_bytes(zone_file.read_bytes())
    name.write_text("Etc/UTC\n")
    zone = localzone._zone_of_files(str(copy), str(name))
    assert SUMMER.replace(tzinfo=zone).utcoffset() == timedelta(hours=2)
    assert localzone._zone_of_files(str(copy), str(name)) is zone


def test_etc_timezone_is_the_last_resort(tmp_path):
    name = tmp_path / "timezone"
    name.write_text("Europe/Berlin  # here\n")
    assert localzone._zone_of_files(str(tmp_path / "missing"), str(name)) is BERLIN
    name.write_text("nonsense\n")
    assert localzone._zone_of_files(str(tmp_path / "missing"), str(name)) is UTC


def test_windows_without_tzlocal_has_the_offset_of_now_with_a_warning(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(localzone.sys, "platform", "win32")
    monkeypatch.setitem(localzone.sys.modules, "tzlocal", None)
    with pytest.warns(UserWarning, match="install tzlocal"):
        zone = utils.get_localzone()
    assert zone.utcoffset(None) == datetime.now().astimezone().utcoffset()


@pytest.mark.process
def test_without_zone_data_the_local_zone_is_utc_and_nothing_of_zoneinfo_is_loaded(run_python):
    code = """
    import os
    os.environ["TZ"] = ""
    from asyncz.utils import get_localzone, to_timezone
    print(get_localzone(), to_timezone("UTC"), "zoneinfo" in new_modules())
    """
    assert run_python(code) == "UTC UTC False"


# Datetimes out of text and dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2009-7-6", datetime(2009, 7, 6)),
        ("2009-07-06 05:03", datetime(2009, 7, 6, 5, 3)),
        ("2009-07-06 05:03:59", datetime(2009, 7, 6, 5, 3, 59)),
        ("2009-07-06T5:3:9", datetime(2009, 7, 6, 5, 3, 9)),
        ("2009-07-06T05:03:59.5", datetime(2009, 7, 6, 5, 3, 59, 500_000)),
        ("2009-07-06T05:03:59.000005", datetime(2009, 7, 6, 5, 3, 59, 5)),
        ("2009-07-06T05:03:59.123456789", datetime(2009, 7, 6, 5, 3, 59, 123_456)),
    ],
)
def test_a_text_without_a_zone_is_read_in_the_one_given(text, expected):
    assert utils.to_datetime(text, "Europe/London", "arg") == expected.replace(tzinfo=LONDON)
    assert utils.to_datetime(text, None, "arg", require_tz=False) == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [("2009-07-06 05:03Z", 0), ("2009-07-06T05:03:00+02:30", 150), ("2009-07-06T05:03:00.0-0100", -60)],
)
def test_a_zone_in_the_text_beats_the_argument(text, offset):
    found = utils.to_datetime(text, "America/New_York", "arg")
    assert found.utcoffset() == timedelta(minutes=offset)
    assert found.replace(tzinfo=None) == datetime(2009, 7, 6, 5, 3)


@pytest.mark.parametrize(
    "text",
    [
        "", "2009", "2009-07", "2009-07-06 ", " 2009-07-06", "2009-07-06x", "2009-07-06\n", "2009-07-06T05",
        "2009-07-06T05:03:59.", "2009-07-06Z", "2009-13-06", "2009-02-30", "2009-07-06 24:00",
        "2009-07-06T05:03+24:00", "٢٠٠٩-07-06", "9" * 10_000,
    ],
)  # fmt: skip
def test_another_text_is_refused_with_the_argument_named(text):
    with pytest.raises(ValueError, match="Invalid date string for run_at") as caught:
        utils.to_datetime(text, UTC, "run_at")
    assert len(str(caught.value)) < 300


def test_dates_are_midnight_and_aware_datetimes_stay_as_they_are():
    aware = datetime(2024, 1, 1, tzinfo=NEW_YORK)
    assert utils.to_datetime(date(2024, 1, 1), LONDON, "arg") == datetime(2024, 1, 1, tzinfo=LONDON)
    assert utils.to_datetime(aware, LONDON, "arg") is aware
    assert utils.to_datetime(None, None, "arg") is None


def test_a_missing_zone_and_another_type_are_refused():
    with pytest.raises(ValueError, match="Expected a time zone for run_at"):
        utils.to_datetime("2024-01-01", None, "run_at")
    with pytest.raises(TypeError, match=r"Unsupported type for run_at: .* got int"):
        utils.to_datetime(5, UTC, "run_at")


def test_the_pattern_of_dates_is_anchored():
    assert utils.DATE_REGEX.match("2024-01-01 10:00Z")
    assert not utils.DATE_REGEX.match("2024-01-01 10:00Z!")
    with pytest.raises(AttributeError, match="no_such_name"):
        utils.no_such_name  # noqa: B018


def test_nothing_here_takes_long_for_hostile_text():
    begin = time.thread_time()
    for text in ("1-" * 5000, "2009-07-06 " * 1000, "2009-07-06T05:03:59." + "1" * 10_000):
        with pytest.raises(ValueError, match="Invalid date"):
            utils.to_datetime(text, UTC, "arg")
    assert time.thread_time() - begin < 0.5


def test_a_zone_that_is_neither_library_is_read_by_its_offset():
    class Odd(tzinfo):
        def utcoffset(self, _at):
            return timedelta(seconds=90)

        def dst(self, _at):
            return None

        def tzname(self, _at):
            return "ODD"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = utils.to_datetime("1970-01-01 00:01:30", Odd(), "arg")
    assert utils.to_microseconds(found) == 0

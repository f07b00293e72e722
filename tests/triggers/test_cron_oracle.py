"""CronTrigger against the oracle: any expression, around any change of the clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import oracle
import pytest
import pytz
from hypothesis import assume, example, given
from hypothesis import strategies as st

from asyncz.triggers import CronTrigger

UTC = timezone.utc
ZONES = [
    *map(ZoneInfo, ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")),
    *map(ZoneInfo, ("America/St_Johns", "Africa/Casablanca", "Europe/Dublin", "Africa/Monrovia", "Pacific/Kwajalein")),
    *map(pytz.timezone, ("America/New_York", "Pacific/Apia")),
    pytz.FixedOffset(-90),
    UTC,
    timezone(timedelta(hours=5, minutes=30)),
]
#: Years in which these zones changed their clocks in remarkable ways, and ordinary ones.
YEARS = (1972, 1986, 1993, 2006, 2011, 2018, 2024, 2036, 2060)


def changes(zone):
    found = []
    for year in YEARS:
        first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
        days = [first + day * oracle.A_DAY for day in range(367)]
        offsets = [oracle.offset_at(zone, day) for day in days]
        for day, one, other in zip(days, offsets, offsets[1:], strict=False):
            if one != other:
                found += [begin for begin, _, _ in oracle.stretches(zone, day, day + oracle.A_DAY)[1:]]
    return found or [0]


CHANGES = {id(zone): changes(zone) for zone in ZONES}


@st.composite
def instants(draw):
    """A zone, and an instant in it: often near a change of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    near = st.sampled_from(CHANGES[id(zone)]).flatmap(
        lambda at: st.integers(-100_000, 100_000).map(lambda seconds: at + seconds)
    )
    seconds = draw(st.one_of(st.sampled_from(CHANGES[id(zone)]), near, st.integers(0, 3_000_000_000)))
    return zone, (oracle.EPOCH + timedelta(0, seconds, draw(st.sampled_from([0, 1, 999_999])))).astimezone(zone)


def item(least, most, names=()):
    def spelt(value):
        return st.sampled_from([str(value), f"0{value}", *names[value - least : value - least + 1]])

    values = st.integers(least, most)
    spans = st.tuples(values, values).map(sorted)
    return st.one_of(
        st.just("*"),
        values.flatmap(spelt),
        st.integers(1, most - least).map("*/{}".format),
        spans.flatmap(lambda span: st.tuples(*map(spelt, span))).map("-".join),
        spans.filter(lambda span: span[0] < span[1]).flatmap(
            lambda span: st.integers(1, span[1] - span[0]).map(lambda step: f"{span[0]}-{span[1]}/{step}")
        ),
        st.integers(least, most - 1).flatmap(
            lambda first: st.integers(1, most - first).map(lambda step: f"{first}/{step}")
        ),
    )


def field(least, most, names=(), *others):
    items = st.one_of(item(least, most, names), st.sampled_from(others)) if others else item(least, most, names)
    return st.lists(items, min_size=1, max_size=3).map(",".join)


PLACES = ("last", "last sun", "1st mon", "2nd sun", "5th fri", "4th  THU")
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "year": st.sampled_from(["*", "2011", "*/2", "1970-2040", "1993,2011,2024"]),
        "month": field(1, 12, oracle.MONTHS),
        "day": field(1, 31, (), *PLACES),
        "week": field(1, 53),
        "day_of_week": field(0, 6, oracle.DAYS, "fri-mon", "sat-wed/2", "Sun-sun"),
        "hour": st.one_of(field(0, 23), st.integers(0, 3).map(str)),
        "minute": field(0, 59),
        "second": field(0, 59),
    },
).filter(bool)
CRONTABS = st.tuples(
    field(0, 59),
    st.one_of(field(0, 23), st.integers(0, 3).map(str)),
    st.one_of(st.just("*"), field(1, 31, (), "last")),
    st.one_of(st.just("*"), field(1, 12, oracle.MONTHS)),
    st.one_of(st.just("*"), field(0, 7, [oracle.DAYS[6], *oracle.DAYS[:6]], "sat-mon", "thu-tue/3")),
).map(" ".join)

SOON = timedelta(days=120)


def check(trigger, expression, zone, now):
    previous = None
    for _ in range(4):
        found = trigger.get_next_trigger_time(None, previous, now)
        expected = oracle.first_fire(expression, zone, previous, now, within=SOON)
        if expected is None:
            since = now if previous is None else max(now, previous, key=lambda time: time.astimezone(UTC))
            assert found is None or found.astimezone(UTC) > since.astimezone(UTC) + SOON - timedelta(days=1)
            return
        assert found is not None
        assert found.astimezone(UTC) == expected
        shown = expected.astimezone(zone)
        assert (found.replace(tzinfo=None), found.fold, found.utcoffset(), found.tzname()) == (
            shown.replace(tzinfo=None), shown.fold, shown.utcoffset(), shown.tzname(),
        )  # fmt: skip
        previous = found
        if found.astimezone(UTC) > now.astimezone(UTC):
            now = found


@given(FIELDS, instants())
def test_named_fields_fire_as_the_oracle_says(fields, at):
    zone, now = at
    check(CronTrigger(timezone=zone, **fields), oracle.Expression.of(**fields), zone, now)


@given(CRONTABS, instants())
@example("30 1 * * *", (ZONES[1], datetime(2024, 11, 3, 5, 59, tzinfo=UTC)))
@example("30 2 * * *", (ZONES[1], datetime(2024, 3, 10, 7, tzinfo=UTC)))
def test_a_crontab_fires_as_the_oracle_says(expr, at):
    zone, now = at
    check(CronTrigger.from_crontab(expr, timezone=zone), oracle.Expression.crontab(expr), zone, now)


@given(CRONTABS, instants(), st.timedeltas(timedelta(-3), timedelta(3)), st.timedeltas(timedelta(-3), timedelta(3)))
def test_any_previous_time_and_any_bounds_are_kept_to(expr, at, behind, ahead):
    zone, now = at
    previous, end = now.astimezone(UTC) - behind, now.astimezone(UTC) + ahead
    trigger = CronTrigger.from_crontab(expr, timezone=zone, end_at=end)
    found = trigger.get_next_trigger_time(None, previous, now)
    expected = oracle.first_fire(oracle.Expression.crontab(expr), zone, previous, now, end_at=end)
    assert found == expected if found is None else found.astimezone(UTC) == expected
    bounded = CronTrigger.from_crontab(expr, timezone=zone, start_at=end)
    found = bounded.get_next_trigger_time(None, None, now)
    expected = oracle.first_fire(oracle.Expression.crontab(expr), zone, None, now, start_at=end, within=SOON)
    assert expected is None or found.astimezone(UTC) == expected


LETTERS = st.text("*/-,019 \tmonfrijalst2d:", max_size=9)


@given(st.sampled_from(oracle.NAMES), st.one_of(LETTERS, st.text(max_size=4)))
@example("day_of_week", "6-sun")
@example("day_of_week", "sun-0")
@example("day", "last/2")
@example("second", "1st fri")
def test_the_same_texts_are_accepted(name, text):
    try:
        expected = oracle.Expression.of(**{name: text})
    except ValueError:
        with pytest.raises(ValueError, match="Error validating"):
            CronTrigger(**{name: text})
    else:
        now = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
        found = CronTrigger(**{name: text}).get_next_trigger_time(UTC, None, now)
        first = oracle.first_fire(expected, UTC, None, now)
        assert first is None or found == first


@given(st.one_of(LETTERS, item(0, 7, [oracle.DAYS[6], *oracle.DAYS[:6]])))
@example("6-1")
@example("sat-7")
@example("7-7/1")
@example("0-7/7")
def test_the_same_weekdays_of_a_crontab_are_accepted(text):
    assume(text.split(" ") == [text])
    assume(text.split() == [text])
    expr = f"0 0 * * {text}"
    try:
        expected = oracle.Expression.crontab(expr)
    except ValueError:
        with pytest.raises(ValueError, match="Error validating"):
            CronTrigger.from_crontab(expr)
    else:
        start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 14, tzinfo=UTC)
        trigger, found = CronTrigger.from_crontab(expr, timezone=UTC, end_at=end), []
        at = trigger.get_next_trigger_time(None, None, start)
        while at is not None:
            found.append(int(at.timestamp()))
            at = trigger.get_next_trigger_time(None, at, at)
        assert found == oracle.fires_between(expected, UTC, start, end)


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("expr", ["*/20 * * * *", "15 2 * * *", "0 0 1 * 5", "30 1-3 last * *"])
def test_a_year_of_runs_is_complete(expr, zone):
    zone = ZoneInfo(zone)
    start, end = datetime(2011, 6, 1, tzinfo=UTC), datetime(2012, 6, 1, tzinfo=UTC)
    trigger, found = CronTrigger.from_crontab(expr, timezone=zone, end_at=end), []
    at = trigger.get_next_trigger_time(None, None, start)
    while at is not None:
        found.append(int(at.timestamp()))
        at = trigger.get_next_trigger_time(None, at, at)
    assert found == oracle.fires_between(oracle.Expression.crontab(expr), zone, start, end)

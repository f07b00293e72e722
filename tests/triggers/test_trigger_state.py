"""What all triggers share: texts, equality, pickle, state, refused arguments, and the contract with a scheduler."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import random
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import pytz

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
from asyncz.triggers.base import next_times

UTC = timezone.utc
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Every(BaseTrigger):
    """A user's trigger in the fewest lines."""

    def __init__(self, n):
        self.n = n

    def get_next_trigger_time(self, timezone, previous_time, now=None):
        return (previous_time or now) + timedelta(seconds=self.n)


class Underscored(Every):
    def __init__(self, n, *, label="x"):
        super().__init__(n)
        self._label = label


class Labelled(IntervalTrigger):
    """Adds an argument to one of ours, and hands on the others."""

    def __init__(self, label, **others):
        super().__init__(**others)
        self.label = label


class Shrunk(CronTrigger):
    """Takes other arguments than the class that it is made from."""

    def __init__(self, at):
        super().__init__(hour=at, timezone=UTC)
        self.at = at


class Forgetful(Every):
    def __init__(self, n, lost):
        super().__init__(n)


def makers():
    return [
        lambda: DateTrigger("2024-05-01 10:00", "Europe/London"),
        lambda: DateTrigger("2024-05-01 10:00"),
        lambda: DateTrigger(),
        lambda: IntervalTrigger(minutes=5),
        lambda: IntervalTrigger(weeks=1, seconds=1.000001, jitter=3, timezone="Europe/London"),
        lambda: IntervalTrigger(hours=1, start_at="2024-05-01T10:00:00+02:00", end_at=datetime(2025, 1, 1)),
        lambda: IntervalTrigger(start_at="2024-05-01", end_at="2024-06-01"),
        lambda: CronTrigger(hour=8, minute="*/5", day_of_week="MON-fri"),
        lambda: CronTrigger(day="last, 2nd  tue", jitter=0.5, start_at="2024-01-01", timezone="Europe/London"),
        lambda: CronTrigger.from_crontab("0 8 13 * 5"),
        lambda: CronTrigger.from_crontab("0 8 * * 7", timezone=pytz.timezone("Europe/London"), jitter=9),
        lambda: AndTrigger([CronTrigger(hour=8), IntervalTrigger(hours=1)], jitter=5),
        lambda: OrTrigger([DateTrigger("2024-05-01"), AndTrigger([Every(3)])], timezone="Europe/London"),
        ShutdownTrigger,
        lambda: Every(3),
        lambda: Every([1, 2]),
        lambda: Underscored(3, label="y"),
        lambda: Labelled("a", seconds=5, end_at="2025-01-01", timezone=UTC),
        lambda: Shrunk(8),
    ]


MADE = pytest.mark.parametrize("make", makers(), ids=lambda make: repr(make()))


@MADE
def test_equal_arguments_make_equal_triggers(make):
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() not in (Every(99), "text", None)
    assert not make() != make()  # noqa: SIM202


def test_other_arguments_make_other_triggers():
    made = [make() for make in makers()]
    assert all(one != other for at, one in enumerate(made) for other in made[:at])


@MADE
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_a_trigger_and_what_was_filled_in(make, protocol):
    for trigger in (make(), make().anchored(NOW, LONDON)):
        kept = pickle.loads(pickle.dumps(trigger, protocol))
        assert kept == trigger
        assert type(kept) is type(trigger)
        assert repr(kept) == repr(trigger)
        assert next_times_of(kept) == next_times_of(trigger)


def next_times_of(trigger):
    random.seed(5)
    # A list as an argument is fine for a user's trigger, but it cannot be added to a time.
    return None if trigger == Every([1, 2]) else next_times(trigger, LONDON, None, NOW)


@MADE
def test_the_state_makes_an_equal_trigger(make):
    for trigger in (make(), make().anchored(NOW, LONDON), copy.copy(make()), copy.deepcopy(make())):
        state = trigger.get_state()
        kept = type(trigger).from_state(state)
        assert kept == trigger
        assert repr(kept) == repr(trigger)
        assert kept.get_state() == state == trigger.get_state()


@MADE
def test_a_stored_trigger_equals_the_fresh_one_that_it_was_made_from(make):
    anchored = make().anchored(NOW, LONDON)
    assert anchored == make()
    assert hash(anchored) == hash(make())
    assert anchored.anchored(NOW + timedelta(days=1), LONDON) is anchored


def test_the_state_is_made_of_simple_values():
    states = [make().anchored(NOW, LONDON).get_state() for make in makers()]
    simple = (str, int, float, bool, datetime, type(UTC), ZoneInfo, pytz.tzinfo.BaseTzInfo)
    for state in states:
        for name, value in state.items():
            assert isinstance(name, str)
            values = value if isinstance(value, list) else [value]
            assert all(isinstance(each, (*simple, BaseTrigger)) for each in values), value
    assert json.dumps(IntervalTrigger(minutes=5).anchored(NOW, UTC).get_state()) == (
        '{"seconds": 300, "anchored_at": 1704110700000000}'
    )


def test_zones_of_both_libraries_are_one_zone_by_name():
    assert IntervalTrigger(timezone=pytz.timezone("Europe/London")) == IntervalTrigger(timezone=LONDON)
    assert IntervalTrigger(timezone=UTC) != IntervalTrigger(timezone=LONDON)


def test_one_instant_in_two_zones_is_the_same_bound():
    one = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert IntervalTrigger(start_at=one, timezone=UTC) == IntervalTrigger(start_at=one.astimezone(LONDON), timezone=UTC)


def test_an_argument_that_nobody_keeps_is_named_when_it_is_needed():
    trigger = Forgetful(1, 2)
    with pytest.raises(TypeError, match="Forgetful keeps its argument 'lost' in no attribute"):
        trigger.get_state()
    same = trigger
    assert trigger == same
    assert trigger != Forgetful(1, 2)
    assert repr(trigger) == "<Forgetful (...)>"
    assert isinstance(hash(trigger), int)


def test_a_users_trigger_shows_its_arguments():
    assert repr(Underscored(3)) == "<Underscored (n=3, label='x')>"


# Texts


def test_triggers_say_what_they_are():
    start = "2022-11-03 18:40:00"
    date = DateTrigger(start, "Europe/London")
    interval = IntervalTrigger(seconds=1, start_at=start, timezone="Europe/London")
    cron = CronTrigger(month="2", hour="8-10")
    assert str(interval) == "interval[0:00:01]"
    assert str(date) == "date[2022-11-03 18:40:00 GMT]"
    assert str(cron) == "cron[month='2', hour='8-10']"
    assert str(AndTrigger([interval, cron])) == f"and[{interval}, {cron}]"
    assert str(OrTrigger([interval, cron])) == f"or[{interval}, {cron}]"
    assert str(ShutdownTrigger()) == "shutdown"
    assert repr(date) == "<DateTrigger (run_at='2022-11-03 18:40:00 GMT')>"
    assert repr(interval) == (
        "<IntervalTrigger (interval=datetime.timedelta(seconds=1), start_at='2022-11-03 18:40:00 GMT', "
        "timezone='Europe/London')>"
    )
    assert repr(AndTrigger([date], jitter=5)) == f"<AndTrigger([{date!r}], jitter=5)>"
    assert repr(OrTrigger([date, date], jitter=0)) == f"<OrTrigger([{date!r}, {date!r}])>"


def test_end_and_jitter_are_shown_when_they_are_set():
    bounds = {"start_at": "2022-11-03", "end_at": "2022-11-04", "timezone": "Europe/London", "jitter": 5}
    assert repr(IntervalTrigger(seconds=1, **bounds)) == (
        "<IntervalTrigger (interval=datetime.timedelta(seconds=1), start_at='2022-11-03 00:00:00 GMT', "
        "end_at='2022-11-04 00:00:00 GMT', jitter=5, timezone='Europe/London')>"
    )
    assert repr(CronTrigger(year="2009/2", month="1-4/3", **bounds)) == (
        "<CronTrigger (year='2009/2', month='1-4/3', start_at='2022-11-03 00:00:00 GMT', "
        "end_at='2022-11-04 00:00:00 GMT', jitter='5', timezone='Europe/London')>"
    )


# Refused arguments


@pytest.mark.parametrize(
    ("cls", "misspelt", "allowed"),
    [
        (IntervalTrigger, "minuts", "weeks, days, hours, minutes, seconds, start_at, end_at, timezone, jitter"),
        (CronTrigger, "hours", "year, month, day, week, day_of_week, hour, minute, second, start_at"),
        (DateTrigger, "run_date", "run_at, timezone"),
        (ShutdownTrigger, "seconds", "timezone"),
    ],
)
def test_a_misspelt_argument_is_named_with_the_allowed_ones(cls, misspelt, allowed):
    with pytest.raises(TypeError, match=f"{cls.__name__}: unexpected argument '{misspelt}'.*: {allowed}"):
        cls(**{misspelt: 5})


def test_a_misspelt_argument_of_a_combination_is_named():
    with pytest.raises(TypeError, match=r"unexpected argument 'jiter'.*: triggers, jitter, timezone\."):
        AndTrigger([Every(1)], jiter=5)
    with pytest.raises(TypeError, match="unexpected argument 'minuts'"):
        Labelled("a", minuts=5)


@pytest.mark.parametrize("cls", [IntervalTrigger, CronTrigger, DateTrigger])
def test_the_signature_names_every_argument(cls):
    parameters = inspect.signature(cls).parameters
    assert "timezone" in parameters
    assert parameters["unknown"].annotation == "NoReturn"  # so that a type checker refuses what is unknown


@pytest.mark.parametrize("jitter", [-1, float("nan"), float("inf")])
def test_a_jitter_that_makes_no_sense_is_refused(jitter):
    with pytest.raises(ValueError, match="jitter: expected a number of seconds that is not negative"):
        IntervalTrigger(jitter=jitter)


@pytest.mark.parametrize("jitter", ["5", True, timedelta(seconds=5)])
def test_a_jitter_that_is_no_number_is_refused(jitter):
    with pytest.raises(TypeError, match="jitter: expected a number of seconds or None"):
        CronTrigger(hour=1, jitter=jitter)


# The contract with a scheduler


def test_a_users_trigger_needs_one_method():
    assert Every(3).get_next_trigger_time(UTC, None, NOW) == NOW + timedelta(seconds=3)
    assert Every(3).get_nominal_time(UTC, None, NOW) == NOW + timedelta(seconds=3)
    assert next_times(Every(3), UTC, NOW, NOW) == (NOW + timedelta(seconds=3),) * 2
    assert Every(3).jitter is None
    assert Every(3).allow_mistrigger_by_default is False


def test_a_trigger_without_any_time_says_so():
    class Idle(BaseTrigger):
        pass

    with pytest.raises(NotImplementedError, match="Idle has to define get_next_trigger_time or get_nominal_time"):
        Idle().get_next_trigger_time(UTC, None, NOW)


def test_a_trigger_may_define_its_time_without_jitter_and_have_it_added(monkeypatch):
    class Nominal(BaseTrigger):
        jitter = 10

        def get_nominal_time(self, timezone, previous_time, now=None):
            return now

    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    assert next_times(Nominal(), UTC, None, NOW) == (NOW, NOW + timedelta(seconds=10))
    assert Nominal().get_next_trigger_time(UTC, None, NOW) == NOW + timedelta(seconds=10)


def test_a_trigger_of_the_bare_contract_is_asked_for_its_time():
    class Bare(TriggerType):
        def get_next_trigger_time(self, timezone, previous_time, now=None):
            return None if previous_time else now

        def apply_jitter(self, next_trigger_time, jitter, now):
            return next_trigger_time

    assert next_times(Bare(), UTC, None, NOW) == (NOW, NOW)
    assert next_times(Bare(), UTC, NOW, NOW) is None
    assert OrTrigger([Bare()]).anchored(NOW, UTC).get_next_trigger_time(UTC, None, NOW) == NOW


def test_a_subclass_of_ours_has_the_last_word(monkeypatch):
    class OnTheHour(IntervalTrigger):
        def get_next_trigger_time(self, timezone, previous_time, now=None):
            found = super().get_next_trigger_time(timezone, previous_time, now)
            return found.replace(minute=0)

    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    trigger = OnTheHour(hours=1, start_at=NOW + timedelta(minutes=7), jitter=60)
    assert next_times(trigger, UTC, None, NOW) == (NOW, NOW)


def test_jitter_only_delays_and_leaves_none_alone(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    trigger = IntervalTrigger(seconds=10)
    assert trigger.apply_jitter(NOW, 5, NOW) == NOW + timedelta(seconds=2.5)
    assert trigger.apply_jitter(None, 5, NOW) is None
    assert trigger.apply_jitter(NOW, None, NOW) is NOW
    assert trigger.apply_jitter(datetime.max.replace(tzinfo=UTC), 5, NOW) == datetime.max.replace(tzinfo=UTC)


def test_a_delay_over_a_change_of_the_clocks_is_elapsed_time(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    before = datetime(2024, 3, 31, 0, 59, 59, tzinfo=LONDON)
    assert str(IntervalTrigger().apply_jitter(before, 1, None)) == "2024-03-31 02:00:00+01:00"


def test_delays_do_not_add_up():
    trigger = IntervalTrigger(seconds=10, start_at=NOW, jitter=5)
    nominal = due = NOW
    for _ in range(100):
        nominal, due = next_times(trigger, UTC, nominal, due)
        assert timedelta(0) <= due - nominal <= timedelta(seconds=5)
    assert nominal == NOW + timedelta(seconds=1000)


@pytest.mark.parametrize(
    "make", [lambda **o: IntervalTrigger(minutes=1, **o), lambda **o: CronTrigger(minute="*", **o)]
)
def test_a_delay_past_the_end_is_no_run(monkeypatch, make):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    bounds = {"start_at": NOW, "end_at": NOW + timedelta(minutes=2)}
    times = next_times(make(jitter=60, **bounds), UTC, NOW, NOW)
    assert times == (NOW + timedelta(minutes=1), NOW + timedelta(minutes=2))
    assert next_times(make(jitter=61, **bounds), UTC, NOW, NOW) is None
    after = NOW + timedelta(minutes=1)
    assert next_times(make(jitter=60, **bounds), UTC, after, after) is None


@pytest.mark.parametrize(
    "trigger", [IntervalTrigger(), CronTrigger(hour=1), DateTrigger(), AndTrigger([CronTrigger(hour=1)])]
)
def test_without_now_and_a_previous_time_there_is_no_answer(trigger):
    with pytest.raises(TypeError, match=r"needs now: expected an aware datetime, got None\."):
        trigger.get_next_trigger_time(UTC, None)


def test_without_now_the_previous_time_does():
    assert IntervalTrigger(hours=1).get_next_trigger_time(UTC, NOW) == NOW + timedelta(hours=1)
    assert CronTrigger(hour=13).get_next_trigger_time(UTC, NOW) == NOW + timedelta(hours=1)


def test_without_any_zone_there_is_no_answer():
    with pytest.raises(TypeError, match=r"IntervalTrigger has no time zone of its own: expected one, got None\."):
        IntervalTrigger().get_next_trigger_time(None, None, NOW)


def test_a_shutdown_trigger_is_never_due():
    trigger = ShutdownTrigger(timezone="Europe/London")
    assert trigger.get_next_trigger_time(UTC, None, NOW) is None
    assert next_times(trigger, UTC, None, NOW) is None
    assert trigger.alias == "shutdown"


def test_a_million_intervals_fit_into_memory():
    trigger = IntervalTrigger(minutes=5, start_at=None, timezone=UTC).anchored(NOW, UTC)
    owned = [getattr(trigger, name) for cls in type(trigger).__mro__ for name in getattr(cls, "__slots__", ())]
    size = sys.getsizeof(trigger) + sum(sys.getsizeof(value) for value in owned if isinstance(value, int))
    assert not hasattr(trigger, "__dict__")
    assert size <= 250

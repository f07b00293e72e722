"""Triggers are stored by kind and state, and come back equal, with what was filled in."""

from __future__ import annotations

import datetime
import os
import random
import shutil
import time
import zoneinfo

import pytest
import pytz
from case_names import case_name
from things_to_store import Bare, Every, Forgetful, Named, job

from asyncz.exceptions import SerializationError, TaskUnavailableError
from asyncz.serializers import JSONSerializer, register_trigger
from asyncz.serializers import registry as registry_module
from asyncz.tasks import Task
from asyncz.triggers import (
    AndTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    ShutdownTrigger,
)
from asyncz.triggers.base import next_times
from asyncz.utils import get_localzone

UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
NOW = datetime.datetime(2024, 1, 1, 12, tzinfo=UTC)
SERIALIZER = JSONSerializer()

TRIGGERS = [
    DateTrigger("2024-05-01 10:00", "Europe/London"),
    DateTrigger("2024-05-01 10:00"),
    DateTrigger(),
    IntervalTrigger(minutes=5),
    IntervalTrigger(weeks=1, seconds=1.000001, jitter=3, timezone="Europe/London"),
    IntervalTrigger(hours=1, start_at="2024-05-01T10:00:00+02:00", end_at=datetime.datetime(2025, 1, 1)),
    IntervalTrigger(start_at="2024-05-01", end_at="2024-06-01"),
    CronTrigger(hour=8, minute="*/5", day_of_week="MON-fri"),
    CronTrigger(day="last, 2nd  tue", jitter=0.5, start_at="2024-01-01", timezone="Europe/London"),
    CronTrigger.from_crontab("0 8 13 * 5"),
    CronTrigger.from_crontab("0 8 * * 7", timezone=pytz.timezone("Europe/London"), start_at="2024-05-01", jitter=9),
    AndTrigger([CronTrigger(hour=8), IntervalTrigger(hours=1)], jitter=5),
    OrTrigger([DateTrigger("2024-05-01"), AndTrigger([Every(3)])], timezone="Europe/London"),
    Every(3),
    Every(5, start=NOW),
    OrTrigger([Every(3, start=[1, (2,)])]),
]  # fmt: skip


def task_of(trigger):
    return Task(job, id="x", trigger=trigger)


def there_and_back(trigger):
    return SERIALIZER.decode(SERIALIZER.encode(task_of(trigger))).load().trigger


def times_of(trigger):
    random.seed(5)
    return next_times(trigger, LONDON, None, NOW)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=repr)
def test_a_trigger_comes_back_equal_with_what_was_filled_in(trigger):
    for stored in (trigger, trigger.anchored(NOW, LONDON)):
        found = there_and_back(stored)
        assert type(found) is type(stored)
        assert found == stored
        assert times_of(found) == times_of(stored)
        assert SERIALIZER.encode(task_of(found)) == SERIALIZER.encode(task_of(stored))


def test_a_fixed_offset_of_another_library_is_one_of_the_standard_library():
    trigger = IntervalTrigger(timezone=pytz.FixedOffset(90), start_at="2024-05-01")
    found = there_and_back(trigger)
    assert found.timezone == datetime.timezone(datetime.timedelta(minutes=90))
    assert times_of(found) == times_of(trigger)


def test_a_deep_combination_comes_back():
    trigger = IntervalTrigger(hours=1)
    for _ in range(16):
        trigger = OrTrigger([trigger, CronTrigger(hour=3)])
    assert there_and_back(trigger) == trigger


def test_kinds_are_aliases_names_and_references():
    plain = SERIALIZER.decode(SERIALIZER.encode(task_of(AndTrigger([Every(3), CronTrigger(hour=1)])))).plain
    assert plain["trigger"] == ["and", {"triggers": [
        {"$trigger": ["things_to_store:Every", {"n": 3, "start": None}]}, {"$trigger": ["cron", {"hour": "1"}]},
    ]}]  # fmt: skip


# Users' classes


@pytest.fixture
def named(monkeypatch):
    monkeypatch.setattr(registry_module, "_TRIGGERS", {})
    monkeypatch.setattr(registry_module, "_TRIGGER_NAMES", {})
    return register_trigger(Named, "named")


@pytest.mark.usefixtures("named")
def test_a_registered_trigger_is_stored_under_its_name():
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(Named(3))))
    assert record.plain["trigger"] == ["named", {"n": 3, "start": None}]
    assert record.load().trigger == Named(3)


def test_a_trigger_that_is_not_registered_here_is_missing_and_not_damaged(named):
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(named(3))))
    registry_module._TRIGGERS.clear()
    with pytest.raises(TaskUnavailableError, match="No trigger is registered here under the name named"):
        record.load()


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("cls", "name", "error"),
    [
        (Every, "named", r"stands for things_to_store\.Named already"),
        (Every, "cron", "neither an alias of asyncz nor a reference"),
        (Every, "a:b", "neither an alias of asyncz nor a reference"),
        (Every, "", "Expected a name"),
        (dict, "x", "Expected a trigger class"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(cls, name, error):
    with pytest.raises((TypeError, ValueError), match=error):
        register_trigger(cls, name)


def test_a_registered_class_need_not_be_importable(named):
    class Local(Every):
        pass

    with pytest.raises(SerializationError, match=r"trigger is .*register_trigger"):
        SERIALIZER.encode(task_of(Local(3)))
    register_trigger(Local, "local")
    assert there_and_back(Local(3)) == Local(3)


@pytest.mark.parametrize(
    ("trigger", "argument", "reason"),
    [
        (Every(object()), "trigger.n", "it has no form in JSON"),
        (AndTrigger([Every({"a": object()})]), "trigger.triggers[0].n['a']", "it has no form in JSON"),
        (Forgetful(1, 2), "trigger", "Forgetful keeps its argument 'lost' in no attribute"),
        (Bare(), "trigger", r"Derive it from asyncz\.triggers\.BaseTrigger"),
        (ShutdownTrigger(), "trigger", "belongs to the scheduler that it was added to"),
        (None, "trigger", "nothing that says when it is due"),
    ],
    ids=case_name,
)
def test_a_trigger_that_cannot_be_stored_is_refused(trigger, argument, reason):
    with pytest.raises(SerializationError, match=reason) as caught:
        SERIALIZER.encode(task_of(trigger))
    assert caught.value.argument == argument


# The zone of a task


def test_zones_of_other_libraries_are_stored_by_name():
    task = task_of(Every(3))
    for zone, expected in [
        (pytz.timezone("Europe/London"), LONDON),
        (pytz.utc, UTC),
        (pytz.FixedOffset(90), datetime.timezone(datetime.timedelta(minutes=90))),
        (LONDON, LONDON),
        (UTC, UTC),
        (None, None),
    ]:
        task.timezone = zone
        assert SERIALIZER.decode(SERIALIZER.encode(task)).load().timezone == expected


def test_a_zone_that_is_the_rule_of_a_variable_is_stored_as_that_rule(monkeypatch):
    rule = "CET-1CEST,M3.5.0,M10.5.0/3"
    monkeypatch.setenv("TZ", rule)
    task = task_of(IntervalTrigger(minutes=5))
    task.timezone = get_localzone()
    record = SERIALIZER.decode(SERIALIZER.encode(task))
    assert record.plain["timezone"] == f"={rule}"
    zone = record.load().timezone
    summer = datetime.datetime(2024, 7, 1, tzinfo=zone)
    assert (zone.key, summer.utcoffset()) == (rule, datetime.timedelta(hours=2))


def test_a_zone_without_a_name_is_refused_with_what_to_do(tmp_path, monkeypatch):
    london = next(path for path in map(_zone_file, zoneinfo.TZPATH) if os.path.exists(path))
    copy = tmp_path / "localtime"
    shutil.copyfile(london, copy)
    monkeypatch.setenv("TZ", str(copy))
    task = task_of(IntervalTrigger(minutes=5))
    task.timezone = get_localzone()
    with pytest.raises(
        SerializationError, match=r"timezone is .*without a name.*timezone='Europe/London' on a"
    ) as caught:
        SERIALIZER.encode(task)
    assert caught.value.argument == "timezone"


def _zone_file(folder):
    return os.path.join(folder, "Europe", "London")


def test_a_zone_that_is_not_known_here_is_missing_and_not_damaged():
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(Every(3))))
    for zone in ("Europe/Atlantis", "../../etc/passwd", "Europe", "", "x" * 10_000, "nul\0"):
        record.plain["timezone"] = zone
        with pytest.raises(TaskUnavailableError, match=r"time zone .* is not known here"):
            record.load()


def test_encoding_and_loading_take_microseconds():
    """A bound that only a blunder breaks: measured are 12 microseconds each."""
    task = task_of(IntervalTrigger(minutes=5, timezone=UTC).anchored(NOW, UTC))
    payload = SERIALIZER.encode(task)
    began = time.thread_time()
    for _ in range(200):
        SERIALIZER.encode(task)
        SERIALIZER.decode(payload).load(0)
    assert (time.thread_time() - began) / 200 < 0.002

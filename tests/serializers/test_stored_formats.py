"""What a release has written, every later one can read: a file of each format is kept in ``formats/``.

A line is ``{"kind": ..., "name": ..., "record": ...}``. When a format changes, its number grows, the current file stays
as it is, and a new one is written: ``python tests/serializers/test_stored_formats.py`` prints it.
"""

from __future__ import annotations

import datetime
import decimal
import json
import pathlib
import uuid
import zoneinfo

import pytest
from things_to_store import Color, Every, Level, Money, Right, job

from asyncz.enums import RunState
from asyncz.serializers import JSONSerializer, PickleSerializer, Signer, register_type, run_from_dict, run_to_dict
from asyncz.serializers import registry as registry_module
from asyncz.serializers.definitions import VERSION
from asyncz.serializers.runs import RUN_VERSION
from asyncz.tasks import Task
from asyncz.tasks.runs import Run
from asyncz.triggers import AndTrigger, CronTrigger, DateTrigger, IntervalTrigger, OrTrigger

FORMATS = sorted((pathlib.Path(__file__).parent / "formats").glob("version-*.jsonl"))
UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
NOW = datetime.datetime(2024, 5, 1, 12, 0, 0, 1, UTC)
SIGNED = ("task", 1_704_110_400_000_000, None, 7, b"content", "text")


@pytest.fixture(autouse=True)
def money():
    """Money is registered, as it was when the files were written."""
    register_type(Money, "money", lambda money: [money.amount, money.currency], lambda parts: Money(*parts))
    yield
    registry_module.TYPE_NAMES.pop(Money)
    registry_module._TYPES.pop("money")


def task(id="task", timezone=UTC, **options):
    made = Task(job, **{"id": id, "trigger": IntervalTrigger(minutes=5, timezone=UTC), **options})
    made.timezone = timezone
    return made


def tasks():
    fixed = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
    return {
        "plain": task(),
        "settings": task(
            "Grüße", LONDON, name="a name", executor="pool", mistrigger_grace_time=1.5, coalesce=False,
            max_instances=3, recover=False,
        ),
        "no zone": task(timezone=None),
        "offset": task(timezone=fixed),
        "method": Task(Money(5, "EUR").pay, id="pay", args=[1], trigger=DateTrigger(NOW)),
        "anchored": task(trigger=IntervalTrigger(days=1, seconds=0.5).anchored(NOW, UTC)),
        "interval": task(trigger=IntervalTrigger(hours=1, start_at="2024-05-01", end_at=NOW, jitter=5)),
        "date": task(trigger=DateTrigger("2024-05-01 10:00", "Europe/London")),
        "date, naive": task(trigger=DateTrigger("2024-05-01 10:00")),
        "cron": task(trigger=CronTrigger(day="last", hour="*/2", timezone=LONDON, start_at="2024-01-01", jitter=1)),
        "crontab": task(trigger=CronTrigger.from_crontab("0 8 13 * 5")),
        "combination": task(
            trigger=OrTrigger([AndTrigger([CronTrigger(hour=8)], jitter=5), Every(3)], timezone=LONDON)
        ),
        "numbers": task(
            args=[True, 0, 2**63 - 1, 2**63, -(2**63) - 1, 1.5, -0.0, float("inf"), decimal.Decimal("1.10")]
        ),
        "texts": task(args=["ü", "\ud83d", b"\x00\xff", uuid.UUID(int=5), pathlib.PurePosixPath("/a")]),
        "containers": task(
            args=[[1], (1,), {"a": 1}, {1: (2,)}, {"$a": 1}, {3, 1, 2}, frozenset("ab")], kwargs={"$x": None}
        ),
        "enumerations": task(args=[Color.RED, Level.LOW, Right.READ | Right.WRITE]),
        "registered": task(args=[Money(decimal.Decimal("0.10"), "EUR")]),
        "times": task(
            args=[
                NOW, NOW.replace(tzinfo=None), NOW.astimezone(fixed), NOW.astimezone(LONDON),
                datetime.datetime(2024, 10, 27, 1, 30, tzinfo=LONDON, fold=1), NOW.date(), datetime.time(10, 5),
                datetime.time(10, tzinfo=LONDON, fold=1), datetime.timedelta(days=-1, microseconds=1), LONDON, UTC,
                datetime.timezone(datetime.timedelta(hours=1), "CET"), fixed,
            ]
        ),
        "trigger": task(args=[CronTrigger(hour=8)]),
    }  # fmt: skip


def runs():
    live = Run("r1", "task", "name", "default", "pool", [NOW, NOW + datetime.timedelta(1)], "host/1", NOW, "schedule")
    ended = Run(5, "task", None, "default", "pool", [], "host/1", NOW, "manual")
    ended.state, ended.started_at, ended.finished_at, ended.error = RunState.ERROR, NOW, NOW, "ValueError: ü"
    return {"live": live, "ended": ended}


def written():
    """Return the lines of the current format."""
    serializer = JSONSerializer()
    made = [("task", name, json.loads(serializer.encode(task))) for name, task in tasks().items()]
    # Protocol 2 is the same bytes on every Python.
    made += [("pickled", "plain", json.loads(PickleSerializer(2).encode(task(args=[(1, 2)]))))]
    made += [("run", name, run_to_dict(run)) for name, run in runs().items()]
    made += [("signature", "key", Signer("key").sign(*SIGNED).hex())]
    return [json.dumps({"kind": kind, "name": name, "record": record}) for kind, name, record in made]


def lines(path, kind):
    """Return the records of a kind by name."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["name"]: line["record"] for line in found if line["kind"] == kind}


each_format = pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.stem)


def test_there_is_a_file_of_the_current_format():
    assert VERSION == RUN_VERSION == len(FORMATS) > 0
    assert FORMATS[-1].stem == f"version-{VERSION}"


def test_the_current_format_is_what_it_was():
    assert written() == FORMATS[-1].read_text(encoding="utf-8").splitlines()


@each_format
def test_tasks_of_a_released_format_can_be_read(path):
    records = lines(path, "task")
    assert records.keys() == tasks().keys()
    serializer = JSONSerializer()
    for name, expected in tasks().items():
        found = serializer.decode(json.dumps(records[name]).encode()).load()
        assert serializer.encode(found) == serializer.encode(expected), name
        assert (found.fn_reference, found.trigger) == (expected.fn_reference, expected.trigger), name


@each_format
def test_pickled_tasks_of_a_released_format_can_be_read(path):
    (record,) = lines(path, "pickled").values()
    found = PickleSerializer().decode(json.dumps(record).encode()).load()
    assert (found.args, found.trigger) == (((1, 2),), IntervalTrigger(minutes=5, timezone=UTC))


@each_format
def test_runs_of_a_released_format_can_be_read(path):
    records = lines(path, "run")
    assert records.keys() == runs().keys()
    for name, expected in runs().items():
        assert run_to_dict(run_from_dict(records[name])) == run_to_dict(expected)


@each_format
def test_signatures_of_a_released_format_are_verified(path):
    (signature,) = lines(path, "signature").values()
    Signer("key").verify(bytes.fromhex(signature), *SIGNED)


if __name__ == "__main__":
    register_type(Money, "money", lambda money: [money.amount, money.currency], lambda parts: Money(*parts))
    print(*written(), sep="\n")

"""What is told of a record without importing anything, what is missing here, and what is damaged."""

from __future__ import annotations

import copy
import datetime
import json
import pickle
import sys
import zoneinfo

import pytest
import things_to_store
from hypothesis import example, given
from hypothesis import strategies as st
from things_to_store import Money, job

from asyncz import __version__
from asyncz.exceptions import (
    NewerFormatError,
    SerializationError,
    TaskUnavailableError,
    UnreadableRecordError,
)
from asyncz.serializers import JSONSerializer, PickleSerializer, Serializer, TaskRecord, get_serializer, task_to_dict
from asyncz.tasks import Task, TaskInfo
from asyncz.triggers import CronTrigger, IntervalTrigger

UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
SERIALIZER = JSONSerializer()
DUE = 1_704_110_400_000_000


def a_task(**options):
    given = {
        "id": "x",
        "name": "the name",
        "args": [1, (2,)],
        "kwargs": {"a": {3}},
        "trigger": CronTrigger(hour=8),
        "executor": "pool",
        "mistrigger_grace_time": 30,
        "coalesce": False,
        "max_instances": 3,
        "recover": False,
    }
    task = Task(job, **{**given, **options})
    task.timezone = LONDON
    return task


def plain_of(**changes):
    return {**task_to_dict(a_task()), **changes}


def test_a_task_comes_back_with_all_its_attributes():
    task = a_task()
    loaded = SERIALIZER.decode(SERIALIZER.encode(task)).load(DUE, "durable")
    names = ["id", "name", "fn", "fn_reference", "args", "kwargs", "trigger", "executor", "mistrigger_grace_time"]
    for name in [*names, "coalesce", "max_instances", "recover", "timezone"]:
        assert getattr(loaded, name) == getattr(task, name), name
    assert (loaded.submitted, loaded.pending, loaded.store_alias, loaded.scheduler) == (True, False, "durable", None)
    assert loaded.next_run_time == datetime.datetime(2024, 1, 1, 12, tzinfo=LONDON)
    assert loaded.next_run_time.tzinfo is LONDON
    assert loaded.paused is False
    assert TaskInfo.of(loaded).callable_reference == "things_to_store:job"


def test_without_a_due_time_a_task_is_paused():
    assert SERIALIZER.decode(SERIALIZER.encode(a_task())).load().paused is True


def test_the_next_run_time_is_shown_in_the_zone_of_the_trigger():
    tokyo = zoneinfo.ZoneInfo("Asia/Tokyo")
    record = SERIALIZER.decode(SERIALIZER.encode(a_task(trigger=CronTrigger(hour=8, timezone=tokyo))))
    assert record.load(DUE).next_run_time.tzinfo is tokyo


def test_a_grace_time_without_end_is_none():
    record = SERIALIZER.decode(SERIALIZER.encode(a_task(mistrigger_grace_time=float("inf"))))
    assert record.load().mistrigger_grace_time is None


@pytest.mark.parametrize(
    ("fn", "args"),
    [
        ("things_to_store:job", ()),
        ("builtins:print", ()),
        ("things_to_store:Money.mint", ()),
        (Money.mint, ()),
        (Money, (1, 2)),
        (print, ()),
        (len, ("a",)),
        (str.upper, ("a",)),
    ],
    ids=str,
)
def test_callables_are_stored_by_reference(fn, args):
    task = Task(fn, id="x", args=args, trigger=CronTrigger(hour=8))
    assert SERIALIZER.decode(SERIALIZER.encode(task)).load().fn == task.fn


class Subclass(Task):
    __slots__ = ()


@pytest.mark.parametrize(
    ("task", "argument", "reason"),
    [
        (Task(lambda: 0, id="x"), "fn", "no reference to a lambda.*module:name"),
        (Task(id="x"), "fn", "Expected a callable"),
        (Task(job), "trigger", "nothing that says when it is due"),
        (Task(job, id="\ud800", trigger=CronTrigger(hour=1)), "id", "halves of characters"),
        (Task(job, id="x", name="\ud800", trigger=CronTrigger(hour=1)), "name", "halves of characters"),
        (Task(job, id="x", executor="\ud800", trigger=CronTrigger(hour=1)), "executor", "halves of characters"),
        (Subclass(job, id="x"), "the task", "tasks of a subclass are not stored"),
    ],
)
def test_a_task_that_cannot_be_stored_is_refused(task, argument, reason):
    for serializer in (SERIALIZER, PickleSerializer()):
        with pytest.raises(SerializationError, match=reason) as caught:
            serializer.encode(task)
        assert caught.value.argument == argument
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), again.argument) == (str(caught.value), caught.value.argument)


def test_an_id_is_needed():
    task = a_task()
    task.id = None
    with pytest.raises(SerializationError, match="id is None"):
        SERIALIZER.encode(task)


def test_a_nested_function_is_refused_with_what_to_do():
    def nested():
        pass

    with pytest.raises(SerializationError, match=r"fn is <function .*nested function.*Give a function or method of a"):
        SERIALIZER.encode(Task(nested, id="x"))


# Read without importing


@pytest.fixture
def forgotten(monkeypatch):
    """A record whose module cannot be imported any more."""
    record = SERIALIZER.decode(SERIALIZER.encode(a_task()))
    monkeypatch.setitem(sys.modules, "things_to_store", None)
    return record


def test_a_record_tells_what_it_is_without_importing_anything(forgotten):
    record = SERIALIZER.decode(SERIALIZER.encode(forgotten))
    assert (record.id, record.name, record.executor, record.fn_reference) == (
        "x", "the name", "pool", "things_to_store:job",
    )  # fmt: skip
    assert repr(record) == "<TaskRecord (id=x fn=things_to_store:job)>"


def test_a_callable_that_cannot_be_imported_is_missing_and_not_damaged(forgotten):
    with pytest.raises(TaskUnavailableError, match=r"callable 'things_to_store:job' cannot be had here: .*imported"):
        forgotten.load(DUE)


@pytest.mark.parametrize(
    "reference", ["things_to_store:gone", "things_to_store:not_callable", "no_such_module:x", "nul\0:x", "no colon"]
)
def test_a_reference_that_leads_nowhere_is_missing_and_not_damaged(reference):
    with pytest.raises(TaskUnavailableError, match="here"):
        TaskRecord(plain_of(fn=reference)).load()


@pytest.mark.parametrize(
    "value",
    [
        {"$enum": ["things_to_store:Gone", "A"]},
        {"$enum": ["things_to_store:Color", "GREEN"]},
        {"$enum": ["things_to_store:Color", 5]},
        {"$enum": ["things_to_store:job", "A"]},
        {"$trigger": ["things_to_store:Gone", {}]},
        {"$trigger": ["things_to_store:Bare", {}]},
        {"$trigger": ["unknown", {}]},
        {"$type": ["unknown", 1]},
        {"$tzinfo": "Europe/Atlantis"},
        {"$windows_path": "C:"} if sys.platform != "win32" else {"$path": "/"},
    ],
    ids=str,
)
def test_what_a_value_names_may_be_missing_here(value):
    with pytest.raises(TaskUnavailableError):
        TaskRecord(plain_of(args=[[value]])).load()


def test_a_stand_in_shows_a_task_that_cannot_run_here(forgotten):
    for record in (forgotten, TaskRecord({**forgotten.plain, "trigger": ["gone", {}], "timezone": "Gone"})):
        task = record.stand_in(DUE, "durable")
        info = TaskInfo.of(task)
        assert (info.id, info.callable_reference, info.executor) == ("x", "things_to_store:job", "pool")
        assert (task.fn, task.args, task.pending, task.paused) == (None, (), False, False)
        assert task.next_run_time == datetime.datetime(2024, 1, 1, 12, tzinfo=UTC)
        assert (task.max_instances, task.coalesce, task.recover, task.mistrigger_grace_time) == (3, False, False, 30)
    assert forgotten.stand_in().trigger == CronTrigger(hour=8)
    assert forgotten.stand_in(10**30).next_run_time is None


def test_settings_are_changed_without_importing(forgotten):
    record = forgotten.changed({"name": "other", "max_instances": 1, "mistrigger_grace_time": None})
    assert record.stand_in().max_instances == 1
    assert (record.name, forgotten.name) == ("other", "the name")
    with pytest.raises(KeyError, match="args: these take the task itself"):
        forgotten.changed({"args": []})
    with pytest.raises(UnreadableRecordError, match="its max_instances is 0"):
        forgotten.changed({"max_instances": 0})


def test_references_into_the_package_hold_in_every_copy_of_it(monkeypatch):
    from asyncz.serializers import references

    monkeypatch.setattr(references, "PACKAGE", "app._vendor.timers")
    assert references.published("app._vendor.timers.utils:to_int") == "asyncz.utils:to_int"
    assert references.published("app._vendor.timers:x") == "asyncz:x"
    assert references.published("app._vendor.timers2:x") == "app._vendor.timers2:x"
    assert references.local("asyncz.utils:to_int") == "asyncz.utils:to_int"
    record = TaskRecord(plain_of(fn="asyncz.utils:to_int", args=[5], kwargs={}))
    assert record.load().fn(5) == 5


# Damaged


@pytest.mark.parametrize("name", sorted(plain_of()))
def test_a_record_without_one_of_its_parts_is_damaged(name):
    plain = plain_of()
    del plain[name]
    with pytest.raises(UnreadableRecordError, match=name):
        TaskRecord(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""), ("id", 5), ("name", ""), ("fn", None), ("timezone", 5), ("executor", 5), ("max_instances", 0),
        ("max_instances", True), ("max_instances", 1.5), ("mistrigger_grace_time", 0), ("mistrigger_grace_time", "1"),
        ("mistrigger_grace_time", float("nan")), ("coalesce", 1), ("recover", None), ("args", {}), ("kwargs", []),
        ("trigger", None), ("trigger", ["cron"]), ("trigger", ["cron", []]),
    ],
)  # fmt: skip
def test_a_part_of_the_wrong_kind_is_damage_that_is_named(name, value):
    with pytest.raises(UnreadableRecordError, match=f"its {name} is "):
        TaskRecord(plain_of(**{name: value}))


def test_more_than_belongs_there_is_damage():
    with pytest.raises(UnreadableRecordError, match=r"more than belongs there \(extra\)"):
        TaskRecord(plain_of(extra=1))


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"1", b"{", b"\xff", b'{"version":NaN}', b'"x"', None, 5, object(), "",
        b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000, pickle.dumps(1),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_payload_that_is_no_record_is_unreadable(payload):
    for serializer in (SERIALIZER, PickleSerializer()):
        with pytest.raises(UnreadableRecordError) as caught:
            serializer.decode(payload)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("version", [None, "1", 0, -1, True, 1.5, [1]])
def test_a_version_that_is_none_is_damage(version):
    with pytest.raises(UnreadableRecordError, match="record with a version") as caught:
        TaskRecord(plain_of(version=version))
    assert not isinstance(caught.value, NewerFormatError)


def test_a_later_format_is_named_with_ours_and_the_release():
    message = rf"The record has format 7, and asyncz {__version__} reads formats up to 1: a later release"
    with pytest.raises(NewerFormatError, match=message) as caught:
        SERIALIZER.decode(json.dumps({"version": 7, "of": "another kind"}).encode())
    assert (caught.value.found, caught.value.known) == (7, 1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


DAMAGED = [
    {"$nothing": 1}, {"$": 1}, {"$datetime": "2024-13-01"}, {"$datetime": "2024-01-01T00:00:00+00:00"},
    {"$datetime": ["2024-01-01", "Z", 2]}, {"$datetime": ["2024-01-01"]}, {"$datetime": 5}, {"$time": "1"},
    {"$datetime": ["0001-01-01T00:00:00+23:59", "America/New_York"]}, {"$time": ["10:00+01:00", None]},
    {"$date": 5}, {"$timedelta": [1]}, {"$timedelta": [1.5, 0, 0]}, {"$timedelta": [10**20, 0, 0]},
    {"$tzinfo": 5}, {"$tzinfo": "+99:00"}, {"$tzinfo": "=nonsense"}, {"$tzinfo": "+x"}, {"$tzinfo": ["+01:00", 5]},
    {"$bytes": "a"}, {"$bytes": "ü"}, {"$bytes": None}, {"$str": "/w=="}, {"$int": "x"}, {"$int": 5}, {"$float": 1},
    {"$decimal": "x"}, {"$decimal": 5}, {"$uuid": "x"}, {"$path": 5}, {"$path": ["x"]},
    {"$set": [[]]}, {"$set": {"a": 1}}, {"$tuple": "ab"}, {"$frozenset": 5}, {"$dict": [[1]]}, {"$dict": [[[], 1]]},
    {"$dict": 5}, {"$enum": 5}, {"$enum": [5, 5]}, {"$type": "xyz"}, {"$trigger": ["cron"]}, {"$trigger": [[], {}]},
    {"$trigger": ["cron", {"hour": 99}]}, {"$trigger": ["interval", {"minuts": 1}]}, {"$trigger": ["and", {}]},
    {"$trigger": ["interval", {"anchored_at": "soon"}]}, {"$trigger": ["interval", {"anchored_at": 10**30}]},
    {"$trigger": ["interval", {"anchored_at": True}]}, {"$trigger": ["or", {"triggers": [5]}]},
]  # fmt: skip


@pytest.mark.parametrize("value", DAMAGED, ids=lambda value: ascii(value)[:60])
def test_a_damaged_value_makes_the_record_unreadable(value):
    with pytest.raises(UnreadableRecordError, match="The record of the task x is damaged"):
        TaskRecord(plain_of(args=[1, [value]])).load()


SAFE = ["things_to_store", "things_to_store:job", "things_to_store:Color", "cron", "interval", "and", "RED", "Z", "x"]
TAGS = sorted({tag for value in DAMAGED for tag in value})
texts = st.text(max_size=3) | st.sampled_from([*SAFE, "2024-01-01", "+01:00", "seconds", "anchored_at"])
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | st.tuples(st.sampled_from(TAGS), inner).map(lambda pair: dict([pair]))
    ),
    max_leaves=6,
)


def is_safe(value):
    """References lead nowhere but to the module of these tests: a fuzzer is not to import what it likes."""
    return ":" not in json.dumps(value).replace("things_to_store:", "").replace('":', "").replace('": ', "")


def outcome_of(payload):
    try:
        SERIALIZER.decode(payload).load(DUE)
    except (UnreadableRecordError, TaskUnavailableError) as exc:
        found = exc
    else:
        return None
    assert len(str(found)) < 1500
    return type(found)


@given(st.binary(max_size=50))
@example(b"{}")
def test_any_bytes_are_a_record_or_a_documented_error(payload):
    outcome_of(payload)


@given(anything)
def test_any_plain_values_are_a_record_or_a_documented_error(value):
    assert outcome_of(json.dumps(value).encode()) in (UnreadableRecordError, NewerFormatError)


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


RICH = task_to_dict(
    a_task(
        args=[
            things_to_store.Color.RED,
            datetime.datetime(2024, 5, 1, tzinfo=LONDON),
            {1: {b"x"}},
            [IntervalTrigger(minutes=5, start_at="2024-01-01", timezone="Europe/London")],
        ]
    )
)


@given(st.sampled_from([path for path in places(RICH) if path and path != ("fn",)]), anything.filter(is_safe))
def test_a_record_with_anything_in_it_is_a_task_or_a_documented_error(path, value):
    plain = copy.deepcopy(RICH)
    *way, last = path
    target = plain
    for key in way:
        target = target[key]
    target[last] = value
    outcome_of(json.dumps(plain).encode())


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_record_with_a_wrong_byte_is_a_task_or_a_documented_error(at, byte):
    payload = bytearray(json.dumps({**RICH, "fn": "things_to_store:job"}).encode())
    payload[at % len(payload)] = byte
    if b"things_to_store" in payload:
        outcome_of(bytes(payload))


# Serializers by name


def test_serializers_are_found_by_name():
    assert type(get_serializer()) is type(get_serializer("json")) is JSONSerializer
    assert type(get_serializer("pickle")) is PickleSerializer
    assert type(get_serializer("asyncz.serializers.json:JSONSerializer")) is JSONSerializer
    assert type(get_serializer(PickleSerializer)) is PickleSerializer
    assert get_serializer(SERIALIZER) is SERIALIZER
    assert isinstance(SERIALIZER, Serializer)
    with pytest.raises(LookupError, match=r"'yaml' was found: expected json or pickle\."):
        get_serializer("yaml")
    for given_one in (5, "things_to_store:not_callable", object):
        with pytest.raises(TypeError, match="Expected a serializer"):
            get_serializer(given_one)


# A serializer around another


class Reversed:
    """As a serializer that encrypts: ten lines around another one."""

    def __init__(self, inner=SERIALIZER):
        self.inner = inner

    def encode(self, task):
        return b"reversed" + self.inner.encode(task)[::-1]

    def decode(self, payload):
        if not payload.startswith(b"reversed"):
            raise UnreadableRecordError("not reversed")
        return self.inner.decode(payload.removeprefix(b"reversed")[::-1])


@pytest.mark.parametrize("inner", [SERIALIZER, PickleSerializer()])
def test_a_serializer_can_be_wrapped(inner):
    wrapped = get_serializer(Reversed(inner))
    payload = wrapped.encode(a_task())
    assert wrapped.decode(payload).load().args == (1, (2,))
    assert wrapped.encode(wrapped.decode(payload)) == payload
    with pytest.raises(UnreadableRecordError):
        wrapped.decode(payload[1:])

"""A record is put together as text: the one that JSON has for its dictionary, whatever a task is made of."""

from __future__ import annotations

import datetime
import enum
import gc
import sys
import types
import weakref
import zoneinfo

import pytest
import things_to_store
from hypothesis import given
from hypothesis import strategies as st
from test_stored_triggers import TRIGGERS
from test_stored_values import VALUES, values
from things_to_store import Money, job

from asyncz.exceptions import SerializationError
from asyncz.serializers import JSONSerializer, PickleSerializer, task_to_dict
from asyncz.serializers.plain import dumps, loads
from asyncz.serializers.triggers import trigger_to_plain
from asyncz.serializers.values import encode
from asyncz.serializers.zones import zone_to_plain
from asyncz.tasks import Task

UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
NOW = datetime.datetime(2024, 1, 1, 12, tzinfo=UTC)
SERIALIZER = JSONSerializer()


class Three(enum.IntEnum):
    THREE = 3


class Name(str):
    __slots__ = ()


def dictionary_of(task: Task, fn: str) -> dict:
    """Return what the record holds, part by part."""
    grace_time = task.mistrigger_grace_time
    return {
        "version": 1,
        "id": task.id,
        "name": task.name,
        "fn": fn,
        "args": [encode(item) for item in task.args],
        "kwargs": {name: encode(item) for name, item in task.kwargs.items()},
        "trigger": trigger_to_plain(task.trigger, encode, 0),
        "timezone": None if task.timezone is None else zone_to_plain(task.timezone),
        "executor": task.executor,
        "max_instances": int(task.max_instances),
        "mistrigger_grace_time": None if grace_time == float("inf") else grace_time,
        "coalesce": task.coalesce,
        "recover": task.recover,
    }


texts = st.text(min_size=1, max_size=5) | st.sampled_from(['"', "\\", "\n\t\x00\x7f", "ü🎉", Name("name")])
zones = st.sampled_from([
    None, UTC, LONDON, zoneinfo.ZoneInfo("UTC"), datetime.timezone(datetime.timedelta(minutes=-90)),
    datetime.timezone(datetime.timedelta(0), "Zöne"), datetime.timezone(datetime.timedelta(0)),
])  # fmt: skip


@given(
    id=texts,
    name=st.none() | texts,
    executor=st.none() | texts,
    args=st.lists(values, max_size=2),
    kwargs=st.dictionaries(texts.map(str), values, max_size=2),
    trigger=st.sampled_from([*TRIGGERS, *[trigger.anchored(NOW, LONDON) for trigger in TRIGGERS]]),
    timezone=zones,
    grace_time=st.sampled_from([None, 1, 1.0, 1e30, 5e-324, 0.1, 10**30, float("inf"), Three.THREE]),
    max_instances=st.sampled_from([1, 2**70, Three.THREE]),
    coalesce=st.booleans(),
    recover=st.booleans(),
)
def test_the_text_of_a_task_is_what_json_makes_of_its_dictionary(
    id, name, executor, args, kwargs, trigger, timezone, grace_time, max_instances, coalesce, recover
):
    task = Task(
        job, id=id, name=name, executor=executor, args=args, kwargs=kwargs, trigger=trigger, coalesce=coalesce,
        mistrigger_grace_time=grace_time, max_instances=max_instances, recover=recover,
    )  # fmt: skip
    task.timezone = timezone
    payload = SERIALIZER.encode(task)
    assert payload == dumps(dictionary_of(task, "things_to_store:job"))
    assert task_to_dict(task) == loads(payload)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(type(value)))
def test_so_is_that_of_each_kind_of_value(value):
    task = Task(job, id="x", args=[value, value], kwargs={"a": value}, trigger=things_to_store.Every(value))
    assert SERIALIZER.encode(task) == dumps(dictionary_of(task, "things_to_store:job"))


@pytest.fixture
def money(monkeypatch):
    from asyncz.serializers import registry

    monkeypatch.setitem(registry.TYPE_NAMES, Money, ("money", lambda money: [money.amount, money.currency]))


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("args", [(), (1,)])
def test_the_object_of_a_method_comes_before_its_arguments(args):
    task = Task(Money(5, "EUR").pay, id="x", args=args, trigger=TRIGGERS[0])
    assert task_to_dict(task)["args"] == [{"$type": ["money", [5, "EUR"]]}, *args]
    assert task_to_dict(task)["fn"] == "things_to_store:Money.pay"


@pytest.mark.parametrize("serializer", [SERIALIZER, PickleSerializer()])
@pytest.mark.parametrize("name", ["max_instances", "mistrigger_grace_time"])
def test_a_number_that_python_does_not_write_is_refused(name, serializer):
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this release of Python writes any")
    with pytest.raises(SerializationError, match=r"The task x cannot be stored: .*digits"):
        serializer.encode(Task(job, id="x", trigger=TRIGGERS[0], **{name: 10**5000}))


# What a name stands for is looked at each time


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("module_of_the_test")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec("def job(): pass\ndef other(): pass", vars(made))
    return made


def test_a_function_is_refused_once_its_name_stands_for_something_else(module):
    task = Task(module.job, id="x", trigger=TRIGGERS[0])
    assert task_to_dict(task)["fn"] == "module_of_the_test:job"
    module.job = module.other
    with pytest.raises(SerializationError, match="module_of_the_test:job stands for something else"):
        SERIALIZER.encode(task)


def test_a_function_that_another_one_is_followed_to_is_not_mistaken_for_it(module):
    module.job.fn = module.other  # as a decorator leaves it, whose name leads to what it stands for
    with pytest.raises(SerializationError, match="module_of_the_test:job stands for something else"):
        SERIALIZER.encode(Task(module.job, id="x", trigger=TRIGGERS[0]))


def test_nothing_holds_on_to_what_was_stored(module):
    class Zone(datetime.tzinfo):
        def utcoffset(self, when):
            return datetime.timedelta(hours=1)

    task = Task(module.job, id="x", trigger=things_to_store.Every(5))
    task.timezone = Zone()
    kept = [weakref.ref(thing) for thing in (task, task.fn, task.timezone, task.trigger)]
    assert task_to_dict(task)["timezone"] == "+01:00"
    del module.job, task
    gc.collect()
    assert [ref() for ref in kept] == [None] * 4

"""Pickle is for those who ask for it, and nobody else's data is unpickled."""

from __future__ import annotations

import datetime
import io
import pickle
import threading

import pytest
from things_to_store import Every, Forgetful, Money, Odd, Text, job

from asyncz.exceptions import SerializationError, TaskUnavailableError, UnreadableRecordError
from asyncz.serializers import JSONSerializer, PickleSerializer, TaskRecord
from asyncz.tasks import Task
from asyncz.triggers import AndTrigger, IntervalTrigger, ShutdownTrigger

SERIALIZER = PickleSerializer()


class Bomb:
    """Notes that it was unpickled."""

    went_off = 0

    def __reduce__(self):
        return Bomb.go_off, ()

    @staticmethod
    def go_off():
        Bomb.went_off += 1
        return Bomb()


def task_of(*args, trigger=None, **kwargs):
    return Task(job, id="x", args=args, kwargs=kwargs, trigger=trigger or IntervalTrigger(minutes=5))


def test_any_argument_that_can_be_pickled_comes_back():
    money = Money(1, "EUR")
    task = task_of(money, [Odd(a=1)], x=(Text("x"), money), trigger=AndTrigger([Every(3)], jitter=5))
    loaded = SERIALIZER.decode(SERIALIZER.encode(task)).load(0)
    assert (loaded.args, loaded.kwargs, loaded.trigger) == (task.args, task.kwargs, task.trigger)
    assert (type(loaded.kwargs["x"][0]), loaded.kwargs["x"][1]) == (Text, loaded.args[0])
    assert loaded.next_run_time == datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def test_a_method_is_stored_with_its_object():
    task = Task(Money(5, "EUR").pay, id="x", args=[7], trigger=IntervalTrigger(minutes=5))
    loaded = SERIALIZER.decode(SERIALIZER.encode(task)).load()
    assert loaded.fn(*loaded.args) == (Money(5, "EUR"), (7,))


def test_a_record_of_the_default_can_be_read_after_a_change_to_pickle():
    payload = JSONSerializer().encode(task_of((1, 2)))
    assert type(SERIALIZER.decode(payload)) is TaskRecord
    assert SERIALIZER.decode(payload).load().args == ((1, 2),)


def test_the_default_reads_what_a_pickled_record_is_but_unpickles_nothing():
    Bomb.went_off = 0
    payload = SERIALIZER.encode(task_of(Bomb()))
    record = JSONSerializer().decode(payload)
    assert (record.id, record.fn_reference) == ("x", "things_to_store:job")
    assert record.stand_in().trigger is None
    with pytest.raises(TaskUnavailableError, match='pickled, and read only by serializer="pickle"'):
        record.load()
    assert JSONSerializer().encode(record) == payload
    pickled = SERIALIZER.decode(payload)
    assert Bomb.went_off == 0
    pickled.load()
    assert Bomb.went_off == 1


def test_nothing_but_a_record_is_unpickled():
    Bomb.went_off = 0
    with pytest.raises(UnreadableRecordError):
        SERIALIZER.decode(pickle.dumps(Bomb()))
    assert Bomb.went_off == 0


@pytest.mark.parametrize(
    ("task", "argument", "reason"),
    [
        (task_of(1, threading.Lock()), "args[1]", "cannot be pickled: TypeError"),
        (task_of(x=(i for i in ())), "kwargs['x']", "cannot be pickled"),
        (task_of(lambda: 0), "args[0]", "cannot be pickled"),
        (task_of(trigger=Every(io.BytesIO)), None, None),
        (task_of(trigger=Forgetful(1, 2)), "trigger", "in no attribute"),
        (task_of(trigger=ShutdownTrigger()), "trigger", "belongs to the scheduler"),
    ],
)
def test_what_cannot_be_pickled_is_refused_by_name(task, argument, reason):
    if argument is None:
        assert SERIALIZER.decode(SERIALIZER.encode(task)).load().trigger.n is io.BytesIO
        return
    with pytest.raises(SerializationError, match=reason) as caught:
        SERIALIZER.encode(task)
    assert caught.value.argument == argument


class Gone:
    pass


def test_a_class_that_is_not_there_is_missing_and_not_damaged(monkeypatch):
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(Gone())))
    monkeypatch.delitem(globals(), "Gone")
    with pytest.raises(TaskUnavailableError, match="cannot be restored here"):
        record.load()


class Angry:
    def __reduce__(self):
        return Angry.refuse, ()

    @staticmethod
    def refuse():
        raise RuntimeError("no")


@pytest.mark.parametrize("content", ["a", "ü", "gASVAA==", "gAQpLg==", "gARLAUsBSwGHlC4=", "gAR9fX2HlC4=", "!!!!"])
def test_a_damaged_pickle_is_a_damaged_record(content):
    record = SERIALIZER.decode(SERIALIZER.encode(task_of()))
    record.plain["pickled"] = content
    with pytest.raises(UnreadableRecordError):
        record.load()
    assert record.stand_in(0).id == "x"


def test_what_an_argument_raises_is_a_damaged_record():
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(Angry())))
    with pytest.raises(UnreadableRecordError, match="RuntimeError"):
        record.load()


def test_the_protocol_can_be_chosen():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        serializer = PickleSerializer(protocol=protocol)
        assert serializer.decode(serializer.encode(task_of(1))).load().args == (1,)
    for wrong in (-1, pickle.HIGHEST_PROTOCOL + 1, "2", True):
        with pytest.raises(ValueError, match="Expected a pickle protocol from 0 to"):
            PickleSerializer(protocol=wrong)

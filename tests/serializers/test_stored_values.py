"""Arguments come back as what they were, or are refused with the way to them."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import io
import json
import math
import pathlib
import struct
import uuid
import zoneinfo
from collections import namedtuple

import pytest
import pytz
from case_names import case_name
from hypothesis import given
from hypothesis import strategies as st
from things_to_store import Color, Level, Moment, Money, Odd, Right, Text, Word, job

from asyncz.exceptions import SerializationError, TaskUnavailableError
from asyncz.serializers import JSONSerializer, register_type, task_to_dict
from asyncz.tasks import Task
from asyncz.triggers import CronTrigger, IntervalTrigger

UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
SERIALIZER = JSONSerializer()


def journey(*args, **kwargs):
    task = Task(job, id="x", args=args, kwargs=kwargs, trigger=IntervalTrigger(minutes=5))
    payload = SERIALIZER.encode(task)
    assert payload == SERIALIZER.encode(SERIALIZER.decode(payload)) == SERIALIZER.encode(task)
    loaded = SERIALIZER.decode(payload).load()
    assert SERIALIZER.encode(loaded) == payload
    return loaded


def there_and_back(value):
    loaded = journey(value, same=value)
    (found,) = loaded.args
    assert same(found, loaded.kwargs["same"])
    return found


def same(one, other):
    """Equal, of one type, all the way down; zones by what they are, NaN is NaN, the order of keys counts."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, (datetime.datetime, datetime.time)):
        return (one.replace(tzinfo=None), one.fold) == (other.replace(tzinfo=None), other.fold) and same(
            one.tzinfo, other.tzinfo
        )
    if isinstance(one, datetime.timezone):
        return (one, one.tzname(None)) == (other, other.tzname(None))
    if isinstance(one, zoneinfo.ZoneInfo):
        return one.key == other.key
    if isinstance(one, decimal.Decimal):
        return one.compare_total(other) == 0
    return one == other


VALUES = [
    None, True, 0, -(2**63), 2**63, 10**5000, -(10**30), 1.5, -0.0, 5e-324, math.inf, -math.inf, math.nan,
    "", "text", "Grüße 🎉", "\ud83d\ude00", "nul \0", b"", b"\xff\0",
    [], (), {}, set(), frozenset(), [[]], ([],), [1, "a", None], (1, (2,)), {1, "a", (2,)}, frozenset({frozenset()}),
    {"a": {"b": [1]}}, {"z": 1, "a": 2}, {1: "int", "1": "text", None: 0, (1, 2): 3, 1.5: 4},
    {"$tuple": [1]}, {"$": 1}, {"$dict": []}, {"$a": 1, "$b": 2}, {"\ud800": 1}, [{"$int": "0x1"}],
    decimal.Decimal("1.10"), decimal.Decimal("-0E+5"), decimal.Decimal("sNaN12"), decimal.Decimal("-Infinity"),
    uuid.UUID(int=5), pathlib.Path("/a/b"), pathlib.Path("\udcff"), pathlib.PurePosixPath("a"),
    pathlib.PureWindowsPath("C:\\a"),
    Color.RED, Color.CRIMSON, Color.BLUE, Level.LOW, Word.YES, Right.READ, Right.READ | Right.WRITE, Right(0),
    datetime.date(1, 1, 1), datetime.timedelta.max, datetime.timedelta.min, datetime.timedelta(microseconds=-1),
    datetime.datetime(2024, 5, 1, 10), datetime.datetime.max, datetime.datetime(2024, 5, 1, fold=1),
    datetime.datetime.min.replace(tzinfo=LONDON), datetime.datetime.max.replace(tzinfo=LONDON),
    datetime.datetime(2024, 5, 1, 10, 0, 0, 1, UTC), datetime.datetime(2024, 5, 1, 10, tzinfo=LONDON),
    datetime.datetime(2024, 10, 27, 1, 30, tzinfo=LONDON),
    datetime.datetime(2024, 10, 27, 1, 30, tzinfo=LONDON, fold=1),
    datetime.datetime(2024, 3, 31, 1, 30, tzinfo=LONDON),
    datetime.datetime(2024, 3, 31, 1, 30, tzinfo=LONDON, fold=1),
    datetime.datetime(1800, 1, 1, tzinfo=LONDON), datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3601, microseconds=5))),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "Zöne")),
    datetime.time(10, 5), datetime.time.max, datetime.time(1, tzinfo=LONDON, fold=1), datetime.time(1, fold=1),
    datetime.time(1, tzinfo=UTC), UTC, LONDON, zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Etc/UTC"),
    datetime.timezone(datetime.timedelta(0), "GMT"), datetime.timezone.min, datetime.timezone.max,
    CronTrigger(hour=8, timezone=LONDON), [IntervalTrigger(minutes=5)],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(case_name(value))[:40])
def test_a_value_comes_back_as_what_it_was(value):
    assert same(there_and_back(value), value)


offsets = st.timedeltas(datetime.timedelta(days=-1, microseconds=1), datetime.timedelta(days=1, microseconds=-1))
zones = st.sampled_from([LONDON, UTC, zoneinfo.ZoneInfo("Asia/Kolkata"), zoneinfo.ZoneInfo("Africa/Monrovia")])
zones |= offsets.map(datetime.timezone)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=5), st.binary(max_size=5),
    st.decimals(), st.uuids(), st.dates(), st.timedeltas(), zones, st.times(timezones=st.none() | zones),
    st.datetimes(timezones=st.none() | zones), st.sampled_from([*Color, *Level, *Right, *Word]),
    st.text(max_size=5).filter(lambda text: "\0" not in text).map(pathlib.Path), st.just("$tuple"),
)  # fmt: skip
hashable = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=3)
hashable = hashable.filter(lambda value: "NaN" not in repr(value) and value == value)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["$set", "$"]), inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=2)
        | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_any_combination_of_values_comes_back(value):
    assert same(there_and_back(value), value)


@given(st.dictionaries(st.text(max_size=3) | st.just("$tuple"), leaves, max_size=3))
def test_any_keyword_arguments_come_back(kwargs):
    kwargs = {name: value for name, value in kwargs.items() if name.isidentifier() or name.startswith("$")}
    assert same(journey(**kwargs).kwargs, kwargs)


def test_equal_sets_are_the_same_bytes():
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other)
    assert task_to_dict(task_of(one)) == task_to_dict(task_of(other))


def test_a_record_is_short_and_plain_json():
    payload = SERIALIZER.encode(task_of("ü", (1,)))
    assert b'"args":["\xc3\xbc",{"$tuple":[1]}]' in payload
    assert json.loads(payload)["fn"] == "things_to_store:job"


def test_an_instant_stays_when_the_rules_of_its_zone_have_changed():
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(datetime.datetime(2024, 5, 1, 10, tzinfo=LONDON))))
    # As if it had been written where summer time was never heard of.
    record.plain["args"][0]["$datetime"][0] = "2024-05-01T10:00:00+00:00"
    (found,) = record.load().args
    assert (found, found.tzinfo) == (datetime.datetime(2024, 5, 1, 11, tzinfo=LONDON), LONDON)


# Refused


def task_of(*args, **kwargs):
    return Task(job, id="x", args=args, kwargs=kwargs, trigger=IntervalTrigger(minutes=5))


Point = namedtuple("Point", "x y")


class Local:
    def method(self):
        pass


def refused():
    Inner = enum.Enum("Inner", "A", module=__name__)  # which is not there
    return [
        (object(), "it has no form in JSON"),
        ((i for i in ()), r"<generator object .*\(builtins\.generator\)"),
        (io.StringIO(), "_io.StringIO"),
        (job, r"a callable as an argument \(job\) has no form"),
        (lambda: 0, "a callable as an argument"),
        (functools.partial(job), r"a callable as an argument \(job\)"),
        (Local, "it has no form in JSON"),
        (bytearray(b"x"), "bytearray"),
        (1j, "complex"),
        (fractions.Fraction(1, 3), "fractions.Fraction"),
        (range(3), "range"),
        (Odd(), "of a subclass of dict, it would come back as a mere dict"),
        (Point(1, 2), "of a subclass of tuple"),
        (Text("x"), "of a subclass of str"),
        (Moment(2024, 1, 1), "of a subclass of datetime"),
        (type("Id", (uuid.UUID,), {})(int=1), "of a subclass of UUID"),
        (Inner.A, "its class cannot be imported as test_stored_values:Inner"),
        (pytz.timezone("Europe/London"), "neither a zone of zoneinfo nor a datetime.timezone"),
        (pytz.utc.localize(datetime.datetime(2024, 1, 1)), "neither a zone of zoneinfo"),
        (datetime.time(1, tzinfo=pytz.utc), "neither a zone of zoneinfo"),
        (unnamed_zone(), "a time zone without a name"),
        (unnamed_zone("Nowhere/Real"), "a time zone without a name"),
        (Money(1, "EUR"), "it has no form in JSON"),
        (Text, "it has no form in JSON"),
    ]


def unnamed_zone(key=None):
    # A file of RFC 8536 that says "UTC+1, always".
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(header * 2 + b"\n<+01>-1\n"), key=key)


@pytest.mark.parametrize(("value", "reason"), refused(), ids=lambda value: str(type(value)))
def test_what_would_not_come_back_is_refused_with_the_way_to_it(value, reason):
    with pytest.raises(SerializationError, match=reason) as caught:
        SERIALIZER.encode(task_of({"a": [0, 1, (value,)]}))
    assert caught.value.argument == "args[0]['a'][2][0]"
    assert str(caught.value).startswith("The task x cannot be stored: args[0]['a'][2][0] is ")
    with pytest.raises(SerializationError) as caught:
        SERIALIZER.encode(task_of(x=value))
    assert caught.value.argument == "kwargs['x']"


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_the_error_is_also_what_others_would_raise(error):
    with pytest.raises(error, match=r'register its type \(.*register_type\), or choose serializer="pickle"'):
        SERIALIZER.encode(task_of(object()))


def test_what_cannot_be_stored_in_a_set_or_as_a_key_is_named_too():
    with pytest.raises(SerializationError) as caught:
        SERIALIZER.encode(task_of({1: {Money(1, "EUR")}}))
    assert caught.value.argument == "args[0][1][0]"
    with pytest.raises(SerializationError, match=r"args\[0\]\[<things_to_store.Money"):
        SERIALIZER.encode(task_of({Money(1, "EUR"): 1}))
    with pytest.raises(SerializationError, match="the key has to be a text"):
        SERIALIZER.encode(task_of(**{"\ud800": 1}))


def test_a_value_that_holds_itself_is_refused():
    endless: list = []
    endless.append({"again": endless})
    with pytest.raises(SerializationError, match="nested more than 100 deep, or holds itself") as caught:
        SERIALIZER.encode(task_of(endless))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}, lambda v: {"$a": v}]
)
def test_whatever_is_not_refused_for_its_depth_can_be_read(wrap):
    value = "core"
    for _ in range(100):
        value = wrap(value)
    assert there_and_back(value) == value
    with pytest.raises(SerializationError, match="nested more than 100 deep"):
        SERIALIZER.encode(task_of(wrap(value)))


# Registered types


@pytest.fixture
def registered(monkeypatch):
    from asyncz.serializers import registry

    monkeypatch.setattr(registry, "_TYPES", {})
    registry.TYPE_NAMES.clear()
    register_type(Money, "money", lambda money: (money.amount, money.currency), lambda parts: Money(*parts))
    yield registry
    registry.TYPE_NAMES.clear()


@pytest.mark.usefixtures("registered")
def test_a_registered_type_is_stored_by_its_functions():
    money = Money(decimal.Decimal("1.10"), "EUR")
    assert there_and_back(money) == money
    assert there_and_back({money: [money]}) == {money: [money]}
    assert b'{"$type":["money",{"$tuple":[{"$decimal":"1.10"},"EUR"]}]}' in SERIALIZER.encode(task_of(money))


@pytest.mark.usefixtures("registered")
def test_a_method_of_a_registered_type_is_stored_with_its_object():
    money = Money(5, "EUR")
    task = Task(money.pay, id="x", args=[7], trigger=IntervalTrigger(minutes=5))
    loaded = SERIALIZER.decode(SERIALIZER.encode(task)).load()
    assert loaded.fn(*loaded.args) == (money, (7,))
    assert SERIALIZER.encode(loaded) == SERIALIZER.encode(task)


def test_an_object_whose_method_cannot_be_stored_is_named():
    with pytest.raises(SerializationError, match=r"fn\.__self__ is <test_stored_values\.Local") as caught:
        SERIALIZER.encode(Task(Local().method, id="x", trigger=IntervalTrigger(minutes=5)))
    assert caught.value.argument == "fn.__self__"


def test_a_type_that_is_not_registered_here_is_missing_and_not_damaged(registered):
    record = SERIALIZER.decode(SERIALIZER.encode(task_of(Money(1, "EUR"))))
    registry_types = registered._TYPES
    registry_types.clear()
    with pytest.raises(TaskUnavailableError, match="No type is registered here under the name 'money'"):
        record.load()


def test_a_function_that_fails_is_said_to_have_failed(registered):
    register_type(Money, "money", lambda money: 1 / 0, Money)
    with pytest.raises(SerializationError, match=r"registered for 'money' raised ZeroDivisionError") as caught:
        SERIALIZER.encode(task_of(Money(1, "EUR")))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    register_type(Money, "money", lambda money: [object()], Money)
    with pytest.raises(SerializationError, match=r"args\[0\]\[0\] is <object"):
        SERIALIZER.encode(task_of(Money(1, "EUR")))


@pytest.mark.usefixtures("registered")
def test_a_name_stands_for_one_type():
    with pytest.raises(ValueError, match=r"The name 'money' stands for things_to_store\.Money already"):
        register_type(Local, "money", str, str)
    again = type("Money", (), {"__module__": "things_to_store"})  # as after a reload
    register_type(again, "money", vars, lambda parts: again())


@pytest.mark.parametrize("cls", [dict, str, bool, decimal.Decimal, datetime.datetime, type(LONDON), pathlib.PosixPath])
def test_what_is_stored_as_it_is_cannot_be_registered(cls):
    with pytest.raises(ValueError, match="there is nothing to register"):
        register_type(cls, "mine", str, str)


@pytest.mark.parametrize(("arguments", "error"), [
    ((1, "n", str, str), "Expected a class"),
    ((Local, "n", None, str), "Expected two functions"),
    ((Local, "", str, str), "Expected a name"),
    ((Local, 5, str, str), "Expected a name"),
])  # fmt: skip
def test_a_registration_that_makes_no_sense_is_refused(arguments, error):
    with pytest.raises((TypeError, ValueError), match=error):
        register_type(*arguments)

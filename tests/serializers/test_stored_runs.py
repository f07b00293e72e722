"""Runs are stored as plain values, whatever their tasks have raised."""

from __future__ import annotations

import datetime
import json
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncz.enums import RunState
from asyncz.exceptions import NewerFormatError, UnreadableRecordError
from asyncz.serializers import run_from_dict, run_to_dict, run_to_json
from asyncz.serializers.plain import dumps
from asyncz.tasks.runs import Run

UTC = datetime.timezone.utc
LONDON = zoneinfo.ZoneInfo("Europe/London")
NOW = datetime.datetime(2024, 5, 1, 12, 0, 0, 1, UTC)
NAMES = ("id", "task_id", "task_name", "store", "executor", "owner", "claimed_at", "source", "state", "started_at",
         "finished_at", "error")  # fmt: skip


def a_run(**attributes):
    times = [NOW, NOW + datetime.timedelta(hours=1)]
    run = Run("r1", "task", "name", "default", "pool", times, "host/123", NOW, "schedule")
    for name, value in attributes.items():
        setattr(run, name, value)
    return run


RUNS = [
    a_run(),
    a_run(id=5, task_name=None, run_times=[]),
    a_run(state=RunState.EXECUTED, started_at=NOW, finished_at=NOW),
    a_run(state=RunState.ERROR, error="ValueError: ü\n\0"),
    a_run(state=RunState.MISSED, finished_at=NOW),
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.state.value)
def test_a_run_comes_back_with_all_that_is_known_of_it(run):
    found = run_from_dict(json.loads(json.dumps(run_to_dict(run))))
    assert [getattr(found, name) for name in NAMES] == [getattr(run, name) for name in NAMES]
    assert list(found.run_times) == list(run.run_times)
    assert type(found.state) is RunState


def test_run_times_are_read_in_a_zone():
    found = run_from_dict(run_to_dict(a_run()), LONDON)
    assert [time.tzinfo for time in (*found.run_times, found.claimed_at)] == [LONDON, LONDON, UTC]


@given(st.text(st.characters(), max_size=5))
def test_a_run_can_be_written_whatever_its_task_has_raised(text):
    plain = run_to_dict(a_run(error=text, task_name=text, owner=text))
    assert run_from_dict(json.loads(json.dumps(plain, ensure_ascii=False).encode())).error == plain["error"]
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert plain["error"] == text


@pytest.mark.parametrize("name", sorted(run_to_dict(a_run())))
@pytest.mark.parametrize("value", [{}, [None], 1.5, "x", 10**30, None, ...], ids=repr)
def test_a_damaged_run_is_one_documented_error(name, value):
    plain = run_to_dict(a_run())
    if value is ...:
        del plain[name]
    else:
        plain[name] = value
    try:
        run = run_from_dict(plain)
    except UnreadableRecordError:
        return
    known = {name: value for name, value in plain.items() if value is not None}
    assert run_to_dict(run) == known, "it was read as something else"


def test_what_is_no_run_is_unreadable():
    for plain in (None, [], "x", {}):
        with pytest.raises(UnreadableRecordError):
            run_from_dict(plain)
    with pytest.raises(NewerFormatError, match="has format 2"):
        run_from_dict({**run_to_dict(a_run()), "version": 2})


@given(
    id=st.one_of(st.integers(), st.text()),
    texts=st.tuples(*[st.text()] * 5),
    name=st.none() | st.text(),
    error=st.none() | st.text(),
    times=st.lists(st.datetimes(timezones=st.just(UTC)), max_size=3),
    lost=st.integers(0, 3),
)
def test_the_text_of_a_run_is_what_json_makes_of_its_dictionary(id, texts, name, error, times, lost):
    task_id, store, executor, owner, source = texts
    run = Run(id, task_id, name, store, executor, times, owner, NOW, source)
    run.error, run.lost, run.started_at = error, lost, times[0] if times else None
    assert run_to_json(run) == dumps(run_to_dict(run)).decode()

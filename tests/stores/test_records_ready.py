"""Definitions that are kept ready, so that a task that was just added is not read back from its record."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from recorded import work

from asyncz.serializers import JSONSerializer
from asyncz.stores import records
from asyncz.stores.records import Records, StoredRow
from asyncz.tasks import Task
from asyncz.triggers import IntervalTrigger

NOW = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


class Counting(JSONSerializer):
    """Counts the records that it reads."""

    read = 0

    def decode(self, payload: bytes) -> Any:
        self.read += 1
        return super().decode(payload)


@pytest.fixture
def serializer() -> Counting:
    return Counting()


@pytest.fixture
def found(serializer: Counting, monkeypatch: pytest.MonkeyPatch) -> Records:
    monkeypatch.setattr(records, "READY", 3)
    return Records(serializer, None)


def entries(*ids: str, **options: Any) -> list[tuple[Task, None]]:
    made = [Task(work, id=id, trigger=IntervalTrigger(hours=1), **options) for id in ids]
    for task in made:
        task.next_run_time = NOW
    return [(task, None) for task in made]


def read(found: Records, rows: list[StoredRow]) -> list[str | None]:
    return [row.task.id for row in found.runnable([row.stored for row in rows])]


def test_few_are_not_read_back(found: Records, serializer: Counting) -> None:
    rows = [*found.new_all(entries("a", "b")), found.new(*entries("c")[0])]
    assert read(found, rows) == ["a", "b", "c"]
    (again,) = found.runnable([rows[0].stored])
    assert again.task is not rows[0].task
    assert serializer.read == 0


def test_no_more_are_kept_than_there_is_room_for(found: Records, serializer: Counting) -> None:
    rows = found.new_all(entries("a", "b")) + found.new_all(entries("c", "d"))
    assert read(found, rows) == ["a", "b", "c", "d"]
    assert serializer.read == 1


def test_of_more_than_there_is_room_for_none_is_kept(found: Records, serializer: Counting) -> None:
    rows = found.new_all(entries("a", "b", "c", "d"))
    assert read(found, rows) == ["a", "b", "c", "d"]
    assert serializer.read == 4


def test_arguments_that_a_run_may_change_are_read_each_time(found: Records, serializer: Counting) -> None:
    rows = found.new_all(entries("a", args=[[]]))
    first, second = found.runnable([rows[0].stored] * 2)
    assert first.task.args == second.task.args == ([],)
    assert first.task.args[0] is not second.task.args[0]


def test_a_row_that_is_added_again_has_another_revision(found: Records) -> None:
    (first,), (second,) = found.new_all(entries("a")), found.new_all(entries("a"))
    assert first.stored.revision != second.stored.revision
    assert 0 < first.stored.revision < 2**53

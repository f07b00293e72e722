"""Tasks written down, and added from what was written down: between stores of any kind, without loss."""

from __future__ import annotations

import datetime
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded import calls, work

from asyncz._ids import random_id
from asyncz.events import TASK_ADDED
from asyncz.exceptions import (
    ConflictIdError,
    NewerFormatError,
    SchedulerNotRunningError,
    SerializationError,
    TaskUnavailableError,
    UnreadableRecordError,
)
from asyncz.stores.memory import MemoryStore
from asyncz.stores.mongo import MongoDBStore
from asyncz.stores.redis import RedisStore
from asyncz.stores.sqlite import SQLiteStore
from asyncz.tasks import Task
from asyncz.testing import drive
from asyncz.triggers import CronTrigger, IntervalTrigger

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


class Bench:
    def work(self) -> None:
        """A method, which is stored with its object."""


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "pickle",
        *(pytest.param(name, marks=pytest.mark.server) for name in ("redis", "mongodb")),
    ]
)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Makes empty stores of one kind."""
    made: list[Any] = []

    def new() -> Any:
        name = f"asyncz-test-{random_id()}"
        if request.param == "memory":
            return MemoryStore()
        if request.param in ("sqlite", "pickle"):
            serializer = "pickle" if request.param == "pickle" else None
            return SQLiteStore(tmp_path / name, serializer=serializer)
        url = request.getfixturevalue(f"{request.param}_url")
        if request.param == "redis":
            made.append(RedisStore(0, f"{name}.tasks", f"{name}.run_times", url=url))
        else:
            made.append(MongoDBStore("asyncz_test_moving", name, url=url))
        return made[-1]

    yield new
    for store in made:
        store.start(None, "default")
        store.remove_all_tasks()
        store.shutdown()


def filled(scheduler: Any) -> Any:
    """Add one task of each sort."""
    scheduler.add_task(work, "interval", minutes=10, jitter=300, id="jittered", args=[1, (2, b"3")])
    scheduler.add_task(work, CronTrigger(hour=5, timezone="Europe/Oslo"), id="cron", name="At five", max_instances=3)
    scheduler.add_task(work, "date", run_at=START + 3 * HOUR, id="date", recover=False, mistrigger_grace_time=60)
    scheduler.add_task(work, "interval", hours=1, id="paused", coalesce=False).pause()
    scheduler.add_task(work, "interval", hours=1, id="own", next_run_time=START + 2.5 * HOUR)
    scheduler.add_task(f"{__name__}:Bench.work", "interval", hours=1, id="method", args=[None])
    return scheduler


def told(scheduler: Any) -> dict[str, Any]:
    """What there is to tell of each task, and of its schedule as it is stored."""
    found = {}
    for task in scheduler.get_tasks():
        row = scheduler._claimable["default"].read(task.id)
        found[task.id] = (row.due, row.nominal, task.snapshot(), task.recover, task.trigger.get_state())
    return found


def test_they_are_the_same_in_another_store_and_back(make: Any, new_store: Any, clock: Any) -> None:
    first = filled(make(stores={"default": MemoryStore()}))
    expected = told(first)
    assert len(expected) == 6
    assert expected["jittered"][1] not in (None, expected["jittered"][0])
    there = make(stores={"default": new_store()})
    clock.advance(minutes=1)
    assert there.import_tasks(json.dumps(first.export_tasks())) == sorted(expected)
    assert told(there) == expected
    back = make(stores={"default": MemoryStore()})
    back.import_tasks(there.export_tasks())
    assert told(back) == expected
    assert back.export_tasks() == first.export_tasks()


def test_they_run_where_they_are_then_and_due_times_that_passed_meanwhile_are_late(
    make: Any, new_store: Any, clock: Any
) -> None:
    first = make()
    first.add_task(work, "interval", hours=1, id="x", args=["ran"])
    document = first.export_tasks()
    first.shutdown()
    clock.advance(hours=2, minutes=30)
    there = make(stores={"default": new_store()})
    heard: list[str] = []
    there.add_listener(lambda event: heard.append(event.task_id), TASK_ADDED)
    woken = there.woken
    assert there.import_tasks(document) == ["x"]
    assert (heard, there.woken) == (["x"], woken + 1)
    drive(there)
    assert calls == [("ran",)]
    assert there.get_task("x").next_run_time == START + 3 * HOUR


def test_the_document_can_be_read_by_people(make: Any) -> None:
    scheduler = make()
    scheduler.add_task(work, "interval", hours=1, id="x", args=[1])
    scheduler.add_task(work, "interval", hours=1, id="paused", next_run_time=None)
    document = scheduler.export_tasks()
    assert (document["format"], document["left_out"]) == (1, [])
    paused, task = document["tasks"]
    assert paused["next_run_time"] is None
    assert task.pop("definition")["args"] == [1]
    assert task == {"store": "default", "next_run_time": "2024-01-01T01:00:00+00:00"}


class TestStores:
    def test_tasks_go_where_they_came_from_or_where_they_are_told_to(self, make: Any, file: Path) -> None:
        scheduler = make(stores={"default": MemoryStore(), "kept": SQLiteStore(file)})
        scheduler.add_task(work, "interval", hours=1, id="a")
        scheduler.add_task(work, "interval", hours=1, id="b", store="kept")
        document = scheduler.export_tasks()
        assert [plain["store"] for plain in scheduler.export_tasks("kept")["tasks"]] == ["kept"]
        scheduler.remove_all_tasks()
        scheduler.import_tasks(document)
        assert [task.store_alias for task in scheduler.get_tasks()] == ["default", "kept"]
        scheduler.remove_all_tasks()
        assert scheduler.import_tasks(document, store="kept") == ["a", "b"]
        assert [task.id for task in scheduler.get_tasks("kept")] == ["a", "b"]

    def test_one_that_is_not_there_is_an_error_and_nothing_is_added(self, make: Any, file: Path) -> None:
        scheduler = make(stores={"default": MemoryStore(), "kept": SQLiteStore(file)})
        scheduler.add_task(work, "interval", hours=1, id="a")
        scheduler.add_task(work, "interval", hours=1, id="b", store="kept")
        document, other = scheduler.export_tasks(), make()
        with pytest.raises(KeyError, match=r"'kept' \(of tasks\[1\], 'b'\): name one with store="):
            other.import_tasks(document)
        assert other.get_tasks() == []
        for verb in (other.export_tasks, lambda store: other.import_tasks(document, store)):
            with pytest.raises(KeyError):
                verb("kept")

    def test_a_stopped_scheduler_says_that_it_is(self, make: Any) -> None:
        scheduler = make(start=False)
        for verb in (scheduler.export_tasks, lambda: scheduler.import_tasks({"format": 1, "tasks": []})):
            with pytest.raises(SchedulerNotRunningError):
                verb()


class TestTakenIds:
    def test_the_others_are_added_and_these_named(self, make: Any, new_store: Any) -> None:
        document = filled(make()).export_tasks()
        there = make(stores={"default": new_store()})
        there.add_task(work, "interval", hours=7, id="cron")
        heard: list[str] = []
        there.add_listener(lambda event: heard.append(event.task_id), TASK_ADDED)
        with pytest.raises(ConflictIdError) as caught:
            there.import_tasks(document)
        assert caught.value.task_ids == ("cron",)
        assert len(there.get_tasks()) == 6
        assert sorted(heard) == ["date", "jittered", "method", "own", "paused"]
        assert str(there.get_task("cron").trigger) == "interval[7:00:00]"

    def test_replaced_ones_are_as_in_the_document(self, make: Any, new_store: Any, clock: Any) -> None:
        first = filled(make())
        there = make(stores={"default": new_store()})
        filled(there)
        clock.advance(minutes=5)
        there.resume_task("paused")
        assert len(there.import_tasks(first.export_tasks(), replace_existing=True)) == 6
        assert told(there) == told(first)


class TestWhatCannotBeWrittenDown:
    def test_it_is_an_error_that_names_it(self, make: Any) -> None:
        scheduler = filled(make())
        scheduler.add_task(lambda: None, "interval", hours=1, id="odd")
        with pytest.raises(SerializationError, match="The task odd cannot be stored: fn is"):
            scheduler.export_tasks()

    def test_a_shutdown_task_belongs_to_its_scheduler(self, make: Any) -> None:
        scheduler = make()
        scheduler.add_task(work, "shutdown", id="last")
        assert scheduler.export_tasks()["tasks"] == []

    def test_a_damaged_record_is_named_and_left_out(
        self, make: Any, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        import sqlite3

        scheduler = filled(make(stores={"default": SQLiteStore(file)}))
        with sqlite3.connect(file) as other:
            other.execute("UPDATE tasks SET payload = X'00' WHERE id = 'cron'")
        other.close()
        document = scheduler.export_tasks()
        assert "cron" not in [plain["definition"]["id"] for plain in document["tasks"]]
        ((entry),) = document["left_out"]
        assert (entry["id"], entry["store"]) == ("cron", "default")
        assert "Expected a record in JSON" in entry["reason"]
        assert "Task 'cron' of the store 'default' was not exported: Expected a record in JSON" in caplog.text
        assert len(make().import_tasks(document)) == 5


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A module with a callable; calling this makes it vanish."""
    module = types.ModuleType("a_module_that_goes")
    module.work = eval("lambda *args: None")
    module.work.__qualname__, module.work.__module__ = "work", module.__name__
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return lambda: monkeypatch.delitem(sys.modules, module.__name__)


class TestWhatIsMissingHere:
    def test_a_durable_store_passes_records_on_without_loss(self, make: Any, tmp_path: Path, gone: Any) -> None:
        first = make(stores={"default": SQLiteStore(tmp_path / "first", secret="abc")})
        first.add_task("a_module_that_goes:work", "interval", hours=1, jitter=60, id="x", args=[{1, 2}])
        expected = first.export_tasks()
        gone()
        assert first.export_tasks() == expected
        there = make(stores={"default": SQLiteStore(tmp_path / "second")})
        assert there.import_tasks(expected) == ["x"]
        assert there.export_tasks() == expected
        (found,) = there.get_set_aside_tasks()
        assert (found.id, found.callable_reference) == ("x", "a_module_that_goes:work")
        with pytest.raises(ConflictIdError):
            there.import_tasks(expected)
        expected["tasks"][0]["next_run_time"] = None
        expected["tasks"][0].pop("nominal")
        assert there.import_tasks(expected, replace_existing=True) == ["x"]
        assert there.export_tasks() == expected

    def test_a_memory_store_says_which_it_cannot_make(self, make: Any, tmp_path: Path, gone: Any) -> None:
        first = make(stores={"default": SQLiteStore(tmp_path / "first")})
        first.add_task(work, "interval", hours=1, id="a")
        first.add_task("a_module_that_goes:work", "interval", hours=1, id="x")
        gone()
        other = make()
        with pytest.raises(TaskUnavailableError, match=r"tasks\[1\] \(x\): .*'a_module_that_goes:work'"):
            other.import_tasks(first.export_tasks())
        assert other.get_tasks() == []

    def test_nothing_is_unpickled_for_an_import(self, make: Any, tmp_path: Path) -> None:
        first = make(stores={"default": SQLiteStore(tmp_path / "first", serializer="pickle")})
        first.add_task(work, "interval", hours=1, id="x", args=[Unpickled()])
        document = json.loads(json.dumps(first.export_tasks()))
        assert "pickled" in document["tasks"][0]["definition"]
        before = len(calls)
        with pytest.raises(TaskUnavailableError, match=r"tasks\[0\] \(x\): Its arguments are pickled"):
            make().import_tasks(document)
        safe = make(stores={"default": SQLiteStore(tmp_path / "safe")})
        safe.import_tasks(document)
        assert [found.id for found in safe.get_set_aside_tasks()] == ["x"]
        assert len(calls) == before
        there = make(stores={"default": SQLiteStore(tmp_path / "there", serializer="pickle")})
        there.import_tasks(document)
        assert type(there.get_task("x").args[0]) is Unpickled


class Unpickled:
    """Notes when it is unpickled; it has no form in JSON."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, ()


def _unpickle() -> Unpickled:
    calls.append("unpickled")
    return Unpickled()


def _without(plain: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if key != name}


class TestDamagedDocuments:
    @pytest.fixture
    def entry(self, make: Any) -> dict[str, Any]:
        scheduler = make()
        scheduler.add_task(work, "interval", hours=1, id="x")
        plain: dict[str, Any] = scheduler.export_tasks()["tasks"][0]
        return plain

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            ("{", "Expected a record in JSON"),
            ("[]", "Expected a document of tasks"),
            (7, "Expected a document of tasks, got 7"),
            ({"tasks": []}, "Expected a document of tasks with its format, got None"),
            ({"format": 0, "tasks": []}, "got 0"),
            ({"format": True, "tasks": []}, "got True"),
            ({"format": 1}, "Expected a list of tasks in the document, got None"),
            ({"format": 1, "tasks": {}}, "Expected a list of tasks in the document, got {}"),
            ({"format": 1, "tasks": [None]}, r"tasks\[0\]: expected a task, got None"),
        ],
    )
    def test_it_says_what_was_expected(self, either: Any, document: Any, message: str) -> None:
        with pytest.raises(UnreadableRecordError, match=message):
            either.import_tasks(document)

    def test_a_later_format_needs_a_later_release(self, either: Any, entry: dict[str, Any]) -> None:
        with pytest.raises(NewerFormatError, match="The document has format 2"):
            either.import_tasks({"format": 2, "tasks": []})
        entry["definition"]["version"] = 99
        with pytest.raises(NewerFormatError, match="The record has format 99"):
            either.import_tasks({"format": 1, "tasks": [entry]})

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda plain: _without(plain, "store"), "it has no store"),
            (lambda plain: _without(plain, "next_run_time"), "it has no next_run_time"),
            (lambda plain: _without(plain, "definition"), "it has no definition"),
            (lambda plain: {**plain, "store": 1}, "expected the alias of a store, got 1"),
            (lambda plain: {**plain, "next_run_time": 12}, "expected a time as text, got 12"),
            (lambda plain: {**plain, "next_run_time": "tomorrow"}, "tomorrow"),
            (lambda plain: {**plain, "next_run_time": "2024-01-01T00:00:00"}, "Expected an aware datetime"),
            (lambda plain: {**plain, "definition": None}, "Expected a record, got None"),
            (lambda plain: {**plain, "definition": _without(plain["definition"], "fn")}, "it has no fn"),
            (
                lambda plain: {**plain, "definition": {**plain["definition"], "trigger": ["interval", {"weeks": "x"}]}},
                "damaged",
            ),
        ],
    )
    def test_nothing_is_added_and_it_says_which_task_it_is(
        self, either: Any, entry: dict[str, Any], damage: Any, message: str
    ) -> None:
        other = {**entry, "definition": {**entry["definition"], "id": "y"}}
        with pytest.raises(UnreadableRecordError, match=rf"(?s)^tasks\[1\].*{message}"):
            either.import_tasks({"format": 1, "tasks": [other, damage(entry)]})
        assert either.get_tasks() == []

    def test_an_id_that_comes_twice(self, either: Any, entry: dict[str, Any]) -> None:
        with pytest.raises(UnreadableRecordError, match=r"tasks\[1\]: the id x comes twice"):
            either.import_tasks({"format": 1, "tasks": [entry, entry]})
        assert either.get_tasks() == []


def test_a_task_that_was_imported_is_like_any_other(make: Any, new_store: Any) -> None:
    first = make()
    first.add_tasks([Task(work, id="x", trigger=IntervalTrigger(hours=1))])
    there = make(stores={"default": new_store()})
    there.import_tasks(first.export_tasks())
    task = there.get_task("x")
    assert (task.scheduler, task.store_alias, task.pending, task.submitted) == (there, "default", False, True)
    task.update(name="new").pause()
    assert (there.get_task("x").name, there.get_task("x").paused) == ("new", True)

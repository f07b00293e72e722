"""Records of which no task can be made here: listed, kept, never run, and under the verbs that make sense."""

from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from recorded import calls, work

from asyncz.exceptions import ConflictIdError, SignatureError, TaskLookupError, TaskUnavailableError
from asyncz.stores.memory import MemoryStore
from asyncz.stores.sqlite import SQLiteStore
from asyncz.testing import drive

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def scheduler(make: Any, file: Path) -> Any:
    """One of three tasks can be run here; of "missing" the callable is not there, and "damaged" is no record."""
    first = make(stores={"default": SQLiteStore(file)})
    for id in ("fine", "missing", "damaged"):
        first.add_task(work, "interval", hours=1, id=id, name=f"The {id} one")
    first.shutdown()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(
            "UPDATE tasks SET payload = CAST(replace(payload, ':work', ':gone') AS BLOB) WHERE id = 'missing'"
        )
        other.execute("UPDATE tasks SET payload = X'7B' WHERE id = 'damaged'")
    return make(stores={"default": MemoryStore(), "kept": SQLiteStore(file)})


def test_they_are_listed_with_what_is_known_of_them_and_why(scheduler: Any) -> None:
    damaged, missing = sorted(scheduler.get_set_aside_tasks(), key=lambda found: found.id)
    assert (missing.id, missing.name, missing.store_alias) == ("missing", "The missing one", "kept")
    assert missing.callable_reference == "recorded:gone"
    assert (missing.executor, missing.next_run_time) == ("default", START + HOUR)
    assert "has no attribute 'gone'" in missing.reason
    assert (damaged.id, damaged.name, damaged.callable_reference, damaged.next_run_time) == (
        "damaged",
        None,
        None,
        None,
    )
    assert "Expected a record in JSON" in damaged.reason
    with pytest.raises(FrozenInstanceError):
        damaged.id = "x"


def test_they_are_listed_by_store(scheduler: Any, make: Any) -> None:
    assert len(scheduler.get_set_aside_tasks("kept")) == 2
    assert scheduler.get_set_aside_tasks("default") == []
    with pytest.raises(KeyError):
        scheduler.get_set_aside_tasks("nowhere")
    assert make(start=False, stores={"default": SQLiteStore("never-opened.sqlite3")}).get_set_aside_tasks() == []


def test_they_are_no_tasks_here_and_never_run(scheduler: Any) -> None:
    assert [task.id for task in scheduler.get_tasks()] == ["fine"]
    for id in ("missing", "damaged"):
        assert scheduler.get_task(id) is None
        assert scheduler.get_task_info(id) is None
    drive(scheduler, hours=3)
    assert len(calls) == 3
    assert len(scheduler.get_set_aside_tasks()) == 2


@pytest.mark.parametrize(("id", "error"), [("missing", TaskUnavailableError), ("damaged", ValueError)])
def test_verbs_that_need_the_task_say_what_is_wrong_with_it(scheduler: Any, id: str, error: type[Exception]) -> None:
    reason = {found.id: found.reason for found in scheduler.get_set_aside_tasks()}[id]
    for verb in (
        scheduler.run_task,
        scheduler.lookup_task,
        lambda id: scheduler.update_task(id, args=(1,)),
        lambda id: scheduler.reschedule_task(id, trigger="interval", hours=2),
    ):
        with pytest.raises(error) as caught:
            verb(id)
        assert str(caught.value) == reason


def test_one_whose_callable_is_missing_can_be_paused_resumed_and_renamed(scheduler: Any) -> None:
    scheduler.pause_task("missing")
    scheduler.update_task("missing", name="renamed")
    (found,) = (found for found in scheduler.get_set_aside_tasks() if found.id == "missing")
    assert (found.name, found.next_run_time) == ("renamed", None)
    scheduler.resume_task("missing")
    (found,) = (found for found in scheduler.get_set_aside_tasks() if found.id == "missing")
    assert found.next_run_time == START + HOUR


@pytest.mark.parametrize("id", ["missing", "damaged"])
def test_they_can_be_deleted(scheduler: Any, id: str) -> None:
    scheduler.delete_task(id)
    assert id not in [found.id for found in scheduler.get_set_aside_tasks()]
    with pytest.raises(TaskLookupError):
        scheduler.delete_task(id)


@pytest.mark.parametrize("id", ["missing", "damaged"])
def test_their_ids_are_taken_until_they_are_replaced(scheduler: Any, id: str) -> None:
    with pytest.raises(ConflictIdError):
        scheduler.add_task(work, "interval", hours=2, id=id, store="kept")
    scheduler.add_task(work, "interval", hours=2, id=id, store="kept", replace_existing=True)
    assert str(scheduler.get_task(id).trigger) == "interval[2:00:00]"
    assert id not in [found.id for found in scheduler.get_set_aside_tasks()]


def test_one_that_somebody_without_the_secret_wrote_is_listed_and_left_out_of_exports(make: Any, file: Path) -> None:
    first = make(stores={"default": SQLiteStore(file, secret="ours")})
    first.add_task(work, "interval", hours=1, id="x")
    first.shutdown()
    other = make(stores={"default": SQLiteStore(file, secret="theirs")})
    (found,) = other.get_set_aside_tasks()
    assert (found.id, found.callable_reference) == ("x", None)
    assert "not signed" in found.reason
    assert [plain["id"] for plain in other.export_tasks()["left_out"]] == ["x"]
    for verb in (other.run_task, other.pause_task, other.resume_task, lambda id: other.update_task(id, name="y")):
        with pytest.raises(SignatureError):
            verb("x")

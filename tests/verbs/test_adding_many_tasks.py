"""Adding many tasks at once: all or none, in one go, and who is told."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from recorded import calls, work

from asyncz.events import TASK_ADDED
from asyncz.exceptions import ConflictIdError, SerializationError
from asyncz.stores.memory import MemoryStore
from asyncz.stores.sqlite import SQLiteStore
from asyncz.tasks import Task
from asyncz.testing import drive
from asyncz.triggers import IntervalTrigger

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


def made(*ids: str, **options: Any) -> list[Task]:
    return [Task(work, id=id, args=(id,), trigger=IntervalTrigger(hours=1), **options) for id in ids]


def ids(scheduler: Any, store: str | None = None) -> list[str]:
    return sorted(task.id for task in scheduler.get_tasks(store))


@pytest.fixture(params=["running", "stopped"])
def whichever(request: pytest.FixtureRequest, make: Any, new_store: Any) -> Any:
    """A scheduler with a store of either kind, running or not."""
    return make(start=request.param == "running", stores={"default": new_store()})


class TestAll:
    def test_they_are_returned_and_run_when_they_are_due(self, whichever: Any) -> None:
        tasks = made("a", "b", "c")
        assert whichever.add_tasks(iter(tasks)) == tasks
        assert ids(whichever) == ["a", "b", "c"]
        if not whichever.running:
            whichever.start()
        assert {task.next_run_time for task in tasks} == {START + HOUR}
        assert [(task.pending, task.submitted, task.store_alias) for task in tasks] == [(False, True, "default")] * 3
        drive(whichever, hours=1)
        assert sorted(calls) == [("a",), ("b",), ("c",)]

    def test_none_is_fine(self, whichever: Any) -> None:
        assert whichever.add_tasks([]) == []

    def test_each_is_told_of_and_the_scheduler_is_woken_once(self, either: Any) -> None:
        heard: list[Any] = []
        either.add_listener(heard.append, TASK_ADDED)
        before = either.woken
        either.add_tasks(made("a", "b"))
        assert [(event.task_id, event.store) for event in heard] == [("a", "default"), ("b", "default")]
        assert either.woken == before + 1

    def test_defaults_of_the_scheduler_and_next_run_times_count(self, make: Any, new_store: Any) -> None:
        scheduler = make(stores={"default": new_store()}, task_defaults={"max_instances": 7})
        first, paused, later = made("first", "paused", "later")
        paused.update_task(scheduler=scheduler)
        paused.pause()
        later.timezone = scheduler.timezone
        later.update_task(next_run_time="2024-01-01T05:00")
        scheduler.add_tasks([first, paused, later])
        assert [scheduler.get_task(id).max_instances for id in ("first", "later")] == [7, 7]
        assert scheduler.get_task("paused").paused
        assert scheduler.get_task("later").next_run_time == START + 5 * HOUR

    def test_they_go_to_the_stores_that_they_name(self, make: Any, file: Any) -> None:
        scheduler = make(stores={"default": MemoryStore(), "kept": SQLiteStore(file)})
        scheduler.add_tasks([*made("a"), *made("b", store_alias="kept")])
        assert (ids(scheduler, "default"), ids(scheduler, "kept")) == (["a"], ["b"])


class TestInOneGo:
    @pytest.fixture
    def puts(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How many rows each transaction has put in."""
        sizes: list[int] = []
        put = SQLiteStore.put

        def counted(store: Any, rows: Any) -> Any:
            sizes.append(len(rows))
            return put(store, rows)

        monkeypatch.setattr(SQLiteStore, "put", counted)
        return sizes

    def test_one_transaction_takes_them_all(self, durable: Any, puts: list[int]) -> None:
        durable.add_tasks(made(*map(str, range(3000))))
        assert puts == [3000]

    def test_so_do_queued_ones_at_the_start(self, make: Any, file: Any, puts: list[int]) -> None:
        scheduler = make(start=False, stores={"default": SQLiteStore(file)})
        for task in made(*map(str, range(50))):
            scheduler.add_task(task)
        assert puts == []
        scheduler.start()
        assert puts == [50]
        assert len(ids(scheduler)) == 50


class TestRefusals:
    def test_one_that_cannot_be_stored_keeps_all_out(self, make: Any, file: Any) -> None:
        for start in (True, False):
            scheduler = make(start=start, stores={"default": SQLiteStore(file)})
            tasks = made("a", "b", "c")
            tasks[1].update_task(args=(open,))
            with pytest.raises(SerializationError, match=r"task b cannot be stored: args\[0\]"):
                scheduler.add_tasks(tasks)
            assert ids(scheduler) == []
            assert [(task.pending, task.submitted, task.store_alias) for task in tasks] == [(True, False, None)] * 3
            scheduler.add_tasks([tasks[0], tasks[2]])
            assert ids(scheduler) == ["a", "c"]
            scheduler.remove_all_tasks()

    def test_one_that_another_store_refuses_keeps_all_out(self, make: Any, file: Any) -> None:
        scheduler = make(stores={"default": MemoryStore(), "kept": SQLiteStore(file)})
        with pytest.raises(SerializationError):
            scheduler.add_tasks(
                [
                    *made("a"),
                    *made("b", store_alias="kept"),
                    Task(lambda: None, id="c", trigger=IntervalTrigger(hours=1), store_alias="kept"),
                ]
            )
        assert ids(scheduler) == []

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            (lambda scheduler: "a", TypeError),
            (lambda scheduler: Task(work), AssertionError),
            (lambda scheduler: Task(trigger=IntervalTrigger(hours=1)), TypeError),
            (lambda scheduler: scheduler.add_task(work, "interval", hours=1, id="there"), AssertionError),
            (lambda scheduler: made("x", store_alias="nowhere")[0], KeyError),
        ],
        ids=["no task", "no trigger", "no callable", "submitted before", "no such store"],
    )
    def test_a_wrong_one_keeps_all_out(self, either: Any, wrong: Any, error: type[Exception]) -> None:
        last = wrong(either)
        before = ids(either)
        with pytest.raises(error):
            either.add_tasks([*made("a", "b"), last])
        assert ids(either) == before

    def test_the_same_object_twice(self, whichever: Any) -> None:
        (task,) = made("a")
        with pytest.raises(AssertionError):
            whichever.add_tasks([task, task])
        assert ids(whichever) == []


class TestTakenIds:
    def test_the_others_are_added_and_these_named(self, whichever: Any) -> None:
        heard: list[Any] = []
        whichever.add_task(work, "interval", hours=5, id="b")
        whichever.add_listener(lambda event: heard.append(event.task_id), TASK_ADDED)
        tasks = made("a", "b", "c", "a")
        with pytest.raises(ConflictIdError) as caught:
            whichever.add_tasks(tasks)
        assert caught.value.task_id == "b"
        assert sorted(caught.value.task_ids) == ["a", "b"]
        assert str(caught.value) == "'Task identifiers (b, a) conflict with existing tasks.'"
        assert [task.submitted for task in tasks] == [True, False, True, False]
        assert ids(whichever) == ["a", "b", "c"]
        if whichever.running:
            assert heard == ["a", "c"]

    def test_they_are_replaced_where_that_was_asked_for_and_keep_their_due_times(self, either: Any, clock: Any) -> None:
        either.add_tasks(made("a", "b"))
        clock.advance(minutes=30)
        again = made("a", "b", "c", replace_existing=True)
        for task in again:
            task.update_task(name="again")
        either.add_tasks(again)
        assert {id: either.get_task(id).next_run_time for id in "abc"} == {
            "a": START + HOUR,
            "b": START + HOUR,
            "c": START + 1.5 * HOUR,
        }
        assert [task.next_run_time for task in again] == [either.get_task(id).next_run_time for id in "abc"]
        assert {either.get_task(id).name for id in "abc"} == {"again"}

    def test_of_one_id_the_last_that_replaces_counts(self, whichever: Any) -> None:
        first, second = *made("a"), *made("a", replace_existing=True)
        second.update_task(name="second")
        whichever.add_tasks([first, second])
        if not whichever.running:
            whichever.start()
        assert [task.name for task in whichever.get_tasks()] == ["second"]

    def test_an_error_with_several_ids_can_be_pickled(self) -> None:
        import pickle

        error = pickle.loads(pickle.dumps(ConflictIdError("a", "b")))
        assert (error.task_id, error.task_ids, str(error)) == ("a", ("a", "b"), str(ConflictIdError("a", "b")))

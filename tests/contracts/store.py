"""What every store promises, over one backend at a time.

A backend's test file names a fixture ``make_store`` that returns a fresh, started store, and imports the suite::

    from contracts.store import *

    @pytest.fixture
    def make_store():
        return started_memory_store
"""

from __future__ import annotations

import datetime
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncz.enums import RunState
from asyncz.exceptions import ConflictIdError, TaskLookupError
from asyncz.tasks.base import Task
from asyncz.tasks.planning import Firing
from asyncz.tasks.runs import Outcome, Run
from asyncz.triggers import IntervalTrigger
from asyncz.utils import to_microseconds

__all__ = ("TestClaims", "TestHistory", "TestOrder", "TestVerbs", "make_task", "store")

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=UTC)
OWNER = "test-owner"


def after(seconds: float) -> datetime.datetime:
    return NOON + datetime.timedelta(seconds=seconds)


def work() -> None:
    """Something a store can find again by reference."""


def make_task(id: str, due: datetime.datetime | None = NOON, executor: str = "default", **options: object) -> Task:
    task = Task(work, id=id, trigger=IntervalTrigger(minutes=1, start_at=NOON, timezone=UTC), **options)
    task.executor, task.timezone, task.next_run_time = executor, UTC, due
    task.submitted, task.pending = True, False
    return task


def make_run(id: int, task_id: str = "a", at: datetime.datetime = NOON) -> Run:
    return Run(id, task_id, "work", "default", "default", [at], OWNER, at, "scheduled")


def make_firing(store, task_id: str, run_id: int = 1, *, next_due=None, forced: bool = False) -> Firing:
    row = store.read(task_id)
    firing = Firing.by_hand(NOON) if forced else Firing([NOON], next_due and (next_due, next_due))
    firing.row, firing.revision, firing.run = row, row.revision, make_run(run_id, task_id)
    firing.due_time, firing.due_at, firing.nominal_at = row.task.next_run_time, row.due, row.nominal
    return firing


def due_ids(store, now=NOON, limit=100, executors=("default",)) -> list[str]:
    return [row.task.id for row in store.due(now, limit, executors)]


@pytest.fixture
def store(make_store):
    made = make_store()
    yield made
    made.shutdown()


class TestVerbs:
    def test_a_task_that_was_added_is_found_by_its_id(self, store):
        store.add_task(make_task("a"))
        assert store.lookup_task("a").id == "a"
        assert store.lookup_task("b") is None

    def test_an_id_is_taken_once(self, store):
        store.add_task(make_task("a", after(1)))
        with pytest.raises(ConflictIdError):
            store.add_task(make_task("a", after(2)))
        assert store.get_next_run_time() == after(1)

    def test_updating_or_deleting_an_unknown_task_is_an_error_and_stores_nothing(self, store):
        with pytest.raises(TaskLookupError):
            store.update_task(make_task("a"))
        with pytest.raises(TaskLookupError):
            store.delete_task("a")
        assert store.get_all_tasks() == []

    def test_an_update_moves_the_task_in_time_and_leaves_its_neighbours(self, store):
        for number, name in enumerate("abc"):
            store.add_task(make_task(name, after(number)))
        for due in (after(10), after(0.5), after(20)):
            changed = make_task("b", due)
            store.update_task(changed)
        assert [task.id for task in store.get_all_tasks()] == ["a", "c", "b"]
        assert store.lookup_task("b").next_run_time == after(20)

    def test_a_deleted_task_is_gone_from_every_view(self, store):
        store.add_task(make_task("a"))
        store.delete_task("a")
        assert store.lookup_task("a") is None
        assert store.get_all_tasks() == []
        assert store.get_due_tasks(NOON) == []
        assert store.get_next_run_time() is None
        assert due_ids(store) == []

    def test_all_tasks_can_be_removed_at_once(self, store):
        for name in "abc":
            store.add_task(make_task(name))
        store.remove_all_tasks()
        assert store.get_all_tasks() == []
        assert store.next_due(["default"]) is None

    def test_an_edit_sets_the_named_attributes_if_the_row_is_at_the_revision_read(self, store):
        store.add_task(make_task("a"))
        revision = store.read("a").revision
        assert store.edit("a", revision, {"max_instances": 3}).max_instances == 3
        assert store.edit("a", revision, {"max_instances": 4}) is None
        assert store.lookup_task("a").max_instances == 3
        assert store.lookup_task("a").next_run_time == NOON

    def test_an_edit_of_the_next_run_time_moves_the_task(self, store):
        store.add_task(make_task("a"))
        store.edit("a", store.read("a").revision, {"next_run_time": after(5)}, after(4))
        row = store.read("a")
        assert (row.due, row.nominal) == (to_microseconds(after(5)), to_microseconds(after(4)))
        assert store.next_due(["default"]) == to_microseconds(after(5))

    def test_a_task_takes_the_place_of_another_if_the_row_is_at_the_revision_read(self, store):
        store.add_task(make_task("a", after(1)))
        revision = store.read("a").revision
        assert store.replace(make_task("a", after(2)), revision)
        assert not store.replace(make_task("a", after(3)), revision)
        assert store.lookup_task("a").next_run_time == after(2)

    def test_shutting_down_twice_is_fine(self, store):
        store.shutdown()
        store.shutdown()


class TestOrder:
    def test_tasks_come_by_due_time_then_id_with_paused_ones_last(self, store):
        for name, due in (("p", None), ("d", after(1)), ("b", NOON), ("c", NOON), ("a", after(0.0005)), ("o", None)):
            store.add_task(make_task(name, due))
        assert [task.id for task in store.get_all_tasks()] == ["b", "c", "a", "d", "o", "p"]
        assert [task.id for task in store.get_due_tasks(after(0.5))] == ["b", "c", "a"]
        assert due_ids(store, after(0.5)) == ["b", "c", "a"]

    def test_one_microsecond_makes_a_difference(self, store):
        store.add_task(make_task("a", after(0.000001)))
        assert due_ids(store, NOON) == []
        assert due_ids(store, after(0.000001)) == ["a"]

    def test_a_batch_holds_the_first_ones_and_asking_takes_nothing_away(self, store):
        for number in range(5):
            store.add_task(make_task(f"t{number}", after(-number)))
        assert due_ids(store, limit=2) == ["t4", "t3"]
        assert due_ids(store, limit=3) == ["t4", "t3", "t2"]

    def test_only_what_the_named_executors_can_run_is_due(self, store):
        store.add_task(make_task("a", executor="there"))
        store.add_task(make_task("b", after(1), executor="here"))
        assert due_ids(store, after(1), executors=["here"]) == ["b"]
        assert due_ids(store, after(1), executors=["here", "there"]) == ["a", "b"]
        assert store.next_due(["here"]) == to_microseconds(after(1))
        assert store.next_due([]) is None

    def test_an_edit_can_move_a_task_to_another_executor(self, store):
        store.add_task(make_task("a"))
        store.edit("a", store.read("a").revision, {"executor": "other"})
        assert due_ids(store) == []
        assert due_ids(store, executors=["other"]) == ["a"]

    # One suite, several classes of that name: the test is the same for all of them, and so are its examples.
    @settings(
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from(["add", "delete", "move", "pause", "claim", "due"]),
                st.integers(0, 7),
                st.integers(-5, 5),
            ),
            max_size=60,
        )
    )
    def test_whatever_is_done_the_store_agrees_with_a_plain_dictionary(self, make_store, steps):
        store, model = make_store(), {}
        try:
            for action, number, offset in steps:
                _apply(store, model, action, f"t{number}", after(offset))
                expected = sorted(model, key=lambda id: (model[id] is None, model[id] or NOON, id))
                assert [task.id for task in store.get_all_tasks()] == expected
                due = [id for id in expected if model[id] is not None and model[id] <= NOON]
                found = due_ids(store)
                assert [model[id] for id in found] == [model[id] for id in due]
                assert sorted(found) == sorted(due)
                first = next((model[id] for id in expected if model[id] is not None), None)
                assert store.get_next_run_time() == first
        finally:
            store.shutdown()


def _apply(store, model, action, id, due):
    if action == "add":
        assert store.insert(make_task(id, due)) is (id not in model)
        model.setdefault(id, due)
    elif action == "delete":
        assert store.remove(id) is (id in model)
        model.pop(id, None)
    elif id in model and action in ("move", "pause"):
        due = None if action == "pause" else due
        assert store.edit(id, store.read(id).revision, {"next_run_time": due}) is not None
        model[id] = due
    elif id in model and action == "claim" and model[id] is not None:
        firing = make_firing(store, id, next_due=due)
        assert store.claim([firing], OWNER) == [firing]
        store.finish([firing.run] if firing.run else [])
        model[id] = due


class TestClaims:
    def test_a_claim_advances_the_schedule_and_records_the_run(self, store):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a", next_due=after(60))
        assert store.claim([firing], OWNER) == [firing]
        row = store.read("a")
        assert row.due == to_microseconds(after(60))
        assert [run.id for run in row.runs] == [1]
        assert store.lookup_task("a").next_run_time == after(60)
        assert due_ids(store) == []

    def test_of_two_claims_on_one_revision_one_wins(self, store):
        store.add_task(make_task("a", max_instances=9))
        first, second = (make_firing(store, "a", number, next_due=after(60)) for number in (1, 2))
        assert store.claim([first, second], OWNER) == [first]
        assert [run.id for run in store.read("a").runs] == [1]

    @pytest.mark.parametrize(
        "change",
        [
            lambda store: store.edit("a", store.read("a").revision, {"max_instances": 2}),
            lambda store: store.replace(make_task("a", after(9)), store.read("a").revision),
            lambda store: store.delete_task("a"),
            lambda store: (store.delete_task("a"), store.add_task(make_task("a", after(9)))),
        ],
        ids=["edit", "replace", "delete", "delete and add"],
    )
    def test_whoever_was_overtaken_claims_nothing_and_undoes_nothing(self, store, change):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a", next_due=after(60))
        change(store)
        before = [(task.id, task.next_run_time) for task in store.get_all_tasks()]
        assert store.claim([firing], OWNER) == []
        assert [(task.id, task.next_run_time) for task in store.get_all_tasks()] == before

    def test_at_the_limit_the_schedule_advances_without_a_run(self, store):
        store.add_task(make_task("a", max_instances=1))
        store.claim([make_firing(store, "a", 1, next_due=after(60))], OWNER)
        firing = make_firing(store, "a", 2, next_due=after(120))
        assert store.claim([firing], OWNER) == [firing]
        assert firing.at_limit
        assert firing.run is None
        assert store.read("a").due == to_microseconds(after(120))
        assert [run.id for run in store.read("a").runs] == [1]

    def test_a_run_that_has_ended_makes_room_for_the_next(self, store):
        store.add_task(make_task("a", max_instances=1))
        first = make_firing(store, "a", 1, next_due=after(60))
        store.claim([first], OWNER)
        store.finish([first.run])
        second = make_firing(store, "a", 2, next_due=after(120))
        store.claim([second], OWNER)
        assert not second.at_limit

    def test_a_forced_run_leaves_the_schedule_and_a_pause_as_they_are(self, store):
        store.add_task(make_task("a", after(30)))
        store.add_task(make_task("p", None))
        for id in "ap":
            assert store.claim([make_firing(store, id, forced=True)], OWNER)
        assert store.lookup_task("a").next_run_time == after(30)
        assert store.lookup_task("p").next_run_time is None
        assert len(store.read("p").runs) == 1

    def test_a_task_whose_last_firing_is_claimed_is_hidden_until_its_run_has_ended(self, store):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a")
        store.claim([firing], OWNER)
        assert store.lookup_task("a") is None
        assert store.get_all_tasks() == []
        assert not store.remove("a")
        store.finish([firing.run])
        assert store.read("a") is None

    def test_the_id_of_a_hidden_task_is_free_and_its_live_runs_still_count(self, store):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a", 1)
        store.claim([firing], OWNER)
        store.add_task(make_task("a", after(5), max_instances=1))
        assert store.lookup_task("a").next_run_time == after(5)
        forced = make_firing(store, "a", 2, forced=True)
        store.claim([forced], OWNER)
        assert forced.at_limit
        store.finish([firing.run])
        assert store.lookup_task("a") is not None

    def test_a_claim_that_was_not_started_can_be_taken_back(self, store):
        store.add_task(make_task("a"))
        store.add_task(make_task("b"))
        firings = [make_firing(store, "a", 1, next_due=after(60)), make_firing(store, "b", 2)]
        store.claim(firings, OWNER)
        store.unclaim(firings)
        assert due_ids(store) == ["a", "b"]
        assert store.read("a").runs == ()
        assert store.read("b").runs == ()

    def test_a_run_can_be_dropped_without_being_kept_as_history(self, store):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a", next_due=after(60))
        store.claim([firing], OWNER)
        store.finish([firing.run], keep=False)
        assert store.read("a").runs == ()
        assert store.read_runs() == []

    def test_many_threads_claim_each_due_time_once(self, store):
        count = 50
        for number in range(count):
            store.add_task(make_task(f"t{number:02}"))
        barrier, won = threading.Barrier(4), []

        def claim() -> None:
            barrier.wait()
            rows = store.due(NOON, count, ["default"])
            firings = [make_firing(store, row.task.id, next_due=after(60)) for row in rows]
            won.extend(firing.run.task_id for firing in store.claim(firings, OWNER) if firing.run)

        threads = [threading.Thread(target=claim) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # A thread that came late may have read rows that are due in a minute: none of these is claimed at noon twice.
        assert sorted(set(won)) == [f"t{number:02}" for number in range(count)]


class TestHistory:
    def test_live_and_ended_runs_are_read_in_order_of_their_claims(self, store):
        store.add_task(make_task("a", max_instances=5))
        firings = []
        for number in (1, 2):
            firing = make_firing(store, "a", number, next_due=after(60 * number))
            firing.run.claimed_at = after(number)
            store.claim([firing], OWNER)
            firings.append(firing)
        firings[0].run.end([Outcome(RunState.EXECUTED, NOON)], after(3))
        store.finish([firings[0].run])
        assert [(run.id, run.state) for run in store.read_runs()] == [(1, RunState.EXECUTED), (2, RunState.SUBMITTED)]

    def test_the_history_is_bounded(self, store):
        runs = [make_run(number) for number in range(1, 1102)]
        for run in runs:
            run.end([Outcome(RunState.EXECUTED, NOON)], NOON)
        store.finish(runs)
        kept = store.read_runs()
        assert len(kept) <= 1000
        assert kept[-1].id == 1101

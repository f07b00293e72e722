"""What every store promises that outlasts the process and is shared, over one backend at a time.

A backend's test file imports this suite beside that of all stores, and names two fixtures::

    from contracts.durable_store import *
    from contracts.store import *

    @pytest.fixture
    def make_store():
        ...  # function of DurableStore's options that returns a fresh, started store

    @pytest.fixture
    def make_twin():
        ...  # function of a store, and options, that returns another started one over the same data

Each is started with ``store.start(None, "default")``. Whatever the suite opens, it shuts down.
"""

from __future__ import annotations

import datetime
import json
import threading
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncz.enums import RunState
from asyncz.exceptions import SerializationError, SignatureError, TaskUnavailableError, UnreadableRecordError
from asyncz.stores.stored import Ended, Stored, Swap
from asyncz.tasks.planning import Firing
from asyncz.tasks.runs import Outcome
from asyncz.utils import to_microseconds
from contracts.store import NOON, OWNER, after, due_ids, make_firing, make_run, make_task

__all__ = (
    "TestChanges", "TestHandedBack", "TestHorizons", "TestOrphans", "TestOwners", "TestPastRuns", "TestPrimitives",
    "TestRecords", "TestSharing", "TestSignatures", "TestUnavailableTasks", "TestUnreadableRecords", "open_store",
)  # fmt: skip

AT_NOON = to_microseconds(NOON)
#: Servers answer slowly; what is drawn is small, so that few examples reach most of it.
FEW = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)
IDS = [
    "a b",
    "a:b",
    "a.b",
    "$a",
    "{a}",
    "a/b\\c",
    "a'b\"c",
    "a\nb",
    "a\0b",
    "0",
    "ärger",
    "\U0001f600",
    "%s",
    "x" * 900,
]


@pytest.fixture
def open_store(make_store, make_twin):
    """Function that opens a fresh store, or with ``twin`` another one over the data of that."""
    opened = []

    def open(twin=None, **options):
        opened.append(make_store(**options) if twin is None else make_twin(twin, **options))
        return opened[-1]

    yield open
    for store in opened:
        store.shutdown()


def take(argument) -> None:
    """Something that takes an argument, and that a store can find again by reference."""


class Listener:
    """What a store is started with in place of a scheduler, to hear what it reports."""

    def __init__(self):
        self.said = []
        self.loggers = defaultdict(lambda: self)

    def error(self, text):
        self.said.append(text)


def listen(store) -> list[str]:
    """Start a store again under a listener, and return the list that its reports go to."""
    listener = Listener()
    store.shutdown()
    store.start(listener, "default")
    return listener.said


def stored(id="a", due: int | None = AT_NOON, revision=1, executor="default", final=False, runs="") -> Stored:
    return Stored(id, due, None, revision, executor, final, b"payload of " + id.encode(), runs, b"")


def write_raw(store, raw: Stored, **changes) -> Stored:
    """Write a row as somebody does who knows the backend, but neither format nor secret."""
    changed = raw._replace(**changes)
    if changed.id == raw.id:
        assert store.swap([Swap(raw.id, raw.revision, changed)]) == [True]
    else:
        assert store.put([changed]) == [True]
    return changed


def row_of(store, id="a") -> Stored:
    (found,) = store.fetch([id])
    return found


def with_fn(raw: Stored, reference: str) -> bytes:
    return json.dumps({**json.loads(raw.payload), "fn": reference}).encode()


def claimed(store, id="a", number=1, **options) -> Firing:
    firing = make_firing(store, id, number, **options)
    assert store.claim([firing], OWNER) == [firing]
    return firing


def ended_run(number, task_id="a", state=RunState.EXECUTED, at=NOON):
    run = make_run(number, task_id, at)
    run.end([Outcome(state, at)], at)
    return run


def numbers(runs) -> list[int]:
    return [run.id for run in runs]


class Counted:
    """Counts the looks of a store at what is due."""

    def __init__(self, store, monkeypatch):
        self.looks = 0
        self._look = store.fetch_due
        monkeypatch.setattr(store, "fetch_due", self)

    def __call__(self, *args, **kwargs):
        self.looks += 1
        return self._look(*args, **kwargs)

    def during(self, call) -> int:
        """Return how many looks a call takes."""
        before = self.looks
        call()
        return self.looks - before


class TestPrimitives:
    @pytest.mark.parametrize(
        "row",
        [
            stored(),
            stored(due=None, final=True, runs="[1]"),
            Stored(
                "b", -1, -2, 2**53 - 1, "other one", False, bytes(range(256)), '[{"ä": "\U0001f600\\n"}]', b"\0\xff"
            ),
            Stored("c", 253402300799999999, -62135596800000000, 2**48 + 1, "ä", False, b"\0", "[]", bytes(32)),
            Stored("d", 1, None, 1, "default", False, b"x" * 200_000, "", b""),
        ],
    )
    def test_a_row_comes_back_as_it_was_written(self, store, row):
        assert store.put([row]) == [True]
        for found in (store.fetch([row.id, "z"]), store.fetch_all()):
            assert found == [row]
            assert list(map(type, found[0])) == list(map(type, row))
        assert store.fetch_live() == ([row] if row.runs else [])

    @pytest.mark.parametrize("id", IDS)
    def test_an_id_can_be_any_text(self, store, id):
        store.put([stored("a"), stored(id), stored("z")])
        assert [row.id for row in store.fetch([id])] == [id]
        assert store.swap([Swap(id, 1, stored(id, AT_NOON - 1, 2))]) == [True]
        assert store.fetch_due(AT_NOON, 1, ["default"])[0] == [stored(id, AT_NOON - 1, 2)]
        assert store.fetch_due(AT_NOON, 1, ["default"], (AT_NOON - 1, id))[0] == [stored("a")]
        assert store.swap([Swap(id, 2, None)]) == [True]
        assert store.fetch([id]) == []

    def test_a_row_is_added_where_its_id_is_free(self, store):
        assert store.put([stored("a"), stored("b"), stored("a", revision=2)]) == [True, True, False]
        assert store.put([stored("b", revision=3), stored("c")]) == [False, True]
        assert sorted(row.revision for row in store.fetch(["a", "b", "c"])) == [1, 1, 1]

    def test_each_swap_is_made_if_its_row_is_at_the_revision(self, store):
        large = 2**53 - 2
        store.put([stored("a", revision=large), stored("b"), stored("c"), stored("d")])
        swaps = [
            Swap("a", large, stored("a", 5, large + 1)),
            Swap("b", 2, stored("b", 5, 3)),
            Swap("c", 1, None),
            Swap("d", 2, None),
            Swap("e", 1, stored("e", 5, 2)),
            Swap("f", 1, None),
        ]
        assert store.swap(swaps) == [True, False, True, False, False, False]
        assert sorted(store.fetch_all()) == sorted([stored("a", 5, large + 1), stored("b"), stored("d")])
        assert store.swap([Swap("a", large, None), Swap("a", large + 2, None)][:1]) == [False]

    def test_a_swap_moves_a_row_in_time_to_another_executor_and_among_the_live_ones(self, store):
        store.put([stored("a")])
        steps = [
            stored("a", AT_NOON + 9, 2, runs="[1]"),
            stored("a", None, 3, runs="[1]"),
            stored("a", AT_NOON, 4, "other"),
            stored("a", None, 5, "other", final=True, runs="[1]"),
            stored("a", AT_NOON, 6),
        ]
        for number, row in enumerate(steps, 1):
            assert store.swap([Swap("a", number, row)]) == [True]
            for executor in ("default", "other"):
                is_due = row.due is not None and row.executor == executor
                assert store.fetch_due(AT_NOON + 9, 9, [executor])[0] == ([row] if is_due else [])
            assert store.fetch_live() == ([row] if row.runs else [])

    def test_clearing_leaves_the_hidden_rows(self, store):
        hidden = stored("b", None, final=True, runs="[1]")
        store.put([stored("a"), hidden, stored("c", None), stored("d", executor="other", runs="[1]")])
        store.clear()
        assert store.fetch_all() == [hidden]
        assert store.fetch_live() == [hidden]
        assert store.fetch_due(AT_NOON, 9, ["default", "other"]) == ([], None)

    def test_a_batch_of_many_is_done_at_once(self, store):
        ids = [f"t{number:04}" for number in range(1024)]
        assert store.put([stored(id) for id in ids]) == [True] * 1024
        assert len(store.fetch(ids)) == 1024
        found, _ = store.fetch_due(AT_NOON, 1024, ["default"])
        assert [row.id for row in found] == ids
        ended = Ended("t0000", "1", AT_NOON, "executed", "{}")
        swaps = [Swap(id, 1, stored(id, AT_NOON + 1, 2), (ended._replace(task_id=id),)) for id in ids]
        assert store.swap(swaps) == [True] * 1024
        assert store.fetch_due(AT_NOON, 1024, ["default"]) == ([], AT_NOON + 1)
        assert store.swap([Swap(id, 2, None) for id in ids]) == [True] * 1024
        assert store.fetch_all() == []

    @FEW
    @given(
        rows=st.lists(
            st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3) | st.none(), st.sampled_from("xyz")), max_size=12
        ),
        instant=st.integers(-1, 4),
        limit=st.integers(1, 5),
        executors=st.sets(st.sampled_from("xyz"), min_size=1),
        start=st.none() | st.tuples(st.integers(-1, 4), st.sampled_from("adgi")),
    )
    def test_what_is_due_comes_by_due_time_and_id_with_what_is_next(
        self, make_store, rows, instant, limit, executors, start
    ):
        if start is not None:  # a place that a look before this one has come to
            start = min(start[0], instant), start[1]
        store = make_store()
        try:
            made = {id: stored(id, due, executor=executor) for id, due, executor in rows}
            store.put(list(made.values()))
            model = sorted(
                (row for row in made.values() if row.due is not None and row.executor in executors),
                key=lambda row: (row.due, row.id),
            )
            model = [row for row in model if start is None or (row.due, row.id) > start]
            expected = [row for row in model if row.due <= instant][:limit]
            found, following = store.fetch_due(instant, limit, sorted(executors), start)
            assert found == expected
            if len(found) < limit:
                assert following == next((row.due for row in model[len(found) :]), None)
        finally:
            store.shutdown()


class TestRecords:
    def test_what_is_found_is_a_copy(self, store):
        task = make_task("a")
        store.add_task(task)
        found = store.lookup_task("a")
        assert found is not task
        found.max_instances = 9
        assert store.lookup_task("a").max_instances == 1

    def test_a_task_comes_back_as_it_was_after_a_restart(self, store):
        zone = datetime.timezone(datetime.timedelta(hours=5))
        given = {"max_instances": 3, "coalesce": False, "mistrigger_grace_time": 1.5, "recover": False, "name": "Name"}
        task = make_task("a", after(0.000001), "other", **given)
        task.timezone = zone
        assert store.insert(task, after(-1))
        listen(store)
        found, row = store.lookup_task("a"), store.read("a")
        for name in (*given, "id", "fn", "args", "kwargs", "trigger", "executor", "timezone", "next_run_time"):
            assert getattr(found, name) == getattr(task, name), name
        assert (found.store_alias, found.pending, found.submitted) == ("default", False, True)
        assert (row.due, row.nominal) == (AT_NOON + 1, AT_NOON - 1_000_000)
        assert found.scheduler is store.scheduler

    def test_what_cannot_be_stored_is_refused_and_leaves_nothing(self, store):
        bad = make_task("b")
        bad.update_task(fn=lambda: None)
        for add in (lambda: store.add_task(bad), lambda: store.insert_all([(make_task("a"), None), (bad, None)])):
            with pytest.raises(SerializationError, match="b cannot be stored"):
                add()
        assert store.fetch_all() == []
        store.add_task(make_task("b"))
        with pytest.raises(SerializationError):
            store.edit("b", store.read("b").revision, {"args": (object(),)})
        assert store.lookup_task("b").args == ()

    def test_many_are_added_at_once_where_their_id_is_free(self, store):
        store.add_task(make_task("b", after(1)))
        hidden = claimed_last(store, "c")
        tasks = [(make_task(id, after(5)), None) for id in "abcda"]
        assert store.insert_all(tasks) == [True, False, True, True, False]
        assert [task.id for task in store.get_all_tasks()] == ["b", "a", "c", "d"]
        assert numbers(store.read("c").runs) == [hidden.run.id]
        assert store.insert_all([]) == []

    @pytest.mark.parametrize("id", ["", "\ud800", None, 5, b"a", ["a"]])
    def test_nothing_is_stored_under_what_is_no_text(self, store, id):
        store.add_task(make_task("5"))
        assert store.read(id) is None
        assert store.lookup_task(id) is None
        assert not store.remove(id)

    def test_arguments_that_a_run_changes_are_whole_for_the_next(self, store):
        for id, args in (("t0", ("x",)), ("t1", ([1],))):
            task = make_task(id)
            task.update_task(fn=take, args=args)
            store.add_task(task)
        for _ in range(2):
            for row in store.due(NOON, 9, ["default"]):
                assert row.task.args in (("x",), ([1],))
                row.task.next_run_time = None
                if row.task.id == "t1":
                    row.task.args[0].append(2)
        assert [row.task.next_run_time for row in store.due(NOON, 9, ["default"])] == [NOON, NOON]


def claimed_last(store, id="a", number=1) -> Firing:
    """Add a task, and claim its last firing: the row is hidden, and has a live run."""
    store.add_task(make_task(id))
    return claimed(store, id, number)


class TestChanges:
    def test_an_equal_task_in_its_place_is_not_written(self, store):
        store.insert(make_task("a"), after(-1))
        before = row_of(store)
        assert store.replace(make_task("a"), before.revision, after(-1))
        assert row_of(store) == before

    @pytest.mark.parametrize("change", [{"due": after(9)}, {"max_instances": 2}, {"executor": "other"}])
    def test_another_task_in_its_place_is_written_and_live_runs_stay(self, store, change):
        store.add_task(make_task("a"))
        claimed(store, next_due=NOON)
        before = row_of(store)
        assert store.replace(make_task("a", **change), before.revision)
        assert row_of(store).revision == before.revision + 1
        assert numbers(store.read("a").runs) == [1]

    def test_an_edit_leaves_live_runs_which_end_all_the_same(self, store):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        assert store.edit("a", store.read("a").revision, {"max_instances": 7})
        firing.run.end([Outcome(RunState.EXECUTED, NOON)], NOON)
        assert list(store.finish([firing.run])) == []
        assert row_of(store).runs == ""
        assert store.lookup_task("a").max_instances == 7
        assert numbers(store.read_runs()) == [1]

    def test_a_change_of_another_process_is_never_undone(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        twin = open_store(store)
        firing = make_firing(store, "a", next_due=after(60))
        revision = store.read("a").revision
        assert twin.edit("a", revision, {"next_run_time": None})
        assert store.claim([firing], OWNER) == []
        assert store.edit("a", revision, {"max_instances": 2}) is None
        assert not store.replace(make_task("a"), revision)
        assert store.lookup_task("a").next_run_time is None
        assert store.edit("a", store.read("a").revision, {"max_instances": 2}).next_run_time is None

    def test_who_read_a_row_does_not_take_one_for_it_that_was_added_since(self, store):
        store.add_task(make_task("a"))
        revision = store.read("a").revision
        store.delete_task("a")
        store.add_task(make_task("a"))
        assert store.edit("a", revision, {"max_instances": 2}) is None
        assert not store.replace(make_task("a", after(1)), revision)

    def test_an_edit_of_the_definition_alone_leaves_the_schedule(self, store):
        store.insert(make_task("a", after(5)), after(4))
        store.edit("a", store.read("a").revision, {"name": "other"})
        row = store.read("a")
        assert (row.due, row.nominal, row.task.name) == (AT_NOON + 5_000_000, AT_NOON + 4_000_000, "other")


class TestOrphans:
    def takeover(self, store, owner="second", number=1) -> Firing:
        (row,) = store.live()
        firing = Firing.by_hand(NOON)
        firing.row, firing.revision, firing.orphan = row, row.revision, row.runs[0]
        firing.run = make_run(number)
        firing.run.owner, firing.run.lost = owner, firing.orphan.lost + 1
        return firing

    def test_live_runs_are_found_in_hidden_and_in_paused_rows_too(self, store):
        for id in "abc":
            store.add_task(make_task(id))
        claimed(store, "a", next_due=after(60))
        claimed(store, "b")
        store.edit("a", store.read("a").revision, {"next_run_time": None})
        rows = {row.task.id: row for row in store.live()}
        assert rows.keys() == {"a", "b"}
        assert [rows["a"].final, rows["b"].final] == [False, True]
        assert [rows[id].task.next_run_time for id in "ab"] == [None, None]
        assert [(run.id, run.owner, run.run_times) for run in rows["a"].runs] == [(1, OWNER, [NOON])]

    def test_one_of_those_that_take_over_an_orphan_gets_it(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        claimed(store, next_due=after(60))
        first, second = self.takeover(store, "second"), self.takeover(open_store(store), "third")
        assert store.claim([first], "second") == [first]
        assert store.claim([second], "third") == []
        (run,) = store.read("a").runs
        assert (run.owner, run.lost) == ("second", 1)
        assert store.read("a").due == to_microseconds(after(60))

    def test_who_was_taken_over_is_told_and_changes_nothing(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        late = claimed(store, next_due=after(60))
        twin = open_store(store)
        firing = self.takeover(twin)
        twin.claim([firing], "second")
        before = row_of(store)
        late.run.end([Outcome(RunState.EXECUTED, NOON)], NOON)
        assert list(store.finish([late.run])) == [late.run]
        assert row_of(store) == before
        assert list(twin.finish([firing.run])) == []
        assert row_of(store).runs == ""

    def test_an_orphan_of_a_hidden_row_can_be_run_and_ends_it(self, open_store):
        store = open_store()
        claimed_last(store)
        twin = open_store(store)
        firing = self.takeover(twin)
        assert twin.claim([firing], "second") == [firing]
        assert twin.lookup_task("a") is None
        assert list(twin.finish([firing.run])) == []
        assert store.fetch_all() == []

    def test_a_takeover_that_is_not_started_is_an_orphan_again(self, store):
        store.add_task(make_task("a"))
        claimed(store, next_due=after(60))
        firing = self.takeover(store)
        store.claim([firing], "second")
        store.unclaim([firing])
        (row,) = store.live()
        assert numbers(row.runs) == [1]
        assert row.due == to_microseconds(after(60))

    def test_instances_count_over_all_processes(self, open_store):
        store = open_store()
        store.add_task(make_task("a", max_instances=2))
        twin = open_store(store)
        claimed(store, number=1, next_due=NOON)
        claimed(twin, number=2, next_due=NOON)
        firing = claimed(store, number=3, next_due=NOON)
        assert firing.at_limit
        assert numbers(store.read("a").runs) == [1, 2]


class TestHandedBack:
    def test_the_run_goes_and_the_task_is_due_as_before(self, store):
        store.insert(make_task("a", after(0.5)), NOON)
        store.add_task(make_task("b"))
        before = [row_of(store, id) for id in "ab"]
        firings = [claimed(store, "a", 1, next_due=after(60)), claimed(store, "b", 2)]
        store.unclaim(firings)
        for row in before:
            assert row_of(store, row.id)._replace(revision=row.revision) == row
        assert store.read_runs() == []
        assert due_ids(store, after(1)) == ["b", "a"]

    def test_also_when_the_last_firing_had_no_run(self, store):
        store.add_task(make_task("a"))
        firing = make_firing(store, "a")
        firing.run = None
        store.claim([firing], OWNER)
        assert store.fetch_all() == []
        store.unclaim([firing])
        assert due_ids(store) == ["a"]

    def test_also_when_the_task_was_edited_meanwhile(self, store):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        store.edit("a", store.read("a").revision, {"max_instances": 5})
        store.unclaim([firing])
        row = store.read("a")
        assert (row.due, row.runs, row.task.max_instances) == (AT_NOON, (), 5)

    @pytest.mark.parametrize("due", [None, after(30)])
    def test_a_schedule_that_was_set_meanwhile_stays(self, store, due):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        store.edit("a", store.read("a").revision, {"next_run_time": due})
        store.unclaim([firing])
        assert store.lookup_task("a").next_run_time == due
        assert store.read("a").runs == ()

    def test_several_claims_of_one_task_are_undone_back_to_the_first(self, store):
        store.add_task(make_task("a", max_instances=3))
        firings = [claimed(store, number=number, next_due=after(60 * number)) for number in (1, 2, 3)]
        store.finish([])
        store.unclaim(firings)
        row = store.read("a")
        assert (row.due, row.runs) == (AT_NOON, ())

    def test_other_runs_of_the_task_go_on(self, store):
        store.add_task(make_task("a", max_instances=3))
        first = claimed(store, number=1, next_due=after(60))
        second = claimed(store, number=2, next_due=after(120))
        store.unclaim([second])
        assert numbers(store.read("a").runs) == [1]
        assert store.read("a").due == to_microseconds(after(60))
        store.finish([first.run])
        assert store.read("a").runs == ()

    def test_a_task_that_was_deleted_stays_deleted(self, store):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        store.delete_task("a")
        store.unclaim([firing])
        assert store.fetch_all() == []

    def test_a_run_by_hand_leaves_the_schedule(self, store):
        store.add_task(make_task("a", after(30)))
        firing = claimed(store, forced=True)
        store.unclaim([firing])
        assert store.read("a").due == to_microseconds(after(30))
        assert store.read("a").runs == ()


class TestPastRuns:
    def finish(self, store, number, id="a", state=RunState.EXECUTED):
        firing = make_firing(store, id, number, next_due=NOON)
        firing.run.claimed_at = after(number)
        store.claim([firing], OWNER)
        firing.run.end([Outcome(state, NOON)], after(number))
        store.finish([firing.run])

    def test_the_latest_runs_of_each_task_are_kept(self, open_store):
        store = open_store(history_length="3")
        for id in "ab":
            store.add_task(make_task(id))
            for number in range(1, 6):
                self.finish(store, number, id)
        assert numbers(store.read_runs("a")) == [3, 4, 5]
        assert numbers(store.read_runs()) == [3, 3, 4, 4, 5, 5]

    def test_they_say_what_there_was_to_know(self, store):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        outcome = Outcome.failed(NOON, ValueError("no"), "...")
        firing.run.end([outcome], after(3))
        store.finish([firing.run])
        (run,) = store.read_runs()
        for name in ("id", "task_id", "task_name", "store", "executor", "run_times", "owner", "claimed_at", "source"):
            assert getattr(run, name) == getattr(firing.run, name), name
        assert (run.state, run.error, run.finished_at) == (RunState.ERROR, "ValueError: no", after(3))

    def test_they_can_be_asked_for_by_task_state_and_number(self, store):
        for id in "ab":
            store.add_task(make_task(id))
        states = [RunState.EXECUTED, RunState.ERROR, RunState.MISSED]
        for number in range(6):
            self.finish(store, number, "ab"[number % 2], states[number % 3])
        for task_id, state, limit, expected in (
            (None, None, 2, [4, 5]),
            ("a", None, 9, [0, 2, 4]),
            ("a", None, 1, [4]),
            (None, "error", 9, [1, 4]),
            (None, "error", 1, [4]),
            ("b", "missed", 9, [5]),
            ("b", "nonsense", 9, []),
            ("c", None, 9, []),
        ):
            contents = store.fetch_runs(task_id, state, limit)
            assert [json.loads(content)["id"] for content in contents] == expected[::-1]
            assert numbers(store.read_runs(task_id, state, limit)) == expected

    @pytest.mark.parametrize("remove", [lambda store: store.delete_task("a"), lambda store: store.remove_all_tasks()])
    def test_those_of_a_task_that_is_gone_are_kept(self, store, remove):
        store.add_task(make_task("a"))
        for number in (1, 2):
            self.finish(store, number)
        remove(store)
        assert numbers(store.read_runs("a")) == [1, 2]
        store.add_task(make_task("a"))
        self.finish(store, 3)
        assert numbers(store.read_runs("a")) == [1, 2, 3]

    def test_the_run_that_ends_a_task_is_kept(self, store):
        firing = claimed_last(store)
        firing.run.end([Outcome(RunState.EXECUTED, NOON)], NOON)
        store.finish([firing.run])
        assert store.fetch_all() == []
        assert numbers(store.read_runs("a")) == [1]

    def test_clearing_leaves_what_hidden_tasks_have_run(self, store):
        store.add_task(make_task("b"))
        self.finish(store, 1, "b")
        hidden = claimed(store, "b", 2)
        store.remove_all_tasks()
        store.finish([hidden.run])
        assert numbers(store.read_runs("b")) == [2, 1] or numbers(store.read_runs("b")) == [1, 2]

    def test_a_thousand_are_kept_of_all_tasks_that_are_gone(self, store):
        store.finish([ended_run(number, f"t{number}", at=after(number)) for number in range(700)])
        store.finish([ended_run(number, f"t{number}", at=after(number)) for number in range(700, 1100)])
        assert numbers(store.read_runs()) == list(range(100, 1100))
        store.insert_all([(make_task(f"u{number}"), None) for number in range(30)])
        firings = [make_firing(store, f"u{number}", 1100 + number) for number in range(30)]
        for firing in firings:
            firing.run.claimed_at = after(firing.run.id)
        store.claim(firings, OWNER)
        store.finish([firing.run for firing in firings])
        assert numbers(store.read_runs()) == list(range(130, 1130))

    def test_a_run_whose_end_is_told_twice_is_in_it_once(self, store, monkeypatch):
        store.add_task(make_task("a"))
        run = claimed(store, next_due=after(60)).run
        swap = store.swap

        def lose_the_reply(swaps):
            swap(swaps)
            raise ConnectionError

        monkeypatch.setattr(store, "swap", lose_the_reply)
        with pytest.raises(ConnectionError):
            store.finish([run])
        monkeypatch.setattr(store, "swap", swap)
        assert list(store.finish([run])) == []
        assert numbers(store.read_runs()) == [1]
        assert row_of(store).runs == ""

    def test_one_that_cannot_be_read_keeps_no_other_from_being_read(self, store):
        store.record(
            [Ended("a", "1", AT_NOON, "executed", "{"), Ended("a", "2", AT_NOON, "executed", '{"version": 1}')]
        )
        store.finish([ended_run(3)])
        assert numbers(store.read_runs()) == [3]

    def test_nothing_is_kept_of_a_claim_that_lost_its_row_unless_it_is_asked_for(self, store):
        store.add_task(make_task("a"))
        run = claimed(store, next_due=after(60)).run
        store.delete_task("a")
        store.finish([run], keep=False)
        assert store.read_runs() == []
        store.finish([run])
        assert numbers(store.read_runs()) == [1]


class TestOwners:
    def test_what_is_written_of_an_owner_is_there_until_it_is_removed(self, open_store):
        store = open_store()
        assert store.fetch_owners() == {}
        for owner in ("host:1#ab", "b.c$d {e}"):
            store.write_owner(owner, '{"beat": 1}')
        store.write_owner("host:1#ab", '{"beat": 2, "name": "ä"}')
        twin = open_store(store)
        assert twin.fetch_owners() == {"host:1#ab": '{"beat": 2, "name": "ä"}', "b.c$d {e}": '{"beat": 1}'}
        twin.remove_owner("host:1#ab")
        twin.remove_owner("nobody")
        assert store.fetch_owners().keys() == {"b.c$d {e}"}

    def test_they_are_no_tasks(self, store):
        store.write_owner("a", "{}")
        assert store.read("a") is None
        assert store.fetch_all() == []
        store.remove_all_tasks()
        assert store.fetch_owners() == {"a": "{}"}


class TestSharing:
    def test_what_one_writes_the_other_reads(self, open_store):
        store = open_store()
        twin = open_store(store)
        store.add_task(make_task("a"))
        assert twin.lookup_task("a").next_run_time == NOON
        assert twin.edit("a", twin.read("a").revision, {"next_run_time": after(5)})
        assert store.get_next_run_time() == after(5)
        twin.delete_task("a")
        assert store.get_all_tasks() == []

    def test_what_another_added_is_due_after_the_next_poll(self, open_store):
        store = open_store()
        twin = open_store(store)
        store.poll()
        assert due_ids(store) == []
        twin.add_task(make_task("a"))
        store.poll()
        assert store.next_due(["default"]) == AT_NOON
        assert due_ids(store) == ["a"]

    def test_what_another_moved_is_due_after_the_next_poll(self, open_store):
        store = open_store()
        store.add_task(make_task("a", after(60)))
        twin = open_store(store)
        store.poll()
        assert due_ids(store) == []
        twin.edit("a", twin.read("a").revision, {"next_run_time": NOON})
        store.poll()
        assert due_ids(store) == ["a"]

    def test_it_is_all_there_after_a_restart(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        claimed(store, next_due=after(60))
        store.write_owner(OWNER, "{}")
        listen(store)
        assert numbers(store.read("a").runs) == [1]
        assert numbers(open_store(store).read_runs()) == [1]
        assert store.fetch_owners() == {OWNER: "{}"}

    def test_each_due_time_is_claimed_once_by_many_threads_of_several(self, open_store):
        count, first = 60, open_store()
        first.insert_all([(make_task(f"t{number:02}"), None) for number in range(count)])
        stores = [first, first, open_store(first), open_store(first)]
        barrier, won, errors = threading.Barrier(len(stores)), [], []

        def claim(store, number):
            try:
                barrier.wait()
                for _ in range(3):
                    store.refresh()
                    rows = [row for row in store.due(NOON, 25, ["default"]) if row.due == AT_NOON]
                    firings = [self.decided(row, number) for row in rows]
                    won.extend(firing.run.task_id for firing in store.claim(firings, f"o{number}"))
            except Exception as exc:
                errors.append(exc)

        threads = [threading.Thread(target=claim, args=(store, number)) for number, store in enumerate(stores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(won) == len(set(won))
        first.refresh()
        left = due_ids(first)
        assert sorted(won + left) == [f"t{number:02}" for number in range(count)]
        assert won

    def decided(self, row, number):
        firing = Firing([NOON], (after(60), after(60)))
        firing.row, firing.revision, firing.run = row, row.revision, make_run(f"{number}", row.task.id)
        firing.due_time, firing.due_at, firing.nominal_at = row.task.next_run_time, row.due, row.nominal
        return firing


class TestHorizons:
    @pytest.fixture
    def counted(self, store, monkeypatch):
        return Counted(store, monkeypatch)

    def test_who_found_nothing_need_not_look_again(self, store, counted):
        store.add_task(make_task("a", after(60)))
        assert counted.during(lambda: due_ids(store)) == 1
        assert counted.during(lambda: (due_ids(store), due_ids(store, after(59)), store.next_due(["default"]))) == 0
        assert store.next_due(["default"]) == to_microseconds(after(60))
        assert due_ids(store, after(60)) == ["a"]

    def test_nothing_is_too_far_away(self, store):
        last = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
        store.add_task(make_task("a", last))
        assert store.next_due(["default"]) == to_microseconds(last)
        assert due_ids(store) == []
        assert store.next_due(["default"]) == to_microseconds(last)
        assert due_ids(store, last) == ["a"]

    def test_nor_when_there_is_nothing_at_all(self, store, counted):
        due_ids(store)
        assert counted.during(lambda: (due_ids(store, after(1e9)), store.next_due(["default"]))) == 0
        assert store.next_due(["default"]) is None

    def test_what_was_written_since_is_seen(self, store):
        assert due_ids(store) == []
        store.add_task(make_task("a"))
        assert due_ids(store) == ["a"]
        claimed(store, next_due=after(60))
        assert due_ids(store) == []
        store.edit("a", store.read("a").revision, {"next_run_time": after(30)})
        assert store.next_due(["default"]) == to_microseconds(after(30))
        store.replace(make_task("a", after(20)), store.read("a").revision)
        assert due_ids(store, after(20)) == ["a"]
        store.edit("a", store.read("a").revision, {"executor": "other"})
        assert due_ids(store, after(20)) == []
        store.edit("a", store.read("a").revision, {"executor": "default"})
        assert due_ids(store, after(20)) == ["a"]

    def test_what_was_found_and_left_is_due_still(self, store):
        for id in "ab":
            store.add_task(make_task(id))
        assert due_ids(store) == due_ids(store) == ["a", "b"]
        claimed(store, "a", next_due=after(60))
        assert store.next_due(["default"]) == AT_NOON
        assert due_ids(store) == ["b"]

    def test_a_batch_that_was_claimed_takes_one_look(self, store, counted):
        for id in "ab":
            store.add_task(make_task(id))
        rows = store.due(NOON, 9, ["default"])
        firings = [make_firing(store, row.task.id, number, next_due=after(60)) for number, row in enumerate(rows)]

        def fire():
            store.claim(firings, OWNER)
            store.finish([firing.run for firing in firings])
            assert store.due(NOON, 9, ["default"]) == []
            assert store.next_due(["default"]) == to_microseconds(after(60))

        assert counted.during(fire) == 0

    def test_behind_a_full_batch_there_is_more(self, store):
        for id in "abc":
            store.add_task(make_task(id))
        rows = store.due(NOON, 2, ["default"])
        store.claim([make_firing(store, row.task.id, next_due=after(60)) for row in rows], OWNER)
        assert store.next_due(["default"]) == AT_NOON
        assert due_ids(store) == ["c"]

    def test_other_executors_are_another_question(self, store):
        store.add_task(make_task("a", executor="other"))
        assert due_ids(store) == []
        assert store.next_due(["default"]) is None
        assert store.next_due(["other"]) == AT_NOON
        assert due_ids(store, executors=["default", "other"]) == ["a"]

    def test_what_is_written_while_one_looks_is_not_missed(self, store, monkeypatch):
        look = store.fetch_due

        def look_slowly(*args):
            found = look(*args)
            if store.read("a") is None:
                store.add_task(make_task("a"))
            return found

        monkeypatch.setattr(store, "fetch_due", look_slowly)
        assert due_ids(store) == []
        assert due_ids(store) == ["a"]

    def test_a_poll_while_one_looks_is_not_missed(self, open_store, monkeypatch):
        store = open_store()
        twin = open_store(store)
        store.poll()
        look = store.fetch_due

        def look_slowly(*args):
            found = look(*args)
            if twin.read("a") is None:
                twin.add_task(make_task("a"))
                store.poll()
            return found

        monkeypatch.setattr(store, "fetch_due", look_slowly)
        assert due_ids(store) == []
        assert due_ids(store) == ["a"]

    @pytest.mark.parametrize("primitive", ["put", "swap"])
    def test_what_was_written_although_the_reply_was_lost_is_seen(self, store, monkeypatch, primitive):
        store.add_task(make_task("a", after(60)))
        assert due_ids(store) == []
        write = getattr(store, primitive)

        def lose_the_reply(rows):
            write(rows)
            raise ConnectionError

        with monkeypatch.context() as patch:
            patch.setattr(store, primitive, lose_the_reply)
            changes = {
                "put": lambda: store.add_task(make_task("b")),
                "swap": lambda: store.edit("a", store.read("a").revision, {"next_run_time": NOON}),
            }
            with pytest.raises(ConnectionError):
                changes[primitive]()
        assert due_ids(store) == ["b" if primitive == "put" else "a"]

    def test_what_is_set_aside_is_looked_at_once(self, store, counted):
        store.add_task(make_task("a"))
        write_raw(store, row_of(store), payload=b"{")
        assert due_ids(store) == []
        assert counted.during(lambda: (due_ids(store), store.next_due(["default"]))) == 0

    def test_what_is_set_aside_hides_nothing_behind_it(self, store):
        store.put([stored(f"b{number:03}") for number in range(150)])
        store.add_task(make_task("c"))
        store.add_task(make_task("d"))
        assert due_ids(store, limit=1) == ["c"]
        assert store.next_due(["default"]) == AT_NOON
        assert due_ids(store) == ["c", "d"]
        assert store.next_due(["default", "other"]) == AT_NOON


DAMAGE = {
    "no record": lambda raw: {"payload": b"\xff\0"},
    "half a record": lambda raw: {"payload": raw.payload[: len(raw.payload) // 2]},
    "empty": lambda raw: {"payload": b""},
    "of a later release": lambda raw: {"payload": raw.payload.replace(b'"version":1', b'"version":99')},
    "with more than belongs there": lambda raw: {"payload": raw.payload.replace(b"{", b'{"x":1,', 1)},
    "with unreadable runs": lambda raw: {"runs": "[{}]"},
    "with runs that are none": lambda raw: {"runs": "17"},
    "beyond the calendar": lambda raw: {"due": -(10**17)},
    "under another id": lambda raw: {"id": "other"},
}


class TestUnreadableRecords:
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_it_is_kept_and_reported_once_and_stops_nobody(self, store, damage):
        said = listen(store)
        for id in "abc":
            store.add_task(make_task(id))
        bad = write_raw(store, row_of(store, "b"), **DAMAGE[damage](row_of(store, "b")))
        good = ["a", "b", "c"] if bad.id == "other" else ["a", "c"]
        for _ in range(2):
            store.refresh()
            assert due_ids(store) == good
            assert [task.id for task in store.get_all_tasks()] == good
            assert store.lookup_task(bad.id) is None
            assert store.live() == []
            assert [id for id, _ in store.set_aside()] == [bad.id]
        assert isinstance(store.set_aside()[0][1], UnreadableRecordError)
        assert len(said) == 1
        assert repr(bad.id) in said[0]
        assert store.read_runs() == []
        assert row_of(store, bad.id) == bad

    def test_it_can_be_replaced_and_deleted_by_those_who_ask_for_that_but_not_changed(self, store):
        for id in "ab":
            store.add_task(make_task(id))
            write_raw(store, row_of(store, id), payload=b"{")
        assert not store.insert(make_task("a"))
        before = row_of(store)
        for changes in ({"next_run_time": None}, {"name": "x"}, {"executor": "other"}):
            with pytest.raises(UnreadableRecordError):
                store.edit("a", before.revision, changes)
        firing = make_firing_by_hand(store)
        with pytest.raises(UnreadableRecordError):
            store.claim([firing], OWNER)
        assert row_of(store) == before
        assert store.replace(make_task("a"), before.revision)
        assert due_ids(store) == ["a"]
        store.delete_task("b")
        assert store.set_aside() == []

    def test_what_it_says_of_itself_hides_it_from_nobody(self, store):
        store.add_task(make_task("a"))
        write_raw(store, row_of(store, "a"), payload=b"{", final=True)
        assert [id for id, _ in store.set_aside()] == ["a"]
        assert not store.insert(make_task("a"))
        store.delete_task("a")
        assert store.set_aside() == []

    def test_once_it_is_mended_it_is_due(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        good = row_of(store)
        twin = open_store(store)
        write_raw(twin, good, payload=b"{")
        store.refresh()
        assert due_ids(store) == []
        write_raw(twin, good)
        store.refresh()
        assert due_ids(store) == ["a"]

    def test_a_run_of_it_that_ends_becomes_history(self, store):
        store.add_task(make_task("a"))
        firing = claimed(store, next_due=after(60))
        bad = write_raw(store, row_of(store), payload=b"{", revision=row_of(store).revision + 1)
        store.finish([firing.run])
        assert row_of(store) == bad
        assert numbers(store.read_runs()) == [1]


def make_firing_by_hand(store, id="a") -> Firing:
    row, firing = store.read(id), Firing.by_hand(NOON)
    firing.row, firing.revision, firing.run = row, row.revision, make_run(1, id)
    return firing


class TestUnavailableTasks:
    @pytest.fixture
    def unavailable(self, store):
        """A row of a task whose callable is not to be found here, and two others."""
        for id in "abc":
            store.add_task(make_task(id))
        raw = row_of(store, "b")
        return write_raw(store, raw, payload=with_fn(raw, "no_such_module:work"))

    def test_it_is_left_to_others_and_reported_once(self, store, unavailable):
        said = listen(store)
        for _ in range(3):
            store.refresh()
            assert due_ids(store) == ["a", "c"]
            assert [task.id for task in store.get_all_tasks()] == ["a", "c"]
        ((id, problem),) = store.set_aside()
        assert (id, type(problem)) == ("b", TaskUnavailableError)
        # Others advance it, now and then.
        for number in range(3):
            raw = row_of(store, "b")
            write_raw(store, raw, revision=raw.revision + 1, due=AT_NOON - number)
            store.refresh()
            assert due_ids(store) == ["a", "c"]
        assert len(said) == 1
        assert "no_such_module" in said[0]
        with pytest.raises(TaskUnavailableError):
            store.claim([make_firing_by_hand(store, "b")], OWNER)
        assert row_of(store, "b").payload == unavailable.payload

    def test_it_can_be_paused_changed_and_deleted(self, store, unavailable):
        assert store.edit("b", store.read("b").revision, {"next_run_time": None}).id == "b"
        assert row_of(store, "b")._replace(revision=0) == unavailable._replace(revision=0, due=None)
        store.edit("b", store.read("b").revision, {"executor": "other", "name": "renamed"})
        assert row_of(store, "b").executor == "other"
        assert json.loads(row_of(store, "b").payload) == {
            **json.loads(unavailable.payload), "executor": "other", "name": "renamed",
        }  # fmt: skip
        with pytest.raises(KeyError):
            store.edit("b", store.read("b").revision, {"args": (1,)})
        store.delete_task("b")
        assert store.set_aside() == []

    def test_its_runs_end_and_are_kept(self, store):
        store.add_task(make_task("b"))
        firing = claimed(store, "b", next_due=after(60))
        raw = row_of(store, "b")
        write_raw(store, raw, payload=with_fn(raw, "no_such_module:work"), revision=raw.revision + 1)
        assert numbers(store.read_runs("b")) == [1]
        assert list(store.finish([firing.run])) == []
        assert row_of(store, "b").runs == ""
        assert b"no_such_module" in row_of(store, "b").payload


FORGERIES = {
    "another definition": lambda raw: {"payload": raw.payload.replace(b'"max_instances":1', b'"max_instances":2')},
    "another due time": lambda raw: {"due": raw.due - 1},
    "another nominal time": lambda raw: {"nominal": raw.due - 1},
    "another executor": lambda raw: {"executor": "other"},
    "another revision": lambda raw: {"revision": raw.revision + 1},
    "live runs": lambda raw: {"runs": "[]"},
    "no signature": lambda raw: {"signature": b""},
    "another signature": lambda raw: {"signature": bytes(32)},
    "the place of another": lambda raw: {
        "id": "other",
        "payload": raw.payload.replace(b'"id":"b"', b'"id":"other"'),
    },
    "a copy": lambda raw: {"id": "other"},
}


class TestSignatures:
    @pytest.mark.parametrize("forgery", FORGERIES)
    def test_what_somebody_else_wrote_never_runs_and_is_kept_and_reported(self, open_store, forgery):
        store = open_store(secret="s3cret")
        said = listen(store)
        for id in "abc":
            store.add_task(make_task(id))
        forged = write_raw(store, row_of(store, "b"), **FORGERIES[forgery](row_of(store, "b")))
        good = ["a", "b", "c"] if forged.id == "other" else ["a", "c"]
        executors = ["default", "other"]
        for _ in range(2):
            store.refresh()
            assert due_ids(store, executors=executors) == good
            assert [task.id for task in store.get_all_tasks()] == good
            assert store.live() == []
        ((id, problem),) = store.set_aside()
        assert (id, type(problem)) == (forged.id, SignatureError)
        assert len(said) == 1
        with pytest.raises(SignatureError):
            store.claim([make_firing_by_hand(store, forged.id)], OWNER)
        # Nor does an edit of ours make it one of ours.
        for changes in ({"next_run_time": NOON}, {"max_instances": 1}, {"name": "x"}):
            with pytest.raises(SignatureError):
                store.edit(forged.id, forged.revision, changes)
        assert row_of(store, forged.id) == forged

    def test_what_was_added_without_the_secret_never_runs(self, open_store):
        store = open_store(secret="s3cret")
        for number, options in enumerate(({}, {"secret": "guess"})):
            stranger = open_store(store, **options)
            stranger.add_task(make_task(f"t{number}"))
        store.refresh()
        assert due_ids(store) == []
        assert store.next_due(["default"]) is None
        assert {id for id, _ in store.set_aside()} == {"t0", "t1"}
        assert len(store.fetch_all()) == 2

    def test_what_is_signed_fires_ends_and_can_be_changed(self, open_store):
        store = open_store(secret=["s3cret"])
        twin = open_store(store, secret=b"s3cret")
        store.add_task(make_task("a"))
        assert twin.edit("a", twin.read("a").revision, {"max_instances": 3}).max_instances == 3
        firing = claimed(twin, next_due=after(60))
        assert numbers(store.live()[0].runs) == [1]
        twin.finish([firing.run])
        store.refresh()
        assert due_ids(store, after(60)) == ["a"]
        hidden = claimed(store, number=2)
        assert store.insert(make_task("a"))
        store.finish([hidden.run])
        assert twin.set_aside() == []
        assert {len(row.signature) for row in store.fetch_all()} == {32}

    def test_secrets_can_be_changed_one_after_another(self, open_store):
        old = open_store(secret="old")
        for id in "abc":
            old.add_task(make_task(id))
        both = open_store(old, secret=["new", "old"])
        assert due_ids(both) == ["a", "b", "c"]
        assert both.edit("a", both.read("a").revision, {"max_instances": 2})
        # An equal task in its place is signed anew.
        assert both.replace(make_task("b"), both.read("b").revision)
        new = open_store(old, secret="new")
        assert due_ids(new) == ["a", "b"]
        assert [id for id, _ in new.set_aside()] == ["c"]

    def test_the_environment_gives_the_secrets_where_none_is_named(self, open_store, monkeypatch):
        monkeypatch.setenv("ASYNCZ_STORE_SECRET", " new old ")
        store = open_store()
        store.add_task(make_task("a"))
        monkeypatch.delenv("ASYNCZ_STORE_SECRET")
        assert due_ids(open_store(store, secret="new")) == ["a"]
        assert due_ids(open_store(store, secret="old")) == []

    @pytest.mark.parametrize("secret", ["", " ", [], ["a", ""]])
    def test_no_secret_is_not_taken_for_one(self, open_store, secret):
        with pytest.raises(ValueError, match="secret"):
            open_store(secret=secret)

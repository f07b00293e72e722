"""What SQLite promises beyond the contract of all stores."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from contracts.durable_store import *  # noqa: F403
from contracts.durable_store import claimed, stored
from contracts.store import *  # noqa: F403
from contracts.store import NOON, OWNER, after, due_ids, make_firing, make_task

from asyncz.exceptions import NewerFormatError
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.sqlite import SQLiteStore, texts
from asyncz.stores.stored import Ended, Swap

FORMATS = Path(__file__).resolve().parent / "formats"
TESTS = Path(__file__).resolve().parent.parent


def started(path, **options):
    store = SQLiteStore(path, **options)
    store.start(None, "default")
    return store


@pytest.fixture
def make_store(tmp_path):
    numbers = iter(range(1_000_000))

    def start(**options):
        return started(tmp_path / f"{next(numbers)}.sqlite3", **options)

    return start


@pytest.fixture
def make_twin():
    return lambda store, **options: started(store.path, **options)


@pytest.fixture
def raw(store):
    """A connection of somebody else to the file of the store."""
    with closing(sqlite3.connect(store.path, isolation_level=None, timeout=0)) as connection:
        yield connection


def statements_of(store, call) -> list[str]:
    """Return what SQLite is told during a call."""
    said = []
    store._file._connection.set_trace_callback(said.append)
    try:
        call()
    finally:
        store._file._connection.set_trace_callback(None)
    return said


def begin(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a program in another process, which finds the package and these tests."""
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


class TestOptions:
    def test_they_may_all_be_text(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        options = {"path": "a.db", "synchronous": "normal", "busy_timeout": "2.5", "history_length": "3"}
        scheduler = BaseScheduler(stores={"default": {"type": "sqlite", **options}}, timezone="UTC")
        store = scheduler.stores["default"]
        assert (store.path, store.history_length) == (str(tmp_path / "a.db"), 3)
        store.start(None, "default")
        assert store._file._connection.execute("PRAGMA synchronous").fetchone() == (1,)
        assert store._file._connection.execute("PRAGMA busy_timeout").fetchone() == (2500,)
        store.shutdown()

    def test_commits_outlast_a_loss_of_power_unless_told_otherwise(self, store):
        assert store._file._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._file._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._file._connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)

    @pytest.mark.parametrize("kind", [str, Path, os.fsencode])
    def test_a_path_is_meant_from_where_the_store_was_made(self, kind, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        store = SQLiteStore(kind("file:a?mode=ro"))
        monkeypatch.chdir("/")
        store.start(None, "default")
        store.shutdown()
        assert os.listdir(tmp_path) == ["file:a?mode=ro"]

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"path": ":memory:"}, "MemoryStore"),
            ({"path": ""}, "MemoryStore"),
            ({"path": None}, "the path of a file, got None"),
            ({"path": 3}, "the path of a file, got 3"),
            ({"synchronous": "always"}, "one of OFF, NORMAL, FULL, EXTRA as synchronous, got 'always'"),
            ({"synchronous": 2}, "as synchronous, got 2"),
            ({"busy_timeout": "soon"}, "seconds as busy_timeout, got 'soon'"),
            ({"busy_timeout": -1}, "as busy_timeout, got -1"),
            ({"busy_timeout": float("nan")}, "as busy_timeout, got nan"),
            ({"history_length": 0}, "positive whole number as history_length, got 0"),
            ({"history_length": "ten"}, "as history_length, got 'ten'"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, options, says):
        with pytest.raises(ValueError, match=says):
            SQLiteStore(**options)

    def test_an_unknown_option_is_refused(self):
        with pytest.raises(TypeError, match="colour"):
            SQLiteStore(colour="red")

    def test_it_is_not_used_before_its_start_nor_after_its_end(self, tmp_path):
        store = SQLiteStore(tmp_path / "a.db")
        with pytest.raises(RuntimeError, match="before it was started"):
            store.get_all_tasks()
        store.start(None, "default")
        store.shutdown()
        with pytest.raises(RuntimeError, match="after it was shut down"):
            store.add_task(make_task("a"))
        store.start(None, "default")
        assert store.get_all_tasks() == []
        store.shutdown()

    @pytest.mark.process
    def test_a_python_without_sqlite3_says_so_when_it_is_needed(self, run_python):
        printed = run_python(
            """
            from asyncz.stores import SQLiteStore
            store = SQLiteStore()
            try:
                store.start(None, "default")
            except ImportError as exc:
                print(exc)
            """,
            blocked=frozenset({"sqlite3", "_sqlite3"}),
        )
        assert printed == "SQLiteStore needs the module sqlite3, which this Python was built without."


class TestCost:
    def plans(self, store, statement) -> list[str]:
        values = [1] * statement.count("?")
        return [row[3] for row in store._file._connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]

    def statements(self):
        for name in (name for name in dir(texts) if name.isupper()):
            value = getattr(texts, name)
            for text in value.values() if isinstance(value, dict) else [value]:
                if isinstance(text, str) and text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                    yield name, text

    def test_an_index_serves_every_statement_but_those_that_take_everything(self, store):
        # Of tasks that are gone there are no more than 1,000 runs.
        everything = {"FETCH_ALL", "FETCH_OWNERS", "FETCH_GONE", "CLEAR", "FORGET_ALL"}
        seen = set()
        for name, statement in self.statements():
            seen.add(name)
            scans = [plan for plan in self.plans(store, statement) if plan.startswith("SCAN")]
            # Through an index in its order, from one end until there is enough; or all that is in a partial one.
            assert all("USING" in plan and "INDEX" in plan for plan in scans) or name in everything, (name, scans)
        assert seen > everything | {"FETCH_DUE", "FETCH_DUE_BEHIND", "FETCH_LIVE", "SWAP", "PRUNE_GONE"}
        (plan,) = self.plans(store, texts.left_by(3))
        assert plan.startswith("SEARCH runs USING INDEX runs_of_task (task=?")

    @pytest.mark.parametrize("name", ["FETCH_DUE", "FETCH_DUE_BEHIND"])
    def test_what_is_due_is_found_in_order_without_sorting(self, store, name):
        (plan,) = self.plans(store, getattr(texts, name))
        assert plan.startswith("SEARCH tasks USING INDEX tasks_due (executor=?")

    def test_what_runs_is_found_in_an_index_of_nothing_else(self, store):
        (plan,) = self.plans(store, texts.FETCH_LIVE)
        assert plan == "SCAN tasks USING INDEX tasks_live"

    def test_a_batch_is_one_transaction(self, store):
        tasks = [(make_task(f"t{number}"), None) for number in range(3000)]
        said = {"add": statements_of(store, lambda: store.insert_all(tasks))}
        rows = []
        said["look"] = statements_of(store, lambda: rows.extend(store.due(NOON, 100, ["default"])))
        firings = [make_firing(store, row.task.id, next_due=after(60)) for row in rows]
        said["claim"] = statements_of(store, lambda: store.claim(firings, OWNER))
        said["finish"] = statements_of(store, lambda: store.finish([firing.run for firing in firings]))
        for name, lines in said.items():
            begun = [line for line in lines if line.startswith("BEGIN")]
            assert begun == ([] if name == "look" else ["BEGIN IMMEDIATE"])
            assert lines.count("COMMIT") == len(begun)
        assert len(said["look"]) == 1
        assert len(store.read_runs()) == 100

    def test_one_more_row_than_wanted_is_read(self, store):
        store.put([stored(f"t{number:04}") for number in range(1000)])
        steps = []
        store._file._connection.set_progress_handler(lambda: steps.append(1), 1)
        store.fetch_due(to_noon(), 3, ["default"])
        few = len(steps)
        store.fetch_due(to_noon(), 6, ["default"])
        store._file._connection.set_progress_handler(None, 0)
        assert len(steps) - few < 2 * few


class TestRunsOfTasksThatAreGone:
    def gone(self, number: int) -> Ended:
        return Ended(f"t{number}", f"r{number}", number, "executed", f'"content {number}\n"')

    def test_those_that_came_in_one_go_are_one_row(self, store, raw):
        store.put([stored(f"t{number}") for number in range(600)])
        store.swap([Swap(f"t{number}", 1, None, (self.gone(number),)) for number in range(600)])
        assert raw.execute("SELECT number FROM gone").fetchall() == [(600,)]
        assert store.fetch_runs("t7", None, 9) == ['"content 7\n"']
        assert store.fetch_runs(None, None, 2) == ['"content 599\n"', '"content 598\n"']

    def test_rows_of_which_all_are_too_many_go(self, store, raw):
        for start in (0, 400, 800, 1200):
            store.record([self.gone(number) for number in range(start, start + 400)])
        assert raw.execute("SELECT number FROM gone").fetchall() == [(800,), (1200,), (1600,)]
        found = store.fetch_runs(None, None, 2000)
        assert (len(found), found[0], found[-1]) == (1000, '"content 1599\n"', '"content 600\n"')

    @pytest.mark.parametrize(
        "heads", ["", "{}", "[1]", '[["t", "r", 1, "executed"]]', '[["t", "r", "1", "executed", 3]]']
    )
    def test_one_row_that_nobody_can_read_keeps_no_other_from_being_read(self, store, raw, heads):
        store.record([self.gone(1)])
        raw.execute("INSERT INTO gone VALUES (2, ?, 'xyz')", [heads])
        store.record([self.gone(2)])
        assert store.fetch_runs(None, None, 9) == ['"content 2\n"', '"content 1\n"']


def to_noon() -> int:
    return int(NOON.timestamp()) * 1_000_000


class TestTheFile:
    def test_it_says_what_it_is(self, store, raw):
        assert raw.execute("PRAGMA application_id").fetchone() == (0x6173797A,)
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)

    def test_nothing_lies_beside_it_when_it_is_closed(self, tmp_path):
        store = started(tmp_path / "a.db")
        store.add_task(make_task("a"))
        store.shutdown()
        assert os.listdir(tmp_path) == ["a.db"]

    def test_one_of_a_later_format_is_refused_and_left_alone(self, tmp_path):
        started(tmp_path / "a.db").shutdown()
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA user_version = 2")
        with pytest.raises(NewerFormatError, match=r"a\.db has format 2, and asyncz .* reads formats up to 1"):
            started(tmp_path / "a.db")
        with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)

    @pytest.mark.parametrize(
        "statement", ["CREATE TABLE other (x)", "PRAGMA user_version = 7", "PRAGMA application_id = 7"]
    )
    def test_one_of_another_program_is_refused_and_left_alone(self, tmp_path, statement):
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
            connection.execute(statement)
        before = (tmp_path / "a.db").read_bytes()
        with pytest.raises(
            ValueError, match=r"a file of asyncz or none at .*a\.db, got an SQLite file of something else"
        ):
            started(tmp_path / "a.db")
        assert (tmp_path / "a.db").read_bytes() == before

    def test_what_is_no_database_is_refused_and_left_alone(self, tmp_path):
        (tmp_path / "a.db").write_text("important notes " * 100)
        with pytest.raises(sqlite3.DatabaseError, match=r"not a database \(.*a\.db\)"):
            started(tmp_path / "a.db")
        assert (tmp_path / "a.db").read_text() == "important notes " * 100

    def test_the_error_says_which_file_cannot_be_opened(self, tmp_path):
        with pytest.raises(sqlite3.OperationalError, match=r"unable to open .*no_such_folder.a\.db\)"):
            started(tmp_path / "no_such_folder" / "a.db")

    @pytest.mark.parametrize("path", sorted(FORMATS.glob("*.db")), ids=lambda path: path.stem)
    def test_one_of_each_released_format_opens(self, path, tmp_path):
        shutil.copy(path, tmp_path / "a.db")
        store = started(tmp_path / "a.db", secret="kept with the file")
        assert store.set_aside() == []
        assert [task.id for task in store.get_all_tasks()] == ["cron", "interval", "running", "paused"]
        cron = store.lookup_task("cron")
        assert (cron.executor, cron.max_instances, cron.name, cron.fn) == ("other", 3, "Ünï", os.getpid)
        paused = store.lookup_task("paused")
        assert (paused.coalesce, paused.mistrigger_grace_time, paused.next_run_time) == (False, 2.5, None)
        assert sorted(row.task.id for row in store.live()) == ["hidden", "running"]
        ended = [(run.task_id, run.state.value) for run in store.read_runs() if run.state.value != "submitted"]
        assert sorted(ended) == [("gone", "missed"), ("interval", "executed")]
        assert store.fetch_owners() == {"first#1": '{"beat":1}'}
        assert due_ids(store, after(60)) == ["interval", "running"]
        claimed(store, "interval", next_due=after(120))
        store.shutdown()

    def test_there_is_a_file_of_the_present_format(self):
        assert (FORMATS / f"sqlite-{texts.FORMAT}.db").exists()

    def test_it_cannot_hold_what_no_row_can_be(self, store, raw):
        store.add_task(make_task("a"))
        for column, value in (("due", "noon"), ("due", 1.5), ("id", b"x"), ("payload", "text"), ("runs", None)):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(f"UPDATE tasks SET {column} = ?", [value])

    def test_bytes_that_are_no_text_keep_no_other_task_from_running(self, store, raw):
        for id in "abc":
            store.add_task(make_task(id))
        raw.execute("UPDATE tasks SET runs = CAST(x'ff' AS TEXT) WHERE id = 'a'")
        raw.execute("UPDATE tasks SET id = CAST(x'fe' AS TEXT) WHERE id = 'b'")
        raw.execute("INSERT INTO owners VALUES (CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT))")
        assert due_ids(store) == ["c"]
        assert [task.id for task in store.get_all_tasks()] == ["c"]
        assert len(store.set_aside()) == 2
        assert len(store.fetch_owners()) == 1


class TestChangesOfOthers:
    def test_only_what_others_commit_counts(self, open_store):
        store = open_store()
        twin = open_store(store)
        assert store.is_changed()
        store.add_task(make_task("a"))
        assert not store.is_changed()
        twin.lookup_task("a")
        assert not store.is_changed()
        twin.write_owner("x", "{}")
        assert store.is_changed()
        assert not store.is_changed()


class TestFailures:
    def test_a_locked_file_is_an_error_and_reading_goes_on(self, open_store):
        store = open_store(busy_timeout=0)
        store.add_task(make_task("a"))
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                store.add_task(make_task("b"))
            assert due_ids(store) == ["a"]
            other.execute("ROLLBACK")
        store.add_task(make_task("b"))
        assert due_ids(store) == ["a", "b"]

    def test_a_lock_of_others_is_waited_for(self, store):
        with closing(sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            release = threading.Timer(0.05, other.execute, ["ROLLBACK"])
            release.start()
            store.add_task(make_task("a"))
            release.join()
        assert due_ids(store) == ["a"]

    def test_a_full_disk_is_an_error_that_changes_nothing_and_ends_with_it(self, store):
        store.add_task(make_task("a"))
        ((pages,),) = store._file._connection.execute("PRAGMA page_count")
        store._file._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.insert_all([(make_task(f"t{number}"), None) for number in range(500)])
        # Another connection has no such limit: there is room again.
        assert due_ids(store) == ["a"]
        store.add_task(make_task("b"))
        assert due_ids(store) == ["a", "b"]

    @pytest.mark.parametrize("moment", ["BEGIN", "UPDATE", "COMMIT"])
    def test_a_write_that_is_interrupted_changes_nothing(self, store, moment):
        store.add_task(make_task("a"))
        store.add_task(make_task("b"))
        before = store.fetch_all()
        firings = [make_firing(store, id, next_due=after(60)) for id in "ab"]
        said = []
        connection = store._file._connection
        connection.set_trace_callback(said.append)
        connection.set_progress_handler(lambda: any(line.startswith(moment) for line in said), 1)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            store.claim(firings, OWNER)
        assert store.fetch_all() == before
        assert due_ids(store) == ["a", "b"]
        claimed(store, "a", next_due=after(60))

    def test_a_file_that_was_deleted_is_an_error_and_then_another_one(self, store):
        store.add_task(make_task("a"))
        os.unlink(store.path)
        with pytest.raises(FileNotFoundError, match="deleted"):
            store.get_all_tasks()
        assert store.get_all_tasks() == []
        store.add_task(make_task("b"))
        store.shutdown()
        store.start(None, "default")
        assert due_ids(store) == ["b"]

    def test_who_comes_second_to_a_file_that_was_deleted_takes_the_new_one(self, open_store):
        store = open_store()
        store.add_task(make_task("a"))
        twin = open_store(store)
        os.unlink(store.path)
        with pytest.raises(FileNotFoundError):
            store.get_all_tasks()
        store.add_task(make_task("b"))
        assert due_ids(twin) == ["b"]

    def test_another_file_beside_the_log_of_the_old_one_is_refused_until_that_is_gone(self, store, tmp_path):
        store.add_task(make_task("a"))
        other = started(tmp_path / "other.db")
        other.add_task(make_task("b"))
        other.shutdown()
        os.replace(tmp_path / "other.db", store.path)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="was replaced while it was in use"):
                store.add_task(make_task("c"))
        for end in ("-wal", "-shm"):
            os.unlink(store.path + end)
        assert [task.id for task in store.get_all_tasks()] == ["b"]

    def test_a_file_that_is_damaged_is_an_error_and_not_written_over(self, open_store):
        store = open_store()
        store.insert_all([(make_task(f"t{number}"), None) for number in range(50)])
        store.shutdown()
        content = bytearray(Path(store.path).read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        Path(store.path).write_bytes(content)
        with pytest.raises(sqlite3.DatabaseError):
            store.start(None, "default") or store.get_all_tasks()
        assert Path(store.path).read_bytes()[8192:] == content[8192:]


CREATE = """
import sys, sqlite3
from contracts.store import make_task
from asyncz.stores.sqlite import SQLiteStore
sys.stdin.readline()
store = SQLiteStore(sys.argv[1])
store.start(None, "default")
store.add_task(make_task(sys.argv[2]))
store.shutdown()
"""

# Adds pairs, and claims and finishes them, each in a batch; says what is committed.
WRITE = """
import sys, itertools
from contracts.store import NOON, OWNER, after, make_firing, make_task
from asyncz.stores.sqlite import SQLiteStore
store = SQLiteStore(sys.argv[1])
store.start(None, "default")
for number in itertools.count(int(sys.argv[2])):
    pair = [f"{number}{side}" for side in "ab"]
    assert store.insert_all([(make_task(id), None) for id in pair]) == [True, True]
    print("added", number, flush=True)
    firings = [make_firing(store, id, f"run of {id}", next_due=after(60)) for id in pair]
    assert len(store.claim(firings, OWNER)) == 2
    print("claimed", number, flush=True)
    store.finish([firing.run for firing in firings])
    print("finished", number, flush=True)
"""

FORK = """
import os, signal, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from contracts.store import make_task
from asyncz.stores.sqlite import SQLiteStore

store = SQLiteStore(sys.argv[1])
store.start(None, "default")
store.add_task(make_task("of the parent"))
there, here = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    store.left_behind()
    store.add_task(make_task("of the child"))
    os.write(there[1], b"x")
    os.read(here[0], 1)  # the parent has closed the file: it is not the last to do so
    store.add_task(make_task("of the child alone"))
    os.kill(os.getpid(), signal.SIGKILL)
os.read(there[0], 1)
store.add_task(make_task("of the parent again"))
store.shutdown()
print(os.path.exists(sys.argv[1] + "-wal"))
os.write(here[1], b"x")
os.waitpid(child, 0)
"""

SMALL = """
import resource, signal, sqlite3, sys
from contracts.store import NOON, due_ids, make_task
from asyncz.stores.sqlite import SQLiteStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SQLiteStore(sys.argv[1])
store.start(None, "default")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
added, failed = [], 0
for number in range(1000):
    try:
        store.add_task(make_task(f"t{number:04}"))
        added.append(f"t{number:04}")
    except sqlite3.OperationalError as exc:
        failed += 1
        if failed == 3:
            break
store.refresh()
assert due_ids(store, limit=2000) == added
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
store.add_task(make_task("z"))
assert due_ids(store, limit=2000) == [*added, "z"]
store.shutdown()
print(failed, len(added) > 10)
"""


def finished(process: subprocess.Popen[str]) -> str:
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return said


@pytest.mark.process
class TestProcesses:
    def test_several_may_make_the_file_at_once(self, tmp_path):
        for attempt in range(3):
            path = tmp_path / f"{attempt}.db"
            processes = [begin(CREATE, path, f"t{number}") for number in range(4)]
            for process in processes:
                process.stdin.write("\n")
                process.stdin.flush()
            for process in processes:
                finished(process)
            store = started(path)
            assert due_ids(store) == ["t0", "t1", "t2", "t3"]
            store.shutdown()

    def test_whatever_is_killed_what_was_committed_stays_and_nothing_is_half_done(self, tmp_path):
        path, begun = tmp_path / "a.db", 0
        for _ in range(6):
            process = begin(WRITE, path, begun)
            said = [process.stdout.readline() for _ in range(3)]
            timer = threading.Timer(random.uniform(0, 0.1), process.send_signal, [signal.SIGKILL])
            timer.start()
            rest, errors = process.communicate(timeout=60)
            timer.join()
            assert errors == ""
            said += rest.splitlines()
            begun = self.check(path, [line.split() for line in said if line.endswith(("\n", *"0123456789"))]) + 1

    def check(self, path, said) -> int:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store = started(path)
        tasks = {task.id for task in store.get_all_tasks()}
        live = {row.task.id for row in store.live()}
        ended = {run.task_id for run in store.read_runs()} - live
        store.shutdown()
        for found in (tasks, live, ended):
            assert {id[:-1] + "a" for id in found} | {id[:-1] + "b" for id in found} == found
        for word, number in said[:-1]:  # of the last line, half may have been written
            assert f"{number}a" in {"added": tasks, "claimed": live | ended, "finished": ended}[word]
        return max(int(id[:-1]) for id in tasks)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_a_child_that_was_forked_off_counts_among_those_that_use_the_file(self, tmp_path):
        path = tmp_path / "a.db"
        assert finished(begin(FORK, path)).strip() == "True"
        store = started(path)
        names = [task.id for task in store.get_all_tasks()]
        store.shutdown()
        assert names == ["of the child", "of the child alone", "of the parent", "of the parent again"]

    @pytest.mark.skipif(sys.platform != "linux", reason="limits of files are those of Linux")
    def test_a_file_that_cannot_grow_is_an_error_until_it_can(self, tmp_path):
        assert finished(begin(SMALL, tmp_path / "a.db")).split() == ["3", "True"]


def test_a_connection_that_came_with_a_fork_is_neither_used_nor_closed(store):
    connection = store._file._connection
    store._file._lock.acquire()  # by a thread that is not there any more
    store.left_behind()
    store.add_task(make_task("a"))
    assert store._file._connection is not connection
    assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    connection.close()

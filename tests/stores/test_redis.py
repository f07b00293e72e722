"""What the Redis store promises beyond what all stores promise."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from contracts.durable_store import *  # noqa: F403
from contracts.store import *  # noqa: F403
from contracts.store import NOON, OWNER, after, due_ids, make_firing, make_run, make_task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry
from servers import Proxy

from asyncz._ids import random_id
from asyncz.enums import RunState
from asyncz.exceptions import NewerFormatError, UnreadableRecordError
from asyncz.stores.redis import RedisStore
from asyncz.stores.redis.calls import ClientCalls, OwnCalls, packed
from asyncz.stores.redis.format import FORMAT
from asyncz.stores.stored import Ended, Stored, Swap
from asyncz.tasks.runs import Outcome

pytestmark = pytest.mark.server
FORMATS = Path(__file__).resolve().parent / "formats"


class Cabinet:
    """Makes stores on one server, each with keys of its own unless told otherwise, and clears up after them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self._stores: list[RedisStore] = []
        self._prefixes: list[str] = []

    def __call__(
        self, *, scheduler=None, like: RedisStore | None = None, started: bool = True, **options
    ) -> RedisStore:
        if like is None:
            self._prefixes.append(f"asyncz-test-{random_id()}")
            keys = f"{self._prefixes[-1]}.tasks", f"{self._prefixes[-1]}.run_times"
        else:
            keys = like.tasks_key, like.run_times_key
        address = {} if {"client", "port", "url"} & options.keys() else {"url": self.url}
        store = RedisStore(0, *keys, **address, **options)
        self._stores.append(store)
        if started:
            store.start(scheduler, "default")
        return store

    def close(self) -> None:
        for store in self._stores:
            store.shutdown()
        for prefix in self._prefixes:
            for key in self.client.scan_iter(f"{prefix}*", count=1000):
                self.client.delete(key)
        self.client.close()


@pytest.fixture
def make_store(redis_url):
    cabinet = Cabinet(redis_url)
    yield cabinet
    cabinet.close()


@pytest.fixture
def make_twin(make_store):
    return lambda store, **options: make_store(like=store, **options)


@pytest.fixture
def proxy(redis_url):
    address = urlsplit(redis_url)
    made = Proxy(address.hostname, address.port or 6379)
    made.url = address._replace(netloc=f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{made.port}").geturl()
    yield made
    made.close()


def stored(id: str = "a", due: int | None = 0, executor: str = "default", **others) -> Stored:
    return Stored(id, due, None, 1, executor, False, b"\x00payload\n", "", b"")._replace(**others)


def ended(run_id: str, task_id: str = "a", claimed_at: int = 0, state: str = "executed") -> Ended:
    return Ended(task_id, run_id, claimed_at, state, f'{{"id": "{run_id}"}}')


def end_run(store: RedisStore, row: Stored, run: Ended, *, keep: bool = True) -> Stored:
    """End a run of a row as finish() does: the row moves on, and the run becomes history."""
    moved = row._replace(revision=row.revision + 1)
    assert store.swap([Swap(row.id, row.revision, moved if keep else None, (run,))]) == [True]
    return moved


class Sent:
    """Counts what is sent over any connection: each is one round trip."""

    def __init__(self, monkeypatch) -> None:
        self.count = 0
        original = redis.Connection.send_packed_command

        def counted(connection, *args, **kwargs):
            self.count += 1
            original(connection, *args, **kwargs)

        monkeypatch.setattr(redis.Connection, "send_packed_command", counted)


@pytest.fixture
def sent(monkeypatch):
    return Sent(monkeypatch)


@pytest.fixture(params=["own", "given"])
def counting(request, make_store, redis_url):
    """A store whose scripts are run over its own connections, or by the client that it was given."""
    if request.param == "own":
        yield make_store()
        return
    with redis.Redis.from_url(redis_url) as client:
        yield make_store(client=client)


class TestRoundTrips:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda store: store.fetch(["a", "b"]),
            lambda store: store.fetch_all(),
            lambda store: store.fetch_due(5, 1024, ["default", "other"]),
            lambda store: store.fetch_due(-5, 1024, ["default"]),
            lambda store: store.fetch_live(),
            lambda store: store.put([stored(f"t{number}") for number in range(1024)]),
            lambda store: store.swap(
                [Swap(f"a{number}", 1, stored(f"a{number}", 9), (ended(f"r{number}"),)) for number in range(1024)]
            ),
            lambda store: store.clear(),
            lambda store: store.record([ended(f"r{number}") for number in range(1024)]),
            lambda store: store.fetch_runs(None, None, 2**53 - 1),
            lambda store: store.fetch_runs("a", "error", 5),
            lambda store: store.write_owner("us", "1"),
            lambda store: store.fetch_owners(),
            lambda store: store.remove_owner("us"),
        ],
        ids=[
            "fetch",
            "all",
            "due",
            "not-due",
            "live",
            "put",
            "swap",
            "clear",
            "record",
            "runs",
            "runs-of",
            "write-owner",
            "owners",
            "remove-owner",
        ],
    )
    def test_each_primitive_is_one_round_trip(self, counting, sent, ask):
        counting.put([stored(f"a{number}", number) for number in range(1024)])
        ask(counting)  # whatever the server does not know by then
        before = sent.count
        ask(counting)
        assert sent.count == before + 1

    @pytest.mark.parametrize("others", [0, pytest.param(20_000, marks=pytest.mark.slow)])
    def test_a_thousand_due_tasks_take_four_round_trips_however_many_are_stored(self, counting, sent, others):
        counting.insert_all([(make_task(f"later{number}", after(60 + number)), None) for number in range(others)])
        counting.insert_all([(make_task(f"t{number:04}"), None) for number in range(1000)])
        before = sent.count
        rows = counting.due(NOON, 1024, ["default"])
        firings = [make_firing(_Read(rows), row.task.id, next_due=after(3600)) for row in rows]
        assert len(counting.claim(firings, OWNER)) == 1000
        for firing in firings:
            firing.run.end([Outcome(RunState.EXECUTED, NOON)], NOON)
        counting.finish([firing.run for firing in firings])
        assert sent.count - before <= 4
        assert len(counting.read_runs()) == 1000


class _Read:
    """Stands for a store whose rows have been read."""

    def __init__(self, rows) -> None:
        self._rows = {row.task.id: row for row in rows}

    def read(self, task_id: str):
        return self._rows[task_id]


class TestRows:
    def test_a_row_comes_back_as_it_was_written(self, make_store):
        store = make_store()
        rows = [
            stored("a", 17, nominal=-3, revision=2**53 - 1, signature=b"\x00\n 1", runs='["é"]', payload=b"\xff\x00"),
            stored("é 1\n:", None, executor="x:y\x00z", final=True, payload=b""),
            stored("", -62_135_596_800_000_000, executor="", nominal=253_402_300_799_999_999),
        ]
        assert store.put(rows) == [True, True, True]
        assert sorted(store.fetch_all()) == sorted(store.fetch([row.id for row in rows])) == sorted(rows)
        assert store.fetch_live() == [rows[0]]

    def test_an_id_that_comes_twice_at_once_is_taken_by_the_first(self, make_store):
        store = make_store()
        assert store.put([stored(due=1), stored(due=2)]) == [True, False]
        assert store.fetch_due(9, 9, ["default"]) == ([stored(due=1)], None)

    def test_revisions_are_told_apart_to_the_last_digit(self, make_store):
        store = make_store()
        store.put([stored(revision=2**53 - 1)])
        assert store.swap([Swap("a", 2**53 - 2, None)]) == [False]
        assert store.swap([Swap("a", 2**53 - 1, None)]) == [True]
        assert store.fetch_all() == []

    # The order of Redis is that of bytes, which for UTF-8 is that of Python.
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        rows=st.lists(
            st.builds(
                stored,
                st.text("ab:1é\U0001f600\x00\uffff ", max_size=3),
                st.none() | st.integers(-2, 2) | st.just(2**53 - 1),
                st.sampled_from(["a", "b", "a:", "1:a", "é", ""]),
            ),
            max_size=12,
            unique_by=lambda row: row.id,
        ),
        instant=st.integers(-3, 3) | st.just(2**53 - 1),
        limit=st.integers(1, 5),
        executors=st.sets(st.sampled_from(["a", "b", "a:", "1:a", "é", ""]), min_size=1),
        behind=st.none() | st.tuples(st.integers(-2, 2), st.text("ab:1", max_size=2)),
    )
    def test_what_is_due_comes_by_due_time_and_id(self, make_store, rows, instant, limit, executors, behind):
        store = make_store()
        store.put(rows)
        ours = sorted(
            (row for row in rows if row.due is not None and row.executor in executors),
            key=lambda row: (row.due, row.id),
        )
        due = [row for row in ours if row.due <= instant and (behind is None or (row.due, row.id) > behind)]
        found, following = store.fetch_due(instant, limit, sorted(executors), behind)
        assert found == due[:limit]
        if len(found) < limit:
            assert following == next((row.due for row in ours if row.due > instant), None)

    def test_what_somebody_else_has_broken_stops_nobody_and_is_kept(self, make_store):
        store = make_store()
        store.insert_all([(make_task("a"), None), (make_task("b"), None), (make_task("c"), None)])
        record = make_store.client.hget(store.tasks_key, "b")
        broken = {
            b"none": b"", b"text": b"hello", b"\xff": b"1 2 3\n", b"cut": record[:40], b"b": b"0" + record,
            b"long": b"7 - - 0 999999999 0 0\nx", b"huge": b"9" * 6000 + record,
        }  # fmt: skip
        make_store.client.hset(store.tasks_key, mapping=broken)
        make_store.client.hdel(store.tasks_key, "a")
        assert due_ids(store) == ["c"]
        assert [task.id for task in store.get_all_tasks()] == ["c"]
        store.claim([make_firing(store, "c", next_due=after(60))], OWNER)
        assert {key: make_store.client.hget(store.tasks_key, key) for key in broken} == broken

    @pytest.mark.parametrize("record", [b"", b"hello", b"7 x", b"07 - - 0 0 0 0\n", b"9" * 6000 + b" - - 0 0 0 0\n"])
    def test_a_broken_record_can_be_removed(self, make_store, record):
        store = make_store()
        make_store.client.hset(store.tasks_key, "a", record)
        assert store.remove("a")
        assert store.fetch_all() == []

    def test_pages_follow_each_other_without_gap_or_overlap(self, make_store):
        store = make_store()
        rows = [stored(f"t{number}", number // 4, "ab"[number % 2]) for number in range(10)]
        store.put(rows)
        found, place = [], None
        while page := store.fetch_due(9, 3, ["a", "b"], place)[0]:
            found += page
            place = page[-1].due, page[-1].id
        assert found == rows

    def test_the_order_is_put_right_where_a_record_says_something_else(self, make_store):
        store = make_store()
        store.put([stored("a", 1), stored("b", 2)])
        first, second = make_store.client.zrangebylex(store.run_times_key, "-", "+")
        make_store.client.zrem(store.run_times_key, first, second)
        make_store.client.zadd(store.run_times_key, {first[:-1] + b"b": 0, first[:-1] + b"x": 0})
        assert store.fetch_due(1, 1, ["default"]) == ([], 2)
        assert store.fetch_due(9, 9, ["default"]) == ([stored("b", 2)], None)
        assert make_store.client.zrange(store.run_times_key, 0, -1) == [second]

    def test_the_order_holds_what_is_due_some_time_and_nothing_else(self, make_store):
        store = make_store()
        store.put([stored(id, number) for number, id in enumerate("abcd")])
        moved, paused = stored("a", 9, "other", revision=2), stored("b", None, revision=2)
        store.swap([Swap("a", 1, moved), Swap("b", 1, paused), Swap("c", 1, None), Swap("d", 2, None)])
        members = make_store.client.zrange(store.run_times_key, 0, -1)
        assert members == [b"default:1000000000000000003d", b"other:1000000000000000009a"]

    def test_rows_without_live_runs_are_not_among_those_with_some(self, make_store):
        store = make_store()
        rows = [stored("a", runs="[1]"), stored("b", runs="[1]"), stored("c")]
        store.put(rows)
        running = stored("c", revision=2, runs="[2]")
        store.swap([Swap("a", 1, stored("a", revision=2)), Swap("b", 1, None), Swap("c", 1, running)])
        store.put([stored("b")])
        assert store.fetch_live() == [running]

    def test_whoever_clears_keeps_what_is_hidden_and_nothing_else(self, make_store):
        store = make_store()
        hidden = stored("h", None, final=True, runs="[1]")
        store.put([stored("a", 1, runs="[1]"), hidden, stored("p", None)])
        store.clear()
        assert store.fetch_all() == store.fetch_live() == [hidden]
        assert store.fetch_due(9, 9, ["default"]) == ([], None)


class TestHistory(TestHistory):  # noqa: F405
    def test_of_each_task_the_runs_that_were_claimed_last_are_kept(self, make_store):
        store = make_store(history_length="3")
        rows = {id: stored(id) for id in ("a", "b")}
        store.put(list(rows.values()))
        for number in (1, 5, 2, 4, 3, 0):
            for id in rows:
                rows[id] = end_run(store, rows[id], ended(f"{id}{number}", id, number))
        assert _ids(store.fetch_runs("a", None, 99)) == ["a5", "a4", "a3"]
        assert _ids(store.fetch_runs(None, None, 99)) == ["b5", "a5", "b4", "a4", "b3", "a3"]
        assert _ids(store.fetch_runs(None, None, 2)) == ["b5", "a5"]
        assert store.fetch_runs("c", None, 99) == []

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        instants=st.lists(st.sampled_from([-62_135_596_800_000_000, -1000, 0, 10**9 - 1, 10**9, 10**15]), max_size=12),
        length=st.integers(1, 5),
    )
    def test_runs_claimed_at_once_are_told_apart_and_the_last_to_end_are_kept(self, make_store, instants, length):
        store, row = make_store(history_length=length), stored()
        store.put([row])
        for number, instant in enumerate(instants):
            row = end_run(store, row, ended(f"{number:02}", claimed_at=instant))
        kept = sorted(((instant, f"{number:02}") for number, instant in enumerate(instants)), reverse=True)[:length]
        assert _ids(store.fetch_runs("a", None, 99)) == _ids(store.fetch_runs(None, None, 99)) == [id for _, id in kept]
        assert make_store.client.hlen(f"{store.tasks_key}:runs") == len(kept)

    def test_a_shorter_history_takes_effect_with_the_next_run_of_a_task(self, make_store):
        store, row = make_store(history_length=9), stored()
        store.put([row])
        for number in range(7):
            row = end_run(store, row, ended(str(number), claimed_at=number))
        end_run(make_store(like=store, history_length=3), row, ended("7", claimed_at=7))
        assert _ids(store.fetch_runs("a", None, 99)) == ["7", "6", "5"]
        assert make_store.client.hlen(f"{store.tasks_key}:runs") == 3

    def test_a_batch_may_end_thousands_of_runs(self, make_store):
        store = make_store()
        rows = [stored(f"t{number:04}") for number in range(1024)]
        store.put(rows)
        runs = {
            row.id: tuple(ended(f"{row.id}-{n}", row.id, 10 * at + n) for n in range(5)) for at, row in enumerate(rows)
        }
        moved = [row._replace(revision=2) for row in rows]
        store.swap([Swap(row.id, 1, after, runs[row.id]) for row, after in zip(rows, moved, strict=True)])
        assert len(store.fetch_runs(None, None, 9999)) == 5 * 1024
        store.swap([Swap(row.id, 2, None) for row in rows])
        latest = [run.run_id for row in reversed(rows) for run in reversed(runs[row.id])]
        assert _ids(store.fetch_runs(None, None, 9999)) == latest[:1000]
        assert make_store.client.exists(*(f"{store.tasks_key}:{name}" for name in ("runs", "claimed", "latest"))) == 0

    def test_runs_of_a_state_are_found_behind_many_of_another(self, make_store):
        store = make_store()
        rows = [stored(f"t{number:03}") for number in range(500)]
        store.put(rows)
        for number, row in enumerate(rows):
            end_run(store, row, ended(f"r{number}", row.id, number, "error" if number in (3, 7) else "executed"))
        assert _ids(store.fetch_runs(None, "error", 1)) == ["r7"]
        assert _ids(store.fetch_runs(None, "error", 9)) == ["r7", "r3"]
        assert _ids(store.fetch_runs(None, None, 2)) == ["r499", "r498"]
        assert store.fetch_runs("t003", "executed", 9) == []

    def test_the_latest_runs_are_found_whatever_ended_last(self, make_store):
        store = make_store()
        rows = [stored(f"t{number:03}") for number in range(400)]
        store.put(rows)
        for number, row in enumerate(rows):
            row = end_run(store, row, ended(f"old{number}", row.id, number, "error"))
            if number < 300:
                row = end_run(store, row, ended(f"new{number}", row.id, 1000 + number))
            end_run(store, row, ended(f"late{number}", row.id, -number))
        assert _ids(store.fetch_runs(None, "error", 2)) == ["old399", "old398"]
        assert _ids(store.fetch_runs(None, None, 2)) == ["new299", "new298"]
        assert _ids(store.fetch_runs(None, None, 302))[-3:] == ["new0", "old399", "old398"]

    def test_what_a_task_has_done_outlasts_it(self, make_store):
        store = make_store()
        store.put([stored("a"), stored("b")])
        row = end_run(store, stored("a"), ended("first", claimed_at=1))
        end_run(store, row, ended("last", claimed_at=2), keep=False)
        assert _ids(store.fetch_runs("a", None, 9)) == ["last", "first"]
        end_run(store, stored("b"), ended("other", "b", 3))
        store.clear()
        assert _ids(store.fetch_runs(None, None, 9)) == ["other", "last", "first"]
        assert make_store.client.exists(*(f"{store.tasks_key}:{name}" for name in ("runs", "claimed", "latest"))) == 0

    @pytest.mark.parametrize("gone", [50, 1050])
    def test_of_tasks_that_are_gone_the_last_thousand_runs_are_kept(self, make_store, gone):
        store = make_store()
        rows = [stored(f"t{number}") for number in range(1100)]
        store.put(rows)
        store.swap(
            [
                Swap(
                    row.id,
                    1,
                    row._replace(revision=2) if number >= gone else None,
                    (ended(f"r{number}", row.id, number),),
                )
                for number, row in enumerate(rows)
            ]
        )
        assert len(store.fetch_runs(None, None, 9999)) == min(gone, 1000) + 1100 - gone
        store.clear()
        assert _ids(store.fetch_runs(None, None, 9999)) == [f"r{number}" for number in range(1099, 99, -1)]

    def test_a_run_is_recorded_once(self, make_store):
        store = make_store()
        store.put([stored("a"), stored("b")])
        end_run(store, stored("a"), ended("alive"))
        end_run(store, stored("b"), ended("gone", "b"), keep=False)
        store.record([ended("alive"), ended("gone", "b"), ended("loose", "c"), ended("loose", "c")])
        store.record([ended("loose", "c")])
        assert sorted(_ids(store.fetch_runs(None, None, 99))) == ["alive", "gone", "loose"]

    def test_entries_of_somebody_else_are_passed_over(self, make_store):
        store = make_store()
        store.put([stored("a")])
        make_store.client.lpush(f"{store.tasks_key}:gone", b"", b"hello", b"9:", b"1:a:")
        end_run(store, stored("a"), ended("first"))
        store.record([ended("second", "b")])
        assert _ids(store.fetch_runs(None, None, 99)) == ["second", "first"]


def _ids(contents: list[str]) -> list[str]:
    return [content.partition(": ")[2].strip('"}') for content in contents]


class TestCalls:
    @given(args=st.lists(st.binary(max_size=40), max_size=9))
    def test_a_command_is_packed_as_the_client_packs_it(self, args):
        begun = b"$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n"
        theirs = redis.Connection(protocol=2).pack_command("EVAL", "return 1", 0, *args)
        assert packed(3 + len(args), begun, args) == b"".join(theirs)

    @pytest.mark.parametrize(
        ("options", "are_own"),
        [
            ({}, True),
            ({"url": "redis://u:p@somewhere:99/4?socket_timeout=3", "username": "x", "ssl_ca_certs": "y"}, True),
            ({"url": "rediss://somewhere"}, True),
            ({"url": "unix:///run/redis.sock?db=5"}, True),
            ({"protocol": 3}, False),
            ({"url": "redis://somewhere?protocol=3"}, False),
            ({"url": "redis://somewhere?retry_on_timeout=yes"}, False),
            ({"retry": Retry(NoBackoff(), 3)}, False),
            ({"max_connections": 2}, False),
            ({"client": redis.Redis()}, False),
        ],
    )
    def test_a_client_that_does_more_than_to_connect_is_asked_itself(self, options, are_own):
        assert isinstance(RedisStore(**options)._calls, OwnCalls if are_own else ClientCalls)

    def test_a_connection_is_kept_until_the_store_is_shut_down(self, make_store):
        store = make_store(client_name=random_id())
        store.put([stored("a")])
        first = _connections(make_store, store)
        make_store.client.script_flush()
        store.put([stored("b")])
        assert _connections(make_store, store) == first
        assert len(first) == 1
        store.shutdown()
        # The server comes to it after a moment.
        assert any(_connections(make_store, store) == [] for _ in range(1000))

    def test_one_that_the_server_has_closed_meanwhile_is_not_used(self, make_store):
        store = make_store(client_name=random_id())
        (known,) = _connections(make_store, store)
        assert make_store.client.client_kill_filter(_id=known) == 1
        assert store.put([stored("a")]) == [True]
        assert _connections(make_store, store) != [known]

    def test_what_the_server_refuses_is_said_and_the_connection_goes_on(self, make_store):
        store = make_store(client_name=random_id())
        known = _connections(make_store, store)
        make_store.client.set(store.tasks_key, "text")
        for _ in range(2):
            with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                store.put([stored("a")])
        make_store.client.delete(store.tasks_key)
        assert store.put([stored("a")]) == [True]
        assert _connections(make_store, store) == known

    def test_a_reply_that_comes_too_late_is_not_taken_for_that_to_the_next_call(self, redis_server):
        cabinet = Cabinet(redis_server.url)
        store = cabinet(socket_timeout=0.2)
        cabinet.client.client_pause(600, all=True)
        with pytest.raises(redis.TimeoutError):
            store.put([stored("a", 1)])
        cabinet.client.set("a", 1)  # waits until it goes on
        assert store.fetch_due(9, 9, ["default"])[0] in ([], [stored("a", 1)])
        cabinet.close()

    def test_threads_do_not_get_each_others_replies(self, make_store):
        store = make_store()
        executors = [f"e{number}" for number in range(8)]
        store.put([stored(name, 1, name) for name in executors])
        wrong, begin = [], threading.Barrier(len(executors))

        def ask(name: str) -> None:
            begin.wait(10)
            for _ in range(50):
                found, _following = store.fetch_due(9, 9, [name])
                if [row.id for row in found] != [name]:
                    wrong.append((name, found))

        threads = [threading.Thread(target=ask, args=(name,)) for name in executors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert wrong == []


def _connections(cabinet: Cabinet, store: RedisStore) -> list[str]:
    name = store._client.get_connection_kwargs()["client_name"]
    return [client["id"] for client in cabinet.client.client_list() if client["name"] == name]


class TestServerGoesAway:
    def test_the_next_call_after_the_server_is_back_works_and_what_was_confirmed_is_there(self, redis_server):
        cabinet = Cabinet(redis_server.url)
        store = cabinet()
        try:
            store.add_task(make_task("a"))
            firing = make_firing(store, "a", next_due=after(60))
            store.claim([firing], OWNER)
            redis_server.stop(kill=True)
            for _ in range(2):
                with pytest.raises(redis.ConnectionError):
                    store.add_task(make_task("b"))
            redis_server.start()
            store.add_task(make_task("b"))
            assert [run.id for run in store.read("a").runs] == [1]
            store.finish([firing.run])
            assert store.read("a").runs == ()
        finally:
            cabinet.close()

    def test_a_server_that_has_forgotten_the_scripts_is_told_again(self, make_store):
        store = make_store()
        store.add_task(make_task("a"))
        make_store.client.script_flush()
        assert due_ids(store) == ["a"]
        store.delete_task("a")

    @pytest.mark.parametrize("cut", [0, 1, 30, 500, 5_000, 50_000])
    def test_a_claim_of_which_the_server_has_received_a_part_changes_nothing(self, make_store, proxy, cut):
        store, twin, before = _store_behind(make_store, proxy)
        firings = [make_firing(store, row.stored.id, next_due=after(60)) for row in store.due(NOON, 99, ["default"])]
        proxy.sent_before_cut = cut
        with pytest.raises(redis.RedisError):
            store.claim(firings, OWNER)
        proxy.sent_before_cut = None
        assert sorted(twin.fetch_all()) == before
        assert len(store.due(NOON, 99, ["default"])) == 99

    @pytest.mark.parametrize("cut", [0, 1, 50])
    def test_a_claim_whose_reply_was_lost_has_changed_everything_once(self, make_store, proxy, cut):
        store, twin, before = _store_behind(make_store, proxy)
        firings = [make_firing(store, row.stored.id, next_due=after(60)) for row in store.due(NOON, 99, ["default"])]
        proxy.received_before_cut = cut
        with pytest.raises(redis.RedisError):
            store.claim(firings, OWNER)
        proxy.received_before_cut = None
        assert [row.revision for row in sorted(twin.fetch_all())] == [row.revision + 1 for row in before]
        assert len(twin.fetch_live()) == 99
        assert store.due(NOON, 99, ["default"]) == []


def _store_behind(make_store, proxy):
    """Return a store with 99 due tasks whose connections go through a proxy, its twin, and the rows."""
    twin = make_store()
    twin.insert_all([(make_task(f"t{number}"), None) for number in range(99)])
    store = make_store(like=twin, url=proxy.url)
    claimed = make_firing(store, "t0", next_due=NOON)  # the server knows the script by now
    store.claim([claimed], OWNER)
    store.finish([claimed.run])
    return store, twin, sorted(twin.fetch_all())


class Scheduler:
    """What a store knows of a scheduler; ``woken`` is set each time somebody calls :meth:`wakeup`."""

    def __init__(self) -> None:
        self.woken = threading.Event()

    def wakeup(self) -> None:
        self.woken.set()


@pytest.fixture
def listening(make_store):
    """A store that listens, its scheduler, and a store of another process."""
    scheduler = Scheduler()
    store = make_store(scheduler=scheduler)
    assert scheduler.woken.wait(10), "from now on it hears"
    scheduler.woken.clear()
    return store, scheduler, make_store(like=store)


class TestNews:
    @pytest.mark.parametrize(
        "change",
        [
            lambda twin: twin.add_task(make_task("b", after(9))),
            lambda twin: twin.edit("a", twin.read("a").revision, {"next_run_time": NOON}),
            lambda twin: twin.edit("p", twin.read("p").revision, {"next_run_time": after(9)}),
            lambda twin: twin.edit("a", twin.read("a").revision, {"max_instances": 3}),
            lambda twin: twin.edit("a", twin.read("a").revision, {"executor": "other"}),
            lambda twin: twin.delete_task("a"),
            lambda twin: twin.remove_all_tasks(),
        ],
        ids=["new", "earlier", "resumed", "definition", "executor", "deleted", "cleared"],
    )
    def test_what_another_process_changes_is_told_at_once(self, listening, change):
        store, scheduler, twin = listening
        store.insert_all([(make_task("a", after(5)), None), (make_task("p", None), None)])
        assert due_ids(store) == []
        assert store.next_due(["default"]) == store.read("a").due
        change(twin)
        assert scheduler.woken.wait(10)
        assert store.next_due(["default"]) == twin.next_due(["default"])

    def test_another_executor_alone_is_told(self, listening):
        store, scheduler, twin = listening
        store.put([stored()])
        twin.swap([Swap("a", 1, stored(executor="other", revision=2))])
        assert scheduler.woken.wait(10)

    def test_what_changes_nothing_for_others_is_not_told(self, listening, make_store):
        store, scheduler, twin = listening
        store.insert_all([(make_task("a"), None), (make_task("once"), None)])  # our own
        firings = [make_firing(twin, "a", 1, next_due=after(60)), make_firing(twin, "once", 2)]
        twin.claim(firings, OWNER)
        twin.finish([firing.run for firing in firings])
        twin.edit("a", twin.read("a").revision, {"next_run_time": after(90)})
        make_store.client.publish(f"{store.tasks_key}:changes", store._origin)
        assert not scheduler.woken.wait(0.3)

    def test_a_claim_that_is_taken_back_is_told(self, listening):
        store, scheduler, twin = listening
        store.add_task(make_task("a"))
        firing = make_firing(twin, "a", next_due=after(60))
        twin.claim([firing], OWNER)
        twin.unclaim([firing])
        assert scheduler.woken.wait(10)

    def test_the_listener_comes_back_with_the_server_and_looks_for_what_it_has_missed(self, redis_server):
        cabinet, scheduler = Cabinet(redis_server.url), Scheduler()
        try:
            store = cabinet(scheduler=scheduler)
            assert scheduler.woken.wait(10)
            redis_server.stop()
            scheduler.woken.clear()
            assert not scheduler.woken.wait(0.3)
            redis_server.start()
            assert scheduler.woken.wait(10)
            scheduler.woken.clear()
            cabinet(like=store).add_task(make_task("a"))
            assert scheduler.woken.wait(10)
        finally:
            cabinet.close()

    @pytest.mark.parametrize("is_there", [True, False])
    def test_the_listener_ends_with_the_store(self, redis_server, monkeypatch, is_there):
        if is_there:  # then it is not waited for
            monkeypatch.setattr("asyncz.stores.redis.client.PAUSE", 60)
        cabinet, scheduler = Cabinet(redis_server.url), Scheduler()
        store = cabinet(scheduler=scheduler)
        assert scheduler.woken.wait(10)
        (thread,) = _listeners()
        if not is_there:
            redis_server.stop()
        begun = time.monotonic()
        store.shutdown()
        assert not thread.is_alive()
        assert time.monotonic() - begun < 10
        cabinet.client.close()

    def test_a_thousand_messages_are_answered_by_few_looks(self, listening, make_store):
        store, scheduler, _twin = listening
        looks, go_on = [], threading.Event()

        def look() -> None:
            looks.append(1)
            go_on.wait(10)
            Scheduler.wakeup(scheduler)

        scheduler.wakeup = look
        with make_store.client.pipeline(transaction=False) as pipeline:
            for _ in range(1000):
                pipeline.publish(f"{store.tasks_key}:changes", "somebody")
            pipeline.execute()
        go_on.set()
        assert scheduler.woken.wait(10)
        store.shutdown()
        assert len(looks) < 100

    @pytest.mark.parametrize("is_virtual", [True, False])
    def test_nobody_listens_for_a_virtual_clock_nor_without_a_scheduler(self, make_store, is_virtual):
        scheduler = Scheduler()
        scheduler.clock = type("Clock", (), {"virtual": is_virtual})()
        make_store()
        make_store(scheduler=scheduler)
        assert len(_listeners()) == (0 if is_virtual else 1)


def _listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "asyncz-redis-listener"]


class TestSideBySide:
    def test_stores_with_other_keys_know_nothing_of_each_other(self, make_store):
        one, other = make_store(), make_store()
        one.add_task(make_task("a", after(1)))
        other.add_task(make_task("a", after(2)))
        one.write_owner("us", "1")
        other.remove_all_tasks()
        assert one.lookup_task("a").next_run_time == after(1)
        assert other.get_all_tasks() == []
        assert other.next_due(["default"]) is None
        assert other.fetch_owners() == {}

    def test_keys_that_do_not_belong_together_are_refused(self, make_store, redis_url):
        one, other = make_store(), make_store()
        for keys in ((one.tasks_key, other.run_times_key), (one.tasks_key, "x"), ("x", one.run_times_key)):
            mixed = RedisStore(0, *keys, url=redis_url)
            with pytest.raises(UnreadableRecordError, match="belong together"):
                mixed.start(None, "default")
            mixed.shutdown()

    def test_data_of_another_program_is_refused_and_left_alone(self, make_store):
        store = make_store(started=False)
        make_store.client.hset(store.tasks_key, "a", b"pickled")
        with pytest.raises(UnreadableRecordError, match="choose another database"):
            store.start(None, "default")
        assert make_store.client.keys(f"{store.tasks_key[:-6]}*") == [store.tasks_key.encode()]

    def test_a_later_format_is_refused_with_what_is_needed(self, make_store):
        store = make_store()
        make_store.client.set(f"{store.tasks_key}:format", f"2 {store.run_times_key}")
        with pytest.raises(NewerFormatError, match=r"format 2, and asyncz .* reads formats up to 1") as caught:
            make_store(like=store)
        assert (caught.value.found, caught.value.known) == (2, 1)


class TestFormats:
    @pytest.mark.parametrize("path", sorted(FORMATS.glob("redis-*.json")), ids=lambda path: path.stem)
    def test_one_of_each_released_format_opens(self, make_store, path):
        store = make_store(started=False, secret="kept with the file")
        restore(make_store.client, path, store)
        store.start(None, "default")
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
        assert store.claim([make_firing(store, "interval", next_due=after(120))], OWNER)

    def test_there_is_a_file_of_the_present_format(self):
        assert (FORMATS / f"redis-{FORMAT}.json").exists()


def restore(client: redis.Redis, path: Path, store: RedisStore) -> None:
    """Write the keys of a file under those of a store; only the two that name others hold names themselves."""
    writers = {
        "string": lambda key, value: client.set(key, value),
        "hash": lambda key, value: client.hset(key, mapping={_bytes(id): _bytes(part) for id, part in value.items()}),
        "set": lambda key, value: client.sadd(key, *map(_bytes, value)),
        "list": lambda key, value: client.rpush(key, *map(_bytes, value)),
        "zset": lambda key, value: client.zadd(key, {_bytes(member): score for member, score in value}),
    }
    prefix = store.tasks_key.removesuffix(".tasks")
    for key, (kind, value) in json.loads(path.read_text(encoding="ascii")).items():
        value = value.replace("asyncz.", f"{prefix}.") if kind == "string" else value
        writers[kind](key.replace("asyncz.", f"{prefix}."), value)


def _bytes(value: str) -> bytes:
    return value.encode("latin-1")


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
class TestForks:
    @pytest.mark.parametrize(
        ("is_given", "is_told"),
        [(False, True), (False, False), (True, True)],
        ids=["own", "own-unsaid", "given"],
    )
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_child_has_connections_of_its_own_and_leaves_those_of_its_parent_alone(
        self, make_store, is_given, is_told
    ):
        options = {"client": make_store.client} if is_given else {}
        scheduler = Scheduler()
        store = make_store(scheduler=scheduler, **options)
        store.add_task(make_task("a"))
        ours = store._client.client_id()
        assert scheduler.woken.wait(10)
        scheduler.woken.clear()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if is_told:
                    store.left_behind()
                store.add_task(make_task("b"))
                code = 0 if store._client.client_id() != ours and store.lookup_task("a") is not None else 2
                store.shutdown()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sorted(task.id for task in store.get_all_tasks()) == ["a", "b"]
        assert store._client.client_id() == ours
        assert not is_told or scheduler.woken.wait(10), "the parent hears its child"


class TestConfiguration:
    def test_everything_can_be_given_as_text(self, make_store, redis_url):
        address = urlsplit(redis_url)
        store = make_store(
            host=address.hostname, port=str(address.port or 6379), history_length="2", socket_timeout="2.5",
            health_check_interval="7", socket_keepalive="no", password=address.password or "",
        )  # fmt: skip
        store.add_task(make_task("a"))
        settings = store._client.get_connection_kwargs()
        assert [settings[name] for name in ("socket_timeout", "health_check_interval", "socket_keepalive")] == [
            2.5,
            7,
            False,
        ]
        assert store.history_length == 2

    @pytest.mark.parametrize(
        ("options", "database"),
        [
            ({"database": "3"}, 3),
            ({"database": 2, "url": "redis://somewhere:99"}, 2),
            ({"database": 2, "url": "redis://somewhere:99/4"}, 4),
            ({"url": "unix:///run/redis.sock?db=5"}, 5),
        ],
    )
    def test_the_database_is_that_of_the_url_or_else_the_one_named(self, options, database):
        assert RedisStore(**options)._client.get_connection_kwargs()["db"] == database

    def test_nothing_is_tried_twice_nor_waited_for_without_end(self):
        settings = RedisStore()._client.get_connection_kwargs()
        assert settings["retry"]._retries == 0
        assert 0 < settings["socket_timeout"] <= 30
        assert 0 < settings["socket_connect_timeout"] <= 30

    def test_a_client_is_taken_by_reference_too_and_not_closed(self, make_store, monkeypatch):
        monkeypatch.setitem(globals(), "ready_client", make_store.client)
        store = make_store(client=f"{__name__}:ready_client")
        assert store._client is make_store.client
        store.add_task(make_task("a"))
        ours = make_store.client.client_id()
        store.shutdown()
        assert make_store.client.client_id() == ours

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_a_client_may_speak_either_protocol(self, make_store, redis_url, protocol):
        with redis.Redis.from_url(redis_url, protocol=protocol) as client:
            store = make_store(client=client)
            store.add_task(make_task("a"))
            store.claim([make_firing(store, "a", next_due=after(1))], OWNER)
            store.finish([make_run(1)])
            store.write_owner("us", "1")
            assert [task.id for task in store.get_all_tasks()] == ["a"]
            assert store.fetch_owners() == {"us": "1"}
            assert len(store.read_runs()) == 1
            store.shutdown()

    @pytest.mark.parametrize(
        ("options", "error", "says"),
        [
            ({"database": "one"}, ValueError, "as database, got 'one'"),
            ({"database": -1}, ValueError, "as database, got -1"),
            ({"port": "http"}, ValueError, "as port, got 'http'"),
            ({"port": "70000"}, ValueError, "as port, got '70000'"),
            ({"tasks_key": ""}, ValueError, "as tasks_key, got ''"),
            ({"run_times_key": None}, ValueError, "as run_times_key, got None"),
            ({"tasks_key": "x", "run_times_key": "x"}, ValueError, "stand apart, got 'x' and 'x'"),
            ({"tasks_key": "x", "run_times_key": "x:live"}, ValueError, "stand apart"),
            ({"url": "redis://localhost", "port": 1}, ValueError, "either url or host and port"),
            ({"client": redis.Redis(), "host": "there"}, ValueError, "a client alone"),
            ({"client": redis.Redis(), "database": 1}, ValueError, "a client alone"),
            ({"client": redis.Redis(decode_responses=True)}, ValueError, "without decode_responses"),
            ({"decode_responses": True}, ValueError, "without decode_responses"),
            ({"client": object()}, TypeError, "a client of redis-py, got <object"),
            ({"client": redis.asyncio.Redis()}, TypeError, "got one of redis.asyncio"),
            ({"socket_timeout": "soon"}, ValueError, "as socket_timeout, got 'soon'"),
            ({"ssl": "maybe"}, ValueError, "as ssl, got 'maybe'"),
            ({"colour": "red"}, TypeError, "colour"),
            ({"history_length": 0}, ValueError, "history_length"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, options, error, says):
        with pytest.raises(error, match=says):
            RedisStore(**options)

    def test_without_the_package_the_error_names_what_to_install(self, run_python):
        said = run_python(
            """
            from asyncz.stores.redis import RedisStore
            try:
                RedisStore()
            except ImportError as exc:
                print(exc)
            """,
            blocked=frozenset({"redis"}),
        )
        assert "pip install asyncz[redis]" in said

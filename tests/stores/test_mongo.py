"""What MongoDB promises beyond the contract of all stores."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pymongo
import pytest
from contracts.durable_store import *  # noqa: F403
from contracts.durable_store import claimed, claimed_last, numbers, row_of, stored
from contracts.store import *  # noqa: F403
from contracts.store import NOON, OWNER, after, due_ids, make_firing, make_task
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener

from asyncz.exceptions import NewerFormatError, UnreadableRecordError
from asyncz.stores import mongo
from asyncz.stores.mongo import MongoDBStore, documents
from asyncz.stores.mongo.client import MongoConnection
from asyncz.stores.stored import Ended, Swap

pytestmark = pytest.mark.server
_numbers = itertools.count(1)
#: As a configuration gives them.
SHORT = {"serverSelectionTimeoutMS": "300", "connectTimeoutMS": "300", "socketTimeoutMS": "500"}
_WRITES = {"insert", "update", "delete"}


@pytest.fixture(scope="module")
def database(mongodb_url):
    """A database of this module's own, also on a server that others use."""
    name = f"asyncz_test_{os.getpid()}"
    yield name
    with pymongo.MongoClient(mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture
def make_store(mongodb_url, database):
    def start(**options):
        if "client" not in options:
            options["url"] = mongodb_url
        store = MongoDBStore(database, f"tasks{next(_numbers)}", **options)
        store.start(None, "default")
        return store

    return start


@pytest.fixture
def make_twin(mongodb_url):
    def start(store, **options):
        twin = MongoDBStore(store.database, store.collection, url=mongodb_url, **options)
        twin.start(None, "default")
        return twin

    return start


class Commands(CommandListener):
    """Hears which commands are sent, and may do something after one."""

    def __init__(self):
        self.sent = []
        self.then = {}

    def started(self, event):
        self.sent.append(event.command)

    def succeeded(self, event):
        do = self.then.pop(event.command_name, None)
        if do is not None:
            do()

    def failed(self, event):
        pass

    def during(self, call) -> list[str]:
        """Return the names of the commands that a call takes."""
        self.sent.clear()
        call()
        return [next(iter(command)) for command in self.sent]


@pytest.fixture
def commands():
    return Commands()


@pytest.fixture
def client(mongodb_url, commands):
    """A client with settings that a store must not fall for."""
    from bson.son import SON

    with pymongo.MongoClient(
        mongodb_url, event_listeners=[commands], w=0, readPreference="secondaryPreferred", document_class=SON
    ) as client:
        yield client


@pytest.fixture
def heard(make_store, client):
    """A store of which the commands are heard."""
    store = make_store(client=client)
    yield store
    store.shutdown()


def add_many(store, count, executor="default") -> list[str]:
    ids = [f"{executor}{number:03}" for number in range(count)]
    assert all(store.insert_all([(make_task(id, executor=executor), None) for id in ids]))
    return ids


def fire(store, ids, **options):
    return [make_firing(store, id, number, **options) for number, id in enumerate(ids)]


class TestRoundTrips:
    def test_tasks_are_added_by_one_command(self, heard, commands):
        assert commands.during(lambda: add_many(heard, 200)) == ["insert"]

    def test_an_id_that_was_used_before_takes_one_more(self, heard, commands):
        for id in "ab":
            heard.add_task(make_task(id))
            heard.delete_task(id)
        tasks = [(make_task(id), None) for id in "abc"]
        assert commands.during(lambda: heard.insert_all(tasks)) == ["insert", "update"]
        assert [task.id for task in heard.get_all_tasks()] == ["a", "b", "c"]

    def test_a_full_batch_takes_one_find_and_any_other_one_more(self, heard, commands):
        add_many(heard, 150)
        assert commands.during(lambda: due_ids(heard, limit=120)) == ["find"]
        heard.refresh()
        assert commands.during(lambda: due_ids(heard, limit=1000)) == ["find", "find"]
        heard.refresh()
        assert commands.during(lambda: due_ids(heard, limit=1000, executors=["x", "default"])) == ["find"] * 4

    def test_claims_and_ends_take_one_command_each(self, heard, commands):
        ids = add_many(heard, 150)
        firings = fire(heard, ids[:100], next_due=after(60)) + fire(heard, ids[100:])
        assert commands.during(lambda: heard.claim(firings, OWNER)) == ["update"]
        assert commands.during(lambda: heard.finish([firing.run for firing in firings])) == ["update"]
        assert [task.id for task in heard.get_all_tasks()] == ids[:100]
        assert len(heard.read_runs()) == 150

    def test_claims_of_which_some_are_lost_take_one_more(self, heard, commands):
        ids = add_many(heard, 20)
        firings = fire(heard, ids, next_due=after(60))
        for id in ids[::2]:
            heard.edit(id, row_of(heard, id).revision, {"max_instances": 2})
        won = []
        assert commands.during(lambda: won.extend(heard.claim(firings, OWNER))) == ["update", "find"]
        assert won == firings[1::2]
        assert commands.during(lambda: heard.claim(fire(heard, ids[:1]), OWNER))[-1] == "update"

    def test_every_other_verb_takes_few(self, heard, commands):
        heard.add_task(make_task("a"))
        claimed(heard, next_due=after(60))
        revision = row_of(heard).revision
        for expected, call in (
            (["find"], lambda: heard.read("a")),
            (["find"], heard.live),
            (["find"], heard.read_all),
            (["find", "update"], lambda: heard.edit("a", revision, {"next_run_time": after(5)})),
            (["find", "find"], lambda: heard.read_runs("a")),
            (["find", "aggregate", "aggregate"], heard.read_runs),
            (["update"], lambda: heard.write_owner("me", "{}")),
            (["find"], heard.fetch_owners),
            (["delete"], lambda: heard.remove_owner("me")),
            (["find", "update"], lambda: heard.remove("a")),
            (["update"], lambda: heard.record([Ended("z", "9", 1, "executed", "{}")])),
        ):
            assert commands.during(call) == expected


class TestDurability:
    def test_all_writes_wait_for_the_journals_of_most_members(self, heard, commands, monkeypatch):
        monkeypatch.setattr(mongo, "PRUNE_AFTER", 1)
        commands.sent.clear()
        heard.shutdown()
        heard.start(None, "default")
        heard.add_task(make_task("a"))
        heard.finish([claimed(heard, next_due=after(60)).run])
        heard.delete_task("a")
        heard.add_task(make_task("a"))
        heard.record([Ended("z", "9", 1, "executed", "{}")])
        heard.write_owner("me", "{}")
        heard.remove_owner("me")
        heard.remove_all_tasks()
        written = [command for command in commands.sent if next(iter(command)) in _WRITES]
        assert {next(iter(command)) for command in written} == _WRITES
        assert all(command.get("writeConcern") == {"w": "majority", "j": True} for command in written)

    def test_reads_go_to_the_primary_member(self, heard, commands):
        commands.during(lambda: (heard.read("a"), heard.read_runs(), due_ids(heard)))
        assert commands.sent
        for command in commands.sent:
            assert command.get("$readPreference", {"mode": "primary"})["mode"] in ("primary", "primaryPreferred")

    def test_a_client_made_here_repeats_nothing_and_waits_a_few_seconds(self, mongodb_url):
        connection = MongoConnection(None, None, None, mongodb_url, {})
        options = connection.open("any").client.options
        connection.close()
        assert (options.retry_writes, options.retry_reads, options.server_selection_timeout) == (False, False, 5)
        assert (options.pool_options.connect_timeout, options.pool_options.socket_timeout) == (5, 20)

    def test_what_the_address_says_goes_before_that(self, mongodb_url):
        url = f"{mongodb_url}?serverSelectionTimeoutMS=1234&retrywrites=true"
        connection = MongoConnection(None, None, None, url, {"socketTimeoutMS": "2500"})
        options = connection.open("any").client.options
        connection.close()
        assert (options.retry_writes, options.server_selection_timeout) == (True, 1.234)
        assert options.pool_options.socket_timeout == 2.5


class TestIndexes:
    def plans(self, store, commands, call) -> list[str]:
        """Return what the server does for each find of a call."""
        commands.during(call)
        finds = [command for command in commands.sent if "find" in command]
        assert finds
        explained = []
        for command in finds:
            plain = {name: value for name, value in command.items() if name[0] != "$" and name != "lsid"}
            explained.append(store._database.command("explain", plain)["queryPlanner"]["winningPlan"])
        return [str(plan) for plan in explained]

    @pytest.mark.parametrize(
        ("index", "call"),
        [
            ("due", lambda store: due_ids(store, after(-600), executors=["default", "other"])),
            ("due", lambda store: store.next_due(["default"])),
            ("live", lambda store: store.live()),
            ("gone", lambda store: store._prune()),
            ("_id_", lambda store: store.read("a")),
            ("_id_", lambda store: store.fetch(["a", "b", "default003"])),
        ],
        ids=["due", "next", "live", "gone", "one", "several"],
    )
    def test_what_the_engine_asks_for_is_found_by_an_index(self, heard, commands, index, call):
        add_many(heard, 50)
        add_many(heard, 50, "other")
        heard.refresh()
        for plan in self.plans(heard, commands, lambda: call(heard)):
            assert "COLLSCAN" not in plan
            assert ("IDHACK" in plan and index == "_id_") or f"'indexName': '{index}'" in plan

    def test_they_are_made_once(self, heard):
        before = heard._tasks.index_information()
        heard.shutdown()
        heard.start(None, "default")
        assert heard._tasks.index_information() == before
        assert before.keys() == {"_id_", "due", "gone", "live"}


class TestRaces:
    def test_who_won_knows_it_although_the_row_has_changed_again(self, heard, make_twin, commands):
        ids = add_many(heard, 3)
        twin = make_twin(heard)
        firings = fire(heard, ids, next_due=after(60))
        twin.edit(ids[0], row_of(twin, ids[0]).revision, {"max_instances": 2})

        def change_all():
            for id in ids:
                for number in (3, 4):
                    twin.edit(id, row_of(twin, id).revision, {"max_instances": number})

        commands.then["update"] = change_all
        assert heard.claim(firings, OWNER) == firings[1:]
        twin.shutdown()

    def test_of_two_that_remove_a_task_one_has(self, heard, make_twin, commands):
        ids = add_many(heard, 2)
        twin = make_twin(heard)
        rows = heard.fetch(ids)
        assert twin.remove(rows[0].id)
        assert heard.swap([Swap(row.id, row.revision, None) for row in rows]) == [False, True]
        twin.shutdown()

    def test_an_id_goes_to_one_of_many(self, make_store, make_twin):
        stores = [make_store()]
        stores += [make_twin(stores[0]) for _ in range(3)]
        stores[0].add_task(make_task("a"))
        claimed(stores[0], next_due=after(60))
        stores[0].delete_task("a")
        barrier, got = threading.Barrier(len(stores)), []

        def add(store) -> None:
            barrier.wait()
            got.append(store.insert(make_task("a")))

        threads = [threading.Thread(target=add, args=[store]) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.shutdown()
        assert sorted(got) == [False, False, False, True]

    def test_many_can_be_first(self, mongodb_url, database):
        stores = [MongoDBStore(database, "first", url=mongodb_url) for _ in range(4)]
        barrier, failed = threading.Barrier(len(stores)), []

        def start(store) -> None:
            barrier.wait()
            try:
                store.start(None, "default")
            except Exception as exc:
                failed.append(exc)

        threads = [threading.Thread(target=start, args=[store]) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.shutdown()
        assert failed == []


class TestWhatIsGone:
    def test_little_is_left_of_many_tasks_that_ran_once(self, heard, monkeypatch):
        monkeypatch.setattr(mongo, "PRUNE_AFTER", 4)
        monkeypatch.setattr(documents, "GONE", 5)
        for number in range(20):
            firing = claimed_last(heard, f"t{number:02}", number)
            heard.finish([firing.run])
            assert heard._tasks.count_documents({}) <= 5 + 4
        assert len(heard.read_runs()) == 5
        assert 19 in numbers(heard.read_runs())
        heard.shutdown()
        heard.start(None, "default")
        assert heard._tasks.count_documents({}) == 5

    def test_nothing_is_left_of_tasks_that_never_ran(self, heard):
        for id in add_many(heard, 20)[:5]:
            heard.delete_task(id)
        heard.remove_all_tasks()
        assert heard._tasks.count_documents({}) == 0

    def test_a_failure_to_tidy_up_does_not_undo_what_came_before(self, heard, monkeypatch):
        monkeypatch.setattr(mongo, "PRUNE_AFTER", 1)

        def fail() -> None:
            raise PyMongoError("no")

        heard.add_task(make_task("a"))
        monkeypatch.setattr(heard, "_prune", fail)
        heard.delete_task("a")
        assert heard.lookup_task("a") is None


class TestStrangers:
    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"payload": "text", "revision": "one", "runs": 5, "signature": None, "final": "no", "live": True},
            {"payload": None, "revision": 1.5, "nominal": "x", "runs": "{", "history": [7, {}]},
        ],
        ids=["nothing", "other types", "more"],
    )
    def test_a_document_of_somebody_else_stops_nobody_and_stays(self, heard, document):
        heard._tasks.insert_one({"_id": "odd", "due": 1, "executor": "default", **document})
        heard.add_task(make_task("a"))
        assert due_ids(heard) == ["a"]
        assert [task.id for task in heard.get_all_tasks()] == ["a"]
        assert [id for id, _ in heard.set_aside()] == ["odd"]
        assert heard.live() == []
        heard.finish([claimed(heard, next_due=after(60)).run])
        assert numbers(heard.read_runs()) == [1]
        assert heard.read_runs("odd") == []
        assert heard._tasks.find_one({"_id": "odd"})["due"] == 1
        heard.delete_task("odd")  # which is for who asks for it, whatever its revision is
        assert heard.set_aside() == []

    def test_several_stores_share_a_database(self, heard, make_store):
        other = make_store()
        other.add_task(make_task("a"))
        assert heard.get_all_tasks() == []
        other.shutdown()

    def test_a_store_of_a_later_release_is_not_opened(self, heard):
        meta = heard._beside(".meta")
        meta.update_one({"_id": "format"}, {"$set": {"version": 2}})
        heard.shutdown()
        with pytest.raises(NewerFormatError, match=rf"{heard.collection} has format 2, and asyncz .* up to 1"):
            heard.start(None, "default")
        with pytest.raises(RuntimeError, match="not started"):
            heard.fetch_all()
        meta.update_one({"_id": "format"}, {"$set": {"version": 1}})
        heard.start(None, "default")

    @pytest.mark.parametrize("version", [0, "1", None])
    def test_nor_is_one_of_which_the_format_cannot_be_told(self, heard, version):
        heard._beside(".meta").update_one({"_id": "format"}, {"$set": {"version": version}})
        heard.shutdown()
        with pytest.raises(UnreadableRecordError, match=repr(version)):
            heard.start(None, "default")


class TestOutages:
    @pytest.fixture
    def lonely(self, mongodb_server):
        """A store on a server of its own."""
        store = MongoDBStore("asyncz", "tasks", url=mongodb_server.url, **SHORT)
        store.start(None, "default")
        yield store
        store.shutdown()

    def calls(self, store):
        return (
            lambda: store.due(NOON, 9, ["default"]),
            lambda: store.add_task(make_task("b")),
            lambda: store.swap([Swap("a", 1, None)]),
            lambda: store.write_owner("me", "{}"),
        )

    def fails_soon(self, call) -> None:
        begun = time.monotonic()
        with pytest.raises(PyMongoError):
            call()
        assert time.monotonic() - begun < 10

    @pytest.mark.process
    def test_without_the_server_calls_fail_soon_and_work_when_it_is_back(self, lonely, mongodb_server):
        lonely.add_task(make_task("a"))
        mongodb_server.stop()
        for call in self.calls(lonely):
            lonely.refresh()
            self.fails_soon(call)
        mongodb_server.start()
        assert due_ids(lonely) == ["a"]
        claimed(lonely, next_due=after(60))

    @pytest.mark.process
    def test_a_server_that_does_not_answer_is_not_waited_for(self, lonely, mongodb_server):
        lonely.add_task(make_task("a"))
        mongodb_server.send(signal.SIGSTOP)
        try:
            for call in self.calls(lonely)[:2]:
                self.fails_soon(call)
        finally:
            mongodb_server.send(signal.SIGCONT)
        assert lonely.lookup_task("a") is not None

    @pytest.mark.process
    def test_a_store_that_cannot_be_opened_leaves_nothing_open_and_can_be_opened_later(self, mongodb_server):
        mongodb_server.stop()
        store = MongoDBStore(url=mongodb_server.url, **SHORT)
        self.fails_soon(lambda: store.start(None, "default"))
        mongodb_server.start()
        store.start(None, "default")
        assert store.get_all_tasks() == []
        store.shutdown()


class TestConfiguration:
    @pytest.mark.parametrize("name", ["database", "collection"])
    @pytest.mark.parametrize("value", ["", None, 5])
    def test_database_and_collection_have_names(self, name, value):
        with pytest.raises(ValueError, match=f"name of a {name}"):
            MongoDBStore(**{name: value})

    def test_unless_told_otherwise_they_are_asyncz_and_tasks(self):
        store = MongoDBStore()
        assert (store.database, store.collection) == ("asyncz", "tasks")

    def test_all_can_be_text(self, mongodb_url, database):
        host, _, port = mongodb_url.removeprefix("mongodb://").rstrip("/").partition(":")
        store = MongoDBStore(
            database=database, collection="texts", host=host, port=port or "27017", serializer="json", secret="s",
            history_length="3", serverSelectionTimeoutMS="4000", maxPoolSize="5", retryWrites="false",
        )  # fmt: skip
        store.start(None, "default")
        store.add_task(make_task("a"))
        assert due_ids(store) == ["a"]
        assert store.history_length == 3
        store.shutdown()

    @pytest.mark.parametrize("port", ["x", "0", 65536, -1, "1.5"])
    def test_a_port_is_a_number(self, port):
        with pytest.raises(ValueError, match="as port"):
            MongoDBStore(port=port)

    def test_host_and_url_are_two_words_for_one_thing(self):
        with pytest.raises(ValueError, match="either a host or a url"):
            MongoDBStore(host="a", url="mongodb://:secret@b")

    def test_a_client_can_be_named_and_is_not_closed(self, client, database, monkeypatch):
        monkeypatch.setattr(sys.modules[__name__], "named_client", client, raising=False)
        store = MongoDBStore(database, "named", f"{__name__}:named_client")
        for _ in range(2):
            store.start(None, "default")
            assert store.get_all_tasks() == []
            store.shutdown()
        assert client.admin.command("ping")["ok"]

    def test_a_client_has_its_options_already(self, client):
        with pytest.raises(ValueError, match="either a client or options for one, got both: host, tls"):
            MongoDBStore(client=client, host="a", tls=True)

    @pytest.mark.parametrize("client", [5, "os:path", object()])
    def test_a_client_is_one_of_pymongo(self, client):
        with pytest.raises(TypeError, match=r"Expected a pymongo\.MongoClient as client"):
            MongoDBStore(client=client)

    def test_without_the_driver_the_error_names_the_extra(self, run_python):
        said = run_python(
            """
            from asyncz.stores.mongo import MongoDBStore
            try:
                MongoDBStore()
            except ImportError as exc:
                print(exc, type(exc.__cause__).__name__)
            """,
            blocked=frozenset({"pymongo"}),
        )
        assert said == "MongoDBStore needs pymongo: pip install asyncz[mongo] ModuleNotFoundError"

    def test_a_store_that_is_not_started_says_so(self):
        with pytest.raises(RuntimeError, match="not started"):
            MongoDBStore().fetch_all()


FORKS = """
import os, sys, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads about is what this is for

import pymongo
from asyncz.stores.mongo import MongoDBStore

url, database = sys.argv[1:]
client = pymongo.MongoClient(url)
own, given = MongoDBStore(database, "forks", url=url), MongoDBStore(database, "given", client)
for store in (own, given):
    store.start(None, "default")
    store.write_owner("parent", "1")
child = os.fork()
if child == 0:
    warnings.simplefilter("error")
    parents = own._connection._client
    for store in (own, given):
        store.left_behind()
        try:
            store.fetch_owners()
        except RuntimeError:
            continue
        os._exit(2)
    own.start(None, "default")
    own.write_owner("child", "2")
    if own._connection._client is parents:
        os._exit(3)
    own.shutdown()
    try:
        given.start(None, "default")
    except RuntimeError:
        os._exit(0)
    os._exit(4)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(status, sorted(own.fetch_owners()), sorted(given.fetch_owners()))
own.shutdown(), given.shutdown(), client.close()
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_does_not_talk_over_the_connections_of_its_parent(mongodb_url, database):
    done = subprocess.run(
        [sys.executable, "-c", FORKS, mongodb_url, database], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "0 ['child', 'parent'] ['parent']\n", done.stdout + done.stderr


def test_rows_due_at_the_last_instant_of_a_look_are_found(heard):
    """A server was seen to leave these out."""
    heard.put([stored("a"), stored("b", stored().due + 1)])
    found, following = heard.fetch_due(stored().due, 9, ["default"])
    assert ([row.id for row in found], following) == (["a"], stored().due + 1)

"""The snippets of the schedulers page about configuration, starting and stopping.

The page's Redis and MongoDB stores are on the servers that the test session has, and not on the ports that are meant
where nothing is said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timezone as tz
from pathlib import Path
from typing import Any

import pytest

import asyncz.schedulers.base
from asyncz._ids import random_id
from asyncz.exceptions import SchedulerAlreadyRunningError, SchedulerNotRunningError
from asyncz.executors import AsyncIOExecutor, ThreadPoolExecutor
from asyncz.schedulers.asyncio import AsyncIOScheduler
from asyncz.schedulers.base import ClassicLogging
from asyncz.stores import MongoDBStore, RedisStore
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, virtual_time


def test_the_scheduler_is_the_same_from_both_modules() -> None:
    from asyncz.schedulers import AsyncIOScheduler as FromPackage

    assert FromPackage is AsyncIOScheduler


def test_without_configuration_it_has_a_memory_store_named_default_and_starts_an_event_loop() -> None:
    scheduler = AsyncIOScheduler()
    scheduler.start()
    try:
        assert list(scheduler.stores) == ["default"]
        assert isinstance(scheduler.stores["default"], MemoryStore)
        assert isinstance(scheduler.executors["default"], AsyncIOExecutor)
        assert scheduler.event_loop is not None
        assert scheduler.event_loop.is_running()
    finally:
        scheduler.shutdown()


def test_the_global_configuration_and_keywords_are_optional() -> None:
    by_dict = AsyncIOScheduler({"asyncz.timezone": "UTC", "asyncz.identity": "a"})
    by_name = AsyncIOScheduler(global_config={"asyncz.timezone": "UTC"}, identity="b")
    assert (str(by_dict.timezone), by_dict.identity) == ("UTC", "a")
    assert (str(by_name.timezone), by_name.identity) == ("UTC", "b")


# -- three ways to configure -------------------------------------------------------------------------------------------

ran: list[str] = []


def work(name: str = "") -> None:
    ran.append(name)


@pytest.fixture
def mongodb(mongodb_url: str) -> Iterator[dict[str, str]]:
    """Where a MongoDB store finds its server, as text, with a database of its own there."""
    import pymongo

    name = f"asyncz_test_{random_id()}"
    yield {"url": mongodb_url, "database": name}
    with pymongo.MongoClient[dict[str, Any]](mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture
def redis(redis_url: str) -> Iterator[dict[str, str]]:
    """Where a Redis store finds its server, as text, with keys of its own there."""
    from redis import Redis

    name = f"asyncz-test-{random_id()}"
    yield {"url": redis_url, "tasks_key": f"{name}.tasks", "run_times_key": f"{name}.run_times"}
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"*{name}*"):
            client.delete(key)


@pytest.fixture
def strings(mongodb: dict[str, str], redis: dict[str, str]) -> dict[str, Any]:
    """The dictionary of the page."""
    ran.clear()
    return {
        "asyncz.stores.mongo": {"type": "mongodb", **mongodb},
        "asyncz.stores.default": {"type": "redis", "database": "0", **redis},
        "asyncz.executors.pool": {"max_workers": "20", "class": "asyncz.executors.pool:ThreadPoolExecutor"},
        "asyncz.executors.default": {"class": "asyncz.executors.asyncio:AsyncIOExecutor"},
        "asyncz.task_defaults.coalesce": "false",
        "asyncz.task_defaults.max_instances": "3",
        "asyncz.task_defaults.timezone": "UTC",
    }


def test_the_stores_of_the_page_need_no_arguments() -> None:
    for stores in (
        {"mongo": MongoDBStore(), "default": RedisStore(database=0)},
        {"mongo": {"type": "mongodb"}, "default": {"type": "redis", "database": "0"}},
    ):
        scheduler = AsyncIOScheduler(stores=stores)
        assert isinstance(scheduler.stores["mongo"], MongoDBStore)
        assert isinstance(scheduler.stores["default"], RedisStore)


def _assert_configured(scheduler: AsyncIOScheduler, pool: str, max_instances: int) -> None:
    assert {alias: type(store) for alias, store in scheduler.stores.items()} == {
        "mongo": MongoDBStore,
        "default": RedisStore,
    }
    assert set(scheduler.executors) == {"default", pool}
    assert isinstance(scheduler.executors["default"], AsyncIOExecutor)
    threads = scheduler.executors[pool]
    assert isinstance(threads, ThreadPoolExecutor)
    assert threads.max_workers == 20
    assert scheduler.task_defaults.coalesce is False
    assert scheduler.task_defaults.max_instances == max_instances


@pytest.mark.server
def test_first_option_plain_objects_and_nested_blocks(mongodb: dict[str, Any], redis: dict[str, Any]) -> None:
    # Define the stores
    # Override the default MemoryStore to become RedisStore where the db is 0
    stores = {"mongo": MongoDBStore(**mongodb), "default": RedisStore(database=0, **redis)}

    # Define the executors: override the default to be the AsyncIOExecutor
    executors = {"default": AsyncIOExecutor(), "threadpool": ThreadPoolExecutor(max_workers=20)}

    # Set the defaults
    task_defaults = {"coalesce": False, "max_instances": 4}

    @virtual_time
    async def main() -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(stores=stores, executors=executors, task_defaults=task_defaults, timezone=tz.utc)
        _assert_configured(scheduler, "threadpool", 4)
        assert scheduler.timezone is tz.utc
        assert scheduler.stores == stores

        # Start the scheduler
        with scheduler:
            assert scheduler.running
            # Nesting is no problem: only the outermost scope starts and stops.
            with scheduler:
                assert scheduler.ref_counter == 2
            assert scheduler.running
            task = scheduler.add_task(work, "interval", hours=1)
            assert (task.coalesce, task.max_instances) == (False, 4)
        assert not scheduler.running

        # manually you have more control like:
        assert scheduler.start(paused=True) is True
        assert scheduler.get_tasks() == [task]
        # noop because not outermost scope
        with scheduler:
            assert scheduler.state.name == "STATE_PAUSED"
        assert scheduler.running
        assert scheduler.start() is False
        assert scheduler.shutdown() is False
        assert scheduler.shutdown() is True
        assert not scheduler.running

    main()


@pytest.mark.server
def test_second_option_a_dictionary_of_strings(strings: dict[str, Any]) -> None:
    @virtual_time
    async def main() -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(strings)
        _assert_configured(scheduler, "pool", 3)
        # A default that no task has is passed over, as on the page.
        assert set(scheduler.task_defaults.model_dump()) == {"coalesce", "max_instances", "mistrigger_grace_time"}

        # Start the scheduler
        with scheduler:
            # your code
            task = scheduler.add_task(work, "date", args=["in the pool"], executor="pool", store="mongo")
            assert (task.coalesce, task.max_instances, task.store_alias) == (False, 3, "mongo")
            await asyncio.sleep(1)

    main()
    assert ran == ["in the pool"]


@pytest.mark.server
def test_third_option_setup_keeps_what_was_added_before(mongodb: dict[str, Any], redis: dict[str, Any]) -> None:
    stores = {"mongo": MongoDBStore(**mongodb), "default": RedisStore(database=0, **redis)}
    executors = {"default": AsyncIOExecutor(), "threadpool": ThreadPoolExecutor(max_workers=20)}
    task_defaults = {"coalesce": False, "max_instances": 4}
    ran.clear()

    @virtual_time
    async def main() -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler()

        ## Add some tasks here or anything else (for instance 3 tasks)
        for name in ("first", "second", "third"):
            scheduler.add_task(work, "interval", minutes=1, args=[name], id=name)

        scheduler.setup(stores=stores, executors=executors, task_defaults=task_defaults, timezone=tz.utc)
        _assert_configured(scheduler, "threadpool", 4)
        assert scheduler.timezone is tz.utc
        assert [task.id for task in scheduler.get_tasks()] == ["first", "second", "third"]

        # Start the scheduler
        with scheduler:
            # your code
            await asyncio.sleep(90)
            with pytest.raises(SchedulerAlreadyRunningError):
                scheduler.setup(timezone=tz.utc)

    main()
    assert sorted(ran) == ["first", "second", "third"]


# -- several processes -------------------------------------------------------------------------------------------------


@pytest.mark.server
def test_a_lock_path_gives_each_store_a_lock_file_of_its_own(tmp_path: Path, strings: dict[str, Any]) -> None:
    """A fresh directory stands for ``/tmp``."""
    path = str(tmp_path / "asynzc_super_project_{store}")

    # Create the scheduler
    scheduler = AsyncIOScheduler({**strings, "asyncz.lock_path": path, "asyncz.startup_delay": 2})
    assert scheduler.lock_path == path
    assert scheduler.startup_delay == 2

    # Start the scheduler
    with scheduler:
        # your code
        locks = {alias: getattr(store.lock, "path", None) for alias, store in scheduler.stores.items()}
    assert locks == {alias: str(tmp_path / f"asynzc_super_project_{alias}") for alias in ("mongo", "default")}


def test_a_lock_path_may_hold_the_process_group_and_the_parent_process(tmp_path: Path) -> None:
    import os

    scheduler = AsyncIOScheduler({"asyncz.lock_path": str(tmp_path / "{store}_{pgrp}_{ppid:08d}.lock")})
    with scheduler:
        lock: Any = scheduler.stores["default"].lock
    assert Path(lock.path).name == f"default_{os.getpgrp()}_{os.getppid():08d}.lock"


def test_the_startup_delay_is_a_second_with_a_lock_path_and_nothing_without(tmp_path: Path) -> None:
    assert AsyncIOScheduler(lock_path=str(tmp_path / "{store}.lock")).startup_delay == 1
    assert AsyncIOScheduler().startup_delay == 0
    assert AsyncIOScheduler({"asyncz.lock_path": "", "asyncz.startup_delay": "0.5"}).startup_delay == 0.5


@virtual_time
async def test_initially_started_tasks_wait_for_the_startup_delay(clock: VirtualClock, tmp_path: Path) -> None:
    scheduler = AsyncIOScheduler({"asyncz.lock_path": str(tmp_path / "{store}.lock"), "asyncz.startup_delay": 2})
    ran: list[float] = []
    scheduler.add_task(lambda: ran.append(clock.monotonic()), "date")
    with scheduler:
        await clock.sleep(10)
    assert ran == [2.0]


# -- loggers -----------------------------------------------------------------------------------------------------------


class Collected(ClassicLogging):
    """Loggers of the standard interface, which say what they were asked for."""

    def __missing__(self, name: str) -> logging.Logger:
        return super().__missing__(name)


@pytest.fixture
def restored_default() -> Iterator[None]:
    names = vars(asyncz.schedulers.base)
    had, before = "default_loggers_class" in names, names.get("default_loggers_class")
    yield
    if had:
        names["default_loggers_class"] = before
    else:
        names.pop("default_loggers_class", None)


@virtual_time
async def test_loggers_are_kept_by_prefix_and_alias() -> None:
    scheduler = AsyncIOScheduler(loggers_class=ClassicLogging)
    with scheduler:
        loggers = scheduler.loggers
        for name in ("asyncz.schedulers", "asyncz.stores.default", "asyncz.executors.default"):
            assert loggers[name] is logging.getLogger(name)
    assert {"asyncz.schedulers", "asyncz.executors.default"} <= set(loggers.data)


@virtual_time
async def test_the_logger_name_is_appended_to_the_name_of_the_scheduler_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scheduler = AsyncIOScheduler(logger_name="reports", loggers_class=ClassicLogging)
    with caplog.at_level("INFO"), scheduler:
        pass
    assert "asyncz.schedulers.reports" in scheduler.loggers
    assert {record.name for record in caplog.records} == {"asyncz.schedulers.reports"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"loggers_class": "asyncz.schedulers.base:ClassicLogging"}, id="keyword with text"),
        pytest.param({"loggers_class": ClassicLogging}, id="keyword with class"),
        pytest.param(
            {"global_config": {"asyncz.loggers_class": "asyncz.schedulers.base:ClassicLogging"}}, id="config with text"
        ),
        pytest.param({"global_config": {"asyncz.loggers_class": ClassicLogging}}, id="config with class"),
    ],
)
def test_the_loggers_class_is_set_by_config_or_keyword_as_class_or_text(options: dict[str, Any]) -> None:
    assert type(AsyncIOScheduler(**options).loggers) is ClassicLogging


@pytest.mark.usefixtures("restored_default")
def test_the_loggers_class_of_all_schedulers_is_set_in_the_module() -> None:
    asyncz.schedulers.base.default_loggers_class = Collected
    assert type(AsyncIOScheduler().loggers) is Collected
    asyncz.schedulers.base.default_loggers_class = ClassicLogging
    assert type(AsyncIOScheduler().loggers) is ClassicLogging
    assert type(AsyncIOScheduler(loggers_class=Collected).loggers) is Collected


def test_loguru_is_the_logger_where_it_is_available() -> None:
    pytest.importorskip("loguru")
    assert type(AsyncIOScheduler().loggers).__name__ == "LoguruLogging"


def test_classic_logging_is_used_where_loguru_is_not_available(run_python: Any) -> None:
    code = """
    from asyncz.schedulers.asyncio import AsyncIOScheduler
    print(type(AsyncIOScheduler().loggers).__name__)
    """
    assert run_python(code, blocked=frozenset({"loguru"})) == "ClassicLogging"


# -- starting and stopping ---------------------------------------------------------------------------------------------


def test_to_start_the_scheduler_call_start() -> None:
    scheduler = AsyncIOScheduler()

    # Start the scheduler
    assert scheduler.start() is True
    assert scheduler.running

    assert scheduler.shutdown() is True


def test_to_stop_the_scheduler_call_shutdown() -> None:
    scheduler = AsyncIOScheduler()
    scheduler.start()
    loop, thread = scheduler.event_loop, scheduler.event_loop_thread
    assert loop is not None
    assert thread is not None

    # Shutdown the scheduler
    scheduler.shutdown()
    assert not scheduler.running
    assert loop.is_closed()
    assert not thread.is_alive()


def test_to_stop_a_scheduler_that_was_not_started_is_an_error() -> None:
    with pytest.raises(SchedulerNotRunningError):
        AsyncIOScheduler().shutdown()

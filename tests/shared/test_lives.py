"""What one life of a scheduler leaves to the next, over a store that waits for I/O."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from fleet import until

from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores import MemoryStore
from asyncz.stores.sqlite import SQLiteStore

pytestmark = [pytest.mark.realtime, pytest.mark.slow]

ran = []
may_end = threading.Event()


def note(what: str = "ran") -> None:
    ran.append(what)


def wait_to_end() -> None:
    ran.append("begun")
    may_end.wait(30)


@pytest.fixture(autouse=True)
def _nothing_ran():
    ran.clear()
    may_end.clear()
    yield
    may_end.set()


class Away(SQLiteStore):
    """Is away while it is told to be."""

    is_away = False
    refused = 0

    def swap(self, swaps):
        if self.is_away:
            self.refused += 1
            raise OSError("away")
        return super().swap(swaps)


def test_an_end_that_a_store_refused_is_written_when_it_is_back_though_nobody_listens(tmp_path):
    async def main():
        store = Away(tmp_path / "tasks.db")
        async with AsyncIOScheduler(stores={"default": store}, store_retry_interval=0.2) as scheduler:
            scheduler.add_task(wait_to_end, id="task")
            await asyncio.to_thread(until, lambda: ran)
            store.is_away = True
            may_end.set()
            await asyncio.to_thread(until, lambda: store.refused, 10)
            assert len(store.fetch_live()) == 1
            store.is_away = False
            await asyncio.to_thread(until, lambda: not store.fetch_live(), 10)
            (run,) = scheduler.get_runs()
            assert run.state.value == "executed"

    asyncio.run(main())


def test_what_a_loop_never_came_to_before_it_was_closed_is_run_on_the_next_one(tmp_path):
    scheduler = AsyncIOScheduler(stores={"default": SQLiteStore(tmp_path / "tasks.db")})
    loop = asyncio.new_event_loop()

    async def begin():
        scheduler.start()
        scheduler.add_task(note, "date", run_at=None, id="task")

    async def go_on():
        scheduler.start()
        await asyncio.to_thread(until, lambda: ran, 10)
        await asyncio.to_thread(scheduler.shutdown)

    loop.run_until_complete(begin())
    until(lambda: scheduler.stores["default"].fetch_live(), 10)
    time.sleep(0.1)  # by now the batch was posted to a loop that does not run
    assert not ran
    loop.close()
    asyncio.run(go_on())
    assert ran == ["ran"]


def test_executors_that_have_served_a_store_that_is_shared_serve_one_that_is_not(tmp_path):
    scheduler = BaseScheduler(
        stores={"default": SQLiteStore(tmp_path / "tasks.db")}, executors={"default": ThreadPoolExecutor(1)}
    )
    with scheduler:
        pass
    scheduler.setup(stores={"default": MemoryStore()})
    with scheduler:
        scheduler.add_task(note)
        scheduler.process_tasks()
        until(lambda: ran, 10)


def test_a_run_that_goes_on_while_its_scheduler_is_started_again_is_nobodys_orphan(tmp_path):
    scheduler = BaseScheduler(
        stores={"default": SQLiteStore(tmp_path / "tasks.db")},
        executors={"default": ThreadPoolExecutor(2)},
        heartbeat_stale_after=1,
    )
    scheduler.start()
    scheduler.add_task(wait_to_end, "interval", hours=1, id="task", next_run_time="2024-01-01 00:00:00")
    scheduler.process_tasks()
    until(lambda: ran)
    leaving = threading.Thread(target=scheduler.shutdown)
    leaving.start()
    until(lambda: not scheduler.running)
    scheduler.start()
    for _ in range(15):
        scheduler.process_tasks()
        time.sleep(0.1)
    assert ran == ["begun"]
    may_end.set()
    leaving.join()
    until(lambda: scheduler.process_tasks() is not None and not scheduler.stores["default"].fetch_live(), 10)
    scheduler.shutdown()

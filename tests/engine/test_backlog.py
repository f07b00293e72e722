"""What waits for a worker stays in its store beyond some runs, and what has ended is noted before it matters."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asyncz.engine.dispatch import BACKLOG, BATCH
from asyncz.events import TASK_EXECUTED, TASK_MAX_INSTANCES
from asyncz.executors import BaseExecutor, DebugExecutor, ThreadPoolExecutor
from asyncz.executors.job import Job, run_job
from asyncz.leading import Leadership
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.testing import VirtualClock, drive

PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}
PATIENCE = 60


class Workers(BaseExecutor):
    """Has workers that take up work when the test says so."""

    def __init__(self):
        self.queue = []

    @property
    def backlog(self):
        return len(self.queue)

    def do_send_task(self, task, run_times):
        self.queue.append((task, Job(task, run_times, self.clock)))

    def work(self, count=None):
        for _ in self.queue[:count]:
            task, job = self.queue.pop(0)
            self.finished(task, job.run_times, run_job(job))


@pytest.fixture
def clock():
    return VirtualClock("2024-05-01")


@pytest.fixture
def workers():
    return Workers()


@pytest.fixture
def make(clock, workers):
    made = []

    def make_scheduler(**options):
        executors = {"default": DebugExecutor(), "workers": workers}
        made.append(BaseScheduler(clock=clock, executors=executors, **{**PLAIN, **options}))
        return made[-1]

    yield make_scheduler
    for scheduler in made:
        workers.work()
        scheduler.shutdown()


def test_what_is_due_beyond_the_backlog_waits_in_its_store_and_runs_as_workers_come_free(make, clock, workers):
    ran, count = [], 5 * BACKLOG
    scheduler = make()
    scheduler.start()
    for number in range(count):
        scheduler.add_task(ran.append, args=[number], executor="workers", id=str(number))
    scheduler.process_tasks()
    assert BACKLOG <= workers.backlog < BACKLOG + BATCH
    waiting = scheduler.get_tasks()
    assert len(waiting) == count - workers.backlog
    scheduler.delete_task(waiting[-1].id)  # what waits can still be edited
    while workers.queue:
        workers.work(BACKLOG)
        scheduler.process_tasks()
    assert ran == [number for number in range(count) if number != int(waiting[-1].id)]
    assert scheduler.get_tasks() == []


def test_an_executor_that_is_full_keeps_no_other_one_waiting_and_is_looked_at_again_soon(make, clock, workers):
    ran = []
    scheduler = make()
    scheduler.start()
    for number in range(BACKLOG + BATCH + 1):
        scheduler.add_task(print, executor="workers", id=str(number))
    scheduler.process_tasks()
    scheduler.add_task(ran.append, "interval", seconds=1, args=["another"])
    assert 0 < scheduler.process_tasks() <= 1
    drive(scheduler, 3)
    assert ran == ["another"] * 3


def test_due_times_that_pass_in_a_backlog_are_run_as_one(make, clock, workers):
    scheduler, events = make(), []
    scheduler.add_listener(events.append, TASK_EXECUTED)
    scheduler.start()
    for number in range(BACKLOG + BATCH):
        scheduler.add_task(print, executor="workers", id=str(number))
    scheduler.add_task(lambda: None, "interval", seconds=1, executor="workers", id="late")
    drive(scheduler, 5)
    workers.work()
    scheduler.process_tasks()
    workers.work()
    scheduler.process_tasks()
    late = [event.scheduled_run_time for event in events if event.task_id == "late"]
    assert late == [clock.now()]


def test_what_waits_for_a_worker_is_not_counted_as_run_by_the_next_leader(make, clock, workers, tmp_path):
    path = str(tmp_path / "lock")
    scheduler = make(lock_path=path, startup_delay=0)
    scheduler.start()
    due = clock.now()
    for number in range(BACKLOG + 2 * BATCH):
        scheduler.add_task(print, executor="workers", id=str(number))
    clock.advance(1)
    scheduler.process_tasks()
    scheduler.process_tasks()
    assert scheduler.get_tasks() != []
    leadership = next(iter(scheduler._claimable.values())).leadership
    assert isinstance(leadership, Leadership)
    through = leadership.read()
    assert through is not None
    assert through < due.timestamp() * 1_000_000


def test_more_functions_than_the_first_few_run_at_once_where_the_pool_of_the_loop_has_the_threads():
    from concurrent.futures import ThreadPoolExecutor as Pool

    together = threading.Barrier(50)

    async def main():
        with Pool(50) as pool:
            asyncio.get_running_loop().set_default_executor(pool)
            all_ran, left = asyncio.Event(), 50

            def hear(event):
                nonlocal left
                left -= 1
                if not left:
                    all_ran.set()

            async with AsyncIOScheduler(**PLAIN) as scheduler:
                scheduler.add_listener(hear, TASK_EXECUTED)
                for _ in range(50):
                    scheduler.add_task(together.wait, args=[PATIENCE])
                await asyncio.wait_for(all_ran.wait(), PATIENCE)

    asyncio.run(main())


@pytest.mark.parametrize("executors", [{}, {"default": ThreadPoolExecutor(1)}], ids=["loop", "threads"])
def test_a_run_that_has_ended_is_seen_by_get_runs_at_once_though_nobody_listens(executors):
    async def main():
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with AsyncIOScheduler(executors=executors, **PLAIN) as scheduler:
            for _ in range(3):
                ended.clear()
                task = scheduler.add_task(lambda: loop.call_soon_threadsafe(ended.set))
                await ended.wait()
                while scheduler.instances:  # the function returns in another thread
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert [info.state.value for info in scheduler.get_runs(task.id)] == ["executed"]

    asyncio.run(main())


@pytest.mark.realtime
def test_a_run_that_has_ended_stands_in_nobodys_way_though_that_was_not_noted_yet():
    ran, refused = [], []

    async def work():
        ran.append(len(ran))

    async def main():
        async with AsyncIOScheduler(**PLAIN) as scheduler:
            scheduler.add_listener(refused.append, TASK_MAX_INSTANCES)
            scheduler.add_task(work, "interval", seconds=0.01)
            while len(ran) < 20:
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert refused == []


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="new in Python 3.12")
def test_coroutines_that_a_loop_runs_at_once_are_reported_once():
    async def quick():
        return "quick"

    async def slow():
        await asyncio.sleep(0)
        return "slow"

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        results, both = [], asyncio.Event()

        def hear(event):
            results.append(event.return_value)
            if len(results) == 2:
                both.set()

        async with AsyncIOScheduler(**PLAIN) as scheduler:
            scheduler.add_listener(hear, TASK_EXECUTED)
            for fn in (quick, slow):
                scheduler.add_task(fn)
            await asyncio.wait_for(both.wait(), PATIENCE)
            assert scheduler.executors["default"].pending_futures == set()
        assert sorted(results) == ["quick", "slow"]

    asyncio.run(main())

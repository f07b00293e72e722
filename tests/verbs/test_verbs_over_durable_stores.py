"""The verbs over a durable store, which hands out copies: on virtual time and on real time, on the loop and off it."""

from __future__ import annotations

import asyncio
import datetime
import threading
from pathlib import Path
from typing import Any

import pytest
from recorded import calls, work

from asyncz.enums import RunState
from asyncz.events import TASK_ADDED, TASK_EXECUTED, TASK_MODIFIED, TASK_REMOVED
from asyncz.exceptions import TaskLookupError
from asyncz.schedulers.asyncio import AsyncIOScheduler
from asyncz.stores.sqlite import SQLiteStore
from asyncz.tasks import Task
from asyncz.testing import virtual_time
from asyncz.triggers import IntervalTrigger

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


async def asynchronous(*args: Any) -> None:
    calls.append(args)


@pytest.fixture(params=["virtual", "real"])
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a coroutine function to its end, on virtual or on real time."""
    return (lambda main: virtual_time(main)()) if request.param == "virtual" else (lambda main: asyncio.run(main()))


def test_every_verb_works_on_what_is_stored(run: Any, file: Path) -> None:
    async def main() -> None:
        ended = asyncio.Event()
        heard: list[tuple[int, str]] = []
        async with AsyncIOScheduler(stores={"default": SQLiteStore(file)}, timezone="UTC") as scheduler:
            scheduler.add_listener(
                lambda event: heard.append((event.code, event.task_id)), TASK_ADDED | TASK_MODIFIED | TASK_REMOVED
            )
            scheduler.add_listener(lambda event: ended.set(), TASK_EXECUTED)
            added = await scheduler.call(scheduler.add_task, asynchronous, "interval", hours=1, id="x", args=[1])
            task, twin = scheduler.get_task("x"), scheduler.get_task("x")
            assert task == added
            assert task is not added
            assert (task.scheduler, task.store_alias, task.pending) == (scheduler, "default", False)
            assert task.update(name="renamed", max_instances=3) is task
            assert twin.update(coalesce=False) is twin
            assert (twin.name, twin.max_instances, twin.coalesce) == ("renamed", 3, False)
            assert task.pause().paused
            assert scheduler.get_task("x").paused
            assert not twin.paused
            assert not task.resume().paused
            before = scheduler.get_task("x").next_run_time
            assert str(task.reschedule("interval", minutes=5).trigger) == "interval[0:05:00]"
            assert scheduler.get_task("x").next_run_time == task.next_run_time < before
            assert scheduler.lookup_task("x")[1] == "default"

            assert scheduler.run_task(task) == task
            await ended.wait()
            assert calls == [(1,)]
            (made,) = scheduler.get_runs(state="executed")
            assert (made.task_id, made.owner, made.source) == ("x", scheduler.identity, "manual")
            assert made.started_at is not None

            info = scheduler.get_task_info("x")
            assert (info.name, info.callable_reference, info.args) == ("renamed", f"{__name__}:asynchronous", (1,))
            assert scheduler.get_task_infos(q="RENAMED", schedule_state="scheduled") == [info]
            first, second = scheduler.preview_task_runs("x", count=2).run_times
            assert (first, second - first) == (task.next_run_time, datetime.timedelta(minutes=5))
            assert scheduler.get_scheduler_info().task_count == 1

            assert task.delete() is task
            assert (scheduler.get_task("x"), scheduler.get_tasks()) == (None, [])
            with pytest.raises(TaskLookupError):
                twin.update(name="again")
            scheduler.add_tasks([Task(work, id=id, trigger=IntervalTrigger(hours=1)) for id in "ab"])
            scheduler.remove_all_tasks()
            assert scheduler.get_tasks() == []
            assert heard == [
                (TASK_ADDED, "x"),
                *[(TASK_MODIFIED, "x")] * 5,
                (TASK_REMOVED, "x"),
                (TASK_ADDED, "a"),
                (TASK_ADDED, "b"),
            ]

    run(main)


def test_verbs_from_other_threads_and_off_the_loop_lose_nothing(run: Any, file: Path) -> None:
    async def main() -> None:
        async with AsyncIOScheduler(stores={"default": SQLiteStore(file)}, timezone="UTC") as scheduler:
            threads = [
                threading.Thread(target=lambda n=n: scheduler.add_task(work, "interval", hours=1, id=f"t{n}"))
                for n in range(8)
            ]
            for thread in threads:
                thread.start()
            await asyncio.gather(
                *[scheduler.call(scheduler.add_task, work, "interval", hours=1, id=f"c{n}") for n in range(8)]
            )
            await asyncio.to_thread(lambda: [thread.join() for thread in threads])
            await asyncio.gather(
                *[scheduler.call(scheduler.update_task, "t0", **{name: 5}) for name in ("max_instances",) * 4],
                scheduler.call(scheduler.update_task, "t0", name="new"),
                scheduler.call(scheduler.pause_task, "t0"),
            )
            task = scheduler.get_task("t0")
            assert (task.max_instances, task.name, task.paused) == (5, "new", True)
            assert len(scheduler.get_tasks()) == 16

    run(main)


def test_tasks_outlast_the_scheduler(make: Any, file: Path, clock: Any) -> None:
    first = make(stores={"default": SQLiteStore(file)})
    first.add_task(work, "interval", hours=1, id="x").pause()
    first.add_task(work, "interval", hours=1, id="y", name="kept")
    first.shutdown()
    clock.advance(minutes=30)
    again = make(stores={"default": SQLiteStore(file)})
    assert again.get_task("x").paused
    assert (again.get_task("y").name, again.get_task("y").next_run_time) == ("kept", START + HOUR)


class TestReplacing:
    """DESIGN, section 5: N starters do not undo each other, and a restart loses no due time."""

    def add(self, scheduler: Any, **options: Any) -> Any:
        return scheduler.add_task(work, "interval", hours=1, id="x", replace_existing=True, **options)

    def revision(self, scheduler: Any) -> int:
        return scheduler._claimable["default"].read("x").revision

    def test_an_equal_record_is_not_written_at_all(self, durable: Any, clock: Any) -> None:
        self.add(durable)
        before = self.revision(durable)
        clock.advance(minutes=30)
        task = self.add(durable)
        assert self.revision(durable) == before
        assert task.next_run_time == START + HOUR

    def test_another_definition_leaves_the_schedule_and_the_pause(self, durable: Any, clock: Any) -> None:
        self.add(durable)
        durable.pause_task("x")
        clock.advance(minutes=30)
        task = self.add(durable, name="new")
        assert (task.paused, durable.get_task("x").paused, durable.get_task("x").name) == (True, True, "new")
        durable.resume_task("x")
        assert durable.get_task("x").next_run_time == START + HOUR  # the pace is the old one, too

    def test_a_late_due_time_is_not_lost_by_a_restart(self, make: Any, file: Path, clock: Any) -> None:
        first = make(stores={"default": SQLiteStore(file)})
        self.add(first)
        first.shutdown()
        clock.advance(minutes=65)
        again = make(start=False, stores={"default": SQLiteStore(file)})
        task = self.add(again)
        again.start()
        assert task.next_run_time == START + HOUR
        again.process_tasks()
        assert len(calls) == 1
        assert again.get_task("x").next_run_time == START + 2 * HOUR

    def test_another_trigger_or_a_next_run_time_counts_from_now(self, durable: Any, clock: Any) -> None:
        self.add(durable)
        clock.advance(minutes=30)
        task = durable.add_task(work, "interval", hours=2, id="x", replace_existing=True)
        assert task.next_run_time == durable.get_task("x").next_run_time == START + 2.5 * HOUR
        task = self.add(durable, next_run_time=START + 9 * HOUR)
        assert task.next_run_time == durable.get_task("x").next_run_time == START + 9 * HOUR

    def test_live_runs_stay(self, make: Any, file: Path) -> None:
        from asyncz.executors import BaseExecutor

        class Holding(BaseExecutor):
            def do_send_task(self, task: Any, run_times: Any) -> None:
                """Keep it for ever."""

        scheduler = make(stores={"default": SQLiteStore(file)}, executors={"default": Holding()})
        self.add(scheduler)
        scheduler.run_task("x")
        self.add(scheduler, name="new")
        assert [run.state for run in scheduler.get_runs("x")] == [RunState.SUBMITTED]
        assert scheduler.get_task("x").name == "new"

"""Tasks on a scheduler with an event loop, in virtual time."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest

from asyncz.enums import SchedulerState
from asyncz.exceptions import ConflictIdError, MaximumInstancesError
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, virtual_time
from asyncz.utils import make_async_function, make_function

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


class TestRunning:
    @virtual_time
    async def test_a_year_of_hourly_coroutines(self, clock: VirtualClock) -> None:
        ran: list[datetime.datetime] = []

        async def work() -> None:
            await asyncio.sleep(60)
            ran.append(clock.now())

        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_task(work, "interval", days=1)
            await clock.sleep(days=365, minutes=1)
        assert ran == [START + n * 24 * HOUR + HOUR / 60 for n in range(1, 366)]

    @virtual_time
    async def test_functions_and_coroutine_functions_tell_what_they_returned(self, clock: VirtualClock) -> None:
        told: list[Any] = []

        async def work(value: str) -> str:
            return value

        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_listener(lambda event: told.append((event.store, event.return_value)), 4096)
            scheduler.add_task(work, args=["awaited"])
            scheduler.add_task(lambda: "called", next_run_time=START + HOUR)
            await clock.sleep(hours=1)
        assert told == [("default", "awaited"), ("default", "called")]

    @virtual_time
    async def test_a_run_that_lasts_keeps_the_next_from_beginning(self, clock: VirtualClock) -> None:
        begun: list[datetime.datetime] = []
        refused: list[Any] = []

        async def work() -> None:
            begun.append(clock.now())
            await asyncio.sleep(2.5 * 3600)

        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_listener(lambda event: refused.append(event.scheduled_run_times[0]), 65536)
            scheduler.add_task(work, "interval", hours=1, id="x")
            await clock.sleep(hours=4)
            assert begun == [START + HOUR, START + 4 * HOUR]
            assert refused == [START + 2 * HOUR, START + 3 * HOUR]
            with pytest.raises(MaximumInstancesError):
                scheduler.run_task("x")

    @virtual_time
    async def test_a_task_edited_on_its_way_runs_at_its_new_time(self, clock: VirtualClock) -> None:
        ran: list[datetime.datetime] = []
        with AsyncIOScheduler(timezone="UTC") as scheduler:
            task = scheduler.add_task(lambda: ran.append(clock.now()), "interval", days=30)
            await clock.sleep(hours=1)
            task.reschedule("interval", minutes=30)
            await clock.sleep(hours=1)
            task.pause()
            await clock.sleep(minutes=70)
            task.resume()
            await clock.sleep(minutes=30)
            task.delete()
            await clock.sleep(days=60)
        assert ran == [START + n * HOUR for n in (1.5, 2, 3.5)]

    @virtual_time
    async def test_verbs_from_another_thread_wake_the_loop(self, clock: VirtualClock) -> None:
        ran: list[datetime.datetime] = []
        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_task(lambda: ran.append(clock.now()), "interval", days=1, id="x")
            await clock.sleep(hours=1)
            await asyncio.to_thread(scheduler.update_task, "x", next_run_time=START + 2 * HOUR)
            await clock.sleep(hours=1)
            await scheduler.call(scheduler.run_task, "x")
            await clock.settle()
        assert ran == [START + 2 * HOUR] * 2

    @virtual_time
    async def test_a_paused_scheduler_catches_up_when_it_is_resumed(self, clock: VirtualClock) -> None:
        ran: list[datetime.datetime] = []
        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_task(lambda: ran.append(clock.now()), "interval", hours=1)
            scheduler.pause()
            await clock.sleep(hours=5.5)
            assert (ran, scheduler.state) == ([], SchedulerState.STATE_PAUSED)
            scheduler.resume()
            await clock.sleep(hours=1)
        assert ran == [START + 5.5 * HOUR, START + 6 * HOUR]

    @virtual_time
    async def test_a_decorated_function_runs(self, clock: VirtualClock) -> None:
        ran: list[int] = []
        scheduler = AsyncIOScheduler(timezone="UTC")

        @scheduler.add_task(trigger="interval", hours=1)
        async def work() -> None:
            ran.append(1)

        async with scheduler:
            await clock.sleep(hours=3)
        assert len(ran) == 3
        assert len(work.asyncz_tasks) == 1

    @virtual_time
    async def test_a_submission_is_told_before_its_outcome(self, clock: VirtualClock) -> None:
        codes: list[int] = []

        async def work() -> None:
            pass

        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_listener(lambda event: codes.append(event.code), 1024 | 4096 | 32768)
            for _ in range(3):
                scheduler.add_task(work)
            await clock.settle()
        assert codes == [1024] * 3 + [32768] * 3 + [4096] * 3


class TestGeneratorsDrivenByTasks:
    """One task ticks a generator; another, with a shutdown trigger, ends it."""

    @staticmethod
    def ticker(log: list[str]) -> Any:
        def generator() -> Any:
            log.append("begin")
            try:
                while (yield) is None:
                    log.append("tick")
            finally:
                log.append("end")

        ticking = generator()
        ticking.send(None)
        return ticking

    @staticmethod
    async def async_ticker(log: list[str]) -> Any:
        async def generator() -> Any:
            log.append("begin")
            try:
                while (yield) is None:
                    log.append("tick")
            finally:
                await asyncio.sleep(5)
                log.append("end")

        ticking = generator()
        await ticking.asend(None)
        return ticking

    @virtual_time
    async def test_a_generator_in_a_with_block(self, clock: VirtualClock) -> None:
        log: list[str] = []
        ticking = self.ticker(log)
        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_task(make_function(ticking.send), "interval", args=[None], hours=1)
            scheduler.add_task(make_function(ticking.send), "shutdown", args=[True])
            await clock.sleep(hours=2)
        await clock.settle()
        assert log == ["begin", "tick", "tick", "end"]

    @virtual_time
    async def test_an_async_generator_in_a_with_block(self, clock: VirtualClock) -> None:
        log: list[str] = []
        ticking = await self.async_ticker(log)
        with AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_task(make_async_function(ticking.asend), "interval", args=[None], hours=1)
            scheduler.add_task(make_async_function(ticking.asend), "shutdown", args=[True])
            await clock.sleep(hours=2)
        await clock.sleep(5)
        assert log == ["begin", "tick", "tick", "end"]

    @pytest.mark.parametrize("cls", [AsyncIOScheduler, NativeAsyncIOScheduler])
    @virtual_time
    async def test_an_async_generator_has_ended_when_an_async_with_block_ends(
        self, cls: Any, clock: VirtualClock
    ) -> None:
        log: list[str] = []
        ticking = await self.async_ticker(log)
        async with cls(timezone="UTC") as scheduler:
            scheduler.add_task(make_async_function(ticking.asend), "interval", args=[None], hours=1)
            scheduler.add_task(make_async_function(ticking.asend), "shutdown", args=[True])
            await clock.sleep(hours=2)
        assert log == ["begin", "tick", "tick", "end"]

    @virtual_time
    async def test_another_exception_in_a_shutdown_task_is_logged_and_stops_no_other(
        self, clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        log: list[str] = []

        async def fail() -> None:
            raise RuntimeError("at the end")

        async with NativeAsyncIOScheduler(
            timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging"
        ) as scheduler:
            scheduler.add_task(fail, "shutdown", id="a")
            scheduler.add_task(lambda: 1 / 0, "shutdown", id="b")
            scheduler.add_task(lambda: log.append("last"), "shutdown", id="c")
            assert scheduler.get_task("c").next_run_time is None
            await clock.sleep(days=1)
            assert log == []
        assert log == ["last"]
        assert "Shutdown task 'a'" in caplog.text
        assert "ZeroDivisionError" in caplog.text


class TestTwoSchedulersOverOneStore:
    @virtual_time
    async def test_tasks_queued_by_both_run_once_and_a_live_add_of_a_known_id_is_refused(
        self, clock: VirtualClock
    ) -> None:
        class Shared(MemoryStore):
            def shutdown(self) -> None:
                pass

        ran: list[str] = []
        store = Shared()
        options = {"stores": {"default": store}, "timezone": "UTC"}
        one, other = AsyncIOScheduler(**options), AsyncIOScheduler(**options)
        for scheduler in (one, other):
            for task_id in ("a", "b"):
                scheduler.add_task(ran.append, "interval", hours=1, id=task_id, args=[task_id])
        with one, other:
            with pytest.raises(ConflictIdError, match=r"Task identifier \(a\) conflicts with an existing task"):
                other.add_task(ran.append, "interval", hours=1, id="a", args=["x"])
            await clock.sleep(hours=3)
        assert sorted(ran) == ["a"] * 3 + ["b"] * 3

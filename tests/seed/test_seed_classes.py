"""The snippets of the schedulers page about the scheduler classes, a custom scheduler, and listeners."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timezone as tz
from typing import Any as TypingAny

import pytest

from asyncz.events import ALL_EVENTS, TASK_ADDED, TASK_ERROR, TASK_EXECUTED, TASK_REMOVED
from asyncz.exceptions import SchedulerNotRunningError
from asyncz.executors import DebugExecutor, ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, drive, virtual_time
from asyncz.typing import Any

# -- the classes -------------------------------------------------------------------------------------------------------


def test_all_schedulers_derive_from_the_base_and_take_its_parameters() -> None:
    for cls in (BaseScheduler, AsyncIOScheduler, NativeAsyncIOScheduler):
        assert issubclass(cls, BaseScheduler)
        scheduler = cls({"asyncz.timezone": "UTC"}, task_defaults={"max_instances": 2})
        assert scheduler.task_defaults.max_instances == 2


def test_the_interface_is_synchronous_and_coroutine_functions_run() -> None:
    ran = threading.Event()

    async def work() -> None:
        ran.set()

    with AsyncIOScheduler() as scheduler:
        scheduler.add_task(work)
        assert ran.wait(10)


def test_event_loop_is_the_loop_to_be_used() -> None:
    loop = asyncio.new_event_loop()
    ran: list[object] = []

    async def work() -> None:
        ran.append(asyncio.get_running_loop())

    scheduler = AsyncIOScheduler(event_loop=loop)
    try:
        scheduler.add_task(work)
        scheduler.start()
        assert scheduler.event_loop is loop
        assert scheduler.event_loop_thread is None
        for _ in range(10):
            loop.run_until_complete(asyncio.sleep(0))
        scheduler.shutdown()
    finally:
        loop.close()
    assert ran == [loop]


@virtual_time
async def test_without_event_loop_the_running_one_is_used() -> None:
    with AsyncIOScheduler() as scheduler:
        assert scheduler.event_loop is asyncio.get_running_loop()


def test_an_isolated_event_loop_is_a_new_one() -> None:
    async def main() -> None:
        with AsyncIOScheduler(isolated_event_loop=True) as scheduler:
            assert scheduler.event_loop is not asyncio.get_running_loop()
        async with NativeAsyncIOScheduler(isolated_event_loop=True) as native:
            assert native.event_loop is not asyncio.get_running_loop()
        async with NativeAsyncIOScheduler() as native:
            assert native.event_loop is asyncio.get_running_loop()

    asyncio.run(main())


def test_timeout_limits_how_long_stopping_may_take() -> None:
    scheduler = AsyncIOScheduler(timeout=0.01)
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    scheduler.start()
    scheduler.add_task(endless)
    assert begun.wait(10)
    with pytest.raises(TimeoutError):
        scheduler.shutdown()
    assert not scheduler.running


@virtual_time
async def test_timeout_limits_how_long_stopping_a_native_scheduler_may_take() -> None:
    scheduler = NativeAsyncIOScheduler(timeout=5)
    await scheduler.start()
    scheduler.add_task(asyncio.Event().wait)
    await asyncio.sleep(1)
    with pytest.raises(TimeoutError):
        await scheduler.shutdown()
    assert not scheduler.running


@virtual_time
async def test_a_native_scheduler_starts_and_stops_by_awaiting(clock: VirtualClock) -> None:
    ended: list[float] = []

    async def work() -> None:
        await asyncio.sleep(30)
        ended.append(clock.monotonic())

    scheduler = NativeAsyncIOScheduler()
    assert await scheduler.start() is True
    scheduler.add_task(work)
    await asyncio.sleep(1)
    assert await scheduler.shutdown() is True
    # Without a delay: the run has ended when shutdown returns, and the scheduler has stopped.
    assert ended == [30.0] == [clock.monotonic()]
    assert not scheduler.running


# -- a scheduler of one's own ------------------------------------------------------------------------------------------


class MyCustomScheduler(BaseScheduler):
    def __init__(self, **kwargs: Any) -> None:
        self.log: list[str] = []
        super().__init__(**kwargs)

    def start(self, paused: bool = False) -> bool:
        # logic for the start
        self.log.append("start")
        return super().start(paused)

    def shutdown(self, wait: bool = True) -> bool:
        # logic for the shutdown
        self.log.append("shutdown")
        return super().shutdown(wait)

    def wakeup(self) -> None:
        # logic for the wakeup
        self.log.append("wakeup")

    def create_default_executor(self) -> DebugExecutor:
        # logic for your default executor
        return DebugExecutor()


def test_a_custom_scheduler_overrides_start_shutdown_wakeup_and_the_default_executor() -> None:
    assert Any is TypingAny
    clock, ran = VirtualClock(), []
    scheduler = MyCustomScheduler(timezone=tz.utc, clock=clock)
    with scheduler:
        assert scheduler.log == ["start", "wakeup"]
        assert isinstance(scheduler.executors["default"], DebugExecutor)
        assert isinstance(scheduler.stores["default"], MemoryStore)
        scheduler.add_task(lambda: ran.append(clock.monotonic()), "interval", minutes=1)
        assert scheduler.log == ["start", "wakeup", "wakeup"]
        drive(scheduler, minutes=3)
        assert "shutdown" not in scheduler.log
    assert scheduler.log.count("shutdown") == 1
    assert ran == [60.0, 120.0, 180.0]
    with pytest.raises(SchedulerNotRunningError):
        scheduler.shutdown()


def test_the_base_scheduler_has_a_thread_pool_by_default() -> None:
    with BaseScheduler(clock=VirtualClock()) as scheduler:
        assert isinstance(scheduler.executors["default"], ThreadPoolExecutor)


# -- listeners ---------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_listener_reads_the_exception_of_every_event(caplog: pytest.LogCaptureFixture) -> None:
    """The listener logs through ``logging``; on the page it is loguru, which need not be installed."""
    logger = logging.getLogger("the page")

    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)

    def my_custom_listener(event: Any) -> None:
        if not event.exception:
            logger.info("All good")
        else:
            logger.exception("Problem with the task")

    # Add event listener
    scheduler.add_listener(my_custom_listener, TASK_ADDED | TASK_REMOVED)

    with caplog.at_level("INFO", "the page"), scheduler:
        task = scheduler.add_task(print, "interval", days=1)
        scheduler.pause_task(task)  # not in the mask
        scheduler.delete_task(task)
    said = [record.getMessage() for record in caplog.records if record.name == "the page"]
    assert said == ["All good", "All good"]


@virtual_time
async def test_a_listener_is_told_what_a_run_raised(clock: VirtualClock) -> None:
    told: list[object] = []

    def my_custom_listener(event: Any) -> None:
        told.append((event.task_id, "All good") if not event.exception else (event.task_id, event.exception.args))

    def fail() -> None:
        raise RuntimeError("no connection")

    with AsyncIOScheduler(timezone=tz.utc) as scheduler:
        scheduler.add_listener(my_custom_listener, TASK_EXECUTED | TASK_ERROR)
        scheduler.add_task(fail, id="fails")
        await clock.settle()
        scheduler.add_task(lambda: None, id="works")
        await clock.settle()
    assert told == [("fails", ("no connection",)), ("works", "All good")]


@virtual_time
async def test_every_event_has_an_exception(clock: VirtualClock) -> None:
    events: list[Any] = []
    scheduler = AsyncIOScheduler()
    scheduler.add_listener(events.append, ALL_EVENTS)
    with scheduler:
        scheduler.add_task(lambda: None)
        await clock.settle()
    assert len(events) > 5
    assert [event.exception for event in events] == [None] * len(events)

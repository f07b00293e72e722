"""The executor that runs tasks on an event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from contracts.executor import NOW, PATIENCE, ExecutorContract, StandIn, add, add_async

from asyncz.enums import RunState
from asyncz.events import TASK_ERROR, TASK_EXECUTED, TASK_MISSED
from asyncz.executors import AsyncIOExecutor
from asyncz.executors.base import PoolShutdownError
from asyncz.tasks import Task
from asyncz.testing import VirtualClock


@pytest.fixture
def loop():
    """A loop that runs in a thread, with a default pool of one thread."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class TestContract(ExecutorContract):
    def make_executor(self):
        return AsyncIOExecutor()

    @pytest.fixture
    def scheduler(self, loop):
        return StandIn(event_loop=loop)

    def shut_down(self, executor, wait=True):
        loop = executor.event_loop
        asyncio.run_coroutine_threadsafe(executor.shutdown_async(wait), loop).result(PATIENCE)


def start(clock=None, reports=None):
    """Start an executor on the running loop."""
    executor = AsyncIOExecutor()
    if reports is not None:
        executor.bind(clock or VirtualClock(NOW), lambda *report: reports.append(report))
    executor.start(StandIn(), "loop")
    return executor


def send(executor, *task, id="tested", **options):
    executor.send_task(Task(*task, id=id, **options), [NOW])


async def where():
    return threading.get_ident(), asyncio.get_running_loop()


def test_coroutine_functions_run_on_the_loop_and_functions_beside_it():
    async def main():
        executor = start()
        for fn in (where, threading.get_ident):
            send(executor, fn, id=fn.__name__)
        await executor.shutdown_async()
        results = {event.task_id: event.return_value for event in executor.scheduler.next_events(2)}
        assert results["where"] == (threading.get_ident(), asyncio.get_running_loop())
        assert results["get_ident"] != threading.get_ident()

    asyncio.run(main())


def test_coroutine_tasks_alone_start_no_thread():
    async def main():
        before = set(threading.enumerate())
        executor = start()
        send(executor, add_async, args=(1, 2))
        await executor.shutdown_async()
        assert executor.scheduler.events.get_nowait().return_value == 3
        assert set(threading.enumerate()) <= before

    asyncio.run(main())


def test_pending_futures_are_the_runs_that_have_not_ended():
    async def main():
        executor, released = start(), asyncio.Event()
        send(executor, released.wait)
        assert len(executor.pending_futures) == 1
        released.set()
        await executor.shutdown_async()
        assert executor.pending_futures == set()

    asyncio.run(main())


def test_shutdown_without_wait_cancels_coroutines_and_with_wait_lets_them_end():
    ends = []

    async def work(released):
        try:
            await released.wait()
            ends.append("done")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def main(wait):
        executor, released = start(), asyncio.Event()
        send(executor, work, args=(released,))
        await asyncio.sleep(0)
        executor.shutdown(wait)
        released.set()
        await executor.shutdown_async(wait)
        return executor.scheduler.events.get_nowait()

    assert asyncio.run(main(True)).code == TASK_EXECUTED
    event = asyncio.run(main(False))
    assert (event.code, type(event.exception)) == (TASK_ERROR, asyncio.CancelledError)
    assert ends == ["done", "cancelled"]


def test_a_coroutine_that_is_cancelled_before_it_began_is_reported_missed():
    async def main():
        executor = start()
        send(executor, add_async, args=(1,))
        await executor.shutdown_async(wait=False)
        return executor.scheduler.events.get_nowait()

    assert asyncio.run(main()).code == TASK_MISSED


def test_what_a_cancelled_run_had_ahead_is_reported_missed():
    async def main():
        reports = []
        executor = start(reports=reports)
        executor.send_task(Task(asyncio.Event().wait, id="tested"), [NOW, NOW, NOW])
        await asyncio.sleep(0)
        await executor.shutdown_async(wait=False)
        return [outcome.state for outcome in reports[0][2]]

    assert asyncio.run(main()) == [RunState.ERROR, RunState.MISSED, RunState.MISSED]


def test_what_another_thread_sent_before_a_shutdown_without_wait_is_reported_missed():
    async def main():
        executor = start()
        sender = threading.Thread(target=send, args=(executor, add_async), kwargs={"args": (1,)})
        sender.start()
        sender.join()
        executor.shutdown(wait=False)
        await asyncio.sleep(0)
        assert executor.scheduler.instances == {}
        return executor.scheduler.events.get_nowait()

    assert asyncio.run(main()).code == TASK_MISSED


def test_a_closed_loop_refuses_tasks_and_can_be_shut_down():
    async def main():
        return start()

    executor = asyncio.run(main())
    with pytest.raises(PoolShutdownError, match="'loop' takes no more tasks: Event loop is closed"):
        send(executor, add, args=(1,))
    assert executor.scheduler.instances == {}
    for wait in (True, False):
        executor.shutdown(wait)


def test_a_default_pool_that_is_shut_down_refuses_functions_and_holds_no_clock():
    async def main():
        clock = VirtualClock(NOW)
        executor = start(clock, [])
        await asyncio.get_running_loop().shutdown_default_executor()
        with pytest.raises(PoolShutdownError, match="'loop' takes no more tasks"):
            send(executor, add, args=(1,))
        assert not clock.is_held
        assert executor.scheduler.instances == {}

    asyncio.run(main())


def test_a_function_that_another_thread_sent_to_a_pool_that_is_shut_down_is_reported_missed():
    async def main():
        executor = start()
        await asyncio.get_running_loop().shutdown_default_executor()
        sender = threading.Thread(target=send, args=(executor, add), kwargs={"args": (1,)})
        sender.start()
        sender.join()
        await asyncio.sleep(0)
        return executor.scheduler.events.get_nowait()

    assert asyncio.run(main()).code == TASK_MISSED


def test_it_follows_the_loop_that_runs_when_it_is_started_again():
    executor = AsyncIOExecutor()

    async def main():
        executor.start(StandIn(), "loop")
        send(executor, where)
        await executor.shutdown_async()
        return executor.scheduler.events.get_nowait().return_value[1] is asyncio.get_running_loop()

    assert [asyncio.run(main()) for _ in range(2)] == [True, True]

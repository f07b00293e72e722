"""What is particular to schedulers on an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
from contracts.face import PATIENCE, Log, LoopHere, in_thread

from asyncz.clock import SYSTEM_CLOCK
from asyncz.events import SCHEDULER_SHUTDOWN, TASK_ERROR, TASK_EXECUTED
from asyncz.exceptions import SchedulerNotRunningError
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler, looping
from asyncz.schedulers.loops import run_on
from asyncz.testing import virtual_time
from asyncz.utils import make_async_function

BOTH = pytest.mark.parametrize("made", [AsyncIOScheduler, NativeAsyncIOScheduler])


def make(made, **options):
    scheduler = made(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging", **options)
    scheduler.log = Log()
    scheduler.add_listener(scheduler.log)
    return scheduler


async def awaited(result):
    return await result if asyncio.iscoroutine(result) else result


def told(scheduler, code):
    """Return a future of the running loop for the next event of that code."""
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def tell(event):
        scheduler.remove_listener(tell)
        loop.call_soon_threadsafe(future.set_result, event)

    scheduler.add_listener(tell, code)
    return asyncio.wait_for(future, PATIENCE)


@pytest.fixture
def no_threads(monkeypatch):
    def start(thread):
        raise AssertionError(f"{thread} is started")

    monkeypatch.setattr(threading.Thread, "start", start)


@BOTH
@pytest.mark.usefixtures("no_threads")
def test_coroutine_tasks_on_the_running_loop_need_no_thread(made):
    ran = []

    async def work(name):
        await asyncio.sleep(0)
        ran.append(name)

    @virtual_time
    async def main(clock):
        scheduler = make(made)
        async with scheduler:
            scheduler.add_task(work, "interval", minutes=1, args=["minute"])
            scheduler.add_task(work, "shutdown", args=["end"])
            await clock.sleep(minutes=3)
        assert not scheduler.running

    main()
    assert ran == ["minute"] * 3 + ["end"]


@BOTH
def test_a_scheduler_can_be_used_in_one_asyncio_run_after_another(made):
    scheduler, loops = make(made), []

    async def work():
        loops.append(asyncio.get_running_loop())

    async def main():
        async with scheduler:
            scheduler.add_task(work, id="work")
            await told(scheduler, TASK_EXECUTED)

    for _ in range(2):
        asyncio.run(main())
    assert len(set(map(id, loops))) == 2


@BOTH
@pytest.mark.parametrize("is_sync", [False, True])
def test_a_life_whose_loop_was_closed_ends_with_the_next_start(made, is_sync):
    scheduler, begun = make(made), []

    async def work():
        begun.append("work")
        if len(begun) == 1:
            await asyncio.Event().wait()

    def work_in_a_thread():
        begun.append("work")

    async def forgets_to_stop():
        await awaited(scheduler.start())
        await awaited(scheduler.start())
        scheduler.add_task(work_in_a_thread if is_sync else work, "interval", days=1, id="work")
        scheduler.run_task("work")
        while not begun:
            await asyncio.sleep(0)

    async def main():
        assert await awaited(scheduler.start()) is True
        assert scheduler.get_tasks() == []
        executed = told(scheduler, TASK_EXECUTED)
        scheduler.add_task(work_in_a_thread if is_sync else work, id="work")
        await executed
        assert await awaited(scheduler.shutdown()) is True

    loop = asyncio.new_event_loop()
    loop.run_until_complete(forgets_to_stop())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert scheduler.running
    asyncio.run(main())
    assert begun == ["work", "work"]
    assert scheduler.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == [
        "SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN",
    ] * 2  # fmt: skip
    assert scheduler.instances == {}


@BOTH
def test_a_life_ends_with_the_loop_that_asyncio_run_closes(made):
    scheduler = make(made)

    async def work():
        await asyncio.Event().wait()

    async def forgets_to_stop():
        await awaited(scheduler.start())
        await awaited(scheduler.start())
        scheduler.add_task(work, "interval", days=1, id="work")
        scheduler.run_task("work")
        await asyncio.sleep(0)

    for _ in range(2):
        asyncio.run(forgets_to_stop())
        assert not scheduler.running
        assert scheduler.instances == {}
        assert scheduler.log.of("work")[-1] == "TASK_ERROR"  # it was cancelled
        assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_a_loop_that_was_closed_with_runs_on_it_leaves_nothing_that_would_hold_them_back():
    loop, scheduler = asyncio.new_event_loop(), make(AsyncIOScheduler)

    async def stuck():
        await asyncio.Event().wait()

    async def begin():
        scheduler.start()
        scheduler.add_task(stuck, "interval", days=1, id="stuck")
        scheduler.run_task("stuck")
        await asyncio.sleep(0)

    loop.run_until_complete(begin())
    loop.close()
    assert scheduler.instances == {"stuck": 1}
    scheduler.shutdown()
    assert scheduler.instances == {}
    assert scheduler.log.of("stuck")[-1] == "TASK_MISSED"
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"

    async def main():
        async with scheduler:
            scheduler.add_task(awaited, args=[1], id="stuck")
            await told(scheduler, TASK_EXECUTED)

    asyncio.run(main())


def test_on_a_loop_that_rests_shutdown_has_it_run_until_all_has_ended():
    loop = asyncio.new_event_loop()
    scheduler, trace = make(AsyncIOScheduler, event_loop=loop), []

    async def work():
        trace.append("begun")
        await asyncio.sleep(0)
        trace.append("ended")

    async def flush():
        await asyncio.sleep(0)
        trace.append("flushed")

    scheduler.add_task(work)
    scheduler.add_task(flush, "shutdown")
    scheduler.start()

    async def until_begun():
        while not trace:
            await asyncio.sleep(0)

    loop.run_until_complete(until_begun())
    assert scheduler.shutdown() is True
    assert trace == ["begun", "ended", "flushed"]
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@BOTH
@virtual_time
async def test_shutdown_without_waiting_cancels_coroutines_which_may_clean_up(clock, made):
    scheduler, trace = make(made), []

    async def work():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)
            trace.append(scheduler.log.has("SCHEDULER_SHUTDOWN"))

    await awaited(scheduler.start())
    scheduler.add_task(work, id="work")
    await clock.settle()
    await awaited(scheduler.shutdown(wait=False))
    await clock.sleep(2)
    assert trace == [False]
    assert scheduler.log.of("work")[-1] == "TASK_ERROR"
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    assert clock.monotonic() < 10


@BOTH
@virtual_time
async def test_shutdown_lets_a_coroutine_come_to_its_end(clock, made):
    scheduler, trace = make(made), []

    async def work():
        await asyncio.sleep(3600)
        trace.append("ended")

    async with scheduler:
        scheduler.add_task(work, id="work")
        await clock.settle()
    assert trace == ["ended"]
    assert clock.monotonic() == 3600
    assert scheduler.log.names()[-2:] == ["TASK_EXECUTED", "SCHEDULER_SHUTDOWN"]


@virtual_time
async def test_on_its_own_loop_a_plain_shutdown_stops_at_once_and_finishes_when_the_loop_has_its_turn(clock):
    scheduler = make(AsyncIOScheduler)
    scheduler.start()
    scheduler.add_task(asyncio.sleep, args=[5])
    await clock.settle()
    assert scheduler.shutdown() is True
    assert (scheduler.running, scheduler.log.has("SCHEDULER_SHUTDOWN")) == (False, False)
    with pytest.raises(SchedulerNotRunningError):
        scheduler.shutdown()
    await clock.sleep(5)
    assert scheduler.log.names()[-2:] == ["TASK_EXECUTED", "SCHEDULER_SHUTDOWN"]


@virtual_time
async def test_on_its_own_loop_a_plain_shutdown_is_complete_when_there_is_nothing_to_wait_for(clock):
    with make(AsyncIOScheduler) as scheduler:
        scheduler.add_task(print, "interval", days=1)
        await clock.settle()
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


@BOTH
@virtual_time
async def test_the_timeout_covers_runs_that_will_not_even_be_cancelled(clock, made):
    scheduler = make(made, timeout=10)
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await asyncio.wait_for(release.wait(), 86400)
            except asyncio.CancelledError:
                pass

    await awaited(scheduler.start())
    scheduler.add_task(stubborn)
    await clock.settle()
    with pytest.raises(TimeoutError, match="10"):
        await scheduler.__aexit__(None, None, None)
    assert 10 <= clock.monotonic() <= 10 + 2 * looping.CANCEL_GRACE
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    assert not scheduler.running
    release.set()
    await clock.settle()
    async with scheduler:
        pass


@BOTH
@virtual_time
async def test_the_timeout_covers_shutdown_tasks(clock, made):
    scheduler = make(made, timeout=10)
    await awaited(scheduler.start())
    scheduler.add_task(asyncio.sleep, "shutdown", args=[3600])
    with pytest.raises(TimeoutError, match="10"):
        await scheduler.__aexit__(None, None, None)
    assert clock.monotonic() == 10
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


@virtual_time
async def test_a_shutdown_that_is_cancelled_has_stopped_the_scheduler(clock):
    scheduler = make(NativeAsyncIOScheduler)
    flushed = []

    async def flush():
        flushed.append(await asyncio.sleep(0, "yes"))

    await scheduler.start()
    scheduler.add_task(asyncio.sleep, args=[3600], id="work")
    scheduler.add_task(flush, "shutdown")
    await clock.settle()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(scheduler.shutdown(), 5)
    assert scheduler.log.of("work")[-1] == "TASK_ERROR"
    assert flushed == ["yes"]
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_what_ends_with_asyncio_run_is_stopped_when_that_returns():
    scheduler = make(AsyncIOScheduler)

    async def main():
        scheduler.start()
        scheduler.add_task(asyncio.sleep, args=[3600], id="work")
        while not scheduler.instances:
            await asyncio.sleep(0)
        scheduler.shutdown()  # and nobody waits for it

    asyncio.run(main())
    assert scheduler.log.of("work")[-1] in ("TASK_ERROR", "TASK_MISSED")
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def lifecycle(trace):
    async def generator():
        trace.append("setup")
        try:
            while (yield):
                trace.append("tick")
        finally:
            await asyncio.sleep(0)
            trace.append("cleanup")

    return generator()


@virtual_time
async def test_an_asynchronous_generator_is_ended_by_the_shutdown_of_a_plain_with(clock):
    trace = []
    generator = lifecycle(trace)
    await generator.asend(None)
    with make(AsyncIOScheduler) as scheduler:
        scheduler.add_task(make_async_function(generator.asend), "interval", args=[True], minutes=1)
        scheduler.add_task(make_async_function(generator.asend), "shutdown", args=[False])
        await clock.sleep(minutes=2)
    await clock.settle()
    assert trace == ["setup", "tick", "tick", "cleanup"]
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


@BOTH
@virtual_time
async def test_an_asynchronous_generator_has_ended_when_an_async_with_ends(clock, made):
    trace = []
    generator = lifecycle(trace)
    await generator.asend(None)
    async with make(made) as scheduler:
        scheduler.add_task(make_async_function(generator.asend), "interval", args=[True], minutes=1)
        scheduler.add_task(make_async_function(generator.asend), "shutdown", args=[False])
        await clock.sleep(minutes=2)
    assert trace == ["setup", "tick", "tick", "cleanup"]


def test_a_native_scheduler_says_that_it_is_to_be_awaited():
    with pytest.raises(RuntimeError, match="async with"), make(NativeAsyncIOScheduler):
        pass


REQUEST = contextvars.ContextVar("request", default="none")


@BOTH
@virtual_time
async def test_runs_see_the_context_of_the_start_not_of_whoever_woke_the_scheduler(clock, made):
    scheduler, seen = make(made), []

    async def work():
        seen.append(REQUEST.get())

    async def handler():
        REQUEST.set("of a request")
        scheduler.add_task(work, "interval", minutes=1)

    REQUEST.set("of the start")
    async with scheduler:
        REQUEST.set("later")
        await asyncio.create_task(handler())
        await clock.sleep(minutes=3)
    assert seen == ["of the start"] * 3


@virtual_time
async def test_a_thousand_tasks_due_at_once_leave_the_loop_its_turn(clock):
    scheduler, turns, ran = make(AsyncIOScheduler), [], []

    def turn():
        turns.append(len(ran))
        if len(ran) < 1000:
            asyncio.get_running_loop().call_soon(turn)

    async def work():
        ran.append(None)

    async with scheduler:
        for _ in range(1000):
            scheduler.add_task(work, "interval", minutes=1)
        await clock.sleep(59)
        asyncio.get_running_loop().call_later(1, turn)
        await clock.sleep(1)
    assert len(ran) == 1000
    assert len({count for count in turns if 0 < count < 1000}) >= 4


def test_a_wakeup_that_a_dying_loop_did_not_come_to_does_not_keep_the_next_one_from_being_woken():
    loop, scheduler = asyncio.new_event_loop(), make(AsyncIOScheduler)

    async def begin():
        scheduler.start()

    loop.run_until_complete(begin())
    in_thread(scheduler.wakeup).result(PATIENCE)  # posted, and never looked at
    loop.close()

    async def main():
        async with scheduler:
            await asyncio.sleep(0)
            executed = told(scheduler, TASK_EXECUTED)
            in_thread(scheduler.add_task, awaited, args=[1])
            await executed

    asyncio.run(main())


def test_the_loop_of_its_own_has_ended_when_shutdown_returns():
    scheduler = make(AsyncIOScheduler)
    scheduler.start()
    thread, loop = scheduler.event_loop_thread, scheduler.event_loop
    assert thread.daemon
    scheduler.shutdown()
    assert not thread.is_alive()
    assert loop.is_closed()
    assert (scheduler.event_loop, scheduler.event_loop_thread) == (None, None)


def test_shutdown_that_does_not_wait_does_not_wait_for_functions_in_the_pool_of_the_loop_either():
    scheduler, begun, gate = make(AsyncIOScheduler), threading.Event(), threading.Event()
    scheduler.start()
    scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE)), id="work")
    assert begun.wait(PATIENCE)
    assert in_thread(scheduler.shutdown, wait=False).result(PATIENCE / 2) is True
    assert not gate.is_set()
    gate.set()
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_a_native_scheduler_can_be_stopped_from_another_loop_than_its_own():
    scheduler, here = make(NativeAsyncIOScheduler), LoopHere()
    here.do(scheduler.start)

    async def flush():
        return asyncio.get_running_loop() is here.loop

    seen = []

    async def remember():
        seen.append(await flush())

    scheduler.add_task(remember, "shutdown")
    assert asyncio.run(scheduler.shutdown()) is True
    assert seen == [True]
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    here.close()


@pytest.mark.realtime
def test_a_loop_that_is_blocked_is_not_waited_for_longer_than_the_timeout(monkeypatch):
    monkeypatch.setattr(looping, "CANCEL_GRACE", 0.01)
    here, gate = LoopHere(), threading.Event()
    scheduler = make(AsyncIOScheduler, event_loop=here.loop, timeout=0.01)
    scheduler.start()
    here.do(asyncio.sleep, 0)
    here.loop.call_soon_threadsafe(gate.wait, PATIENCE)
    with pytest.raises(TimeoutError, match="come round"):
        scheduler.shutdown()
    gate.set()
    scheduler.log.wait("SCHEDULER_SHUTDOWN")
    here.close()


@pytest.mark.realtime
def test_a_loop_that_is_closed_without_coming_round_is_not_waited_for():
    loop = asyncio.new_event_loop()

    async def never():
        raise AssertionError("the loop does not run")

    waiting = in_thread(run_on, loop, never(), None)
    loop.close()
    assert waiting.result(PATIENCE) is False


@virtual_time
async def test_the_clock_is_that_of_the_loop_unless_one_was_given(clock):
    scheduler = make(AsyncIOScheduler)
    with scheduler:
        assert scheduler.clock is clock
    isolated = make(AsyncIOScheduler, isolated_event_loop=True)
    with isolated:
        assert isolated.clock is SYSTEM_CLOCK


@virtual_time
async def test_a_listener_can_start_the_scheduler_again_when_it_hears_of_its_end(clock):
    scheduler, lives = make(AsyncIOScheduler), []

    def again(event):
        lives.append(scheduler.log.names()[-1])
        if len(lives) < 3:
            scheduler.start()

    scheduler.add_listener(again, SCHEDULER_SHUTDOWN)
    scheduler.start()
    for _ in range(3):
        scheduler.add_task(awaited, args=[1])
        await clock.settle()
        scheduler.shutdown()
        await clock.settle()
    assert lives == ["SCHEDULER_SHUTDOWN"] * 3
    assert scheduler.log.names().count("TASK_EXECUTED") == 3
    assert not scheduler.running


@virtual_time
async def test_starting_again_before_the_end_lets_what_runs_go_on_and_tells_its_outcome(clock):
    scheduler, flushed = make(AsyncIOScheduler), []

    async def flush():
        flushed.append(await asyncio.sleep(0, "yes"))

    scheduler.start()
    scheduler.add_task(asyncio.sleep, args=[60], id="long")
    scheduler.add_task(flush, "shutdown")
    await clock.settle()
    scheduler.shutdown()
    assert scheduler.start() is True
    assert scheduler.log.names()[-2:] == ["SCHEDULER_SHUTDOWN", "SCHEDULER_STARTED"]
    scheduler.add_task(awaited, args=[1], id="new")
    await clock.sleep(60)
    assert flushed == ["yes"]
    assert scheduler.log.of("new")[-1] == "TASK_EXECUTED"
    assert scheduler.log.of("long")[-1] == "TASK_EXECUTED"
    assert scheduler.running
    scheduler.shutdown()
    assert scheduler.instances == {}


@pytest.mark.parametrize("code", [TASK_EXECUTED, TASK_ERROR])
@virtual_time
async def test_a_coroutine_of_a_run_that_waits_in_a_thread_for_the_end_does_not_wait_for_itself(clock, code):
    scheduler = make(AsyncIOScheduler)

    async def work():
        await asyncio.to_thread(scheduler.shutdown)
        if code == TASK_ERROR:
            raise ValueError("on purpose")

    scheduler.start()
    scheduler.add_task(work, id="work")
    await clock.sleep(1)
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    assert scheduler.log.of("work")[-1] == {TASK_EXECUTED: "TASK_EXECUTED", TASK_ERROR: "TASK_ERROR"}[code]

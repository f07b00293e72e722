"""In a running loop, with tasks in memory that are coroutines, no thread is started and nothing heavy is imported."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.process, pytest.mark.realtime]

# Every way into a new thread is closed, and who tried is known even where the error was caught.
CLOSED = """
import _thread
import traceback

attempts = []

def refuse(*args, **kwargs):
    attempts.append("".join(traceback.format_stack(limit=6)))
    raise RuntimeError("can't start new thread")

for name in ("start_new", "start_new_thread", "start_joinable_thread"):
    if hasattr(_thread, name):
        setattr(_thread, name, refuse)

assert "threading" not in sys.modules  # it would have taken the real ones
import threading
threading.Thread.start = refuse

import asyncio
from datetime import datetime, timezone
before = set(sys.modules)
"""
CHECKED = """
assert not attempts, attempts[0]
assert threading.active_count() == 1
HEAVY = ["concurrent.futures.process", "concurrent.futures.thread", "ctypes", "multiprocessing", "sqlite3"]
HEAVY += ["ssl", "subprocess"]
loaded = set(sys.modules) - before
print(*(name for name in HEAVY if name in loaded))
"""

# Everything that can be done with a scheduler and its tasks; {await} is "await" or nothing, as the face has it.
LIFE = """
from asyncz.events import ALL_EVENTS, TASK_ERROR, TASK_EXECUTED
from asyncz.schedulers import {face}
from asyncz.tasks import Task
from asyncz.triggers import AndTrigger, CronTrigger, IntervalTrigger, OrTrigger

async def quick(result=None):
    return result

async def slow():
    await asyncio.sleep(0.05)
    return "slow"

async def endless():
    await asyncio.Event().wait()

async def fail():
    raise ValueError("expected")

class Callable:
    async def __call__(self):
        return "called"

    async def method(self):
        return "method"

async def last():
    ended.append("last")

ended = []

async def main():
    outcomes, codes = {{}}, set()
    scheduler = {face}(timezone="UTC", logger_name="life", task_defaults={{"max_instances": 3}})

    def note(event):
        codes.add(event.code)
        if event.code in (TASK_EXECUTED, TASK_ERROR):
            outcomes.setdefault(event.task_id, event.return_value or repr(event.exception))

    scheduler.add_listener(note, ALL_EVENTS)
    scheduler.add_task(quick, "interval", seconds=0.01, args=["before the start"], id="early")
    scheduler.add_task(last, "shutdown", id="last")
    {wait}scheduler.start(paused=True)
    scheduler.resume()
    scheduler.add_tasks([Task(fn=quick, trigger=CronTrigger(hour=3), id=f"cron {{i}}") for i in range(3)])
    scheduler.add_task(Callable(), "date", id="object")
    scheduler.add_task(Callable().method, id="method")
    scheduler.add_task(fail, id="failing")
    scheduler.add_task(slow, "interval", seconds=1, next_run_time=datetime.now(timezone.utc), id="slow")
    scheduler.add_task(quick, AndTrigger([IntervalTrigger(seconds=1), CronTrigger(second="*")]), id="and")
    scheduler.add_task(quick, OrTrigger([IntervalTrigger(seconds=1), CronTrigger(second="*")]), id="or")
    task = scheduler.add_task(quick, "interval", days=1, args=["run by hand"], id="by hand")
    scheduler.pause_task("by hand")
    scheduler.resume_task("by hand")
    scheduler.update_task("by hand", name="renamed", max_instances=2)
    scheduler.reschedule_task("by hand", trigger="interval", hours=1)
    scheduler.run_task("by hand")
    task.pause()
    task.resume()
    await scheduler.call(scheduler.add_task, quick, "date", args=["called"], id="called")

    @scheduler.add_task(id="decorated")
    async def decorated():
        return "decorated"

    wanted = {{"early", "object", "method", "failing", "slow", "by hand", "called", "decorated"}}
    while not wanted <= outcomes.keys():
        await asyncio.sleep(0.01)
    scheduler.get_task_infos(), scheduler.get_tasks(), scheduler.get_task("and"), scheduler.running
    scheduler.delete_task("and")
    scheduler.pause()
    scheduler.wakeup()
    scheduler.resume()
    scheduler.add_task({left}, id="left")
    await asyncio.sleep(0.01)
    {wait}scheduler.shutdown(wait={waits})
    while scheduler.running or "left" not in outcomes or not ended:
        await asyncio.sleep(0.01)
    {wait}scheduler.start()  # a second life
    scheduler.remove_all_tasks()
    {wait}scheduler.shutdown(wait={waits})
    assert "expected" in outcomes["failing"], outcomes
    assert outcomes["by hand"] == "run by hand", outcomes
    assert outcomes["left"] == {outcome!r}, outcomes

asyncio.run(asyncio.wait_for(main(), 20))
"""

# A server's messages, as it sends them around its life.
LIFESPAN = """
from asyncz.schedulers import {face}

async def main():
    ran = asyncio.Event()

    async def job():
        ran.set()

    async def application(scope, receive, send):
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return

    scheduler = {face}(timezone="UTC")
    scheduler.add_task(job, "interval", seconds=60, next_run_time=datetime.now(timezone.utc))
    wrapped = scheduler.asgi(application, wait={waits})
    messages, answers = asyncio.Queue(), asyncio.Queue()
    server = asyncio.create_task(wrapped({{"type": "lifespan"}}, messages.get, answers.put))
    await messages.put({{"type": "lifespan.startup"}})
    assert (await answers.get())["type"] == "lifespan.startup.complete"
    await ran.wait()
    await messages.put({{"type": "lifespan.shutdown"}})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    await server
    assert not scheduler.running

asyncio.run(asyncio.wait_for(main(), 20))
"""

BLOCKS = """
from asyncz.schedulers import {face}

async def main():
    ran = asyncio.Event()

    async def job():
        ran.set()

    async with {face}(timezone="UTC", {options}) as scheduler:
        scheduler.add_task(job, "date", {task})
        await ran.wait()

asyncio.run(asyncio.wait_for(main(), 20))
"""

FACES = ["AsyncIOScheduler", "NativeAsyncIOScheduler"]


def run_closed(run_python, program, **options):
    """Run a program that cannot start threads; returns which heavy modules it has loaded."""
    return run_python(CLOSED + program.format(**options) + CHECKED)


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("face", FACES)
def test_a_whole_life_needs_no_thread(run_python, face, waits):
    wait = "await " if face == "NativeAsyncIOScheduler" else ""
    left, outcome = ("slow", "slow") if waits else ("endless", "CancelledError()")
    assert run_closed(run_python, LIFE, face=face, waits=waits, wait=wait, left=left, outcome=outcome) == ""


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("face", FACES)
def test_a_life_with_a_server_needs_no_thread(run_python, face, waits):
    assert run_closed(run_python, LIFESPAN, face=face, waits=waits) == ""


@pytest.mark.parametrize("face", FACES)
def test_a_block_needs_no_thread(run_python, face):
    assert run_closed(run_python, BLOCKS, face=face, options="", task="") == ""


def test_leading_standing_by_and_taking_over_need_no_thread(run_python, tmp_path):
    program = """
from asyncz.schedulers import AsyncIOScheduler

async def main():
    ran = asyncio.Queue()
    leader, other = (
        AsyncIOScheduler(timezone="UTC", lock_path={lock!r}, startup_delay=0, store_retry_interval=0.01)
        for _ in range(2)
    )
    for number, scheduler in enumerate([leader, other]):
        scheduler.add_task(ran.put, "interval", seconds=0.01, args=[number])
        scheduler.start()
    assert await ran.get() == 0
    leader.shutdown()
    while await ran.get() != 1:
        pass
    other.shutdown()

asyncio.run(asyncio.wait_for(main(), 20))
"""
    assert run_closed(run_python, program, lock=str(tmp_path / "lock")) == ""


def test_a_function_that_runs_in_place_needs_no_thread(run_python):
    options = 'executors={"default": {"type": "debug"}}'
    program = BLOCKS.replace("async def job", "def job")
    assert run_closed(run_python, program, face="AsyncIOScheduler", options=options, task="") == ""


def test_a_script_that_does_nothing_but_run_a_scheduler_needs_no_thread(run_python):
    program = """
from asyncz.schedulers import AsyncIOScheduler

scheduler = AsyncIOScheduler(timezone="UTC")

async def job():
    scheduler.stop()

scheduler.add_task(job)
scheduler.run()
"""
    assert run_closed(run_python, program) == ""


def test_virtual_time_needs_no_thread(run_python):
    program = """
from asyncz.schedulers import AsyncIOScheduler
from asyncz.testing import run

async def main(clock):
    ran = []

    async def job():
        ran.append(1)

    async with AsyncIOScheduler(timezone="UTC") as scheduler:
        scheduler.add_task(job, "cron", hour=3)
        await asyncio.sleep(86400 * 7)
    assert len(ran) == 7

run(main)
"""
    assert run_closed(run_python, program) == ""


@pytest.mark.parametrize(
    ("options", "function"),
    [
        ("", "def"),
        ('executors={"default": {"type": "pool"}}', "async def"),
        ("isolated_event_loop=True", "async def"),
    ],
)
def test_threads_are_seen_where_they_are_asked_for(run_python, options, function):
    """What the tests above look out for can happen."""
    program = f"""
from asyncz.schedulers import AsyncIOScheduler

async def main():
    {function} job():
        pass

    scheduler = AsyncIOScheduler(timezone="UTC", {options})
    scheduler.add_task(job)
    scheduler.start()
    while not attempts:
        await asyncio.sleep(0.01)

try:
    asyncio.run(asyncio.wait_for(main(), 20))
except RuntimeError as exc:
    assert str(exc) == "can't start new thread", exc
assert attempts
"""
    run_python(CLOSED + program)

"""A program that ends without a shutdown ends soon, with nothing to say, and leaves no claim behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Seconds in which a program has to end that would go on for ever if it were waited for what falls due.
PATIENCE = 30

pytestmark = [pytest.mark.process, pytest.mark.slow]

# A file, since the processes of a pool have to find what they are to call.
PROGRAM = """
import asyncio, atexit, logging, os, sys, threading

from asyncz.enums import RunState
from asyncz.events import TASK_EXECUTED
from asyncz.executors import ProcessPoolExecutor, ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler

logging.getLogger("asyncz").setLevel(logging.ERROR)  # that a task still runs when it is due again is no error
ran = threading.Event()


def function():
    pass


def slow():
    threading.Event().wait(0.005)


async def coroutine():
    pass


WORK = {
    "coroutines": (coroutine, None),
    "functions": (function, None),
    "threads": (function, lambda: ThreadPoolExecutor(2)),
    "busy threads": (slow, lambda: ThreadPoolExecutor(1)),  # where there always is one more that waits its turn
    "processes": (function, lambda: ProcessPoolExecutor(1, {"mp_context": "forkserver"})),
    "in place": (function, lambda: {"type": "debug"}),
}


def make(face, kind):
    fn, executor = WORK[kind]
    options = {"executors": {"default": executor()}} if executor else {}
    scheduler = face(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging", **options)
    scheduler.add_listener(lambda event: ran.set(), TASK_EXECUTED)
    for number in range(20):  # so often that at any moment there is one due
        scheduler.add_task(fn, "interval", seconds=0.001, id=str(number))
    return scheduler


def leave(how):
    if how == "raise":
        raise SystemExit
    if how == "look":  # as late as can be, at what the scheduler has done when its pool was closed
        atexit.register(look)


def look():
    moment = threading.Event()
    for _ in range(1000):  # the thread of the passes goes on beside this one, and has to have come to a closed pool
        states = {run.state.value for run in scheduler.get_runs()} - {"executed"}
        if (scheduler.state.name == "STATE_PAUSED" and not states) or moment.wait(0.01):
            break
    is_put_back = all(task.next_run_time <= scheduler.clock.now() for task in scheduler.get_tasks())
    print(scheduler.state.name, states, dict(scheduler.instances), len(scheduler.get_tasks()), is_put_back)


async def main(face, kind, how):
    scheduler = make(face, kind)
    result = scheduler.start()
    if asyncio.iscoroutine(result):
        await result
    while not ran.is_set():
        await asyncio.sleep(0.001)
    leave(how)


if __name__ == "__main__":
    face, kind, how = sys.argv[1:]
    if face == "own thread":
        scheduler = make(AsyncIOScheduler, kind)
        scheduler.start()
    elif face == "thread":
        scheduler = make(BaseScheduler, kind)
        threading.Thread(target=scheduler.run, daemon=True).start()
    else:
        asyncio.run(main({"running loop": AsyncIOScheduler, "native": NativeAsyncIOScheduler}[face], kind, how))
    assert ran.wait(30)
    leave(how)
"""

#: How a scheduler is run, and where its tasks are.
PLACES = [
    *(("own thread", kind) for kind in ("coroutines", "functions", "threads", "busy threads", "processes", "in place")),
    *(("thread", kind) for kind in ("threads", "busy threads", "processes", "in place")),
    *((face, kind) for face in ("running loop", "native") for kind in ("functions", "threads", "processes")),
]


def end(tmp_path, *args):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program), *args],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@pytest.mark.parametrize(("face", "kind"), PLACES)
def test_a_program_that_ends_with_tasks_due_ends_soon_and_quietly(tmp_path, face, kind):
    assert end(tmp_path, face, kind, "fall off") == ""


@pytest.mark.parametrize("face", ["own thread", "thread", "running loop", "native"])
def test_so_does_one_that_is_ended_by_an_exception(tmp_path, face):
    assert end(tmp_path, face, "threads", "raise") == ""


@pytest.mark.parametrize(
    ("face", "kind"), [(face, kind) for face, kind in PLACES[:10] if kind not in ("coroutines", "in place")]
)
def test_claims_that_find_the_pool_closed_by_the_exit_are_put_back(tmp_path, face, kind):
    printed = end(tmp_path, face, kind, "look").split(" ", 1)
    assert printed == ["STATE_PAUSED", "set() {} 20 True\n"]


WOUND_UP = """
import asyncio, logging, threading
from asyncz.schedulers import AsyncIOScheduler

logging.getLogger("asyncz").setLevel(logging.ERROR)


async def main():
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lasting():
        loop.call_soon_threadsafe(begun.set)
        threading.Event().wait(0.3)

    scheduler = AsyncIOScheduler(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging")
    scheduler.start()
    scheduler.add_task(lasting)
    await begun.wait()
    for _ in range(10):
        scheduler.add_task(asyncio.sleep, "interval", seconds=0.05, args=[60])


asyncio.run(main())
"""


def test_a_loop_that_is_wound_up_under_its_scheduler_leaves_no_coroutine_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WOUND_UP],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

"""asyncz works on a Python that lacks whatever a Python may lack, and without data about time zones."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.process

#: Parts of the standard library that some builds do not have.
MISSING = frozenset(
    [
        *("_ctypes", "_curses", "_dbm", "_gdbm", "_hashlib", "_lzma", "_bz2", "_multiprocessing", "_posixshmem"),
        *("_sqlite3", "_ssl", "_tkinter", "_uuid", "_zoneinfo"),
        *("ctypes", "curses", "fcntl", "multiprocessing", "readline", "sqlite3", "ssl", "tkinter", "zlib"),
    ]
)
#: What is used, here or by programs around, when it is installed.
NOT_INSTALLED = frozenset(
    [
        *("bson", "cloudpickle", "dask", "distributed", "freezegun", "loguru", "pymongo", "pytz", "redis"),
        *("starlette", "time_machine", "tzdata", "tzlocal", "uvicorn"),
    ]
)
BLOCKED = MISSING | NOT_INSTALLED

EVERY_NAME = """
import asyncz
import pkgutil
from importlib import import_module

modules = [asyncz]
for module in pkgutil.walk_packages(asyncz.__path__, "asyncz."):
    if module.name != "asyncz.__main__":
        modules.append(import_module(module.name))
for module in modules:
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        getattr(module, name)
    exec(f"from {module.__name__} import *", {})
    print(module.__name__, *names)
"""

# Coroutines on the loop, functions in the threads of the loop's own pool and of an executor's.
RUN_TASKS = """
import asyncio
import threading
from datetime import datetime, timezone
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler

async def on_loop():
    await asyncio.sleep(0)
    return threading.current_thread().name

def in_thread():
    return threading.current_thread().name

async def main(face):
    ran, is_done = {}, asyncio.Event()

    def note(event):
        ran[event.task_id] = event.return_value if event.exception is None else repr(event.exception)
        if len(ran) == 4:
            is_done.set()

    async with face(executors={"default": {"type": "asyncio"}, "pool": {"type": "pool"}}, timezone="UTC") as scheduler:
        scheduler.add_listener(note, 4096 | 8192)
        scheduler.add_task(on_loop, "date", id="on the loop")
        scheduler.add_task(in_thread, "interval", seconds=1, next_run_time=datetime.now(timezone.utc), id="in a thread")
        scheduler.add_task(in_thread, "cron", second="*", executor="pool", id="in the pool")
        scheduler.add_task(on_loop, "date", executor="pool", id="on a loop in the pool")
        await asyncio.wait_for(is_done.wait(), 50)
    for name in sorted(ran):
        print(name, ran[name].partition("_")[0])

asyncio.run(main(%s))
"""

# As in a container that was made from nothing: no folder has zone data, and no package.
WITHOUT_ZONES = """
import os
os.environ["PYTHONTZPATH"] = ""
os.environ.pop("TZ", None)

import asyncio
from datetime import datetime, timezone
from asyncz.schedulers import AsyncIOScheduler
from asyncz.triggers import CronTrigger

async def main(**options):
    ran = asyncio.Event()

    async def job():
        ran.set()

    async with AsyncIOScheduler(**options) as scheduler:
        scheduler.add_task(job, "interval", seconds=60, next_run_time=datetime.now(timezone.utc))
        scheduler.add_task(job, CronTrigger.from_crontab("0 3 * * *", timezone="UTC"))
        await asyncio.wait_for(ran.wait(), 50)
        print(scheduler.get_tasks()[0].next_run_time.tzname())

asyncio.run(main(timezone="UTC"))
print("zoneinfo" in sys.modules)
import zoneinfo
try:
    zoneinfo.ZoneInfo("Europe/London")
except zoneinfo.ZoneInfoNotFoundError as exc:
    print("no zones")
try:
    AsyncIOScheduler(timezone="Europe/London")
except zoneinfo.ZoneInfoNotFoundError as exc:
    print(exc.args[0])
os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"  # a rule says all by itself
print(AsyncIOScheduler().timezone)
del os.environ["TZ"]
asyncio.run(main())
"""


def test_what_is_blocked_here_is_absent(run_python):
    run_python(
        f"""
        for name in {sorted(BLOCKED)!r}:
            try:
                __import__(name)
            except ModuleNotFoundError:
                continue
            raise AssertionError(name)
        """,
        blocked=BLOCKED,
    )


def test_every_public_name_is_there(run_python):
    there = run_python(EVERY_NAME).splitlines()
    assert run_python(EVERY_NAME, blocked=BLOCKED).splitlines() == there
    modules = {line.split()[0] for line in there}
    assert {"asyncz", "asyncz.executors.process_pool", "asyncz.stores.memory", "asyncz.testing.loop"} <= modules
    assert "asyncz.executors AsyncIOExecutor" in "\n".join(there)


@pytest.mark.realtime
@pytest.mark.parametrize("face", ["AsyncIOScheduler", "NativeAsyncIOScheduler"])
def test_tasks_run_on_the_loop_and_in_threads(run_python, face):
    assert run_python(RUN_TASKS % face, blocked=BLOCKED).splitlines() == [
        "in a thread asyncio",
        "in the pool asyncz-pool",
        "on a loop in the pool asyncz-pool",
        "on the loop MainThread",
    ]


@pytest.mark.realtime
def test_a_scheduler_in_utc_needs_no_zone_data(run_python):
    printed = run_python(WITHOUT_ZONES, blocked=BLOCKED).splitlines()
    assert printed[:3] == ["UTC", "False", "no zones"]
    assert "'Europe/London'" in printed[3]
    assert "install tzdata" in printed[3]
    assert printed[4] == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert len(printed) == 6  # the scheduler of the machine's own zone has run its task, too


def test_a_process_pool_says_what_it_lacks(run_python):
    printed = run_python(
        """
        import asyncio
        from asyncz.schedulers import AsyncIOScheduler

        async def main():
            scheduler = AsyncIOScheduler(executors={"default": {"type": "processpool"}}, timezone="UTC")
            try:
                scheduler.start()
            except ModuleNotFoundError as exc:
                print(exc.name, scheduler.running)

        asyncio.run(main())
        """,
        blocked=BLOCKED,
    )
    assert printed.split()[0].startswith(("multiprocessing", "_multiprocessing"))
    assert printed.split()[1] == "False"

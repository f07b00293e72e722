"""The clock of a real machine is set, as libfaketime does it to a process: the rest is as in production.

What exactly follows from a step is tested with a virtual clock, in ``test_clock_steps.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="libfaketime is looked for on Linux only"),
]

#: Where Debian, Fedora, Alpine and Arch put it.
PLACES = ("/usr/lib/*/faketime", "/usr/lib64/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime")

PROGRAM = """
import asyncio, datetime, json, os, time

from asyncz.clock import SystemClock
from asyncz.events import TASK_EXECUTED
from asyncz.schedulers import AsyncIOScheduler


class Counted(SystemClock):
    # It is read at least once in each pass.

    readings = 0

    def now(self):
        self.readings += 1
        return super().now()


PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}
ran = []  # (task id, seconds on the monotonic clock, due time)
begun = time.monotonic()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def step(hours):
    before, steady = now(), time.monotonic()
    path = os.environ["FAKETIME_TIMESTAMP_FILE"]
    step.sum += hours * 3600
    with open(path + ".new", "w") as file:
        file.write(f"{step.sum:+d}\\n")
    os.replace(path + ".new", path)
    assert abs((now() - before).total_seconds() - hours * 3600) < 60, "the wall clock was not set"
    assert time.monotonic() - steady < 60, "the steady clock was set as well"
    return time.monotonic()


step.sum = 0


def hear(event):
    ran.append((event.task_id, time.monotonic(), event.scheduled_run_time))


def runs(*names, since=0.0):
    return [entry for entry in ran if entry[0] in names and entry[1] >= since]


async def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.02)


async def work():
    pass


def daily(when):
    return {"hour": when.hour, "minute": when.minute, "second": when.second}


async def main():
    start = now()
    soon = start + datetime.timedelta(minutes=10)
    # Nothing wakes this one but its own look at the clock.
    idle = AsyncIOScheduler(clock=Counted(), **PLAIN)
    idle.add_task(work, "date", run_at=start + datetime.timedelta(minutes=30), id="date")
    idle.add_task(work, "cron", **daily(soon), id="daily")
    idle.add_task(work, "interval", minutes=20, id="interval")
    # And this one is awake every second.
    busy = AsyncIOScheduler(clock=Counted(), **PLAIN)
    busy.add_task(work, "interval", seconds=1, id="busy")
    busy.add_task(work, "cron", **daily(soon), id="busy daily")
    for scheduler in (idle, busy):
        scheduler.add_listener(hear, TASK_EXECUTED)
        scheduler.start()
    dailies = ("daily", "busy daily")

    await asyncio.sleep(2)
    assert not runs(*dailies, "date", "interval")
    forwards = step(+1)
    late = ("date", "interval", *dailies)
    await until(lambda: len(runs(*late)) == len(late) and runs("busy", since=forwards), 15)
    told = {name: [at - forwards for _, at, _ in runs(name)] for name in late}

    await asyncio.sleep(2)
    back = step(-2)
    limit = now() + datetime.timedelta(minutes=20, seconds=10)
    await until(lambda: idle.get_task("interval").next_run_time <= limit, 15)
    planned = time.monotonic() - back
    gap = runs("busy", since=back)[0][1] - back
    tomorrow = start + datetime.timedelta(hours=20)
    skipped = [task.next_run_time > tomorrow for task in (idle.get_task("daily"), busy.get_task("busy daily"))]

    await asyncio.sleep(0.5)
    again = step(+1)  # over the fixed times that have run
    await until(lambda: len(runs("busy", since=again)) >= 2, 15)
    print(json.dumps({
        "late": told, "planned": planned, "gap": gap, "skipped": skipped,
        "fixed": {name: len(runs(name)) for name in (*dailies, "date")},
        "ticks": len(runs("busy")), "seconds": time.monotonic() - begun,
        "idle": idle.clock.readings, "busy": busy.clock.readings,
    }))
    idle.shutdown()
    busy.shutdown()


asyncio.run(main())
"""


@pytest.fixture
def libfaketime():
    for place in PLACES:
        for found in sorted(Path("/").glob(f"{place[1:]}/libfaketime.so.1")):
            return str(found)
    message = f"libfaketime.so.1 is in none of {', '.join(PLACES)} (Debian: apt-get install faketime)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def test_a_clock_that_is_set_forwards_and_back_delays_nothing_by_more_than_ten_seconds(libfaketime, tmp_path):
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    steady = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}  # new name and old
    wall = {"FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **steady, **wall, "LD_PRELOAD": libfaketime},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # Forwards: due tasks run, each once, within ten seconds.
    assert all(len(delays) == 1 and 0 <= delays[0] <= 10 for delays in told["late"].values()), told
    # Back: intervals go on within ten seconds, and fixed times that have run are not planned, nor run, again.
    assert told["planned"] <= 10, told
    assert told["gap"] <= 10, told
    assert told["skipped"] == [True, True], told
    assert set(told["fixed"].values()) == {1}, told
    # No spin: an interval of a second is run so often, and the clock is read a few times in each of those passes.
    assert told["ticks"] <= told["seconds"] + 3, told
    assert told["idle"] < 5 * told["seconds"], told
    assert told["busy"] < 20 * told["seconds"], told

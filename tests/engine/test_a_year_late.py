"""A process that comes back after a year catches up at once, whatever has fallen due meanwhile."""

from __future__ import annotations

import asyncio
import datetime
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor as Pool

import pytest

from asyncz.events import TASK_MISSED, TASK_SUBMITTED
from asyncz.executors import FuturesExecutor
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.testing import VirtualClock, drive, run

START = "2023-03-01T00:00:30Z"
YEAR = datetime.timedelta(days=366)
#: Of the promise: seconds, and bytes.
TIME, MEMORY = 1.0, 20 * 2**20

ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe"]
TRIGGERS = {"interval": {"seconds": 1}, "cron": {"minute": "*"}}


class Catching:
    """Measures what it takes from the moment in which the process is back."""

    def __init__(self, scheduler, coalesce):
        self.ran, self.events = [], []
        self.scheduler = scheduler
        scheduler.add_listener(self.events.append, TASK_SUBMITTED | TASK_MISSED)
        for trigger, args in TRIGGERS.items():
            scheduler.add_task(self.ran.append, trigger, args=[trigger], id=trigger, coalesce=coalesce, **args)

    def __enter__(self):
        tracemalloc.start()
        self.before = tracemalloc.get_traced_memory()[0]
        self.begun = time.process_time()  # what other processes do meanwhile is not ours
        return self

    def __exit__(self, *_exc):
        self.seconds = time.process_time() - self.begun
        self.bytes = tracemalloc.get_traced_memory()[1] - self.before
        tracemalloc.stop()

    def told(self, code):
        """Return the first event of each task with that code."""
        return {event.task_id: event for event in reversed(self.events) if event.code == code}


def caught_up_by_hand(zone, coalesce):
    clock = VirtualClock(START)
    with BaseScheduler(clock=clock, timezone=zone, executors={"default": {"type": "debug"}}) as scheduler:
        catching = Catching(scheduler, coalesce)
        clock.advance(YEAR)
        with catching:
            scheduler.process_tasks()
        before = catching.ran[:]
        drive(scheduler, 60)
        assert sorted(catching.ran[len(before) :]) == ["cron"] + ["interval"] * 60
        catching.ran = before
    return catching


def caught_up_on_a_loop(zone, coalesce):
    async def main(clock):
        with (
            Pool(1) as pool,
            AsyncIOScheduler(timezone=zone, executors={"default": FuturesExecutor(pool)}) as scheduler,
        ):
            catching = Catching(scheduler, coalesce)
            await asyncio.sleep(0)
            clock.advance(YEAR)
            with catching:
                await clock.settle()
        return catching

    return run(main, start=START)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("caught_up", [caught_up_by_hand, caught_up_on_a_loop])
def test_what_is_a_year_late_runs_once_within_a_second_and_20_megabytes(caught_up, zone):
    catching = caught_up(zone, True)
    assert sorted(catching.ran) == ["cron", "interval"]
    submitted = catching.told(TASK_SUBMITTED)
    assert [submitted[name].coalesced_run_count for name in TRIGGERS] == [1000, 1000]
    now = VirtualClock(START).now() + YEAR
    assert submitted["interval"].scheduled_run_times == [now]
    assert submitted["cron"].scheduled_run_times == [now.replace(second=0)]
    assert catching.seconds < TIME
    assert catching.bytes < MEMORY


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("caught_up", [caught_up_by_hand, caught_up_on_a_loop])
def test_without_coalesce_the_latest_thousand_run_within_a_second_and_20_megabytes_too(caught_up, zone):
    catching = caught_up(zone, False)
    assert catching.ran == ["interval"] * 1000 + ["cron"] * 1000
    missed = catching.told(TASK_MISSED)
    assert [missed[name].run_count for name in TRIGGERS] == [1000, 1000]
    now = VirtualClock(START).now() + YEAR
    assert missed["interval"].scheduled_run_time == now - datetime.timedelta(seconds=1000)
    assert missed["cron"].scheduled_run_time == now.replace(second=0) - datetime.timedelta(minutes=1000)
    assert catching.seconds < TIME
    assert catching.bytes < MEMORY

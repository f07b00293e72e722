"""100,000 tasks that are due at once do not keep others on the same loop waiting."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter

import pytest

from asyncz.events import TASK_EXECUTED, TASK_SUBMITTED
from asyncz.schedulers import AsyncIOScheduler
from asyncz.testing import virtual_time

PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}

KINDS = pytest.mark.parametrize("kind", ["coroutine", "function"])
TRIGGERS = pytest.mark.parametrize(
    "trigger", [{"trigger": "date"}, {"trigger": "interval", "days": 1}], ids=["ends", "goes on"]
)


async def coroutine():
    pass


def function():
    pass


# -- without a clock: how much is done before the loop has its turn ----------------------------------------------------

#: Due tasks that are submitted, or outcomes that are told, between two turns of the loop.
AT_ONCE = 1_000


class Turns:
    """Counts what is told between two turns of the loop."""

    def __init__(self, scheduler, count):
        self.left, self.now, self.most = count, Counter(), Counter()
        scheduler.add_listener(self.hear, TASK_SUBMITTED | TASK_EXECUTED)

    def hear(self, event):
        self.now[event.code] += 1
        self.left -= event.code == TASK_EXECUTED

    async def until_all_have_run(self):
        while self.left:
            self.now.clear()
            await asyncio.sleep(0)
            self.most |= self.now


@KINDS
@TRIGGERS
@virtual_time
async def test_between_two_batches_the_loop_has_its_turn(clock, kind, trigger):
    count = 10 * AT_ONCE
    async with AsyncIOScheduler(**PLAIN) as scheduler:
        turns = Turns(scheduler, count)
        for _ in range(count):
            scheduler.add_task(globals()[kind], next_run_time=clock.now(), **trigger)
        await turns.until_all_have_run()
    assert 0 < turns.most[TASK_SUBMITTED] <= AT_ONCE
    assert 0 < turns.most[TASK_EXECUTED] <= AT_ONCE


# -- with one: how late is a ticker ------------------------------------------------------------------------------------

COUNT = 100_000
PACE, LATE = 0.005, 0.050


class Ticker:
    """Beats every five milliseconds, and notes how late each beat is.

    A beat is late since this process was busy, or since the machine gave it no time, having others to serve. Only the
    former is ours: a beat counts as late as it is by the clock, but not as later than what the process has used of its
    processors since the beat before. That includes other threads of ours, and the search for garbage.
    """

    def __init__(self):
        self.worst = 0.0

    async def beat(self, is_over):
        loop = asyncio.get_running_loop()
        while not is_over():
            at, used = loop.time(), time.process_time()
            await asyncio.sleep(PACE)
            self.worst = max(self.worst, min(loop.time() - at - PACE, time.process_time() - used))


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["coroutine", "function"],
)
@TRIGGERS
def test_a_hundred_thousand_due_tasks_leave_a_ticker_at_most_fifty_milliseconds_late(kind, trigger):
    ticker = Ticker()

    async def main():
        async with AsyncIOScheduler(**PLAIN) as scheduler:
            left = COUNT

            def hear(event):
                nonlocal left
                left -= 1

            scheduler.add_listener(hear, TASK_EXECUTED)
            scheduler.pause()
            for _ in range(COUNT):
                scheduler.add_task(globals()[kind], next_run_time=scheduler.clock.now(), **trigger)
            await asyncio.sleep(0.1)
            scheduler.resume()
            await ticker.beat(lambda: left == 0)
            scheduler.remove_all_tasks()

    gc.collect()
    gc.freeze()  # what other tests have left is not to be searched
    try:
        asyncio.run(main())
    finally:
        gc.unfreeze()
    assert 0 < ticker.worst <= LATE, f"{1000 * ticker.worst:.0f} ms late"

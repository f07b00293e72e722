"""A store that takes its time to answer does not keep the event loop waiting."""

from __future__ import annotations

import asyncio
import datetime
import gc
import time
from urllib.parse import urlsplit

import pytest
from delays import SlowProxy

from asyncz.events import TASK_EXECUTED
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler

pytestmark = [pytest.mark.server, pytest.mark.alone, pytest.mark.slow]

DELAY = 0.2
TICK = 0.005
LATEST = 0.05
PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}
calls = []


def function(id):
    calls.append(id)


async def coroutine(id):
    calls.append(id)


class Ticker:
    """Notes how late the loop has come to it, at most."""

    def __init__(self) -> None:
        self.latest = 0.0
        self._task = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.latest = max(self.latest, time.perf_counter() - due)

    def stop(self) -> float:
        self._task.cancel()
        return self.latest


@pytest.fixture
def far_redis(redis_url, store_of):
    store = store_of("redis")
    proxy = SlowProxy(urlsplit(redis_url).port, DELAY)
    yield {**store, "url": f"redis://127.0.0.1:{proxy.port}/0"}
    proxy.close()


async def work(kind, store) -> float:
    """Have tasks of all kinds fire for some seconds, use the verbs, and return how late the ticker was."""
    heard = []
    scheduler = kind(stores={"default": store}, heartbeat_stale_after=2, **PLAIN)
    scheduler.add_listener(lambda event: heard.append(event.task_id), TASK_EXECUTED)
    async with scheduler:
        ticker = Ticker()
        start_at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        options = {"trigger": "interval", "seconds": 1, "start_at": start_at}
        await scheduler.call(scheduler.add_task, function, args=["t0"], id="t0", **options)
        await scheduler.call(scheduler.add_task, coroutine, args=["t1"], id="t1", **options)
        await scheduler.call(scheduler.add_task, function, "interval", args=["t2"], id="t2", hours=1)
        await scheduler.call(scheduler.update_task, "t0", name="another")
        assert (await scheduler.call(scheduler.get_task, "t0")).name == "another"
        await scheduler.call(scheduler.delete_task, "t2")
        deadline = time.monotonic() + 15
        while heard.count("t0") < 2 or heard.count("t1") < 2:
            assert time.monotonic() < deadline, (heard, calls)
            await asyncio.sleep(0.05)
    return ticker.stop()


@pytest.mark.parametrize("kind", [AsyncIOScheduler, NativeAsyncIOScheduler])
def test_a_ticker_is_never_50_ms_late_though_every_reply_takes_200_ms(kind, far_redis):
    for _ in range(3):  # the other tries are for machines that were busy with something else
        calls.clear()
        gc.collect()
        latest = asyncio.run(work(kind, far_redis))
        if latest < LATEST:
            break
        again = {name: f"{far_redis[name]}.again" for name in ("tasks_key", "run_times_key")}
        far_redis = {**far_redis, **again}
    assert latest < LATEST

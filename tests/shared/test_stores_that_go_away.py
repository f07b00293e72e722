"""A store that goes away for a while: one line in the log, and work goes on by itself when it is back."""

from __future__ import annotations

import datetime
import logging
import random
import sqlite3
import time
from collections import Counter

import errands
import pytest
from fleet import PLAIN, until, whole_second
from servers import Proxy

from asyncz.schedulers import AsyncIOScheduler

pytestmark = [pytest.mark.realtime, pytest.mark.long]

SECOND = datetime.timedelta(seconds=1)
FAILED = "failed, next try in"
OPTIONS = {"store_retry_interval": 0.3, "store_poll_interval": 0.3, **PLAIN}
runs = []


def note(id: str) -> None:
    due = errands.due_time()
    runs.append((id, round(due, 6)))


class Pair:
    """Two schedulers of this process over one store, each on a loop of its own, and what they say."""

    def __init__(self, caplog, make_store, **options) -> None:
        self._caplog = caplog
        self.schedulers = [
            AsyncIOScheduler(
                stores={"default": make_store()}, isolated_event_loop=True, logger_name=name, **{**OPTIONS, **options}
            )
            for name in ("one", "two")
        ]
        self.expected = set()

    def start(self) -> None:
        for scheduler in self.schedulers:
            scheduler.start()

    def add(self, count: int, seconds: int) -> float:
        """Add tasks that are due every half second for so long, and return when they begin."""
        base = whole_second(0.5)
        end = base + seconds * SECOND
        for n in range(count):
            options = {"start_at": base, "end_at": end, "coalesce": False, "max_instances": 50}
            self.schedulers[n % 2].add_task(note, "interval", args=[f"t{n}"], id=f"t{n}", seconds=0.5, **options)
            self.expected |= {(f"t{n}", base.timestamp() + m / 2) for m in range(2 * seconds + 1)}
        return base.timestamp()

    def errors(self) -> list[str]:
        return [record.getMessage() for record in self._caplog.records if record.levelno >= logging.ERROR]

    def failures(self) -> Counter:
        """Return how often each scheduler has said that the store fails."""
        return Counter(
            record.name.rpartition(".")[2] for record in self._caplog.records if FAILED in record.getMessage()
        )

    def check_log(self, outages: int = 1) -> None:
        """Each scheduler has said so, once for each outage, and nothing else went wrong, or was said at length."""
        assert all(1 <= count <= outages for count in self.failures().values()), self.errors()
        assert set(self.failures()) == {"one", "two"}
        self.check_nothing_else()

    def check_nothing_else(self) -> None:
        assert all(FAILED in message for message in self.errors()), self.errors()
        assert not [record for record in self._caplog.records if record.exc_info]
        assert not any("Traceback" in record.getMessage() for record in self._caplog.records)

    def check_runs(self) -> None:
        """Each due time is run, and once."""
        until(lambda: self.expected <= set(runs), 20, lambda: (sorted(self.expected - set(runs)), self.errors()))
        scheduler = self.schedulers[0]
        until(lambda: not scheduler.get_runs(state="submitted"), 10)
        assert {due: count for due, count in Counter(runs).items() if count > 1} == {}
        assert set(runs) == self.expected

    def stop(self) -> None:
        for scheduler in self.schedulers:
            if scheduler.running:
                scheduler.shutdown()


@pytest.fixture
def make_pair(caplog):
    runs.clear()
    caplog.set_level(logging.INFO)
    pairs = []

    def make(make_store, **options) -> Pair:
        pairs.append(Pair(caplog, make_store, **options))
        return pairs[-1]

    yield make
    for made in pairs:
        made.stop()


def sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.time()))


@pytest.mark.server
def test_redis_is_killed_and_started_again(make_pair, redis_server):
    pair = make_pair(lambda: {"type": "redis", "url": redis_server.url})
    pair.start()
    base = pair.add(10, 3)
    sleep_until(base + 0.7)
    redis_server.stop(kill=True)
    sleep_until(base + 2.2)
    redis_server.start()
    pair.check_runs()
    pair.check_log()


@pytest.mark.server
def test_mongodb_is_stopped_and_started_again(make_pair, mongodb_server):
    patience = {"serverSelectionTimeoutMS": 300, "connectTimeoutMS": 300, "socketTimeoutMS": 2000}
    pair = make_pair(lambda: {"type": "mongodb", "url": mongodb_server.url, **patience})
    pair.start()
    base = pair.add(4, 3)
    sleep_until(base + 0.7)
    mongodb_server.stop()
    sleep_until(base + 2.2)
    mongodb_server.start()
    pair.check_runs()
    pair.check_log()


def test_the_file_is_locked_for_longer_than_anybody_waits(make_pair, tmp_path):
    path = str(tmp_path / "tasks.sqlite3")
    pair = make_pair(lambda: {"type": "sqlite", "path": path, "busy_timeout": 0.1})
    pair.start()
    base = pair.add(10, 3)
    sleep_until(base + 0.7)
    other = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        other.execute("BEGIN EXCLUSIVE")
        sleep_until(base + 2.3)
        other.execute("ROLLBACK")
    finally:
        other.close()
    pair.check_runs()
    pair.check_log()


@pytest.mark.server
def test_an_outage_while_nothing_is_due_is_one_line_too(make_pair, redis_server):
    """What asks the store then is the search for orphans and for what others have changed."""
    seldom = {"heartbeat_stale_after": 1, "store_poll_interval": 30}
    pair = make_pair(lambda: {"type": "redis", "url": redis_server.url}, store_retry_interval=0.05, **seldom)
    pair.start()
    pair.schedulers[0].add_task(note, "interval", args=["later"], id="later", hours=1)
    time.sleep(0.3)
    redis_server.stop()
    time.sleep(2)
    redis_server.start()
    time.sleep(0.8)
    pair.schedulers[0].add_task(note, args=["now"], id="now")
    until(lambda: runs, 5)
    pair.check_log()


@pytest.mark.server
def test_connections_break_in_the_middle_of_requests_and_of_replies(make_pair, redis_server):
    draw = random.Random(7)
    proxy = Proxy("127.0.0.1", redis_server.port)
    try:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        pair = make_pair(lambda: {"type": "redis", "url": url}, store_retry_interval=0.05)
        pair.start()
        base = pair.add(10, 3)
        while time.time() < base + 3:
            time.sleep(draw.uniform(0.05, 0.25))
            which = draw.choice(["sent_before_cut", "received_before_cut"])
            setattr(proxy, which, draw.randrange(400))
            time.sleep(0.03)
            proxy.sent_before_cut = proxy.received_before_cut = None
        pair.check_runs()
        pair.check_nothing_else()
        assert pair.failures(), "the test has cut nothing"
        pair.stop()
    finally:
        proxy.close()


@pytest.mark.process
def test_the_disk_is_full_for_a_while(make_fleet, store_of):
    pytest.importorskip("resource")
    fleet = make_fleet(store_of("sqlite"))
    (worker,) = fleet.start("worker", store_retry_interval=0.3)
    base = whole_second(0.5)
    for n in range(3):
        options = {"trigger": "interval", "seconds": 0.5, "end_at": base + 3 * SECOND, "coalesce": False}
        fleet.add(f"t{n}", start_at=base, max_instances=50, **options)
    expected = {(f"t{n}", base.timestamp() + m / 2) for n in range(3) for m in range(7)}
    sleep_until(base.timestamp() + 0.7)
    worker.tell("fsize 20000")
    until(lambda: FAILED in worker.said(), 5, worker.said)
    sleep_until(base.timestamp() + 2.2)
    worker.tell("fsize -1")
    until(lambda: expected <= fleet.times_run().keys(), 15, fleet.said)
    fleet.stop()
    assert set(fleet.times_run().values()) == {1}
    assert fleet.times_run().keys() == expected
    assert worker.said().count(FAILED) == 1, worker.said()
    assert "Traceback" not in worker.said()

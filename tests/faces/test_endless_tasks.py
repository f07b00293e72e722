"""A task that never ends does not keep its scheduler from being stopped, wherever that is asked for."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading

import pytest
from contracts.face import PATIENCE, Log, LoopHere, in_thread

from asyncz.executors import ProcessPoolExecutor
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler

PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}
#: Seconds that stopping may take in these tests.
TIMEOUT = 0.05


class Endless:
    """Tasks that do not end before a test does."""

    def __init__(self):
        self.begun, self.gate = threading.Event(), threading.Event()

    def function(self):
        self.begun.set()
        self.gate.wait(PATIENCE)

    async def coroutine(self):
        self.begun.set()
        await asyncio.Event().wait()


@pytest.fixture
def endless():
    made = Endless()
    yield made
    made.gate.set()


def endless_elsewhere(fifo):
    """Never end, in a process."""
    with open(fifo, "w") as file:
        file.write("begun")
    signal.pause()


class FromOutside:
    """A scheduler in a thread of its own that is stopped from this one."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        scheduler.start()

    def shutdown(self, wait):
        self.scheduler.shutdown(wait)

    def close(self):
        pass


class ByHand(FromOutside):
    """One that has no thread: whoever stops it has made the passes."""

    def __init__(self, scheduler):
        super().__init__(scheduler)
        scheduler.process_tasks()


class OnItsLoop:
    """A scheduler that is stopped where it works, on a running loop."""

    def __init__(self, scheduler):
        self.scheduler, self.here = scheduler, LoopHere()
        self.here.do(scheduler.start)

    def shutdown(self, wait):
        self.here.do(self.scheduler._shutdown_awaited, wait)

    def close(self):
        self.here.close()


class BesideItsLoop(OnItsLoop):
    """The same, stopped by a plain call in another thread."""

    def shutdown(self, wait):
        self.scheduler.shutdown(wait)


PLACES = {
    "asyncio in its thread": (AsyncIOScheduler, FromOutside),
    "asyncio on its loop": (AsyncIOScheduler, OnItsLoop),
    "asyncio beside its loop": (AsyncIOScheduler, BesideItsLoop),
    "native": (NativeAsyncIOScheduler, OnItsLoop),
    "base": (BaseScheduler, ByHand),
}
THREADS = {"executors": {"default": {"type": "pool", "max_workers": 1}}}
KINDS = {"coroutine": ("coroutine", {}), "function": ("function", {}), "pool": ("function", THREADS)}


class Stopped:
    """Stops a scheduler while a run is going on, and says how that went."""

    def __init__(self, at, is_cancelled):
        self.at, self.scheduler, self.is_cancelled = at, at.scheduler, is_cancelled

    def by_shutdown(self, wait, caplog):
        try:
            in_thread(self.at.shutdown, wait).result(PATIENCE)
            return "returned"
        except TimeoutError as exc:
            return str(exc)
        finally:
            self.check(caplog)

    def check(self, caplog):
        """It is stopped and has said so last; the run has ended, or is given up, which is logged once."""
        log = self.scheduler.log
        log.wait("SCHEDULER_SHUTDOWN")
        assert not self.scheduler.running
        assert log.names()[-1] == "SCHEDULER_SHUTDOWN"
        assert log.of("endless")[-1] == ("TASK_ERROR" if self.is_cancelled else "TASK_SUBMITTED")
        given_up = [record for record in caplog.records if "runs that had not ended: 1" in record.getMessage()]
        assert len(given_up) == (0 if self.is_cancelled else 1)

    def check_that_it_can_start_again(self):
        self.scheduler.timeout = PATIENCE
        at = type(self.at)(self.scheduler)
        self.scheduler.add_task(threading.get_ident, id="next")
        if isinstance(at, ByHand):
            self.scheduler.process_tasks()
        self.scheduler.log.wait("TASK_SUBMITTED", 2)
        at.shutdown(True)
        at.close()
        assert self.scheduler.log.of("next")[-1] == "TASK_EXECUTED"


def begin(place, options, fn, args=()):
    made, where = PLACES[place]
    scheduler = made(timeout=TIMEOUT, **options, **PLAIN)
    scheduler.log = Log()
    scheduler.add_listener(scheduler.log)
    scheduler.add_task(fn, args=args, id="endless")
    return where(scheduler)


@pytest.fixture(
    params=[(place, kind) for place in PLACES for kind in KINDS if (place, kind) != ("base", "coroutine")],
    ids=lambda case: ", ".join(case),
)
def stopped(request, endless):
    place, kind = request.param
    name, options = KINDS[kind]
    at = begin(place, options, getattr(endless, name))
    assert endless.begun.wait(PATIENCE)
    at.scheduler.log.wait("TASK_SUBMITTED")
    yield Stopped(at, is_cancelled=kind == "coroutine")
    endless.gate.set()
    at.close()


@pytest.mark.realtime
def test_a_shutdown_that_waits_gives_up_after_the_timeout_and_says_so(stopped, endless, caplog):
    assert "did not end within 0.05 s" in stopped.by_shutdown(True, caplog)
    endless.gate.set()
    stopped.check_that_it_can_start_again()


@pytest.mark.realtime
def test_a_shutdown_that_does_not_wait_returns(stopped, endless, caplog):
    assert stopped.by_shutdown(False, caplog) == "returned"
    endless.gate.set()
    stopped.check_that_it_can_start_again()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("place", ["asyncio in its thread", "asyncio on its loop", "base"])
def test_one_in_another_process_is_given_up_in_the_same_way(place, wait, tmp_path, caplog):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    pool = ProcessPoolExecutor(1, {"mp_context": "forkserver"})
    at = begin(place, {"executors": {"default": pool}}, endless_elsewhere, [fifo])
    try:
        with open(fifo) as file:
            assert file.read() == "begun"
        at.scheduler.log.wait("TASK_SUBMITTED")
        outcome = Stopped(at, is_cancelled=False).by_shutdown(wait, caplog)
        assert ("did not end within 0.05 s" in outcome) if wait else (outcome == "returned")
    finally:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        at.close()

"""``scheduler.run()``: start, work until told to stop, shut down."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from contracts.face import PATIENCE, Log, ceasing, in_thread

from asyncz.enums import SchedulerState
from asyncz.events import SCHEDULER_STARTED
from asyncz.executors import ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.schedulers.running import Alarm

ROOT = Path(__file__).resolve().parents[2]


def on_a_given_loop(**options):
    scheduler = AsyncIOScheduler(event_loop=asyncio.new_event_loop(), **options)
    scheduler.loop_given = scheduler._given_loop
    return scheduler


def isolated(**options):
    return AsyncIOScheduler(isolated_event_loop=True, **options)


@pytest.fixture(params=[BaseScheduler, AsyncIOScheduler, isolated, NativeAsyncIOScheduler, on_a_given_loop])
def scheduler(request):
    scheduler = request.param(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging")
    scheduler.log = Log()
    scheduler.add_listener(scheduler.log)
    yield scheduler
    if hasattr(scheduler, "loop_given"):
        scheduler.loop_given.run_until_complete(scheduler.loop_given.shutdown_default_executor())
        scheduler.loop_given.close()


def test_it_works_until_stop_is_called_in_another_thread_and_shuts_down(scheduler):
    running = in_thread(scheduler.run)
    scheduler.log.wait("SCHEDULER_STARTED")
    scheduler.add_task(threading.get_ident, id="added")
    scheduler.log.wait("TASK_EXECUTED")
    scheduler.stop()
    assert running.result(PATIENCE) is None
    assert (scheduler.running, scheduler.state) == (False, SchedulerState.STATE_STOPPED)
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_it_can_be_called_again(scheduler):
    for life in range(1, 4):
        running = in_thread(scheduler.run)
        scheduler.add_task(threading.get_ident)
        scheduler.log.wait("TASK_EXECUTED", life)
        scheduler.stop()
        running.result(PATIENCE)
        assert scheduler.log.names().count("SCHEDULER_SHUTDOWN") == life


def test_a_stop_that_came_first_is_not_forgotten_and_counts_once(scheduler):
    scheduler.stop()
    in_thread(scheduler.run).result(PATIENCE)
    assert scheduler.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == ["SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN"]
    running = in_thread(scheduler.run)
    scheduler.add_task(threading.get_ident)
    scheduler.log.wait("TASK_EXECUTED")
    assert not running.done()
    scheduler.stop()
    running.result(PATIENCE)


def test_a_task_can_stop_it(scheduler):
    scheduler.add_task(scheduler.stop, id="last")
    in_thread(scheduler.run).result(PATIENCE)
    assert scheduler.log.of("last")[-1] == "TASK_EXECUTED"
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_it_returns_when_a_task_has_shut_the_scheduler_down_and_all_has_ended(scheduler):
    async def last():
        result = scheduler.shutdown()
        return await result if asyncio.iscoroutine(result) else result

    trace = []
    scheduler.add_task(last, id="last")
    scheduler.add_task(trace.append, "shutdown", args=["shutdown task"])
    in_thread(scheduler.run).result(PATIENCE)
    assert trace == ["shutdown task"]
    assert scheduler.log.of("last")[-1] == "TASK_EXECUTED"
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_runs_are_waited_for(scheduler):
    begun, gate = threading.Event(), threading.Event()
    scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE)), id="work")
    running = in_thread(scheduler.run)
    assert begun.wait(PATIENCE)
    scheduler.stop()
    assert not scheduler.log.has("SCHEDULER_SHUTDOWN")
    gate.set()
    running.result(PATIENCE)
    assert scheduler.log.of("work")[-1] == "TASK_EXECUTED"


@pytest.mark.realtime
def test_runs_are_waited_for_no_longer_than_the_timeout(scheduler, caplog):
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()
    scheduler.add_executor(ThreadPoolExecutor(1))
    scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE), ended.set()), id="work")
    running = in_thread(scheduler.run, timeout=0.01)
    assert begun.wait(PATIENCE)
    scheduler.stop()
    running.result(PATIENCE)
    assert not ended.is_set()
    assert "did not end within 0.01 s" in caplog.text
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    gate.set()
    assert ended.wait(PATIENCE)


def test_a_start_that_fails_is_raised_and_leaves_signals_as_they_were(scheduler):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    scheduler.add_task(print, "interval", days=1, store="nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        scheduler.run()
    assert not scheduler.running
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_handlers_are_put_back(scheduler, number):
    before = signal.getsignal(number)
    scheduler.add_task(lambda: os.kill(os.getpid(), number), id="kills")
    scheduler.run()
    assert signal.getsignal(number) == before
    assert scheduler.log.of("kills")[-1] == "TASK_EXECUTED"
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"


def test_a_second_signal_ends_the_wait_for_runs(scheduler):
    gate, ended = threading.Event(), threading.Event()
    scheduler.add_executor(ThreadPoolExecutor(2))

    def stuck():
        os.kill(os.getpid(), signal.SIGINT)
        gate.wait(PATIENCE)
        ended.set()

    ceased = ceasing(scheduler)
    scheduler.add_task(stuck)
    scheduler.add_task(lambda: (ceased.wait(PATIENCE), os.kill(os.getpid(), signal.SIGINT), gate.wait(PATIENCE)))
    scheduler.run()
    assert not ended.is_set()
    assert scheduler.log.names()[-1] == "SCHEDULER_SHUTDOWN"
    gate.set()
    assert ended.wait(PATIENCE)


def test_in_another_thread_than_the_main_one_signals_are_left_alone(scheduler):
    before = signal.getsignal(signal.SIGINT)
    seen = []
    scheduler.add_listener(lambda event: seen.append(signal.getsignal(signal.SIGINT)), SCHEDULER_STARTED)
    scheduler.stop()
    in_thread(scheduler.run).result(PATIENCE)
    assert seen == [before]


@pytest.mark.parametrize("made", [AsyncIOScheduler, NativeAsyncIOScheduler, on_a_given_loop])
def test_where_a_loop_runs_it_says_what_to_do_instead(made):
    scheduler = made()

    async def main():
        with pytest.raises(RuntimeError, match="start"):
            scheduler.run()

    asyncio.run(main())
    if hasattr(scheduler, "loop_given"):
        scheduler.loop_given.close()


# A threading.Event would not do: a handler that sets it may have interrupted the thread that holds its lock.


def test_an_alarm_that_was_rung_ends_the_next_wait_and_only_that():
    alarm = Alarm()
    alarm.ring()
    alarm.ring()
    assert [alarm.wait(None), alarm.wait(0), alarm.wait(-1)] == [True, False, False]


def test_an_alarm_wakes_who_waits_without_a_limit():
    alarm = Alarm()
    waiting = in_thread(alarm.wait, None)
    alarm.ring()
    assert waiting.result(PATIENCE) is True


SCRIPT = """
import sys, threading
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler

class InAThread(BaseScheduler):
    alarm = threading.Event()
    def wakeup(self):
        self.alarm.set()
    def work(self):
        while self.running:
            self.alarm.wait(self.process_tasks())
            self.alarm.clear()

ran = threading.Event()
def work():
    ran.set()

if {name!r} == "base":
    scheduler = InAThread(timezone="UTC")
    scheduler.start()
    threading.Thread(target=scheduler.work, daemon=True).start()
else:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
for number in range(20):
    scheduler.add_task(work, "interval", seconds=0.001, id=str(number))
assert ran.wait(30)
"""


@pytest.mark.process
@pytest.mark.realtime
@pytest.mark.parametrize("name", ["base", "asyncio"])
def test_a_program_that_ends_while_its_scheduler_works_in_another_thread_ends_quietly(name):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(name=name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "LOGURU_LEVEL": "ERROR"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

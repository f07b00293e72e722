"""A listener that raises is logged once for each event, and changes nothing for anybody else."""

from __future__ import annotations

import asyncio
import logging

import pytest

from asyncz import events
from asyncz.executors import BaseExecutor, ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, drive, virtual_time

NAMES = {
    getattr(events, name): name
    for name in events.__all__
    if name.isupper() and name not in ("ALL_EVENTS", "SCHEDULER_START")
}
PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}


class Deaf(Exception):
    pass


class Ear:
    """Notes events, and raises if it is told to."""

    def __init__(self, problem=None):
        self.problem, self.heard = problem, []

    def __call__(self, event):
        self.heard.append(NAMES[event.code])
        if self.problem is not None:
            raise self.problem


@pytest.fixture(params=[Deaf("deaf"), asyncio.CancelledError(), GeneratorExit()], ids=lambda exc: type(exc).__name__)
def ears(request):
    """A listener that raises, and one behind it."""
    return Ear(request.param), Ear()


@pytest.fixture
def scheduler(ears):
    made = BaseScheduler(clock=VirtualClock("2024-05-01"), executors={"default": {"type": "debug"}}, **PLAIN)
    for ear in ears:
        made.add_listener(ear)
    yield made
    if made.running:
        made.shutdown(wait=False)


def logged(caplog):
    return sum("raised an exception at" in record.getMessage() for record in caplog.records)


def check(ears, caplog, *expected):
    """Both have heard the same, and the log tells of each failure once."""
    deaf, other = ears
    assert deaf.heard == other.heard == list(expected)
    assert logged(caplog) == len(expected)


def begin_to_listen(scheduler, ears, caplog):
    scheduler.start()
    scheduler.add_task(print, "interval", hours=1, id="a")
    for ear in ears:
        ear.heard.clear()
    caplog.clear()


VERBS = {
    "add_task": (lambda s: s.add_task(print, "interval", hours=1, id="b"), ["TASK_ADDED"]),
    "update_task": (lambda s: s.update_task("a", name="new"), ["TASK_MODIFIED"]),
    "reschedule_task": (lambda s: s.reschedule_task("a", trigger="interval", hours=2), ["TASK_MODIFIED"]),
    "pause_task": (lambda s: s.pause_task("a"), ["TASK_MODIFIED"]),
    "resume_task": (lambda s: s.resume_task("a"), ["TASK_MODIFIED"]),
    "delete_task": (lambda s: s.delete_task("a"), ["TASK_REMOVED"]),
    "remove_all_tasks": (lambda s: s.remove_all_tasks(), ["ALL_TASKS_REMOVED"]),
    "run_task": (lambda s: s.run_task("a"), ["TASK_EXECUTED", "TASK_SUBMITTED"]),
    "pause": (lambda s: s.pause(), ["SCHEDULER_PAUSED"]),
    "shutdown": (lambda s: s.shutdown(), ["SCHEDULER_SHUTDOWN"]),
    "add_executor": (lambda s: s.add_executor(ThreadPoolExecutor(1), "pool"), ["EXECUTOR_ADDED"]),
    "remove_executor": (lambda s: s.remove_executor("default"), ["EXECUTOR_REMOVED"]),
    "add_store": (lambda s: s.add_store(MemoryStore(), "other"), ["STORE_ADDED"]),
    "remove_store": (lambda s: s.remove_store("default"), ["STORE_REMOVED"]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_does_what_it_does_and_returns(scheduler, ears, caplog, verb):
    call, expected = VERBS[verb]
    begin_to_listen(scheduler, ears, caplog)
    call(scheduler)
    check(ears, caplog, *expected)


def test_no_verb_is_forgotten_here(scheduler):
    told = {name for _, expected in VERBS.values() for name in expected}
    elsewhere = {"SCHEDULER_STARTED", "SCHEDULER_RESUMED", "TASK_ERROR", "TASK_MISSED", "TASK_MAX_INSTANCES"}
    assert told | elsewhere == set(NAMES.values())


def test_a_start_with_what_was_queued(scheduler, ears, caplog):
    scheduler.add_task(print, "interval", hours=1, id="a")
    for ear in ears:
        ear.heard.clear()
    caplog.clear()
    assert scheduler.start() is True
    check(ears, caplog, "STORE_ADDED", "TASK_ADDED", "SCHEDULER_STARTED")
    assert scheduler.running


def test_pausing_and_resuming(scheduler, ears, caplog):
    begin_to_listen(scheduler, ears, caplog)
    scheduler.pause()
    scheduler.resume()
    check(ears, caplog, "SCHEDULER_PAUSED", "SCHEDULER_RESUMED")
    drive(scheduler, hours=1)
    assert ears[1].heard[2:] == ["TASK_EXECUTED", "TASK_SUBMITTED"]


class Held(BaseExecutor):
    def do_send_task(self, task, run_times):
        pass


def test_runs_of_every_outcome_and_the_schedule_goes_on(scheduler, ears, caplog):
    begin_to_listen(scheduler, ears, caplog)
    scheduler.delete_task("a")
    scheduler.add_executor(Held(), "held")
    scheduler.add_task(divmod, "interval", args=[1, 0], minutes=1, id="fails")
    scheduler.add_task(print, "interval", minutes=1, id="late", mistrigger_grace_time=1)
    scheduler.add_task(print, "interval", minutes=1, id="stuck", executor="held")
    for ear in ears:
        ear.heard.clear()
    caplog.clear()
    scheduler.clock.advance(90)
    scheduler.process_tasks()
    drive(scheduler, 60)
    deaf, other = ears
    assert deaf.heard == other.heard
    assert logged(caplog) == len(other.heard)
    assert sorted(other.heard) == sorted(
        [*["TASK_SUBMITTED"] * 5, *["TASK_ERROR"] * 2, "TASK_MISSED", "TASK_EXECUTED", "TASK_MAX_INSTANCES"]
    )


@virtual_time
async def test_a_loop_that_has_others_to_serve_hears_nothing_of_it(clock):
    problems, ran = [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    logging.getLogger("asyncz").setLevel(logging.CRITICAL)
    try:
        async with AsyncIOScheduler(**PLAIN) as scheduler:
            scheduler.add_listener(Ear(Deaf("deaf")))
            scheduler.add_task(ran.append, "interval", seconds=1, args=[1])
            await clock.sleep(10)
    finally:
        logging.getLogger("asyncz").setLevel(logging.NOTSET)
    assert (len(ran), problems) == (10, [])

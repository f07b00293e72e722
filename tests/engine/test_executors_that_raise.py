"""An executor that raises loses nobody's due time, is logged once for each failure, and stops nobody else."""

from __future__ import annotations

import asyncio

import pytest

from asyncz.enums import RunState
from asyncz.events import SCHEDULER_SHUTDOWN, TASK_ERROR
from asyncz.executors import DebugExecutor
from asyncz.executors.types import ExecutorType
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.testing import VirtualClock, drive, virtual_time

PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}


class Failing(DebugExecutor):
    """Raises in the named methods as often as it is told."""

    def __init__(self, **failures):
        self.failures = failures
        self.is_open = False

    def _fail(self, where):
        if self.failures.get(where, 0):
            self.failures[where] -= 1
            raise OSError(f"no {where} today")

    def start(self, scheduler, alias):
        self._fail("start")
        super().start(scheduler, alias)
        self.is_open = True

    def do_send_task(self, task, run_times):
        self._fail("send")
        super().do_send_task(task, run_times)

    def shutdown(self, wait=True):
        self.is_open = False
        self._fail("shutdown")


class Foreign(ExecutorType):
    """Derived from nothing of ours, and raises wherever it is called."""

    def start(self, scheduler, alias):
        pass

    def send_task(self, task, run_times):
        raise OSError("no send today")

    def shutdown(self, wait=True):
        raise OSError("no shutdown today")


@pytest.fixture
def make(request):
    def make_scheduler(**executors):
        made = BaseScheduler(clock=VirtualClock("2024-05-01"), executors=executors, **PLAIN)
        request.addfinalizer(lambda: made.running and made.shutdown(wait=False))
        return made

    return make_scheduler


def lines(caplog, text):
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


# -- start ------------------------------------------------------------------------------------------------------------


def test_a_start_that_fails_is_raised_and_the_next_one_runs_what_was_queued(make):
    ran, other = [], Failing()
    scheduler = make(default=other, failing=Failing(start=1))
    scheduler.add_task(ran.append, "interval", seconds=1, args=["a"], executor="failing")
    with pytest.raises(OSError, match="no start today"):
        scheduler.start()
    assert (scheduler.running, other.is_open) == (False, False)
    assert scheduler.start() is True
    drive(scheduler, 2)
    assert ran == ["a", "a"]


def test_one_that_is_added_to_a_running_scheduler_and_fails_to_start_is_not_added(make):
    scheduler = make(default=Failing())
    scheduler.start()
    failing, ran = Failing(start=1), []
    with pytest.raises(OSError, match="no start today"):
        scheduler.add_executor(failing, "failing")
    assert list(scheduler.executors) == ["default"]
    scheduler.add_executor(failing, "failing")
    scheduler.add_task(ran.append, "interval", seconds=1, args=["a"], executor="failing")
    drive(scheduler, 1)
    assert ran == ["a"]


# -- send_task --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [lambda: Failing(send=3), Foreign], ids=["ours", "foreign"])
def test_each_due_time_that_it_does_not_take_is_reported_and_logged_once(make, caplog, executor):
    scheduler, ran, errors = make(default=Failing(), failing=executor()), [], []
    scheduler.add_listener(errors.append, TASK_ERROR)
    scheduler.add_task(
        ran.append, "interval", seconds=1, args=["a"], id="a", executor="failing", end_at="2024-05-01T00:00:03Z"
    )
    scheduler.add_task(ran.append, "interval", seconds=1, args=["b"], id="b")
    scheduler.start()
    start = scheduler.clock.now()
    drive(scheduler, 3)
    assert ran == ["b"] * 3
    assert [(error.scheduled_run_time - start).total_seconds() for error in errors] == [1, 2, 3]
    assert {type(error.exception) for error in errors} == {OSError}
    assert len(lines(caplog, "Executor 'failing' could not take task 'a': OSError: no send today")) == 3
    assert [run.state for run in scheduler.get_runs("a")] == [RunState.ERROR] * 3
    assert dict(scheduler.instances) == {}
    assert scheduler.get_task("a") is None


def test_once_it_is_well_again_its_tasks_run(make):
    scheduler, ran = make(default=Failing(send=2)), []
    scheduler.add_task(ran.append, "interval", seconds=1, args=["a"])
    scheduler.start()
    drive(scheduler, 5)
    assert ran == ["a"] * 3


def test_a_thousand_due_tasks_that_it_does_not_take_are_a_thousand_lines_and_no_more(make, caplog):
    scheduler = make(default=Foreign())
    for number in range(1000):
        scheduler.add_task(print, id=str(number))
    scheduler.start()
    assert scheduler.process_tasks() is None  # not to be tried again
    drive(scheduler, 60)
    assert len(lines(caplog, "could not take task")) == 1000
    assert scheduler.get_tasks() == []


# -- shutdown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("executor", [lambda: Failing(shutdown=1), Foreign], ids=["ours", "foreign"])
def test_a_shutdown_that_fails_is_logged_once_and_the_rest_is_closed(make, caplog, executor, wait):
    ran, told, other = [], [], Failing()
    scheduler = make(failing=executor(), default=other)
    scheduler.add_listener(told.append, SCHEDULER_SHUTDOWN)
    scheduler.add_task(ran.append, "shutdown", args=["last"])
    scheduler.start()
    assert scheduler.shutdown(wait=wait) is True
    assert len(lines(caplog, "Executor 'failing' could not be shut down.")) == 1
    assert "OSError: no shutdown today" in caplog.text
    assert (scheduler.running, other.is_open, ran, len(told)) == (False, False, ["last"], 1)
    assert scheduler.start() is True


@pytest.mark.parametrize("made", [AsyncIOScheduler, NativeAsyncIOScheduler])
@virtual_time
async def test_so_is_one_on_a_loop(clock, made, caplog):
    ran, other = [], Failing()
    scheduler = made(executors={"failing": Failing(shutdown=2), "foreign": Foreign(), "default": other}, **PLAIN)
    async with scheduler:
        scheduler.add_task(ran.append, "shutdown", args=["last"])
        scheduler.add_task(asyncio.sleep, args=[0], executor="foreign", id="a")
        await clock.settle()
    assert [len(lines(caplog, f"Executor '{name}' could not be shut down.")) for name in ("failing", "foreign")] == [
        1,
        1,
    ]
    assert len(lines(caplog, "Executor 'foreign' could not take task 'a'")) == 1
    assert (scheduler.running, other.is_open, ran) == (False, False, ["last"])


def test_one_that_fails_to_stop_when_it_is_taken_out_is_out(make):
    scheduler = make(default=Failing(), failing=Failing(shutdown=1))
    scheduler.start()
    with pytest.raises(OSError, match="no shutdown today"):
        scheduler.remove_executor("failing")
    assert list(scheduler.executors) == ["default"]

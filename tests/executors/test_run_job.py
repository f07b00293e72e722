"""Running a job, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import weakref
from dataclasses import dataclass
from datetime import timedelta

import pytest
from contracts.executor import NOW, Calls, StandIn, add, add_async, fail, raise_

from asyncz.clock import SYSTEM_CLOCK
from asyncz.enums import RunState
from asyncz.events import TASK_ERROR, TASK_EXECUTED, TASK_MISSED
from asyncz.executors.base import BaseExecutor, run_coroutine_task, run_task
from asyncz.executors.job import Job, failures, run_job
from asyncz.tasks import Task

LOGGER = logging.getLogger("test")


@dataclass(frozen=True)
class Frozen(Exception):
    """Takes no attributes, not even those that Python sets."""

    text: str


class HasExceptions(Exception):
    """Means something of its own by the name that groups have their members under."""

    exceptions = ("ValueError", 3)


def job_of(fn, *args):
    return Job(Task(fn, args=args), [NOW], SYSTEM_CLOCK)


@pytest.mark.parametrize("exc", [Frozen("cannot be changed"), HasExceptions("two")], ids=["frozen", "own attribute"])
def test_an_unusual_exception_is_an_outcome_without_frames(exc):
    def fail():
        local = Calls()
        references.append(weakref.ref(local))
        raise exc

    references = []
    (outcome,) = run_job(job_of(fail))
    gc.collect()
    assert outcome.exception is exc
    assert (outcome.exception.__traceback__, references[0]()) == (None, None)
    assert "in fail\n" in outcome.traceback


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
def test_the_members_of_a_group_hold_on_to_no_local_variable():
    def fail():
        local = Calls()
        references.append(weakref.ref(local))
        raise ValueError

    async def fail_in_a_group():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(fail))

    references = []
    (outcome,) = run_job(job_of(fail_in_a_group))
    gc.collect()
    assert [type(exc) for exc in outcome.exception.exceptions] == [ValueError]
    assert references[0]() is None


def test_causes_that_go_round_in_a_circle_come_to_an_end():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    (outcome,) = run_job(job_of(raise_, lambda text: first))
    assert outcome.exception is first


def test_where_there_is_no_loop_to_be_had_an_awaitable_has_failed(monkeypatch):
    def refuse():
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    (outcome,) = run_job(job_of(add_async, 1))
    assert (outcome.state, str(outcome.exception)) == (RunState.ERROR, "too many open files")


def test_what_one_exception_made_fail_has_one_text():
    try:
        fail("for all")
    except ValueError as exc:
        outcomes = failures([NOW, NOW], exc)
    assert outcomes[0].traceback == outcomes[1].traceback
    assert "in fail\n" in outcomes[1].traceback


def run(task, times):
    return run_task(task, "shelf", times, LOGGER)


def run_awaited(task, times):
    return asyncio.run(run_coroutine_task(task, "shelf", times, LOGGER))


@pytest.mark.parametrize(("runner", "fn"), [(run, add), (run, add_async), (run_awaited, add_async)])
def test_run_task_returns_the_events_of_a_task(runner, fn):
    task = Task(fn, args=(1,), id="tested", mistrigger_grace_time=60)
    now = SYSTEM_CLOCK.now()
    events = runner(task, [now - timedelta(hours=1), now])
    assert [event.code for event in events] == [TASK_MISSED, TASK_EXECUTED]
    assert {(event.task_id, event.store) for event in events} == {("tested", "shelf")}
    assert events[1].return_value == 1


def test_run_task_raises_nothing_that_a_task_raises(caplog):
    (event,) = run(Task(raise_, args=(SystemExit,), id="tested"), [NOW])
    assert event.code == TASK_ERROR
    assert "SystemExit: on purpose" in caplog.text


class Minimal(BaseExecutor):
    """An executor as users write them, by the two calls that the documentation names."""

    def do_send_task(self, task, run_times):
        try:
            events = run_task(task, task.store_alias, run_times, self.logger)
            if task.name == "broken":
                raise LookupError("the line is dead")
        except LookupError:
            self.run_task_error(task.id)
        else:
            self.run_task_success(task.id, events)


@pytest.mark.parametrize("is_bound", [True, False])
def test_an_executor_of_ones_own_reports_events_or_that_it_broke_off(is_bound, caplog):
    executor, scheduler, reports = Minimal(), StandIn(), []
    if is_bound:
        executor.bind(SYSTEM_CLOCK, lambda *report: reports.append(report))
    executor.start(scheduler, "own")
    executor.send_task(Task(add, args=(1,), id="good"), [NOW])
    executor.send_task(Task(add, args=(1,), id="bad", name="broken"), [NOW])
    assert scheduler.instances == {}
    assert "Error running task 'bad'" in caplog.text
    if not is_bound:
        assert [event.return_value for event in scheduler.next_events()] == [1]
    else:
        (good, no_times, (outcome,)), (bad, _, exc) = reports
        assert (good, no_times, outcome.return_value, outcome.run_time) == ("good", None, 1, NOW)
        assert (bad, str(exc)) == ("bad", "the line is dead")
    assert scheduler.events.empty()

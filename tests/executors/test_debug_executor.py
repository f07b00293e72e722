"""The executor that runs tasks in place."""

from __future__ import annotations

import asyncio
import threading

import pytest
from contracts.executor import NOW, Calls, ExecutorContract, StandIn, add, add_async, raise_, raise_async

from asyncz.events import TASK_ERROR
from asyncz.executors import DebugExecutor
from asyncz.tasks import Task


class TestContract(ExecutorContract):
    inline = True

    def make_executor(self):
        return DebugExecutor()


@pytest.fixture
def executor():
    executor = DebugExecutor()
    executor.start(StandIn(), "debug")
    return executor


def run(executor, *task, **options):
    executor.send_task(Task(*task, id="tested", **options), [NOW])
    return executor.scheduler.events.get_nowait()


def test_a_function_runs_in_the_thread_that_sends_it_before_send_task_returns(executor):
    assert run(executor, threading.get_ident).return_value == threading.get_ident()


async def where():
    await asyncio.sleep(0)
    return threading.get_ident(), asyncio.get_running_loop()


def test_a_coroutine_function_runs_here_where_no_loop_is_running(executor):
    assert run(executor, where).return_value[0] == threading.get_ident()


@pytest.mark.parametrize("fn", [where, lambda: where()], ids=["coroutine function", "function that makes a coroutine"])
def test_beside_a_running_loop_a_coroutine_function_runs_on_another_one(executor, fn):
    async def main():
        event = run(executor, fn)
        return event.return_value, (threading.get_ident(), asyncio.get_running_loop())

    (thread, loop), (own_thread, own_loop) = asyncio.run(main())
    assert thread != own_thread
    assert loop is not own_loop


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_beside_a_running_loop_whatever_is_raised_is_an_event(executor, kind):
    async def main():
        return [run(executor, fn, args=(kind,)).code for fn in (raise_, raise_async)]

    assert asyncio.run(main()) == [TASK_ERROR] * 2


def test_a_task_that_runs_is_not_counted_afterwards(executor):
    for fn in (add, add_async, Calls()):
        run(executor, fn, args=(1,))
    assert executor.scheduler.instances == {}


def test_a_task_cannot_run_inside_of_itself_more_often_than_it_may(executor):
    def recurse():
        executor.send_task(task, [NOW])

    task = Task(recurse, id="recursive", max_instances=3)
    executor.send_task(task, [NOW])
    events = [executor.scheduler.events.get_nowait() for _ in range(3)]
    assert "reached its maximum number of instances 3" in str(events[0].exception)
    assert [event.exception for event in events[1:]] == [None, None]
    assert executor.scheduler.instances == {}

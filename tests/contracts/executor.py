"""What every executor guarantees.

A test file derives a class from :class:`ExecutorContract` and says in ``make_executor`` how to make an executor that
runs one function at a time. Where an executor cannot do something by its nature, a class attribute says so.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import socket
import threading
import weakref
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

from asyncz.enums import RunState
from asyncz.events import TASK_ERROR, TASK_EXECUTED, TASK_MISSED
from asyncz.exceptions import MaximumInstancesError
from asyncz.executors.base import PoolShutdownError
from asyncz.tasks import Task
from asyncz.testing import VirtualClock

NOW = datetime(2024, 5, 17, 12, 30, tzinfo=timezone.utc)
#: Seconds after which something that should have come is given up; nothing waits that long.
PATIENCE = 60


# What tasks call. On the level of a module, so that other processes find it.


def add(a, b=0):
    return a + b


def fail(text):
    raise ValueError(text)


def fail_with_a_cause():
    try:
        fail("the first")
    except ValueError as exc:
        raise KeyError("the second") from exc


class Unusual(BaseException):
    """Neither an Exception nor one of the built-in kinds."""


def raise_(kind):
    raise kind("on purpose")


async def add_async(a, b=0):
    await asyncio.sleep(0)
    return a + b


async def raise_async(kind):
    await asyncio.sleep(0)
    raise kind("on purpose")


class Calls:
    """Every kind of method."""

    def __init__(self, start=0):
        self.start = start

    def __call__(self, a, b=0):
        return self.start + a + b

    def method(self, a, b=0):
        return self.start + a + b

    async def async_method(self, a, b=0):
        return await add_async(self.start + a, b)

    @classmethod
    def class_method(cls, a, b=0):
        return cls().start + a + b

    @classmethod
    async def async_class_method(cls, a, b=0):
        return await add_async(a, b)

    @staticmethod
    async def async_static_method(a, b=0):
        return await add_async(a, b)


class AsyncCalls(Calls):
    async def __call__(self, a, b=0):
        return await add_async(self.start + a, b)


def pass_gate(port, value=None):
    """Arrive at a gate, and return the value once it was opened."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.recv(1)
    return value


async def pass_gate_async(port, value=None):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.read(1)
    finally:
        writer.close()
    return value


class Gate:
    """Holds tasks up, in whichever thread or process they run; with sockets, for these can be waited for anywhere."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE)
        self.port = self._server.getsockname()[1]
        self._waiting = []

    def await_arrival(self):
        self._waiting.append(self._server.accept()[0])

    def open(self):
        """Let through whoever has arrived."""
        while self._waiting:
            self._waiting.pop().close()

    def close(self):
        self.open()
        self._server.close()


class Loggers(dict):
    def __missing__(self, name):
        return logging.getLogger(name)


class StandIn:
    """As much of a scheduler as an executor may use."""

    def __init__(self, **attributes):
        self.instances = {}
        self.loggers = Loggers()
        self.events = queue.SimpleQueue()
        vars(self).update(attributes)

    def create_lock(self):
        return threading.RLock()

    def dispatch_event(self, event):
        self.events.put(event)

    def next_events(self, count=1):
        return [self.events.get(timeout=PATIENCE) for _ in range(count)]


class ExecutorContract:
    """The tests. ``executor`` has been started under the alias "under_test"."""

    #: Whether tasks share objects with the test.
    in_process = True
    #: Whether ``send_task`` runs the task before it returns.
    inline = False

    def make_executor(self):
        raise NotImplementedError

    def shut_down(self, executor, wait=True):
        """Shut an executor down and return when that is over."""
        executor.shutdown(wait)

    @pytest.fixture
    def scheduler(self):
        return StandIn()

    @pytest.fixture
    def clock(self):
        return VirtualClock(NOW)

    @pytest.fixture
    def gate(self):
        gate = Gate()
        yield gate
        gate.close()

    @pytest.fixture
    def executor(self, scheduler, gate):
        executor = self.make_executor()
        executor.start(scheduler, "under_test")
        yield executor
        gate.open()
        self.shut_down(executor)

    @pytest.fixture
    def bound(self, executor, clock):
        """What is reported by the executor, which goes by the clock: (task id, run times, outcomes)."""
        reports = queue.SimpleQueue()
        executor.bind(clock, lambda *report: reports.put(report))
        return reports

    def run(self, executor, *task, **options):
        """Run a task for the present moment and return its event."""
        executor.send_task(Task(*task, **{"id": "tested", "store_alias": "shelf", **options}), [NOW])
        return executor.scheduler.next_events()[0]

    @contextmanager
    def running(self, executor, gate, id="blocker"):
        """Have a task run during the block; it is let through at the end of it."""
        blocker = Task(pass_gate, args=(gate.port, id), id=id)
        executor.send_task(blocker, [NOW])
        gate.await_arrival()
        yield blocker
        gate.open()

    def skip_inline(self):
        if self.inline:
            pytest.skip("send_task returns when the task has run")

    def skip_elsewhere(self):
        if not self.in_process:
            pytest.skip("tasks share nothing with this process")

    # What a call gives

    def test_what_a_call_returns_is_reported(self, executor):
        event = self.run(executor, add, args=(1,), kwargs={"b": 2})
        assert (event.code, event.return_value, event.exception) == (TASK_EXECUTED, 3, None)
        assert (event.task_id, event.store, event.scheduled_run_time) == ("tested", "shelf", NOW)

    @pytest.mark.parametrize(
        "fn",
        [
            pytest.param(partial(add, 1), id="partial"),
            pytest.param(partial(partial(add), 1), id="partial of a partial"),
            pytest.param(partial(Calls(), 1), id="partial of an object"),
            pytest.param(partial(Calls(1).method, 0), id="partial of a method"),
            pytest.param(partial(Calls.class_method, 1), id="partial of a class method"),
            pytest.param(partial(add_async, 1), id="partial of a coroutine function"),
            pytest.param(partial(partial(AsyncCalls()), 1), id="partial of an object with async __call__"),
            pytest.param(partial(Calls(1).async_method, 0), id="partial of a coroutine method"),
        ],
    )
    def test_partials_are_called_or_awaited(self, executor, fn):
        event = self.run(executor, fn, kwargs={"b": 2})
        assert (event.return_value, event.exception) == (3, None)

    @pytest.mark.parametrize(
        "fn",
        [
            pytest.param(Calls(), id="object"),
            pytest.param(Calls().method, id="method"),
            pytest.param(Calls.class_method, id="class method"),
            pytest.param(complex, id="class"),
            pytest.param(pow, id="builtin"),
        ],
    )
    def test_callables_of_every_kind_are_called(self, executor, fn):
        event = self.run(executor, fn, args=(3, 1))
        assert event.return_value in (4, 3 + 1j, 3)
        assert event.code == TASK_EXECUTED

    @pytest.mark.parametrize(
        "fn",
        [
            pytest.param(add_async, id="function"),
            pytest.param(AsyncCalls(), id="object"),
            pytest.param(Calls().async_method, id="method"),
            pytest.param(Calls.async_class_method, id="class method"),
            pytest.param(Calls.async_static_method, id="static method"),
        ],
    )
    def test_awaitable_callables_of_every_kind_are_awaited(self, executor, fn):
        event = self.run(executor, fn, args=(1, 2))
        assert (event.code, event.return_value) == (TASK_EXECUTED, 3)

    def test_a_coroutine_that_a_lambda_makes_is_awaited(self, executor):
        self.skip_elsewhere()
        assert self.run(executor, lambda: add_async(1, 2)).return_value == 3

    # What it raises

    def test_an_exception_is_reported_with_its_traceback_as_text(self, executor):
        event = self.run(executor, fail, args=("no {braces}",))
        assert (event.code, event.return_value) == (TASK_ERROR, None)
        assert (type(event.exception), event.exception.args) == (ValueError, ("no {braces}",))
        assert "in fail\n" in event.traceback
        assert event.traceback.endswith("ValueError: no {braces}\n")

    def test_the_text_tells_of_the_cause(self, executor):
        event = self.run(executor, fail_with_a_cause)
        assert "ValueError: the first" in event.traceback
        assert "KeyError: 'the second'" in event.traceback

    @pytest.mark.parametrize("fn", [raise_, raise_async])
    @pytest.mark.parametrize(
        "kind",
        [
            SystemExit,
            KeyboardInterrupt,
            GeneratorExit,
            StopIteration,
            StopAsyncIteration,
            asyncio.CancelledError,
            Unusual,
        ],
    )
    def test_whatever_is_raised_is_an_event_and_the_executor_goes_on(self, executor, fn, kind):
        event = self.run(executor, fn, args=(kind,))
        assert event.code == TASK_ERROR
        assert kind.__name__ in event.traceback
        # A coroutine cannot raise the first two of these; Python makes a RuntimeError of them.
        assert isinstance(event.exception, (kind, RuntimeError))
        assert self.run(executor, add, args=(1, 2)).return_value == 3

    def test_what_failed_holds_on_to_no_local_variable(self, executor):
        self.skip_elsewhere()
        references = []

        def fail_in_depth():
            local = Calls()
            references.append(weakref.ref(local))
            try:
                raise ValueError("first")
            except ValueError as exc:
                raise KeyError("second") from exc

        async def fail_awaited():
            fail_in_depth()

        events = [self.run(executor, fn) for fn in (fail_in_depth, fail_awaited)]
        gc.collect()
        assert [event.code for event in events] == [TASK_ERROR] * 2
        assert [reference() for reference in references] == [None] * 2

    def test_what_was_returned_is_let_go(self, executor):
        self.skip_elsewhere()
        reference = weakref.ref(self.run(executor, Calls).return_value)
        self.shut_down(executor)
        gc.collect()
        assert reference() is None

    def test_what_goes_wrong_is_logged(self, executor, bound, clock, caplog):
        executor.send_task(Task(fail, args=("{0} %s",), id="wrong", name="its name"), [NOW])
        late = Task(add, args=(1,), id="late", mistrigger_grace_time=1)
        executor.send_task(late, [NOW - timedelta(seconds=2)])
        for _ in range(2):
            bound.get(timeout=PATIENCE)
        records = {
            record.levelname: record for record in caplog.records if record.name == "asyncz.executors.under_test"
        }
        assert "'wrong' (its name)" in records["ERROR"].getMessage()
        assert "ValueError: {0} %s" in records["ERROR"].getMessage()
        assert "'late'" in records["WARNING"].getMessage()

    # Grace time and run times

    @pytest.mark.parametrize("fn", [add, add_async])
    @pytest.mark.parametrize(
        ("grace_time", "late", "state"),
        [
            (10, timedelta(seconds=10), RunState.EXECUTED),
            (10, timedelta(seconds=10, microseconds=1), RunState.MISSED),
            (0.1, timedelta(milliseconds=100), RunState.EXECUTED),
            (0.1, timedelta(milliseconds=100, microseconds=1), RunState.MISSED),
            (None, timedelta(days=4000), RunState.EXECUTED),
            (float("inf"), timedelta(days=4000), RunState.EXECUTED),
        ],
    )
    def test_a_run_is_missed_when_it_is_late_by_more_than_the_grace_time(
        self, executor, bound, fn, grace_time, late, state
    ):
        task = Task(fn, args=(1,), id="tested", mistrigger_grace_time=grace_time)
        executor.send_task(task, [NOW - late])
        (outcome,) = bound.get(timeout=PATIENCE)[2]
        assert (outcome.state, outcome.run_time) == (state, NOW - late)
        assert outcome.started_at == outcome.finished_at == (NOW if state is RunState.EXECUTED else None)

    @pytest.mark.parametrize("fn", [add, add_async])
    def test_a_task_runs_once_for_each_run_time(self, executor, clock, bound, fn):
        times = [NOW - timedelta(seconds=late) for late in (30, 20, 10)]
        executor.send_task(Task(fn, args=(1,), id="tested", mistrigger_grace_time=20), times)
        outcomes = bound.get(timeout=PATIENCE)[2]
        assert [outcome.run_time for outcome in outcomes] == times
        assert [outcome.state.value for outcome in outcomes] == ["missed", "executed", "executed"]

    def test_there_is_an_event_for_each_run_time(self, executor, scheduler):
        times = [NOW, NOW + timedelta(days=40_000)]
        executor.send_task(Task(add, args=(1,), id="tested", mistrigger_grace_time=1), times)
        events = scheduler.next_events(2)
        assert [event.code for event in events] == [TASK_MISSED, TASK_EXECUTED]
        assert [event.scheduled_run_time for event in events] == times

    def test_a_run_that_raises_does_not_keep_the_next_one_from_running(self, executor, bound):
        executor.send_task(Task(fail, args=("again",), id="tested"), [NOW, NOW])
        outcomes = bound.get(timeout=PATIENCE)[2]
        assert [outcome.state for outcome in outcomes] == [RunState.ERROR] * 2
        assert all("in fail\n" in outcome.traceback for outcome in outcomes)

    # How often at once

    def test_a_task_runs_at_once_as_often_as_it_may(self, executor, scheduler, gate):
        self.skip_inline()
        with self.running(executor, gate) as blocker:
            assert scheduler.instances == {"blocker": 1}
            with pytest.raises(MaximumInstancesError) as caught:
                executor.send_task(blocker, [NOW])
            assert (caught.value.task_id, caught.value.total) == ("blocker", 1)
            assert scheduler.instances == {"blocker": 1}
            executor.send_task(Task(add, args=(1,), id="another"), [NOW])
        scheduler.next_events(2)
        with self.running(executor, gate):
            pass
        scheduler.next_events()
        assert scheduler.instances == {}

    def test_the_limit_counts_what_was_sent(self, executor, scheduler, gate):
        self.skip_inline()
        with self.running(executor, gate):
            task = Task(add, args=(1,), id="limited", max_instances=2)
            executor.send_task(task, [NOW])
            executor.send_task(task, [NOW])
            assert scheduler.instances["limited"] == 2
            with pytest.raises(MaximumInstancesError, match="limited reached its maximum number of instances 2"):
                executor.send_task(task, [NOW])
        scheduler.next_events(3)
        assert scheduler.instances == {}

    @pytest.mark.parametrize("args", [(fail, ("x",)), (raise_, (SystemExit,)), (raise_async, (Unusual,)), (add, (1,))])
    def test_a_run_is_not_counted_any_more_when_it_is_reported(self, executor, scheduler, args):
        counted = []
        scheduler.dispatch_event = lambda event: (
            counted.append(dict(scheduler.instances)),
            scheduler.events.put(event),
        )
        self.run(executor, args[0], args=args[1])
        assert counted == [{}]

    # What it is told, and whom it tells

    def test_outcomes_go_to_whom_it_was_bound_instead_of_the_scheduler(self, executor, scheduler, bound):
        times = [NOW]
        executor.send_task(Task(add, args=(1,), id="tested"), times)
        task_id, reported, outcomes = bound.get(timeout=PATIENCE)
        assert task_id == "tested"
        assert reported is times
        assert [outcome.return_value for outcome in outcomes] == [1]
        assert scheduler.events.empty()

    @pytest.mark.parametrize("fn", [add, fail, add_async])
    def test_time_may_go_on_when_a_run_is_reported(self, executor, bound, clock, fn):
        executor.send_task(Task(fn, args=(1,), id="tested"), [NOW])
        bound.get(timeout=PATIENCE)
        assert clock.wait_released(PATIENCE)

    def test_time_stands_still_while_a_function_runs(self, executor, bound, clock, gate):
        self.skip_inline()
        with self.running(executor, gate):
            assert clock.is_held
        bound.get(timeout=PATIENCE)
        assert clock.wait_released(PATIENCE)

    def test_a_task_that_is_edited_runs_as_it_was_when_it_was_sent(self, executor, scheduler, gate):
        self.skip_inline()
        with self.running(executor, gate):
            task = Task(add, args=(1,), kwargs={"b": 2}, id="edited", mistrigger_grace_time=None)
            executor.send_task(task, [NOW])
            task.update_task(fn=fail, args=("edited",), kwargs={}, mistrigger_grace_time=1)
        events = {event.task_id: event for event in scheduler.next_events(2)}
        assert events["edited"].return_value == 3

    # Start and shutdown

    def test_it_can_be_shut_down_before_it_was_started(self):
        for wait in (True, False):
            self.make_executor().shutdown(wait)

    def test_it_can_be_shut_down_twice(self, executor):
        self.run(executor, add, args=(1,))
        for wait in (True, True, False):
            self.shut_down(executor, wait)

    @pytest.mark.parametrize("wait", [True, False])
    def test_it_can_be_started_again(self, executor, scheduler, wait):
        for _ in range(2):
            assert self.run(executor, add, args=(1, 2)).return_value == 3
            self.shut_down(executor, wait)
            executor.start(scheduler, "under_test")
        assert self.run(executor, add_async, args=(1, 2)).return_value == 3

    def test_it_takes_no_tasks_after_its_shutdown(self, executor, scheduler, bound, clock):
        self.skip_inline()
        self.shut_down(executor)
        with pytest.raises(PoolShutdownError, match="'under_test'"):
            executor.send_task(Task(add, args=(1,), id="late"), [NOW])
        assert scheduler.instances == {}
        assert bound.empty()
        assert not clock.is_held

    def test_with_wait_shutdown_returns_when_all_that_was_sent_has_run(self, executor, scheduler, gate):
        self.skip_inline()
        with self.running(executor, gate):
            executor.send_task(Task(add, args=(1, 2), id="queued"), [NOW])
            closing = threading.Thread(target=self.shut_down, args=(executor, True))
            closing.start()
            assert scheduler.events.empty()
        closing.join(PATIENCE)
        events = [scheduler.events.get_nowait() for _ in range(2)]
        assert {event.task_id: event.return_value for event in events} == {"blocker": "blocker", "queued": 3}

    def test_without_wait_what_has_not_begun_is_reported_missed(self, executor, scheduler, bound, clock, gate):
        self.skip_inline()
        with self.running(executor, gate):
            for number in range(5):
                executor.send_task(Task(add, args=(1,), id=f"queued {number}"), [NOW, NOW])
            executor.shutdown(wait=False)
        received = [bound.get(timeout=PATIENCE) for _ in range(6)]
        reports = {id: outcomes for id, _, outcomes in received}
        assert reports.pop("blocker")[0].return_value == "blocker"
        taken = [id for id, outcomes in reports.items() if outcomes[0].state is RunState.EXECUTED]
        # A pool may have handed the next call to its worker already.
        assert len(taken) <= self.prefetched
        for id in reports.keys() - set(taken):
            assert [outcome.state for outcome in reports[id]] == [RunState.MISSED] * 2
        assert clock.wait_released(PATIENCE)
        assert scheduler.instances == {}

    #: Calls that a pool hands to its worker in advance.
    prefetched = 0

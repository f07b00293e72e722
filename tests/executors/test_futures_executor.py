"""The executor that hands tasks to any ready executor."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from contracts.executor import NOW, PATIENCE, Calls, ExecutorContract, StandIn, add

from asyncz.enums import RunState
from asyncz.events import TASK_ERROR
from asyncz.executors import FuturesExecutor
from asyncz.tasks import Task
from asyncz.testing import VirtualClock


class TestContract(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _pool(self):
        with ThreadPoolExecutor(1) as self.pool:
            yield

    def make_executor(self):
        return FuturesExecutor(self.pool)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def start(pool):
    executor = FuturesExecutor(pool)
    executor.start(StandIn(), "given")
    return executor


def send(executor, *task, **options):
    executor.send_task(Task(*task, **{"id": "tested", **options}), [NOW])


def run(executor, *task, **options):
    send(executor, *task, **options)
    return executor.scheduler.next_events()[0]


@pytest.mark.parametrize("wait", [True, False])
def test_the_executor_that_was_given_is_not_shut_down(pool, wait):
    executor = start(pool)
    run(executor, add, args=(1,))
    executor.shutdown(wait)
    assert pool.submit(add, 1, 2).result(PATIENCE) == 3


def test_shutdown_does_not_wait_for_what_others_sent(pool):
    released = threading.Event()
    foreign = pool.submit(released.wait)
    start(pool).shutdown()
    assert not foreign.done()
    released.set()


def test_it_stands_for_one_that_was_shut_down_by_its_owner_with_an_error(pool):
    executor = start(pool)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown") as caught:
        send(executor, add, args=(1,))
    assert type(caught.value) is RuntimeError  # not what says that the scheduler is to stop
    assert executor.scheduler.instances == {}
    executor.shutdown()


READY = ThreadPoolExecutor(1)


def test_it_can_be_given_as_a_reference():
    executor = start(f"{__name__}:READY")
    assert run(executor, add, args=(1, 2)).return_value == 3
    executor.shutdown()


@pytest.mark.parametrize("wrong", [ThreadPoolExecutor, None, 3, add])
def test_what_is_no_ready_executor_is_refused(wrong):
    with pytest.raises(TypeError, match=r"Expected a ready concurrent\.futures\.Executor, got"):
        FuturesExecutor(wrong)


class Recorder(Executor):
    """Lets the test say how each call ends."""

    def __init__(self):
        self.calls = []
        self.futures = []

    def submit(self, fn, /, *args, **kwargs):
        self.calls.append((fn, args, kwargs))
        self.futures.append(Future())
        return self.futures[-1]


def test_equal_tasks_make_calls_that_are_not_equal():
    # Dask answers a call that it has answered before from memory.
    pool = Recorder()
    executor = start(pool)
    for id in "ab":
        send(executor, add, id=id, args=(1,))
    tokens = [args[-1] for _, args, _ in pool.calls]
    assert len(set(tokens)) == 2
    start(pool).shutdown()
    for future in pool.futures:
        future.cancel()
    executor.shutdown()


def test_a_call_that_the_executor_fails_is_an_error_of_the_task():
    pool = Recorder()
    executor = start(pool)
    send(executor, add, args=(1,))
    pool.futures[0].set_exception(BrokenExecutor("the cluster is gone"))
    (event,) = executor.scheduler.next_events()
    assert event.code == TASK_ERROR
    assert str(event.exception) == "the cluster is gone"
    assert executor.scheduler.instances == {}
    executor.shutdown()


def test_an_executor_that_is_broken_refuses_with_its_own_error(caplog):
    class Broken(Recorder):
        def submit(self, fn, /, *args, **kwargs):
            raise BrokenExecutor("out of order")

    executor = start(Broken())
    with pytest.raises(BrokenExecutor, match="out of order"):
        send(executor, add, args=(1,))
    assert executor.scheduler.instances == {}
    assert "replaced" not in caplog.text
    executor.shutdown()


def test_what_cannot_be_cancelled_is_reported_when_it_ends():
    pool = Recorder()
    executor = start(pool)
    send(executor, add, args=(1, 2))
    (future,) = pool.futures
    future.set_running_or_notify_cancel()
    executor.shutdown(wait=False)
    assert executor.scheduler.events.empty()
    fn, args, kwargs = pool.calls[0]
    future.set_result(fn(*args, **kwargs))
    assert executor.scheduler.next_events()[0].return_value == 3


def test_shutdown_returns_after_the_last_report():
    pool = Recorder()
    executor = start(pool)
    send(executor, add, args=(1, 2))
    closing = threading.Thread(target=executor.shutdown)
    closing.start()
    fn, args, kwargs = pool.calls[0]
    pool.futures[0].set_result(fn(*args, **kwargs))
    closing.join(PATIENCE)
    assert executor.scheduler.events.get_nowait().return_value == 3


class Trap:
    def __reduce__(self):
        return Trap._restore, ()

    @staticmethod
    def _restore():
        raise OSError("cannot be restored")


class NotRestorable(Exception):
    def __init__(self, text, number):
        super().__init__(text)


def raise_not_restorable():
    raise NotRestorable("first", "second")


@pytest.mark.process
def test_in_processes_outcomes_that_cannot_travel_are_errors_and_virtual_time_stays_here():
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    clock, reports, reported = VirtualClock(NOW), [], threading.Semaphore(0)
    with ProcessPoolExecutor(1, context) as pool:
        executor = FuturesExecutor(pool)
        executor.bind(clock, lambda *report: (reports.append(report[2][0]), reported.release()))
        executor.start(StandIn(), "processes")
        for fn in (raise_not_restorable, Trap, threading.Lock, Calls):
            send(executor, fn)
            assert reported.acquire(timeout=PATIENCE)
        executor.shutdown()
    errors = [str(outcome.exception) for outcome in reports]
    assert "raised NotRestorable: first, which cannot be restored" in errors[0]
    assert "returned an object of type Trap, which cannot be restored" in errors[1]
    assert "returned an object of type lock, which cannot be pickled" in errors[2]
    assert reports[3].state is RunState.EXECUTED
    assert {outcome.started_at for outcome in reports} == {NOW}
    assert not clock.is_held

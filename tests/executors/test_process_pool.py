"""The executor that runs tasks in processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import BrokenExecutor
from datetime import timedelta
from pickle import PicklingError, UnpicklingError

import pytest
from contracts.executor import NOW, PATIENCE, Calls, ExecutorContract, Gate, StandIn, add, pass_gate

from asyncz.clock import SYSTEM_CLOCK
from asyncz.enums import RunState
from asyncz.events import TASK_ERROR
from asyncz.executors import ProcessPoolExecutor
from asyncz.tasks import Task
from asyncz.testing import VirtualClock

pytestmark = pytest.mark.process

# Not "fork": the test process has threads, which do not survive it.
CONTEXT = "spawn" if sys.platform == "win32" else "forkserver"


def make_executor(workers=1, **options):
    return ProcessPoolExecutor(workers, {"mp_context": CONTEXT}, **options)


@pytest.fixture(scope="module")
def shared():
    executor = make_executor()
    yield executor
    executor.shutdown()


class TestContract(ExecutorContract):
    in_process = False
    prefetched = 2

    def make_executor(self):
        return make_executor()

    @pytest.fixture
    def executor(self, shared, scheduler, gate):
        """One for all tests, since a process takes a while to start; its pool lasts until a test shuts it down."""
        shared.bind(SYSTEM_CLOCK, None)
        shared.start(scheduler, "under_test")
        yield shared
        gate.open()


@pytest.fixture
def executor(shared):
    shared.bind(SYSTEM_CLOCK, None)
    shared.start(StandIn(), "processes")
    return shared


def run(executor, *task, **options):
    executor.send_task(Task(*task, **{"id": "tested", **options}), [NOW])
    return executor.scheduler.next_events()[0]


class NotRestorable(Exception):
    """Pickled without the second argument, and hence not to be restored."""

    def __init__(self, text, number):
        super().__init__(text)


class NotPicklable(Exception):
    def __init__(self):
        self.lock = threading.Lock()
        super().__init__("holds a lock")


class Untraceable(Exception):
    def __str__(self):
        raise LookupError

    def __reduce__(self):
        raise OSError("cannot be saved")


def raise_not_restorable():
    raise NotRestorable("first", "second")


def raise_not_picklable():
    raise NotPicklable


def raise_untraceable():
    raise Untraceable


def _refuse_to_be_restored():
    raise OSError("cannot be restored")


class Trap:
    def __reduce__(self):
        return _refuse_to_be_restored, ()


class Hidden:
    """Has methods that pickle cannot find, since it takes their names as they are written."""

    def __init__(self, start):
        self.start = start

    def __add(self, a):
        return self.start + a

    @staticmethod
    def __double(a):
        return 2 * a

    method = property(lambda self: self.__add)
    static_method = property(lambda self: self.__double)


def kill_this_process():
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def test_tasks_run_in_another_process(executor):
    assert run(executor, os.getpid).return_value != os.getpid()


def test_a_pool_whose_worker_was_killed_is_replaced_and_its_task_reported(executor, caplog):
    for _ in range(2):
        event = run(executor, kill_this_process)
        assert event.code == TASK_ERROR
        assert isinstance(event.exception, BrokenExecutor)
        assert "BrokenProcessPool" in event.traceback
        assert executor.scheduler.instances == {}
        assert run(executor, add, args=(1, 2)).return_value == 3
    assert "'processes' is broken, and is replaced" in caplog.text


def test_what_was_queued_behind_a_killed_worker_is_reported(executor):
    gate = Gate()
    executor.send_task(Task(pass_gate, args=(gate.port,), id="running"), [NOW])
    gate.await_arrival()
    for number in range(4):
        executor.send_task(Task(add, args=(1,), id=f"queued {number}"), [NOW])
    (process,) = executor._pool._processes.values()
    process.kill()
    events = executor.scheduler.next_events(5)
    gate.close()
    assert {event.task_id for event in events} == {"running", *(f"queued {number}" for number in range(4))}
    assert {event.code for event in events} == {TASK_ERROR}
    assert run(executor, add, args=(1, 2)).return_value == 3


@pytest.mark.parametrize(
    ("fn", "args"),
    [
        pytest.param(lambda: None, (), id="lambda"),
        pytest.param(add, (threading.Lock(),), id="argument"),
        pytest.param(Untraceable("fn").with_traceback, (None,), id="bound object"),
    ],
)
def test_a_task_that_cannot_be_pickled_has_failed_with_a_hint(executor, fn, args):
    event = run(executor, fn, args=args)
    assert event.code == TASK_ERROR
    assert type(event.exception) is PicklingError
    assert "Use a function of a module, and arguments that can be pickled." in str(event.exception)
    assert executor.scheduler.instances == {}


def test_a_task_that_cannot_be_restored_has_failed_and_the_pool_lives_on(executor):
    before = run(executor, os.getpid).return_value
    event = run(executor, add, args=(Trap(),))
    assert event.code == TASK_ERROR
    assert type(event.exception) is UnpicklingError
    assert "cannot be restored" in str(event.exception)
    assert run(executor, os.getpid).return_value == before


def test_a_value_that_cannot_be_pickled_is_an_error_that_says_so(executor):
    event = run(executor, threading.Lock)
    assert event.code == TASK_ERROR
    assert "The task returned an object of type lock, which cannot be pickled" in str(event.exception)
    assert "PicklingError" in event.traceback


def test_a_value_that_cannot_be_restored_is_an_error_and_the_pool_lives_on(executor):
    before = run(executor, os.getpid).return_value
    event = run(executor, Trap)
    assert event.code == TASK_ERROR
    assert "The task returned an object of type Trap, which cannot be restored" in str(event.exception)
    assert run(executor, os.getpid).return_value == before


@pytest.mark.parametrize(
    ("fn", "text"),
    [
        (raise_not_restorable, "raised NotRestorable: first, which cannot be restored"),
        (raise_not_picklable, "raised NotPicklable: holds a lock, which cannot be pickled"),
        (raise_untraceable, "raised Untraceable, which cannot be pickled"),
    ],
)
def test_an_exception_that_cannot_travel_is_told_in_words(executor, fn, text):
    before = run(executor, os.getpid).return_value
    event = run(executor, fn)
    assert event.code == TASK_ERROR
    assert text in str(event.exception)
    assert f"in {fn.__name__}\n" in event.traceback
    assert run(executor, os.getpid).return_value == before


def test_one_value_that_cannot_travel_does_not_cost_the_other_runs(executor):
    times = [NOW, NOW + timedelta(days=40_000)]
    executor.send_task(Task(threading.Lock, id="tested", mistrigger_grace_time=1), times)
    events = executor.scheduler.next_events(2)
    assert [event.exception is None for event in events] == [True, False]


@pytest.mark.parametrize("fn", [Hidden(1).method, Hidden(1).static_method], ids=["method", "static method"])
def test_what_pickle_does_not_find_goes_by_reference(executor, fn):
    event = run(executor, fn, args=(2,))
    assert event.return_value in (3, 4)


def test_methods_take_their_object_along(executor):
    assert run(executor, Calls(40).method, args=(1, 1)).return_value == 42


def test_a_virtual_clock_stays_here_and_its_instant_goes_along():
    executor, outcomes, reported = make_executor(), [], threading.Event()
    clock = VirtualClock(NOW)
    executor.bind(clock, lambda *report: (outcomes.extend(report[2]), reported.set()))
    executor.start(StandIn(), "virtual")
    executor.send_task(Task(add, args=(1,), id="tested", mistrigger_grace_time=1), [NOW, NOW - timedelta(seconds=2)])
    assert reported.wait(PATIENCE)
    executor.shutdown()
    assert [outcome.state for outcome in outcomes] == [RunState.EXECUTED, RunState.MISSED]
    assert (outcomes[0].started_at, outcomes[0].finished_at) == (NOW, NOW)
    assert not clock.is_held


@pytest.mark.parametrize("wrong", ["many", 0])
def test_a_number_of_workers_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="max_workers must be a positive whole number, got"):
        ProcessPoolExecutor(wrong)


def test_the_number_of_workers_may_be_text():
    assert ProcessPoolExecutor("3").max_workers == 3
    assert ProcessPoolExecutor().max_workers == 10


def test_an_unknown_start_method_is_refused_at_start():
    with pytest.raises(ValueError, match="no_such_method"):
        ProcessPoolExecutor(1, {"mp_context": "no_such_method"}).start(StandIn(), "processes")


def test_the_default_start_method_works_and_idle_workers_do_not_keep_the_interpreter(run_python):
    code = """
    import collections, datetime, logging, os, threading, sys
    from asyncz.executors import ProcessPoolExecutor
    assert "multiprocessing" not in sys.modules
    from asyncz.tasks import Task

    class StandIn:
        instances, loggers, done = {}, collections.defaultdict(logging.getLogger), threading.Event()
        create_lock = staticmethod(threading.RLock)
        def dispatch_event(self, event):
            print(event.return_value != os.getpid(), event.exception)
            self.done.set()

    if __name__ == "__main__":
        executor = ProcessPoolExecutor(2)
        executor.start(StandIn(), "processes")
        executor.send_task(Task(os.getpid, id="t"), [datetime.datetime.now(datetime.timezone.utc)])
        assert StandIn.done.wait(30)
    """
    assert run_python(code) == "True None"

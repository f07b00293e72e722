"""The executor that runs tasks in threads."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor

import pytest
from contracts.executor import NOW, PATIENCE, ExecutorContract, Gate, StandIn, add, pass_gate

from asyncz.clock import SYSTEM_CLOCK
from asyncz.events import TASK_ERROR, TASK_EXECUTED, TASK_MISSED
from asyncz.executors import ThreadPoolExecutor
from asyncz.executors.base import PoolShutdownError
from asyncz.executors.pool import BasePoolExecutor
from asyncz.tasks import Task


class TestContract(ExecutorContract):
    def make_executor(self):
        return ThreadPoolExecutor(max_workers=1)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.close()


@pytest.fixture
def started():
    """Return a function that starts an executor on a stand-in."""
    executors = []

    def start(executor):
        executor.start(StandIn(), "threads")
        executors.append(executor)
        return executor

    yield start
    for executor in executors:
        executor.shutdown()


def send(executor, *task, id="tested", **options):
    executor.send_task(Task(*task, id=id, **options), [NOW])


def occupy(executor, gate, id="blocker"):
    send(executor, pass_gate, id=id, args=(gate.port, id))
    gate.await_arrival()


def test_it_runs_as_many_functions_at_once_as_it_has_workers_and_no_more(started, gate):
    executor = started(ThreadPoolExecutor(max_workers=3))
    for number in range(3):
        occupy(executor, gate, str(number))
    send(executor, pass_gate, id="queued", args=(gate.port,))
    gate._server.settimeout(0)
    with pytest.raises(BlockingIOError):
        gate.await_arrival()
    gate._server.settimeout(PATIENCE)
    gate.open()
    gate.await_arrival()
    gate.open()
    assert {event.task_id for event in executor.scheduler.next_events(4)} == {"0", "1", "2", "queued"}


@pytest.mark.parametrize("text", ["20", 20, " 20 "])
def test_the_number_of_workers_may_be_text(text):
    assert ThreadPoolExecutor(max_workers=text).max_workers == 20


@pytest.mark.parametrize("wrong", ["many", "", 0, -1, "0", None, []])
def test_a_number_of_workers_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="max_workers must be a positive whole number, got"):
        ThreadPoolExecutor(max_workers=wrong)


def test_it_has_ten_workers_unless_told_otherwise():
    assert ThreadPoolExecutor().max_workers == 10


def test_threads_are_named_after_the_executor(started):
    executor = started(ThreadPoolExecutor())
    send(executor, lambda: threading.current_thread().name)
    assert executor.scheduler.next_events()[0].return_value.startswith("asyncz-threads")


def test_arguments_for_the_pool_are_passed_on(started):
    here = threading.local()
    kwargs = {"initializer": setattr, "initargs": (here, "mark", 7), "thread_name_prefix": "mine"}
    executor = started(ThreadPoolExecutor(1, kwargs))
    send(executor, lambda: (here.mark, threading.current_thread().name))
    mark, name = executor.scheduler.next_events()[0].return_value
    assert (mark, name[:4]) == (7, "mine")


def test_an_unknown_argument_for_the_pool_is_refused_at_start():
    with pytest.raises(TypeError, match="no_such_thing"):
        ThreadPoolExecutor(pool_kwargs={"no_such_thing": 1}).start(StandIn(), "threads")


def test_no_thread_is_started_before_there_is_a_task(started):
    before = set(threading.enumerate())
    executor = started(ThreadPoolExecutor())
    assert set(threading.enumerate()) <= before
    send(executor, add, args=(1,))
    assert executor.scheduler.next_events()[0].return_value == 1


@pytest.mark.parametrize(
    ("options", "wait", "states"),
    [
        ({}, True, {TASK_EXECUTED}),
        ({}, False, {TASK_MISSED}),
        ({"cancel_futures": True}, True, {TASK_MISSED}),
        ({"overwrite_wait": False}, True, {TASK_MISSED}),
        ({"overwrite_wait": True}, False, {TASK_EXECUTED}),
        ({"overwrite_wait": True, "cancel_futures": True}, False, {TASK_MISSED}),
    ],
)
def test_cancel_futures_and_overwrite_wait_change_what_shutdown_does(started, gate, options, wait, states):
    executor = started(ThreadPoolExecutor(1, **options))
    occupy(executor, gate)
    for number in range(3):
        send(executor, add, id=str(number), args=(1,))
    closing = threading.Thread(target=executor.shutdown, args=(wait,))
    closing.start()
    waits = options.get("overwrite_wait", wait)
    if not waits:
        closing.join(PATIENCE)  # although the first task is running still
    elif states == {TASK_MISSED}:
        assert {event.code for event in executor.scheduler.next_events(3)} == states
        assert closing.is_alive()
    gate.open()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    codes = {}
    while len(codes) < (1 if waits and states == {TASK_MISSED} else 4):
        event = executor.scheduler.next_events()[0]
        codes[event.task_id] = event.code
    assert codes.pop("blocker") == TASK_EXECUTED
    assert set(codes.values()) <= states


def test_a_task_may_shut_its_own_executor_down(started):
    executor = started(ThreadPoolExecutor(1))
    send(executor, executor.shutdown)
    event = executor.scheduler.next_events()[0]
    assert (event.code, event.traceback) == (TASK_EXECUTED, None)
    executor.start(StandIn(), "threads")
    send(executor, add, args=(1,))
    assert executor.scheduler.next_events()[0].return_value == 1


def test_threads_that_cannot_be_set_up_fail_their_runs_and_the_pool_is_replaced(started, caplog):
    def set_up():
        if broken:
            raise OSError("no database")

    broken = [True]
    executor = started(ThreadPoolExecutor(2, {"initializer": set_up}))
    for number in range(3):
        send(executor, add, id=str(number), args=(1,))
        event = executor.scheduler.next_events()[0]
        assert (event.task_id, event.code) == (str(number), TASK_ERROR)
        assert isinstance(event.exception, BrokenExecutor)
        assert "BrokenThreadPool" in event.traceback
    broken.clear()
    send(executor, add, args=(1,))
    assert executor.scheduler.next_events()[0].code == TASK_EXECUTED
    assert executor.scheduler.instances == {}
    assert "'threads' is broken, and is replaced" in caplog.text


class _Refusing:
    """A pool that takes nothing."""

    def __init__(self, *args, **kwargs):
        self.error = kwargs["error"]

    def submit(self, *args):
        raise self.error

    def shutdown(self, wait=True):
        pass


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("cannot schedule new futures after shutdown"), PoolShutdownError),
        (RuntimeError("cannot schedule new futures after interpreter shutdown"), PoolShutdownError),
        (RuntimeError("can't start new thread"), RuntimeError),
        (BrokenExecutor("broken for good"), BrokenExecutor),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("kind", [ThreadPoolExecutor, BasePoolExecutor])
def test_what_a_pool_refuses_is_raised_and_leaves_no_trace(monkeypatch, error, expected, kind):
    refusing = _Refusing(error=error)
    monkeypatch.setattr(kind, "create_pool", lambda self: refusing)
    executor, scheduler, holds = kind(), StandIn(), []

    class Clock(type(SYSTEM_CLOCK)):
        hold = staticmethod(lambda: holds.append(1))
        release = staticmethod(lambda: holds.pop())

    executor.bind(Clock(), None)
    executor.start(scheduler, "refusing")
    with pytest.raises(expected) as caught:
        send(executor, add, args=(1,))
    assert type(caught.value) is expected
    assert (scheduler.instances, holds) == ({}, [])
    executor.shutdown()


def test_what_the_pool_failed_to_find_a_thread_for_is_not_run_later(started, monkeypatch):
    # The pool of Python queues a call before it starts a thread for it, and leaves it there when that fails.
    executor = started(ThreadPoolExecutor(1))
    starts = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no thread left")))
    with pytest.raises(RuntimeError, match="no thread left"):
        send(executor, add, id="refused", args=(1,))
    monkeypatch.setattr(threading.Thread, "start", starts)
    send(executor, add, id="taken", args=(1,))
    executor.shutdown()
    assert executor.scheduler.next_events()[0].task_id == "taken"
    assert executor.scheduler.events.empty()


def test_what_was_queued_behind_a_task_that_found_no_thread_is_reported(started, monkeypatch):
    executor = started(ThreadPoolExecutor(1))

    def fail_to_start(thread):
        # Meanwhile another thread sends a task too, and relies on the one that is being started.
        send(executor, add, id="relying", args=(1,))
        raise RuntimeError("no thread left")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_to_start)
        with pytest.raises(RuntimeError, match="no thread left"):
            send(executor, add, id="refused", args=(1,))
    (event,) = executor.scheduler.next_events()
    assert (event.task_id, event.code, str(event.exception)) == ("relying", TASK_ERROR, "no thread left")
    assert executor.scheduler.instances == {}
    send(executor, add, id="taken", args=(1,))
    assert executor.scheduler.next_events()[0].task_id == "taken"


def test_after_shutdown_nothing_is_taken_although_a_thread_is_still_running(started, gate):
    executor = started(ThreadPoolExecutor(1))
    occupy(executor, gate)
    executor.shutdown(wait=False)
    with pytest.raises(PoolShutdownError):
        send(executor, add, args=(1,))
    gate.open()
    assert executor.scheduler.next_events()[0].task_id == "blocker"
    assert executor.scheduler.instances == {}


def test_a_report_that_fails_does_not_cost_a_thread(started, caplog):
    executor = started(ThreadPoolExecutor(1))
    reports = []

    def report(*args):
        reports.append(args)
        raise LookupError("nobody listens")

    executor.bind(SYSTEM_CLOCK, report)
    for number in range(3):
        send(executor, add, id=str(number), args=(1,))
    executor.shutdown()
    assert [report[0] for report in reports] == ["0", "1", "2"]
    assert "nobody listens" in caplog.text


def test_every_task_is_run_once_whoever_sends_it(started):
    executor = started(ThreadPoolExecutor(4))
    ran, lock = [], threading.Lock()

    def note(name):
        with lock:
            ran.append(name)

    def send_many(sender):
        for number in range(500):
            name = f"{sender}-{number}"
            send(executor, note, id=name, args=(name,))

    senders = [threading.Thread(target=send_many, args=(sender,)) for sender in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    expected = sorted(f"{sender}-{number}" for sender in range(4) for number in range(500))
    assert sorted(event.task_id for event in executor.scheduler.next_events(2000)) == expected
    assert sorted(ran) == expected
    assert executor.scheduler.instances == {}
    executor.shutdown()
    assert executor.scheduler.events.empty()


def test_a_pool_executor_without_a_pool_says_so():
    with pytest.raises(NotImplementedError, match="BasePoolExecutor was given no pool"):
        BasePoolExecutor().start(StandIn(), "none")


HEADER = """
import collections, datetime, logging, threading
from asyncz.executors import ThreadPoolExecutor
from asyncz.executors.base import PoolShutdownError
from asyncz.tasks import Task

class StandIn:
    def __init__(self):
        self.instances, self.event, self.done = {}, None, threading.Event()
        self.loggers = collections.defaultdict(logging.getLogger)
    create_lock = staticmethod(threading.RLock)
    def dispatch_event(self, event):
        self.event = event
        self.done.set()

def send(executor, fn, *args):
    executor.send_task(Task(fn, args=args, id="t"), [datetime.datetime.now(datetime.timezone.utc)])
"""


@pytest.mark.process
def test_idle_workers_do_not_keep_the_interpreter(run_python):
    code = """
    executor = ThreadPoolExecutor()
    executor.start(StandIn(), "threads")
    send(executor, len, "abc")
    assert executor.scheduler.done.wait(30)
    print(executor.scheduler.event.return_value)
    """
    assert run_python(HEADER + code.replace("\n    ", "\n")) == "3"


@pytest.mark.process
def test_when_the_interpreter_exits_tasks_are_refused_in_a_way_of_its_own(run_python):
    code = """
    import atexit
    executor = ThreadPoolExecutor()
    executor.start(StandIn(), "threads")
    send(executor, len, "abc")
    assert executor.scheduler.done.wait(30)

    @atexit.register
    def late():
        try:
            send(executor, print, "never")
        except PoolShutdownError as exc:
            print(exc, executor.scheduler.instances)
    """
    printed = run_python(HEADER + code.replace("\n    ", "\n"))
    assert printed.startswith("The pool of executor 'threads' takes no more tasks: cannot schedule new futures after")
    assert printed.endswith("{}")

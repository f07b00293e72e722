"""What every face (a scheduler class, and the place where it is used) guarantees.

A test file derives a class from :class:`FaceContract` and says in ``make_face`` how a face is made. Verbs are called
where a user of that face would call them; whatever a test waits for is an event, a future or a gate that it opens.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from asyncz import events
from asyncz.enums import RunState, SchedulerState
from asyncz.events import SCHEDULER_SHUTDOWN, TASK_EXECUTED
from asyncz.exceptions import SchedulerNotRunningError
from asyncz.executors import DebugExecutor, ThreadPoolExecutor
from asyncz.stores import MemoryStore
from asyncz.testing import VirtualClock
from asyncz.utils import make_async_function, make_function

#: Seconds after which something that should have come is given up; nothing waits that long.
PATIENCE = 60
NAMES = {getattr(events, name): name for name in events.__all__ if name.isupper()}
ENDINGS = ("TASK_EXECUTED", "TASK_ERROR", "TASK_MISSED")


class Log:
    """Listens to everything."""

    def __init__(self):
        self.entries = []  # (name of the code, task id, thread)
        self.came = threading.Condition()

    def __call__(self, event):
        with self.came:
            entry = (NAMES[event.code], getattr(event, "task_id", None), threading.get_ident())
            self.entries.append(entry)
            self.came.notify_all()

    def names(self, *wanted):
        return [name for name, *_ in list(self.entries) if name in wanted or not wanted]

    def of(self, task_id):
        return [name for name, known, _ in list(self.entries) if known == task_id]

    def threads(self, *wanted):
        return {thread for name, _, thread in list(self.entries) if name in wanted}

    def has(self, name, count=1):
        return len(self.names(name)) >= count

    def wait(self, name, count=1):
        with self.came:
            assert self.came.wait_for(lambda: self.has(name, count), PATIENCE), (name, self.entries)


def in_thread(fn, *args, **kwargs):
    """Call a function in a thread of its own and return a future."""
    future = Future()

    def work():
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as exc:
            future.set_exception(exc)

    threading.Thread(target=work, daemon=True).start()
    return future


def everywhere(count, fn):
    """Call a function in many threads at once, with the number of each."""
    line = threading.Barrier(count)

    def work(number):
        line.wait(PATIENCE)
        return fn(number)

    return [future.result(PATIENCE) for future in [in_thread(work, number) for number in range(count)]]


class Face:
    """A scheduler and the place where its verbs are called; here, the thread of the test."""

    #: Whether ``shutdown`` returns when the scheduler has stopped, and raises TimeoutError otherwise.
    waits = True

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.log = Log()
        scheduler.add_listener(self.log)

    def do(self, fn, *args, **kwargs):
        """Call something, and await it if that is to be done."""
        return fn(*args, **kwargs)

    def start(self, paused=False):
        return self.do(self.scheduler.start, paused=paused)

    def shutdown(self, wait=True):
        return self.do(self.scheduler.shutdown, wait=wait)

    def stop(self):
        """Shut down, and return when the scheduler has stopped."""
        assert self.shutdown() is True
        self.log.wait("SCHEDULER_SHUTDOWN")

    def wait(self, name, count=1):
        """Return when so many events of that name have come."""
        self.log.wait(name, count)

    def close(self):
        """Leave nothing behind."""
        while self.scheduler.running:
            self.shutdown(wait=False)
        self.wait("SCHEDULER_SHUTDOWN", self.log.names().count("SCHEDULER_STARTED"))

    #: The thread in which events come that no verb brings about; None when it does not matter.
    home = None


class LoopHere:
    """An event loop that runs in another thread, as the main loop of a program does; verbs are called on it."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def do(self, fn, *args, **kwargs):
        async def call():
            result = fn(*args, **kwargs)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(PATIENCE)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)


class FaceOnLoop(Face):
    """A scheduler whose verbs are called on a running loop."""

    def __init__(self, scheduler, here):
        super().__init__(scheduler)
        self.here = here
        self.do = here.do

    def close(self):
        super().close()
        self.here.close()


class BrokenStore(MemoryStore):
    """Fails as often as it is told, when it is started or when something is put in."""

    def __init__(self, starting=0, inserting=0):
        super().__init__()
        self.failures = {"starting": starting, "inserting": inserting}

    def _fail(self, stage):
        if self.failures[stage]:
            self.failures[stage] -= 1
            raise OSError(f"no {stage} today")

    def start(self, scheduler, alias):
        self._fail("starting")
        super().start(scheduler, alias)

    def insert(self, task, nominal=None):
        self._fail("inserting")
        return super().insert(task, nominal)


def ceasing(scheduler):
    """Return an event that is set at the moment in which a shutdown makes the scheduler cease to schedule."""
    ceased, leave = threading.Event(), scheduler._leave

    def leaving():
        life = leave()
        ceased.set()
        return life

    scheduler._leave = leaving
    return ceased


class FaceContract:
    """Derive from this, and make a face; ``make_face`` is handed the options of the scheduler."""

    #: Whether coroutines run on one loop. Elsewhere each run has its own, which closes asynchronous generators.
    has_loop = True

    def make_face(self, **options):
        raise NotImplementedError

    @pytest.fixture
    def face(self):
        with self.open() as face:
            yield face

    @contextmanager
    def open(self, **options):
        options = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging", **options}
        face = self.make_face(**options)
        try:
            yield face
        finally:
            face.close()

    # -- starting ---------------------------------------------------------------------------------------------------

    def test_only_the_first_start_starts_and_only_the_last_shutdown_stops(self, face):
        scheduler = face.scheduler
        assert (scheduler.running, scheduler.state) == (False, SchedulerState.STATE_STOPPED)
        assert [face.start(), face.start(), face.shutdown()] == [True, False, False]
        assert (scheduler.running, scheduler.state) == (True, SchedulerState.STATE_RUNNING)
        assert face.shutdown() is True
        assert (scheduler.running, scheduler.state, scheduler.ref_counter) == (False, SchedulerState.STATE_STOPPED, 0)
        face.wait("SCHEDULER_SHUTDOWN")
        assert face.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == ["SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN"]

    def test_a_shutdown_that_is_refused_leaves_the_count_right(self, face):
        for _ in range(2):
            with pytest.raises(SchedulerNotRunningError):
                face.shutdown()
        assert face.scheduler.ref_counter == 0
        assert [face.start(), face.start(), face.shutdown()] == [True, False, False]
        face.stop()
        with pytest.raises(SchedulerNotRunningError):
            face.shutdown()

    @pytest.mark.parametrize("failure", ["starting", "inserting"])
    def test_a_start_that_fails_leaves_the_scheduler_stopped_and_what_was_queued_still_queued(self, failure):
        store = BrokenStore(**{failure: 1})
        with self.open(stores={"default": store}) as face:
            scheduler, ran = face.scheduler, []
            scheduler.add_task(ran.append, args=["first"], id="first")
            scheduler.add_task(ran.append, args=["second"], id="second")
            with pytest.raises(OSError, match="today"):
                face.start()
            assert (scheduler.running, scheduler.ref_counter, scheduler.started_at) == (False, 0, None)
            assert [(task.id, task.pending) for task in scheduler.get_tasks()] == [("first", True), ("second", True)]
            assert "default" not in scheduler.executors, "made for a start that failed"
            assert not face.log.has("SCHEDULER_STARTED")
            with pytest.raises(SchedulerNotRunningError):
                face.shutdown()
            assert face.start() is True
            face.wait("TASK_EXECUTED", 2)
            assert sorted(ran) == ["first", "second"]

    def test_a_start_that_fails_in_an_executor_shuts_down_those_that_were_started(self):
        class Executor(ThreadPoolExecutor):
            def __init__(self, does_fail):
                super().__init__()
                self.does_fail, self.was_shut_down = does_fail, 0

            def start(self, scheduler, alias):
                super().start(scheduler, alias)
                if self.does_fail:
                    self.does_fail = False
                    raise OSError("no threads today")

            def shutdown(self, wait=True):
                self.was_shut_down += 1
                super().shutdown(wait)

        executors = {"default": Executor(False), "other": Executor(True)}
        with self.open(executors=executors) as face:
            with pytest.raises(OSError, match="no threads"):
                face.start()
            assert [executor.was_shut_down for executor in executors.values()] == [1, 1]
            assert face.start() is True

    def test_stores_tasks_and_the_start_are_told_in_this_order_before_the_work(self, face):
        face.scheduler.add_task(print, "interval", days=1, id="queued")
        face.scheduler.add_task(threading.get_ident, id="now")
        assert face.log.names() == []
        face.start()
        face.wait("TASK_EXECUTED")
        assert face.log.names()[:6] == [
            "EXECUTOR_ADDED", "STORE_ADDED", "TASK_ADDED", "TASK_ADDED", "SCHEDULER_STARTED", "TASK_REMOVED",
        ]  # fmt: skip

    def test_a_scheduler_that_is_started_paused_runs_nothing_until_it_is_resumed(self, face):
        scheduler = face.scheduler
        scheduler.add_task(threading.get_ident, id="queued")
        assert face.start(paused=True) is True
        assert (scheduler.running, scheduler.state) == (True, SchedulerState.STATE_PAUSED)
        scheduler.add_task(threading.get_ident, id="added")
        assert face.do(scheduler.process_tasks) is None
        assert not face.log.has("TASK_SUBMITTED")
        face.do(scheduler.resume)
        face.wait("TASK_EXECUTED", 2)

    def test_pausing_and_resuming_are_told_once_and_refused_when_stopped(self, face):
        scheduler = face.scheduler
        for verb in (scheduler.pause, scheduler.resume):
            with pytest.raises(SchedulerNotRunningError):
                verb()
        face.start()
        for verb in (scheduler.resume, scheduler.pause, scheduler.pause, scheduler.resume, scheduler.resume):
            face.do(verb)
        assert face.log.names("SCHEDULER_PAUSED", "SCHEDULER_RESUMED") == ["SCHEDULER_PAUSED", "SCHEDULER_RESUMED"]

    def test_a_run_goes_on_while_the_scheduler_is_paused_and_its_outcome_is_told(self, face):
        begun, gate = threading.Event(), threading.Event()

        def work():
            begun.set()
            return gate.wait(PATIENCE)

        face.start()
        face.scheduler.add_task(work)
        face.wait("TASK_SUBMITTED")
        assert begun.wait(PATIENCE)
        face.do(face.scheduler.pause)
        gate.set()
        face.wait("TASK_EXECUTED")

    # -- stopping ---------------------------------------------------------------------------------------------------

    def test_shutdown_lets_runs_come_to_their_end_and_is_told_last(self, face):
        begun, gate, finished = threading.Event(), threading.Event(), []

        def work():
            begun.set()
            gate.wait(PATIENCE)
            finished.append(face.scheduler.running)

        face.start()
        face.scheduler.add_task(work, id="work")
        face.wait("TASK_SUBMITTED")
        assert begun.wait(PATIENCE)
        ceased = ceasing(face.scheduler)
        ending = in_thread(face.shutdown)
        assert ceased.wait(PATIENCE)
        assert not face.log.has("SCHEDULER_SHUTDOWN")
        gate.set()
        assert ending.result(PATIENCE) is True
        face.wait("SCHEDULER_SHUTDOWN")
        assert finished == [False]
        assert face.log.of("work")[-1] == "TASK_EXECUTED"
        assert face.log.names()[-1] == "SCHEDULER_SHUTDOWN"

    def test_shutdown_that_waits_also_runs_what_has_been_claimed_and_has_not_begun(self):
        with self.open(executors={"default": ThreadPoolExecutor(1)}) as face:
            begun, gate = threading.Event(), threading.Event()
            face.scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE)), id="a")
            face.scheduler.add_task(threading.get_ident, id="b")
            face.start()
            face.wait("TASK_SUBMITTED", 2)
            assert begun.wait(PATIENCE)
            ending = in_thread(face.shutdown)
            gate.set()
            assert ending.result(PATIENCE) is True
            face.wait("SCHEDULER_SHUTDOWN")
            assert face.log.names(*ENDINGS, "SCHEDULER_SHUTDOWN") == [
                "TASK_EXECUTED", "TASK_EXECUTED", "SCHEDULER_SHUTDOWN",
            ]  # fmt: skip

    def test_shutdown_that_does_not_wait_reports_what_has_not_begun_as_missed(self):
        with self.open(executors={"default": ThreadPoolExecutor(1)}) as face:
            begun, gate, ended = threading.Event(), threading.Event(), threading.Event()
            face.scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE), ended.set()), id="a")
            face.scheduler.add_task(ended.set, id="b")
            face.start()
            face.wait("TASK_SUBMITTED", 2)
            assert begun.wait(PATIENCE)
            assert face.shutdown(wait=False) is True
            face.wait("SCHEDULER_SHUTDOWN")
            assert not ended.is_set()
            gate.set()
            assert ended.wait(PATIENCE)
            assert face.log.of("b")[-1] == "TASK_MISSED"
            assert face.log.names()[-1] == "SCHEDULER_SHUTDOWN"
            assert [name for name in face.log.of("a") if name in ENDINGS] == []

    @pytest.mark.parametrize("wait", [True, False])
    def test_executors_are_told_whether_to_wait(self, wait):
        heard = []

        class Executor(DebugExecutor):
            def shutdown(self, wait=True):
                heard.append(wait)

        with self.open(executors={"default": Executor()}) as face:
            face.start()
            assert face.shutdown(wait=wait) is True
            face.wait("SCHEDULER_SHUTDOWN")
        assert heard == [wait]

    def test_a_scheduler_can_be_started_again_with_what_was_queued_meanwhile(self, face):
        for life in range(3):
            face.scheduler.add_task(threading.get_ident, id=f"queued {life}")
            assert face.start() is True
            face.scheduler.add_task(threading.get_ident, id=f"live {life}")
            face.wait("TASK_EXECUTED", 2 * life + 2)
            assert face.shutdown() is True
            face.wait("SCHEDULER_SHUTDOWN", life + 1)
            assert face.scheduler.get_tasks() == []

    @pytest.mark.realtime
    def test_timeout_ends_the_wait_for_runs_and_the_scheduler_is_stopped_all_the_same(self, caplog):
        with self.open(timeout=PATIENCE, executors={"default": ThreadPoolExecutor(1)}) as face:
            begun, gate = threading.Event(), threading.Event()
            face.scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE)))
            face.start()
            face.scheduler.timeout = 0.02
            face.wait("TASK_SUBMITTED")
            assert begun.wait(PATIENCE)
            if face.waits:
                with pytest.raises(TimeoutError, match=r"0\.02 s"):
                    face.shutdown()
            else:
                assert face.shutdown() is True
            face.wait("SCHEDULER_SHUTDOWN")
            assert "runs that had not ended: 1" in caplog.text
            gate.set()
            assert not face.scheduler.running
            face.scheduler.timeout = PATIENCE
            assert face.start() is True

    # -- what a scheduler does to itself ----------------------------------------------------------------------------

    def shut_down_from_within(self, face):
        """Return a task that shuts its scheduler down, in the way that suits the face."""
        return face.scheduler.shutdown

    @pytest.mark.parametrize("wait", [True, False])
    def test_a_task_can_shut_its_scheduler_down_and_ends_well(self, face, wait):
        shut_down = self.shut_down_from_within(face)
        face.scheduler.add_task(lambda: shut_down(wait=wait), id="last")
        face.start()
        face.wait("SCHEDULER_SHUTDOWN")
        assert not face.scheduler.running
        if wait:
            assert face.log.of("last")[-1] == "TASK_EXECUTED"
        assert face.log.names()[-1] == "SCHEDULER_SHUTDOWN"

    def test_a_coroutine_can_shut_its_scheduler_down_and_ends_well(self, face):
        async def last():
            result = face.scheduler.shutdown()
            result = await result if asyncio.iscoroutine(result) else result
            await asyncio.sleep(0)
            return result

        face.scheduler.add_task(last, id="last")
        face.start()
        face.wait("SCHEDULER_SHUTDOWN")
        assert face.log.of("last")[-1] == "TASK_EXECUTED"
        assert face.log.names()[-1] == "SCHEDULER_SHUTDOWN"

    def test_a_coroutine_can_shut_its_scheduler_down_and_start_it_again(self, face):
        async def awaited(result):
            return await result if asyncio.iscoroutine(result) else result

        async def again():
            results = [await awaited(face.scheduler.shutdown()), await awaited(face.scheduler.start())]
            await asyncio.sleep(0)
            return results

        seen = []
        face.scheduler.add_listener(lambda event: seen.append(event.return_value), TASK_EXECUTED)
        face.scheduler.add_task(again, id="again")
        face.start()
        face.wait("TASK_EXECUTED")
        assert seen == [[True, True]]
        assert face.scheduler.running
        assert face.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == [
            "SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN", "SCHEDULER_STARTED",
        ]  # fmt: skip
        face.scheduler.add_task(threading.get_ident, id="again")
        face.wait("TASK_EXECUTED", 2)
        assert face.shutdown() is True
        face.wait("SCHEDULER_SHUTDOWN", 2)

    def test_a_listener_can_shut_the_scheduler_down(self, face):
        shut_down = self.shut_down_from_within(face)
        face.scheduler.add_listener(lambda event: shut_down(), TASK_EXECUTED)
        face.scheduler.add_task(threading.get_ident, id="once")
        face.start()
        face.wait("SCHEDULER_SHUTDOWN")
        assert face.log.names()[-1] == "SCHEDULER_SHUTDOWN"

    # -- shutdown tasks ---------------------------------------------------------------------------------------------

    def test_shutdown_tasks_run_once_after_the_last_run_and_before_the_end_is_told(self, face):
        order = []

        async def flush():
            await asyncio.sleep(0)
            order.append("flushed")

        face.scheduler.add_listener(lambda event: order.append("told"), SCHEDULER_SHUTDOWN)
        face.scheduler.add_task(order.append, "shutdown", args=["called"])
        face.scheduler.add_task(flush, "shutdown")
        face.scheduler.add_task(order.append, args=["ran"], id="run")
        face.start()
        face.wait("TASK_EXECUTED")
        face.stop()
        assert order[0] == "ran"
        assert sorted(order[1:3]) == ["called", "flushed"]
        assert order[3:] == ["told"]

    def test_a_shutdown_task_that_fails_is_logged_and_stops_nothing(self, face, caplog):
        ran = []

        async def fail_later():
            raise SystemExit("of a coroutine")

        def fail():
            raise SystemExit("of a function")

        for fn in (fail, fail_later):
            face.scheduler.add_task(fn, "shutdown")
        face.scheduler.add_task(ran.append, "shutdown", args=["ran"])
        face.start()
        face.stop()
        assert ran == ["ran"]
        assert "of a coroutine" in caplog.text
        assert "of a function" in caplog.text

    def test_a_generator_can_be_driven_by_tasks_and_ended_by_the_shutdown(self, face):
        trace = []

        def lifecycle():
            trace.append("setup")
            while (yield):
                trace.append("tick")
            trace.append("cleanup")

        generator = lifecycle()
        generator.send(None)
        face.scheduler.add_task(make_function(generator.send), args=[True], id="tick")
        face.scheduler.add_task(make_function(generator.send), "shutdown", args=[False])
        face.start()
        face.wait("TASK_EXECUTED")
        face.stop()
        assert trace == ["setup", "tick", "cleanup"]

    def test_an_asynchronous_generator_can_be_driven_by_tasks_and_ended_by_the_shutdown(self, face):
        if not self.has_loop:
            pytest.skip("each run has a loop of its own")
        trace = []

        async def lifecycle():
            trace.append("setup")
            while (yield):
                trace.append("tick")
                await asyncio.sleep(0)
            trace.append("cleanup")

        generator = lifecycle()
        face.scheduler.add_task(make_async_function(generator.asend), args=[None], id="setup")
        face.start()
        face.wait("TASK_EXECUTED")
        face.scheduler.add_task(make_async_function(generator.asend), args=[True], id="tick")
        face.scheduler.add_task(make_async_function(generator.asend), "shutdown", args=[False])
        face.wait("TASK_EXECUTED", 2)
        face.stop()
        assert trace == ["setup", "tick", "cleanup"]

    # -- threads ----------------------------------------------------------------------------------------------------

    def test_tasks_can_be_added_and_removed_in_many_threads_at_once_and_each_runs_once(self, face):
        ran, threads, each = [], 8, 20

        def work(number):
            for index in range(each):
                face.scheduler.add_task(ran.append, args=[(number, index)], id=f"{number} {index}")
                face.scheduler.add_task(ran.append, "interval", days=1, args=["never"], id=f"never {number} {index}")
            for index in range(each):
                face.scheduler.delete_task(f"never {number} {index}")

        face.start()
        everywhere(threads, work)
        face.wait("TASK_EXECUTED", threads * each)
        assert sorted(ran) == [(number, index) for number in range(threads) for index in range(each)]
        assert face.scheduler.get_tasks() == []

    def test_no_task_is_lost_that_is_added_while_the_scheduler_starts(self, face):
        ran, count = [], 40

        def work(number):
            if number == 0:
                return face.start()
            for index in range(count):
                face.scheduler.add_task(ran.append, args=[(number, index)])
            return None

        everywhere(5, work)
        face.wait("TASK_EXECUTED", 4 * count)
        assert sorted(ran) == [(number, index) for number in range(1, 5) for index in range(count)]

    def test_of_many_starts_at_once_one_starts_and_of_as_many_shutdowns_one_stops(self, face):
        assert sorted(everywhere(8, lambda number: face.start())) == [False] * 7 + [True]
        assert sorted(everywhere(8, lambda number: face.shutdown())) == [False] * 7 + [True]
        face.wait("SCHEDULER_SHUTDOWN")
        assert face.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == ["SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN"]

    def test_lives_that_threads_start_and_stop_as_they_like_do_not_overlap(self, face):
        def work(number):
            for _ in range(10):
                face.start()
                face.scheduler.add_task(threading.get_ident)
                face.shutdown(wait=number % 2 == 0)

        everywhere(4, work)
        lives = len(face.log.names("SCHEDULER_STARTED"))
        face.wait("SCHEDULER_SHUTDOWN", lives)
        assert face.log.names("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN") == [
            "SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN",
        ] * lives  # fmt: skip
        assert face.scheduler.ref_counter == 0
        assert face.start() is True
        face.scheduler.add_task(threading.get_ident, id="after all")
        while "TASK_EXECUTED" not in face.log.of("after all"):
            face.wait("TASK_EXECUTED", face.log.names().count("TASK_EXECUTED") + 1)

    def test_a_wakeup_in_another_thread_is_enough_to_have_it_look_at_the_clock(self):
        clock = VirtualClock()
        with self.open(clock=clock) as face:
            face.scheduler.add_task(threading.get_ident, "interval", days=1)
            face.start()
            clock.advance(days=1)
            in_thread(face.scheduler.wakeup).result(PATIENCE)
            face.wait("TASK_EXECUTED")

    def test_events_of_verbs_come_in_the_thread_of_the_caller_before_the_verb_returns(self, face):
        face.start()
        scheduler, log = face.scheduler, face.log

        def verbs():
            for verb, name in [
                (lambda: scheduler.add_task(threading.get_ident, "interval", days=1, id="a"), "TASK_ADDED"),
                (lambda: scheduler.update_task("a", name="b"), "TASK_MODIFIED"),
                (lambda: scheduler.run_task("a"), "TASK_SUBMITTED"),
                (lambda: scheduler.delete_task("a"), "TASK_REMOVED"),
                (lambda: scheduler.remove_all_tasks(), "ALL_TASKS_REMOVED"),
                (scheduler.pause, "SCHEDULER_PAUSED"),
                (scheduler.resume, "SCHEDULER_RESUMED"),
            ]:
                verb()
                assert log.threads(name) == {threading.get_ident()}, name

        in_thread(verbs).result(PATIENCE)

    def test_other_events_come_in_the_thread_of_the_passes(self, face):
        face.start()
        for number in range(20):
            face.scheduler.add_task(threading.get_ident, id=str(number))
        face.wait("TASK_EXECUTED", 20)
        threads = face.log.threads("TASK_SUBMITTED", "TASK_EXECUTED")
        assert len(threads) == 1
        if face.home is not None:
            assert threads == {face.home()}

    def test_a_submission_is_told_before_its_outcome_in_whatever_thread_it_was_brought_about(self, face):
        face.start()
        for number in range(8):
            face.scheduler.add_task(threading.get_ident, "interval", days=1, id=f"by hand {number}")

        def work(number):
            for index in range(10):
                face.scheduler.add_task(threading.get_ident, id=f"added {number} {index}")
                done = face.log.of(f"by hand {number}").count("TASK_EXECUTED")
                face.scheduler.run_task(f"by hand {number}")
                with face.log.came:
                    face.log.came.wait_for(
                        lambda done=done: face.log.of(f"by hand {number}").count("TASK_EXECUTED") > done, PATIENCE
                    )

        self.drive_while(face, in_thread(everywhere, 8, work))
        face.wait("TASK_EXECUTED", 8 * 20)
        for task_id in {task_id for _, task_id, _ in face.log.entries if task_id}:
            told = [name for name in face.log.of(task_id) if name in ("TASK_SUBMITTED", "TASK_EXECUTED")]
            assert told == ["TASK_SUBMITTED", "TASK_EXECUTED"] * (len(told) // 2), task_id

    def drive_while(self, face, future):
        """Wait for something that needs the face to go on."""
        return future.result(PATIENCE)

    def test_a_run_by_hand_of_a_running_scheduler_is_waited_for_like_any_other(self, face):
        begun, gate = threading.Event(), threading.Event()
        face.scheduler.add_task(lambda: (begun.set(), gate.wait(PATIENCE)), "interval", days=1, id="a")
        face.start()
        face.scheduler.run_task("a")
        assert begun.wait(PATIENCE)
        ending = in_thread(face.shutdown)
        gate.set()
        assert ending.result(PATIENCE) is True
        face.wait("SCHEDULER_SHUTDOWN")
        assert face.log.names(*ENDINGS) == ["TASK_EXECUTED"]

    # -- how long it sleeps -----------------------------------------------------------------------------------------

    def test_the_wait_until_the_next_run_is_elapsed_time_not_a_difference_of_wall_clocks(self):
        # Clocks in Berlin go from 02:00 to 03:00 on that day, at 01:00 UTC.
        clock = VirtualClock("2024-03-31T00:59:59Z")
        with self.open(clock=clock, timezone="Europe/Berlin") as face:
            face.start()
            face.scheduler.add_task(print, "cron", hour=3, minute=0)
            assert face.do(face.scheduler.process_tasks) == 1.0

    def test_the_wait_is_at_most_ten_seconds_unless_the_clock_is_virtual(self):
        with self.open() as face:
            face.start()
            assert face.do(face.scheduler.process_tasks) is None
            face.scheduler.add_task(print, "interval", days=1)
            assert face.do(face.scheduler.process_tasks) == 10.0
        with self.open(clock=VirtualClock()) as face:
            face.start()
            face.scheduler.add_task(print, "interval", days=1)
            assert face.do(face.scheduler.process_tasks) == 86400.0

    def test_a_run_of_a_stopped_scheduler_is_no_live_run_any_more(self, face):
        face.start()
        face.scheduler.add_task(threading.get_ident, id="a")
        face.wait("TASK_EXECUTED")
        face.stop()
        assert face.scheduler.instances == {}
        assert [run.state for run in face.scheduler.get_runs("a")] == [RunState.EXECUTED]

"""Nothing that is due is lost, run twice, or in the way for ever, whatever listeners, stores and executors do."""

from __future__ import annotations

import asyncio
import datetime

import pytest
from contracts.plain_store import DictStore

from asyncz.events import TASK_EXECUTED, TASK_SUBMITTED
from asyncz.executors import BaseExecutor
from asyncz.executors.base import PoolShutdownError
from asyncz.executors.job import Job, run_job
from asyncz.executors.pool import ThreadPoolExecutor
from asyncz.leading import Leadership
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, drive, run
from asyncz.triggers.base import BaseTrigger


class Held(BaseExecutor):
    """Runs what it was sent when it is told to."""

    def __init__(self):
        self.sent = []

    def do_send_task(self, task, run_times):
        self.sent.append((task, run_times))

    def release(self):
        task, run_times = self.sent.pop(0)
        self.finished(task, run_times, run_job(Job(task, run_times, self.clock)))


class Durable(DictStore):
    """A user's store that keeps its tasks when it is shut down, and cannot write those that are named broken."""

    def __init__(self):
        super().__init__()
        self.broken = set()

    def update_task(self, task):
        if task.id in self.broken:
            raise OSError("disk full")
        super().update_task(task)


@pytest.fixture
def make(request):
    def make_scheduler(**options):
        options = {
            "clock": VirtualClock("2024-05-01"),
            "timezone": "UTC",
            "loggers_class": "asyncz.schedulers.base:ClassicLogging",
            "executors": {"default": {"type": "debug"}},
            **options,
        }
        scheduler = BaseScheduler(**options)
        request.addfinalizer(lambda: scheduler.running and scheduler.shutdown(wait=False))
        scheduler.start()
        return scheduler

    return make_scheduler


def live_runs(scheduler):
    return [info.task_id for info in scheduler.get_runs() if info.state.value == "submitted"]


# -- what listeners, loggers and triggers do wrong --------------------------------------------------------------------


def test_a_listener_that_raises_the_cancellation_of_a_future_does_not_stop_the_passes():
    def listen(event):
        raise asyncio.CancelledError

    async def main(clock):
        ran = []
        scheduler = AsyncIOScheduler(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging")
        scheduler.add_listener(listen)
        scheduler.start()
        scheduler.add_task(ran.append, "interval", seconds=1, args=[1])
        await asyncio.sleep(3.5)
        scheduler.shutdown()
        return len(ran)

    assert run(main) == 3


def test_a_pass_that_breaks_off_is_made_again_by_the_loop():
    async def main(clock):
        ran = []
        scheduler = AsyncIOScheduler(timezone="UTC")
        step, failures = scheduler._step, [RuntimeError("out of the blue")]

        def failing(now):
            if failures and now >= start + datetime.timedelta(seconds=2):
                raise failures.pop()
            return step(now)

        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        start = scheduler.clock.now()
        scheduler._step = failing
        scheduler.start()
        scheduler.add_task(ran.append, "interval", seconds=1, args=[1], coalesce=False)
        await asyncio.sleep(5.5)
        scheduler.shutdown()
        return len(ran)

    assert run(main) == 5


class Unspeakable(BaseTrigger):
    """Fails, and cannot be shown."""

    def get_next_trigger_time(self, timezone, previous_time, now=None):
        if previous_time is not None:
            raise ValueError("no idea")
        return now

    def __str__(self):
        raise RuntimeError("cannot be shown")


def test_a_trigger_that_fails_and_cannot_be_shown_is_in_the_way_of_no_other_task(make):
    ran, scheduler = [], make()
    scheduler.add_task(ran.append, Unspeakable(), args=["a"], id="a")
    scheduler.add_task(ran.append, "interval", seconds=1, args=["b"], id="b")
    drive(scheduler, 1)
    assert ran == ["a", "b"]
    assert scheduler.get_task("a").paused


class Naive(BaseTrigger):
    def get_next_trigger_time(self, timezone, previous_time, now=None):
        return datetime.datetime(2024, 5, 2)


@pytest.mark.parametrize("store", [MemoryStore, Durable])
def test_a_trigger_that_returns_naive_times_is_refused_and_the_task_goes_on_as_before(make, store):
    ran, scheduler = [], make(stores={"default": store()})
    scheduler.add_task(ran.append, "interval", seconds=1, args=["a"], id="a")
    with pytest.raises(TypeError, match="aware datetime"):
        scheduler.reschedule_task("a", trigger=Naive())
    with pytest.raises(TypeError, match="aware datetime"):
        scheduler.add_task(ran.append, Naive(), args=["b"], id="b")
    assert [task.id for task in scheduler.get_tasks()] == ["a"]
    drive(scheduler, 2)
    assert ran == ["a", "a"]


def test_a_log_that_fails_keeps_no_outcome_from_being_reported(make):
    def fail():
        raise ValueError("no")

    held = Held()
    scheduler = make(executors={"default": held})
    scheduler.add_task(fail, "interval", seconds=1, id="a")
    drive(scheduler, 1)

    class Full:
        def error(self, text):
            raise OSError("disk full")

    held.logger = Full()
    with pytest.raises(OSError, match="disk full"):
        held.release()
    drive(scheduler, 1)
    assert live_runs(scheduler) == ["a"]
    assert len(held.sent) == 1


# -- what executors do wrong ------------------------------------------------------------------------------------------


class Interrupted(Held):
    """Sending raises once what is no Exception."""

    def __init__(self):
        super().__init__()
        self.problems = [asyncio.CancelledError()]

    def do_send_task(self, task, run_times):
        if self.problems:
            raise self.problems.pop()
        super().do_send_task(task, run_times)


def test_a_batch_that_breaks_off_leaves_no_claim_behind(make):
    executor = Interrupted()
    scheduler = make(executors={"default": executor})
    for name in "abc":
        scheduler.add_task(print, "interval", seconds=1, id=name)
    scheduler.clock.advance(1)
    with pytest.raises(asyncio.CancelledError):
        scheduler.process_tasks()
    scheduler.process_tasks()
    assert [task.id for task, _ in executor.sent] == ["b", "c"]
    assert sorted(live_runs(scheduler)) == ["b", "c"]
    assert [info.state.value for info in scheduler.get_runs("a")] == ["error"]


def test_a_pool_that_was_shut_down_gives_back_claims_also_of_tasks_that_were_changed_meanwhile(make):
    class Closing(Held):
        is_closed = False

        def do_send_task(self, task, run_times):
            if self.is_closed:
                scheduler.update_task("b", name="changed")
                raise PoolShutdownError("closed")
            super().do_send_task(task, run_times)

    executor = Closing()
    scheduler = make(executors={"default": executor})
    scheduler.add_task(print, "interval", seconds=1, id="a")
    scheduler.add_task(print, "interval", seconds=1, id="b")
    executor.is_closed = True
    drive(scheduler, 1)
    assert live_runs(scheduler) == []
    executor.is_closed = False
    scheduler.resume()
    drive(scheduler, 1)
    assert sorted(task.id for task, _ in executor.sent) == ["a", "b"]


def test_an_executor_that_was_taken_out_during_a_pass_stops_nobody_else(make):
    class Leaving(Held):
        def do_send_task(self, task, run_times):
            scheduler.remove_executor("leaving")
            raise PoolShutdownError("closed")

    ran, scheduler = [], make()
    scheduler.add_executor(Leaving(), "leaving")
    scheduler.add_task(ran.append, "interval", seconds=1, args=["a"], id="a", executor="leaving")
    scheduler.add_task(ran.append, "interval", seconds=1, args=["b"], id="b")
    drive(scheduler, 2)
    assert ran == ["b", "b"]
    assert live_runs(scheduler) == []
    scheduler.add_executor(Leaving(), "leaving")
    with pytest.raises(LookupError, match="removed just now"):
        scheduler.run_task("a")
    assert live_runs(scheduler) == []
    scheduler.add_executor("debug", "leaving")
    drive(scheduler)
    assert ran == ["b", "b", "a"]


def test_a_job_that_cannot_be_run_at_all_fails_and_the_pool_goes_on(monkeypatch):
    from asyncz.executors import pumps

    def broken(job):
        raise MemoryError

    scheduler = BaseScheduler(
        clock=VirtualClock("2024-05-01"), timezone="UTC", executors={"default": ThreadPoolExecutor(1)}
    )
    with scheduler:
        monkeypatch.setattr(pumps, "run_job", broken)
        scheduler.add_task(print, id="a")
        scheduler.process_tasks()
        scheduler.executors["default"].shutdown()
        scheduler.process_tasks()
        assert [(info.state.value, info.error) for info in scheduler.get_runs("a")] == [("error", "MemoryError")]
        assert dict(scheduler.instances) == {}


def test_what_was_sent_to_a_loop_that_was_closed_before_it_came_to_it_counts_as_running_no_more():
    scheduler = AsyncIOScheduler(timezone="UTC", clock=VirtualClock("2024-05-01"))
    ran = []

    async def work():
        ran.append(1)

    loop = asyncio.new_event_loop()

    async def begin():
        scheduler.start()
        scheduler.add_task(work, "interval", hours=1, id="a")

    loop.run_until_complete(begin())
    scheduler.run_task("a")  # not on the loop, which is at rest
    loop.close()

    async def again():
        scheduler.start()
        scheduler.add_task(work, "interval", hours=1, id="a")
        scheduler.run_task("a")
        await asyncio.sleep(0.01)
        assert dict(scheduler.instances) == {}
        scheduler.shutdown()

    asyncio.run(again())
    assert ran == [1]


# -- stores that break, leave and come back ---------------------------------------------------------------------------


def test_a_store_that_breaks_in_the_midst_of_a_batch_leaves_no_claim_behind(make):
    ran, store = [], Durable()
    scheduler = make(stores={"default": store})
    for name in "abc":
        scheduler.add_task(ran.append, "interval", seconds=1, args=[name], id=name, coalesce=False)
    store.broken = {"b"}
    drive(scheduler, 1)
    assert ran == ["a"]
    assert live_runs(scheduler) == []
    store.broken = set()
    drive(scheduler, 10)
    assert ran.count("b") == ran.count("c") == ran.count("a") == 11


def test_a_claim_that_cannot_be_taken_back_does_not_keep_others_from_it(make):
    class Closed(Held):
        is_closed = True

        def do_send_task(self, task, run_times):
            if self.is_closed:
                if scheduler.get_task("a") is not None:
                    scheduler.delete_task("a")
                raise PoolShutdownError("closed")
            super().do_send_task(task, run_times)

    executor = Closed()
    scheduler = make(stores={"default": Durable()}, executors={"default": executor})
    for name in "ab":
        scheduler.add_task(print, "interval", seconds=1, id=name)
    drive(scheduler, 1)
    assert scheduler.state.name == "STATE_PAUSED"
    assert live_runs(scheduler) == []
    assert [task.id for task in scheduler.get_tasks()] == ["b"]
    executor.is_closed = False
    scheduler.resume()
    scheduler.process_tasks()
    assert [task.id for task, _ in executor.sent] == ["b"]


@pytest.mark.parametrize("store", [MemoryStore, Durable])
def test_a_claim_that_is_taken_back_brings_no_run_back_that_has_ended_meanwhile(make, store):
    class Closing(Held):
        def do_send_task(self, task, run_times):
            if self.sent:
                self.release()
                scheduler._submissions.settle(scheduler.clock.now())
                raise PoolShutdownError("closed")
            super().do_send_task(task, run_times)

    executor = Closing()
    scheduler = make(stores={"default": store()}, executors={"default": executor})
    scheduler.add_task(print, "interval", seconds=1, id="a", max_instances=2)
    drive(scheduler, 2)
    assert scheduler.state.name == "STATE_PAUSED"
    assert live_runs(scheduler) == []
    assert [info.state.value for info in scheduler.get_runs("a")] == ["executed"]


def test_a_run_that_was_out_at_a_shutdown_does_not_count_in_the_next_life(make):
    held = Held()
    scheduler = make(stores={"default": Durable()}, executors={"default": held})
    scheduler.add_task(print, "interval", seconds=1, id="a")
    drive(scheduler, 1)
    scheduler.shutdown(wait=False)
    held.release()
    scheduler.start()
    assert live_runs(scheduler) == []
    drive(scheduler, 1)
    assert len(held.sent) == 1


@pytest.mark.parametrize("store", [MemoryStore, Durable])
def test_a_run_that_ends_while_its_store_is_away_does_not_count_when_it_is_back(make, store):
    held, kept = Held(), store()
    scheduler = make(stores={"kept": kept}, executors={"default": held})
    scheduler.add_task(print, "interval", seconds=1, id="a", store="kept")
    drive(scheduler, 1)
    scheduler.remove_store("kept", shutdown=False)
    held.release()
    scheduler.process_tasks()
    scheduler.add_store(kept, "kept")
    drive(scheduler, 1)
    assert len(held.sent) == 1


def test_a_claim_on_a_store_that_is_shut_down_meanwhile_brings_no_task_back(make):
    store = MemoryStore()

    class Racing(Held):
        def do_send_task(self, task, run_times):
            scheduler.remove_store("other")
            raise PoolShutdownError("closed")

    scheduler = make(stores={"other": store}, executors={"default": Racing()})
    scheduler.add_task(print, "interval", seconds=1, id="a", store="other")
    drive(scheduler, 1)
    assert store.get_all_tasks() == []
    assert store.next_due(["default"]) is None


def test_a_store_that_comes_in_place_of_a_broken_one_is_used_at_once(make):
    class Broken(MemoryStore):
        def due(self, now, limit, executors):
            raise OSError("gone")

    ran = []
    scheduler = make(stores={"a": Broken()}, store_retry_interval=3600)
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1], store="a")
    drive(scheduler, 1)
    scheduler.remove_store("a")
    scheduler.add_store("memory", "a")
    scheduler.add_task(ran.append, "interval", seconds=1, args=[2], store="a")
    drive(scheduler, 1)
    assert ran == [2]


def test_a_restart_does_not_wait_for_a_store_that_failed_before(make):
    class Broken(MemoryStore):
        broken = True

        def due(self, now, limit, executors):
            if self.broken:
                raise OSError("gone")
            return super().due(now, limit, executors)

    ran, store = [], Broken()
    scheduler = make(stores={"default": store}, store_retry_interval=3600)
    drive(scheduler, 1)
    scheduler.shutdown()
    store.broken = False
    scheduler.start()
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1])
    drive(scheduler, 1)
    assert ran == [1]


@pytest.mark.parametrize("interval", [0, 1e13])
def test_any_retry_interval_lets_time_go_on(make, interval):
    class Broken(MemoryStore):
        def due(self, now, limit, executors):
            raise OSError("gone")

    ran = []
    scheduler = make(stores={"broken": Broken()}, store_retry_interval=interval)
    scheduler.add_task(print, "interval", seconds=1, store="broken")
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1])
    for _ in range(200):
        wait = scheduler.process_tasks()
        assert wait > 0
        scheduler.clock.advance(wait)
    assert ran


# -- the lock of a leader ---------------------------------------------------------------------------------------------


def test_a_lock_file_that_cannot_be_written_loses_no_run(make, tmp_path, monkeypatch):
    ran = []
    scheduler = make(lock_path=str(tmp_path / "lock"), startup_delay=0, store_retry_interval=5)
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1], id="a", coalesce=False)
    drive(scheduler, 1)
    assert len(ran) == 1

    def full(self, instant):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Leadership, "write", full)
        scheduler.clock.advance(2)
        scheduler.process_tasks()
        assert len(ran) == 1
    drive(scheduler, 10)
    assert len(ran) == 13
    assert live_runs(scheduler) == []


def test_a_takeover_that_breaks_off_is_begun_anew(make, tmp_path):
    class Moody(MemoryStore):
        problems = ()

        def due(self, now, limit, executors):
            if self.problems:
                raise self.problems.pop()
            return super().due(now, limit, executors)

    path = tmp_path / "lock"
    ran, store = [], Moody()
    store.problems = [OSError("gone")]
    path.write_text(
        f"{int(datetime.datetime(2024, 5, 1, 0, 0, 3, tzinfo=datetime.timezone.utc).timestamp()) * 10**6:020d}\n"
    )
    scheduler = make(lock_path=str(path), startup_delay=0, store_retry_interval=1, stores={"default": store})
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1], id="a", coalesce=False)
    scheduler.clock.advance(4)
    scheduler.process_tasks()
    drive(scheduler, 1)
    assert len(ran) == 2  # those at 00:00:04 and 00:00:05


@pytest.mark.parametrize("how", ["added", "removed"])
def test_a_users_store_that_comes_or_goes_while_the_scheduler_runs_is_led_like_any_other(make, tmp_path, how):
    path = str(tmp_path / "{store}.lock")
    first = make(lock_path=path, startup_delay=0)
    first.add_store(Durable(), "other")
    first.process_tasks()
    second = make(lock_path=path, startup_delay=0, stores={"other": Durable()})
    ran = []
    second.add_task(ran.append, "interval", seconds=1, args=[1], store="other")
    drive(second, 5)
    assert ran == []
    if how == "removed":
        first.remove_store("other")
        drive(second, 20)
        assert ran


# -- tasks at odd times -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia"])
@pytest.mark.parametrize("text", ["0001-01-01", "1600-02-29", "9999-12-31T23:59:59.999999"])
@pytest.mark.parametrize("coalesce", [True, False])
def test_next_run_times_at_the_ends_of_the_calendar_are_in_nobodys_way(make, zone, text, coalesce):
    ran, scheduler = [], make(timezone=zone)
    for trigger, args in (("interval", {"days": 400}), ("cron", {"month": 1})):
        scheduler.add_task(print, trigger, next_run_time=text, coalesce=coalesce, **args)
    scheduler.add_task(ran.append, "interval", seconds=1, args=[1])
    drive(scheduler, 2)
    assert ran == [1, 1]
    assert live_runs(scheduler) == []


@pytest.mark.parametrize("coalesce", [True, False])
def test_each_time_is_accounted_for_when_jitter_is_longer_than_the_interval(make, coalesce):
    scheduler = make()
    times = []
    scheduler.add_listener(lambda event: times.append(event.scheduled_run_time), TASK_EXECUTED)
    stood_for = []
    scheduler.add_listener(lambda event: stood_for.append(event.coalesced_run_count), TASK_SUBMITTED)
    scheduler.add_task(print, "interval", seconds=1, jitter=10, id="a", coalesce=coalesce)
    drive(scheduler, 200)
    # Those of the last seconds may be still to come.
    assert 185 <= len(times) + sum(stood_for) <= 200


# -- a task that changes itself while it runs -------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["delete_task", "pause_task"])
def test_a_task_that_changes_itself_leaves_no_run_behind(make, verb):
    scheduler = make()
    ran = []

    def work():
        ran.append(1)
        getattr(scheduler, verb)("a")

    scheduler.add_task(work, "interval", seconds=1, id="a")
    drive(scheduler, 3)
    assert ran == [1]
    assert live_runs(scheduler) == []
    assert dict(scheduler.instances) == {}


def test_one_that_is_deleted_and_added_again_while_it_runs_ends_well(make):
    held = Held()
    scheduler = make(executors={"default": held})
    for _ in range(2):
        scheduler.add_task(print, "interval", seconds=1, id="a")
        drive(scheduler, 1)
        scheduler.delete_task("a")
    scheduler.add_task(print, "interval", seconds=1, id="a", replace_existing=True)
    assert len(held.sent) == 1
    held.release()
    drive(scheduler, 1)
    assert len(held.sent) == 1
    assert live_runs(scheduler) == ["a"]


def test_one_that_is_replaced_while_it_runs_keeps_its_run_until_that_ends(make):
    held = Held()
    scheduler = make(executors={"default": held})
    scheduler.add_task(print, "interval", seconds=1, id="a")
    drive(scheduler, 1)
    scheduler.add_task(print, "interval", seconds=2, id="a", replace_existing=True)
    assert live_runs(scheduler) == ["a"]
    held.release()
    drive(scheduler, 2)
    assert len(held.sent) == 1
    assert live_runs(scheduler) == ["a"]

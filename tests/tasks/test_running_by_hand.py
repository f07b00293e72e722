"""``run_task``: a task is run now, because somebody says so."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from asyncz.events import TASK_MAX_INSTANCES, TASK_SUBMITTED
from asyncz.exceptions import MaximumInstancesError, SchedulerNotRunningError, TaskLookupError
from asyncz.testing import drive

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    calls.clear()


def work(*args: Any) -> None:
    calls.append(args)


class TestForced:
    def test_it_runs_once_beside_its_schedule(self, scheduler: Any, clock: Any, hear: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x")
        clock.advance(minutes=10)
        events = hear(scheduler)
        assert scheduler.run_task("x") == task
        assert (len(calls), task.next_run_time) == (1, START + HOUR)
        assert events.told == [("EXECUTED", "x"), ("SUBMITTED", "x")]
        assert events[1].scheduled_run_times == [clock.now()]
        assert (events[1].source, events[1].coalesced_run_count, events[1].store) == ("manual", 0, "default")
        assert [run.source for run in scheduler.get_runs("x")] == ["manual"]

    def test_a_task_object_will_do(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1)
        assert scheduler.run_task(task) == scheduler.run_task(task, "default") == task
        assert len(calls) == 2

    @pytest.mark.memory
    def test_a_paused_task_stays_paused(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, next_run_time=None)
        assert scheduler.run_task(task) is task
        assert (len(calls), task.paused) == (1, True)
        drive(scheduler, days=1)
        assert len(calls) == 1

    @pytest.mark.memory
    def test_a_task_of_a_future_date_is_kept_and_still_runs_then(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "date", run_at=START + HOUR, id="x")
        assert scheduler.run_task("x") is task
        assert (scheduler.get_task("x"), task.next_run_time) == (task, START + HOUR)
        drive(scheduler, hours=1)
        assert (len(calls), scheduler.get_task("x")) == (2, None)

    def test_it_runs_while_the_scheduler_is_paused(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1)
        scheduler.pause()
        scheduler.run_task(task)
        assert len(calls) == 1


class TestDue:
    @pytest.mark.memory
    def test_what_is_due_is_run_and_the_schedule_goes_on_as_in_a_pass(
        self, scheduler: Any, clock: Any, hear: Any
    ) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x")
        clock.advance(hours=3, minutes=30)
        events = hear(scheduler, TASK_SUBMITTED)
        assert scheduler.run_task("x", force=False) == task
        assert (len(calls), task.next_run_time) == (1, START + 4 * HOUR)
        (event,) = events
        assert event.scheduled_run_times == [START + 3 * HOUR]
        assert (event.source, event.coalesced_run_count) == ("manual", 2)
        drive(scheduler)
        assert len(calls) == 1

    def test_the_last_due_time_removes_the_task(self, scheduler: Any, clock: Any, hear: Any) -> None:
        scheduler.add_task(work, "date", run_at=START + HOUR, id="x")
        clock.advance(hours=2)
        events = hear(scheduler)
        assert scheduler.run_task("x") is None
        assert (len(calls), scheduler.get_task("x")) == (1, None)
        assert events.names == ["EXECUTED", "REMOVED", "SUBMITTED"]

    @pytest.mark.memory
    def test_a_finished_task_can_be_kept_paused(self, scheduler: Any, clock: Any, hear: Any) -> None:
        task = scheduler.add_task(work, "date", run_at=START + HOUR, id="x")
        clock.advance(hours=2)
        events = hear(scheduler)
        assert scheduler.run_task("x", remove_finished=False) == task
        assert (scheduler.get_task("x"), task.paused, len(calls)) == (task, True, 1)
        assert events.names == ["EXECUTED", "SUBMITTED"]

    @pytest.mark.memory
    def test_without_force_what_is_not_due_is_left_untouched(self, scheduler: Any, hear: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x")
        paused = scheduler.add_task(work, "interval", hours=1, id="y", next_run_time=None)
        events = hear(scheduler)
        assert scheduler.run_task("x", force=False) == task
        assert scheduler.run_task("y", force=False) is paused
        assert (calls, events, task.next_run_time) == ([], [], START + HOUR)


class TestRefusals:
    def test_at_the_instance_limit(self, make: Any, held: Any, hear: Any) -> None:
        scheduler = make(executors={"default": held})
        task = scheduler.add_task(work, "interval", hours=1, max_instances=2, id="x")
        scheduler.run_task("x")
        scheduler.run_task("x")
        events = hear(scheduler, TASK_MAX_INSTANCES)
        with pytest.raises(MaximumInstancesError) as caught:
            scheduler.run_task("x")
        assert str(caught.value) == "The task by the id of x reached its maximum number of instances 2."
        assert (caught.value.task_id, caught.value.total) == ("x", 2)
        assert [(event.task_id, event.source) for event in events] == [("x", "manual")]
        assert (len(held.sent), task.next_run_time) == (2, START + HOUR)
        held.release()
        drive(scheduler)
        assert scheduler.run_task("x") == task

    @pytest.mark.parametrize("force", [True, False])
    def test_a_stopped_scheduler(self, stopped: Any, force: bool) -> None:
        stopped.add_task(work, "interval", hours=1, id="x")
        with pytest.raises(SchedulerNotRunningError, match="Scheduler is not running"):
            stopped.run_task("x", force=force)

    def test_an_unknown_task(self, scheduler: Any) -> None:
        with pytest.raises(TaskLookupError, match="No task with the id x has been found"):
            scheduler.run_task("x")

    def test_an_executor_that_is_not_configured_here(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, executor="elsewhere", id="x")
        with pytest.raises(LookupError, match="Task 'x' needs the executor 'elsewhere', which is not configured"):
            scheduler.run_task("x")
        assert scheduler.get_task("x") == task

    @pytest.mark.memory
    def test_an_error_of_the_task_is_told_and_not_raised(self, scheduler: Any, hear: Any) -> None:
        scheduler.add_task(lambda: 1 / 0, "interval", hours=1, id="x")
        events = hear(scheduler)
        scheduler.run_task("x")
        assert events.names == ["ERROR", "SUBMITTED"]


class TestFromInside:
    @pytest.mark.memory
    def test_a_task_may_run_another(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="other", args=("other",))
        scheduler.add_task(lambda: scheduler.run_task("other"), id="x")
        drive(scheduler)
        assert calls == [("other",)]

    @pytest.mark.memory
    def test_a_task_cannot_run_itself_beyond_its_limit(self, scheduler: Any, hear: Any) -> None:
        scheduler.add_task(lambda: scheduler.run_task("x"), "interval", hours=1, id="x")
        events = hear(scheduler)
        scheduler.run_task("x")
        assert events.names == ["MAX_INSTANCES", "ERROR", "SUBMITTED"]
        assert isinstance(events[1].exception, MaximumInstancesError)

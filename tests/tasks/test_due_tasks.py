"""What a pass does with due tasks: coalescing, grace time, instance limits, ends of schedules, broken parts."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from asyncz.events import TASK_MAX_INSTANCES, TASK_MISSED, TASK_REMOVED, TASK_SUBMITTED
from asyncz.exceptions import MaximumInstancesError
from asyncz.executors import BaseExecutor
from asyncz.executors.base import PoolShutdownError
from asyncz.executors.types import ExecutorType
from asyncz.testing import drive
from asyncz.triggers import BaseTrigger, IntervalTrigger

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
YEAR = 365 * 86_400


def after(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    calls.clear()


def work(*args: Any) -> None:
    calls.append(args)


class Counting(BaseTrigger):
    """Every second, counting how often it is asked."""

    def __init__(self) -> None:
        self.inner = IntervalTrigger(seconds=1, start_at=START)
        self.calls = 0

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        self.calls += 1
        return self.inner.get_next_trigger_time(timezone, previous_time, now)


class TestLateRuns:
    def test_late_runs_are_coalesced_to_the_latest_and_counted(self, scheduler: Any, clock: Any, hear: Any) -> None:
        scheduler.add_task(work, "interval", seconds=10, id="x")
        events = hear(scheduler, TASK_SUBMITTED)
        clock.advance(45)
        drive(scheduler)
        assert len(calls) == 1
        (event,) = events
        assert event.scheduled_run_times == [after(40)]
        assert (event.coalesced_run_count, event.source, event.store) == (3, "scheduled", "default")
        assert scheduler.get_tasks()[0].next_run_time == after(50)

    def test_without_coalesce_all_run_times_go_in_one_submission(self, scheduler: Any, clock: Any, hear: Any) -> None:
        scheduler.add_task(work, "interval", seconds=10, coalesce=False)
        events = hear(scheduler, TASK_SUBMITTED)
        clock.advance(45)
        drive(scheduler)
        assert len(calls) == 4
        (event,) = events
        assert event.scheduled_run_times == [after(10), after(20), after(30), after(40)]
        assert event.coalesced_run_count == 0
        assert len(scheduler.get_runs()) == 1

    def test_a_run_is_missed_when_it_is_late_by_strictly_more_than_the_grace_time(
        self, scheduler: Any, clock: Any, hear: Any, caplog: Any
    ) -> None:
        for task_id in ("just in time", "too late"):
            scheduler.add_task(work, "date", run_at=START, mistrigger_grace_time=5, id=task_id, args=(task_id,))
            clock.advance(5 if task_id == "just in time" else 5.000001)
            events = hear(scheduler, TASK_MISSED)
            drive(scheduler)
            scheduler.clock.step(-clock.monotonic())
        assert calls == [("just in time",)]
        assert events.told == [("MISSED", "too late")]
        assert (events[0].scheduled_run_time, events[0].run_count, events[0].store) == (START, 1, "default")
        assert "Run time of task 'too late'" in caplog.text

    def test_without_a_grace_time_nothing_is_ever_too_late(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "date", run_at=after(1))
        clock.advance(days=3650)
        drive(scheduler)
        assert len(calls) == 1

    def test_what_is_skipped_is_reported_once_with_its_count(
        self, scheduler: Any, clock: Any, hear: Any, caplog: Any
    ) -> None:
        scheduler.add_task(work, "interval", seconds=1, coalesce=False, mistrigger_grace_time=3, id="x")
        events = hear(scheduler, TASK_MISSED)
        clock.advance(100)
        drive(scheduler)
        assert len(calls) == 4
        (event,) = events
        assert (event.task_id, event.run_count, event.scheduled_run_time) == ("x", 96, after(96))
        assert (event.store, event.alias, event.scheduler_identity) == ("default", None, scheduler.identity)
        assert "96 run times of task 'x' (work) were missed" in caplog.text
        assert sorted(run.state.value for run in scheduler.get_runs()) == ["executed", "missed"]

    def test_a_year_late_costs_no_more_than_an_hour_late(self, scheduler: Any, clock: Any, hear: Any) -> None:
        hour, year = Counting(), Counting()
        events = hear(scheduler, TASK_SUBMITTED)
        for trigger, late in ((hour, 3600), (year, YEAR)):
            task = scheduler.add_task(work, trigger, next_run_time=clock.now())
            trigger.calls = 0
            clock.advance(late)
            drive(scheduler)
            task.delete()
        assert len(calls) == 2
        assert year.calls <= hour.calls + 20 <= 1_080
        assert [event.coalesced_run_count for event in events] == [1000, 1000]

    def test_without_coalesce_a_year_late_carries_the_latest_thousand(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "interval", seconds=1, coalesce=False, id="x")
        clock.advance(YEAR)
        drive(scheduler)
        assert len(calls) == 1_000
        run = next(run for run in scheduler.get_runs() if run.state.value == "executed")
        assert (run.run_times[0], run.run_times[-1]) == (after(YEAR - 999), after(YEAR))
        assert scheduler.get_task("x").next_run_time == after(YEAR + 1)

    @pytest.mark.memory
    def test_due_tasks_run_in_order_of_time_then_of_their_addition(self, scheduler: Any, clock: Any) -> None:
        for task_id, seconds in (("c", 1), ("b", 2), ("a", 2), ("d", 0.0005), ("e", 0.0004)):
            scheduler.add_task(work, "date", run_at=after(seconds), id=task_id, args=(task_id,))
        clock.advance(5)
        drive(scheduler)
        assert [task_id for (task_id,) in calls] == ["e", "d", "c", "b", "a"]

    def test_more_due_tasks_than_one_batch_holds_all_run(self, scheduler: Any) -> None:
        for number in range(1_000):
            scheduler.add_task(work, args=(number,))
        drive(scheduler)
        assert sorted(number for (number,) in calls) == list(range(1_000))


class Silent(ExecutorType):
    """Takes tasks, and has no way to say how they went."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def start(self, scheduler: Any, alias: str) -> None:
        pass

    def shutdown(self, wait: bool = True) -> None:
        pass

    def send_task(self, task: Any, run_times: Any) -> None:
        self.sent.append(task)


class Uncounting(Silent):
    """Leaves the instance limit to others, and never has an outcome."""

    def bind(self, clock: Any, report: Any) -> None:
        pass


class TestInstanceLimit:
    def test_what_an_executor_cannot_report_holds_up_no_later_run(self, make: Any) -> None:
        silent = Silent()
        scheduler = make(executors={"default": silent})
        scheduler.add_task(work, "interval", seconds=10, end_at=after(30), id="x")
        drive(scheduler, 50)
        assert len(silent.sent) == 3
        assert (scheduler.get_tasks(), scheduler.get_runs()) == ([], [])

    def test_live_runs_are_counted_where_the_task_is_stored_whatever_the_executor_counts(self, make: Any) -> None:
        uncounting = Uncounting()
        scheduler = make(executors={"default": uncounting})
        scheduler.add_task(work, "interval", seconds=10, max_instances=2, id="x")
        drive(scheduler, 50)
        assert len(uncounting.sent) == 2
        with pytest.raises(MaximumInstancesError):
            scheduler.run_task("x")

    def test_the_live_run_of_a_task_that_has_ended_counts_for_one_of_its_id(self, make: Any) -> None:
        uncounting = Uncounting()
        scheduler = make(executors={"default": uncounting})
        scheduler.add_task(work, id="x")
        drive(scheduler)
        scheduler.add_task(work, "interval", seconds=10, max_instances=2, id="x")
        drive(scheduler, 50)
        assert len(uncounting.sent) == 2
        assert len(scheduler.get_runs("x", "submitted")) == 2

    @pytest.mark.memory
    def test_at_the_limit_the_schedule_moves_on_without_a_run(
        self, make: Any, held: Any, hear: Any, caplog: Any
    ) -> None:
        scheduler = make(executors={"default": held})
        task = scheduler.add_task(work, "interval", seconds=10, max_instances=2, id="x")
        events = hear(scheduler, TASK_MAX_INSTANCES)
        drive(scheduler, 39)
        assert (len(held.sent), scheduler.instances["x"]) == (2, 2)
        assert [event.scheduled_run_times for event in events] == [[after(30)]]
        assert (events[0].store, events[0].source) == ("default", "scheduled")
        assert task.next_run_time == after(40)
        assert "Task 'x' (work) was not run: it reached its maximum number of instances (2)" in caplog.text
        held.release()
        drive(scheduler, 1)
        assert len(held.sent) == 2
        held.release(2)
        drive(scheduler)
        assert dict(scheduler.instances) == {}
        assert len(calls) == 3

    def test_a_last_run_at_the_limit_ends_the_task(self, make: Any, held: Any, hear: Any) -> None:
        scheduler = make(executors={"default": held})
        scheduler.add_task(work, "interval", seconds=10, end_at=after(20), id="x")
        events = hear(scheduler, TASK_REMOVED | TASK_MAX_INSTANCES)
        drive(scheduler, 20)
        assert events.names == ["REMOVED", "MAX_INSTANCES"]
        assert scheduler.get_task("x") is None

    @pytest.mark.memory
    def test_a_limit_that_an_executor_has_of_its_own_counts_too(self, make: Any, hear: Any) -> None:
        class Full(BaseExecutor):
            def do_send_task(self, task: Any, run_times: Any) -> None:
                raise MaximumInstancesError(task.id, 0)

        scheduler = make(executors={"default": Full()})
        task = scheduler.add_task(work, "interval", seconds=10, id="x")
        events = hear(scheduler, TASK_MAX_INSTANCES | TASK_SUBMITTED)
        drive(scheduler, 10)
        assert (events.names, task.next_run_time) == (["MAX_INSTANCES"], after(20))
        assert scheduler.get_runs() == []


class TestLastRuns:
    def test_a_task_is_removed_with_its_last_run(self, scheduler: Any, hear: Any) -> None:
        events = hear(scheduler, TASK_REMOVED)
        scheduler.add_task(work, "interval", seconds=10, end_at=after(20), id="x")
        drive(scheduler, 10)
        assert scheduler.get_task("x") is not None
        drive(scheduler, 10)
        assert (scheduler.get_task("x"), events.told, len(calls)) == (None, [("REMOVED", "x")], 2)
        assert (events[0].store, events[0].alias) == ("default", None)

    def test_while_its_last_run_lasts_it_is_hidden(self, make: Any, held: Any, hear: Any) -> None:
        scheduler = make(executors={"default": held})
        events = hear(scheduler)
        scheduler.add_task(work, id="x")
        drive(scheduler)
        assert events.told == [("ADDED", "x"), ("REMOVED", "x"), ("SUBMITTED", "x")]
        assert (scheduler.get_task("x"), scheduler.get_tasks(), scheduler.get_task_infos()) == (None, [], [])
        assert [run.state.value for run in scheduler.get_runs("x")] == ["submitted"]
        held.release()
        drive(scheduler)
        assert events.told[3:] == [("EXECUTED", "x")]
        assert [run.state.value for run in scheduler.get_runs("x")] == ["executed"]

    @pytest.mark.memory
    def test_its_id_is_free_and_its_live_run_counts_against_the_limit(self, make: Any, held: Any, hear: Any) -> None:
        scheduler = make(executors={"default": held})
        scheduler.add_task(work, id="x", args=("first",))
        drive(scheduler)
        second = scheduler.add_task(work, "interval", seconds=10, id="x", args=("second",))
        assert scheduler.get_task("x") is second
        events = hear(scheduler, TASK_MAX_INSTANCES)
        drive(scheduler, 10)
        assert events.names == ["MAX_INSTANCES"]
        held.release()
        drive(scheduler, 10)
        held.release()
        assert calls == [("first",), ("second",)]

    @pytest.mark.parametrize("verb", ["update", "pause", "resume", "reschedule", "delete"])
    def test_no_verb_reaches_it_any_more(self, make: Any, held: Any, verb: str) -> None:
        from asyncz.exceptions import TaskLookupError

        scheduler = make(executors={"default": held})
        task = scheduler.add_task(work, id="x")
        drive(scheduler)
        with pytest.raises(TaskLookupError):
            getattr(scheduler, f"{verb}_task")("x")
        with pytest.raises(TaskLookupError):
            getattr(task, verb)()
        scheduler.remove_all_tasks()
        held.release()
        assert len(calls) == 1


class Scripted(BaseTrigger):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        if previous_time is None:
            return now
        return self.answer(previous_time)


class TestBrokenParts:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (lambda at: 1 / 0, "ZeroDivisionError: division by zero"),
            (lambda at: at, "ValueError: The trigger of task 'x'"),
            (lambda at: START - datetime.timedelta(days=1), "went back: expected a time after"),
            (lambda at: "tomorrow", "Error: "),
        ],
        ids=["raises", "stands still", "goes back", "no time"],
    )
    @pytest.mark.memory
    def test_a_broken_trigger_pauses_its_task_after_what_was_due_has_run(
        self, scheduler: Any, answer: Any, reason: str, caplog: Any, hear: Any
    ) -> None:
        task = scheduler.add_task(work, Scripted(answer), id="x")
        scheduler.add_task(work, "interval", seconds=10, args=("other",), id="y")
        events = hear(scheduler, TASK_REMOVED)
        drive(scheduler, 20)
        assert calls == [(), ("other",), ("other",)]
        assert (task.paused, scheduler.get_task("x"), events) == (True, task, [])
        assert "Task 'x' is paused: its trigger (" in caplog.text
        assert reason in caplog.text
        assert caplog.text.count("is paused") == 1

    @pytest.mark.memory
    def test_a_trigger_mended_by_rescheduling_runs_again(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, Scripted(lambda at: 1 / 0))
        drive(scheduler)
        task.reschedule("interval", seconds=10)
        drive(scheduler, 10)
        assert len(calls) == 2

    @pytest.mark.memory
    def test_a_task_whose_executor_is_not_configured_is_left_alone(
        self, scheduler: Any, caplog: Any, clock: Any
    ) -> None:
        task = scheduler.add_task(work, "interval", seconds=10, executor="elsewhere", id="x")
        assert "Task 'x' needs the executor 'elsewhere', which is not configured" in caplog.text
        caplog.clear()
        clock.advance(10)
        assert scheduler.process_tasks() is None  # nothing that can be run here is scheduled
        drive(scheduler, 35)
        assert (calls, scheduler.get_task("x"), task.next_run_time) == ([], task, after(10))
        assert caplog.text == ""
        scheduler.add_executor("debug", "elsewhere")
        drive(scheduler)
        assert len(calls) == 1
        assert task.next_run_time == after(50)

    def test_an_executor_that_refuses_a_task_makes_a_failed_run_of_it(self, make: Any, hear: Any, caplog: Any) -> None:
        class Refusing(BaseExecutor):
            def do_send_task(self, task: Any, run_times: Any) -> None:
                raise OSError("no room")

        scheduler = make(executors={"default": Refusing()})
        scheduler.add_task(work, id="x")
        events = hear(scheduler)
        drive(scheduler)
        assert events.told == [("REMOVED", "x"), ("SUBMITTED", "x"), ("ERROR", "x")]
        assert isinstance(events[-1].exception, OSError)
        assert "Executor 'default' could not take task 'x': OSError: no room" in caplog.text
        assert [(run.state.value, run.error) for run in scheduler.get_runs("x")] == [("error", "OSError: no room")]

    def test_claims_are_put_back_when_a_pool_was_shut_down(self, make: Any, clock: Any, caplog: Any) -> None:
        class Closed(BaseExecutor):
            is_closed = True

            def do_send_task(self, task: Any, run_times: Any) -> None:
                if self.is_closed:
                    raise PoolShutdownError("no more work")
                self.finished(task, run_times, [])

        closed = Closed()
        scheduler = make(executors={"default": closed})
        once = scheduler.add_task(work, id="once", next_run_time=after(1))
        again = scheduler.add_task(work, "interval", seconds=1, id="again")
        late = scheduler.add_task(
            work, "interval", seconds=1, id="late", coalesce=False, mistrigger_grace_time=0.5, end_at=after(5)
        )
        clock.advance(100)
        drive(scheduler)
        assert scheduler.state.name == "STATE_PAUSED"
        assert "stops scheduling: no more work" in caplog.text
        assert (once.next_run_time, again.next_run_time) == (after(1), after(1))
        assert late.next_run_time == after(1)
        assert [run for run in scheduler.get_runs() if run.state.value == "submitted"] == []
        assert {task.id for task in scheduler.get_tasks()} == {"once", "again", "late"}
        assert dict(scheduler.instances) == {}

    @pytest.mark.memory
    def test_an_error_in_a_task_keeps_it_scheduled(self, scheduler: Any, hear: Any, caplog: Any) -> None:
        scheduler.add_task(lambda: 1 / 0, "interval", seconds=10, id="x")
        events = hear(scheduler)
        drive(scheduler, 20)
        assert events.names == ["ERROR", "SUBMITTED"] * 2
        assert isinstance(events[0].exception, ZeroDivisionError)
        assert "ZeroDivisionError" in events[0].traceback
        assert events[0].exception.__traceback__ is None
        assert "raised an exception" in caplog.text


class TestWaiting:
    @pytest.mark.memory
    def test_a_pass_says_how_long_there_is_nothing_to_do(self, scheduler: Any, clock: Any) -> None:
        assert scheduler.process_tasks() is None
        scheduler.add_task(work, "interval", seconds=90)
        assert scheduler.process_tasks() == 90
        clock.advance(89.5)
        assert scheduler.process_tasks() == 0.5

    @pytest.mark.memory
    def test_a_paused_scheduler_waits_for_ever_and_catches_up_later(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "interval", seconds=10)
        scheduler.pause()
        clock.advance(45)
        assert scheduler.process_tasks() is None
        assert calls == []
        scheduler.resume()
        assert scheduler.process_tasks() == 5
        assert len(calls) == 1

    def test_the_wait_is_elapsed_time_across_a_change_of_the_clocks(self, make: Any, clock: Any) -> None:
        scheduler = make(timezone="Europe/Berlin")
        clock.move_to("2024-03-31T00:59:59Z")
        scheduler.add_task(work, "cron", hour=3, minute=0)
        assert scheduler.process_tasks() == 1

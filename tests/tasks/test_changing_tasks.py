"""Updating, rescheduling, pausing, resuming and deleting tasks, through the scheduler and through the task."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from asyncz.events import TASK_MODIFIED, TASK_REMOVED
from asyncz.exceptions import TaskLookupError
from asyncz.tasks import Task
from asyncz.testing import drive
from asyncz.triggers import CronTrigger, IntervalTrigger

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = datetime.timedelta(minutes=1)

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    calls.clear()


def work(*args: Any) -> None:
    calls.append(args)


@pytest.fixture(params=["running", "queued"])
def either(request: Any, make: Callable[..., Any]) -> Any:
    """A scheduler that runs, and one that has not been started."""
    return make(start=request.param == "running")


# Each verb by the scheduler with an id, by the scheduler with the task, and by the task.
def _by_id(scheduler: Any, task: Task, verb: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(scheduler, f"{verb}_task")(task.id, *args, **kwargs)


def _by_id_and_store(scheduler: Any, task: Task, verb: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(scheduler, f"{verb}_task")(task.id, "default", *args, **kwargs)


def _by_task(scheduler: Any, task: Task, verb: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(scheduler, f"{verb}_task")(task, *args, **kwargs)


def _by_the_task_itself(scheduler: Any, task: Task, verb: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(task, verb)(*args, **kwargs)


@pytest.fixture(params=[_by_id, _by_id_and_store, _by_task, _by_the_task_itself])
def way(request: Any) -> Any:
    return request.param


class TestEveryWay:
    """No verb calls itself for ever, loses a neighbour, or touches what it was not asked to."""

    def test_update(self, either: Any, way: Any, hear: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x", args=(1,))
        events = hear(either, TASK_MODIFIED)
        task = way(either, task, "update", coalesce=False, max_instances=4)
        assert either.get_task("x") == task
        assert (task.coalesce, task.max_instances, task.args) == (False, 4, (1,))
        assert events.told == [("MODIFIED", "x")]
        assert (events[0].store, events[0].alias) == ("default", None)

    def test_reschedule(self, either: Any, way: Any, clock: Any, hear: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x")
        clock.advance(minutes=5)
        events = hear(either, TASK_MODIFIED)
        task = way(either, task, "reschedule", trigger="interval", minutes=20)
        assert either.get_task("x") == task
        assert task.trigger == IntervalTrigger(minutes=20, timezone="UTC")
        assert events.told == [("MODIFIED", "x")]
        either.start()
        assert task.next_run_time == START + 25 * MINUTE

    def test_pause_and_resume(self, either: Any, way: Any, clock: Any, hear: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x")
        events = hear(either, TASK_MODIFIED)
        task = way(either, task, "pause")
        assert either.get_task("x") == task
        assert (task.paused, task.next_run_time) == (True, None)
        clock.advance(minutes=35)
        task = way(either, task, "resume")
        assert not task.paused
        assert events.told == [("MODIFIED", "x")] * 2
        either.start()
        assert task.next_run_time == START + 40 * MINUTE

    @pytest.mark.memory
    def test_over_the_memory_store_it_is_the_very_object_that_is_changed(self, either: Any, way: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x")
        assert way(either, task, "update", coalesce=False) is task
        assert way(either, task, "reschedule", trigger="interval", minutes=20) is task
        assert way(either, task, "pause") is way(either, task, "resume") is either.get_task("x") is task

    def test_delete(self, either: Any, way: Any, hear: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x")
        other = either.add_task(work, "interval", minutes=10, id="y")
        events = hear(either)
        way(either, task, "delete")
        assert either.get_task("x") is None
        assert either.get_tasks() == [other]
        assert events.told == [("REMOVED", "x")]
        assert (events[0].store, events[0].alias) == ("default", None)


class TestUpdating:
    @pytest.mark.memory
    def test_the_example_of_the_documentation(self, either: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="check", max_instances=2)
        either.add_task(work, "cron", id="send", hour=8)
        either.update_task("send", coalesce=False, max_instances=4)
        assert either.update_task(task, coalesce=True, max_instances=3) is task
        assert (task.max_instances, either.get_task("send").max_instances) == (3, 4)

    def test_a_change_that_is_refused_changes_nothing(self, either: Any, hear: Any) -> None:
        task = either.add_task(work, "interval", minutes=10, id="x", name="before")
        events = hear(either)
        with pytest.raises(TypeError, match=r"^max_instances must be a positive integer\.$"):
            either.update_task("x", name="after", max_instances=0)
        with pytest.raises(ValueError, match=r"^The task ID may not be changed\.$"):
            task.update(id="y")
        with pytest.raises(AttributeError, match=r"^The following are not modifiable attributes of Task: colour\.$"):
            task.update(colour="red")
        assert (task.name, task.id, events) == ("before", "x", [])

    def test_two_updates_leave_the_neighbours_where_they_are(self, scheduler: Any) -> None:
        tasks = [scheduler.add_task(work, "interval", minutes=n, id=str(n)) for n in (1, 2, 3)]
        for minutes in (30, 10, 20):
            scheduler.update_task("2", next_run_time=START + minutes * MINUTE)
            assert {task.id for task in scheduler.get_tasks()} == {"1", "2", "3"}
            assert len(scheduler.get_tasks()) == 3
        assert scheduler.get_tasks() == [tasks[0], tasks[2], tasks[1]]
        scheduler.delete_task("2")
        assert scheduler.get_tasks() == [tasks[0], tasks[2]]

    def test_an_unknown_task_is_not_inserted(self, either: Any) -> None:
        stranger = Task(work, id="x", trigger=IntervalTrigger(minutes=1))
        for verb in (
            lambda: either.update_task("x", name="n"),
            lambda: either.update_task(stranger, name="n"),
            lambda: either.pause_task("x"),
            lambda: either.resume_task("x"),
            lambda: either.reschedule_task("x", trigger="interval", minutes=1),
            lambda: either.delete_task("x"),
        ):
            with pytest.raises(TaskLookupError, match=r"^No task with the id x has been found\.$"):
                verb()
        assert either.get_tasks() == []

    def test_a_task_in_another_store_is_not_found(self, make: Any) -> None:
        scheduler = make(stores={"default": {"type": "memory"}, "second": {"type": "memory"}})
        scheduler.add_task(work, "interval", minutes=1, id="x", store="second")
        with pytest.raises(TaskLookupError):
            scheduler.update_task("x", "default", name="n")
        assert scheduler.update_task("x", "second", name="n") is scheduler.update_task("x", name="m")

    def test_what_is_no_task_is_refused(self, scheduler: Any) -> None:
        with pytest.raises(TypeError, match="Expected a task or its id, got int instead"):
            scheduler.update_task(5, name="n")

    @pytest.mark.memory
    def test_another_callable_is_called_from_the_next_run_on(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", minutes=1, args=("old",))
        drive(scheduler, minutes=1)
        task.update(fn=lambda value: calls.append(value), args=("new",))
        drive(scheduler, minutes=1)
        assert calls == [("old",), "new"]

    @pytest.mark.memory
    def test_a_next_run_time_moves_the_next_run_only(self, scheduler: Any, clock: Any) -> None:
        task = scheduler.add_task(lambda: calls.append(clock.now()), "interval", minutes=10)
        task.update(next_run_time=START + 3 * MINUTE)
        drive(scheduler, minutes=25)
        assert calls == [START + 3 * MINUTE, START + 10 * MINUTE, START + 20 * MINUTE]

    def test_a_next_run_time_of_none_pauses(self, either: Any) -> None:
        task = either.add_task(work, "interval", minutes=10)
        task.update(next_run_time=None)
        either.start()
        assert task.paused

    def test_a_naive_next_run_time_is_in_the_zone_of_the_scheduler(self, make: Any) -> None:
        scheduler = make(timezone="Asia/Tokyo")
        task = scheduler.add_task(work, "interval", minutes=10)
        task.update(next_run_time="2024-01-01 10:00")
        assert task.next_run_time == datetime.datetime(2024, 1, 1, 1, tzinfo=UTC)

    def test_another_executor_takes_it_from_then_on(self, make: Any, held: Any) -> None:
        scheduler = make(executors={"default": {"type": "debug"}, "held": held})
        task = scheduler.add_task(work, "interval", minutes=1)
        task.update(executor="held")
        drive(scheduler, minutes=1)
        assert (len(held.sent), calls) == (1, [])
        held.release()
        task.update(executor="default")
        drive(scheduler, minutes=2)
        assert (len(held.sent), len(calls)) == (0, 3)

    @pytest.mark.memory
    def test_a_trigger_takes_effect_after_the_next_run(self, scheduler: Any, clock: Any) -> None:
        task = scheduler.add_task(lambda: calls.append(clock.now()), "interval", minutes=10)
        task.update(trigger=CronTrigger(minute="15,45", timezone="UTC"))
        drive(scheduler, hours=1)
        assert calls == [START + 10 * MINUTE, START + 15 * MINUTE, START + 45 * MINUTE]

    def test_a_run_that_was_claimed_goes_on_as_it_was(self, make: Any, held: Any) -> None:
        scheduler = make(executors={"default": held})
        task = scheduler.add_task(work, "interval", minutes=1, args=("old",), mistrigger_grace_time=5)
        drive(scheduler, minutes=1)
        task.update(name="later")
        held.release()
        drive(scheduler)
        assert calls == [("old",)]
        assert [run.state.value for run in scheduler.get_runs("none")] == []
        assert [run.state.value for run in scheduler.get_runs(task)] == ["executed"]


class TestRescheduling:
    @pytest.mark.memory
    def test_the_examples_of_the_documentation(self, either: Any) -> None:
        either.add_task(work, "interval", minutes=1, id="send")
        task = either.add_task(work, "interval", minutes=1, id="my-task")
        either.reschedule_task("send", trigger="cron", day_of_week="mon", hour="1")
        either.reschedule_task(task, trigger="interval", minutes=20)
        assert str(either.get_task("send").trigger) == "cron[day_of_week='mon', hour='1']"
        assert str(task.trigger) == "interval[0:20:00]"
        task.reschedule("my-task", trigger="cron", hour=10, minute=5)
        assert str(task.trigger) == "cron[hour='10', minute='5']"
        with pytest.raises(ValueError, match="Expected the id of this task"):
            task.reschedule("send", trigger="cron", hour=10, minute=5)

    def test_a_paused_task_is_scheduled_again(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", minutes=1, next_run_time=None)
        task.reschedule("interval", minutes=5)
        assert task.next_run_time == START + 5 * MINUTE

    def test_a_trigger_that_is_refused_changes_nothing(self, either: Any) -> None:
        task = either.add_task(work, "interval", minutes=1)
        before = task.trigger
        with pytest.raises(TypeError, match="'minuts'"):
            task.reschedule("interval", minuts=5)
        with pytest.raises(LookupError, match="weekly"):
            task.reschedule("weekly")
        assert task.trigger is before

    def test_without_a_trigger_it_runs_once_and_now(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", minutes=1)
        scheduler.reschedule_task(task)
        drive(scheduler, hours=1)
        assert len(calls) == 1
        assert scheduler.get_tasks() == []


class TestPausing:
    @pytest.mark.memory
    def test_nothing_runs_until_it_is_resumed_and_nothing_is_made_up_for(self, scheduler: Any, clock: Any) -> None:
        task = scheduler.add_task(lambda: calls.append(clock.now()), "interval", minutes=10, coalesce=False)
        task.pause()
        drive(scheduler, minutes=55)
        task.resume()
        drive(scheduler, minutes=10)
        assert calls == [START + 60 * MINUTE]

    def test_a_task_whose_schedule_has_ended_is_deleted_when_it_is_resumed(
        self, scheduler: Any, clock: Any, hear: Any
    ) -> None:
        scheduler.add_task(work, "interval", minutes=10, end_at=START + 10 * MINUTE, id="x").pause()
        clock.advance(minutes=11)
        events = hear(scheduler)
        assert scheduler.resume_task("x") is None
        assert scheduler.get_task("x") is None
        assert events.told == [("REMOVED", "x")]

    def test_a_paused_task_comes_last(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", minutes=1, id="a").pause()
        scheduler.add_task(work, "interval", minutes=9, id="b")
        assert [task.id for task in scheduler.get_tasks()] == ["b", "a"]

    def test_resuming_wakes_the_scheduler(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", minutes=1, next_run_time=None)
        before = scheduler.woken
        task.resume()
        assert scheduler.woken > before


class TestDeleting:
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_no_id_is_nothing_to_delete(self, either: Any, nothing: Any, hear: Any) -> None:
        either.add_task(work, "interval", minutes=1)
        events = hear(either)
        either.delete_task(nothing)
        either.delete_task(Task(trigger=IntervalTrigger(minutes=1)))
        assert (len(either.get_tasks()), events) == (1, [])

    def test_a_run_that_was_claimed_goes_on(self, make: Any, held: Any, hear: Any) -> None:
        scheduler = make(executors={"default": held})
        scheduler.add_task(work, "interval", minutes=1, id="x")
        drive(scheduler, minutes=1)
        events = hear(scheduler)
        scheduler.delete_task("x")
        held.release()
        drive(scheduler)
        assert len(calls) == 1
        assert events.told == [("REMOVED", "x"), ("EXECUTED", "x")]

    def test_an_id_can_be_used_again(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", minutes=1, id="x").delete()
        task = scheduler.add_task(work, "interval", minutes=2, id="x")
        drive(scheduler, minutes=2)
        assert (len(calls), scheduler.get_tasks()) == (1, [task])

    def test_remove_all_sends_one_event_whose_alias_is_the_argument(self, make: Any, hear: Any) -> None:
        scheduler = make(stores={"default": {"type": "memory"}, "second": {"type": "memory"}})
        for store in ("default", "second"):
            for _ in range(3):
                scheduler.add_task(work, "interval", minutes=1, store=store)
        events = hear(scheduler)
        scheduler.remove_all_tasks("second")
        assert len(scheduler.get_tasks("default")) == len(scheduler.get_tasks()) == 3
        scheduler.remove_all_tasks()
        assert scheduler.get_tasks() == []
        assert [(name, event.alias) for name, event in zip(events.names, events, strict=True)] == [
            ("ALL_TASKS_REMOVED", "second"),
            ("ALL_TASKS_REMOVED", None),
        ]

    @pytest.mark.memory
    def test_a_task_that_deletes_itself_while_it_runs(self, scheduler: Any, hear: Any) -> None:
        events = hear(scheduler, TASK_REMOVED)
        task = scheduler.add_task(lambda: task.delete(), "interval", minutes=1, id="x")
        drive(scheduler, minutes=5)
        assert events.told == [("REMOVED", "x")]
        assert [run.state.value for run in scheduler.get_runs()] == ["executed"]

    @pytest.mark.memory
    def test_a_task_that_pauses_itself_while_it_runs(self, scheduler: Any) -> None:
        task = scheduler.add_task(lambda: calls.append(task.pause()), "interval", minutes=1, id="x")
        drive(scheduler, minutes=5)
        assert (len(calls), task.paused) == (1, True)


class TestFinding:
    @pytest.mark.memory
    def test_get_and_lookup(self, either: Any) -> None:
        task = either.add_task(work, "interval", minutes=1, id="x")
        assert either.get_task("x") == either.get_task("x", "default") == task
        assert either.get_task("y") is either.get_task("x", "other") is either.get_task(None) is None
        assert either.lookup_task("x") == (task, "default" if either.running else None)
        assert either.lookup_task("x", "default")[0] is task
        with pytest.raises(TaskLookupError):
            either.lookup_task("x", "other")
        assert either.get_tasks("other") == []

    def test_tasks_come_by_due_time_then_by_id(self, scheduler: Any) -> None:
        for task_id, minutes in (("c", 1), ("b", 2), ("a", 2)):
            scheduler.add_task(work, "interval", minutes=minutes, id=task_id)
        assert [task.id for task in scheduler.get_tasks()] == ["c", "a", "b"]


def test_a_store_that_is_not_there_cannot_be_cleared(scheduler: Any) -> None:
    with pytest.raises(KeyError, match=r"No such store: 'nowhere'.*default"):
        scheduler.remove_all_tasks("nowhere")

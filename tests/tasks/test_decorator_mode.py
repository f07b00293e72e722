"""Tasks as decorators."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import pytest

from asyncz.tasks import Task
from asyncz.testing import drive
from asyncz.triggers import IntervalTrigger

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


class TestWithoutAnId:
    @pytest.mark.memory
    def test_a_copy_is_submitted_and_recorded_on_the_function(self, scheduler: Any) -> None:
        decorator = scheduler.add_task(trigger="interval", hours=1)
        assert (decorator.id, decorator.submitted) == (None, False)

        def work() -> None:
            pass

        assert decorator(work) is work
        assert isinstance(work.asyncz_tasks, list)
        (task,) = work.asyncz_tasks
        assert task is not decorator
        assert len(task.id) == 32
        assert scheduler.get_tasks() == [task]
        assert (task.fn, task.name) == (work, task.name)
        assert "work" in task.name

    @pytest.mark.memory
    def test_several_decorators_make_several_tasks(self, scheduler: Any) -> None:
        hourly, daily = scheduler.add_task(trigger="interval", hours=1), scheduler.add_task(trigger="interval", days=1)

        @hourly
        @daily
        @hourly
        def work() -> None:
            pass

        assert [str(task.trigger) for task in work.asyncz_tasks] == [
            "interval[1:00:00]",
            "interval[1 day, 0:00:00]",
            "interval[1:00:00]",
        ]
        assert len({task.id for task in work.asyncz_tasks}) == 3
        assert set(scheduler.get_tasks()) == set(work.asyncz_tasks)

    @pytest.mark.memory
    def test_a_wrapper_does_not_record_on_what_it_wraps(self, scheduler: Any) -> None:
        hourly = scheduler.add_task(trigger="interval", hours=1)

        @hourly
        def work() -> None:
            pass

        @hourly
        @functools.wraps(work)
        def wrapper() -> None:
            pass

        assert (len(work.asyncz_tasks), len(wrapper.asyncz_tasks)) == (1, 1)

    @pytest.mark.memory
    def test_an_id_that_is_in_use_elsewhere_is_never_taken(self, scheduler: Any) -> None:
        decorator = scheduler.add_task(trigger="interval", hours=1)
        for _ in range(100):
            decorator(lambda: None)
        assert len(scheduler.get_tasks()) == 100


class TestWithAnId:
    @pytest.mark.memory
    def test_the_copy_replaces_a_task_of_that_id_and_the_function_is_untouched(self, scheduler: Any) -> None:
        def old() -> None:
            pass

        def new() -> None:
            pass

        decorator = scheduler.add_task(trigger="interval", hours=1, id="x")
        assert decorator(old) is old
        assert decorator(new) is new
        (task,) = scheduler.get_tasks()
        assert (task.id, task.fn) == ("x", new)
        assert not hasattr(old, "asyncz_tasks")
        assert not hasattr(new, "asyncz_tasks")

    @pytest.mark.memory
    def test_queued_as_well(self, stopped: Any) -> None:
        decorator = stopped.add_task(trigger="interval", hours=1, id="x")
        decorator(lambda: None)
        decorator(max)
        with stopped:
            assert [task.fn for task in stopped.get_tasks()] == [max]


class TestOptions:
    def test_all_options_go_into_the_copy(self, make: Any) -> None:
        scheduler = make(
            stores={"default": {"type": "memory"}, "second": {"type": "memory"}},
            executors={"default": {"type": "debug"}, "other": {"type": "debug"}},
        )

        @scheduler.add_task(
            trigger="interval", args=(1,), kwargs={"b": 2}, name="n", mistrigger_grace_time=5, coalesce=False,
            max_instances=3, next_run_time=START + HOUR, store="second", executor="other", recover=False, hours=5,
        )  # fmt: skip
        def work(a: int, b: int) -> None:
            pass

        (task,) = work.asyncz_tasks
        assert (task.args, task.kwargs, task.name) == ((1,), {"b": 2}, "n")
        assert (task.mistrigger_grace_time, task.coalesce, task.max_instances, task.recover) == (5, False, 3, False)
        assert (task.next_run_time, task.store_alias, task.executor) == (START + HOUR, "second", "other")

    @pytest.mark.memory
    def test_a_next_run_time_of_none_pauses(self, scheduler: Any) -> None:
        ran = []

        @scheduler.add_task(trigger="interval", seconds=1, next_run_time=None)
        def work() -> None:
            ran.append(1)

        drive(scheduler, hours=1)
        assert work.asyncz_tasks[0].paused
        assert ran == []

    @pytest.mark.memory
    def test_defaults_of_the_scheduler_are_taken(self, make: Any) -> None:
        scheduler = make(task_defaults={"max_instances": 7, "mistrigger_grace_time": 3})

        @scheduler.add_task(trigger="interval", seconds=1, max_instances=2)
        def work() -> None:
            pass

        (task,) = work.asyncz_tasks
        assert (task.max_instances, task.mistrigger_grace_time) == (2, 3)

    @pytest.mark.memory
    def test_without_a_scheduler_the_copy_is_only_recorded(self, scheduler: Any) -> None:
        decorator = Task(trigger=IntervalTrigger(hours=1))

        @decorator
        def work() -> None:
            pass

        (task,) = work.asyncz_tasks
        assert (task.submitted, task.scheduler, task.fn) == (False, None, work)
        assert scheduler.add_task(task) is scheduler.get_task(task.id)

    @pytest.mark.memory
    def test_a_task_object_can_be_the_decorator(self, scheduler: Any) -> None:
        decorator = scheduler.add_task(Task(trigger=IntervalTrigger(hours=1)))

        @decorator
        def work() -> None:
            pass

        assert scheduler.get_tasks() == work.asyncz_tasks

    def test_arguments_are_checked_where_the_decorator_stands(self, scheduler: Any) -> None:
        decorator = scheduler.add_task(trigger="interval", args=(1, 2), hours=1)
        with pytest.raises(ValueError, match="too many positional arguments"):

            @decorator
            def work(a: int) -> None:
                pass

        with pytest.raises(TypeError, match="Expected a callable below the decorator, got 5"):
            decorator(5)
        assert scheduler.get_tasks() == []


shown: list[Any] = []
_DECORATOR = Task(trigger=IntervalTrigger(hours=1), args=("late",))


class Shop:
    """The decorator stands in the body of a class, where the function has yet to become a method."""

    @_DECORATOR
    def close(self, when: str) -> None:
        shown.append((self, when))

    @staticmethod
    @_DECORATOR
    def sweep(when: str) -> None:
        shown.append(when)


class TestInTheBodyOfAClass:
    def test_the_self_to_come_is_no_missing_argument(self) -> None:
        (task,) = Shop.close.asyncz_tasks
        assert (task.fn, task.args) == (Shop.close, ("late",))

    @pytest.mark.memory
    def test_such_a_task_runs_once_it_is_given_its_object(self, scheduler: Any) -> None:
        shop = Shop()
        (task,) = Shop.close.asyncz_tasks
        scheduler.add_task(task, args=(shop, "late"), next_run_time=START)
        scheduler.add_task(Shop.sweep.asyncz_tasks[0], next_run_time=START)
        drive(scheduler)
        assert sorted(shown, key=str) == sorted([(shop, "late"), "late"], key=str)

    def test_too_many_arguments_are_still_too_many(self) -> None:
        decorator = Task(trigger=IntervalTrigger(hours=1), args=(1, 2, 3))
        with pytest.raises(ValueError, match="too many positional arguments"):
            decorator(Shop.close)

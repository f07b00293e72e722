"""What a task takes from its scheduler where nothing else was said."""

from __future__ import annotations

from typing import Any

import pytest

from asyncz.schedulers.datastructures import TaskDefaultStruct
from asyncz.tasks import Task
from asyncz.triggers import DateTrigger, IntervalTrigger

HOURLY = IntervalTrigger(hours=1)


def work() -> None:
    pass


def options(task: Any) -> tuple[Any, ...]:
    return task.mistrigger_grace_time, task.coalesce, task.max_instances


class TestTaking:
    def test_without_any_late_runs_run_coalesced_one_at_a_time(self, scheduler: Any) -> None:
        assert scheduler.task_defaults.model_dump() == {
            "mistrigger_grace_time": None,
            "coalesce": True,
            "max_instances": 1,
        }
        assert options(scheduler.add_task(work, HOURLY)) == (None, True, 1)

    @pytest.mark.parametrize("running", [True, False])
    def test_they_count_where_nothing_was_given(self, make: Any, running: bool) -> None:
        defaults = {"mistrigger_grace_time": 9, "coalesce": False, "max_instances": 4}
        scheduler = make(start=running, task_defaults=defaults)
        assert options(scheduler.add_task(work, HOURLY)) == (9, False, 4)
        assert options(scheduler.add_task(work, HOURLY, coalesce=True)) == (9, True, 4)
        assert options(scheduler.add_task(work, HOURLY, max_instances=1)) == (9, False, 1)

    def test_task_objects_take_them_too_but_for_what_they_say_themselves(self, make: Any) -> None:
        scheduler = make(task_defaults={"mistrigger_grace_time": 9, "coalesce": False, "max_instances": 4})
        assert options(scheduler.add_task(Task(work, trigger=HOURLY))) == (9, False, 4)
        explicit = Task(work, trigger=HOURLY, mistrigger_grace_time=None, coalesce=True, max_instances=1)
        assert options(scheduler.add_task(explicit)) == (None, True, 1)
        updated = Task(work, trigger=HOURLY)
        updated.update_task(coalesce=True)
        assert options(scheduler.add_task(updated)) == (9, True, 4)
        assert options(scheduler.add_task(Task(work, trigger=HOURLY), max_instances=2)) == (9, False, 2)

    def test_a_grace_time_of_none_is_a_default_like_any_other(self, make: Any) -> None:
        scheduler = make(task_defaults={"mistrigger_grace_time": None})
        assert scheduler.add_task(work, HOURLY).mistrigger_grace_time is None
        scheduler = make(task_defaults={"mistrigger_grace_time": 7})
        assert scheduler.add_task(work, HOURLY, mistrigger_grace_time=None).mistrigger_grace_time is None

    def test_a_grace_time_may_be_a_fraction(self, make: Any) -> None:
        assert make(task_defaults={"mistrigger_grace_time": 0.25}).add_task(work, HOURLY).mistrigger_grace_time == 0.25

    def test_what_is_to_run_at_once_is_never_too_late_unless_it_says_so_itself(self, make: Any) -> None:
        scheduler = make(task_defaults={"mistrigger_grace_time": 9})
        assert scheduler.add_task(work).mistrigger_grace_time is None
        assert scheduler.add_task(work, DateTrigger()).mistrigger_grace_time is None
        assert scheduler.add_task(work, mistrigger_grace_time=3).mistrigger_grace_time == 3
        assert scheduler.add_task(work, run_at="2030-01-01").mistrigger_grace_time == 9

    def test_a_later_setup_counts_for_later_tasks(self, stopped: Any) -> None:
        before = stopped.add_task(work, HOURLY)
        stopped.setup(task_defaults={"max_instances": 5}, clock=stopped.clock, executors={})
        assert (before.max_instances, stopped.add_task(work, HOURLY).max_instances) == (1, 5)


class TestReading:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"coalesce": "false", "max_instances": "3", "timezone": "UTC"}, (None, False, 3)),
            ({"coalesce": "Yes", "mistrigger_grace_time": "1.5"}, (1.5, True, 1)),
            ({"coalesce": 0, "mistrigger_grace_time": "none"}, (None, False, 1)),
            ({"coalesce": "off", "mistrigger_grace_time": "20"}, (20, False, 1)),
            (TaskDefaultStruct(5, False, 2), (5, False, 2)),
            ({}, (None, True, 1)),
            (None, (None, True, 1)),
        ],
    )
    def test_text_is_read_and_unknown_keys_are_passed_over(self, make: Any, given: Any, expected: Any) -> None:
        defaults = make(start=False, task_defaults=given).task_defaults
        assert (defaults.mistrigger_grace_time, defaults.coalesce, defaults.max_instances) == expected

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            ({"max_instances": 0}, ValueError, "positive integer for task_defaults.max_instances, got 0"),
            ({"max_instances": "many"}, ValueError, "a number for task_defaults.max_instances, got 'many'"),
            ({"max_instances": True}, TypeError, "task_defaults.max_instances"),
            ({"max_instances": 1.5}, ValueError, "an integer for task_defaults.max_instances"),
            ({"coalesce": "perhaps"}, ValueError, "task_defaults.coalesce, got 'perhaps'"),
            ({"mistrigger_grace_time": 0}, ValueError, "task_defaults.mistrigger_grace_time"),
            ({"mistrigger_grace_time": -1}, ValueError, "task_defaults.mistrigger_grace_time"),
            ({"mistrigger_grace_time": []}, TypeError, "task_defaults.mistrigger_grace_time"),
            ([1], TypeError, "Expected a dict for task_defaults, got list instead"),
        ],
    )
    def test_a_value_that_does_not_fit_is_named(self, make: Any, given: Any, error: Any, text: str) -> None:
        with pytest.raises(error, match=text):
            make(start=False, task_defaults=given)

"""Tasks by themselves: what they are made of, how they are checked, compared, shown and pickled."""

from __future__ import annotations

import datetime
import functools
import pickle
import weakref
from typing import Any

import pytest

from asyncz.enums import TaskScheduleState
from asyncz.exceptions import AsynczException
from asyncz.tasks import Task
from asyncz.tasks.types import TaskType
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger, ShutdownTrigger

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 17, 12, tzinfo=UTC)
HOURLY = IntervalTrigger(hours=1, start_at=NOON)


def work(a: int = 0, b: int = 0) -> int:
    return a + b


class Office:
    def __init__(self, name: str = "main") -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Office) and self.name == other.name

    __hash__ = None  # type: ignore[assignment]

    def open(self, hour: int = 9) -> str:
        return f"{self.name} {hour}"

    @classmethod
    def count(cls) -> str:
        return cls.__name__

    class Desk:
        @staticmethod
        def tidy() -> str:
            return "tidy"


class Branch(Office):
    pass


class TestMaking:
    def test_what_is_left_out_has_documented_defaults(self) -> None:
        task = Task(work)
        assert (task.args, task.kwargs, task.coalesce, task.max_instances) == ((), {}, True, 1)
        assert (task.mistrigger_grace_time, task.next_run_time, task.recover) == (None, None, True)
        assert (task.trigger, task.executor, task.store_alias, task.scheduler) == (None, None, None, None)
        assert (task.pending, task.submitted, task.paused) == (True, False, False)
        assert task.schedule_state is TaskScheduleState.PENDING
        assert isinstance(task, TaskType)

    def test_an_id_is_made_up_for_a_callable_only(self) -> None:
        task = Task(work)
        assert len(task.id) == 32
        assert int(task.id, 16) > 0
        assert task.id != Task(work).id
        assert Task(work, id="mine").id == "mine"
        assert Task().id is None

    def test_the_name_comes_from_the_callable(self) -> None:
        assert Task(work).name == "work"
        assert Task(Office().open).name == "Office.open"
        assert Task(work, name="Monthly").name == "Monthly"
        assert Task(f"{__name__}:work").name == "work"

    def test_a_next_run_time_of_none_is_a_pause_and_absence_is_not(self) -> None:
        assert Task(work, trigger=HOURLY, next_run_time=None).paused
        assert not Task(work, trigger=HOURLY).paused

    def test_arguments_are_by_keyword_but_for_the_callable(self) -> None:
        with pytest.raises(TypeError, match="positional"):
            Task(work, "id")  # type: ignore[misc]


# API: the texts of refused updates.
_REFUSED = [
    ({"fn": 5}, "fn must be a callable or a textual reference to a callable."),
    ({"args": 5}, "args must be a non-string iterable."),
    ({"args": "text"}, "args must be a non-string iterable."),
    ({"kwargs": 5}, "kwargs must be a dict-like object."),
    ({"kwargs": [("a", 1)]}, "kwargs must be a dict-like object."),
    ({"name": ""}, "name must be a non empty string."),
    ({"name": 5}, "name must be a non empty string."),
    ({"mistrigger_grace_time": 0}, "mistrigger_grace_time must be either None or a positive float/integer."),
    ({"mistrigger_grace_time": -1.5}, "mistrigger_grace_time must be either None or a positive float/integer."),
    ({"mistrigger_grace_time": "5"}, "mistrigger_grace_time must be either None or a positive float/integer."),
    ({"mistrigger_grace_time": float("nan")}, "mistrigger_grace_time must be either None or a positive float/integer."),
    ({"max_instances": 0}, "max_instances must be a positive integer."),
    ({"max_instances": 1.5}, "max_instances must be a positive integer."),
    ({"max_instances": True}, "max_instances must be a positive integer."),
    ({"trigger": "cron"}, "Expected a trigger instance, got str instead."),
    ({"executor": 5}, "executor must be a string."),
]


class TestUpdating:
    @pytest.mark.parametrize(("updates", "text"), _REFUSED)
    def test_a_value_that_does_not_fit_is_named(self, updates: dict[str, Any], text: str) -> None:
        task = Task(work, id="x", trigger=HOURLY)
        with pytest.raises(TypeError) as caught:
            task.update_task(**updates)
        assert str(caught.value) == text

    @pytest.mark.parametrize("args", ["", b"", 0])
    def test_arguments_that_are_false_are_looked_at_as_well(self, args: Any) -> None:
        with pytest.raises(TypeError, match=r"^args must be a non-string iterable\.$"):
            Task(work, args=args)

    def test_another_id_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^The task ID may not be changed\.$"):
            Task(work, id="x").update_task(id="y")

    def test_another_scheduler_is_refused(self, stopped: Any, make: Any) -> None:
        task = stopped.add_task(work, "interval", hours=1)
        with pytest.raises(ValueError, match=r"^The task scheduler may not be changed\.$"):
            task.update_task(scheduler=make(start=False))

    def test_a_next_run_time_needs_the_zone_of_a_scheduler(self) -> None:
        with pytest.raises(TypeError, match="next_run_time"):
            Task(work).update_task(next_run_time=NOON)

    def test_unknown_names_are_listed(self) -> None:
        with pytest.raises(AttributeError) as caught:
            Task(work).update_task(colour="red", a=1)
        assert str(caught.value) == "The following are not modifiable attributes of Task: a, colour."

    @pytest.mark.parametrize("name", ["pending", "submitted", "store_alias", "fn_reference", "timezone"])
    def test_what_a_task_keeps_track_of_itself_cannot_be_changed(self, name: str) -> None:
        with pytest.raises(AttributeError, match=f"not modifiable attributes of Task: {name}"):
            Task(work).update_task(**{name: True})

    def test_one_bad_value_keeps_all_others_from_being_set(self) -> None:
        task = Task(work, id="x", name="before", args=(1,))
        with pytest.raises(TypeError):
            task.update_task(name="later", args=(2,), coalesce=False, max_instances=0)
        assert (task.name, task.args, task.coalesce, task.max_instances) == ("before", (1,), True, 1)

    def test_everything_that_may_be_changed_is(self) -> None:
        task = Task(work, id="x")
        task.update_task(
            fn=f"{__name__}:Office.count",
            args=[],
            kwargs={},
            name="n",
            coalesce=0,
            trigger=HOURLY,
            executor="pool",
            mistrigger_grace_time=1.5,
            max_instances=3,
            recover=False,
            id="x",
        )
        assert task.fn() == "Office"
        assert (task.name, task.coalesce, task.trigger, task.executor) == ("n", False, HOURLY, "pool")
        assert (task.mistrigger_grace_time, task.max_instances, task.recover) == (1.5, 3, False)

    def test_arguments_are_checked_against_the_callable_whenever_one_of_them_changes(self) -> None:
        task = Task(work, args=(1, 2))
        with pytest.raises(ValueError, match="too many positional arguments"):
            task.update_task(args=(1, 2, 3))
        with pytest.raises(ValueError, match="given by position and by keyword: b"):
            task.update_task(kwargs={"b": 2})
        with pytest.raises(ValueError, match="not accepted: c"):
            task.update_task(args=(), kwargs={"c": 2})
        with pytest.raises(ValueError, match="tidy cannot be called"):
            task.update_task(fn=Office.Desk.tidy)
        assert (task.fn, task.args, task.kwargs) == (work, (1, 2), {})

    def test_a_wrapper_is_judged_by_its_own_signature(self) -> None:
        @functools.wraps(work)
        def wrapper(*args: Any) -> int:
            return work(*args[:2])

        assert Task(wrapper, args=(1, 2, 3, 4)).fn is wrapper

    def test_a_list_of_arguments_is_copied(self) -> None:
        args, kwargs = [1], {"b": 2}
        task = Task(work, args=args, kwargs=kwargs)
        args.append(9)
        kwargs["c"] = 9
        assert (task.args, task.kwargs) == ((1,), {"b": 2})


class TestVerbsWithoutAScheduler:
    """They change the object itself."""

    def test_update_and_reschedule_return_the_task(self) -> None:
        task = Task(work, id="my-task", trigger=CronTrigger(hour=8, minute=1))
        assert task.update(max_instances=3, coalesce=False) is task
        assert (task.max_instances, task.coalesce) == (3, False)
        assert task.reschedule("cron", hour=10, minute=5) is task
        assert task.trigger == CronTrigger(hour=10, minute=5)
        assert task.reschedule(HOURLY).trigger is HOURLY

    def test_the_id_of_the_task_may_stand_before_its_new_trigger(self) -> None:
        task = Task(work, id="my-task", trigger=HOURLY)
        task.reschedule("my-task", trigger="cron", hour=10, minute=5)
        assert task.trigger == CronTrigger(hour=10, minute=5)
        with pytest.raises(ValueError, match=r"Expected the id of this task \('my-task'\), got 'other'"):
            task.reschedule("other", trigger="cron", hour=1)
        assert task.trigger == CronTrigger(hour=10, minute=5)

    def test_pausing_and_resuming_say_how_the_task_starts(self) -> None:
        task = Task(work, trigger=HOURLY)
        assert task.pause() is task
        assert task.paused
        assert task.resume() is task
        assert not task.paused

    def test_deleting_does_nothing(self) -> None:
        task = Task(work, trigger=HOURLY)
        assert task.delete() is task


class TestText:
    def test_repr_shows_id_and_name(self) -> None:
        assert repr(Task(work, id="x", name="n")) == "<Task (id=x name=n)>"

    @pytest.mark.parametrize(
        ("options", "status"),
        [({}, "pending"), ({"next_run_time": None}, "paused"), ({"next_run_time": NOON}, "next run at: 2024-05-17")],
    )
    def test_str_shows_the_trigger_and_what_comes_next(self, options: dict[str, Any], status: str) -> None:
        text = str(Task(work, name="n", trigger=IntervalTrigger(seconds=1), **options))
        assert text.startswith(f"n (trigger: interval[0:00:01], {status}")
        assert text.endswith(")")

    def test_str_shows_the_next_run_with_its_zone(self) -> None:
        task = Task(work, name="n", trigger=DateTrigger(NOON), next_run_time=NOON)
        assert str(task) == "n (trigger: date[2024-05-17 12:00:00 UTC], next run at: 2024-05-17 12:00:00 UTC)"

    def test_a_shutdown_trigger_is_one_word(self) -> None:
        task = Task(work, name="n", trigger=ShutdownTrigger())
        assert str(task.trigger) == "shutdown"
        assert str(task) == "n (trigger: shutdown, pending)"


class TestIdentity:
    def test_tasks_are_equal_by_id(self) -> None:
        assert Task(work, id="x") == Task(print, id="x")
        assert Task(work, id="x") != Task(work, id="y")
        assert Task(work, id="x") != "x"

    def test_tasks_without_an_id_equal_nothing(self) -> None:
        task = Task()
        assert task != Task()
        assert task.__eq__(task) is False
        assert Task.__eq__(task, "x") is NotImplemented

    def test_tasks_are_hashable_and_equal_ones_have_equal_hashes(self) -> None:
        assert len({Task(work, id="x"), Task(print, id="x"), Task(work, id="y")}) == 2
        anonymous = Task()
        assert hash(anonymous) == hash(anonymous)

    def test_tasks_can_be_referred_to_weakly(self) -> None:
        task = Task(work)
        assert weakref.ref(task)() is task

    def test_tasks_can_be_subclassed_and_given_attributes(self) -> None:
        class Tagged(Task):
            pass

        task = Tagged(work)
        task.tag = "blue"
        assert (task.tag, task == Task(work, id=task.id)) == ("blue", True)


class TestReferences:
    def test_a_reference_says_where_to_find_the_callable(self) -> None:
        assert Task(work).fn_reference == f"{__name__}:work"
        assert Task(Office.Desk.tidy).fn_reference == f"{__name__}:Office.Desk.tidy"
        assert Task(Office().open).fn_reference == f"{__name__}:Office.open"
        assert Task(f"{__name__}:Office.open", args=(Office(),)).fn_reference == f"{__name__}:Office.open"

    def test_a_class_method_belongs_to_the_class_it_was_reached_through(self) -> None:
        assert Task(Branch.count).fn_reference == f"{__name__}:Branch.count"
        assert pickle.loads(pickle.dumps(Task(Branch.count))).fn() == "Branch"

    def test_a_class_method_of_a_built_in_class_is_found_again(self) -> None:
        task = Task(datetime.datetime.now)
        assert task.fn_reference == "datetime:datetime.now"
        assert isinstance(pickle.loads(pickle.dumps(task)).fn(), datetime.datetime)

    def test_there_is_none_to_what_no_name_leads_to(self) -> None:
        def nested() -> None:
            pass

        for fn in (lambda: None, nested, functools.partial(work, 1)):
            assert Task(fn).fn_reference is None
        assert Task().fn_reference is None

    def test_a_bad_reference_says_what_is_wrong_with_it(self) -> None:
        with pytest.raises(AsynczException, match="no colon"):
            Task("nowhere")
        with pytest.raises(LookupError, match="nowhere_at_all"):
            Task("nowhere_at_all:x")
        with pytest.raises(LookupError, match="has no attribute"):
            Task(f"{__name__}:absent")


class TestPickling:
    def test_a_restored_task_is_as_it_was_and_counts_as_submitted(self) -> None:
        task = Task(
            work,
            id="x",
            name="n",
            args=(1,),
            kwargs={"b": 2},
            trigger=HOURLY,
            executor="e",
            store_alias="s",
            mistrigger_grace_time=0.5,
            coalesce=False,
            max_instances=4,
            next_run_time=NOON,
            recover=False,
        )
        restored = pickle.loads(pickle.dumps(task))
        for name in (
            *("id", "name", "fn", "args", "kwargs", "trigger", "executor", "store_alias", "mistrigger_grace_time"),
            *("coalesce", "max_instances", "next_run_time", "recover", "fn_reference"),
        ):
            assert getattr(restored, name) == getattr(task, name), name
        assert (restored.submitted, restored.pending, restored.scheduler) == (True, False, None)

    def test_a_bound_method_becomes_its_function_and_the_object(self) -> None:
        restored = pickle.loads(pickle.dumps(Task(Office("north").open, args=(7,))))
        assert restored.args == (Office("north"), 7)
        assert restored.fn(*restored.args) == "north 7"
        again = pickle.loads(pickle.dumps(restored))
        assert again.fn(*again.args) == "north 7"

    @pytest.mark.parametrize("fn", [lambda: None, functools.partial(work, 1)], ids=["lambda", "partial"])
    def test_a_task_without_a_reference_is_refused(self, fn: Any) -> None:
        with pytest.raises(ValueError, match="cannot be stored: no reference leads to its callable"):
            pickle.dumps(Task(fn))

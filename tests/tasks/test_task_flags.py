"""What is yes or no about a task shares one number; each of these attributes is a variable of its own all the same."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncz.tasks import Task
from asyncz.triggers import IntervalTrigger

FLAGS = ("coalesce", "has_schedule_of_its_own", "pending", "recover", "replace_existing", "submitted")


def work() -> None: ...


def flags_of(task: Task) -> dict[str, bool]:
    return {name: getattr(task, name) for name in FLAGS}


@given(st.lists(st.tuples(st.sampled_from(FLAGS), st.booleans())))
def test_setting_one_leaves_the_others(changes: list[tuple[str, bool]]) -> None:
    task = Task(work)
    expected = flags_of(task)
    for name, value in changes:
        setattr(task, name, value)
        expected[name] = value
        assert flags_of(task) == expected


@pytest.mark.parametrize("recover", [False, True])
@pytest.mark.parametrize("coalesce", [False, True])
def test_a_copy_is_of_the_same_kind_but_not_in_the_same_place(recover: bool, coalesce: bool) -> None:
    task = Task(work, recover=recover, coalesce=coalesce, replace_existing=True, next_run_time=None)
    task.submitted, task.pending = True, False
    of_copy = flags_of(task.copy())
    assert of_copy == {**flags_of(task), "submitted": False, "pending": True}
    assert (of_copy["recover"], of_copy["coalesce"]) == (recover, coalesce)


@pytest.mark.parametrize("recover", [False, True])
@pytest.mark.parametrize("coalesce", [False, True])
def test_a_stored_task_keeps_what_it_is(recover: bool, coalesce: bool) -> None:
    task = Task(work, trigger=IntervalTrigger(hours=1), recover=recover, coalesce=coalesce)
    again = pickle.loads(pickle.dumps(task))
    assert (again.recover, again.coalesce) == (recover, coalesce)
    assert (again.submitted, again.pending, again.has_schedule_of_its_own) == (True, False, False)


def test_what_was_given_is_known_beside_its_value() -> None:
    class Defaults:
        mistrigger_grace_time = 7.0
        coalesce = False
        max_instances = 5

    for name, value in (("mistrigger_grace_time", None), ("coalesce", True), ("max_instances", 1)):
        given_at_first, given_later = Task(work, **{name: value}), Task(work)
        given_later.update_task(**{name: value})
        for task in (given_at_first, given_later):
            task.apply_defaults(Defaults)
            others = vars(Defaults).keys() & {"mistrigger_grace_time", "coalesce", "max_instances"} - {name}
            assert getattr(task, name) == value
            assert all(getattr(task, other) == getattr(Defaults, other) for other in others)

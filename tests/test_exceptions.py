"""What the errors say, to people and across processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from asyncz import exceptions
from asyncz.exceptions import AsynczException, BaseLookupError, MaximumInstancesError, SchedulerNotRunningError


class Particular(SchedulerNotRunningError):
    detail = "Nothing is running here"


ERRORS = [
    (AsynczException(), ""),
    (AsynczException("text"), "text"),
    (AsynczException("one ", 2, detail=" three"), "one 2 three"),
    (exceptions.SchedulerAlreadyRunningError(), "Scheduler is already running"),
    (SchedulerNotRunningError(), "Scheduler is not running"),
    (Particular(), "Nothing is running here"),
    (BaseLookupError(), ""),
    (BaseLookupError("what"), "what"),
    (exceptions.AsynczLookupError("where"), "where"),
    (exceptions.TaskLookupError("x"), "No task with the id x has been found."),
    (exceptions.SchedulerLookupError("x"), "No schedule with the id x has been found."),
    # A KeyError shows the repr of its text.
    (exceptions.ConflictIdError("x"), "'Task identifier (x) conflicts with an existing task.'"),
    (exceptions.ConflictError("x"), "'Schedule identifier (x) conflicts with an existing schedule.'"),
    (exceptions.SerializationError("args[0] ...", argument="args[0]"), "args[0] ..."),
    (exceptions.UnreadableRecordError("damaged"), "damaged"),
    (exceptions.TaskUnavailableError("missing"), "missing"),
    (
        exceptions.NewerFormatError("The record", 3, 2, "1.0"),
        "The record has format 3, and asyncz 1.0 reads formats up to 2: a later release has written it, and is needed "
        "to read it.",
    ),
    (
        exceptions.SignatureError("x"),
        "The record of the task x is not signed with any of the secrets of this store: it was added, changed or moved "
        "by somebody else, or the secret is another one.",
    ),
    (MaximumInstancesError("x", 3), "The task by the id of x reached its maximum number of instances 3."),
]


@pytest.mark.parametrize(("exc", "text"), ERRORS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_error_says_the_same_after_a_journey(exc, text):
    assert str(exc) == text
    for arrived in (pickle.loads(pickle.dumps(exc)), copy.copy(exc), copy.deepcopy(exc)):
        assert (type(arrived), str(arrived), repr(arrived)) == (type(exc), text, repr(exc))
        assert vars(arrived) == vars(exc)


def test_what_an_error_is_about_can_be_asked_for():
    exc = MaximumInstancesError("x", 3)
    assert (exc.task_id, exc.total) == ("x", 3)
    assert exceptions.TaskLookupError("x").task_id == exceptions.ConflictIdError("x").task_id == "x"


def test_repr_shows_the_detail_behind_the_name():
    assert repr(AsynczException("text", detail="what")) == "AsynczException - what"
    assert repr(AsynczException("text")) == "AsynczException"
    assert repr(SchedulerNotRunningError()) == "SchedulerNotRunningError - Scheduler is not running"
    assert repr(exceptions.TaskLookupError("x")) == "TaskLookupError - No task with the id x has been found."

"""A task's definition as JSON, and as a dictionary of plain values."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from ..exceptions import SerializationError, shown_name
from ..refs import obj_to_ref
from ..tasks.base import Task
from ..utils import UTC
from .plain import loads, quoted, text_of
from .references import published
from .refusals import Refused, in_step
from .triggers import trigger_to_json
from .values import encode, encode_items, encode_named, to_json
from .zones import of_any_library, zone_to_plain

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    #: returns arguments and trigger of a task, as members of an object in JSON
    Contents = Callable[[Task], str]

__all__ = ("VERSION", "bound_to", "contents_to_json", "task_to_dict", "task_to_json", "trigger_of")

#: The format that is written, and the latest that is read.
VERSION = 1
_HEAD = f'{{"version":{VERSION},"id":'
_NO_CALLABLE = 'Give a function or method of a module, or its reference as text ("module:name").'


def task_to_dict(task: Task) -> dict[str, Any]:
    """Return the definition of a task as a dictionary of plain values.

    Raises SerializationError, naming the argument, when something cannot be stored.
    """
    plain: dict[str, Any] = loads(task_to_json(task, contents_to_json))
    return plain


def task_to_json(task: Task, contents: Contents) -> bytes:
    """Return the definition of a task as JSON: put together as text, in half the time.

    ``contents`` returns the members for arguments and trigger. Raises SerializationError, naming the argument, when
    something cannot be stored.
    """
    try:
        return _definition(task, contents).encode()
    except Refused as exc:
        refused = exc
    except RecursionError as exc:
        raise SerializationError(f"The task {shown_name(task.id)} cannot be stored: too deeply nested.") from exc
    except ValueError as exc:  # halves of characters in a name of Python's, which nobody writes
        raise SerializationError(f"The task {shown_name(task.id)} cannot be stored: {exc}.") from exc
    raise refused.error(task.id) from refused.__cause__  # here, where it does not hold on to the value as its context


def _definition(task: Task, contents: Contents) -> str:
    if type(task) is not Task:
        raise in_step(Refused(task, "tasks of a subclass are not stored", "Use asyncz.tasks.Task itself."), "the task")
    name, executor = task.name, task.executor
    return (
        f"{_HEAD}{quoted(_text(task.id, 'id'))},"
        f'"name":{"null" if name is None else quoted(_text(name, "name"))},'
        f'"fn":{quoted(published(_reference(task)))},{contents(task)},'
        f'"timezone":{_zone(task.timezone)},'
        f'"executor":{"null" if executor is None else quoted(_text(executor, "executor"))},'
        f'"max_instances":{int(task.max_instances)},"mistrigger_grace_time":{_seconds(task.mistrigger_grace_time)},'
        f'"coalesce":{"true" if task.coalesce else "false"},"recover":{"true" if task.recover else "false"}}}'
    )


def contents_to_json(task: Task) -> str:
    """Return the members for arguments and trigger, of values that JSON knows. Raises Refused."""
    step = "args"
    try:
        args = encode_items(task.args, 0, to_json) if task.args else []
        step = "kwargs"
        kwargs = "" if task._kwargs is None else _members(task._kwargs)
        step = "trigger"
        trigger = trigger_to_json(trigger_of(task), to_json)
    except Refused as exc:
        raise in_step(exc, step) from exc.__cause__
    owner = bound_to(task)
    if owner is not None:
        args = [_bound(owner), *args]
    return f'"args":[{",".join(args)}],"kwargs":{{{kwargs}}},"trigger":{trigger}'


def _members(kwargs: dict[str, Any]) -> str:
    return ",".join([f"{quoted(name)}:{text}" for name, text in encode_named(kwargs, 0, to_json).items()])


def _text(value: Any, name: str) -> str:
    if type(value) is str and value and value.isascii():
        return value
    if not isinstance(value, str) or not value:
        raise in_step(Refused(value, "expected a text that is not empty", "Give it one."), name)
    plain = encode(str(value))
    if type(plain) is not str:
        raise in_step(Refused(value, "it has halves of characters (surrogates)", "Use whole characters."), name)
    return plain


def _reference(task: Task) -> str:
    if task._reference is not None:
        return _text(task._reference, "fn")
    try:
        return _text(obj_to_ref(task.fn), "fn")
    except (TypeError, ValueError) as exc:
        raise in_step(Refused(task.fn, str(exc).rstrip("."), _NO_CALLABLE), "fn") from exc


def _zone(zone: datetime.tzinfo | None) -> str:
    if zone is None:
        return "null"
    if zone is UTC:
        return '"Z"'
    try:
        return text_of(zone_to_plain(of_any_library(zone)))
    except Refused as exc:
        raise in_step(exc, "timezone") from exc


def _seconds(value: float | None) -> str:
    if value is None or value == float("inf"):  # which never is too late, too
        return "null"
    return str(int(value)) if isinstance(value, int) else repr(float(value))


def trigger_of(task: Task) -> Any:
    """Return the trigger of a task. Raises Refused when it has none, or one that is not for stores."""
    if task.trigger is None:
        raise Refused(None, "there is nothing that says when it is due", "Give the task a trigger.")
    if task.trigger.alias == "shutdown":
        raise Refused(task.trigger, "such a task belongs to the scheduler that it was added to", "Use a memory store.")
    return task.trigger


def bound_to(task: Task) -> MethodType | None:
    """Return the method of an object that a task calls, None for anything else.

    Such a task is stored as the function in the class, and the object as its first argument.
    """
    fn = task.fn
    if type(fn) is not MethodType or isinstance(fn.__self__, type) or task._reference is not None:
        return None
    return fn


def _bound(method: MethodType) -> str:
    try:
        return to_json(method.__self__)
    except Refused as exc:
        raise in_step(exc, "fn.__self__") from exc.__cause__

"""A task's definition as a dictionary of plain values."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from ..exceptions import SerializationError, shown_name
from ..refs import obj_to_ref
from ..tasks.base import Task
from .references import published
from .refusals import Refused, in_step
from .triggers import trigger_to_plain
from .values import encode, encode_items, encode_named
from .zones import of_any_library, zone_to_plain

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    #: puts arguments and trigger of a task into the dictionary
    Contents = Callable[[Task, dict[str, Any]], None]

__all__ = ("VERSION", "bound_to", "put_contents", "task_to_dict", "trigger_of")

#: The format that is written, and the latest that is read.
VERSION = 1
_NO_CALLABLE = 'Give a function or method of a module, or its reference as text ("module:name").'


def put_contents(task: Task, plain: dict[str, Any]) -> None:
    """Put arguments and trigger into the dictionary, as values that JSON knows. Raises Refused."""
    step = "args"
    try:
        plain["args"] = encode_items(task.args)
        step = "kwargs"
        plain["kwargs"] = encode_named(task.kwargs)
        step = "trigger"
        plain["trigger"] = trigger_to_plain(trigger_of(task), encode, 0)
    except Refused as exc:
        raise in_step(exc, step) from exc.__cause__
    owner = bound_to(task)
    if owner is not None:
        plain["args"] = [_bound(owner), *plain["args"]]


def task_to_dict(task: Task, contents: Contents = put_contents) -> dict[str, Any]:
    """Return the definition of a task as a dictionary of plain values.

    ``contents`` puts arguments and trigger into it where that is not to be done as JSON does it. Raises
    SerializationError, naming the argument, when something cannot be stored.
    """
    try:
        return _definition(task, contents)
    except Refused as exc:
        refused = exc
    except RecursionError as exc:
        raise SerializationError(f"The task {shown_name(task.id)} cannot be stored: too deeply nested.") from exc
    raise refused.error(task.id) from refused.__cause__  # here, where it does not hold on to the value as its context


def _definition(task: Task, contents: Contents) -> dict[str, Any]:
    if type(task) is not Task:
        raise in_step(Refused(task, "tasks of a subclass are not stored", "Use asyncz.tasks.Task itself."), "the task")
    plain = {
        "version": VERSION,
        "id": _text(task.id, "id"),
        "name": None if task.name is None else _text(task.name, "name"),
        "fn": published(_reference(task)),
    }
    contents(task, plain)
    plain["timezone"] = None if task.timezone is None else _zone(task.timezone)
    plain["executor"] = None if task.executor is None else _text(task.executor, "executor")
    plain["max_instances"] = int(task.max_instances)
    plain["mistrigger_grace_time"] = _seconds(task.mistrigger_grace_time)
    plain["coalesce"], plain["recover"] = task.coalesce, task.recover
    return plain


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


def _zone(zone: datetime.tzinfo) -> Any:
    try:
        return zone_to_plain(of_any_library(zone))
    except Refused as exc:
        raise in_step(exc, "timezone") from exc


def _seconds(value: float | None) -> float | None:
    if value is None or value == float("inf"):  # which never is too late, too
        return None
    return int(value) if isinstance(value, int) else float(value)


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


def _bound(method: MethodType) -> Any:
    try:
        return encode(method.__self__)
    except Refused as exc:
        raise in_step(exc, "fn.__self__") from exc.__cause__

"""Which values the attributes of a task may have.

``checked`` turns what a user gave into what a task holds, or says which argument is wrong; nothing is changed here, so
that a change of several attributes happens wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..exceptions import listed, shown, shown_name
from ..refs import check_callable_args, get_callable_name, ref_to_obj
from ..triggers.types import TriggerType
from ..utils import to_datetime

if TYPE_CHECKING:
    import datetime

    from .types import TaskType

__all__ = ("EDITABLE", "check_grace_time", "check_max_instances", "checked", "checked_definition")


def _check_name(value: Any) -> str:
    if not value or not isinstance(value, str):
        raise TypeError("name must be a non empty string.")
    return value


def check_grace_time(value: Any) -> float | None:
    """Return a grace time in seconds, or None; raises TypeError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise TypeError("mistrigger_grace_time must be either None or a positive float/integer.")
    return value


def check_max_instances(value: Any) -> int:
    """Return how many runs there may be at once; raises TypeError unless it is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise TypeError("max_instances must be a positive integer.")
    return value


def _check_trigger(value: Any) -> TriggerType:
    if not isinstance(value, TriggerType):
        raise TypeError(f"Expected a trigger instance, got {type(value).__name__} instead.")
    return value


def _check_executor(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("executor must be a string.")
    return value


def _check_args(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError("args must be a non-string iterable.")
    return tuple(value)


def _check_kwargs(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        raise TypeError("kwargs must be a dict-like object.")
    return dict(value) or None


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "args": _check_args,
    "coalesce": bool,
    "executor": _check_executor,
    "kwargs": _check_kwargs,
    "max_instances": check_max_instances,
    "mistrigger_grace_time": check_grace_time,
    "name": _check_name,
    "recover": bool,
    "trigger": _check_trigger,
}
_NEED_THE_TASK = ("fn", "id", "next_run_time", "scheduler")

#: The names that an update may give.
EDITABLE = frozenset({*_CHECKS, *_NEED_THE_TASK})


def checked(task: TaskType, updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return the slots of a task to set for these updates.

    Raises AttributeError for names that cannot be changed, TypeError or ValueError for values that do not fit, and
    ValueError when the callable would not accept the arguments.
    """
    unknown = updates.keys() - EDITABLE
    if unknown:
        names = listed(sorted(map(shown_name, unknown)))
        raise AttributeError(f"The following are not modifiable attributes of Task: {names}.")
    values = {name: _CHECKS[name](updates[name]) for name in updates if name in _CHECKS}
    if "kwargs" in values:
        values["_kwargs"] = values.pop("kwargs")
    if "scheduler" in updates:
        values["scheduler"] = _check_scheduler(task, updates["scheduler"])
    if "id" in updates:
        values["id"] = _check_id(task, updates["id"])
    if "fn" in updates:
        values |= _check_fn(task, updates["fn"], "name" in values)
    if values.keys() & {"fn", "args", "_kwargs"}:
        _check_call(task, values)
    if "next_run_time" in updates:
        values["next_run_time"] = _check_next_run_time(task, updates["next_run_time"])
    return values


def checked_definition(
    fn: Any, id: Any, name: Any, args: Any, kwargs: Any, trigger: Any, executor: Any
) -> tuple[Any, str | None, str | None, tuple[Any, ...], dict[str, Any] | None]:
    """Check what defines a new task, None being what was not given.

    Returns the callable, the reference to it where it was given as text, the name, and the arguments. Raises what
    :func:`checked` raises.
    """
    if not (id is name is executor is None):
        _check_names(id, name, executor)
    # Most are real subclasses: to ask that is quicker than to ask an abstract class about an instance.
    if trigger is not None and TriggerType not in type(trigger).__mro__:
        _check_trigger(trigger)
    args = () if args is None else _check_args(args)
    kwargs = None if kwargs is None else _check_kwargs(kwargs)
    if fn is None:
        return None, None, name, args, kwargs
    fn, reference = (fn, None) if type(fn) is FunctionType else _resolved(fn)
    check_callable_args(fn, args, kwargs or {})
    return fn, reference, name or get_callable_name(fn), args, kwargs


def _check_names(id: Any, name: Any, executor: Any) -> None:
    if id is not None:
        _check_text_id(id)
    if name is not None:
        _check_name(name)
    if executor is not None:
        _check_executor(executor)


def _check_scheduler(task: TaskType, value: Any) -> Any:
    if task.scheduler is not None and value is not task.scheduler:
        raise ValueError("The task scheduler may not be changed.")
    return value


def _check_id(task: TaskType, value: Any) -> str:
    _check_text_id(value)
    if task.id is not None and value != task.id:
        raise ValueError("The task ID may not be changed.")
    return str(value)


def _check_text_id(value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise TypeError(f"id must be a non empty string, got {shown(value)}.")


def _check_fn(task: TaskType, value: Any, is_named: bool) -> dict[str, Any]:
    fn, reference = _resolved(value)
    values = {"fn": fn, "_reference": reference}
    if task.name is None and not is_named:
        values["name"] = get_callable_name(fn)
    return values


def _resolved(value: Any) -> tuple[Any, str | None]:
    """Return the callable, and the reference to it where it was given as text."""
    fn, reference = (ref_to_obj(value), value) if isinstance(value, str) else (value, None)
    if not callable(fn):
        raise TypeError("fn must be a callable or a textual reference to a callable.")
    return fn, reference


def _check_call(task: TaskType, values: Mapping[str, Any]) -> None:
    fn = values.get("fn", task.fn)
    if fn is not None:
        check_callable_args(fn, values.get("args", task.args), values.get("_kwargs", task.kwargs) or {})


def _check_next_run_time(task: TaskType, value: Any) -> datetime.datetime | None:
    zone = task.timezone or getattr(task.scheduler, "timezone", None)
    if zone is None:
        raise TypeError(f"next_run_time can be changed only on a task that belongs to a scheduler, got {shown(value)}.")
    return None if value is None else to_datetime(value, zone, "next_run_time")

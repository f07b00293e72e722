"""Stored definitions: what can be told of one without importing anything, and the task that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import __version__
from ..exceptions import (
    AsynczException,
    AsynczLookupError,
    NewerFormatError,
    TaskUnavailableError,
    UnreadableRecordError,
    listed,
    shown,
    shown_name,
)
from ..tasks.base import Task
from ..utils import from_microseconds
from .definitions import VERSION
from .references import local
from .triggers import trigger_from_plain
from .values import decode, decode_named
from .zones import zone_from_plain

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    #: arguments, keyword arguments and trigger
    Contents = tuple[tuple[Any, ...], dict[str, Any], Any]

__all__ = ("TaskRecord", "check_version")

_SETTINGS = ("executor", "max_instances", "mistrigger_grace_time", "coalesce", "recover")


class TaskRecord:
    """A stored definition that can be read; whether a task can be made of it here, :meth:`load` tells.

    ``plain`` is the dictionary. Raises UnreadableRecordError when it is none of ours, NewerFormatError when a later
    release has written it. Nothing is imported for this.
    """

    __slots__ = ("plain",)

    def __init__(self, plain: Any) -> None:
        if type(plain) is not dict:
            raise UnreadableRecordError(f"Expected a record, got {shown(plain)}.")
        check_version(plain, VERSION)
        _check(plain, _PICKLED if "pickled" in plain else _PLAIN)
        self.plain: dict[str, Any] = plain

    @property
    def id(self) -> str:
        """The id of the task."""
        return str(self.plain["id"])

    @property
    def name(self) -> str | None:
        """The name of the task."""
        name: str | None = self.plain["name"]
        return name

    @property
    def executor(self) -> str | None:
        """The alias of its executor."""
        alias: str | None = self.plain["executor"]
        return alias

    @property
    def fn_reference(self) -> str:
        """The reference to the callable, as it leads into this copy of the package."""
        return local(self.plain["fn"])

    def load(self, due: int | None = None, store: str | None = None) -> Task:
        """Return the task, importing what it is made of.

        ``due`` is its next run time in microseconds since 1970 UTC, ``store`` the alias of the store. Raises
        TaskUnavailableError where something that it names cannot be had here (callable, class, registered type, zone),
        and UnreadableRecordError when the record is damaged.
        """
        args, kwargs, trigger, zone = self._read(lambda: (*self._contents(), self._zone()))
        state = {name: self.plain[name] for name in _SETTINGS}
        state |= {"id": self.id, "name": self.name, "args": args, "_kwargs": kwargs or None, "trigger": trigger}
        state |= {"timezone": zone, "store_alias": store, "next_run_time": self._next_run_time(due, trigger, zone)}
        task = Task.__new__(Task)
        try:
            task.__setstate__({**state, "_reference": self.fn_reference})
        except (AsynczException, AsynczLookupError) as exc:
            raise TaskUnavailableError(f"The callable {shown(self.fn_reference)} cannot be had here: {exc}") from exc
        if not callable(task.fn):
            raise TaskUnavailableError(f"{shown(self.fn_reference)} cannot be called here: it is {shown(task.fn)}.")
        return task

    def stand_in(self, due: int | None = None, store: str | None = None) -> Task:
        """Return a task that can be listed, but not run: without callable and arguments, for lack of what they name.

        Trigger and zone are there if they can be had. Never raises.
        """
        trigger, zone = self._if_possible(self._trigger), self._if_possible(self._zone)
        settings = {name: self.plain[name] for name in _SETTINGS}
        task = Task(id=self.id, name=self.name, trigger=trigger, store_alias=store, **settings)
        task._reference, task.timezone = self.fn_reference, zone
        task.settle()
        try:
            task.next_run_time = self._next_run_time(due, trigger, zone)
        except UnreadableRecordError:
            task.next_run_time = None
        return task

    def changed(self, settings: Mapping[str, Any]) -> TaskRecord:
        """Return a record with another ``name`` or other settings, without importing what the task is made of.

        Raises KeyError for what takes a task to change, such as its arguments, and UnreadableRecordError for values
        that make no sense.
        """
        others = settings.keys() - {"name", *_SETTINGS}
        if others:
            raise KeyError(f"Expected the name or settings, got {listed(sorted(others))}: these take the task itself.")
        return type(self)({**self.plain, **settings})

    def _contents(self) -> Contents:
        if "pickled" in self.plain:
            raise TaskUnavailableError('Its arguments are pickled, and read only by serializer="pickle".')
        args = tuple([decode(item) for item in self.plain["args"]])
        return args, decode_named(self.plain["kwargs"]), self._trigger()

    def _trigger(self) -> Any:
        return trigger_from_plain(self.plain["trigger"], decode, 0)

    def _zone(self) -> datetime.tzinfo | None:
        content = self.plain["timezone"]
        return None if content is None else zone_from_plain(content)

    def _next_run_time(self, due: int | None, trigger: Any, zone: Any) -> datetime.datetime | None:
        if due is None:
            return None
        found: datetime.datetime = self._read(
            lambda: from_microseconds(due, getattr(trigger, "timezone", None) or zone)
        )
        return found

    def _read(self, part: Callable[[], Any]) -> Any:
        try:
            return part()
        except (TaskUnavailableError, UnreadableRecordError):
            raise
        except Exception as exc:  # of the many kinds that damaged values, and the constructors of triggers, raise
            what = f"The record of the task {shown_name(self.id)} is damaged"
            raise UnreadableRecordError(f"{what}: {shown(exc)}.") from exc

    def _if_possible(self, part: Callable[[], Any]) -> Any:
        try:
            return self._read(part)
        except (TaskUnavailableError, UnreadableRecordError):
            return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (id={shown_name(self.id)} fn={shown_name(self.plain['fn'])})>"


def check_version(plain: dict[str, Any], known: int) -> None:
    """Raise NewerFormatError for a record of a later release, UnreadableRecordError for one without a version."""
    version = plain.get("version")
    if version == known and type(version) is int:
        return
    if type(version) is not int or version < 1:
        raise UnreadableRecordError(f"Expected a record with a version, got {shown(version)} as the version.")
    raise NewerFormatError("The record", version, known, __version__)


def _check(plain: dict[str, Any], checks: Mapping[str, Callable[[Any], bool]]) -> None:
    try:
        for name, is_fine in checks.items():
            if not is_fine(plain[name]):
                raise UnreadableRecordError(f"The record is damaged: its {name} is {shown(plain[name])}.")
    except KeyError as exc:
        raise UnreadableRecordError(f"The record is damaged: it has no {exc.args[0]}.") from exc
    if len(plain) != len(checks) + 1:
        others = listed(sorted(map(str, plain.keys() - checks.keys() - {"version"})))
        raise UnreadableRecordError(f"The record is damaged: it has more than belongs there ({others}).")


def _is_text(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_text_or_none(value: Any) -> bool:
    return value is None or (type(value) is str and value != "")


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_grace_time(value: Any) -> bool:
    return value is None or ((type(value) is int or type(value) is float) and value > 0)


def _is_list(value: Any) -> bool:
    return type(value) is list


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) is str and type(value[1]) is dict


_COMMON: dict[str, Callable[[Any], bool]] = {
    "id": _is_text,
    "name": _is_text_or_none,
    "fn": _is_text,
    "timezone": lambda value: value is None or type(value) is str or _is_list(value),
    "executor": _is_text_or_none,
    "max_instances": _is_count,
    "mistrigger_grace_time": _is_grace_time,
    "coalesce": _is_flag,
    "recover": _is_flag,
}
_PLAIN = {**_COMMON, "args": _is_list, "kwargs": lambda value: type(value) is dict, "trigger": _is_pair}
_PICKLED = {**_COMMON, "pickled": _is_text}

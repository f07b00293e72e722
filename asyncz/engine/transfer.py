"""Tasks as a document of plain values, and back.

The document is ``{"format": 1, "tasks": [...], "left_out": [...]}``. A task is its store, its next run time (None: it
is paused), the nominal one where that is another, and the definition as :func:`asyncz.serializers.task_to_dict`
returns it. Times are in UTC, as ISO 8601 has them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..exceptions import (
    NewerFormatError,
    SerializationError,
    TaskUnavailableError,
    UnreadableRecordError,
    shown,
    shown_name,
)
from ..serializers.definitions import task_to_dict
from ..serializers.plain import loads
from ..serializers.records import TaskRecord
from ..utils import from_microseconds, to_microseconds
from .edits import is_for_shutdown
from .entries import insert_all

if TYPE_CHECKING:
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from .entries import Entry

__all__ = ("FORMAT", "Arriving", "arrivals", "exported")

#: The format that is written, and the latest that is read.
FORMAT = 1


# -- out ---------------------------------------------------------------------------------------------------------------


def exported(stores: Mapping[str, BaseStore]) -> dict[str, Any]:
    """Return the document of the tasks in stores. Raises SerializationError for one that cannot be written down."""
    tasks: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for alias, store in stores.items():
        for row in [*store.read_all(), *store.rows_aside()]:
            if row.final or is_for_shutdown(row.task):
                continue
            if isinstance(row.problem, UnreadableRecordError):
                left_out.append({"id": row.task.id, "store": alias, "reason": str(row.problem)})
            else:
                tasks.append(_plain(alias, row, store))
    tasks.sort(key=lambda plain: (plain["store"], plain["definition"]["id"]))
    return {"format": FORMAT, "tasks": tasks, "left_out": left_out}


def _plain(alias: str, row: Row, store: BaseStore) -> dict[str, Any]:
    plain: dict[str, Any] = {"store": alias, "next_run_time": _written(row.due)}
    if row.nominal is not None:
        plain["nominal"] = _written(row.nominal)
    record = store.record_of(row)
    plain["definition"] = record if row.problem is not None else _as_json(row, record)
    return plain


def _as_json(row: Row, record: dict[str, Any] | None) -> dict[str, Any]:
    if record is not None and "pickled" not in record:
        return record
    try:
        return task_to_dict(row.task)
    except SerializationError:
        if record is None:
            raise
        return record  # for a store that unpickles, then


def _written(instant: int | None) -> str | None:
    return None if instant is None else from_microseconds(instant).isoformat()


# -- in ----------------------------------------------------------------------------------------------------------------


class Arriving:
    """Tasks of a document that go to one store; ``raw`` are records of which no task can be made here."""

    def __init__(self, store: BaseStore) -> None:
        self._seen: dict[str, None] = {}
        self._store = store
        self._entries: list[Entry] = []
        self._raw: list[tuple[TaskRecord, int | None, int | None]] = []

    @property
    def ids(self) -> list[str]:
        """The ids of the tasks, in their order."""
        return [*self._seen]

    def is_new(self, task_id: str) -> bool:
        """Return whether no other task of that id has come."""
        return task_id not in self._seen

    def add(self, record: TaskRecord, due: int | None, nominal: int | None, scheduler: Any) -> None:
        """Take in a task. Raises UnreadableRecordError or TaskUnavailableError when nothing can be made of it here."""
        try:
            task = record.load(due, self._store.alias)
        except TaskUnavailableError:
            if not self._store.keeps_records:
                raise
            self._raw.append((record, due, nominal))
        else:
            task.settle()
            task.scheduler, task.has_schedule_of_its_own = scheduler, True
            zone = None if task.next_run_time is None else task.next_run_time.tzinfo
            self._entries.append((task, None if nominal is None else from_microseconds(nominal, zone)))
        self._seen[record.id] = None

    def check(self) -> None:
        """Raise SerializationError for a task that the store cannot keep."""
        for task, _nominal in self._entries:
            self._store.check(task)

    def store(self, replace_existing: bool) -> list[str]:
        """Store them, and return the ids that are taken."""
        for task, _nominal in self._entries:
            task.replace_existing = replace_existing
        taken = [str(task.id) for task in insert_all(self._store, self._entries)]
        return taken + [raw[0].id for raw in self._raw if not self._store.keep_record(*raw, replace_existing)]


def arrivals(document: Any, stores: Mapping[str, BaseStore], store: str | None, scheduler: Any) -> dict[str, Arriving]:
    """Return the tasks of a document, by the alias of the store that they go to.

    Raises UnreadableRecordError, naming what is wrong, NewerFormatError, TaskUnavailableError, SerializationError, and
    KeyError for a store that is not there.
    """
    found: dict[str, Arriving] = {}
    for at, plain in enumerate(_tasks(document)):
        record, due, nominal, came_from = _read(at, plain)
        alias = store or came_from
        if alias not in stores:
            raise KeyError(f"No such store: {alias!r} (of tasks[{at}], {record.id!r}): name one with store=.")
        arriving = found.setdefault(alias, Arriving(stores[alias]))
        if not arriving.is_new(record.id):
            raise UnreadableRecordError(f"tasks[{at}]: the id {shown_name(record.id)} comes twice.")
        try:
            arriving.add(record, due, nominal, scheduler)
        except (UnreadableRecordError, TaskUnavailableError) as exc:
            raise type(exc)(f"tasks[{at}] ({shown_name(record.id)}): {exc}") from exc
    for arriving in found.values():
        arriving.check()
    return found


def _tasks(document: Any) -> Sequence[Any]:
    plain = loads(document) if isinstance(document, (str, bytes)) else document
    if not isinstance(plain, Mapping):
        raise UnreadableRecordError(f"Expected a document of tasks, got {shown(plain)}.")
    version = plain.get("format")
    if type(version) is not int or version < 1:
        raise UnreadableRecordError(f"Expected a document of tasks with its format, got {shown(version)} as that.")
    if version > FORMAT:
        raise NewerFormatError("The document", version, FORMAT, __version__)
    tasks = plain.get("tasks")
    if not isinstance(tasks, (list, tuple)):
        raise UnreadableRecordError(f"Expected a list of tasks in the document, got {shown(tasks)}.")
    return tasks


def _read(at: int, plain: Any) -> tuple[TaskRecord, int | None, int | None, str]:
    """Return the definition, the next run time and the nominal one, and the store of a task in a document."""
    if not isinstance(plain, Mapping):
        raise UnreadableRecordError(f"tasks[{at}]: expected a task, got {shown(plain)}.")
    try:
        due, nominal, alias = _instant(plain["next_run_time"]), _instant(plain.get("nominal")), plain["store"]
        if not isinstance(alias, str):
            raise TypeError(f"expected the alias of a store, got {shown(alias)}")
        return TaskRecord(plain["definition"]), due, None if due is None else nominal, alias
    except NewerFormatError:
        raise
    except KeyError as exc:
        raise UnreadableRecordError(f"tasks[{at}]: it has no {exc.args[0]}.") from exc
    except (OverflowError, TypeError, ValueError) as exc:
        raise UnreadableRecordError(f"tasks[{at}]: {exc}") from exc


def _instant(text: Any) -> int | None:
    if text is None:
        return None
    if type(text) is not str:
        raise TypeError(f"expected a time as text, got {shown(text)}")
    return to_microseconds(datetime.datetime.fromisoformat(text))

"""Between rows as they are kept and rows as the engine sees them: serializing, signing, setting aside."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from .._ids import random_id
from ..exceptions import TaskUnavailableError, UnreadableRecordError, shown, shown_name
from ..serializers import run_from_dict, run_to_json
from ..serializers.plain import loads
from ..tasks.base import Task
from ..utils import UTC, from_microseconds, to_microseconds
from .rows import Row
from .stored import Ended, Stored

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..serializers import Serializer, Signer, TaskRecord
    from ..tasks.runs import Run

    Problem = UnreadableRecordError | TaskUnavailableError

__all__ = ("Records", "StoredRow", "ended")

#: Records that are remembered as set aside.
ASIDE = 65_536
#: Tasks of which the definition is kept ready.
READY = 4096
#: Random digits of a first revision: who read a row must not take one for it that was added since under the same id.
_REVISION_DIGITS = 12
#: Arguments that one run cannot change behind the back of the next.
_IMMUTABLE = frozenset((type(None), bool, int, float, str, bytes))
#: The types of what is in a row: a due and a nominal time, or none.
_SHAPES = frozenset(
    (str, due, nominal, int, str, bool, bytes, str, bytes) for due in (int, type(None)) for nominal in (int, type(None))
)


class StoredRow(Row):
    """A row of a durable store; ``stored`` is what it was read from, or was written as.

    With a ``problem`` no task can be made of it here: ``task`` stands in for it, with what is known.
    """

    __slots__ = ("problem", "stored")

    stored: Stored
    problem: Problem | None


class Records:
    """Reads and writes the rows of one store."""

    def __init__(self, serializer: Serializer, signer: Signer | None) -> None:
        self._serializer = serializer
        self._signer = signer
        self._scheduler: Any = None
        self._alias: str | None = None
        self._logger: Any = None
        #: id of a record that no task can be made of here -> what it is passed over for, and what was said about it
        self._aside: dict[str, tuple[Stored | bytes, str]] = {}
        self._ready: dict[bytes, Task] = {}
        self._polls = 0

    def start(self, scheduler: Any, alias: str) -> None:
        """Take the alias of the store, and the scheduler that its tasks have; what was set aside is tried again."""
        self._scheduler, self._alias = scheduler, alias
        loggers = getattr(scheduler, "loggers", None)
        self._logger = None if loggers is None else loggers[f"asyncz.stores.{alias}"]
        self._aside.clear()
        self._ready.clear()

    # -- reading ----------------------------------------------------------------------------------------------------

    def runnable(self, found: Iterable[Stored]) -> list[StoredRow]:
        """Return the rows of which tasks can be made here; the others are set aside until they change."""
        rows = []
        for stored in found:
            if not self._aside or not self._is_aside(stored):
                row = self._row(stored, self._task)
                if row.problem is None:
                    rows.append(row)
        return rows

    def _is_aside(self, stored: Stored) -> bool:
        known = self._aside.get(stored.id)
        # Somebody who can run it will advance it: what cannot be imported here is the same as before.
        return known is not None and known[0] in (stored, stored.payload)

    def try_again(self) -> bool:
        """Set nothing aside for what could not be imported, now and then; return whether there is any such record.

        After the first, second, fourth, eighth ... call: a module may only be on its way when its tasks are found.
        """
        self._polls += 1
        if self._polls & (self._polls - 1):
            return False
        found = [(task_id, said) for task_id, (what, said) in list(self._aside.items()) if type(what) is bytes]
        self._aside.update({task_id: (b"", said) for task_id, said in found})
        return bool(found)

    def row(self, stored: Stored) -> StoredRow:
        """Return a row, whether a task can be made of it or not."""
        return self._row(stored, self._load)

    def _row(self, stored: Stored, load: Callable[[Stored], Task]) -> StoredRow:
        row = StoredRow.__new__(StoredRow)
        row.stored, row.index, row.problem, row.runs = stored, None, None, ()
        row.due, row.nominal, row.revision, row.final = stored.due, stored.nominal, stored.revision, stored.final
        try:
            if self._signer is not None or tuple(map(type, stored)) not in _SHAPES:
                self._verify(stored)
            try:
                row.task = load(stored)
            except TaskUnavailableError as exc:
                row.problem, row.task = exc, self._settled(self.record(stored).stand_in(stored.due, self._alias))
            if stored.runs:
                row.runs = _read_runs(stored.runs, row.task.timezone)
        except UnreadableRecordError as exc:
            # Nothing of it is to be relied on.
            row.final = False
            row.problem, row.task = exc, self._settled(Task(id=str(stored.id) or None, store_alias=self._alias))
        if row.problem is not None:
            self._set_aside(row)
        elif self._aside:
            self._aside.pop(stored.id, None)
        return row

    def _verify(self, stored: Stored) -> None:
        if tuple(map(type, stored)) not in _SHAPES:
            raise UnreadableRecordError(f"The record of the task {shown_name(stored.id)} is damaged: {shown(stored)}.")
        if self._signer is not None:
            self._signer.verify(stored.signature, *_signed(stored))

    def _task(self, stored: Stored) -> Task:
        """Return the task of a row, made from one of the same definition where that is ready."""
        ready = self._ready.get(stored.payload)
        if ready is None:
            task = self._load(stored)
            if _is_immutable(task):
                if len(self._ready) >= READY:
                    self._ready.clear()
                self._ready[stored.payload] = _twin(task)
            return task
        if ready.id != stored.id:
            raise _misplaced(ready.id)
        task = _twin(ready)
        zone = getattr(task.trigger, "timezone", None) or task.timezone
        try:
            task.next_run_time = None if stored.due is None else from_microseconds(stored.due, zone)
        except (OverflowError, ValueError) as exc:
            what = f"The record of the task {shown_name(task.id)} is damaged"
            raise UnreadableRecordError(f"{what}: {shown(exc)}.") from exc
        return task

    def _load(self, stored: Stored) -> Task:
        return self._settled(self.record(stored).load(stored.due, self._alias))

    def record(self, stored: Stored) -> TaskRecord:
        """Return the definition in a row. Raises UnreadableRecordError when it is damaged."""
        record = self._serializer.decode(stored.payload)
        if record.id != stored.id:
            raise _misplaced(record.id)
        return record

    def _settled(self, task: Task) -> Task:
        task.settle()
        task.scheduler = self._scheduler
        return task

    def _set_aside(self, row: StoredRow) -> None:
        """Remember what to pass over from now on, and report it, once for each cause."""
        stored, problem = row.stored, row.problem
        problem.__traceback__ = None  # type: ignore[union-attr]  # it would hold on to the row, which holds on to it
        what, known = str(problem), self._aside.get(stored.id)
        if known is None and len(self._aside) >= ASIDE:
            self._aside.clear()  # most were of tasks that are gone; what is still there is reported once more
        self._aside[stored.id] = stored.payload if isinstance(problem, TaskUnavailableError) else stored, what
        if known is not None and known[1] == what:
            return
        self._polls = 0
        if self._logger is not None:
            self._logger.error(f"Task {shown(stored.id)} cannot be run here, and is kept as it is: {what}")

    # -- writing ----------------------------------------------------------------------------------------------------

    def check(self, task: Task) -> None:
        """Raise SerializationError when a task cannot be stored."""
        self._serializer.encode(task)

    def new(self, task: Task, nominal: datetime.datetime | None) -> StoredRow:
        """Return the row of a task that is to be added. Raises SerializationError when it cannot be stored."""
        (row,) = self.new_all([(task, nominal)])
        return row

    def new_all(self, tasks: Sequence[tuple[Task, datetime.datetime | None]]) -> list[StoredRow]:
        """Return the rows of tasks that are to be added. Raises SerializationError when one cannot be stored."""
        revision = _first_revision()
        rows = [self._first(StoredRow(task, nominal), task, revision) for task, nominal in tasks]
        if len(rows) <= READY:  # of more, most would be forgotten by the time they are due
            for row in rows:
                if len(self._ready) < READY and type(row.task.fn) is FunctionType and _is_immutable(row.task):
                    self._ready[row.stored.payload] = _twin(row.task)
        return rows

    def new_of_record(self, record: TaskRecord, due: int | None, nominal: int | None) -> StoredRow:
        """Return the row of a record that is to be added as it is."""
        row = StoredRow(self._settled(record.stand_in(due, self._alias)))
        row.due, row.nominal = due, nominal
        return self._first(row, record, _first_revision())

    def _first(self, row: StoredRow, definition: Task | TaskRecord, revision: int) -> StoredRow:
        row.problem, row.revision = None, revision
        row.stored = self._sealed(row, self._serializer.encode(definition))
        return row

    def moved(self, row: StoredRow) -> Stored:
        """Return what to write of a row of which the definition has not changed.

        Raises UnreadableRecordError for one that cannot be read: to sign it anew would make it one of ours.
        """
        return self._sealed(row, row.stored.payload)

    def redefined(self, row: StoredRow, changes: Mapping[str, Any]) -> Stored:
        """Return what to write of a row after these attributes of its task have changed.

        Raises SerializationError when they cannot be stored, KeyError for those which cannot be changed of a record
        that no task can be made of here, and what :meth:`moved` raises.
        """
        definition: Any = row.task
        _check_readable(row)
        if row.problem is not None:
            settings = {name: value for name, value in changes.items() if name != "next_run_time"}
            definition = self.record(row.stored).changed(settings)
        return self._sealed(row, self._serializer.encode(definition))

    def _sealed(self, row: StoredRow, payload: bytes) -> Stored:
        if row.problem is not None:
            _check_readable(row)
        stored = Stored(
            row.stored.id if row.problem is not None else str(row.task.id),
            row.due,
            row.nominal,
            row.revision,
            row.task.executor or "default",
            row.final,
            payload,
            f"[{','.join(map(run_to_json, row.runs))}]" if row.runs else "",
            b"",
        )
        return stored if self._signer is None else stored._replace(signature=self._signer.sign(*_signed(stored)))


def _first_revision() -> int:
    return int(random_id()[:_REVISION_DIGITS], 16) + 1


def _is_immutable(task: Task) -> bool:
    return _IMMUTABLE.issuperset(map(type, (*task.args, *task.kwargs.values())))


def _twin(task: Task) -> Task:
    """Return a task that another thread may be handed, of the same definition: its schedule is its own."""
    twin = Task.__new__(Task)  # one by one, which takes a quarter of the time of a loop: each firing may need one
    twin._flags, twin._kwargs, twin._reference = task._flags, task._kwargs, task._reference
    twin.fn, twin.args, twin.trigger = task.fn, task.args, task.trigger
    twin.id, twin.name, twin.executor = task.id, task.name, task.executor
    twin.max_instances, twin.mistrigger_grace_time = task.max_instances, task.mistrigger_grace_time
    twin.next_run_time, twin.timezone = task.next_run_time, task.timezone
    twin.store_alias, twin.scheduler = task.store_alias, task.scheduler
    return twin


def _check_readable(row: StoredRow) -> None:
    if isinstance(row.problem, UnreadableRecordError):
        raise row.problem


def _misplaced(task_id: Any) -> UnreadableRecordError:
    return UnreadableRecordError(f"The record is that of another task, {shown(task_id)}.")


def _signed(stored: Stored) -> tuple[Any, ...]:
    return (
        stored.id, stored.due, stored.nominal, stored.revision, stored.executor, int(stored.final), stored.payload,
        stored.runs,
    )  # fmt: skip


def _read_runs(text: str, timezone: datetime.tzinfo | None) -> tuple[Run, ...]:
    found = loads(text)
    if type(found) is not list:
        raise UnreadableRecordError(f"Expected a list of live runs, got {shown(found)}.")
    return tuple([run_from_dict(plain, timezone or UTC) for plain in found])


def ended(run: Run) -> Ended:
    """Return what goes into the history of a run."""
    return Ended(run.task_id, str(run.id), to_microseconds(run.claimed_at), run.state.value, run_to_json(run))

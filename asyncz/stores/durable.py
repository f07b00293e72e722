"""What stores share that outlast the process: rows as records, compared and set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..exceptions import UnreadableRecordError, shown
from ..serializers import Signer, get_serializer, run_from_dict
from ..serializers.plain import loads
from ..utils import to_microseconds
from .backend import Backend
from .base import MANY
from .claims import Claims
from .records import Records, StoredRow, ended
from .stored import Swap
from .table import Table

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..serializers import TaskRecord
    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run
    from .records import Problem
    from .rows import Row

__all__ = ("DurableStore", "whole_number")


class DurableStore(Backend):
    """Keeps records, and leaves to a backend how.

    ``serializer`` is "json", "pickle", or what :func:`asyncz.serializers.get_serializer` takes. With ``secret``, a text
    or a list of them (the first signs, all verify; default: the words of ``ASYNCZ_STORE_SECRET``), only records are run
    that were signed by somebody who knows it. ``history_length`` is how many ended runs are kept of each task; of tasks
    that are gone, 1,000 are kept in all.

    A subclass supplies the methods of :class:`asyncz.stores.backend.Backend`.
    """

    shared = True
    keeps_records = True

    def __init__(
        self,
        *,
        serializer: Any = None,
        secret: str | bytes | Iterable[str | bytes] | None = None,
        history_length: int | str = 10,
    ) -> None:
        super().__init__()
        secrets = (os.environ.get("ASYNCZ_STORE_SECRET", "").split() or None) if secret is None else secret
        self._records = Records(get_serializer(serializer), None if secrets is None else Signer(secrets))
        self.history_length = whole_number(history_length, "history_length")
        self._table = Table(self, self._records)
        self._claims = Claims(self._table)

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        self._records.start(scheduler, alias)
        self._claims.forget()
        self._table.forget()
        self.connect()

    def shutdown(self) -> None:
        self._claims.forget()
        self._table.forget()
        self.disconnect()
        super().shutdown()

    def left_behind(self) -> None:
        """Know nothing of what the parent has read; a backend does not use connections of the parent again."""
        self._claims.forget()
        self._table.left_behind()

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self, task_id: str) -> StoredRow | None:
        return self._table.read([task_id]).get(task_id) if _is_text(task_id) else None

    def lookup_task(self, task_id: str) -> Task | None:
        row = self.read(task_id)
        return None if row is None or row.final or row.problem is not None else row.task

    def read_all(self) -> list[Row]:
        rows = [self._records.row(stored) for stored in self.fetch_all() if not stored.final]
        return [row for row in rows if row.problem is None]

    def rows_aside(self) -> list[StoredRow]:
        rows = [self._records.row(stored) for stored in self.fetch_all()]
        return [row for row in rows if row.problem is not None]

    def set_aside(self) -> list[tuple[str, Problem]]:
        """Return the ids of the records of which no task can be made here, and why."""
        return [(row.stored.id, row.problem) for row in self.rows_aside() if row.problem is not None]

    def record_of(self, row: Row) -> dict[str, Any]:
        return self._records.record(row.stored).plain  # type: ignore[attr-defined]

    def live(self) -> list[Row]:
        return [*self._records.runnable(self.fetch_live())]

    def poll(self) -> None:
        if self._records.try_again() or self.is_changed():
            self.refresh()

    def refresh(self) -> None:
        self._table.forget()

    def due(self, now: datetime.datetime, limit: int, executors: Collection[str]) -> list[Row]:
        return [*self._table.due(to_microseconds(now), limit, tuple(executors))]

    def next_due(self, executors: Collection[str]) -> int | None:
        return self._table.next_due(tuple(executors))

    # -- writing ----------------------------------------------------------------------------------------------------

    def check(self, task: Task) -> None:
        self._records.check(task)

    def insert(self, task: Task, nominal: datetime.datetime | None = None) -> bool:
        return self.insert_all([(task, nominal)])[0]

    def insert_all(self, tasks: Sequence[tuple[Task, datetime.datetime | None]]) -> list[bool]:
        rows = self._records.new_all(tasks)
        are_new = self._table.put(rows)
        return [is_new or self._displace(row) for row, is_new in zip(rows, are_new, strict=True)]

    def _displace(self, row: StoredRow) -> bool:
        """Put a row in the place of a hidden one, whose live runs go on in it."""
        while True:
            hidden = self.read(row.stored.id)
            if hidden is None:
                if self._table.put([row])[0]:
                    return True
            elif not hidden.final:
                return False
            else:
                row.runs = hidden.runs
                if self._table.swap([(hidden, self._records.moved(row), ())])[0]:
                    return True

    def keep_record(self, record: TaskRecord, due: int | None, nominal: int | None, replace_existing: bool) -> bool:
        row = self._records.new_of_record(record, due, nominal)
        while not self._table.put([row])[0] and not self._displace(row):
            if not replace_existing:
                return False
            known = self.read(record.id)
            if known is not None and not known.final:
                row.runs, row.revision = known.runs, known.revision + 1
                if self._table.swap([(known, self._records.moved(row), ())])[0]:
                    break
        return True

    def edit(
        self, task_id: str, revision: int, changes: Mapping[str, Any], nominal: datetime.datetime | None = None
    ) -> Task | None:
        row = self._at_revision(task_id, revision)
        if row is None:
            return None
        row.change(changes, nominal)
        row.revision += 1
        is_moved = changes.keys() <= {"next_run_time"}
        after = self._records.moved(row) if is_moved else self._records.redefined(row, changes)
        return row.task if self._table.swap([(row, after, ())])[0] else None

    def replace(self, task: Task, revision: int, nominal: datetime.datetime | None = None) -> bool:
        row = self._at_revision(str(task.id), revision)
        if row is None:
            return False
        fresh = self._records.new(task, nominal)
        fresh.runs, fresh.revision = row.runs, row.revision
        if self._records.moved(fresh) == row.stored:
            return True
        fresh.revision += 1
        return self._table.swap([(row, self._records.moved(fresh), ())])[0]

    def _at_revision(self, task_id: str, revision: int) -> StoredRow | None:
        row = self.read(task_id)
        return None if row is None or row.final or row.revision != revision else row

    def remove(self, task_id: str) -> bool:
        while _is_text(task_id):
            row = self.read(task_id)
            if row is None or row.final:
                break
            if self.swap([Swap(task_id, row.stored.revision, None)])[0]:
                return True
        return False

    def remove_all_tasks(self) -> None:
        self.clear()

    # -- firing -----------------------------------------------------------------------------------------------------

    def claim(self, firings: Iterable[Firing], owner: str) -> list[Firing]:
        return self._claims.claim(firings)

    def finish(self, runs: Iterable[Run], *, keep: bool = True) -> list[Run]:
        lost, loose = self._claims.finish(runs, keep)
        if keep and loose:
            theirs = [run for run in loose if self._is_anothers(run)]
            lost += theirs
            self.record([ended(run) for run in loose if run not in theirs])
        return lost

    def _is_anothers(self, run: Run) -> bool:
        """Return whether a run that is in no row was taken over, and ended there."""
        if run.started_at is None:
            return False
        ended_before = map(_readable, self.fetch_runs(run.task_id, None, self.history_length))
        return any(past is not None and past.id == run.id and past.owner != run.owner for past in ended_before)

    def unclaim(self, firings: Iterable[Firing]) -> None:
        self._claims.take_back(firings)

    def read_runs(self, task_id: str | None = None, state: str | None = None, limit: int = MANY) -> list[Run]:
        if task_id is not None and not _is_text(task_id):
            return []
        rows = self.fetch_live() if task_id is None else self.fetch([task_id])
        live = [run for stored in rows for run in self._records.row(stored).runs]
        contents = self.fetch_runs(task_id, state, limit)
        found = [run for run in map(_readable, reversed(contents)) if run is not None]
        known = {run.id for run in found}  # one may have ended between the two looks
        return sorted([*found, *(run for run in live if run.id not in known)], key=lambda run: run.claimed_at)


def whole_number(value: int | str, name: str) -> int:
    """Return a positive number that configurations give as text; raises ValueError for anything else."""
    try:
        if int(value) > 0:
            return int(value)
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError(f"Expected a positive whole number as {name}, got {shown(value)}.")


def _is_text(task_id: Any) -> bool:
    """Return whether a task can be stored under that id: halves of characters are nothing that is written."""
    try:
        return isinstance(task_id, str) and task_id.encode() != b""
    except UnicodeEncodeError:
        return False


def _readable(content: str) -> Run | None:
    try:
        return run_from_dict(loads(content))
    except UnreadableRecordError:
        return None

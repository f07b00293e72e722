"""Tasks in the memory of one process."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from ..utils import to_microseconds
from .base import MANY, BaseStore
from .due_index import DueIndex
from .rows import Row

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run

__all__ = ("MemoryStore",)

#: How many ended runs are kept.
HISTORY_LENGTH = 1000


class MemoryStore(BaseStore):
    """Keeps the tasks themselves: ``get_task`` returns the object that was added. Cleared at shutdown.

    The latest 1,000 ended runs are kept, over all tasks.
    """

    blocking = False

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.RLock()
        self._rows: dict[str, Row] = {}
        self._indexes: dict[str, DueIndex] = {}
        self._history: deque[Run] = deque(maxlen=HISTORY_LENGTH)

    def shutdown(self) -> None:
        with self._mutex:
            for row in self._rows.values():
                row.revision += 1  # who has read it will not bring it back
            self._rows.clear()
            self._indexes.clear()
        super().shutdown()

    def left_behind(self) -> None:
        self._mutex = threading.RLock()
        self._rows, self._indexes = {}, {}

    def read(self, task_id: str) -> Row | None:
        return self._rows.get(task_id)

    def read_all(self) -> Sequence[Row]:
        with self._mutex:
            return [row for row in self._rows.values() if not row.final]

    def insert(self, task: Task, nominal: datetime.datetime | None = None) -> bool:
        row, task_id = Row(task, nominal), str(task.id)
        with self._mutex:
            hidden = self._rows.get(task_id)
            if hidden is not None:
                if not hidden.final:
                    return False
                row.runs = hidden.runs
            self._rows[task_id] = row
            if row.due is not None:
                self._index(row, row.due)
        return True

    def edit(
        self, task_id: str, revision: int, changes: Mapping[str, Any], nominal: datetime.datetime | None = None
    ) -> Task | None:
        with self._mutex:
            row = self._at_revision(task_id, revision)
            if row is None:
                return None
            row.change(changes, nominal)
            row.revision += 1
            self._reindex(row)
            return row.task

    def replace(self, task: Task, revision: int, nominal: datetime.datetime | None = None) -> bool:
        with self._mutex:
            row = self._at_revision(str(task.id), revision)
            if row is None:
                return False
            row.task = task
            row.schedule(nominal)
            row.revision += 1
            self._reindex(row)
            return True

    def _at_revision(self, task_id: str, revision: int) -> Row | None:
        row = self._rows.get(task_id)
        return None if row is None or row.final or row.revision != revision else row

    def remove(self, task_id: str) -> bool:
        with self._mutex:
            row = self._rows.get(task_id)
            if row is None or row.final:
                return False
            self._drop(task_id, row)
            return True

    def remove_all_tasks(self) -> None:
        with self._mutex:
            for task_id, row in list(self._rows.items()):
                if not row.final:
                    self._drop(task_id, row)

    def _drop(self, task_id: str, row: Row) -> None:
        if row.index is not None:
            row.index.discard(row)
        del self._rows[task_id]
        row.revision += 1

    # -- firing -----------------------------------------------------------------------------------------------------

    def due(self, now: datetime.datetime, limit: int, executors: Collection[str]) -> list[Row]:
        instant = to_microseconds(now)
        with self._mutex:
            found = [self._indexes[alias].take(instant, limit) for alias in executors if alias in self._indexes]
        if len(found) == 1:
            return found[0]
        return sorted((row for rows in found for row in rows), key=_due)[:limit]

    def next_due(self, executors: Collection[str]) -> int | None:
        row = self._first_row(executors)
        return None if row is None else row.due

    def get_next_run_time(self) -> datetime.datetime | None:
        row = self._first_row(tuple(self._indexes))
        return None if row is None else row.task.next_run_time

    def _first_row(self, executors: Iterable[str]) -> Row | None:
        with self._mutex:
            firsts = [self._indexes[alias].first() for alias in executors if alias in self._indexes]
        rows = [row for row in firsts if row is not None]
        return min(rows, key=_due) if len(rows) > 1 else rows[0] if rows else None

    def claim(self, firings: Iterable[Firing], owner: str) -> list[Firing]:
        won = []
        with self._mutex:
            for firing in firings:
                row: Row = firing.row
                if row.revision != firing.revision:
                    continue
                row.advance(firing)
                if row.due is not None:
                    if not firing.forced:
                        self._index(row, row.due)
                elif row.index is not None:
                    row.index.discard(row)
                if row.final and not row.runs:
                    del self._rows[str(row.task.id)]
                won.append(firing)
        return won

    def finish(self, runs: Iterable[Run], *, keep: bool = True) -> Sequence[Run]:
        with self._mutex:
            for run in runs:
                row = self._rows.get(run.task_id)
                if row is not None:
                    row.end(run)
                    if row.final and not row.runs:
                        del self._rows[run.task_id]
                if keep:
                    self._history.append(run)
        return ()

    def unclaim(self, firings: Iterable[Firing]) -> None:
        with self._mutex:
            for firing in firings:
                row: Row = firing.row
                task_id = str(row.task.id)
                # A last firing that carried no run has taken its row out.
                if row.revision == firing.revision + 1 and self._rows.get(task_id, row) is row:
                    self._rows[task_id] = row
                    row.take_back(firing)
                    self._reindex(row)
                elif firing.run is not None:
                    self.finish([firing.run], keep=False)

    def read_runs(self, task_id: str | None = None, state: str | None = None, limit: int = MANY) -> list[Run]:
        with self._mutex:
            live = [run for row in self._rows.values() for run in row.runs]
            return sorted([*self._history, *live], key=lambda run: run.claimed_at)

    # -- the index: rows by due time, apart for each executor, so that what cannot run here costs nothing -------------

    def _index(self, row: Row, due: int) -> None:
        executor = row.task.executor or "default"
        index = self._indexes.get(executor)
        if index is None:
            index = self._indexes[executor] = DueIndex()
        index.push(row, due)

    def _reindex(self, row: Row) -> None:
        """Put a row where it belongs after a change."""
        if row.index is not None:
            row.index.discard(row)
        if row.due is not None:
            self._index(row, row.due)


def _due(row: Row) -> int:
    return row.due or 0

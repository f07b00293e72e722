"""Tasks in the memory of one process."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from ..utils import to_microseconds
from .base import BaseStore
from .rows import Row

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run

    Entry = tuple[int, str, Row]

__all__ = ("MemoryStore",)

#: How many ended runs are kept.
HISTORY_LENGTH = 1000
#: A heap is swept when more than half of so many entries no longer count.
SWEEP_FROM = 64


class MemoryStore(BaseStore):
    """Keeps the tasks themselves: ``get_task`` returns the object that was added. Cleared at shutdown.

    The latest 1,000 ended runs are kept, over all tasks.
    """

    blocking = False

    def __init__(self) -> None:
        super().__init__()
        self._mutex = threading.RLock()
        self._rows: dict[str, Row] = {}
        self._heaps: dict[str, DueHeap] = {}
        self._history: deque[Run] = deque(maxlen=HISTORY_LENGTH)

    def shutdown(self) -> None:
        with self._mutex:
            for row in self._rows.values():
                row.revision += 1  # who has read it will not bring it back
            self._rows.clear()
            self._heaps.clear()
        super().shutdown()

    def left_behind(self) -> None:
        self._mutex = threading.RLock()
        self._rows, self._heaps = {}, {}

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
            self._index(row)
        return True

    def edit(
        self, task_id: str, revision: int, changes: Mapping[str, Any], nominal: datetime.datetime | None = None
    ) -> Task | None:
        with self._mutex:
            row = self._at_revision(task_id, revision)
            if row is None:
                return None
            self._unindex(row)
            row.change(changes, nominal)
            row.revision += 1
            self._index(row)
            return row.task

    def replace(self, task: Task, revision: int, nominal: datetime.datetime | None = None) -> bool:
        with self._mutex:
            row = self._at_revision(str(task.id), revision)
            if row is None:
                return False
            self._unindex(row)
            row.task = task
            row.schedule(nominal)
            row.revision += 1
            self._index(row)
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
        self._unindex(row)
        del self._rows[task_id]
        row.revision += 1

    # -- firing -----------------------------------------------------------------------------------------------------

    def due(self, now: datetime.datetime, limit: int, executors: Collection[str]) -> list[Row]:
        instant = to_microseconds(now)
        with self._mutex:
            heaps = [self._heaps[alias] for alias in executors if alias in self._heaps]
            if len(heaps) == 1:
                return [entry[2] for entry in heaps[0].take(instant, limit)]
            entries = sorted(entry for heap in heaps for entry in heap.take(instant, limit))
            return [entry[2] for entry in entries[:limit]]

    def next_due(self, executors: Collection[str]) -> int | None:
        row = self._first_row(executors)
        return None if row is None else row.due

    def get_next_run_time(self) -> datetime.datetime | None:
        row = self._first_row(tuple(self._heaps))
        return None if row is None else row.task.next_run_time

    def _first_row(self, executors: Iterable[str]) -> Row | None:
        earliest: Entry | None = None
        with self._mutex:
            for alias in executors:
                heap = self._heaps.get(alias)
                first = None if heap is None else heap.first()
                if first is not None and (earliest is None or first < earliest):
                    earliest = first
        return None if earliest is None else earliest[2]

    def claim(self, firings: Iterable[Firing], owner: str) -> list[Firing]:
        won = []
        with self._mutex:
            for firing in firings:
                row: Row = firing.row
                if row.revision != firing.revision:
                    continue
                row.advance(firing)
                if not firing.forced:
                    row.entry = None  # it was due, so what is left of it in the heap is the next to be passed over
                    self._index(row)
                if row.final and not row.runs:
                    del self._rows[str(row.task.id)]
                won.append(firing)
        return won

    def finish(self, runs: Iterable[Run], *, keep: bool = True) -> None:
        with self._mutex:
            for run in runs:
                row = self._rows.get(run.task_id)
                if row is not None:
                    row.end(run.id)
                    if row.is_over:
                        del self._rows[run.task_id]
                if keep:
                    self._history.append(run)

    def unclaim(self, firings: Iterable[Firing]) -> None:
        with self._mutex:
            for firing in firings:
                row: Row = firing.row
                task_id = str(row.task.id)
                # A last firing that carried no run has taken its row out.
                if row.revision == firing.revision + 1 and self._rows.get(task_id, row) is row:
                    self._rows[task_id] = row
                    self._unindex(row)
                    row.take_back(firing)
                    self._index(row)
                elif firing.run is not None:
                    self.finish([firing.run], keep=False)

    def read_runs(self) -> list[Run]:
        with self._mutex:
            live = [run for row in self._rows.values() for run in row.runs]
            return sorted([*self._history, *live], key=lambda run: run.claimed_at)

    # -- the index: rows by due time, apart for each executor, so that what cannot run here costs nothing -------------

    def _index(self, row: Row) -> None:
        if row.due is None:
            return
        task = row.task
        executor = task.executor or "default"
        heap = self._heaps.get(executor)
        if heap is None:
            heap = self._heaps[executor] = DueHeap()
        heap.push(row.due, str(task.id), row)

    def _unindex(self, row: Row) -> None:
        heap = self._heaps.get(row.task.executor or "default")
        if row.entry is not None and heap is not None:
            heap.discard(row)


class DueHeap:
    """Rows in order of due time and id.

    Changing a row leaves its old entry where it is; such entries are passed over, and swept out when there are many.
    Entries handed out by :meth:`take` stay theirs until the row is changed: what was not is put back by the next call.
    """

    __slots__ = ("_dead", "_heap", "_taken")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._taken: list[Entry] = []
        self._dead = 0

    def push(self, due: int, task_id: str, row: Row) -> None:
        """Put in a row that is not in."""
        row.entry = entry = (due, task_id, row)
        heapq.heappush(self._heap, entry)

    def discard(self, row: Row) -> None:
        """Take out a row that is in."""
        row.entry = None
        self._dead += 1
        if self._dead > SWEEP_FROM and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].entry is entry]
            heapq.heapify(self._heap)
            self._dead = 0

    def take(self, instant: int, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries that are due by that instant."""
        self._put_back()
        heap, taken = self._heap, self._taken
        while heap and heap[0][0] <= instant and len(taken) < limit:
            entry = heapq.heappop(heap)
            if entry[2].entry is entry:
                taken.append(entry)
        return taken

    def first(self) -> Entry | None:
        """Return the first entry."""
        self._put_back()
        heap = self._heap
        while heap and heap[0][2].entry is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _put_back(self) -> None:
        for entry in self._taken:
            if entry[2].entry is entry:
                heapq.heappush(self._heap, entry)
        self._taken = []

"""The rows of a backend, read and written with the horizon kept right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .horizon import FAR, Horizon
from .stored import Swap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .backend import Backend
    from .records import Records, StoredRow
    from .stored import Ended, Stored

    #: a row as it was read, what to put in its place (None: nothing), and the runs that end with that
    Change = tuple[StoredRow, Stored | None, tuple[Ended, ...]]

__all__ = ("Table",)

#: Rows that are asked for at once in search of some that are not set aside.
PAGE = 64


class Table:
    """Reads rows as the engine sees them, and writes them by compare-and-swap."""

    def __init__(self, backend: Backend, records: Records) -> None:
        self.records = records
        self._backend = backend
        self._horizon = Horizon()

    def left_behind(self) -> None:
        """Know nothing, in a process that was forked off while another thread may have been at it."""
        self._horizon = Horizon()

    def forget(self) -> None:
        """Have the next look be a real one."""
        self._horizon.forget()

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self, task_ids: Sequence[str]) -> dict[str, StoredRow]:
        """Return the rows of those ids that are there."""
        found = self._backend.fetch(task_ids) if task_ids else ()
        return {stored.id: self.records.row(stored) for stored in found}

    def due(self, instant: int, limit: int, executors: tuple[str, ...]) -> list[StoredRow]:
        """Return the first rows of those executors that are due and can be run here; asks only when it has to."""
        known = self._horizon.next_due(executors)
        if not executors or limit < 1 or (known is not None and known > instant):
            return []
        begun = self._horizon.begin()
        rows: list[StoredRow] = []
        after: tuple[int, str] | None = None
        wanted = limit
        while True:
            found, following = self._backend.fetch_due(instant, wanted, executors, after)
            rows += self.records.runnable(found)
            if len(rows) >= limit:
                self._horizon.forget()
                return rows[:limit]
            if len(found) < wanted:
                self._horizon.found(executors, [(row.stored.id, row.due or 0) for row in rows], following, begun)
                return rows
            after = _place(found[-1])
            wanted = max(limit - len(rows), PAGE)

    def next_due(self, executors: tuple[str, ...]) -> int | None:
        """Return when the next row of those executors is due that can be run here; asks only when it has to."""
        known = self._horizon.next_due(executors)
        if known is not None or not executors:
            return None if known == FAR else known
        after, wanted = None, 1
        while True:
            found, _following = self._backend.fetch_due(FAR, wanted, executors, after)
            for row in self.records.runnable(found):
                return row.due
            if len(found) < wanted:
                return None
            after, wanted = _place(found[-1]), PAGE

    # -- writing ----------------------------------------------------------------------------------------------------

    def put(self, rows: Sequence[StoredRow]) -> list[bool]:
        """Add rows whose id is free, and say of each whether it was."""
        are_new: list[bool] = []
        size = self._backend.largest_batch
        try:
            for start in range(0, len(rows), size):
                are_new += self._backend.put([row.stored for row in rows[start : start + size]])
        except BaseException:
            self._horizon.forget()  # it may have been written all the same
            raise
        dues = [row.due for row, is_new in zip(rows, are_new, strict=True) if is_new and row.due is not None]
        self._horizon.added(min(dues, default=None))
        return are_new

    def swap(self, changes: Iterable[Change]) -> list[bool]:
        """Write rows that were read, None removing one, and say of each whether it was still as it was read.

        More than the backend takes at once are written in batches; those before one that fails stay written.
        """
        todo = list(changes)
        are_done: list[bool] = []
        size = self._backend.largest_batch
        try:
            for start in range(0, len(todo), size):
                batch = todo[start : start + size]
                are_done += self._backend.swap(
                    [Swap(row.stored.id, row.stored.revision, after, ended) for row, after, ended in batch]
                )
        except BaseException:
            self._horizon.forget()
            raise
        if not all(are_done):
            self._horizon.forget()  # others are at it, too
        moved: list[tuple[str, int | None]] = []
        for (row, after, _ended), is_done in zip(todo, are_done, strict=True):
            if not is_done:
                continue
            if after is None:
                moved.append((row.stored.id, None))
                continue
            if _is_moved(row.stored, after):
                moved.append((row.stored.id, after.due))
            row.stored = after
        self._horizon.moved(moved)
        return are_done


def _is_moved(before: Stored, after: Stored) -> bool:
    """Return whether a row may be due then that was not; with another definition, one that was set aside may be."""
    return after.due != before.due or after.executor != before.executor or after.payload != before.payload


def _place(stored: Stored) -> tuple[int, str]:
    return stored.due or 0, stored.id

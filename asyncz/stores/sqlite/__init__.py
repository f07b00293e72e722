"""Tasks in a file, by SQLite: for one process or several on one machine."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from ..durable import DurableStore
from ..stored import Stored
from . import texts
from .file import SQLiteFile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from ..stored import Ended, Swap
    from .file import Cursor

    Row = tuple[Any, ...]

__all__ = ("SQLiteStore",)


class SQLiteStore(DurableStore):
    """Keeps tasks in an SQLite file, on a disk of this machine: locks do not work across a network.

    ``synchronous`` is "FULL", for commits that outlast a loss of power, or "NORMAL", "OFF" or "EXTRA". A call waits up
    to ``busy_timeout`` seconds for other processes. The options of :class:`DurableStore` are taken, too. The file is in
    WAL mode (two more lie beside it while it is used) and holds nothing else; a missing one is made.

    Raises ValueError for a path that is none (":memory:": that is what MemoryStore is for), and for other values that
    make no sense. Calls raise what sqlite3 raises, and FileNotFoundError once when the file was deleted.
    """

    #: One transaction, however many rows.
    largest_batch = 2**31

    def __init__(
        self,
        path: str | bytes | os.PathLike[Any] = "asyncz.sqlite3",
        *,
        synchronous: str = "FULL",
        busy_timeout: float | str = 5.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._file = SQLiteFile(path, synchronous, busy_timeout)

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self._file.path

    def connect(self) -> None:
        self._file.open()

    def disconnect(self) -> None:
        self._file.close()

    def left_behind(self) -> None:
        super().left_behind()
        self._file.after_fork(is_child=True)

    def is_changed(self) -> bool:
        return self._file.is_changed()

    # -- rows -------------------------------------------------------------------------------------------------------

    def fetch(self, task_ids: Sequence[str]) -> list[Stored]:
        def look(cursor: Cursor) -> list[Stored]:
            if len(task_ids) > 1:
                cursor.execute("BEGIN")
            found = [_stored(row) for task_id in task_ids for row in cursor.execute(texts.FETCH, (task_id,))]
            if len(task_ids) > 1:
                cursor.execute("COMMIT")
            return found

        return self._file.read(look)

    def fetch_all(self) -> list[Stored]:
        return self._file.read(lambda cursor: list(map(_stored, cursor.execute(texts.FETCH_ALL))))

    def fetch_live(self) -> list[Stored]:
        return self._file.read(lambda cursor: list(map(_stored, cursor.execute(texts.FETCH_LIVE))))

    def fetch_due(
        self, instant: int, limit: int, executors: Sequence[str], after: tuple[int, str] | None = None
    ) -> tuple[list[Stored], int | None]:
        statement, place = (texts.FETCH_DUE, ()) if after is None else (texts.FETCH_DUE_BEHIND, after)

        def look(cursor: Cursor) -> tuple[list[Stored], int | None]:
            walks = [cursor.connection.cursor() for _ in dict.fromkeys(executors)]
            try:
                for walk, executor in zip(walks, dict.fromkeys(executors), strict=True):
                    walk.execute(statement, (executor, *place, limit + 1))
                return _taken(walks[0] if len(walks) == 1 else heapq.merge(*walks, key=_place), instant, limit)
            finally:
                for walk in walks:
                    walk.close()

        return self._file.read(look)

    def put(self, rows: Sequence[Stored]) -> list[bool]:
        return self._file.write(lambda cursor: [cursor.execute(texts.PUT, row).rowcount == 1 for row in rows])

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        def write(cursor: Cursor) -> list[bool]:
            are_done = [self._swap(cursor, *swap) for swap in swaps]
            if any(is_done and swap.after is None for swap, is_done in zip(swaps, are_done, strict=True)):
                cursor.execute(texts.PRUNE_GONE)
            return are_done

        return self._file.write(write)

    def _swap(self, cursor: Cursor, task_id: str, revision: int, after: Stored | None, ended: Sequence[Ended]) -> bool:
        if after is None:
            is_done = cursor.execute(texts.REMOVE, (task_id, revision)).rowcount == 1
        else:
            is_done = cursor.execute(texts.SWAP, (*after[1:], task_id, revision)).rowcount == 1
        if is_done:
            for run in ended:
                cursor.execute(texts.RECORD, (*run, after is None))
            if after is None:
                cursor.execute(texts.RUNS_GONE, (task_id,))
            elif ended:
                cursor.execute(texts.PRUNE, (task_id, self.history_length))
        return is_done

    def clear(self) -> None:
        def write(cursor: Cursor) -> None:
            for statement in (texts.CLEAR_RUNS, texts.CLEAR, texts.PRUNE_GONE):
                cursor.execute(statement)

        self._file.write(write)

    # -- history and owners -----------------------------------------------------------------------------------------

    def record(self, runs: Sequence[Ended]) -> None:
        def write(cursor: Cursor) -> None:
            for run in runs:
                cursor.execute(texts.RECORD, (*run, True))
            cursor.execute(texts.PRUNE_GONE)

        self._file.write(write)

    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        statement = texts.FETCH_RUNS[task_id is not None, state is not None]
        values = [value for value in (task_id, state, limit) if value is not None]
        return self._file.read(lambda cursor: [content for (content,) in cursor.execute(statement, values)])

    def write_owner(self, owner: str, content: str) -> None:
        self._file.write(lambda cursor: cursor.execute(texts.WRITE_OWNER, (owner, content)))

    def fetch_owners(self) -> dict[str, str]:
        return self._file.read(lambda cursor: dict(cursor.execute(texts.FETCH_OWNERS)))

    def remove_owner(self, owner: str) -> None:
        self._file.write(lambda cursor: cursor.execute(texts.REMOVE_OWNER, (owner,)))


def _taken(rows: Iterable[Row], instant: int, limit: int) -> tuple[list[Stored], int | None]:
    """Return the rows that are due, and when the first is due that is not among them."""
    found: list[Stored] = []
    for row in rows:
        if row[1] > instant or len(found) == limit:
            return found, row[1]
        found.append(_stored(row))
    return found, None


def _stored(row: Row) -> Stored:
    task_id, due, nominal, revision, executor, final, payload, runs, signature = row
    return Stored(task_id, due, nominal, revision, executor, final == 1, payload, runs, signature)


def _place(row: Row) -> tuple[int, str]:
    return row[1], row[0]

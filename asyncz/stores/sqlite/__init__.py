"""Tasks in a file, by SQLite: for one process or several on one machine."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from ..durable import DurableStore
from ..stored import Stored
from . import history, texts
from .file import SQLiteFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

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
            return [_stored(row) for task_id in task_ids for row in cursor.execute(texts.FETCH, (task_id,))]

        return self._file.look(look) if len(task_ids) > 1 else self._file.read(look)

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
        def write(cursor: Cursor) -> list[bool]:
            if _all_or_none(cursor, len(rows), lambda: _many(cursor, texts.PUT, rows)):
                return [True] * len(rows)
            return [_many(cursor, texts.PUT, [row]) for row in rows]

        return self._file.write(write)

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        def write(cursor: Cursor) -> list[bool]:
            if _all_or_none(cursor, len(swaps), lambda: self._swap(cursor, swaps)):
                return [True] * len(swaps)
            return [self._swap(cursor, [swap]) for swap in swaps]

        return self._file.write(write)

    def _swap(self, cursor: Cursor, swaps: Sequence[Swap]) -> bool:
        """Make some changes, and return whether that could be done with all of them; one alone is made or is not."""
        gone = [swap for swap in swaps if swap.after is None]
        kept = [(swap, swap.after) for swap in swaps if swap.after is not None]
        is_done = _many(cursor, texts.REMOVE, [(swap.id, swap.revision) for swap in gone]) and _many(
            cursor, texts.SWAP, [(*after[1:], swap.id, swap.revision) for swap, after in kept]
        )
        if is_done:
            history.keep(cursor, _ended(swap for swap, _after in kept), self.history_length)
            history.bury(cursor, [swap.id for swap in gone], _ended(gone))
        return is_done

    def clear(self) -> None:
        def write(cursor: Cursor) -> None:
            history.bury_all(cursor)
            cursor.execute(texts.CLEAR)

        self._file.write(write)

    # -- history and owners -----------------------------------------------------------------------------------------

    def record(self, runs: Sequence[Ended]) -> None:
        self._file.write(lambda cursor: history.record(cursor, runs))

    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        return self._file.look(lambda cursor: history.fetch(cursor, task_id, state, limit))

    def write_owner(self, owner: str, content: str) -> None:
        self._file.write(lambda cursor: cursor.execute(texts.WRITE_OWNER, (owner, content)))

    def fetch_owners(self) -> dict[str, str]:
        return self._file.read(lambda cursor: dict(cursor.execute(texts.FETCH_OWNERS)))

    def remove_owner(self, owner: str) -> None:
        self._file.write(lambda cursor: cursor.execute(texts.REMOVE_OWNER, (owner,)))


def _ended(swaps: Iterable[Swap]) -> list[Ended]:
    return [run for swap in swaps for run in swap.ended]


def _many(cursor: Cursor, statement: str, values: Sequence[Sequence[Any]]) -> bool:
    """Execute a statement for each of some rows, and return whether it changed one row each time."""
    return not values or cursor.executemany(statement, values).rowcount == len(values)


def _all_or_none(cursor: Cursor, count: int, work: Callable[[], bool]) -> bool:
    """Do something for many rows at once, and undo it unless that was right for all of them."""
    if count < 2:
        return False
    cursor.execute("SAVEPOINT many")
    is_done = work()
    if not is_done:
        cursor.execute("ROLLBACK TO many")
    cursor.execute("RELEASE many")
    return is_done


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
    return Stored._make((task_id, due, nominal, revision, executor, final == 1, payload, runs, signature))


def _place(row: Row) -> tuple[int, str]:
    return row[1], row[0]

"""Firing over records: claims, their ends, and what is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .records import StoredRow, ended

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..tasks.planning import Firing
    from ..tasks.runs import Run
    from .stored import Stored
    from .table import Change, Table

    Schedule = tuple[int | None, int | None, bool]

__all__ = ("Claims",)


class Claims:
    """Claims, finishes and takes back by compare-and-swap; who is overtaken looks again."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._moved = table.records.moved
        #: The rows with live runs of ours, as we have written them last: to finish these, nothing has to be read.
        self._ours: dict[str, StoredRow] = {}

    def forget(self) -> None:
        """Have no claims."""
        self._ours = {}

    def claim(self, firings: Iterable[Firing]) -> list[Firing]:
        """Advance the rows that are as they were read; return the firings that did.

        Raises the problem of a row that no task can be made of here.
        """
        claims: dict[str, Firing] = {}
        changes: list[Change] = []
        for firing in firings:
            row: StoredRow = firing.row
            if row.problem is not None:
                raise row.problem
            if row.revision == firing.revision and row.stored.id not in claims:
                row.advance(firing)
                claims[row.stored.id] = firing
                changes.append((row, self._left(row), ()))
        won = []
        for (task_id, firing), is_won in zip(claims.items(), self._table.swap(changes), strict=True):
            if is_won:
                won.append(firing)
                if firing.row.runs:
                    self._ours[task_id] = firing.row
        return won

    def _left(self, row: StoredRow) -> Stored | None:
        """Return what to write of a row that has changed; None where nothing of it is left."""
        return None if row.final and not row.runs else self._moved(row)

    # -- finishing --------------------------------------------------------------------------------------------------

    def finish(self, runs: Iterable[Run], keep: bool) -> tuple[list[Run], list[Run]]:
        """Take runs out of their rows, and into the history with that if they are to be kept.

        Returns those that somebody took over, and those that are in no row.
        """
        todo: dict[str, list[Run]] = {}
        for run in runs:
            todo.setdefault(run.task_id, []).append(run)
        rows = self._rows_of(todo)
        lost: list[Run] = []
        loose: list[Run] = []
        again = self._take_out({task_id: todo.pop(task_id) for task_id in rows}, rows, keep)
        todo |= again
        while todo:
            rows = self._table.read([*todo])
            todo = {task_id: _in_row(rows.get(task_id), found, lost, loose) for task_id, found in todo.items()}
            todo = self._take_out({task_id: found for task_id, found in todo.items() if found}, rows, keep)
        return lost, loose

    def _rows_of(self, todo: dict[str, list[Run]]) -> dict[str, StoredRow]:
        """Return the rows, by task, that hold all of these runs as far as is known here."""
        rows: dict[str, StoredRow] = {}
        for task_id, found in todo.items():
            row = self._ours.pop(task_id, None)
            if row is not None and (row.runs == (*found,) or all(_owner_in(row, run) == run.owner for run in found)):
                rows[task_id] = row
        return rows

    def _take_out(self, todo: dict[str, list[Run]], rows: dict[str, StoredRow], keep: bool) -> dict[str, list[Run]]:
        """Take runs out of their rows; return those of rows that have changed meanwhile."""
        changes: list[Change] = []
        for task_id, runs in todo.items():
            row = rows[task_id]
            for run in runs:
                row.end(run)
            row.revision += 1
            changes.append((row, self._left(row), tuple([ended(run) for run in runs]) if keep else ()))
        again = {}
        for (task_id, runs), is_done in zip(todo.items(), self._table.swap(changes), strict=True):
            if not is_done:
                again[task_id] = runs
            elif rows[task_id].runs:
                self._ours[task_id] = rows[task_id]
        return again

    # -- taking back ------------------------------------------------------------------------------------------------

    def take_back(self, firings: Iterable[Firing]) -> None:
        """Undo claims, of each task the latest first; a takeover is left, and is an orphan again when we are gone."""
        left = [firing for firing in firings if firing.orphan is None]
        while left:
            latest = {firing.row.stored.id: firing for firing in left}
            left = [firing for firing in left if latest[firing.row.stored.id] is not firing]
            self._take_back(latest)

    def _take_back(self, firings: dict[str, Firing]) -> None:
        rows: dict[str, StoredRow] = {}
        gone = []
        for task_id, firing in firings.items():
            self._ours.pop(task_id, None)
            if firing.row.final and not firing.row.runs:
                gone.append(firing)
            else:
                rows[task_id] = firing.row
        self._put_back(gone)
        claimed = {task_id: _schedule(row) for task_id, row in rows.items()}
        while rows:
            undone = [row for task_id, row in rows.items() if _undo(row, firings[task_id], claimed[task_id])]
            are_done = self._table.swap([(row, self._left(row), ()) for row in undone])
            rows = self._table.read(
                [row.stored.id for row, is_done in zip(undone, are_done, strict=True) if not is_done]
            )

    def _put_back(self, firings: list[Firing]) -> None:
        """Add the rows of last firings again that were claimed without a run: nothing was left of them."""
        rows: list[StoredRow] = []
        for firing in firings:
            if firing.run is None:
                firing.row.take_back(firing)
                firing.row.stored = self._table.records.moved(firing.row)
                rows.append(firing.row)
        if rows:
            self._table.put(rows)


def _schedule(row: StoredRow) -> Schedule:
    return row.due, row.nominal, row.final


def _undo(row: StoredRow, firing: Firing, claimed: Schedule) -> bool:
    """Take a run out of its row, and the schedule back unless it is another one by now; False when neither is so."""
    run = firing.run
    if run is not None and _owner_in(row, run) != run.owner:
        return False
    if _schedule(row) == claimed:
        row.take_back(firing)
        return True
    if run is not None:
        row.end(run)
        row.revision += 1
    return run is not None


def _owner_in(row: StoredRow, run: Run) -> str | None:
    """Return who a live run belongs to by what its row says; None when it is not in it."""
    return next((live.owner for live in row.runs if live.id == run.id), None)


def _in_row(row: StoredRow | None, runs: Sequence[Run], lost: list[Run], loose: list[Run]) -> list[Run]:
    """Return which of these runs are in a row; sort out those that somebody took over, and those that are not there."""
    found: list[Run] = []
    for run in runs:
        owner = None if row is None else _owner_in(row, run)
        (found if owner == run.owner else loose if owner is None else lost).append(run)
    return found

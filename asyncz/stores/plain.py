"""Revisions and runs for a store that has none.

A user's store may offer the public verbs alone. What the engine needs beyond them is then kept here, in memory: that
holds within one process, which is all that such a store is for.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from ..exceptions import ConflictIdError, TaskLookupError
from ..utils import to_microseconds
from .base import MANY, BaseStore
from .rows import Row

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run
    from .types import StoreType

__all__ = ("PlainStore", "claimable")


def claimable(store: StoreType) -> BaseStore:
    """Return the store itself if the engine can claim in it, else a :class:`PlainStore` around it."""
    has_claims = isinstance(store, BaseStore) and type(store).claim is not BaseStore.claim
    return store if has_claims else PlainStore(store)  # type: ignore[return-value]


class PlainStore(BaseStore):
    """Puts claims, edits and runs on top of a store's public verbs."""

    def __init__(self, inner: StoreType) -> None:
        super().__init__()
        self.inner = inner
        self.blocking = getattr(inner, "blocking", True)
        self._mutex = threading.RLock()
        self._revision = itertools.count(1)
        self._revisions: dict[str, int] = {}
        self._nominals: dict[str, int] = {}
        self._live: dict[str, tuple[Run, ...]] = {}
        self._history: deque[Run] = deque(maxlen=1000)

    def start(self, scheduler: Any, alias: str) -> None:
        self.inner.start(scheduler, alias)
        super().start(scheduler, alias)

    def shutdown(self) -> None:
        self.inner.shutdown()
        self._live.clear()  # what is still out then is not heard of again
        super().shutdown()

    def left_behind(self) -> None:
        self._mutex = threading.RLock()
        self._live.clear()
        if hasattr(self.inner, "left_behind"):
            self.inner.left_behind()

    def _row(self, task: Task) -> Row:
        row, task_id = Row(task), str(task.id)
        row.revision = self._revisions.get(task_id, 0)
        row.nominal = self._nominals.get(task_id)
        row.runs = self._live.get(task_id, ())
        return row

    def _moved(self, row: Row) -> None:
        """Remember the row's schedule and runs, one revision on."""
        task_id = str(row.task.id)
        self._revisions[task_id] = row.revision = next(self._revision)
        if row.runs:
            self._live[task_id] = row.runs
        else:
            self._live.pop(task_id, None)
        if row.nominal is None:
            self._nominals.pop(task_id, None)
        else:
            self._nominals[task_id] = row.nominal

    def _at_revision(self, task_id: str, revision: int) -> Row | None:
        row = self.read(task_id)
        return row if row is not None and row.revision == revision else None

    def read(self, task_id: str) -> Row | None:
        with self._mutex:
            task = self.inner.lookup_task(task_id)
            return None if task is None else self._row(task)

    def read_all(self) -> Sequence[Row]:
        with self._mutex:
            return [self._row(task) for task in self.inner.get_all_tasks()]

    def insert(self, task: Task, nominal: datetime.datetime | None = None) -> bool:
        with self._mutex:
            try:
                self.inner.add_task(task)
            except ConflictIdError:
                return False
            self._schedule(task, nominal)
            return True

    def _schedule(self, task: Task, nominal: datetime.datetime | None) -> None:
        row = self._row(task)
        row.schedule(nominal)
        self._moved(row)

    def edit(
        self, task_id: str, revision: int, changes: Mapping[str, Any], nominal: datetime.datetime | None = None
    ) -> Task | None:
        with self._mutex:
            row = self._at_revision(task_id, revision)
            if row is None:
                return None
            row.change(changes, nominal)
            self.inner.update_task(row.task)
            self._moved(row)
            return row.task

    def replace(self, task: Task, revision: int, nominal: datetime.datetime | None = None) -> bool:
        with self._mutex:
            if self._at_revision(str(task.id), revision) is None:
                return False
            self.inner.update_task(task)
            self._schedule(task, nominal)
            return True

    def remove(self, task_id: str) -> bool:
        with self._mutex:
            try:
                self.inner.delete_task(task_id)
            except TaskLookupError:
                return False
            self._forget(task_id)
            return True

    def _forget(self, task_id: str) -> None:
        """Drop what is kept of a task that is gone, but for its live runs."""
        self._revisions.pop(task_id, None)
        self._nominals.pop(task_id, None)

    def remove_all_tasks(self) -> None:
        self.inner.remove_all_tasks()

    def due(self, now: datetime.datetime, limit: int, executors: Collection[str]) -> list[Row]:
        with self._mutex:
            tasks = [t for t in self.inner.get_due_tasks(now) if (t.executor or "default") in executors]
            return [self._row(task) for task in tasks[:limit]]

    def next_due(self, executors: Collection[str]) -> int | None:
        first = self.inner.get_next_run_time()
        if first is None:
            return None
        times = [
            to_microseconds(task.next_run_time)
            for task in self.inner.get_all_tasks()
            if task.next_run_time is not None and (task.executor or "default") in executors
        ]
        return min(times, default=None)

    def claim(self, firings: Iterable[Firing], owner: str) -> list[Firing]:
        won: list[Firing] = []
        with self._mutex:
            for firing in firings:
                try:
                    if self._claim(firing):
                        won.append(firing)
                except Exception:
                    if not won:
                        raise
                    break  # those are ours, and are to be run; what fails will do so again
        return won

    def _claim(self, firing: Firing) -> bool:
        task_id = str(firing.row.task.id)
        row = self._at_revision(task_id, firing.revision)
        if row is None:
            return False
        firing.row = row
        row.advance(firing)
        try:
            if row.final:
                self.inner.delete_task(task_id)
            elif not firing.forced:
                self.inner.update_task(row.task)
        except BaseException:
            row.take_back(firing)  # the store may hold this very task
            raise
        self._moved(row)
        if row.final:
            self._forget(task_id)
        return True

    def unclaim(self, firings: Iterable[Firing]) -> None:
        with self._mutex:
            for firing in firings:
                self._unclaim(firing)

    def _unclaim(self, firing: Firing) -> None:
        if firing.run is not None:
            self.finish([firing.run], keep=False)
        row, task_id = firing.row, str(firing.row.task.id)
        is_gone = self.inner.lookup_task(task_id) is None
        if is_gone != firing.ends or (not is_gone and self._revisions.get(task_id) != row.revision):
            return  # it was changed since
        row.runs = self._live.get(task_id, ())  # others may have ended since
        row.take_back(firing)
        if is_gone:
            self.inner.add_task(row.task)
        else:
            self.inner.update_task(row.task)
        self._moved(row)

    def finish(self, runs: Iterable[Run], *, keep: bool = True) -> Sequence[Run]:
        with self._mutex:
            for run in runs:
                left = tuple(live for live in self._live.pop(run.task_id, ()) if live.id != run.id)
                if left:
                    self._live[run.task_id] = left
                if keep:
                    self._history.append(run)
        return ()

    def read_runs(self, task_id: str | None = None, state: str | None = None, limit: int = MANY) -> list[Run]:
        with self._mutex:
            live = [run for runs in self._live.values() for run in runs]
            return sorted([*self._history, *live], key=lambda run: run.claimed_at)

"""A store over a backend of one's own: here it is four dictionaries, which all stores made with them share.

What a backend has to do is in these methods, each of them one atomic step; DurableStore does the rest. The tests run
the conformance suites of all stores over this one (tests/examples/test_own_store.py).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from asyncz.stores import DurableStore
from asyncz.stores.stored import Ended, Stored, Swap

GONE_LENGTH = 1000  # ended runs that are kept of tasks that are gone


class Data:
    """Stands for a database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[str, Stored] = {}
        self.owners: dict[str, str] = {}
        #: ended runs by task and run: those of tasks that are there, and those of tasks that are gone
        self.runs: dict[tuple[str, str], Ended] = {}
        self.gone: dict[tuple[str, str], Ended] = {}

    def remove(self, task_id: str) -> None:
        del self.rows[task_id]
        for key in [key for key in self.runs if key[0] == task_id]:
            self.gone[key] = self.runs.pop(key)


class DictStore(DurableStore):
    def __init__(self, data: Data | None = None, **options) -> None:
        super().__init__(**options)  # serializer, secret, history_length
        self.data = Data() if data is None else data

    def connect(self) -> None:  # a database is opened here, and its format number looked at
        pass

    def disconnect(self) -> None:
        pass

    # -- rows -------------------------------------------------------------------------------------------------------

    def fetch(self, task_ids: Sequence[str]) -> list[Stored]:
        with self.data.lock:
            return [self.data.rows[task_id] for task_id in task_ids if task_id in self.data.rows]

    def fetch_all(self) -> list[Stored]:
        with self.data.lock:
            return list(self.data.rows.values())

    def fetch_live(self) -> list[Stored]:
        return [row for row in self.fetch_all() if row.runs]

    def fetch_due(
        self, instant: int, limit: int, executors: Sequence[str], after: tuple[int, str] | None = None
    ) -> tuple[list[Stored], int | None]:
        # A database has an index on (executor, due, id) for this: it is asked all the time.
        scheduled = [row for row in self.fetch_all() if row.due is not None and row.executor in executors]
        coming = sorted((row for row in scheduled if after is None or place(row) > after), key=place)
        found = [row for row in coming if row.due <= instant][:limit]
        return found, next((row.due for row in coming[len(found) :]), None)

    def put(self, rows: Sequence[Stored]) -> list[bool]:
        with self.data.lock:
            return [self.data.rows.setdefault(row.id, row) is row for row in rows]

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        with self.data.lock:
            return [self._swap(swap) for swap in swaps]

    def _swap(self, swap: Swap) -> bool:
        row = self.data.rows.get(swap.id)
        if row is None or row.revision != swap.revision:
            return False  # somebody was here first: nothing is written, of the row nor of the ended runs
        self.data.runs |= {(run.task_id, run.run_id): run for run in swap.ended}
        if swap.after is None:
            self.data.remove(swap.id)
            prune(self.data.gone, list(self.data.gone), GONE_LENGTH)
        else:
            self.data.rows[swap.id] = swap.after
            prune(self.data.runs, [key for key in self.data.runs if key[0] == swap.id], self.history_length)
        return True

    def clear(self) -> None:
        with self.data.lock:
            for row in list(self.data.rows.values()):
                if not row.final:
                    self.data.remove(row.id)

    # -- history and owners -----------------------------------------------------------------------------------------

    def record(self, runs: Sequence[Ended]) -> None:
        with self.data.lock:
            for run in runs:
                if (run.task_id, run.run_id) not in self.data.runs:
                    self.data.gone.setdefault((run.task_id, run.run_id), run)
            prune(self.data.gone, list(self.data.gone), GONE_LENGTH)

    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        with self.data.lock:
            runs = [*self.data.runs.values(), *self.data.gone.values()]
        runs = [run for run in runs if task_id in (None, run.task_id) and state in (None, run.state)]
        return [run.content for run in sorted(runs, key=claimed_at)[::-1][:limit]]

    def write_owner(self, owner: str, content: str) -> None:
        with self.data.lock:
            self.data.owners[owner] = content

    def fetch_owners(self) -> dict[str, str]:
        with self.data.lock:
            return dict(self.data.owners)

    def remove_owner(self, owner: str) -> None:
        with self.data.lock:
            self.data.owners.pop(owner, None)


def place(row: Stored) -> tuple[int, str]:
    return row.due, row.id


def claimed_at(run: Ended) -> int:
    return run.claimed_at


def prune(runs: dict[tuple[str, str], Ended], keys: list[tuple[str, str]], length: int) -> None:
    """Keep the runs that were claimed last, of those with these keys."""
    for key in sorted(keys, key=lambda key: runs[key].claimed_at)[:-length]:
        del runs[key]

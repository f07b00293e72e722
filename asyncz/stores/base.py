"""The contract between the engine and a store, and what all stores share of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import ConflictIdError, TaskLookupError
from ..locks import FileLockProtected, NullLockProtected
from ..utils import from_microseconds, to_microseconds
from .rows import Row
from .types import StoreType

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..leading import Leadership
    from ..protocols import LockProtectedProtocol
    from ..serializers import TaskRecord
    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from ..tasks.runs import Run

__all__ = ("MANY", "BaseStore")

#: More runs than any store has.
MANY = 2**53


class BaseStore(StoreType):
    """A store that the engine can claim firings in.

    Every row carries a revision. ``claim``, ``edit`` and ``replace`` compare it with the one that was read and change
    nothing when it has moved on, so that nobody undoes what somebody else did meanwhile. All methods may be called
    from any thread. A subclass supplies the primitives; one that has the public verbs alone works in one process.
    """

    #: Whether calls may wait for I/O; the engine then keeps them off the event loop.
    blocking: bool = True
    #: Whether other processes may use the same data.
    shared: bool = False

    alias: str | None = None
    scheduler: Any = None
    lock: LockProtectedProtocol

    #: By which one of several processes becomes the one that runs these tasks; None where all of them may.
    leadership: Leadership | None = None

    def __init__(self, **options: Any) -> None:
        """Pass over options: a subclass has taken its own, and may hand on the rest."""
        self.lock = NullLockProtected()

    def start(self, scheduler: Any, alias: str) -> None:
        """Get ready under that alias; ``scheduler`` may be None, and gives the ``lock_path`` otherwise."""
        self.scheduler = scheduler
        self.alias = alias
        self.lock = self.create_lock()
        path = self._lock_path()
        # Claims in a store that is shared are atomic: there, all may run.
        self.leadership = _leadership(path) if path and not self.shared else None

    def shutdown(self) -> None:
        self.lock.shutdown()
        if self.leadership is not None:
            self.leadership.release()

    def left_behind(self) -> None:
        """Let go of what belongs to the parent, in a process that was forked off: connections, and locks of threads."""

    def create_lock(self) -> LockProtectedProtocol:
        """Return the lock between processes: a file lock where the scheduler has a ``lock_path``, else one of none."""
        path = self._lock_path()
        return FileLockProtected(path) if path else NullLockProtected()

    def _lock_path(self) -> str:
        path = getattr(self.scheduler, "lock_path", None)
        return path.replace("{store}", str(self.alias)) if isinstance(path, str) else ""

    # -- primitives of a backend ------------------------------------------------------------------------------------

    def read(self, task_id: str) -> Row | None:
        """Return the row of that id, hidden ones included, or None."""
        raise NotImplementedError

    def read_all(self) -> Sequence[Row]:
        """Return all rows but hidden ones, in any order."""
        raise NotImplementedError

    def check(self, task: Task) -> None:
        """Raise SerializationError for a task that cannot be stored; may be called before the store is started."""

    def insert(self, task: Task, nominal: datetime.datetime | None = None) -> bool:
        """Store a task and the nominal time of its next run; False when its id is taken.

        A hidden row of that id gives way; its live runs go on in the new row.
        """
        raise NotImplementedError

    def insert_all(self, tasks: Sequence[tuple[Task, datetime.datetime | None]]) -> list[bool]:
        """Store tasks of different ids as :meth:`insert` does, in one go where the store can.

        Returns of each whether its id was free.
        """
        return [self.insert(task, nominal) for task, nominal in tasks]

    def edit(
        self, task_id: str, revision: int, changes: Mapping[str, Any], nominal: datetime.datetime | None = None
    ) -> Task | None:
        """Set attributes of a task that is still at that revision and return it; None when it is not."""
        raise NotImplementedError

    def replace(self, task: Task, revision: int, nominal: datetime.datetime | None = None) -> bool:
        """Put a task in the place of the one of its id if that is still at that revision; live runs stay."""
        raise NotImplementedError

    def remove(self, task_id: str) -> bool:
        """Remove the row of that id; False when there is none, or only a hidden one."""
        raise NotImplementedError

    def remove_all_tasks(self) -> None:
        """Remove every row but hidden ones."""
        raise NotImplementedError

    def due(self, now: datetime.datetime, limit: int, executors: Collection[str]) -> list[Row]:
        """Return at most ``limit`` rows due by ``now`` whose executor is one of those named, in order."""
        raise NotImplementedError

    def next_due(self, executors: Collection[str]) -> int | None:
        """Return when the next row of these executors is due, in microseconds since 1970 UTC."""
        raise NotImplementedError

    def claim(self, firings: Iterable[Firing], owner: str) -> list[Firing]:
        """Advance the row of each firing that is still at the revision read, and record its run; return those won."""
        raise NotImplementedError

    def finish(self, runs: Iterable[Run], *, keep: bool = True) -> Sequence[Run]:
        """Take runs out of their rows, where they are in one, and keep them as history unless told otherwise.

        Returns those that belong to another owner by now; they are left as they are.
        """
        raise NotImplementedError

    def unclaim(self, firings: Iterable[Firing]) -> None:
        """Undo claims of ours whose runs were not started.

        Of a row that was changed since, the run goes and the schedule stays.
        """
        raise NotImplementedError

    def read_runs(self, task_id: str | None = None, state: str | None = None, limit: int = MANY) -> Sequence[Run]:
        """Return the runs known, live and ended, in order of their claims.

        Those of other tasks, of another state, and beyond the latest ``limit`` need not be among them.
        """
        raise NotImplementedError

    # -- records, where that is what is stored ----------------------------------------------------------------------

    #: Whether a record can be stored of which no task can be made here.
    keeps_records: bool = False

    def rows_aside(self) -> Sequence[Row]:
        """Return the rows of which no task can be made here."""
        return ()

    def record_of(self, row: Row) -> dict[str, Any] | None:
        """Return the definition that a row was read from as plain values; None where it was not."""
        return None

    def keep_record(self, record: TaskRecord, due: int | None, nominal: int | None, replace_existing: bool) -> bool:
        """Store a record as it is; False when its id is taken, and may not be replaced."""
        raise NotImplementedError

    # -- primitives of a store that is shared -----------------------------------------------------------------------

    def live(self) -> Sequence[Row]:
        """Return the rows that have live runs, hidden ones included."""
        return ()

    def poll(self) -> None:
        """Have the next look find what others have written, if they have written anything."""

    def refresh(self) -> None:
        """Have the next look be a real one, whatever the one before has found."""

    def write_owner(self, owner: str, content: str) -> None:
        """Write what is known of an owner of runs, in the place of what was."""

    def fetch_owners(self) -> Mapping[str, str]:
        """Return what was written about each owner."""
        return {}

    def remove_owner(self, owner: str) -> None:
        """Forget an owner."""

    # -- the public verbs, over rows --------------------------------------------------------------------------------

    def lookup_task(self, task_id: str) -> Task | None:
        row = self.read(task_id)
        return None if row is None or row.final else row.task

    def get_all_tasks(self) -> list[Task]:
        return [row.task for row in sorted(self.read_all(), key=_order)]

    def get_due_tasks(self, now: datetime.datetime) -> list[Task]:
        limit = to_microseconds(now)
        rows = [row for row in self.read_all() if row.due is not None and row.due <= limit]
        return [row.task for row in sorted(rows, key=_order)]

    def get_next_run_time(self) -> datetime.datetime | None:
        rows = [row for row in self.read_all() if row.due is not None]
        return min(rows, key=_order).task.next_run_time if rows else None

    def add_task(self, task: Task) -> None:
        if not self.insert(task):
            raise ConflictIdError(task.id)

    def update_task(self, task: Task) -> None:
        while True:
            row = self.read(str(task.id))
            if row is None or row.final:
                raise TaskLookupError(task.id)
            if self.replace(task, row.revision, _kept_nominal(row, task)):
                return

    def delete_task(self, task_id: str) -> None:
        if not self.remove(task_id):
            raise TaskLookupError(task_id)


def _leadership(path: str) -> Leadership:
    from ..leading import Leadership  # late: few stores have a lock_path

    return Leadership(path)


def _order(row: Row) -> tuple[bool, int, str]:
    return row.due is None, row.due or 0, str(row.task.id)


def _kept_nominal(row: Row, task: Task) -> datetime.datetime | None:
    """Return the nominal time of a row, unless the task brings a next run time of its own."""
    due_time = task.next_run_time
    if row.nominal is None or due_time is None or to_microseconds(due_time) != row.due:
        return None
    return from_microseconds(row.nominal, due_time.tzinfo)

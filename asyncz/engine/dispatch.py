"""One step of a pass: what is due is collected, decided about and claimed."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..tasks import planning
from ..tasks.planning import Firing
from ..utils import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..executors.types import ExecutorType
    from ..leading import Leadership
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from .claims import Claims
    from .gate import Gate
    from .news import News
    from .submissions import Submissions

__all__ = ("BATCH", "LARGE_BATCH", "Dispatcher")

#: Rows that one step takes from a store; between steps an event loop gets its turn. So few that the objects of their
#: runs are fewer than the 700 after which Python looks for garbage. Those in flight then would count as long-lived, and
#: soon be reason to look through all tasks there are, which takes a quarter of a second for 100,000 of them.
BATCH = 32
#: Rows that one step takes from a store that waits for I/O: there, a round trip costs more than all else.
LARGE_BATCH = 1024
#: Runs that may wait for a worker of an executor, few for the same reason. What is due beyond that waits in its store,
#: where it takes no memory, can still be edited, and is there for other processes.
BACKLOG = 4 * BATCH
#: Seconds until that is looked at again, should nobody tell that there is room.
LOOK_AGAIN = 0.05


class Dispatcher:
    """Fires what is due.

    It is handed the tables of stores and executors, which others fill, and the instant at every call. ``step`` is for
    one thread at a time; ``fire`` for any.
    """

    def __init__(
        self,
        stores: Mapping[str, BaseStore],
        executors: Mapping[str, ExecutorType],
        submissions: Submissions,
        news: News,
        gate: Gate,
        claims: Claims,
    ) -> None:
        self._stores = stores
        self._executors = executors
        self._submissions = submissions
        self._news = news
        self._gate = gate
        self._claims = claims
        #: The executors that are given nothing more for now.
        self.full: tuple[str, ...] = ()
        #: Whether more was due than one batch is.
        self.is_behind = False

    # -- a step -----------------------------------------------------------------------------------------------------

    def step(self, now: datetime.datetime, settle_from: int = 1) -> bool:
        """Settle what was reported and fire one batch of what is due; True when there may be more to do at once.

        Fewer reports than ``settle_from`` are left for another time, unless one of their tasks is due again.
        """
        more, instant = False, to_microseconds(now)
        if self._submissions.reports >= settle_from:
            more = self._submissions.settle(now)
        if self._submissions.in_hand:
            return more  # how many will wait for a worker then, nobody knows
        self.is_behind = False
        for alias, store in list(self._stores.items()):
            if self._gate.is_open(alias, now):
                self.is_behind |= self._fire_batch(alias, store, now, instant)
        return more or self.is_behind

    def next_due(self, now: datetime.datetime) -> float | None:
        """Return the seconds until something is to be done, 0 when it is overdue, None when nothing is scheduled."""
        if self._submissions.in_hand:
            return LOOK_AGAIN
        earliest: int | None = None
        for alias, store in list(self._stores.items()):
            instant = self._next_instant(alias, store, now)
            if instant is not None and (earliest is None or instant < earliest):
                earliest = instant
        wait = None if earliest is None else max(0.0, (earliest - to_microseconds(now)) / 1_000_000)
        return wait if not self.full else LOOK_AGAIN if wait is None else min(wait, LOOK_AGAIN)

    def _next_instant(self, alias: str, store: BaseStore, now: datetime.datetime) -> int | None:
        retry = self._gate.next_try(alias)
        if retry is not None:
            return retry
        if store.shared and self._claims.has_lapsed(alias):
            return to_microseconds(now) + int(LOOK_AGAIN * 1_000_000)
        try:
            due = store.next_due(self.ready())
        except Exception as exc:
            store.refresh()
            self._gate.fail(alias, exc, now)
            return self._gate.next_try(alias)
        if store.leadership is None:
            return due
        # A leader says now and then how far it has come, also when it has nothing to run.
        check = self._gate.check_back(now)
        return check if due is None else min(due, check)

    def _fire_batch(self, alias: str, store: BaseStore, now: datetime.datetime, instant: int) -> bool:
        limit = LARGE_BATCH if store.blocking else BATCH
        try:
            if not self._may_fire(alias, store, now):
                return False
            rows = self._due(store, now, limit)
            firings = [self._decide(alias, row, now, instant) for row in rows]
            if store.leadership is not None:  # before the claim, which is not to be followed by what may fail
                store.leadership.write(self._through(store, rows, instant, limit))
            won = self._submissions.claim(store, firings) if firings else ()
        except Exception as exc:
            store.refresh()
            self._gate.fail(alias, exc, now)
            return False
        self._gate.open(alias)
        if won:
            self._submissions.hand_over(alias, store, won, now)
        return len(rows) >= limit

    def _may_fire(self, alias: str, store: BaseStore, now: datetime.datetime) -> bool:
        if store.shared and self._claims.has_lapsed(alias):
            return False  # what we claim might be taken over at once
        return store.leadership is None or self._leads(alias, store, store.leadership, now)

    def _due(self, store: BaseStore, now: datetime.datetime, limit: int) -> list[Row]:
        """Return a batch of what is due, with the runs that have not ended."""
        rows = store.due(now, limit, self.ready())
        if self._submissions.has_news and any(row.runs for row in rows):
            while self._submissions.settle(now):
                pass
            rows = store.due(now, limit, self.ready())
        return rows

    def ready(self) -> tuple[str, ...]:
        """Return the executors that can do with more."""
        executors = self._executors
        full = [alias for alias in executors if getattr(executors[alias], "backlog", 0) >= BACKLOG]
        self.full = tuple(full)
        return tuple([alias for alias in executors if alias not in full]) if full else tuple(executors)

    def _through(self, store: BaseStore, rows: Sequence[Row], instant: int, limit: int) -> int:
        """Return the instant through which everything has been run with this batch, in microseconds since 1970 UTC.

        Behind a full batch there may be more of the same due time: a crash in between rather repeats some than loses
        any.
        """
        last = rows[-1].due if len(rows) >= limit else None
        waiting = store.next_due(self.full) if self.full else None
        return min([instant, *(at - 1 for at in (last, waiting) if at is not None)])

    def _leads(self, alias: str, store: BaseStore, leadership: Leadership, now: datetime.datetime) -> bool:
        """Return whether this process runs the tasks of a store, having tried to become the one that does."""
        if leadership.is_held:
            return True
        if not leadership.take():
            self._gate.stand_by(alias, now)
            return False
        try:
            through = leadership.read()
            if through is not None:
                self._count_as_run(alias, store, min(from_microseconds(through, now.tzinfo), now))
        except BaseException:
            leadership.release()  # whoever leads next has to begin with that
            raise
        return True

    def _count_as_run(self, alias: str, store: BaseStore, through: datetime.datetime) -> None:
        """Advance past what the leader before has run; its tasks are these, but their schedules were in its memory."""
        while rows := store.due(through, BATCH, tuple(self._executors)):
            firings = [self._decide(alias, row, through, to_microseconds(through)) for row in rows]
            for firing in firings:
                firing.run = None
            for firing in self._submissions.claim(store, firings):
                if firing.ends:
                    self._news.removed(firing.row.task.id, alias)

    def _decide(self, alias: str, row: Row, now: datetime.datetime, instant: int, source: str = "scheduled") -> Firing:
        revision, task, due_at, nominal_at = row.revision, row.task, row.due, row.nominal
        due_time = task.next_run_time or now
        firing = planning.due(task, instant if due_at is None else due_at, nominal_at, now, instant)
        if firing.error is not None:
            self._news.log_broken_trigger(task, firing.error)
        firing.row, firing.revision = row, revision
        firing.due_time, firing.due_at, firing.nominal_at = due_time, due_at, nominal_at
        if firing.run_times:
            firing.run = self._submissions.new_run(alias, task, firing.run_times, now, source)
        return firing

    # -- a clock that was set back ----------------------------------------------------------------------------------

    def set_back(self, now: datetime.datetime, is_alone: Callable[[str], bool]) -> None:
        """Plan again what keeps a pace, after the clock was set back; fixed times that have run are not run again.

        Stores that somebody else uses, too, are left as they are: others may have another clock.
        """
        self._gate.open_all()
        for alias, store in list(self._stores.items()):
            if not store.shared or is_alone(alias):
                try:
                    self._set_back_store(store, now)
                except Exception as exc:
                    self._gate.fail(alias, exc, now)

    def _set_back_store(self, store: BaseStore, now: datetime.datetime) -> None:
        for row in store.read_all():
            again = planning.set_back(row.task, now)
            if again is not None:
                trigger, (nominal, due_time) = again
                changes = {"trigger": trigger, "next_run_time": due_time}
                store.edit(row.task.id or "", row.revision, changes, nominal)

    # -- by hand ----------------------------------------------------------------------------------------------------

    def fire(
        self, alias: str, store: BaseStore, row: Row, now: datetime.datetime, *, force: bool, stays: bool
    ) -> Firing | None:
        """Run a task now: what is due of it, or, when nothing is and ``force`` is set, once beside its schedule.

        A task that ``stays`` is paused when its schedule ends with that. Returns the firing; None when there was
        nothing to run, or the task was removed meanwhile. Raises MaximumInstancesError when the task runs as often at
        once as it may, LookupError when its executor is not configured here.
        """
        current: Row | None = row
        while current is not None and not current.final:
            firing = self._decide_by_hand(alias, current, now, force)
            if firing is None:
                return None
            firing.stays |= stays
            if self._submissions.claim(store, [firing]):
                self._submissions.submit_by_hand(alias, store, firing, now)
                return firing
            current = store.read(row.task.id or "")
        return None

    def _decide_by_hand(self, alias: str, row: Row, now: datetime.datetime, force: bool) -> Firing | None:
        task = row.task
        if (task.executor or "default") not in self._executors:
            raise LookupError(f"Task {task.id!r} needs the executor {task.executor!r}, which is not configured here.")
        if task.next_run_time is not None and task.next_run_time <= now:
            return self._decide(alias, row, now, to_microseconds(now), "manual")
        if not force:
            return None
        firing = Firing.by_hand(now)
        firing.row, firing.revision = row, row.revision
        firing.run = self._submissions.new_run(alias, task, firing.run_times, now, "manual")
        return firing

"""One step of a pass: what is due is collected, decided about and claimed."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..tasks import planning
from ..tasks.planning import Firing
from ..utils import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..executors.types import ExecutorType
    from ..leading import Leadership
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from .gate import Gate
    from .news import News
    from .submissions import Submissions

__all__ = ("BATCH", "Dispatcher")

#: Rows that one step takes from a store; between steps an event loop gets its turn. So few that the objects of their
#: runs are fewer than the 700 after which Python looks for garbage. Those in flight then would count as long-lived, and
#: soon be reason to look through all tasks there are, which takes a quarter of a second for 100,000 of them.
BATCH = 32


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
    ) -> None:
        self._stores = stores
        self._executors = executors
        self._submissions = submissions
        self._news = news
        self._gate = gate

    # -- a step -----------------------------------------------------------------------------------------------------

    def step(self, now: datetime.datetime) -> bool:
        """Settle what was reported and fire one batch of what is due; True when there may be more to do at once."""
        more = self._submissions.settle(now)
        for alias, store in list(self._stores.items()):
            if self._gate.is_open(alias, now):
                more |= self._fire_batch(alias, store, now)
        return more or self._submissions.has_news

    def next_due(self, now: datetime.datetime) -> float | None:
        """Return the seconds until something is to be done, 0 when it is overdue, None when nothing is scheduled."""
        earliest: int | None = None
        for alias, store in list(self._stores.items()):
            instant = self._next_instant(alias, store, now)
            if instant is not None and (earliest is None or instant < earliest):
                earliest = instant
        return None if earliest is None else max(0.0, (earliest - to_microseconds(now)) / 1_000_000)

    def _next_instant(self, alias: str, store: BaseStore, now: datetime.datetime) -> int | None:
        retry = self._gate.next_try(alias)
        if retry is not None:
            return retry
        try:
            due = store.next_due(tuple(self._executors))
        except Exception as exc:
            self._gate.fail(alias, exc, now)
            return self._gate.next_try(alias)
        if store.leadership is None:
            return due
        # A leader says now and then how far it has come, also when it has nothing to run.
        check = self._gate.check_back(now)
        return check if due is None else min(due, check)

    def _fire_batch(self, alias: str, store: BaseStore, now: datetime.datetime) -> bool:
        try:
            if store.leadership is not None and not self._leads(alias, store, store.leadership, now):
                return False
            rows = store.due(now, BATCH, tuple(self._executors))
            firings = [self._decide(alias, row, now) for row in rows]
            if store.leadership is not None:  # before the claim, which is not to be followed by what may fail
                store.leadership.write(_through(rows, now))
            won = store.claim(firings, self._news.identity) if firings else []
        except Exception as exc:
            self._gate.fail(alias, exc, now)
            return False
        self._gate.open(alias)
        self._submissions.submit_batch(alias, store, won, now)
        return len(rows) >= BATCH

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
            firings = [self._decide(alias, row, through) for row in rows]
            for firing in firings:
                firing.run = None
            for firing in store.claim(firings, self._news.identity):
                if firing.ends:
                    self._news.removed(firing.row.task.id, alias)

    def _decide(self, alias: str, row: Row, now: datetime.datetime, source: str = "scheduled") -> Firing:
        revision, task = row.revision, row.task
        due_time: datetime.datetime = task.next_run_time or now
        nominal = due_time if row.nominal is None else from_microseconds(row.nominal, due_time.tzinfo)
        firing = planning.due(task, nominal, due_time, now)
        if firing.error is not None:
            self._news.log_broken_trigger(task, firing.error)
        firing.row, firing.revision, firing.nominal, firing.due_time = row, revision, nominal, due_time
        if firing.run_times:
            firing.run = self._submissions.new_run(alias, task, firing.run_times, now, source)
        return firing

    # -- a clock that was set back ----------------------------------------------------------------------------------

    def set_back(self, now: datetime.datetime) -> None:
        """Plan again what keeps a pace, after the clock was set back; fixed times that have run are not run again."""
        self._gate.open_all()
        for alias, store in list(self._stores.items()):
            if not store.shared:  # there, others may have another clock
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
            if store.claim([firing], self._news.identity):
                self._submissions.submit_by_hand(alias, store, firing, now)
                return firing
            current = store.read(row.task.id or "")
        return None

    def _decide_by_hand(self, alias: str, row: Row, now: datetime.datetime, force: bool) -> Firing | None:
        task = row.task
        if (task.executor or "default") not in self._executors:
            raise LookupError(f"Task {task.id!r} needs the executor {task.executor!r}, which is not configured here.")
        if task.next_run_time is not None and task.next_run_time <= now:
            return self._decide(alias, row, now, "manual")
        if not force:
            return None
        firing = Firing.by_hand(now)
        firing.row, firing.revision = row, row.revision
        firing.run = self._submissions.new_run(alias, task, firing.run_times, now, "manual")
        return firing


def _through(rows: Sequence[Row], now: datetime.datetime) -> int:
    """Return the instant through which everything has been run with this batch, in microseconds since 1970 UTC.

    Behind a full batch there may be more of the same due time: a crash in between rather repeats some than loses any.
    """
    last = rows[-1].due if len(rows) >= BATCH else None
    return to_microseconds(now) if last is None else last - 1

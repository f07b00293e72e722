"""One step of a pass: settle, collect, decide, claim, submit."""

from __future__ import annotations

import datetime
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any

from ..enums import RunState
from ..exceptions import MaximumInstancesError
from ..executors.base import PoolShutdownError
from ..tasks import planning
from ..tasks.planning import Firing
from ..tasks.runs import Outcome, Run
from ..utils import from_microseconds, to_microseconds
from .gate import Gate
from .ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..events import SchedulerEvent
    from ..executors.types import ExecutorType
    from ..leading import Leadership
    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from ..tasks.base import Task
    from .news import News

__all__ = ("BATCH", "Dispatcher")

#: Rows that one step takes from a store. Between steps an event loop gets its turn.
BATCH = 128
#: Reports that one step settles.
SETTLED = 4 * BATCH


class Dispatcher:
    """Fires what is due.

    It is handed the tables of stores and executors, which others fill, and the instant at every call. ``step`` and
    ``settle`` are for one thread at a time; ``fire``, ``report`` and ``report_inline`` for any.
    """

    def __init__(
        self,
        stores: Mapping[str, BaseStore],
        executors: Mapping[str, ExecutorType],
        news: News,
        retry_interval: float,
    ) -> None:
        self._stores = stores
        self._executors = executors
        self._news = news
        self._run_ids = itertools.count(1)
        self._gate = Gate(news, retry_interval)
        self._ended: deque[Run] = deque()
        self._ledger = Ledger()
        self.report = self._ledger.report

    # -- a step -----------------------------------------------------------------------------------------------------

    def step(self, now: datetime.datetime) -> bool:
        """Settle what was reported and fire one batch of what is due; True when there may be more to do at once."""
        more = self.settle(now)
        for alias, store in list(self._stores.items()):
            if self._gate.is_open(alias, now):
                more |= self._fire_batch(alias, store, now)
        return more or self._ledger.has_news

    def stands_by(self, alias: str) -> bool:
        """True when another process runs the tasks of that store."""
        return self._gate.stands_by(alias)

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
            won = store.claim([self._decide(alias, row, now) for row in rows], self._news.identity) if rows else []
            if store.leadership is not None:
                store.leadership.write(to_microseconds(now))
        except Exception as exc:
            self._gate.fail(alias, exc, now)
            return False
        self._gate.open(alias)
        self._submit_batch(alias, store, won, now)
        if self._ended:
            self._save(now)
        return len(rows) >= BATCH

    def _leads(self, alias: str, store: BaseStore, leadership: Leadership, now: datetime.datetime) -> bool:
        """Return whether this process runs the tasks of a store, having tried to become the one that does."""
        if leadership.is_held:
            return True
        if not leadership.take():
            self._gate.stand_by(alias, now)
            return False
        through = leadership.read()
        if through is not None:
            self._count_as_run(alias, store, min(from_microseconds(through, now.tzinfo), now))
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
            firing.run = self._new_run(alias, task, firing.run_times, now, source)
        return firing

    def _new_run(
        self, alias: str, task: Task, run_times: list[datetime.datetime], now: datetime.datetime, source: str
    ) -> Run:
        return Run(
            next(self._run_ids),
            task.id or "",
            task.name,
            alias,
            task.executor or "default",
            run_times,
            self._news.identity,
            now,
            source,
        )

    # -- what was won -----------------------------------------------------------------------------------------------

    def _submit_batch(self, alias: str, store: BaseStore, won: Sequence[Firing], now: datetime.datetime) -> None:
        told: list[SchedulerEvent] = []
        for index, firing in enumerate(won):
            try:
                told += self._submit(alias, store, firing, now, "scheduled")
            except PoolShutdownError:
                store.unclaim(won[index:])
                self._news.dispatch_all(told)
                raise
        self._news.dispatch_all(told)

    def _submit(
        self, alias: str, store: BaseStore, firing: Firing, now: datetime.datetime, source: str
    ) -> list[SchedulerEvent]:
        """Send what a firing carries, and return what is to be told of it later."""
        task = firing.row.task
        if firing.run is not None:
            self._send(store, task, firing)
        if firing.skipped:
            self._record_skipped(alias, task, firing, now)
        if firing.ends:
            self._news.removed(task.id, alias)
        return self._news.of_firing(task, alias, firing, source)

    def _send(self, store: BaseStore, task: Task, firing: Firing) -> None:
        """Send a run; what an executor refuses for a reason of its own is a failed run."""
        run: Run = firing.run
        self._ledger.open(run)
        try:
            executor = self._executors[run.executor]
            executor.send_task(task, run.run_times)  # type: ignore[arg-type]
            if not hasattr(executor, "bind"):  # it reports to nobody: what it was sent is out of our hands
                self._ledger.close(run)
                store.finish([run], keep=False)
        except PoolShutdownError:
            self._ledger.close(run)
            raise
        except MaximumInstancesError:
            self._ledger.close(run)
            store.finish([run], keep=False)
            firing.run, firing.at_limit = None, True
        except Exception as exc:
            self._news.log_refused(task, run.executor, exc)
            self._ledger.report(run.task_id, run.run_times, exc)

    def _record_skipped(self, alias: str, task: Task, firing: Firing, now: datetime.datetime) -> None:
        self._news.log_skipped(task, firing)
        run_time = firing.skipped_time or now
        run = self._new_run(alias, task, [run_time], now, "scheduled")
        run.end([Outcome(RunState.MISSED, run_time)], now)
        self._ended.append(run)

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
                self._submit_by_hand(alias, store, firing, now)
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
        firing.run = self._new_run(alias, task, firing.run_times, now, "manual")
        return firing

    def _submit_by_hand(self, alias: str, store: BaseStore, firing: Firing, now: datetime.datetime) -> None:
        run_times = firing.run_times
        self._ledger.hold_back(run_times)
        try:
            self._news.dispatch_all(self._submit(alias, store, firing, now, "manual"))
        except PoolShutdownError:
            store.unclaim([firing])
            raise
        finally:
            self._ledger.tell(run_times)
        if firing.at_limit:
            raise MaximumInstancesError(firing.row.task.id, firing.row.task.max_instances)

    # -- outcomes ---------------------------------------------------------------------------------------------------

    def settle(self, now: datetime.datetime) -> bool:
        """Write down the ends of runs and tell of them; True when there are more."""
        if not self._ended and not self._ledger.has_news:
            return False
        ended = list(self._ledger.drain(now, SETTLED))
        self._ended.extend(run for run, _outcomes in ended)
        self._save(now)
        for run, outcomes in ended:
            self._news.outcomes(run, outcomes)
        return self._ledger.has_news

    def report_inline(self, now: datetime.datetime, task_id: Any, run_times: Any, outcomes: Any) -> None:
        """Settle at once what an executor reports that runs tasks in place."""
        ended = self._ledger.settled(task_id, run_times, outcomes, now)
        if ended is not None:
            self._finish(ended[0].store, [ended[0]], now)
            self._news.outcomes(*ended)

    @property
    def is_idle(self) -> bool:
        """True when no run is out, and none was reported that is not settled."""
        return not self._ledger.is_busy

    def is_run(self, run_times: Any) -> bool:
        """True when this is the list of run times of a run that is out."""
        return self._ledger.holds(run_times)

    def abandon(self) -> int:
        """Forget the runs that are still out; returns how many there were. Reports of them will be dropped."""
        return self._ledger.clear()

    def _save(self, now: datetime.datetime) -> None:
        """Write ended runs to their stores; what a store does not take now is tried again."""
        by_store: dict[str, list[Run]] = {}
        while self._ended:
            run = self._ended.popleft()
            by_store.setdefault(run.store, []).append(run)
        for alias, runs in by_store.items():
            self._finish(alias, runs, now)

    def _finish(self, alias: str, runs: list[Run], now: datetime.datetime) -> None:
        store = self._stores.get(alias)
        if store is None:
            return  # it was taken out of the scheduler, and its rows with it
        try:
            store.finish(runs)
        except Exception as exc:
            self._ended.extend(runs)
            self._gate.fail(alias, exc, now)

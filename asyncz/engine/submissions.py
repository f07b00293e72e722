"""What was won is handed to executors; what they report is settled."""

from __future__ import annotations

import datetime
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any

from ..enums import RunState
from ..exceptions import MaximumInstancesError
from ..executors.base import PoolShutdownError
from ..tasks.runs import Outcome, Run
from .ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..events import SchedulerEvent
    from ..executors.types import ExecutorType
    from ..stores.base import BaseStore
    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from .gate import Gate
    from .news import News

__all__ = ("Submissions",)

#: Reports that are settled in one go.
SETTLED = 512


class Submissions:
    """The runs of this process, from their claim to the end.

    ``settle`` is for one thread at a time; the rest for any.
    """

    def __init__(
        self, stores: Mapping[str, BaseStore], executors: Mapping[str, ExecutorType], news: News, gate: Gate
    ) -> None:
        self._stores = stores
        self._executors = executors
        self._news = news
        self._gate = gate
        self._ids = itertools.count(1)
        self._ended: deque[Run] = deque()
        self._ledger = Ledger()
        self.report = self._ledger.report

    def new_run(
        self, store: str, task: Task, run_times: list[datetime.datetime], now: datetime.datetime, source: str
    ) -> Run:
        """Return the record of a run that is going to be claimed."""
        executor = task.executor or "default"
        return Run(
            next(self._ids), task.id or "", task.name, store, executor, run_times, self._news.identity, now, source
        )

    # -- submitting -------------------------------------------------------------------------------------------------

    def submit_batch(self, alias: str, store: BaseStore, won: Sequence[Firing], now: datetime.datetime) -> None:
        """Send what the firings of a batch carry, then tell of it.

        Raises PoolShutdownError when there is no pool to send to; the claims that were not sent are taken back.
        """
        told: list[SchedulerEvent] = []
        for index, firing in enumerate(won):
            try:
                told += self._submit(alias, store, firing, now, "scheduled")
            except PoolShutdownError:
                self._take_back(alias, store, won[index:], now)
                self._news.dispatch_all(told)
                raise
            except BaseException:  # a listener that exits, say: nobody would ever send the others
                self._take_back(alias, store, won[index + 1 :], now)
                raise
        if told:
            self._news.dispatch_all(told)
        if self._ended:
            self._save(now)

    def submit_by_hand(self, alias: str, store: BaseStore, firing: Firing, now: datetime.datetime) -> None:
        """Send what a firing carries that was not made by a pass, which may be settling in another thread meanwhile.

        Raises MaximumInstancesError when the task runs as often at once as it may, PoolShutdownError, and LookupError
        when its executor was taken out just now.
        """
        run_times, run = firing.run_times, firing.run
        self._ledger.hold_back(run_times)
        try:
            self._news.dispatch_all(self._submit(alias, store, firing, now, "manual"))
        except PoolShutdownError:
            self._take_back(alias, store, [firing], now)
            raise
        finally:
            self._ledger.tell(run_times)
        if firing.at_limit:
            raise MaximumInstancesError(firing.row.task.id, firing.row.task.max_instances)
        if run is not None and firing.run is None:
            raise LookupError(f"Task {run.task_id!r} needs the executor {run.executor!r}, which was removed just now.")

    def _submit(
        self, alias: str, store: BaseStore, firing: Firing, now: datetime.datetime, source: str
    ) -> Sequence[SchedulerEvent]:
        """Send what a firing carries, and return what is to be told of it later."""
        if firing.run is not None and not self._send(alias, store, firing, now):
            return ()
        if not (self._news.bus.mask or firing.skipped or firing.at_limit):
            return ()  # nearly always
        task = firing.row.task
        if firing.skipped:
            self._record_skipped(alias, task, firing, now)
        if firing.ends:
            self._news.removed(task.id, alias)
        return self._news.of_firing(task, alias, firing, source)

    def _send(self, alias: str, store: BaseStore, firing: Firing, now: datetime.datetime) -> bool:
        """Send a run; what an executor refuses for a reason of its own is a failed run.

        False when its executor was taken out just now: then the claim is taken back.
        """
        task: Task = firing.row.task
        run: Run = firing.run
        self._ledger.open(run)
        executor = self._executors.get(run.executor)
        try:
            if executor is None:
                raise PoolShutdownError(f"Executor {run.executor!r} was removed.")
            executor.send_task(task, run.run_times)
        except BaseException as exc:
            return self._not_sent(alias, store, firing, now, executor, exc)
        if not hasattr(executor, "bind"):  # it reports to nobody: what it was sent is out of our hands
            self._drop(alias, store, run, now)
        return True

    def _not_sent(
        self,
        alias: str,
        store: BaseStore,
        firing: Firing,
        now: datetime.datetime,
        executor: ExecutorType | None,
        exc: BaseException,
    ) -> bool:
        run: Run = firing.run
        if isinstance(exc, PoolShutdownError):
            self._ledger.close(run)
            if executor is not None and self._executors.get(run.executor) is executor:
                raise exc
            self._take_back(alias, store, [firing], now)
            firing.run = None
            return False
        if isinstance(exc, MaximumInstancesError):
            self._drop(alias, store, run, now)
            firing.run, firing.at_limit = None, True
            return True
        self._ledger.report(run.task_id, run.run_times, exc)
        self._news.log_refused(firing.row.task, run.executor, exc)
        if not isinstance(exc, Exception):
            raise exc
        return True

    def _drop(self, alias: str, store: BaseStore, run: Run, now: datetime.datetime) -> None:
        """Take out a run of which nothing will be heard."""
        self._ledger.close(run)
        try:
            store.finish([run], keep=False)
        except Exception as exc:
            self._gate.fail(alias, exc, now)

    def _take_back(self, alias: str, store: BaseStore, firings: Sequence[Firing], now: datetime.datetime) -> None:
        """Undo claims that were not sent."""
        try:
            store.unclaim(firings)
        except Exception as exc:
            self._gate.fail(alias, exc, now)

    def part_with(self, store: BaseStore) -> None:
        """Take the runs that are out from the rows of a store that leaves: nobody could do so when they end."""
        store.finish([run for run in store.read_runs() if self._ledger.holds(run.run_times)], keep=False)

    def _record_skipped(self, alias: str, task: Task, firing: Firing, now: datetime.datetime) -> None:
        self._news.log_skipped(task, firing)
        run_time = firing.skipped_time or now
        run = self.new_run(alias, task, [run_time], now, "scheduled")
        run.end([Outcome(RunState.MISSED, run_time)], now)
        self._ended.append(run)

    # -- settling ---------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """True when something was reported that is not settled."""
        return self._ledger.has_news

    @property
    def is_idle(self) -> bool:
        """True when no run is out, and none was reported that is not settled."""
        return not self._ledger.is_busy

    def is_run(self, run_times: Any) -> bool:
        """True when this is the list of run times of a run that is out."""
        return self._ledger.holds(run_times)

    @property
    def reports(self) -> int:
        """How many runs have ended that are not settled."""
        return len(self._ended) + self._ledger.news

    def settle(self, now: datetime.datetime) -> bool:
        """Write down the ends of runs and tell of them; True when there are more."""
        if not self._ended and not self._ledger.has_news:
            return False
        ended = self._ledger.drain(now, SETTLED)
        self._ended.extend([run for run, _outcomes in ended])
        self._save(now)
        if self._news.bus.mask:
            for run, outcomes in ended:
                self._news.outcomes(run, outcomes)
        return self._ledger.has_news

    def report_inline(self, now: datetime.datetime, task_id: Any, run_times: Any, outcomes: Any) -> None:
        """Settle at once what an executor reports that runs tasks in place."""
        ended = self._ledger.settled(task_id, run_times, outcomes, now)
        if ended is not None:
            self._finish(ended[0].store, [ended[0]], now)
            self._news.outcomes(*ended)

    def abandon(self) -> int:
        """Forget the runs that are still out; returns how many there were. Reports of them will be dropped."""
        return self._ledger.clear()

    def _save(self, now: datetime.datetime) -> None:
        """Write ended runs to their stores; what a store does not take now is tried again when it is open."""
        by_store: dict[str, list[Run]] = {}
        while self._ended:
            run = self._ended.popleft()
            if run.store in by_store:
                by_store[run.store].append(run)
            else:
                by_store[run.store] = [run]
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

"""What was won is handed to executors; what they report is settled."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Any

from ..enums import RunState
from ..exceptions import MaximumInstancesError
from ..executors.base import PoolShutdownError
from ..executors.job import missed
from ..tasks.runs import Outcome, Run
from .claims import name_apart
from .ledger import Ledger
from .writes import RunWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..events import SchedulerEvent
    from ..executors.types import ExecutorType
    from ..stores.base import BaseStore
    from ..tasks.base import Task
    from ..tasks.planning import Firing
    from .claims import Claims
    from .gate import Gate
    from .news import News

    #: calls something with arguments elsewhere; False when nobody is there any more
    Post = Callable[..., bool]

__all__ = ("Submissions",)

#: Reports that are settled in one go: on a loop, which is kept waiting meanwhile, and off it.
SETTLED, SETTLED_OFF_LOOP = 512, 1024
#: Reports that are not kept waiting for others when there are none to come: a file is written once for all of them.
WORTH_SETTLING = 64


class Submissions:
    """The runs of this process, from their claim to the end.

    ``settle`` is for one thread at a time; the rest for any.
    """

    def __init__(
        self,
        stores: Mapping[str, BaseStore],
        executors: Mapping[str, ExecutorType],
        news: News,
        gate: Gate,
        claims: Claims,
    ) -> None:
        self._stores = stores
        self._executors = executors
        self._news = news
        self._gate = gate
        self._claims = claims
        self._ids = itertools.count(1)
        self._writes = RunWrites(stores, news, gate, claims)
        self._ledger = Ledger()
        self.report = self._ledger.report
        self._post: Post | None = None
        self._posted: dict[object, tuple[str, BaseStore, Sequence[Firing]]] = {}
        self._sending = False

    def go_off_loop(self, post: Post | None, wake: Callable[[], object] | None) -> None:
        """Leave stores to the thread of the passes from now on, which ``wake`` wakes; or, with None, do not.

        ``post`` has something called where executors and listeners are to be called, soon and in order.
        """
        self._post, self._writes.wake = post, wake

    def new_run(
        self, store: str, task: Task, run_times: list[datetime.datetime], now: datetime.datetime, source: str
    ) -> Run:
        """Return the record of a run that is going to be claimed."""
        executor = task.executor or "default"
        return Run(next(self._ids), task.id or "", task.name, store, executor, run_times, self._news.owner, now, source)

    # -- claiming and submitting ------------------------------------------------------------------------------------

    def claim(self, store: BaseStore, firings: Sequence[Firing]) -> Sequence[Firing]:
        """Claim firings in a store, and return those that were won."""
        if not store.shared:
            return store.claim(firings, self._news.owner)
        return self._claims.make(store, firings, self._news.owner)

    def hand_over(self, alias: str, store: BaseStore, won: Sequence[Firing], now: datetime.datetime) -> None:
        """Have a batch submitted: at once, or where ``post`` says.

        Raises what :meth:`submit_batch` raises; PoolShutdownError, too, when nobody is there any more to submit it.
        """
        post = self._post
        if post is None:
            self.submit_batch(alias, store, won, now)
            return
        key = object()
        self._posted[key] = alias, store, won
        if not post(self._submit_posted, key, now) and self._posted.pop(key, None) is not None:
            self._writes.take_back(alias, store, won, now)
            raise PoolShutdownError("The event loop was closed.")

    def _submit_posted(self, key: object, now: datetime.datetime) -> None:
        self._sending = True
        try:
            batch = self._posted.pop(key, None)  # else it was handed back
            if batch is not None:
                self.submit_batch(*batch, now)
        finally:
            self._sending = False
            if self._writes.wake is not None:
                self._writes.wake()

    @property
    def in_hand(self) -> bool:
        """True when a batch was won and is not sent yet."""
        return self._sending or bool(self._posted)

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
        if self._writes.wake is None and len(self._writes):
            self._writes.save(now)

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
        if firing.is_missed:
            self._ledger.open(firing.run)
            self._ledger.report(firing.run.task_id, firing.run_times, missed(firing.run_times))
            return ()
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
            if store.shared and getattr(executor, "asks_to_begin", False):
                self._claims.sent(alias, store, firing)
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
        self._claims.begun(run.run_times)
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
        self._writes.do(self._writes.drop, alias, store, run, now)

    def _take_back(self, alias: str, store: BaseStore, firings: Sequence[Firing], now: datetime.datetime) -> None:
        """Undo claims that were not sent, or have not begun."""
        self._writes.do(self._writes.take_back, alias, store, list(firings), now)

    def may_begin(self, run_times: Any) -> bool:
        """Return whether a run that was sent may begin: not when it was handed back, or may be somebody else's by now.

        Called by executors, in any thread.
        """
        may_begin = self._claims.begun(run_times)
        if may_begin is False:
            self._ledger.strike(run_times)
        return self._ledger.holds(run_times) if may_begin is None else may_begin

    def withdraw(self, alias: str) -> None:
        """Leave what has not begun to whoever finds it: it may be somebody else's by now."""
        for _alias, _store, firing in self._claims.withdraw(alias):
            self._ledger.strike(firing.run.run_times)
            self._claims.forget([firing.run])

    def hand_back(self, now: datetime.datetime) -> None:
        """Undo the claims of what was not sent, and of what has not begun in shared stores. For the passes."""
        by_store: dict[str, tuple[BaseStore, list[Firing]]] = {}
        for key in list(self._posted):
            batch = self._posted.pop(key, None)
            if batch is not None:
                self._writes.take_back(*batch, now)
        for alias, store, firing in self._claims.withdraw():
            self._ledger.strike(firing.run.run_times)
            by_store.setdefault(alias, (store, []))[1].append(firing)
        for alias, (store, firings) in by_store.items():
            self._writes.take_back(alias, store, firings, now)

    def part_with(self, alias: str, store: BaseStore) -> None:
        """Take the runs that are out from the rows of a store that leaves: nobody could do so when they end."""
        store.finish([run for run in self._ledger.runs() if run.store == alias], keep=False)

    def _record_skipped(self, alias: str, task: Task, firing: Firing, now: datetime.datetime) -> None:
        self._news.log_skipped(task, firing)
        run_time = firing.skipped_time or now
        run = self.new_run(alias, task, [run_time], now, "scheduled")
        name_apart(run)
        run.end([Outcome(RunState.MISSED, run_time)], now)
        self._writes.add([run])

    # -- settling ---------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """True when something was reported that is not settled."""
        return self._ledger.has_news

    @property
    def is_idle(self) -> bool:
        """True when no run is out or about to be, and none was reported that is not settled."""
        return not self._ledger.is_busy and not self.in_hand and not self._writes.owes

    def is_run(self, run_times: Any) -> bool:
        """True when this is the list of run times of a run that is out."""
        return self._ledger.holds(run_times)

    @property
    def has_unwritten(self) -> bool:
        """True when a store has not been told yet of something that has ended, or was not sent."""
        return bool(len(self._writes))

    @property
    def reports(self) -> int:
        """How many runs have ended that are not settled."""
        return len(self._writes) + self._ledger.news

    @property
    def has_a_batch(self) -> bool:
        """True when so much was reported that it is worth to be settled, and nothing more is to be waited for."""
        return self._ledger.news >= WORTH_SETTLING and self._ledger.is_all_in

    def settle(self, now: datetime.datetime) -> bool:
        """Write down the ends of runs and tell of them; True when there are more."""
        self._writes.flush()
        if not self._ledger.has_news and not len(self._writes):
            return False
        ended = self._ledger.drain(now, SETTLED if self._post is None else SETTLED_OFF_LOOP)
        self._writes.add([run for run, _outcomes in ended])
        lost = self._writes.save(now)
        if ended and self._news.bus.mask:
            if lost:
                ended = [(run, outcomes) for run, outcomes in ended if run not in lost]
            if self._post is None:
                self._news.all_outcomes(ended)
            else:
                self._post(self._news.all_outcomes, ended)
        return self._ledger.has_news

    def report_inline(self, now: datetime.datetime, task_id: Any, run_times: Any, outcomes: Any) -> None:
        """Settle at once what an executor reports that runs tasks in place."""
        ended = self._ledger.settled(task_id, run_times, outcomes, now)
        if ended is not None:
            self._writes.do(self._writes.finish, ended[0].store, [ended[0]], now)
            self._news.outcomes(*ended)

    def abandon(self) -> int:
        """Forget the runs that are still out; returns how many there were. Reports of them will be dropped."""
        self._claims.clear()
        self._posted = {}
        return self._ledger.clear()

    def left_behind(self) -> None:
        """Have nothing to do, in a process that was forked off: runs and their ends are the parent's."""
        self._writes.clear()
        self.abandon()

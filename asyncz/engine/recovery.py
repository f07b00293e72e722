"""Runs whose owner is gone, and what others have written: what is looked for in the stores that are shared."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..executors.base import PoolShutdownError
from ..tasks.planning import Firing
from ..tasks.runs import Run
from .owners import Owners

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..stores.base import BaseStore
    from ..stores.rows import Row
    from .claims import Claims
    from .gate import Gate
    from .heart import Heart
    from .news import News
    from .submissions import Submissions

__all__ = ("MAX_LOST", "Recovery")

#: Seconds between two polls, whatever was asked for.
SHORTEST = 0.01
#: Owners that may be lost over one run. A task that kills its process must not kill them all.
MAX_LOST = 3


class Recovery:
    """Looks at each shared store every ``poll_interval`` seconds, and for orphans as often as the heart beats.

    It looks for orphans at once when somebody turns out to be gone.
    """

    def __init__(
        self,
        heart: Heart,
        claims: Claims,
        submissions: Submissions,
        news: News,
        gate: Gate,
        poll_interval: float,
    ) -> None:
        self._heart = heart
        self._claims = claims
        self._submissions = submissions
        self._news = news
        self._gate = gate
        self.interval = max(poll_interval, SHORTEST)
        self._owners: dict[str, Owners] = {}
        self._polled: dict[str, float] = {}
        self._searched: dict[str, float] = {}
        #: Whose runs the last search has met, and who was gone when that was last looked at.
        self._met: dict[str, set[str]] = {}
        self._dead: dict[str, set[str]] = {}

    def is_alone(self, alias: str, monotonic: float) -> bool:
        """Return whether no other scheduler was alive in a store when it was last searched."""
        owners = self._owners.get(alias)
        return owners is not None and not owners.alive(monotonic)

    def look(self, now: datetime.datetime, monotonic: float, executors: Sequence[str]) -> None:
        """Have what others have written be found, and take over orphans that these executors can run."""
        for alias, store in self._heart.shared.items():
            if not self._gate.is_open(alias, now):
                continue
            try:
                if _is_due(self._polled, alias, monotonic, self.interval):
                    store.poll()
                    if self._misses_someone(alias, store, monotonic):
                        self._searched.pop(alias, None)
                if _is_due(self._searched, alias, monotonic, self._heart.interval):
                    self._search(alias, store, now, monotonic, executors)
            except PoolShutdownError:
                raise
            except Exception as exc:
                store.refresh()  # the next try has to be one: what is remembered of the store would open the gate
                self._gate.fail(alias, exc, now)

    def _misses_someone(self, alias: str, store: BaseStore, monotonic: float) -> bool:
        """Meet the other schedulers of a store; True when one is gone that was there the last time."""
        owners = self._owners.setdefault(alias, Owners(self._heart.stale_after))
        before = self._dead.get(alias, set())
        owners.observe(self._others(store), self._met.get(alias, set()), monotonic)
        self._dead[alias] = set(owners.dead(monotonic))
        return bool(self._dead[alias] - before)

    def _others(self, store: BaseStore) -> dict[str, str]:
        return {owner: content for owner, content in store.fetch_owners().items() if owner != self._heart.owner}

    def _search(
        self, alias: str, store: BaseStore, now: datetime.datetime, monotonic: float, executors: Sequence[str]
    ) -> None:
        if self._heart.has_lapsed(alias, monotonic, now):
            del self._searched[alias]  # first, the others have to know that we are alive
            return
        rows, owners = store.live(), self._owners.setdefault(alias, Owners(self._heart.stale_after))
        contents = self._others(store)
        met = {run.owner for row in rows for run in row.runs} - {self._heart.owner}
        owners.observe(contents, met, monotonic)
        self._met[alias], self._dead[alias] = met, set(owners.dead(monotonic))
        dead = self._dead[alias]
        firings = [self._decide(alias, row, orphan, now, executors) for row, orphan in self._orphans(rows, dead)]
        self._take_over(alias, store, [firing for firing in firings if firing is not None], now)
        for owner in contents.keys() & dead - met:
            store.remove_owner(owner)

    def _orphans(self, rows: Sequence[Row], dead: set[str]) -> Iterator[tuple[Row, Run]]:
        """Yield the rows that have orphans, each with its first one: the next search finds others."""
        for row in rows:
            for run in row.runs:
                is_ours = run.owner == self._heart.owner
                if not self._claims.knows(run) if is_ours else run.owner in dead:
                    yield row, run
                    break

    def _decide(
        self, alias: str, row: Row, orphan: Run, now: datetime.datetime, executors: Sequence[str]
    ) -> Firing | None:
        """Return the firing that takes over an orphan; None when it is not for this process."""
        task = row.task
        lost = orphan.lost + (orphan.owner != self._heart.owner)
        is_paused = row.due is None and not row.final
        is_missed = not task.recover or lost >= MAX_LOST or is_paused
        executor = task.executor or "default"
        if not is_missed and executor not in executors:
            return None
        firing = Firing.by_hand(now)
        firing.run_times, firing.row, firing.revision = orphan.run_times, row, row.revision
        firing.orphan, firing.is_missed = orphan, is_missed
        firing.run = Run(
            orphan.id, task.id or "", task.name, alias, executor, orphan.run_times, self._heart.owner, now, "recovered"
        )
        firing.run.lost = lost
        return firing

    def _take_over(self, alias: str, store: BaseStore, firings: list[Firing], now: datetime.datetime) -> None:
        if not firings:
            return
        won = self._submissions.claim(store, firings)
        for firing in won:
            self._news.log_taken_over(firing)
        if won:
            self._submissions.hand_over(alias, store, won, now)


def _is_due(done: dict[str, float], alias: str, monotonic: float, interval: float) -> bool:
    """Return whether something is to be done again, and note that it is."""
    if alias in done and monotonic - done[alias] < interval:
        return False
    done[alias] = monotonic
    return True

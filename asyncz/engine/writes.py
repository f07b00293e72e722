"""What is written to stores about runs after their claim: that they ended, or that they were never sent."""

from __future__ import annotations

import datetime
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..stores.base import BaseStore
    from ..tasks.planning import Firing
    from ..tasks.runs import Run
    from .claims import Claims
    from .gate import Gate
    from .news import News

__all__ = ("RunWrites",)


class RunWrites:
    """Writes at once, or, with ``wake`` set, when the thread of the passes that it wakes comes to :meth:`flush`.

    What a store does not take now is tried again when it is open.
    """

    def __init__(self, stores: Mapping[str, BaseStore], news: News, gate: Gate, claims: Claims) -> None:
        self._stores = stores
        self._news = news
        self._gate = gate
        self._claims = claims
        self._owed: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._ended: deque[Run] = deque()
        self.wake: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self._owed) + len(self._ended)

    def clear(self) -> None:
        """Have nothing to write."""
        self._owed.clear()
        self._ended.clear()

    @property
    def owes(self) -> bool:
        """True when something was put off that only this process can write."""
        return bool(self._owed)

    def do(self, call: Callable[..., Any], *args: Any) -> None:
        """Call something that waits for a store: now, or in the thread of the passes."""
        if self.wake is None:
            call(*args)
        else:
            self._owed.append((call, args))
            self.wake()

    def flush(self) -> None:
        """Do what was put off."""
        while self._owed:
            call, args = self._owed.popleft()
            call(*args)

    # -- what was not sent ------------------------------------------------------------------------------------------

    def drop(self, alias: str, store: BaseStore, run: Run, now: datetime.datetime) -> None:
        """Take out a run of which nothing will be heard."""
        self._claims.forget([run])
        try:
            store.finish([run], keep=False)
        except Exception as exc:
            self._fail(alias, store, exc, now)

    def take_back(self, alias: str, store: BaseStore, firings: Sequence[Firing], now: datetime.datetime) -> None:
        """Undo claims that were not sent, or have not begun."""
        self._claims.forget([firing.run for firing in firings if firing.run is not None])
        try:
            store.unclaim(firings)
        except Exception as exc:
            self._fail(alias, store, exc, now)

    # -- what has ended ---------------------------------------------------------------------------------------------

    def add(self, runs: Sequence[Run]) -> None:
        """Have runs written that have ended, with the next :meth:`save`."""
        self._ended.extend(runs)

    def save(self, now: datetime.datetime) -> Sequence[Run]:
        """Write ended runs to their stores, and return those that are somebody else's by now."""
        by_store: dict[str, list[Run]] = {}
        while self._ended:
            run = self._ended.popleft()
            if run.store in by_store:
                by_store[run.store].append(run)
            else:
                by_store[run.store] = [run]
        lost: list[Run] = []
        for alias, runs in by_store.items():
            lost += self.finish(alias, runs, now)
        return lost

    def finish(self, alias: str, runs: list[Run], now: datetime.datetime) -> Sequence[Run]:
        """Do that for runs of one store."""
        store = self._stores.get(alias)
        if store is None:
            self._claims.forget(runs)
            return ()  # it was taken out of the scheduler, and its rows with it
        if store.shared and not self._gate.is_open(alias, now):
            self._ended.extend(runs)
            return ()
        try:
            lost = store.finish(runs)
        except Exception as exc:
            self._ended.extend(runs)
            self._fail(alias, store, exc, now)
            return ()
        if store.shared:
            self._claims.forget(runs)
        for run in lost:
            self._news.log_lost(run)
        return lost

    def _fail(self, alias: str, store: BaseStore, exc: Exception, now: datetime.datetime) -> None:
        store.refresh()  # the next try has to be one: what is remembered of the store would open the gate
        self._gate.fail(alias, exc, now)

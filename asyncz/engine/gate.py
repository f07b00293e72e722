"""Which stores are left alone for the time being: those that failed, and those whose tasks another process runs."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..utils import to_microseconds

if TYPE_CHECKING:
    from .news import News

__all__ = ("Gate",)

#: Seconds between two tries, whatever was asked for: without a pause there would be no end of trying, and the calendar
#: has one.
_INTERVALS = 0.01, 366 * 86_400.0


class Gate:
    """Remembers for each store when to try it again, ``retry_interval`` seconds after it was closed.

    That is taken as at least a hundredth of a second and at most a year.
    """

    def __init__(self, news: News, retry_interval: float) -> None:
        self._news = news
        shortest, longest = _INTERVALS
        self._interval = datetime.timedelta(seconds=min(max(retry_interval, shortest), longest))
        self._retry_at: dict[str, datetime.datetime] = {}
        self._standing_by: set[str] = set()

    def is_open(self, store: str, now: datetime.datetime) -> bool:
        """True when the store may be used, or tried again."""
        return store not in self._retry_at or now >= self._retry_at[store]

    def next_try(self, store: str) -> int | None:
        """Return when a closed store is tried again, in microseconds since 1970 UTC; None when it is open."""
        retry_at = self._retry_at.get(store)
        return None if retry_at is None else to_microseconds(retry_at)

    def check_back(self, now: datetime.datetime) -> int:
        """Return when an open store is to be looked at again at the latest, in microseconds since 1970 UTC."""
        return to_microseconds(now + self._interval)

    def open(self, store: str) -> None:
        """Let a store be used: it answers, and its tasks are ours to run."""
        self._retry_at.pop(store, None)
        self._standing_by.discard(store)

    def open_all(self) -> None:
        """Try every store at once: the clock by which they were closed counts no more."""
        self._retry_at.clear()

    def fail(self, store: str, exc: Exception, now: datetime.datetime) -> None:
        """Close a store that failed; of failures in a row the first is logged."""
        if store not in self._retry_at or store in self._standing_by:
            self._news.log_store_failed(store, self._interval.total_seconds(), exc)
        self._standing_by.discard(store)
        self._retry_at[store] = now + self._interval

    def stand_by(self, store: str, now: datetime.datetime) -> None:
        """Close a store whose tasks another process runs."""
        self._standing_by.add(store)
        self._retry_at[store] = now + self._interval

    def stands_by(self, store: str) -> bool:
        """True when another process ran the tasks of that store when last asked."""
        return store in self._standing_by

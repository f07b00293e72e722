"""Until when nothing is due, as far as one process knows: what spares it to ask a store again and again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("FAR", "Horizon")

#: Later than any due time, in microseconds since 1970 UTC: the calendar ends in the year 9999.
FAR = 10**18 - 1


class Horizon:
    """Remembers what the last look found, and what this process has written since.

    What others write is not seen: :meth:`forget` has the next look be a real one. Threads may write while one looks.
    """

    __slots__ = ("_found", "_known", "_lock", "_writes")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[tuple[str, ...], int] | None = None
        #: When the rows are due that the last look returned, and that were not moved since, by id, the first one first.
        self._found: dict[str, int] = {}
        self._writes = 0

    def next_due(self, executors: tuple[str, ...]) -> int | None:
        """Return when something is due next for these executors, :data:`FAR` for never, None if that is not known."""
        with self._lock:
            if self._known is None or self._known[0] != executors:
                return None
            return min(next(iter(self._found.values()), FAR), self._known[1])

    def begin(self) -> int:
        """Begin a look; what is returned is for :meth:`found`."""
        return self._writes

    def found(
        self, executors: tuple[str, ...], rows: Iterable[tuple[str, int]], next_due: int | None, begun: int
    ) -> None:
        """Take in what a look found: ids and due times, in order, and when the first row is due beyond these.

        Where something was written while it went on, that is not known.
        """
        with self._lock:
            if begun == self._writes:
                self._found = dict(rows)
                self._known = executors, FAR if next_due is None else next_due
            else:
                self._known = None

    def moved(self, rows: Iterable[tuple[str, int | None]]) -> None:
        """Take in that rows were written, by id, that are due then, and were not before."""
        with self._lock:
            for task_id, due in rows:
                self._found.pop(task_id, None)
                if due is not None:
                    self._writes += 1
                    if self._known is not None and due < self._known[1]:
                        self._known = self._known[0], due

    def added(self, earliest: int | None) -> None:
        """Take in that rows were added, the first of which is due then; None when none is."""
        with self._lock:
            if earliest is not None:
                self._writes += 1
                if self._known is not None and earliest < self._known[1]:
                    self._known = self._known[0], earliest

    def forget(self) -> None:
        """Know nothing, nor take in what looks find that have begun."""
        with self._lock:
            self._known = None
            self._writes += 1

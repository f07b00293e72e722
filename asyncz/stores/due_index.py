"""Rows in order of time."""

from __future__ import annotations

import heapq
from typing import final

from .rows import Row

__all__ = ("DueIndex",)

#: Entries that may be left over beyond twice those that count, before they are swept out.
SLACK = 64


class DueIndex:
    """Rows by due time, those of one instant in the order in which they came.

    A heap holds the instants, and a dictionary what is due at each: entries of their own for all rows would take more
    memory, and be searched by the garbage collector. A row that leaves, or moves to another time, lets its old entry
    be. What :meth:`take` hands out stays in unless it is moved.
    """

    __slots__ = ("_buckets", "_entries", "_rows", "_taken", "_times")

    def __init__(self) -> None:
        # Each instant in the buckets is there once: in the heap, or among those that were taken from it.
        self._buckets: dict[int, Row | _Bucket] = {}
        self._times: list[int] = []
        self._taken: list[int] = []
        self._rows = self._entries = 0

    def push(self, row: Row, due: int) -> None:
        """Put in a row of that due time, or have one follow that is in and was due at another."""
        if row.index is not self:
            row.index = self
            self._rows += 1
        bucket = self._buckets.get(due)
        if bucket is None:
            self._buckets[due] = row
            heapq.heappush(self._times, due)
        elif type(bucket) is _Bucket:
            bucket.append(row)
        elif bucket is not row and self._counts(bucket, due):
            self._buckets[due] = _Bucket((bucket, row))
        else:
            self._buckets[due] = row
            return
        self._entries += 1

    def discard(self, row: Row) -> None:
        """Take out a row that is in."""
        row.index = None
        self._rows -= 1
        if self._entries > 2 * self._rows + SLACK:
            self._sweep()

    def take(self, instant: int, limit: int) -> list[Row]:
        """Return at most ``limit`` rows that are due by that instant."""
        if self._taken:
            self._put_back()
        rows: list[Row] = []
        while self._times and self._times[0] <= instant and len(rows) < limit:
            time = heapq.heappop(self._times)
            self._taken.append(time)
            rows += self._rows_of(time, limit - len(rows))
        return rows

    def first(self) -> Row | None:
        """Return the first row."""
        if self._taken:
            self._put_back()
        while self._times:
            time = self._times[0]
            rows = self._rows_of(time, 1)
            if rows:
                return rows[0]
            heapq.heappop(self._times)
            self._forget(time)
        return None

    def _counts(self, row: Row, time: int) -> bool:
        return row.due == time and row.index is self

    def _rows_of(self, time: int, limit: int) -> list[Row]:
        bucket = self._buckets[time]
        if type(bucket) is not _Bucket:
            return [bucket] if self._counts(bucket, time) else []
        rows: dict[Row, None] = {}  # a row that went and came back is there twice
        start = bucket.start
        while start < len(bucket) and len(rows) < limit:
            end = start + limit - len(rows)
            rows.update([(row, None) for row in bucket[start:end] if row.due == time and row.index is self])
            start = end
        return list(rows)

    def _put_back(self) -> None:
        """Put times back of which rows have stayed."""
        for time in self._taken:
            bucket = self._buckets[time]
            if self._is_left(bucket, time):
                heapq.heappush(self._times, time)
            else:
                self._forget(time)
        self._taken.clear()

    def _is_left(self, bucket: Row | _Bucket, time: int) -> bool:
        """True when there is a row in a bucket that counts; those in front of it are passed over from now on."""
        if type(bucket) is not _Bucket:
            return self._counts(bucket, time)
        start, end = bucket.start, len(bucket)
        while start < end and not self._counts(bucket[start], time):
            start += 1
        self._entries -= start - bucket.start
        bucket.start = start
        return start < end

    def _forget(self, time: int) -> None:
        bucket = self._buckets.pop(time)
        self._entries -= len(bucket) - bucket.start if type(bucket) is _Bucket else 1

    def _sweep(self) -> None:
        """Leave nothing but one entry for each row."""
        times = [time for time, bucket in self._buckets.items() if self._is_left(bucket, time)]
        left = {time: self._rows_of(time, self._entries) for time in times}
        self._buckets, self._times, self._taken, self._entries = {}, [], [], 0
        for time, rows in left.items():
            for row in rows:
                self.push(row, time)


@final
class _Bucket(list[Row]):
    """Rows of one due time; those before ``start`` do not count any more."""

    __slots__ = ("start",)

    def __init__(self, rows: tuple[Row, ...]) -> None:
        super().__init__(rows)
        self.start = 0

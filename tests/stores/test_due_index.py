"""The index of the memory store, compared with a list that is sorted anew for every question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from asyncz.stores.due_index import SLACK, DueIndex

TIMES = st.integers(0, 12)
ROWS = st.integers(0, 19)


class Item:
    def __init__(self, due=None):
        self.due, self.index = due, None


class IndexMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.index = DueIndex()
        self.rows = [Item() for _ in range(20)]

    def expected(self):
        return [row for row in self.rows if row.index is self.index]

    @rule(number=ROWS, due=TIMES)
    def put(self, number, due):
        row = self.rows[number]
        if row.index is not None:
            self.index.discard(row)
        row.due = due
        self.index.push(row, due)

    @rule(number=ROWS)
    def discard(self, number):
        row = self.rows[number]
        if row.index is not None:
            self.index.discard(row)
            row.due = None

    @rule(instant=TIMES, limit=st.integers(1, 30), step=st.none() | st.integers(0, 5), won=st.randoms())
    def fire(self, instant, limit, step, won):
        due = sorted(row.due for row in self.expected() if row.due <= instant)[:limit]
        rows = self.index.take(instant, limit)
        assert [row.due for row in rows] == due
        assert len(set(rows)) == len(rows)
        for row in rows:
            if won.random() < 0.7 and row.index is not None and row.due <= instant:
                row.due = None if step is None else row.due + step
                if step is None:
                    self.index.discard(row)
                else:
                    self.index.push(row, row.due)

    @invariant()
    def the_first_is_the_earliest(self):
        first = self.index.first()
        times = [row.due for row in self.expected()]
        assert (None if first is None else first.due) == min(times, default=None)


TestIndex = IndexMachine.TestCase


@given(st.lists(TIMES, max_size=50), st.integers(1, 7))
def test_rows_of_one_instant_come_in_the_order_in_which_they_were_put_in(times, limit):
    index, rows = DueIndex(), [Item(due) for due in times]
    for row in rows:
        index.push(row, row.due)
    taken = []
    while batch := index.take(100, limit):
        taken += batch
        for row in batch:
            index.discard(row)
    assert taken == sorted(rows, key=lambda row: row.due)


def test_what_moves_about_leaves_little_behind():
    index, rows = DueIndex(), [Item(0) for _ in range(3)]
    for row in rows:
        index.push(row, 0)
    for number in range(50 * SLACK):
        row = rows[number % 3]
        index.discard(row)
        row.due = number % 7 if number % 2 else number
        index.push(row, row.due)
    assert index._entries <= 2 * len(rows) + SLACK
    assert len(index._times) == len(index._buckets) <= index._entries

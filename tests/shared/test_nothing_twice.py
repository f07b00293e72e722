"""Three processes with one store fire each due time once, while a fourth edits, pauses, deletes and adds tasks."""

from __future__ import annotations

import datetime
import itertools
import time

import pytest
from fleet import until, whole_second

pytestmark = [pytest.mark.process, pytest.mark.realtime, pytest.mark.long]

SECONDS = 4
SECOND = datetime.timedelta(seconds=1)
#: Tasks that are left alone, of two kinds: half of them are due at whole seconds, the others in between.
COUNT = 70


class Editor:
    """Changes tasks, again and again, and knows what must have come of it."""

    def __init__(self, fleet, base: datetime.datetime, end: datetime.datetime) -> None:
        self.fleet, self.driver, self.base, self.end = fleet, fleet.driver, base, end
        self.edited = {f"edited{n}": [] for n in range(12)}
        self.paused = {f"paused{n}": [] for n in range(6)}
        self.deleted = {f"deleted{n}": None for n in range(12)}
        self.added = {}

    def prepare(self) -> None:
        for id in (*self.edited, *self.paused, *self.deleted):
            self.add(id)

    def add(self, id: str, start_at: datetime.datetime | None = None, **options) -> None:
        start_at = start_at or self.base
        self.fleet.add(
            id, trigger="interval", seconds=1, start_at=start_at, coalesce=False, max_instances=50, **options
        )

    def work(self) -> None:
        """Take turns until the end."""
        steps = (itertools.cycle(self.edited), itertools.cycle(self.paused), iter(self.deleted), itertools.count())
        while time.time() < self.end.timestamp():
            edited, paused, deleted, number = (next(step, None) for step in steps)
            self.edit(edited)
            self.turn(paused)
            if deleted is not None:
                self.driver.delete_task(deleted)
                self.deleted[deleted] = time.time()
            if number < 30:
                self.add_another(f"added{number}")
            time.sleep(0.05)

    def edit(self, id: str) -> None:
        version = len(self.edited[id]) + 1
        self.driver.update_task(id, args=[id, version], name=f"version {version}")
        self.edited[id].append(time.time())

    def turn(self, id: str) -> None:
        """Pause a task, or have it go on."""
        if len(self.paused[id]) % 2:
            self.paused[id].append(time.time())
            self.driver.resume_task(id)
        else:
            self.driver.pause_task(id)
            self.paused[id].append(time.time())

    def add_another(self, id: str) -> None:
        start_at = whole_second(1)
        self.add(id, start_at, end_at=self.end)
        self.added[id] = start_at.timestamp()

    # -- what must have come of it ----------------------------------------------------------------------------------

    def check_edited(self) -> None:
        begun = self.fleet.begun()
        for id, edits in self.edited.items():
            task = self.driver.get_task(id)
            assert (list(task.args), task.name) == ([id, len(edits)], f"version {len(edits)}")
            first, last = self.base.timestamp(), int(self.end.timestamp())
            dues = [line.due for line in begun[id] if line.due <= last]
            assert sorted(dues) == [first + n for n in range(int(last - first) + 1)], id
            for line in begun[id]:
                assert (line.value or 0) >= sum(done < line.due for done in edits), (line, edits)

    def check_paused(self) -> None:
        begun = self.fleet.begun()
        for id, turns in self.paused.items():
            assert len(turns) > 2
            for paused_at, resumed_at in itertools.zip_longest(turns[::2], turns[1::2], fillvalue=float("inf")):
                assert not [line for line in begun[id] if paused_at < line.due < resumed_at], (id, turns)
            is_paused = len(turns) % 2 == 1
            assert (self.driver.get_task(id).next_run_time is None) == is_paused
            for line in begun[id]:
                assert line.due % 1 == 0

    def check_deleted(self) -> None:
        begun = self.fleet.begun()
        for id, deleted_at in self.deleted.items():
            assert self.driver.get_task(id) is None
            assert deleted_at is not None
            assert not [line for line in begun[id] if line.due > deleted_at]

    def expected_of_added(self):
        last = int(self.end.timestamp())
        return {(id, first + n) for id, first in self.added.items() for n in range(int(last - first) + 1)}


def overlap(lines) -> int:
    """Return how many runs of a task went on at once, at most."""
    changes = sorted((line["at"], 1 if line["what"] == "begin" else -1) for line in lines)
    return max(itertools.accumulate(step for _at, step in changes))


def test_each_due_time_is_run_once_by_all_processes_together_whatever_a_fourth_one_changes(fleet):
    fleet.start("one", "two", "three")
    base = whole_second(1.5)
    end = base + SECONDS * SECOND
    expected = set()
    for n in range(COUNT):
        start_at = base + n % 2 * n * SECOND / COUNT
        trigger = {"trigger": "interval", "seconds": 1} if n % 4 else {"trigger": "cron", "second": "*"}
        fleet.add(f"plain{n}", start_at=start_at, end_at=end, coalesce=False, max_instances=50, **trigger)
        expected |= {(f"plain{n}", round(start_at.timestamp() + m, 6)) for m in range(SECONDS + (start_at == base))}
    for limit, lasts in ((1, 0.7), (2, 1.2)):
        options = {"trigger": "interval", "seconds": 0.4, "start_at": base, "end_at": end}
        fleet.add(f"long{limit}", lasts=lasts, max_instances=limit, **options)
    editor = Editor(fleet, base, end)
    editor.prepare()
    assert time.time() < base.timestamp(), "the machine is too slow for this test"
    editor.work()
    expected |= editor.expected_of_added()
    until(lambda: not expected - fleet.times_run().keys(), what=lambda: expected - fleet.times_run().keys())
    fleet.stop()

    assert {due: count for due, count in fleet.times_run().items() if count > 1} == {}
    begun = fleet.begun()
    assert all((id, line.due) in expected for id in begun if id.startswith(("plain", "added")) for line in begun[id])
    editor.check_edited()
    editor.check_paused()
    editor.check_deleted()
    for limit in (1, 2):
        lines = begun[f"long{limit}"] + [line for line in fleet.lines("end") if line.task == f"long{limit}"]
        assert overlap(lines) == limit
    assert len({line.pid for lines in begun.values() for line in lines}) > 1, "one process has run all of it"
    assert len({line.pid for line in fleet.lines()}) == 3

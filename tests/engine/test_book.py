from __future__ import annotations

import pytest

from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, drive


class FullStore(MemoryStore):
    """Takes so many tasks, and then breaks."""

    room = 1

    def insert(self, task, nominal=None):
        if self.room == 0:
            raise OSError("no space left")
        self.room -= 1
        return super().insert(task, nominal)


def test_what_was_queued_is_still_queued_after_a_store_broke_while_it_was_taken_in():
    ran, store = [], FullStore()
    scheduler = BaseScheduler(
        clock=VirtualClock("2024-05-01"),
        timezone="UTC",
        stores={"default": store},
        executors={"default": {"type": "debug"}},
    )
    for name in "abc":
        scheduler.add_task(ran.append, "interval", seconds=1, args=[name], id=name)
    with pytest.raises(OSError, match="no space left"):
        scheduler.start()
    assert not scheduler.running
    assert [(task.id, task.pending) for task in scheduler.get_tasks()] == [("a", True), ("b", True), ("c", True)]
    store.room = 10
    scheduler.start()
    drive(scheduler, 1)
    assert ran == ["a", "b", "c"]
    scheduler.shutdown()

"""A user's store that offers the public verbs alone works in one process: the engine keeps the rest for it."""

from __future__ import annotations

import pytest
from contracts.plain_store import DictStore
from contracts.store import *  # noqa: F403
from contracts.store import make_task

from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.base import BaseStore
from asyncz.stores.memory import MemoryStore
from asyncz.stores.plain import PlainStore, claimable
from asyncz.testing import VirtualClock, drive


def started():
    store = PlainStore(DictStore())
    store.start(None, "default")
    return store


@pytest.fixture
def make_store():
    return started


def test_only_a_store_that_cannot_be_claimed_in_is_wrapped():
    plain, memory = DictStore(), MemoryStore()
    assert claimable(plain).inner is plain
    assert claimable(memory) is memory


class OnABase(BaseStore):
    """The verbs of a :class:`DictStore`, on the public base class, with an option that the base does not know."""

    def __init__(self, **options):
        super().__init__(**options)
        self.tasks = {}


for verb in (
    "lookup_task", "get_due_tasks", "get_next_run_time", "get_all_tasks", "add_task", "update_task", "delete_task",
    "remove_all_tasks",
):  # fmt: skip
    setattr(OnABase, verb, vars(DictStore)[verb])


def test_a_subclass_of_the_base_needs_the_public_verbs_alone():
    ran, store = [], OnABase(colour="blue")
    scheduler = BaseScheduler(
        clock=VirtualClock("2024-05-01"),
        timezone="UTC",
        stores={"default": store},
        executors={"default": {"type": "debug"}},
    )
    scheduler.add_task(ran.append, "interval", seconds=10, args=["tick"], id="tick")
    scheduler.start()
    assert scheduler.lookup_store("default") is store
    assert list(store.tasks) == ["tick"]
    drive(scheduler, 25)
    assert ran == ["tick", "tick"]
    scheduler.shutdown()


def test_nothing_is_kept_of_tasks_that_are_gone():
    store = started()
    for number in range(10):
        store.add_task(make_task(f"t{number}"))
        store.delete_task(f"t{number}")
    assert not store._revisions
    assert not store._live
    assert not store._nominals

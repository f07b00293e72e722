from __future__ import annotations

import pytest
from contracts.store import *  # noqa: F403
from contracts.store import make_task

from asyncz.stores.memory import MemoryStore


def started():
    store = MemoryStore()
    store.start(None, "default")
    return store


@pytest.fixture
def make_store():
    return started


def test_the_object_that_was_added_is_the_one_that_is_found():
    store, task = started(), make_task("a")
    store.add_task(task)
    assert store.lookup_task("a") is task


def test_it_is_empty_after_a_shutdown():
    store = started()
    store.add_task(make_task("a"))
    store.shutdown()
    assert store.get_all_tasks() == []

"""The store of ``examples/own_store.py`` promises what all stores do."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from contracts.durable_store import *  # noqa: F403
from contracts.store import *  # noqa: F403

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_store.py"
spec = importlib.util.spec_from_file_location("own_store", EXAMPLE)
own_store = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own_store)


def started(data=None, **options):
    store = own_store.DictStore(data, **options)
    store.start(None, "default")
    return store


@pytest.fixture
def make_store():
    return started


@pytest.fixture
def make_twin():
    return lambda store, **options: started(store.data, **options)

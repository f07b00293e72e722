"""Schedulers on virtual time over durable stores; runs are made in place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import embedded_schedulers
from recorded import calls

from asyncz.stores.memory import MemoryStore
from asyncz.stores.sqlite import SQLiteStore
from asyncz.testing import VirtualClock


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    calls.clear()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock("2024-01-01T00:00Z")


@pytest.fixture
def make(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., Any]]:
    """Make schedulers of the given stores; ``start=False`` leaves one stopped."""
    caplog.set_level(logging.INFO, "asyncz")
    with embedded_schedulers(clock) as make_scheduler:
        yield make_scheduler


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.sqlite3"


@pytest.fixture
def durable(make: Callable[..., Any], file: Path) -> Any:
    """A started scheduler with an SQLite store."""
    return make(stores={"default": SQLiteStore(file)})


@pytest.fixture(params=["memory", "sqlite"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Makes stores of one kind."""
    numbers = iter(range(1000))
    if request.param == "memory":
        return MemoryStore
    return lambda: SQLiteStore(tmp_path / f"{next(numbers)}.sqlite3")


@pytest.fixture
def either(make: Callable[..., Any], new_store: Callable[[], Any]) -> Any:
    """A started scheduler with a store of either kind."""
    return make(stores={"default": new_store()})

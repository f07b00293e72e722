"""A scheduler on virtual time whose runs are made in place, or when a test says so, over two kinds of store.

A test marked ``memory`` is about what only the memory store does: it keeps the very object that was added, and any
callable.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import embedded_schedulers

from asyncz.events import constants
from asyncz.executors import BaseExecutor
from asyncz.executors.job import Job, run_job
from asyncz.testing import VirtualClock

_NAMES = {
    getattr(constants, name): name
    for name in dir(constants)
    if name.isupper() and name not in ("ALL_EVENTS", "SCHEDULER_START")
}


class HeldExecutor(BaseExecutor):
    """Runs what it was sent when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, list[Any]]] = []

    def do_send_task(self, task: Any, run_times: list[Any]) -> None:
        self.sent.append((task, run_times))

    def release(self, count: int = 1) -> None:
        for _ in range(count):
            task, run_times = self.sent.pop(0)
            self.finished(task, run_times, run_job(Job(task, run_times, self.clock)))


class Heard(list[Any]):
    """The events that a listener was handed."""

    @property
    def names(self) -> list[str]:
        return [_NAMES[event.code].removeprefix("TASK_") for event in self]

    @property
    def told(self) -> list[tuple[str, Any]]:
        return [(_NAMES[event.code].removeprefix("TASK_"), getattr(event, "task_id", event.alias)) for event in self]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock("2024-01-01T00:00Z")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "memory: holds for the memory store alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_kind" in metafunc.fixturenames:
        is_for_memory = metafunc.definition.get_closest_marker("memory") is not None
        metafunc.parametrize("store_kind", ["memory"] if is_for_memory else ["memory", "sqlite"])


@pytest.fixture
def make(
    store_kind: str, tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Any]]:
    """Make schedulers; ``start=False`` leaves one stopped."""
    caplog.set_level(logging.INFO, "asyncz")
    numbers = itertools.count()
    with embedded_schedulers(clock) as make_scheduler:

        def make_over_a_store(start: bool = True, **options: Any) -> Any:
            if store_kind == "sqlite" and "stores" not in options:
                path = tmp_path / f"{next(numbers)}.sqlite3"
                options["stores"] = {"default": {"type": "sqlite", "path": str(path)}}
            return make_scheduler(start, **options)

        yield make_over_a_store


@pytest.fixture
def scheduler(make: Callable[..., Any]) -> Any:
    """A scheduler that was started."""
    return make()


@pytest.fixture
def stopped(make: Callable[..., Any]) -> Any:
    """A scheduler that was not started yet."""
    return make(start=False)


@pytest.fixture
def held() -> HeldExecutor:
    return HeldExecutor()


@pytest.fixture
def hear() -> Callable[..., Heard]:
    def listen(scheduler: Any, mask: int = constants.ALL_EVENTS) -> Heard:
        heard = Heard()
        scheduler.add_listener(heard.append, mask)
        return heard

    return listen

"""Schedulers on virtual time that a test drives by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asyncz.schedulers.base import BaseScheduler, ClassicLogging


class Embedded(BaseScheduler):
    """Driven by the test."""

    woken = 0

    def wakeup(self) -> None:
        self.woken += 1


@contextmanager
def embedded_schedulers(clock: Any) -> Iterator[Any]:
    """Hand out a function that makes schedulers whose runs are made in place, and stop them all at the end.

    ``start=False`` leaves one stopped.
    """
    made: list[Embedded] = []

    def make(start: bool = True, **options: Any) -> Embedded:
        defaults = {
            "clock": clock,
            "timezone": "UTC",
            "loggers_class": ClassicLogging,
            "executors": {"default": {"type": "debug"}},
        }
        made.append(Embedded(**{**defaults, **options}))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    for scheduler in made:
        while scheduler.running:
            scheduler.shutdown(wait=False)

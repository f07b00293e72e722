"""A process that is forked off gets a copy of its parent's schedulers, but none of the threads that work them."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ("watch",)


class Forkable(Protocol):
    """What can be told that it is in a child of the process that it was started in."""

    def left_behind(self) -> None:
        """Be stopped."""


_started: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(scheduler: Forkable) -> None:
    """Have a scheduler that was started here be stopped in children of this process."""
    _started.add(scheduler)


def _stop_copies() -> None:
    for scheduler in list(_started):
        scheduler.left_behind()
    _started.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stop_copies)

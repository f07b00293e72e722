"""Virtual time for tests: a year of schedules in a moment, without patching and without waiting.

- :func:`run` and :func:`virtual_time` run a coroutine on an event loop whose time jumps to the next timer.
- :func:`drive` runs a scheduler that has no event loop.
- :class:`VirtualClock` is the clock behind both. See the page "Testing" of the documentation.
"""

from __future__ import annotations

from .clock import VirtualClock
from .driving import drive, drive_to_next_run, next_run_time
from .loop import NothingScheduledError, VirtualTimeLoop
from .running import run, virtual_time

__all__ = (
    "NothingScheduledError",
    "VirtualClock",
    "VirtualTimeLoop",
    "drive",
    "drive_to_next_run",
    "next_run_time",
    "run",
    "virtual_time",
)

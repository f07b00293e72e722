"""A clock that moves only when it is told to, by hand or by the loop that it drives."""

from __future__ import annotations

import asyncio
import datetime
import threading
from typing import Any, Protocol

from ..clock import Clock
from .driving import next_run_time
from .instants import MICROSECOND, amount_of, instant_of

__all__ = ("DEFAULT_START", "VirtualClock")

#: A Monday, at midnight: tests that do not care when they run are the same on every day.
DEFAULT_START = "2024-01-01T00:00:00Z"

#: From here on (136 years) a float, which is what event loops count in, cannot tell two microseconds apart.
_SPAN = 2**32 * 1_000_000


class _Loop(Protocol):
    """What a clock needs of the event loop that it drives."""

    def wake(self) -> None: ...

    def settle(self) -> asyncio.Future[None]: ...


class VirtualClock(Clock):
    """A clock that stands still until it is moved.

    Time is counted in whole microseconds, so that a scheduler woken for 12:00 reads 12:00 exactly. ``start``
    is the instant at which it stands first (a datetime, or ISO 8601 text; UTC when it names no offset);
    :meth:`monotonic` starts at 0. It runs for 136 years at most, then OverflowError is raised.
    """

    virtual = True

    def __init__(self, start: datetime.datetime | str = DEFAULT_START) -> None:
        self._start = instant_of(start)
        self._elapsed = 0
        self._stepped = datetime.timedelta()
        self._now = self._start  # kept, for it is asked for much more often than it changes
        self._holds = 0
        #: How often time was held so far: what has grown meanwhile tells that something ran off the loop.
        self.holds_taken = 0
        self._changed = threading.Condition()
        self._loop: _Loop | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.now().isoformat()}>"

    def now(self) -> datetime.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed / 1_000_000

    # Moving by hand

    def advance(self, amount: float | datetime.timedelta = 0, **units: float) -> None:
        """Let time pass at once: ``advance(90)``, ``advance(timedelta(days=1))``, ``advance(hours=8)``.

        Nothing runs meanwhile: what fell due is late afterwards, as on a machine that was suspended. To let
        an event loop work its way there, ``await clock.sleep(...)``. Raises ValueError for a negative amount.
        """
        self.jump(_forward(amount_of(amount, units)) // MICROSECOND)
        self._wake()

    def move_to(self, instant: datetime.datetime | str) -> None:
        """Let time pass at once until ``instant``, by the wall clock. Raises ValueError when that is past."""
        self.advance(instant_of(instant) - self.now())

    def step(self, amount: float | datetime.timedelta = 0, **units: float) -> None:
        """Set the wall clock forward, or back with a negative amount, while no time passes.

        Only :meth:`now` changes, as when an administrator or NTP sets the clock of a machine.
        """
        with self._changed:
            self._stepped += amount_of(amount, units)
            self._now = self._start + self._stepped + self._elapsed * MICROSECOND
        self._wake()

    def jump(self, microseconds: int) -> None:
        """Let whole microseconds pass. This is how an event loop moves its clock; it need not be woken.

        Raises OverflowError when 136 years have passed.
        """
        with self._changed:
            elapsed = self._elapsed + microseconds
            if elapsed >= _SPAN:
                raise OverflowError(f"A virtual clock runs for 136 years; this one started at {self._start}.")
            self._now = self._start + self._stepped + elapsed * MICROSECOND
            self._elapsed = elapsed

    # Work off the loop

    @property
    def is_held(self) -> bool:
        """Whether time has to stand still, since something runs off the loop."""
        return self._holds > 0

    def hold(self) -> None:
        """Stop time until as many :meth:`release` came. Call it before the work is handed over."""
        with self._changed:
            self._holds += 1
            self.holds_taken += 1

    def release(self) -> None:
        """Let time go on, once nobody else holds it. Call it after the outcome has been reported.

        Raises RuntimeError when there was no :meth:`hold`.
        """
        with self._changed:
            if not self._holds:
                raise RuntimeError("release() was called more often than hold().")
            self._holds -= 1
            free = not self._holds
            self._changed.notify_all()
        if free:
            self._wake()

    def held(self) -> _Held:
        """Return a context manager that holds time: ``with clock.held(): ...``."""
        return _Held(self)

    def wait_released(self, timeout: float | None = None) -> bool:
        """Block this thread until nobody holds time, or for ``timeout`` real seconds, and say which."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._holds, timeout)

    # On an event loop

    async def sleep(self, amount: float | datetime.timedelta = 0, **units: float) -> None:
        """Let an event loop work for this long, and finish all that is due then, the last instant included.

        Takes what :meth:`advance` takes. Raises RuntimeError when no event loop runs on this clock.
        """
        loop = self._driven()
        await asyncio.sleep(_forward(amount_of(amount, units)).total_seconds())
        await loop.settle()

    async def sleep_until(self, instant: datetime.datetime | str) -> None:
        """Let the loop work until ``instant`` of the wall clock, as :meth:`sleep`. It may be now, or past."""
        end = instant_of(instant)
        loop = self._driven()
        # In a loop, for the wall clock may be stepped meanwhile.
        while self.now() < end:
            await asyncio.sleep((end - self.now()).total_seconds())
        await loop.settle()

    async def sleep_until_next_run(self, scheduler: Any) -> datetime.datetime:
        """Let the loop work until the next task of ``scheduler`` has run, and return when it was due.

        Raises LookupError when no task is scheduled.
        """
        instant = next_run_time(scheduler)
        await self.sleep_until(instant)
        return instant

    async def settle(self) -> None:
        """Let the loop work until all that is due now is done, off the loop as well; time does not move."""
        await self._driven().settle()

    def attach(self, loop: _Loop | None) -> None:
        """Name the loop that is driven by this clock, or None. Raises RuntimeError when it drives another."""
        if loop is not None and self._loop is not None:
            raise RuntimeError("This clock drives an event loop already; take a clock for each.")
        self._loop = loop

    def _driven(self) -> _Loop:
        running: object = asyncio.get_running_loop()
        if self._loop is None or self._loop is not running:
            raise RuntimeError(
                "The running event loop is not driven by this clock: start it with asyncz.testing.run(main, "
                "clock=clock), or use drive(scheduler, ...) where there is no loop."
            )
        return self._loop

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.wake()


class _Held:
    """Time stands still inside of the block."""

    __slots__ = ("_clock",)

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        self._clock.hold()

    def __exit__(self, *error: object) -> None:
        self._clock.release()


def _forward(amount: datetime.timedelta) -> datetime.timedelta:
    if amount < datetime.timedelta():
        raise ValueError(f"Time cannot pass by {amount.total_seconds()} s; step() sets the wall clock back.")
    return amount

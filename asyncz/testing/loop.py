"""An event loop whose time is virtual: when there is nothing to do, it is the next timer's time.

All of it hangs on one observation: an event loop asks its selector to wait only when nothing is ready, and
tells it for how long. The selector here moves the clock by that long instead, unless something runs off the
loop.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextvars
import itertools
import logging
import math
import selectors
from collections.abc import Callable
from typing import Any, TypeVar

from .clock import VirtualClock

__all__ = ("NothingScheduledError", "VirtualTimeLoop")

_logger = logging.getLogger("asyncz.testing")
_T = TypeVar("_T")

#: Real seconds of standing still after which the log says why.
_PATIENCE_WITH_HOLDS = 10.0


class NothingScheduledError(RuntimeError):
    """What the loop is run for can never come: no timer, no work off the loop and no socket is left."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps from timer to timer.

    Time stands still while anything is ready, while ``run_in_executor`` or ``asyncio.to_thread`` work, and
    while somebody holds the clock. Timers for the same microsecond run in the order in which they were set.
    Sockets are served before time jumps, but are not waited for while there are timers.

    With neither timers nor work nor sockets, :class:`NothingScheduledError` is raised after ``patience`` real
    seconds, in which a thread that did not hold the clock may still wake the loop.
    """

    def __init__(self, clock: VirtualClock | None = None, *, patience: float = 0.5) -> None:
        #: The clock of schedulers which are started on this loop and were given none.
        self.asyncz_clock = VirtualClock() if clock is None else clock
        selector = _Selector(self.asyncz_clock, self._nothing_scheduled)
        super().__init__(selector)
        try:
            self.asyncz_clock.attach(self)
        except RuntimeError:
            super().close()
            raise
        selector.watch_from_here(patience)
        self._idle = selector.idle
        self._order = itertools.count()
        self._pool: concurrent.futures.Executor | None = None
        # Half of the clock's microsecond: rounding never makes a timer late.
        self._clock_resolution = 5e-7

    def time(self) -> float:
        """Return seconds since the clock was started."""
        return self.asyncz_clock.monotonic()

    # The overrides below are looser about the arguments of the callback, as their types need Python 3.11.

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``callback`` at loop time ``when``, rounded to microseconds, and never if that is infinite."""
        if when == math.inf:
            return asyncio.TimerHandle(when, callback, args, self, context)
        timer = _When(self._rounded(when))
        timer.order = next(self._order)
        return super().call_at(timer, callback, *args, context=context)

    def _rounded(self, when: float) -> float:
        now = self.time()
        if when <= now:
            return when
        rounded = round(when, 6)
        # A delay takes a microsecond at least, else time would stand still for who sleeps in smaller bits.
        return rounded if rounded > now else round(now + 1e-6, 6)

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run ``func`` in ``executor``; time stands still until it has returned."""
        pool = self._default_pool() if executor is None else executor
        clock = self.asyncz_clock
        clock.hold()
        try:
            work = pool.submit(func, *args)
        except Exception:
            clock.release()
            raise
        future = asyncio.wrap_future(work, loop=self)
        # After wrap_future: it has to tell the loop of the outcome before time may go on.
        work.add_done_callback(lambda _: clock.release())
        return future

    def _default_pool(self) -> concurrent.futures.Executor:
        if self._pool is None:
            self.set_default_executor(concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio"))
        assert self._pool is not None
        return self._pool

    def set_default_executor(self, executor: Any) -> None:
        super().set_default_executor(executor)
        self._pool = executor

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        # It is a thread that reports the end.
        with self.asyncz_clock.held():
            await super().shutdown_default_executor(*args, **kwargs)

    def settle(self) -> asyncio.Future[None]:
        """Return a future that is done when time would jump: all that is due now has run."""
        future: asyncio.Future[None] = self.create_future()
        self._idle.append(future)
        return future

    def wake(self) -> None:
        """Have the loop look at its clock again, from any thread. A closed loop is left alone."""
        try:
            self.call_soon_threadsafe(_nothing)
        except RuntimeError:
            # Closed meanwhile: work that nobody waited for outlived the loop.
            if not self.is_closed():
                raise

    def close(self) -> None:
        if not self.is_closed():
            super().close()
            self.asyncz_clock.attach(None)

    def _nothing_scheduled(self) -> NothingScheduledError:
        waiting = "\n".join(sorted(f"  {_where(task)}" for task in asyncio.all_tasks(self)))
        return NothingScheduledError(
            "Nothing is scheduled, so this would wait for ever: no timer, no work off the loop and no socket "
            "is left. (A thread that is to wake the loop has to hold the clock: `with clock.held()`.)"
            + (f" Waiting:\n{waiting}" if waiting else "")
        )


class _When(float):
    """The time of a timer; among equal ones, the one that was set first comes first."""

    __slots__ = ("order",)
    order: int

    def __lt__(self, other: float) -> bool:
        if self == other and isinstance(other, _When):
            return self.order < other.order
        return float.__lt__(self, other)


_Ready = list[tuple[selectors.SelectorKey, int]]


class _Selector(selectors.DefaultSelector):
    """A selector that moves the clock where another would wait."""

    def __init__(self, clock: VirtualClock, nothing_scheduled: Callable[[], Exception]) -> None:
        super().__init__()
        self.idle: collections.deque[asyncio.Future[None]] = collections.deque()
        self._clock = clock
        self._nothing_scheduled = nothing_scheduled
        self._own = 0
        self._patience = 0.0

    def watch_from_here(self, patience: float) -> None:
        """Take what is registered now for the loop's own: it promises nothing to wait for."""
        self._own = len(self.get_map())
        self._patience = patience

    def select(self, timeout: float | None = None) -> _Ready:
        """Return what is ready, or let ``timeout`` seconds of virtual time pass. None: no timer is set."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        # Asked before looking: whoever releases the clock has made the loop's own socket readable before.
        if self._clock.is_held:
            return self._stand_still()
        ready = super().select(0)
        if ready or self._tell_idle():
            return ready
        if timeout is None:
            return self._wait()
        self._clock.jump(round(timeout * 1_000_000))
        return ready

    def _tell_idle(self) -> bool:
        while self.idle:
            future = self.idle.popleft()
            if not future.done():
                future.set_result(None)
                return True
        return False

    def _stand_still(self) -> _Ready:
        ready = super().select(_PATIENCE_WITH_HOLDS)
        if not ready and self._clock.is_held:
            _logger.warning(
                "Virtual time has stood still for %g s: work off the loop has not come back, or somebody "
                "waits for time to pass while holding the clock.",
                _PATIENCE_WITH_HOLDS,
            )
        return ready

    def _wait(self) -> _Ready:
        if len(self.get_map()) > self._own:
            return super().select(None)
        ready = super().select(self._patience)
        if not ready:
            raise self._nothing_scheduled()
        return ready


def _where(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    place = f" at {frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()} in {getattr(task.get_coro(), '__qualname__', task.get_coro())}{place}"


def _nothing() -> None:
    """Be something to call."""

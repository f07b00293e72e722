"""For scripts: run until a signal says to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ("Alarm", "signals", "ticking")

#: Seconds of waiting in one piece. Python calls a handler when the main thread is next about to run Python code: one
#: for a signal that comes right before the thread goes to sleep, or any on Windows, is not called until it wakes up.
PIECE = 1.0


class Alarm:
    """Wakes the one thread that waits, or the next that is going to.

    It may be rung by a signal handler. A ``threading.Event`` may not: the handler may have interrupted the very thread
    that is busy inside of the event, holding its lock, and would wait for that for ever.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """End a wait, or the next one; ringing twice is the same as once."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it rings already

    def wait(self, seconds: float | None) -> bool:
        """Wait until it rings, or for so many seconds; False when it did not ring."""
        while seconds is None or seconds > PIECE:
            if self._lock.acquire(timeout=PIECE):
                return True
            seconds = None if seconds is None else seconds - PIECE
        return self._lock.acquire(timeout=max(seconds, 0.0))


@contextmanager
def signals(stop: Callable[[], None], hurry: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first SIGINT or SIGTERM while the block runs, ``hurry`` at the second.

    The third does what it did before. Only the main thread may set handlers; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    reactions = [hurry, stop]

    def handle(number: int, frame: Any) -> None:
        reaction = reactions.pop()
        if not reactions:
            _restore(before)
        reaction()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def ticking(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have a loop wake up often enough for signals to be handled, while the block runs."""

    timers: list[asyncio.TimerHandle] = []

    def tick() -> None:
        timers[:] = [loop.call_later(PIECE, tick)]

    tick()
    try:
        yield
    finally:
        timers[0].cancel()


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)

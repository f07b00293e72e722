"""A thread for passes over stores that wait for I/O."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..clock import SYSTEM_CLOCK
from .running import Alarm

__all__ = ("PassThread",)


class PassThread(threading.Thread):
    """Calls ``look`` when it is woken, and when the seconds have passed that the last call returned.

    ``look`` is told whether ends of runs are to be written down now: these are gathered for a while.
    """

    def __init__(self, look: Callable[[bool], float | None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._look = look
        self._alarm = Alarm()
        self._calls: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._settle_at: float | None = None
        self._is_over = self._is_closed = False
        self._closing = threading.Lock()
        self.start()

    def run(self) -> None:
        while not self._is_over:
            self._answer()
            settle_at = self._settle_at
            is_time = settle_at is not None and settle_at <= SYSTEM_CLOCK.monotonic()
            if is_time:
                self._settle_at = None
            self._alarm.wait(self._until_settling(self._look(is_time)))
        with self._closing:
            self._is_closed = True
        self._answer()

    def _until_settling(self, wait: float | None) -> float | None:
        if self._settle_at is None:
            return wait
        left = max(0.0, self._settle_at - SYSTEM_CLOCK.monotonic())
        return left if wait is None else min(wait, left)

    def _answer(self) -> None:
        while self._calls:
            future, call, args = self._calls.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call(*args))
                except BaseException as exc:
                    future.set_exception(exc)

    def wake(self) -> None:
        """Have it look soon; from any thread."""
        self._alarm.ring()

    @property
    def is_to_settle(self) -> bool:
        """True when ends of runs that were reported by now will be written down before long."""
        return self._settle_at is not None

    def settle_within(self, seconds: float) -> None:
        """Have it write down the ends of runs before so many seconds have passed; from any thread."""
        by = SYSTEM_CLOCK.monotonic() + seconds
        if self._settle_at is None or by < self._settle_at:
            self._settle_at = by
            self._alarm.ring()

    def call(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have something called between two looks, and return the future of it; from any thread."""
        future: Future[Any] = Future()
        with self._closing:
            self._calls.append((future, call, args))
            is_closed = self._is_closed
        if is_closed:
            self._answer()
        else:
            self._alarm.ring()
        return future

    def stop(self) -> None:
        """Have the thread end soon."""
        self._is_over = True
        self._alarm.ring()

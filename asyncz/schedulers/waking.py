"""Passes on an event loop, and what they are woken by."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

from ..engine.news import ENDINGS
from ..executors.job import CURRENT
from .base import BaseScheduler
from .loops import call_on

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("WakingScheduler",)

#: Seconds until a pass is made again after one that broke off.
AFTER_FAILURE = 1.0
#: Seconds until a pass is tried again that another thread was in the way of.
LOOK_AGAIN = 0.01
#: Seconds by which it may be noted late that a run has ended, while nobody is to be told.
SETTLE_WITHIN = 0.05
#: So many ends are noted sooner.
MANY = 64


class WakingScheduler(BaseScheduler):
    """Makes its passes on a loop: in parts, between which the loop has its turn, and then sleeps until the next."""

    event_loop: asyncio.AbstractEventLoop | None = None
    timer: asyncio.TimerHandle | None = None

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._soon: asyncio.Handle | None = None
        self._posted_to: asyncio.AbstractEventLoop | None = None
        self._context: contextvars.Context | None = None
        self._will_settle = False
        super().__init__(global_config, **kwargs)

    def _pass_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make passes on that loop from now on."""
        self.event_loop, self._posted_to, self._will_settle = loop, None, False
        # Passes and runs see the context of the start, not that of whoever happened to wake the scheduler last.
        self._context = contextvars.copy_context()
        self._context.run(CURRENT.set, None)

    def _pass_no_more(self) -> None:
        for handle in (self.timer, self._soon):
            if handle is not None:
                handle.cancel()
        self.timer = self._soon = self._context = self.event_loop = None

    def left_behind(self) -> None:
        # Nothing is cancelled or closed: the loop is the parent's.
        self.event_loop = self.timer = self._soon = self._posted_to = None
        super().left_behind()

    def wakeup(self) -> None:
        """Make a pass soon; may be called from any thread."""
        loop = self.event_loop
        if loop is None or self._soon is not None or self._posted_to is loop:
            return
        if asyncio._get_running_loop() is loop:
            self._look_soon()
            return
        self._posted_to = loop
        try:
            loop.call_soon_threadsafe(self._look_soon, context=self._context)
        except RuntimeError:  # the loop was closed: there is nobody to wake
            self._posted_to = None

    def _look_soon(self) -> None:
        self._posted_to = None
        loop = self.event_loop
        if self._soon is None and loop is not None and loop is asyncio._get_running_loop():
            self._soon = loop.call_soon(self._look, context=self._context)

    def _settle_soon(self) -> None:
        loop = self.event_loop
        if loop is None or self._is_ending:
            super()._settle_soon()
        elif self._soon is not None or self._posted_to is loop:
            pass  # a pass is about to be made anyway
        elif self._is_waited_for():
            self.wakeup()
        elif not self._will_settle:
            self._will_settle = True
            if asyncio._get_running_loop() is loop:
                loop.call_later(SETTLE_WITHIN, self._look_back, context=self._context)
            else:
                call_on(loop, loop.call_later, SETTLE_WITHIN, self._look_back)

    def _is_waited_for(self) -> bool:
        """Return whether somebody is to be told soon that a run has ended, or waits for its place."""
        return bool(self._bus.mask & ENDINGS or self._dispatcher.full or self.clock.virtual)

    def _look_back(self) -> None:
        self._will_settle = False
        if self._submissions.has_news:
            self._look_soon()

    def _look(self) -> None:
        """Make a part of a pass, then let the loop have its turn before the next, or sleep."""
        loop = self.event_loop
        if loop is None or loop is not asyncio._get_running_loop():
            return  # called for a life that is over
        self._rise()
        self._settle_from = MANY if self._will_settle and not self._is_waited_for() else 1
        try:
            with self._passing(blocking=False) as is_held:
                has_more = is_held and self._step(self.clock.now())
        except BaseException:  # told by the loop; without a timer, nothing would ever run again
            self._sleep(loop, AFTER_FAILURE)
            raise
        if loop is not self.event_loop:
            return  # a listener has ended this life
        if has_more:
            self._look_soon()
            return
        self._after_look()
        # Another thread makes a pass by hand, and will not look after the timer.
        self._sleep(loop, self._wait() if is_held else LOOK_AGAIN)

    def _rise(self) -> None:
        self._soon = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _after_look(self) -> None:
        """Do what is to be done when there is nothing more to do at once."""

    def _sleep(self, loop: asyncio.AbstractEventLoop, seconds: float | None) -> None:
        if seconds is not None:
            self.timer = loop.call_later(seconds, self._look, context=self._context)

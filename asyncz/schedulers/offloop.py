"""Passes off the loop, where stores may wait for I/O."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Any

from ..enums import SchedulerState
from ..executors.base import PoolShutdownError
from .loops import call_on
from .waking import AFTER_FAILURE, SETTLE_WITHIN, WakingScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..stores.base import BaseStore
    from .passthread import PassThread

__all__ = ("OffLoopScheduler",)

#: So many ends of runs are written down sooner than after ``SETTLE_WITHIN``: each time may be a write to a disk.
MANY_OFF_LOOP = 2048
#: Earlier than anything is due.
LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)


class OffLoopScheduler(WakingScheduler):
    """Makes its passes in a thread of its own as soon as one of its stores is ``blocking``, else on the loop.

    Executors and listeners are called on the loop all the same: the thread posts to it, and never waits for it.
    """

    _passes: PassThread | None = None
    #: What is due earlier wakes the thread; None while it does not sleep, or everything does.
    _asleep_until: datetime.datetime | None = None

    def _join(self, alias: str, store: BaseStore) -> None:
        super()._join(alias, store)
        # On a loop of virtual time nobody waits: it stands still meanwhile.
        if store.blocking and self._passes is None and self.event_loop is not None and not self.clock.virtual:
            from .passthread import PassThread  # late: many schedulers have no store that waits

            self._passes = PassThread(self._look_off_loop, f"{self.identity}-passes")
            self._submissions.go_off_loop(self._post, self._passes.wake)

    def _pass_no_more(self) -> None:
        if self._passes is not None:
            self._passes.stop()
            self._come_back()
        super()._pass_no_more()

    def _come_back(self) -> None:
        self._passes = None
        self._submissions.go_off_loop(None, None)

    def left_behind(self) -> None:
        self._come_back()  # the thread is the parent's
        super().left_behind()

    def _post(self, call: Callable[..., Any], *args: Any) -> bool:
        """Call something soon on the loop; False when that was closed."""
        loop = self.event_loop
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._call_posted, call, args, context=self._context)
        except RuntimeError:
            return False
        return loop is not None

    def _call_posted(self, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            call(*args)
        except PoolShutdownError as exc:
            self._cease(exc)
        if self._submissions.reports:  # of what was not sent, but reported missed or skipped
            self._settle_soon()

    async def _with_stores(self, call: Callable[..., Any], *args: Any) -> None:
        """Call what may wait for a store without having the loop wait."""
        if self._passes is None:
            call(*args)
        else:
            await asyncio.wrap_future(self._passes.call(call, *args))

    # -- waking -----------------------------------------------------------------------------------------------------

    def wakeup(self) -> None:
        """Make a pass soon; may be called from any thread."""
        passes = self._passes  # another thread may end this life
        if passes is None:
            super().wakeup()
        else:
            passes.wake()

    def _wake_for(self, due_time: datetime.datetime | None) -> None:
        until = self._asleep_until
        if self._passes is None or until is None or (due_time is not None and due_time < until):
            self.wakeup()

    def _settle_soon(self) -> None:
        passes = self._passes
        if passes is None:
            super()._settle_soon()
            return
        if self._is_ending or not passes.is_to_settle:
            passes.settle_within(0 if self._is_ending else SETTLE_WITHIN)
        if self._dispatcher.full or self._submissions.has_a_batch:
            passes.wake()
        if self._is_ending:
            super()._settle_soon()

    def _look(self) -> None:
        if self._passes is None:  # else this was called for what is done in a thread by now
            super()._look()

    def _is_time_to_settle(self) -> bool:
        """Return whether ends of runs are to be written that were reported, though not every one has been yet.

        When the last of many has been, unless more are about to be sent, which would rather have the time.
        """
        submissions = self._submissions
        if self._is_ending or submissions.has_unwritten:
            return True
        return submissions.has_a_batch and not submissions.in_hand and not self._dispatcher.is_behind

    def _look_off_loop(self, settles: bool) -> float | None:
        """Make a pass in this thread, which is not the loop's, and return the seconds until the next."""
        self._settle_from = 1 if settles or self._is_time_to_settle() else MANY_OFF_LOOP
        self._asleep_until = None
        try:
            with self._passing(blocking=True):
                while self._step(self.clock.now()):
                    pass
            wait, now = self._wait(), self.clock.now()
            if self.state == SchedulerState.STATE_PAUSED:
                self._asleep_until = LONG_AGO  # for nothing is it woken then but to go on
            elif wait is not None:
                self._asleep_until = now + datetime.timedelta(seconds=wait)
            return wait
        except Exception:
            self._log_exception("A pass broke off.")
            return AFTER_FAILURE
        finally:
            loop = self.event_loop
            if self._is_ending and loop is not None:
                call_on(loop, self._after_look)

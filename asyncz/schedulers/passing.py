"""Making passes, one at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..engine.clockwatch import ClockWatch
from ..enums import SchedulerState
from ..executors.base import PoolShutdownError
from .sharing import SharingScheduler

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

__all__ = ("CLOCK_CHECK", "PassingScheduler")

#: While anything is scheduled on a clock that may be stepped, it is looked at again after so many seconds.
CLOCK_CHECK = 10.0


class PassingScheduler(SharingScheduler):
    """Fires what is due when it is called, and knows how long nothing will be."""

    #: Reports that a pass leaves for another one while they are fewer.
    _settle_from = 1

    #: What :meth:`process_tasks` returns accounts for all that its thread did in that pass, runs in place included.
    passes_are_whole = True

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._pass_thread: int | None = None
        self._clock_watch = ClockWatch()
        super().__init__(global_config, **kwargs)

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        self._pass_lock = self.create_processing_lock()

    def _open(self, paused: bool) -> None:
        self._clock_watch.forget()
        super()._open(paused)

    def left_behind(self) -> None:
        self._pass_lock, self._pass_thread = self.create_processing_lock(), None
        super().left_behind()

    def process_tasks(self) -> float | None:
        """Make one pass: run what is due, and return for how many seconds there is nothing to do.

        None means until :meth:`wakeup` is called: nothing is scheduled, or the scheduler is paused or stopped. On a
        clock that may be stepped the answer is never more than 10 seconds. Passes do not overlap: a thread that comes
        while another one is at it makes its own afterwards.
        """
        if not self._is_passing:  # a listener, or a task that runs in place, need not call it: the pass goes on
            with self._passing(blocking=True):
                now = self.clock.now()
                while self._step(now) or self._submissions.settle(now):
                    pass
        return self._wait()

    def _passing(self, blocking: bool) -> _Passing:
        """Return a block that no pass of another thread overlaps; it is handed whether it is let in."""
        return _Passing(self, self._pass_lock.protected(blocking))

    def _after_pass(self) -> None:
        """Do what had to wait for the end of a pass."""

    @property
    def _is_passing(self) -> bool:
        """True when a pass of this very thread is what leads here."""
        return self._pass_thread == threading.get_ident()

    def _step(self, now: datetime.datetime) -> bool:
        """Make a part of a pass that does not take long; True when there is more to do at once."""
        try:
            if self._heart is not None:
                self._look_after_shared(now)
            if self.state == SchedulerState.STATE_RUNNING:
                self._watch_clock(now)
                return self._dispatcher.step(now, self._settle_from)
            return self._submissions.settle(now)
        except PoolShutdownError as exc:
            self._cease(exc)
            return False

    def _watch_clock(self, now: datetime.datetime) -> None:
        step = self._clock_watch.steps_back(now, self.clock.monotonic())
        if step:
            self.logger.warning(f"The clock was set back by {step:.0f} s: tasks that keep a pace go on from {now}.")
            self._dispatcher.set_back(now, self._is_alone)

    def _cease(self, reason: PoolShutdownError) -> None:
        """Stop scheduling: the interpreter is about to exit, or somebody has shut down a pool of ours."""
        self.logger.info(f"Scheduler {self.identity} stops scheduling: {reason}")
        # Who holds the lock starts or stops the scheduler, and may be about to wait for this pass.
        if self._lifecycle.acquire(blocking=False):
            if self.state == SchedulerState.STATE_RUNNING:
                self.state = SchedulerState.STATE_PAUSED
            self._lifecycle.release()

    def _wait(self) -> float | None:
        is_running = self.state == SchedulerState.STATE_RUNNING
        wait = self._dispatcher.next_due(self.clock.now()) if is_running else None
        if self._heart is not None:
            wait = self._until_next_look(wait)
        if wait is None:
            return None
        return min(wait, threading.TIMEOUT_MAX if self.clock.virtual else CLOCK_CHECK)

    def _hand_back(self, life: int) -> None:
        """Undo the claims of what has not begun, for others or a later life to run, and tell what was reported."""
        if not self._is_passing and (self._heart is not None or self._submissions.in_hand):
            with self._passing(blocking=True):
                if life == self._life:
                    self._submissions.hand_back(self.clock.now())
        self._settle()

    def _settle(self) -> None:
        """Tell what was reported. Waits for a pass that goes on, such as one that began before the shutdown."""
        if not self._is_passing:
            with self._passing(blocking=True):
                while self._submissions.settle(self.clock.now()):
                    pass


class _Passing:
    """One block of a pass (a class, since a generator costs several times as much to enter)."""

    __slots__ = ("_block", "_is_held", "_scheduler")

    def __init__(self, scheduler: PassingScheduler, block: AbstractContextManager[bool]) -> None:
        self._scheduler = scheduler
        self._block = block

    def __enter__(self) -> bool:
        self._is_held = self._block.__enter__()
        if self._is_held:
            self._scheduler._pass_thread = threading.get_ident()
        return self._is_held

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._is_held:
            self._scheduler._pass_thread = None
        self._block.__exit__(exc_type, exc, tb)
        if self._is_held:
            self._scheduler._after_pass()

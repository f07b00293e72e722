"""Schedulers on an event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .._lazy import resolve
from .looping import LoopScheduler
from .loops import run_on

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ("AsyncIOScheduler", "LoopScheduler", "NativeAsyncIOScheduler")


class AsyncIOScheduler(LoopScheduler):
    """A scheduler that is started and stopped by plain calls.

    It works on the loop it is given as ``event_loop``, else on the loop that runs where it is started, else, and with
    ``isolated_event_loop``, on a loop in a thread of its own. ``timeout`` is how many seconds stopping may take.
    """

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        given = options.get("event_loop")
        loop = resolve(given) if isinstance(given, str) else given
        if loop is not None and not hasattr(loop, "call_soon_threadsafe"):
            raise TypeError(f"Expected an event loop for event_loop, got {type(loop).__name__} instead.")
        self._given_loop: asyncio.AbstractEventLoop | None = loop

    def choose_loop(self) -> asyncio.AbstractEventLoop | None:
        return None if self.isolated_event_loop else self._given_loop or asyncio._get_running_loop()

    def shutdown(self, wait: bool = True) -> bool:
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        Called in another thread than the loop's, it returns when the scheduler has stopped, or raises TimeoutError when
        that takes longer than ``timeout`` seconds. Called on the loop, or by a task of its own, it stops scheduling and
        returns; what still runs ends on the loop. Raises SchedulerNotRunningError when the scheduler is stopped.
        """
        life = self._leave()
        if life is None:
            return False
        loop = self.event_loop
        if loop is None or loop.is_closed():
            self._finish_here(life, wait=False)
        elif loop is asyncio._get_running_loop():
            self._finish_on_loop(life, wait)
        elif self._is_within_run or self._is_passing:
            self._finish_later(life, wait)
        elif loop.is_running():
            self._finish_there(loop, life, wait)
        else:
            self._finish_on_resting(loop, life, wait)
        return True

    @property
    def _has_nothing_left(self) -> bool:
        is_idle = self._passes is None and self._submissions.is_idle and not self._is_passing
        return is_idle and not self._book.has_shutdown_tasks(self)

    def _finish_on_loop(self, life: int, wait: bool) -> None:
        """Finish on the loop that runs here: at once when there is nothing to wait for."""
        if self._has_nothing_left:
            self._finish(life, wait, self.timeout)
        else:
            self._finish_later(life, wait)

    def _finish_on_resting(self, loop: asyncio.AbstractEventLoop, life: int, wait: bool) -> None:
        """Finish on a loop that is open and does not run: have it run until that is done, where this can be."""
        if self._has_nothing_left or asyncio._get_running_loop() is not None:
            self._finish(life, wait and self._has_nothing_left, self.timeout)
        else:
            loop.run_until_complete(self._finish_async(life, wait, self.timeout))

    def _finish_there(self, loop: asyncio.AbstractEventLoop, life: int, wait: bool) -> None:
        """Finish on a loop that runs in another thread, and wait for it."""
        thread = self.event_loop_thread
        try:
            if not run_on(loop, self._finish_for_others(life, wait), self.patience):
                self._finish(life, False, self.timeout)
        finally:
            if thread is not None:
                thread.join_if_stopping()

    async def _shutdown_awaited(self, wait: bool = True) -> bool:
        if self.event_loop is not None and self.event_loop is not asyncio.get_running_loop():
            return await super()._shutdown_awaited(wait)
        is_last = self.shutdown(wait)
        if self._finishing is not None and not self._is_within_run:
            problem = await self._finishing
            if problem is not None:
                raise problem
        return is_last

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._shutdown_awaited()

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        if self._given_loop is None:
            super().run(timeout)
            return
        self._refuse_running_loop(self._given_loop.is_running())
        self._given_loop.run_until_complete(self._main(timeout))


class NativeAsyncIOScheduler(LoopScheduler):
    """A scheduler that is started and stopped by awaiting.

    It works on the loop that runs at each start, or, with ``isolated_event_loop``, on a loop in a thread of its own;
    then it can be started and stopped from any loop.
    """

    def choose_loop(self) -> asyncio.AbstractEventLoop | None:
        return None if self.isolated_event_loop else asyncio.get_running_loop()

    async def start(self, paused: bool = False) -> bool:  # type: ignore[override]
        """Start, or count one more start; True when this call really started the scheduler."""
        return super().start(paused)

    async def shutdown(self, wait: bool = True) -> bool:  # type: ignore[override]
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        Returns when the scheduler has stopped, shutdown tasks included; only where a task of its own stops it, that
        has to come to its end first. Raises TimeoutError when stopping takes longer than ``timeout`` seconds, and
        SchedulerNotRunningError when the scheduler is stopped.
        """
        life = self._leave()
        if life is None:
            return False
        await self._finish_awaited(life, wait)
        return True

    async def _shutdown_awaited(self, wait: bool = True) -> bool:
        return await self.shutdown(wait)

    def __enter__(self) -> Any:
        raise RuntimeError("Expected 'async with': this scheduler is started and stopped by awaiting.")

    async def __aenter__(self) -> Any:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.shutdown()

"""Schedulers on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from .._lazy import resolve
from ..clock import SYSTEM_CLOCK, Clock
from ..engine.config import to_bool
from ..enums import SchedulerState
from . import running
from .base import BaseScheduler
from .loops import LoopThread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from ..executors.types import ExecutorType

__all__ = ("AsyncIOScheduler", "LoopScheduler", "NativeAsyncIOScheduler")


class LoopScheduler(BaseScheduler):
    """What schedulers on a loop share: passes are made there, and stopping may be awaited there."""

    event_loop: asyncio.AbstractEventLoop | None = None
    event_loop_thread: LoopThread | None = None
    timer: asyncio.TimerHandle | None = None

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._soon: asyncio.Handle | None = None
        self._is_wake_posted = False
        self._session = 0
        self._finishing: asyncio.Task[None] | None = None
        self._loose: Sequence[asyncio.Task[Any]] = ()
        self._on_stop: Callable[[], Any] | None = None
        super().__init__(global_config, **kwargs)

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        self._has_clock = options["clock"] is not None
        self.isolated_event_loop = to_bool(options.get("isolated_event_loop", False), "isolated_event_loop")

    def default_clock(self) -> Clock:
        return _clock_of(asyncio._get_running_loop())

    def create_default_executor(self) -> ExecutorType:
        """Make the executor "default" where none was given: coroutines on the loop, functions in its pool."""
        from ..executors.asyncio import AsyncIOExecutor

        return AsyncIOExecutor()

    # -- passes -----------------------------------------------------------------------------------------------------

    def wakeup(self) -> None:
        """Make a pass soon; may be called from any thread."""
        loop = self.event_loop
        if loop is None or self._is_wake_posted:
            return
        if asyncio._get_running_loop() is loop:
            self._look_soon()
            return
        self._is_wake_posted = True
        try:
            loop.call_soon_threadsafe(self._look_soon)
        except RuntimeError:  # the loop was closed: there is nobody to wake
            self._is_wake_posted = False

    def _look_soon(self) -> None:
        self._is_wake_posted = False
        if self._soon is None and self.event_loop is not None:
            self._soon = self.event_loop.call_soon(self._look)

    def _look(self) -> None:
        """Make a part of a pass, then let the loop have its turn before the next, or sleep."""
        self._soon = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        loop = self.event_loop
        if loop is None:
            return
        with self._pass_lock.protected(blocking=False) as is_held:
            if is_held and self._step(self.clock.now()):
                self._soon = loop.call_soon(self._look)
                return
            wait = self._wait()
        if wait is not None:
            self.timer = loop.call_later(wait, self._look)

    # -- starting ---------------------------------------------------------------------------------------------------

    def _start_on(self, loop: asyncio.AbstractEventLoop | None, paused: bool) -> bool:
        """Start on a loop, or, without one, on a loop in a thread of its own."""
        with self._lifecycle:
            if self.ref_counter > 0 and self.event_loop is not None and self.event_loop.is_closed():
                self.ref_counter = 0  # its loop ended without it: what was left of it ends now
                self.state = SchedulerState.STATE_STOPPED
                self._finish_in_place(wait=False)
            if self.ref_counter == 0:
                self._conclude(self._session)
                self._attach(loop)
            try:
                return super().start(paused)
            except BaseException:
                self._detach()
                raise

    def _attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._is_wake_posted = False
        if loop is None:
            self.event_loop_thread = LoopThread(self.identity, self.timeout)
            loop = self.event_loop_thread.loop
        self.event_loop = loop
        if not self._has_clock:
            self.clock = _clock_of(loop)

    def _detach(self) -> None:
        """Let go of the loop; end it where it is the scheduler's own."""
        for handle in (self.timer, self._soon):
            if handle is not None:
                handle.cancel()
        self.timer = self._soon = None
        thread, self.event_loop_thread, self.event_loop = self.event_loop_thread, None, None
        if thread is not None:
            thread.stop()

    # -- stopping ---------------------------------------------------------------------------------------------------

    async def _finish(self, wait: bool) -> None:
        """Wait for what runs, and do what is left. Raises TimeoutError when that takes longer than ``timeout``."""
        session = self._session
        try:
            await asyncio.wait_for(self._shutdown_executors(wait), self.timeout)
        except (asyncio.TimeoutError, asyncio.CancelledError) as exc:
            await self._shutdown_executors(False)
            if isinstance(exc, asyncio.TimeoutError):
                raise TimeoutError(f"Runs had not ended {self.timeout} s after the scheduler was to stop.") from exc
            raise
        finally:
            if session == self._session:
                self._settle_all()
                coros = self._run_shutdown_tasks()
                if coros:
                    await asyncio.gather(*coros)
                self._conclude(session)

    async def _shutdown_executors(self, wait: bool) -> None:
        for executor in list(self.executors.values()):
            shutdown_async = getattr(executor, "shutdown_async", None)
            if shutdown_async is not None:
                await shutdown_async(wait)
            else:
                executor.shutdown(wait)

    def _finish_in_place(self, wait: bool) -> None:
        """Do what is left without a loop to wait on."""
        for executor in list(self.executors.values()):
            executor.shutdown(wait)
        self._settle_all()
        self.handle_shutdown_coros(self._run_shutdown_tasks())
        self._conclude(self._session)

    def _conclude(self, session: int) -> None:
        """Close the stores and say goodbye, once for each session."""
        if session == self._session and self._book.is_open:
            self._session += 1
            self._close_stores()
            self._detach()
            if self._on_stop is not None:
                self._on_stop()

    def handle_shutdown_coros(self, coros: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """Run the coroutines of shutdown tasks: as tasks of the loop that runs here, else to their end."""
        loop = asyncio._get_running_loop()
        if loop is None:
            super().handle_shutdown_coros(coros)
        else:
            self._loose = [loop.create_task(coro) for coro in coros]

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        asyncio.run(self._main(timeout))

    def stop(self) -> None:
        super().stop()
        if self._on_stop is not None:
            self._on_stop()

    async def _main(self, timeout: float | None) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._on_stop = lambda: loop.call_soon_threadsafe(stopped.set)
        try:
            with running.signals(self.stop):
                self._start_on(loop, paused=False)
                if not self._stop_requested.is_set():
                    await stopped.wait()
                self._stop_requested.clear()
                await self._finish_within(timeout)
        finally:
            self._on_stop = None

    async def _finish_within(self, timeout: float | None) -> None:
        before, self.timeout = self.timeout, timeout
        try:
            if self.running and self._leave():
                await self._finish(wait=True)
        except TimeoutError:
            self.logger.warning(f"Scheduler {self.identity} did not wait for runs longer than {timeout} s.")
        finally:
            self.timeout = before


class AsyncIOScheduler(LoopScheduler):
    """A scheduler that is started and stopped by plain calls.

    It works on the loop it is given as ``event_loop``, else on the loop that runs where it is started, else, and with
    ``isolated_event_loop``, on a loop in a thread of its own. ``timeout`` is how many seconds stopping may take.
    """

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        given = options.get("event_loop")
        self._given_loop: asyncio.AbstractEventLoop | None = resolve(given) if isinstance(given, str) else given

    def start(self, paused: bool = False) -> bool:
        """Start, or count one more start; True when this call really started the scheduler."""
        if self.isolated_event_loop:
            return self._start_on(None, paused)
        return self._start_on(self._given_loop or asyncio._get_running_loop(), paused)

    def shutdown(self, wait: bool = True) -> bool:
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        Called in another thread than the loop's, it returns when the scheduler has stopped, or raises TimeoutError when
        that takes longer than ``timeout`` seconds. Called on the loop, it stops scheduling and returns; what still runs
        ends on the loop. Raises SchedulerNotRunningError when the scheduler is stopped.
        """
        if not self._leave():
            return False
        loop = self.event_loop
        if loop is None or loop.is_closed() or not loop.is_running():
            self._finish_in_place(wait)
        elif asyncio._get_running_loop() is not loop:
            thread = self.event_loop_thread
            try:
                asyncio.run_coroutine_threadsafe(self._finish(wait), loop).result()
            finally:
                if thread is not None:
                    thread.join()
        elif self._dispatcher.is_idle and not self._book.has_shutdown_tasks(self):
            self._finish_in_place(wait)
        else:
            self._finishing = loop.create_task(self._finish(wait))
        return True

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Shut down, and wait for it without blocking the loop."""
        if asyncio._get_running_loop() is not self.event_loop:
            await asyncio.to_thread(self.shutdown)
        elif self._leave():
            await self._finish(wait=True)

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        if self._given_loop is None:
            super().run(timeout)
        else:
            self._given_loop.run_until_complete(self._main(timeout))


class NativeAsyncIOScheduler(LoopScheduler):
    """A scheduler that is started and stopped by awaiting.

    It works on the loop that runs at each start, or, with ``isolated_event_loop``, on a loop in a thread of its own;
    then it can be started and stopped from any loop.
    """

    async def start(self, paused: bool = False) -> bool:  # type: ignore[override]
        """Start, or count one more start; True when this call really started the scheduler."""
        return self._start_on(None if self.isolated_event_loop else asyncio.get_running_loop(), paused)

    async def shutdown(self, wait: bool = True) -> bool:  # type: ignore[override]
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        Returns when the scheduler has stopped, shutdown tasks included. Raises TimeoutError when that takes longer than
        ``timeout`` seconds, SchedulerNotRunningError when the scheduler is stopped.
        """
        if not self._leave():
            return False
        loop, thread = self.event_loop, self.event_loop_thread
        if loop is None or not loop.is_running():
            self._finish_in_place(wait)
        elif loop is asyncio.get_running_loop():
            await self._finish(wait)
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._finish(wait), loop))
            if thread is not None:
                await asyncio.to_thread(thread.join)
        return True

    def __enter__(self) -> Any:
        raise RuntimeError("Expected 'async with': this scheduler is started and stopped by awaiting.")

    async def __aenter__(self) -> Any:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.shutdown()


def _clock_of(loop: asyncio.AbstractEventLoop | None) -> Clock:
    """Return the clock that a loop of virtual time brings along, else the machine's."""
    clock: Clock | None = getattr(loop, "asyncz_clock", None)
    return clock or SYSTEM_CLOCK

"""What schedulers on an event loop share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clock import SYSTEM_CLOCK, Clock
from ..engine.config import to_bool
from ..enums import SchedulerState
from ..exceptions import SchedulerNotRunningError
from .loops import LoopEnd, LoopThread, call_on, within
from .offloop import OffLoopScheduler
from .running import signals, ticking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..executors.types import ExecutorType

__all__ = ("LoopScheduler",)

#: Seconds that runs which were cancelled after ``timeout`` get to clean up.
CANCEL_GRACE = 1.0


class LoopScheduler(OffLoopScheduler):
    """Makes its passes on a loop, and may be waited for on one while it stops."""

    event_loop_thread: LoopThread | None = None

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._loop_end: LoopEnd | None = None
        self._spare_thread: LoopThread | None = None
        self._drained: asyncio.Future[bool] | None = None
        self._finishing: asyncio.Task[TimeoutError | None] | None = None
        self._loose: Sequence[asyncio.Task[Any]] = ()
        self._loop_of_run: asyncio.AbstractEventLoop | None = None
        self._tell_run: Callable[[], Any] | None = None
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

    def choose_loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the loop to work on in the life that begins; None for one in a thread of its own."""
        raise NotImplementedError

    # -- starting ---------------------------------------------------------------------------------------------------

    def start(self, paused: bool = False) -> bool:
        """Start, or count one more start; True when this call really started the scheduler."""
        self._bury()
        return super().start(paused)

    def _bury(self) -> None:
        """End a life whose loop was closed before it ended."""
        if self.event_loop is not None and self.event_loop.is_closed():
            self._finish(self._leave_at_once(), False, None)

    async def _wind_up(self) -> None:
        """End a life with its loop, which is about to be closed by :func:`asyncio.run`."""
        if self.running:
            self.logger.info(f"The event loop of scheduler {self.identity} is about to be closed.")
            await self._finish_async(self._leave_at_once(), False, CANCEL_GRACE)

    def _leave_at_once(self) -> int:
        """Stop scheduling, however often it was started, and return the life that is to be ended."""
        with self._lifecycle:
            self.ref_counter, self.state, self._is_ending = 0, SchedulerState.STATE_STOPPED, True
            return self._life

    def _open(self, paused: bool) -> None:
        self._attach(self._loop_of_run or self.choose_loop())
        try:
            super()._open(paused)
        except BaseException:
            self._detach(wait=False)
            raise

    def _attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        spare, self._spare_thread = self._spare_thread, None
        if spare is not None and loop not in (None, spare.loop):
            spare.stop(wait=False)
        elif spare is not None or loop is None:
            self.event_loop_thread = spare or LoopThread(self.identity, self.timeout)
            loop = self.event_loop_thread.loop
        self._finishing = None
        self._pass_on(loop)
        if loop is asyncio._get_running_loop():
            self._loop_end = LoopEnd(self._wind_up)
        if not self._has_clock:
            self.clock = _clock_of(loop)

    def _detach(self, wait: bool) -> None:
        """Let go of the loop; end it where it is the scheduler's own."""
        self._pass_no_more()
        if self._loop_end is not None:
            self._loop_end.forget()
            self._loop_end = None
        thread, self.event_loop_thread = self.event_loop_thread, None
        if thread is not None:
            thread.stop(wait)

    # -- stopping ---------------------------------------------------------------------------------------------------

    @property
    def patience(self) -> float | None:
        """Seconds after which a loop that stops the scheduler is not waited for any longer: it must be blocked."""
        return None if self.timeout is None else self.timeout + 3 * CANCEL_GRACE

    async def _finish_awaited(self, life: int, wait: bool) -> None:
        """Finish, and return when that is done; a run of this scheduler cannot wait for that."""
        loop, here, thread = self.event_loop, asyncio.get_running_loop(), self.event_loop_thread
        if self._is_within_run and loop is not None and not loop.is_closed():
            self._finish_later(life, wait)
        elif loop is here:
            await self._finish_async(life, wait, self.timeout)
        elif loop is None or not loop.is_running():
            await self._finish_async(life, False, self.timeout)
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._finish_for_others(life, wait), loop))
            if thread is not None:
                await asyncio.to_thread(thread.join_if_stopping)

    def _finish_later(self, life: int, wait: bool) -> None:
        """Have the loop finish, and do not wait for it."""
        loop = self.event_loop
        assert loop is not None
        if asyncio._get_running_loop() is loop:
            self._finishing = loop.create_task(self._finish_async_logged(life, wait))
            return
        if not call_on(loop, self._finish_later, life, wait):
            self._finish_here(life, wait=False)

    async def _finish_async_logged(self, life: int, wait: bool) -> TimeoutError | None:
        try:
            await self._finish_async(life, wait, self.timeout)
        except TimeoutError as exc:
            self.logger.warning(str(exc))
            return exc
        return None

    async def _finish_for_others(self, life: int, wait: bool) -> None:
        """Finish on the loop of the scheduler, where somebody waits elsewhere."""
        try:
            await self._finish_async(life, wait, self.timeout)
        except asyncio.CancelledError:
            if life == self._life:
                raise  # otherwise that was over, and so is a later one, with which the loop has ended

    async def _finish_async(self, life: int, wait: bool, timeout: float | None) -> None:
        """Do what ``_finish`` does, with the loop going on meanwhile."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            is_drained = await self._drain_async(life, wait, timeout)
        except asyncio.CancelledError:
            await self._end_async(life, False, CANCEL_GRACE)
            raise
        left = None if timeout is None else max(begun + timeout - loop.time(), CANCEL_GRACE)
        is_in_time = await self._end_async(life, wait and is_drained, left if is_drained else CANCEL_GRACE)
        if not is_drained or not is_in_time:
            raise self._overdue(timeout)

    async def _drain_async(self, life: int, wait: bool, timeout: float | None) -> bool:
        await self._with_stores(self._hand_back, life)
        if not wait or life != self._life or self._submissions.is_idle:
            return True
        if self._is_hurried:
            return False
        drained = asyncio.get_running_loop().create_future()
        with self._lifecycle:
            if life != self._life:
                return True
            self._drained = drained
        self._after_look()
        await asyncio.wait([drained], timeout=timeout)
        return drained.done() and drained.result()

    def _after_look(self) -> None:
        drained = self._drained
        if drained is not None and not drained.done() and self._is_ending and self._submissions.is_idle:
            drained.set_result(True)

    async def _end_async(self, life: int, wait: bool, timeout: float | None) -> bool:
        try:
            for alias, executor in list(self.executors.items()):
                closing = asyncio.ensure_future(self._close_executor(life, alias, executor, wait))
                await within(timeout, [closing])
            await self._with_stores(self._abandon, life)
            self._loose = ()
            self.handle_shutdown_coros(self._last_tasks(life))
            is_in_time = await within(timeout, self._loose)
            if self._passes is not None:
                await self._with_stores(self._close_stores_of, life)
            return is_in_time
        finally:
            self._conclude(life)

    def _close_stores_of(self, life: int) -> None:
        """Let go of the stores, unless that life is over: they are those of the next one then."""
        with self._lifecycle:
            if life == self._life and self._is_ending:
                self._book.close()
                self._close_stores()

    async def _close_executor(self, life: int, alias: str, executor: Any, wait: bool) -> None:
        if life != self._life:
            return  # started again meanwhile, and so are its executors
        try:
            if hasattr(executor, "shutdown_async"):
                await executor.shutdown_async(wait)
            else:
                executor.shutdown(wait)
        except Exception:
            self._log_exception(f"Executor {alias!r} could not be shut down.")

    def handle_shutdown_coros(self, coros: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """Run the coroutines of shutdown tasks: as tasks of the loop that runs here, else to their end."""
        loop = asyncio._get_running_loop()
        if loop is None:
            super().handle_shutdown_coros(coros)
        else:
            self._loose = [loop.create_task(coro) for coro in coros]

    def _cut_short(self, life: int) -> None:
        with self._lifecycle:
            if life == self._life and self._is_ending:
                # Runs of that life go on there.
                self._spare_thread, self.event_loop_thread = self.event_loop_thread, None
        super()._cut_short(life)

    def _wake_waiting(self) -> None:
        super()._wake_waiting()
        drained = self._drained
        if drained is not None:
            # Also on its own loop: a signal handler that interrupts the loop has to wake it.
            call_on(drained.get_loop(), _set, drained, not self._is_hurried)
        if self._tell_run is not None:
            self._tell_run()

    def left_behind(self) -> None:
        # Not closed, stopped or joined: the loop and its thread are the parent's.
        self.event_loop_thread = self._spare_thread = self._loop_end = None
        self._drained = self._finishing = self._tell_run = None
        super().left_behind()

    def _let_go(self) -> None:
        self._detach(wait=not self._left)

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        self._refuse_running_loop()
        asyncio.run(self._main(timeout))

    def _refuse_running_loop(self, is_running: bool = False) -> None:
        if is_running or asyncio._get_running_loop() is not None:
            raise RuntimeError("run() makes an event loop run, and one runs already: start() the scheduler instead.")

    async def _main(self, timeout: float | None) -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        self._tell_run, self._loop_of_run = partial(call_on, loop, told.set), loop
        self._is_hurried = False
        try:
            with signals(self.stop, self._hurry), ticking(loop):
                LoopScheduler.start(self)
                try:
                    while self._is_ending or (self.running and not self._stop_requested):
                        await told.wait()
                        told.clear()
                finally:
                    self._stop_requested = False
                    await self._finish_run_async(timeout)
        finally:
            self._tell_run = self._loop_of_run = None

    async def _finish_run_async(self, timeout: float | None) -> None:
        try:
            life = self._leave()
            if life is not None:
                await self._finish_async(life, True, timeout)
        except SchedulerNotRunningError:
            pass  # somebody else was quicker
        except TimeoutError as exc:
            self.logger.warning(str(exc))

    def stop(self) -> None:
        super().stop()
        if self._tell_run is not None:
            self._tell_run()


def _set(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


def _clock_of(loop: asyncio.AbstractEventLoop | None) -> Clock:
    """Return the clock that a loop of virtual time brings along, else the machine's."""
    clock: Clock | None = getattr(loop, "asyncz_clock", None)
    return clock or SYSTEM_CLOCK

"""Event loops of other threads, and the end of one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

__all__ = ("LoopEnd", "LoopThread", "call_on", "run_on", "within")

#: Seconds after which a thread that waits for another one's loop looks whether that is still there.
_LOOK_AGAIN = 0.5


class LoopThread(threading.Thread):
    """Runs a new event loop until told to stop, then cancels what is left on it and closes it.

    The constructor returns when the loop runs; raises TimeoutError when that takes longer than ``timeout`` seconds.
    """

    def __init__(self, name: str, timeout: float | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self.loop = asyncio.new_event_loop()
        self.is_stopping = False
        self._waits = True
        is_running = threading.Event()
        self.loop.call_soon(is_running.set)
        self.start()
        if not is_running.wait(timeout):
            self.stop(wait=False)
            raise TimeoutError(f"The event loop did not run within {timeout} s.")

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(_cancel_all())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            if self._waits:
                self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def stop(self, wait: bool) -> None:
        """Have the loop end soon; with ``wait``, not before the threads of its default executor. From any thread."""
        self.is_stopping, self._waits = True, wait
        call_on(self.loop, self.loop.stop)

    def join_if_stopping(self) -> None:
        """Wait for the end of the thread, unless nobody told it to stop, or it is the one that asks."""
        if self.is_stopping and threading.current_thread() is not self:
            self.join()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class LoopEnd:
    """Has something awaited when a loop that runs here is wound up, before it is closed.

    There is no hook for that. But :func:`asyncio.run`, like all that keep to its order, closes the asynchronous
    generators that were begun on its loop, and so this is one. What ran on the loop has been cancelled by then.
    """

    def __init__(self, wind_up: Callable[[], Awaitable[None]]) -> None:
        self._wind_up: Callable[[], Awaitable[None]] | None = wind_up
        self._generator = self._wait()
        _step(self._generator.asend(None))

    async def _wait(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            wind_up, self._wind_up = self._wind_up, None
            if wind_up is not None:
                await wind_up()

    def forget(self) -> None:
        """Do nothing when the loop is wound up."""
        if self._wind_up is not None:
            self._wind_up = None
            _step(self._generator.aclose())


def _step(awaitable: Any) -> None:
    """Do what nobody has to wait for."""
    try:
        awaitable.send(None)
    except (StopIteration, StopAsyncIteration):
        pass


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: Any) -> bool:
    """Call something soon on a loop, from any thread; False when the loop was closed."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        return False
    return True


async def within(timeout: float | None, tasks: Sequence[asyncio.Future[Any]]) -> bool:
    """Wait for tasks, and cancel those that take longer; returns whether there were none such.

    Raises what one of the tasks raised.
    """
    if not tasks:
        return True
    try:
        done, late = await asyncio.wait(tasks, timeout=timeout)
    except asyncio.CancelledError:
        done, late = set(), set(tasks)
        raise
    finally:
        for task in late:
            task.cancel()
    for task in done:
        task.result()
    return not late


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None], timeout: float | None) -> bool:
    """Run a coroutine on a loop that runs in another thread; False when that loop was closed meanwhile.

    Raises what the coroutine raises, and TimeoutError after so many seconds; it goes on then.
    """
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:  # closed just now
        coroutine.close()
        return False
    left = timeout
    while not concurrent.futures.wait([future], _LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN)).done:
        if loop.is_closed():
            coroutine.close()
            return False
        left = None if left is None else left - _LOOK_AGAIN
        if left is not None and left <= 0:
            raise TimeoutError(f"The event loop has not come round to it for {timeout} s.")
    if future.cancelled():
        return False  # with all that was left on the loop: it is about to be closed
    future.result()
    return True

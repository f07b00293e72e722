"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

__all__ = ("LoopThread",)


class LoopThread(threading.Thread):
    """Runs a new event loop until told to stop, then cancels what is left on it and closes it.

    The constructor returns when the loop runs; raises TimeoutError when that takes longer than ``timeout`` seconds.
    """

    def __init__(self, name: str, timeout: float | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self.loop = asyncio.new_event_loop()
        is_running = threading.Event()
        self.loop.call_soon(is_running.set)
        self.start()
        if not is_running.wait(timeout):
            self.stop()
            raise TimeoutError(f"The event loop did not run within {timeout} s.")

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(_cancel_all())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def stop(self) -> None:
        """Have the loop end soon; may be called from any thread."""
        try:
            self.loop.call_soon_threadsafe(self.loop.stop)
        except RuntimeError:
            pass  # it has ended already


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

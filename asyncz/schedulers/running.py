"""For scripts: run until a signal says to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ("LONGEST_WAIT", "shut_down", "signals", "stop_all", "within")

#: Seconds; a thread that waits without a limit does not see signals on every platform.
LONGEST_WAIT = 3600.0


@contextmanager
def signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at SIGINT and SIGTERM while the block runs; the second signal does what it did before.

    Only the main thread may set handlers; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: Any) -> None:
        _restore(before)
        stop()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


def stop_all(executors: Mapping[str, Any], wait: bool) -> None:
    """Shut down every executor."""
    for executor in list(executors.values()):
        executor.shutdown(wait)


def within(timeout: float, work: Callable[..., Any], *args: Any) -> bool:
    """Do something in another thread and return whether it ended within so many seconds."""
    thread = threading.Thread(target=work, args=args, name="asyncz-shutdown", daemon=True)
    thread.start()
    thread.join(timeout)
    return not thread.is_alive()


def shut_down(scheduler: Any, timeout: float | None) -> None:
    """Shut down; when the runs that go on take longer than ``timeout`` seconds, or a signal comes, do not wait."""
    before, scheduler.timeout = scheduler.timeout, timeout
    try:
        scheduler.shutdown()
    except TimeoutError:
        scheduler.logger.warning(f"Scheduler {scheduler.identity}: not waiting any longer than {timeout} s for runs.")
    finally:
        scheduler.timeout = before

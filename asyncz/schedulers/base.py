"""The base of all schedulers: stopping, and a driver for scripts."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ..clock import SYSTEM_CLOCK
from ..engine.config import to_seconds
from ..events import SCHEDULER_SHUTDOWN, SchedulerEvent
from ..exceptions import SchedulerNotRunningError
from ..executors.job import CURRENT, run_on_a_loop_of_its_own
from .loggers import ClassicLogging, LoguruLogging, has_loguru
from .passing import PassingScheduler
from .running import Alarm, signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from .types import LoggersType

    #: The class of loggers that schedulers take when they are set up without one; set it to have another.
    default_loggers_class: type[LoggersType]

__all__ = ("BaseScheduler", "ClassicLogging", "LoguruLogging", "default_loggers_class")


def __getattr__(name: str) -> Any:
    # Nobody has set it yet: loguru where it is installed. Not kept, so that setting it later has the last word.
    if name == "default_loggers_class":
        return LoguruLogging if has_loguru() else ClassicLogging
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class BaseScheduler(PassingScheduler):
    """A scheduler without a thread or loop: somebody calls :meth:`process_tasks`, and waits as long as it says.

    Subclasses override :meth:`wakeup` to cut that wait short; it may be called from any thread. :meth:`run` is a driver
    for scripts. Starts are counted: only the first starts and only as many shutdowns stop.
    """

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._alarm = Alarm()
        self._reported: Alarm | None = None
        self._stop_requested = False
        self._is_hurried = False
        self._deferred: tuple[int, bool] | None = None
        super().__init__(global_config, **kwargs)

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        timeout = options.get("timeout")
        self.timeout: float | None = None if timeout is None else to_seconds(timeout, "timeout")

    def default_loggers(self) -> Callable[[], Any]:
        return globals().get("default_loggers_class") or __getattr__("default_loggers_class")  # type: ignore[no-any-return]

    # -- hooks ------------------------------------------------------------------------------------------------------

    def wakeup(self) -> None:
        """Have :meth:`run` look for what is due now; does nothing for a driver of another kind."""
        self._alarm.ring()

    def handle_shutdown_coros(self, coros: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """Run the coroutines of shutdown tasks to their end."""
        for coro in coros:
            run_on_a_loop_of_its_own(coro)

    def _settle_soon(self) -> None:
        if self._is_ending and self._reported is not None:
            self._reported.ring()
        super()._settle_soon()

    # -- stopping ---------------------------------------------------------------------------------------------------

    def shutdown(self, wait: bool = True) -> bool:
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        With ``wait``, runs that have been claimed come to their end first; TimeoutError is raised when that takes
        longer than ``timeout`` seconds, and the scheduler is stopped all the same. Without ``wait``, those that have
        not started are reported missed. Called by a task or a listener of its own, it stops scheduling and returns;
        the rest is done when that has returned. Raises SchedulerNotRunningError when the scheduler is stopped.
        """
        life = self._leave()
        if life is None:
            return False
        self._alarm.ring()
        self._finish_here(life, wait)
        return True

    def _finish_here(self, life: int, wait: bool) -> None:
        """Finish now, or later where that would mean to wait for oneself."""
        if self._is_passing:
            self._deferred = life, wait
        elif self._is_within_run:
            # Not a daemon: the interpreter does not exit before what is left has been done.
            threading.Thread(target=self._finish_logged, args=(life, wait), name="asyncz-shutdown").start()
        else:
            self._finish(life, wait, self.timeout)

    @property
    def _is_within_run(self) -> bool:
        """True when a run of this scheduler is what leads here."""
        return self._submissions.is_run(CURRENT.get())

    def _after_pass(self) -> None:
        if self._deferred is not None:
            (life, wait), self._deferred = self._deferred, None
            self._finish_logged(life, wait)

    def _finish(self, life: int, wait: bool, timeout: float | None) -> None:
        is_drained = False
        try:
            is_drained = self._drain(life, wait, timeout)
        finally:
            self._end(life, wait and is_drained)
        if not is_drained:
            raise self._overdue(timeout)

    def _finish_logged(self, life: int, wait: bool) -> None:
        try:
            self._finish(life, wait, self.timeout)
        except TimeoutError as exc:
            self.logger.warning(str(exc))

    def _overdue(self, timeout: float | None) -> TimeoutError:
        limit = "" if timeout is None else f" within {timeout} s"
        return TimeoutError(f"Runs or shutdown tasks of scheduler {self.identity} did not end{limit}.")

    def _drain(self, life: int, wait: bool, timeout: float | None) -> bool:
        """Settle until no run is out; False when that takes too long."""
        with self._lifecycle:
            if life != self._life:
                return True
            self._reported = reported = Alarm()
        self._hand_back(life)
        deadline = None if timeout is None else SYSTEM_CLOCK.monotonic() + timeout
        while True:
            self._settle()
            if not wait or life != self._life or self._submissions.is_idle:
                return True
            left = None if deadline is None else deadline - SYSTEM_CLOCK.monotonic()
            if self._is_hurried or not reported.wait(left):
                return False

    def _end(self, life: int, wait: bool) -> None:
        """Close everything; what runs then is not heard of again."""
        try:
            self._close_executors(life, wait)
            self._abandon(life)
            self.handle_shutdown_coros(self._last_tasks(life))
        finally:
            self._conclude(life)

    def _close_executors(self, life: int, wait: bool) -> None:
        for alias, executor in list(self.executors.items()):
            with self._lifecycle:
                if life != self._life:
                    return  # started again meanwhile, and so are they
                try:
                    executor.shutdown(wait)
                except Exception:
                    self._log_exception(f"Executor {alias!r} could not be shut down.")

    def _abandon(self, life: int) -> None:
        self._settle()
        self._left = self._submissions.abandon() if life == self._life else 0
        if self._left:
            self.logger.warning(f"Scheduler {self.identity} has stopped; runs that had not ended: {self._left}.")

    def _last_tasks(self, life: int) -> list[Coroutine[Any, Any, Any]]:
        """Call what is to run at the end, and return the coroutines among it, still to be awaited."""
        from ..engine.stopping import run_shutdown_tasks  # late: only at the end

        return run_shutdown_tasks(self._book, self, self._news, self.logger) if life == self._life else []

    def _cut_short(self, life: int) -> None:
        try:
            self._settle()
            self.handle_shutdown_coros(self._last_tasks(life))
        finally:
            self._conclude(life)

    def _conclude(self, life: int) -> None:
        """Close the stores and say goodbye, once in each life."""
        with self._lifecycle:
            if life != self._life or not self._is_ending:
                return
            self._life += 1
            self._is_ending = False
            self._book.close()
            self._close_stores()
            self._let_go()
            self._wake_waiting()
            self.logger.info(f"Scheduler {self.identity} stopped.")
            self.dispatch_event(SchedulerEvent(code=SCHEDULER_SHUTDOWN))

    def _close_stores(self) -> None:
        """Let go of the stores; where that was done already, nothing happens."""
        for alias, store in list(self._claimable.items()):
            self._part(alias, store)
            try:
                store.shutdown()
            except Exception:
                self._log_exception(f"Store {alias!r} could not be shut down.")
        self._share_no_more()

    def left_behind(self) -> None:
        self._alarm, self._reported, self._deferred, self._left = Alarm(), None, None, 0
        super().left_behind()

    def _let_go(self) -> None:
        """Part with what the life that is over ran on."""

    def _wake_waiting(self) -> None:
        """Wake whoever waits for runs, or for the end."""
        self._alarm.ring()
        if self._reported is not None:
            self._reported.ring()

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        """Start, work in this thread until SIGINT, SIGTERM or :meth:`stop`, and shut down.

        Runs that go on then are waited for, ``timeout`` seconds at most; a second signal ends the wait. Returns also
        when somebody else, a task say, has shut the scheduler down.
        """
        self._is_hurried = False
        with signals(self.stop, self._hurry):
            self.start()
            try:
                while self._is_ending or (self.running and not self._stop_requested):
                    self._alarm.wait(self.process_tasks())
            finally:
                self._stop_requested = False
                self._finish_run(timeout)

    def _finish_run(self, timeout: float | None) -> None:
        try:
            life = self._leave()
            if life is not None:
                self._finish(life, True, timeout)
        except SchedulerNotRunningError:
            pass  # somebody else was quicker
        except TimeoutError as exc:
            self.logger.warning(str(exc))

    def stop(self) -> None:
        """Make :meth:`run` return; may be called from any thread, also before it has begun."""
        self._stop_requested = True
        self._alarm.ring()

    def _hurry(self) -> None:
        """Wait no longer for what runs."""
        self._is_hurried = True
        self._wake_waiting()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.shutdown()

    async def __aenter__(self) -> Any:
        self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.shutdown()

    async def _shutdown_awaited(self, wait: bool = True) -> bool:
        """Shut down and return when the scheduler has stopped, with the loop that waits for it going on."""
        import asyncio

        return await asyncio.to_thread(self.shutdown, wait)

    def asgi(self, app: Any = None, handle_lifespan: bool = False, wait: bool = False) -> Any:
        """Return an ASGI application that starts and stops the scheduler with the server, around ``app``.

        Without ``app``, return a decorator that makes one. With ``handle_lifespan`` the lifespan messages are answered
        here and do not reach ``app``. ``wait`` goes to :meth:`shutdown`.
        """
        from ..asgi import wrap
        from .serving import Served

        return wrap(Served(self), app, handle_lifespan, wait)

    def __getstate__(self) -> Any:
        raise TypeError(
            "Schedulers cannot be serialized. Do not put one among the arguments of a task, nor a bound method of an "
            "object that holds one; let the task's function find it in a module instead."
        )

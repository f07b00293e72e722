"""The base of all schedulers: starting, stopping, passes, and a driver for scripts."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.stopping import run_shutdown_tasks
from ..enums import SchedulerState
from ..events import (
    EXECUTOR_ADDED,
    SCHEDULER_PAUSED,
    SCHEDULER_RESUMED,
    SCHEDULER_SHUTDOWN,
    SCHEDULER_STARTED,
    STORE_ADDED,
    TASK_ADDED,
    SchedulerEvent,
)
from ..exceptions import SchedulerNotRunningError
from ..executors.base import PoolShutdownError
from . import running
from .loggers import ClassicLogging, LoguruLogging, has_loguru
from .verbs import TaskVerbs

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ..executors.types import ExecutorType
    from ..stores.types import StoreType
    from .types import LoggersType

    #: The class of loggers that schedulers take when they are set up without one; set it to have another.
    default_loggers_class: type[LoggersType]

__all__ = ("BaseScheduler", "ClassicLogging", "LoguruLogging", "default_loggers_class")

#: While anything is scheduled on a clock that may be stepped, it is looked at again after so many seconds.
CLOCK_CHECK = 10.0


def __getattr__(name: str) -> Any:
    # Nobody has set it yet: loguru where it is installed. Not kept, so that setting it later has the last word.
    if name == "default_loggers_class":
        return LoguruLogging if has_loguru() else ClassicLogging
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class BaseScheduler(TaskVerbs):
    """A scheduler without a thread or loop: somebody calls :meth:`process_tasks`, and waits as long as it says.

    Subclasses override :meth:`wakeup` to cut that wait short; it may be called from any thread. :meth:`run` is a driver
    for scripts. Starts are counted: only the first starts and only as many shutdowns stop.
    """

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._lifecycle = threading.RLock()
        self._woken = threading.Event()
        self._stop_requested = threading.Event()
        super().__init__(global_config, **kwargs)

    def configure(self, options: Mapping[str, Any]) -> None:
        super().configure(options)
        timeout = options.get("timeout")
        self.timeout: float | None = None if timeout is None else float(timeout)
        self._pass_lock = self.create_processing_lock()

    def default_loggers(self) -> Callable[[], Any]:
        return globals().get("default_loggers_class") or __getattr__("default_loggers_class")  # type: ignore[no-any-return]

    # -- hooks ------------------------------------------------------------------------------------------------------

    def wakeup(self) -> None:
        """Have :meth:`run` look for what is due now; does nothing for a driver of another kind."""
        self._woken.set()

    def create_default_executor(self) -> ExecutorType:
        """Make the executor "default" where none was given: a thread pool."""
        from ..executors.pool import ThreadPoolExecutor

        return ThreadPoolExecutor()

    def create_default_store(self) -> StoreType:
        """Make the store "default" where none was given: in memory."""
        from ..stores.memory import MemoryStore

        return MemoryStore()

    def handle_shutdown_coros(self, coros: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """Run the coroutines of shutdown tasks to their end."""
        import asyncio

        for coro in coros:
            asyncio.run(coro)  # type: ignore[arg-type]

    def check_uwsgi(self) -> None:
        """Raise RuntimeError under a uWSGI that was started without threads: nothing would ever run."""
        import sys

        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is not None and not getattr(uwsgi, "opt", {}).get("enable-threads"):
            raise RuntimeError(
                "Expected uWSGI to run with threads enabled (--enable-threads): the scheduler would not run without."
            )

    # -- starting ---------------------------------------------------------------------------------------------------

    def start(self, paused: bool = False) -> bool:
        """Start, or count one more start; True when this call really started the scheduler.

        A start that fails leaves the scheduler stopped, with what was queued still queued.
        """
        with self._lifecycle:
            if self.ref_counter > 0:
                self.ref_counter += 1
                return False
            self.check_uwsgi()
            self._open(paused)
            self.ref_counter = 1
        return True

    def _open(self, paused: bool) -> None:
        created = self._create_defaults()
        started: list[Any] = []
        try:
            for alias, executor in self.executors.items():
                started.append(executor)
                self._start_executor(executor, alias)
            for alias, store in self._claimable.items():
                started.append(store)
                store.start(self, alias)
            self._commit_queued()
        except BaseException:
            self._undo_open(created, started)
            raise
        self.state = SchedulerState.STATE_PAUSED if paused else SchedulerState.STATE_RUNNING
        self.dispatch_event(SchedulerEvent(code=SCHEDULER_STARTED))
        self.logger.info(f"Scheduler {self.identity} started.")
        if not paused:
            self.wakeup()

    def _create_defaults(self) -> list[tuple[dict[str, Any], str]]:
        created: list[tuple[dict[str, Any], str]] = []
        if "default" not in self.executors:
            self.executors["default"] = self.create_default_executor()
            created.append((self.executors, "default"))
            self._tell_plugin(EXECUTOR_ADDED, "default")
        if "default" not in self.stores:
            self._attach_store(self.create_default_store(), "default")
            created.append((self.stores, "default"))
            created.append((self._claimable, "default"))
            self._tell_plugin(STORE_ADDED, "default")
        return created

    def _undo_open(self, created: Sequence[tuple[dict[str, Any], str]], started: Sequence[Any]) -> None:
        self._book.close()
        for plugin in started:
            try:
                plugin.shutdown()
            except Exception:
                self._log_exception(f"{plugin!r} could not be shut down after a start that failed.")
        for table, alias in created:
            table.pop(alias, None)

    def _commit_queued(self) -> None:
        import datetime

        now = self.clock.now()
        self.started_at = now
        for task, problem in self._book.open(now, now + datetime.timedelta(seconds=self.startup_delay)):
            if problem is None:
                self._news.task(TASK_ADDED, task.id, task.store_alias)
            else:
                self.logger.error(f"Task {task.id!r} was not scheduled: {type(problem).__name__}: {problem}")

    # -- passes -----------------------------------------------------------------------------------------------------

    def process_tasks(self) -> float | None:
        """Make one pass: run what is due, and return for how many seconds there is nothing to do.

        None means until :meth:`wakeup` is called: nothing is scheduled, or the scheduler is paused. On a clock that may
        be stepped the answer is never more than 10 seconds.
        """
        with self._pass_lock.protected(blocking=False) as is_held:
            if not is_held:
                return None  # another thread is at it, and will know what comes next
            now = self.clock.now()
            while self._step(now):
                pass
            return self._wait()

    def _step(self, now: datetime.datetime) -> bool:
        """Make a part of a pass that does not take long; True when there is more to do at once."""
        try:
            if self.state == SchedulerState.STATE_RUNNING:
                return self._dispatcher.step(now)
            return self._dispatcher.settle(now)
        except PoolShutdownError as exc:
            self.logger.info(f"Scheduler {self.identity} stops scheduling: {exc}")
            self.state = SchedulerState.STATE_PAUSED
            return False

    def _wait(self) -> float | None:
        if self.state != SchedulerState.STATE_RUNNING:
            return None
        wait = self._dispatcher.next_due(self.clock.now())
        if wait is None:
            return None
        return min(wait, threading.TIMEOUT_MAX if self.clock.virtual else CLOCK_CHECK)

    def pause(self) -> None:
        """Start nothing more until :meth:`resume`; what runs goes on. Raises SchedulerNotRunningError when stopped."""
        self._change_state(SchedulerState.STATE_RUNNING, SchedulerState.STATE_PAUSED, SCHEDULER_PAUSED)

    def resume(self) -> None:
        """Go on after :meth:`pause`. Raises SchedulerNotRunningError when stopped."""
        self._change_state(SchedulerState.STATE_PAUSED, SchedulerState.STATE_RUNNING, SCHEDULER_RESUMED)
        self.wakeup()

    def _change_state(self, old: SchedulerState, new: SchedulerState, code: int) -> None:
        if not self.running:
            raise SchedulerNotRunningError()
        if self.state == old:
            self.state = new
            self.dispatch_event(SchedulerEvent(code=code))

    # -- stopping ---------------------------------------------------------------------------------------------------

    def shutdown(self, wait: bool = True) -> bool:
        """Count one start less, and stop with the last; True when this call really stopped the scheduler.

        With ``wait``, runs that have been claimed come to their end first; without it, those that have not started are
        reported missed. Raises SchedulerNotRunningError when the scheduler is stopped.
        """
        if not self._leave():
            return False
        try:
            self._stop_executors(wait)
        finally:
            self._settle_all()
            self.handle_shutdown_coros(self._run_shutdown_tasks())
            self._close_stores()
        return True

    def _stop_executors(self, wait: bool) -> None:
        if self.timeout is None or not wait:
            running.stop_all(self.executors, wait)
        elif not running.within(self.timeout, running.stop_all, self.executors, True):
            running.stop_all(self.executors, False)
            raise TimeoutError(f"Runs had not ended {self.timeout} s after the scheduler was to stop.")

    def _leave(self) -> bool:
        """Count down; True when that was the last, and the scheduler has ceased to schedule."""
        with self._lifecycle:
            if self.ref_counter == 0:
                raise SchedulerNotRunningError()
            self.ref_counter -= 1
            if self.ref_counter > 0:
                return False
            self.state = SchedulerState.STATE_STOPPED
        return True

    def _settle_all(self) -> None:
        while self._dispatcher.settle(self.clock.now()):
            pass
        left = self._dispatcher.abandon()
        if left:
            self.logger.warning(f"Scheduler {self.identity} stopped while {left} runs had not ended.")

    def _run_shutdown_tasks(self) -> list[Coroutine[Any, Any, Any]]:
        """Call what is to run at the end, and return the coroutines among it, still to be awaited."""
        return run_shutdown_tasks(self._book, self, self._news, self.logger)

    def _close_stores(self) -> None:
        self._book.close()
        for alias, store in list(self._claimable.items()):
            try:
                store.shutdown()
            except Exception:
                self._log_exception(f"Store {alias!r} could not be shut down.")
        self.logger.info(f"Scheduler {self.identity} stopped.")
        self.dispatch_event(SchedulerEvent(code=SCHEDULER_SHUTDOWN))

    # -- for scripts ------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> None:
        """Start, work in this thread until SIGINT, SIGTERM or :meth:`stop`, and shut down.

        Runs that go on then are waited for, ``timeout`` seconds at most; a second signal ends the wait.
        """
        with running.signals(self.stop):
            self.start()
            try:
                while not self._stop_requested.is_set():
                    wait = self.process_tasks()
                    self._woken.wait(running.LONGEST_WAIT if wait is None else wait)
                    self._woken.clear()
            finally:
                self._stop_requested.clear()
                running.shut_down(self, timeout)

    def stop(self) -> None:
        """Make :meth:`run` return; may be called from any thread, also before it has begun."""
        self._stop_requested.set()
        self._woken.set()

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

    def asgi(self, app: Any = None, handle_lifespan: bool = False, wait: bool = False) -> Any:
        """Return an ASGI application that starts and stops the scheduler with the server, around ``app``.

        Without ``app``, return a decorator that makes one. With ``handle_lifespan`` the lifespan messages are answered
        here and do not reach ``app``. ``wait`` goes to :meth:`shutdown`.
        """
        from ..asgi import wrap

        return wrap(self, app, handle_lifespan, wait)

    def __getstate__(self) -> Any:
        raise TypeError(
            "Schedulers cannot be serialized. Do not put one among the arguments of a task, nor a bound method of an "
            "object that holds one; let the task's function find it in a module instead."
        )

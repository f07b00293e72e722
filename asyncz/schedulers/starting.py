"""Starting a scheduler, counting who has started it, and pausing it."""

from __future__ import annotations

import datetime
import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..enums import SchedulerState
from ..events import (
    EXECUTOR_ADDED,
    SCHEDULER_PAUSED,
    SCHEDULER_RESUMED,
    SCHEDULER_STARTED,
    STORE_ADDED,
    TASK_ADDED,
    SchedulerEvent,
)
from ..exceptions import SchedulerNotRunningError
from . import forks
from .verbs import TaskVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..executors.types import ExecutorType
    from ..stores.types import StoreType

__all__ = ("StartingScheduler",)


class StartingScheduler(TaskVerbs):
    """Goes from stopped to running, and between running and paused.

    A life begins with a start that is not only counted, and is over when everything is closed that it opened. From the
    shutdown until then the scheduler is stopped, and its life is ending. Nobody waits for a pass, or for a run, while
    holding ``_lifecycle``: these may call any verb.
    """

    #: Runs that had not ended when the last life was over.
    _left = 0

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._lifecycle = threading.RLock()
        self._life = 0
        self._is_ending = False
        super().__init__(global_config, **kwargs)

    def configure(self, options: Mapping[str, Any]) -> None:
        if self._is_ending:
            self._cut_short(self._life)  # what ends knows the old options
        super().configure(options)

    # -- hooks ------------------------------------------------------------------------------------------------------

    def create_default_executor(self) -> ExecutorType:
        """Make the executor "default" where none was given: a thread pool."""
        from ..executors.pool import ThreadPoolExecutor

        return ThreadPoolExecutor()

    def create_default_store(self) -> StoreType:
        """Make the store "default" where none was given: in memory."""
        from ..stores.memory import MemoryStore

        return MemoryStore()

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

        A start that fails leaves the scheduler stopped, with what was queued still queued. An earlier life that is
        still ending is not waited for: it is over at once, and what runs of it goes on.
        """
        while True:
            with self._lifecycle:
                if self.ref_counter > 0:
                    self.ref_counter += 1
                    return False
                if not self._is_ending:
                    self.check_uwsgi()
                    self._open(paused)
                    return True
                life = self._life
            self._cut_short(life)

    @abstractmethod
    def _cut_short(self, life: int) -> None:
        """Bring a life that is ending to its end, without waiting for what runs."""

    def _open(self, paused: bool) -> None:
        self._left = 0
        created: list[tuple[dict[str, Any], str]] = []
        started: list[Any] = []
        try:
            self._start_executors(created, started)
            self._start_stores(created, started)
            self._commit_queued()
        except BaseException:
            self._undo_open(created, started)
            raise
        self.ref_counter = 1
        self.state = SchedulerState.STATE_PAUSED if paused else SchedulerState.STATE_RUNNING
        forks.watch(self)
        self.dispatch_event(SchedulerEvent(code=SCHEDULER_STARTED))
        self.logger.info(f"Scheduler {self.identity} started.")
        if not paused:
            self.wakeup()

    def left_behind(self) -> None:
        """Be stopped, in a process that was forked off: what was started is the parent's.

        Nothing is waited for and no lock is taken: the threads that held them are not here to give them back. The
        scheduler can be started anew.
        """
        was_running = self.running or self._is_ending
        self._lifecycle = threading.RLock()
        self._life += 1
        self._is_ending, self.ref_counter, self.started_at = False, 0, None
        self.state = SchedulerState.STATE_STOPPED
        self.instances.clear()
        self._submissions.left_behind()
        self._book.left_behind()
        for part in (*self.executors.values(), *self._claimable.values()):
            if hasattr(part, "left_behind"):
                part.left_behind()
        if was_running:
            self.logger.info(f"Scheduler {self.identity} was started before a fork: it is stopped in this process.")

    def _start_executors(self, created: list[tuple[dict[str, Any], str]], started: list[Any]) -> None:
        is_missing = "default" not in self.executors
        if is_missing:
            self.executors["default"] = self.create_default_executor()
            created.append((self.executors, "default"))
        for alias, executor in list(self.executors.items()):
            started.append(executor)
            self._start_executor(executor, alias)
        if is_missing:
            self._tell_plugin(EXECUTOR_ADDED, "default")

    def _start_stores(self, created: list[tuple[dict[str, Any], str]], started: list[Any]) -> None:
        is_missing = "default" not in self.stores
        if is_missing:
            self._attach_store(self.create_default_store(), "default")
            created += [(self.stores, "default"), (self._claimable, "default")]
        if len(self.stores) > 1 and self.lock_path and "{store}" not in self.lock_path:
            raise ValueError(f"Expected '{{store}}' in lock_path, as there are several stores, got {self.lock_path!r}.")
        for alias, store in list(self._claimable.items()):
            started.append(store)
            store.start(self, alias)
            self._join(alias, store)
        if is_missing:
            self._tell_plugin(STORE_ADDED, "default")

    def _undo_open(self, created: Sequence[tuple[dict[str, Any], str]], started: Sequence[Any]) -> None:
        self._book.close()
        self.started_at = None
        for alias, store in self._claimable.items():
            self._part(alias, store)
        self._share_no_more()
        for plugin in started:
            try:
                plugin.shutdown()
            except Exception:
                self._log_exception(f"{plugin!r} could not be shut down after a start that failed.")
        for table, alias in created:
            table.pop(alias, None)

    def _commit_queued(self) -> None:
        now = self.clock.now()
        self.started_at = now
        self._gate.open_all()
        for task, problem in self._book.open(now, now + datetime.timedelta(seconds=self.startup_delay)):
            if problem is None:
                self._news.task(TASK_ADDED, task.id, task.store_alias)
                self._warn_of_waiting(task)
            else:
                self.logger.error(f"Task {task.id!r} was not scheduled: {type(problem).__name__}: {problem}")

    # -- pausing ----------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Start nothing more until :meth:`resume`; what runs goes on. Raises SchedulerNotRunningError when stopped."""
        self._change_state(SchedulerState.STATE_RUNNING, SchedulerState.STATE_PAUSED, SCHEDULER_PAUSED)

    def resume(self) -> None:
        """Go on after :meth:`pause`. Raises SchedulerNotRunningError when stopped."""
        self._change_state(SchedulerState.STATE_PAUSED, SchedulerState.STATE_RUNNING, SCHEDULER_RESUMED)
        self.wakeup()

    def _change_state(self, old: SchedulerState, new: SchedulerState, code: int) -> None:
        with self._lifecycle:
            if not self.running:
                raise SchedulerNotRunningError()
            is_changed = self.state == old
            if is_changed:
                self.state = new
        if is_changed:
            self.dispatch_event(SchedulerEvent(code=code))

    # -- the first step to stop -------------------------------------------------------------------------------------

    def _leave(self) -> int | None:
        """Count down; return the life that is to be ended when that was the last, and no new pass will fire anything.

        Raises SchedulerNotRunningError when the scheduler is stopped.
        """
        with self._lifecycle:
            if self.ref_counter == 0:
                raise SchedulerNotRunningError()
            self.ref_counter -= 1
            if self.ref_counter > 0:
                return None
            self.state, self._is_ending = SchedulerState.STATE_STOPPED, True
            return self._life

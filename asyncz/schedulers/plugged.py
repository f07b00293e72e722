"""The executors, stores and listeners of a scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import resolve
from ..engine import plugins
from ..enums import PluginInstance
from ..events import (
    ALL_EVENTS,
    EXECUTOR_ADDED,
    EXECUTOR_REMOVED,
    STORE_ADDED,
    STORE_REMOVED,
    SchedulerEvent,
)
from ..locks import LockProtected, RLockProtected
from ..stores.plain import claimable
from ..triggers.aliases import build_trigger
from .configured import ConfiguredScheduler

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from ..executors.types import ExecutorType
    from ..protocols import LockProtectedProtocol
    from ..stores.base import BaseStore
    from ..stores.types import StoreType
    from ..triggers.types import TriggerType

__all__ = ("PluggedScheduler",)


class PluggedScheduler(ConfiguredScheduler):
    """Makes, takes in and parts with what it works with."""

    def _configure_plugins(self, options: Mapping[str, Any]) -> None:
        if options["executors"] is not None:
            self.executors.clear()
            for alias, executor in plugins.configured(
                PluginInstance.EXECUTOR, options["executors"], self.executor_plugins | self.executor_classes
            ).items():
                self.add_executor(executor, alias)
        if options["stores"] is not None:
            self.stores.clear()
            self._claimable.clear()
            for alias, store in plugins.configured(
                PluginInstance.STORE, options["stores"], self.store_plugins | self.store_classes
            ).items():
                self.add_store(store, alias)

    # -- plugins ----------------------------------------------------------------------------------------------------

    @classmethod
    def resolve_load_plugin(cls, reference: str) -> Any:
        """Return the class that ``"module:Class"`` names; raises ImportError when there is none."""
        return resolve(reference)

    def create_plugin_instance(
        self, kind: PluginInstance | str, alias: str, kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Make the executor or store of an alias.

        Raises LookupError for an unknown alias, TypeError when what it names is no such plugin.
        """
        kind = PluginInstance(kind)
        known = (
            {**self.executor_plugins, **self.executor_classes}
            if kind is PluginInstance.EXECUTOR
            else {**self.store_plugins, **self.store_classes}
        )
        return plugins.create(kind, alias, known, kwargs or {})

    def create_trigger(self, trigger: Any, args: Mapping[str, Any] | None = None) -> TriggerType:
        """Return a trigger instance as it is, or make one by alias in the scheduler's zone; None means ``date``."""
        args = {} if args is None else dict(args)
        if trigger is None or (isinstance(trigger, str) and trigger != "shutdown"):
            args.setdefault("timezone", self.timezone)
        return build_trigger(trigger, args, self.trigger_plugins, self.trigger_classes)

    # -- executors and stores ---------------------------------------------------------------------------------------

    def add_executor(self, executor: Any, alias: str = "default", **options: Any) -> None:
        """Add an executor: an instance, a class, or the alias of one with its arguments.

        Raises ValueError when the alias is taken.
        """
        if alias in self.executors:
            raise ValueError(f"This scheduler already has an executor by the alias of '{alias}'.")
        added = self._made(PluginInstance.EXECUTOR, executor, options)
        if self.running:
            self._start_executor(added, alias)
        self.executors[alias] = added
        self._tell_plugin(EXECUTOR_ADDED, alias)

    def remove_executor(self, alias: str, shutdown: bool = True) -> None:
        """Take an executor out, and shut it down unless told otherwise; raises KeyError for an unknown alias."""
        executor = self.lookup_executor(alias)
        del self.executors[alias]
        if shutdown and self.running:
            executor.shutdown()
        left = sum(task.executor == alias for task in self._book.tasks())
        if left:
            self.logger.warning(f"Executor {alias!r} was removed; tasks that need it, and wait for it now: {left}.")
        self._tell_plugin(EXECUTOR_REMOVED, alias)

    def lookup_executor(self, alias: str) -> ExecutorType:
        """Return the executor of that alias; raises KeyError for an unknown one."""
        if alias not in self.executors:
            raise KeyError(f"No such executor: {alias!r}.")
        return self.executors[alias]

    def add_store(self, store: Any, alias: str = "default", **options: Any) -> None:
        """Add a store: an instance, a class, or the alias of one with its arguments.

        Raises ValueError when the alias is taken.
        """
        if alias in self.stores:
            raise ValueError(f"This scheduler already has a task store by the alias of '{alias}'.")
        added = self._made(PluginInstance.STORE, store, options)
        if self.running:
            used = claimable(added)
            used.start(self, alias)
            try:
                self._join(alias, used)
            except BaseException:
                used.shutdown()
                raise
            self._gate.open(alias)
            self.stores[alias], self._claimable[alias] = added, used
        else:
            self._attach_store(added, alias)
        self._tell_plugin(STORE_ADDED, alias)
        if self.running:
            self.wakeup()

    def _attach_store(self, store: StoreType, alias: str) -> None:
        self.stores[alias], self._claimable[alias] = store, claimable(store)

    def remove_store(self, alias: str, shutdown: bool = True) -> None:
        """Take a store out, and shut it down unless told otherwise; raises KeyError for an unknown alias."""
        self.lookup_store(alias)
        store = self._claimable[alias]
        del self.stores[alias], self._claimable[alias]
        if self.running:
            self._part_with(alias, store, shutdown)
        self._tell_plugin(STORE_REMOVED, alias)

    def _part_with(self, alias: str, store: BaseStore, shutdown: bool) -> None:
        try:
            self._submissions.part_with(alias, store)
        finally:
            self._part(alias, store)
            if shutdown:
                store.shutdown()

    def _join(self, alias: str, store: BaseStore) -> None:
        """Have whoever has to do with it know a store that was started."""

    def _part(self, alias: str, store: BaseStore) -> None:
        """Undo that, for a store that is about to be shut down."""

    def _share_no_more(self) -> None:
        """Have nothing to do with stores of others, once all of them were parted with."""

    def lookup_store(self, alias: str) -> StoreType:
        """Return the store of that alias; raises KeyError for an unknown one."""
        if alias not in self.stores:
            raise KeyError(f"No such store: {alias!r}.")
        return self.stores[alias]

    def _made(self, kind: PluginInstance, given: Any, options: Mapping[str, Any]) -> Any:
        if isinstance(given, str):
            return self.create_plugin_instance(kind, given, options)
        if isinstance(given, type):
            return plugins.instance_of(kind, given, options)
        if not isinstance(given, plugins.KINDS[kind]):
            raise TypeError(
                f"Expected an {kind.value} instance or a string, got {type(given).__name__} instead."
                if kind is PluginInstance.EXECUTOR
                else f"Expected a store instance or a string, got {type(given).__name__} instead."
            )
        return given

    def _start_executor(self, executor: ExecutorType, alias: str) -> None:
        bind = getattr(executor, "bind", None)
        if bind is not None:
            bind(self.clock, self._report_inline if getattr(executor, "inline", False) else self._report)
        self._have_asked(executor)
        executor.start(self, alias)

    def _be_alive_in(self, alias: str) -> None:
        """Make sure that what is claimed now in a store is ours to run."""

    def _have_asked(self, executor: Any) -> None:
        """Have an executor ask before runs begin, where that is needed."""

    def _report(self, task_id: Any, run_times: Any, outcomes: Any) -> None:
        self._submissions.report(task_id, run_times, outcomes)
        self._settle_soon()

    def _wake_for(self, due_time: datetime.datetime | None) -> None:
        """Have a task looked at that was added and is due then."""
        self.wakeup()

    def _settle_soon(self) -> None:
        """Have what was reported told."""
        self.wakeup()

    def _settle(self) -> None:
        """Tell what was reported, now."""
        raise NotImplementedError

    def _report_inline(self, task_id: Any, run_times: Any, outcomes: Any) -> None:
        self._submissions.report_inline(self.clock.now(), task_id, run_times, outcomes)

    def _tell_plugin(self, code: int, alias: str) -> None:
        self.dispatch_event(SchedulerEvent(code=code, alias=alias))

    # -- hooks and listeners ----------------------------------------------------------------------------------------

    def create_lock(self) -> LockProtectedProtocol:
        """Return a lock among the threads of this process."""
        return RLockProtected()

    def create_processing_lock(self) -> LockProtectedProtocol:
        """Return the lock that keeps passes from overlapping."""
        return LockProtected()

    def add_listener(self, callback: Callable[[Any], Any], mask: int = ALL_EVENTS) -> None:
        """Call ``callback(event)`` for events of which the code is in the mask."""
        self._bus.add(callback, mask)

    def remove_listener(self, callback: Callable[[Any], Any]) -> bool:
        """Forget a listener; False when it is not known."""
        return self._bus.remove(callback)

    def dispatch_event(self, event: SchedulerEvent) -> None:
        """Hand an event to all listeners that want it."""
        self._bus.dispatch(event)

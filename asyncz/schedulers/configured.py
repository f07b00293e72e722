"""What a scheduler is made of: its options, its loggers, its executors and stores, and who listens."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .. import utils
from .._lazy import resolve
from ..clock import SYSTEM_CLOCK, Clock, checked_clock
from ..engine import config, plugins
from ..engine.book import TaskBook
from ..engine.bus import EventBus
from ..engine.dispatch import Dispatcher
from ..engine.gate import Gate
from ..engine.news import News
from ..engine.submissions import Submissions
from ..enums import PluginInstance, SchedulerState
from ..events import (
    ALL_EVENTS,
    EXECUTOR_ADDED,
    EXECUTOR_REMOVED,
    STORE_ADDED,
    STORE_REMOVED,
    SchedulerEvent,
)
from ..exceptions import SchedulerAlreadyRunningError, listed, shown, shown_name
from ..locks import LockProtected, RLockProtected
from ..stores.plain import claimable
from ..triggers.aliases import build_trigger
from . import defaults
from .loggers import ClassicLogging
from .types import LoggersType, SchedulerType

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from ..executors.types import ExecutorType
    from ..protocols import LockProtectedProtocol
    from ..stores.base import BaseStore
    from ..stores.types import StoreType
    from ..triggers.types import TriggerType

__all__ = ("ConfiguredScheduler",)


class ConfiguredScheduler(SchedulerType):
    """Reads its configuration, and holds what it was told to hold."""

    timezone: datetime.tzinfo
    lock_path: str
    startup_delay: float
    store_retry_interval: float
    store_poll_interval: float
    heartbeat_stale_after: float
    identity: str
    clock: Clock
    task_defaults: config.TaskDefaults
    loggers: LoggersType
    logger_name: str | None

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.state = SchedulerState.STATE_STOPPED
        self.ref_counter = 0
        self.started_at: datetime.datetime | None = None
        #: task id -> how many runs of it are with executors of this scheduler
        self.instances: dict[Any, int] = defaultdict(int)
        self.executors: dict[str, ExecutorType] = {}
        self.stores: dict[str, StoreType] = {}
        self._claimable: dict[str, BaseStore] = {}
        self._book = TaskBook(self._claimable)
        self._bus = EventBus(self._log_exception)
        self.trigger_plugins, self.trigger_classes = dict(defaults.triggers), dict[str, Any]()
        self.executor_plugins, self.executor_classes = dict(defaults.executors), dict[str, Any]()
        self.store_plugins, self.store_classes = dict(defaults.stores), dict[str, Any]()
        self.setup(global_config, **kwargs)

    # -- configuration ----------------------------------------------------------------------------------------------

    def setup(
        self, global_config: Mapping[str, Any] | None = None, prefix: str | None = "asyncz.", **options: Any
    ) -> None:
        """Take options from a flat dictionary of prefixed keys, and from keywords, which replace whole groups.

        What was queued stays queued. Raises SchedulerAlreadyRunningError unless the scheduler is stopped, and
        TypeError or ValueError for values that do not fit; LookupError for a zone or an alias that nobody knows;
        ImportError or, from ``executor`` of the executor "futures", AsynczException for a reference that leads nowhere.
        """
        if self.state != SchedulerState.STATE_STOPPED:
            raise SchedulerAlreadyRunningError()
        self.configure({**config.DEFAULTS, **config.nested(global_config, prefix), **options})

    def configure(self, options: Mapping[str, Any]) -> None:
        """Set what the options say; subclasses with options of their own extend this.

        Raises what :meth:`setup` raises.
        """
        if os.environ.get("ASYNCZ_STORE_ENCRYPTION_KEY"):
            raise ValueError(
                "ASYNCZ_STORE_ENCRYPTION_KEY is set, but stores are not encrypted here: unset it, or give a store a "
                "serializer that encrypts."
            )
        self._configure_loggers(options)
        self.timezone = config.read_timezone(options["timezone"]) or utils.get_localzone()
        self.lock_path = config.to_path(options["lock_path"], "lock_path")
        default_delay = 1 if self.lock_path else 0
        delay = options["startup_delay"]
        self.startup_delay = config.to_seconds(default_delay if delay is None else delay, "startup_delay")
        for name in ("store_retry_interval", "store_poll_interval", "heartbeat_stale_after"):
            setattr(self, name, config.to_seconds(options[name], name))
        self.identity = config.to_name(
            options["identity"] or f"{type(self).__name__}-{os.urandom(6).hex()}", "identity"
        )
        self.task_defaults = config.TaskDefaults.read(options["task_defaults"])
        self.clock = self.default_clock() if options["clock"] is None else checked_clock(options["clock"])
        news = News(self._bus, lambda: self.logger, self.identity)
        self._news = news
        self._gate = Gate(news, self.store_retry_interval)
        self._submissions = Submissions(self._claimable, self.executors, news, self._gate)
        self._dispatcher = Dispatcher(self._claimable, self.executors, self._submissions, news, self._gate)
        self._configure_plugins(options)

    def _configure_loggers(self, options: Mapping[str, Any]) -> None:
        chosen = options["loggers_class"] or self.default_loggers()
        loggers = (resolve(chosen) if isinstance(chosen, str) else chosen)()
        if not isinstance(loggers, LoggersType):
            raise TypeError(f"Expected a subclass of LoggersType for loggers_class, got {shown(chosen)}.")
        self.loggers, self.logger_name = loggers, config.to_name(options["logger_name"] or "", "logger_name") or None
        unknown = options.keys() - config.OPTIONS
        if unknown:
            self.logger.warning(
                f"Options that no scheduler knows are passed over: {listed(sorted(map(shown_name, unknown)))}. "
                f"Known ones: {', '.join(sorted(config.OPTIONS))}."
            )

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

    def default_loggers(self) -> Callable[[], Any]:
        """Return the class of loggers to use where none was given."""
        return ClassicLogging

    def default_clock(self) -> Clock:
        """Return the clock to go by where none was given."""
        return SYSTEM_CLOCK

    @property
    def logger(self) -> Any:
        """The scheduler's own logger: ``asyncz.schedulers``, with ``.<logger_name>`` behind it where one was given."""
        return self.loggers["asyncz.schedulers" + (f".{self.logger_name}" if self.logger_name else "")]

    def _log_exception(self, text: str) -> None:
        import traceback

        self.logger.error(f"{text}\n{traceback.format_exc()}")

    @property
    def running(self) -> bool:
        """True when the scheduler is started, paused or not."""
        return self.state != SchedulerState.STATE_STOPPED

    @property
    def last_seen_at(self) -> datetime.datetime | None:
        """When the scheduler was last known to be alive, in UTC: now while it runs; None when it is stopped."""
        return self.clock.now() if self.running else None

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
            self._part_with(store, shutdown)
        self._tell_plugin(STORE_REMOVED, alias)

    def _part_with(self, store: BaseStore, shutdown: bool) -> None:
        try:
            self._submissions.part_with(store)
        finally:
            if shutdown:
                store.shutdown()

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
        executor.start(self, alias)

    def _report(self, task_id: Any, run_times: Any, outcomes: Any) -> None:
        self._submissions.report(task_id, run_times, outcomes)
        self._settle_soon()

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

"""What a scheduler is made of: its options, its loggers, its executors and stores, and who listens."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .. import utils
from .._lazy import resolve
from ..clock import SYSTEM_CLOCK, Clock, checked_clock
from ..engine import config
from ..engine.book import TaskBook
from ..engine.bus import EventBus
from ..engine.claims import Claims
from ..engine.dispatch import Dispatcher
from ..engine.gate import Gate
from ..engine.news import News
from ..engine.submissions import Submissions
from ..enums import SchedulerState
from ..exceptions import SchedulerAlreadyRunningError, listed, shown, shown_name
from . import defaults
from .loggers import ClassicLogging
from .types import LoggersType, SchedulerType

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from ..executors.types import ExecutorType
    from ..stores.base import BaseStore
    from ..stores.types import StoreType

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
        if self.heartbeat_stale_after < 1:
            raise ValueError(
                f"Expected at least 1 second for heartbeat_stale_after, got {self.heartbeat_stale_after}: others would "
                "take this scheduler for dead while it is only slow."
            )
        self.identity = config.to_name(
            options["identity"] or f"{type(self).__name__}-{os.urandom(6).hex()}", "identity"
        )
        self.task_defaults = config.TaskDefaults.read(options["task_defaults"])
        self.clock = self.default_clock() if options["clock"] is None else checked_clock(options["clock"])
        news = News(self._bus, lambda: self.logger, self.identity)
        self._news = news
        self._gate = gate = Gate(news, self.store_retry_interval)
        self._claims = claims = Claims(self.has_lapsed)
        self._submissions = Submissions(self._claimable, self.executors, news, gate, claims)
        self._dispatcher = Dispatcher(self._claimable, self.executors, self._submissions, news, gate, claims)
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
        """Make the executors and stores that the options name."""
        raise NotImplementedError

    def has_lapsed(self, alias: str) -> bool:
        """Return whether other schedulers may take this one for dead in a store that they share."""
        return False

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

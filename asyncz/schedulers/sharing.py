"""Being one of several schedulers that share a store."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .._ids import random_id
from ..enums import SchedulerState
from ..processes import whereabouts
from ..utils import to_microseconds
from .running import Alarm
from .starting import StartingScheduler

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from ..engine.heart import Heart
    from ..engine.recovery import Recovery
    from ..stores.base import BaseStore

__all__ = ("SharingScheduler",)

#: The schedulers of this process that share stores.
_sharing: weakref.WeakSet[SharingScheduler] = weakref.WeakSet()
#: Random digits that tell the lives of a scheduler apart. They are in every run that is stored, twice.
INCARNATION = 16


class SharingScheduler(StartingScheduler):
    """Keeps its heart beating in the stores that it shares, and looks after what others have left behind.

    Each shared store has a thread for the beats, so that neither a long pass nor another store delays them. On a
    virtual clock there is none: the beats are part of the passes, and neither they nor polls wake a scheduler that has
    its stores to itself. Nobody of another process goes by that clock.
    """

    #: None while there is no store to share.
    _heart: Heart | None = None
    _recovery: Recovery | None = None

    def __init__(self, global_config: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._beats: dict[str, _BeatThread] = {}
        self._opens_as = SchedulerState.STATE_STOPPED
        super().__init__(global_config, **kwargs)

    def has_lapsed(self, alias: str) -> bool:
        heart = self._heart
        return heart is not None and heart.has_lapsed(alias, self.clock.monotonic(), self.clock.now())

    def _describe(self) -> dict[str, Any]:
        started_at = self.started_at
        return {
            "identity": self.identity,
            "state": (self.state if self.running else self._opens_as).value,
            "timezone": str(self.timezone),
            "started_at": None if started_at is None else to_microseconds(started_at),
            "where": whereabouts(),
        }

    # -- a life -----------------------------------------------------------------------------------------------------

    def _open(self, paused: bool) -> None:
        # What the first heartbeat says, which comes before the rest.
        self._opens_as = SchedulerState.STATE_PAUSED if paused else SchedulerState.STATE_RUNNING
        self.started_at = self.clock.now()
        if not len(self._claims):  # else runs of a life that was cut short go on here, and are ours still
            self._news.owner = f"{self.identity}#{random_id()[:INCARNATION]}"
        self._heart = self._recovery = None
        super()._open(paused)

    def _join(self, alias: str, store: BaseStore) -> None:
        """Begin to share a store. Raises what its first heartbeat raises."""
        super()._join(alias, store)
        if not store.shared:
            return
        heart = self._heart or self._begin_to_share()
        self._beat(heart, alias, store)
        if not self.clock.virtual:
            beat = partial(self._try_to_beat, heart, alias, store)
            self._beats[alias] = _BeatThread(beat, heart.interval, f"{self.identity}-heartbeat")

    def _begin_to_share(self) -> Heart:
        from ..engine.heart import Heart  # late: most schedulers share nothing
        from ..engine.recovery import Recovery

        heart = Heart(self._news.owner, self._claimable, self.heartbeat_stale_after, self._describe)
        self._heart = heart
        self._recovery = Recovery(
            heart, self._claims, self._submissions, self._news, self._gate, self.store_poll_interval
        )
        for executor in self.executors.values():
            self._have_asked(executor)
        _sharing.add(self)
        for scheduler in list(_sharing):
            if scheduler.clock.virtual:
                scheduler.wakeup()
        return heart

    def _share_no_more(self) -> None:
        self._heart = None
        _sharing.discard(self)

    def _have_asked(self, executor: Any) -> None:
        """Have an executor ask before runs begin, if there is a store in which they may become somebody else's."""
        if hasattr(executor, "ask_to_begin"):
            executor.ask_to_begin(None if self._heart is None else self._submissions.may_begin)

    def _part(self, alias: str, store: BaseStore) -> None:
        """Share a store no longer; what is still out there is somebody else's to find."""
        thread = self._beats.pop(alias, None)
        if thread is not None:
            thread.stop()
        if self._heart is not None and store.shared and not self._left:
            try:
                self._heart.leave(alias, store)
            except Exception as exc:
                self._say_no_heartbeat(alias, exc)

    def left_behind(self) -> None:
        self._beats = {}
        self._share_no_more()
        super().left_behind()

    # -- heartbeats -------------------------------------------------------------------------------------------------

    def _beat(self, heart: Heart, alias: str, store: BaseStore) -> None:
        monotonic, now = self.clock.monotonic(), self.clock.now()
        if heart.has_beaten(alias) and heart.has_lapsed(alias, monotonic, now):
            self._submissions.withdraw(alias)
        heart.beat(alias, store, monotonic, now)

    def _try_to_beat(self, heart: Heart, alias: str, store: BaseStore) -> None:
        try:
            self._beat(heart, alias, store)
        except Exception as exc:
            self._say_no_heartbeat(alias, exc)

    def _say_no_heartbeat(self, alias: str, exc: Exception) -> None:
        # Not louder: a pass says that the store fails, and others say what they take over.
        self.loggers[f"asyncz.stores.{alias}"].debug(f"No heartbeat: {type(exc).__name__}: {exc}")

    def _be_alive_in(self, alias: str) -> None:
        """Make sure that what is claimed now in a store is ours to run. Raises what the store raises."""
        store = self._claimable[alias]
        if self._heart is not None and store.shared and self.has_lapsed(alias):
            self._beat(self._heart, alias, store)

    def _look_after_shared(self, now: datetime.datetime) -> None:
        """Do what is to be done for stores that are shared, if it is time."""
        heart, recovery = self._heart, self._recovery
        if heart is None or recovery is None or not (self.running or self.clock.virtual):
            return  # there may be stores that are not open
        monotonic = self.clock.monotonic()
        for alias, store in heart.shared.items():
            if self._gate.is_open(alias, now):
                self._beat_if_late(heart, alias, store, monotonic, now)
        if self.state == SchedulerState.STATE_RUNNING:
            recovery.look(now, monotonic, self._dispatcher.ready())

    def _beat_if_late(
        self, heart: Heart, alias: str, store: BaseStore, monotonic: float, now: datetime.datetime
    ) -> None:
        is_late = heart.has_lapsed(alias, monotonic, now)
        if is_late or (self.clock.virtual and heart.is_due(alias, monotonic)):
            try:
                self._beat(heart, alias, store)
            except Exception as exc:
                self._gate.fail(alias, exc, now)

    def _is_alone(self, alias: str) -> bool:
        """Return whether no other scheduler is known that uses a shared store, too."""
        return self._recovery is not None and self._recovery.is_alone(alias, self.clock.monotonic())

    def _until_next_look(self, wait: float | None) -> float | None:
        """Return for how long nothing is to be done, when nothing is due for ``wait`` seconds."""
        if self._heart is None or self._recovery is None or (self.clock.virtual and len(_sharing) == 1):
            return wait
        if self.state == SchedulerState.STATE_RUNNING:
            waits = (wait, self._recovery.interval, self._heart.interval)
            return min(seconds for seconds in waits if seconds is not None)
        return self._heart.interval if self.running and self.clock.virtual else wait


class _BeatThread(threading.Thread):
    """Calls something every so many seconds until it is stopped."""

    def __init__(self, beat: Callable[[], None], interval: float, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._beat = beat
        self._interval = interval
        self._over = Alarm()
        self._beating = threading.Lock()
        self._is_over = False
        self.start()

    def run(self) -> None:
        while not self._over.wait(self._interval):
            with self._beating:
                if not self._is_over:
                    self._beat()

    def stop(self) -> None:
        """Return when there will be no more of it."""
        with self._beating:
            self._is_over = True
        self._over.ring()

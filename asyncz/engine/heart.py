"""The heartbeat of a scheduler in the stores that it shares with others."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ..serializers.plain import dumps
from ..utils import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..stores.base import BaseStore

__all__ = ("BEATS", "Heart")

#: Beats within the time after which others take a scheduler for dead, one to spare.
BEATS = 4


class Heart:
    """Tells the other schedulers of a store that this one is alive, and itself when they may believe otherwise.

    ``describe`` returns what else is written. A beat is for one thread at a time; the rest for any. Times are those of
    the scheduler's clock: both, since the monotonic one may stand still while a machine sleeps, and the other may be
    set.
    """

    def __init__(
        self, owner: str, stores: Mapping[str, BaseStore], stale_after: float, describe: Callable[[], dict[str, Any]]
    ) -> None:
        self.owner = owner
        self._stores = stores
        self._describe = describe
        self.stale_after = stale_after
        self.interval = stale_after / BEATS
        self._count = 0
        self._last: dict[str, tuple[float, datetime.datetime]] = {}

    @property
    def shared(self) -> dict[str, BaseStore]:
        """The stores that have a heartbeat, by alias."""
        return {alias: store for alias, store in list(self._stores.items()) if store.shared}

    def beat(self, store_alias: str, store: BaseStore, monotonic: float, now: datetime.datetime) -> None:
        """Write that we are alive. Raises what the store raises; that counts as no beat."""
        self._count += 1
        content = {
            "version": 1,
            "beat": self._count,
            "seen_at": to_microseconds(now),
            "stale_after": self.stale_after,
            **self._describe(),
        }
        store.write_owner(self.owner, dumps(content).decode())
        self._last[store_alias] = monotonic, now

    def has_lapsed(self, store_alias: str, monotonic: float, now: datetime.datetime) -> bool:
        """Return whether others may take us for dead: the last beat, or the lack of one, is too long ago."""
        last = self._last.get(store_alias)
        if last is None:
            return True
        beaten, beaten_at = last
        return monotonic - beaten > self.stale_after or (now - beaten_at).total_seconds() > self.stale_after

    def has_beaten(self, store_alias: str) -> bool:
        """Return whether there was a beat in a store in this life."""
        return store_alias in self._last

    def is_due(self, store_alias: str, monotonic: float) -> bool:
        """Return whether it is time for the next beat."""
        last = self._last.get(store_alias)
        return last is None or monotonic - last[0] >= self.interval

    def leave(self, store_alias: str, store: BaseStore) -> None:
        """Be alive no more in a store; nothing of ours is left there."""
        self._last.pop(store_alias, None)
        store.remove_owner(self.owner)

"""Who of those that own runs in a store is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UnreadableRecordError
from ..processes import is_gone
from ..serializers.plain import loads
from .heart import BEATS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Owners", "read_owner")

#: Seconds; longer than any scheduler says that it may be silent.
FOR_EVER = 10**15


def read_owner(content: str) -> dict[str, Any] | None:
    """Return what an owner has written of itself; None when that cannot be read here."""
    try:
        plain = loads(content)
    except UnreadableRecordError:
        return None
    is_fine = (
        type(plain) is dict
        and type(plain.get("beat")) is int
        and isinstance(plain.get("stale_after"), (int, float))
        and 0 < plain["stale_after"] < FOR_EVER
        and isinstance(plain.get("where", {}), dict)
    )
    return plain if is_fine else None


class _Seen:
    """The last beat that was seen of an owner, when it was seen first, and where its process is."""

    __slots__ = ("beat", "is_certain", "since", "stale_after", "where")

    def __init__(self, beat: int | None, since: float, stale_after: float, where: Mapping[str, Any]) -> None:
        self.beat = beat
        self.since = since
        self.stale_after = stale_after
        self.where = where
        self.is_certain = False


class Owners:
    """Watches the heartbeats in one store. An owner is dead when its counter has stood still for as long as it said.

    That is measured on the observer's own monotonic clock, in seconds: no two machines have to agree on the time. It is
    dead sooner when its process is gone for certain. One of which nothing is written counts from when it was met first,
    and as long as ``stale_after`` says. Of a time without a look hardly any counts: where a store was gone, nobody
    could write that he was alive.
    """

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._seen: dict[str, _Seen] = {}
        self._looked: float | None = None

    def observe(self, contents: Mapping[str, str], met: set[str], monotonic: float) -> None:
        """Take in what is written of owners, and those of runs that were met."""
        self._skip_gap(monotonic)
        for owner in self._seen.keys() - contents.keys() - met:
            del self._seen[owner]
        for owner in contents.keys() | met:
            content = contents.get(owner)
            self._take(owner, None if content is None else read_owner(content), monotonic)
        for seen in self._seen.values():
            seen.is_certain = seen.is_certain or is_gone(seen.where)

    def _skip_gap(self, monotonic: float) -> None:
        """Count a time without looks as no longer than is usual between two."""
        looked, self._looked = self._looked, monotonic
        for seen in self._seen.values():
            length = max(self._stale_after, seen.stale_after)
            if looked is not None and monotonic - looked > length / 2:
                seen.since += monotonic - looked - length / BEATS

    def _take(self, owner: str, plain: Mapping[str, Any] | None, monotonic: float) -> None:
        beat = None if plain is None else plain["beat"]
        seen = self._seen.get(owner)
        if seen is None or (beat is not None and seen.beat != beat):
            stale_after = self._stale_after if plain is None else float(plain["stale_after"])
            self._seen[owner] = _Seen(beat, monotonic, stale_after, {} if plain is None else plain.get("where", {}))

    def is_dead(self, owner: str, monotonic: float) -> bool:
        """Return whether an owner that was observed is gone."""
        seen = self._seen.get(owner)
        return seen is not None and (seen.is_certain or monotonic - seen.since > seen.stale_after)

    def dead(self, monotonic: float) -> list[str]:
        """Return the owners that are gone."""
        return [owner for owner in self._seen if self.is_dead(owner, monotonic)]

    def alive(self, monotonic: float) -> list[str]:
        """Return the owners that may not be gone."""
        return [owner for owner in self._seen if not self.is_dead(owner, monotonic)]

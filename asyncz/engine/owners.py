"""Who of those that own runs in a store is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UnreadableRecordError
from ..processes import is_gone
from ..serializers.plain import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Owners", "read_owner")


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
        and isinstance(plain.get("where", {}), dict)
    )
    return plain if is_fine else None


class _Seen:
    """The last beat that was seen of an owner, and when it was seen first."""

    __slots__ = ("beat", "is_certain", "since", "stale_after")

    def __init__(self, beat: int | None, since: float, stale_after: float) -> None:
        self.beat = beat
        self.since = since
        self.stale_after = stale_after
        self.is_certain = False


class Owners:
    """Watches the heartbeats in one store. An owner is dead when its counter has stood still for as long as it said.

    That is measured on the observer's own monotonic clock, in seconds: no two machines have to agree on the time. It is
    dead sooner when its process is gone for certain. One of which nothing is written counts from when it was met first,
    and as long as ``stale_after`` says.
    """

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._seen: dict[str, _Seen] = {}

    def observe(self, contents: Mapping[str, str], met: set[str], monotonic: float) -> None:
        """Take in what is written of owners, and those of runs that were met."""
        for owner in self._seen.keys() - contents.keys() - met:
            del self._seen[owner]
        for owner in contents.keys() | met:
            content = contents.get(owner)
            self._take(owner, None if content is None else read_owner(content), monotonic)

    def _take(self, owner: str, plain: Mapping[str, Any] | None, monotonic: float) -> None:
        beat = None if plain is None else plain["beat"]
        seen = self._seen.get(owner)
        if seen is None or (beat is not None and seen.beat != beat):
            stale_after = self._stale_after if plain is None else float(plain["stale_after"])
            seen = self._seen[owner] = _Seen(beat, monotonic, stale_after)
        if plain is not None and is_gone(plain.get("where", {})):
            seen.is_certain = True

    def is_dead(self, owner: str, monotonic: float) -> bool:
        """Return whether an owner that was observed is gone."""
        seen = self._seen.get(owner)
        return seen is not None and (seen.is_certain or monotonic - seen.since > seen.stale_after)

    def dead(self, monotonic: float) -> list[str]:
        """Return the owners that are gone."""
        return [owner for owner in self._seen if self.is_dead(owner, monotonic)]

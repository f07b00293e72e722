"""What is measured: each module has ``measure``, for one peer in its environment, and ``rows``, which judges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from . import adding, cron, dispatch, imports, memory, steady, stores, triggers

if TYPE_CHECKING:
    from judging import Row, Samples


class Subject(Protocol):
    """A module of this package."""

    NAME: str
    PEERS: tuple[str, ...]

    def measure(self, peer: Any, quick: bool) -> dict[str, float]:
        """Return the values of one round."""

    def rows(self, samples: Samples) -> Iterator[Row]:
        """Yield the lines of the results."""


SUBJECTS: dict[str, Any] = {
    module.NAME: module for module in (imports, cron, triggers, adding, memory, dispatch, steady, stores)
}

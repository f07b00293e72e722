"""What a store has to supply that outlasts the process: the rest is the same for all."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from .base import BaseStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .stored import Ended, Stored, Swap

__all__ = ("Backend",)


class Backend(BaseStore):
    """The primitives of a durable store.

    Each may be called from any thread and is atomic: when it raises, what its client library raises, nothing was
    changed, or all of it and the reply was lost. After that, the next call works if it can. None repeats anything by
    itself.
    """

    #: Rows that one call of :meth:`put` or :meth:`swap` is handed at most.
    largest_batch = 1024

    @abstractmethod
    def connect(self) -> None:
        """Open what was named, and make what is missing. Raises NewerFormatError when a later release has made it."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of what :meth:`connect` took; calling it twice, or before, is fine."""

    @abstractmethod
    def fetch(self, task_ids: Sequence[str]) -> list[Stored]:
        """Return the rows of those ids that are there, in any order."""

    @abstractmethod
    def fetch_all(self) -> list[Stored]:
        """Return all rows, in any order."""

    @abstractmethod
    def fetch_due(
        self, instant: int, limit: int, executors: Sequence[str], after: tuple[int, str] | None = None
    ) -> tuple[list[Stored], int | None]:
        """Return the first rows of those executors that are due by an instant, by due time and id, and what is next.

        At most ``limit``; with ``after``, those behind that due time and id. What is next is when the first row is due
        that is not returned, None when there is none; after a full batch it does not matter.
        """

    @abstractmethod
    def fetch_live(self) -> list[Stored]:
        """Return the rows that have live runs, in any order."""

    @abstractmethod
    def put(self, rows: Sequence[Stored]) -> list[bool]:
        """Add those rows whose id is free, and say of each whether it was."""

    @abstractmethod
    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        """Make those changes whose row is still at its revision, and say of each whether it was; no id comes twice."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all rows but final ones."""

    @abstractmethod
    def record(self, runs: Sequence[Ended]) -> None:
        """Keep runs that belong to no row as those of tasks that are gone; one whose id is there is passed over."""

    @abstractmethod
    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        """Return the contents of the ended runs that were claimed last, of one task or all, the latest first."""

    @abstractmethod
    def write_owner(self, owner: str, content: str) -> None:
        """Write what is known of an owner of runs, in the place of what was."""

    @abstractmethod
    def fetch_owners(self) -> dict[str, str]:
        """Return what was written about each owner."""

    @abstractmethod
    def remove_owner(self, owner: str) -> None:
        """Forget an owner."""

    def is_changed(self) -> bool:
        """Return whether others may have changed something since this was asked last."""
        return True

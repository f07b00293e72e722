"""The runs that this process owns in stores which it shares, and those of them that have not begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..stores.base import BaseStore
    from ..tasks.planning import Firing
    from ..tasks.runs import Run

    #: alias of the store, the store, and the firing that was won
    Waiting = tuple[str, BaseStore, Firing]

__all__ = ("Claims",)


class Claims:
    """Knows which runs are ours. What is ours in a store and not known here is an orphan: its reply was lost, say.

    ``has_lapsed`` tells whether others may take us for dead in a store. All methods may be called from any thread.
    """

    def __init__(self, has_lapsed: Callable[[str], bool]) -> None:
        self.has_lapsed = has_lapsed
        self._known: set[str] = set()
        # By id of the list of run times, which is what an executor has.
        self._waiting: dict[int, Waiting] = {}

    def clear(self) -> None:
        """Own nothing any more."""
        self._known = set()
        self._waiting = {}

    def make(self, store: BaseStore, firings: Sequence[Firing], owner: str) -> list[Firing]:
        """Claim, and return what was won. Nobody finds a run of ours in the store before it is known here."""
        prefix = owner.rpartition("#")[2]
        runs: list[Run] = [firing.run for firing in firings if firing.run is not None]
        for run in runs:
            if type(run.id) is int:
                run.id, run.owner = f"{prefix}-{run.id}", owner
        ids = {str(run.id) for run in runs}
        self._known |= ids
        won: list[Firing] = []
        try:
            won = store.claim(firings, owner)
        finally:
            self._known -= ids - {str(firing.run.id) for firing in won if firing.run is not None}
        return won

    def knows(self, run: Run) -> bool:
        """Return whether a run is one that this process has, or is about to have."""
        return str(run.id) in self._known

    def forget(self, runs: Iterable[Run]) -> None:
        """Part with runs that are in no row of ours any more, or are to be found there by anybody."""
        self._known -= {str(run.id) for run in runs}

    # -- what has not begun -----------------------------------------------------------------------------------------

    def sent(self, alias: str, store: BaseStore, firing: Firing) -> None:
        """Note that a run is about to be sent to an executor that asks before it begins."""
        self._waiting[id(firing.run.run_times)] = alias, store, firing

    def begun(self, run_times: Any) -> bool | None:
        """Note that a run begins, and return whether it may; None when it is not one that waits."""
        waiting = self._waiting.pop(id(run_times), None)
        if waiting is None:
            return None
        alias, _store, firing = waiting
        if not self.has_lapsed(alias):
            return True
        self.forget([firing.run])
        return False

    def withdraw(self, alias: str | None = None) -> list[Waiting]:
        """Return what has not begun, in one store or all, and will not."""
        found = []
        for key, waiting in list(self._waiting.items()):
            if alias in (None, waiting[0]) and self._waiting.pop(key, None) is not None:
                found.append(waiting)
        return found

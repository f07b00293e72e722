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

__all__ = ("Claims", "name_apart")


def name_apart(run: Run) -> None:
    """Give a run an id that no run of another scheduler, or of another life of this one, has."""
    if type(run.id) is int:
        run.id = f"{run.owner.rpartition('#')[2]}-{run.id}"


class Claims:
    """Knows which runs are ours. What is ours in a store and not known here is an orphan: its reply was lost, say.

    ``has_lapsed`` tells whether others may take us for dead in a store. All methods may be called from any thread.
    """

    def __init__(self, has_lapsed: Callable[[str], bool]) -> None:
        self.has_lapsed = has_lapsed
        #: The ids of our runs, and of each how often its store had been lapsed in when it was claimed.
        self._known: dict[int | str, int] = {}
        self._lapses: dict[str, int] = {}
        # By id of the list of run times, which is what an executor has.
        self._waiting: dict[int, Waiting] = {}

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Own nothing any more."""
        self._known = {}
        self._waiting = {}

    def make(self, store: BaseStore, firings: Sequence[Firing], owner: str) -> list[Firing]:
        """Claim, and return what was won. Nobody finds a run of ours in the store before it is known here."""
        runs: list[Run] = [firing.run for firing in firings if firing.run is not None]
        lapses = self._lapses.get(runs[0].store, 0) if runs else 0
        for run in runs:
            name_apart(run)
            self._known[run.id] = lapses
        ours: list[Run] = []
        try:
            won = store.claim(firings, owner)
            ours = [firing.run for firing in won if firing.run is not None]
        finally:
            if len(ours) < len(runs):
                ids = {run.id for run in ours}
                self.forget([run for run in runs if run.id not in ids])
        return won

    def knows(self, run: Run) -> bool:
        """Return whether a run is one that this process has, or is about to have."""
        return run.id in self._known

    def forget(self, runs: Iterable[Run]) -> None:
        """Part with runs that are in no row of ours any more, or are to be found there by anybody."""
        for run in runs:
            self._known.pop(run.id, None)
            self._waiting.pop(id(run.run_times), None)

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
        if not self.has_lapsed(alias) and self._known.get(firing.run.id) == self._lapses.get(alias, 0):
            return True
        self.forget([firing.run])
        return False

    def withdraw(self, alias: str | None = None) -> list[Waiting]:
        """Return what has not begun, and will not: all, or in a store, where what is not even sent will not either."""
        if alias is not None:
            self._lapses[alias] = self._lapses.get(alias, 0) + 1
        found = []
        for key, waiting in list(self._waiting.items()):
            if alias in (None, waiting[0]) and self._waiting.pop(key, None) is not None:
                found.append(waiting)
        return found

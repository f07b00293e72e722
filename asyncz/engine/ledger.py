"""The runs that this process has handed to executors, and what was reported of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ..executors.job import failure
from ..tasks.runs import Outcome

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from ..tasks.runs import Run

    Reported = list[Outcome] | BaseException | None

__all__ = ("Ledger",)


class Ledger:
    """Live runs by the list of run times that was sent, which executors hand back when they report.

    ``report`` may be called from any thread; the rest belongs to whoever makes the pass.
    """

    def __init__(self) -> None:
        self._live: dict[int, Run] = {}
        self._untold: set[int] = set()
        self._held: dict[int, tuple[Any, Sequence[datetime.datetime] | None, Reported]] = {}
        self._reported: deque[tuple[Any, Sequence[datetime.datetime] | None, Reported]] = deque()

    def clear(self) -> int:
        """Forget every live run and every report; returns how many runs there were."""
        count = len(self._live)
        self._live.clear()
        self._untold.clear()
        self._held.clear()
        self._reported.clear()
        return count

    def open(self, run: Run) -> None:
        """Note a run that is about to be sent."""
        self._live[id(run.run_times)] = run

    def close(self, run: Run) -> None:
        """Strike a run that was not sent after all."""
        self._live.pop(id(run.run_times), None)

    def strike(self, run_times: Sequence[datetime.datetime]) -> None:
        """Strike the run that has this list, which was sent and will not be run."""
        self._live.pop(id(run_times), None)

    def report(self, task_id: Any, run_times: Sequence[datetime.datetime] | None, outcomes: Reported) -> None:
        """Take in how a run went."""
        self._reported.append((task_id, run_times, outcomes))

    def hold_back(self, run_times: Sequence[datetime.datetime]) -> None:
        """Keep the report of that run until :meth:`tell`: another thread, which settles, may be too early with it."""
        self._untold.add(id(run_times))

    def tell(self, run_times: Sequence[datetime.datetime]) -> None:
        """Let go what was held back; a settling is due when that is something."""
        key = id(run_times)
        self._untold.discard(key)
        self._release(key)

    def _release(self, key: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._reported.append(held)

    def holds(self, run_times: Sequence[datetime.datetime] | None) -> bool:
        """True when this is the list of a live run."""
        return id(run_times) in self._live

    def runs(self) -> list[Run]:
        """Return the live runs."""
        return list(self._live.values())

    @property
    def is_busy(self) -> bool:
        """True when a run is out, or a report was not drained yet."""
        return bool(self._live or self._reported or self._held)

    @property
    def has_news(self) -> bool:
        """True when something was reported that was not drained yet."""
        return bool(self._reported)

    @property
    def news(self) -> int:
        """How much was reported that was not drained yet."""
        return len(self._reported)

    @property
    def is_all_in(self) -> bool:
        """True when every run that is out has been reported."""
        return len(self._reported) == len(self._live)

    def drain(self, now: datetime.datetime, limit: int) -> list[tuple[Run, list[Outcome]]]:
        """Return at most ``limit`` runs that have ended, with their outcomes; what is of no live run is dropped."""
        ended = []
        for _ in range(min(limit, len(self._reported))):
            try:
                report = self._reported.popleft()
            except IndexError:  # another thread took the last one
                break
            if self._untold and self._is_held_back(report):
                continue
            settled = self.settled(*report, now)
            if settled is not None:
                ended.append(settled)
        return ended

    def _is_held_back(self, report: tuple[Any, Sequence[datetime.datetime] | None, Reported]) -> bool:
        key = id(report[1])
        if key not in self._untold:
            return False
        self._held[key] = report
        if key not in self._untold:  # told just now, by a thread that did not find it held
            self._release(key)
        return True

    def settled(
        self, task_id: Any, run_times: Sequence[datetime.datetime] | None, outcomes: Reported, now: datetime.datetime
    ) -> tuple[Run, list[Outcome]] | None:
        """Strike the run that a report is about and return it with its outcomes; None when there is no such run."""
        run = self._live.pop(id(run_times), None) if run_times is not None else self._guess(task_id, outcomes)
        if run is None:
            return None
        if not isinstance(outcomes, list):
            exc = outcomes or RuntimeError("The executor reported an error without saying which.")
            outcomes = [failure(run_time, exc) for run_time in run.run_times]
        run.end(outcomes, now)
        return run, outcomes

    def _guess(self, task_id: Any, outcomes: Reported) -> Run | None:
        """Strike the run meant by an executor that names the task alone: that of the reported time, else the oldest."""
        runs = [run for run in list(self._live.values()) if run.task_id == task_id]
        if isinstance(outcomes, list) and outcomes:
            runs.sort(key=lambda run: outcomes[0].run_time not in run.run_times)
        return self._live.pop(id(runs[0].run_times), None) if runs else None

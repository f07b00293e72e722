"""The record of one submission to an executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..enums import RunState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

__all__ = ("Outcome", "Run")


class Outcome:
    """How one due time of a run ended. Instants are in UTC; ``traceback`` is text."""

    # Not slotted: there is one for every run, and it differs from these in little.
    return_value: Any = None
    exception: BaseException | None = None
    traceback: str | None = None
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None

    def __init__(self, state: RunState, run_time: datetime.datetime) -> None:
        self.state = state
        self.run_time = run_time

    @classmethod
    def failed(cls, run_time: datetime.datetime, exception: BaseException, traceback: str) -> Outcome:
        """Return the outcome of a due time that raised."""
        outcome = cls(RunState.ERROR, run_time)
        outcome.exception, outcome.traceback = exception, traceback
        return outcome


class Run:
    """One submission of a task: what is in the task's row while it lives, and in the history once it has ended.

    ``owner`` is the scheduler that claimed it. ``error`` is the text of what the last failing due time raised.
    """

    state = RunState.SUBMITTED
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None
    error: str | None = None

    def __init__(
        self,
        id: int | str,
        task_id: str,
        task_name: str | None,
        store: str,
        executor: str,
        run_times: Sequence[datetime.datetime],
        owner: str,
        claimed_at: datetime.datetime,
        source: str,
    ) -> None:
        self.id = id
        self.task_id = task_id
        self.task_name = task_name
        self.store = store
        self.executor = executor
        self.run_times = run_times
        self.owner = owner
        self.claimed_at = claimed_at
        self.source = source

    def end(self, outcomes: Sequence[Outcome], now: datetime.datetime) -> None:
        """Write how the run ended; of several due times the worst counts: an error, then a miss."""
        if len(outcomes) == 1:  # nearly always
            self._end_as(outcomes[0], now)
            return
        states = {outcome.state for outcome in outcomes}
        for state in (RunState.ERROR, RunState.MISSED, RunState.EXECUTED):
            if state in states:
                self.state = state
                break
        self.started_at = next((o.started_at for o in outcomes if o.started_at is not None), None)
        self.finished_at = next((o.finished_at for o in reversed(outcomes) if o.finished_at is not None), now)
        self.error = next((_text_of(o.exception) for o in reversed(outcomes) if o.exception is not None), None)

    def _end_as(self, outcome: Outcome, now: datetime.datetime) -> None:
        self.state = outcome.state
        self.started_at = outcome.started_at
        self.finished_at = outcome.finished_at or now
        self.error = None if outcome.exception is None else _text_of(outcome.exception)


def _text_of(exception: BaseException) -> str:
    """Return the line that a traceback would end with, also for an exception whose own text cannot be had."""
    try:
        text = str(exception)
    except Exception:
        text = "(its text cannot be read)"
    return f"{type(exception).__name__}: {text}" if text else type(exception).__name__

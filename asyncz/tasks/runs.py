"""The record of one submission to an executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..enums import RunState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

__all__ = ("Outcome", "Run", "identity_of")

_SUBMITTED = RunState.SUBMITTED  # a member of an enum takes longer to look up than to use


class Outcome:
    """How one due time of a run ended. Instants are in UTC; ``traceback`` is text."""

    __slots__ = ("exception", "finished_at", "return_value", "run_time", "started_at", "state", "traceback")

    def __init__(
        self,
        state: RunState,
        run_time: datetime.datetime,
        started_at: datetime.datetime | None = None,
        finished_at: datetime.datetime | None = None,
        return_value: Any = None,
    ) -> None:
        self.state = state
        self.run_time = run_time
        self.started_at = started_at
        self.finished_at = finished_at
        self.return_value = return_value
        self.exception: BaseException | None = None
        self.traceback: str | None = None

    @classmethod
    def failed(cls, run_time: datetime.datetime, exception: BaseException, traceback: str) -> Outcome:
        """Return the outcome of a due time that raised."""
        outcome = cls(RunState.ERROR, run_time)
        outcome.exception, outcome.traceback = exception, traceback
        return outcome


class Run:
    """One submission of a task: what is in the task's row while it lives, and in the history once it has ended.

    ``owner`` is the scheduler that claimed it; ``lost`` is how many had it before and are gone. ``error`` is the text
    of what the last failing due time raised. ``head`` is for who writes it down more than once: the text of all that
    stays as it is once the run is claimed.
    """

    __slots__ = (
        "claimed_at", "error", "executor", "finished_at", "head", "id", "lost", "owner", "run_times", "source",
        "started_at", "state", "store", "task_id", "task_name",
    )  # fmt: skip

    def __init__(
        self,
        id: int | str,
        task_id: str,
        task_name: str | None,
        store: str,
        executor: str,
        run_times: list[datetime.datetime],
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
        self.state = _SUBMITTED
        self.lost = 0
        self.started_at: datetime.datetime | None = None
        self.finished_at: datetime.datetime | None = None
        self.error: str | None = None
        self.head: str | None = None

    def end(self, outcomes: Sequence[Outcome], now: datetime.datetime) -> None:
        """Write how the run ended; of several due times the worst counts: an error, then a miss."""
        if len(outcomes) == 1:  # nearly always
            outcome = outcomes[0]
            self.state, self.started_at = outcome.state, outcome.started_at
            self.finished_at = outcome.finished_at or now
            if outcome.exception is not None:
                self.error = _text_of(outcome.exception)
            return
        states = {outcome.state for outcome in outcomes}
        for state in (RunState.ERROR, RunState.MISSED, RunState.EXECUTED):
            if state in states:
                self.state = state
                break
        self.started_at = next((o.started_at for o in outcomes if o.started_at is not None), None)
        self.finished_at = next((o.finished_at for o in reversed(outcomes) if o.finished_at is not None), now)
        self.error = next((_text_of(o.exception) for o in reversed(outcomes) if o.exception is not None), None)


def identity_of(owner: str) -> str:
    """Return the name for people in an owner, which is a scheduler's identity and what tells its lives apart."""
    return owner.rpartition("#")[0] or owner


def _text_of(exception: BaseException) -> str:
    """Return the line that a traceback would end with, also for an exception whose own text cannot be had."""
    try:
        text = str(exception)
    except Exception:
        text = "(its text cannot be read)"
    return f"{type(exception).__name__}: {text}" if text else type(exception).__name__

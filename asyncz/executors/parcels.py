"""What goes to another process and what comes back.

Pools treat their own messages as always readable: one that is not breaks the pool, or is lost. So jobs and outcomes
travel as bytes inside of those messages, and what cannot be pickled or restored is one failed run.
"""

from __future__ import annotations

import pickle
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

from ..enums import RunState
from ..refs import obj_to_ref, ref_to_obj
from ..tasks.runs import Outcome
from .job import Job, failure, run_job

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("Parcel", "pack_job", "run_elsewhere", "run_packed")


def pack_job(job: Job) -> bytes:
    """Return a job as bytes: its callable by pickle, or by the reference that leads to it.

    Raises PicklingError, saying what to do about it, when neither works.
    """
    # Of a method pickle notes only its name as it is written, which is not how a private one is found again.
    forms = (_by_reference, _as_it_is) if isinstance(job.fn, MethodType) else (_as_it_is, _by_reference)
    try:
        return pickle.dumps(forms[0](job), pickle.HIGHEST_PROTOCOL)
    except Exception as exc:
        try:
            return pickle.dumps(forms[1](job), pickle.HIGHEST_PROTOCOL)
        except Exception:
            raise pickle.PicklingError(
                f"This task cannot run in another process, since it cannot be pickled: {_text(exc)}. "
                "Use a function of a module, and arguments that can be pickled."
            ) from exc


def _as_it_is(job: Job) -> Job:
    return job


class _Reference:
    """Is restored as the callable that it refers to."""

    def __init__(self, ref: str) -> None:
        self.ref = ref

    def __reduce__(self) -> Any:
        return ref_to_obj, (self.ref,)


def _by_reference(job: Job) -> Job:
    args = job.args
    if isinstance(job.fn, MethodType) and not isinstance(job.fn.__self__, type):
        args = (job.fn.__self__, *args)  # the reference leads to the function in the class
    return job.calling(_Reference(obj_to_ref(job.fn)), args)


def run_packed(packed: bytes) -> Parcel:
    """Run a packed job. Raises UnpicklingError when it cannot be restored here."""
    try:
        job = pickle.loads(packed)
    except Exception as exc:
        raise pickle.UnpicklingError(f"This task could not be restored in a worker process: {_text(exc)}.") from exc
    return Parcel(run_job(job))


def run_elsewhere(job: Job, token: str) -> Parcel:
    """Run a job that the pool has brought here by its own means.

    The token makes each call unlike any other, for engines that answer equal calls from memory.
    """
    return Parcel(run_job(job))


class Parcel(list[Outcome]):
    """Outcomes that can always be pickled, and restored."""

    def __reduce__(self) -> Any:
        return _unpacked, ([_packed(outcome) for outcome in self],)


def _packed(outcome: Outcome) -> tuple[Any, ...]:
    try:
        content = _dumps((outcome.return_value, outcome.exception))
    except Exception as exc:
        outcome = _replaced(outcome, exc, "pickled")
        content = _dumps((None, outcome.exception))
    times = (outcome.run_time, outcome.started_at, outcome.finished_at)
    return outcome.state, times, outcome.traceback, _shown(outcome), content


def _dumps(content: Any) -> bytes:
    try:
        return pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    except Exception:
        # An engine that brings callables with it, as Dask does, can take back what they return.
        cloudpickle = sys.modules.get("cloudpickle")
        if cloudpickle is None:
            raise
        return bytes(cloudpickle.dumps(content))


def _unpacked(packed: Iterable[tuple[Any, ...]]) -> Parcel:
    return Parcel([_outcome(*parts) for parts in packed])


def _outcome(
    state: RunState, times: tuple[Any, Any, Any], traceback: str | None, shown: str, content: bytes
) -> Outcome:
    outcome = Outcome(state, *times)
    outcome.traceback = traceback
    try:
        outcome.return_value, outcome.exception = pickle.loads(content)
    except Exception as exc:
        return _replaced(outcome, exc, "restored", shown)
    return outcome


def _replaced(outcome: Outcome, exc: Exception, what: str, shown: str | None = None) -> Outcome:
    """Return an outcome that says why this one did not come through."""
    shown = _shown(outcome) if shown is None else shown
    lost = pickle.PicklingError(f"The task {shown}, which cannot be {what} on its way between processes: {_text(exc)}.")
    new = failure(outcome.run_time, lost)
    new.started_at, new.finished_at = outcome.started_at, outcome.finished_at
    new.traceback = outcome.traceback or new.traceback
    return new


def _shown(outcome: Outcome) -> str:
    if outcome.exception is not None:
        return f"raised {_text(outcome.exception)}"
    return f"returned an object of type {type(outcome.return_value).__qualname__}"


def _text(exc: BaseException) -> str:
    try:
        return f"{type(exc).__qualname__}: {exc}"
    except Exception:
        return type(exc).__qualname__

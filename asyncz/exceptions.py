"""Every exception that asyncz raises of its own, and how their texts repeat what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "AsynczException",
    "AsynczLookupError",
    "BaseLookupError",
    "ConflictError",
    "ConflictIdError",
    "MaximumInstancesError",
    "NewerFormatError",
    "SchedulerAlreadyRunningError",
    "SchedulerLookupError",
    "SchedulerNotRunningError",
    "SerializationError",
    "SignatureError",
    "TaskLookupError",
    "TaskUnavailableError",
    "UnreadableRecordError",
)

#: Characters of a foreign value that a message repeats.
MAX_SHOWN = 100
#: Names that a message lists.
MAX_LISTED = 20


def shown(value: Any) -> str:
    """Return the repr of something that may be hostile: cut, so that no message is as long as its cause."""
    if isinstance(value, str):
        text = repr(value[: MAX_SHOWN + 1])
    else:
        import reprlib  # late: only for messages

        limits = reprlib.Repr()
        # A few objects can stand for billions, each holding the next one ten times.
        limits.maxlevel, limits.maxother, limits.maxlong = 3, 10_000, 10_000
        try:
            text = limits.repr(value)
        except Exception:  # an integer of thousands of digits, or a repr of somebody's own
            text = f"<{type(value).__qualname__}>"
    return text if len(text) <= MAX_SHOWN + 2 else f"{text[:MAX_SHOWN]}..."


def shown_name(value: Any) -> str:
    """Return a name without quotes, cut like :func:`shown`, and on one line."""
    text = value if isinstance(value, str) else shown(value)
    cut = text[:MAX_SHOWN]
    if not cut.isprintable():
        cut = repr(cut)[1:-1]
    return cut if len(text) <= MAX_SHOWN else f"{cut}..."


def listed(values: Iterable[Any]) -> str:
    """Return a list of names for a message, cut to the first few."""
    names = [shown_name(value) for value in values]
    return ", ".join(names[:MAX_LISTED]) + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")


class AsynczException(Exception):
    """Base of the errors that say something about a scheduler rather than about one argument."""

    detail: str = ""

    def __init__(self, *args: Any, detail: str = "") -> None:
        # The detail stays out of the arguments: unpickling passes these again, and it would be said twice.
        super().__init__(*args)
        if detail:
            self.detail = detail

    def __str__(self) -> str:
        return "".join(str(part) for part in (*self.args, self.detail) if part is not None).strip()

    def __repr__(self) -> str:
        return _labelled(self, self.detail)


class BaseLookupError(LookupError):
    """Base of the errors about something that was looked for and is not there."""

    detail: str = ""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.detail
        super().__init__(self.detail)

    def __repr__(self) -> str:
        return _labelled(self, self.detail)


def _labelled(exc: BaseException, detail: str) -> str:
    return f"{type(exc).__name__} - {detail}" if detail else type(exc).__name__


class AsynczLookupError(BaseLookupError):
    """A textual reference does not lead to an object."""


class TaskLookupError(BaseLookupError):
    """No task of this id is stored; ``task_id`` is the one that was asked for."""

    def __init__(self, task_id: Any) -> None:
        super().__init__(f"No task with the id {shown_name(task_id)} has been found.")
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id,)


class SchedulerLookupError(BaseLookupError):
    """No schedule of this id is known."""

    def __init__(self, schedule_id: Any) -> None:
        super().__init__(f"No schedule with the id {shown_name(schedule_id)} has been found.")
        self.schedule_id = schedule_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.schedule_id,)


class ConflictError(KeyError):
    """A schedule of this id is known already."""

    def __init__(self, schedule_id: Any) -> None:
        super().__init__(f"Schedule identifier ({shown_name(schedule_id)}) conflicts with an existing schedule.")
        self.schedule_id = schedule_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.schedule_id,)


class ConflictIdError(KeyError):
    """A task of this id is stored already; of several (``task_ids``) that were added at once, the first."""

    def __init__(self, task_id: Any, *others: Any) -> None:
        self.task_id, self.task_ids = task_id, (task_id, *others)
        super().__init__(
            f"Task identifiers ({listed(self.task_ids)}) conflict with existing tasks."
            if others
            else f"Task identifier ({shown_name(task_id)}) conflicts with an existing task."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.task_ids


class MaximumInstancesError(AsynczException):
    """A task is running as often at once as it may."""

    def __init__(self, id: Any, total: int) -> None:
        task = shown_name(id)
        super().__init__(detail=f"The task by the id of {task} reached its maximum number of instances {total}.")
        self.task_id = id
        self.total = total

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id, self.total)


class SchedulerAlreadyRunningError(AsynczException):
    """The call needs a scheduler that is stopped."""

    detail = "Scheduler is already running"


class SchedulerNotRunningError(AsynczException):
    """The call needs a scheduler that is running."""

    detail = "Scheduler is not running"


class SerializationError(AsynczException, TypeError, ValueError):
    """A task cannot be stored; ``argument`` says what of it, such as ``args[0]['a'][2]`` or ``kwargs['x']``."""

    def __init__(self, *args: Any, argument: str = "") -> None:
        super().__init__(*args)
        self.argument = argument


class UnreadableRecordError(AsynczException, ValueError):
    """A stored record is damaged, or is none of ours: whoever reads it, nobody can run it."""


class NewerFormatError(UnreadableRecordError):
    """A record, or all of a store, is in a later format (``found``) than this release knows (``known``)."""

    def __init__(self, what: str, found: int, known: int, release: str) -> None:
        super().__init__(
            detail=f"{what} has format {shown(found)}, and asyncz {release} reads formats up to {known}: "
            "a later release has written it, and is needed to read it."
        )
        self.what, self.found, self.known, self.release = what, found, known, release

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.found, self.known, self.release)


class SignatureError(UnreadableRecordError):
    """A record does not carry the signature of anybody who knows the secret; ``task_id`` is the one it stands under."""

    def __init__(self, task_id: Any) -> None:
        super().__init__(
            detail=f"The record of the task {shown_name(task_id)} is not signed with any of the secrets of this store: "
            "it was added, changed or moved by somebody else, or the secret is another one."
        )
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.task_id,)


class TaskUnavailableError(AsynczLookupError):
    """A stored record can be read, but the task cannot be made of it here: something that it names is missing."""

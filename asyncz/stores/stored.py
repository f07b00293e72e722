"""What a backend is handed to keep: rows, changes of rows, ended runs."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("Ended", "Stored", "Swap")


class Stored(NamedTuple):
    """A row as it is kept. A backend needs to know what it looks things up by; the rest it keeps as it is.

    ``due`` and ``nominal`` are microseconds since 1970 UTC, None where there is none. ``revision`` is positive, and
    below 2**53 to be exact everywhere. ``payload`` is the definition, ``runs`` the live runs, empty when there are
    none; a ``final`` row is hidden, and not due. ``signature`` is empty where records are not signed. What is returned
    has exactly these types.
    """

    id: str
    due: int | None
    nominal: int | None
    revision: int
    executor: str
    final: bool
    payload: bytes
    runs: str
    signature: bytes


class Ended(NamedTuple):
    """A run that has ended; ``claimed_at`` in microseconds since 1970 UTC, ``state`` as in ``RunState``."""

    task_id: str
    run_id: str
    claimed_at: int
    state: str
    content: str


class Swap(NamedTuple):
    """Put ``after`` in the place of a row that is still at that revision, or remove it where that is None.

    ``ended`` becomes part of the task's history with it, and not otherwise.
    """

    id: str
    revision: int
    after: Stored | None
    ended: tuple[Ended, ...] = ()

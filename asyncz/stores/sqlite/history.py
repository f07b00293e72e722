"""The ended runs in an SQLite file: some of each task that is there, and the last of those that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...exceptions import UnreadableRecordError
from ...serializers.plain import dumps, loads
from ..stored import Ended
from . import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .file import Cursor

__all__ = ("bury", "bury_all", "fetch", "keep", "record")

#: Ids that one statement names; older releases of SQLite take 999.
_AT_ONCE = 500
#: Of what stands at the head of a run.
_TYPES = (str, str, int, str, int)


def keep(cursor: Cursor, runs: Sequence[Ended], length: int) -> None:
    """Keep ended runs of tasks that are there, and the last so many of each task."""
    if runs:
        cursor.executemany(texts.RECORD, runs)
        cursor.executemany(texts.PRUNE, [(run.task_id, run.task_id, length) for run in runs])


def bury(cursor: Cursor, task_ids: Sequence[str], runs: Sequence[Ended]) -> None:
    """Keep what tasks leave that go, and the runs that have ended with that."""
    left: list[Ended] = []
    for start in range(0, len(task_ids), _AT_ONCE):
        some = task_ids[start : start + _AT_ONCE]
        left += map(Ended._make, cursor.execute(texts.left_by(len(some)), some))
    if left:
        cursor.executemany(texts.FORGET, {(run.task_id,) for run in left})
        left.sort(key=_claimed_at)
    _add(cursor, [*left, *runs])


def bury_all(cursor: Cursor) -> None:
    """Keep what all tasks leave but those that are hidden."""
    left = [Ended(*row) for row in cursor.execute(texts.LEFT_BY_ALL)]
    cursor.execute(texts.FORGET_ALL)
    _add(cursor, left[::-1])


def record(cursor: Cursor, runs: Iterable[Ended]) -> None:
    """Keep runs as those of tasks that are gone, but for those that are kept already."""
    known = {(run.task_id, run.run_id) for run in _gone(cursor)}
    fresh: dict[tuple[str, str], Ended] = {}
    for run in runs:
        key = run.task_id, run.run_id
        if key not in known and cursor.execute(texts.IS_KNOWN, key).fetchone() == (0,):
            fresh.setdefault(key, run)
    _add(cursor, [*fresh.values()])


def _add(cursor: Cursor, runs: Sequence[Ended]) -> None:
    if runs:
        last = runs[-texts.GONE_LENGTH :]
        heads = [(*run[:-1], len(run.content)) for run in last]
        cursor.execute(texts.BURY, (len(runs), str(dumps(heads), "utf-8"), "".join([run.content for run in last])))
        cursor.execute(texts.PRUNE_GONE)


def fetch(cursor: Cursor, task_id: str | None, state: str | None, limit: int) -> list[str]:
    """Return the contents of the ended runs that were claimed last, of one task or all, the latest first."""
    statement = texts.FETCH_RUNS[task_id is not None, state is not None]
    values = [value for value in (task_id, state, limit) if value is not None]
    found = [Ended(*row) for row in cursor.execute(statement, values)]
    found += [run for run in _gone(cursor) if task_id in (None, run.task_id) and state in (None, run.state)]
    found.sort(key=_claimed_at, reverse=True)
    return [run.content for run in found[:limit]]


def _gone(cursor: Cursor) -> list[Ended]:
    """Return the runs of tasks that are gone, the last first."""
    rows = cursor.execute(texts.FETCH_GONE)
    return [run for heads, contents in rows for run in _read(heads, contents)][: texts.GONE_LENGTH]


def _read(heads: str, contents: str) -> Iterator[Ended]:
    """Yield what is in a row, the last first, and nothing of what nobody can read."""
    try:
        found = loads(heads)
    except UnreadableRecordError:
        return
    end = len(contents)
    for head in reversed(found if type(found) is list else []):
        if type(head) is not list or tuple(map(type, head)) != _TYPES:
            return
        task_id, run_id, claimed_at, state, length = head
        yield Ended(task_id, run_id, claimed_at, state, contents[end - length : end])
        end -= length


def _claimed_at(run: Ended) -> int:
    return run.claimed_at

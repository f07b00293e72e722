"""What the Redis store writes: the names of its keys, and rows and ended runs as bytes that scripts can sort by.

A record is a line of ASCII, then bytes without separators::

    <revision> <due> <nominal> <final> <length of executor> <length of runs> <length of signature>\n
    <executor><live runs><signature><definition>

An ended run begins with its task, when it was claimed, and its id, so that members of a sorted set come in that order::

    <length>:<task id>:<claimed> <length>:<run id> <state>\n<content>
"""

from __future__ import annotations

import re

from ..stored import Ended, Stored

__all__ = ("FORMAT", "ended_entry", "instant_of", "key_names", "moment", "pack", "sorted_contents", "text", "unpack")

#: Of all that is kept under the keys of one store.
FORMAT = 1

#: Instants are written shifted by this, in 19 digits: they sort as text, from the year 1 to the year 9999.
_SHIFT = 10**18
#: The line before a record; the patterns in scripts.py read it in the same way.
_HEAD = re.compile(rb"([1-9][0-9]{0,15}) (\d{19}|-) (-?\d{1,18}|-) ([01]) (\d{1,9}) (\d{1,9}) (\d{1,9})\n")
_REVISION = re.compile(rb"([1-9][0-9]{0,15}) ")
_ENDED = re.compile(rb"([0-9]{1,9}):")


def key_names(tasks_key: str, run_times_key: str) -> tuple[str, ...]:
    """Return the keys of a store, as scripts are handed them; :mod:`asyncz.stores.redis` says what each holds."""
    return (
        tasks_key, run_times_key, f"{tasks_key}:live", f"{tasks_key}:runs", f"{tasks_key}:latest", f"{tasks_key}:gone",
        f"{tasks_key}:format", f"{run_times_key}:of", f"{tasks_key}:owners",
    )  # fmt: skip


def data(value: str) -> bytes:
    """Return a text as Redis keeps it."""
    return value.encode("utf-8", "surrogateescape")


def text(value: bytes) -> str:
    """Return what Redis keeps as text: somebody else's bytes are no reason to fail."""
    return value.decode("utf-8", "surrogateescape")


def moment(instant: int | None) -> bytes:
    """Return an instant, in microseconds since 1970 UTC, as bytes that sort as instants do."""
    return b"-" if instant is None else b"%019d" % (instant + _SHIFT)


def instant_of(value: bytes) -> int | None:
    """Return the instant that :func:`moment` has written."""
    return None if value == b"-" else int(value) - _SHIFT


def pack(row: Stored) -> bytes:
    """Return the record of a row."""
    executor, runs = data(row.executor), row.runs.encode()
    return b"%d %b %b %d %d %d %d\n%b%b%b%b" % (
        row.revision,
        moment(row.due),
        b"-" if row.nominal is None else b"%d" % row.nominal,
        row.final,
        len(executor),
        len(runs),
        len(row.signature),
        executor,
        runs,
        row.signature,
        row.payload,
    )


def unpack(task_id: str, record: bytes) -> Stored:
    """Return the row of a record. One that is damaged is all definition, of which no task can be made."""
    head = _HEAD.match(record)
    if head is None:
        return _damaged(task_id, record)
    runs_at = head.end() + int(head[5])
    signature_at = runs_at + int(head[6])
    payload_at = signature_at + int(head[7])
    try:
        runs = record[runs_at:signature_at].decode()
    except UnicodeDecodeError:
        return _damaged(task_id, record)
    return Stored(
        task_id,
        instant_of(head[2]),
        None if head[3] == b"-" else int(head[3]),
        int(head[1]),
        text(record[head.end() : runs_at]),
        head[4] == b"1",
        record[payload_at:],
        runs,
        record[signature_at:payload_at],
    )


def _damaged(task_id: str, record: bytes) -> Stored:
    revision = _REVISION.match(record)
    return Stored(task_id, None, None, int(revision[1]) if revision else 0, "default", False, record, "", b"")


def ended_entry(run: Ended) -> bytes:
    """Return what is kept of a run that has ended."""
    task_id, run_id = data(run.task_id), data(run.run_id)
    return b"%d:%b:%b %d:%b %b\n%b" % (
        len(task_id),
        task_id,
        moment(run.claimed_at),
        len(run_id),
        run_id,
        run.state.encode(),
        run.content.encode(),
    )


def sorted_contents(entries: list[bytes], limit: int) -> list[str]:
    """Return the contents of ended runs, those claimed last first; of equal ones those that come first."""
    found = []
    for entry in entries:
        size = _ENDED.match(entry)
        if size is not None:
            claimed_at = size.end() + int(size[1]) + 1
            # The content is JSON, so it is the ids that may hold line breaks.
            found.append((entry[claimed_at : claimed_at + 19], _content(entry, claimed_at + 20)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [text(content) for _claimed, content in found[:limit]]


def _content(entry: bytes, at: int) -> bytes:
    size = _ENDED.match(entry, at)
    start = at if size is None else size.end() + int(size[1])
    return entry[start:].partition(b"\n")[2]

"""What the Redis store writes: the names of its keys, and rows and ended runs as bytes that scripts can read.

A record is a line of ASCII, then bytes without separators::

    <revision> <executor>:<due> <final> <length of runs> <nominal> <length of signature>\n
    <live runs><signature><definition>

So is an ended run::

    <claimed> <state> <length of run id> <length of task id>\n
    <run id><task id><content>
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from ..stored import Ended, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "FORMAT", "data", "ended_entry", "instant_of", "key_names", "moment", "pack", "sorted_contents", "text", "unpack",
    "unpack_all", "written_name",
)  # fmt: skip

#: Of all that is kept under the keys of one store.
FORMAT = 1

#: Instants are written shifted by this, in 19 digits: they sort as text, from the year 1 to the year 9999.
_SHIFT = 10**18
#: The line before a record; the pattern in lua.py reads it in the same way.
_HEAD = re.compile(rb"([1-9]\d{0,15}) ([!-9;-~]*):(\d{19}|-) ([01]) (\d{1,9}) (-?\d{1,18}|-) (\d{1,9})\n")
_REVISION = re.compile(rb"([1-9]\d{0,15}) ")
#: The line before an ended run; history.py reads it in the same way.
_ENDED = re.compile(rb"(\d{19}) \S+ (\d{1,9}) (\d{1,9})\n")


def key_names(tasks_key: str, run_times_key: str) -> dict[str, str]:
    """Return the keys of a store by what scripts call them; :mod:`asyncz.stores.redis` says what each holds."""
    return {
        "tasks": tasks_key,
        "places": run_times_key,
        "live": f"{tasks_key}:live",
        "runs": f"{tasks_key}:runs",
        "claimed": f"{tasks_key}:claimed",
        "latest": f"{tasks_key}:latest",
        "gone": f"{tasks_key}:gone",
        "owners": f"{tasks_key}:owners",
        "format": f"{tasks_key}:format",
        "of": f"{run_times_key}:of",
    }


def data(value: str) -> bytes:
    """Return a text as Redis keeps it."""
    return value.encode("utf-8", "surrogateescape")


def text(value: bytes) -> str:
    """Return what Redis keeps as text: somebody else's bytes are no reason to fail."""
    return value.decode("utf-8", "surrogateescape")


def moment(instant: int) -> bytes:
    """Return an instant, in microseconds since 1970 UTC, as bytes that sort as instants do."""
    return b"%019d" % (instant + _SHIFT)


def instant_of(value: bytes) -> int:
    """Return the instant that :func:`moment` has written."""
    return int(value) - _SHIFT


@lru_cache(256)
def written_name(executor: str) -> bytes:
    """Return the name of an executor as it is written: as in an address of the web, with "%3A" for ":"."""
    return quote_from_bytes(data(executor), safe="").encode()


@lru_cache(256)
def _name(written: bytes) -> str:
    return text(unquote_to_bytes(written))


def pack(row: Stored) -> bytes:
    """Return the record of a row."""
    _id, due, nominal, revision, executor, final, payload, live_runs, signature = row
    runs = live_runs.encode()
    return b"%d %b:%b %d %d %b %d\n%b%b%b" % (
        revision,
        written_name(executor),
        b"-" if due is None else moment(due),
        final,
        len(runs),
        b"-" if nominal is None else b"%d" % nominal,
        len(signature),
        runs,
        signature,
        payload,
    )


def unpack(task_id: str, record: bytes) -> Stored:
    """Return the row of a record. One that is damaged is all definition, of which no task can be made."""
    head = _HEAD.match(record)
    if head is None:
        found = _REVISION.match(record)
        return Stored(task_id, None, None, int(found[1]) if found else 0, "default", False, record, "", b"")
    revision, executor, due, final, live_runs, nominal, signature = head.groups()
    begin = head.end()
    signature_at = begin + int(live_runs)
    payload_at = signature_at + int(signature)
    try:
        runs, payload = record[begin:signature_at].decode(), record[payload_at:]
    except UnicodeDecodeError:
        runs, payload = "", record
    return Stored(
        task_id,
        None if due == b"-" else int(due) - _SHIFT,
        None if nominal == b"-" else int(nominal),
        int(revision),
        _name(executor),
        final == b"1",
        payload,
        runs,
        record[signature_at:payload_at],
    )


def unpack_all(sizes: bytes, parts: Iterable[bytes]) -> list[Stored]:
    """Return the rows of which ids and records follow each other, by the sizes of all these."""
    found = []
    content = b"".join(parts)
    numbers = map(int, sizes.split())
    at = 0
    for id_size, size in zip(numbers, numbers, strict=True):
        begin, end = at + id_size, at + id_size + size
        found.append(unpack(text(content[at:begin]), content[begin:end]))
        at = end
    return found


def ended_entry(run: Ended) -> bytes:
    """Return what is kept of a run that has ended."""
    task_id, run_id = data(run.task_id), data(run.run_id)
    return b"%b %b %d %d\n%b%b%b" % (
        moment(run.claimed_at),
        run.state.encode(),
        len(run_id),
        len(task_id),
        run_id,
        task_id,
        run.content.encode(),
    )


def sorted_contents(entries: Iterable[bytes], limit: int) -> list[str]:
    """Return the contents of ended runs, those claimed last first; of equal ones those that come first."""
    found = []
    for entry in entries:
        head = _ENDED.match(entry)
        if head is not None:
            found.append((head[1], entry[head.end() + int(head[2]) + int(head[3]) :]))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [text(content) for _claimed, content in found[:limit]]

"""Rows as documents of MongoDB, and changes of rows as updates of documents. Nothing here talks to a server.

A document has the id of its task as ``_id`` and holds the row, the ended runs (``history``, the oldest first) and who
wrote it last (``tokens``). When a row is removed, its document stays for the history, with the time as ``gone`` in the
place of the row: one update does both, which a deletion and an insertion elsewhere could not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..stored import Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..stored import Ended, Swap

    Document = dict[str, Any]

__all__ = (
    "GONE", "IS_GONE", "IS_ROW", "ROW", "after_place", "contents_by_claim", "document", "due_between", "from_document",
    "history_pipeline", "loose_update", "removal", "return_update", "swap_update",
)  # fmt: skip

#: Ended runs that are kept of tasks that are gone.
GONE = 1000
#: Writes that a document remembers, so that who lost a reply can find out whether its own was among them.
TOKENS = 4

IS_GONE = {"gone": {"$exists": True}}
IS_ROW = {"gone": {"$exists": False}}

_FIELDS = Stored._fields[1:]
#: What to ask for to read a row.
ROW = dict.fromkeys((*_FIELDS, "gone"), 1)


def document(row: Stored, token: bytes) -> Document:
    """Return the document of a new row."""
    live = {"live": True} if row.runs else {}
    return {"_id": row.id, **_fields(row), **live, "tokens": [token]}


def from_document(found: Mapping[str, Any]) -> Stored:
    """Return the row of a document. A field that is not as it should be is empty: the reader of records refuses it."""
    return Stored(
        str(found["_id"]),
        _number(found.get("due")),
        _number(found.get("nominal")),
        _number(found.get("revision")) or 0,
        _text(found.get("executor")),
        found.get("final") is True,
        _bytes(found.get("payload")),
        _text(found.get("runs")),
        _bytes(found.get("signature")),
    )


def swap_update(swap: Swap, token: bytes, history_length: int) -> tuple[Document, Document]:
    """Return the filter and the update that make a change if the row is at its revision."""
    update = removal() if swap.after is None else _replacement(swap.after)
    update["$push"] = _written(token)
    if swap.ended:
        ended = [_entry(run) for run in swap.ended]
        update["$push"]["history"] = {"$each": ended, "$slice": -history_length}
    return _at_revision(swap), update


def _at_revision(swap: Swap) -> Document:
    if swap.revision:
        return {"_id": swap.id, "revision": swap.revision}
    # What from_document() reads as none; afterwards there is a real one, so that one alone wins here, too.
    is_none = [{"revision": 0}, {"revision": {"$not": {"$type": ["int", "long"]}}}]
    return {"_id": swap.id, **IS_ROW, "$or": is_none}


def return_update(row: Stored, token: bytes) -> tuple[Document, Document]:
    """Return the filter and the update that put a new row where one has gone."""
    update = _replacement(row)
    update.setdefault("$unset", {})["gone"] = ""
    update["$push"] = _written(token)
    return {"_id": row.id, **IS_GONE}, update


def removal() -> Document:
    """Return the update that takes the row out of a document."""
    return {"$unset": dict.fromkeys((*_FIELDS, "live"), ""), "$currentDate": {"gone": True}}


def loose_update(runs: Iterable[Ended], history_length: int) -> list[Document]:
    """Return the update that adds to a history, of a row or of one that is gone, those runs which are not in it."""
    known = {"$map": {"input": {"$ifNull": ["$history", []]}, "as": "run", "in": "$$run.run"}}
    added = {
        "$filter": {
            "input": {"$literal": [_entry(run) for run in runs]},
            "as": "new",
            "cond": {"$not": [{"$in": ["$$new.run", known]}]},
        }
    }
    is_row = {"$ne": [{"$type": "$revision"}, "missing"]}
    history = {"$concatArrays": [{"$ifNull": ["$history", []]}, added]}
    return [
        {
            "$set": {
                "gone": {"$cond": [is_row, "$$REMOVE", {"$ifNull": ["$gone", "$$NOW"]}]},
                "history": {"$slice": [history, {"$cond": [is_row, -history_length, -GONE]}]},
            }
        }
    ]


def due_between(executor: str, start: int | None, end: int | None) -> Document:
    """Return the filter for the rows of an executor that are due from ``start`` on and before ``end``.

    Never through the end: a server was seen to leave out the last ones when it looks for these in an index.
    """
    bounds: Document = {} if start is None else {"$gte": start}
    if end is not None:
        bounds["$lt"] = end
    return {"executor": executor, "due": bounds}


def after_place(place: tuple[int, str]) -> Document:
    """Return the filter for what comes behind that due time and id, among what is due from that time on."""
    due, task_id = place
    return {"$or": [{"due": {"$gt": due}}, {"_id": {"$gt": task_id}}]}


def contents_by_claim(history: Any, state: str | None, limit: int) -> list[str]:
    """Return the contents of a history that was read whole, the run that was claimed last first."""
    found = [run for run in (history if isinstance(history, list) else ()) if _is_run(run)]
    found = [run for run in found[::-1] if state is None or run.get("state") == state]
    found.sort(key=lambda run: int(run["claimed"]), reverse=True)
    return [run["content"] for run in found[:limit]]


def history_pipeline(*, is_gone: bool, state: str | None, limit: int) -> list[Document]:
    """Return the aggregation that gives the runs claimed last of all rows, or of all that are gone."""
    wanted = [] if state is None else [{"$match": {"history.state": state}}]
    ordered: list[Document] = [{"$sort": {"history.claimed": -1, "at": -1}}]
    # The state comes last where the number is bounded: what the bound hides must not depend on it.
    stages = [*ordered, {"$limit": GONE}, *wanted] if is_gone else [*wanted, *ordered]
    return [
        {"$match": {**(IS_GONE if is_gone else IS_ROW), "history": {"$exists": True}}},
        {"$project": {"history": 1}},
        {"$unwind": {"path": "$history", "includeArrayIndex": "at"}},
        {"$match": {"history.claimed": {"$type": "number"}, "history.content": {"$type": "string"}}},
        *stages,
        {"$limit": limit},
        {"$replaceWith": "$history"},
    ]


def _replacement(row: Stored) -> Document:
    if row.runs:
        return {"$set": {**_fields(row), "live": True}}
    return {"$set": _fields(row), "$unset": {"live": ""}}


def _fields(row: Stored) -> Document:
    return dict(zip(_FIELDS, row[1:], strict=True))


def _written(token: bytes) -> Document:
    return {"tokens": {"$each": [token], "$slice": -TOKENS}}


def _entry(run: Ended) -> Document:
    return {"run": run.run_id, "claimed": run.claimed_at, "state": run.state, "content": run.content}


def _is_run(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("claimed"), int) and isinstance(value.get("content"), str)


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes) else b""

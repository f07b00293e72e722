"""Tasks in a MongoDB database, for schedulers on many machines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...exceptions import NewerFormatError, UnreadableRecordError, shown
from ..durable import DurableStore
from ..horizon import FAR
from . import documents
from .client import MongoConnection, import_pymongo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..stored import Ended, Stored, Swap

__all__ = ("MongoDBStore",)

#: The format of documents that this release reads and writes.
FORMAT = 1
#: Removals after which a process looks whether more is kept of what is gone than has to be.
PRUNE_AFTER = 500

_ORDER = [("due", 1), ("_id", 1)]
_TOKEN_SIZE = 8
_DUPLICATE_KEY = 11000


class MongoDBStore(DurableStore):
    """Keeps each task as a document of ``collection``, in one ``database``.

    ``client`` is a ``pymongo.MongoClient``, or a reference to one ("module:name"); it is not closed here. Without it
    one is made, of ``host`` and ``port`` or a ``url`` ("mongodb://..."), and of further options of ``MongoClient``;
    those options have to be left out with a client, which keeps its own timeouts. Whatever the client says, writes are
    acknowledged when most members of the replica set have them in their journals, and reads go to the primary member.

    Beside the collection stand ``<collection>.owners`` and ``<collection>.meta``. Several stores may share a database.
    A connection that breaks in the middle of a batch may leave part of it done; claims among that part are recovered
    as orphans. Raises ImportError without ``pymongo``.
    """

    def __init__(
        self,
        database: str = "asyncz",
        collection: str = "tasks",
        client: Any = None,
        *,
        host: str | Sequence[str] | None = None,
        port: int | str | None = None,
        url: str | None = None,
        serializer: Any = None,
        secret: str | bytes | Iterable[str | bytes] | None = None,
        history_length: int | str = 10,
        **options: Any,
    ) -> None:
        super().__init__(serializer=serializer, secret=secret, history_length=history_length)
        self.database, self.collection = _name(database, "database"), _name(collection, "collection")
        self._connection = MongoConnection(client, host, port, url, options)
        self._pymongo = import_pymongo()
        self._database: Any = None
        self._removals = 0

    # -- connections ------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        try:
            self._prepare(self._connection.open(self.database))
        except Exception:
            self.disconnect()
            raise

    def _prepare(self, database: Any) -> None:
        """Look at the format, make the indexes, and take the database."""
        self._check_format(database[f"{self.collection}.meta"])
        index = self._pymongo.IndexModel
        database[self.collection].create_indexes(
            [
                index([("executor", 1), *_ORDER], name="due"),
                index([("live", 1)], name="live", sparse=True),
                index([("gone", 1)], name="gone", sparse=True),
            ]
        )
        self._database = database
        self._prune()

    def _check_format(self, meta: Any) -> None:
        found = meta.find_one({"_id": "format"})
        if found is None:
            try:
                meta.update_one({"_id": "format"}, {"$setOnInsert": {"version": FORMAT}}, upsert=True)
            except self._pymongo.errors.DuplicateKeyError:
                pass  # another process was first
            found = meta.find_one({"_id": "format"})
        what, version = f"The store in {self.database}.{self.collection}", found.get("version")
        if not isinstance(version, int) or version < 1:
            raise UnreadableRecordError(f"{what} has {shown(version)} in the place of its format.")
        if version > FORMAT:
            raise NewerFormatError(what, int(version), FORMAT, __version__)

    def disconnect(self) -> None:
        self._database = None
        self._connection.close()

    def left_behind(self) -> None:
        super().left_behind()
        self._database = None
        self._connection.left_behind()

    @property
    def _tasks(self) -> Any:
        return self._beside("")

    def _beside(self, suffix: str) -> Any:
        if self._database is None:
            raise RuntimeError("The store is not started.")
        return self._database[self.collection + suffix]

    # -- reading ----------------------------------------------------------------------------------------------------

    def fetch(self, task_ids: Sequence[str]) -> list[Stored]:
        return self._find({"_id": {"$in": list(task_ids)}}, batch=len(task_ids))

    def fetch_all(self) -> list[Stored]:
        return self._find(documents.IS_ROW)

    def fetch_live(self) -> list[Stored]:
        return self._find({"live": True})

    def fetch_due(
        self, instant: int, limit: int, executors: Sequence[str], after: tuple[int, str] | None = None
    ) -> tuple[list[Stored], int | None]:
        start, behind = (None, {}) if after is None else (after[0], documents.after_place(after))
        found: list[Stored] = []
        for executor in executors:  # each by itself, so that the index gives them in order
            wanted = {**documents.due_between(executor, start, instant + 1), **behind}
            found += self._find(wanted, order=_ORDER, limit=limit, batch=limit)
        found.sort(key=lambda row: (row.due or 0, row.id))
        if len(found) >= limit or instant >= FAR:
            return found[:limit], None
        return found, self._first_after(instant, executors)

    def _first_after(self, instant: int, executors: Sequence[str]) -> int | None:
        first = []
        for executor in executors:
            wanted = documents.due_between(executor, instant + 1, None)
            first += self._tasks.find(wanted, {"_id": 0, "due": 1}, sort=_ORDER, limit=1, batch_size=2)
        return min([int(found["due"]) for found in first], default=None)

    def _find(self, wanted: Any, *, order: Any = None, limit: int = 0, batch: int = 0) -> list[Stored]:
        """Return rows in one round trip, for which the server has to be told the size of the batch, and more than that.

        A row that moves while the server looks for it may be found twice.
        """
        size = batch and batch + 1
        cursor = self._tasks.find(wanted, documents.ROW, sort=order, limit=limit, batch_size=size)
        found = {one["_id"]: one for one in cursor if "gone" not in one}
        return [documents.from_document(one) for one in found.values()]

    # -- writing ----------------------------------------------------------------------------------------------------

    def put(self, rows: Sequence[Stored]) -> list[bool]:
        token = os.urandom(_TOKEN_SIZE)
        try:
            if rows:
                self._tasks.insert_many([documents.document(row, token) for row in rows], ordered=False)
        except self._pymongo.errors.BulkWriteError as exc:
            taken = _duplicates(exc)
        else:
            return [True] * len(rows)
        updates = [documents.return_update(rows[at], token) for at in taken]
        are_new = [True] * len(rows)
        for at, is_new in zip(taken, self._update(updates, token), strict=True):
            are_new[at] = is_new
        return are_new

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        token = os.urandom(_TOKEN_SIZE)
        updates = [documents.swap_update(swap, token, self.history_length) for swap in swaps]
        are_done = self._update(updates, token)
        self._count_removals(sum(swap.after is None for swap in swaps))
        return are_done

    def _update(self, updates: Sequence[tuple[Any, Any]], token: bytes) -> list[bool]:
        """Make these updates and say of each whether it found its document; the reply has only their number."""
        if not updates:
            return []
        update_one = self._pymongo.UpdateOne
        result = self._tasks.bulk_write([update_one(*update) for update in updates], ordered=False)
        if result.matched_count in (0, len(updates)):
            return [result.matched_count > 0] * len(updates)
        ids = [wanted["_id"] for wanted, _update in updates]
        ours = self._tasks.find({"_id": {"$in": ids}, "tokens": token}, {"_id": 1}, batch_size=len(ids) + 1)
        done = {found["_id"] for found in ours}
        return [task_id in done for task_id in ids]

    def clear(self) -> None:
        rows = {"final": {"$ne": True}, **documents.IS_ROW}
        self._tasks.delete_many({**rows, "history": {"$exists": False}})
        self._tasks.update_many(rows, documents.removal())
        self._prune()

    # -- history ----------------------------------------------------------------------------------------------------

    def record(self, runs: Sequence[Ended]) -> None:
        by_task: dict[str, list[Ended]] = {}
        for run in runs:
            by_task.setdefault(run.task_id, []).append(run)
        update_one = self._pymongo.UpdateOne
        updates = [
            update_one({"_id": task_id}, documents.loose_update(ended, self.history_length), upsert=True)
            for task_id, ended in by_task.items()
        ]
        if updates:
            self._tasks.bulk_write(updates, ordered=False)
            self._count_removals(len(updates))

    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        if limit < 1:
            return []
        if task_id is not None:
            found = self._tasks.find_one({"_id": task_id}, {"history": 1}) or {}
            return documents.contents_by_claim(found.get("history"), state, limit)
        runs = []
        for is_gone in (True, False):
            pipeline = documents.history_pipeline(is_gone=is_gone, state=state, limit=limit)
            runs += list(self._tasks.aggregate(pipeline, allowDiskUse=True))
        runs.reverse()
        return documents.contents_by_claim(runs, None, limit)

    def _count_removals(self, count: int) -> None:
        self._removals += count
        if self._removals >= PRUNE_AFTER:
            try:
                self._prune()
            except self._pymongo.errors.PyMongoError:
                pass  # what it comes after is done, and must not look as if it had failed; the next one prunes

    def _prune(self) -> None:
        """Delete what is kept of removed tasks beyond the latest, and of those that never had a run."""
        self._tasks.delete_many({**documents.IS_GONE, "history": {"$exists": False}})
        latest_first = [("gone", -1), ("_id", -1)]
        oldest = self._tasks.find(documents.IS_GONE, {"gone": 1}, sort=latest_first, skip=documents.GONE, limit=1)
        for found in oldest:
            is_older = [{"gone": {"$lt": found["gone"]}}, {"gone": found["gone"], "_id": {"$lte": found["_id"]}}]
            self._tasks.delete_many({"$or": is_older})
        self._removals = 0

    # -- owners -----------------------------------------------------------------------------------------------------

    def write_owner(self, owner: str, content: str) -> None:
        self._beside(".owners").update_one({"_id": owner}, {"$set": {"content": content}}, upsert=True)

    def fetch_owners(self) -> dict[str, str]:
        return {found["_id"]: str(found["content"]) for found in self._beside(".owners").find()}

    def remove_owner(self, owner: str) -> None:
        self._beside(".owners").delete_one({"_id": owner})


def _name(value: Any, what: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"Expected the name of a {what} as {what}, got {shown(value)}.")


def _duplicates(error: Any) -> list[int]:
    """Return which documents of a batch have an id that is taken; raises the error when it is about something else."""
    problems = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(problem["code"] != _DUPLICATE_KEY for problem in problems):
        raise error
    return [problem["index"] for problem in problems]

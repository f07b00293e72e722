"""Tasks in Redis: for many processes on many machines, which hear of each other's changes at once.

**Where things are.** With the default keys:

===========================  ==========  =========================================================================
``asyncz.tasks``             hash        id -> record: schedule, definition and live runs, in one value
``asyncz.run_times``         sorted set  ``<executor>:<due><id>`` of each task that is due some time; all
                                         scores are 0, so the order is that of the bytes: due time, then id
``asyncz.tasks:live``        set         ids of the tasks with live runs
``asyncz.tasks:runs``        hash        ``<id><claimed><number>`` -> ended run
``asyncz.tasks:claimed``     hash        id -> ``<claimed><number>`` of its ended runs, the latest first
``asyncz.tasks:latest``      sorted set  ids of tasks with ended runs; the score is when the latest one was claimed
``asyncz.tasks:gone``        list        the last 1,000 ended runs of tasks that are gone, the latest first
``asyncz.tasks:owners``      hash        schedulers and their heartbeats
``asyncz.tasks:format``      text        the format of all this, and the name of the sorted set that belongs to it
``asyncz.run_times:of``      text        the name of the hash that belongs to it
``asyncz.tasks:changes``     channel     who has changed something that others have to look at
===========================  ==========  =========================================================================

Instants are written as 19 digits: 10**18 + microseconds since 1970 UTC. Stores with other keys (both of them others)
use the same database side by side. In a Redis Cluster all keys of a store have to be in one slot, by a tag:
``tasks_key="{asyncz}.tasks", run_times_key="{asyncz}.run_times"``.

What is promised depends on how the server writes its append-only file; docs/stores.rst says what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import __version__
from ..._ids import random_id
from ...exceptions import NewerFormatError, UnreadableRecordError, shown
from ..durable import DurableStore
from . import history, queries, scripts
from .calls import ClientCalls, OwnCalls, is_ordinary
from .client import Listener, checked_client, made_client, number
from .format import (
    FORMAT,
    data,
    ended_entry,
    instant_of,
    key_names,
    moment,
    pack,
    sorted_contents,
    text,
    unpack,
    unpack_all,
    written_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..stored import Ended, Stored, Swap
    from .lua import Script

__all__ = ("RedisStore",)


class RedisStore(DurableStore):
    """Keeps tasks in a database of a Redis server (5 or later), under keys that begin with the two that are given.

    ``url`` (``redis://``, ``rediss://``, ``unix://``) takes the place of ``host`` and ``port``; a database in it, that
    of ``database``. Further options are those of ``redis.Redis``. A ``client``, or a reference "module:name" to one, is
    used as it is, with its database, and not closed; it should neither repeat what has failed nor wait for ever.
    Raises ImportError when redis-py is not installed.
    """

    def __init__(
        self,
        database: int | str = 0,
        tasks_key: str = "asyncz.tasks",
        run_times_key: str = "asyncz.run_times",
        *,
        host: str | None = None,
        port: int | str | None = None,
        client: Any = None,
        url: str | None = None,
        serializer: Any = None,
        secret: str | bytes | Iterable[str | bytes] | None = None,
        history_length: int | str = 10,
        **options: Any,
    ) -> None:
        super().__init__(serializer=serializer, secret=secret, history_length=history_length)
        self.database = number(database, "database", 0, 2**31)
        self.tasks_key = _key(tasks_key, "tasks_key")
        self.run_times_key = _key(run_times_key, "run_times_key")
        self._keys = key_names(tasks_key, run_times_key)
        if len(set(self._keys.values())) < len(self._keys):
            raise ValueError(f"Expected keys that stand apart, got {shown(tasks_key)} and {shown(run_times_key)}.")
        self._owners = self._keys["owners"]
        self._is_client_ours = client is None
        if client is None:
            client = made_client(self.database, host, port, url, options)
        elif self.database or host is not None or port is not None or url is not None or options:
            raise ValueError("Expected a client alone: it has a database, an address and options of its own.")
        self._client = checked_client(client)
        is_plain = self._is_client_ours and is_ordinary(self._client, url, options)
        self._calls = (OwnCalls if is_plain else ClientCalls)(self._client, self._keys)
        self._channel = f"{tasks_key}:changes"
        #: By which a store knows its own messages.
        self._origin = random_id().encode()
        self._listener: Listener | None = None

    # -- life -------------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        found = self._run(scripts.OPEN, data(f"{FORMAT} {self.run_times_key}"), data(self.tasks_key))
        if not found:
            raise UnreadableRecordError(
                f"{self._name()} holds something that asyncz has not written: choose another database, or other keys."
            )
        version, _space, run_times_key = text(found[0]).partition(" ")
        if version.isdecimal() and int(version) > FORMAT:
            raise NewerFormatError(self._name(), int(version), FORMAT, __version__)
        if (version, run_times_key, text(found[1])) != (str(FORMAT), self.run_times_key, self.tasks_key):
            raise UnreadableRecordError(
                f"{self._name()}: expected keys that belong together, got {shown(text(found[0]))} in "
                f"{self._keys['format']} and {shown(text(found[1]))} in {self._keys['of']}."
            )
        if self._listener is None and _is_to_be_told(self.scheduler):
            self._listener = Listener(self._client, self._channel, self._origin, self._changed)

    def _name(self) -> str:
        return f"The Redis database with the keys {self.tasks_key} and {self.run_times_key}"

    def disconnect(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
        self._calls.close()
        if self._is_client_ours:
            self._client.close()  # its next call would open it again

    def left_behind(self) -> None:
        super().left_behind()
        # The client makes new connections by itself: redis-py looks which process it is in.
        self._calls.forget()
        self._listener = None
        self._origin = random_id().encode()

    def _changed(self) -> None:
        self.refresh()
        self.scheduler.wakeup()

    def _run(self, script: Script, *args: bytes) -> Any:
        return self._calls.run(script, args)

    # -- reading ----------------------------------------------------------------------------------------------------

    def fetch(self, task_ids: Sequence[str]) -> list[Stored]:
        if not task_ids:
            return []
        records = self._client.hmget(self.tasks_key, [data(task_id) for task_id in task_ids])
        found = zip(task_ids, records, strict=True)
        return [unpack(task_id, record) for task_id, record in found if record is not None]

    def fetch_all(self) -> list[Stored]:
        return [unpack(text(task_id), record) for task_id, record in self._client.hgetall(self.tasks_key).items()]

    def fetch_due(
        self, instant: int, limit: int, executors: Sequence[str], after: tuple[int, str] | None = None
    ) -> tuple[list[Stored], int | None]:
        too_late = moment(instant + 1)
        behind = b"" if after is None else moment(after[0]) + data(after[1])
        names = [written_name(executor) for executor in executors]
        following, sizes, content = self._run(queries.DUE, too_late, b"%d" % limit, behind, *names)
        return unpack_all(sizes, content), instant_of(min(following)) if following else None

    def fetch_live(self) -> list[Stored]:
        return unpack_all(*self._run(queries.LIVE))

    # -- writing ----------------------------------------------------------------------------------------------------

    def _news(self) -> list[bytes]:
        """Return where others are told what was changed, by whom, and how many need not be told."""
        # The servers of a cluster count only those that listen at themselves.
        is_heard = self._listener is not None and self._listener.is_subscribed
        own = -1 if "cluster" in type(self._client).__module__ else int(is_heard)
        return [data(self._channel), self._origin, b"%d" % own]

    def put(self, rows: Sequence[Stored]) -> list[bool]:
        if not rows:
            return []
        args = self._news()
        for row in rows:
            args += (data(row.id), pack(row))
        return _yes_and_no(self._run(scripts.PUT, *args))

    def swap(self, swaps: Sequence[Swap]) -> list[bool]:
        if not swaps:
            return []
        args = [*self._news(), b"%d" % self.history_length]
        for task_id, revision, after, ended in swaps:
            args += (data(task_id), b"%d" % revision, b"" if after is None else pack(after), b"%d" % len(ended))
            if ended:
                args += map(ended_entry, ended)
        return _yes_and_no(self._run(scripts.SWAP, *args))

    def clear(self) -> None:
        self._run(scripts.CLEAR, *self._news())

    # -- history and owners -----------------------------------------------------------------------------------------

    def record(self, runs: Sequence[Ended]) -> None:
        if runs:
            self._run(history.RECORD, *map(ended_entry, runs))

    def fetch_runs(self, task_id: str | None, state: str | None, limit: int) -> list[str]:
        of_task = () if task_id is None else (data(task_id),)
        return sorted_contents(self._run(history.RUNS, b"%d" % limit, data(state or ""), *of_task), limit)

    def write_owner(self, owner: str, content: str) -> None:
        self._client.hset(self._owners, data(owner), data(content))

    def fetch_owners(self) -> dict[str, str]:
        return {text(owner): text(content) for owner, content in self._client.hgetall(self._owners).items()}

    def remove_owner(self, owner: str) -> None:
        self._client.hdel(self._owners, data(owner))


def _key(value: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"Expected a text that is not empty as {name}, got {shown(value)}.")
    return value


def _yes_and_no(reply: bytes) -> list[bool]:
    return [digit == 49 for digit in reply]  # 49 is "1"


def _is_to_be_told(scheduler: Any) -> bool:
    """True of a scheduler that can be woken; none is on a virtual clock, where nothing happens by itself."""
    is_virtual = bool(getattr(getattr(scheduler, "clock", None), "virtual", False))
    return callable(getattr(scheduler, "wakeup", None)) and not is_virtual

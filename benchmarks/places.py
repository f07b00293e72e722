"""Where durable stores are measured: new SQLite files on a RAM disk and on a disk, and Redis servers of our own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RAM_DISK = Path("/dev/shm")

#: Every commit outlasts a loss of power in both modes. asyncz and huey use the first by themselves; SQLAlchemy leaves
#: SQLite at the second, and is told to use the first where it says so.
WAL = "WAL + FULL"
ROLLBACK = "DELETE + FULL"


class Place:
    """An empty store: a path of a file that is not there yet, or the port of a server that holds nothing."""

    def __init__(self, journal: str = "", path: Path | None = None, port: int = 0) -> None:
        self.journal = journal
        self.path = path
        self.port = port
        self._reader: Any = None

    @property
    def reader(self) -> Any:
        """A connection by which to see what others have written: of sqlite3, or of redis."""
        if self._reader is None and self.path is not None:
            self._reader = sqlite3.connect(self.path, isolation_level=None)
        elif self._reader is None:
            import redis

            self._reader = redis.Redis(port=self.port)
        return self._reader

    def has(self, rows: str, *values: Any) -> bool:
        """Return whether there is any of these rows in the file; who is measured is not kept waiting by the look."""
        ((found,),) = self.reader.execute(f"SELECT EXISTS (SELECT 1 FROM {rows})", values)
        return bool(found)

    def multiply(self, table: str, columns: str, states: str, times: str, count: int) -> None:
        """Write copies of a row under other ids, due in a day, which takes a scheduler minutes by itself."""
        if self.path is not None:
            self.reader.execute(
                "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT ?)"
                f" INSERT INTO {table} (id, {columns}) SELECT id || '-' || number, {columns}"
                f" FROM numbers, (SELECT id, {columns} FROM {table} LIMIT 1) LIMIT ?",
                (count, count),
            )
            return
        key, state = next(iter(self.reader.hgetall(states).items()))
        due = self.reader.zscore(times, key)
        for start in range(0, count, 10_000):
            ids = [b"%s-%d" % (key, number) for number in range(start, min(start + 10_000, count))]
            self.reader.hset(states, mapping=dict.fromkeys(ids, state))
            self.reader.zadd(times, dict.fromkeys(ids, due))

    def engine(self) -> Any:
        """Return an engine of SQLAlchemy for the file, which journals as it has to."""
        import sqlalchemy

        engine = sqlalchemy.create_engine(f"sqlite:///{self.path}")

        def prepare(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA journal_mode = {self.journal.partition(' ')[0]}").close()
            connection.execute("PRAGMA synchronous = FULL").close()

        sqlalchemy.event.listen(engine, "connect", prepare)
        return engine

    def close(self) -> None:
        """Close what was opened to see it."""
        if self._reader is not None:
            self._reader.close()


@contextlib.contextmanager
def sqlite(folder: Path | None, journal: str) -> Iterator[Place]:
    """Yield a new file in a folder, by default that of temporary files."""
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as inside:
        place = Place(journal, path=Path(inside, "tasks.db"))
        try:
            yield place
        finally:
            place.close()


@contextlib.contextmanager
def redis() -> Iterator[Place]:
    """Yield a server that keeps everything in memory, started for this and stopped afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with subprocess.Popen(["redis-server", *options], cwd=folder, stdout=subprocess.DEVNULL) as server:
            place = Place(port=port)
            try:
                _await_server(port)
                yield place
            finally:
                place.close()
                server.terminate()


def has_redis() -> bool:
    """Return whether a server can be started here."""
    return shutil.which("redis-server") is not None


def _await_server(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)

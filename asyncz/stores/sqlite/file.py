"""The file of an SQLite store, and the connection to it."""

from __future__ import annotations

import errno
import math
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from ... import __version__
from ...exceptions import NewerFormatError, shown
from ..forks import never_closed, watch
from .texts import APPLICATION_ID, FORMAT, SCHEMA

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    Cursor = sqlite3.Cursor
    Place = tuple[int, int]

__all__ = ("SQLiteFile",)

Result = TypeVar("Result")

#: The first release that has what is asked of it here (upsert).
OLDEST = (3, 24, 0)
#: What a commit waits for, see ``PRAGMA synchronous``.
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
#: Bytes of a page in files that are made here: rows are written whole, and of half the size every second one moves.
PAGE_SIZE = 8192
#: Seconds between two tries of what SQLite does not wait for by itself.
_PAUSE = 0.01


class SQLiteFile:
    """Reads and writes under one connection, which is opened when it is needed, and closed when anything fails.

    Between :meth:`open` and :meth:`close`, for any thread. Raises ValueError for values that make no sense.
    """

    def __init__(self, path: Any, synchronous: Any, busy_timeout: Any) -> None:
        self.path = _absolute(path)
        self.synchronous = _one_of_synchronous(synchronous)
        self.busy_timeout = _seconds(busy_timeout)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_open = False
        #: Which file it is that the connection is to, and which is the log beside it: device and inode.
        self._place: Place | None = None
        self._log: Place | None = None
        self._version: int | None = None
        self._text_factory: Callable[[bytes], str] = str

    def open(self) -> None:
        """Open the file, and make it where it is missing.

        Raises NewerFormatError when a later release has made it, ValueError when it is something else, what sqlite3
        raises when it cannot be opened, and ImportError when there is no sqlite3, or too old a one.
        """
        with self._lock:
            if self._connection is None:
                self._connect()
            self._is_open = True

    def close(self) -> None:
        """Close it; calling this twice is fine."""
        with self._lock:
            self._is_open = False
            self._drop()
            self._place = None

    def read(self, work: Callable[[Cursor], Result]) -> Result:
        """Call a function of a cursor, which may raise what sqlite3 raises, and return what it returns.

        Raises FileNotFoundError, once, when the file was deleted; the next call makes another one. Raises RuntimeError
        while another file is in its place, beside what belongs to the old one.
        """
        with self._lock:
            try:
                return self._try(work)
            except _sqlite3().OperationalError as exc:
                if self._text_factory is not str or "UTF-8" not in str(exc):
                    raise
            self._text_factory = _text
            return self._try(work)

    def _try(self, work: Callable[[Cursor], Result]) -> Result:
        connection = self._ready()
        try:
            cursor = connection.cursor()
            found = work(cursor)
            cursor.close()
            return found
        except BaseException:
            self._drop()  # what was begun is undone with that
            raise

    def look(self, work: Callable[[Cursor], Result]) -> Result:
        """Call a function as :meth:`read` does, which reads more than once and is to see one state of the file."""
        return self._in_transaction("BEGIN", work)

    def write(self, work: Callable[[Cursor], Result]) -> Result:
        """Call a function as :meth:`read` does, in one transaction."""
        return self._in_transaction("BEGIN IMMEDIATE", work)

    def _in_transaction(self, begin: str, work: Callable[[Cursor], Result]) -> Result:
        def transaction(cursor: Cursor) -> Result:
            cursor.execute(begin)
            done = work(cursor)
            cursor.execute("COMMIT")
            return done

        return self.read(transaction)

    def is_changed(self) -> bool:
        """Return whether others have committed anything since this was asked last, or may have."""

        def look(cursor: Cursor) -> bool:
            before = self._version
            ((self._version,),) = cursor.execute("PRAGMA data_version")
            return before != self._version

        return self.read(look)

    # -- across a fork ----------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Have no connection, nor get one, until :meth:`after_fork` is called."""
        self._lock.acquire()
        self._drop()

    def after_fork(self, *, is_child: bool) -> None:
        """Let the file be used again."""
        if not is_child:
            self._lock.release()
            return
        self._lock = threading.Lock()
        if self._connection is not None:  # where nobody has called before_fork()
            never_closed.append(self._connection)
            self._connection = None

    # -- the connection ---------------------------------------------------------------------------------------------

    def _ready(self) -> sqlite3.Connection:
        """Return a connection to the file that is there, a new one where that is another than it was."""
        if not self._is_open:
            raise RuntimeError(f"The store of {self.path} is used before it was started, or after it was shut down.")
        place = _place_of(self.path)
        if self._place not in (None, place):
            self._leave(place)
        return self._connection or self._connect()

    def _leave(self, place: Place | None) -> None:
        """Drop the connection to a file that was deleted or replaced; raise unless another one may be opened there."""
        is_log_of_old = self._log is not None and _place_of(f"{self.path}-wal") == self._log
        self._drop()
        if place is None:
            self._place = None
            raise FileNotFoundError(errno.ENOENT, "The file of the store was deleted", self.path)
        if is_log_of_old:
            # SQLite would play it into the new file.
            raise RuntimeError(
                f"The file {self.path} was replaced while it was in use. Stop all that uses it, put the new file "
                "there, delete the two beside it (-wal and -shm), and start again."
            )
        self._place = None

    def _connect(self) -> sqlite3.Connection:
        module = _sqlite3()
        watch(self)
        try:
            connection: sqlite3.Connection = module.connect(
                self.path, timeout=self.busy_timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        except module.Error as exc:  # which does not say where
            raise type(exc)(f"{exc} ({self.path})") from exc
        self._connection, self._version = connection, None
        self._place, self._log = _place_of(self.path), _place_of(f"{self.path}-wal")
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = self._text_factory
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("BEGIN")  # one look: others may be about to make it
        is_empty = self._is_empty(connection)
        connection.execute("COMMIT")
        if is_empty:
            connection.execute("BEGIN IMMEDIATE")
            if self._is_empty(connection):  # still: others may have been at it
                for statement in SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        self._write_ahead(connection)
        self._is_empty(connection)  # a read: now there is a log

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        """Return whether nothing is in the file; raises NewerFormatError or ValueError when it is not for us."""
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if application == APPLICATION_ID:
            if version > FORMAT:
                raise NewerFormatError(f"The file {self.path}", version, FORMAT, __version__)
            return False
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        if application or version or tables:
            raise ValueError(f"Expected a file of asyncz or none at {self.path}, got an SQLite file of something else.")
        return True

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Set the mode in which readers and a writer do not wait for each other; the file keeps it."""
        tries = 1 + int(self.busy_timeout / _PAUSE)
        while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
                break
            except _sqlite3().OperationalError as exc:
                tries -= 1
                if "locked" not in str(exc) or not tries:
                    raise
                # It takes a lock that SQLite does not wait for.
                threading.Event().wait(_PAUSE)


def _text(data: bytes) -> str:
    """Return a text, also where somebody has written what is none: such a record cannot be read, but others can.

    Used once there is one: what comes with SQLite takes a tenth of the time.
    """
    return str(data, "utf-8", "replace")


def _sqlite3() -> Any:
    try:
        import sqlite3
    except ImportError as exc:
        raise ImportError("SQLiteStore needs the module sqlite3, which this Python was built without.") from exc
    if sqlite3.sqlite_version_info < OLDEST:
        raise ImportError(
            f"SQLiteStore needs SQLite {'.'.join(map(str, OLDEST))} or later, got {sqlite3.sqlite_version}."
        )
    return sqlite3


def _place_of(path: str) -> Place | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _absolute(path: Any) -> str:
    try:
        text = os.fsdecode(path)
    except TypeError as exc:
        raise ValueError(f"Expected the path of a file, got {shown(path)}.") from exc
    if text in ("", ":memory:"):
        raise ValueError(f"Expected the path of a file, got {text!r}; to keep tasks in memory, use MemoryStore.")
    return os.path.abspath(text)


def _one_of_synchronous(value: Any) -> str:
    if isinstance(value, str) and value.upper() in SYNCHRONOUS:
        return value.upper()
    raise ValueError(f"Expected one of {', '.join(SYNCHRONOUS)} as synchronous, got {shown(value)}.")


def _seconds(value: Any) -> float:
    try:
        if (seconds := float(value)) >= 0 and math.isfinite(seconds):
            return seconds
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError(f"Expected a number of seconds as busy_timeout, got {shown(value)}.")

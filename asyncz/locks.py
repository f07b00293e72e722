"""Locks in one form: ``with lock.protected(blocking, timeout) as held``. The block must look at ``held``.

``blocking=False`` without a timeout tries once, ``blocking=True`` without a timeout waits for ever, and a
timeout (seconds, not negative) waits that long at most, whatever ``blocking`` says. A block that was handed
False runs without the lock. A lock that was obtained is released when the block ends, also by an exception.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from .exceptions import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

__all__ = ("FileLockProtected", "LockProtected", "NullLockProtected", "RLockProtected")

#: Seconds between two tries for a busy file lock: no system call waits for one with a time limit.
FILE_LOCK_RETRY = 0.05
#: Characters of a format in a path, "08d" for example.
_MAX_FORMAT = 4


class NullLockProtected:
    """No lock: every block is let in."""

    def protected(self, blocking: bool = False, timeout: float | None = None) -> AbstractContextManager[bool]:
        """Hand the block True; ``timeout``, in seconds, is not needed."""
        _check_timeout(timeout)
        return _OPEN

    def shutdown(self) -> None:
        """Do nothing: there is nothing to release."""


class LockProtected:
    """A lock among threads, which its holder cannot take a second time."""

    def __init__(self) -> None:
        self._lock: Any = self._create()

    @staticmethod
    def _create() -> Any:
        return threading.Lock()

    def protected(self, blocking: bool = False, timeout: float | None = None) -> AbstractContextManager[bool]:
        """Hold the lock for a block, which is handed False when it was not obtained.

        Waits for it when ``blocking``, ``timeout`` seconds at most where that is given; raises
        ValueError for a timeout below 0.
        """
        _check_timeout(timeout)
        return _Hold(self._lock, blocking, timeout)

    def shutdown(self) -> None:
        """Do nothing: a block that runs keeps the lock until it ends."""

    def __enter__(self) -> None:
        """Hold the lock for a block, having waited for it as long as it takes."""
        self._lock.acquire()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._lock.release()


class RLockProtected(LockProtected):
    """A lock among threads, which its holder may take again."""

    @staticmethod
    def _create() -> Any:
        return threading.RLock()


class FileLockProtected:
    """A lock among processes (and threads: each block opens the file for itself), kept on a file.

    In the path, ``{pgrp}`` and ``{ppid}`` stand for the process group and the parent process at the time of
    construction (format specifications such as ``{pgrp:08d}`` work), so that the workers of one server share
    a lock. The file is created when needed and never deleted: one process could hold the deleted file while
    another locks its successor. A file that cannot be opened raises OSError.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = filled(os.fspath(path))
        self._held: dict[IO[bytes], int] = {}

    @contextmanager
    def protected(self, blocking: bool = False, timeout: float | None = None) -> Iterator[bool]:
        """Hold the lock for a block, which is handed False when it was not obtained.

        Waits for it when ``blocking``, ``timeout`` seconds at most where that is given; raises
        ValueError for a timeout below 0.
        """
        _check_timeout(timeout)
        with open(self.path, "a+b", buffering=0) as file:
            held = _lock_file(file, blocking, timeout)
            if held:
                self._held[file] = os.getpid()
            try:
                yield held
            finally:
                self._release(file)

    def shutdown(self) -> None:
        """Release what blocks of this object still hold; the file stays."""
        for file in tuple(self._held):
            self._release(file)

    def _release(self, file: IO[bytes]) -> None:
        pid = self._held.pop(file, None)
        # To unlock the copy that a forked child has would unlock the parent's too; to close it does not.
        if pid == os.getpid():
            from .file_locking import unlock

            unlock(file)
        file.close()


class _Hold:
    """One block under a thread lock (a class, since a generator costs several times as much to enter)."""

    __slots__ = ("_blocking", "_held", "_lock", "_timeout")

    def __init__(self, lock: Any, blocking: bool, timeout: float | None) -> None:
        self._lock = lock
        self._blocking = blocking
        self._timeout = timeout
        self._held = False

    def __enter__(self) -> bool:
        self._held = self._acquire()
        return self._held

    def _acquire(self) -> bool:
        lock = self._lock
        if self._timeout is None:
            return bool(lock.acquire(self._blocking))
        return bool(lock.acquire(timeout=min(self._timeout, threading.TIMEOUT_MAX)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._lock.release()


class _Open:
    """The block of :class:`NullLockProtected`; it has no state, hence one serves all."""

    def __enter__(self) -> bool:
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


_OPEN = _Open()


def _check_timeout(timeout: float | None) -> None:
    if timeout is not None and not timeout >= 0:  # written this way round to refuse NaN too
        raise ValueError(f"The timeout of a lock must be None or at least 0 seconds, got {shown(timeout)}.")


def filled(path: str) -> str:
    """Return a lock path with ``{pgrp}`` and ``{ppid}`` filled in.

    Raises ValueError for any other field, for attributes and items of these two, and for formats of more than
    :data:`_MAX_FORMAT` characters: one of a dozen can ask for more memory than there is.
    """
    if "{" not in path and "}" not in path:
        return path
    ppid = os.getppid()
    # Windows has no process groups; the workers of one server have their parent in common there as well.
    pgrp = os.getpgrp() if hasattr(os, "getpgrp") else ppid
    try:
        return "".join(_pieces(path, {"pgrp": pgrp, "ppid": ppid}))
    except (LookupError, OverflowError, ValueError) as exc:  # the second for a character ({pgrp:c})
        raise ValueError(f"A lock path may hold {{pgrp}} and {{ppid}}, got {shown(path)}.") from exc


def _pieces(path: str, values: dict[str, int]) -> Iterator[str]:
    from string import Formatter  # late: most paths hold no field

    for text, name, form, conversion in Formatter().parse(path):
        yield text
        if name is not None:
            if conversion or len(form or "") > _MAX_FORMAT:
                raise ValueError(f"Expected a short format, got {shown(form)}.")
            yield format(values[name], form or "")


def _lock_file(file: IO[bytes], blocking: bool, timeout: float | None) -> bool:
    from .file_locking import LOCK_EX, LOCK_NB, lock

    if blocking and timeout is None:
        return lock(file, LOCK_EX)
    left = timeout or 0.0
    while not lock(file, LOCK_EX | LOCK_NB):
        if left <= 0:
            return False
        # What was waited is counted, not read off a clock: a frozen clock cannot make the wait endless.
        time.sleep(min(left, FILE_LOCK_RETRY))
        left -= FILE_LOCK_RETRY
    return True

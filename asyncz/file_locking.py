"""Advisory locks on open files: ``fcntl.flock`` where there is one, ``msvcrt.locking`` on Windows.

Such a lock belongs to the open file, not to the process: two opens of one path exclude each other even in one
thread, and the lock lives until it is unlocked or the last copy of the descriptor is closed (a forked child
has one too). The module can be imported on a platform that has neither; its functions then raise
NotImplementedError.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("LOCK_EX", "LOCK_NB", "LOCK_SH", "check_supported", "lock", "unlock", "with_lock")

_File: TypeAlias = "IO[Any] | int"

# The numbers of flock(2), the same wherever it exists; elsewhere they serve as flags of our own.
LOCK_SH = 1
LOCK_EX = 2
LOCK_NB = 4
_LOCK_UN = 8

#: What the systems answer when somebody else holds the lock.
_BUSY = frozenset((errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK))
#: The byte that stands for the file on Windows: far behind any content, since a locked byte cannot be read.
_WINDOWS_BYTE = 0x7FFF_0000
#: Seconds between two tries on Windows, whose own waiting mode gives up after ten seconds.
_WINDOWS_RETRY = 0.05


def _fcntl_backend() -> Callable[[int, int], None]:
    import fcntl

    return fcntl.flock


def _msvcrt_backend() -> Callable[[int, int], None]:
    import msvcrt as module

    msvcrt: Any = module  # its contents are unknown to type checkers that run on another platform

    def locking(fd: int, flags: int) -> None:
        position = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _WINDOWS_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_UNLCK if flags & _LOCK_UN else msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, position, os.SEEK_SET)

    def waiting(fd: int, flags: int) -> None:
        while True:
            try:
                return locking(fd, flags)
            except OSError as exc:
                if flags & LOCK_NB or exc.errno not in _BUSY:
                    raise
            time.sleep(_WINDOWS_RETRY)

    return waiting


def _refuse(fd: int, flags: int) -> None:
    raise NotImplementedError(
        f"File locks need the module fcntl or msvcrt; this Python for {sys.platform!r} has neither."
    )


def _find_backend() -> Callable[[int, int], None]:
    for backend in (_fcntl_backend, _msvcrt_backend):
        try:
            return backend()
        except ImportError:
            continue
    return _refuse


_apply = _find_backend()


def check_supported() -> None:
    """Raise NotImplementedError where files cannot be locked."""
    if _apply is _refuse:
        _refuse(-1, 0)


def lock(f: _File, flags: int) -> bool:
    """Lock an open file or descriptor; with ``LOCK_NB``, return False when another holder is in the way.

    Without ``LOCK_NB`` it waits. On Windows ``LOCK_SH`` locks like ``LOCK_EX``. Other failures raise OSError.
    """
    try:
        _apply(_descriptor(f), flags)
    except OSError as exc:
        if not flags & LOCK_NB or exc.errno not in _BUSY:
            raise
        return False
    return True


def unlock(f: _File) -> None:
    """Give the lock up, for every copy of the descriptor."""
    _apply(_descriptor(f), _LOCK_UN)


@contextmanager
def with_lock(f: _File, flags: int) -> Iterator[bool]:
    """Hold the lock for a block, which is handed False when it was busy and ``LOCK_NB`` was asked for."""
    held = lock(f, flags)
    try:
        yield held
    finally:
        if held:
            unlock(f)


def _descriptor(f: _File) -> int:
    return f if isinstance(f, int) else f.fileno()

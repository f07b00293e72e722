"""Who of several processes runs the tasks of a store: the one that holds the lock on a file, for as long as it lives.

The kernel lets go of the lock when its holder dies. The file tells through which instant its holder has run what was
due, so that whoever takes over does not run it again. It is never deleted: that would let two holders in.
"""

from __future__ import annotations

import os
import weakref

from .locks import filled

__all__ = ("Leadership",)

#: The instant is written with so many digits, so that a write always covers the one before.
_DIGITS = 20
#: The year 9999, and some. A file that tells of a later instant was not written here.
_LAST = 3 * 10**17

_held: weakref.WeakSet[Leadership] = weakref.WeakSet()


class Leadership:
    """The lock file of one store.

    ``path`` may hold ``{pgrp}`` and ``{ppid}``; raises ValueError for other fields, NotImplementedError where files
    cannot be locked.
    """

    def __init__(self, path: str) -> None:
        from .file_locking import check_supported

        check_supported()
        self.path = filled(path)
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """True when this process leads."""
        return self._descriptor is not None

    def take(self) -> bool:
        """Try to lead; False when another process does. Raises OSError when the file cannot be opened."""
        if self._descriptor is not None:
            return True
        from .file_locking import LOCK_EX, LOCK_NB, lock

        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        if not lock(descriptor, LOCK_EX | LOCK_NB):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        _held.add(self)
        return True

    def read(self) -> int | None:
        """Return the instant through which the last leader ran, in microseconds since 1970 UTC; None if unknown."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        text = os.read(self._descriptor, _DIGITS)
        instant = int(text) if len(text) == _DIGITS and text.isdigit() else None
        return None if instant is None or instant > _LAST else instant

    def write(self, instant: int) -> None:
        """Tell whoever comes after through which instant this process has run."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, b"%0*d\n" % (_DIGITS, max(0, instant)))

    def release(self) -> None:
        """Let another process lead."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            from .file_locking import unlock

            unlock(descriptor)
            os.close(descriptor)

    def _close_in_child(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _close_all_in_child() -> None:
    # To unlock the child's copy would unlock the parent's; to keep it open would keep the lock when the parent dies.
    for leadership in list(_held):
        leadership._close_in_child()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all_in_child)

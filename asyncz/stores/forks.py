"""Connections to files that are not to be open while a process forks.

SQLite remembers for each process what it has locked. A child would count on the locks of its parent, which are not its
own: the parent, or who comes after it, would take itself for the last one and delete the log that the child still
writes to. Closing the parent's connection in the child drops locks, too. So there is none while a process forks.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Protocol

__all__ = ("never_closed", "watch")


class Forkable(Protocol):
    """What can let go of a connection for the time of a fork."""

    def before_fork(self) -> None:
        """Close the connection, and open none until :meth:`after_fork`."""

    def after_fork(self, *, is_child: bool) -> None:
        """Go on, in the parent or the child."""


#: Connections of a parent that came into this process all the same.
never_closed: list[Any] = []
_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
#: What is held for the fork that goes on, and the lock of whoever makes it: two threads may fork at once.
_held: list[Forkable] = []
_forking = threading.Lock()


def watch(store: Forkable) -> None:
    """Have a store let go of its connection whenever this process forks."""
    _watched.add(store)


def _hold() -> None:
    _forking.acquire()
    for store in list(_watched):
        store.before_fork()
        _held.append(store)


def _go_on() -> None:
    while _held:
        _held.pop().after_fork(is_child=False)
    _forking.release()


def _go_on_in_child() -> None:
    while _held:
        _held.pop().after_fork(is_child=True)
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_go_on_in_child)

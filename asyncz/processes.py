"""Where a process runs, so that another one on the same machine can tell whether it is gone for certain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

__all__ = ("is_gone", "whereabouts")

#: The 22nd field of /proc/pid/stat, counted from behind the name: when the process was started (proc(5)).
_STARTED = 22 - 3


def whereabouts() -> dict[str, Any]:
    """Return what tells this process from all others: boot of the machine, pid namespace, user, pid and start.

    Empty on systems that do not say (without Linux's /proc).
    """
    place = _place()
    started = _started(os.getpid()) if place else None
    return {} if started is None else {**place, "pid": os.getpid(), "started": started}


def is_gone(where: Mapping[str, Any]) -> bool:
    """Return whether the process that was there has ended for certain; False where that cannot be told from here."""
    place = _place()
    if not place or any(where.get(name) != value for name, value in place.items()):
        return False
    pid, started = where.get("pid"), where.get("started")
    return type(pid) is int and type(started) is int and _started(pid) != started


def _place() -> dict[str, Any]:
    """Return the boot of the machine, the namespace in which pids count (pid_namespaces(7)), and the user.

    Those of another user may be hidden (hidepid in proc(5)), which looks as if they had ended.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return {"boot": file.read().strip(), "pids": os.readlink("/proc/self/ns/pid"), "user": os.getuid()}
    except OSError:
        return {}


def _started(pid: int) -> int | None:
    """Return when a process was started, in ticks since the boot; None when there is none of that pid, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if state in (b"Z", b"X") else int(fields[_STARTED - 1])

"""Identifiers that nobody else has."""

from __future__ import annotations

import os

__all__ = ("random_id",)

#: Made at once: to ask the system for random bytes takes longer than all the rest.
_AT_ONCE = 64
#: What of the digits is random, and what says that this is a random UUID (RFC 9562, version 4).
_RANDOM = int("ffffffffffff0fff3fffffffffffffff" * _AT_ONCE, 16)
_MARKS = int("00000000000040008000000000000000" * _AT_ONCE, 16)

_spare: list[str] = []
_owner = 0


def random_id() -> str:
    """Return the 32 hexadecimal digits of a random UUID (RFC 9562, version 4)."""
    # Made by hand: the import of uuid costs more than a scheduler's own, and its objects more than a task.
    global _spare, _owner
    pid = os.getpid()
    if pid != _owner:  # the spare ones belong to the process that this one was forked from
        _spare, _owner = [], pid
    try:
        return _spare.pop()
    except IndexError:
        fresh = _random_ids()
        own = fresh.pop()  # before other threads get at them
        _spare = fresh
        return own


def _random_ids() -> list[str]:
    digits = f"{int.from_bytes(os.urandom(16 * _AT_ONCE), 'big') & _RANDOM | _MARKS:0{32 * _AT_ONCE}x}"
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]

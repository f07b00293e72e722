"""Identifiers that nobody else has."""

from __future__ import annotations

import os

__all__ = ("random_id",)


def random_id() -> str:
    """Return the 32 hexadecimal digits of a random UUID (RFC 9562, version 4)."""
    # Made by hand: the import of uuid costs more than a scheduler's own, and its objects more than a task.
    digits = os.urandom(16).hex()
    return f"{digits[:12]}4{digits[13:16]}{'89ab'[int(digits[16], 16) & 3]}{digits[17:]}"

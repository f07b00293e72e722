"""Where tasks live: in memory here; durable stores stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .base import BaseStore as BaseStore
    from .memory import MemoryStore as MemoryStore

__all__, __getattr__, __dir__ = lazy_exports(__name__, {"BaseStore": ".base", "MemoryStore": ".memory"})

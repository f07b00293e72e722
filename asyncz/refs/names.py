"""What callables are called in messages and in lists of tasks."""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import Any

__all__ = ("get_callable_name", "owner_of", "shown")

#: Characters of a foreign value that a message repeats.
MAX_SHOWN = 100


def get_callable_name(fn: Any) -> str:
    """Return a name for people: "function", "Class.method", the class of an object with ``__call__``.

    A partial has the name of what it calls. Raises TypeError for something that cannot be called.
    """
    while isinstance(fn, partial):
        fn = fn.func
    if not callable(fn):
        raise TypeError(f"Expected a callable to take a name from, got {shown(fn)}.")
    if isinstance(fn, MethodType):
        return f"{owner_of(fn).__qualname__}.{get_callable_name(fn.__func__).rpartition('.')[2]}"
    qualname = getattr(fn, "__qualname__", None)
    return qualname if isinstance(qualname, str) else type(fn).__qualname__


def owner_of(method: MethodType) -> type:
    """Return the class that a method was reached through."""
    bound = method.__self__
    return bound if isinstance(bound, type) else type(bound)


def shown(value: Any) -> str:
    """Return the repr of something that may be hostile: cut, so that no message is as long as its cause."""
    text = repr(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN + 2 else f"{text[:MAX_SHOWN]}..."

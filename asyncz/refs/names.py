"""What callables are called in messages and in lists of tasks."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType
from typing import Any

from ..exceptions import shown

__all__ = ("get_callable_name", "owner_of")


def get_callable_name(fn: Any) -> str:
    """Return a name for people: "function", "Class.method", the class of an object with ``__call__``.

    A partial has the name of what it calls. Raises TypeError for something that cannot be called.
    """
    if type(fn) is FunctionType:
        return fn.__qualname__
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

"""Callables: their references "module:Class.method", their names, and how they may be called."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

from ..exceptions import AsynczException, AsynczLookupError, shown
from .calls import (
    check_callable_args,
    check_decorated_args,
    is_awaitable_callable,
    make_async_function,
    make_function,
)
from .names import get_callable_name, owner_of

__all__ = (
    "check_callable_args",
    "check_decorated_args",
    "get_callable_name",
    "is_awaitable_callable",
    "make_async_function",
    "make_function",
    "maybe_ref",
    "obj_to_ref",
    "ref_to_obj",
)

#: Packages nested deeper than this are not looked for: the import system recurses once for each level.
MAX_MODULE_DEPTH = 50
#: How many wrappers are looked through; a bound, since ``__wrapped__`` may lead back to where it came from.
MAX_WRAPPERS = 50


def obj_to_ref(obj: Any) -> str:
    """Return the reference "module:qualname" through which another process finds the callable.

    A method bound to an object is referenced as the function in that object's class; a class method belongs
    to the class that it was reached through. Nothing is imported. Raises ValueError when no reference would
    lead back to the callable, and TypeError when it is none.
    """
    if type(obj) is FunctionType and not obj.__dict__:
        module, name = obj.__module__, obj.__qualname__
        # Most are what their module has under their name: there is no more to look at.
        if type(module) is str and name.isidentifier() and getattr(sys.modules.get(module), name, None) is obj:
            return f"{module}:{name}"
    name = get_callable_name(obj)
    if isinstance(obj, partial):
        raise ValueError(f"There is no reference to a partial (of {name}): no name stands for it.")
    if "<lambda>" in name:
        raise ValueError(f"There is no reference to a lambda ({name}): no name stands for it.")
    if "<locals>" in name:
        raise ValueError(f"There is no reference to a nested function ({name}): it cannot be imported.")
    module, path = _module_of(obj, name), _attribute_path(obj, name)
    _check_leads_back(obj, module, path)
    return f"{module}:{path}"


def ref_to_obj(ref: str) -> Any:
    """Return what a reference names, importing its module.

    A task is followed to its callable, as is any object with a callable ``fn``. Raises TypeError when the
    reference is not text, AsynczException when it has no colon, and AsynczLookupError when the module cannot
    be imported (whatever it raised is the cause) or lacks the attribute.
    """
    if not isinstance(ref, str):
        raise TypeError(f'Expected a reference as text ("module:name"), got {type(ref).__qualname__}.')
    module, colon, path = ref.partition(":")
    if not colon:
        raise AsynczException(f'Expected a reference such as "module:name", got {shown(ref)}: no colon.')
    imported = _import(module, ref)
    try:
        return _follow_fn(_walk(imported, path))
    except Exception as exc:  # AttributeError as a rule; but attributes may be looked up by anybody's code
        raise AsynczLookupError(f"Module {shown(module)} has no attribute {shown(path)}.") from exc


def maybe_ref(ref: Any) -> Any:
    """Return what a textual reference names; anything but text is returned as it is."""
    return ref_to_obj(ref) if isinstance(ref, str) else ref


def _import(module: str, ref: str) -> Any:
    parts = module.split(".")
    if not all(parts) or len(parts) > MAX_MODULE_DEPTH:
        raise AsynczLookupError(f"There is no module {shown(module)} (in the reference {shown(ref)}).")
    try:
        return import_module(module)
    # The module is somebody else's code, and may raise anything; a script ends with SystemExit.
    except (Exception, SystemExit) as exc:
        what = f"Module {shown(module)} of the reference {shown(ref)}"
        raise AsynczLookupError(f"{what} cannot be imported: {shown(exc)}.") from exc


def _walk(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _follow_fn(found: Any) -> Any:
    fn = None if isinstance(found, type) else getattr(found, "fn", None)
    return fn if callable(fn) else found


def _module_of(obj: Any, name: str) -> str:
    if isinstance(obj, MethodType):
        return str(owner_of(obj).__module__)
    if not hasattr(obj, "__qualname__"):
        raise ValueError(f"There is no reference to an object with __call__ (an instance of {name}).")
    home = getattr(obj, "__self__", None) if isinstance(obj, BuiltinMethodType) else None
    if home is not None and not isinstance(home, (type, ModuleType)):
        raise ValueError(f"There is no reference to the built-in method {name} of an object.")
    # A method of a built-in class names no module, but its class does.
    home = obj if getattr(obj, "__module__", None) else getattr(obj, "__objclass__", home)
    module = getattr(home, "__module__", None)
    if not module:
        raise ValueError(f"There is no reference to {name}: it names no module.")
    return str(module)


def _attribute_path(obj: Any, name: str) -> str:
    """Return the name as attributes spell it: ``__tick`` of class ``A`` is ``_A__tick`` from outside."""
    owner, _, last = name.rpartition(".")
    if not owner or not last.startswith("__") or last.endswith("__"):
        return name
    defined_in = getattr(obj, "__qualname__", name).rpartition(".")[0].rpartition(".")[2]
    return f"{owner}._{defined_in.lstrip('_')}{last}"


def _check_leads_back(obj: Any, module: str, path: str) -> None:
    """Refuse a reference whose name stands for something else.

    A name that is not there yet, or stands for an earlier version of the callable, is accepted: a decorator
    sees a function before it has its name, and a module may be reloaded.
    """
    if module not in sys.modules:
        return
    try:
        found = _follow_fn(_walk(sys.modules[module], path))
    except AttributeError as exc:
        if isinstance(obj, MethodType):  # its class exists, so the name will not come any more
            raise ValueError(
                f"There is no reference to the method {shown(obj)}: {module}:{path} does not exist."
            ) from exc
        return
    if getattr(found, "__func__", found) is getattr(obj, "__func__", obj):
        return
    if getattr(found, "__qualname__", None) != getattr(obj, "__qualname__", path) or _wraps(found, obj):
        raise ValueError(f"There is no reference to {shown(obj)}: {module}:{path} stands for something else.")


def _wraps(outer: Any, inner: Any) -> bool:
    for _ in range(MAX_WRAPPERS):
        outer = getattr(outer, "__wrapped__", None)
        if outer is None or outer is inner:
            break
    return outer is inner

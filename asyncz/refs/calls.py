"""How a callable may be called: with which arguments, awaited or not, and generators as callables."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..exceptions import listed
from .names import get_callable_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
    from inspect import Parameter

__all__ = (
    "check_callable_args",
    "check_decorated_args",
    "is_awaitable_callable",
    "make_async_function",
    "make_function",
)

T = TypeVar("T")

# Flags of code objects, from the documentation of the module inspect, whose import costs more than ours.
_CO_VARARGS = 0x04
_CO_AWAITABLE = 0x80 | 0x100  # "async def", and generators marked by types.coroutine


def make_function(fn: Callable[..., T]) -> Callable[..., T]:
    """Return a plain function that calls ``fn``, such as the ``send`` of a generator that tasks tick.

    What ``fn`` raises passes through, the StopIteration of a generator that ends included.
    """

    def call(*args: Any, **kwargs: Any) -> T:
        return fn(*args, **kwargs)

    return cast("Callable[..., T]", _named_after(fn, call))


def make_async_function(fn: Callable[..., Awaitable[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    """Return a coroutine function that awaits what ``fn`` returns: the ``asend`` of an async generator, say.

    What ``fn`` raises passes through, the StopAsyncIteration of a generator that ends included.
    """

    async def call(*args: Any, **kwargs: Any) -> T:
        return await fn(*args, **kwargs)

    return cast("Callable[..., Coroutine[Any, Any, T]]", _named_after(fn, call))


def _named_after(fn: Any, call: Any) -> Any:
    # "<locals>" stays in the name: there is no reference to such a function, so durable stores refuse it.
    call.__qualname__ = f"{call.__qualname__.rpartition('.')[0]}.{get_callable_name(fn)}"
    call.__name__ = call.__qualname__.rpartition(".")[2]
    return call


def is_awaitable_callable(fn: Any) -> bool:
    """Return whether calling this gives something to await.

    True for coroutine functions and methods, for what ``inspect.markcoroutinefunction`` or asyncio marked as
    one, for objects with an async ``__call__``, and for partials of all these. A plain function that happens
    to return an awaitable cannot be told.
    """
    if type(fn) is FunctionType and not fn.__dict__:  # nothing was marked: most callables are answered here
        return bool(fn.__code__.co_flags & _CO_AWAITABLE)
    fn = _without_partials(fn)
    if _is_coroutine_function(fn):
        return True
    if isinstance(fn, (FunctionType, type)):
        return False
    return _is_coroutine_function(_without_partials(getattr(type(fn), "__call__", None)))  # noqa: B004


def _without_partials(fn: Any) -> Any:
    while isinstance(fn, partial):
        fn = fn.func
    return fn


def _is_coroutine_function(fn: Any) -> bool:
    if isinstance(fn, MethodType):
        fn = fn.__func__
    flags = getattr(getattr(fn, "__code__", None), "co_flags", 0)
    if isinstance(flags, int) and flags & _CO_AWAITABLE:
        return True
    # inspect and asyncio mark with a bare object() of their own, which nothing else has under these names.
    marks = (getattr(fn, "_is_coroutine_marker", None), getattr(fn, "_is_coroutine", None))
    return type(marks[0]) is object or type(marks[1]) is object


def check_callable_args(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the parameters at fault, when ``fn(*args, **kwargs)`` would not fit.

    A wrapper is judged by its own signature, not by that of what it wraps. Callables that tell no signature
    pass. Raises TypeError when ``fn`` cannot be called.
    """
    if _surely_takes(fn, len(args), kwargs):
        return
    import inspect  # late: most calls are answered above, and it costs more to import than this package

    try:
        parameters = inspect.signature(fn, follow_wrapped=False).parameters.values()
    except ValueError:
        return
    problems = "; ".join(_problems(list(parameters), args, kwargs))
    if problems:
        raise ValueError(f"{get_callable_name(fn)} cannot be called with these arguments: {problems}.")


def check_decorated_args(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Check, like :func:`check_callable_args`, what a decorator was given.

    In the body of a class that is a function which has yet to become a method: its first parameter may stay
    open, for the object that it will be bound to.
    """
    try:
        check_callable_args(fn, args, kwargs)
    except ValueError:
        if not _is_from_class_body(fn):
            raise
        check_callable_args(fn, (None, *args), kwargs)


def _is_from_class_body(fn: Any) -> bool:
    owner = fn.__qualname__.rpartition(".")[0] if isinstance(fn, FunctionType) else ""
    return bool(owner) and not owner.endswith("<locals>")


def _surely_takes(fn: Any, given: int, kwargs: Mapping[str, Any]) -> bool:
    """Return True when this is a plain function or method that takes so many positional arguments and these keywords.

    False says nothing: what is rare is left to the module inspect.
    """
    if type(fn) is MethodType:
        fn = fn.__func__
        given += 1
    if type(fn) is not FunctionType:
        return False
    code = fn.__code__
    if kwargs or code.co_kwonlyargcount:
        return not fn.__dict__ and _takes_keywords(fn, given, kwargs)  # it might have a __signature__ of its own
    accepted = code.co_argcount
    if given > accepted:
        return code.co_flags & _CO_VARARGS != 0
    return given == accepted or given >= accepted - len(fn.__defaults__ or ())


def _takes_keywords(fn: FunctionType, given: int, kwargs: Mapping[str, Any]) -> bool:
    """Return True when each keyword is a parameter that is still open, and none is left that needs a value."""
    code = fn.__code__
    accepted, positional_only = code.co_argcount, code.co_posonlyargcount
    names = code.co_varnames[: accepted + code.co_kwonlyargcount]
    if given > accepted or not kwargs.keys() <= set(names[max(given, positional_only) :]):
        return False
    without_default = names[given : accepted - len(fn.__defaults__ or ())]
    by_keyword = [name for name in names[accepted:] if name not in (fn.__kwdefaults__ or ())]
    return all(name in kwargs for name in (*without_default, *by_keyword))


def _problems(parameters: list[Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[str]:
    """Say, in parts of one sentence, what keeps the call from fitting."""
    kinds = {p.kind.name for p in parameters}
    positional = [p for p in parameters if p.kind.name.startswith("POSITIONAL")]
    if len(args) > len(positional) and "VAR_POSITIONAL" not in kinds:
        yield f"too many positional arguments ({len(args)} given, {len(positional)} accepted)"
    filled = [p.name for p in positional[: len(args)]]
    for fault, names in _faults(parameters, filled, kwargs, "VAR_KEYWORD" in kinds).items():
        if names:
            yield f"{fault}: {listed(names)}"


def _faults(
    parameters: list[Parameter], filled: list[str], kwargs: Mapping[str, Any], takes_any: bool
) -> dict[str, list[str]]:
    required = [p.name for p in parameters if p.default is p.empty and _is_single(p)]
    by_position = {p.name for p in parameters if p.kind is p.POSITIONAL_ONLY}
    # Beside **kwargs, a keyword with the name of a positional-only parameter is just another keyword.
    named = _without(kwargs, by_position) if takes_any else list(kwargs)
    known = {p.name for p in parameters if _is_single(p)}
    return {
        "missing": _without(required, {*filled, *named}),
        "given by position and by keyword": [name for name in _without(filled, by_position) if name in named],
        "positional-only, but given by keyword": [name for name in named if name in by_position],
        "not accepted": [] if takes_any else _without(named, known),
    }


def _without(names: Iterable[str], excluded: set[str]) -> list[str]:
    return [name for name in names if name not in excluded]


def _is_single(parameter: Parameter) -> bool:
    return not parameter.kind.name.startswith("VAR")

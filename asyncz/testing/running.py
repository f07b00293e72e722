"""Running coroutines in virtual time, as ``asyncio.run`` runs them in real time."""

from __future__ import annotations

import asyncio
import datetime
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from .clock import DEFAULT_START, VirtualClock
from .loop import VirtualTimeLoop

__all__ = ("run", "virtual_time")

_T = TypeVar("_T")
_Async = Callable[..., Coroutine[Any, Any, _T]]
_Start = datetime.datetime | str


def run(
    main: Callable[[VirtualClock], Coroutine[Any, Any, _T]],
    *,
    start: _Start = DEFAULT_START,
    clock: VirtualClock | None = None,
    debug: bool | None = None,
) -> _T:
    """Call ``main(clock)``, run the coroutine that it returns in virtual time, and return its result.

    A clock is made that shows ``start``, unless one is given. As ``asyncio.run`` does, this cancels the tasks
    that are left, and closes async generators, the default executor and the loop. The current event loop of
    the thread stays what it was. Raises RuntimeError inside of a running loop, and NothingScheduledError as
    soon as all would wait for ever.
    """
    _refuse_running_loop()
    loop = VirtualTimeLoop(VirtualClock(start) if clock is None else clock)
    try:
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main(loop.asyncz_clock))
    finally:
        try:
            _clean_up(loop)
        finally:
            loop.close()


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("asyncz.testing.run() cannot be called from a running event loop.")


def _clean_up(loop: VirtualTimeLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    for task in left:
        _report(loop, task)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


def _report(loop: VirtualTimeLoop, task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        message = "unhandled exception when asyncz.testing.run() cancelled what was left"
        loop.call_exception_handler({"message": message, "exception": error, "task": task})


@overload
def virtual_time(test: _Async[_T], /) -> Callable[..., _T]: ...
@overload
def virtual_time(*, start: _Start = ...) -> Callable[[_Async[_T]], Callable[..., _T]]: ...
def virtual_time(test: _Async[Any] | None = None, /, *, start: _Start = DEFAULT_START) -> Any:
    """Turn an ``async def`` test into a plain one that runs in virtual time.

    The test may ask for ``clock``, its :class:`VirtualClock`; all other parameters are left to the test
    framework (fixtures and parameters of pytest, ``self`` of unittest). Raises TypeError when the test is not
    ``async def``.
    """
    if test is None:
        return functools.partial(_in_virtual_time, start=start)
    return _in_virtual_time(test, start=start)


def _in_virtual_time(test: _Async[_T], *, start: _Start) -> Callable[..., _T]:
    if not inspect.iscoroutinefunction(test):
        raise TypeError(f"virtual_time expects an async def function, got {test!r} instead.")
    signature = inspect.signature(test)
    names = list(signature.parameters)

    @functools.wraps(test)
    def in_virtual_time(*args: Any, **kwargs: Any) -> _T:
        def main(clock: VirtualClock) -> Coroutine[Any, Any, _T]:
            positional, named = _with_clock(names, clock, args, kwargs)
            return test(*positional, **named)

        return run(main, start=start)

    rest = [parameter for parameter in signature.parameters.values() if parameter.name != "clock"]
    in_virtual_time.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    return in_virtual_time


def _with_clock(
    names: list[str], clock: VirtualClock, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of the call, with ``clock`` where the test expects it, if it does."""
    if "clock" not in names:
        return args, kwargs
    place = names.index("clock")
    if len(args) > place:
        return (*args[:place], clock, *args[place:]), kwargs
    return args, {**kwargs, "clock": clock}

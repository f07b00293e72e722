"""Times of calls that take microseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any


def each(fn: Callable[..., Any], chunks: Iterable[Iterable[tuple[Any, ...]]]) -> float:
    """Return the seconds that one call of ``fn`` takes: the median over chunks of calls with these arguments.

    The median, because other work on the machine prolongs some of the chunks.
    """
    return statistics.median(_chunk(fn, list(chunk)) for chunk in chunks)


def repeated(fn: Callable[[], Any], calls: int, chunks: int) -> float:
    """Return the seconds that one call of ``fn`` takes: the median over chunks of so many calls."""
    return each(fn, [[()] * calls] * chunks)


def _chunk(fn: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> float:
    started = time.perf_counter()
    for given in arguments:
        fn(*given)
    return (time.perf_counter() - started) / len(arguments)

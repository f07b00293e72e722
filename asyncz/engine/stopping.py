"""The tasks that run when a scheduler stops."""

from __future__ import annotations

import traceback
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ..events import TASK_REMOVED
from ..refs import is_awaitable_callable

if TYPE_CHECKING:
    from ..tasks.base import Task
    from .book import TaskBook
    from .news import News

__all__ = ("run_shutdown_tasks",)


def run_shutdown_tasks(book: TaskBook, scheduler: Any, news: News, logger: Any) -> list[Coroutine[Any, Any, Any]]:
    """Take out the tasks with a shutdown trigger, call the functions among them, and return the others as coroutines.

    A generator that is driven by tasks ends in its shutdown task: StopIteration and StopAsyncIteration are the proper
    end of that. Any other exception is logged, and the rest runs all the same.
    """
    coroutines: list[Coroutine[Any, Any, Any]] = []
    for task, alias in list(book.take_shutdown_tasks(scheduler)):
        news.task(TASK_REMOVED, task.id, alias)
        if is_awaitable_callable(task.fn):
            coroutines.append(_awaited(task, logger))
        else:
            _call(task, logger)
    return coroutines


def _call(task: Task, logger: Any) -> None:
    try:
        task.fn(*task.args, **task.kwargs)
    except (StopIteration, StopAsyncIteration):
        pass
    except BaseException:  # SystemExit, say: there are others that are to run, and stores to be closed
        _log(task, logger)


async def _awaited(task: Task, logger: Any) -> None:
    try:
        await task.fn(*task.args, **task.kwargs)
    except (StopIteration, StopAsyncIteration):
        pass
    except BaseException:
        _log(task, logger)


def _log(task: Task, logger: Any) -> None:
    logger.error(f"Shutdown task {task.id!r} ({task.name}) raised an exception.\n{traceback.format_exc()}")

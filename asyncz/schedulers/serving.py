"""What an ASGI server starts and stops."""

from __future__ import annotations

from typing import Any

__all__ = ("Served",)


class Served:
    """A scheduler as a service of :mod:`asyncz.asgi`, whether its verbs are plain or awaited."""

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    @property
    def logger(self) -> Any:
        return self._scheduler.logger

    async def start(self) -> None:
        result: Any = self._scheduler.start()
        if hasattr(result, "__await__"):
            await result

    async def stop(self, wait: bool) -> None:
        await self._scheduler._shutdown_awaited(wait)

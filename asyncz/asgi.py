"""A scheduler that starts and stops with an ASGI server.

The messages are those of the lifespan protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ("ASGIApp", "LifespanWrapper", "wrap")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def wrap(scheduler: Any, app: Any, handle_lifespan: bool, wait: bool) -> Any:
    """Return the application around ``app``; without one, a decorator that makes it."""
    if app is None:
        return lambda decorated: LifespanWrapper(scheduler, decorated, handle_lifespan, wait)
    return LifespanWrapper(scheduler, app, handle_lifespan, wait)


class LifespanWrapper:
    """An ASGI application that starts a scheduler before another application starts, and stops it after that stopped.

    With ``handle_lifespan`` the other application does not get lifespan messages; without, it answers them, and may
    refuse them by raising: the scheduler is then started and stopped all the same.
    """

    def __init__(self, scheduler: Any, app: ASGIApp, handle_lifespan: bool = False, wait: bool = False) -> None:
        self.scheduler = scheduler
        self.app = app
        self.handle_lifespan = handle_lifespan
        self.wait = wait

    def __getattr__(self, name: str) -> Any:
        if name in ("app", "scheduler"):
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        lifespan = _Lifespan(self.scheduler, self.wait, receive, send)
        if not self.handle_lifespan and await lifespan.offer(self.app, scope):
            return
        await lifespan.answer()


class _Lifespan:
    """One lifespan scope: what came, and what has been done about it."""

    def __init__(self, scheduler: Any, wait: bool, receive: Receive, send: Send) -> None:
        self.scheduler = scheduler
        self.wait = wait
        self._receive = receive
        self._send = send
        self._is_started = False
        self._has_answered = False
        self._pending: Message | None = None

    async def offer(self, app: ASGIApp, scope: MutableMapping[str, Any]) -> bool:
        """Let the application answer; False when it does not know lifespan messages, and they are ours to answer."""
        try:
            await app(scope, self.receive, self.send)
        except BaseException:
            if self._has_answered or not self._is_started:
                await self._stop()
                raise
            return False  # it raised before it answered anything: that is how an application declines
        return self._has_answered

    async def receive(self) -> Message:
        """Hand on a message, having started the scheduler before the application learns that it is to start."""
        message = await self._receive()
        self._pending = message
        if message["type"] == "lifespan.startup":
            await self._start()
        return message

    async def send(self, message: Message) -> None:
        """Hand on an answer, having stopped the scheduler after the application stopped or failed to start."""
        self._has_answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._stop()
        await self._send(message)

    async def answer(self) -> None:
        """Answer the messages ourselves until the server stops."""
        while True:
            message = self._pending or await self._receive()
            self._pending = None
            if not await self._answer(message["type"]):
                return

    async def _answer(self, kind: str) -> bool:
        stage = "startup" if kind == "lifespan.startup" else "shutdown"
        try:
            await (self._start() if stage == "startup" else self._stop())
        except Exception as exc:
            await self._send({"type": f"lifespan.{stage}.failed", "message": f"{type(exc).__name__}: {exc}"})
            return False
        await self._send({"type": f"lifespan.{stage}.complete"})
        return stage == "startup"

    async def _start(self) -> None:
        if not self._is_started:
            await _awaited(self.scheduler.start())
            self._is_started = True

    async def _stop(self) -> None:
        if self._is_started:
            self._is_started = False
            await _awaited(self.scheduler.shutdown(self.wait))


async def _awaited(result: Any) -> None:
    """Wait for what a native scheduler's verb returned; others have done it already."""
    if hasattr(result, "__await__"):
        await result

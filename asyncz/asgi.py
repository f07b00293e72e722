"""Start and stop something with an ASGI server, around an application.

The messages are those of the lifespan protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from .exceptions import SchedulerNotRunningError

__all__ = ("ASGIApp", "LifespanWrapper", "Service", "wrap")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Service(Protocol):
    """What is started and stopped: a scheduler, as far as it is known here."""

    @property
    def logger(self) -> Any: ...

    async def start(self) -> Any: ...

    async def stop(self, wait: bool) -> Any:
        """Return when nothing runs any more; with ``wait``, what has begun comes to its end first."""


def wrap(service: Service, app: Any, handle_lifespan: bool, wait: bool) -> Any:
    """Return the application around ``app``; without one, a decorator that makes it."""
    if app is None:
        return lambda decorated: LifespanWrapper(service, decorated, handle_lifespan, wait)
    return LifespanWrapper(service, app, handle_lifespan, wait)


class LifespanWrapper:
    """An ASGI application that starts a service before another application starts, and stops it after that stopped.

    With ``handle_lifespan`` the other application does not get lifespan messages. Without, it answers them, or declines
    by raising or returning before it has answered; the service is then started and stopped all the same. All other
    scopes, and all attributes, are those of the application, which is ``app``.
    """

    __slots__ = ("_handle_lifespan", "_service", "_wait", "app")

    app: Any

    def __init__(self, service: Service, app: ASGIApp, handle_lifespan: bool = False, wait: bool = False) -> None:
        self.app = app
        self._service = service
        self._handle_lifespan = handle_lifespan
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        if name in LifespanWrapper.__slots__:
            raise AttributeError(name)  # not initialised: there is no application to ask
        return getattr(self.app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # "app.openapi = ..." has to have its effect on the application, as it had before it was wrapped.
        if name in LifespanWrapper.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self.app, name, value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            app = None if self._handle_lifespan else self.app
            await _Lifespan(self._service, self._wait, receive, send).run(app, scope)
        else:
            await self.app(scope, receive, send)


class _Lifespan:
    """One lifespan scope: what came, what was answered, and whether the service has been started for it."""

    __slots__ = ("_first", "_is_answered", "_is_ending", "_is_started", "_receive", "_send", "_service", "_wait")

    def __init__(self, service: Service, wait: bool, receive: Receive, send: Send) -> None:
        self._service = service
        self._wait = wait
        self._receive = receive
        self._send = send
        self._first: Message | None = None  # what was received and is still to be handed to the application
        self._is_started = False
        self._is_answered = False
        self._is_ending = False  # shutdown was received, or startup failed: nothing more is to come

    async def run(self, app: ASGIApp | None, scope: Scope) -> None:
        """Start the service, go through the lifespan with or without the application, and stop the service."""
        self._first = await self._receive()
        if not await self._start():
            return
        try:
            if app is not None:
                await self._offer(app, scope)
            await self._answer_rest()
        except Exception:
            await self._stop_logged(self._wait)
            raise
        except BaseException:  # cancelled: the loop is about to end, and with it whatever would be waited for
            await self._stop_logged(wait=False)
            raise

    async def _offer(self, app: ASGIApp, scope: Scope) -> None:
        """Let the application answer. What it raises before it has answered says that it does not know the protocol."""
        try:
            await app(scope, self.receive, self.send)
        except Exception as exc:
            if self._is_answered:
                raise
            self._service.logger.info(
                f"The ASGI application declined the lifespan protocol, which goes on without it: {exc!r}"
            )

    async def receive(self) -> Message:
        """Hand on a message."""
        message, self._first = self._first, None
        if message is None:
            message = await self._receive()
        if message["type"] == "lifespan.shutdown":
            self._is_ending = True
        return message

    async def send(self, message: Message) -> None:
        """Hand on an answer; the service is stopped before the server learns that the application has stopped."""
        self._is_answered = True
        if message["type"] == "lifespan.shutdown.complete":
            await self._complete_shutdown(message)
            return
        if message["type"] in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            self._is_ending = True
            await self._stop_logged(self._wait)
        await self._send(message)

    async def _answer_rest(self) -> None:
        """Answer what the application has left unanswered: all of it, or the shutdown only, or nothing."""
        if not self._is_answered:
            await self.send({"type": "lifespan.startup.complete"})
        while not self._is_ending:
            await self.receive()
        if self._is_started:
            await self._complete_shutdown({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> bool:
        try:
            await self._service.start()
        except Exception as exc:
            await self._send(_failed("startup", "The scheduler could not be started.", exc))
            return False
        self._is_started = True
        return True

    async def _complete_shutdown(self, message: Message) -> None:
        self._is_ending = True
        try:
            await self._stop(self._wait)
        except Exception as exc:
            message = _failed("shutdown", "The scheduler could not be stopped.", exc)
        await self._send(message)

    async def _stop_logged(self, wait: bool) -> None:
        """Stop the service where there is something worse to tell the server than that this did not succeed."""
        try:
            await self._stop(wait)
        except Exception as exc:
            self._service.logger.error(_described("The scheduler could not be stopped.", exc))

    async def _stop(self, wait: bool) -> None:
        if not self._is_started:
            return
        self._is_started = False
        try:
            await self._service.stop(wait)
        except SchedulerNotRunningError:
            pass  # somebody has stopped it before: nothing is left to be done


def _failed(stage: str, what: str, exc: BaseException) -> Message:
    return {"type": f"lifespan.{stage}.failed", "message": _described(what, exc)}


def _described(what: str, exc: BaseException) -> str:
    """Return the whole story: a server prints the message, and nobody else prints the traceback."""
    return f"{what}\n{''.join(traceback.format_exception(exc))}".rstrip()

"""How the Redis store comes by a client, and how it hears what others have changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ...exceptions import shown
from ...refs import ref_to_obj

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ("Listener", "checked_client", "import_redis", "made_client", "number")

#: What is set for clients that are made here. Nothing is tried twice: the engine does that, and says so.
_DEFAULTS = {
    "socket_timeout": 10.0,
    "socket_connect_timeout": 5.0,
    "socket_keepalive": True,
    "health_check_interval": 30,
    "protocol": 2,  # all there is to a reply of ours, and understood by every server
}
#: Seconds after which a listener that was cut off tries again, and looks whether it is to end.
PAUSE = 1.0
#: Messages that are answered by one look.
_AT_ONCE = 1000

_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def import_redis() -> Any:
    """Import the client library; raises ImportError that names the extra where it is missing."""
    try:
        import redis
    except ImportError as exc:
        raise ImportError(f"The Redis store needs redis: pip install asyncz[redis] ({exc})") from exc
    return redis


def number(value: int | str, name: str, least: int, most: int) -> int:
    """Return a whole number that configurations give as text; raises ValueError for anything else."""
    try:
        if least <= int(value) <= most:
            return int(value)
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError(f"Expected a whole number from {least} to {most} as {name}, got {shown(value)}.")


def made_client(
    database: int, host: str | None, port: int | str | None, url: str | None, options: Mapping[str, Any]
) -> Any:
    """Return a client, which connects when it is first used. Raises ValueError where the options do not go together."""
    redis = import_redis()
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    settings: dict[str, Any] = {"db": database, **_DEFAULTS}
    settings |= {name: _plain(name, value) for name, value in options.items()}
    settings.setdefault("retry", Retry(NoBackoff(), 0))
    if url is not None:
        if host is not None or port is not None:
            raise ValueError(f"Expected either url or host and port, got url={shown(url)} and more.")
        if url.startswith("unix:"):
            del settings["socket_keepalive"]
        return redis.Redis.from_url(url, **settings)
    if host is not None:
        settings["host"] = host
    if port is not None:
        settings["port"] = number(port, "port", 1, 65535)
    return redis.Redis(**settings)


def _plain(name: str, value: Any) -> Any:
    """Return an option of the client that a configuration gives as text."""
    if not isinstance(value, str):
        return value
    try:
        if name in ("socket_timeout", "socket_connect_timeout"):
            return float(value)
        if name in ("health_check_interval", "max_connections", "protocol"):
            return int(value)
        if name in ("ssl", "ssl_check_hostname", "socket_keepalive", "single_connection_client"):
            return _SWITCHES[value.lower()]
    except (KeyError, ValueError):
        raise ValueError(f"Expected a value that the Redis client takes as {name}, got {shown(value)}.") from None
    return value


def checked_client(client: Any) -> Any:
    """Return a client, or the one that a reference "module:name" leads to, if a store can use it.

    Raises TypeError for what is no client, and ValueError for one that decodes: records are bytes.
    """
    if isinstance(client, str):
        client = ref_to_obj(client)
    if not hasattr(client, "evalsha") or not hasattr(client, "get_connection_kwargs"):
        raise TypeError(f"Expected a client of redis-py, got {shown(client)}.")
    if type(client).__module__.startswith("redis.asyncio"):
        raise TypeError("Expected a client whose calls wait, such as redis.Redis, got one of redis.asyncio.")
    if client.get_connection_kwargs().get("decode_responses"):
        raise ValueError("Expected a Redis client without decode_responses: records are bytes.")
    return client


class Listener:
    """A thread that waits on a channel, and calls ``changed`` when anybody but ``origin`` has said something there.

    It is called once more whenever the channel was gone and is back: what was said meanwhile went unheard.
    """

    def __init__(self, client: Any, channel: str, origin: bytes, changed: Callable[[], None]) -> None:
        self._client = client
        self._channel = channel
        self._origin = origin
        self._changed = changed
        #: Whether the server counts it among those that listen.
        self.is_subscribed = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asyncz-redis-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread: at once where the server answers, else within :data:`PAUSE` and what a connection takes."""
        self._ending.set()
        try:
            self._client.publish(self._channel, self._origin)
        except Exception:  # whatever keeps the server from passing it on
            pass
        self._thread.join(2 * PAUSE)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._listen()
            except Exception:  # the engine says that the server is gone, once; here it is waited for
                self._ending.wait(PAUSE)

    def _listen(self) -> None:
        channel = self._client.pubsub()
        try:
            channel.subscribe(self._channel)
            while not self._ending.is_set():
                message = channel.get_message(timeout=PAUSE)
                if message is not None and message["type"] == "subscribe":
                    self.is_subscribed = True
                if message is not None and message["data"] != self._origin:  # also when it has subscribed
                    left = _AT_ONCE
                    while left and channel.get_message(timeout=0) is not None:
                        left -= 1
                    self._changed()
        finally:
            self.is_subscribed = False
            channel.close()

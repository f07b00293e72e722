"""How the Redis store has scripts run: by the client that it was given, or over connections of its own.

A call of redis-py costs as much as what the server does in it. A script has one form, so what is sent is put together
here, and goes over a connection that is kept for the next call. Such a connection is one of redis-py: it connects,
authenticates, encrypts, looks whether the server is still there, and reads the replies.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from .client import import_redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .lua import Script

__all__ = ("ClientCalls", "OwnCalls", "is_ordinary", "packed")

#: Options with which a client sends each command once, over any connection. With others, it is asked itself.
_ORDINARY = {
    *("client_name", "db", "health_check_interval", "lib_name", "lib_version", "password", "protocol", "username"),
    *("socket_connect_timeout", "socket_keepalive", "socket_keepalive_options", "socket_read_size", "socket_timeout"),
    *("ssl", "ssl_ca_certs", "ssl_ca_data", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname"),
    *("ssl_ciphers", "ssl_keyfile", "ssl_min_version", "ssl_password", "unix_socket_path"),
}


def is_ordinary(client: Any, url: str | None, options: Mapping[str, Any]) -> bool:
    """Return whether all that is special about a client, made with these options, is how it connects."""
    names = options.keys() | (parse_qs(urlsplit(url).query) if url is not None else {})
    return names <= _ORDINARY and str(client.get_connection_kwargs().get("protocol", 2)) == "2"


def _parts(args: Iterable[bytes]) -> list[bytes]:
    return [b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in args]


def packed(number: int, begun: bytes, args: Iterable[bytes]) -> bytes:
    """Return a command of so many parts as Redis reads it; the first of them, but for their number, as ``begun``."""
    return b"".join([b"*%d\r\n" % number, begun, *_parts(args)])


class ClientCalls:
    """Runs scripts as the client does."""

    def __init__(self, client: Any, keys: Mapping[str, str]) -> None:
        self._client = client
        self._keys = keys
        self._unknown_script = import_redis().exceptions.NoScriptError

    def run(self, script: Script, args: Sequence[bytes]) -> Any:
        """Return the reply to a script, which is sent once; raises what the client does."""
        keys = [self._keys[name] for name in script.keys]
        try:
            return self._client.evalsha(script.sha, len(keys), *keys, *args)
        except self._unknown_script:  # a server that was started since, or another one: it has done nothing yet
            return self._client.eval(script.text, len(keys), *keys, *args)

    def forget(self) -> None:
        """Use no connection of the process that this one was forked off from: the client sees to that."""

    def close(self) -> None:
        """Close the connections; whoever calls next opens others."""


class OwnCalls:
    """Runs scripts over connections of its own, each made as the client would make one, and used by one thread."""

    def __init__(self, client: Any, keys: Mapping[str, str]) -> None:
        errors = import_redis().exceptions
        self._unknown_script, self._reply_error = errors.NoScriptError, errors.ResponseError
        self._broken = (errors.ConnectionError, errors.TimeoutError, OSError)
        self._pool = client.connection_pool
        self._keys = keys
        self._idle: deque[Any] = deque()
        #: script -> how a call of it begins, by name and by text
        self._begun: dict[Script, tuple[bytes, bytes]] = {}

    def run(self, script: Script, args: Sequence[bytes]) -> Any:
        """Return the reply to a script, which is sent once; raises what a client would.

        After an error that is not the server's, nobody knows what that connection would bring next: it is closed.
        """
        by_name, by_text = self._begun.get(script) or self._begin(script)
        number = len(args) + len(script.keys) + 3
        command = packed(number, by_name, args)
        idle = self._idle
        connection = self._taken(idle)
        try:
            connection.send_packed_command([command])
            try:
                reply = connection.read_response()
            except self._unknown_script:  # a server that was started since, or another one: it has done nothing yet
                connection.send_packed_command([packed(number, by_text, args)])
                reply = connection.read_response()
        except self._reply_error:
            idle.append(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        idle.append(connection)
        return reply

    def _begin(self, script: Script) -> tuple[bytes, bytes]:
        keys = [self._keys[name].encode() for name in script.keys]
        by_name, by_text = [
            b"".join(_parts((*what, b"%d" % len(keys), *keys)))
            for what in ((b"EVALSHA", script.sha.encode()), (b"EVAL", script.text.encode()))
        ]
        self._begun[script] = by_name, by_text
        return by_name, by_text

    def _taken(self, idle: deque[Any]) -> Any:
        """Return a connection that nobody else uses, and that the server has not closed, as far as is known here."""
        while (connection := _popped(idle)) is not None:
            if connection.pid != os.getpid():
                continue  # it is the parent's
            try:
                if not connection.can_read():
                    return connection
            except self._broken:
                pass
            connection.disconnect()
        return self._pool.connection_class(**self._pool.connection_kwargs)

    def forget(self) -> None:
        """Use no connection of the process that this one was forked off from."""
        self._idle = deque()

    def close(self) -> None:
        """Close the connections; whoever calls next opens others."""
        idle, self._idle = self._idle, deque()  # one that is in use goes with the last reference to it
        while (connection := _popped(idle)) is not None:
            connection.disconnect()


def _popped(idle: deque[Any]) -> Any:
    try:
        return idle.pop()
    except IndexError:  # another thread may have had the last one
        return None

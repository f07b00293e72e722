"""A server that is far away: what it answers takes its time."""

from __future__ import annotations

import queue
import socket
import time

from servers import Proxy

__all__ = ("SlowProxy",)


class SlowProxy(Proxy):
    """Passes each reply of a server on this machine on so many seconds later."""

    def __init__(self, port: int, delay: float) -> None:
        self.delay = delay
        super().__init__("127.0.0.1", port)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._begin(self._pump, client, server, "sent_before_cut")
        self._begin(self._collect, server, under_way)
        self._begin(self._deliver, under_way, client)

    def _collect(self, server: socket.socket, under_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        try:
            while chunk := server.recv(65536):
                under_way.put((time.monotonic() + self.delay, chunk))
        except OSError:
            pass
        under_way.put((0, b""))

    def _deliver(self, under_way: queue.SimpleQueue[tuple[float, bytes]], client: socket.socket) -> None:
        while True:
            due, chunk = under_way.get()
            if not chunk:
                self._cut(client)
                return
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                client.sendall(chunk)
            except OSError:
                return

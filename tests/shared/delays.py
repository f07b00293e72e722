"""A server that is far away: what it answers takes its time."""

from __future__ import annotations

import queue
import socket
import threading
import time

__all__ = ("SlowProxy",)


class SlowProxy:
    """Stands between clients and a server on this machine, and passes each reply on so many seconds later."""

    def __init__(self, port: int, delay: float) -> None:
        self.delay = delay
        self._server_port = port
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._begin(self._accept)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._cut(*self._ends)
        for thread in self._threads:
            thread.join(10)
        for end in self._ends:
            end.close()

    def _begin(self, call, *args) -> None:
        self._threads.append(threading.Thread(target=call, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._ends += (client, server)
            under_way = queue.SimpleQueue()
            self._begin(self._pass_on, client, server)
            self._begin(self._collect, server, under_way)
            self._begin(self._deliver, under_way, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                target.sendall(chunk)
        except OSError:
            pass
        self._cut(source, target)

    def _collect(self, server: socket.socket, under_way) -> None:
        try:
            while chunk := server.recv(65536):
                under_way.put((time.monotonic() + self.delay, chunk))
        except OSError:
            pass
        under_way.put((0, b""))

    def _deliver(self, under_way, client: socket.socket) -> None:
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

    @staticmethod
    def _cut(*ends: socket.socket) -> None:
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

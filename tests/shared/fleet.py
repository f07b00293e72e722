"""Several processes that share a store, and what they have noted."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import errands
import pytest

import asyncz
from asyncz.schedulers.base import BaseScheduler

__all__ = ("KINDS", "Fleet", "Line", "at", "until", "whole_second")

#: The stores that processes can share, as parameters of a test.
KINDS = ["sqlite", pytest.param("redis", marks=pytest.mark.server), pytest.param("mongodb", marks=pytest.mark.server)]
HERE = Path(__file__).resolve().parent
PACKAGES = Path(asyncz.__file__).resolve().parents[1]
PLAIN = {"timezone": "UTC", "loggers_class": "asyncz.schedulers.base:ClassicLogging"}
PATIENCE = 30


def until(condition, seconds: float = PATIENCE, what: object = None):
    """Wait until something is true and return it; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what() if callable(what) else what}"
        time.sleep(0.02)
    return found


def whole_second(ahead: float) -> datetime.datetime:
    """Return the first whole second that is at least so far ahead."""
    return at(int(time.time() + ahead) + 1)


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


class Line(dict):
    """A line of the record."""

    __getattr__ = dict.__getitem__


class Worker:
    """A process with a scheduler."""

    def __init__(self, folder: Path, name: str, options) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        paths = [str(HERE), str(PACKAGES), os.environ.get("PYTHONPATH", "")]
        environment = {errands.RECORD: str(folder / "record"), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with (folder / f"{name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "errand_worker.py"), name, json.dumps(options)],
                cwd=folder,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_ready(self) -> Worker:
        line = self.process.stdout.readline()
        assert line == b"ready\n", (line, self.said())
        return self

    def said(self) -> str:
        """Return the log, and what else it wrote."""
        parts = (self.log, self.log.with_suffix(".err"))
        return "".join(part.read_text() for part in parts if part.exists())

    def tell(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def ask_to_stop(self) -> None:
        self.process.stdin.close()

    def stop(self) -> None:
        """Stop it gracefully."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.said()
        self._end()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def _end(self) -> None:
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:  # there is nobody to flush it to
                pass

    def clean_up(self) -> None:
        if self.is_alive():
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self._end()


class Fleet:
    """Processes over one store, and a scheduler of this process that is paused: to add tasks and look at them."""

    def __init__(self, folder: Path, store) -> None:
        self.folder = folder
        self.store = store
        self.record = folder / "record"
        self.workers: list[Worker] = []
        self.driver = BaseScheduler(stores={"default": dict(store)}, identity="driver", **PLAIN)
        self.driver.start(paused=True)
        self._read = 0
        self._lines: list[Line] = []

    def start(self, *names: str, **options) -> list[Worker]:
        made = [Worker(self.folder, name, {"stores": {"default": dict(self.store)}, **options}) for name in names]
        self.workers += made
        for worker in made:
            worker.wait_until_ready()
        return made

    def add(self, id: str, fn: str = "run", *, lasts: float = 0, **options) -> None:
        kwargs = {"seconds": lasts} if lasts else {}
        self.driver.add_task(f"errands:{fn}", id=id, args=[id], kwargs=kwargs, **options)

    def lines(self, what: str = "begin") -> list[Line]:
        """Return what has been noted so far."""
        if self.record.exists():
            with self.record.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._read += len(whole) + 1
                self._lines += map(Line, map(json.loads, whole.split(b"\n")))
        return [line for line in self._lines if line.what == what]

    def times_run(self) -> Counter:
        """Return how often each task was begun for each due time."""
        return Counter((line.task, round(line.due, 6)) for line in self.lines())

    def begun(self) -> dict[str, list[Line]]:
        found = defaultdict(list)
        for line in self.lines():
            found[line.task].append(line)
        return found

    def missed(self) -> set[tuple[str, float]]:
        """Return the due times of tasks that the store says were missed."""
        runs = self.driver.get_runs(state="missed", limit=100_000)
        return {(run.task_id, round(time.timestamp(), 6)) for run in runs for time in run.run_times}

    def said(self) -> str:
        return "\n".join(f"--- {worker.name}\n{worker.said()}" for worker in self.workers)

    def stop(self) -> None:
        for worker in self.workers:
            if worker.is_alive():
                worker.ask_to_stop()
        for worker in self.workers:
            if worker.is_alive():
                worker.stop()

    def clean_up(self) -> None:
        for worker in self.workers:
            worker.clean_up()
        if self.driver.running:
            self.driver.shutdown()

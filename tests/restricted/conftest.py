from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from restricted.places import PATIENCE, PLACES, Place


@pytest.fixture(scope="session", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory) -> Place:
    return PLACES[request.param](tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="session")
def vendored(tmp_path_factory) -> Place:
    return PLACES["vendored"](tmp_path_factory.mktemp("vendored"))


@pytest.fixture
def quickstart() -> Callable[..., None]:
    """Check that a command, which runs the quickstart, runs its first task, and stops at a signal."""

    def check(command: list[str], folder: Path, environment: dict[str, str]) -> None:
        with subprocess.Popen(
            command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                lines = [process.stdout.readline(), process.stdout.readline()]
                process.send_signal(signal.SIGINT)
                rest, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        assert "Started." in lines[0], errors
        assert "Hello world, this runs once." in lines[1], errors
        assert rest.splitlines()[-1:] == ["Stopped."], errors
        assert (process.returncode, errors) == (0, "")

    return check

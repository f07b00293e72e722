from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["-m", "asyncz", "run", "examples/quickstart.py"]
#: No package that is installed, no zone data, and no warning.
BARE = [sys.executable, "-S", "-W", "error", *COMMAND]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TZ"))}
    return {**kept, "PYTHONTZPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.process
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_quickstart_shows_what_runs_and_what_runs_next_until_a_signal(stop: signal.Signals) -> None:
    with subprocess.Popen(
        BARE, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            process.send_signal(stop)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert errors == ""
    started, once, repeated = lines
    time = r"\d\d:\d\d:\d\d"
    assert re.match(rf"{time}  Started\. .* next: .*\bone-shot {time}", started)
    assert re.match(rf"{time}  one-shot  Hello world, this runs once\. +next: ", once)
    assert "one-shot" not in once.partition("next:")[2]
    assert re.match(rf"{time}  (interval|cron) .* next: .*\binterval {time}", repeated)
    assert re.search(rf"next: .*\bcron {time}", repeated)
    assert rest.splitlines()[-1] == "Stopped."


@pytest.mark.process
def test_the_quickstart_runs_as_a_program_too() -> None:
    path = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-S", "-W", "error", "examples/quickstart.py"]
    with subprocess.Popen(command, cwd=ROOT, env=environment() | path, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert "Started." in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "Stopped."

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: No package that is installed, and no warning.
COMMAND = [sys.executable, "-S", "-W", "error", "-m", "asyncz", "run", str(ROOT / "examples" / "durable.py")]


def started(folder: Path) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ASYNCZ"))}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        COMMAND, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.process
@pytest.mark.slow
def test_what_was_run_is_known_to_the_next_process_after_a_kill(tmp_path: Path) -> None:
    with started(tmp_path) as first:
        try:
            assert re.match(r"This is process \d+\. .*: 0$", first.stdout.readline())
            assert first.stdout.readline() == "tick\n"
        finally:
            first.kill()
    with started(tmp_path) as second:
        try:
            assert re.match(rf"This is process {second.pid}\. .*: 1$", second.stdout.readline())
            line = second.stdout.readline()
            second.send_signal(signal.SIGINT)
            _rest, errors = second.communicate(timeout=60)
        finally:
            second.kill()
    assert re.match(rf"  \d\d:\d\d:\d\d  tick  (submitted|executed)  by process {first.pid}$", line)
    assert second.returncode == 0, errors

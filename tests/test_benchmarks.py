"""The benchmarks can be started: nothing is measured here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"


@pytest.mark.process
def test_the_benchmarks_say_what_they_measure_with_whom():
    done = subprocess.run([sys.executable, str(RUN), "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {"imports", "cron", "triggers", "adding", "memory", "dispatch", "steady"} == set(listed)
    assert all("ours" in line and "apscheduler" in line for line in listed.values())

"""The benchmarks can be started: what they find is not looked at here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "benchmarks" / "run.py"


@pytest.mark.process
def test_the_benchmarks_say_what_they_measure_with_whom():
    done = subprocess.run([sys.executable, str(RUN), "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {"imports", "cron", "triggers", "adding", "memory", "dispatch", "steady", "stores"} == set(listed)
    assert all("ours" in line and "apscheduler" in line for line in listed.values())


@pytest.mark.long
@pytest.mark.server
@pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on the PATH")
def test_durable_stores_are_measured_on_sqlite_and_on_redis():
    pytest.importorskip("redis")
    command = [sys.executable, str(RUN.with_name("worker.py")), "stores", "ours", "--quick"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout.splitlines()[-1])
    measures = {"add", "add all", "once called", "once written", "again called", "again written", "few", "many"}
    for place in ("disk, WAL + FULL", "Redis"):
        assert {key.rpartition(": ")[2] for key in values if key.startswith(f"{place}: ")} == measures
    assert all(value > 0 for value in values.values())

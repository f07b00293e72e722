"""A scheduler that was started before a fork is stopped in the child, and can be started there anew."""

from __future__ import annotations

import os
import sys

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.realtime,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]

PROGRAM = """
import asyncio, os, sys, threading, warnings

warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads about is what this is for

from asyncz.schedulers import {face} as Face

ran = threading.Event()
scheduler = Face({options} loggers_class="asyncz.schedulers.base:ClassicLogging", timezone="UTC")
if hasattr(scheduler, "isolated_event_loop"):
    scheduler.start()
else:
    threading.Thread(target=scheduler.run, daemon=True).start()
    while not scheduler.running:
        pass
scheduler.add_task(ran.set, "interval", seconds=1, id="tick")
assert ran.wait(30)
child = os.fork()
if child == 0:
    try:
        assert not scheduler.running
        assert scheduler.get_tasks() == []
        again = threading.Event()
        scheduler.add_task(again.set, id="again")
        if hasattr(scheduler, "isolated_event_loop"):
            scheduler.start()
        else:
            threading.Thread(target=scheduler.run, daemon=True).start()
        assert again.wait(30)
        os._exit(0)
    except BaseException as exc:
        print(repr(exc), flush=True)
        os._exit(1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert scheduler.running
ran.clear()
assert ran.wait(30), "the parent's scheduler goes on"
sys.stdout.write(f"child {{status}}")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize(
    ("face", "options"),
    [("AsyncIOScheduler", ""), ("BaseScheduler", ""), ("BaseScheduler", 'executors={"default": {"type": "debug"}},')],
    ids=["asyncio", "thread pool", "debug"],
)
def test_the_child_has_a_stopped_scheduler_that_can_be_started_and_the_parent_goes_on(face, options):
    import subprocess

    program = PROGRAM.format(face=face, options=options)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert ended.stdout == "child 0", ended.stdout + ended.stderr

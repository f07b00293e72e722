"""What one process changes, another one goes by soon."""

from __future__ import annotations

import datetime
import time

import pytest
from fleet import until

pytestmark = [pytest.mark.process, pytest.mark.realtime, pytest.mark.long]

HOUR = datetime.timedelta(hours=1)
POLL = 0.5
#: Of each kind of store: how often it is asked here, and within how many seconds a change has to take effect.
SOON = {"sqlite": (POLL, POLL + 0.3), "mongodb": (POLL, POLL + 0.3), "redis": (30, 0.3)}
TRIES = 4


def typically(measure) -> float:
    """Return how long something takes; the longest time of all may be the fault of the machine."""
    return sorted(measure(n) for n in range(TRIES))[-2]


def test_what_another_process_adds_edits_pauses_and_resumes_takes_effect_soon(fleet):
    poll_interval, soon = SOON[fleet.store["type"]]
    fleet.start("worker", store_poll_interval=poll_interval)
    now = datetime.datetime.now(datetime.timezone.utc)
    driver = fleet.driver

    def seconds_until_run(id: str, change, *args, **kwargs) -> float:
        before = len(fleet.begun()[id])
        began = time.time()
        change(*args, **kwargs)
        until(lambda: len(fleet.begun()[id]) > before, 10, fleet.said)
        return fleet.begun()[id][before].at - began

    assert typically(lambda n: seconds_until_run(f"added{n}", fleet.add, f"added{n}")) < soon
    fleet.add("edited", trigger="interval", start_at=now + HOUR, hours=1)
    time.sleep(poll_interval if poll_interval == POLL else 0)  # it has been seen as it is

    def edited(n: int) -> float:
        due = datetime.datetime.now(datetime.timezone.utc)
        return seconds_until_run("edited", driver.update_task, "edited", args=["edited", n], next_run_time=due)

    assert typically(edited) < soon
    assert [line.value for line in fleet.begun()["edited"]] == list(range(TRIES))

    fleet.add("paused", trigger="interval", seconds=0.2)
    until(lambda: fleet.begun()["paused"])
    driver.pause_task("paused")
    paused_at = time.time()
    time.sleep(1)
    assert not [line for line in fleet.begun()["paused"] if line.due > paused_at]
    driver.resume_task("paused")
    until(lambda: fleet.begun()["paused"][-1].due > paused_at + 1, 10, fleet.said)

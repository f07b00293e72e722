"""A process that is stopped leaves what it had not begun to the others."""

from __future__ import annotations

import pytest
from fleet import until

pytestmark = [pytest.mark.process, pytest.mark.realtime, pytest.mark.long]

COUNT = 50
#: A heartbeat that nobody waits for in these tests.
LONG = {"heartbeat_stale_after": 60, "store_poll_interval": 0.2}


def test_what_had_not_begun_is_run_by_another_process_at_once_and_once(fleet):
    plain = fleet.store["type"] != "redis"  # the other kind of face there
    one_worker = {"default": {"type": "threadpool", "max_workers": 1}}
    (leaving,) = fleet.start("leaving", executors=one_worker, plain=plain, **LONG)
    for n in range(COUNT):
        fleet.add(f"task{n}", lasts=0.2)
    until(lambda: len(fleet.driver.get_runs(state="submitted")) > COUNT - 15)
    fleet.start("staying", executors={"default": {"type": "threadpool", "max_workers": 25}}, **LONG)
    begun = len(fleet.lines())
    assert begun < COUNT / 2
    leaving.stop()
    # All that "leaving" could have done within that time is a fraction of it.
    until(lambda: len(fleet.lines()) >= COUNT, 5, fleet.said)
    fleet.stop()
    assert set(fleet.times_run().values()) == {1}
    assert len(fleet.times_run()) == COUNT
    by_pid = [line.pid for line in fleet.lines()]
    assert begun <= by_pid.count(leaving.pid) <= begun + 3
    runs = fleet.driver.get_runs(limit=1000)
    assert {(run.state.value, run.owner) for run in runs} == {("executed", "leaving"), ("executed", "staying")}
    assert len(runs) == COUNT

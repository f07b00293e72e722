"""Processes are killed at any moment, and every due time is run or reported missed."""

from __future__ import annotations

import datetime
import random
import signal
import time
from collections import Counter

import pytest
from fleet import KINDS, until, whole_second

pytestmark = [pytest.mark.process, pytest.mark.realtime, pytest.mark.long]

SECOND = datetime.timedelta(seconds=1)
SHORT = {"heartbeat_stale_after": 1, "store_poll_interval": 0.3, "store_retry_interval": 0.3}
#: A heartbeat that nobody waits for in these tests.
LONG = {"heartbeat_stale_after": 60, "store_poll_interval": 0.3}


class TestKilled:
    SECONDS = 5
    KILLS = 5
    ONE_SHOTS = 100

    def test_every_due_time_is_run_or_reported_missed(self, fleet):
        draw = random.Random(4)
        workers = fleet.start("one", "two", "three", **SHORT)
        base = whole_second(1.5)
        end = base + self.SECONDS * SECOND
        at_least_once, at_most_once = set(), set()
        options = {"trigger": "interval", "seconds": 1, "end_at": end, "coalesce": False, "max_instances": 100}
        for n in range(12):
            start_at = base + n % 4 * 0.25 * SECOND
            dues = {start_at.timestamp() + second for second in range(self.SECONDS)}
            fleet.add(f"again{n}", lasts=0.2, start_at=start_at, **options)
            at_least_once |= {(f"again{n}", due) for due in dues | ({end.timestamp()} if start_at == base else set())}
        for n in range(4):
            fleet.add(f"once{n}", lasts=0.2, start_at=base, recover=False, **options)
            at_most_once |= {(f"once{n}", base.timestamp() + second) for second in range(self.SECONDS + 1)}
        shots = {f"shot{n}": base + draw.uniform(0, self.SECONDS) * SECOND for n in range(self.ONE_SHOTS)}
        for id, run_at in shots.items():
            fleet.add(id, lasts=0.1, trigger="date", run_at=run_at)
        pause = self.SECONDS / self.KILLS
        time.sleep(max(0.0, base.timestamp() - time.time()))
        for n in range(self.KILLS):
            time.sleep(draw.uniform(0, pause))
            victim = draw.randrange(3)
            workers[victim].kill()
            time.sleep(draw.uniform(0, pause / 2))
            (workers[victim],) = fleet.start(f"{workers[victim].name}{n}", **SHORT)

        def owed():
            accounted = fleet.times_run().keys() | fleet.missed()
            return [due for due in at_least_once | at_most_once if due not in accounted]

        until(lambda: not owed() and not shots.keys() - fleet.begun().keys(), what=owed)
        until(lambda: not fleet.driver.get_runs(state="submitted"), what=fleet.said)
        fleet.stop()
        times_run = fleet.times_run()
        # What nobody was killed over is run once.
        repeated = {due: count for due, count in times_run.items() if count > 1}
        assert len(repeated) < len(times_run) / 2
        assert not repeated.keys() & at_most_once
        assert not fleet.missed() & at_least_once, "with recovery, only three lost owners make a run be missed"
        assert not fleet.driver.get_tasks()


class TestTakenOver:
    """A process that is gone for certain, on this machine, is not waited for."""

    def test_by_a_neighbour_that_was_there_before_at_once(self, fleet):
        workers = fleet.start("one", "two", **LONG)
        fleet.add("task", lasts=30, trigger="interval", hours=1, next_run_time=whole_second(-1))
        (line,) = until(fleet.lines)
        fleet.driver.update_task("task", kwargs={})  # what is taken over goes by what the task is by now
        next(worker for worker in workers if worker.pid == line.pid).kill()
        until(lambda: len(fleet.lines()) == 2, 10, fleet.said)

    def test_by_itself_after_a_restart_at_once(self, fleet):
        (victim,) = fleet.start("victim", **LONG)
        fleet.add("task", lasts=30, trigger="interval", hours=1, next_run_time=whole_second(-1))
        until(lambda: fleet.lines())
        victim.kill()
        killed_at = time.monotonic()
        fleet.driver.update_task("task", kwargs={})  # what is taken over goes by what the task is by now
        fleet.start("victim", **LONG)
        until(lambda: len(fleet.lines()) == 2, 10, fleet.said)
        assert time.monotonic() - killed_at < 10
        until(lambda: not fleet.driver.get_runs(state="submitted"))
        (run,) = fleet.driver.get_runs("task")
        assert (run.state.value, run.source, run.owner) == ("executed", "recovered", "victim")

    def test_without_recovery_what_had_begun_is_reported_missed(self, fleet):
        (victim,) = fleet.start("victim", **LONG)
        fleet.add("task", lasts=30, recover=False)
        until(lambda: fleet.lines())
        victim.kill()
        fleet.start("heir", listens=True, **LONG)
        until(lambda: fleet.lines("missed"), 10, fleet.said)
        until(lambda: fleet.driver.get_runs(state="missed"), 10, fleet.said)
        (run,) = fleet.driver.get_runs("task")
        assert run.state.value == "missed"
        assert len(fleet.lines()) == 1

    def test_a_run_that_has_killed_three_of_its_owners_does_not_kill_a_fourth(self, fleet):
        fleet.add("task", "die")
        for n in range(3):
            worker = fleet.start(f"victim{n}", **LONG)[0]
            until(lambda worker=worker: not worker.is_alive(), 10, fleet.said)
        (heir,) = fleet.start("heir", listens=True, **LONG)
        until(lambda: fleet.lines("missed"), 10, fleet.said)
        assert len(fleet.lines()) == 3
        assert heir.is_alive()
        assert not fleet.driver.get_tasks()


class TestSuspended:
    """A process that stood still for longer than its heartbeat may be old starts nothing more, nor speaks for it."""

    @pytest.fixture(params=KINDS[:2])
    def store(self, request, store_of):
        return store_of(request.param)

    def test_what_it_had_not_begun_is_run_once_and_what_it_ends_late_does_not_count(self, fleet):
        options = {**SHORT, "executors": {"default": {"type": "threadpool", "max_workers": 1}}}
        (suspended,) = fleet.start("suspended", **options)
        fleet.add("first", lasts=1)
        until(lambda: fleet.lines())
        for n in range(5):
            fleet.add(f"waits{n}")
        until(lambda: len(fleet.driver.get_runs(state="submitted")) == 6)
        assert len(fleet.lines()) == 1
        suspended.send(signal.SIGSTOP)
        fleet.start("heir", **options)
        until(lambda: sum(line.task == "first" for line in fleet.lines()) == 2, 10, fleet.said)
        suspended.send(signal.SIGCONT)
        until(lambda: "does not count" in suspended.said(), 10, fleet.said)
        until(lambda: not fleet.driver.get_runs(state="submitted"), 10, fleet.said)
        fleet.stop()
        assert Counter(line.task for line in fleet.lines()) == {"first": 2} | {f"waits{n}": 1 for n in range(5)}
        assert {line.pid for line in fleet.lines()[1:]} == {fleet.workers[1].pid}
        runs = fleet.driver.get_runs()
        assert sorted(run.task_id for run in runs) == sorted(["first", *(f"waits{n}" for n in range(5))])
        assert {run.owner for run in runs} == {"heir"}

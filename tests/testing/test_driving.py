from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest

from asyncz.clock import SYSTEM_CLOCK
from asyncz.testing import VirtualClock, drive, drive_to_next_run, virtual_time

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


class Job:
    def __init__(self, first: datetime.datetime | None, every: datetime.timedelta | None) -> None:
        self.next_run_time, self.every = first, every

    def went(self) -> None:
        assert self.next_run_time is not None
        self.next_run_time = self.next_run_time + self.every if self.every else None


class Passes:
    """A scheduler as a driver sees it: a clock, tasks, and passes."""

    def __init__(self, clock: Any, *jobs: Job, work: Callable[[], None] = lambda: None) -> None:
        self.clock, self.jobs, self.work = clock, list(jobs), work
        self.ran: list[datetime.datetime] = []

    def get_tasks(self) -> list[Job]:
        return self.jobs

    def process_tasks(self) -> float | None:
        now = self.clock.now()
        for job in [job for job in self.jobs if job.next_run_time and job.next_run_time <= now]:
            self.ran.append(now)
            job.went()
        times = [job.next_run_time for job in self.jobs if job.next_run_time]
        # After the answer is known, as a run that adds a task does.
        wait = (min(times) - now).total_seconds() if times else None
        self.work()
        return wait


class TestDrive:
    def test_a_month_of_hours_includes_both_ends(self) -> None:
        scheduler = Passes(VirtualClock(), Job(START, HOUR))
        drive(scheduler, days=30)
        assert scheduler.ran == [START + number * HOUR for number in range(30 * 24 + 1)]
        assert scheduler.clock.now() == START + datetime.timedelta(days=30)

    def test_the_end_can_be_given_in_several_ways(self) -> None:
        scheduler = Passes(VirtualClock(), Job(START + HOUR, HOUR))
        drive(scheduler)
        assert (scheduler.clock.now(), scheduler.ran) == (START, [])
        drive(scheduler, 3600)
        drive(scheduler, HOUR)
        drive(scheduler, until="2024-01-01T03:00Z")
        drive(scheduler, until=START + 3.5 * HOUR)
        assert scheduler.ran == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR]
        assert scheduler.clock.now() == START + 3.5 * HOUR

    def test_with_nothing_scheduled_time_goes_to_the_end(self) -> None:
        scheduler = Passes(VirtualClock(), Job(None, None))
        drive(scheduler, days=1)
        assert scheduler.clock.now() == START + 24 * HOUR

    def test_to_the_next_run_and_no_further(self) -> None:
        scheduler = Passes(VirtualClock(), Job(START + 5 * HOUR, None), Job(None, None), Job(START + HOUR, None))
        assert drive_to_next_run(scheduler) == START + HOUR == scheduler.clock.now()
        assert drive_to_next_run(scheduler) == START + 5 * HOUR == scheduler.clock.now()
        assert scheduler.ran == [START + HOUR, START + 5 * HOUR]
        with pytest.raises(LookupError, match="None of the 3 tasks of"):
            drive_to_next_run(scheduler)

    def test_a_next_run_that_is_overdue_is_made_now(self) -> None:
        scheduler = Passes(VirtualClock(), Job(START - HOUR, None))
        assert drive_to_next_run(scheduler) == START - HOUR
        assert (scheduler.ran, scheduler.clock.now()) == ([START], START)

    def test_a_task_that_a_run_adds_is_seen(self) -> None:
        def add() -> None:
            if len(scheduler.ran) == 1 == len(scheduler.jobs):
                scheduler.jobs.append(Job(START + 2 * HOUR, None))

        scheduler = Passes(VirtualClock(), Job(START + HOUR, 24 * HOUR), work=add)
        drive(scheduler, hours=12)
        assert scheduler.ran == [START + HOUR, START + 2 * HOUR]

    @pytest.mark.realtime
    def test_work_in_pools_is_waited_for_before_time_goes_on(self) -> None:
        seen: list[tuple[float, float]] = []

        def work() -> None:
            if len(scheduler.ran) > len(seen):
                scheduler.clock.hold()
                threading.Timer(0.01, report, [scheduler.clock.monotonic()]).start()

        def report(begun: float) -> None:
            seen.append((begun, scheduler.clock.monotonic()))
            scheduler.clock.release()

        scheduler = Passes(VirtualClock(), Job(START + HOUR, HOUR), work=work)
        drive(scheduler, hours=3)
        assert seen == [(3600.0, 3600.0), (7200.0, 7200.0), (10800.0, 10800.0)]

    @pytest.mark.realtime
    def test_the_outcome_of_late_work_is_seen_before_time_goes_on(self) -> None:
        def work() -> None:
            nonlocal passes
            passes += 1
            # The pass that repeats the first answer, and would be the last.
            if passes == 2:
                scheduler.clock.hold()
                threading.Timer(0.01, report).start()

        def report() -> None:
            scheduler.jobs.append(Job(START + HOUR, None))
            scheduler.clock.release()

        passes = 0
        scheduler = Passes(VirtualClock(), Job(START + 24 * HOUR, None), work=work)
        drive(scheduler, hours=12)
        assert scheduler.ran == [START + HOUR]

    def test_a_wait_below_a_microsecond_takes_time_as_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scheduler = Passes(VirtualClock())
        waits = iter([1e-7, 1e-7, 1e-7, 1e-7, None, None])
        monkeypatch.setattr(scheduler, "process_tasks", lambda: next(waits))
        drive(scheduler, datetime.timedelta(microseconds=2))
        assert scheduler.clock.monotonic() == 2e-6
        waits = iter([1e-7, 1e-7])
        drive(scheduler)
        assert scheduler.clock.monotonic() == 2e-6

    def test_mistakes_are_named(self) -> None:
        scheduler = Passes(VirtualClock(), Job(START, HOUR))
        with pytest.raises(TypeError, match=r"Expected a scheduler on a VirtualClock \(clock=\.\.\.\), got"):
            drive(Passes(SYSTEM_CLOCK), days=1)
        with pytest.raises(ValueError, match=r"Time cannot go back to 2023-01-01T00:00:00\+00:00"):
            drive(scheduler, until="2023-01-01")
        with pytest.raises(ValueError, match="Time cannot go back to"):
            drive(scheduler, -1)
        with pytest.raises(TypeError, match="Expected an amount of time or until=, got both"):
            drive(scheduler, until="2025-01-01", days=1)
        assert scheduler.ran == []

    def test_a_scheduler_that_never_has_enough_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("asyncz.testing.driving._MAX_PASSES", 100)
        scheduler = Passes(VirtualClock())
        monkeypatch.setattr(scheduler, "process_tasks", lambda: 0)
        with pytest.raises(RuntimeError, match="asked 100 times for another pass"):
            drive(scheduler, days=1)


class TestSleepingToTheNextRun:
    @virtual_time
    async def test_it_ends_at_the_earliest_run(self, clock: VirtualClock) -> None:
        scheduler = Passes(clock, Job(None, None), Job(START + 2 * HOUR, None), Job(START + HOUR, None))
        asyncio.get_running_loop().call_later(3600, scheduler.process_tasks)
        assert await clock.sleep_until_next_run(scheduler) == START + HOUR
        assert (clock.now(), scheduler.ran) == (START + HOUR, [START + HOUR])

    @virtual_time
    async def test_without_any_it_is_an_error(self, clock: VirtualClock) -> None:
        with pytest.raises(LookupError, match="has a next run time"):
            await clock.sleep_until_next_run(Passes(clock))

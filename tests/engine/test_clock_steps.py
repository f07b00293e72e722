"""A clock that is set, or a machine that was suspended: due times are neither waited out nor run twice."""

from __future__ import annotations

import datetime

import pytest

from asyncz.schedulers.base import BaseScheduler
from asyncz.testing import VirtualClock
from asyncz.triggers import AndTrigger, CronTrigger, IntervalTrigger, OrTrigger

CHECK = 10


@pytest.fixture
def clock():
    return VirtualClock("2024-05-01 12:00:00")


@pytest.fixture
def make(clock):
    made = []

    def make_scheduler():
        scheduler = BaseScheduler(clock=clock, timezone="UTC", executors={"default": {"type": "debug"}})
        scheduler.ran = []
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield make_scheduler
    for scheduler in made:
        scheduler.shutdown()


def add(scheduler, trigger, **options):
    def run():
        scheduler.ran.append(scheduler.clock.now().strftime("%H:%M:%S"))

    return scheduler.add_task(run, trigger, **options)


def live(scheduler, seconds):
    """Make passes as a driver does on a clock that may be stepped: never asleep longer than ten seconds."""
    end = scheduler.clock.monotonic() + seconds
    while True:
        wait = scheduler.process_tasks()
        left = end - scheduler.clock.monotonic()
        if left <= 0:
            return
        wait = left if wait is None else min(wait, left)
        scheduler.clock.advance(min(max(wait, 0.001), CHECK))


def test_after_a_step_forwards_what_is_due_runs_at_the_next_check(make, clock):
    scheduler = make()
    add(scheduler, IntervalTrigger(hours=1))
    live(scheduler, 60)
    clock.step(hours=1)
    live(scheduler, CHECK)
    assert scheduler.ran == ["13:01:00"]


def test_a_suspended_machine_catches_up_at_the_next_check(make, clock):
    scheduler = make()
    add(scheduler, IntervalTrigger(minutes=10))
    live(scheduler, 60)
    clock.advance(hours=8)
    live(scheduler, CHECK)
    assert scheduler.ran == ["20:01:00"]


@pytest.mark.parametrize(
    "trigger",
    [
        IntervalTrigger(seconds=5),
        IntervalTrigger(seconds=5, start_at="2024-05-01 12:00:00"),
        CronTrigger(second="*/5"),
        OrTrigger([IntervalTrigger(seconds=5), CronTrigger(hour=23)]),
        AndTrigger([CronTrigger(second="*/5"), CronTrigger(minute="*", second="*")]),
    ],
    ids=str,
)
def test_after_a_step_back_what_keeps_a_pace_goes_on_at_its_pace(make, clock, trigger):
    scheduler = make()
    add(scheduler, trigger)
    live(scheduler, 61)
    before = len(scheduler.ran)
    clock.step(hours=-2)
    live(scheduler, CHECK + 60)
    assert 11 <= len(scheduler.ran) - before <= 15
    assert scheduler.ran[-1].startswith("10:02:")


def test_after_a_step_back_no_fixed_time_runs_again(make, clock):
    scheduler = make()
    add(scheduler, CronTrigger(hour=12, minute=0, second=30))
    live(scheduler, 60)
    assert scheduler.ran == ["12:00:30"]
    clock.step(hours=-2)
    live(scheduler, 3 * 3600)
    assert scheduler.ran == ["12:00:30"]
    live(scheduler, 24 * 3600)
    assert scheduler.ran == ["12:00:30"] * 2


def test_a_fixed_time_that_has_not_run_yet_runs_once_after_a_step_back(make, clock):
    scheduler = make()
    add(scheduler, CronTrigger(hour=12, minute=30))
    live(scheduler, 60)
    clock.step(hours=-2)
    live(scheduler, 4 * 3600)
    assert scheduler.ran == ["12:30:00"]


def test_a_start_that_was_asked_for_is_waited_for(make, clock):
    scheduler = make()
    task = add(scheduler, IntervalTrigger(seconds=5, start_at="2024-05-01 13:00:00"))
    live(scheduler, 60)
    clock.step(hours=-2)
    live(scheduler, 60)
    assert task.next_run_time == datetime.datetime(2024, 5, 1, 13, tzinfo=datetime.timezone.utc)


def test_a_small_correction_is_waited_out(make, clock):
    scheduler = make()
    add(scheduler, IntervalTrigger(seconds=5))
    live(scheduler, 60)
    before = list(scheduler.ran)
    clock.step(seconds=-30)
    live(scheduler, 25)
    assert scheduler.ran == before


def test_a_step_back_does_not_make_the_passes_spin(make, clock):
    scheduler = make()
    add(scheduler, IntervalTrigger(minutes=5))
    live(scheduler, 60)
    clock.step(hours=-2)
    assert scheduler.process_tasks() > 0
    assert scheduler.process_tasks() == scheduler.process_tasks() > 0


def test_a_paused_task_stays_paused_through_a_step_back(make, clock):
    scheduler = make()
    task = add(scheduler, IntervalTrigger(seconds=5), next_run_time=None)
    live(scheduler, 60)
    clock.step(hours=-2)
    live(scheduler, 60)
    assert task.next_run_time is None
    assert scheduler.ran == []

"""Clocks that are moved from outside, by replacing what the ``datetime`` and ``time`` modules hold."""

from __future__ import annotations

import datetime

import pytest

from asyncz.events import TASK_EXECUTED
from asyncz.schedulers.base import BaseScheduler, ClassicLogging

UTC = datetime.timezone.utc
START = datetime.datetime(2030, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)


def freezegun():
    return pytest.importorskip("freezegun").freeze_time(START)


def time_machine():
    return pytest.importorskip("time_machine").travel(START, tick=False)


@pytest.mark.parametrize("travel", [freezegun, time_machine], ids=lambda travel: travel.__name__)
def test_a_clock_moved_from_outside_is_followed(travel):
    ran = []
    with travel() as traveller:
        scheduler = BaseScheduler(
            timezone="UTC", loggers_class=ClassicLogging, executors={"default": {"type": "debug"}}
        )
        scheduler.add_listener(lambda event: ran.append(event.scheduled_run_time), TASK_EXECUTED)
        with scheduler:
            task = scheduler.add_task(len, "interval", args=[""], hours=1)
            assert task.next_run_time == START + HOUR
            scheduler.process_tasks()
            assert ran == []
            traveller.move_to(START + HOUR)
            scheduler.process_tasks()
            assert ran == [START + HOUR]
            traveller.move_to(START + 5.5 * HOUR)
            scheduler.process_tasks()
            assert ran == [START + HOUR, START + 5 * HOUR]
            assert scheduler.get_scheduler_info().uptime_seconds == 5.5 * 3600
            assert scheduler.get_runs()[0].started_at == START + 5.5 * HOUR

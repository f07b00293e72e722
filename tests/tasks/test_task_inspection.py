"""Records of tasks, runs and schedulers."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from asyncz.enums import SchedulerState, TaskScheduleState
from asyncz.schedulers import SchedulerInfo, SchedulerInstanceInfo
from asyncz.tasks import Task, TaskInfo, TaskRunPreview
from asyncz.testing import drive
from asyncz.triggers import BaseTrigger, IntervalTrigger

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)


def work(*args: Any, **kwargs: Any) -> None:
    pass


def send_report() -> None:
    pass


class TestTaskInfo:
    def test_it_shows_all_of_a_task(self, scheduler: Any) -> None:
        scheduler.add_task(
            work, "cron", (1,), {"b": 2}, "x", "n", 5, False, 3, hour="8-10", minute=30
        )  # fmt: skip
        info = scheduler.get_task_info("x")
        assert isinstance(info, TaskInfo)
        assert dataclasses.asdict(info) == {
            "id": "x",
            "name": "n",
            "callable_name": "work",
            "callable_reference": f"{__name__}:work",
            "trigger_alias": "cron",
            "trigger_name": "CronTrigger",
            "trigger_description": "cron[hour='8-10', minute='30']",
            "executor": "default",
            "store_alias": "default",
            "schedule_state": TaskScheduleState.SCHEDULED,
            "next_run_time": START + 8.5 * HOUR,
            "coalesce": False,
            "max_instances": 3,
            "mistrigger_grace_time": 5,
            "pending": False,
            "paused": False,
            "submitted": True,
            "args": (1,),
            "kwargs": {"b": 2},
        }

    def test_it_is_a_snapshot_that_cannot_be_changed(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x", kwargs={"a": 1})
        info = task.snapshot()
        task.update(name="later", kwargs={"a": 2})
        assert (info.name, info.kwargs) == ("work", {"a": 1})
        with pytest.raises(dataclasses.FrozenInstanceError):
            info.name = "other"

    def test_the_state_is_pending_then_paused_or_scheduled(self, stopped: Any) -> None:
        stopped.add_task(work, "interval", hours=1, id="a")
        stopped.add_task(work, "interval", hours=1, id="b", next_run_time=None)
        assert {info.schedule_state.value for info in stopped.get_task_infos()} == {"pending"}
        stopped.start()
        assert [info.schedule_state.value for info in stopped.get_task_infos()] == ["scheduled", "paused"]

    def test_there_is_none_of_an_unknown_task(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x")
        assert scheduler.get_task_info("y") is scheduler.get_task_info("x", "other") is None
        assert scheduler.get_task_info("") is None

    @pytest.mark.memory
    def test_it_shows_what_no_reference_leads_to(self, scheduler: Any) -> None:
        task = scheduler.add_task(lambda: None, "interval", hours=1)
        assert scheduler.get_task_info(task.id).callable_reference is None
        assert Task(trigger=IntervalTrigger(hours=1)).snapshot().callable_name is None


@pytest.fixture
def office(make: Any) -> Any:
    """Five tasks of every kind."""
    scheduler = make(
        stores={"default": {"type": "memory"}, "archive": {"type": "memory"}},
        executors={"default": {"type": "debug"}, "slow": {"type": "debug"}},
    )
    scheduler.add_task(work, "interval", hours=3, id="a", name="Zebra")
    scheduler.add_task(send_report, "cron", hour=1, id="b", name="apple", store="archive")
    scheduler.add_task(work, "interval", hours=2, id="c", name="Mango", executor="slow")
    scheduler.add_task(work, "date", run_at=START + HOUR, id="d", name="fig")
    scheduler.add_task(work, "interval", hours=1, id="e", name="kiwi", next_run_time=None)
    return scheduler


def ids(scheduler: Any, *args: Any, **kwargs: Any) -> str:
    return "".join(info.id for info in scheduler.get_task_infos(*args, **kwargs))


class TestChoosingAndOrdering:
    def test_by_default_all_come_by_next_run_time_and_paused_ones_last(self, office: Any) -> None:
        assert ids(office) == "bdcae"
        assert ids(office, descending=True) == "acbde"

    @pytest.mark.parametrize(
        ("sort_by", "order"),
        [
            ("id", "abcde"),
            ("name", "cabde"),
            ("next_run_time", "bdcae"),
            ("schedule_state", "eabcd"),
            ("executor", "abdec"),
            ("store", "bacde"),
            ("trigger", "bdace"),
        ],
    )
    def test_the_order_can_be_chosen(self, office: Any, sort_by: str, order: str) -> None:
        assert ids(office, sort_by=sort_by) == order

    @pytest.mark.parametrize("sort_by", ["colour", "", None, 5])
    def test_another_order_is_refused(self, office: Any, sort_by: Any) -> None:
        with pytest.raises(ValueError, match="sort_by must be one of id, name, next_run_time"):
            office.get_task_infos(sort_by=sort_by)

    def test_by_store_and_executor(self, office: Any) -> None:
        assert (ids(office, "archive"), ids(office, "default"), ids(office, "none")) == ("b", "dcae", "")
        assert (ids(office, executor="slow"), ids(office, executor="SLOW")) == ("c", "")

    @pytest.mark.parametrize("state", [TaskScheduleState.PAUSED, "paused", " Paused ", "PAUSED"])
    def test_by_state_as_an_enum_or_as_text(self, office: Any, state: Any) -> None:
        assert ids(office, schedule_state=state) == "e"

    @pytest.mark.parametrize("state", ["sleeping", "", 5])
    def test_another_state_is_refused(self, office: Any, state: Any) -> None:
        with pytest.raises(ValueError, match="schedule_state must be one of pending, paused, scheduled, got"):
            office.get_task_infos(schedule_state=state)

    @pytest.mark.parametrize("trigger", ["interval", "INTERVAL", "IntervalTrigger", "intervaltrigger"])
    def test_by_trigger_as_an_alias_or_a_class(self, office: Any, trigger: str) -> None:
        assert ids(office, trigger=trigger) == "cae"

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ("zeb", "a"),
            ("REPORT", "b"),
            ("test_task_inspection:work", "dcae"),
            ("crontrigger", "b"),
            ("[2:00", "c"),
            ("slow", "c"),
            ("archive", "b"),
            ("paused", "e"),
            ("2024-01-01", "d"),
            ("nothing at all", ""),
            ("", "bdcae"),
            (None, "bdcae"),
        ],
    )
    def test_by_a_part_of_any_text(self, office: Any, q: Any, found: str) -> None:
        assert ids(office, q=q) == found

    def test_all_conditions_have_to_hold(self, office: Any) -> None:
        assert ids(office, "default", trigger="interval", schedule_state="scheduled", q="a", sort_by="id") == "ac"

    def test_queued_tasks_can_be_chosen_among(self, stopped: Any) -> None:
        stopped.add_task(work, "interval", hours=1, id="x")
        assert (ids(stopped, schedule_state="pending"), ids(stopped, schedule_state="scheduled")) == ("x", "")


class TestPreview:
    def test_it_lists_what_is_coming_and_changes_nothing(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x")
        preview = scheduler.preview_task_runs("x", count=3)
        assert isinstance(preview, TaskRunPreview)
        assert preview.run_times == tuple(START + n * HOUR for n in (1, 2, 3))
        assert (preview.task, preview.timezone, preview.generated_at) == (task.snapshot(), "UTC", START)
        assert (preview.requested_count, preview.exhausted) == (3, False)
        assert scheduler.preview_task_runs("x", count=3) == preview
        assert len(scheduler.preview_task_runs("x").run_times) == 5

    def test_it_says_when_there_are_no_more(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, end_at=START + 2 * HOUR, id="x")
        preview = scheduler.preview_task_runs("x", count=3)
        assert (len(preview.run_times), preview.exhausted) == (2, True)
        assert scheduler.preview_task_runs("x", count=2).exhausted is True
        assert scheduler.preview_task_runs("x", count=1).exhausted is False

    def test_it_starts_from_a_next_run_time_of_its_own(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x", next_run_time=START + 1.5 * HOUR)
        assert scheduler.preview_task_runs("x", count=2).run_times == (START + 1.5 * HOUR, START + 2 * HOUR)

    def test_a_paused_task_is_shown_as_if_it_was_resumed(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x", next_run_time=None)
        clock.advance(minutes=150)
        assert scheduler.preview_task_runs("x", count=1).run_times == (START + 3 * HOUR,)
        later = scheduler.preview_task_runs("x", count=1, now=START + 9.5 * HOUR)
        assert (later.run_times, later.generated_at) == ((START + 10 * HOUR,), START + 9.5 * HOUR)

    @pytest.mark.parametrize("count", [0, 51, -1, True, "5", 2.5])
    def test_a_count_out_of_bounds_is_refused_before_the_task_is_looked_for(self, scheduler: Any, count: Any) -> None:
        with pytest.raises(ValueError, match=r"^count must be between 1 and 50\.$"):
            scheduler.preview_task_runs("unknown", count=count)

    def test_there_is_none_of_an_unknown_task(self, scheduler: Any) -> None:
        assert scheduler.preview_task_runs("unknown") is None
        assert scheduler.preview_task_runs("", count=50) is None

    def test_a_queued_task_has_a_preview_too(self, stopped: Any) -> None:
        task = stopped.add_task(work, "interval", hours=1)
        assert stopped.preview_task_runs(task, count=1).run_times == (START + HOUR,)
        assert task.next_run_time is None

    def test_times_are_in_the_zone_of_the_trigger(self, make: Any) -> None:
        scheduler = make(timezone="Europe/Berlin")
        scheduler.add_task(work, "cron", hour=9, timezone="Asia/Tokyo", id="x")
        preview = scheduler.preview_task_runs("x", count=1)
        assert (preview.run_times[0].hour, str(preview.run_times[0].tzinfo)) == (9, "Asia/Tokyo")
        assert preview.timezone == "Europe/Berlin"

    @pytest.mark.memory
    def test_a_trigger_that_goes_by_the_clock_alone_goes_on(self, scheduler: Any) -> None:
        class FromNow(BaseTrigger):
            def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
                return now + HOUR

        task = scheduler.add_task(work, FromNow())
        assert scheduler.preview_task_runs(task, count=3).run_times == tuple(START + n * HOUR for n in (1, 2, 3))

    @pytest.mark.memory
    def test_a_shutdown_task_has_no_runs_to_preview(self, scheduler: Any) -> None:
        scheduler.add_task(work, "shutdown", id="x")
        preview = scheduler.preview_task_runs("x")
        assert (preview.run_times, preview.exhausted) == ((), True)


class TestRuns:
    def test_each_run_is_on_record(self, make: Any, held: Any, clock: Any) -> None:
        scheduler = make(executors={"default": held}, identity="me")
        scheduler.add_task(work, "interval", hours=1, id="x", name="n")
        drive(scheduler, hours=1)
        (live,) = scheduler.get_runs()
        assert (live.state.value, live.started_at, live.finished_at) == ("submitted", None, None)
        clock.advance(5)
        held.release()
        drive(scheduler)
        (run,) = scheduler.get_runs("x")
        assert (run.task_id, run.task_name, run.store, run.executor) == ("x", "n", "default", "default")
        assert (run.run_times, run.owner, run.source) == ((START + HOUR,), "me", "scheduled")
        assert (run.state.value, run.error, run.claimed_at) == ("executed", None, START + HOUR)
        assert run.started_at == run.finished_at == START + HOUR + datetime.timedelta(seconds=5)

    @pytest.mark.memory
    def test_runs_are_chosen_by_task_and_state_latest_first(self, scheduler: Any) -> None:
        good = scheduler.add_task(work, "interval", hours=1, id="good")
        scheduler.add_task(lambda: 1 / 0, "interval", hours=2, id="bad")
        drive(scheduler, hours=4)
        assert [run.task_id for run in scheduler.get_runs(good)] == ["good"] * 4
        assert [run.run_times[0] for run in scheduler.get_runs("bad")] == [START + 4 * HOUR, START + 2 * HOUR]
        assert [run.error for run in scheduler.get_runs(state="ERROR", limit=1)] == [
            "ZeroDivisionError: division by zero"
        ]
        assert len(scheduler.get_runs()) == 6
        assert len(scheduler.get_runs(limit=3)) == 3
        assert scheduler.get_runs("unknown") == []

    @pytest.mark.memory
    def test_a_thousand_ended_runs_are_kept(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", seconds=1)
        drive(scheduler, 1_100)
        runs = scheduler.get_runs(limit=5_000)
        assert len(runs) == 1_000
        assert runs[0].claimed_at == START + datetime.timedelta(seconds=1_100)

    @pytest.mark.parametrize(("kwargs", "text"), [({"state": "odd"}, "state must be one of"), ({"limit": 0}, "limit")])
    def test_other_questions_are_refused(self, scheduler: Any, kwargs: Any, text: str) -> None:
        with pytest.raises(ValueError, match=text):
            scheduler.get_runs(**kwargs)


class TestSchedulerInfo:
    @pytest.mark.memory
    def test_of_a_stopped_scheduler(self, make: Any) -> None:
        scheduler = make(start=False, identity="me", startup_delay=2, store_retry_interval=7)
        scheduler.add_task(work, "interval", hours=1)
        assert dataclasses.asdict(scheduler.get_scheduler_info()) == {
            "identity": "me",
            "state": SchedulerState.STATE_STOPPED,
            "state_label": "stopped",
            "running": False,
            "started_at": None,
            "uptime_seconds": None,
            "timezone": "UTC",
            "executor_aliases": ("default",),
            "store_aliases": (),
            "task_count": 1,
            "scheduled_task_count": 0,
            "paused_task_count": 0,
            "pending_task_count": 1,
            "submitted_task_count": 1,
            "store_retry_interval": 7,
            "startup_delay": 2,
        }

    def test_of_a_running_one(self, office: Any, clock: Any) -> None:
        clock.advance(90)
        info = office.get_scheduler_info()
        assert isinstance(info, SchedulerInfo)
        assert (info.state_label, info.running, info.started_at, info.uptime_seconds) == ("running", True, START, 90)
        assert (info.executor_aliases, info.store_aliases) == (("default", "slow"), ("archive", "default"))
        assert (info.task_count, info.scheduled_task_count, info.paused_task_count) == (5, 4, 1)
        assert (info.pending_task_count, info.submitted_task_count) == (0, 5)
        office.pause()
        assert (office.get_scheduler_info().state_label, office.get_scheduler_info().running) == ("paused", True)

    def test_of_the_instances(self, make: Any, clock: Any) -> None:
        scheduler = make(start=False, heartbeat_stale_after=45)
        (info,) = scheduler.get_scheduler_instance_infos()
        assert isinstance(info, SchedulerInstanceInfo)
        assert (info.active, info.stale, info.scope) == (False, True, "process-local")
        assert (scheduler.started_at, scheduler.last_seen_at) == (None, None)
        scheduler.start()
        clock.advance(5)
        (info,) = scheduler.get_scheduler_instance_infos()
        assert (info.active, info.stale, info.last_seen_at) == (True, False, clock.now())
        assert (info.heartbeat_age_seconds, info.stale_after_seconds, info.uptime_seconds) == (0, 45, 5)
        assert (scheduler.started_at, scheduler.last_seen_at) == (info.started_at, clock.now())
        assert info.identity == scheduler.identity

"""Adding tasks: what may be given, what is refused, and what becomes of them when a scheduler starts."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from asyncz import utils
from asyncz.exceptions import ConflictIdError, TaskLookupError
from asyncz.stores.memory import MemoryStore
from asyncz.tasks import Task
from asyncz.testing import drive
from asyncz.triggers import AndTrigger, CronTrigger, DateTrigger, IntervalTrigger, OrTrigger

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> None:
    calls.clear()


def work(*args: Any, **kwargs: Any) -> None:
    calls.append((args, kwargs))


def strict(a: int) -> None:
    calls.append(a)


class Tools:
    class Inner:
        @staticmethod
        def work() -> None:
            calls.append("inner")


class TestWhatMayBeGiven:
    def test_the_positional_order_is_kept(self, scheduler: Any) -> None:
        task = scheduler.add_task(
            work, "interval", (1,), {"b": 2}, "x", "n", 5, False, 3, START + HOUR, "default", "default", True, hours=2
        )
        assert (task.fn, task.args, task.kwargs, task.id, task.name) == (work, (1,), {"b": 2}, "x", "n")
        assert (task.mistrigger_grace_time, task.coalesce, task.max_instances) == (5, False, 3)
        assert (task.next_run_time, task.store_alias, task.executor) == (START + HOUR, "default", "default")
        assert task.trigger == IntervalTrigger(hours=2, timezone="UTC")

    def test_a_callable_may_be_given_as_text(self, scheduler: Any) -> None:
        scheduler.add_task(f"{__name__}:Tools.Inner.work")
        drive(scheduler)
        assert calls == ["inner"]

    def test_the_old_name_of_the_callable_warns(self, scheduler: Any) -> None:
        with pytest.warns(DeprecationWarning, match=r"^The parameter 'fn' was renamed to 'fn_or_task'$"):
            task = scheduler.add_task(fn=work, trigger="interval", hours=1)
        assert task.fn is work

    def test_without_a_trigger_a_task_runs_once_and_now_however_late_that_is(self, make: Any, clock: Any) -> None:
        scheduler = make(task_defaults={"mistrigger_grace_time": 1})
        task = scheduler.add_task(work)
        assert (task.next_run_time, task.mistrigger_grace_time) == (START, None)
        clock.advance(hours=1)
        drive(scheduler)
        assert len(calls) == 1
        assert scheduler.get_task(task.id) is None

    @pytest.mark.parametrize(
        ("alias", "args", "trigger"),
        [
            ("date", {"run_at": START + HOUR}, DateTrigger(START + HOUR, timezone="UTC")),
            ("interval", {"minutes": 5}, IntervalTrigger(minutes=5, timezone="UTC")),
            ("cron", {"hour": "8-10"}, CronTrigger(hour="8-10", timezone="UTC")),
            ("and", {"triggers": [IntervalTrigger(hours=1)]}, AndTrigger([IntervalTrigger(hours=1)], timezone="UTC")),
            ("or", {"triggers": [IntervalTrigger(hours=1)]}, OrTrigger([IntervalTrigger(hours=1)], timezone="UTC")),
        ],
    )
    def test_triggers_go_by_alias_with_their_arguments(
        self, scheduler: Any, alias: str, args: dict[str, Any], trigger: Any
    ) -> None:
        assert scheduler.add_task(work, alias, **args).trigger == trigger

    def test_a_trigger_instance_passes_through(self, stopped: Any) -> None:
        trigger = CronTrigger(hour=5)
        assert stopped.add_task(work, trigger).trigger is trigger

    def test_several_tasks_can_be_added_at_once(self, scheduler: Any) -> None:
        tasks = [Task(work, id=name, trigger=IntervalTrigger(hours=1)) for name in "ab"]
        assert scheduler.add_tasks(iter(tasks)) == tasks
        assert [task.id for task in scheduler.get_tasks()] == ["a", "b"]

    def test_options_that_are_the_sentinel_count_as_left_out(self, make: Any) -> None:
        from asyncz.typing import undefined

        scheduler = make(task_defaults={"coalesce": False, "max_instances": 4, "mistrigger_grace_time": 9})
        task = scheduler.add_task(
            work, "interval", coalesce=undefined, max_instances=undefined, mistrigger_grace_time=undefined,
            next_run_time=undefined, hours=1,
        )  # fmt: skip
        assert (task.coalesce, task.max_instances, task.mistrigger_grace_time) == (False, 4, 9)
        assert task.next_run_time == START + HOUR

    def test_recover_is_an_option_of_the_task(self, scheduler: Any) -> None:
        assert scheduler.add_task(work, "interval", hours=1).recover is True
        assert scheduler.add_task(work, "interval", hours=1, recover=False).recover is False
        assert scheduler.add_task(Task(work, trigger=IntervalTrigger(hours=1), recover=False)).recover is False


class TestNextRunTime:
    def test_none_adds_it_paused(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", seconds=1, next_run_time=None)
        assert (task.next_run_time, task.paused, task.pending) == (None, True, False)
        drive(scheduler, hours=1)
        assert calls == []

    def test_none_on_a_task_object_adds_it_paused(self, stopped: Any) -> None:
        first = stopped.add_task(Task(work, id="a", trigger=IntervalTrigger(seconds=1), next_run_time=None))
        second = stopped.add_task(Task(work, id="b", trigger=IntervalTrigger(seconds=1)), next_run_time=None)
        with stopped:
            assert first.paused
            assert second.paused
            drive(stopped, hours=1)
        assert calls == []

    @pytest.mark.memory
    def test_a_datetime_is_the_first_run_whatever_the_trigger_says(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(lambda: calls.append(clock.now()), "cron", hour=5, next_run_time=START + 1.5 * HOUR)
        drive(scheduler, days=1)
        assert calls == [START + 1.5 * HOUR, START + 5 * HOUR]

    def test_a_naive_one_takes_the_zone_of_the_scheduler(self, make: Any) -> None:
        scheduler = make(timezone="Asia/Tokyo")
        naive = datetime.datetime(2024, 2, 1, 9)
        for given in (naive, "2024-02-01 09:00:00"):
            task = scheduler.add_task(work, "interval", hours=1, next_run_time=given)
            assert task.next_run_time == naive.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
            assert str(task.next_run_time.tzinfo) == "Asia/Tokyo"
        assert scheduler.add_task(work, run_at=naive).next_run_time == naive.replace(tzinfo=ZoneInfo("Asia/Tokyo"))

    @pytest.mark.parametrize("given", [datetime.datetime(2024, 2, 1, 9), "2024-02-01 09:00:00"])
    def test_a_naive_one_can_be_queued(self, make: Any, given: Any) -> None:
        scheduler = make(timezone="Asia/Tokyo", start=False)
        tasks = [
            scheduler.add_task(work, "interval", hours=1, next_run_time=given),
            scheduler.add_task(Task(work, trigger=IntervalTrigger(hours=1), next_run_time=given)),
        ]
        with pytest.raises((TypeError, ValueError), match="next_run_time"):
            scheduler.add_task(work, "interval", hours=1, next_run_time="soon")
        with scheduler:
            for task in tasks:
                assert task.next_run_time == datetime.datetime(2024, 2, 1, tzinfo=UTC)
                assert str(task.next_run_time.tzinfo) == "Asia/Tokyo"

    def test_a_naive_one_takes_the_very_zone_that_get_localzone_returned(
        self, make: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=5), "HERE")
        monkeypatch.setattr(utils, "get_localzone", lambda: zone)
        scheduler = make(timezone=None)
        assert scheduler.timezone is zone
        naive = datetime.datetime(2024, 2, 1, 9)
        assert scheduler.add_task(work, "interval", hours=1, next_run_time=naive).next_run_time.tzinfo is zone
        assert scheduler.add_task(work, "date", run_at=naive).next_run_time.tzinfo is zone

    def test_one_that_is_no_time_is_refused(self, scheduler: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="next_run_time"):
            scheduler.add_task(work, "interval", hours=1, next_run_time="soon", id="x")
        assert scheduler.get_tasks() == []

    @pytest.mark.memory
    def test_a_schedule_that_has_ended_already_is_kept_without_a_next_run(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "cron", hour=1, end_at="2023-01-01")
        assert scheduler.get_task(task.id) is task
        assert task.paused


class TestRefusals:
    def test_a_live_add_of_a_known_id_is_refused_at_once(self, scheduler: Any, hear: Any) -> None:
        first = scheduler.add_task(work, "interval", hours=1, id="x")
        events = hear(scheduler)
        with pytest.raises(ConflictIdError) as caught:
            scheduler.add_task(work, "interval", hours=2, id="x")
        assert str(caught.value) == "'Task identifier (x) conflicts with an existing task.'"
        assert (scheduler.get_tasks(), events) == ([first], [])

    @pytest.mark.memory
    def test_a_queued_duplicate_is_refused_at_once(self, stopped: Any) -> None:
        first = stopped.add_task(work, "interval", hours=1, id="x")
        refused = Task(work, id="x", trigger=IntervalTrigger(hours=2))
        with pytest.raises(ConflictIdError):
            stopped.add_task(refused)
        assert (refused.submitted, refused.pending) == (False, True)
        assert stopped.get_tasks() == [first]
        assert stopped.get_task("x") is first
        with stopped:
            assert stopped.get_task("x") is first

    def test_an_id_that_a_store_knows_already_is_reported_when_the_scheduler_starts(
        self, make: Any, caplog: Any
    ) -> None:
        class Kept(MemoryStore):
            def shutdown(self) -> None:
                pass

        store = Kept()
        with make(start=False, stores={"default": store}) as first:
            stored = first.add_task(work, "interval", hours=1, id="x")
        second = make(start=False, stores={"default": store})
        queued = second.add_task(work, "interval", hours=9, id="x")
        with second:
            assert second.get_task("x") is stored
            assert (queued.submitted, queued.pending) == (False, True)
        assert "Task 'x' was not scheduled: ConflictIdError" in caplog.text

    def test_a_task_can_be_submitted_once_only(self, stopped: Any) -> None:
        task = stopped.add_task(work, "interval", hours=1)
        with pytest.raises(AssertionError, match="not submitted before"):
            stopped.add_task(task)
        stopped.start()
        with pytest.raises(AssertionError, match="not submitted before"):
            stopped.add_task(task, replace_existing=True)

    def test_a_task_object_needs_a_trigger(self, scheduler: Any) -> None:
        with pytest.raises(AssertionError, match="with a trigger"):
            scheduler.add_task(Task(work))

    def test_a_task_of_another_scheduler_is_refused(self, make: Any) -> None:
        one, other = make(), make()
        task = Task(work, trigger=IntervalTrigger(hours=1), scheduler=one)
        with pytest.raises(ValueError, match=r"^The task scheduler may not be changed\.$"):
            other.add_task(task)
        assert one.add_task(task) is task

    @pytest.mark.parametrize("running", [True, False])
    def test_a_call_that_would_not_fit_is_refused_when_the_task_is_added(self, make: Any, running: bool) -> None:
        scheduler = make(start=running)
        with pytest.raises(ValueError, match="strict cannot be called with these arguments: missing: a"):
            scheduler.add_task(strict, "interval", hours=1)
        with pytest.raises(ValueError, match="too many positional arguments"):
            scheduler.add_task(strict, "interval", (1, 2), hours=1)
        with pytest.raises(ValueError, match="not accepted: b"):
            scheduler.add_task(strict, "interval", (1,), {"b": 2}, hours=1)
        assert scheduler.get_tasks() == []

    @pytest.mark.parametrize("fn", [5, object(), b"x:y"])
    def test_what_cannot_be_called_is_refused(self, scheduler: Any, fn: Any) -> None:
        with pytest.raises(TypeError, match="fn must be a callable or a textual reference to a callable"):
            scheduler.add_task(fn)

    def test_a_trigger_of_another_type_is_refused(self, scheduler: Any) -> None:
        with pytest.raises(TypeError, match=r"^Expected a trigger instance or string, got 'int' instead\.$"):
            scheduler.add_task(work, 5)

    def test_an_unknown_trigger_is_refused(self, scheduler: Any) -> None:
        with pytest.raises(LookupError, match="No trigger by the name 'weekly' was found"):
            scheduler.add_task(work, "weekly")

    def test_a_misspelt_argument_of_a_trigger_is_named(self, scheduler: Any) -> None:
        with pytest.raises(TypeError, match="'minuts'"):
            scheduler.add_task(work, "interval", minuts=5)
        with pytest.raises(TypeError, match="'colour'"):
            scheduler.add_task(work, "cron", colour="red")

    def test_arguments_beside_a_trigger_instance_are_refused(self, scheduler: Any) -> None:
        with pytest.raises(TypeError, match="no arguments beside a trigger instance"):
            scheduler.add_task(work, IntervalTrigger(minutes=5), seconds=1)

    def test_an_unknown_store_is_named(self, scheduler: Any) -> None:
        with pytest.raises(KeyError, match="No such store: 'other'"):
            scheduler.add_task(work, "interval", hours=1, store="other")
        assert scheduler.get_tasks() == []

    def test_a_refused_task_can_be_added_elsewhere(self, scheduler: Any) -> None:
        task = Task(work, id="x", trigger=IntervalTrigger(hours=1))
        with pytest.raises(KeyError):
            scheduler.add_task(task, store="other")
        assert scheduler.add_task(task, store="default") is task


class TestTaskObjects:
    @pytest.mark.memory
    def test_a_task_object_is_updated_in_place_and_returned(self, scheduler: Any) -> None:
        task = Task(work, id="x", trigger=IntervalTrigger(hours=1))
        added = scheduler.add_task(task, "cron", (1,), name="n", max_instances=2, hour=5)
        assert added is task is scheduler.get_task("x")
        assert (task.trigger, task.args, task.name) == (CronTrigger(hour=5, timezone="UTC"), (1,), "n")
        assert (task.max_instances, task.store_alias, task.executor) == (2, "default", "default")
        assert (task.submitted, task.pending, task.scheduler) == (True, False, scheduler)

    def test_a_task_without_an_id_may_be_given_one(self, scheduler: Any) -> None:
        decorator = Task(trigger=IntervalTrigger(hours=1))
        assert scheduler.add_task(decorator, id="x").id == "x"

    def test_another_id_is_refused(self, scheduler: Any) -> None:
        with pytest.raises(ValueError, match=r"^The task ID may not be changed\.$"):
            scheduler.add_task(Task(work, id="x", trigger=IntervalTrigger(hours=1)), id="y")

    def test_store_and_executor_fall_back_to_default(self, make: Any) -> None:
        scheduler = make(stores={"default": {"type": "memory"}, "second": {"type": "memory"}})
        task = scheduler.add_task(Task(work, trigger=IntervalTrigger(hours=1)))
        other = scheduler.add_task(Task(work, trigger=IntervalTrigger(hours=1), store_alias="second"))
        third = scheduler.add_task(Task(work, trigger=IntervalTrigger(hours=1), store_alias="second"), store="default")
        assert [t.store_alias for t in (task, other, third)] == ["default", "second", "default"]
        assert (scheduler.get_tasks("second"), task.executor) == ([other], "default")

    @pytest.mark.memory
    def test_replace_existing_on_the_task_object_is_used_when_it_is_submitted(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x")
        task = Task(work, id="x", trigger=IntervalTrigger(hours=2), replace_existing=True)
        assert scheduler.add_task(task) is scheduler.get_task("x") is task

    def test_a_task_object_that_is_refused_is_left_as_it_was(self, scheduler: Any) -> None:
        task = Task(strict, id="x", args=(1,), trigger=IntervalTrigger(hours=1))
        with pytest.raises(ValueError, match="too many"):
            scheduler.add_task(task, args=(1, 2), name="other")
        assert (task.args, task.name, task.submitted) == ((1,), "strict", False)
        assert scheduler.add_task(task) is task


class TestQueuedTasks:
    def test_they_wait_for_the_start_in_silence(self, stopped: Any, hear: Any) -> None:
        events = hear(stopped)
        task = stopped.add_task(work, "interval", hours=1, id="x")
        assert (events, task.pending, task.submitted, task.next_run_time) == ([], True, True, None)
        assert stopped.get_tasks() == [task]
        assert stopped.lookup_task("x") == (task, None)
        stopped.start()
        assert (task.pending, task.next_run_time) == (False, START + HOUR)
        assert stopped.lookup_task("x") == (task, "default")
        assert events.told[-2:] == [("ADDED", "x"), ("SCHEDULER_STARTED", None)]

    def test_an_interval_counts_from_when_it_was_added(self, stopped: Any, clock: Any) -> None:
        task = stopped.add_task(work, "interval", hours=1)
        clock.advance(minutes=10)
        stopped.start()
        assert task.next_run_time == START + HOUR

    def test_what_was_to_run_at_once_runs_when_the_scheduler_starts(self, stopped: Any, clock: Any) -> None:
        stopped.add_task(work)
        clock.advance(days=1)
        stopped.start()
        drive(stopped)
        assert len(calls) == 1

    def test_they_can_be_deleted_and_forgotten(self, stopped: Any) -> None:
        stopped.add_task(work, "interval", hours=1, id="x")
        stopped.add_task(work, "interval", hours=1, id="y")
        stopped.delete_task("x")
        assert [task.id for task in stopped.get_tasks()] == ["y"]
        with pytest.raises(TaskLookupError, match=r"^No task with the id x has been found\.$"):
            stopped.delete_task("x")
        stopped.remove_all_tasks()
        with stopped:
            assert stopped.get_tasks() == []

    def test_a_store_that_is_not_configured_is_reported_at_the_start(self, stopped: Any) -> None:
        task = stopped.add_task(work, "interval", hours=1, store="other")
        with pytest.raises(KeyError, match="Tasks were added for stores that are not configured: other"):
            stopped.start()
        assert stopped.get_tasks() == [task]
        stopped.add_store("memory", "other")
        stopped.start()
        assert stopped.lookup_task(task.id) == (task, "other")

    @pytest.mark.memory
    def test_a_trigger_that_fails_at_the_start_keeps_no_other_task_from_it(self, stopped: Any, caplog: Any) -> None:
        from asyncz.triggers import BaseTrigger

        class Broken(BaseTrigger):
            def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
                raise ZeroDivisionError("no time")

        stopped.add_task(work, Broken(), id="broken")
        stopped.add_task(work, "interval", hours=1, id="good")
        stopped.start()
        assert stopped.get_task("broken").paused
        assert "Task 'broken' was not scheduled: ZeroDivisionError: no time" in caplog.text
        drive(stopped, hours=1)
        assert len(calls) == 1

    def test_one_scheduler_runs_what_was_added_between_two_sessions(self, make: Any, clock: Any) -> None:
        scheduler = make(start=False)
        for _ in range(2):
            scheduler.add_task(work, id="again")
            with scheduler:
                drive(scheduler)
        assert len(calls) == 2

    def test_a_start_delay_puts_first_runs_off(self, make: Any) -> None:
        scheduler = make(start=False, startup_delay=30)
        soon = scheduler.add_task(work, id="soon")
        later = scheduler.add_task(work, "interval", hours=1, id="later")
        scheduler.start()
        assert soon.next_run_time == START + datetime.timedelta(seconds=30)
        assert later.next_run_time == START + HOUR
        assert scheduler.add_task(work, id="live").next_run_time == START


class TestReplacing:
    @pytest.mark.memory
    def test_a_task_of_an_equal_trigger_keeps_its_due_time(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x", args=("old",))
        clock.advance(minutes=50)
        task = scheduler.add_task(work, "interval", hours=1, id="x", args=("new",), replace_existing=True)
        assert scheduler.get_task("x") is task
        assert task.next_run_time == START + HOUR
        drive(scheduler, hours=2)
        assert calls == [(("new",), {})] * 2

    def test_an_overdue_run_is_not_lost_by_a_restart(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "cron", hour=3, id="nightly")
        clock.advance(hours=3, minutes=5)
        scheduler.add_task(work, "cron", hour=3, id="nightly", replace_existing=True)
        drive(scheduler)
        assert len(calls) == 1

    def test_a_pause_stays(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x").pause()
        task = scheduler.add_task(work, "interval", hours=1, id="x", replace_existing=True)
        assert task.paused

    def test_another_trigger_brings_its_own_schedule(self, scheduler: Any, clock: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x").pause()
        clock.advance(minutes=10)
        task = scheduler.add_task(work, "interval", minutes=30, id="x", replace_existing=True)
        assert task.next_run_time == START + datetime.timedelta(minutes=40)

    @pytest.mark.memory
    def test_a_cron_trigger_with_another_step_is_another_trigger(self, scheduler: Any) -> None:
        scheduler.add_task(work, "cron", minute="10-59/20", id="x")
        task = scheduler.add_task(work, "cron", minute="10-59/7", id="x", replace_existing=True)
        drive(scheduler, minutes=20)
        assert len(calls) == 2
        assert task.next_run_time == START + datetime.timedelta(minutes=24)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"day": "2nd fri"}, {"day": "3rd fri"}),
            ({"month": "nov"}, {"month": "dec"}),
            ({"hour": "0-22/2"}, {"hour": "0-22/11"}),
            ({"day": "last"}, {"day": "last mon"}),
        ],
    )
    def test_cron_triggers_are_compared_and_shown_by_all_that_they_say(
        self, scheduler: Any, before: dict[str, str], after: dict[str, str]
    ) -> None:
        ((name, value),) = after.items()
        expected = scheduler.add_task(work, "cron", **after).next_run_time
        scheduler.add_task(work, "cron", **before, id="x")
        task = scheduler.add_task(work, "cron", **after, id="x", replace_existing=True)
        assert task.next_run_time == expected
        assert task.snapshot().trigger_description == f"cron[{name}='{value}']"
        assert f"{name}='{value}'" in repr(task.trigger)

    def test_a_next_run_time_that_is_given_counts(self, scheduler: Any) -> None:
        scheduler.add_task(work, "interval", hours=1, id="x")
        task = scheduler.add_task(work, "interval", hours=1, id="x", next_run_time=START, replace_existing=True)
        assert task.next_run_time == START
        paused = scheduler.add_task(work, "interval", hours=1, id="x", next_run_time=None, replace_existing=True)
        assert paused.paused

    def test_live_runs_count_on(self, make: Any, held: Any, clock: Any) -> None:
        scheduler = make(executors={"default": held})
        scheduler.add_task(work, "interval", seconds=10, id="x", args=("old",))
        drive(scheduler, 10)
        scheduler.add_task(work, "interval", seconds=10, id="x", args=("new",), replace_existing=True)
        drive(scheduler, 10)
        assert len(held.sent) == 1
        held.release()
        drive(scheduler, 10)
        held.release()
        assert [args for args, _ in calls] == [("old",), ("new",)]

    def test_a_jittered_task_keeps_its_nominal_time(self, scheduler: Any, clock: Any) -> None:
        for _ in range(50):
            scheduler.add_task(work, "interval", hours=1, jitter=600, id="x", replace_existing=True)
        drive(scheduler, hours=100, minutes=10)
        assert len(calls) == 100

    def test_a_queued_task_replaces_a_queued_one(self, stopped: Any) -> None:
        stopped.add_task(work, "interval", hours=1, id="x")
        task = stopped.add_task(work, "interval", hours=2, id="x", replace_existing=True)
        with stopped:
            assert stopped.get_tasks() == [task]
            assert stopped.get_task("x") == task
            assert task.next_run_time == START + 2 * HOUR

    def test_an_unknown_id_is_simply_added(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", hours=1, id="x", replace_existing=True)
        assert scheduler.get_task("x") == task


class TestAnExecutorThatIsNotThere:
    """Such a task waits; the log says so, once, however it came about."""

    @staticmethod
    def said(caplog: Any) -> list[str]:
        return [record.message for record in caplog.records if record.levelname == "WARNING"]

    def test_it_is_told_when_the_task_is_added(self, scheduler: Any, caplog: Any) -> None:
        scheduler.add_task(print, "interval", seconds=1, id="x", executor="gone")
        drive(scheduler, 10)
        assert self.said(caplog) == ["Task 'x' needs the executor 'gone', which is not configured."]

    def test_it_is_told_when_a_queued_task_is_stored(self, stopped: Any, caplog: Any) -> None:
        stopped.add_task(print, "interval", seconds=1, id="x", executor="gone")
        stopped.start()
        drive(stopped, 10)
        assert self.said(caplog) == ["Task 'x' needs the executor 'gone', which is not configured."]

    def test_it_is_told_when_the_task_is_changed(self, scheduler: Any, caplog: Any) -> None:
        scheduler.add_task(print, "interval", seconds=1, id="x")
        scheduler.update_task("x", executor="gone")
        assert self.said(caplog) == ["Task 'x' needs the executor 'gone', which is not configured."]

    def test_it_is_told_when_the_executor_is_removed(self, make: Any, caplog: Any) -> None:
        scheduler = make(executors={"default": {"type": "debug"}, "other": {"type": "debug"}})
        scheduler.add_task(print, "interval", seconds=1, id="x", executor="other")
        scheduler.remove_executor("other")
        assert self.said(caplog) == ["Executor 'other' was removed; tasks that need it, and wait for it now: 1."]

"""What happens to a task when somebody changes it in the middle of something else."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncz.schedulers.base import BaseScheduler, ClassicLogging
from asyncz.testing import VirtualClock, drive
from asyncz.triggers import BaseTrigger, IntervalTrigger

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)


class Meddling(BaseTrigger):
    """Every hour; the first time that it is asked after a run, and when it is put in, it does something else first."""

    def __init__(self) -> None:
        self.inner = IntervalTrigger(hours=1, start_at=START)
        self.when_asked: Callable[[], Any] | None = None
        self.when_put_in: Callable[[], Any] | None = None

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        meddle, self.when_asked = self.when_asked, None
        if meddle is not None:
            meddle()
        return self.inner.get_next_trigger_time(timezone, previous_time, now)

    def anchored(self, now: Any, timezone: Any) -> Any:
        meddle, self.when_put_in = self.when_put_in, None
        if meddle is not None:
            meddle()
        return self


def work() -> None:
    pass


class TestBetweenReadingAndWriting:
    @pytest.mark.memory
    def test_two_edits_at_once_both_count(self, scheduler: Any) -> None:
        task = scheduler.add_task(work, "interval", minutes=5, id="x")
        trigger = Meddling()
        trigger.when_put_in = lambda: scheduler.update_task("x", name="meanwhile", max_instances=3)
        scheduler.reschedule_task("x", trigger=trigger)
        assert (task.trigger, task.name, task.max_instances) == (trigger, "meanwhile", 3)

    @pytest.mark.memory
    def test_an_edit_during_a_pass_is_not_overwritten_and_the_task_runs_once(self, scheduler: Any, clock: Any) -> None:
        ran: list[Any] = []
        trigger = Meddling()
        task = scheduler.add_task(lambda: ran.append(clock.now()), trigger, id="x")
        trigger.when_asked = lambda: scheduler.update_task("x", next_run_time=START + 5.5 * HOUR)
        drive(scheduler)
        assert (ran, task.next_run_time) == ([], START + 5.5 * HOUR)
        drive(scheduler, hours=6)
        assert ran == [START + 5.5 * HOUR, START + 6 * HOUR]

    @pytest.mark.memory
    def test_a_pause_during_a_pass_holds(self, scheduler: Any) -> None:
        ran: list[int] = []
        trigger = Meddling()
        task = scheduler.add_task(lambda: ran.append(1), trigger, id="x")
        trigger.when_asked = task.pause
        drive(scheduler, hours=3)
        assert (ran, task.paused) == ([], True)

    @pytest.mark.memory
    def test_a_task_deleted_during_a_pass_does_not_run(self, scheduler: Any) -> None:
        ran: list[int] = []
        trigger = Meddling()
        task = scheduler.add_task(lambda: ran.append(1), trigger, id="x")
        trigger.when_asked = task.delete
        drive(scheduler, hours=3)
        assert (ran, scheduler.get_tasks()) == ([], [])

    @pytest.mark.memory
    def test_one_put_in_its_place_during_a_pass_runs_instead(self, scheduler: Any) -> None:
        ran: list[str] = []
        trigger = Meddling()
        task = scheduler.add_task(ran.append, trigger, id="x", args=["old"])

        def swap() -> None:
            task.delete()
            scheduler.add_task(ran.append, "interval", hours=1, id="x", args=["new"])

        trigger.when_asked = swap
        drive(scheduler, hours=2)
        assert ran == ["new", "new"]

    @pytest.mark.memory
    def test_a_change_while_it_is_run_by_hand_leads_to_a_second_look(self, scheduler: Any, clock: Any) -> None:
        ran: list[int] = []
        trigger = Meddling()
        task = scheduler.add_task(lambda: ran.append(1), trigger, id="x", next_run_time=START + HOUR)
        clock.advance(hours=2)
        trigger.when_asked = lambda: task.update(next_run_time=START + 9 * HOUR)
        assert scheduler.run_task("x") is task
        assert (ran, task.next_run_time) == ([1], START + 9 * HOUR)


class TestThreads:
    def test_edits_from_many_threads_are_all_made(self, scheduler: Any) -> None:
        tasks = [scheduler.add_task(work, "interval", hours=1, id=f"{n}") for n in range(8)]
        errors: list[BaseException] = []

        def edit(number: int) -> None:
            try:
                for round_ in range(50):
                    for task in tasks:
                        task.update(**{("name", "executor")[number % 2]: f"{number}-{round_}"})
                    scheduler.add_task(work, "interval", hours=1, id=f"{number}/{round_}")
                    scheduler.delete_task(f"{number}/{round_}")
            except BaseException as exc:
                errors.append(exc)

        threads = [threading.Thread(target=edit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert {task.id for task in scheduler.get_tasks()} == {f"{n}" for n in range(8)}
        assert all(task.name.endswith("-49") and task.executor.endswith("-49") for task in tasks)


# A scheduler against a table

_IDS = st.sampled_from("abc")
_VERBS = st.one_of(
    st.tuples(st.just("add"), _IDS, st.integers(1, 5)),
    st.tuples(st.sampled_from(["pause", "resume", "delete", "run"]), _IDS, st.none()),
    st.tuples(st.just("move"), _IDS, st.integers(0, 9)),
    st.tuples(st.just("reschedule"), _IDS, st.integers(1, 5)),
    st.tuples(st.just("drive"), st.none(), st.integers(0, 7)),
    st.tuples(st.just("sleep"), st.none(), st.integers(0, 7)),
)


class Table:
    """What a scheduler should do, in the plainest way: ids to (start, interval, next), in seconds."""

    def __init__(self) -> None:
        self.now = 0
        self.tasks: dict[str, list[Any]] = {}
        self.ran: list[tuple[str, int]] = []

    def following(self, task: list[Any], after: int) -> int:
        start, interval, _ = task
        return start if after < start else after + interval - (after - start) % interval

    def act(self, verb: str, key: Any, value: Any) -> None:
        if verb in ("drive", "sleep"):
            return self.pass_time(value, at_once=verb == "sleep")
        if verb == "add":
            return self.add(key, value)
        task = self.tasks[key]
        if verb == "pause":
            task[2] = None
        elif verb == "resume":
            task[2] = self.following(task, self.now - 1)
        elif verb == "move":
            task[2] = self.now + value
        elif verb == "reschedule":
            task[:] = [self.now + value, value, self.now + value]
        elif verb == "delete":
            del self.tasks[key]
        elif verb == "run":
            self.run(key, task)
        return None

    def add(self, key: str, interval: int) -> None:
        old = self.tasks.get(key)
        if old is None or old[1] != interval:
            self.tasks[key] = [self.now + interval, interval, self.now + interval]

    def run(self, key: str, task: list[Any]) -> None:
        self.ran.append((key, self.now))
        if task[2] is not None and task[2] <= self.now:
            task[2] = self.following(task, self.now)

    def pass_time(self, seconds: int, at_once: bool) -> None:
        end = self.now + seconds
        if at_once:
            self.now = end
        while True:
            self.fire()
            if self.now == end:
                return
            self.now += 1

    def fire(self) -> None:
        due = sorted((task[2], key) for key, task in self.tasks.items() if task[2] is not None)
        for time, key in due:
            if time <= self.now:
                self.run(key, self.tasks[key])


class Real:
    """The same verbs on a scheduler."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.ran: list[tuple[str, int]] = []
        self.scheduler: Any = BaseScheduler(
            clock=self.clock, timezone="UTC", executors={"default": {"type": "debug"}}, loggers_class=ClassicLogging
        )

    def note(self, key: str) -> None:
        self.ran.append((key, int(self.clock.monotonic())))

    def act(self, verb: str, key: Any, value: Any) -> None:
        if verb in ("drive", "sleep"):
            if verb == "sleep":
                self.clock.advance(value)
            drive(self.scheduler, value if verb == "drive" else 0)
        elif verb == "add":
            self.scheduler.add_task(self.note, "interval", seconds=value, id=key, args=[key], replace_existing=True)
        elif verb == "move":
            self.scheduler.update_task(key, next_run_time=self.clock.now() + datetime.timedelta(seconds=value))
        elif verb == "reschedule":
            self.scheduler.reschedule_task(key, trigger="interval", seconds=value)
        else:
            getattr(self.scheduler, f"{verb}_task")(key)

    def due(self) -> dict[str, int | None]:
        times = {task.id: task.next_run_time for task in self.scheduler.get_tasks()}
        return {key: None if time is None else round((time - START).total_seconds()) for key, time in times.items()}


def _by_time(ran: tuple[str, int]) -> tuple[int, str]:
    return ran[1], ran[0]


class TestAgainstATable:
    @given(st.lists(_VERBS, max_size=25))
    @settings(max_examples=150)
    def test_any_mixture_of_verbs_and_time_does_what_a_table_of_due_times_says(self, script: list[Any]) -> None:
        table, real = Table(), Real()
        with real.scheduler:
            for verb, key, value in script:
                if verb in ("add", "drive", "sleep") or key in table.tasks:
                    real.act(verb, key, value)
                    table.act(verb, key, value)
                # What is due at one instant runs in any order.
                assert sorted(real.ran, key=_by_time) == sorted(table.ran, key=_by_time)
                assert real.due() == {key: task[2] for key, task in table.tasks.items()}

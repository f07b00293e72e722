"""What is due, and what comes next, against a walk that takes one step after the other."""

from __future__ import annotations

import bisect
import datetime
import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncz.tasks import Task, planning
from asyncz.triggers import BaseTrigger, CronTrigger, DateTrigger, IntervalTrigger
from asyncz.utils import from_microseconds, to_microseconds

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
ORIGIN = to_microseconds(START)
SECOND = 1_000_000
YEAR = 365 * 86_400


def after(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


class Counting(BaseTrigger):
    """Asks another trigger, and counts how often."""

    def __init__(self, inner: BaseTrigger) -> None:
        self.inner = inner
        self.calls = 0

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        self.calls += 1
        assert self.calls < 200_000, "this would never end"
        return self.inner.get_next_trigger_time(timezone, previous_time, now)


class Listed(BaseTrigger):
    """Due at the instants listed, in microseconds since 1970."""

    def __init__(self, instants: list[int]) -> None:
        self.instants = instants

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        index = bisect.bisect_right(self.instants, to_microseconds(previous_time))
        return from_microseconds(self.instants[index]) if index < len(self.instants) else None


class Answering(BaseTrigger):
    """Gives one answer after the other, whatever it is asked; then the last one again and again."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = list(answers)
        self.calls = 0

    def get_next_trigger_time(self, timezone: Any, previous_time: Any, now: Any = None) -> Any:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        assert self.calls < 500_000, "this would never end"
        if isinstance(answer, Exception):
            raise answer
        return answer(previous_time) if callable(answer) else answer


def make_task(trigger: BaseTrigger, **options: Any) -> Task:
    task = Task(print, id="tick", trigger=trigger, **options)
    task.timezone = UTC
    return task


def decide(task: Task, now: datetime.datetime, first: datetime.datetime = START) -> planning.Firing:
    return decide_delayed(task, now, first, None)


def decide_delayed(
    task: Task, now: datetime.datetime, due_time: datetime.datetime, nominal: datetime.datetime | None
) -> planning.Firing:
    task.next_run_time = due_time
    nominal_at = None if nominal is None else to_microseconds(nominal)
    return planning.due(task, to_microseconds(due_time), nominal_at, now, to_microseconds(now))


# Stretches of instants at equal distance: bursts, gaps, and everything between.
_STRETCHES = st.lists(
    st.tuples(
        st.sampled_from([1, 7, 1_000, SECOND, 60 * SECOND, 86_400 * SECOND]),
        st.integers(1, 5),
        st.integers(1, 1_300),
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def _schedules(draw: st.DrawFn) -> tuple[list[int], datetime.datetime]:
    """Draw instants, and a moment that lies before, between or after them."""
    gaps = (gap * times for gap, times, count in draw(_STRETCHES) for _ in range(count))
    instants = list(itertools.accumulate(gaps, initial=ORIGIN))
    index = draw(st.integers(0, len(instants) - 1) | st.just(len(instants) - 1))
    now = instants[index] + draw(st.sampled_from([0, 1, SECOND, YEAR * SECOND]))
    return instants, from_microseconds(now)


class TestAgainstAWalk:
    @given(_schedules())
    def test_coalesced_times_are_counted_up_to_a_thousand_and_the_latest_is_run(self, schedule: Any) -> None:
        instants, now = schedule
        count = bisect.bisect_right(instants, to_microseconds(now))
        firing = decide(make_task(Listed(instants)), now)
        assert [to_microseconds(time) for time in firing.run_times] == [instants[count - 1]]
        assert firing.coalesced == min(count - 1, 1_000)
        assert (firing.skipped, firing.error) == (0, None)
        assert_goes_on(firing, instants[count:])

    @given(_schedules(), st.sampled_from([None, 0.000001, 1, 90.5, 86_400, 10.0**9, 10**15, math.inf]))
    def test_without_coalesce_the_latest_thousand_inside_of_the_grace_time_are_run(
        self, schedule: Any, grace_time: float | None
    ) -> None:
        instants, now = schedule
        due = instants[: bisect.bisect_right(instants, to_microseconds(now))]
        firing = decide(make_task(Listed(instants), coalesce=False, mistrigger_grace_time=grace_time), now)
        kept = due[-1_000:]
        if grace_time is not None and len(due) > 1:  # a single one is left to the executor, which looks again
            kept = [time for time in kept if to_microseconds(now) - time <= grace_time * SECOND]
        assert [to_microseconds(time) for time in firing.run_times] == kept
        assert firing.skipped == min(len(due) - len(kept), 1_000)
        if firing.skipped:
            assert to_microseconds(firing.skipped_time) == due[len(due) - len(kept) - 1]
        assert (firing.coalesced, firing.error) == (0, None)
        assert_goes_on(firing, instants[len(due) :])

    @given(_schedules())
    def test_the_run_times_of_a_task_are_the_latest_thousand(self, schedule: Any) -> None:
        instants, now = schedule
        task = make_task(Listed(instants), coalesce=False)
        task.next_run_time = from_microseconds(instants[0])
        due = instants[: bisect.bisect_right(instants, to_microseconds(now))]
        assert [to_microseconds(time) for time in task.get_run_times(UTC, now)] == due[-1_000:]

    @given(
        st.integers(0, 5_000),
        st.sampled_from([0.25, 1, 60, 5400]),
        st.floats(0, 10_000),
        st.booleans(),
    )
    def test_jitter_delays_runs_and_never_the_schedule(
        self, late: int, interval: float, jitter: float, coalesce: bool
    ) -> None:
        trigger = IntervalTrigger(seconds=interval, start_at=START, jitter=jitter)
        now = after(late * interval)
        firing = decide(make_task(trigger, coalesce=coalesce), now)
        assert firing.error is None
        assert all(START <= time <= now for time in firing.run_times)
        assert 1 <= len(firing.run_times) <= 1_000
        assert (firing.next_nominal - START) % datetime.timedelta(seconds=interval) == datetime.timedelta()
        assert firing.next_nominal <= firing.next_due <= firing.next_nominal + datetime.timedelta(seconds=jitter)
        assert firing.next_due > now


def assert_goes_on(firing: planning.Firing, upcoming: list[int]) -> None:
    if upcoming:
        assert to_microseconds(firing.next_due) == to_microseconds(firing.next_nominal) == upcoming[0]
        assert not firing.ends
    else:
        assert firing.next_due is None
        assert firing.ends


class TestWhatIsDue:
    def test_one_due_time_is_run_and_the_next_is_planned(self) -> None:
        firing = decide(make_task(IntervalTrigger(seconds=10, start_at=START)), after(9.999999))
        assert (firing.run_times, firing.next_due) == ([START], after(10))
        assert (firing.coalesced, firing.skipped, firing.ends) == (0, 0, False)

    def test_a_due_time_that_is_now_is_due(self) -> None:
        firing = decide(make_task(IntervalTrigger(seconds=10, start_at=START), coalesce=False), after(20))
        assert (firing.run_times, firing.next_due) == ([START, after(10), after(20)], after(30))

    def test_the_last_due_time_ends_the_schedule(self) -> None:
        firing = decide(make_task(DateTrigger(START)), after(5))
        assert (firing.run_times, firing.next_due, firing.ends) == ([START], None, True)

    def test_an_end_in_the_past_ends_the_schedule_after_its_last_due_time(self) -> None:
        trigger = IntervalTrigger(seconds=1, start_at=START, end_at=after(2_500))
        firing = decide(make_task(trigger, coalesce=False), after(YEAR))
        assert firing.run_times == [after(second) for second in range(1_501, 2_501)]
        assert (firing.skipped, firing.skipped_time, firing.ends) == (1_000, after(1_500), True)

    def test_of_a_year_the_latest_thousand_are_run_and_the_one_before_them_is_reported(self) -> None:
        firing = decide(make_task(IntervalTrigger(seconds=1, start_at=START), coalesce=False), after(YEAR))
        assert firing.run_times == [after(second) for second in range(YEAR - 999, YEAR + 1)]
        assert (firing.skipped, firing.skipped_time) == (1_000, after(YEAR - 1_000))

    def test_what_is_just_inside_of_the_grace_time_is_run(self) -> None:
        trigger = IntervalTrigger(seconds=10, start_at=START)
        firing = decide(make_task(trigger, coalesce=False, mistrigger_grace_time=20), after(40))
        assert firing.run_times == [after(20), after(30), after(40)]
        assert (firing.skipped, firing.skipped_time) == (2, after(10))

    def test_nothing_is_run_when_all_is_too_late(self) -> None:
        trigger = IntervalTrigger(seconds=10, start_at=START, end_at=after(30))
        firing = decide(make_task(trigger, coalesce=False, mistrigger_grace_time=5), after(100))
        assert (firing.run_times, firing.skipped, firing.skipped_time) == ([], 4, after(30))

    def test_coalescing_takes_the_latest_whatever_the_grace_time_and_leaves_it_to_the_executor(self) -> None:
        firing = decide(make_task(IntervalTrigger(seconds=10, start_at=START), mistrigger_grace_time=1), after(25))
        assert (firing.run_times, firing.coalesced, firing.skipped) == ([after(20)], 2, 0)

    def test_the_next_time_follows_from_the_time_without_jitter(self) -> None:
        task = make_task(IntervalTrigger(seconds=100, start_at=START))
        firing = decide_delayed(task, after(71), after(70), START)
        assert (firing.run_times, firing.next_nominal) == ([after(70)], after(100))

    def test_in_a_backlog_too_each_time_follows_from_the_one_before_without_jitter(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("random.uniform", lambda low, high: high - 3)
        task = make_task(IntervalTrigger(seconds=10, start_at=START, jitter=15), coalesce=False)
        firing = decide(task, after(60))
        assert firing.run_times == [after(seconds) for seconds in (0, 22, 32, 42, 52)]
        assert (firing.next_nominal, firing.next_due) == (after(50), after(62))

    def test_the_hour_that_comes_twice_is_counted_twice(self) -> None:
        from zoneinfo import ZoneInfo

        zone = ZoneInfo("Europe/Berlin")
        first = datetime.datetime(2024, 10, 27, 1, 30, tzinfo=zone)
        task = make_task(IntervalTrigger(minutes=30, start_at=first), coalesce=False)
        task.timezone = zone
        now = datetime.datetime(2024, 10, 27, 3, tzinfo=zone).astimezone(UTC)
        times = [f"{time:%H:%M %Z}" for time in decide(task, now, first).run_times]
        assert times == ["01:30 CEST", "02:00 CEST", "02:30 CEST", "02:00 CET", "02:30 CET", "03:00 CET"]

    def test_a_task_without_a_next_run_has_no_run_times(self) -> None:
        assert make_task(IntervalTrigger(seconds=1, start_at=START)).get_run_times(UTC, after(9)) == []

    def test_a_task_that_is_due_later_has_no_run_times(self) -> None:
        task = make_task(IntervalTrigger(seconds=1, start_at=START))
        task.next_run_time = after(10)
        assert task.get_run_times(UTC, after(9)) == []


class TestCost:
    """Catching up takes as many questions to the trigger after a year as after a quarter of an hour."""

    @staticmethod
    def calls(late: float, trigger: BaseTrigger, **options: Any) -> int:
        counting = Counting(trigger)
        firing = decide(make_task(counting, **options), after(late))
        assert firing.error is None
        return counting.calls

    @pytest.mark.parametrize(
        ("options", "allowed"),
        [({}, 1_050), ({"coalesce": False}, 4_500), ({"coalesce": False, "mistrigger_grace_time": 5}, 4_500)],
    )
    def test_a_year_late_costs_no_more_than_an_hour_late(self, options: dict[str, Any], allowed: int) -> None:
        trigger = IntervalTrigger(seconds=1, start_at=START)
        assert self.calls(1, trigger, **options) <= 4
        hour = self.calls(3_600, trigger, **options)
        assert hour <= allowed
        assert abs(self.calls(YEAR, trigger, **options) - hour) <= 20
        assert abs(self.calls(1_000 * YEAR, trigger, **options) - hour) <= 20

    def test_a_schedule_that_grew_dense_is_searched_by_halves(self) -> None:
        sparse = range(ORIGIN, ORIGIN + 1_500 * 86_400 * SECOND, 86_400 * SECOND)
        dense = range(sparse[-1] + 1, sparse[-1] + 500_000)
        calls = self.calls(3_000 * 86_400, Listed([*sparse, *dense]), coalesce=False)
        assert calls <= 64 * 2_100

    def test_cron_schedules_are_no_exception(self) -> None:
        trigger = CronTrigger(second="*", timezone=UTC)
        assert self.calls(YEAR, trigger) <= 1_050


_ANSWERS = st.one_of(
    st.none(),
    st.sampled_from(["tomorrow", 5, ValueError("broken"), RuntimeError(), START.replace(tzinfo=None)]),
    st.integers(-100, 100).map(after),
    st.sampled_from([0, -1, 1, 30]).map(lambda seconds: lambda at: at + datetime.timedelta(seconds=seconds)),
)


class TestBrokenTriggers:
    @given(st.lists(_ANSWERS, min_size=1, max_size=8), st.booleans(), st.integers(0, 2_000))
    def test_whatever_a_trigger_answers_the_firing_runs_what_is_due_and_does_not_spin(
        self, answers: list[Any], coalesce: bool, late: int
    ) -> None:
        trigger = Answering(answers)
        now = after(late)
        firing = decide(make_task(trigger, coalesce=coalesce), now)
        assert 1 <= len(firing.run_times) <= 1_000
        assert len(set(firing.run_times)) == len(firing.run_times)
        assert all(START <= time <= now for time in firing.run_times)
        if firing.error is not None:
            assert (firing.run_times, firing.next_due, firing.stays) == ([START], None, True)
            assert not firing.ends
        else:
            assert firing.next_due is None or firing.next_due > START
        assert trigger.calls <= 140_000

    @pytest.mark.parametrize("coalesce", [True, False])
    @pytest.mark.parametrize(
        "answer", [lambda at: at, lambda at: at - datetime.timedelta(seconds=1), START], ids=["still", "back", "fixed"]
    )
    def test_a_trigger_that_does_not_go_forward_is_an_error(self, answer: Any, coalesce: bool) -> None:
        firing = decide(make_task(Answering([answer]), coalesce=coalesce), after(100))
        assert isinstance(firing.error, ValueError)
        assert "task 'tick'" in str(firing.error)
        assert "went back: expected a time after 2024-01-01 00:00:00+00:00, got" in str(firing.error)
        assert (firing.run_times, firing.next_due, firing.ends) == ([START], None, False)

    @pytest.mark.parametrize("coalesce", [True, False])
    def test_a_trigger_that_sticks_to_a_due_time_is_an_error_and_not_a_thousand_runs(self, coalesce: bool) -> None:
        trigger = Answering([after(10)])
        firing = decide(make_task(trigger, coalesce=coalesce), after(100))
        assert isinstance(firing.error, ValueError)
        assert firing.run_times == [START]
        assert trigger.calls == 3

    def test_a_trigger_that_raises_is_an_error(self) -> None:
        broken = ZeroDivisionError("no time left")
        firing = decide(make_task(Answering([after(1), broken])), after(100))
        assert firing.error is broken
        assert (firing.run_times, firing.next_due, firing.ends) == ([START], None, False)

    def test_a_task_without_a_trigger_is_named(self) -> None:
        task = Task(print, id="lost")
        with pytest.raises(ValueError, match=r"Expected a task with a trigger, got <Task \(id=lost name=print\)>"):
            planning.first_times(task, START)

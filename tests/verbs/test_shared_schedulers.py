"""What a scheduler shows of the others on its stores, and of the runs that any of them made."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest

from asyncz.enums import RunState, SchedulerState
from asyncz.stores.memory import MemoryStore
from asyncz.stores.sqlite import SQLiteStore
from asyncz.testing import drive

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
MINUTE = datetime.timedelta(minutes=1)


def work() -> None:
    """Nothing to do."""


def fail() -> None:
    raise ValueError("no luck")


@pytest.fixture
def member(make: Any, file: Path) -> Any:
    """Makes schedulers that share one store."""
    return lambda identity, **options: make(identity=identity, **{"stores": {"default": SQLiteStore(file)}, **options})


def names(scheduler: Any) -> list[str]:
    return [info.identity for info in scheduler.get_scheduler_instance_infos()]


class TestInstances:
    def test_all_that_are_alive_are_listed_itself_first(self, member: Any, clock: Any) -> None:
        b = member("b")
        clock.advance(seconds=3)
        c, a = member("c", timezone="Europe/Oslo"), member("a")
        assert (names(b), names(c), names(a)) == (["b", "a", "c"], ["c", "a", "b"], ["a", "b", "c"])
        c.pause()
        clock.advance(seconds=8)
        c.process_tasks()
        itself, _a, other = b.get_scheduler_instance_infos()
        assert (itself.scope, itself.active, itself.heartbeat_age_seconds) == ("shared", True, 0)
        assert (other.identity, other.state, other.state_label) == ("c", SchedulerState.STATE_PAUSED, "paused")
        assert (other.scope, other.running, other.active, other.stale) == ("shared", True, True, False)
        assert (other.timezone, other.started_at) == ("Europe/Oslo", START + datetime.timedelta(seconds=3))
        assert (other.uptime_seconds, other.stale_after_seconds) == (8, 30)
        assert (other.last_seen_at, other.heartbeat_age_seconds) == (START + datetime.timedelta(seconds=11), 0)

    def test_one_that_has_not_been_heard_of_is_stale(self, member: Any, clock: Any) -> None:
        a, _b = member("a"), member("b")
        clock.advance(seconds=29)
        a.process_tasks()
        assert [(info.stale, info.active) for info in a.get_scheduler_instance_infos()] == [(False, True)] * 2
        clock.advance(seconds=2)
        itself, other = a.get_scheduler_instance_infos()
        assert (itself.stale, other.stale, other.active, other.heartbeat_age_seconds) == (False, True, False, 31)

    def test_one_whose_clock_is_ahead_is_of_age_0(self, member: Any, clock: Any, make: Any, file: Path) -> None:
        from asyncz.testing import VirtualClock

        a = member("a")
        member("b", clock=VirtualClock("2024-01-01T00:05Z"))
        assert a.get_scheduler_instance_infos()[1].heartbeat_age_seconds == 0

    def test_one_that_was_shut_down_is_gone(self, member: Any) -> None:
        a, b = member("a"), member("b")
        b.shutdown()
        assert names(a) == ["a"]
        assert [(info.scope, info.active) for info in b.get_scheduler_instance_infos()] == [("process-local", False)]

    def test_one_on_several_stores_is_listed_once(self, member: Any, tmp_path: Path) -> None:
        paths = [tmp_path / f"{number}.sqlite3" for number in range(3)]
        a = member("a", stores={"default": SQLiteStore(paths[0]), "other": SQLiteStore(paths[1])})
        member("b", stores={"default": SQLiteStore(paths[1]), "other": SQLiteStore(paths[0])})
        member("c", stores={"default": SQLiteStore(paths[1])})
        member("d", stores={"default": SQLiteStore(paths[2])})
        assert names(a) == ["a", "b", "c"]

    def test_over_a_memory_store_there_is_nobody_else(self, member: Any) -> None:
        a = member("a", stores={"default": MemoryStore()})
        member("b", stores={"default": MemoryStore()})
        assert [(info.identity, info.scope) for info in a.get_scheduler_instance_infos()] == [("a", "process-local")]

    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
    def test_one_whose_process_is_gone_is_stale_at_once(self, member: Any) -> None:
        a, b = member("a"), member("b")
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        described = b._describe()
        b._heart._describe = lambda: {**described, "where": {**described["where"], "pid": pid}}
        b._beat(b._heart, "default", b._claimable["default"])
        assert [(info.identity, info.stale) for info in a.get_scheduler_instance_infos()] == [("a", False), ("b", True)]

    @pytest.mark.parametrize(
        "content", ["", "{}", '{"beat":1,"stale_after":30}', '{"beat":1,"stale_after":30,"state":9}']
    )
    def test_what_cannot_be_read_is_passed_over(self, member: Any, content: str) -> None:
        a = member("a")
        a._claimable["default"].write_owner("odd#1", content)
        assert names(a) == ["a"]


class TestRuns:
    def test_runs_of_all_schedulers_are_found_live_ones_included(self, member: Any, clock: Any) -> None:
        a, b = member("a"), member("b")
        a.add_task(work, "interval", minutes=1, id="good")
        a.add_task(fail, "interval", minutes=2, id="bad")
        for scheduler in (a, b, a):
            clock.advance(seconds=29)
            b.process_tasks()
            a.process_tasks()
            clock.advance(seconds=31)
            scheduler.process_tasks()
        (bad,) = b.get_runs("bad")
        assert (bad.owner, bad.state, bad.error) == ("b", RunState.ERROR, "ValueError: no luck")
        assert (bad.run_times, bad.claimed_at) == ((START + 2 * MINUTE,), START + 2 * MINUTE)
        assert [(run.task_id, run.owner) for run in a.get_runs(state="executed")] == [
            ("good", "a"),
            ("good", "b"),
            ("good", "a"),
        ]
        assert a.get_runs(limit=1) == a.get_runs()[:1]
        assert [run.owner for run in a.get_runs(a.get_task("good"), limit=2)] == ["a", "b"]
        assert a.get_runs() == b.get_runs()

    def test_the_store_is_asked_for_no_more_than_is_wanted(self, member: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        a = member("a")
        asked: list[Any] = []
        fetch = SQLiteStore.fetch_runs
        monkeypatch.setattr(SQLiteStore, "fetch_runs", lambda *given: asked.append(given[1:]) or fetch(*given))
        a.get_runs()
        a.get_runs("x", RunState.MISSED, 7)
        assert asked == [(None, None, 100), ("x", "missed", 7)]

    def test_what_makes_no_sense_is_refused_before_the_store_is_asked(self, either: Any) -> None:
        for wrong in ({"state": "done"}, {"limit": 0}, {"limit": True}):
            with pytest.raises(ValueError, match="must be"):
                either.get_runs(**wrong)

    def test_an_id_that_nothing_has_has_no_runs(self, either: Any) -> None:
        for id in ("x", "\ud800", ""):
            assert either.get_runs(id) == []

    def test_ten_are_kept_of_each_task(self, member: Any) -> None:
        a = member("a")
        a.add_task(work, "interval", minutes=1, id="x")
        a.add_task(work, "interval", hours=1, id="y")
        drive(a, minutes=60)
        assert (len(a.get_runs("x")), len(a.get_runs("y"))) == (10, 1)

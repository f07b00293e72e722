"""Several schedulers of one process over one file, on a clock that stands still between their passes.

There, a heartbeat is part of a pass: a scheduler that makes none is as good as dead, until it makes one again.
"""

from __future__ import annotations

import datetime
import logging
from collections import defaultdict

import pytest

from asyncz.enums import RunState
from asyncz.events import ALL_EVENTS, TASK_ERROR, TASK_EXECUTED, TASK_MISSED
from asyncz.executors.base import BaseExecutor
from asyncz.executors.job import Job
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.sqlite import SQLiteStore
from asyncz.tasks.runs import Outcome
from asyncz.testing import VirtualClock, drive

STALE_AFTER = 10
POLL = 1
ENDINGS = {TASK_EXECUTED: "executed", TASK_ERROR: "error", TASK_MISSED: "missed"}
ran = []


def note(*values):
    ran.append(values)


class Held(BaseExecutor):
    """Begins what it was sent, and ends it, when it is told to."""

    sees_beginnings = True

    def __init__(self) -> None:
        self.waiting: list[Job] = []
        self.begun: list[Job] = []

    def do_send_task(self, task, run_times) -> None:
        self.waiting.append(Job(task, run_times, self.clock, self._may_begin))

    def begin(self) -> None:
        """Begin the first that waits, where that may be."""
        job = self.waiting.pop(0)
        if job.may_begin is None or job.may_begin(job.run_times):
            self.begun.append(job)
            note("begun", self.scheduler.identity)
        else:
            self.finished(job.task, job.run_times, [])

    def end(self) -> None:
        job = self.begun.pop(0)
        self.finished(job.task, job.run_times, [Outcome(RunState.EXECUTED, time) for time in job.run_times])


class Fails(SQLiteStore):
    """Raises when it is told to: before what it is asked for, or after."""

    is_gone = False
    replies_lost = 0

    def _check(self) -> None:
        if self.is_gone:
            raise OSError("the store is gone")

    def swap(self, swaps):
        self._check()
        done = super().swap(swaps)
        if self.replies_lost:
            self.replies_lost -= 1
            raise OSError("the reply was lost")
        return done

    def fetch(self, task_ids):
        self._check()
        return super().fetch(task_ids)

    def fetch_due(self, *args):
        self._check()
        return super().fetch_due(*args)

    def fetch_live(self):
        self._check()
        return super().fetch_live()

    def write_owner(self, owner, content):
        self._check()
        super().write_owner(owner, content)


class Team:
    def __init__(self, path: str) -> None:
        self.clock = VirtualClock("2024-05-01")
        self.path = path
        self.members: dict[str, BaseScheduler] = {}
        self.heard = defaultdict(list)

    def join(self, name: str, **options) -> BaseScheduler:
        """Have one more scheduler, that holds what it runs unless it has other executors."""
        options = {"executors": {"default": Held()}, "heartbeat_stale_after": STALE_AFTER} | options
        member = self.members[name] = BaseScheduler(
            clock=self.clock,
            timezone="UTC",
            identity=name,
            logger_name=name,
            loggers_class="asyncz.schedulers.base:ClassicLogging",
            stores={"default": Fails(self.path)},
            store_poll_interval=POLL,
            store_retry_interval=1,
            **options,
        )
        member.add_listener(lambda event: self._hear(name, event), ALL_EVENTS)
        member.start()
        member.process_tasks()
        return member

    def _hear(self, name: str, event) -> None:
        if event.code in ENDINGS:
            self.heard[name].append(ENDINGS[event.code])

    def turns(self, seconds: float, *names: str) -> None:
        """Let time pass, with these making a pass every half second, or all."""
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)
            for name in names or list(self.members):
                self.members[name].process_tasks()

    def held(self, name: str) -> Held:
        return self.members[name].executors["default"]

    def store(self, name: str) -> Fails:
        return self.members[name].stores["default"]

    def begin_everywhere(self) -> None:
        for name in self.members:
            while self.held(name).waiting:
                self.held(name).begin()


@pytest.fixture
def team(tmp_path):
    ran.clear()
    made = Team(str(tmp_path / "tasks.sqlite3"))
    yield made
    for member in made.members.values():
        if member.running:
            member.shutdown(wait=False)


def states(member, task_id: str = "task"):
    return [(run.state.value, run.owner, run.source) for run in member.get_runs(task_id)]


@pytest.fixture
def orphaned(team):
    """A run that "one" has begun, of a task that goes on; "one" makes no pass any more, and "two" does."""
    team.join("one").add_task(note, "interval", id="task", days=1, next_run_time=team.clock.now())
    team.turns(0.5)
    team.held("one").begin()
    team.join("two")
    return team


class TestOrphans:
    def test_an_owner_is_waited_for_as_long_as_it_has_said_and_not_much_longer(self, orphaned):
        orphaned.turns(STALE_AFTER - 1, "two")
        assert not orphaned.held("two").waiting
        orphaned.turns(STALE_AFTER / 4 + 1.5, "two")
        orphaned.held("two").begin()
        assert ran == [("begun", "one"), ("begun", "two")]
        orphaned.held("two").end()
        orphaned.turns(1, "two")
        assert states(orphaned.members["two"]) == [("executed", "two", "recovered")]

    def test_what_its_owner_ends_too_late_is_logged_and_does_not_count(self, orphaned, caplog):
        orphaned.turns(2 * STALE_AFTER, "two")
        orphaned.held("two").begin()
        orphaned.held("one").end()
        orphaned.turns(1)
        assert "does not count" in caplog.text
        assert orphaned.heard == {}
        orphaned.held("two").end()
        orphaned.turns(1)
        assert states(orphaned.members["one"]) == [("executed", "two", "recovered")]
        assert orphaned.heard == {"two": ["executed"]}

    def test_what_its_owner_ends_after_the_other_one_is_not_in_the_history(self, orphaned):
        orphaned.turns(2 * STALE_AFTER, "two")
        orphaned.held("two").begin()
        orphaned.held("two").end()
        orphaned.turns(1, "two")
        orphaned.held("one").end()
        orphaned.turns(1)
        assert states(orphaned.members["one"]) == [("executed", "two", "recovered")]

    def test_an_owner_of_whom_nothing_is_written_counts_from_when_it_was_met(self, orphaned):
        (owner,) = [run.owner for row in orphaned.store("two").live() for run in row.runs]
        orphaned.turns(1, "two")
        orphaned.store("two").remove_owner(owner)
        orphaned.turns(STALE_AFTER - 3, "two")
        assert not orphaned.held("two").waiting
        orphaned.turns(STALE_AFTER, "two")
        assert orphaned.held("two").waiting

    def test_of_a_task_that_is_paused_by_now_are_reported_missed(self, orphaned):
        orphaned.members["two"].pause_task("task")
        orphaned.turns(2 * STALE_AFTER, "two")
        assert not orphaned.held("two").waiting
        assert orphaned.heard == {"two": ["missed"]}
        assert states(orphaned.members["two"]) == [("missed", "two", "recovered")]
        assert orphaned.members["two"].get_task("task").next_run_time is None

    def test_of_a_task_that_is_gone_are_dropped(self, orphaned):
        orphaned.members["two"].delete_task("task")
        orphaned.turns(2 * STALE_AFTER, "two")
        assert not orphaned.held("two").waiting
        assert orphaned.heard == {}
        assert states(orphaned.members["two"]) == []

    def test_go_by_what_the_task_is_by_now(self, orphaned):
        orphaned.members["two"].update_task("task", args=["edited"])
        orphaned.turns(2 * STALE_AFTER, "two")
        (job,) = orphaned.held("two").waiting
        assert list(job.args) == ["edited"]

    def test_without_recovery_are_reported_missed(self, team):
        team.join("one").add_task(note, id="task", recover=False)
        team.turns(0.5)
        team.join("two")
        team.turns(2 * STALE_AFTER, "two")
        assert not team.held("two").waiting
        assert team.heard == {"two": ["missed"]}
        assert team.members["two"].get_tasks() == []

    def test_too_late_for_the_grace_time_are_reported_missed(self, team):
        team.join("one").add_task(note, id="task", mistrigger_grace_time=5)
        team.turns(0.5)
        team.join("two", executors={"default": {"type": "debug"}})
        team.turns(2 * STALE_AFTER, "two")
        assert ran == []
        assert team.heard == {"two": ["missed"]}

    def test_are_left_to_others_where_their_executor_is_not_configured(self, team):
        both = {"default": {"type": "debug"}, "special": Held()}
        team.join("one", executors=both).add_task(note, id="task", executor="special")
        team.turns(0.5)
        team.join("two")
        team.turns(3 * STALE_AFTER, "two")
        assert not team.held("two").waiting
        team.join("three", executors={"default": {"type": "debug"}, "special": {"type": "debug"}})
        team.turns(2 * STALE_AFTER, "two", "three")
        assert ran == [()]
        assert team.heard == {"three": ["executed"]}

    def test_that_have_cost_three_owners_are_reported_missed(self, team):
        team.join("owner0").add_task(note, id="task")
        team.turns(0.5)
        for n in range(3):
            team.held(f"owner{n}").begin()
            team.join(f"owner{n + 1}")
            team.turns(2 * STALE_AFTER, f"owner{n + 1}")
        assert not team.held("owner3").waiting
        assert len(ran) == 3
        assert team.heard == {"owner3": ["missed"]}

    def test_are_taken_over_by_one_of_several(self, orphaned):
        for name in ("three", "four", "five"):
            orphaned.join(name)
        orphaned.turns(3 * STALE_AFTER, "two", "three", "four", "five")
        orphaned.begin_everywhere()
        assert len(ran) == 2


class TestOfOnesOwn:
    @pytest.mark.parametrize("trigger", [{}, {"trigger": "interval", "minutes": 1}], ids=["once", "again"])
    def test_a_claim_of_which_the_reply_was_lost_is_run_once(self, team, trigger, caplog):
        one = team.join("one", executors={"default": {"type": "debug"}})
        team.join("two", executors={"default": {"type": "debug"}})
        one.add_task(note, id="task", next_run_time=team.clock.now() + datetime.timedelta(seconds=1), **trigger)
        team.store("one").replies_lost = 1
        team.turns(STALE_AFTER)
        assert ran == [()]
        assert team.heard == {"one": ["executed"]}
        assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
        assert states(one) == [("executed", "one", "recovered")]

    def test_the_end_of_a_run_of_which_the_reply_was_lost_is_told_once(self, team):
        one = team.join("one")
        one.add_task(note, id="task")
        team.turns(0.5)
        team.held("one").begin()
        team.store("one").replies_lost = 1
        team.held("one").end()
        team.join("two")
        team.turns(3 * STALE_AFTER)
        assert team.heard == {"one": ["executed"]}
        assert states(one) == [("executed", "one", "scheduled")]
        assert len(ran) == 1


class TestHeartbeats:
    def test_go_on_while_a_scheduler_is_paused(self, orphaned):
        orphaned.members["one"].pause()
        orphaned.turns(5 * STALE_AFTER)
        assert not orphaned.held("two").waiting
        orphaned.held("one").end()
        orphaned.turns(1)
        assert orphaned.heard == {"one": ["executed"]}

    def test_a_scheduler_that_has_stood_still_begins_nothing_that_others_may_have_by_now(self, team, caplog):
        one = team.join("one")
        for n in range(3):
            one.add_task(note, id=f"task{n}")
        team.turns(0.5)
        team.held("one").begin()
        team.join("two")
        team.turns(2 * STALE_AFTER, "two")
        while team.held("one").waiting:
            team.held("one").begin()
        team.turns(1)
        team.begin_everywhere()
        assert sorted(ran) == [("begun", "one")] + 3 * [("begun", "two")]
        team.turns(2 * STALE_AFTER)
        team.begin_everywhere()
        assert len(ran) == 4

    def test_nor_does_it_begin_what_it_had_claimed_and_not_even_sent(self, team):
        """Between the thread of the passes and the loop, say; by then its heart may beat again."""
        one = team.join("one")
        one.add_task(note, id="task")
        send = one._submissions.hand_over
        in_hand = []
        one._submissions.hand_over = lambda *args: in_hand.append(args)
        team.turns(0.5, "one")
        one._submissions.hand_over = send
        team.join("two")
        team.turns(2 * STALE_AFTER, "two")
        team.turns(0.5, "one")
        (batch,) = in_hand
        one._submissions.submit_batch(*batch)
        team.begin_everywhere()
        assert ran == [("begun", "two")]

    def test_what_it_had_not_begun_it_takes_over_itself_where_nobody_else_has(self, team):
        team.join("one").add_task(note, id="task")
        team.turns(0.5)
        team.clock.advance(2 * STALE_AFTER)
        team.held("one").begin()
        assert ran == []
        team.turns(STALE_AFTER)
        team.begin_everywhere()
        assert ran == [("begun", "one")]

    def test_a_store_that_was_gone_for_long_does_not_make_the_living_dead(self, orphaned):
        """Nobody could tell that they were alive, nor hear it."""
        orphaned.turns(1)
        for name in ("one", "two"):
            orphaned.store(name).is_gone = True
        orphaned.turns(3 * STALE_AFTER)
        for name in ("one", "two"):
            orphaned.store(name).is_gone = False
        orphaned.turns(STALE_AFTER, "two", "one")
        assert not orphaned.held("two").waiting
        orphaned.held("one").end()
        orphaned.turns(1)
        assert orphaned.heard == {"one": ["executed"]}

    def test_the_dead_stay_dead_through_that(self, orphaned):
        orphaned.turns(1)
        orphaned.store("two").is_gone = True
        orphaned.turns(3 * STALE_AFTER, "two")
        orphaned.store("two").is_gone = False
        orphaned.turns(2 * STALE_AFTER, "two")
        assert orphaned.held("two").waiting

    def test_are_told_with_their_ages(self, team):
        one, two = team.join("one"), team.join("two")
        team.turns(5)
        two.pause()
        team.turns(STALE_AFTER)
        team.clock.advance(4)
        own, other = one.get_scheduler_instance_infos()
        assert (own.identity, own.heartbeat_age_seconds, own.scope) == ("one", 0, "shared")
        assert (other.identity, other.state_label, other.stale, other.scope) == ("two", "paused", False, "shared")
        assert 4 <= other.heartbeat_age_seconds <= 4 + STALE_AFTER / 4
        assert other.stale_after_seconds == STALE_AFTER
        assert other.last_seen_at == team.clock.now() - datetime.timedelta(seconds=other.heartbeat_age_seconds)
        assert other.uptime_seconds == pytest.approx(9 + STALE_AFTER - other.heartbeat_age_seconds, abs=STALE_AFTER)
        team.clock.advance(2 * STALE_AFTER)
        one.process_tasks()
        assert all(info.stale for info in one.get_scheduler_instance_infos()[1:])
        two.shutdown()
        assert [info.identity for info in one.get_scheduler_instance_infos()] == ["one"]


class TestPolls:
    def test_what_another_scheduler_adds_is_found_with_the_next_poll(self, team):
        one = team.join("one", executors={"default": {"type": "debug"}})
        drive(one, 10)
        other = team.join("two", executors={"other": Held()})
        other.pause()
        for n in range(4):
            other.add_task(note, args=[n], id=f"task{n}", executor="default")
            drive(one, POLL)
            assert ran[-1] == (n,)

    def test_what_it_changes_is_gone_by_though_it_was_not_seen(self, team):
        one = team.join("one", executors={"default": {"type": "debug"}})
        two = team.join("two", executors={"default": Held()})
        due = team.clock.now() + datetime.timedelta(seconds=10.2)
        for id in ("edited", "paused", "deleted"):
            one.add_task(note, args=[id], id=id, next_run_time=due)
        drive(one, 10.1)
        two.update_task("edited", args=["anew"])
        two.pause_task("paused")
        two.delete_task("deleted")
        drive(one, 30)
        assert ran == [("anew",)]

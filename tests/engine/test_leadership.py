"""With ``lock_path``, one of several processes runs the tasks of a store; here, several schedulers of one process.

Locks on files belong to the open file, so that two schedulers keep each other out as two processes do.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import textwrap
import time

import pytest

from asyncz.engine.dispatch import BATCH
from asyncz.leading import Leadership
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock, drive

RETRY = 10
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def clock():
    return VirtualClock("2024-05-01")


@pytest.fixture
def make(clock, tmp_path):
    made = []

    def make_worker(name, ran, **options):
        options = {"lock_path": str(tmp_path / "{store}.lock"), "store_retry_interval": RETRY} | options
        worker = BaseScheduler(
            clock=clock, timezone="UTC", identity=name, executors={"default": {"type": "debug"}}, **options
        )
        worker.add_task(lambda: ran.append((name, clock.now())), "interval", minutes=1, id="tick")
        made.append(worker)
        return worker

    yield make_worker
    for worker in made:
        if worker.running:
            worker.shutdown()


def minutes(ran):
    return [(name, (when - ran[0][1]).total_seconds() / 60) for name, when in ran]


def turns(workers, clock, seconds):
    """Let workers make their passes side by side, second by second."""
    for _ in range(seconds):
        clock.advance(1)
        for worker in workers:
            worker.process_tasks()


def test_one_of_several_runs_the_tasks(make, clock):
    ran = []
    workers = [make(name, ran) for name in "abc"]
    for worker in workers:
        worker.start()
        worker.process_tasks()
    turns(workers, clock, 300)
    assert minutes(ran) == [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("a", 4)]


def test_another_takes_over_within_the_retry_interval_and_repeats_nothing(make, clock):
    ran = []
    a, b = make("a", ran), make("b", ran)
    for worker in (a, b):
        worker.start()
        worker.process_tasks()
    turns([a, b], clock, 130)
    a.shutdown()
    turns([b], clock, 120)
    assert minutes(ran) == [("a", 0), ("a", 1), ("b", 2), ("b", 3)]


def test_what_fell_due_while_nobody_led_is_run_by_the_next_leader(make, clock):
    ran = []
    a, b = make("a", ran, store_retry_interval=90), make("b", ran, store_retry_interval=90)
    for worker in (a, b):
        worker.start()
        worker.process_tasks()
    turns([a, b], clock, 100)
    a.shutdown()
    turns([b], clock, 100)
    assert minutes(ran) == [("a", 0), ("b", 2)], "the first run of b stands for minute 1, too"


def test_a_task_that_the_leader_has_run_for_the_last_time_is_removed_from_the_others(make, clock):
    ran = []
    a, b = make("a", ran), make("b", ran)
    for worker in (a, b):
        worker.add_task(
            lambda: ran.append("once"), "date", run_at=clock.now() + datetime.timedelta(seconds=5), id="once"
        )
        worker.start()
        worker.process_tasks()
    turns([a, b], clock, 20)
    a.shutdown()
    turns([b], clock, 20)
    assert ran == ["once"]
    assert b.get_task("once") is None


def test_a_leader_that_dies_between_two_batches_leaves_the_rest_to_the_next(make, clock, tmp_path):
    ran, count = [], 3 * BATCH
    a, b = make("a", ran), make("b", ran)
    for worker in (a, b):
        for number in range(count):
            worker.add_task(ran.append, "date", run_at=clock.now() + SECOND * 5, args=[number], id=f"once {number:03}")
        worker.start()
        worker.process_tasks()
    clock.advance(5)
    a._step(clock.now())  # one batch, after which the process is no more
    assert len(ran) == BATCH
    a.lookup_store("default").leadership.release()
    turns([b], clock, 20)
    assert set(ran) == set(range(count))


def test_a_standby_says_when_it_will_look_again_and_does_not_spin(make, clock):
    ran = []
    a, b = make("a", ran), make("b", ran)
    for worker in (a, b):
        worker.start()
        worker.process_tasks()
    clock.advance(61)
    assert b.process_tasks() == pytest.approx(RETRY, abs=RETRY)
    assert 0 < b.process_tasks() <= RETRY


def test_adding_a_task_to_a_standby_warns_that_it_waits(make, clock, caplog):
    ran = []
    loggers = {"loggers_class": "asyncz.schedulers.base:ClassicLogging"}
    a, b = make("a", ran, **loggers), make("b", ran, **loggers)
    for worker in (a, b):
        worker.start()
        worker.process_tasks()
    b.add_task(print, "interval", minutes=1, id="new")
    assert any("new" in record.message and "leads" in record.message for record in caplog.records)


def test_several_stores_need_a_path_each(make, tmp_path):
    worker = make("a", [], lock_path=str(tmp_path / "lock"), stores={"default": MemoryStore(), "other": MemoryStore()})
    with pytest.raises(ValueError, match=r"\{store\}"):
        worker.start()
    assert not worker.running


def test_the_lock_file_stays_when_its_holder_goes(make, tmp_path):
    worker = make("a", [])
    worker.start()
    worker.process_tasks()
    worker.shutdown()
    assert (tmp_path / "default.lock").exists()


def test_a_lock_file_that_cannot_be_read_counts_as_new(tmp_path):
    path = tmp_path / "lock"
    path.write_text("nonsense")
    leadership = Leadership(str(path))
    assert leadership.take()
    assert leadership.read() is None
    leadership.write(17)
    assert leadership.read() == 17
    leadership.release()


def test_a_lock_file_that_cannot_be_opened_is_a_store_that_failed(make, clock, tmp_path):
    ran = []
    worker = make("a", ran, lock_path=str(tmp_path / "missing" / "{store}"))
    worker.start()
    turns([worker], clock, 120)
    assert ran == []
    (tmp_path / "missing").mkdir()
    drive(worker, 60)
    assert ran


@pytest.mark.process
def test_the_lock_goes_with_a_killed_holder_even_when_a_child_of_it_lives_on(tmp_path):
    path = tmp_path / "lock"
    program = textwrap.dedent(
        """
        import os, sys, time
        from asyncz.leading import Leadership
        leadership = Leadership(sys.argv[1])
        assert leadership.take()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
        time.sleep(60)
        """
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    child = int(holder.stdout.readline())
    try:
        leadership = Leadership(str(path))
        assert not leadership.take()
        holder.kill()
        holder.wait()
        assert leadership.take()
        leadership.release()
    finally:
        os.kill(child, 9)
        holder.kill()
        holder.stdout.close()


WORKER = """
import sys, os
from asyncz.events import TASK_SUBMITTED
from asyncz.schedulers.base import BaseScheduler

scheduler = BaseScheduler(
    lock_path=sys.argv[1], store_retry_interval=float(sys.argv[2]), startup_delay=0, timezone="UTC",
    executors={"default": {"type": "debug"}}, loggers_class="asyncz.schedulers.base:ClassicLogging",
)


def tell(event):
    (due,) = event.scheduled_run_times
    os.write(1, f"{os.getpid()} {due.timestamp():.0f} {event.coalesced_run_count}\\n".encode())


scheduler.add_listener(tell, TASK_SUBMITTED)
scheduler.add_task(int, "cron", second="*", id="tick")
scheduler.run()
"""


class Workers:
    """Four processes with the same task, and what they tell: who ran which due times, and how many."""

    def __init__(self, lock_path, retry):
        read, write = os.pipe()
        command = [sys.executable, "-c", WORKER, lock_path, str(retry)]
        self.processes = {}
        for _ in range(4):
            process = subprocess.Popen(command, stdout=write)
            self.processes[process.pid] = process
        os.close(write)
        self.told = os.fdopen(read)

    def hear(self, count):
        return [tuple(map(int, next(self.told).split())) for _ in range(count)]

    def kill(self, pid):
        self.processes[pid].kill()
        self.processes.pop(pid).wait()

    def close(self):
        for pid in list(self.processes):
            self.kill(pid)
        self.told.close()


@pytest.mark.process
@pytest.mark.slow
def test_of_four_processes_one_runs_the_tasks_and_after_kill_9_another_takes_over_and_repeats_nothing(tmp_path):
    retry = 1.0
    workers = Workers(str(tmp_path / "{store}.lock"), retry)
    try:
        told = []
        for _ in range(2):
            ran = workers.hear(2)
            assert len({pid for pid, *_ in ran}) == 1
            workers.kill(ran[0][0])
            killed = time.monotonic()
            ran += workers.hear(1)
            # The tasks are due every second, and the machine may be slow by one.
            assert time.monotonic() - killed < retry + 1 + 1
            told += ran
        pids = [pid for pid, *_ in told]
        assert pids[0] == pids[1] != pids[2] == pids[3] == pids[4] != pids[5]
        due = [when for _, when, _ in told]
        assert due == sorted(set(due)), "a due time was run again"
        assert sum(1 + coalesced for *_, coalesced in told) == due[-1] - due[0] + 1, "a due time was lost"
    finally:
        workers.close()

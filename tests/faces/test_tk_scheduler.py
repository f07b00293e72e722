"""The documented scheduler in the main loop of a window: over a stand-in for the window, and over Tk where it works."""

from __future__ import annotations

import heapq
import itertools
import os
import threading

import pytest
from contracts.face import PATIENCE, Log, in_thread

from asyncz.testing import VirtualClock


class Root:
    """What is used of a window: ``after``, on the time of a clock that jumps from one call to the next."""

    def __init__(self, clock):
        self.clock, self.calls, self.order = clock, [], itertools.count()

    def after(self, milliseconds, callback):
        heapq.heappush(self.calls, (self.clock.monotonic() + milliseconds / 1000, next(self.order), callback))

    def mainloop(self, seconds):
        end = self.clock.monotonic() + seconds
        while self.calls and self.calls[0][0] <= end:
            at, _, callback = heapq.heappop(self.calls)
            self.clock.advance(max(at - self.clock.monotonic(), 0))
            callback()
        self.clock.advance(end - self.clock.monotonic())


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def root(clock):
    return Root(clock)


@pytest.fixture
def scheduler(tk_scheduler, root, clock):
    return tk_scheduler.TkScheduler(root, timezone="UTC", clock=clock)


def test_tasks_run_in_the_main_loop_when_they_are_due(scheduler, root, clock):
    ran = []
    with scheduler:
        scheduler.add_task(lambda: ran.append((threading.get_ident(), clock.now().minute)), "interval", minutes=1)
        root.mainloop(5 * 60 + 1)
    assert ran == [(threading.get_ident(), minute) for minute in range(1, 6)]


def test_a_task_that_is_added_or_removed_meanwhile_changes_what_is_waited_for(scheduler, root):
    ran = []
    with scheduler:
        scheduler.add_task(ran.append, "interval", args=["hour"], hours=1, id="hour")
        root.mainloop(60)
        in_thread(scheduler.add_task, ran.append, "interval", args=["minute"], minutes=1).result(PATIENCE)
        root.mainloop(121)
        scheduler.delete_task("hour")
        root.mainloop(3600 - 180)
    assert ran == ["minute"] * 59


def test_however_often_it_is_woken_one_look_is_planned(scheduler, root, clock):
    looks = []
    process = scheduler.process_tasks
    scheduler.process_tasks = lambda: looks.append(clock.monotonic()) or process()
    with scheduler:
        for number in range(50):
            scheduler.add_task(print, "interval", days=1, id=str(number))
        root.mainloop(1)
        looks.clear()
        root.mainloop(3600)
    assert looks == []


def test_nothing_is_planned_any_more_when_it_is_paused_or_stopped(scheduler, root):
    ran = []
    with scheduler:
        scheduler.add_task(ran.append, "interval", args=["ran"], minutes=1)
        root.mainloop(61)
        scheduler.pause()
        root.mainloop(3600)
        assert ran == ["ran"]
        scheduler.resume()
        root.mainloop(1)
        assert len(ran) == 2
    root.mainloop(3600)
    assert len(ran) == 2
    assert root.calls == []


def test_a_task_can_shut_it_down(scheduler, root):
    log = Log()
    scheduler.add_listener(log)
    scheduler.start()
    scheduler.add_task(scheduler.shutdown, id="last")
    root.mainloop(1)
    assert "TASK_EXECUTED" in log.of("last")
    assert log.names()[-1] == "SCHEDULER_SHUTDOWN"


def check_real(tk_scheduler, root, mainloop):
    ran = []

    def work():
        ran.append(threading.get_ident())
        if len(ran) == 3:
            root.quit()
        else:
            in_thread(scheduler.add_task, work)  # Tk carries it over to its own thread

    scheduler = tk_scheduler.TkScheduler(root, timezone="UTC")
    root.after(PATIENCE * 1000, root.quit)
    with scheduler:
        scheduler.add_task(work, "interval", days=1, next_run_time=scheduler.clock.now())
        mainloop()
    assert ran == [threading.get_ident()] * 3


@pytest.mark.realtime
def test_it_works_in_the_event_loop_of_tcl_which_needs_no_display(tk_scheduler):
    tkinter = pytest.importorskip("tkinter", reason="this Python was built without Tk")
    root = tkinter.Tcl()
    check_real(tk_scheduler, root, lambda: root.tk.mainloop(-1))


@pytest.mark.realtime
def test_it_works_with_a_real_window(tk_scheduler):
    tkinter = pytest.importorskip("tkinter", reason="this Python was built without Tk")
    if os.name == "posix" and not os.environ.get("DISPLAY"):
        pytest.skip("no display: run the tests under xvfb-run")
    root = tkinter.Tk()
    root.withdraw()
    check_real(tk_scheduler, root, root.mainloop)
    root.destroy()

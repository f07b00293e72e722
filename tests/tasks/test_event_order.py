"""Which events come, in which order, what they carry, and who hears them."""

from __future__ import annotations

import datetime
import gc
import pickle
import threading
import weakref
from typing import Any

import pytest

from asyncz import events
from asyncz.events import (
    ALL_EVENTS,
    TASK_ADDED,
    TASK_ERROR,
    TASK_EXECUTED,
    TASK_REMOVED,
    SchedulerEvent,
    TaskEvent,
    TaskExecutionEvent,
    TaskSubmissionEvent,
)
from asyncz.testing import drive

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def work() -> str:
    return "done"


class TestOrder:
    @pytest.mark.memory
    def test_of_a_start(self, make: Any, hear: Any) -> None:
        scheduler = make(start=False, executors=None)
        heard = hear(scheduler)
        for task_id in "bac":
            scheduler.add_task(work, "interval", hours=1, id=task_id)
        assert heard == []
        scheduler.start()
        assert heard.told == [
            ("EXECUTOR_ADDED", "default"),
            ("STORE_ADDED", "default"),
            ("ADDED", "b"),
            ("ADDED", "a"),
            ("ADDED", "c"),
            ("SCHEDULER_STARTED", None),
        ]

    def test_with_an_inline_executor_the_outcome_comes_first_and_the_submission_last(
        self, scheduler: Any, hear: Any
    ) -> None:
        heard = hear(scheduler)
        scheduler.add_task(work, id="x")
        drive(scheduler)
        assert heard.told == [("ADDED", "x"), ("EXECUTED", "x"), ("REMOVED", "x"), ("SUBMITTED", "x")]

    def test_else_submissions_come_after_each_batch_and_before_their_outcomes(
        self, make: Any, held: Any, hear: Any
    ) -> None:
        scheduler = make(executors={"default": held})
        for task_id in "ab":
            scheduler.add_task(work, id=task_id)
        heard = hear(scheduler)
        drive(scheduler)
        held.release(2)
        drive(scheduler)
        assert heard.told == [
            *[("REMOVED", "a"), ("REMOVED", "b")],
            *[("SUBMITTED", "a"), ("SUBMITTED", "b")],
            *[("EXECUTED", "a"), ("EXECUTED", "b")],
        ]

    @pytest.mark.memory
    def test_of_a_life(self, make: Any, hear: Any) -> None:
        scheduler = make(start=False, executors=None)
        heard = hear(scheduler)
        scheduler.start(paused=True)
        scheduler.resume()
        scheduler.pause()
        scheduler.pause()
        scheduler.add_store("memory", "second")
        scheduler.remove_store("second")
        scheduler.add_executor("debug", "second")
        scheduler.remove_executor("second")
        scheduler.add_task(work, "shutdown", id="last")
        scheduler.shutdown()
        assert heard.told == [
            *[("EXECUTOR_ADDED", "default"), ("STORE_ADDED", "default"), ("SCHEDULER_STARTED", None)],
            *[("SCHEDULER_RESUMED", None), ("SCHEDULER_PAUSED", None)],
            *[("STORE_ADDED", "second"), ("STORE_REMOVED", "second")],
            *[("EXECUTOR_ADDED", "second"), ("EXECUTOR_REMOVED", "second")],
            *[("ADDED", "last"), ("REMOVED", "last"), ("SCHEDULER_SHUTDOWN", None)],
        ]

    def test_events_of_a_verb_come_in_the_callers_thread_before_it_returns(self, scheduler: Any) -> None:
        seen: list[tuple[int, int]] = []
        scheduler.add_listener(lambda event: seen.append((event.code, threading.get_ident())))

        def verbs() -> None:
            task = scheduler.add_task(work, "interval", hours=1)
            assert len(seen) == 1
            task.pause()
            assert len(seen) == 2
            task.delete()
            assert len(seen) == 3

        thread = threading.Thread(target=verbs)
        thread.start()
        thread.join()
        assert [code for code, _ in seen] == [TASK_ADDED, events.TASK_MODIFIED, TASK_REMOVED]
        assert {ident for _, ident in seen} == {thread.ident}


class TestContents:
    def test_every_event_about_a_task_names_its_store_and_its_scheduler(self, make: Any, hear: Any) -> None:
        scheduler = make(identity="me", stores={"default": {"type": "memory"}, "second": {"type": "memory"}})
        heard = hear(scheduler)
        scheduler.add_task(work, "interval", hours=1, id="x", store="second", end_at=scheduler.clock.now()).delete()
        scheduler.add_task(work, id="x", store="second")
        scheduler.add_task(lambda: 1 / 0, "interval", hours=1, id="y", store="second").update(name="n")
        drive(scheduler, hours=1)
        scheduler.run_task("y")
        assert {event.code for event in heard} == {
            *[TASK_ADDED, TASK_REMOVED, events.TASK_MODIFIED, TASK_EXECUTED, TASK_ERROR, events.TASK_SUBMITTED],
        }
        for event in heard:
            assert (event.store, event.alias, event.scheduler_identity) == ("second", None, "me"), event

    def test_of_a_run(self, scheduler: Any, hear: Any, clock: Any) -> None:
        heard = hear(scheduler, TASK_EXECUTED)
        scheduler.add_task(work, id="x")
        drive(scheduler)
        (event,) = heard
        assert type(event) is TaskExecutionEvent
        assert (event.return_value, event.exception, event.traceback) == ("done", None, None)
        assert (event.scheduled_run_time, event.run_count) == (clock.now(), 1)

    @pytest.mark.memory
    def test_of_a_failed_run(self, scheduler: Any, hear: Any) -> None:
        class Big:
            pass

        kept: list[Any] = []

        def fail() -> None:
            big = Big()
            kept.append(weakref.ref(big))
            raise ValueError("on purpose")

        heard = hear(scheduler, TASK_ERROR)
        scheduler.add_task(fail, id="x")
        drive(scheduler)
        (event,) = heard
        assert isinstance(event.exception, ValueError)
        assert isinstance(event.traceback, str)
        assert "in fail" in event.traceback
        assert event.traceback.endswith("ValueError: on purpose\n")
        gc.collect()
        assert kept[0]() is None

    def test_of_a_submission(self, scheduler: Any, hear: Any) -> None:
        heard = hear(scheduler, events.TASK_SUBMITTED)
        scheduler.add_task(work, "interval", hours=1)
        drive(scheduler, hours=1)
        (event,) = heard
        assert type(event) is TaskSubmissionEvent
        assert (event.scheduled_run_times, event.source) == ([scheduler.clock.now()], "scheduled")

    def test_every_event_has_an_exception_attribute(self, make: Any) -> None:
        scheduler = make(start=False)
        seen: list[Any] = []
        scheduler.add_listener(lambda event: seen.append(event.exception))
        scheduler.add_task(work)
        with scheduler:
            drive(scheduler)
        assert len(seen) >= 6
        assert set(seen) == {None}

    def test_they_are_made_by_keyword_and_show_their_code(self) -> None:
        assert repr(TaskEvent(code=TASK_ADDED, task_id="x")) == "<TaskEvent (code=512)>"
        assert repr(SchedulerEvent(code=1)) == "<SchedulerEvent (code=1)>"
        with pytest.raises(TypeError):
            TaskEvent(TASK_ADDED, "x")  # type: ignore[misc]

    @pytest.mark.parametrize(
        "event",
        [
            SchedulerEvent(code=1, alias="default"),
            TaskEvent(code=TASK_ADDED, task_id="x", store="default", scheduler_identity="me"),
            TaskSubmissionEvent(code=32768, task_id="x", scheduled_run_times=[START], source="manual"),
            TaskExecutionEvent(code=TASK_EXECUTED, task_id="x", scheduled_run_time=START, return_value=5, run_count=2),
        ],
        ids=repr,
    )
    def test_they_can_be_sent_to_another_process(self, event: Any) -> None:
        sent = pickle.loads(pickle.dumps(event))
        assert type(sent) is type(event)
        names = [name for cls in type(event).__mro__ for name in getattr(cls, "__slots__", ())]
        assert len(names) >= 2
        assert [getattr(sent, name) for name in names] == [getattr(event, name) for name in names]

    def test_the_codes_are_one_bit_each(self) -> None:
        names = [
            *("SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN", "SCHEDULER_PAUSED", "SCHEDULER_RESUMED"),
            *("EXECUTOR_ADDED", "EXECUTOR_REMOVED", "STORE_ADDED", "STORE_REMOVED", "ALL_TASKS_REMOVED"),
            *("TASK_ADDED", "TASK_REMOVED", "TASK_MODIFIED", "TASK_EXECUTED", "TASK_ERROR", "TASK_MISSED"),
            *("TASK_SUBMITTED", "TASK_MAX_INSTANCES"),
        ]
        assert [getattr(events, name) for name in names] == [1 << bit for bit in range(17)]
        assert events.SCHEDULER_START == events.SCHEDULER_STARTED
        assert ALL_EVENTS == 131071


class Listener:
    """Equal to any other of its name."""

    def __init__(self, name: str, heard: list[Any]) -> None:
        self.name, self.heard = name, heard

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __call__(self, event: Any) -> None:
        self.heard.append((self.name, event.code))

    def method(self, event: Any) -> None:
        self.heard.append(("method", event.code))


class TestListeners:
    def test_a_mask_chooses(self, scheduler: Any, hear: Any) -> None:
        some, others = hear(scheduler, TASK_ADDED | TASK_REMOVED), hear(scheduler, TASK_EXECUTED)
        scheduler.add_task(work, id="x")
        drive(scheduler)
        assert (some.names, others.names) == (["ADDED", "REMOVED"], ["EXECUTED"])

    def test_a_listener_is_removed_by_equality_once(self, scheduler: Any) -> None:
        heard: list[Any] = []
        scheduler.add_listener(Listener("a", heard))
        scheduler.add_listener(Listener("b", heard))
        scheduler.add_listener(Listener("a", heard))
        assert scheduler.remove_listener(Listener("a", [])) is True
        scheduler.dispatch_event(SchedulerEvent(code=1))
        assert heard == [("b", 1), ("a", 1)]
        assert scheduler.remove_listener(Listener("a", [])) is True
        assert scheduler.remove_listener(Listener("a", [])) is False
        assert scheduler.remove_listener(print) is False

    def test_a_bound_method_can_be_removed(self, scheduler: Any) -> None:
        listener = Listener("a", [])
        scheduler.add_listener(listener.method)
        assert scheduler.remove_listener(listener.method) is True
        scheduler.dispatch_event(SchedulerEvent(code=1))
        assert listener.heard == []

    def test_one_that_raises_is_logged_and_stops_nobody(self, scheduler: Any, hear: Any, caplog: Any) -> None:
        def bad(event: Any) -> None:
            raise RuntimeError("deaf")

        scheduler.add_listener(bad, TASK_EXECUTED)
        heard = hear(scheduler)
        scheduler.add_task(work, id="x")
        drive(scheduler)
        assert heard.names == ["ADDED", "EXECUTED", "REMOVED", "SUBMITTED"]
        assert caplog.text.count("raised an exception at <TaskExecutionEvent (code=4096)>") == 1
        assert "RuntimeError: deaf" in caplog.text

    def test_one_that_is_added_or_removed_by_another_takes_part_from_the_next_event_on(self, scheduler: Any) -> None:
        heard: list[Any] = []
        late = Listener("late", heard)

        def swap(event: Any) -> None:
            scheduler.remove_listener(swap)
            scheduler.add_listener(late)

        scheduler.add_listener(swap)
        scheduler.add_listener(Listener("kept", heard))
        scheduler.dispatch_event(SchedulerEvent(code=1))
        scheduler.dispatch_event(SchedulerEvent(code=2))
        assert heard == [("kept", 1), ("kept", 2), ("late", 2)]

    def test_what_cannot_be_called_with_an_event_is_refused(self, scheduler: Any) -> None:
        async def listen(event: Any) -> None:
            pass

        for wrong in (listen, 5, None):
            with pytest.raises(TypeError, match="Expected a function to call with the event"):
                scheduler.add_listener(wrong)

    def test_an_event_that_nobody_listens_for_is_not_built(
        self, scheduler: Any, monkeypatch: pytest.MonkeyPatch, hear: Any
    ) -> None:
        built: list[int] = []
        original = TaskEvent.__init__

        def spy(self: Any, **kwargs: Any) -> None:
            built.append(kwargs["code"])
            original(self, **kwargs)

        monkeypatch.setattr(TaskEvent, "__init__", spy)
        hear(scheduler, TASK_REMOVED)
        scheduler.add_task(work)
        scheduler.add_task(work, "interval", hours=1).update(name="n")
        drive(scheduler, hours=1)
        assert built == [TASK_REMOVED]

    @pytest.mark.memory
    def test_a_listener_may_use_the_verbs(self, scheduler: Any) -> None:
        ran: list[int] = []

        def follow_up(event: Any) -> None:
            if event.task_id == "first":
                scheduler.add_task(lambda: ran.append(1), id="second")

        scheduler.add_listener(follow_up, TASK_EXECUTED)
        scheduler.add_task(work, id="first")
        drive(scheduler)
        assert ran == [1]

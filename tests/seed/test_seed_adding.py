"""The snippets of the schedulers page about adding tasks, by call and by decorator, and its list of parameters.

Virtual time starts on Monday 2024-01-01 at midnight in UTC.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
from collections import Counter
from datetime import timezone as tz
from typing import Any

import pytest

from asyncz.exceptions import ConflictIdError
from asyncz.schedulers.asyncio import AsyncIOScheduler
from asyncz.tasks import Task
from asyncz.testing import VirtualClock, virtual_time
from asyncz.triggers import CronTrigger, IntervalTrigger


@virtual_time
async def test_adding_tasks(clock: VirtualClock) -> None:
    ran: list[str] = []

    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)

    def send_email_newsletter(feed: str | None = None) -> None:
        # Add logic to send emails here
        ran.append(f"newsletter with {feed}")

    def collect_www_info() -> str:
        # Add logic to collect information from the internet
        ran.append("collected")
        return "feed"

    def check_status() -> None:
        # Logic to check a given status of whatever needed
        ran.append("checked")

    # Create the tasks
    # Run every Monday, Wednesday and Friday
    newsletter = scheduler.add_task(
        send_email_newsletter,
        trigger=CronTrigger(day_of_week="mon,wed,fri", hour="8", minute="1", second="5"),
    )
    assert isinstance(newsletter, Task)

    # Run every 2 minutes
    scheduler.add_task(
        collect_www_info,
        trigger=IntervalTrigger(minutes=2),
        max_instances=1,
        replace_existing=True,
        coalesce=False,
    )

    # Run every 10 minutes
    scheduler.add_task(
        check_status,
        trigger=IntervalTrigger(minutes=10),
        max_instances=1,
        replace_existing=True,
        coalesce=False,
    )

    # Run every 10 minutes collect_www_info before sending the newsletter
    feed_data = collect_www_info()

    scheduler.add_task(
        fn_or_task=send_email_newsletter,
        args=[feed_data],
        trigger=IntervalTrigger(minutes=10),
        max_instances=1,
        replace_existing=True,
        coalesce=False,
    )

    # Add Task object
    task = Task(
        id="my-task",
        fn=check_status,
        name="my-task",
        scheduler=scheduler,
        trigger=CronTrigger(day_of_week="mon,tue,wed,thu,fri,sat,sun", hour=8, minute=1),
        max_instances=3,
        coalesce=True,
    )
    # you can update most attributes here. Note: a task can be only submitted once
    assert scheduler.add_task(task, name="status", max_instances=2) is task
    assert (task.id, task.name, task.max_instances) == ("my-task", "status", 2)
    with pytest.raises(AssertionError):
        scheduler.add_task(task)

    # Use Task as decorator (leave fn empty)
    decorator = scheduler.add_task(args=[feed_data], trigger=IntervalTrigger(minutes=10))
    assert decorator(send_email_newsletter) is send_email_newsletter

    # Start the scheduler: the tasks that were added before are taken over then
    ran.clear()
    scheduler.start()
    await clock.sleep(minutes=20)
    assert Counter(ran) == {"collected": 10, "checked": 2, "newsletter with feed": 4}

    # Add paused Task
    paused = scheduler.add_task(
        Task(name="paused", fn=collect_www_info, trigger=IntervalTrigger(minutes=1)),
        # this pauses the task on submit
        next_run_time=None,
    )
    assert paused.paused
    ran.clear()
    await clock.sleep_until("2024-01-01T08:01:04Z")
    assert Counter(ran)["collected"] == 230
    assert Counter(ran)["newsletter with None"] == 0
    await clock.sleep(1)
    assert Counter(ran)["newsletter with None"] == 1
    scheduler.shutdown()


@virtual_time
async def test_tasks_can_be_added_at_any_time(clock: VirtualClock) -> None:
    ran: list[str] = []
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    before = scheduler.add_task(ran.append, IntervalTrigger(minutes=1), args=["before"], id="1")
    assert before.pending
    with scheduler:
        assert not before.pending
        scheduler.add_task(ran.append, IntervalTrigger(minutes=1), args=["while"], id="2")
        await clock.sleep(60)
    scheduler.add_task(ran.append, IntervalTrigger(minutes=1), args=["after"])
    with scheduler:
        await clock.sleep(60)
    assert ran == ["before", "while", "after"]


@virtual_time
async def test_triggers_are_given_as_objects_or_by_name(clock: VirtualClock) -> None:
    with AsyncIOScheduler(timezone=tz.utc) as scheduler:
        as_object = scheduler.add_task(print, trigger=CronTrigger(hour="8", minute="1", timezone=tz.utc))
        by_name = scheduler.add_task(print, "cron", hour="8", minute="1")
        assert as_object.trigger == by_name.trigger
        assert as_object.next_run_time == by_name.next_run_time == datetime.datetime(2024, 1, 1, 8, 1, tzinfo=tz.utc)


# -- the parameters, as far as no snippet shows them -------------------------------------------------------------------


@virtual_time
async def test_an_id_is_made_where_none_is_given() -> None:
    with AsyncIOScheduler() as scheduler:
        first, second = (scheduler.add_task(print, "interval", days=1) for _ in range(2))
        assert first.id
        assert first.id != second.id
        assert scheduler.get_task(first.id) is first


@virtual_time
async def test_an_id_that_is_taken_is_refused_unless_it_is_to_be_replaced() -> None:
    with AsyncIOScheduler() as scheduler:
        scheduler.add_task(print, "interval", days=1, id="report")
        with pytest.raises(ConflictIdError):
            scheduler.add_task(print, "interval", days=2, id="report")
        scheduler.add_task(print, "interval", days=3, id="report", replace_existing=True)
        (task,) = scheduler.get_tasks()
        assert str(task.trigger) == "interval[3 days, 0:00:00]"


@virtual_time
async def test_arguments_are_passed_to_the_callable(clock: VirtualClock) -> None:
    got: list[Any] = []
    with AsyncIOScheduler() as scheduler:
        scheduler.add_task(lambda *args, **kwargs: got.append((args, kwargs)), args=(1, 2), kwargs={"x": 3})
        await clock.settle()
    assert got == [((1, 2), {"x": 3})]


@pytest.mark.parametrize(("coalesce", "times"), [(True, 1), (False, 3)])
def test_coalesce_runs_a_task_once_for_several_due_times(coalesce: bool, times: int) -> None:
    ran: list[int] = []

    @virtual_time
    async def main(clock: VirtualClock) -> None:
        with AsyncIOScheduler() as scheduler:
            scheduler.add_task(lambda: ran.append(1), "interval", minutes=10, coalesce=coalesce)
            clock.advance(minutes=30)
            await clock.settle()

    main()
    assert len(ran) == times


@pytest.mark.parametrize(("grace", "runs"), [(None, 1), (61, 1), (59, 0)])
def test_a_run_may_be_as_late_as_the_grace_time_says(grace: float | None, runs: int) -> None:
    ran: list[int] = []

    @virtual_time
    async def main(clock: VirtualClock) -> None:
        with AsyncIOScheduler() as scheduler:
            scheduler.add_task(lambda: ran.append(1), "interval", hours=1, mistrigger_grace_time=grace)
            clock.advance(minutes=61)
            await clock.settle()

    main()
    assert len(ran) == runs


@virtual_time
async def test_the_number_of_instances_at_once_is_one_unless_told_otherwise(clock: VirtualClock) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def work(name: str) -> None:
        running[name] += 1
        most[name] = max(most[name], running[name])
        await asyncio.sleep(600)
        running[name] -= 1

    async with AsyncIOScheduler() as scheduler:
        scheduler.add_task(work, "interval", minutes=1, args=["by default"])
        scheduler.add_task(work, "interval", minutes=1, args=["three"], max_instances=3)
        await clock.sleep(minutes=8)
    assert most == {"by default": 1, "three": 3}


@virtual_time
async def test_next_run_time_none_adds_a_task_paused_and_a_time_is_its_first_run(clock: VirtualClock) -> None:
    ran: list[float] = []
    with AsyncIOScheduler(timezone=tz.utc) as scheduler:
        paused = scheduler.add_task(print, "interval", seconds=1, next_run_time=None)
        of_object = scheduler.add_task(Task(print, trigger=IntervalTrigger(seconds=1)), next_run_time=None)
        scheduler.add_task(
            lambda: ran.append(clock.monotonic()),
            "interval",
            minutes=10,
            next_run_time=datetime.datetime(2024, 1, 1, 0, 1, tzinfo=tz.utc),
        )
        await clock.sleep(minutes=21)
        assert paused.paused
        assert of_object.paused
    assert ran == [60.0, 600.0, 1200.0]


@virtual_time
async def test_a_task_object_is_changed_in_place(clock: VirtualClock) -> None:
    scheduler = AsyncIOScheduler()
    task = Task(print, id="a", trigger=IntervalTrigger(hours=1))
    with scheduler:
        assert scheduler.add_task(task, trigger=IntervalTrigger(hours=2), name="renamed", coalesce=False) is task
        assert scheduler.get_task("a") is task
    assert (str(task.trigger), task.name, task.coalesce) == ("interval[2:00:00]", "renamed", False)


@virtual_time
async def test_a_decorator_is_turned_into_a_task_by_giving_it_an_id() -> None:
    with AsyncIOScheduler() as scheduler:
        decorator = scheduler.add_task(trigger=IntervalTrigger(hours=1))
        assert decorator.id is None
        decorator.update_task(fn=print)
        assert scheduler.add_task(decorator, id="in place") is decorator
        assert scheduler.get_task("in place") is decorator


# -- decorators --------------------------------------------------------------------------------------------------------


@virtual_time
async def test_adding_tasks_as_decorator(clock: VirtualClock) -> None:
    ran: list[str] = []

    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)

    # Run every Monday, Wednesday and Friday
    @scheduler.add_task(trigger=CronTrigger(day_of_week="mon,wed,fri", hour="8", minute="1", second="5"))
    def send_email_newsletter() -> None:
        # Add logic to send emails here
        ran.append("newsletter")

    # Run every 2 minutes
    @scheduler.add_task(trigger=IntervalTrigger(minutes=2), max_instances=1, coalesce=True)
    def collect_www_info() -> None:
        # Add logic to collect information from the internet
        ran.append("collected")

    @scheduler.add_task(trigger=IntervalTrigger(minutes=10), max_instances=1, coalesce=False)
    def check_status() -> None:
        # Logic to check a given status of whatever needed
        ran.append("checked")

    # has now asyncz_tasks containing the copy
    assert hasattr(check_status, "asyncz_tasks")
    (copy,) = check_status.asyncz_tasks
    assert copy.fn is check_status
    assert copy.id

    # Start the scheduler
    scheduler.start()
    assert scheduler.get_task(copy.id) is copy
    await clock.sleep(hours=8, minutes=1, seconds=5)
    assert Counter(ran) == {"newsletter": 1, "collected": 240, "checked": 48}
    send_email_newsletter()
    assert Counter(ran)["newsletter"] == 2
    scheduler.shutdown()


@virtual_time
async def test_a_decorator_with_an_id_replaces_and_leaves_the_function_alone() -> None:
    with AsyncIOScheduler() as scheduler:
        scheduler.add_task(len, "interval", args=["other"], days=1, id="status")

        @scheduler.add_task(trigger=IntervalTrigger(minutes=10), id="status")
        def check_status() -> None: ...

        assert not hasattr(check_status, "asyncz_tasks")
        # For getting the copy, its id can be used.
        copy = scheduler.get_task("status")
        assert copy is not None
        assert copy.fn is check_status
        assert len(scheduler.get_tasks()) == 1


@virtual_time
async def test_decorators_without_ids_add_up() -> None:
    with AsyncIOScheduler() as scheduler:

        @scheduler.add_task(trigger=IntervalTrigger(minutes=1))
        @scheduler.add_task(trigger=IntervalTrigger(minutes=2))
        def check_status() -> None: ...

        assert [str(task.trigger) for task in check_status.asyncz_tasks] == ["interval[0:02:00]", "interval[0:01:00]"]
        assert {task.id for task in check_status.asyncz_tasks} == {task.id for task in scheduler.get_tasks()}
        assert len(scheduler.get_tasks()) == 2


@virtual_time
async def test_in_a_partial_add_task_leaves_the_function_alone(clock: VirtualClock) -> None:
    ran: list[int] = []

    def check_status() -> None:
        ran.append(1)

    with AsyncIOScheduler() as scheduler:
        task = functools.partial(scheduler.add_task, trigger=IntervalTrigger(minutes=10))(check_status)
        assert isinstance(task, Task)
        assert not hasattr(check_status, "asyncz_tasks")
        await clock.sleep(minutes=10)
    assert ran == [1]

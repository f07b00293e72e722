"""The snippets of the schedulers page about deleting, pausing, resuming, updating and rescheduling tasks.

Virtual time starts on Monday 2024-01-01 at midnight in UTC.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from datetime import timezone as tz

import pytest

from asyncz.exceptions import TaskLookupError
from asyncz.schedulers.asyncio import AsyncIOScheduler
from asyncz.tasks import Task
from asyncz.testing import VirtualClock, virtual_time
from asyncz.triggers import CronTrigger, IntervalTrigger


class Work:
    """The functions of the snippets."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()

    def send_email_newsletter(self) -> None:
        # Add logic to send emails here
        self.ran["newsletter"] += 1

    def collect_www_info(self) -> None:
        # Add logic to collect information from the internet
        self.ran["collected"] += 1

    def check_status(self) -> None:
        # Logic to check a given status of whatever needed
        self.ran["checked"] += 1


@pytest.fixture
def work() -> Work:
    return Work()


def _add_both(scheduler: AsyncIOScheduler, work: Work) -> Task:
    """What most snippets begin with."""
    # Create the tasks
    # Run every Monday, Wednesday and Friday
    scheduler.add_task(
        work.send_email_newsletter,
        id="send_email_newsletter",
        trigger=CronTrigger(day_of_week="mon,wed,fri", hour="8", minute="1", second="5"),
    )

    # Run every hour and minute 1
    return scheduler.add_task(
        work.check_status,
        id="check_status",
        trigger=CronTrigger(hour="0-23", minute="1"),
    )


IN_A_DAY = {"newsletter": 1, "checked": 24}


# -- deleting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("started", [False, True])
def test_deleting_tasks_by_id_and_by_object(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()
        status = _add_both(scheduler, work)

        # Remove the tasks by ID or task object
        scheduler.delete_task("send_email_newsletter")
        scheduler.delete_task(status)
        assert scheduler.get_tasks() == []
        with pytest.raises(TaskLookupError):
            scheduler.delete_task("send_email_newsletter")

        if not started:
            scheduler.start()
        await clock.sleep(days=1)
        scheduler.shutdown()

    main()
    assert not work.ran


@pytest.mark.parametrize("started", [False, True])
def test_deleting_from_the_task_instance(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()

        # Create the tasks
        # Run every Monday, Wednesday and Friday
        task = scheduler.add_task(work.send_email_newsletter, "cron", hour="0-23", minute="1")

        # delete task
        task.delete()
        assert scheduler.get_task(task.id or "") is None

        # Run every hour and minute 1
        task = scheduler.add_task(work.check_status, "cron", hour="0-23", minute="1")

        # delete task
        task.delete()

        if not started:
            scheduler.start()
        await clock.sleep(days=1)
        scheduler.shutdown()

    main()
    assert not work.ran


@virtual_time
async def test_a_task_of_a_decorator_is_deleted_by_its_id(clock: VirtualClock) -> None:
    scheduler = AsyncIOScheduler(timezone=tz.utc)

    @scheduler.add_task(trigger=IntervalTrigger(minutes=10), id="status")
    def check_status() -> None: ...

    with scheduler:
        scheduler.delete_task("status", "default")
        assert scheduler.get_tasks() == []


# -- pausing and resuming ----------------------------------------------------------------------------------------------


@virtual_time
async def test_pausing_tasks_by_id_and_by_object(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    status = _add_both(scheduler, work)

    # Pause the tasks by ID and store alias, or by task object
    scheduler.pause_task("send_email_newsletter", "default")
    scheduler.pause_task(status)

    with scheduler:
        await clock.sleep(days=1)
        assert [task.next_run_time for task in scheduler.get_tasks()] == [None, None]
    assert not work.ran


@virtual_time
async def test_pausing_from_the_task_instance(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    with scheduler:
        # Create the tasks
        # Run every Monday, Wednesday and Friday
        task = scheduler.add_task(work.send_email_newsletter, "cron", hour="0-23", minute="1")

        # Pause task
        assert task.pause() is task
        assert task.next_run_time is None

        # Run every hour and minute 1
        task = scheduler.add_task(work.check_status, "cron", hour="0-23", minute="1")
        await clock.sleep(hours=2)

        # Pause task
        task.pause()
        assert task.next_run_time is None
        await clock.sleep(days=1)
    assert work.ran == {"checked": 2}


@pytest.mark.parametrize("started", [False, True])
def test_resuming_tasks_by_id_and_by_object(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()
        status = _add_both(scheduler, work)
        scheduler.pause_task("send_email_newsletter")
        scheduler.pause_task(status)

        # Resume the tasks by ID or task object
        assert scheduler.resume_task("send_email_newsletter") is not None
        assert scheduler.resume_task(status) is status

        if not started:
            scheduler.start()
        await clock.sleep(days=1)
        scheduler.shutdown()

    main()
    assert work.ran == IN_A_DAY


@virtual_time
async def test_resuming_from_the_task_instance(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    with scheduler:
        # Create the tasks
        # Run every Monday, Wednesday and Friday
        task = scheduler.add_task(work.send_email_newsletter, "cron", hour="0-23", minute="1")
        task.pause()

        # resume task
        assert task.resume() is task
        assert task.next_run_time == datetime(2024, 1, 1, 0, 1, tzinfo=tz.utc)

        # Run every hour and minute 1
        task = scheduler.add_task(work.check_status, "cron", hour="0-23", minute="1")
        task.pause()
        await clock.sleep(hours=2)

        # Resume task: what would have been due meanwhile is not made up for
        task.resume()
        assert task.next_run_time == datetime(2024, 1, 1, 2, 1, tzinfo=tz.utc)
        await clock.sleep(hours=1)
    assert work.ran == {"newsletter": 3, "checked": 1}


@virtual_time
async def test_the_store_says_where_the_task_is() -> None:
    scheduler = AsyncIOScheduler(stores={"default": {"type": "memory"}, "other": {"type": "memory"}})
    with scheduler:
        here = scheduler.add_task(print, "interval", days=1, id="same")
        there = scheduler.add_task(print, "interval", days=1, id="same", store="other")
        scheduler.pause_task("same", "other")
        assert (here.paused, there.paused) == (False, True)
        scheduler.resume_task("same", store="other")
        assert not there.paused
        scheduler.delete_task("same", "default")
        assert scheduler.get_tasks() == [there]
        with pytest.raises(TaskLookupError):
            scheduler.pause_task("same", "default")


# -- updating ----------------------------------------------------------------------------------------------------------


def test_updating_from_a_task_instance(work: Work) -> None:
    # Create a scheduler
    scheduler = AsyncIOScheduler()

    # Create a task
    task = Task(
        id="my-task",
        fn=work.check_status,
        name="my-task",
        scheduler=scheduler,
        trigger=CronTrigger(day_of_week="mon,tue,wed,thu,fri,sat,sun", hour=8, minute=1),
        max_instances=3,
        coalesce=True,
    )

    # Update the task
    assert task.update(name="renamed", coalesce=False, max_instances=5) is task
    assert (task.name, task.coalesce, task.max_instances) == ("renamed", False, 5)
    with pytest.raises(ValueError, match="ID may not be changed"):
        task.update(id="another")


@pytest.mark.parametrize("started", [False, True])
def test_updating_from_the_scheduler(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()

        # Create the tasks
        # Run every Monday, Wednesday and Friday
        scheduler.add_task(
            work.send_email_newsletter,
            id="send_email_newsletter",
            trigger=CronTrigger(day_of_week="mon,wed,fri", hour="8", minute="1", second="5"),
        )

        # Run every 10 minutes
        check_status = scheduler.add_task(
            work.check_status,
            trigger=IntervalTrigger(minutes=10),
            max_instances=1,
            coalesce=False,
        )

        # Update the task by id or object
        newsletter = scheduler.update_task("send_email_newsletter", coalesce=False, max_instances=4)
        assert scheduler.update_task(check_status, coalesce=True, max_instances=3) is check_status

        # Start the scheduler
        if not started:
            scheduler.start()
        assert (newsletter.coalesce, newsletter.max_instances) == (False, 4)
        assert (check_status.coalesce, check_status.max_instances) == (True, 3)
        with pytest.raises(ValueError, match="ID may not be changed"):
            scheduler.update_task(check_status, id="another")
        await clock.sleep(days=1)
        scheduler.shutdown()

    main()
    assert work.ran == {"newsletter": 1, "checked": 144}


# -- rescheduling ------------------------------------------------------------------------------------------------------


def test_rescheduling_the_task_instance(work: Work) -> None:
    # Create a scheduler
    scheduler = AsyncIOScheduler()

    # Create a task
    task = Task(
        id="my-task",
        fn=work.check_status,
        name="my-task",
        scheduler=scheduler,
        trigger=CronTrigger(day_of_week="mon,tue,wed,thu,fri,sat,sun", hour=8, minute=1),
        max_instances=3,
        coalesce=True,
    )

    # Reschedule the task
    assert task.reschedule("my-task", trigger="cron", hour=10, minute=5) is task
    assert str(task.trigger) == "cron[hour='10', minute='5']"
    assert (task.name, task.max_instances) == ("my-task", 3)
    with pytest.raises(ValueError, match="my-task"):
        task.reschedule("another", trigger="cron", hour=10)


@pytest.mark.parametrize("started", [False, True])
def test_a_submitted_task_is_rescheduled_in_its_store(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()
        task = scheduler.add_task(work.check_status, "cron", hour=8, id="my-task")
        task.reschedule("my-task", trigger="cron", hour=10, minute=5)
        if not started:
            scheduler.start()
        assert task.next_run_time == datetime(2024, 1, 1, 10, 5, tzinfo=tz.utc)
        await clock.sleep(hours=9)
        assert not work.ran
        await clock.sleep(hours=2)
        scheduler.shutdown()

    main()
    assert work.ran == {"checked": 1}


@pytest.mark.parametrize("started", [False, True])
def test_rescheduling_from_the_scheduler(work: Work, started: bool) -> None:
    @virtual_time
    async def main(clock: VirtualClock) -> None:
        # Create the scheduler
        scheduler = AsyncIOScheduler(timezone=tz.utc)
        if started:
            scheduler.start()

        # Create the tasks
        # Run every Monday, Wednesday and Friday
        scheduler.add_task(
            work.send_email_newsletter,
            id="send_email_newsletter",
            trigger=CronTrigger(day_of_week="mon,wed,fri", hour="8", minute="1", second="5"),
        )

        # Run every 10 minutes
        check_status = scheduler.add_task(
            work.check_status,
            trigger=IntervalTrigger(minutes=10),
            max_instances=1,
            replace_existing=True,
            coalesce=False,
        )

        # Reschedule the tasks
        scheduler.reschedule_task("send_email_newsletter", trigger="cron", day_of_week="mon", hour="1")
        scheduler.reschedule_task(check_status, trigger="interval", minutes=20)

        # Start the scheduler
        if not started:
            scheduler.start()
        newsletter = scheduler.get_task("send_email_newsletter")
        assert newsletter is not None
        assert newsletter.next_run_time == datetime(2024, 1, 1, 1, tzinfo=tz.utc)
        await clock.sleep(days=7)
        scheduler.shutdown()

    main()
    assert work.ran == {"newsletter": 1, "checked": 7 * 72}


# -- all tasks ---------------------------------------------------------------------------------------------------------


@virtual_time
async def test_pausing_all_tasks(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    _add_both(scheduler, work)
    scheduler.start()

    # Pause all tasks
    scheduler.pause()
    await clock.sleep(days=1)
    assert not work.ran
    scheduler.shutdown()


@virtual_time
async def test_resuming_all_tasks(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    _add_both(scheduler, work)
    scheduler.start()

    # Pause all tasks
    scheduler.pause()
    await clock.sleep(minutes=30)
    assert not work.ran

    # Resume all tasks: what fell due meanwhile is late, and runs
    scheduler.resume()
    await clock.settle()
    assert work.ran == {"checked": 1}
    await clock.sleep_until("2024-01-02")
    assert work.ran == IN_A_DAY
    scheduler.shutdown()


@virtual_time
async def test_starting_in_the_paused_state(clock: VirtualClock) -> None:
    work = Work()
    # Create the scheduler
    scheduler = AsyncIOScheduler(timezone=tz.utc)
    _add_both(scheduler, work)

    # Start the scheduler paused: without the first wakeup
    scheduler.start(paused=True)
    assert scheduler.running
    await clock.sleep(hours=1)
    assert not work.ran

    scheduler.resume()
    await clock.sleep_until("2024-01-02")
    assert work.ran == IN_A_DAY
    scheduler.shutdown()

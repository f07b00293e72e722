"""Three tasks: what ran, and what runs next, until Ctrl-C. In the root of the repository, with nothing installed:

python3 -m asyncz run examples/quickstart.py
"""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime

from asyncz.events import SCHEDULER_SHUTDOWN, SCHEDULER_STARTED, TASK_ERROR, TASK_EXECUTED, TaskExecutionEvent
from asyncz.schedulers import AsyncIOScheduler

scheduler = AsyncIOScheduler()


def greet(name: str) -> str:
    return f"Hello {name}, this runs once."


async def fetch() -> str:  # a coroutine runs on the event loop
    await asyncio.sleep(0.3)
    return "Waited for 0.3 s, in nobody's way."


def check_disk() -> str:  # a plain function runs in a thread
    return f"{shutil.disk_usage('.').free / 1e9:.1f} GB are free."


def show(text: str) -> None:
    coming = [f"{info.id} {info.next_run_time:%H:%M:%S}" for info in scheduler.get_task_infos()]
    print(f"{datetime.now(scheduler.timezone):%H:%M:%S}  {text:<46}  next: {', '.join(coming)}", flush=True)


def show_run(event: TaskExecutionEvent) -> None:
    show(f"{event.task_id:<8}  {event.exception or event.return_value}")


scheduler.add_listener(lambda event: show("Started. Ctrl-C stops."), SCHEDULER_STARTED)
scheduler.add_listener(show_run, TASK_EXECUTED | TASK_ERROR)
scheduler.add_listener(lambda event: print("Stopped.", flush=True), SCHEDULER_SHUTDOWN)

scheduler.add_task(greet, args=["world"], id="one-shot")  # no trigger: once, now
scheduler.add_task(fetch, "interval", seconds=2, id="interval")
scheduler.add_task(check_disk, "cron", second="*/5", id="cron")

if __name__ == "__main__":
    scheduler.run()

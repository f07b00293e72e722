"""Tasks in a file: they outlast the process, and several processes may share them. With nothing installed:

python3 -m asyncz run examples/durable.py

Kill it, with kill -9 too, and start it again: it says what was run before, and makes up for what was due meanwhile.
Start it in two terminals: each due time is run in one of them. The file is durable.sqlite3, where you are.
"""

from __future__ import annotations

import asyncio
import os

from asyncz.events import SCHEDULER_STARTED
from asyncz.schedulers import AsyncIOScheduler

scheduler = AsyncIOScheduler(
    {
        "asyncz.stores.default": {"type": "sqlite", "path": "durable.sqlite3"},
        "asyncz.identity": f"process {os.getpid()}",
        "asyncz.heartbeat_stale_after": "5",
    }
)


def tick() -> None:
    print("tick", flush=True)


async def work() -> None:  # if the process is killed meanwhile, this is run again, by whoever is there
    print("work begins", flush=True)
    await asyncio.sleep(5)
    print("work is done", flush=True)


def tell(event: object) -> None:
    runs = scheduler.get_runs(limit=5)
    print(f"This is {scheduler.identity}. The last runs, by this or others: {len(runs)}", flush=True)
    for run in runs:
        print(f"  {run.run_times[-1]:%H:%M:%S}  {run.task_id}  {run.state.value}  by {run.owner}", flush=True)


scheduler.add_listener(tell, SCHEDULER_STARTED)
# With an id, and in the place of what is there: the definition is what the program says, the schedule stays.
scheduler.add_task(tick, "interval", seconds=2, id="tick", replace_existing=True)
scheduler.add_task(work, "interval", seconds=10, id="work", replace_existing=True)

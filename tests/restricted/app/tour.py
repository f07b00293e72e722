"""Use what asyncz has, and print what came of it as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import pkgutil
import sys
from importlib import import_module

import asyncz
from app import jobs
from asyncz.events import TASK_ERROR, TASK_EXECUTED
from asyncz.exceptions import TaskLookupError
from asyncz.schedulers import AsyncIOScheduler, defaults
from asyncz.triggers import CronTrigger
from asyncz.utils import to_datetime

#: As it would come out of a file: nothing but text, and the names that the documentation gives.
CONFIGURATION = {
    "asyncz.executors.default": {"class": "asyncz.executors.asyncio:AsyncIOExecutor"},
    "asyncz.executors.threads": {"class": "asyncz.executors.pool:ThreadPoolExecutor", "max_workers": "2"},
    "asyncz.executors.processes": {"type": "processpool", "max_workers": "1", "pool_kwargs": {"mp_context": "spawn"}},
    "asyncz.stores.default": {"class": "asyncz.stores.memory:MemoryStore"},
    "asyncz.loggers_class": "asyncz.schedulers.base:ClassicLogging",
    "asyncz.timezone": "UTC",
}
TASKS = {
    "loop": ("default", "app.jobs:on_loop", []),
    "threads": ("threads", "app.jobs:in_thread", []),
    "processes": ("processes", "app.jobs:in_process", [os.getpid()]),
}
PATIENCE = 50


def public_names() -> int:
    """Import every module, and look up every public name in it; returns how many there are."""
    count = 0
    for module in pkgutil.walk_packages(asyncz.__path__, asyncz.__name__ + "."):
        if module.name.endswith(".__main__"):
            continue
        found = import_module(module.name)
        names = getattr(found, "__all__", None) or [name for name in vars(found) if not name.startswith("_")]
        count += len([getattr(found, name) for name in names])
    return count


def aliases() -> dict[str, str]:
    tables = {"triggers": defaults.triggers, "executors": defaults.executors, "stores": defaults.stores}
    return {
        f"{kind} {alias}": AsyncIOScheduler.resolve_load_plugin(reference).__module__
        for kind, table in tables.items()
        for alias, reference in table.items()
    }


async def ran() -> dict[str, object]:
    """Return what each task has returned or raised."""
    outcomes: dict[str, object] = {}
    is_done = asyncio.Event()

    def note(event):
        outcomes[event.task_id] = event.return_value if event.exception is None else repr(event.exception)
        if len(outcomes) == len(TASKS):
            is_done.set()

    async with AsyncIOScheduler(CONFIGURATION) as scheduler:
        scheduler.add_listener(note, TASK_EXECUTED | TASK_ERROR)
        for name, (executor, reference, args) in TASKS.items():
            scheduler.add_task(reference, "date", args=args, id=name, executor=executor)
        await asyncio.wait_for(is_done.wait(), PATIENCE)
    return outcomes


def loggers() -> list[str]:
    scheduler = AsyncIOScheduler(CONFIGURATION, logger_name="tour")
    executor = scheduler.executors["threads"]
    executor.start(scheduler, "threads")
    executor.shutdown()
    return [scheduler.logger.name, executor.logger.name]


def main() -> None:
    trigger = CronTrigger.from_crontab("30 2 * * *", timezone="Europe/London")
    now = to_datetime("2026-07-01 00:00:00", "UTC", "now")
    try:
        AsyncIOScheduler(timezone="UTC").delete_task("nobody")
    except TaskLookupError as exc:
        refusal = type(exc).__module__
    facts = {
        "file": asyncz.__file__,
        "names": public_names(),
        "aliases": aliases(),
        "ran": asyncio.run(ran()),
        "loggers": loggers(),
        "next": str(trigger.get_next_trigger_time(None, None, now)),
        "refusal": refusal,
        "modules": jobs.modules(),
    }
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()

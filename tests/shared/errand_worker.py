"""A process with a scheduler: ``errand_worker.py NAME OPTIONS`` (JSON), until its standard input ends or says stop.

A line "fsize N" there lets it write no file beyond N bytes, as on a full disk; "fsize -1" lets it again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading

import errands

from asyncz.events import TASK_ERROR, TASK_EXECUTED, TASK_MAX_INSTANCES, TASK_MISSED
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler

TOLD = {TASK_EXECUTED: "executed", TASK_ERROR: "error", TASK_MISSED: "missed"}


def listen(event) -> None:
    errands.write(what=TOLD[event.code], task=event.task_id, due=event.scheduled_run_time.timestamp())


def obey(loop, stopping: asyncio.Event) -> None:
    for line in sys.stdin:
        if line.startswith("fsize"):
            import resource

            most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            size = int(line.split()[1])
            resource.setrlimit(resource.RLIMIT_FSIZE, (size if size >= 0 else most, most))
            continue
        break
    loop.call_soon_threadsafe(stopping.set)


async def main(name: str, options) -> None:
    stopping = asyncio.Event()
    threading.Thread(target=obey, args=(asyncio.get_running_loop(), stopping), daemon=True).start()
    kind = AsyncIOScheduler if options.pop("plain", True) else NativeAsyncIOScheduler
    listens = options.pop("listens", False)
    scheduler = kind(identity=name, timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging", **options)
    if listens:
        scheduler.add_listener(listen, TASK_EXECUTED | TASK_ERROR | TASK_MISSED)
        scheduler.add_listener(lambda event: None, TASK_MAX_INSTANCES)
    async with scheduler:
        print("ready", flush=True)
        await stopping.wait()


if __name__ == "__main__":
    logging.basicConfig(filename=f"{sys.argv[1]}.log", level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))

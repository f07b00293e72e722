"""What the program has to do, named by text: ``"app.jobs:on_loop"``."""

from __future__ import annotations

import asyncio
import os
import sys
import threading


async def on_loop() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


def in_thread() -> str:
    return threading.current_thread().name


def in_process(parent: int) -> list[str]:
    """Return what a child process has imported of asyncz, under whatever name."""
    assert os.getpid() != parent
    return modules()


def modules() -> list[str]:
    return sorted(name for name in sys.modules if {"asyncz", "timers"} & set(name.split(".")))

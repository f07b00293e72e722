"""The first of two scripts of a frozen program: with PROBE set it says what can be reached, and the second never runs.

It imports nothing of asyncz by a statement, so that it adds nothing to what the other script needs.
"""

import os
import sys

PACKAGE = "asyncz"
POOL = {"default": {"type": "processpool", "max_workers": "1", "pool_kwargs": {"mp_context": "spawn"}}}


def load(name):
    __import__(name)
    return sys.modules[name]


def aliases():
    defaults, resolve = load(f"{PACKAGE}.schedulers.defaults"), load(f"{PACKAGE}._lazy").resolve
    for kind in ("executors", "stores", "triggers"):
        for alias, reference in getattr(defaults, kind).items():
            print(kind, alias, resolve(reference).__name__)


def exports():
    for part in ("executors", "schedulers", "serializers", "stores", "tasks", "triggers"):
        package = load(f"{PACKAGE}.{part}")
        for name in package.__all__:
            print(part, "exports", getattr(package, name).__name__)


def child_process():
    scheduler = load(PACKAGE).Asyncz(executors=POOL, timezone="UTC")

    def ended(event):
        print("child" if event.return_value not in (None, os.getpid()) else event.exception)
        scheduler.stop()

    scheduler.add_listener(ended, 4096 | 8192)
    scheduler.add_task("os:getpid")
    scheduler.run()


if os.environ.get("PROBE"):
    load("multiprocessing").freeze_support()  # here a child process goes its own way
    aliases()
    exports()
    child_process()
    print("frozen", sys.frozen, os.path.dirname(load(PACKAGE).__file__) == os.path.join(sys._MEIPASS, PACKAGE))
    raise SystemExit

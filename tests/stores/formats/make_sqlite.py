"""Writes ``sqlite-1.db``: a file of the format of this release, which later ones have to open.

Run once for each format, and kept as it is from then on: ``python tests/stores/formats/make_sqlite.py``.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[2]))

from asyncz.enums import RunState  # noqa: E402
from asyncz.stores.sqlite import SQLiteStore  # noqa: E402
from asyncz.stores.sqlite.texts import FORMAT  # noqa: E402
from asyncz.tasks.base import Task  # noqa: E402
from asyncz.tasks.planning import Firing  # noqa: E402
from asyncz.tasks.runs import Outcome, Run  # noqa: E402
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger  # noqa: E402

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=UTC)
LATER = NOON + datetime.timedelta(minutes=1)
SECRET = "kept with the file"


def add(store: SQLiteStore, id: str, trigger: object, due: datetime.datetime | None, **options: object) -> None:
    task = Task("os:getpid", id=id, trigger=trigger, **options)
    task.timezone, task.next_run_time = UTC, due
    assert store.insert(task)


def fire(store: SQLiteStore, id: str, following: datetime.datetime | None) -> Run:
    row = store.read(id)
    firing = Firing([NOON], following and (following, following))
    firing.row, firing.revision = row, row.revision
    firing.run = Run(f"run of {id}", id, "getpid", "default", "default", [NOON], "first#1", NOON, "scheduled")
    assert store.claim([firing], "first#1") == [firing]
    return firing.run


def main() -> None:
    path = FOLDER / f"sqlite-{FORMAT}.db"
    path.unlink(missing_ok=True)
    store = SQLiteStore(path, secret=SECRET)
    store.start(None, "default")
    add(store, "interval", IntervalTrigger(minutes=1, start_at=NOON, timezone=UTC), NOON)
    add(store, "cron", CronTrigger(hour=3, timezone=UTC), LATER, executor="other", max_instances=3, name="Ünï")
    add(store, "paused", DateTrigger(run_at=NOON, timezone=UTC), None, coalesce=False, mistrigger_grace_time=2.5)
    add(store, "running", IntervalTrigger(minutes=1, start_at=NOON, timezone=UTC), NOON)
    add(store, "hidden", DateTrigger(run_at=NOON, timezone=UTC), NOON)
    add(store, "gone", DateTrigger(run_at=NOON, timezone=UTC), NOON)
    fire(store, "running", LATER)
    fire(store, "hidden", None)
    for id, following, state in (("interval", LATER, RunState.EXECUTED), ("gone", None, RunState.MISSED)):
        run = fire(store, id, following)
        run.end([Outcome(state, NOON)], LATER)
        store.finish([run])
    store.write_owner("first#1", '{"beat":1}')
    store.shutdown()


if __name__ == "__main__":
    main()

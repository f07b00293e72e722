"""Writes ``redis-1.json``: the keys of a store in the format of this release, which later ones have to open.

Run once for each format, and kept as it is from then on: ``python tests/stores/formats/make_redis.py redis://...``,
with an empty database. Bytes are written as the characters of Latin-1.
"""

from __future__ import annotations

import json
import sys

import redis
from make_sqlite import FOLDER, LATER, NOON, SECRET, UTC, add, fire

from asyncz.enums import RunState
from asyncz.stores.redis import RedisStore
from asyncz.stores.redis.format import FORMAT
from asyncz.tasks.runs import Outcome
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger

READ = {
    b"string": lambda client, key: client.get(key),
    b"hash": lambda client, key: client.hgetall(key),
    b"set": lambda client, key: sorted(client.smembers(key)),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"zset": lambda client, key: [[member, int(score)] for member, score in client.zrange(key, 0, -1, withscores=True)],
}


def fill(store: RedisStore) -> None:
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


def plain(value: object) -> object:
    """Return a value with text in the place of bytes."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {plain(name): plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def main(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        assert client.dbsize() == 0, "This database is in use."
        store = RedisStore(client=client, secret=SECRET)
        store.start(None, "default")
        fill(store)
        kinds = {key: client.type(key) for key in sorted(client.keys())}
        content = {key.decode(): [kind.decode(), plain(READ[kind](client, key))] for key, kind in kinds.items()}
        client.flushdb()
    (FOLDER / f"redis-{FORMAT}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])

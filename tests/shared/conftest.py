from __future__ import annotations

import pytest
from fleet import KINDS, Fleet

from asyncz._ids import random_id


@pytest.fixture
def store_of(request, tmp_path):
    """Return a function of a kind of store that returns its configuration, over data of the test's own."""
    databases = []

    def options(kind: str):
        name = f"asyncz_test_{random_id()}"
        if kind == "sqlite":
            return {"type": "sqlite", "path": str(tmp_path / "tasks.sqlite3"), "history_length": 1000}
        url = request.getfixturevalue(f"{kind}_url")
        databases.append((kind, url, name))
        if kind == "redis":
            keys = {"tasks_key": f"{name}.tasks", "run_times_key": f"{name}.times"}
            return {"type": "redis", "url": url, "history_length": 1000, **keys}
        return {"type": "mongodb", "url": url, "database": name, "history_length": 1000}

    yield options
    for kind, url, name in databases:
        _drop(kind, url, name)


def _drop(kind: str, url: str, name: str) -> None:
    if kind == "redis":
        import redis

        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{name}*", count=1000):
                client.delete(key)
    else:
        import pymongo

        with pymongo.MongoClient(url) as client:
            client.drop_database(name)


@pytest.fixture(params=KINDS)
def store(request, store_of):
    """The configuration of a store of each kind."""
    return store_of(request.param)


@pytest.fixture
def make_fleet(tmp_path, monkeypatch):
    """Return a function of a store's configuration that returns a :class:`Fleet` over it."""
    monkeypatch.setenv("ASYNCZ_TEST_RECORD", str(tmp_path / "record"))
    fleets = []

    def make(store) -> Fleet:
        fleets.append(Fleet(tmp_path, store))
        return fleets[-1]

    yield make
    for made in fleets:
        made.clean_up()


@pytest.fixture
def fleet(make_fleet, store) -> Fleet:
    return make_fleet(store)

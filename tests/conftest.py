from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from servers import MongoServer, RedisServer

ROOT = Path(__file__).resolve().parent.parent

# No deadline: a busy machine is no failure. Derandomised on CI: a red run can be run again.
settings.register_profile("default", deadline=None, max_examples=60)
settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

# Runs before the code of a test: the package is found where the test says, and what is blocked is not found.
_PROLOGUE = """
import sys

class _Blocked:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("No module named " + repr(name) + " (blocked by the test)", name=name)

for _name in [name for name in sys.modules if name.partition(".")[0] in {blocked!r}]:
    del sys.modules[_name]
sys.meta_path.insert(0, _Blocked)
sys.path.insert(0, {path!r})
_before = frozenset(sys.modules)

def new_modules():
    return sorted(set(sys.modules) - _before)
"""


@pytest.fixture
def run_python():
    """Run code in a fresh interpreter without site-packages, and return what it printed.

    ``path`` is where packages are, besides the standard library; a module named in ``blocked`` is absent.
    ``new_modules()`` in the code lists what has been imported since its start. Warnings are errors.
    """

    def run(code: str, *, path: Path | str = ROOT, blocked: frozenset[str] = frozenset()) -> str:
        prologue = _PROLOGUE.format(blocked=set(blocked) or frozenset(), path=str(path))
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", prologue + textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    return run


# -- MongoDB ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory):
    """The address of a server with MongoDB's protocol: that of ASYNCZ_TEST_MONGODB_URL, else one started here."""
    given = os.environ.get("ASYNCZ_TEST_MONGODB_URL")
    if given:
        yield given
        return
    server = _started_mongodb(tmp_path_factory.mktemp("mongodb"))
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def mongodb_server(tmp_path):
    """A server of the test's own, that it may stop and start."""
    server = _started_mongodb(tmp_path)
    try:
        yield server
    finally:
        server.stop()


def _started_mongodb(folder: Path) -> MongoServer:
    try:
        return MongoServer(folder).start()
    except RuntimeError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOTHING WAS TESTED AGAINST MONGODB. {exc}")


# -- Redis ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """The address of a Redis server: that of ASYNCZ_TEST_REDIS_URL, else one started here."""
    given = os.environ.get("ASYNCZ_TEST_REDIS_URL")
    if given:
        yield given
        return
    server = _started_redis(RedisServer(tmp_path_factory.mktemp("redis")))
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def redis_server(tmp_path):
    """A Redis server of the test's own, that it may stop and start; it forgets nothing that it has confirmed."""
    server = _started_redis(RedisServer(tmp_path, durable=True))
    try:
        yield server
    finally:
        server.stop()


def _started_redis(server: RedisServer) -> RedisServer:
    try:
        return server.start()
    except RuntimeError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOTHING WAS TESTED AGAINST REDIS. {exc}")

"""``asyncz run``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import asyncz
from asyncz.cli import main
from asyncz.cli.loading import LoadError, load_scheduler
from asyncz.schedulers import AsyncIOScheduler

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60

ONE = "from asyncz.schedulers import AsyncIOScheduler\nscheduler = AsyncIOScheduler(timezone='UTC')\n"
TWO = ONE + "other = AsyncIOScheduler(timezone='UTC')\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory, which modules are imported from; what is imported is forgotten afterwards."""
    modules = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# -- where the scheduler is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("jobs:scheduler", "scheduler"),
        ("jobs:other", "other"),
        ("pkg.jobs:other", "other"),
        ("jobs:Holder.inner", "other"),
        ("jobs.py", "scheduler"),
        ("./jobs.py", "scheduler"),
        ("jobs.py:other", "other"),
        ("pkg/jobs.py:other", "other"),
        ("my-jobs.py", "scheduler"),
    ],
)
def test_a_scheduler_is_found_by_module_and_name_by_file_and_by_file_and_name(here, target, name):
    text = TWO + "class Holder:\n    inner = other\n"
    for file in ("jobs.py", "pkg/__init__.py", "pkg/jobs.py", "my-jobs.py"):
        write(here, file, text)
    found = load_scheduler(target)
    module = next(module for module in map(sys.modules.get, ("jobs", "pkg.jobs", "my-jobs")) if module)
    assert isinstance(found, AsyncIOScheduler)
    assert found is getattr(module, name)


def test_an_absolute_file_is_found_from_anywhere_and_imports_its_neighbours(here, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    write(folder, "neighbour.py", "NAME = 'me'\n")
    path = write(folder, "jobs.py", "from neighbour import NAME\n" + ONE.replace("timezone='UTC'", "identity=NAME"))
    assert load_scheduler(str(path)).identity == "me"
    assert load_scheduler(f"{path}:scheduler").identity == "me"


def test_the_only_scheduler_of_a_file_needs_no_particular_name(here):
    write(here, "jobs.py", ONE.replace("scheduler =", "clockwork = timer ="))
    assert isinstance(load_scheduler("jobs.py"), AsyncIOScheduler)


def test_a_file_may_be_named_like_a_module_that_is_in_use(here):
    import json

    write(here, "json.py", ONE)
    assert isinstance(load_scheduler("json.py"), AsyncIOScheduler)
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("nowhere.py", "no such file: 'nowhere.py'"),
        ("nowhere:scheduler", "no such module: 'nowhere'"),
        ("pkg.nowhere:scheduler", "no such module: 'pkg.nowhere'"),
        ("two:nothing", "'two' has no 'nothing'"),
        ("two:scheduler.nothing", "'two' has no 'scheduler.nothing'"),
        ("two:AsyncIOScheduler", "expected a scheduler at 'two:AsyncIOScheduler', got the class AsyncIOScheduler"),
        ("two:name", "got str"),
        ("two", "expected module:scheduler or a file, got 'two'"),
        ("two:", "expected module:scheduler or a file, got 'two:'"),
        ("none.py", "found none"),
        ("many.py", "found first, second (say which, as many.py:NAME)"),
    ],
)
def test_what_is_not_there_is_said_with_what_was_expected(here, target, expected, capsys):
    write(here, "pkg/__init__.py", "")
    write(here, "two.py", TWO + "name = 'two'\n")
    write(here, "none.py", "")
    write(here, "many.py", TWO.replace("scheduler =", "first =").replace("other =", "second ="))
    with pytest.raises(LoadError) as caught:
        load_scheduler(target)
    assert expected in str(caught.value)
    assert main(["run", target]) == 2
    assert expected in capsys.readouterr().err


def test_what_a_module_raises_is_not_hidden(here):
    write(here, "broken.py", "import not_installed_anywhere\n")
    for target in ("broken:scheduler", "broken.py"):
        with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
            load_scheduler(target)


# -- running it ------------------------------------------------------------------------------------------------------


def test_it_runs_the_scheduler_until_that_is_stopped_and_exits_with_0(here):
    write(here, "jobs.py", ONE + "ran = []\nscheduler.add_task(lambda: ran.append(scheduler.stop()))\n")
    assert main(["run", "jobs.py"]) == 0
    assert sys.modules["jobs"].ran == [None]


@pytest.mark.parametrize(("arguments", "timeout"), [([], 30.0), (["--timeout", "0"], 0.0), (["--timeout", "2.5"], 2.5)])
def test_runs_are_waited_for_up_to_a_limit(here, arguments, timeout):
    write(here, "jobs.py", ONE + "asked = []\nscheduler.run = lambda timeout: asked.append(timeout)\n")
    assert main(["run", *arguments, "jobs:scheduler"]) == 0
    assert sys.modules["jobs"].asked == [timeout]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--timeout", "-1", "jobs.py"], "'-1'"),
        (["run", "--timeout", "nan", "jobs.py"], "'nan'"),
        (["run", "--timeout", "soon", "jobs.py"], "'soon'"),
        (["run", "--log-level", "loud", "jobs.py"], "'loud'"),
        (["run"], "target"),
        ([], "COMMAND"),
        (["walk", "jobs.py"], "'walk'"),
    ],
)
def test_wrong_usage_is_refused_with_2(arguments, expected, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert expected in capsys.readouterr().err


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"asyncz {asyncz.__version__}\n"


JOBS = """
import threading
from asyncz.schedulers import {kind}
scheduler = {kind}(timezone="UTC", loggers_class="asyncz.schedulers.base:ClassicLogging")

def work():
    print("begun", flush=True)
    gate.wait({seconds})
    print("ended", flush=True)

def last():
    print("last", flush=True)

scheduler.add_task(work)
scheduler.add_task(last, "shutdown")
gate = threading.Event()
"""
BASE = JOBS.replace("asyncz.schedulers import", "asyncz.schedulers.base import").replace("{kind}", "BaseScheduler")


def started(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "asyncz", "run", *arguments],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.process
@pytest.mark.realtime
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["BaseScheduler", "AsyncIOScheduler", "NativeAsyncIOScheduler"])
def test_a_signal_lets_runs_end_and_the_process_exits_with_0(tmp_path, kind, number):
    jobs = BASE if kind == "BaseScheduler" else JOBS
    write(tmp_path, "jobs.py", jobs.format(kind=kind, seconds=0.2))
    with started(tmp_path, "jobs:scheduler") as process:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            out, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, out, errors) == (0, "ended\nlast\n", "")


@pytest.mark.process
@pytest.mark.realtime
def test_runs_that_take_longer_than_the_limit_are_not_waited_for(tmp_path):
    # Threads cannot be ended: a coroutine can.
    text = JOBS.replace("def work", "async def work").replace("gate.wait", "await __import__('asyncio').sleep")
    write(tmp_path, "jobs.py", text.format(kind="AsyncIOScheduler", seconds=3600))
    with started(tmp_path, "--timeout", "0.05", "jobs.py") as process:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "last\n")
    assert "did not end within 0.05 s" in errors


@pytest.mark.process
@pytest.mark.realtime
def test_a_second_signal_ends_the_wait(tmp_path):
    text = JOBS.replace("def work", "async def work").replace("gate.wait", "await __import__('asyncio').sleep")
    write(tmp_path, "jobs.py", text.format(kind="AsyncIOScheduler", seconds=3600))
    with started(tmp_path, "jobs.py") as process:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            # Sent again until it has ended: nothing outside says when the first one was handled.
            while process.poll() is None:
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGINT)
            out, _errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    # On a slow machine a third one may have come before the end: that is left to Python, which ends by the signal.
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert "ended" not in out


@pytest.mark.process
def test_a_scheduler_that_cannot_be_found_is_said_in_one_line(tmp_path):
    with started(tmp_path, "jobs.py") as process:
        out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert errors == "asyncz run: no such file: 'jobs.py'\n"

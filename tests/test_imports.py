"""What an import costs, what it may do without, and under which names and from where the package works."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "asyncz"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
)
#: What a Python may lack, and what may not be installed.
OPTIONAL = frozenset(
    [
        *(
            "_ctypes",
            "_multiprocessing",
            "_sqlite3",
            "_ssl",
            "ctypes",
            "fcntl",
            "multiprocessing",
            "sqlite3",
            "ssl",
        ),
        *("bson", "loguru", "pymongo", "redis", "tzdata", "tzlocal"),
    ]
)

# One task in a running loop; {package} is the name under which the package is imported.
RUN_A_TASK = """
import asyncio
import threading
import zoneinfo

zoneinfo.reset_tzpath(to=[])  # a machine without time zone data

from {package}.schedulers.asyncio import AsyncIOScheduler

async def main():
    ran = asyncio.Event()

    async def job():
        ran.set()

    async with AsyncIOScheduler(timezone="UTC") as scheduler:
        scheduler.add_task(job, "date")
        await asyncio.wait_for(ran.wait(), 20)
    print("ran; threads:", threading.active_count())

asyncio.run(main())
"""

# Names that the documentation gives to the published package, in a configuration read from a file, say.
CONFIGURED_BY_TEXT = """
from {package}.executors.pool import ThreadPoolExecutor
from {package}.schedulers.base import ClassicLogging
from {package}.stores.memory import MemoryStore
from {package}.schedulers.asyncio import AsyncIOScheduler

scheduler = AsyncIOScheduler(
    {{
        "asyncz.stores.default": {{"class": "asyncz.stores.memory:MemoryStore"}},
        "asyncz.executors.default": {{"class": "asyncz.executors.pool:ThreadPoolExecutor"}},
        "asyncz.executors.other": {{"type": "debug"}},
        "asyncz.loggers_class": "asyncz.schedulers.base:ClassicLogging",
    }}
)
assert type(scheduler.stores["default"]) is MemoryStore, scheduler.stores
assert type(scheduler.executors["default"]) is ThreadPoolExecutor, scheduler.executors
assert type(scheduler.executors["other"]).__module__ == "{package}.executors.debug", scheduler.executors
assert type(scheduler.loggers) is ClassicLogging, scheduler.loggers
trigger = scheduler.create_trigger("cron", {{"hour": 3}})
assert type(trigger).__module__.startswith("{package}.triggers.cron"), trigger
"""

IMPORT_ALL = """
for name in {modules!r}:
    __import__(("{package}." + name).rstrip("."))
print("all")
"""


@pytest.fixture
def vendored(tmp_path):
    """The package under another name, deep inside an application; no other copy can be found."""
    target = tmp_path / "app" / "_vendor" / "timers"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (tmp_path / "app", tmp_path / "app" / "_vendor"):
        (folder / "__init__.py").touch()
    return tmp_path


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("zipped") / "lib.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for source in PACKAGE.rglob("*.py"):
            archive.write(source, source.relative_to(ROOT))
    return path


def test_importing_the_package_imports_nothing_else(run_python):
    printed = run_python("import asyncz; print(*new_modules())")
    assert set(printed.split()) - {"__future__"} == {"asyncz"}


def test_the_lazy_packages_stay_clear_of_what_is_expensive(run_python):
    printed = run_python(
        """
        import asyncz.events, asyncz.executors, asyncz.schedulers
        import asyncz.stores, asyncz.tasks, asyncz.triggers
        print(*new_modules())
        """
    )
    expensive = {
        "asyncio",
        "concurrent",
        "dataclasses",
        "inspect",
        "logging",
        "multiprocessing",
        "sqlite3",
        "zoneinfo",
    }
    assert {name.partition(".")[0] for name in printed.split()} & expensive == set()


def test_the_asyncio_face_does_without_dataclasses_and_optional_modules(run_python):
    printed = run_python(
        """
        import asyncio  # which imports some of them itself where they are
        before = set(sys.modules)
        import asyncz.schedulers.asyncio
        print(*set(sys.modules) - before)
        """
    )
    loaded = {name.partition(".")[0] for name in printed.split()}
    assert "asyncz" in loaded
    assert loaded & (OPTIONAL | {"dataclasses"}) == set()


@pytest.mark.realtime
def test_a_task_runs_without_any_optional_module_and_starts_no_thread(run_python):
    printed = run_python(RUN_A_TASK.format(package="asyncz"), blocked=OPTIONAL)
    assert printed == "ran; threads: 1"


def test_every_module_can_be_imported_without_any_optional_module(run_python):
    needs_one = {"stores.sqlite", "stores.redis", "stores.mongo", "executors.process_pool"}
    modules = [name for name in MODULES if name not in needs_one]
    code = IMPORT_ALL.format(package="asyncz", modules=modules)
    assert run_python(code, blocked=OPTIONAL) == "all"


def test_every_module_of_a_vendored_copy_can_be_imported(run_python, vendored):
    code = IMPORT_ALL.format(package="app._vendor.timers", modules=MODULES)
    assert run_python(code, path=vendored, blocked=frozenset(["asyncz"])) == "all"


@pytest.mark.realtime
def test_a_vendored_copy_runs_a_task(run_python, vendored):
    code = RUN_A_TASK.format(package="app._vendor.timers")
    assert run_python(code, path=vendored, blocked=frozenset(["asyncz"])) == "ran; threads: 1"


def test_documented_texts_name_the_vendored_copy(run_python, vendored):
    code = CONFIGURED_BY_TEXT.format(package="app._vendor.timers")
    run_python(code, path=vendored, blocked=frozenset(["asyncz"]))


def test_documented_texts_name_the_vendored_copy_beside_an_installed_one(run_python, vendored):
    shutil.copytree(PACKAGE, vendored / "asyncz", ignore=shutil.ignore_patterns("__pycache__"))
    code = CONFIGURED_BY_TEXT.format(package="app._vendor.timers") + (
        "\nassert not [name for name in new_modules() if name.partition('.')[0] == 'asyncz']\n"
    )
    run_python(code, path=vendored)


def test_every_module_can_be_imported_from_a_zip_file(run_python, zipped):
    code = IMPORT_ALL.format(package="asyncz", modules=MODULES) + "print(sys.modules['asyncz'].__file__)"
    everything, where = run_python(code, path=zipped).splitlines()
    assert everything == "all"
    assert where.startswith(str(zipped))


@pytest.mark.realtime
def test_a_task_runs_from_a_zip_file(run_python, zipped):
    assert run_python(RUN_A_TASK.format(package="asyncz"), path=zipped) == "ran; threads: 1"


def test_documented_texts_work_from_a_zip_file(run_python, zipped):
    run_python(CONFIGURED_BY_TEXT.format(package="asyncz"), path=zipped)


def test_the_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").is_file()

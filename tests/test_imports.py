"""What an import costs. What the package may do without, and from where it works, is in ``restricted/``."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.process

#: What a Python may lack, and what may not be installed.
OPTIONAL = {"bson", "ctypes", "fcntl", "loguru", "multiprocessing", "pymongo", "redis", "sqlite3", "ssl", "tzlocal"}


def test_importing_the_package_imports_nothing_else(run_python):
    printed = run_python("import asyncz; print(*new_modules())")
    assert set(printed.split()) - {"__future__"} == {"asyncz"}


def test_the_lazy_packages_stay_clear_of_what_is_expensive(run_python):
    printed = run_python(
        """
        import asyncz.events, asyncz.executors, asyncz.schedulers
        import asyncz.serializers, asyncz.stores, asyncz.tasks, asyncz.triggers
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

"""A program that uses asyncz can be frozen: made into one file that holds Python and all that it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from architecture import Package
from restricted.places import PACKAGE, PATIENCE, ROOT, require

import asyncz.executors
import asyncz.schedulers
import asyncz.serializers
import asyncz.stores
import asyncz.tasks
import asyncz.triggers
from asyncz.schedulers import defaults

LAZY = [asyncz.executors, asyncz.schedulers, asyncz.serializers, asyncz.stores, asyncz.tasks, asyncz.triggers]
TABLES = {"executors": defaults.executors, "stores": defaults.stores, "triggers": defaults.triggers}
PROBE = Path(__file__).resolve().parent / "probe.py"
#: What a build may take on a busy machine, in seconds.
BUILDING = 400


def followed(package: Package, *start: str) -> set[str]:
    """Return the modules that import statements lead to, as programs follow them that freeze others.

    They may pass over imports for annotations, and know nothing of names in texts.
    """
    seen, todo = set(), list(start)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        targets = [item.target for item in package.modules[name].imports if not item.typing_only]
        todo.extend(target for target in targets if target is not None)
        todo.append(name.rpartition(".")[0])  # a module is imported after its package
    return seen


@pytest.mark.parametrize("start", ["", "events", "schedulers", "triggers"])
def test_import_statements_lead_to_whatever_is_named_by_texts(start):
    reached = followed(Package(PACKAGE), start)
    named = {reference.partition(":")[0] for table in TABLES.values() for reference in table.values()}
    exported = {getattr(package, name).__module__ for package in LAZY for name in package.__all__}
    wanted = {name.removeprefix("asyncz.") for name in named | exported}
    assert len(wanted) > 15
    assert wanted - reached == set()


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """The quickstart as one file, with a second script before it that can look around."""
    require("PyInstaller")
    folder = tmp_path_factory.mktemp("frozen")
    # Loguru would write to standard error; what is not needed is left out.
    left_out = [f"--exclude-module={name}" for name in ("loguru", "pytest", "setuptools")]
    places = [f"--{name}path={folder / name}" for name in ("work", "dist", "spec")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "PyInstaller", "--onefile", "--name=program", "--log-level=WARN"),
            *(*places, *left_out, f"--paths={PACKAGE.parent}"),
            *(str(PROBE), str(ROOT / "examples" / "quickstart.py")),
        ],
        cwd=folder,
        env={**os.environ, "PYINSTALLER_CONFIG_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=BUILDING,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist" / "program"


def environment(**added: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TZ", "ASYNCZ"))}
    return {**kept, **added}


@pytest.mark.process
@pytest.mark.slow
def test_the_quickstart_runs_as_one_file(program, quickstart, tmp_path):
    quickstart([str(program)], tmp_path, environment())


@pytest.mark.process
@pytest.mark.slow
def test_what_is_named_by_texts_is_in_that_file_and_works_in_child_processes(program, tmp_path):
    done = subprocess.run(
        [str(program)], cwd=tmp_path, env=environment(PROBE="1"), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    *found, child, place = done.stdout.splitlines()
    aliases = {
        f"{kind} {alias} {reference.partition(':')[2]}"
        for kind, table in TABLES.items()
        for alias, reference in table.items()
    }
    exports = {f"{package.__name__.rpartition('.')[2]} exports {name}" for package in LAZY for name in package.__all__}
    assert set(found) == aliases | exports
    assert child == "child"
    assert place == "frozen True True"

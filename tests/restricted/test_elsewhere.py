"""asyncz works under another name, and out of an archive, with nothing installed."""

from __future__ import annotations

import doctest
import json
import re
import zipfile
from pathlib import Path

import pytest
from restricted.places import PACKAGE, ROOT, build_wheel, renamed

import asyncz
from asyncz.schedulers import defaults

pytestmark = pytest.mark.process

DOCUMENTS = [path for path in sorted((ROOT / "docs").glob("*.rst")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def facts(place):
    done = place.run("-m", "app.tour")
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_it_is_the_copy_that_is_in_that_place(place, facts):
    assert facts["file"].startswith(str(place.archive or place.folder))
    assert facts["refusal"] == f"{place.name}.exceptions"


def test_every_public_name_is_there(facts):
    assert facts["names"] > 300


def test_aliases_and_documented_texts_name_that_copy(place, facts):
    tables = {"triggers": defaults.triggers, "executors": defaults.executors, "stores": defaults.stores}
    expected = {
        f"{kind} {alias}": place.name + reference.removeprefix("asyncz").partition(":")[0]
        for kind, table in tables.items()
        for alias, reference in table.items()
    }
    assert facts["aliases"].keys() == expected.keys()
    for alias, module in facts["aliases"].items():
        assert module.startswith(expected[alias]), alias


def test_tasks_named_by_text_run_on_the_loop_in_threads_and_in_processes(facts):
    assert facts["ran"]["loop"] == "MainThread"
    assert facts["ran"]["threads"].startswith("asyncz-threads")
    assert isinstance(facts["ran"]["processes"], list)


def test_a_child_process_and_the_program_import_that_copy_and_no_other(place, facts):
    for modules in (facts["modules"], facts["ran"]["processes"]):
        assert f"{place.name}.executors.parcels" in modules
        assert {name for name in modules if name != place.name and not name.startswith(place.name + ".")} == set()


def test_zones_are_found(facts):
    assert facts["next"] == "2026-07-01 02:30:00+01:00"


def test_log_lines_have_the_documented_names(facts):
    assert facts["loggers"] == ["asyncz.schedulers.tour", "asyncz.executors.threads"]


def test_the_command_says_its_version(place):
    assert place.run("-m", place.name, "--version").stdout == f"asyncz {asyncz.__version__}\n"


def test_the_quickstart_is_run_by_the_command(place, quickstart):
    quickstart([*place.python, "-m", place.name, "run", "quickstart.py"], place.folder, place.environment)


def test_a_wheel_holds_the_package_and_no_more(tmp_path):
    with zipfile.ZipFile(build_wheel(tmp_path)) as opened:
        names = {Path(name) for name in opened.namelist()}
    sources = {path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py")} | {Path("asyncz/py.typed")}
    assert {path for path in names if path.parts[0] == "asyncz"} == sources
    assert {path.parts[0] for path in names} == {"asyncz", f"asyncz-{asyncz.__version__}.dist-info"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_examples_of_the_documentation_hold_for_a_vendored_copy(path, vendored):
    examples = [
        [renamed(found.source, vendored.name), found.want, in_copy(found.exc_msg, vendored.name), found.lineno]
        for found in doctest.DocTestParser().get_examples(path.read_text(encoding="utf-8"))
    ]
    assert any("import" in source and vendored.name in source for source, *_ in examples)
    done = vendored.run("-m", "app.examples", given=json.dumps(examples))
    assert done.stdout == f"{len(examples)} examples\n"


def in_copy(message, name):
    """Exceptions are expected under the name that their module has."""
    return message and re.sub(r"^asyncz\b", name, message)

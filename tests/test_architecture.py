"""How the package is cut: who may import whom, who may touch what, and how large things may get."""

from __future__ import annotations

import ast
from pathlib import Path

import architecture as rules
import pytest

RULES = (
    rules.imports_go_down,
    rules.parts_keep_to_themselves,
    rules.imports_are_relative,
    rules.no_import_cycles,
    rules.only_the_standard_library,
    rules.arithmetic_has_no_effects,
    rules.optional_modules_have_one_importer,
    rules.threads_have_named_homes,
    rules.dynamic_imports_have_named_homes,
    rules.the_environment_has_named_readers,
    rules.only_the_clock_reads_time,
    rules.functions_are_short,
    rules.functions_are_simple,
    rules.files_are_short,
)


@pytest.fixture(scope="module")
def package():
    found = rules.Package(Path(__file__).resolve().parent.parent / "asyncz")
    assert "clock" in found.modules, "the package was not found"
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule, package):
    broken = list(rule(package))
    assert not broken, f"{rule.__name__}:\n" + "\n".join(broken)


# From here on: the rules find what they are for, and leave alone what is allowed.

TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
LAZY = "__all__, __getattr__, __dir__ = lazy_exports(__name__, {'A': '.a'})\n"
CROWDED = "def crowded(a):\n" + "    a += 1\n" * rules.MAX_FUNCTION_LINES
TANGLED = "def tangled(a):\n" + "    if a and a: pass\n" * 5

BROKEN = [
    (rules.imports_go_down, {"triggers/base.py": "from ..tasks import Task"}, "'triggers' (layer 2) imports"),
    (
        rules.imports_go_down,
        {"clock.py": "def f():\n    from . import engine", "engine.py": ""},
        "clock.py:2:",
    ),
    (
        rules.imports_go_down,
        {"stores/base.py": TYPING + "from ..executors.base import X"},
        "base.py:3: 'stores' (layer 5) imports 'executors.base.X' (layer 5)",
    ),
    (rules.imports_go_down, {"misc.py": ""}, "'misc' has no place"),
    (rules.imports_go_down, {"refs.py": "from .misc import f"}, "'refs' (layer 1) imports 'misc.f'"),
    (rules.parts_keep_to_themselves, {"triggers/date.py": "from ..clock import Clock"}, "nothing of 'clock'"),
    (
        rules.parts_keep_to_themselves,
        {"stores/base.py": "from ..tasks import planning", "tasks/planning.py": ""},
        "'stores' may know nothing of 'tasks.planning'",
    ),
    (rules.imports_are_relative, {"a.py": "import asyncz.b"}, "import 'asyncz.b' by a relative import"),
    (rules.imports_are_relative, {"a.py": "from asyncz import b"}, "by a relative import"),
    (rules.imports_are_relative, {"a.py": "from ..b import c"}, "leaves the package"),
    (
        rules.no_import_cycles,
        {"engine/a.py": "from .b import B", "engine/b.py": "def f():\n    from . import a"},
        "import cycle: engine.a imports engine.b imports engine.a",
    ),
    (
        rules.no_import_cycles,
        {
            "engine/a.py": "from .b import B",
            "engine/b.py": TYPING + "from .a import A",
        },
        "import cycle",
    ),
    (
        rules.no_import_cycles,
        {
            "engine/__init__.py": TYPING + "from .a import B\n" + LAZY,
            "engine/a.py": "from . import A",
        },
        "import cycle",
    ),
    (
        rules.no_import_cycles,
        {"engine/__init__.py": "from .a import A\n" + LAZY, "engine/a.py": "from . import X"},
        "import cycle",
    ),
    (rules.only_the_standard_library, {"a.py": "def f():\n    import pytz"}, "'pytz' is not in the standard"),
    (
        rules.only_the_standard_library,
        {"a.py": "from redis import Redis"},
        "import 'redis' inside a function",
    ),
    (rules.arithmetic_has_no_effects, {"triggers/a.py": "import logging"}, "may not import 'logging'"),
    (rules.arithmetic_has_no_effects, {"tasks/a.py": "from os import path"}, "may not import 'os'"),
    (rules.arithmetic_has_no_effects, {"engine/a.py": "import asyncio.events"}, "may not import 'asyncio'"),
    (
        rules.optional_modules_have_one_importer,
        {"a.py": "def f():\n    import sqlite3"},
        "only stores.sqlite",
    ),
    (rules.optional_modules_have_one_importer, {"a.py": "import ssl"}, "nothing here imports it"),
    (
        rules.optional_modules_have_one_importer,
        {"a.py": "from concurrent import futures\nx = futures.ProcessPoolExecutor"},
        "a.py:2: a Python may lack 'concurrent.futures.ProcessPoolExecutor'",
    ),
    (rules.threads_have_named_homes, {"events.py": "from threading import Lock"}, "may import 'threading'"),
    (rules.dynamic_imports_have_named_homes, {"a.py": "import importlib"}, "import by name at run time"),
    (rules.dynamic_imports_have_named_homes, {"a.py": "f = __import__"}, "import by name at run time"),
    (
        rules.the_environment_has_named_readers,
        {"a.py": "import os as o\no.environ['A']"},
        "a.py:2: os.environ",
    ),
    (rules.the_environment_has_named_readers, {"a.py": "from os import getenv"}, "os.getenv"),
    (
        rules.only_the_clock_reads_time,
        {"a.py": "from datetime import datetime as d\nd.now()"},
        "datetime.now",
    ),
    (rules.only_the_clock_reads_time, {"a.py": "from datetime import datetime\ndatetime.now()"}, "a.py:2:"),
    (rules.only_the_clock_reads_time, {"a.py": "import datetime\ndatetime.datetime.utcnow"}, "utcnow"),
    (rules.only_the_clock_reads_time, {"a.py": "from time import monotonic"}, "time.monotonic"),
    (rules.only_the_clock_reads_time, {"a.py": "import time\ntime.localtime()"}, "time.localtime"),
    (rules.only_the_clock_reads_time, {"clock.py": ""}, "take it out of CLOCK_READS_ALLOWED"),
    (rules.functions_are_short, {"a.py": CROWDED}, "crowded has 51 lines, at most 50"),
    (rules.functions_are_simple, {"a.py": TANGLED}, "tangled has 11 paths, at most 10"),
    (rules.files_are_short, {"a.py": "\n" * 351}, "351 lines, at most 350"),
]

KEPT = [
    (rules.imports_go_down, {"__init__.py": "from .cli import main", "cli.py": ""}),
    (rules.imports_go_down, {"cli/a.py": "from .. import __version__\nfrom .b import c", "cli/b.py": ""}),
    (rules.parts_keep_to_themselves, {"stores/base.py": "from ..tasks import Task\nfrom ..refs import f"}),
    (
        rules.parts_keep_to_themselves,
        {"stores/base.py": "from ..tasks.planning import Firing", "tasks/planning.py": ""},
    ),
    (
        rules.no_import_cycles,
        {
            "engine/__init__.py": TYPING + "from .a import A\n" + LAZY,
            "engine/a.py": "from . import A",
        },
    ),
    (
        rules.only_the_standard_library,
        {"a.py": "try:\n    import redis\nexcept ImportError:\n    redis = None"},
    ),
    (rules.only_the_standard_library, {"a.py": "def f():\n    from loguru import logger\nimport json"}),
    (
        rules.threads_have_named_homes,
        {"locks.py": "import threading", "executors/pool.py": "import threading"},
    ),
    (rules.dynamic_imports_have_named_homes, {"refs/loading.py": "import importlib"}),
    (
        rules.the_environment_has_named_readers,
        {"utils.py": "import os\nos.environ", "a.py": "import os\nos.getpid"},
    ),
    (
        rules.optional_modules_have_one_importer,
        {"file_locking.py": "import fcntl", "a.py": "import concurrent.futures"},
    ),
    (rules.only_the_clock_reads_time, {"a.py": "import time\ntime.localtime(0)\nnow.now()"}),
    (rules.functions_are_short, {"a.py": CROWDED.replace("    a += 1\n", '    """One.\n\n    Two."""\n', 1)}),
    (rules.functions_are_simple, {"a.py": TANGLED.replace("if a and a", "if a", 1)}),
]


def tree(folder, files):
    for name, text in files.items():
        path = folder / "asyncz" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return rules.Package(folder / "asyncz")


@pytest.mark.parametrize(("rule", "files", "message"), BROKEN)
def test_a_rule_finds_what_breaks_it(rule, files, message, tmp_path):
    assert any(message in line for line in rule(tree(tmp_path, files))), list(rule(tree(tmp_path, files)))


@pytest.mark.parametrize(("rule", "files"), KEPT)
def test_a_rule_leaves_alone_what_it_allows(rule, files, tmp_path):
    assert list(rule(tree(tmp_path, files))) == []


def test_every_rule_has_been_seen_to_fail():
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_branches_of_a_nested_function_count_for_it_alone():
    source = "def f(a):\n    def g(b):\n        return [c for c in b if c or a]\n    return g if a else None"
    outer = ast.parse(source).body[0]
    assert (rules.complexity(outer), rules.complexity(outer.body[0])) == (2, 3)

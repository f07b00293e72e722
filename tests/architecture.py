"""The rules that ``test_architecture.py`` applies: each takes a package and says what breaks it.

Every import counts, those for annotations only and those inside functions too: what a module names, it knows.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: Imports go from a higher number to a lower one, or stay under the same top-level name.
LAYERS = {
    "_ids": 0, "_lazy": 0, "enums": 0, "exceptions": 0, "file_locking": 0, "protocols": 0, "typing": 0,
    "": 1, "clock": 1, "events": 1, "locks": 1, "refs": 1,
    "leading": 1.5, "processes": 1.5, "utils": 1.5,
    "triggers": 2,
    "tasks": 3,
    "serializers": 4,
    "executors": 5, "stores": 5,
    "engine": 6,
    "asgi": 6.5,
    "schedulers": 7,
    "testing": 8,
    "cli": 9,
    "__main__": 10,
}  # fmt: skip

#: What a part may not know although it lies below: part -> modules of the package.
OUT_OF_REACH = {
    "triggers": {"clock"},
    "tasks": {"clock", "locks"},
    "stores": {"clock", "events", "tasks.planning"},
    "cli": {"engine", "stores", "executors"},
}
#: Records, which carry no policy: part -> names that it may know all the same.
RECORDS = {"stores": {"tasks.planning.Firing"}}

_EFFECTS = {"asyncio", "concurrent", "io", "logging", "os", "socket", "subprocess", "threading", "time"}
#: What a part may not import from outside: part -> top-level names.
NO_EFFECTS = {
    "triggers": _EFFECTS,
    "tasks": _EFFECTS,
    "engine": {"asyncio", "concurrent", "multiprocessing", "socket", "subprocess", "threading", "time"},
    "stores": {"asyncio", "concurrent", "subprocess", "time"},
}

#: Used when installed: only inside a function, a ``try``, or for annotations.
WHEN_INSTALLED = {"bson", "loguru", "pymongo", "redis", "tzlocal"}

#: Parts of the standard library that a Python may lack -> the only modules that import them.
OPTIONAL = {
    "ctypes": {"file_locking"},
    "fcntl": {"file_locking"},
    "msvcrt": {"file_locking"},
    "multiprocessing": {"executors.process_pool"},
    "concurrent.futures.process": {"executors.process_pool"},
    "concurrent.futures.ProcessPoolExecutor": {"executors.process_pool"},
    "sqlite3": {"stores.sqlite.file"},
    "ssl": set(),
}

#: Who may have threads and thread locks.
THREADED = {"executors", "locks", "schedulers", "stores", "testing"}
#: Who may look at the environment: the faces, the secrets of stores, and the look-up of the local zone (TZ).
ENVIRONMENT = {"cli", "schedulers", "stores.durable", "utils"}
#: Who may import modules by a name that is only known at run time.
IMPORTERS = {"_lazy", "cli.loading", "refs"}

CLOCK_READS = {
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "time.clock_gettime", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
    "time.process_time", "time.time", "time.time_ns",
}  # fmt: skip
#: These convert the instant they are given, and read the clock when they are given none.
CLOCK_READS_WITHOUT_ARGUMENTS = {"time.ctime", "time.gmtime", "time.localtime"}
#: (module, what it reads) -> why it does not ask a clock.
CLOCK_READS_ALLOWED = {
    ("clock", "datetime.datetime.now"): "the clock itself",
    ("clock", "time.monotonic"): "the clock itself",
}

MAX_FUNCTION_LINES = 50
MAX_COMPLEXITY = 10
MAX_FILE_LINES = 350

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Import:
    """One imported name. ``target`` is a module of the package, or None where ``name`` comes from outside."""

    name: str
    line: int
    target: str | None
    level: int
    in_function: bool
    in_try: bool
    typing_only: bool
    #: The name it gets here, and what that name stands for.
    bound: str
    origin: str

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One file of the package, under its name relative to it ("triggers.cron"; "" is the package itself)."""

    name: str
    path: Path
    is_package: bool
    known: frozenset[str]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree.body))

    @cached_property
    def lazy_names(self) -> set[str]:
        """What the module exports through ``lazy_exports(..., {name: module})``."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        dicts = (arg for call in calls if _dotted(call.func).endswith("lazy_exports") for arg in call.args)
        keys = (key for arg in dicts if isinstance(arg, ast.Dict) for key in arg.keys)
        return {str(key.value) for key in keys if isinstance(key, ast.Constant)}

    def under(self, parts: Iterable[str]) -> bool:
        return any(self.name == part or self.name.startswith(part + ".") for part in parts)

    def says(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"

    def _imports(
        self, body: Iterable[ast.AST], function: bool = False, guarded: bool = False, typing: bool = False
    ) -> Iterator[Import]:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    origin = alias.name if alias.asname else alias.name.partition(".")[0]
                    bound = alias.asname or origin
                    yield Import(alias.name, node.lineno, None, 0, function, guarded, typing, bound, origin)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    name, target = self._resolve(node, alias.name)
                    bound = alias.asname or alias.name
                    yield Import(name, node.lineno, target, node.level, function, guarded, typing, bound, name)
            elif isinstance(node, ast.If) and _dotted(node.test).endswith("TYPE_CHECKING"):
                yield from self._imports(node.body, function, guarded, True)
                yield from self._imports(node.orelse, function, guarded, typing)
            else:
                yield from self._imports(
                    ast.iter_child_nodes(node),
                    function or isinstance(node, (*_FUNCTIONS, ast.Lambda)),
                    guarded or isinstance(node, ast.Try),
                    typing,
                )

    def _resolve(self, node: ast.ImportFrom, imported: str) -> tuple[str, str | None]:
        if not node.level:
            return f"{node.module}.{imported}", None
        here = self.name.split(".") if self.name else []
        up = node.level - self.is_package
        if up > len(here):
            return "." * node.level + f"{node.module or ''}.{imported}", None
        base = ".".join([*here[: len(here) - up], *filter(None, [node.module])])
        inner = f"{base}.{imported}".lstrip(".")
        return inner, inner if inner in self.known else base


class Package:
    """The modules under a folder."""

    def __init__(self, root: Path) -> None:
        paths = {self._name(root, path): path for path in sorted(root.rglob("*.py"))}
        self.name = root.name
        self.modules = {
            name: Module(name, path, path.name == "__init__.py", frozenset(paths)) for name, path in paths.items()
        }

    @staticmethod
    def _name(root: Path, path: Path) -> str:
        parts = path.relative_to(root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def imports(self) -> Iterator[tuple[Module, Import]]:
        for module in self.modules.values():
            for item in module.imports:
                yield module, item


def imports_go_down(package: Package) -> Iterator[str]:
    for module in package.modules.values():
        top = module.name.partition(".")[0]
        if top not in LAYERS:
            yield module.says(1, f"{top!r} has no place among the layers; give it one in LAYERS")
    for module, item in package.imports():
        if item.target is None or module.name == "":
            continue
        top, other = module.name.partition(".")[0], item.target.partition(".")[0]
        if top != other and LAYERS.get(other, 99) >= LAYERS.get(top, 0):
            yield module.says(
                item.line,
                f"{top!r} (layer {LAYERS.get(top)}) imports {item.name!r} (layer {LAYERS.get(other)}); "
                "imports only go down, or stay under the same top-level name",
            )


def parts_keep_to_themselves(package: Package) -> Iterator[str]:
    for module, item in package.imports():
        for part, unreachable in OUT_OF_REACH.items():
            if item.target is None or item.name in RECORDS.get(part, ()) or not module.under([part]):
                continue
            for other in unreachable:
                if (item.target + ".").startswith(other + "."):
                    what = f"{part!r} may know nothing of {other!r}; it imports {item.name!r}"
                    yield module.says(item.line, what)


def imports_are_relative(package: Package) -> Iterator[str]:
    for module, item in package.imports():
        if item.level and item.target is None:
            yield module.says(item.line, f"{item.name!r} leaves the package")
        elif not item.level and item.top in (package.name, "asyncz"):
            yield module.says(item.line, f"import {item.name!r} by a relative import: a vendored copy has another name")


def no_import_cycles(package: Package) -> Iterator[str]:
    graph: dict[str, set[str]] = {name: set() for name in package.modules}
    for module, item in package.imports():
        lazily_exported = module.is_package and item.typing_only and item.bound in module.lazy_names
        if module.name and item.target is not None and not lazily_exported:
            graph[module.name].add(item.target)
    for name, targets in graph.items():
        targets.discard("")
        if name in targets:
            yield package.modules[name].says(1, "imports itself")
            targets.discard(name)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # The list says who is imported by whom.
        yield "import cycle: " + " imports ".join(reversed(error.args[1]))


def only_the_standard_library(package: Package) -> Iterator[str]:
    for module, item in package.imports():
        if item.level or item.top in sys.stdlib_module_names or item.top == "__future__":
            continue
        if item.top not in WHEN_INSTALLED:
            yield module.says(item.line, f"{item.top!r} is not in the standard library")
        elif not (item.in_function or item.in_try or item.typing_only):
            yield module.says(item.line, f"import {item.top!r} inside a function or a try: it may not be installed")


def arithmetic_has_no_effects(package: Package) -> Iterator[str]:
    for module, item in package.imports():
        for part, refused in NO_EFFECTS.items():
            if not item.level and module.under([part]) and item.top in refused:
                yield module.says(item.line, f"{part!r} may not import {item.top!r}: it works on what it is handed")


def optional_modules_have_one_importer(package: Package) -> Iterator[str]:
    for module in package.modules.values():
        for line, name in _outside_names(module):
            for optional, importers in OPTIONAL.items():
                if (name + ".").startswith(optional + ".") and module.name not in importers:
                    who = f"only {' or '.join(sorted(importers))}" if importers else "nothing here"
                    yield module.says(line, f"a Python may lack {optional!r}, so {who} imports it")


def threads_have_named_homes(package: Package) -> Iterator[str]:
    for module, item in package.imports():
        if not item.level and item.top in ("threading", "_thread") and not module.under(THREADED):
            yield module.says(item.line, f"only {', '.join(sorted(THREADED))} may import 'threading'")


def dynamic_imports_have_named_homes(package: Package) -> Iterator[str]:
    for module in package.modules.values():
        if module.under(IMPORTERS):
            continue
        for item in module.imports:
            if not item.level and item.top in ("importlib", "pkgutil", "imp"):
                yield module.says(item.line, f"only {', '.join(sorted(IMPORTERS))} import by name at run time")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Name) and node.id == "__import__":
                yield module.says(node.lineno, f"only {', '.join(sorted(IMPORTERS))} import by name at run time")


def the_environment_has_named_readers(package: Package) -> Iterator[str]:
    for module in package.modules.values():
        if module.under(ENVIRONMENT):
            continue
        for line, name in _outside_names(module):
            if name in ("os.environ", "os.environb", "os.getenv", "os.getenvb"):
                yield module.says(line, f"{name}: only {', '.join(sorted(ENVIRONMENT))} read the environment")


def only_the_clock_reads_time(package: Package) -> Iterator[str]:
    seen = set()
    for module in package.modules.values():
        for line, name in _clock_reads(module):
            seen.add((module.name, name))
            if (module.name, name) not in CLOCK_READS_ALLOWED:
                yield module.says(line, f"{name}: ask the clock, or take the instant as an argument")
    for module_name, name in CLOCK_READS_ALLOWED.keys() - seen:
        if module_name in package.modules:
            yield f"{module_name!r} does not read {name} any more: take it out of CLOCK_READS_ALLOWED"


def functions_are_short(package: Package) -> Iterator[str]:
    for module, function in _functions(package):
        lines = _length(function)
        if lines > MAX_FUNCTION_LINES:
            yield module.says(function.lineno, f"{function.name} has {lines} lines, at most {MAX_FUNCTION_LINES}")


def functions_are_simple(package: Package) -> Iterator[str]:
    for module, function in _functions(package):
        found = complexity(function)
        if found > MAX_COMPLEXITY:
            yield module.says(function.lineno, f"{function.name} has {found} paths, at most {MAX_COMPLEXITY}")


def files_are_short(package: Package) -> Iterator[str]:
    for module in package.modules.values():
        lines = len(module.text.splitlines())
        if lines > MAX_FILE_LINES:
            yield module.says(lines, f"{lines} lines, at most {MAX_FILE_LINES}")


def complexity(function: ast.AST) -> int:
    """1 + branches, boolean operators, asserts and comprehensions; a nested function counts by itself."""
    branches = (
        ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.comprehension,
        ast.match_case,
    )  # fmt: skip
    total, todo = 1, list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, _FUNCTIONS):
            continue
        total += isinstance(node, branches) + (len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0)
        todo.extend(ast.iter_child_nodes(node))
    return total


def _functions(package: Package) -> Iterator[tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for module in package.modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, _FUNCTIONS):
                yield module, node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, from ``def`` on; its docstring does not count."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _outside_names(module: Module) -> Iterator[tuple[int, str]]:
    """The full names of what the module takes from outside the package, however it was imported."""
    for item in module.imports:
        if not item.level:
            yield item.line, item.name
    origins = _origins(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (name := _full_name(node, origins)):
            yield node.lineno, name


def _origins(module: Module) -> dict[str, str]:
    return {item.bound: item.origin for item in module.imports if not item.level}


def _full_name(node: ast.AST, origins: dict[str, str]) -> str:
    first, dot, rest = _dotted(node).partition(".")
    return origins[first] + dot + rest if first in origins else ""


def _clock_reads(module: Module) -> Iterator[tuple[int, str]]:
    for line, name in _outside_names(module):
        if name in CLOCK_READS:
            yield line, name
    origins = _origins(module)
    for node in ast.walk(module.tree):
        bare_call = isinstance(node, ast.Call) and not node.args and not node.keywords
        if bare_call and (name := _full_name(node.func, origins)) in CLOCK_READS_WITHOUT_ARGUMENTS:
            yield node.lineno, name

"""Places that asyncz can be in, other than where it was installed: a program's own folder, and archives."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tokenize
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import asyncz

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(asyncz.__file__).resolve().parent
APP = Path(__file__).resolve().parent / "app"
VENDORED = "app._vendor.timers"
PATIENCE = 60


def require(*modules: str) -> None:
    """Skip a test that needs what is not installed, loudly; in continuous integration that is a failure."""
    missing = [name for name in modules if not _is_installed(name)]
    if missing:
        what = f"NOT TESTED: {', '.join(missing)} is not installed (the extra 'test' has it)."
        pytest.fail(what) if os.environ.get("CI") else pytest.skip(what)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its package is not there
        return False


def renamed(source: str, name: str) -> str:
    """Return a program that has the package under another name. Texts stay what they are, as in configurations."""
    lines = source.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = [token for token in tokens if token.type == tokenize.NAME and token.string == "asyncz"]
    for token in reversed(found):
        (row, start), (_, end) = token.start, token.end
        lines[row - 1] = lines[row - 1][:start] + name + lines[row - 1][end:]
    return "".join(lines)


def copy_package(target: Path) -> None:
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))


def copy_program(folder: Path, name: str) -> None:
    """Put the programs of the tests into a folder: ``app``, and the quickstart."""
    (folder / "app").mkdir(parents=True)
    for source in [*sorted(APP.glob("*.py")), ROOT / "examples" / "quickstart.py"]:
        target = folder if source.parent.name == "examples" else folder / "app"
        (target / source.name).write_text(renamed(source.read_text(encoding="utf-8"), name), encoding="utf-8")


def vendor(folder: Path) -> None:
    copy_package(folder / "app" / "_vendor" / "timers")
    (folder / "app" / "_vendor" / "__init__.py").touch()


def pack(archive: Path, folder: Path, inner: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for source in sorted(folder.rglob("*.py")):
            opened.write(source, Path(inner, source.relative_to(folder)))
    return archive


def zone_data() -> dict[str, str]:
    """Where programs that see no installed package find zones: where this one does."""
    try:
        files = importlib.metadata.distribution("tzdata").locate_file("tzdata/zoneinfo")
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {"PYTHONTZPATH": str(files)}


@dataclass
class Place:
    """Where the package is: the folder to be in, the name it has there, and an archive, if it is in one."""

    folder: Path
    name: str
    archive: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TZ", "ASYNCZ"))}
        path = {"PYTHONPATH": str(self.archive)} if self.archive else {}
        return {**kept, **zone_data(), **path, "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def python(self) -> list[str]:
        """The interpreter, which sees no package that is installed, and takes warnings for errors."""
        return [sys.executable, "-S", "-W", "error"]

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run the interpreter to its end; raises AssertionError when it fails."""
        done = subprocess.run(
            [*self.python, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the sources: building leaves files beside them."""
    require("setuptools.command.bdist_wheel")  # 70.1 and later
    sources, wheels = folder / "sources", folder / "wheels"
    for path in (sources, wheels):
        path.mkdir(parents=True)
    for name in ("pyproject.toml", "setup.cfg", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    copy_package(sources / "asyncz")
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(wheels)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=sources, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.iterdir()
    return wheel


def _vendored(folder: Path) -> Place:
    copy_program(folder, VENDORED)
    vendor(folder)
    return Place(folder, VENDORED)


def _vendored_beside(folder: Path) -> Place:
    """A program's own copy, where another one could be imported."""
    copy_package(folder / "asyncz")
    return _vendored(folder)


def _zip(folder: Path) -> Place:
    copy_program(folder, "asyncz")
    return Place(folder, "asyncz", pack(folder / "lib.zip", PACKAGE, "asyncz"))


def _wheel(folder: Path) -> Place:
    copy_program(folder, "asyncz")
    return Place(folder, "asyncz", build_wheel(folder / "building"))


def _vendored_in_zip(folder: Path) -> Place:
    """A program in an archive, with all that it needs."""
    copy_program(folder / "built", VENDORED)
    vendor(folder / "built")
    archive = pack(folder / "program.zip", folder / "built")
    shutil.copy(folder / "built" / "quickstart.py", folder)
    shutil.rmtree(folder / "built")
    return Place(folder, VENDORED, archive)


PLACES: dict[str, Callable[[Path], Place]] = {
    "vendored": _vendored,
    "vendored beside another": _vendored_beside,
    "zip": _zip,
    "wheel": _wheel,
    "vendored in a zip": _vendored_in_zip,
}

"""A virtual environment for each peer, so that two packages of one name never meet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_REDIS, _SQLALCHEMY = "redis==8.1.*", "sqlalchemy==2.1.*"

#: What pip installs for each peer, with what its stores need; ``ours`` itself is this working tree.
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "ours": (_REDIS,),
    "bare": (),
    "public": ("asyncz==0.17.*", _SQLALCHEMY, _REDIS),
    "apscheduler": ("apscheduler==3.11.*", _SQLALCHEMY, _REDIS),
    "croniter": ("croniter==7.0.*",),
    "cronsim": ("cronsim==2.8.*",),
    "celery": ("celery==5.7.*",),
    "schedule": ("schedule==1.2.*",),
    "huey": ("huey==3.5.*", _REDIS),
}

_DISTRIBUTIONS = {"ours": "asyncz", "public": "asyncz"}
_STAMP = "made-for.txt"


def prepare(peers: Iterable[str], folder: Path) -> dict[str, str]:
    """Make the environments that are missing or were made for something else; return the Python of each peer."""
    return {peer: _prepare(peer, folder.resolve() / peer) for peer in peers}


def versions(pythons: dict[str, str]) -> dict[str, str]:
    """Return the version of each peer as it is installed."""
    return {peer: _version(peer, python) for peer, python in pythons.items()}


def variables() -> dict[str, str]:
    """Return the environment variables of a measurement: none that change Python, such as to compile at each import."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _prepare(peer: str, place: Path) -> str:
    wanted = "\n".join((sys.version, str(ROOT), *REQUIREMENTS[peer]))
    stamp = place / _STAMP
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        print(f"making the environment of {peer}", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        _make(place, str(python), REQUIREMENTS[peer])
        if peer == "ours":
            _add_working_tree(str(python))
        stamp.write_text(wanted, "utf-8")
    return str(python)


def _make(place: Path, python: str, requirements: tuple[str, ...]) -> None:
    venv.create(place, with_pip=bool(requirements))
    if requirements:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True, env=variables())


def _add_working_tree(python: str) -> None:
    """Put it at the end of the path, where installed packages are found too."""
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run(
        [python, "-c", purelib], capture_output=True, text=True, check=True, env=variables()
    ).stdout.strip()
    Path(packages, "working-tree.pth").write_text(f"{ROOT}\n", "utf-8")


def _version(peer: str, python: str) -> str:
    if peer == "bare":
        return ".".join(map(str, sys.version_info[:3]))
    if peer == "ours":
        code = "import asyncz; print(asyncz.__version__)"
    else:
        code = f"import importlib.metadata as m; print(m.version({_DISTRIBUTIONS.get(peer, peer)!r}))"
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, env=variables()
    ).stdout.strip()

"""Fuzz what reads text, guided by the branches that are reached: ``python tests/fuzz/run_atheris.py [TARGET ...]``.

Needs atheris, which has wheels for CPython 3.11 to 3.13 on Linux (``pip install atheris tzdata``); asyncz itself is
taken from this repository. Without a target, all of them run one after the other. What starts with a dash is handed
to libFuzzer: ``-max_total_time=60`` (seconds for each target, the default), ``-runs=100000``, or the file of an input
that was found, to run it again. The status is 1 when something was found; the input is then in the folder ``--found``,
and belongs into ``test_found_by_fuzzing.py``, in words.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]
#: Instrumented code takes longer, and inputs are no longer than a few hundred bytes.
SLOWER = 5
MAX_LENGTH = 4096


def fuzz(name: str, flags: list[str]) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["asyncz", "zoneinfo", "fuzz"], enable_loader_override=False):
        from fuzz.targets import TARGETS, Source, check

    target = TARGETS[name]

    def run_one(data: bytes) -> None:
        value = target.make(Source(data))
        taken = []
        while len(taken) < 3 and min(taken, default=1) > target.limit * SLOWER:
            started = time.thread_time()
            check(target, value)
            taken.append(time.thread_time() - started)
        assert min(taken) <= target.limit * SLOWER, f"{name} took {min(taken):.3f} s for {value!r}"

    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(target.examples):
            Path(corpus, str(number)).write_bytes(b"\x01" + example.encode("utf-8", "surrogatepass"))
        atheris.Setup(
            [sys.argv[0], *flags, *([] if any(not flag.startswith("-") for flag in flags) else [corpus])], run_one
        )
        atheris.Fuzz()


def fuzz_all(names: list[str], flags: list[str], found: Path) -> int:
    """Fuzz each target in a process of its own, and return how many found something."""
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        prefix = f"-artifact_prefix={found}/{name}-"
        command = [sys.executable, __file__, "--one", name, "--", prefix, f"-max_len={MAX_LENGTH}", *flags]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"{len(names)} targets, something was found in: {', '.join(failed) or 'none'}.")
    return len(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", metavar="TARGET", help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument("--found", type=Path, default=Path(tempfile.gettempdir()), help="default: %(default)s")
    given, rest = parser.parse_known_args()
    rest = [argument for argument in rest if argument != "--"]
    if given.one:
        fuzz(given.one, rest)
        return 0
    from fuzz.targets import TARGETS

    if given.list:
        print(*TARGETS, sep="\n")
        return 0
    names = [argument for argument in rest if argument in TARGETS] or list(TARGETS)
    flags = [argument for argument in rest if argument not in TARGETS]
    if not any(flag.startswith(("-max_total_time=", "-runs=")) for flag in flags):
        flags.append("-max_total_time=60")
    given.found.mkdir(parents=True, exist_ok=True)
    return 1 if fuzz_all(names, flags, given.found) else 0


if __name__ == "__main__":
    raise SystemExit(main())

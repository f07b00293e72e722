"""Measure asyncz beside other schedulers: ``python benchmarks/run.py``.

Every peer gets a virtual environment of its own, with pinned versions from the package index that pip is set up for.
Every measurement is a process of its own (``worker.py``). The peers take turns, round by round, so that a machine that
is slow for a while is slow for all of them; what is printed and written are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import environments
import report
from judging import Row, Samples
from subjects import SUBJECTS, Subject

HERE = Path(__file__).resolve().parent
#: Measured only when they are named, and written to a file of their own: they need a RAM disk and a Redis server.
APART = ("stores",)


def main() -> int:
    options = _arguments()
    subjects = [SUBJECTS[name] for name in options.subjects]
    if options.list:
        for subject in subjects:
            print(f"{subject.NAME:10} {', '.join(subject.PEERS)}")
        return 0
    peers = sorted({peer for subject in subjects for peer in subject.PEERS if peer in options.peers})
    pythons = environments.prepare(peers, options.envs)
    versions = environments.versions(pythons)
    samples = {subject.NAME: measure(subject, pythons, options.rounds, options.quick) for subject in subjects}
    rows = [row for subject in subjects for row in subject.rows(samples[subject.NAME]) if row.medians]
    print(report.text(rows))
    options.output.write_text(_page(rows, versions, options), "utf-8")
    if options.samples:
        options.samples.write_text(json.dumps({name: vars(kept) for name, kept in samples.items()}), "utf-8")
    return _end(rows, options.output)


def _page(rows: Sequence[Row], versions: dict[str, str], options: argparse.Namespace) -> str:
    named = [name for name in options.subjects if name in APART]
    notes = [note for name in options.subjects for note in getattr(SUBJECTS[name], "NOTES", ())]
    return report.markdown(rows, versions, options.rounds, options.quick, options.noisy, named, notes)


def measure(subject: Subject, pythons: dict[str, str], rounds: int, quick: bool) -> Samples:
    """Measure a subject with every peer, ``rounds`` times in turn."""
    samples = Samples()
    for peer, number in turns([peer for peer in subject.PEERS if peer in pythons], rounds):
        started = time.perf_counter()
        samples.add(peer, _work(pythons[peer], subject.NAME, peer, quick))
        spent = time.perf_counter() - started
        print(f"{subject.NAME} {number + 1}/{rounds} {peer}: {spent:.1f} s", file=sys.stderr, flush=True)
    return samples


def turns(peers: Sequence[str], rounds: int) -> Iterator[tuple[str, int]]:
    """Yield who is next; each round begins with another peer, so that none always follows the same one."""
    for number in range(rounds):
        for index in range(len(peers)):
            yield peers[(index + number) % len(peers)], number


def _work(python: str, subject: str, peer: str, quick: bool) -> dict[str, float]:
    command = [python, str(HERE / "worker.py"), subject, peer, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environments.variables())
    if done.returncode:
        raise SystemExit(f"{subject} could not be measured with {peer}:\n{done.stderr}")
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


def _end(rows: Sequence[Row], output: Path) -> int:
    judged = [row for row in rows if row.is_met is not None]
    missed = [row for row in judged if not row.is_met]
    for row in missed:
        print(f"MISSED  {row.subject}: {row.what}: {row.target}, got {row.got}")
    print(f"{len(judged) - len(missed)} of {len(judged)} targets met; written to {output.name}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help=f"of {', '.join(SUBJECTS)}; by default all but {', '.join(APART)}",
    )
    parser.add_argument(
        "--peers", nargs="+", default=list(environments.REQUIREMENTS), choices=environments.REQUIREMENTS
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and tasks: for a first look")
    parser.add_argument("--envs", type=Path, default=HERE / ".envs", metavar="DIR", help="where environments are kept")
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of RESULTS.md, or RESULTS-stores.md")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="write all that was measured, as JSON")
    parser.add_argument("--noisy", action="store_true", help="say in the results that the machine was busy")
    parser.add_argument("--list", action="store_true", help="say what is measured with whom, and stop")
    options = parser.parse_args()
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown:
        parser.error(f"expected subjects of {', '.join(SUBJECTS)}, got {', '.join(sorted(unknown))}")
    alone = "-".join(options.subjects) if set(options.subjects) <= set(APART) and options.subjects else ""
    options.output = options.output or HERE / (f"RESULTS-{alone}.md" if alone else "RESULTS.md")
    options.subjects = options.subjects or [name for name in SUBJECTS if name not in APART or options.list]
    return options


if __name__ == "__main__":
    sys.exit(main())

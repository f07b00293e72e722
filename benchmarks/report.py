"""The results as text for a terminal, and as a table to be committed."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from judging import Row, quantity

_TITLES = {"ours": "asyncz", "public": "public asyncz", "bare": "bare asyncio"}
_VERDICTS = {True: "met", False: "**missed**", None: ""}


def text(rows: Sequence[Row]) -> str:
    """Return the results for a terminal."""
    return "\n".join(_section(subject, list(kept)) for subject, kept in groupby(rows, lambda row: row.subject))


def markdown(
    rows: Sequence[Row],
    versions: Mapping[str, str],
    rounds: int,
    quick: bool,
    noisy: bool,
    named: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the results as a page, with the machine described; ``named`` are subjects that have to be asked for."""
    judged = [row for row in rows if row.is_met is not None]
    lines = [
        f"# Results of `{' '.join(('python benchmarks/run.py', *named))}`",
        "",
        f"{sum(bool(row.is_met) for row in judged)} of {len(judged)} targets met.",
        *(["", "**The machine was busy with other work: these numbers are noisy.**"] if noisy else []),
        *(["", "A quick run: fewer repetitions and tasks than a whole one."] if quick else []),
        "",
        f"- Machine: {machine()}",
        f"- Python: {platform.python_implementation()} {platform.python_version()}",
        f"- Peers: {', '.join(f'{_TITLES.get(peer, peer)} {version}' for peer, version in versions.items())}",
        f"- Medians of {rounds} rounds; the peers took turns. ± is the distance between the best and the worst round",
        "  of asyncz, as a part of its median. A ratio is the peer's median by ours: above 1, asyncz needs less.",
        *notes,
        "",
    ]
    return "\n".join((*lines, text(rows)))


def machine() -> str:
    """Describe the machine without naming it."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _section(subject: str, rows: Sequence[Row]) -> str:
    peers = list(dict.fromkeys(peer for row in rows for peer in row.medians))
    peers.sort(key=lambda peer: (peer != "ours", peer != "apscheduler", peer != "public", peer == "bare"))
    cells = [["", *(_TITLES.get(peer, peer) for peer in peers), "±", "target", "got", ""]]
    cells += [_cells(row, peers) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((f"## {subject}", "", lines[0], rule, *lines[1:], ""))


def _cells(row: Row, peers: Sequence[str]) -> list[str]:
    values = [quantity(row.medians[peer], row.unit) if peer in row.medians else "" for peer in peers]
    return [row.what, *values, f"{row.spread * 100:.0f} %", row.target, row.got, _VERDICTS[row.is_met]]

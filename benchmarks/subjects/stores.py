"""What durable stores cost: adding, firing, and a pass over many tasks of which few are due."""

from __future__ import annotations

import asyncio
import datetime
import functools
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import places
from judging import Row, Samples

NAME = "stores"
PEERS = ("ours", "public", "apscheduler", "huey")
#: What asyncz is held against: huey is a queue, and keeps no schedule of a task.
SCHEDULERS = ("public", "apscheduler")

#: Where, and how a file is journaled.
RAM, DISK, REDIS = f"RAM disk, {places.WAL}", f"disk, {places.WAL}", "Redis"
#: As SQLAlchemy leaves it, which promises the same; the others never use it, and their values are those of the first.
PLAIN = {f"RAM disk, {places.ROLLBACK}": RAM, f"disk, {places.ROLLBACK}": DISK}
#: What a reader of the results has to know.
NOTES = (
    f"- SQLite: {places.ROLLBACK} is `journal_mode=DELETE, synchronous=FULL`, in which SQLAlchemy leaves a file: what",
    f"  users of the two schedulers have. {places.WAL} is `journal_mode=WAL, synchronous=FULL`, which asyncz and huey",
    "  use by themselves, and which the schedulers are told to use by an event of their engine. In both a commit",
    "  outlasts a loss of power. asyncz and huey have the same values in both: they know no other mode. One by one on",
    "  a disk, the disk is what is measured: no target there.",
    "- Until the last is called: each due time has been taken out of what is due, for good, and every task was called.",
    "  Until all is written: asyncz has also recorded how each run ended, and has removed the tasks that have ended.",
    "  The schedulers remove a task when they have submitted it, and record no runs.",
    "- Redis: a server of its own for each measurement, `--save '' --appendonly no`.",
)
#: Seconds within which everything has to be called, or written.
PATIENCE = 300


class Counts(NamedTuple):
    """How many tasks are added, fired and stored, how many of the stored ones are due, and how often."""

    added: int = 10_000
    fired: int = 2_000
    stored: int = 100_000
    due: int = 10
    passes: int = 30


def measure(peer: Any, quick: bool) -> dict[str, float]:
    """Return seconds: for each task that is added or fired, and for a pass over few and over many."""
    counts = Counts(500, 200, 2_000, 10, 5) if quick else Counts()
    name = peer.__name__.rpartition(".")[2]
    values: dict[str, float] = {}
    for where, new in _places().items():
        if where not in PLAIN:
            values.update({f"{where}: {what}": each for what, each in _measure(peer, name, new, counts).items()})
        elif name in SCHEDULERS:
            taken = {**_adding(peer, new, counts.added), **_firing(peer, name, new, counts.fired)}
            values.update({f"{where}: {what}": each for what, each in taken.items()})
        else:
            same = f"{PLAIN[where]}: "
            values.update({f"{where}: {key[len(same) :]}": values[key] for key in [*values] if key.startswith(same)})
    return values


def rows(samples: Samples) -> Iterator[Row]:
    for where in (*itertools.chain(*((name, plain) for plain, name in PLAIN.items())), REDIS):
        row = functools.partial(_row, samples, where)
        yield row("adding one by one, each", "add", 0 if where.startswith("disk") else 2)
        yield row("adding with add_tasks, each (others: one by one)", "add all", 10)
        for kind in ("once", "again"):
            what = "due once" if kind == "once" else "recurring"
            yield row(f"firing {what}: until the last is called, each", f"{kind} called", 5)
            yield row(f"firing {what}: until all is written, each", f"{kind} written", 5)
        if where not in PLAIN:
            yield row("10 due of 10: a pass until the last is called", "few", 0)
            yield row("10 due of 100,000: the same", "many", 0)
            few, many = (samples.median("ours", f"{where}: {what}") for what in ("few", "many"))
            if few and many:
                yield Row(NAME, f"{where}: 100,000 by 10", "x", {"ours": many / few}, 0).at_most(1.5, "≤ 1.5x")


def _row(samples: Samples, where: str, what: str, measure: str, factor: float) -> Row:
    row = samples.row(NAME, f"{where}: {what}", f"{where}: {measure}")
    return row.times(SCHEDULERS, factor) if factor else row


def _places() -> dict[str, Callable[[], AbstractContextManager[places.Place]]]:
    found: dict[str, Any] = {}
    for name, folder in (("RAM disk", places.RAM_DISK), ("disk", None)):
        if folder is None or folder.is_dir():
            for journal in (places.WAL, places.ROLLBACK):
                found[f"{name}, {journal}"] = functools.partial(places.sqlite, folder, journal)
    if places.has_redis():
        found[REDIS] = places.redis
    return found


def _measure(peer: Any, name: str, new: Any, counts: Counts) -> dict[str, float]:
    values = {**_adding(peer, new, counts.added), **_firing(peer, name, new, counts.fired)}
    if hasattr(peer, "fill"):
        for what, stored in (("few", counts.due), ("many", counts.stored)):
            with new() as place:
                values[what] = asyncio.run(_pass(peer, place, counts, stored))
    return values


# -- adding -------------------------------------------------------------------------------------------------------


def _adding(peer: Any, new: Any, count: int) -> dict[str, float]:
    with new() as place:
        one = asyncio.run(_add(peer, place, count, _one_by_one))
    if not hasattr(peer, "every_of"):
        return {"add": one, "add all": one}
    with new() as place:
        return {"add": one, "add all": asyncio.run(_add(peer, place, count, peer.every_of))}


async def _add(peer: Any, place: places.Place, count: int, add: Callable[..., Any]) -> float:
    scheduler = peer.scheduler_at(place)
    peer.start(scheduler)
    await asyncio.sleep(0.1)
    seconds, called = [3600 + number * 7919 % 3600 for number in range(count)], _called_by(peer)
    gc.collect()
    started = time.perf_counter()
    if add is _one_by_one:
        for each in seconds:
            peer.every(scheduler, called, each)
    else:
        add(scheduler, called, seconds)
    taken = time.perf_counter() - started
    await _stop(peer, scheduler)
    return taken / count


def _one_by_one() -> None:
    """Stands for ``every`` of a peer."""


async def _stop(peer: Any, scheduler: Any) -> None:
    if hasattr(peer, "pause"):
        peer.pause(scheduler)  # some have a pass in the loop for every task that was added
    peer.stop(scheduler)
    await asyncio.sleep(0.2)  # what is left to the loop is done now


# -- firing -------------------------------------------------------------------------------------------------------


class _Calls:
    """Notes when the last of ``count`` calls came, in any thread."""

    def __init__(self, count: int) -> None:
        self.last = 0.0
        self.all = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._end = count - 1
        self._number = itertools.count().__next__  # atomic

    def one(self) -> None:
        if self._number() == self._end:
            self.last = time.perf_counter()
            self._loop.call_soon_threadsafe(self.all.set)


#: What is called is found by its name: it has no other way to tell that it was.
_calls: Any = None


async def call() -> None:
    _calls.one()


def call_in_thread() -> None:
    _calls.one()


def _called_by(peer: Any) -> Callable[..., Any]:
    return call_in_thread if getattr(peer, "IN_THREADS", False) else call


def _firing(peer: Any, name: str, new: Any, count: int) -> dict[str, float]:
    values = {}
    for kind in ("once", "again"):
        if kind == "once" or name in ("ours", *SCHEDULERS):
            with new() as place:
                called, written = asyncio.run(_fire(peer, place, count, kind == "again"))
            values[f"{kind} called"], values[f"{kind} written"] = called / count, written / count
    return values


async def _fire(peer: Any, place: places.Place, count: int, is_again: bool) -> tuple[float, float]:
    """Return the seconds from when a scheduler is let go until the last call, and until all is written."""
    global _calls
    scheduler = peer.scheduler_at(place)
    peer.start(scheduler, paused=True)
    at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for _ in range(count):
        if is_again:
            peer.every(scheduler, call, 86_400, next_run_time=at)
        else:
            peer.once(scheduler, _called_by(peer), at)
    await asyncio.sleep(1.1)
    gc.collect()
    _calls = _Calls(count)
    started = time.perf_counter()
    peer.resume(scheduler)
    await asyncio.wait_for(_calls.all.wait(), PATIENCE)
    await _written(peer, place, at)
    written = time.perf_counter()
    await _stop(peer, scheduler)
    return _calls.last - started, written - started


async def _written(peer: Any, place: places.Place, at: datetime.datetime) -> None:
    """Wait until nothing is due in the store, and nothing there is still running."""
    until = time.perf_counter() + PATIENCE
    while peer.left(place, at):
        if time.perf_counter() > until:
            raise RuntimeError("Some tasks were never written.")
        await asyncio.sleep(0.001)


# -- a pass -------------------------------------------------------------------------------------------------------


async def _pass(peer: Any, place: places.Place, counts: Counts, stored: int) -> float:
    """Return the seconds from when a scheduler is let go until the last of few due tasks is called."""
    global _calls
    scheduler = peer.scheduler_at(place)
    peer.start(scheduler, paused=True)
    handles = [peer.every(scheduler, call, 86_400) for _ in range(counts.due)]
    peer.fill(scheduler, place, call, stored - counts.due)
    taken = []
    for _ in range(counts.passes):
        at = datetime.datetime.now(datetime.timezone.utc)
        for handle in handles:
            peer.move(scheduler, handle, at)
        await asyncio.sleep(0.02)
        gc.collect()
        _calls = _Calls(counts.due)
        started = time.perf_counter()
        peer.resume(scheduler)
        await asyncio.wait_for(_calls.all.wait(), PATIENCE)
        taken.append(_calls.last - started)
        await _written(peer, place, at)
        peer.pause(scheduler)
        await asyncio.sleep(0)
    await _stop(peer, scheduler)
    return statistics.median(taken)

"""Schedule here, compute on a Dask cluster.

The scheduler keeps time in this process; the runs of the task go to the workers of a cluster, through the executor
that Dask's client offers. Needs ``pip install asyncz "dask[distributed]"``, on the workers too.

    python examples/dask_cluster.py                      # starts a small cluster on this machine
    python examples/dask_cluster.py tcp://10.0.0.1:8786  # uses one that is running
"""

from __future__ import annotations

import asyncio
import sys

from distributed import Client, LocalCluster

from asyncz.events import TASK_ERROR, TASK_EXECUTED
from asyncz.executors import FuturesExecutor
from asyncz.schedulers import AsyncIOScheduler


def count_primes(limit: int) -> int:
    """Do some work worth sending away."""
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return sum(sieve)


async def schedule(client: Client, runs: int, seconds: float) -> list[int]:
    """Have primes counted every few seconds, so many times, and return the results."""
    results: asyncio.Queue[int] = asyncio.Queue()
    scheduler = AsyncIOScheduler(executors={"cluster": FuturesExecutor(client.get_executor())})

    def collect(event) -> None:
        results.put_nowait(event.return_value if event.exception is None else -1)

    scheduler.add_listener(collect, TASK_EXECUTED | TASK_ERROR)
    scheduler.add_task(count_primes, "interval", seconds=seconds, args=(1_000_000,), executor="cluster")
    scheduler.start()
    try:
        return [await results.get() for _ in range(runs)]
    finally:
        scheduler.shutdown()


def main(address: str | None = None, runs: int = 5, seconds: float = 1) -> list[int]:
    """Run on the cluster at an address, or on one of this machine."""
    if address is not None:
        with Client(address) as client:
            return asyncio.run(schedule(client, runs, seconds))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        return asyncio.run(schedule(client, runs, seconds))


if __name__ == "__main__":
    print(main(*sys.argv[1:2]))

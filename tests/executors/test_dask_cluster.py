"""Tasks on a real Dask cluster of this machine."""

from __future__ import annotations

import runpy
from pathlib import Path
from uuid import uuid4

import pytest
from contracts.executor import NOW, ExecutorContract, StandIn, add

from asyncz.events import TASK_MISSED
from asyncz.executors import FuturesExecutor
from asyncz.tasks import Task

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.server

EXAMPLE = Path(__file__).parents[2] / "examples" / "dask_cluster.py"


@pytest.fixture(scope="module")
def client():
    """A client of a cluster with one worker, which does one thing at a time."""
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


class TestContract(ExecutorContract):
    in_process = False  # Dask copies what it is given, also where it would not have to

    @pytest.fixture(autouse=True)
    def _client(self, client):
        self.client = client

    def make_executor(self):
        return FuturesExecutor(self.client.get_executor())

    def test_without_wait_what_has_not_begun_is_reported_missed(self, executor, scheduler, gate):
        # Dask lets go of what is running, too: nobody hears of the end of it.
        with self.running(executor, gate):
            executor.send_task(Task(add, args=(1,), id="queued"), [NOW])
            executor.shutdown(wait=False)
        events = scheduler.next_events(2)
        assert {event.task_id: event.code for event in events} == {"blocker": TASK_MISSED, "queued": TASK_MISSED}
        assert scheduler.instances == {}


def test_tasks_that_are_equal_are_run_each(client):
    # Left to itself, Dask answers a call that equals another one with the result of that.
    executor = FuturesExecutor(client.get_executor())
    executor.start(StandIn(), "dask")
    for id in "abc":
        executor.send_task(Task(uuid4, id=id), [NOW])
    executor.shutdown()
    assert len({event.return_value for event in executor.scheduler.next_events(3)}) == 3


def test_a_lambda_goes_to_the_cluster(client):
    executor = FuturesExecutor(client.get_executor())
    executor.start(StandIn(), "dask")
    offset = 40
    executor.send_task(Task(lambda a: a + offset, args=(2,), id="lambda"), [NOW])
    executor.shutdown()
    assert executor.scheduler.next_events()[0].return_value == 42


@pytest.mark.process
@pytest.mark.slow
def test_the_example_counts_primes_on_workers_of_its_own():
    assert runpy.run_path(str(EXAMPLE))["main"](None, 2, 0.05) == [78498, 78498]

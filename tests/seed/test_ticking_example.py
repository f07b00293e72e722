from __future__ import annotations

import datetime
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asyncz.testing import VirtualClock, run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ticking.py"


def test_the_example_of_the_quickstart_ticks_and_greets(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(EXAMPLE), run_name="ticking")
    scheduler: Any = example["scheduler"]
    (greeting,) = example["say_good_morning"].asyncz_tasks

    async def a_minute(clock: VirtualClock) -> None:
        with scheduler:
            await clock.sleep(minutes=1)
            times = scheduler.preview_task_runs(greeting).run_times
            assert sorted(time.weekday() for time in times) == [0, 1, 2, 3, 4]
            assert {(time.hour, time.minute, time.second) for time in times} == {(9, 0, 0)}
            scheduler.run_task(greeting)
            await clock.settle()

    # Its tasks count from when they were added, which is now.
    run(a_minute, start=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=1))
    said = Counter(capsys.readouterr().out.splitlines())
    assert said == {"The scheduler runs.": 1, "tick": 30, "Good morning!": 1}

from __future__ import annotations

import asyncio
import datetime
import inspect
import threading
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncz.testing import VirtualClock, VirtualTimeLoop, run, virtual_time

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)


class TestRun:
    def test_it_returns_the_result_and_makes_the_clock(self) -> None:
        async def main(clock: VirtualClock) -> datetime.datetime:
            assert asyncio.get_running_loop().asyncz_clock is clock
            return clock.now()

        assert run(main) == START
        assert run(main, start="2030-05-01") == datetime.datetime(2030, 5, 1, tzinfo=UTC)

    def test_a_clock_goes_on_from_run_to_run(self) -> None:
        async def main(clock: VirtualClock) -> float:
            await clock.sleep(1)
            return clock.monotonic()

        clock = VirtualClock()
        assert [run(main, clock=clock), run(main, clock=clock)] == [1.0, 2.0]

    def test_an_error_comes_out(self) -> None:
        async def main(clock: VirtualClock) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            run(main)

    def test_what_is_left_is_cancelled_and_its_errors_are_reported(self, caplog: pytest.LogCaptureFixture) -> None:
        ended: list[str] = []

        async def left(error: Exception | None) -> None:
            try:
                await asyncio.sleep(1e6)
            finally:
                ended.append("left")
                if error is not None:
                    raise error

        async def generator() -> Any:
            try:
                yield 1
            finally:
                await asyncio.sleep(1)
                ended.append("generator")

        async def main(clock: VirtualClock) -> Any:
            tasks = [asyncio.ensure_future(left(None)), asyncio.ensure_future(left(ValueError("late")))]
            numbers = generator()
            await numbers.__anext__()
            return tasks, numbers

        tasks, _ = run(main)
        assert ended == ["left", "left", "generator"]
        assert all(task.done() for task in tasks)
        assert "late" in caplog.text

    def test_its_threads_end_with_it(self) -> None:
        async def main(clock: VirtualClock) -> threading.Thread:
            return await asyncio.to_thread(threading.current_thread)

        assert not run(main).is_alive()

    def test_it_is_refused_inside_of_a_loop(self) -> None:
        async def main(clock: VirtualClock) -> None:
            with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
                run(main)

        run(main)

    def test_one_clock_does_not_drive_two_loops_at_a_time(self) -> None:
        clock = VirtualClock()
        loop = VirtualTimeLoop(clock)
        try:
            with pytest.raises(RuntimeError, match="drives an event loop already"):
                VirtualTimeLoop(clock)
        finally:
            loop.close()
        VirtualTimeLoop(clock).close()


class TestLoopAsFactory:
    @pytest.mark.skipif(not hasattr(asyncio, "Runner"), reason="asyncio.Runner is there since Python 3.11")
    def test_the_runner_of_asyncio_takes_it(self) -> None:
        async def main() -> float:
            await asyncio.sleep(3600)
            return await asyncio.to_thread(asyncio.get_running_loop().time)

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            assert runner.run(main()) == 3600.0


class TestDecorator:
    @virtual_time
    async def test_a_method_runs_in_virtual_time(self, clock: VirtualClock, tmp_path: Any) -> None:
        await clock.sleep(days=1)
        assert clock.now() == START + 24 * HOUR
        assert tmp_path.exists()

    @pytest.mark.parametrize("days", [1, 400])
    @virtual_time(start="2024-02-28")
    async def test_parameters_and_a_start_can_be_given(self, days: int, clock: VirtualClock) -> None:
        await asyncio.sleep(days * 86_400)
        assert clock.now() == datetime.datetime(2024, 2, 28, tzinfo=UTC) + datetime.timedelta(days=days)

    @virtual_time
    async def test_the_clock_need_not_be_asked_for(self) -> None:
        await asyncio.sleep(1e6)
        assert asyncio.get_running_loop().time() == 1e6

    @settings(max_examples=5)
    @given(seconds=st.integers(1, 10**6))
    @virtual_time
    async def test_hypothesis_can_drive_it(self, clock: VirtualClock, seconds: int) -> None:
        await asyncio.sleep(seconds)
        assert clock.monotonic() == seconds

    def test_it_looks_like_a_plain_function_without_the_clock(self) -> None:
        @virtual_time
        async def test(first: int, clock: VirtualClock, *, second: int = 2) -> tuple[int, int]:
            "What it does."
            assert isinstance(clock, VirtualClock)
            return first, second

        assert not inspect.iscoroutinefunction(test)
        assert list(inspect.signature(test).parameters) == ["first", "second"]
        assert (test.__name__, test.__doc__) == ("test", "What it does.")
        assert test(1) == (1, 2)
        assert test(1, second=3) == test(first=1, second=3) == (1, 3)

    def test_positional_arguments_after_the_clock_keep_their_places(self) -> None:
        @virtual_time
        async def test(clock: VirtualClock, first: int, second: int) -> tuple[float, int, int]:
            return clock.monotonic(), first, second

        assert test(1, 2) == test(1, second=2) == (0.0, 1, 2)

    def test_what_is_not_async_is_refused(self) -> None:
        with pytest.raises(TypeError, match="expects an async def function, got"):
            virtual_time(lambda clock: None)


class TestDecoratorWithUnittest(unittest.TestCase):
    @virtual_time
    async def test_unittest_can_drive_it(self, clock: VirtualClock) -> None:
        await clock.sleep(hours=1)
        assert clock.now() == START + HOUR

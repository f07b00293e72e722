from __future__ import annotations

import asyncio
import datetime
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncz.testing import VirtualClock, run

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


class TestTime:
    def test_sleeping_takes_no_real_time_and_exactly_the_virtual_one(self) -> None:
        async def main(clock: VirtualClock) -> float:
            await asyncio.sleep(30 * 86_400)
            assert clock.now() == START + datetime.timedelta(days=30)
            return asyncio.get_running_loop().time()

        began = time.monotonic()
        assert run(main) == 30 * 86_400
        assert time.monotonic() - began < 5

    def test_a_month_of_minutes_is_a_matter_of_a_moment(self) -> None:
        async def main(clock: VirtualClock) -> int:
            loop, ticks = asyncio.get_running_loop(), 0

            def tick() -> None:
                nonlocal ticks
                ticks += 1
                assert clock.now().second == clock.now().microsecond == 0
                loop.call_later(60, tick)

            loop.call_later(60, tick)
            await clock.sleep(days=30)
            return ticks

        began = time.process_time()
        assert run(main) == 30 * 1440
        # Generous: it takes a third of a second.
        assert time.process_time() - began < 3

    def test_timers_of_one_instant_run_in_the_order_in_which_they_were_set(self) -> None:
        async def main(clock: VirtualClock) -> list[int]:
            loop, order = asyncio.get_running_loop(), list[int]()
            for number in range(200):
                # 0.1 + 0.2 is not 0.3 in floats; it is the same instant all the same.
                loop.call_at(0.3 if number % 2 else 0.1 + 0.2, order.append, number)
            await clock.sleep(1)
            return order

        assert run(main) == list(range(200))

    @settings(max_examples=50)
    @given(st.lists(st.integers(0, 10**10), max_size=30))
    def test_timers_run_in_order_of_time_at_their_microsecond(self, delays: list[int]) -> None:
        async def main(clock: VirtualClock) -> list[tuple[datetime.datetime, int]]:
            loop, seen = asyncio.get_running_loop(), list[tuple[datetime.datetime, int]]()
            for number, delay in enumerate(delays):
                loop.call_later(delay / 1e6, lambda number=number: seen.append((clock.now(), number)))
            await clock.sleep(datetime.timedelta(microseconds=10**10))
            return seen

        expected = sorted((START + datetime.timedelta(microseconds=d), n) for n, d in enumerate(delays))
        assert run(main) == expected

    @pytest.mark.parametrize("seconds", [1e-9, 1e-7, 5e-7, 1 / 3, 0.1, 1.0000004, 1e8 + 1 / 3, 4e9 + 1 / 3])
    def test_every_delay_ends_and_takes_time(self, seconds: float) -> None:
        async def main(clock: VirtualClock) -> float:
            await asyncio.sleep(seconds)
            await asyncio.sleep(seconds / 100)
            return clock.monotonic()

        passed = run(main)
        assert passed >= 2e-6
        assert passed == pytest.approx(seconds * 1.01, abs=2e-6, rel=1e-12)

    def test_timeouts_are_virtual(self) -> None:
        async def main(clock: VirtualClock) -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 3600)
            assert clock.now() == START + HOUR
            assert await asyncio.wait_for(asyncio.sleep(3599, "in time"), 3600) == "in time"

        run(main)

    def test_a_timer_that_was_cancelled_moves_nothing(self) -> None:
        async def main(clock: VirtualClock) -> None:
            asyncio.get_running_loop().call_later(10, print).cancel()
            asyncio.get_running_loop().call_later(float("inf"), print).cancel()
            await asyncio.sleep(1)
            assert clock.monotonic() == 1

        run(main)

    def test_time_moved_by_hand_makes_timers_late(self) -> None:
        async def main(clock: VirtualClock) -> list[float]:
            seen: list[float] = []
            for delay in (1, 2, 3601):
                asyncio.get_running_loop().call_later(delay, lambda: seen.append(clock.monotonic()))
            clock.advance(hours=1)
            assert seen == []
            await clock.sleep(1)
            return seen

        assert run(main) == [3600.0, 3600.0, 3601.0]

    def test_debug_mode_works_too(self) -> None:
        async def main(clock: VirtualClock) -> float:
            await asyncio.to_thread(time.monotonic)
            await asyncio.sleep(5)
            return clock.monotonic()

        assert run(main, debug=True) == 5


class TestSleepingOnTheClock:
    def test_what_is_due_at_the_last_instant_is_done(self) -> None:
        async def chain(done: list[str]) -> None:
            await asyncio.sleep(0)
            done.append(await asyncio.to_thread(lambda: "thread"))
            await asyncio.sleep(0)
            done.append("end")

        async def main(clock: VirtualClock) -> list[str]:
            done: list[str] = []
            left: list[asyncio.Task[None]] = []
            loop = asyncio.get_running_loop()
            # Set second, so that a plain asyncio.sleep(60) would be back before it runs.
            loop.call_later(30, lambda: loop.call_later(30, lambda: left.append(loop.create_task(chain(done)))))
            loop.call_later(60.000001, done.append, "too late")
            await clock.sleep(60)
            assert clock.now() == START + datetime.timedelta(minutes=1)
            return done

        assert run(main) == ["thread", "end"]

    def test_an_instant_that_is_now_or_past_is_settled_without_moving(self) -> None:
        async def main(clock: VirtualClock) -> list[str]:
            done: list[str] = []
            asyncio.get_running_loop().call_soon(done.append, "soon")
            await clock.sleep_until(START)
            await clock.sleep_until("2023-01-01")
            assert clock.now() == START
            return done

        assert run(main) == ["soon"]

    def test_sleeping_until_an_instant_follows_the_wall_clock(self) -> None:
        async def main(clock: VirtualClock) -> None:
            asyncio.get_running_loop().call_later(60, lambda: clock.step(hours=-1))
            await clock.sleep_until(START + HOUR)
            assert (clock.now(), clock.monotonic()) == (START + HOUR, 7200.0)

        run(main)

    def test_two_that_settle_are_told_one_after_the_other(self) -> None:
        async def main(clock: VirtualClock) -> list[str]:
            seen: list[str] = []

            async def first() -> None:
                await clock.settle()
                for _ in range(3):
                    await asyncio.sleep(0)
                seen.append("first")

            async def second() -> None:
                await clock.settle()
                seen.append("second")

            await asyncio.gather(first(), second())
            return seen

        assert run(main) == ["first", "second"]

    def test_settling_can_be_cancelled(self) -> None:
        async def main(clock: VirtualClock) -> None:
            task = asyncio.ensure_future(clock.settle())
            await asyncio.sleep(0)
            task.cancel()
            await clock.settle()
            assert task.cancelled()

        run(main)

    def test_a_clock_without_its_loop_says_what_to_do(self) -> None:
        async def main(clock: VirtualClock) -> None:
            other, advice = VirtualClock(), r"not driven by this clock: start it with asyncz\.testing\.run"
            for sleep in (other.sleep(1), other.sleep_until(START), other.settle()):
                with pytest.raises(RuntimeError, match=advice):
                    await sleep
            with pytest.raises(ValueError, match="Time cannot pass by"):
                await clock.sleep(-1)

        run(main)

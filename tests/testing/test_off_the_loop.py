"""When time stands still: work in threads, holds, sockets; and when nothing could ever wake the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from asyncz.testing import NothingScheduledError, VirtualClock, VirtualTimeLoop, run

#: More real seconds than any of these tests may take: a hang is a failure, not a pause.
SOON = 30.0


class TestWorkOffTheLoop:
    @pytest.mark.parametrize("own", [True, False])
    def test_time_stands_still_while_a_thread_works(self, own: bool) -> None:
        async def main(clock: VirtualClock) -> None:
            loop = asyncio.get_running_loop()
            woken = loop.create_future()
            loop.call_later(1, woken.set_result, None)
            begun, finish = threading.Event(), threading.Event()

            def work() -> float:
                begun.set()
                assert finish.wait(SOON)
                return clock.monotonic()

            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                job = loop.run_in_executor(pool, work) if own else asyncio.ensure_future(asyncio.to_thread(work))
                # The loop has nothing to do but to wait, until this thread speaks up.
                threading.Thread(target=lambda: begun.wait(SOON) and finish.set()).start()
                assert await job == 0.0
            assert clock.monotonic() == 0.0
            assert not woken.done()
            assert clock.wait_released(SOON)
            await woken
            assert clock.monotonic() == 1.0

        run(main)

    def test_an_outcome_is_always_seen_before_time_goes_on(self) -> None:
        async def main(clock: VirtualClock) -> None:
            timers: list[int] = []
            for number in range(300):
                handle = asyncio.get_running_loop().call_later(1, timers.append, number)
                assert await asyncio.to_thread(lambda number=number: number) == number
                handle.cancel()
            assert (timers, clock.monotonic()) == ([], 0.0)

        run(main)

    @pytest.mark.realtime
    def test_work_that_was_given_up_still_holds_time(self) -> None:
        async def main(clock: VirtualClock) -> None:
            begun, finish = threading.Event(), threading.Event()
            seen: list[float] = []

            def work() -> None:
                begun.set()
                assert finish.wait(SOON)
                seen.append(clock.monotonic())

            job = asyncio.get_running_loop().run_in_executor(None, work)
            assert begun.wait(SOON)
            job.cancel()
            threading.Timer(0.01, finish.set).start()
            await asyncio.sleep(60)
            assert seen == [0.0]

        run(main)

    def test_work_that_cannot_be_handed_over_does_not_hold_time(self) -> None:
        async def main(clock: VirtualClock) -> None:
            pool = concurrent.futures.ThreadPoolExecutor(1)
            pool.shutdown()
            with pytest.raises(RuntimeError, match="after shutdown"):
                asyncio.get_running_loop().run_in_executor(pool, print)
            assert not clock.is_held

        run(main)

    def test_a_default_executor_of_ones_own_is_used(self) -> None:
        async def main(clock: VirtualClock) -> str:
            pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine")
            asyncio.get_running_loop().set_default_executor(pool)
            return await asyncio.to_thread(lambda: threading.current_thread().name)

        assert run(main) == "mine_0"


class TestHeldClock:
    def test_a_hold_can_be_handed_from_one_thread_to_the_next(self) -> None:
        async def main(clock: VirtualClock) -> None:
            loop, told = asyncio.get_running_loop(), asyncio.Event()

            def report() -> None:
                with clock.held():
                    clock.release()  # the one of main, made before this thread began
                    loop.call_soon_threadsafe(told.set)

            loop.call_later(1, lambda: None)
            clock.hold()
            threading.Thread(target=report).start()
            await told.wait()
            assert clock.monotonic() == 0.0

        run(main)

    @pytest.mark.realtime
    def test_the_last_release_wakes_the_loop(self) -> None:
        async def main(clock: VirtualClock) -> float:
            clock.hold()
            threading.Timer(0.01, clock.release).start()
            await asyncio.sleep(60)
            return clock.monotonic()

        began = time.monotonic()
        assert run(main) == 60
        assert time.monotonic() - began < 5

    def test_a_release_after_the_end_is_harmless(self) -> None:
        clock = VirtualClock()

        async def main(clock: VirtualClock) -> None:
            clock.hold()

        run(main, clock=clock)
        clock.release()
        assert not clock.is_held

    @pytest.mark.realtime
    def test_standing_still_for_long_is_logged(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("asyncz.testing.loop._PATIENCE_WITH_HOLDS", 0.01)

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                # Ends the test: the log line is what it waits for.
                if clock.is_held:
                    clock.release()

        async def main(clock: VirtualClock) -> None:
            clock.hold()
            await asyncio.sleep(1)

        clock, handler = VirtualClock(), Handler()
        logging.getLogger("asyncz.testing").addHandler(handler)
        try:
            run(main, clock=clock)
        finally:
            logging.getLogger("asyncz.testing").removeHandler(handler)
        assert "Virtual time has stood still for 0.01 s" in caplog.text


def stalled(main: Callable[[VirtualClock], Any]) -> str:
    """Run ``main`` until it is told that it waits for ever, and return what it is told."""
    loop = VirtualTimeLoop(patience=0)
    try:
        with pytest.raises(NothingScheduledError) as caught:
            loop.run_until_complete(main(loop.asyncz_clock))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
    return str(caught.value)


class TestNothingScheduled:
    def test_waiting_for_ever_is_an_error_that_names_who_waits_where(self) -> None:
        async def main(clock: VirtualClock) -> None:
            await asyncio.sleep(5)
            await asyncio.Event().wait()

        text = stalled(main)
        line = inspect.getsourcelines(main)[1] + 2
        assert text.startswith("Nothing is scheduled, so this would wait for ever")
        assert f"main at {__file__}:{line}" in text

    def test_an_infinite_sleep_is_no_timer(self) -> None:
        async def sleepy(clock: VirtualClock) -> None:
            await asyncio.sleep(float("inf"))

        assert "sleepy at" in stalled(sleepy)

    @pytest.mark.realtime
    def test_run_raises_it_and_cleans_up(self) -> None:
        ended: list[str] = []

        async def main(clock: VirtualClock) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                ended.append("cleaned up")

        with pytest.raises(NothingScheduledError):
            run(main)
        assert ended == ["cleaned up"]

    @pytest.mark.realtime
    def test_a_thread_without_a_hold_may_wake_the_loop(self) -> None:
        async def main(clock: VirtualClock) -> str:
            loop = asyncio.get_running_loop()
            told = loop.create_future()
            threading.Timer(0.01, lambda: loop.call_soon_threadsafe(told.set_result, "told")).start()
            return await told

        loop = VirtualTimeLoop(patience=SOON)
        try:
            assert loop.run_until_complete(main(loop.asyncz_clock)) == "told"
        finally:
            loop.close()


class TestSockets:
    def test_what_is_ready_is_served_before_time_jumps(self) -> None:
        async def main(clock: VirtualClock) -> None:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                reader, writer = await asyncio.open_connection(sock=ours)
                reply = asyncio.ensure_future(asyncio.wait_for(reader.readline(), 5))
                await asyncio.sleep(0)
                theirs.sendall(b"hello\n")
                assert await reply == b"hello\n"
                assert clock.monotonic() == 0.0
                writer.close()
                await writer.wait_closed()

        run(main)

    @pytest.mark.realtime
    def test_a_socket_is_waited_for_when_there_is_no_timer(self) -> None:
        async def main(clock: VirtualClock) -> bytes:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                reader, writer = await asyncio.open_connection(sock=ours)
                threading.Timer(0.05, theirs.sendall, [b"hello\n"]).start()
                line = await reader.readline()
                writer.close()
                await writer.wait_closed()
                return line

        loop = VirtualTimeLoop(patience=0)
        try:
            assert loop.run_until_complete(main(loop.asyncz_clock)) == b"hello\n"
        finally:
            loop.close()

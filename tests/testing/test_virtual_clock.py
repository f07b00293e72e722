from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncz.clock import SYSTEM_CLOCK, Clock
from asyncz.testing import VirtualClock

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)

#: More real seconds than any of these tests may take: a hang is a failure, not a pause.
SOON = 30.0


class TestVirtualClock:
    def test_it_is_a_clock_that_stands_still_until_it_is_moved(self) -> None:
        clock = VirtualClock()
        assert isinstance(clock, Clock)
        assert clock.virtual
        assert not SYSTEM_CLOCK.virtual
        assert (clock.now(), clock.monotonic()) == (START, 0.0) == (clock.now(), clock.monotonic())

    @pytest.mark.parametrize(
        "start",
        [
            "2024-03-10T08:30:00Z",
            "2024-03-10T08:30:00+00:00",
            "2024-03-10 09:30+01:00",
            "2024-03-10T08:30",
            datetime.datetime(2024, 3, 10, 8, 30),
            datetime.datetime(2024, 3, 10, 3, 30, tzinfo=datetime.timezone(-5 * HOUR)),
        ],
    )
    def test_a_start_is_an_instant_and_is_shown_in_utc(self, start: Any) -> None:
        now = VirtualClock(start).now()
        assert now == datetime.datetime(2024, 3, 10, 8, 30, tzinfo=UTC)
        assert now.tzinfo is UTC

    def test_a_start_that_is_no_instant_is_refused_with_what_came(self) -> None:
        with pytest.raises(ValueError, match="Expected an instant in ISO 8601, got 'tomorrow'"):
            VirtualClock("tomorrow")
        with pytest.raises(ValueError, match="got '2023-02-29'"):
            VirtualClock("2023-02-29")
        with pytest.raises(TypeError, match="Expected a datetime or ISO 8601 text, got 5 instead"):
            VirtualClock(5)

    def test_time_passes_on_both_clocks(self) -> None:
        clock = VirtualClock()
        clock.advance(0.5)
        clock.advance(HOUR)
        clock.advance(days=1, minutes=2)
        assert clock.monotonic() == 86_400 + 3600 + 120 + 0.5
        assert clock.now() == START + datetime.timedelta(seconds=clock.monotonic())
        clock.move_to("2024-02-01")
        assert clock.now() == datetime.datetime(2024, 2, 1, tzinfo=UTC)
        assert clock.monotonic() == 31 * 86_400

    def test_time_never_goes_back(self) -> None:
        clock = VirtualClock()
        with pytest.raises(ValueError, match=r"Time cannot pass by -1\.0 s; step\(\)"):
            clock.advance(-1)
        with pytest.raises(ValueError, match="Time cannot pass by"):
            clock.move_to("2023-12-31")
        assert (clock.now(), clock.monotonic()) == (START, 0.0)

    def test_a_step_moves_the_wall_clock_alone(self) -> None:
        clock = VirtualClock()
        clock.advance(10)
        clock.step(hours=-2)
        assert (clock.now(), clock.monotonic()) == (START + datetime.timedelta(seconds=10) - 2 * HOUR, 10.0)
        clock.step(datetime.timedelta(hours=3))
        clock.advance(1)
        assert (clock.now(), clock.monotonic()) == (START + datetime.timedelta(seconds=11) + HOUR, 11.0)

    def test_it_ends_before_floats_lose_microseconds(self) -> None:
        clock = VirtualClock()
        clock.advance(days=365 * 136)
        with pytest.raises(OverflowError, match="runs for 136 years"):
            clock.advance(days=365)
        assert clock.monotonic() + 1e-6 > clock.monotonic()

    @given(st.lists(st.integers(0, 10**12), max_size=20))
    def test_microseconds_are_never_lost(self, amounts: list[int]) -> None:
        clock = VirtualClock()
        for amount in amounts:
            clock.advance(datetime.timedelta(microseconds=amount))
        assert clock.now() - START == datetime.timedelta(microseconds=sum(amounts))
        assert round(clock.monotonic() * 1e6) == sum(amounts)

    def test_its_repr_tells_the_time(self) -> None:
        assert repr(VirtualClock()) == "<VirtualClock at 2024-01-01T00:00:00+00:00>"


class TestHolds:
    def test_holds_are_counted(self) -> None:
        clock = VirtualClock()
        clock.hold()
        with clock.held():
            assert clock.is_held
        assert clock.is_held
        assert not clock.wait_released(timeout=0)
        clock.release()
        assert not clock.is_held
        assert clock.wait_released(timeout=0)

    def test_a_release_too_many_is_an_error(self) -> None:
        with pytest.raises(RuntimeError, match="more often than hold"):
            VirtualClock().release()

    def test_a_block_that_fails_releases_the_clock(self) -> None:
        clock = VirtualClock()
        with pytest.raises(KeyError), clock.held():
            raise KeyError
        assert not clock.is_held

    def test_waiting_ends_with_the_last_release(self) -> None:
        clock = VirtualClock()
        clock.hold()
        thread = threading.Thread(target=clock.release)
        thread.start()
        assert clock.wait_released(timeout=SOON)
        thread.join()

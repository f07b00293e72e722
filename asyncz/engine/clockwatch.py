"""Whether the wall clock was set back while nobody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

__all__ = ("ClockWatch",)

#: Seconds by which clocks are corrected every day; a step that is not longer is waited out.
TOLERANCE = 60.0


class ClockWatch:
    """Compares the wall clock with one that never goes back."""

    def __init__(self) -> None:
        self._last: tuple[datetime.datetime, float] | None = None

    def forget(self) -> None:
        """Begin anew: whatever the clock did until now is not to be noticed."""
        self._last = None

    def steps_back(self, now: datetime.datetime, monotonic: float) -> float:
        """Return by how many seconds the clock was set back since the last call; 0 when it was not, or not by much."""
        last, self._last = self._last, (now, monotonic)
        if last is None:
            return 0
        missing = max(0.0, monotonic - last[1]) - (now - last[0]).total_seconds()
        return missing if missing > TOLERANCE else 0

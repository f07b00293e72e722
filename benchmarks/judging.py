"""What was measured, and how it is held against a target."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the results: the medians of all peers, and the target with what was reached."""

    subject: str
    what: str
    unit: str
    medians: Mapping[str, float]
    spread: float
    target: str = ""
    got: str = ""
    is_met: bool | None = None

    def at_most(self, limit: float, target: str) -> Row:
        """Expect our own value to be at most ``limit``."""
        ours = self.medians.get("ours")
        if ours is None:
            return self
        return self._replace(target=target, got=quantity(ours, self.unit), is_met=ours <= limit)

    def at_least(self, limit: float, target: str) -> Row:
        """Expect our own value to be at least ``limit``."""
        ours = self.medians.get("ours")
        if ours is None:
            return self
        return self._replace(target=target, got=quantity(ours, self.unit), is_met=ours >= limit)

    def times(self, peers: Iterable[str], factor: float = 1.0) -> Row:
        """Expect every one of ``peers`` to need at least ``factor`` times what we need."""
        known = {peer: self.medians[peer] for peer in peers if peer in self.medians}
        if not known or "ours" not in self.medians:
            return self
        best = min(known, key=known.__getitem__)
        ratio = known[best] / self.medians["ours"] if self.medians["ours"] else float("inf")
        target = f"{best} ≥ {factor:g}x" if factor != 1 else f"≤ {best}"
        return self._replace(target=target, got=f"{ratio:.2f}x", is_met=ratio >= factor)

    def also(self, other: Row) -> Row:
        """Expect what ``other`` expects, too."""
        if self.is_met is None or other.is_met is None:
            return self if other.is_met is None else other
        return self._replace(
            target=f"{self.target}; {other.target}",
            got=f"{self.got}; {other.got}",
            is_met=self.is_met and other.is_met,
        )


class Samples:
    """The values of one subject: for each peer and measure, one a round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = {}

    def add(self, peer: str, values: Mapping[str, float]) -> None:
        """Keep the values of one round."""
        for measure, value in values.items():
            self.values.setdefault(peer, {}).setdefault(measure, []).append(value)

    def median(self, peer: str, measure: str) -> float | None:
        """Return the median over the rounds, None where there is no such value."""
        found = self.values.get(peer, {}).get(measure)
        return statistics.median(found) if found else None

    def row(self, subject: str, what: str, measure: str, unit: str = "s") -> Row:
        """Return the line of one measure, with nothing expected of it yet."""
        medians = {peer: statistics.median(kept[measure]) for peer, kept in self.values.items() if measure in kept}
        return Row(subject, what, unit, medians, _spread(self.values.get("ours", {}).get(measure, ())))


def _spread(values: Iterable[float]) -> float:
    """Return how far the values of the rounds are apart, as a part of their median."""
    kept = list(values)
    middle = statistics.median(kept) if kept else 0.0
    return (max(kept) - min(kept)) / abs(middle) if middle else 0.0


def quantity(value: float, unit: str) -> str:
    """Return a value as it is read best: seconds in ns, µs or ms where they are small."""
    if unit == "%":
        return f"{value * 100:.3g} %"
    if unit == "B":
        return f"{value:.0f} B"
    if unit == "x":
        return f"{value:.2f}x"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(value) * factor >= 1:
            return f"{value * factor:.3g} {name}" if abs(value) * factor < 1000 else f"{value * factor:.0f} {name}"
    return f"{value * 1e9:.0f} ns"

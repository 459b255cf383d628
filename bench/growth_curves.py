"""Curves over the number of collectivities: their points, what they may be, and where they lead beyond them."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol

#: How much a flat curve may rise, and a straight one bend.
MAX_RISE, MAX_BEND = 1.2, 1.5
#: Numbers of collectivities to which the last slope is prolonged.
BEYOND = (10_000, 35_000)


class Curve(Protocol):
    """A curve of either kind."""

    def figures(self) -> dict[str, Any]:
        """Return everything."""

    def line(self) -> str:
        """Return the points in one line."""

    def failures(self) -> list[str]:
        """Return a sentence for each way in which the curve is not what it must be."""


@dataclass(frozen=True)
class FlatCurve:
    """What must take the same time: the seconds among few collectivities and among many, in turn, by their number."""

    name: str
    few: int
    points: tuple[tuple[int, float, float], ...]
    #: Seconds at most.
    limit: float | None = None

    def figures(self) -> dict[str, Any]:
        """Return everything, with the ratios."""
        return {**asdict(self), "rises": [round(many_s / few_s, 2) for _, few_s, many_s in self.points]}

    def line(self) -> str:
        """Return the seconds among few, and the ratio at each number."""
        rises = "  ".join(f"{count}: x {many_s / few_s:.2f}" for count, few_s, many_s in self.points)
        return f"{self.name:<26} {self.few}: {_format(self.points[-1][1], 's')}  {rises}"

    def failures(self) -> list[str]:
        """Return a sentence where it rises, or takes too long."""
        count, few_s, many_s = self.points[-1]
        found = []
        if many_s > MAX_RISE * few_s:
            found.append(f"{self.name}: {many_s / few_s:.2f} times as much at {count}, {MAX_RISE} at most")
        if self.limit is not None and many_s > self.limit:
            found.append(f"{self.name}: {_format(many_s, 's')} at {count}, {_format(self.limit, 's')} at most")
        return found


@dataclass(frozen=True)
class StraightCurve:
    """What takes so much for each collectivity more, in seconds or in `unit`."""

    name: str
    points: tuple[tuple[int, float], ...]
    #: At most, at 2,000; in proportion elsewhere.
    limit: float | None = None
    unit: str = "s"
    #: Whether it may not bend; the curves of others' programs are only shown.
    is_held: bool = True

    @property
    def slopes(self) -> list[float]:
        """What each collectivity more takes, between one point and the next."""
        return [(after - before) / (more - fewer) for (fewer, before), (more, after) in pairwise(self.points)]

    def figures(self) -> dict[str, Any]:
        """Return everything, with the slopes."""
        return {**asdict(self), "slopes": self.slopes}

    def line(self) -> str:
        """Return the points, the slopes, and the prolongation of the last."""
        count, value = self.points[-1]
        points = "  ".join(f"{number}: {_format(one, self.unit)}" for number, one in self.points)
        slopes = " then ".join(_format(slope, self.unit) for slope in self.slopes)
        beyond = ", ".join(f"{more}: {_format(value + (more - count) * self.slopes[-1], self.unit)}" for more in BEYOND)
        return f"{self.name:<26} {points}  each more: {slopes}  (would be {beyond})"

    def failures(self) -> list[str]:
        """Return a sentence where it bends upwards, or takes too much."""
        found: list[str] = []
        if not self.is_held:
            return found
        count, value = self.points[-1]
        if len(self.slopes) > 1 and self.slopes[-1] > MAX_BEND * max(0, self.slopes[0]):
            first, last = (_format(slope, self.unit) for slope in (self.slopes[0], self.slopes[-1]))
            found.append(f"{self.name}: {first} for each collectivity more at first, {last} at last")
        # Half of what is allowed does not depend on the number.
        if self.limit is not None and value > (allowed := self.limit * (0.5 + 0.5 * count / 2000)):
            found.append(f"{self.name}: {_format(value, self.unit)}, {_format(allowed, self.unit)} at most")
        return found


def _format(value: float, unit: str) -> str:
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:,.4g} {unit}"

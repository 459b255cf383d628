"""Timing contenders in turn, and the memory of one."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.scratch import ROOT, url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


_COLUMNS = ("ours_s", "floor_s", "peer_s", "ratio_to_floor", "speedup_over_peer", "peak_mb")


@dataclass(frozen=True)
class Measure:
    """One measure's figures, in seconds. `floor` and `peer` say in a few words what they are."""

    name: str
    ours_s: float
    floor_s: float
    peer_s: float | None
    peak_mb: float
    floor: str
    peer: str
    #: What PostgreSQL does for ours, each question with its plan; and what it must not do, and does.
    plans: tuple[str, ...] = field(default=(), kw_only=True)
    whole_reads: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def ratio_to_floor(self) -> float:
        """How many times the least that is needed."""
        return self.ours_s / self.floor_s

    @property
    def speedup_over_peer(self) -> float | None:
        """How many times quicker than how it is usually done; None where there is no peer."""
        return None if self.peer_s is None else self.peer_s / self.ours_s

    def figures(self) -> dict[str, Any]:
        """Return everything, rounded to what a measure is worth."""
        speedup = self.speedup_over_peer
        return {
            **asdict(self),
            "ours_s": _round(self.ours_s),
            "floor_s": _round(self.floor_s),
            "peer_s": None if self.peer_s is None else _round(self.peer_s),
            "ratio_to_floor": round(self.ratio_to_floor, 2),
            "speedup_over_peer": None if speedup is None else round(speedup, 2),
            "peak_mb": round(self.peak_mb, 1),
        }

    def line(self) -> str:
        """Return the figures in one line, and below it the plans where there are any."""
        figures = self.figures()
        told = f"name={self.name}  " + "  ".join(
            f"{column}={'-' if figures[column] is None else figures[column]}" for column in _COLUMNS
        )
        return "\n".join([told, *(f"  {line}" for plan in self.plans for line in plan.splitlines())])

    def failures(self) -> list[str]:
        """Return what is read whole; what a time must reach is judged by who reads it, where it was taken."""
        return list(self.whole_reads)


@dataclass(frozen=True)
class Measures:
    """Several figures of one world, which takes longer to make than to measure."""

    name: str
    parts: tuple[Measure, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return {"name": self.name, "parts": [part.figures() for part in self.parts]}

    def line(self) -> str:
        """Return a line a figure, each with its plans."""
        return "\n".join(part.line() for part in self.parts)

    def failures(self) -> list[str]:
        """Return what any of them does not reach."""
        return [f"{part.name}: {failure}" for part in self.parts for failure in part.failures()]


@dataclass(frozen=True)
class Contender:
    """Something to time, and what must be done before each time, untimed."""

    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


def in_turn(
    contenders: Mapping[str, Contender], *, rounds: int = 5, order: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round: A B C, A B C, and so on, or in the `order` told.

    In an order, one may come oftener than another: what is short beside what is long is so timed as often in good
    moments of the machine as in bad ones.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    # What stands before the first round stays to the last: to look through it again each time would take minutes.
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name in order or contenders:
            contenders[name].before()
            gc.collect()
            start = time.perf_counter()
            contenders[name].run()
            times[name].append(time.perf_counter() - start)
    gc.unfreeze()
    return times


def medians_in_turn(
    contenders: Mapping[str, Contender], *, rounds: int = 5, order: Sequence[str] = ()
) -> dict[str, float]:
    """Return the median seconds of each contender."""
    times = in_turn(contenders, rounds=rounds, order=order)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time that `share` of the times do not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def peak_of_command(*arguments: str) -> float:
    """Run `manage.py` with the arguments on the scratch database, in a process of its own; return its peak in MB.

    Raises `CalledProcessError` where the command fails.
    """
    return peak_of_code(
        f"from django.core.management import call_command\ncall_command(*{arguments!r}, stdout=open(os.devnull, 'w'))"
    )


def peak_of_code(code: str) -> float:
    """Run Python code, Django set up on the scratch database, in a process of its own; return its peak in MB."""
    environment = os.environ | {
        "DATABASE_URL": url(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    program = f"import os, django\ndjango.setup()\n{code}\nfrom bench.measure import own_peak\nprint(own_peak())"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def own_peak() -> float:
    """Return in MB the most memory that this process has held.

    Not `getrusage`, where the kernel tells it: a child's `ru_maxrss` begins with its parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _round(seconds: float) -> float:
    return float(f"{seconds:.4g}")

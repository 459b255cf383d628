"""Interleaved timing of contenders, and peak memory."""

import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from bench.scratch_database import ROOT, url

_COLUMNS = ("ours_s", "floor_s", "peer_s", "ratio_to_floor", "speedup_over_peer", "peak_mb")


@dataclass(frozen=True)
class Measure:
    """One measure's figures, in seconds. `floor` and `peer` describe the contenders."""

    name: str
    ours_s: float
    floor_s: float
    peer_s: float | None
    peak_mb: float
    floor: str
    peer: str
    #: Our queries with their plans; and the forbidden full scans among them.
    plans: tuple[str, ...] = field(default=(), kw_only=True)
    full_scans: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def ratio_to_floor(self) -> float:
        """Our time divided by the floor's."""
        return self.ours_s / self.floor_s

    @property
    def speedup_over_peer(self) -> float | None:
        """The peer's time divided by ours; None without a peer."""
        return None if self.peer_s is None else self.peer_s / self.ours_s

    def figures(self) -> dict[str, Any]:
        """Return everything, rounded to the precision of the measure."""
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
        text = f"name={self.name}  " + "  ".join(
            f"{column}={'-' if figures[column] is None else figures[column]}" for column in _COLUMNS
        )
        return "\n".join([text, *(f"  {line}" for plan in self.plans for line in plan.splitlines())])

    def failures(self) -> list[str]:
        """Return the full scans; timings depend on the machine and are left to the reader."""
        return list(self.full_scans)


@dataclass(frozen=True)
class MeasureGroup:
    """Several measures on one data set, which takes longer to create than to measure."""

    name: str
    parts: tuple[Measure, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return {"name": self.name, "parts": [part.figures() for part in self.parts]}

    def line(self) -> str:
        """Return one line per measure, with its plans."""
        return "\n".join(part.line() for part in self.parts)

    def failures(self) -> list[str]:
        """Return the failures of all parts."""
        return [f"{part.name}: {failure}" for part in self.parts for failure in part.failures()]


@dataclass(frozen=True)
class Contender:
    """A callable to time, and its untimed setup before each run."""

    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


def time_in_turn(
    contenders: Mapping[str, Contender], *, rounds: int = 5, order: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round: A B C, A B C, or in the given `order`.

    An order may repeat a contender: short ones are then timed before, between and after long ones.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    # Freeze existing objects: collecting them before each run would take minutes.
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
    times = time_in_turn(contenders, rounds=rounds, order=order)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def percentile(times: Sequence[float], share: float) -> float:
    """Return the percentile `share` (0 to 1) of the times."""
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
        "OWNER_DATABASE_URL": url(settings.DATABASE_OWNER),
        "READER_DATABASE_URL": url(settings.DATABASE_READER),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    program = f"import os, django\ndjango.setup()\n{code}\nfrom bench.measure import own_peak\nprint(own_peak())"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def own_peak() -> float:
    """Return the peak memory of this process in MB.

    From `/proc` where available: a child's `ru_maxrss` from `getrusage` starts at its parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _round(seconds: float) -> float:
    return float(f"{seconds:.4g}")

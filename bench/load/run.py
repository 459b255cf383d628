"""`python -m bench load`: pages while 100,000 rows are read and applied, beside the same pages while nothing runs.

On a PostgreSQL server of its own, with gunicorn as in docs/deploy.md, one worker and a mail server. Then eight uploads
at once, the imports of two offices at once, and clients that send their requests a byte at a time with no proxy in
front. It fails on a page that is not answered as it should be, and on an import or an upload that is not accepted; how
the 95th percentiles compare is told, as it depends on the machine.
"""

import datetime
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from django.utils import timezone

from bench.chaos.faults import Workers
from bench.load.imports import ImportingOffice
from bench.load.probes import Probes, list_pages
from bench.load.slow_clients import dribbling_clients
from bench.load.world import ROWS, SLUG, UNITS, create_load_world
from bench.mailing import running_sink
from bench.private_server import private_server
from bench.registry import measure
from bench.scratch_database import scratch_database
from bench.uploads import UPLOADS, build_file, upload
from bench.web_server import OfficeServer, running_server

#: The aim: how much longer the 95th percentile of all pages may take beside a large import.
AIM = 1.5
#: What is added to the niceness of the worker: 10 lets everything else on the machine go first.
WORKER_NICE = int(os.environ.get("BENCH_WORKER_NICE", "0"))
#: Seconds of each idle phase, before the work and after it; of the first pages; and after a phase.
_IDLE_S, _WARM_UP_S, _PAUSE_S = 20, 5, 3
#: Idle phases: with an office that has given nothing, and with one that has given to 100,000 schools.
_BEFORE, _AFTER = "idle before", "idle after"


@dataclass(frozen=True)
class LoadMeasure:
    """The 95th percentile by phase and page, in seconds; and how long each phase took."""

    name: str
    p95_s: dict[str, dict[str, float]]
    phases_s: dict[str, float]
    page_failures: tuple[str, ...]
    work_failures: tuple[str, ...]

    def ratio(self, phase: str, page: str) -> float:
        """Return how many times the time of the idle phase before it the page takes in this phase."""
        phases = list(self.p95_s)
        idle = _AFTER if phases.index(phase) > phases.index(_AFTER) else _BEFORE
        return self.p95_s[phase][page] / self.p95_s[idle][page]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return a line a phase: milliseconds of each page, and times the idle figure."""
        lines = [f"name={self.name}  95th percentile in ms (times idle; {AIM:g} is the aim)"]
        for phase, pages in self.p95_s.items():
            shown = "  ".join(
                f"{page}={1000 * seconds:.0f} ({self.ratio(phase, page):.1f})" for page, seconds in pages.items()
            )
            lines.append(f"  {phase}, {self.phases_s[phase]:.0f} s: {shown}")
        return "\n".join(lines)

    def failures(self) -> list[str]:
        """Return the pages, imports and uploads that failed."""
        return [*self.page_failures[:20], *self.work_failures]


class _Run:
    """The phases, one after another."""

    def __init__(self, probes: Probes) -> None:
        self.probes = probes
        #: How long each phase took.
        self.seconds: dict[str, float] = {}
        self.failures: list[str] = []

    def phase(self, name: str, *works: Callable[[], str]) -> None:
        """Do the works at once, and note the pages meanwhile. A work returns why it failed."""
        begun = time.perf_counter()
        with self.probes.during(name), ThreadPoolExecutor(len(works)) as threads:
            ended = [running.result() for running in [threads.submit(work) for work in works]]
        self.seconds[name] = time.perf_counter() - begun
        self.failures += [f"{name}: {reason}" for reason in ended if reason]
        time.sleep(_PAUSE_S)


@measure("load", own_server=True)
def load() -> LoadMeasure:
    """Ask for pages in all phases."""
    with private_server(), scratch_database(), running_sink() as smtp_port:
        world = create_load_world()
        variables = {"SMTP_PORT": str(smtp_port), "LOG_LEVEL": "ERROR"}
        with Workers(1, WORKER_NICE, **variables), running_server(SLUG, world.office.token, **variables) as web:
            # The letters stay until the day after: this measures imports.
            later = timezone.localdate() + datetime.timedelta(days=2)
            ours, neighbour = (
                ImportingOffice(web.port, office, send_on=later) for office in (world.office, world.neighbour)
            )
            with Probes(web.port, list_pages(world)) as probes:
                run = _Run(probes)
                time.sleep(_WARM_UP_S)
                run.phase(_BEFORE, partial(_wait, _IDLE_S))
                run.phase("read 100,000 rows", partial(ours.read, world.schools[:ROWS], UNITS))
                run.phase("apply 100,000 rows", ours.apply)
                run.phase(_AFTER, partial(_wait, _IDLE_S))
                content = build_file()
                run.phase("eight uploads", *[partial(_upload, web, content)] * UPLOADS)
                rows = world.schools[ROWS:]
                run.phase("two imports", *(partial(office.read_and_apply, rows, UNITS) for office in (ours, neighbour)))
                with dribbling_clients(web.port):
                    run.phase("slow clients", partial(_wait, _IDLE_S))
    return LoadMeasure(
        name="load",
        p95_s={name: probes.p95(name) for name in run.seconds},
        phases_s=run.seconds,
        page_failures=tuple(probes.failures),
        work_failures=tuple(run.failures),
    )


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _upload(web: OfficeServer, content: bytes) -> str:
    status = upload(web, content)
    return "" if status == 201 else f"an upload was answered {status}"  # noqa: PLR2004 - HTTP's own

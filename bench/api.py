"""The API under load, through gunicorn: ten thousand allocations in one request, and two hundred requests at once.

A measure fails where a bound of issue 6 is missed.
"""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from threading import Barrier
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench import pools
from bench.measure import Contender, Measure, medians_in_turn, percentile
from bench.office_data import create_token
from bench.raw_copy import dump_rows, restore_rows
from bench.registry import measure
from bench.web_server import OfficeServer, running_server
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from schools.models import School
from tenants.models import Collectivity

#: Bounds for ten thousand allocations in one request.
MAX_SECONDS, MAX_MEGABYTES, MAX_QUERIES, MAX_RATIO = 3.0, 300.0, 45, 2.0
#: The peer is slow: it makes this many requests, and its time is scaled to ten thousand.
SINGLY = 200
#: Concurrent requests, each for two of as many licences; and the longest wait allowed, in seconds.
AT_ONCE, MAX_WAIT = 200, 10.0
_SLUG = "nimes"


@dataclass(frozen=True)
class BulkRequestMeasure(Measure):
    """The figures of one large request, and its number of queries."""

    queries: int

    def line(self) -> str:
        """Return the figures, with the number of queries first."""
        return super().line().replace("  ", f"  queries={self.queries}  ", 1)

    def failures(self) -> list[str]:
        """Return each missed bound."""
        return [
            f"{what}: {value:.4g}, {limit:g} at most"
            for what, value, limit in (
                ("seconds", self.ours_s, MAX_SECONDS),
                ("MB of a server process", self.peak_mb, MAX_MEGABYTES),
                ("queries", self.queries, MAX_QUERIES),
                ("times the floor", self.ours_s / self.floor_s, MAX_RATIO),
            )
            if value > limit
        ]


@measure("api_allocations")
def api_allocations() -> BulkRequestMeasure:
    """Allocate to 10,000 schools in one request, against as many requests and against a bare COPY of the rows."""
    pools.create_office()
    token, pool = create_access()
    rows = [{"school": uai, "units": 3} for uai in School.objects.order_by("pk").values_list("uai", flat=True)]
    body = json.dumps({"pool": pool, "mode": "all_or_nothing", "allocations": rows}).encode()
    with tenant_context(Collectivity.objects.get()), running_server(_SLUG, token) as server:
        queries = _queries(token, body)
        written = dump_rows(pools.WRITTEN_TABLES)
        times = medians_in_turn(
            {
                "ours": Contender(lambda: _bulk(server, body), before=pools.delete_allocations),
                "floor": Contender(lambda: restore_rows(written), before=pools.delete_allocations),
                "peer": Contender(lambda: _singly(server, pool, rows[:SINGLY]), before=pools.delete_allocations),
            },
            rounds=5,
        )
        peak = server.peak()
    return BulkRequestMeasure(
        name="api_allocations",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"] * len(rows) / SINGLY,
        peak_mb=peak,
        floor="COPY of the same rows (keys, allocations, journal, outbox, events) into the same constrained tables",
        peer=f"an allocation a request, one after another, {SINGLY} of them, their time scaled to {len(rows)}",
        queries=queries,
    )


def create_access() -> tuple[str, int]:
    """Return a token of the only office, and its latest pool's id."""
    with tenant_context(Collectivity.objects.get()):
        return create_token(), Pool.objects.latest("pk").pk


def _queries(token: str, body: bytes) -> int:
    """Send the request once in this process; return its number of queries."""
    program = Client(HTTP_HOST=f"{_SLUG}.{settings.BASE_DOMAIN}", headers={"Authorization": f"Bearer {token}"})
    with CaptureQueriesContext(connection) as asked:
        answer = program.post(
            "/api/v1/allocations/bulk",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
    _check(answer.status_code, 200, answer.content)
    return len(asked)


def _bulk(server: OfficeServer, body: bytes) -> None:
    answer = server.post("/allocations/bulk", body, key=str(uuid.uuid4()))
    _check(answer.status, 200, answer.content)


def _singly(server: OfficeServer, pool: int, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        answer = server.post("/allocations", json.dumps({"pool": pool} | row).encode(), key=str(uuid.uuid4()))
        _check(answer.status, 201, answer.content)


def _check(status: int, expected: int, content: bytes) -> None:
    if status != expected:
        raise RuntimeError(f"{status}: {content[:500]!r}")


@dataclass(frozen=True)
class ConcurrencyMeasure:
    """The outcome of many concurrent requests, and their waiting times."""

    name: str
    asked: int
    held: int
    given: int
    statuses: dict[int, int]
    median_s: float
    p95_s: float
    longest_s: float
    bound_s: float = MAX_WAIT

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return the figures in one line."""
        return "  ".join(f"{name}={value}" for name, value in self.figures().items())

    def failures(self) -> list[str]:
        """Return over- or under-allocation, server errors, and too long a wait."""
        found = [] if self.given == self.held else [f"{self.given} licences given of {self.held}"]
        found += [f"{count} answers of status {status}" for status, count in self.statuses.items() if status >= 500]  # noqa: PLR2004 - HTTP's own division
        if self.longest_s > self.bound_s:
            found.append(f"the longest wait took {self.longest_s} s, {self.bound_s:g} at most")
        return found


@measure("api_crowd")
def api_crowd() -> ConcurrencyMeasure:
    """Two hundred concurrent requests that together ask for twice what the pool holds."""
    pools.create_office()
    office = Collectivity.objects.get()
    orders.grant(collectivity=office, licences=AT_ONCE, reason="Mesure", by=None, at=timezone.now())
    token, pool = create_access()
    schools = School.objects.order_by("pk").values_list("uai", flat=True)[:AT_ONCE]
    bodies = [json.dumps({"pool": pool, "school": uai, "units": 2}).encode() for uai in schools]
    start = Barrier(AT_ONCE)
    with running_server(_SLUG, token) as server, ThreadPoolExecutor(AT_ONCE) as threads:

        def ask(body: bytes) -> tuple[int, float]:
            start.wait()
            begun = perf_counter()
            answer = server.post("/allocations", body, key=str(uuid.uuid4()))
            return answer.status, perf_counter() - begun

        answers = list(threads.map(ask, bodies))
    waits = [wait for _, wait in answers]
    with tenant_context(office):
        given = Pool.objects.get(pk=pool).allocated
        stored = sum(Allocation.objects.filter(pool=pool).values_list("units", flat=True))
    if given != stored:
        raise RuntimeError(f"The pool says {given}, its allocations {stored}.")
    return ConcurrencyMeasure(
        name="api_crowd",
        asked=2 * AT_ONCE,
        held=AT_ONCE,
        given=given,
        statuses=dict(Counter(status for status, _ in answers)),
        median_s=round(percentile(waits, 0.5), 3),
        p95_s=round(percentile(waits, 0.95), 3),
        longest_s=round(max(waits), 3),
    )

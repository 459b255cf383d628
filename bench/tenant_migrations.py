"""A migration of one column in the schemas of 200, 1,000 and 2,000 collectivities."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor
from django_tenants.utils import schema_context

from bench.added_migrations import added_migrations
from bench.registry import measure
from bench.scratch_database import as_owner, url
from bench.tenants import COUNT, provision_numbered
from core.connections import connection
from tenants import schema_migrations
from tenants.models import Collectivity

#: Numbers of collectivities after which a column is added.
SIZES = (*(size for size in (200, 1000) if size < COUNT), COUNT)
#: How many schemas Django's own executor migrates of them.
SAMPLE = 5
#: Seconds for 2,000 schemas.
MAX_S_OF_2000 = 60

_COLUMN = "ALTER TABLE {}.imports_spreadsheetimport ADD COLUMN {} varchar(9) DEFAULT '' NOT NULL"


@dataclass(frozen=True)
class MigrationTimes:
    """Seconds for a number of schemas; `peer_s`: a sample of `SAMPLE`, scaled."""

    schemas: int
    #: In the schemas of collectivities; and in all, with the public one, the snapshot and the privileges.
    ours_s: float
    command_s: float
    floor_s: float
    peer_s: float

    def line(self) -> str:
        """Return the figures in one line, and those of one schema in milliseconds."""
        each = "  ".join(
            f"{name}={seconds:.4g}s ({seconds / self.schemas * 1000:.1f} ms a schema)"
            for name, seconds in (("ours", self.ours_s), ("floor", self.floor_s), ("peer", self.peer_s))
        )
        return f"schemas={self.schemas}  {each}  command={self.command_s:.4g}s"


@dataclass(frozen=True)
class MigrationMeasure:
    """The times at each number of schemas."""

    name: str
    times: tuple[MigrationTimes, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return a line for each number of schemas, and what each schema more took."""
        lines = [f"name={self.name}  {one.line()}" for one in self.times]
        lines += [
            f"  from {fewer} to {more} schemas: {slope * 1000:.1f} ms for each" for fewer, more, slope in self.slopes()
        ]
        return "\n".join(lines)

    def slopes(self) -> list[tuple[int, int, float]]:
        """Return, from each number of schemas to the next, the seconds for each schema more."""
        return [
            (fewer.schemas, more.schemas, (more.ours_s - fewer.ours_s) / (more.schemas - fewer.schemas))
            for fewer, more in pairwise(self.times)
        ]

    def failures(self) -> list[str]:
        """Return a sentence where the last took too long for its number of schemas."""
        last = self.times[-1]
        # Half of it for the public schema, the first office and the snapshot, which do not depend on the number.
        allowed = MAX_S_OF_2000 * (0.5 + 0.5 * last.schemas / 2000)
        return [f"{last.command_s:.1f} s, more than {allowed:.1f} s"] if last.command_s > allowed else []


@measure("migrate_one_column")
def migrate_one_column() -> MigrationMeasure:
    """`migrate_schemas` with one new column, snapshot and privileges included; 60 s at most for 2,000 schemas.

    Floor: the same ALTER TABLE by psycopg in one connection, a transaction each. Peer: Django's executor a schema.
    """
    times = []
    opened = 0
    with added_migrations("imports") as added:
        for size in SIZES:
            for number in range(opened, size):
                provision_numbered(number)
            opened = size
            connection.set_schema_to_public()
            schemas = list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))
            added.add_column("spreadsheetimport", f"column_{size}")
            with as_owner():
                # The first two leave the migration to be done.
                floor_s = _time_floor(schemas, f"floor_{size}")
                peer_s = _time_peer(schemas) * size
                ours_s, command_s = time_migration()
            times.append(MigrationTimes(size, ours_s, command_s, floor_s, peer_s))
    return MigrationMeasure("migrate_one_column", tuple(times))


def time_migration() -> tuple[float, float]:
    """Migrate as the owner; return the seconds for the schemas of collectivities, and for the whole command."""
    ours_s = _time(schema_migrations.migrate_collectivities)
    return ours_s, ours_s + _time(lambda: call_command("migrate_schemas", verbosity=0))


def _time(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _time_floor(schemas: list[str], column: str) -> float:
    with psycopg.connect(url(settings.DATABASE_OWNER), autocommit=True) as owner:
        start = time.perf_counter()
        for schema in schemas:
            owner.execute(_COLUMN.format(schema, column))
        return time.perf_counter() - start


def _time_peer(schemas: list[str]) -> float:
    """Return the seconds that Django's executor takes for one schema; nothing of it stays."""
    start = time.perf_counter()
    for schema in schemas[:: max(1, len(schemas) // SAMPLE)][:SAMPLE]:
        with schema_context(schema), transaction.atomic():
            executor = MigrationExecutor(connection)
            executor.migrate(executor.loader.graph.leaf_nodes())
            transaction.set_rollback(True)
    return (time.perf_counter() - start) / SAMPLE

"""`make upgrade-check`: migrate two hundred collectivities while they are used by the version before.

Gifts, imports, redemptions and claims go on through the API and the pages, and a worker sends, while `migrate_schemas`
adds a column to the table of all keys, and a column and an index to a table of every collectivity. It fails on an
answer that is neither success nor refusal, on anything acknowledged that is lost or doubled, on a rule that `audit`
finds broken, and on a schema that lacks what was added.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django_tenants.utils import tenant_context

from bench.added_migrations import added_migrations
from bench.chaos import actors, verdict
from bench.chaos.client import Api, Web
from bench.chaos.faults import Workers
from bench.chaos.ledger import Ledger
from bench.chaos.outside import misbehaving
from bench.chaos.verdict import ChaosVerdict
from bench.chaos.world import SLUG, create_world, in_turn
from bench.private_server import private_server
from bench.registry import measure
from bench.scratch_database import as_owner, scratch_database
from bench.tenants import provision_numbered
from bench.web_server import running_server
from core.connections import connection
from tenants.models import Collectivity

#: Collectivities besides the one that works.
OTHERS = int(os.environ.get("BENCH_COLLECTIVITIES", "200")) - 1
#: Seconds of work before, between and after the migrations.
PAUSE_S = 6.0
_GIVERS, _IMPORTERS, _REDEEMERS, _WORKERS = 3, 2, 2, 1
_KINDS = ("gifts", "imports", "redemptions", "claims")
_COLUMN, _INDEX = "added_later", "imports_added_later"


@dataclass(frozen=True)
class UpgradeMeasure:
    """What was done meanwhile, how long each migration took, and what is wrong."""

    name: str
    collectivities: int
    migrations_s: dict[str, float]
    acknowledged: dict[str, int]
    #: By status, and the slowest in seconds, before and during the migrations.
    answers: dict[str, int]
    slowest_before_s: float
    slowest_during_s: float
    verdict: ChaosVerdict
    complaints: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return the figures in a few lines."""
        times = "  ".join(f"{what}: {seconds:.1f} s" for what, seconds in self.migrations_s.items())
        kinds = "  ".join(f"{kind}={count}" for kind, count in sorted(self.acknowledged.items()))
        return (
            f"name={self.name}  collectivities={self.collectivities}  {times}\n"
            f"  acknowledged: {kinds}  answers={self.answers}\n"
            f"  slowest answer: {self.slowest_before_s:.2f} s before, {self.slowest_during_s:.2f} s meanwhile\n"
            f"  lost={len(self.verdict.lost)}  doubled={len(self.verdict.doubled)}  stuck={len(self.verdict.stuck)}  "
            f"rules broken={len(self.verdict.audit)}"
        )

    def failures(self) -> list[str]:
        """Return whatever the upgrade disturbed; and a run in which nothing was done."""
        idle = [f"no {kind}" for kind in _KINDS if not self.acknowledged.get(kind)]
        failed = [
            f"{count} answers with status {status}" for status, count in self.answers.items() if status[0] in "05"
        ]
        return [*self.verdict.failures(), *self.complaints, *failed, *idle]


@measure("upgrade", own_server=True)
def upgrade() -> UpgradeMeasure:
    """Work, migrate meanwhile, and compare."""
    ledger, stop = Ledger(), threading.Event()
    with private_server(), scratch_database(), misbehaving() as outside:
        world = create_world(outside.receiver.url)
        for number in range(OTHERS):
            provision_numbered(number)
        connection.set_schema_to_public()
        variables = {"SMTP_PORT": str(outside.sink.port), "WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8"}
        with (
            Workers(_WORKERS, **variables),
            running_server(SLUG, world.token, **variables) as web,
            added_migrations("imports") as of_offices,
            added_migrations("entitlements") as of_keys,
        ):
            api = Api(Web(web.port, web.host, ledger), world.token)
            scene = actors.Scene(
                api, Web(web.port, settings.BASE_DOMAIN, ledger), ledger, world.pool, iter(world.schools), stop
            )
            works: list[Callable[[], object]] = [
                *[lambda: actors.give_and_take_back(scene)] * _GIVERS,
                *[lambda: actors.import_and_undo(scene)] * _IMPORTERS,
                *[lambda keys=keys: actors.redeem_and_claim(scene, keys) for keys in in_turn(world.keys, _REDEEMERS)],
            ]
            additions: dict[str, Callable[[], object]] = {
                "a column of all keys": lambda: of_keys.add_column("activationkey", _COLUMN),
                "a column of each collectivity": lambda: of_offices.add_column("spreadsheetimport", _COLUMN),
                "an index of each collectivity": lambda: of_offices.add_index("spreadsheetimport", "filename", _INDEX),
            }
            times = {}
            with ThreadPoolExecutor(len(works)) as threads, ExitStack() as at_end:
                at_end.callback(stop.set)
                running = [threads.submit(work) for work in works]
                time.sleep(2 * PAUSE_S)
                before = ledger.take_slowest()
                for what, add in additions.items():
                    add()
                    start = time.perf_counter()
                    with as_owner():
                        call_command("migrate_schemas", verbosity=0)
                    times[what] = time.perf_counter() - start
                    time.sleep(PAUSE_S)
            for work in running:
                work.result()
            with tenant_context(world.office):
                stuck = verdict.settle()
            lacking = _find_lacking()
        with closing(connection):
            judged = verdict.judge(world.office, ledger, outside, stuck=stuck)
    return UpgradeMeasure(
        name="upgrade",
        collectivities=OTHERS + 1,
        migrations_s=times,
        acknowledged=dict(ledger.acknowledged),
        answers=dict(sorted(ledger.answers.items())),
        slowest_before_s=before,
        slowest_during_s=ledger.take_slowest(),
        verdict=judged,
        complaints=(*lacking, *ledger.complaints[:20]),
    )


def _find_lacking() -> list[str]:
    """Return a sentence where a schema lacks what the migrations add."""
    count = Collectivity.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_attribute WHERE attname = %(column)s AND attrelid::regclass::text LIKE"
            " '%%imports_spreadsheetimport'), (SELECT count(*) FROM pg_index WHERE indisvalid AND"
            " indexrelid::regclass::text LIKE '%%' || %(index)s), (SELECT count(*) FROM pg_attribute"
            " WHERE attname = %(column)s AND attrelid = 'public.entitlements_activationkey'::regclass)",
            {"column": _COLUMN, "index": _INDEX},
        )
        columns, indexes, of_keys = cursor.fetchone()
    found = {"columns": (columns, count), "valid indexes": (indexes, count), "columns of keys": (of_keys, 1)}
    return [f"{there} {what} instead of {asked}" for what, (there, asked) in found.items() if there != asked]

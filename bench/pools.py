"""Allocating licences to ten thousand schools: keys, allocations, audit log and e-mails, all committed."""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench.measure import Contender, Measure, medians_in_turn, peak_of_code
from bench.office_data import create_schools, open_office
from bench.raw_copy import dump_rows, restore_rows
from bench.registry import measure
from bench.scratch_database import as_owner
from licensing.orders import operations as orders
from licensing.pools import operations
from licensing.pools.checks import Demand
from licensing.pools.models import Pool
from schools.models import School
from tenants.models import Collectivity

SCHOOLS = 10_000
#: The peer is slow: it serves this many schools, and its time is scaled to all.
SINGLY = 500
#: The tables an allocation writes, in an order that foreign keys allow; the floor omits a job per 500 e-mails.
WRITTEN_TABLES = (
    "public.entitlements_activationkey",
    "pools_allocation",
    "collectivities_auditentry",
    "mailing_message",
    # Of the API alone, whose programs read events.
    "webhooks_webhookevent",
)


def demands() -> list[Demand]:
    """Return a demand of three licences for each of the schools."""
    return [Demand(uai, 3, email) for uai, email in School.objects.order_by("pk").values_list("uai", "email")]


def allocate_all(asked: Sequence[Demand] | None = None) -> None:
    """Allocate to all schools from the only pool."""
    with tenant_context(Collectivity.objects.get()):
        operations.allocate_many(
            pool_id=Pool.objects.get().pk,
            demands=demands() if asked is None else asked,
            by=None,
            at=timezone.now(),
        )


def create_office() -> None:
    """Open an office with ten licences for each of ten thousand schools."""
    create_schools(SCHOOLS)
    office = open_office()
    orders.grant(collectivity=office, licences=10 * SCHOOLS, reason="Mesure", by=None, at=timezone.now())


def delete_allocations() -> None:
    """Delete all allocations."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(WRITTEN_TABLES)}, public.procrastinate_jobs CASCADE")
        cursor.execute("UPDATE pools_pool SET allocated = 0")


def _singly(asked: Sequence[Demand]) -> None:
    pool = Pool.objects.get()
    for demand in asked:
        operations.allocate(
            pool_id=pool.pk,
            uai=demand.uai,
            units=demand.units,
            recipient=demand.recipient,
            by=None,
            at=timezone.now(),
        )


@measure("allocate")
def allocate() -> Measure:
    """Allocate to 10,000 schools at once, against a bare COPY of the same rows and against one by one."""
    create_office()
    asked = demands()
    with tenant_context(Collectivity.objects.get()):
        allocate_all(asked)
        rows = dump_rows(WRITTEN_TABLES)
        times = medians_in_turn(
            {
                "ours": Contender(lambda: allocate_all(asked), before=delete_allocations),
                "floor": Contender(lambda: restore_rows(rows), before=delete_allocations),
                "peer": Contender(lambda: _singly(asked[:SINGLY]), before=delete_allocations),
            },
            rounds=3,
        )
        delete_allocations()
    peak = peak_of_code("from bench.pools import allocate_all; allocate_all()")
    return Measure(
        name="allocate",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"] * SCHOOLS / SINGLY,
        peak_mb=peak,
        floor="COPY of the same rows (keys, allocations, journal, outbox) into the same constrained tables",
        peer=f"an allocation a transaction, {SINGLY} of them, their time scaled to {SCHOOLS}",
    )

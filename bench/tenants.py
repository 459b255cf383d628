"""A thousand collectivities: opening one more, writing keys beside them, and checking that all are migrated."""

import os
import statistics
import time

from django.conf import settings
from django.core.management import call_command
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import transaction
from django.utils import timezone
from django_tenants.clone import CloneSchema
from django_tenants.management.commands.migrate_schemas import MigrateSchemasCommand
from django_tenants.utils import tenant_context

from bench.measure import Contender, Measure, medians_in_turn, peak_of_code, peak_of_command
from bench.office_data import create_schools
from bench.office_data import open_office as create_office
from bench.registry import measure
from bench.scratch_database import as_owner
from collectivities.operations.offices import open_office
from core.connections import connected_as, connection
from licensing.entitlements.models import ActivationKey
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from tenants import provisioning, schema_migrations, schema_snapshot
from tenants.models import Collectivity

#: How many collectivities there are when the last is opened.
COUNT = int(os.environ.get("BENCH_COLLECTIVITIES", "1000"))
#: How many openings make a median.
SAMPLE = 10
#: How many keys are written at once.
KEYS = 60_000


def _siren(number: int) -> str:
    """Return the SIREN whose first eight digits are the number's."""
    digits = f"{number:08d}"
    doubled = (sum(divmod(int(digit) * 2, 10)) if place % 2 else int(digit) for place, digit in enumerate(digits))
    return digits + str(-sum(doubled) % 10)


def open_numbered(number: int) -> float:
    """Open an office as the operator does, invitation and all; return the seconds it took."""
    start = time.perf_counter()
    open_office(
        name=f"Commune {number}",
        kind="commune",
        siren=_siren(20_000_000 + number),
        slug=f"commune-{number}",
        # Letters alone: « C » and the number in base 20.
        key_prefix="C" + "".join("ABCDEFGHJKMNPQRSTVWX"[number // 20**place % 20] for place in (2, 1, 0)),
        manager_email=f"chef{number}@exemple.example",
        by=None,
        at=timezone.now(),
    )
    return time.perf_counter() - start


def provision_numbered(number: int) -> None:
    """Make a collectivity without members or e-mail."""
    planned = provisioning.OfficePlan(
        name=f"Commune {number}",
        kind="commune",
        siren=_siren(20_000_000 + number),
        slug=f"commune-{number}",
        key_prefix=f"C{number:X}".replace("0", "G").replace("1", "H"),
    )
    with transaction.atomic():
        provisioning.provision(planned, schema_snapshot.get_current(), at=timezone.now())


@measure("open_collectivity")
def open_collectivity() -> Measure:
    """Opening one more office at 1,000: the floor is the same at none, so the ratio is the growth; 1.2 at most."""
    schema_snapshot.get_current()
    times = [open_numbered(number) for number in range(COUNT)]
    connection.set_schema_to_public()
    clones = []
    for number in range(SAMPLE // 2):
        start = time.perf_counter()
        # It copies owners and privileges, which takes a superuser.
        with connected_as(settings.DATABASE_ADMINISTRATOR):
            CloneSchema().clone_schema("c_commune_0", f"clone_{number}")
        clones.append(time.perf_counter() - start)
    peak = peak_of_code(
        "from django.utils import timezone; from collectivities.operations.offices import open_office\n"
        f"open_office(name='Commune', kind='commune', siren='{_siren(30_000_000)}', slug='une-de-plus', "
        "key_prefix='PLUS', manager_email='a@exemple.example', by=None, at=timezone.now())"
    )
    return Measure(
        name="open_collectivity",
        ours_s=statistics.median(times[-SAMPLE:]),
        floor_s=statistics.median(times[:SAMPLE]),
        peer_s=statistics.median(clones),
        peak_mb=peak,
        floor=f"ours, at the first {SAMPLE} of {COUNT} openings",
        peer=f"django-tenants' clone_schema, at {COUNT} (the schema alone: no row, no host, no invitation)",
    )


def create_office_of_keys() -> Collectivity:
    """Create the office of Nîmes, which gives a key to each of 60,000 schools; return it."""
    schools = create_schools(KEYS)
    office = create_office()
    pool = orders.grant(collectivity=office, licences=KEYS, reason="Mesure", by=None, at=timezone.now())
    with tenant_context(office):
        demands = [Demand(school.pk, 1, school.email) for school in schools]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=timezone.now())
    connection.set_schema_to_public()
    return office


def _vacuum_keys() -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE entitlements_activationkey")


UPDATE_OF_KEYS = Contender(lambda: ActivationKey.objects.update(exposed_at=timezone.now()), before=_vacuum_keys)


@measure("update_keys")
def update_keys() -> Measure:
    """Updating 60,000 keys at 1,000 collectivities: the floor is the same at one, so the ratio is the growth; 1.2."""
    create_office_of_keys()
    floor = medians_in_turn({"floor": UPDATE_OF_KEYS}, rounds=5)["floor"]
    for number in range(COUNT):
        provision_numbered(number)
    connection.set_schema_to_public()
    ours = medians_in_turn({"ours": UPDATE_OF_KEYS}, rounds=5)["ours"]
    return Measure(
        name="update_keys",
        ours_s=ours,
        floor_s=floor,
        peer_s=None,
        peak_mb=peak_of_code(
            "from django.utils import timezone; from licensing.entitlements.models import ActivationKey\n"
            "ActivationKey.objects.update(exposed_at=timezone.now())"
        ),
        floor=f"the same {KEYS} keys, beside the schema of their own collectivity alone",
        peer="none",
    )


@measure("migrate_schemas")
def migrate_schemas() -> Measure:
    """Finding that 1,000 schemas are up to date; 2 s at most."""
    for number in range(COUNT):
        provision_numbered(number)
    connection.set_schema_to_public()
    schemas = list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))

    def look() -> None:
        call_command(MigrateCommand(), verbosity=0)
        with connection.cursor() as cursor:
            for start in range(0, COUNT, schema_migrations.CHUNK_SIZE):
                asked = " UNION ALL ".join(
                    f"SELECT count(*) FROM {schema}.django_migrations"  # noqa: S608 - our own names
                    for schema in schemas[start : start + schema_migrations.CHUNK_SIZE]
                )
                cursor.execute(asked)
                cursor.fetchall()

    def ask_some() -> None:
        for schema in schemas[:SAMPLE]:
            call_command(MigrateSchemasCommand(), schema_name=schema, tenant=True, verbosity=0)

    with as_owner():
        times = medians_in_turn(
            {
                "ours": Contender(lambda: call_command("migrate_schemas", verbosity=0)),
                "floor": Contender(look),
                "peer": Contender(ask_some),
            },
            rounds=3,
        )
    return Measure(
        name="migrate_schemas",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"] * COUNT / SAMPLE,
        peak_mb=peak_of_command("migrate_schemas", "--verbosity", "0"),
        floor=f"Django's migrate of the public schema, and counting the rows of {COUNT} tables of migrations",
        peer=f"django-tenants' migrate_schemas, {SAMPLE} of {COUNT} timed and scaled",
    )

"""What a worker does each minute to find work, where a thousand collectivities have none."""

import datetime
from collections.abc import Sequence
from itertools import batched
from typing import Any

from django.utils import timezone
from psycopg import sql

from bench.measure import Contender, Measure, medians_in_turn, peak_of_code
from bench.registry import measure
from bench.tenants import COUNT, provision_numbered
from core.connections import connection
from jobs import due
from jobs.models import DueWork
from tenants.models import Collectivity

MAX_S = 0.05
#: Due work of each collectivity that is far from due: what a letter and the deletion of old rows wait for.
WAITING_KINDS = ("office.weekly_letter", "webhooks.prune", "api.prune_records")
#: Schemas per UNION ALL of the peer.
_SCHEMAS_PER_QUERY = 100
#: The sweeps of each minute as they were: overdue messages and deliveries, imports without a job, progress without one.
_VISITS = (
    """
    SELECT {name} WHERE EXISTS (
        SELECT FROM {schema}.mailing_message WHERE state IN ('queued', 'deferred', 'sending')
        AND due_at <= {before} AND (state <> 'sending' OR lease_until <= {before})
    )
    """,
    """
    SELECT {name} WHERE EXISTS (
        SELECT FROM {schema}.webhooks_webhookendpoint AS endpoint
        WHERE endpoint.is_enabled AND (endpoint.paused_until IS NULL OR endpoint.paused_until <= {before})
        AND EXISTS (
            SELECT FROM {schema}.webhooks_delivery AS due
            WHERE due.endpoint_id = endpoint.id AND due.state = 'pending' AND due.next_at <= {before} AND NOT EXISTS (
                SELECT FROM {schema}.webhooks_delivery AS first WHERE first.endpoint_id = due.endpoint_id
                AND first.subject = due.subject AND first.state = 'pending' AND first.id < due.id
            )
        )
    )
    """,
    """
    SELECT import.id::text FROM {schema}.imports_spreadsheetimport AS import
    WHERE import.state IN ('uploaded', 'applying') AND NOT EXISTS (
        SELECT FROM public.procrastinate_jobs AS job
        WHERE job.status IN ('todo', 'doing') AND job.queue_name IN ('imports', 'imports_large')
        AND job.args->>'schema' = {name} AND (job.args->>'import_id')::bigint = import.id
    )
    """,
    """
    SELECT progress.import_id::text FROM {schema}.imports_importprogress AS progress
    WHERE progress.started_at < {before} AND NOT EXISTS (
        SELECT FROM public.procrastinate_jobs AS job
        WHERE job.status IN ('todo', 'doing') AND job.queue_name IN ('imports', 'imports_large')
        AND job.args->>'schema' = {name} AND (job.args->>'import_id')::bigint = progress.import_id
    )
    """,
)


class SweepMeasure(Measure):
    """The figures, and whether the target is met."""

    def failures(self) -> list[str]:
        """Return the missed target."""
        return [] if self.ours_s < MAX_S else [f"{self.ours_s * 1000:.0f} ms, more than {MAX_S * 1000:.0f} ms"]


@measure("idle_sweeps")
def idle_sweeps() -> SweepMeasure:
    """Find that nothing is due in a thousand collectivities; 50 ms at most, however many there are."""
    for number in range(COUNT):
        provision_numbered(number)
    connection.set_schema_to_public()
    schemas = list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))
    later = timezone.now() + datetime.timedelta(days=3)
    DueWork.objects.bulk_create(
        DueWork(kind=kind, schema=schema, due_at=later) for schema in schemas for kind in WAITING_KINDS
    )
    times = medians_in_turn(
        {"ours": Contender(due.queue_due), "floor": Contender(_read_due), "peer": Contender(lambda: _visit(schemas))},
        rounds=5,
    )
    return SweepMeasure(
        name="idle_sweeps",
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=times["peer"],
        peak_mb=peak_of_code("from jobs import due; due.queue_due()"),
        floor=f"one SELECT of what is due, of {COUNT * len(WAITING_KINDS)} rows",
        peer=f"the sweeps of each minute that visited {COUNT} schemas, {_SCHEMAS_PER_QUERY} in a statement",
    )


def _read_due() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, schema FROM public.jobs_duework WHERE kind <> '' AND due_at <= now()")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _visit(schemas: Sequence[str]) -> None:
    before = sql.Literal(timezone.now() - datetime.timedelta(minutes=2))
    for visit in _VISITS:
        query = sql.SQL(visit)
        for some in batched(schemas, _SCHEMAS_PER_QUERY):
            asked = [
                query.format(name=sql.Literal(schema), schema=sql.Identifier(schema), before=before) for schema in some
            ]
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(" UNION ALL ").join(asked))
                cursor.fetchall()

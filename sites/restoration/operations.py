"""What waited in a restored copy, and let it act again: what may have left is dropped, numbers are not given again."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from core.calendar import date_in_paris
from installation import hold
from licensing.books.billing.models import Invoice, InvoiceSequence, SkippedNumbers
from licensing.books.billing.snapshots import skip_numbers
from licensing.books.billing.transmission.models import PENDING_STATES, Transmission
from licensing.reminders.models import Reminder
from mailing import kinds
from mailing.models import Message, MessageState
from tenants.cross_schema import query_all
from tenants.models import Collectivity
from webhooks.models import Delivery, DeliveryState

#: What ids are raised by, at least: one import gives 60,000 keys.
MIN_SEQUENCE_MARGIN = 100_000
#: Invoices that are skipped, at least.
_MIN_INVOICE_MARGIN = 10
_MESSAGES = """
    SELECT kind, count(*), min(due_at), count(*) FILTER (WHERE due_at < %s) FROM {schema}.mailing_message
    WHERE state IN ('queued', 'deferred', 'sending') GROUP BY kind
"""
_DELIVERIES = """
    SELECT count(*), min(next_at), count(*) FILTER (WHERE next_at < %s) FROM {schema}.webhooks_delivery
    WHERE state = 'pending' HAVING count(*) > 0
"""
_REMINDERS = """
    SELECT count(*), min(planned_for), count(*) FILTER (WHERE planned_for <= %s) FROM {schema}.reminders_reminder
    WHERE sent_at IS NULL AND cancelled_at IS NULL HAVING count(*) > 0
"""
# A worker beats every ten seconds, and every act queues a job. That of a scheduled one is its future.
_LAST_TRACE = """
    SELECT greatest((SELECT max(last_heartbeat) FROM public.procrastinate_workers),
                    (SELECT max(at) FROM public.procrastinate_events WHERE type <> 'scheduled'))
"""


class QueuedWork(NamedTuple):
    """Things of one kind that wait: how many, the oldest, and how many were due before the moment that was asked."""

    label: str
    number: int
    oldest: datetime.datetime | datetime.date | None
    overdue: int


def find_last_trace() -> datetime.datetime | None:
    """Return the moment of the backup, as the last that the database knows: a heartbeat, or a job."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_TRACE)
        moment: datetime.datetime | None = cursor.fetchone()[0]
    return moment


def list_queued_work(before: datetime.datetime) -> list[QueuedWork]:
    """Return what waits, by kind. `before`: what was due earlier may have left since the backup."""
    return [
        *_list_messages(before),
        *_sum_up("envois de webhooks", (row.values for row in query_all(_DELIVERIES, [before]))),
        *_sum_up("relances automatiques", (row.values for row in query_all(_REMINDERS, [date_in_paris(before)]))),
        *_list_transmissions(before),
        *_list_jobs(before),
    ]


def get_sequence_margin() -> int:
    """Return by how much ids are raised unless the operator says otherwise: a tenth of the largest, or more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(last_value), 0) FROM pg_catalog.pg_sequences WHERE schemaname = 'public'")
        largest: int = cursor.fetchone()[0]
    return max(MIN_SEQUENCE_MARGIN, largest // 10)


def get_invoice_margin(*, since: datetime.datetime | None, at: datetime.datetime) -> int:
    """Return how many invoices may have been issued since a moment: as many a day as on the day of most of them."""
    a_day = Invoice.objects.order_by().values("issued_on").annotate(count=Count("pk")).order_by("-count")
    busiest = a_day.values_list("count", flat=True).first() or 0
    days = (at - since).days + 1 if since is not None else 1
    return max(_MIN_INVOICE_MARGIN, busiest * days)


def list_invoice_years(*, since: datetime.datetime | None, at: datetime.datetime) -> list[InvoiceSequence]:
    """Return the series in which invoices may have been issued since a moment, the current year's at least."""
    last = date_in_paris(at).year
    first = date_in_paris(since).year if since is not None else last
    known = InvoiceSequence.objects.in_bulk(range(first, last + 1))
    return [
        known.get(year, InvoiceSequence(year=year, last_on=datetime.date(year, 1, 1)))
        for year in range(first, last + 1)
    ]


def _list_messages(before: datetime.datetime) -> list[QueuedWork]:
    found = defaultdict(list)
    for row in query_all(_MESSAGES, [before]):
        kind, *counts = row.values
        found[kind].append(tuple(counts))
    portal = Message.objects.pending().order_by().values_list("kind")
    for kind, *counts in portal.annotate(
        count=Count("pk"), oldest=Min("due_at"), overdue=Count("pk", filter=Q(due_at__lt=before))
    ):
        found[kind].append(tuple(counts))
    return [one for kind in sorted(found) for one in _sum_up(f"e-mails « {kinds.get_label(kind)} »", found[kind])]


def _list_transmissions(before: datetime.datetime) -> list[QueuedWork]:
    waiting = Transmission.objects.filter(state__in=PENDING_STATES).aggregate(
        count=Count("pk"), oldest=Min("asked_at"), overdue=Count("pk", filter=Q(next_try_at__lt=before))
    )
    return _sum_up("transmissions de factures", [(waiting["count"], waiting["oldest"], waiting["overdue"])])


def _list_jobs(before: datetime.datetime) -> list[QueuedWork]:
    jobs = ProcrastinateJob.objects.filter(status__in=("todo", "doing")).order_by("task_name").values_list("task_name")
    is_overdue = Q(scheduled_at=None) | Q(scheduled_at__lt=before)
    counted = jobs.annotate(count=Count("pk"), oldest=Min("scheduled_at"), overdue=Count("pk", filter=is_overdue))
    return [QueuedWork(f"tâches {name}", count, oldest, overdue) for name, count, oldest, overdue in counted]


def _sum_up(
    label: str, counts: Iterable[tuple[int, datetime.datetime | datetime.date | None, int]]
) -> list[QueuedWork]:
    """Return the sum over the schemas; nothing where nothing waits."""
    rows = [row for row in counts if row[0]]
    if not rows:
        return []
    oldest = min(moment for _, moment, _ in rows if moment is not None)
    return [QueuedWork(label, sum(row[0] for row in rows), oldest, sum(row[2] for row in rows))]


DROPPED_MESSAGE = "Non envoyé : la base a été restaurée, et cet e-mail était peut-être déjà parti."
DROPPED_DELIVERY = "Non envoyé : la base a été restaurée, et cet envoi était peut-être déjà parti."
SKIPPING_REASON = "Base restaurée : des factures émises après la sauvegarde portent peut-être ces numéros."

# A series that gave no number yet has no last value, and may begin at any.
_RAISE = """
SELECT count(setval(series, least(max_value, coalesce(last_value, nextval(series) - 1) + %(margin)s)))
FROM (
    SELECT format('%%I.%%I', schemaname, sequencename)::regclass AS series, max_value, last_value
    FROM pg_catalog.pg_sequences WHERE schemaname = ANY(%(schemas)s)
) AS every
"""


class ResumptionResult(NamedTuple):
    """What was dropped, by how many, and what is not given again."""

    messages: int
    deliveries: int
    reminders: int
    sequences: int
    skipped: list[SkippedNumbers]


@transaction.atomic
def resume(
    *,
    drop_before: datetime.datetime | None,
    sequence_margin: int,
    last_invoices: Mapping[int, int],
    at: datetime.datetime,
) -> ResumptionResult:
    """Lift the hold, all or nothing. As the owner.

    `drop_before`: e-mails, webhooks and reminders that were due earlier are dropped; None sends all. `sequence_margin`:
    what each id is raised by. `last_invoices`: by year, the highest number that an invoice may have.
    """
    collectivities = list(Collectivity.objects.order_by("pk"))
    messages = deliveries = reminders = 0
    if drop_before is not None:
        messages = _drop_messages(drop_before, at=at)
        for collectivity in collectivities:
            with tenant_context(collectivity):
                messages += _drop_messages(drop_before, at=at)
                deliveries += _drop_deliveries(drop_before, at=at)
                reminders += _drop_reminders(date_in_paris(drop_before), at=at)
    skipped = [
        skip_numbers(year=year, up_to=last, reason=SKIPPING_REASON, day=date_in_paris(at), at=at)
        for year, last in sorted(last_invoices.items())
    ]
    sequences = _raise_sequences([each.schema_name for each in collectivities], sequence_margin)
    hold.resume()
    return ResumptionResult(messages, deliveries, reminders, sequences, [one for one in skipped if one is not None])


def _drop_messages(before: datetime.datetime, *, at: datetime.datetime) -> int:
    waiting = Message.objects.pending().filter(due_at__lt=before)
    perhaps_accepted = waiting.filter(unanswered__gt=0).call_off(at=at)
    return perhaps_accepted + waiting.update(state=MessageState.CANCELLED, reason=DROPPED_MESSAGE, lease_until=None)


def _drop_deliveries(before: datetime.datetime, *, at: datetime.datetime) -> int:
    waiting = Delivery.objects.pending().filter(next_at__lt=before)
    return waiting.update(state=DeliveryState.FAILED, settled_at=at, reason=DROPPED_DELIVERY, lease_until=None)


def _drop_reminders(day: datetime.date, *, at: datetime.datetime) -> int:
    waiting = Reminder.objects.filter(planned_for__lte=day, sent_at=None, cancelled_at=None)
    return waiting.update(cancelled_at=at)


def _raise_sequences(schemas: list[str], margin: int) -> int:
    """Raise every id and return how many series that are. No rollback takes it back; done twice it does no harm."""
    if not margin:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, {"margin": margin, "schemas": ["public", *schemas]})
        count: int = cursor.fetchone()[0]
    return count

"""What Prometheus is given besides what processes count: what the database says at that moment.

Nine statements, whatever the number of offices: by indexes, and in the public schema alone. No e-mail or webhook of an
office is looked for there: each outbox with something due has a job, whose age is that of what it sends.
"""

import datetime
from collections.abc import Iterator

from django.db import Error, connection
from django.db.models import Count, Min
from django_tenants.utils import get_public_schema_name, schema_context
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from core.calendar import date_in_paris
from core.connections import DatabaseClock
from jobs.due import list_kinds
from jobs.housekeeping import list_due_tasks, read_heartbeats
from jobs.models import DueWork
from licensing.entitlements.models import Entitlement
from mailing.mail_server import find_outage
from mailing.models import Message
from tenants.models import Collectivity

_SERVER = """
SELECT numbackends, current_setting('max_connections')::integer, deadlocks
FROM pg_stat_database WHERE datname = current_database()
"""


class DatabaseFigures(Collector):
    """Reads the figures when they are asked for; where the database is away, says that alone."""

    def describe(self) -> list[Metric]:
        """Return no names: a registry would read everything to know them."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        try:
            with schema_context(get_public_schema_name()):
                found = list(_read_figures(DatabaseClock()()))
        except Error:
            found = []
        yield GaugeMetricFamily("peps_database_up", "Whether the database answers.", value=bool(found))
        yield from found


def _read_figures(at: datetime.datetime) -> Iterator[Metric]:
    yield from _read_queue(at)
    yield from _read_mail(at)
    yield from _read_server()
    yield from _read_offices(at)


def _read_queue(at: datetime.datetime) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("peps_due_jobs", "Jobs that wait for a worker.", labels=["queue", "task"])
    ages = GaugeMetricFamily("peps_due_jobs_age_seconds", "How long the oldest waits.", labels=["queue", "task"])
    for due in list_due_tasks(at):
        jobs.add_metric([due.queue, due.task], due.jobs)
        ages.add_metric([due.queue, due.task], _age(due.since, at))
    yield from (jobs, ages)
    work = GaugeMetricFamily("peps_due_work", "Due work that no job does yet.", labels=["kind"])
    work_ages = GaugeMetricFamily("peps_due_work_age_seconds", "How long the oldest waits.", labels=["kind"])
    due_work = DueWork.objects.filter(due_at__lte=at, kind__in=list_kinds()).values("kind").order_by("kind")
    for row in due_work.annotate(rows=Count("pk"), since=Min("due_at")):
        work.add_metric([row["kind"]], row["rows"])
        work_ages.add_metric([row["kind"]], _age(row["since"], at))
    yield from (work, work_ages)
    heartbeats = read_heartbeats(at)
    yield GaugeMetricFamily("peps_worker_lanes", "Lanes of workers that live.", value=heartbeats.alive)
    if heartbeats.last_at is not None:
        age = _age(heartbeats.last_at, at)
        yield GaugeMetricFamily("peps_worker_heartbeat_age_seconds", "Since the last heartbeat of any.", value=age)


def _read_mail(at: datetime.datetime) -> Iterator[Metric]:
    mail = Message.objects.overdue_at(at).aggregate(count=Count("pk"), since=Min("overdue_since"))
    age = 0.0 if mail["since"] is None else _age(mail["since"], at)
    yield GaugeMetricFamily(
        "peps_portal_messages_due", "E-mails of the portal that should have left.", value=mail["count"]
    )
    yield GaugeMetricFamily("peps_portal_messages_age_seconds", "How long the oldest waits.", value=age)
    outage = find_outage(at)
    failing = 0.0 if outage is None else _age(outage.failing_since, at)
    yield GaugeMetricFamily(
        "peps_mail_server_failing_seconds", "Since when our mail server takes nothing.", value=failing
    )


def _read_server() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute(_SERVER)
        backends, limit, deadlocks = cursor.fetchone()
    yield GaugeMetricFamily("peps_database_connections", "Connections to this database.", value=backends)
    yield GaugeMetricFamily("peps_database_max_connections", "How many the server takes.", value=limit)
    yield CounterMetricFamily("peps_database_deadlocks", "Deadlocks that the server ended.", value=deadlocks)


def _read_offices(at: datetime.datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily("peps_collectivities", "Collectivities.", value=Collectivity.objects.count())
    day = date_in_paris(at)
    usable = Entitlement.objects.filter(first_day__lte=day, last_day__gte=day, suspended_at=None).order_by("kind")
    rights = GaugeMetricFamily("peps_entitlements", "Entitlements that may be used today.", labels=["kind"])
    for kind, count in usable.values_list("kind").annotate(count=Count("pk")):
        rights.add_metric([kind], count)
    yield rights


def _age(since: datetime.datetime, at: datetime.datetime) -> float:
    return max((at - since).total_seconds(), 0.0)

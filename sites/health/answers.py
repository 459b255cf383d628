"""The answers to those who watch the site: statuses, ages in seconds and counts, and nothing about anybody."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from django.db import Error
from django.db.models import Min
from django_tenants.utils import get_public_schema_name, schema_context

from core.connections import DatabaseClock
from installation.hold import find_hold
from jobs.housekeeping import LATE_AFTER, read_work_status
from mailing import mail_server
from mailing.models import Message
from tenants import schema_snapshot


class HealthAnswer(NamedTuple):
    """`is_good` decides the status: 200, or 503 for whoever watches."""

    is_good: bool
    details: dict[str, Any]


def answer_alive() -> HealthAnswer:
    """Answer that this process serves requests. No query."""
    return HealthAnswer(True, {"status": "alive"})


def answer_ready() -> HealthAnswer:
    """Answer whether this process can serve pages: the database answers, and has the migrations of this code."""
    try:
        with schema_context(get_public_schema_name()):
            migrated = _is_migrated()
    except Error:
        return HealthAnswer(False, {"status": "not_ready", "database": "unreachable"})
    details = {"database": "ok", "migrations": "ok" if migrated else "missing"}
    return HealthAnswer(migrated, {"status": "ready" if migrated else "not_ready"} | details)


def answer_on_time() -> HealthAnswer:
    """Answer whether the work keeps up: nothing holds it, a worker lives, nothing waits for `LATE_AFTER`.

    And our mail server takes what is sent: what waits for it is put off, and never late.
    """
    try:
        with schema_context(get_public_schema_name()):
            at = DatabaseClock()()
            status = read_work_status(at)
            oldest = Message.objects.due_at(at).aggregate(oldest=Min("due_at"))["oldest"]
            is_held = find_hold() is not None
            outage = mail_server.find_outage(at)
    except Error:
        return HealthAnswer(False, {"status": "unknown", "database": "unreachable"})
    has_late_mail = oldest is not None and at - oldest > LATE_AFTER
    is_on_time = status.has_worker and not status.is_late and not has_late_mail
    has_no_mail_server = outage is not None and mail_server.is_lasting(outage, at)
    is_good = is_on_time and not is_held and not has_no_mail_server
    return HealthAnswer(
        is_good,
        {
            "status": "on_time" if is_good else "held" if is_held else "late" if not is_on_time else "no_mail_server",
            "late_after_seconds": int(LATE_AFTER.total_seconds()),
            "worker": {"alive": status.has_worker, "heartbeat_seconds": _age(status.heartbeat_at, at)},
            "queue": {"due_jobs": status.due_jobs, "oldest_seconds": _age(status.waiting_since, at)},
            "portal_mail": {"oldest_seconds": _age(oldest, at)},
            "mail_server": {"failing_seconds": _age(None if outage is None else outage.failing_since, at)},
            "failed_jobs": status.failed_jobs,
        },
    )


def _is_migrated() -> bool:
    """Whether `migrate_schemas` has run to its end with the migrations of this code. One query."""
    try:
        schema_snapshot.get_current()
    except schema_snapshot.SnapshotMissing:
        return False
    return True


def _age(since: datetime.datetime | None, at: datetime.datetime) -> int | None:
    """Return for how many seconds something has lasted; None where there is nothing."""
    return None if since is None else max(int((at - since).total_seconds()), 0)

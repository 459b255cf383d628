"""« /sante/ »: answered before hosts, sessions and redirects, as whoever watches asks by IP and without TLS."""

import datetime
import ipaddress
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.db import Error
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.known_origins import get_client_ip
from core.connections import DatabaseClock
from core.telemetry import CONTENT_TYPE, holds_token, is_open, may_read, render_metrics
from installation.hold import find_hold
from jobs.housekeeping import LATE_AFTER, read_work_status
from mailing import mail_server
from mailing.models import Message
from sites.health.figures import DatabaseFigures
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

    And our mail server takes what is sent: what waits for it in an office is put off, and no job of it is late.
    """
    try:
        with schema_context(get_public_schema_name()):
            at = DatabaseClock()()
            status = read_work_status(at)
            oldest = Message.objects.overdue_at(at).aggregate(oldest=Min("overdue_since"))["oldest"]
            is_held = find_hold() is not None
            outage = mail_server.find_outage(at)
    except Error:
        return HealthAnswer(False, {"status": "unknown", "database": "unreachable"})
    has_late_mail = oldest is not None and at - oldest > LATE_AFTER
    has_late_work = not status.has_worker or status.is_late
    has_no_mail_server = outage is not None and mail_server.is_lasting(outage, at)
    # The first that holds: what is late for want of a mail server is told by its cause.
    faults = [
        ("held", is_held),
        ("late", has_late_work),
        ("no_mail_server", has_no_mail_server),
        ("late", has_late_mail),
    ]
    status_word = next((fault for fault, holds in faults if holds), "on_time")
    is_good = status_word == "on_time"
    return HealthAnswer(
        is_good,
        {
            "status": status_word,
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


WORK_PATH = "/sante/travaux/"
#: By path, what answers.
ANSWERS: dict[str, Callable[[], HealthAnswer]] = {
    "/sante/": answer_alive,
    "/sante/pret/": answer_ready,
    WORK_PATH: answer_on_time,
}
#: The figures for Prometheus: where the operator has set no token, a path like any other.
METRICS_PATH = "/sante/mesures/"
#: Seconds for which a process gives the same answer: whoever asks without end reads the database no more often.
KEPT_SECONDS = {"/sante/pret/": 2.0, WORK_PATH: 5.0}


class HealthMiddleware:
    """Answers the requests for `ANSWERS` with 200, or 503 where something is wrong, and those for the figures.

    How the work does is told to the operator's networks and to who sends the token. Passes all others on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        #: By path: until when of `time.monotonic` the answer is given.
        self._kept: dict[str, tuple[float, HealthAnswer]] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, whatever the request's host."""
        has_figures = request.path == METRICS_PATH and is_open()
        if request.path not in ANSWERS and not has_figures:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if has_figures:
            return _answer_figures(request)
        if request.path == WORK_PATH and not _may_ask(request):
            return _refuse()
        is_good, details = self._answer(request.path)
        return JsonResponse(details, status=200 if is_good else 503, headers={"Cache-Control": "no-store"})

    def _answer(self, path: str) -> HealthAnswer:
        """Return the answer of a path, or the one of some seconds ago."""
        if path not in KEPT_SECONDS:
            return ANSWERS[path]()
        # Of those who ask at once, one reads.
        with self._lock:
            kept = self._kept.get(path)
            if kept is not None and time.monotonic() < kept[0]:
                return kept[1]
            answer = ANSWERS[path]()
            self._kept[path] = (time.monotonic() + KEPT_SECONDS[path], answer)
            return answer


def _may_ask(request: HttpRequest) -> bool:
    """Whether a request comes from `HEALTH_NETWORKS`, or has `HEALTH_TOKEN`."""
    if holds_token(request.headers.get("Authorization", ""), settings.HEALTH_TOKEN):
        return True
    address = ipaddress.ip_address(get_client_ip(request))
    return any(address.version == network.version and address in network for network in settings.HEALTH_NETWORKS)


def _refuse() -> HttpResponse:
    return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})


def _answer_figures(request: HttpRequest) -> HttpResponse:
    """Return the figures to who has the token, else 401."""
    if not may_read(request.headers.get("Authorization", "")):
        return _refuse()
    response = HttpResponse(render_metrics(DatabaseFigures()), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response

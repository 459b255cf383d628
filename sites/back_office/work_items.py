"""Work items of the operator beside the lists of what waits; and the orders that need the operator, for the lists."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from django.db.models import Count, Q, Subquery, Sum, Value
from django.urls import reverse

from bounces.models import BounceMailbox, FailedSending, UnreadMail
from core.formatting import number, pluralize
from installation.hold import find_hold
from jobs.housekeeping import LATE_AFTER, WorkStatus, list_due_tasks, read_work_status
from jobs.models import SetAsideItem
from mailing import mail_server
from schools.directory.models import DirectorySync, HeldDirectoryFile, SyncOutcome
from sites.back_office.sales_work_items import WorkItem, list_sales_work_items
from tenants import checkpoints

#: The directory changes weekly during the school year: after a month its e-mail addresses are outdated.
_DIRECTORY_MAX_AGE = datetime.timedelta(days=30)


#: The queues of which the operator is told by name.
_QUEUES = {
    "mail": "e-mails", "mail_bulk": "e-mails", "webhooks": "webhooks", "imports": "imports", "imports_large": "imports",
    "mail_bounces": "boîte des retours",
}  # fmt: skip
#: A mail server that restarts is no work item.
_MAILBOX_MAX_OUTAGE = datetime.timedelta(hours=1)
_COUNT_LEFT = UnreadMail.objects.order_by().values(nothing=Value(1)).annotate(count=Count("pk")).values("count")


def list_work_items(now: datetime.datetime) -> list[WorkItem]:
    """Return the work items, urgent ones first, with a fixed number of queries."""
    items = [
        *_hold(),
        *list_sales_work_items(now),
        *_directory(now),
        *_mail_server(now),
        *_mailbox(now),
        *_failed_sendings(),
        *_set_aside(),
    ]
    items += [*_checkpoints(now), *_workers(now)]
    return sorted(items, key=lambda one: not one.urgent)


def _hold() -> Iterator[WorkItem]:
    if (cause := find_hold()) is not None:
        words = f"Rien ne part ni ne s'enregistre : {cause}. Pour reprendre : manage.py resume"
        yield WorkItem(words, f"{reverse('admin:jobs_job_changelist')}?etat=todo", urgent=True)


def _mail_server(now: datetime.datetime) -> Iterator[WorkItem]:
    outage = mail_server.find_outage(now)
    if outage is not None and mail_server.is_lasting(outage, now):
        words = f"Aucun e-mail ne part depuis {_describe_age(now - outage.failing_since)}. {outage.failure}"
        yield WorkItem(words, f"{reverse('admin:jobs_job_changelist')}?etat=todo", urgent=True)


def _mailbox(now: datetime.datetime) -> Iterator[WorkItem]:
    row = BounceMailbox.objects.annotate(left=Subquery(_COUNT_LEFT)).first()
    if row is None:
        return
    if row.failing_since is not None and now - row.failing_since > _MAILBOX_MAX_OUTAGE:
        yield WorkItem(row.failure, reverse("admin:bounces_bouncemailbox_changelist"), urgent=True)
    if row.left:
        words = f"Boîte des retours : {pluralize(row.left, 'mail attend', 'mails attendent')} une lecture"
        yield WorkItem(words, reverse("admin:bounces_unreadmail_changelist"), urgent=False)


def _failed_sendings() -> Iterator[WorkItem]:
    counted = FailedSending.objects.filter(seen_at=None).aggregate(
        sendings=Count("pk"), lost=Sum("lost"), handled=Sum("handled")
    )
    if counted["sendings"]:
        sendings = pluralize(counted["sendings"], "envoi échoue", "envois échouent")
        words = f"{sendings} : {number(counted['lost'])} des {pluralize(counted['handled'], 'e-mail')} non remis"
        yield WorkItem(words, f"{reverse('admin:bounces_failedsending_changelist')}?seen_at__isempty=1", urgent=True)


def _set_aside() -> Iterator[WorkItem]:
    if count := SetAsideItem.objects.filter(seen_at=None).count():
        words = pluralize(count, "élément reçu n'a pas pu être lu", "éléments reçus n'ont pas pu être lus")
        yield WorkItem(words, f"{reverse('admin:jobs_setasideitem_changelist')}?seen_at__isempty=1", urgent=False)


def _checkpoints(now: datetime.datetime) -> Iterator[WorkItem]:
    if fault := checkpoints.describe_fault(at=now):
        yield WorkItem(fault, reverse("admin:jobs_job_changelist"), urgent=True)


def _workers(now: datetime.datetime) -> Iterator[WorkItem]:
    """Yield what no e-mail can tell, as no e-mail leaves: nobody works, or not fast enough; and what failed."""
    status, url = read_work_status(now), reverse("admin:jobs_job_changelist")
    silence = None if status.heartbeat_at is None else now - status.heartbeat_at
    if status.is_late:
        words = _describe_late(status)
        if not status.has_worker:
            since = "Aucun travailleur ne tourne" if silence is None else _describe_silence(silence)
            words = f"{since}, aucun e-mail ne part. {words}"
        yield WorkItem(words, f"{url}?etat=todo", urgent=True)
    elif silence is not None and silence > LATE_AFTER:
        yield WorkItem(f"{_describe_silence(silence)} : ce qui viendra attendra", url, urgent=True)
    if status.failed_jobs:
        words = pluralize(status.failed_jobs, "tâche a échoué", "tâches ont échoué")
        yield WorkItem(f"{words} depuis sept jours", f"{url}?etat=failed", urgent=False)


def _describe_silence(silence: datetime.timedelta) -> str:
    return f"Plus aucun travailleur ne tourne depuis {_describe_age(silence)}"


def _describe_late(status: WorkStatus) -> str:
    """Return what is late and since when, the oldest first: « En retard : webhooks depuis 3 jours (2 tâches), … »."""
    late: dict[str, tuple[datetime.datetime, int]] = {}
    for due in list_due_tasks(status.at):
        words = _QUEUES.get(due.queue, "autres tâches")
        since, jobs = late.get(words, (due.since, 0))
        late[words] = min(since, due.since), jobs + due.jobs
    listed = [
        (since, f"{words} depuis {_describe_age(status.at - since)} ({pluralize(jobs, 'tâche')})")
        for words, (since, jobs) in late.items()
        if status.at - since > LATE_AFTER
    ]
    oldest = status.waiting_since or status.at
    if oldest < min((since for since, _ in late.values()), default=status.at):
        # Nobody has made a job of it.
        listed.append((oldest, f"travaux prévus depuis {_describe_age(status.at - oldest)}"))
    return f"En retard : {', '.join(words for _, words in sorted(listed))}"


def _describe_age(age: datetime.timedelta) -> str:
    """Return « 3 jours », « 5 heures », « 20 minutes »."""
    minutes = int(age.total_seconds()) // 60
    if minutes >= 2 * 24 * 60:
        return pluralize(minutes // (24 * 60), "jour")
    return pluralize(minutes // 60, "heure") if minutes >= 2 * 60 else pluralize(minutes, "minute")


def get_last_synchronisation() -> datetime.datetime | None:
    """Return when the directory was last as its source; None if never."""
    current = Q(outcome=SyncOutcome.APPLIED) | Q(outcome=SyncOutcome.UNCHANGED, reason="")
    last = DirectorySync.objects.filter(current).order_by("-at").first()
    return last.at if last else None


def _directory(now: datetime.datetime) -> Iterator[WorkItem]:
    latest = DirectorySync.objects.order_by("-pk").first()
    held = HeldDirectoryFile.objects.defer("content").select_related("sync").first()
    if held is not None:
        if held.accepted_at is None:
            yield _describe_run(held.sync, urgent=True)
    elif latest is not None and latest.outcome in (SyncOutcome.REFUSED, SyncOutcome.FAILED):
        yield _describe_run(latest, urgent=False)
    url = reverse("admin:directory_runs")
    last = get_last_synchronisation()
    if last is None:
        yield WorkItem("L'annuaire n'a jamais été synchronisé : manage.py sync_directory", url, urgent=True)
    elif now - last > _DIRECTORY_MAX_AGE:
        age = pluralize((now - last).days, "jour")
        yield WorkItem(f"L'annuaire date de {age} : manage.py sync_directory", url, urgent=True)


def _describe_run(sync: DirectorySync, *, urgent: bool) -> WorkItem:
    reason = sync.reason[:1].lower() + sync.reason[1:]
    return WorkItem(
        f"L'annuaire n'a pas été mis à jour : {reason}", reverse("admin:directory_run", args=[sync.pk]), urgent
    )

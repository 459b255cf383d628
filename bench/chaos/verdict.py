"""What stands in the database at the end, against what the clients were told."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench.chaos.faults import LONGEST_LEASE_S
from bench.chaos.ledger import Ledger
from bench.chaos.outside import Outside
from core.connections import connection
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from licensing.entitlements.models import Subscription
from licensing.pools.models import Allocation
from mailing.models import Message, MessageState
from mailing.smtp_replies import PERHAPS_ACCEPTED
from sites.audit.checks import check_all
from tenants.models import Collectivity
from webhooks.models import Delivery, DeliveryState

#: Seconds that workers have, once nothing is killed any more, to finish what is due: the longest lease and what is
#: promised for a job that was lost, two minutes until it is due again and one until it is queued; and some to work.
SETTLE_S = LONGEST_LEASE_S + 120.0 + 60.0 + 30.0


_SENT = Q(state__in=[MessageState.SENT, MessageState.DELIVERED])
_PERHAPS_SENT = Q(reason__startswith=PERHAPS_ACCEPTED)


@dataclass(frozen=True, slots=True)
class ChaosVerdict:
    """Sentences on what is wrong, by kind, and figures on what the guarantees allow."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    stuck: tuple[str, ...]
    audit: tuple[str, ...]
    #: Sent more than once (at least once is the promise); told as perhaps sent, because a worker died at it
    #: (docs/decisions/0010); told otherwise though accepted; still waiting.
    letters_doubled: int
    letters_perhaps_sent: int
    letters_misreported: int
    letters_waiting: int
    #: Taken more than once: in all, and those that the receiver had not answered, which says nothing to us.
    events_doubled: int
    events_doubled_unanswered: int
    events_waiting: int

    def failures(self) -> list[str]:
        """Return a sentence for whatever breaks a promise."""
        kinds = {"lost": self.lost, "doubled": self.doubled, "stuck": self.stuck, "audit": self.audit}
        return [f"{kind}: {sentence}" for kind, sentences in kinds.items() for sentence in sentences]


def settle() -> list[str]:
    """Wait until nothing is under way or due; return what is after `SETTLE_S` all the same. Call it inside the office.

    Letters that were deferred become due one after another: what counts is one moment without any.
    """
    deadline = time.monotonic() + SETTLE_S
    while under_way := [f"{what}: {found}" for what, check in _UNDER_WAY.items() if (found := check())]:
        if time.monotonic() > deadline:
            return under_way
        time.sleep(0.5)
    return []


def judge(office: Collectivity, ledger: Ledger, outside: Outside, *, stuck: Sequence[str]) -> ChaosVerdict:
    """Compare the database and the outside with the ledger; audit every rule. `stuck`: what has not settled."""
    with tenant_context(office):
        lost, doubled = _compare(ledger)
        received = Counter(address for one in outside.sink.received for address in one.recipients)
        letters = list(
            Message.objects.values("recipient").annotate(
                sent=Count("pk", filter=_SENT & ~_PERHAPS_SENT),
                perhaps_sent=Count("pk", filter=_SENT & _PERHAPS_SENT),
                ended=Count("pk", filter=Q(state__in=[MessageState.FAILED, MessageState.CANCELLED])),
                waiting=Count("pk", filter=Q(state__in=[MessageState.QUEUED, MessageState.DEFERRED])),
            )
        )
        lost += [
            f"{each['sent']} letters to {each['recipient']} are told as sent, {received[each['recipient']]} arrived"
            for each in letters
            if received[each["recipient"]] < each["sent"]
        ]
        delivered = set(
            Delivery.objects.filter(state=DeliveryState.DELIVERED).values_list("event__public_id", flat=True)
        )
        lost += [f"event {event} is told as delivered" for event in delivered - outside.receiver.accepted.keys()]
        events_waiting = Delivery.objects.pending().count()
    connection.set_schema_to_public()
    return ChaosVerdict(
        lost=tuple(lost),
        doubled=tuple(doubled),
        stuck=tuple(stuck),
        audit=tuple(f"{finding.rule}: {finding.examples}" for finding in check_all() if finding.broken),
        letters_doubled=sum(
            max(0, received[each["recipient"]] - each["sent"] - each["perhaps_sent"] - each["ended"])
            for each in letters
        ),
        letters_perhaps_sent=sum(each["perhaps_sent"] for each in letters),
        letters_misreported=sum(
            max(0, min(each["ended"], received[each["recipient"]] - each["sent"] - each["perhaps_sent"]))
            for each in letters
        ),
        letters_waiting=sum(each["waiting"] for each in letters),
        events_doubled=sum(times - 1 for times in outside.receiver.accepted.values()),
        events_doubled_unanswered=sum(
            min(times, outside.receiver.accepted[event] - 1) for event, times in outside.receiver.unanswered.items()
        ),
        events_waiting=events_waiting,
    )


def _compare(ledger: Ledger) -> tuple[list[str], list[str]]:
    units = dict(Allocation.objects.active().values_list("school_id").annotate(Sum("units")))
    found: dict[str, int] = {str(school): total for school, total in units.items()}
    for key, held in Subscription.objects.annotate(
        held=Count("seats", filter=Q(seats__holder__isnull=False))
    ).values_list("key_id", "held"):
        found |= {f"key/{key}": 1, f"seat/{key}": held}
    lost, doubled = [], []
    for thing, allowed in ledger.allowed.items():
        value = found.get(thing, 0)
        if value in allowed:
            continue
        sentence = f"{thing} has {value}, and the answers allow {sorted(allowed)}"
        (doubled if value > max(allowed) else lost).append(sentence)
    return lost, doubled


def _list_stuck_jobs() -> str:
    """Name the jobs that run, or that have waited for ten seconds, with how many of each there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), task_name, status FROM procrastinate_jobs WHERE status = 'doing' OR (status = 'todo'"
            " AND coalesce(scheduled_at, now()) < now() - interval '10 seconds') GROUP BY 2, 3 ORDER BY 2, 3"
        )
        return ", ".join(f"{count} {task} ({status})" for count, task, status in cursor.fetchall())


def _count_due_deliveries() -> int:
    """Count those that are due or being sent; the later ones of a subject wait for its first."""
    now = timezone.now()
    first = Delivery.objects.first_per_subject()
    return first.filter(Q(next_at__lte=now) | Q(lease_until__gt=now)).count()


#: What is under way, by its name: it ends once nothing is killed.
_UNDER_WAY: dict[str, Callable[[], int | str]] = {
    "imports": lambda: SpreadsheetImport.objects.filter(state__in=[ImportState.UPLOADED, ImportState.APPLYING]).count(),
    "letters being sent": lambda: Message.objects.filter(state=MessageState.SENDING).count(),
    "letters that are due": lambda: Message.objects.due_at(timezone.now()).count(),
    "deliveries that are due": _count_due_deliveries,
    "jobs": _list_stuck_jobs,
}

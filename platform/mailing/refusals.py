"""Messages that did not arrive: what refusals lead to, and sendings of which a large share was lost.

An address is forgotten, and what waits for it released, when a message is reported delivered, when nothing comes back
for three days after a message that a person had sent, by the operator, or after a year. Locks: the address, then the
messages held for it.
"""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django_tenants.utils import schema_context

from bounces.models import FailedSending, RefusedAddress
from core.connections import connection
from core.registry import Registry
from core.schemas import PublicRows
from jobs import due
from mailing import kinds, operations
from mailing.models import LOST, Message, MessageState, RefusalHandling

# Notices sendings of which a large share did not arrive: once each, soon after, in sets and not with each message.
#
# A sending is the messages of one kind that were queued at one moment: an import, a bulk allocation, a day's reminders.
# Whoever notes that a message is lost has the outbox looked at some minutes later; one statement then counts all its
# sendings.

#: Kind of the due work that looks.
CHECK_SENDINGS = "mailing.check_sendings"
#: Fewer lost messages are single addresses to correct; a smaller share is what any list of schools has.
MIN_LOST, MIN_SHARE_PERCENT = 10, 20
#: Between a loss and the look: reports of one sending arrive together, and are told together.
CHECK_DELAY = datetime.timedelta(minutes=5)
#: What a message has become that a server took, or will never take.
HANDLED = (MessageState.SENT, MessageState.DELIVERED, *LOST)

_MESSAGES, _SENDINGS = Message._meta.db_table, f"public.{FailedSending._meta.db_table}"  # noqa: SLF001 - documented
_NOTED = PublicRows(
    "noted",
    {"kind": "text", "queued_at": "timestamptz"},
    f"SELECT kind, queued_at FROM {_SENDINGS} WHERE schema = %(schema)s",  # noqa: S608 - the table's own name
)
# Lost messages have an index: the first part reads few rows. The second reads the outbox once, for what it named.
_COUNT = f"""
WITH {_NOTED.cte},
suspect AS (
    SELECT kind, created_at FROM {_MESSAGES}
    WHERE state = ANY(%(lost)s) GROUP BY kind, created_at HAVING count(*) >= %(min_lost)s
),
counted AS (
    SELECT message.kind, message.created_at, count(*) AS handled,
           count(*) FILTER (WHERE message.state = ANY(%(lost)s)) AS lost
    FROM {_MESSAGES} AS message
    JOIN suspect ON suspect.kind = message.kind AND suspect.created_at = message.created_at
    WHERE message.state = ANY(%(handled)s) AND NOT EXISTS (
        SELECT FROM noted WHERE noted.kind = message.kind AND noted.queued_at = message.created_at
    )
    GROUP BY message.kind, message.created_at
)
SELECT kind, created_at, handled, lost FROM counted
WHERE lost * 100 >= handled * %(min_share)s
ORDER BY created_at, kind
"""  # noqa: S608 - the tables' own names
_NOTE = f"""
INSERT INTO {_SENDINGS} (schema, kind, queued_at, handled, lost, found_at)
SELECT %(schema)s, kind, queued_at, handled, lost, %(at)s
FROM unnest(%(kinds)s::text[], %(queued)s::timestamptz[], %(counts)s::integer[], %(losses)s::integer[])
    AS failed (kind, queued_at, handled, lost)
ON CONFLICT (schema, kind, queued_at) DO NOTHING RETURNING id
"""  # noqa: S608 - the table's own name

#: By app, called with sendings that were just noticed, in their schema and in that transaction.
failed_sending_listeners: Registry[Callable[[Sequence[FailedSending], datetime.datetime], None]] = Registry(
    "listener of failed sendings"
)


def schedule_check(_messages: Sequence[Message], at: datetime.datetime) -> None:
    """Have the outbox of the current schema looked at soon."""
    due.schedule(CHECK_SENDINGS, connection.schema_name, at + CHECK_DELAY)


@transaction.atomic
def check_sendings(*, at: datetime.datetime) -> list[FailedSending]:
    """Note the sendings of the current schema that fail and were not noted before, and return them.

    Four queries at most.
    """
    parameters: dict[str, Any] = {
        "schema": connection.schema_name,
        "lost": [state.value for state in LOST],
        "handled": [state.value for state in HANDLED],
        "min_lost": MIN_LOST,
        "min_share": MIN_SHARE_PERCENT,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters | _NOTED.read())
        failing = cursor.fetchall()
        ids = []
        if failing:
            columns = dict(
                zip(("kinds", "queued", "counts", "losses"), map(list, zip(*failing, strict=True)), strict=True)
            )
            cursor.execute(_NOTE, parameters | columns)
            ids = [number for (number,) in cursor.fetchall()]
    found = list(FailedSending.objects.filter(pk__in=ids).order_by("pk")) if ids else []
    if found:
        for listener in failed_sending_listeners.values():
            listener(found, at)
    return found


@transaction.atomic
def mark_seen(ids: Sequence[int], *, at: datetime.datetime) -> int:
    """Note that the operator has seen these sendings; return how many were not before."""
    return FailedSending.objects.filter(pk__in=ids, seen_at=None).update(seen_at=at)


#: A server that keeps a message tries it for two days, and reports then.
SILENCE = datetime.timedelta(days=3)
#: After which an address may be somebody else's, or repaired.
KEPT = datetime.timedelta(days=365)
#: Before the reason of the refusal.
HELD_SENTENCE = "Cette adresse a été refusée : rien ne lui est écrit sans votre accord."


def normalise_address(address: str) -> str:
    """Return an address as it is compared. Hardly any server tells capitals apart."""
    return address.strip().lower()


def find_refused(messages: Sequence[Message]) -> set[int]:
    """Return those of the messages that wait for a hand, by their primary keys. One query."""
    concerned = {
        message.pk: normalise_address(message.recipient)
        for message in messages
        if message.refusal != RefusalHandling.OVERRULED and not kinds.is_by_hand(message.kind)
    }
    refused = find_refused_addresses(concerned.values())
    return {number for number, address in concerned.items() if address in refused}


def find_refused_addresses(addresses: Iterable[str]) -> dict[str, str]:
    """Return the reasons of those of the addresses that are refused, by address in lower case. One query."""
    asked = list({normalise_address(address) for address in addresses if address})
    if not asked:
        return {}
    return dict(RefusedAddress.objects.filter(address__in_array=asked).values_list("address", "reason"))


@transaction.atomic
def refuse(reasons: Mapping[str, str], *, at: datetime.datetime) -> None:
    """Note that these addresses were refused. One that was refused before keeps the messages that wait for it."""
    found = {normalise_address(address): reason for address, reason in reasons.items() if address}
    # In one order for everybody.
    rows = [RefusedAddress(address=address, reason=found[address], refused_at=at) for address in sorted(found)]
    RefusedAddress.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["address"],
        update_fields=["reason", "refused_at", "tried_at"],
    )


def note_waiting(address: str) -> str | None:
    """Lock a refused address, note that this schema holds a message for it, and return why; None if it is not refused.

    The lock makes whoever forgets the address meanwhile find the message, or this find the address forgotten.
    """
    row = RefusedAddress.objects.filter(address=normalise_address(address)).locked().first()
    if row is None:
        return None
    if connection.schema_name not in row.waiting_in:
        row.waiting_in.append(connection.schema_name)
        row.save(update_fields=["waiting_in"])
    return f"{HELD_SENTENCE} {row.reason}"


def note_trial(address: str, *, at: datetime.datetime) -> None:
    """Note that a server took a message that a person had sent in spite of the refusal."""
    RefusedAddress.objects.filter(address=normalise_address(address)).update(
        tried_at=Greatest(F("refused_at"), Value(at))
    )


@transaction.atomic
def overrule(messages: Collection[int], *, at: datetime.datetime) -> list[int]:
    """Send those of the messages of the current schema that wait for a hand, and return them.

    Their addresses stay refused until something tells that they are not.
    """
    addresses = Message.objects.awaiting_hand().filter(pk__in=messages).values_list("recipient", flat=True)
    lock_addresses(addresses)
    waiting = Message.objects.awaiting_hand().filter(pk__in=messages)
    ids = list(waiting.locked().values_list("pk", flat=True))
    if ids:
        operations.requeue(ids, at=at, refusal=RefusalHandling.OVERRULED)
    return ids


def lock_addresses(addresses: Iterable[str]) -> None:
    """Lock those of the addresses that are refused until the transaction ends."""
    wanted = {normalise_address(address) for address in addresses}
    list(RefusedAddress.objects.filter(address__in=wanted).locked().values_list("pk"))


@transaction.atomic
def forget(addresses: Iterable[str], *, at: datetime.datetime) -> int:
    """Forget that these addresses were refused, and release what is held for them, in whichever schema."""
    wanted = {normalise_address(address) for address in addresses}
    rows = list(RefusedAddress.objects.filter(address__in=wanted).locked())
    RefusedAddress.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for schema in sorted({schema for row in rows for schema in row.waiting_in}):
        with schema_context(schema):
            _release([row.address for row in rows if schema in row.waiting_in], at=at)
    return len(rows)


def forget_old(*, at: datetime.datetime) -> int:
    """Forget the addresses to which a person wrote, if nothing has come back since, and those refused a year ago."""
    old = RefusedAddress.objects.filter(Q(tried_at__lte=at - SILENCE) | Q(refused_at__lte=at - KEPT))
    return forget(list(old.values_list("address", flat=True)), at=at)


def _release(addresses: Collection[str], *, at: datetime.datetime) -> None:
    waiting = Message.objects.awaiting_hand().locked().values_list("pk", "recipient")
    ids = [number for number, recipient in waiting if normalise_address(recipient) in addresses]
    if ids:
        operations.requeue(ids, at=at, refusal=RefusalHandling.NONE)
